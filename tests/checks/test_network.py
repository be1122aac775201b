"""Which keys work from anywhere, and which lists of networks keep nobody out."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account
from iamkit.checks import network as checks
from iamkit.checks import registry, run
from iamkit.restrictions.mfa_enforcement import MFA_ENFORCEMENT
from iamkit.restrictions.network_lists import NETWORK_LISTS
from iamkit.restrictions.network_restrictions import NETWORK_RESTRICTIONS
from iamkit.tables.schema import ACCESS_KEYS, POLICY_ASSIGNMENTS, ROLES
from tests.accounts import ARN, account, details, policy, report, user
from tests.checks import result

ANA, BO = f"{ARN}user/ana", f"{ARN}user/bo"
OFFICE = f"{ARN}policy/office"
KEY = (
    f"ana,{ANA},2026-01-01T00:00:00+00:00,false,N/A,N/A,N/A,false,true,2025-06-14T06:00:00+00:00,"
    "N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"
)
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def outside(*network_lists: str, **also: Any) -> dict[str, Any]:
    """A Deny of everything outside some networks."""
    condition = {"NotIpAddress": {"aws:SourceIp": list(network_lists)}, **also}
    return {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}


def holder(tmp_path: Path, *statements: dict[str, Any]) -> Account:
    """An account whose only user has an active key and a customer managed policy."""
    held = [{"PolicyName": "office", "PolicyArn": OFFICE}]
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    contents = details(
        [user("ana", AttachedManagedPolicies=held)], policies=[policy("office", document)]
    )
    return account(tmp_path, contents, credential_report=report(KEY))


def keys(**facts: Any) -> pd.DataFrame:
    usual = {"user_arn": ANA, "slot": 1, "is_root": False, "active": True, "age_days": 505}
    return ACCESS_KEYS.rows({**usual, **facts})


def said(opened: Account, name: str) -> list[str]:
    found = run.run(opened, {name: registry.CHECKS[name]}).findings
    assert set(found["subject"]) == {ANA}
    return found["detail"].tolist()


def stolen(mfa: dict[str, Any], network: str, **key: Any) -> list[Any]:
    usual = {
        "verdict": "none",
        "key": "not required",
        "place": "anywhere",
        "actions_without_mfa": 4,
        "worst": [],
    }
    found = checks.key_usable_from_anywhere(
        keys(**key),
        MFA_ENFORCEMENT.rows({"principal_arn": ANA, **usual, **mfa}),
        NETWORK_RESTRICTIONS.rows({"principal_arn": ANA, "verdict": network}),
    )
    return found["status"].tolist()


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mfa", "network", "fails"),
    [
        ({}, "unrestricted", True),
        ({}, "partly restricted", True),
        ({"key": "partly required", "verdict": "partial"}, "unrestricted", True),
        ({}, "restricted", False),
        ({"key": "required", "verdict": "enforced", "place": None}, "unrestricted", False),
        ({"place": "inside only"}, "partly restricted", False),  # MFA is asked for outside
        ({"verdict": "nothing to protect", "key": "required"}, "unrestricted", False),
        ({}, "nothing to protect", False),
    ],
)
def test_mfa_or_a_restriction_is_enough(mfa: dict[str, Any], network: str, fails: bool) -> None:
    assert stolen(mfa, network) == ["fail"] * fails


def test_an_inactive_key_and_one_of_root_are_not_asked() -> None:
    assert stolen({}, "unrestricted", active=False) == []
    assert stolen({}, "unrestricted", is_root=True) == []


def test_a_user_without_verdicts_is_not_assessed() -> None:
    assert stolen({}, "restricted", user_arn=BO) == ["not assessed"]


def test_a_key_without_a_date_fails_all_the_same() -> None:
    assert stolen({}, "unrestricted", age_days=None) == ["fail"]


def test_a_key_without_any_restriction_says_what_it_exposes(tmp_path: Path) -> None:
    opened = holder(tmp_path, READ)
    assert said(opened, "key_usable_from_anywhere") == [
        "the oldest active key was made 505 days ago; "
        "actions without MFA: 1, of them risky: 1 (s3:GetObject)"
    ]


@pytest.mark.parametrize(
    "also", [{}, {"Bool": {"aws:ViaAWSService": "false"}}], ids=["today's form", "the older form"]
)
def test_a_restricted_key_passes_in_both_forms_that_aws_has_shown(
    also: dict[str, Any], tmp_path: Path
) -> None:
    opened = holder(tmp_path, READ, outside("203.0.113.0/24", **also))
    assert result(opened, "key_usable_from_anywhere")["status"] == "pass"
    assert result(opened, "network_list_open")["status"] == "pass"


def test_mfa_asked_for_outside_only_is_enough(tmp_path: Path) -> None:
    absent = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    opened = holder(tmp_path, READ, outside("203.0.113.0/24", **absent))
    assert result(opened, "key_usable_from_anywhere")["status"] == "pass"


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────


def lists(**facts: Any) -> pd.DataFrame:
    usual = {"policy_arn": OFFICE, "kind": "customer", "number": 1, "key": "aws:SourceIp"}
    usual |= {"use": "allow list", "networks": [], "problems": [], "unapproved": [], "open": False}
    return NETWORK_LISTS.rows({**usual, "behind": 1, **facts})


def test_a_list_that_admits_everybody_fails_and_is_not_doubtful_besides(tmp_path: Path) -> None:
    opened = holder(tmp_path, READ, outside("203.0.113.0/24", "0.0.0.0/0"))
    assert result(opened, "network_list_open")["failing"] == 1
    assert result(opened, "network_list_doubtful")["status"] == "pass"
    assert result(opened, "key_usable_from_anywhere")["status"] == "fail"


def test_who_is_behind_such_a_list_is_found_too(tmp_path: Path) -> None:
    opened = holder(tmp_path, READ, outside("203.0.113.0/24", "0.0.0.0/0"))
    assert "office lists 0.0.0.0/0" in said(opened, "network_fence_with_holes")[0]


def test_a_private_range_is_doubtful(tmp_path: Path) -> None:
    opened = holder(tmp_path, READ, outside("10.0.0.0/8", "203.0.113.0/24"))
    assert result(opened, "network_list_doubtful")["failing"] == 1
    assert result(opened, "network_list_open")["status"] == "pass"


def test_nobody_passes_for_lists_that_are_not_there(tmp_path: Path) -> None:
    opened = holder(tmp_path, READ)
    for name in ("network_list_open", "network_list_doubtful", "network_list_unapproved"):
        assert result(opened, name)["status"] == "not applicable"


def test_a_policy_that_cannot_be_read_may_hold_a_list(tmp_path: Path) -> None:
    held = [{"PolicyName": "office", "PolicyArn": OFFICE}]
    unread = policy("office", {"Version": "2012-10-17", "Statement": None})
    contents = details([user("ana", AttachedManagedPolicies=held)], policies=[unread])
    opened = account(tmp_path, contents, credential_report=report(KEY))
    assert result(opened, "network_list_open")["status"] == "not assessed"


def test_only_lists_that_somebody_here_wrote_are_findings() -> None:
    for kind, own in {"customer": 1, "inline": 1, "aws": 0, "scp": 0, "trust": 0}.items():
        assert len(checks.network_list_open(lists(kind=kind, open=True))) == own
        assert len(checks.network_list_doubtful(lists(kind=kind, problems=["Odd."]))) == own
        assert len(checks.network_list_unapproved(lists(kind=kind, unapproved=["a"]))) == own


def test_a_network_that_is_not_approved_fails_in_a_list_of_those_let_in_only() -> None:
    odd = lists(sid="Office", unapproved=["192.0.2.0/24", "198.51.100.0/24"])
    assert checks.network_list_unapproved(odd)["detail"].tolist() == [
        "statement “Office”, aws:SourceIp: not approved: 192.0.2.0/24, 198.51.100.0/24"
    ]
    assert checks.network_list_unapproved(odd.assign(use="block list")).empty
    assert checks.network_list_unapproved(lists()).empty


# ── Fences ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("verdict", ["restricted", "unrestricted", "nothing to protect"])
def test_a_full_restriction_passes_and_so_does_none(verdict: str) -> None:
    network_restrictions = NETWORK_RESTRICTIONS.rows({"principal_arn": ANA, "verdict": verdict})
    held = POLICY_ASSIGNMENTS.rows({"principal_arn": ANA, "policy_arn": OFFICE})
    assert checks.network_fence_with_holes(network_restrictions, lists(), held, ROLES.rows()).empty


def test_a_restriction_of_some_actions_fails(tmp_path: Path) -> None:
    partly = {**outside("203.0.113.0/24"), "Action": "s3:*"}
    opened = holder(tmp_path, READ, {**READ, "Action": "ec2:DescribeInstances"}, partly)
    assert result(opened, "network_fence_with_holes")["failing"] == 1
    assert result(opened, "key_usable_from_anywhere")["failing"] == 1


def test_service_linked_roles_are_not_asked() -> None:
    role = f"{ARN}role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
    network_restrictions = NETWORK_RESTRICTIONS.rows(
        {"principal_arn": role, "verdict": "partly restricted"}
    )
    linked = ROLES.rows({"role_arn": role, "service_linked": True})
    found = checks.network_fence_with_holes(
        network_restrictions, NETWORK_LISTS.rows(), POLICY_ASSIGNMENTS.rows(), linked
    )
    assert found.empty
