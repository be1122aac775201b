"""What roles reach by each other is compared with a slow, obvious walk through sets."""

from collections.abc import Iterable

from hypothesis import example, given
from hypothesis import strategies as st

from iamkit.access import Resources, members, union
from iamkit.policy import (
    UNKNOWN,
    Pattern,
    Policy,
    PolicyLayers,
    RequestContext,
    certainly_stopped,
)
from iamkit.restrictions.role_chains import RoleChains
from iamkit.restrictions.stopped_roles import ASSUME, CoveredRoles, StoppedRoles

ROLES = 7
Waves = list[tuple[int, ...]]


def walked(waves: Waves, first: Iterable[int], without: int | None = None) -> list[int]:
    """The roles that are reached, in the order in which they are found."""
    found: list[int] = []

    def take(wave: int) -> list[int]:
        new = [at for at in members(wave).tolist() if at not in found and at != without]
        found.extend(new)
        return new

    pending = [at for wave in first for at in take(wave)]
    while pending:
        for wave in waves[pending.pop()]:
            pending += take(wave)
    return found


sets = st.integers(0, 2**ROLES - 1)
sparse = st.lists(st.builds(lambda at: 1 << at, st.integers(0, ROLES - 1)), max_size=3).map(tuple)
graphs = st.lists(sparse, min_size=ROLES, max_size=ROLES)


@given(graphs, sparse, sets)
def test_what_is_reached_is_what_a_walk_finds_and_in_its_order(
    waves: Waves, first: tuple[int, ...], among: int
) -> None:
    chains, found = RoleChains(waves), walked(waves, first)
    assert members(chains.reached(union(first))).tolist() == sorted(found)
    assert list(chains.ordered(first, among)) == [at for at in found if among >> at & 1]


@given(graphs, sets, sets, st.integers(0, ROLES - 1))
@example([(0b110,), (0b001,), *[()] * (ROLES - 2)], 0b010, 0b111, 0)
@example([(0b110,), (0b001,), (0b010,), *[()] * (ROLES - 3)], 0b010, 0b111, 0)
def test_a_role_that_comes_back_to_itself_is_no_step_on_the_way(
    waves: Waves, chosen: int, among: int, role: int
) -> None:
    first = union(waves[role]) & chosen & ~(1 << role)
    chains, found = RoleChains(waves), walked(waves, [first], role)
    assert members(chains.reached_without(role, first)).tolist() == sorted(found)
    expected = [at for at in found if among >> at & 1]
    assert list(chains.ordered([first], among, 1 << role)) == expected


def test_roles_that_reach_each_other_are_one_group() -> None:
    ring = [(1 << (at + 1) % 2000,) for at in range(2000)]
    line = [(1 << at,) for at in range(1999)]
    chains = RoleChains([*ring, (1 << 1999,), *((each[0] << 2000,) for each in line)])
    assert len(chains.groups) == 1 + 2000
    assert chains.reached(1 << 3999) == (1 << 4000) - 1


ARN = "arn:aws:iam::111122223333:role/"
NAMES = tuple(f"{ARN}{name}" for name in ("app-1", "app-2", "build", "ann", "b*"))
conditions = st.sampled_from(
    [
        {},
        {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        {"StringEquals": {"aws:PrincipalTag/team": "a"}},
    ]
)
resources = st.sampled_from(
    ["*", f"{ARN}app-*", f"{ARN}${{aws:PrincipalTag/team}}*", f"{ARN}build", f"{ARN}b${{*}}"]
)
statements = st.builds(
    lambda effect, action, which, named, condition: {
        "Effect": effect,
        "Action": action,
        which: named,
        **({"Condition": condition} if condition else {}),
    },
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["sts:*", "sts:AssumeRole", "s3:*"]),
    st.sampled_from(["Resource", "NotResource"]),
    st.lists(resources, min_size=1, max_size=2),
    conditions,
)
policies = st.lists(statements, max_size=3).map(
    lambda each: (Policy("one", {"Version": "2012-10-17", "Statement": each}),)
)
values = {
    "aws:multifactorauthpresent": st.sampled_from(["true", "false"]),
    "aws:principaltag/team": st.sampled_from(["a", "app", "b"]),
}


@given(
    st.builds(PolicyLayers, policies, st.none() | policies, st.lists(policies, max_size=1)),
    st.fixed_dictionaries({}, optional=values),
    st.sampled_from([(), ("identity",), ("identity", "boundary")]),
)
def test_the_roles_that_are_stopped_are_those_of_which_each_decision_says_so(
    layers: PolicyLayers, known: dict[str, str], ignored: tuple[str, ...]
) -> None:
    context = RequestContext(known, UNKNOWN)
    roles = Resources(Pattern(f"{ARN}*"), NAMES, tuple({} for _ in NAMES))
    found = StoppedRoles(CoveredRoles(roles), layers, ignored).at(context)
    for at, arn in enumerate(NAMES):
        stopped = certainly_stopped(ASSUME, arn, context, layers, ignored)
        assert bool(found >> at & 1) is stopped, arn
