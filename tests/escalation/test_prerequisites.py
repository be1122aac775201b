"""Who fulfils the prerequisites of escalation methods: certainly, possibly, or not."""

from pathlib import Path

import pytest

from iamkit import Account
from iamkit.access.resource_sets import NOWHERE, ResourceSet, members
from iamkit.escalation.allowed_resources import AllowedResources
from iamkit.escalation.prerequisites import DECIDED_ELSEWHERE, Prerequisites
from iamkit.reference.escalation_methods import taken_as_given
from iamkit.reference.files import read_data
from tests.accounts import account, details, policy, report
from tests.policies import EVERYTHING, bounded, document, line, person, profile, trusts, worker

PREREQUISITES = read_data("escalation.yaml")["prerequisites"]
NOBODY = trusts("ec2.amazonaws.com")
USERS = ("none", "key", "keys", "word", "all", "gone")
CONTENTS = details(
    [person(name) for name in USERS],
    roles=[
        worker("held", NOBODY, **profile("held")),
        worker("bounded", NOBODY, **bounded("limit")),
        worker("bare", NOBODY),
    ],
    policies=[policy("limit", document(EVERYTHING))],
)
# Of "gone" the report says nothing: it is newer than that.
LINES = (
    line("none"),
    line("key", keys=1),
    line("keys", keys=2, mfa=True),
    line("word", password=True),
    line("all", password=True, keys=2, mfa=True),
)


def inactive(row: str) -> str:
    """A row of the credential report whose last key is switched off."""
    before, _, after = row.rpartition("true,")
    return f"{before}false,{after}"


def asked(
    folder: Path, lines: tuple[str, ...] | None = LINES
) -> tuple[Prerequisites, AllowedResources]:
    text = None if lines is None else report(*lines)
    opened: Account = account(folder, CONTENTS, credential_report=text)
    allowed = AllowedResources(opened.callers, [])
    return Prerequisites(opened, allowed.resources), allowed


def named(allowed: AllowedResources, kind: str, found: ResourceSet) -> tuple[set[str], set[str]]:
    """Names of those who certainly fulfil a prerequisite, and of those who possibly do."""
    arns = allowed.resources[kind].arns
    certain, possible = ({arns[at].rsplit("/", 1)[-1] for at in members(which)} for which in found)
    return certain, possible


REPORTED = {
    "room for a key": {"none", "key", "word"},
    "two keys": {"keys", "all"},
    "password": {"word", "all"},
    "no password": {"none", "key", "keys"},
    "no second factor": {"none", "key", "word"},
}


@pytest.mark.parametrize("name", REPORTED)
def test_the_credential_report_says_which_user_meets_a_need(name: str, tmp_path: Path) -> None:
    """Whoever is not in the report possibly does."""
    prerequisites, allowed = asked(tmp_path)
    assert named(allowed, "user", prerequisites.fulfilled_by(name)) == (
        REPORTED[name],
        REPORTED[name] | {"gone"},
    )


@pytest.mark.parametrize("name", REPORTED)
def test_without_a_credential_report_anybody_possibly_does(name: str, tmp_path: Path) -> None:
    prerequisites, allowed = asked(tmp_path, lines=None)
    assert prerequisites.fulfilled_by(name) == ResourceSet(0, allowed.resources["user"].existing)


def test_a_key_that_is_switched_off_takes_room(tmp_path: Path) -> None:
    off = inactive(line("keys", keys=2))
    prerequisites, allowed = asked(tmp_path, lines=(off, line("none")))
    assert named(allowed, "user", prerequisites.fulfilled_by("two keys"))[0] == {"keys"}
    assert named(allowed, "user", prerequisites.fulfilled_by("room for a key"))[0] == {"none"}


@pytest.mark.parametrize(
    ("name", "expected"), [("instance profile", {"held"}), ("target's boundary", {"bounded"})]
)
def test_the_details_say_which_role_meets_a_need(
    name: str, expected: set[str], tmp_path: Path
) -> None:
    prerequisites, allowed = asked(tmp_path)
    assert named(allowed, "role", prerequisites.fulfilled_by(name)) == (expected, expected)


def test_what_iam_cannot_tell_nobody_fulfils(tmp_path: Path) -> None:
    """And what it can, somebody here does, but for what lifting a limit or trust decides."""
    prerequisites, _ = asked(tmp_path)
    for name, entry in PREREQUISITES.items():
        told = entry["evidence"] in ("details", "report") and name not in DECIDED_ELSEWHERE
        assert bool(prerequisites.fulfilled_by(name).certain) is told, name
        assert told or prerequisites.fulfilled_by(name) == NOWHERE, name


def test_only_what_the_evidence_could_tell_is_decided_elsewhere() -> None:
    assert set(PREREQUISITES) >= DECIDED_ELSEWHERE
    assert {PREREQUISITES[name]["evidence"] for name in DECIDED_ELSEWHERE} == {"details"}
    assert not taken_as_given() & DECIDED_ELSEWHERE
    assert taken_as_given() == {"network", "bucket"}
