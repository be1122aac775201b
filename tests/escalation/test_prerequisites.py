"""Who meets what a way needs besides permissions: surely, perhaps, and not."""

from pathlib import Path

import pytest

from iamkit import Account
from iamkit.access.resource_sets import NOWHERE, ResourceSet, members
from iamkit.escalation.allowed_resources import AllowedResources
from iamkit.escalation.prerequisites import BY_WORTH, Prerequisites
from iamkit.reference.escalation_methods import given
from iamkit.reference.files import read_data
from tests.accounts import account, details, policy, report
from tests.policies import EVERYTHING, bounded, document, line, person, profile, trusts, worker

NEEDS = read_data("escalation.yaml")["needs"]
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
    uses = AllowedResources(opened.callers, [])
    return Prerequisites(opened, uses.kinds), uses


def named(uses: AllowedResources, kind: str, found: ResourceSet) -> tuple[set[str], set[str]]:
    """Names of those who surely meet a need, and of those who perhaps do."""
    arns = uses.kinds[kind].arns
    sure, perhaps = ({arns[at].rsplit("/", 1)[-1] for at in members(which)} for which in found)
    return sure, perhaps


REPORTED = {
    "room for a key": {"none", "key", "word"},
    "two keys": {"keys", "all"},
    "password": {"word", "all"},
    "no password": {"none", "key", "keys"},
    "no second factor": {"none", "key", "word"},
}


@pytest.mark.parametrize("need", REPORTED)
def test_the_credential_report_says_which_user_meets_a_need(need: str, tmp_path: Path) -> None:
    """Of whom it does not speak, perhaps."""
    needs, uses = asked(tmp_path)
    assert named(uses, "user", needs.met(need)) == (REPORTED[need], REPORTED[need] | {"gone"})


@pytest.mark.parametrize("need", REPORTED)
def test_without_a_credential_report_anybody_perhaps_does(need: str, tmp_path: Path) -> None:
    needs, uses = asked(tmp_path, lines=None)
    assert needs.met(need) == ResourceSet(0, uses.kinds["user"].there)


def test_a_key_that_is_switched_off_takes_room(tmp_path: Path) -> None:
    off = inactive(line("keys", keys=2))
    needs, uses = asked(tmp_path, lines=(off, line("none")))
    assert named(uses, "user", needs.met("two keys"))[0] == {"keys"}
    assert named(uses, "user", needs.met("room for a key"))[0] == {"none"}


@pytest.mark.parametrize(
    ("need", "expected"), [("instance profile", {"held"}), ("target's boundary", {"bounded"})]
)
def test_the_details_say_which_role_meets_a_need(
    need: str, expected: set[str], tmp_path: Path
) -> None:
    needs, uses = asked(tmp_path)
    assert named(uses, "role", needs.met(need)) == (expected, expected)


def test_what_iam_cannot_tell_nobody_meets(tmp_path: Path) -> None:
    """And what it can, somebody here does, but for what lifting a limit or trust decides."""
    needs, _ = asked(tmp_path)
    for name, need in NEEDS.items():
        told = need["evidence"] in ("details", "report") and name not in BY_WORTH
        assert bool(needs.met(name).certain) is told, name
        assert told or needs.met(name) == NOWHERE, name


def test_only_what_the_evidence_could_tell_is_left_to_worth_and_trust() -> None:
    assert set(NEEDS) >= BY_WORTH
    assert {NEEDS[name]["evidence"] for name in BY_WORTH} == {"details"}
    assert not given() & BY_WORTH
    assert given() == {"network", "bucket"}
