"""The next step of each key: one case a line."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.rotation.decisions import Action, Key, Limits, State, decide
from iamkit.rotation.entry import Entry, written

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
LIMITS = Limits.of_days(90, 45, 7)
DESTRUCTIVE = {
    Action.DEACTIVATE,
    Action.DEACTIVATE_UNUSED,
    Action.DELETE,
    Action.DELETE_LOST,
}


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def key(name: str, age: float, idle: float | None, active: bool = True) -> Key:
    return Key(name, active, ago(age), None if idle is None else ago(idle))


def under_way(age: float = 10, **fields: str) -> Entry:
    """A rotation of `a` that made `b` some days ago, and handed it over."""
    when = written(ago(age))
    done = dict.fromkeys(("intent", "created", "stored", "read_back", "notified"), when)
    known = {"before": "a", "old": "a", "new": "b", "new_created": when}
    return Entry(**{**known, **done, **fields})


def steps(keys: list[Key], entry: Entry) -> list[str]:
    found = decide(keys, entry, NOW, LIMITS)
    return [
        f"{step.key}: {step.action}, {step.state}"
        + (f" {(step.due - NOW).days:+d}" if step.due else "")
        for step in found
    ]


NONE = Entry()
OLD, YOUNG = key("a", 100, 1), key("a", 10, 1)


@pytest.mark.parametrize(
    ("keys", "entry", "expected"),
    [
        ([], NONE, []),
        ([OLD], NONE, ["a: make the second key, due -10"]),
        ([key("a", 90, 1)], NONE, ["a: make the second key, due +0"]),
        ([YOUNG], NONE, ["a: make the second key, later +80"]),
        ([key("a", 100, 45)], NONE, ["a: deactivate the unused key, manual +0"]),
        ([key("a", 100, 44)], NONE, ["a: make the second key, due -10"]),
        ([key("a", 45, None)], NONE, ["a: deactivate the unused key, manual +0"]),
        ([key("a", 200, 100, active=False)], NONE, ["a: delete the inactive key, later +7"]),
        (
            [key("a", 200, 100, active=False)],
            Entry(inactive=f"a={written(ago(8))}"),
            ["a: delete the inactive key, due -1"],
        ),
        (
            [key("a", 200, 20, active=False)],
            Entry(inactive=f"a={written(ago(8))}"),
            ["a: delete the inactive key, later +25"],
        ),
        (
            [key("a", 200, 100, active=False), key("b", 100, 1)],
            NONE,
            ["a: delete the inactive key, later +7", "b: make the second key, waits -10"],
        ),
        (
            [key("a", 120, 100), key("b", 40, 1)],
            NONE,
            ["a: deactivate the unused key, due -55", "b: make the second key, later +50"],
        ),
        (
            [key("a", 120, 100), key("b", 40, None)],
            NONE,
            ["a: deactivate the unused key, waits", "b: make the second key, later +50"],
        ),
        (
            [key("a", 120, 100), key("b", 100, None)],
            NONE,
            [
                "a: deactivate the unused key, manual -55",
                "b: deactivate the unused key, manual -55",
            ],
        ),
        (
            [OLD, key("b", 50, 1)],
            NONE,
            [
                "a: keep one of the two keys, manual -10",
                "b: keep one of the two keys, manual +40",
            ],
        ),
        (
            [OLD, key("b", 5, None)],
            NONE,
            ["a: keep one of the two keys, manual -10", "b: see it in use, waits +40"],
        ),
        # of a rotation that is under way
        (
            [OLD, key("b", 10, None)],
            under_way(),
            ["a: deactivate the first, waits", "b: see it in use, waits +35"],
        ),
        (
            [OLD, key("b", 50, None)],
            under_way(50),
            ["a: deactivate the first, waits", "b: see it in use, manual -5"],
        ),
        (
            [OLD, key("b", 10, 1)],
            under_way(),
            ["a: deactivate the first, later +6", "b: make the second key, later +80"],
        ),
        (
            [key("a", 100, 8), key("b", 10, 1)],
            under_way(),
            ["a: deactivate the first, due -1", "b: make the second key, later +80"],
        ),
        (  # made three days ago: the old one has not been silent beside it for a week
            [key("a", 100, 8), key("b", 3, 1)],
            under_way(3),
            ["a: deactivate the first, later +4", "b: make the second key, later +87"],
        ),
        (
            [key("a", 100, 8, active=False), key("b", 10, 1)],
            under_way(),
            ["a: delete it, later +7", "b: make the second key, later +80"],
        ),
        (
            [key("a", 100, 8, active=False), key("b", 10, 1)],
            under_way(inactive=f"a={written(ago(7))}"),
            ["a: delete it, due +0", "b: make the second key, later +80"],
        ),
        (
            [key("a", 100, 8, active=False), key("b", 10, None)],
            under_way(inactive=f"a={written(ago(9))}"),
            ["a: delete it, waits", "b: see it in use, waits +35"],
        ),
        (
            [OLD, key("b", 10, None)],
            under_way(notified=""),
            ["a: deactivate the first, waits", "b: hand it over, due +0"],
        ),
        (
            [OLD, key("b", 10, None)],
            under_way(stored="", notified=""),
            [
                "a: deactivate the first, waits",
                "b: delete the key whose secret was lost, due -10",
            ],
        ),
        (
            [key("a", 100, 8, active=False), key("b", 10, None)],
            under_way(stored="", notified=""),
            ["a: delete it, waits", "b: delete the key whose secret was lost, manual"],
        ),
        # of one that was cut off before anybody knew what it made
        (
            [OLD, key("b", 1, None)],
            under_way(1, new=""),
            ["a: make the second key, waits", "b: delete the key whose secret was lost, due -1"],
        ),
        (  # which somebody else made, an hour later
            [OLD, key("b", 1 - 1 / 24, None)],
            under_way(1, new=""),
            ["a: keep one of the two keys, manual -10", "b: see it in use, waits +44"],
        ),
        ([OLD], under_way(0, new=""), ["a: make the second key, later +0"]),
        ([OLD], under_way(1, new=""), ["a: make the second key, due -10"]),
        # of which nobody knows enough
        (
            [Key("a", None, ago(100)), key("b", 10, 1)],
            NONE,
            ["a: find out its age and use, not known", "b: find out its age and use, not known"],
        ),
        ([Key("a", True, None)], NONE, ["a: find out its age and use, not known"]),
    ],
)
def test_the_next_step(keys: list[Key], entry: Entry, expected: list[str]):
    assert steps(keys, entry) == expected


some_keys = st.lists(
    st.builds(
        key,
        st.just("?"),
        st.integers(0, 200),
        st.none() | st.integers(0, 200),
        st.booleans(),
    ),
    max_size=2,
).map(lambda keys: [Key("ab"[n], k.active, k.created, k.used) for n, k in enumerate(keys)])
some_entries = st.builds(
    lambda age, rest: under_way(age, **rest),
    st.integers(0, 100),
    st.fixed_dictionaries(
        {},
        optional={
            **{name: st.just("") for name in ("new", "stored", "notified", "intent")},
            "done": st.just(written(NOW)),
            "inactive": st.sampled_from(["", f"a={written(ago(30))}", f"b={written(ago(1))}"]),
        },
    ),
)


@given(some_keys, some_entries)
def test_no_step_that_is_due_takes_the_last_working_key(keys: list[Key], entry: Entry):
    found = decide(keys, entry, NOW, LIMITS)
    assert sorted(step.key for step in found) == sorted(each.id for each in keys)
    active = {each.id for each in keys if each.active}
    for step in found:
        if step.state is State.DUE and step.action in DESTRUCTIVE and step.key in active:
            assert active - {step.key}
        if step.state is State.DUE and step.action is Action.MAKE:
            assert len(keys) == 1
