"""Which strangers, other accounts and services may assume a role, and which roles nobody uses."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account
from iamkit.checks import registry, run
from tests.accounts import ACCOUNT, ARN, account, again, details, role
from tests.checks import result

VENDOR = "999988887777"
ROOT = f"arn:aws:iam::{VENDOR}:root"
READ_ONLY = {"PolicyName": "ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
AS_OF = pd.Timestamp("2026-11-01T06:00Z")


def allow(principal: Any, condition: Any = None, **members: Any) -> dict[str, Any]:
    made = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **members}
    return made | ({"Condition": condition} if condition else {})


def deny(condition: Any, principal: Any = "*") -> dict[str, Any]:
    return {**allow(principal, condition), "Effect": "Deny"}


def trusting(tmp_path: Path, *statements: dict[str, Any], **members: Any) -> Account:
    """An account with one role and this trust policy."""
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return account(tmp_path, details(roles=[role("shared", document, **members)]))


def said(opened: Account, name: str) -> list[str]:
    found = run.run(opened, {name: registry.CHECKS[name]}).findings.query("status == 'fail'")
    assert set(found["subject"]) <= {f"{ARN}role/shared"}
    return found["detail"].tolist()


# ── Anyone ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "principal", ["*", {"AWS": "*"}, {"AWS": [ROOT, "*"]}], ids=["star", "AWS star", "among others"]
)
def test_anyone_may_come_in_by_a_star(principal: Any, tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow(principal))
    assert said(opened, "anyone_may_assume") == ["statement 1 trusts anyone with an AWS account"]


@pytest.mark.parametrize(
    "action", ["sts:*", "*", "STS:assumerole", ["sts:TagSession", "sts:Assume*"]]
)
def test_actions_count_as_aws_reads_them(action: Any, tmp_path: Path) -> None:
    assert said(trusting(tmp_path, allow("*", Action=action)), "anyone_may_assume")


def test_tagging_a_session_is_not_assuming_a_role(tmp_path: Path) -> None:
    assert not said(trusting(tmp_path, allow("*", Action="sts:TagSession")), "anyone_may_assume")


def test_not_principal_and_not_action_let_in_all_others(tmp_path: Path) -> None:
    others = {"Effect": "Allow", "NotPrincipal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}
    assert said(trusting(tmp_path, others), "anyone_may_assume")


def test_not_action_leaves_assuming_in(tmp_path: Path) -> None:
    others = {"Effect": "Allow", "Principal": "*", "NotAction": "sts:TagSession"}
    assert said(trusting(tmp_path, others), "anyone_may_assume")


RESTRICTS = {
    "the organization": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
    "its units": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/r-1/ou-2/*"}},
    "an account": {"StringEquals": {"aws:PrincipalAccount": VENDOR}},
    "a role by name": {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{VENDOR}:role/ci-*"}},
    "networks": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    "an endpoint": {"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}},
    "a source account": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
}
DOES_NOT = {
    "MFA": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    "tags": {"StringEquals": {"aws:PrincipalTag/team": "ops"}},
    "transport": {"Bool": {"aws:SecureTransport": "true"}},
    "a role's name in any account": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/deploy"}},
    "an organization, if there is one": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a"}},
    "units, if there are any": {"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-a/*"}},
    "networks, if there is one": {"IpAddressIfExists": {"aws:SourceIp": "203.0.113.0/24"}},
    "all networks": {"IpAddress": {"aws:SourceIp": ["0.0.0.0/0", "::/0"]}},
    "not one organization": {"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
}


@pytest.mark.parametrize("condition", RESTRICTS.values(), ids=RESTRICTS)
def test_a_condition_on_who_or_whence_keeps_strangers_out(condition: Any, tmp_path: Path) -> None:
    assert not said(trusting(tmp_path, allow("*", condition)), "anyone_may_assume")


@pytest.mark.parametrize("condition", DOES_NOT.values(), ids=DOES_NOT)
def test_a_condition_that_a_stranger_can_meet_does_not(condition: Any, tmp_path: Path) -> None:
    assert said(trusting(tmp_path, allow("*", condition)), "anyone_may_assume")


def test_an_external_id_is_no_secret(tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow("*", {"StringEquals": {"sts:ExternalId": "7f1c"}}))
    assert said(opened, "anyone_may_assume") == [
        "statement 1 trusts anyone who learns the external id, which AWS does not treat as secret"
    ]


def test_a_denial_of_all_outside_the_organization_shuts_the_door(tmp_path: Path) -> None:
    outside = {"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
    assert not said(trusting(tmp_path, allow("*"), deny(outside)), "anyone_may_assume")


def test_a_denial_that_may_not_apply_does_not(tmp_path: Path) -> None:
    tagged = {"StringEquals": {"aws:PrincipalTag/team": "ops"}}
    assert said(trusting(tmp_path, allow("*"), deny(tagged)), "anyone_may_assume")


def test_a_denial_of_somebody_else_does_not(tmp_path: Path) -> None:
    named = {**allow({"AWS": ROOT}), "Effect": "Deny"}
    assert said(trusting(tmp_path, allow("*"), named), "anyone_may_assume")


def test_named_principals_are_not_anyone(tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow({"AWS": f"{ARN}root", "Service": "ec2.amazonaws.com"}))
    assert result(opened, "anyone_may_assume")["status"] == "pass"


def test_a_trust_policy_that_cannot_be_read_is_not_assessed(tmp_path: Path) -> None:
    opened = account(tmp_path, details(roles=[role("shared", "{no JSON")]))
    for name in ("anyone_may_assume", "vendor_without_external_id", "service_without_source"):
        assert result(opened, name)["status"] == "not assessed"
    assert result(opened, "trusts_deleted_identity")["status"] == "not assessed"


# ── Other accounts ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("principal", [ROOT, VENDOR, f"arn:aws:iam::{VENDOR}:role/reader"])
def test_another_account_needs_an_external_id(principal: str, tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow({"AWS": principal}))
    assert said(opened, "vendor_without_external_id") == [
        f"account {VENDOR} may assume it without an external id"
    ]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"sts:ExternalId": "7f1c"}},
        {"StringLike": {"sts:ExternalId": ["7f1c-*", "8a2d"]}},
        {"StringEquals": {"sts:externalid": "7f1c", "aws:PrincipalTag/team": "ops"}},
        {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
    ],
    ids=["equals", "like", "in any case", "an organization"],
)
def test_a_vendor_who_must_say_for_whom_passes(condition: Any, tmp_path: Path) -> None:
    assert not said(
        trusting(tmp_path, allow({"AWS": ROOT}, condition)), "vendor_without_external_id"
    )


@pytest.mark.parametrize(
    "condition",
    [
        {"StringLike": {"sts:ExternalId": "*"}},
        {"StringEqualsIfExists": {"sts:ExternalId": "7f1c"}},
        {"Null": {"sts:ExternalId": "false"}},
        {"StringNotEquals": {"sts:ExternalId": "7f1c"}},
        {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{VENDOR}:role/reader"}},
    ],
    ids=["any", "if there is one", "whichever", "any other", "MFA", "the caller's name"],
)
def test_a_condition_that_any_customer_of_the_vendor_meets_is_none(
    condition: Any, tmp_path: Path
) -> None:
    assert said(trusting(tmp_path, allow({"AWS": ROOT}, condition)), "vendor_without_external_id")


def test_own_known_and_the_organization_s_accounts_are_no_vendors(tmp_path: Path) -> None:
    manager, member = "111100001111", "222200002222"
    organization = {"Organization": {"Id": "o-a1b2c3d4e5", "MasterAccountId": manager}}
    members = {"Accounts": [{"Id": member, "Name": "shop", "State": "ACTIVE"}]}
    named = [ACCOUNT, f"{ARN}role/x", manager, member, VENDOR]
    document = {"Statement": [allow({"AWS": named})]}
    opened = account(
        tmp_path,
        details(roles=[role("shared", document)]),
        organization=organization,
        organization_accounts=members,
    )
    found = [
        said(again(opened, known_accounts=known), "vendor_without_external_id")
        for known in ([], [VENDOR])
    ]
    assert found == [[f"account {VENDOR} may assume it without an external id"], []]


def test_an_unknown_organization_leaves_no_vendor_unassessed(tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow({"AWS": f"{ARN}root"}))
    assert opened.missing("organization")
    assert result(opened, "vendor_without_external_id")["status"] == "pass"


def test_read_only_access_for_another_account_fails_with_an_external_id_too(tmp_path: Path) -> None:
    condition = {"StringEquals": {"sts:ExternalId": "7f1c"}}
    opened = trusting(
        tmp_path, allow({"AWS": ROOT}, condition), AttachedManagedPolicies=[READ_ONLY]
    )
    assert said(opened, "cross_account_read_only") == [
        f"account {VENDOR} may assume it, and ReadOnlyAccess reads data too"
    ]


def test_read_only_access_for_anyone_fails(tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow("*"), AttachedManagedPolicies=[READ_ONLY])
    assert said(opened, "cross_account_read_only") == [
        "anyone with an AWS account may assume it, and ReadOnlyAccess reads data too"
    ]


@pytest.mark.parametrize("policy", ["ViewOnlyAccess", "CloudWatchReadOnlyAccess"])
def test_narrower_policies_pass(policy: str, tmp_path: Path) -> None:
    held = {"PolicyName": policy, "PolicyArn": f"arn:aws:iam::aws:policy/{policy}"}
    opened = trusting(tmp_path, allow({"AWS": ROOT}), AttachedManagedPolicies=[held])
    assert not said(opened, "cross_account_read_only")


def test_read_only_access_within_the_account_is_not_reported(tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow({"AWS": f"{ARN}root"}), AttachedManagedPolicies=[READ_ONLY])
    assert not said(opened, "cross_account_read_only")


# ── The account's own ────────────────────────────────────────────────────────────────────────────

ADMINISTRATOR = {
    "PolicyName": "all",
    "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}},
}
OWN_ROOT = {"AWS": f"{ARN}root"}
WITH_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


@pytest.mark.parametrize(
    ("condition", "aside"), [(None, ""), (WITH_MFA, ", with MFA")], ids=["nothing asked", "MFA"]
)
def test_an_administrator_s_role_for_the_whole_account_fails(
    condition: Any, aside: str, tmp_path: Path
) -> None:
    opened = trusting(tmp_path, allow(OWN_ROOT, condition), RolePolicyList=[ADMINISTRATOR])
    assert said(opened, "administrator_role_open_to_account") == [
        "can do everything, and trusts any identity of this account that may call "
        "sts:AssumeRole on it" + aside
    ]


@pytest.mark.parametrize(
    ("principal", "condition"),
    [
        ({"AWS": f"{ARN}user/ana"}, None),
        (OWN_ROOT, {"StringEquals": {"aws:PrincipalTag/team": "ops"}}),
        (OWN_ROOT, {"ArnLike": {"aws:PrincipalArn": f"{ARN}role/ops-*"}}),
        ({"Service": "lambda.amazonaws.com"}, None),
    ],
    ids=["a user", "a tag", "names", "a service"],
)
def test_an_administrator_s_role_for_some_of_the_account_passes(
    principal: Any, condition: Any, tmp_path: Path
) -> None:
    opened = trusting(tmp_path, allow(principal, condition), RolePolicyList=[ADMINISTRATOR])
    assert result(opened, "administrator_role_open_to_account")["status"] == "pass"


def test_a_role_that_is_no_administrator_may_be_for_the_whole_account(tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow(OWN_ROOT))
    assert result(opened, "administrator_role_open_to_account")["status"] == "pass"


@pytest.mark.parametrize("identity", ["AIDAEXAMPLEEXAMPLEEXA", "AROAEXAMPLEEXAMPLEEXA"])
def test_the_id_of_a_deleted_identity_fails(identity: str, tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow({"AWS": [identity, f"{ARN}user/ana"]}))
    assert said(opened, "trusts_deleted_identity") == [
        f"names {identity}, a user or role that was deleted"
    ]


def test_the_name_of_an_identity_passes(tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow({"AWS": f"{ARN}user/AIDAEXAMPLEEXAMPLEEXA"}))
    assert result(opened, "trusts_deleted_identity")["status"] == "pass"


# ── Further on ───────────────────────────────────────────────────────────────────────────────────


def going_on(resource: str) -> dict[str, Any]:
    """A role that may assume roles."""
    allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": resource}
    inline = {"PolicyName": "on", "PolicyDocument": {"Statement": allowed}}
    return {"RolePolicyList": [inline]}


ELSEWHERE = "arn:aws:iam::444455556666:role/ops"


def test_a_vendor_who_may_go_on_to_other_accounts_fails(tmp_path: Path) -> None:
    condition = {"StringEquals": {"sts:ExternalId": "7f1c"}}
    opened = trusting(tmp_path, allow({"AWS": ROOT}, condition), **going_on(ELSEWHERE))
    assert said(opened, "outsiders_go_on") == [
        f"account {VENDOR}, not known to be yours, with an external id may assume it "
        f"and then {ELSEWHERE}"
    ]


def test_a_service_that_acts_for_an_unknown_account_may_go_on_too(tmp_path: Path) -> None:
    source = {"StringEquals": {"aws:SourceAccount": VENDOR}}
    opened = trusting(
        tmp_path, allow({"Service": "events.amazonaws.com"}, source), **going_on(ELSEWHERE)
    )
    (detail,) = said(opened, "outsiders_go_on")
    assert detail.endswith(f"may assume it and then {ELSEWHERE}")


@pytest.mark.parametrize(
    ("principal", "resource"),
    [
        (OWN_ROOT, ELSEWHERE),
        ({"Service": "events.amazonaws.com"}, ELSEWHERE),
        ({"AWS": ROOT}, f"{ARN}role/ops"),
    ],
    ids=["from within", "a service", "to this account"],
)
def test_who_does_not_cross_the_account_passes(
    principal: Any, resource: str, tmp_path: Path
) -> None:
    opened = trusting(tmp_path, allow(principal), **going_on(resource))
    assert result(opened, "outsiders_go_on")["status"] == "pass"


# ── Services ─────────────────────────────────────────────────────────────────────────────────────


def test_each_service_without_a_source_is_named(tmp_path: Path) -> None:
    both = {"Service": ["scheduler.amazonaws.com", "events.amazonaws.com"]}
    assert said(trusting(tmp_path, allow(both)), "service_without_source") == [
        "scheduler.amazonaws.com may assume it for any account; "
        "events.amazonaws.com may assume it for any account"
    ]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"ArnLike": {"aws:SourceArn": f"arn:aws:events:*:{ACCOUNT}:rule/*"}},
        {"StringEquals": {"aws:SourceOrgID": "o-a1b2c3d4e5"}},
        {"StringLike": {"aws:PrincipalAccount": [ACCOUNT]}},
        {"StringEquals": {"sts:ExternalId": "7f1c"}},
    ],
    ids=["account", "ARN", "organization", "principal's account", "external id"],
)
def test_a_service_that_must_say_for_whom_passes(condition: Any, tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow({"Service": "events.amazonaws.com"}, condition))
    assert not said(opened, "service_without_source")


@pytest.mark.parametrize(
    "condition",
    [
        {"ArnLike": {"aws:SourceArn": "arn:aws:*:*:*:*"}},
        {"StringLike": {"aws:SourceAccount": "*"}},
        {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}},
    ],
    ids=["any ARN", "any account", "any other account"],
)
def test_a_source_that_anybody_has_is_none(condition: Any, tmp_path: Path) -> None:
    opened = trusting(tmp_path, allow({"Service": "events.amazonaws.com"}, condition))
    assert said(opened, "service_without_source")


@pytest.mark.parametrize(
    "service", ["ec2.amazonaws.com", "ec2.amazonaws.com.cn", "lambda.amazonaws.com"]
)
def test_roles_of_instances_and_functions_pass(service: str, tmp_path: Path) -> None:
    assert not said(trusting(tmp_path, allow({"Service": service})), "service_without_source")


def test_service_linked_roles_are_not_asked(tmp_path: Path) -> None:
    opened = trusting(
        tmp_path,
        allow({"Service": "guardduty.amazonaws.com"}),
        allow("*"),
        Path="/aws-service-role/guardduty.amazonaws.com/",
    )
    for name in ("service_without_source", "anyone_may_assume", "unused_role"):
        made = result(opened, name)
        assert (made["status"], made["total"]) == ("not applicable", 0)
