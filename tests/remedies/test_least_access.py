"""Policies are cut to what their holders have used, and never further."""

from pathlib import Path
from typing import Any

import pytest

from iamkit import Account, changes
from iamkit.remedies.least_access import unused_permissions
from iamkit.remedies.proposal import Proposal
from tests.accounts import ARN, AS_OF, account, details, policy, role, user, with_last_accessed
from tests.policies import allow, attached, deny, document, inline, trusts

USED = AS_OF.isoformat()
ONE = f"{ARN}policy/one"


def service(name: str, *tracked: tuple[str, bool], used: bool = True) -> dict[str, Any]:
    made: dict[str, Any] = {"ServiceNamespace": name, "ServiceName": name.upper()}
    made |= {"LastAuthenticated": USED} if used else {}
    if tracked:
        made["TrackedActionsLastAccessed"] = [
            {"ActionName": action} | ({"LastAccessedTime": USED} if was else {})
            for action, was in tracked
        ]
    return made


def proposed(
    folder: Path, contents: dict[str, Any], **used: list[dict[str, Any]]
) -> tuple[Account, Proposal]:
    jobs = {
        f"{ARN}{'role' if name == 'work' else 'user'}/{name}":
        {"JobStatus": "COMPLETED", "ServicesLastAccessed": each} for name, each in used.items()
    }  # fmt: skip
    made = with_last_accessed(folder, contents, jobs)
    return made, unused_permissions(made)


def statements(change: changes.Change) -> list[dict[str, Any]]:
    assert isinstance(change, changes.CreatePolicyVersion | changes.PutInlinePolicy)
    return list(change.document["Statement"])


def of_ann(*given: Any) -> dict[str, Any]:
    return details([user("ann", UserPolicyList=inline(*given))])


def test_services_and_tracked_actions_that_nobody_used_go(tmp_path: Path) -> None:
    given = allow(["s3:GetObject", "s3:DeleteBucket", "s3:CreateBucket", "ec2:*", "sqs:*"])
    of = [
        service("s3", ("CreateBucket", True), ("DeleteBucket", False)),
        service("ec2", used=False),
    ]
    _, found = proposed(tmp_path, of_ann(given, deny("iam:*")), ann=of)
    (change,) = found.changes
    cut, kept = statements(change)
    assert cut["Action"] == ["s3:GetObject", "s3:CreateBucket", "sqs:*"], "sqs is not tracked"
    assert kept == deny("iam:*")


def test_a_wildcard_becomes_what_is_left(tmp_path: Path) -> None:
    of = [service("sqs", ("CreateQueue", True), ("DeleteQueue", False))]
    _, found = proposed(tmp_path, of_ann(allow("sqs:*Queue")), ann=of)
    (only,) = statements(found.changes[0])
    assert "sqs:CreateQueue" in only["Action"]
    assert "sqs:DeleteQueue" not in only["Action"]
    assert "sqs:PurgeQueue" in only["Action"], "AWS does not say that it is tracked"


def test_everything_becomes_the_services_that_are_left(tmp_path: Path) -> None:
    made, _ = proposed(tmp_path, of_ann(allow("*")), ann=[])
    names = {each.partition(":")[0] for each in made.permissions.catalog.listed.actions}
    (tmp_path / "all").mkdir()
    of = [service(name.lower(), used=name in ("s3", "sts")) for name in names - {"braket"}]
    _, found = proposed(tmp_path / "all", of_ann(allow("*")), ann=of)
    (only,) = statements(found.changes[0])
    assert sorted(only["Action"]) == ["braket:*", "s3:*", "sts:*"], "braket is not listed"


def test_what_one_holder_uses_stays_for_all(tmp_path: Path) -> None:
    both = [user(name, AttachedManagedPolicies=attached("one")) for name in ("ann", "ben")]
    contents = details(both, policies=[policy("one", document(allow(["s3:*", "ec2:*"])))])
    idle = [service("s3", used=False), service("ec2", used=False)]
    busy = [service("s3"), service("ec2", used=False)]
    _, found = proposed(tmp_path, contents, ann=idle, ben=busy)
    (change,) = found.changes
    assert change == changes.CreatePolicyVersion(ONE, document(allow(["s3:*"])))


@pytest.mark.parametrize(
    ("name", "made", "reason"),
    [
        ("ann", "2026-10-01", "ann is younger than 90 days"),
        ("break-glass", "2024-05-01", "break-glass is kept for emergencies"),
    ],
)
def test_who_cannot_be_judged_keeps_all(tmp_path: Path, name: str, made: str, reason: str) -> None:
    who = user(name, UserPolicyList=inline(allow("ec2:*")), CreateDate=f"{made}T00:00:00Z")
    _, found = proposed(tmp_path, details([who]), **{name: [service("ec2", used=False)]})
    assert found.changes == ()
    assert any(reason in each for each in found.left_out)


def test_who_has_no_evidence_keeps_all(tmp_path: Path) -> None:
    roles = [role("work", trusts("root"), AttachedManagedPolicies=attached("one"))]
    people = [user("ann", AttachedManagedPolicies=attached("one"))]
    contents = details(people, roles=roles, policies=[policy("one", document(allow("ec2:*")))])
    _, found = proposed(tmp_path, contents, ann=[service("ec2", used=False)])
    assert found.changes == ()
    assert found.left_out == ("one: no evidence says what work uses",)


def test_without_evidence_nothing_is_guessed(tmp_path: Path) -> None:
    found = unused_permissions(account(tmp_path, of_ann(allow("ec2:*"))))
    assert found.changes == ()
    assert "--last-accessed" in found.lacking


def test_the_table_tells_tracked_actions_apart(tmp_path: Path) -> None:
    of = [service("s3", ("CreateBucket", True), ("DeleteBucket", False)), service("ec2")]
    made, _ = proposed(tmp_path, of_ann(allow("s3:*")), ann=of)
    rows = made.last_accessed.set_index("service")
    assert rows.loc["s3", "actions_used"] == ["CreateBucket"]
    assert rows.loc["s3", "actions_unused"] == ["DeleteBucket"]
    assert not isinstance(rows.loc["ec2", "actions_used"], list)
