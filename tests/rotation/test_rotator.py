"""The rotation against AWS's stand-in: step by step, cut off anywhere, and undone."""

import json
import random
from contextlib import suppress
from pathlib import Path

import pytest
from moto.secretsmanager.models import secretsmanager_backends

from iamkit.rotation.aws_keys import RefusedError
from iamkit.rotation.clients import principal_arn
from iamkit.rotation.decisions import Action, State
from iamkit.rotation.key_secrets import secret_name
from tests.aws.account import ACCOUNT, backend, clock
from tests.examples import thorough
from tests.rotation.conftest import fresh_world
from tests.rotation.world import (
    REGION,
    ROTATOR,
    Killed,
    World,
    keys,
    statuses,
    use,
)

OLD = (100, 1, "Active")  # too old, and used yesterday
DAYS = (0, 1, 8, 8)  # between runs: make, see it in use, deactivate, delete


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def check_secrets(world: World, *more: str) -> None:
    """No secret of any key is in a file, in a message or in what was said."""
    found = contents(world.folder) + "\n".join([*world.said, *world.told(), *more]).encode()
    assert world.secrets
    assert [each for each in world.secrets if each.encode() in found] == []


def test_a_key_is_replaced_step_by_step(world: World):
    world.user("ana", OLD)
    (old,) = keys("ana")

    world.run()
    assert statuses("ana") == ["Active", "Active"]
    new = keys("ana")[1]
    assert world.held("ana") == new.access_key_id
    entry = world.entry("ana")
    assert (entry.old, entry.new) == (old.access_key_id, new.access_key_id)
    assert entry.intent <= entry.created <= entry.stored <= entry.read_back <= entry.notified
    assert not entry.done

    world.run()  # nobody has used it yet
    assert statuses("ana") == ["Active", "Active"]
    world.run(days=1)  # it is used, and the old one was two days ago
    assert statuses("ana") == ["Active", "Active"]
    world.run(days=8)
    assert statuses("ana") == ["Inactive", "Active"]
    world.run(days=6)
    assert statuses("ana") == ["Inactive", "Active"]
    world.run(days=1)
    assert [key.access_key_id for key in keys("ana")] == [new.access_key_id]
    assert world.entry("ana").done
    assert len(world.told()) == 1
    assert f"--secret-id {secret_name('ana')}" in world.told()[0]
    check_secrets(world)


def test_without_a_topic_the_journal_says_that_nobody_was_told(world: World):
    world.has_topic = False
    world.user("ana", OLD)
    world.run()
    entry = world.entry("ana")
    assert (entry.notified, entry.not_told) == ("", entry.read_back)
    assert world.told() == []
    assert world.said[-1] == (
        f"ana: nobody was told of {entry.new}; tell its user: "
        f"aws secretsmanager get-secret-value --secret-id {secret_name('ana')}"
    )
    said = len(world.said)
    world.run()
    assert len(world.said) == said, "it is said once"
    world.run(days=1)
    world.run(days=15)
    world.run(days=8)
    assert world.entry("ana").done, "the rotation goes on when the user fetched the key"


def test_an_old_key_that_is_used_again_stays(world: World):
    world.user("ana", OLD)
    world.run()
    world.pass_days(5)
    use(keys("ana")[0], clock.now)
    world.run(days=5)
    assert statuses("ana") == ["Active", "Active"]
    world.run(days=3)
    assert statuses("ana") == ["Inactive", "Active"]


def test_one_that_is_active_again_is_not_deleted(world: World):
    world.user("ana", OLD)
    world.run()
    world.run(days=8)
    assert statuses("ana") == ["Inactive", "Active"]
    keys("ana")[0].status = "Active"
    use(keys("ana")[0], clock.now)
    world.run(days=6)
    assert statuses("ana") == ["Active", "Active"]
    world.run(days=2)  # silent for a week: inactive from now on
    world.run(days=6)
    assert statuses("ana") == ["Inactive", "Active"]
    world.run(days=2)
    assert statuses("ana") == ["Active"]


def test_a_key_that_nobody_fetches_leaves_the_old_one(world: World):
    world.user("ana", OLD)
    world.run()
    clock.now += 60 * (clock.now - clock.now.replace(day=1))
    world.run()
    assert statuses("ana") == ["Active", "Active"]


def test_the_secret_is_that_users_alone(world: World):
    world.user("ann,b", OLD)
    seen = []

    def before(operation: str) -> None:
        if operation == "CreateAccessKey":  # the policy is there before there is anything to read
            found = secretsmanager_backends[ACCOUNT][REGION].secrets[secret_name("ann,b")]
            seen.append(json.loads(found.policy)["Statement"])

    world.fail = before
    world.run()
    (statements,) = seen
    user = f"arn:aws:iam::{ACCOUNT}:user/ann,b"
    deny = next(each for each in statements if each["Sid"] == "NobodyElseReads")
    assert deny["Effect"] == "Deny"
    assert deny["Principal"] == "*"
    assert deny["Action"] == ["secretsmanager:GetSecretValue"]
    assert deny["Condition"] == {"StringNotEquals": {"aws:PrincipalArn": [user, ROTATOR]}}
    assert [each["Principal"] for each in statements if each["Effect"] == "Allow"] == [
        {"AWS": user}
    ]


def test_a_secret_of_somebody_elses_is_left(world: World):
    world.user("ana", OLD)
    world.clients.secrets.create_secret(Name=secret_name("ana"), SecretString="{}")
    with pytest.raises(RefusedError, match="that iamkit did not make"):
        world.run()
    assert statuses("ana") == ["Active"]


def test_a_step_that_is_declined_is_not_done(world: World):
    world.user("ana", OLD)
    asked = []
    rotator = world.rotator(ask=lambda question: bool(asked.append(question)))
    steps = rotator.rotate(next(rotator.keys.users()))
    assert asked == [
        f"ana: make the second key, beside {keys('ana')[0].access_key_id}, and store it in "
        "iamkit/access-keys/ana/key?"
    ]
    assert statuses("ana") == ["Active"]
    assert [(step.action, step.state) for step in steps] == [(Action.MAKE, State.DUE)]


def test_another_user_of_the_name_is_another_user(world: World):
    world.user("ana", OLD)
    world.run()
    backend().users["ana"].access_keys.clear()
    backend().delete_user("ana")
    world.user("ana", OLD)
    world.run()
    assert statuses("ana") == ["Active", "Active"]
    assert world.entry("ana").user_id == backend().users["ana"].id


@pytest.mark.parametrize("journal", [None, "tags"])
def test_keys_in_every_state(world: World, journal: str | None):
    every(world)
    for days in DAYS:
        world.run(days, journal)
    assert statuses("old") == ["Active"]
    assert statuses("young") == ["Active"]
    assert statuses("unused") == ["Active"]  # its only key: for its owner to say
    assert statuses("never") == ["Active"]
    assert statuses("both") == ["Active", "Active"]
    assert statuses("idle-second") == ["Inactive", "Active"][journal is None :]
    assert statuses("both-idle") == ["Active", "Active"]
    assert statuses("none") == []
    # What was inactive before is deleted by who can say since when.
    assert statuses("inactive") == ([] if journal is None else ["Inactive"])
    assert len(statuses("inactive-and-old")) == 2
    check_secrets(world)


def every(world: World, suffix: str = "") -> None:
    """Users with keys in every state."""
    states = {
        "old": [OLD],
        "young": [(10, 1, "Active")],
        "unused": [(200, 100, "Active")],
        "never": [(200, None, "Active")],
        "both": [OLD, (50, 1, "Active")],
        "idle-second": [(40, 1, "Active"), (120, 100, "Active")],
        "both-idle": [(200, 100, "Active"), (150, None, "Active")],
        "none": [],
        "inactive": [(200, 100, "Inactive")],
        "inactive-and-old": [(200, 100, "Inactive"), OLD],
    }
    for name, each in states.items():
        world.user(name + suffix, *each)


# Killed anywhere


def finish(world: World) -> None:
    """Go on after a kill, until the rotation is at its end."""
    world.kill_at = 0
    for days in (0, 1, 1, 8, 8, 1):
        world.run(days)


@pytest.mark.parametrize("day", range(len(DAYS)))
def test_killed_anywhere_it_goes_on(endpoint: str, world: World, day: int, tmp_path: Path) -> None:
    """
    Before and after each call, and before and after each line of the journal.

    `make test` tries every third of these moments on the day on which the key is made, and every
    fifth on the others.
    """
    at, killed, step = 1, True, 1 if thorough() else 3 if day == 0 else 5
    while killed:
        with fresh_world(endpoint, tmp_path / f"{at}") as each:
            each.user("ana", OLD)
            first = keys("ana")[0].access_key_id
            for days in DAYS[:day]:
                each.run(days)
            each.kill_at = each.moments + at
            try:
                each.run(DAYS[day])
                killed = False
            except Killed:
                finish(each)
                (key,) = keys("ana")
                assert key.status == "Active", at
                assert key.access_key_id not in (first, None)
                assert key.access_key_id == each.held("ana"), at
                entry = each.entry("ana")
                assert (entry.new, bool(entry.done)) == (key.access_key_id, True), at
                check_secrets(each)
        at += step
    assert at > 8


def test_users_of_every_kind_killed_at_random_moments(world: World):
    """A hundred of them in the large profile."""
    chance = random.Random(5)
    teams, kills = (10, 40) if thorough() else (1, 6)
    for number in range(teams):
        every(world, f"-{number}")
    for _ in range(kills):
        world.kill_at = world.moments + chance.randrange(1, 90 * teams)
        with suppress(Killed):
            world.run(chance.choice((0, 0, 1, 3)))
    world.kill_at = 0
    for _ in range(14):
        world.run(2)
    for number in range(teams):
        assert statuses(f"old-{number}") == ["Active"]
        assert keys(f"old-{number}")[0].access_key_id == world.held(f"old-{number}")
        assert statuses(f"both-{number}") == ["Active", "Active"]
        assert statuses(f"inactive-and-old-{number}") == ["Active"]
    check_secrets(world)


@pytest.mark.parametrize("operation", ["CreateAccessKey", "PutSecretValue", "Publish"])
def test_a_refused_call_is_made_up_for(world: World, operation: str):
    world.user("ana", OLD)

    def fail(name: str) -> None:
        if name == operation:
            raise RefusedError("refused by the test")

    world.fail = fail
    with pytest.raises(RefusedError, match="by the test"):
        world.run()
    world.fail = lambda name: None
    world.run(days=1)
    world.run()
    assert statuses("ana") == ["Active", "Active"]
    assert keys("ana")[1].access_key_id == world.held("ana")
    assert len(world.told()) == 1


# Undone


def undo(world: World) -> None:
    rotator = world.rotator()
    for user in list(rotator.keys.users()):
        rotator.undo(user)


@pytest.mark.parametrize("kill_at", range(1, 40, 1 if thorough() else 5))
def test_undone_before_it_is_used(world: World, kill_at: int):
    world.user("ana", OLD)
    (old,) = keys("ana")
    world.run()
    world.kill_at = world.moments + kill_at
    try:
        undo(world)
    except Killed:
        world.kill_at = 0
        undo(world)
    assert keys("ana") == [old]
    assert statuses("ana") == ["Active"]
    assert not world.entry("ana").intent


def test_undone_after_it_was_used(world: World):
    world.user("ana", OLD)
    world.run()
    world.run(days=8)
    assert statuses("ana") == ["Inactive", "Active"]
    undo(world)
    assert statuses("ana") == ["Active", "Active"]
    assert f"ana: {keys('ana')[1].access_key_id} was used, last at" in "\n".join(world.said)


def test_an_unused_key_works_again(world: World):
    world.user("ana", (200, 100, "Active"), (10, 1, "Active"))
    world.run()
    assert statuses("ana") == ["Inactive", "Active"]
    assert "aws iam update-access-key --user-name=ana" in world.told()[0]
    undo(world)
    assert statuses("ana") == ["Active", "Active"]


def test_what_was_deleted_cannot_be_undone(world: World):
    world.user("ana", OLD)
    for days in DAYS:
        world.run(days)
    undo(world)
    assert "was deleted; that cannot be taken back" in world.said[-1]
    assert statuses("ana") == ["Active"]


# Changed by somebody else between a look and a step


def test_a_last_working_key_stays_whatever_was_decided(world: World):
    world.user("ana", (200, 1, "Active"), (100, 1, "Inactive"))
    found = world.rotator().keys
    (old, other) = (key.access_key_id for key in keys("ana"))
    with pytest.raises(RefusedError, match=f"{old} is the only active key of ana; it stays"):
        found.deactivate("ana", old)
    with pytest.raises(RefusedError, match="the only active key"):
        found.delete("ana", old, active=True)
    with pytest.raises(RefusedError, match=f"{old} of ana is active again"):
        found.delete("ana", old)
    found.delete("ana", "AKIAGONE")  # is no error
    found.delete("ana", other)
    assert statuses("ana") == ["Active"]


@pytest.mark.parametrize(
    "there",
    [[OLD, (10, 1, "Active")], [OLD, (10, 1, "Inactive")], [(100, 1, "Inactive")], []],
)
def test_no_third_key_is_made(world: World, there: list[tuple[int, int, str]]):
    world.user("ana", *there)
    with pytest.raises(RefusedError, match="ana has not exactly one active key now"):
        world.rotator().keys.create("ana")
    assert len(statuses("ana")) == len(there)


def test_a_secret_without_its_policy_gets_no_key(world: World, monkeypatch: pytest.MonkeyPatch):
    world.user("ana", OLD)
    backend_type = type(secretsmanager_backends[ACCOUNT][REGION])
    monkeypatch.setattr(
        backend_type, "put_resource_policy", lambda self, secret_id, policy: ("", "")
    )
    with pytest.raises(RefusedError, match="does not have the policy that it was given"):
        world.run()
    assert statuses("ana") == ["Active"]


def test_what_is_read_back_is_what_was_stored(world: World, monkeypatch: pytest.MonkeyPatch):
    world.user("ana", OLD)
    rotator = world.rotator()
    monkeypatch.setattr(rotator.secrets, "store", lambda key: None)
    with pytest.raises(RefusedError, match="does not hold AKIA"):
        rotator.rotate(next(rotator.keys.users()))
    assert world.told() == []
    world.run()  # deletes that, and makes another
    assert keys("ana")[1].access_key_id == world.held("ana")


def test_a_journal_that_cannot_be_written_makes_no_key(world: World):
    world.user("ana", OLD)
    rotator = world.rotator()
    world.folder.joinpath(".rotation.json.partial").mkdir()
    with pytest.raises(OSError, match=r"rotation\.json"):
        rotator.rotate(next(rotator.keys.users()))
    assert statuses("ana") == ["Active"]


# Who rotates, as policies know it


def test_a_role_is_known_with_its_path(world: World):
    iam = world.clients.iam
    iam.create_role(RoleName="rotator", Path="/security/", AssumeRolePolicyDocument="{}")
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/rotator/ana"
    assert principal_arn(iam, session) == f"arn:aws:iam::{ACCOUNT}:role/security/rotator"
    user = f"arn:aws:iam::{ACCOUNT}:user/security/ana"
    assert principal_arn(iam, user) == user
    with pytest.raises(RefusedError, match="iam:GetRole is needed"):
        principal_arn(iam, session.replace("rotator", "gone"))
    with pytest.raises(RefusedError, match="is no user or role"):
        principal_arn(iam, f"arn:aws:sts::{ACCOUNT}:federated-user/ana")
