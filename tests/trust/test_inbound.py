"""The trusted principals of each role, and the roles of other accounts that may be assumed."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account, load
from iamkit.evidence import cli_files
from iamkit.trust.inbound import WHO, known_accounts
from tests.accounts import ACCOUNT, ARN, AS_OF, account, again, details, policy, report, role, user

VENDOR = "999988887777"
MEMBER = "444455556666"
MANAGER = "111100001111"
ROOT = f"arn:aws:iam::{VENDOR}:root"
GITHUB = "token.actions.githubusercontent.com"
GITHUB_ARN = f"{ARN}oidc-provider/{GITHUB}"
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def allow(principal: Any, condition: Any = None, **members: Any) -> dict[str, Any]:
    action = "sts:AssumeRole"
    if isinstance(principal, dict) and "Federated" in principal:
        action += "WithSAML" if "saml" in principal["Federated"] else "WithWebIdentity"
    made = {"Effect": "Allow", "Principal": principal, "Action": action, **members}
    return made | ({"Condition": condition} if condition else {})


def trusting(folder: Path, *statements: Any, settings: Any = None, **files: Any) -> pd.DataFrame:
    """The trusted principals of an account with one role and this trust policy."""
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    opened = account(folder, details(roles=[role("shared", document)]), **files)
    return again(opened, **(settings or {})).trusted_principals


def one(folder: Path, *statements: Any, **options: Any) -> dict[str, Any]:
    """The only trusted principal of such an account; missing values are None."""
    found = trusting(folder, *statements, **options)
    (row,) = found.astype(object).where(found.notna(), None).to_dict("records")
    return row


# ── Trusted principals ────────────────────────────────────────────────────────────────────────────

CASES: dict[str, tuple[Any, Any, str, str | None, str]] = {
    "anyone": ("*", None, "anyone", "open to anyone", "anyone with an AWS account"),
    "anyone with an external id": (
        "*",
        {"StringEquals": {"sts:ExternalId": "7f1c"}},
        *("anyone", "open to anyone"),
        "anyone who learns the external id, which AWS does not treat as secret",
    ),
    "anyone, if an external id there is fits": (
        "*",
        {"StringEqualsIfExists": {"sts:ExternalId": "7f1c"}},
        *("anyone", "open to anyone"),
        "anyone with an AWS account",
    ),
    "an organization": (
        "*",
        {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
        *("organization", None),
        "any account of o-a1b2c3d4e5",
    ),
    "its units": (
        "*",
        {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/r-1/ou-2/*"}},
        *("organization", None),
        "any account of o-a1b2c3d4e5/r-1/ou-2/*",
    ),
    "a network": (
        "*",
        {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        *("narrowed", None),
        "anyone who meets the conditions on aws:sourceip",
    ),
    "another account": (
        {"AWS": ROOT},
        None,
        *("unknown account", "no external id"),
        f"account {VENDOR}, not known to be yours, without an external id",
    ),
    "another account's role": (
        {"AWS": f"arn:aws:iam::{VENDOR}:role/ci/runner"},
        {"StringEquals": {"sts:ExternalId": "7f1c"}},
        *("unknown account", None),
        f"role runner of account {VENDOR}, not known to be yours, with an external id",
    ),
    "another account in the organization": (
        {"AWS": VENDOR},
        {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
        *("known account", None),
        f"account {VENDOR}, which is yours or in an organization that the policy names",
    ),
    "this account": (
        {"AWS": f"{ARN}root"},
        None,
        *("own account", None),
        "any identity of this account that may call sts:AssumeRole on it",
    ),
    "this account, by id and with MFA": (
        {"AWS": ACCOUNT},
        MFA,
        *("own account", None),
        "any identity of this account that may call sts:AssumeRole on it, with MFA",
    ),
    "this account, by name": (
        {"AWS": ACCOUNT},
        {"ArnLike": {"aws:PrincipalArn": f"{ARN}user/ops-*"}},
        *("own identity", None),
        "any identity of this account that meets the conditions on aws:principalarn",
    ),
    "this account, by tag": (
        {"AWS": ACCOUNT},
        {"StringEquals": {"aws:PrincipalTag/team": "ops"}},
        *("own identity", None),
        "any identity of this account that meets the conditions on aws:principaltag/team",
    ),
    "a user": ({"AWS": f"{ARN}user/team/ana"}, None, "own identity", None, "user ana"),
    "a deleted user": (
        {"AWS": "AIDAEXAMPLEEXAMPLEEXA"},
        None,
        *("deleted identity", "deleted identity"),
        "nobody: AIDAEXAMPLEEXAMPLEEXA is the id of a deleted user",
    ),
    "a deleted role": (
        {"AWS": "AROAEXAMPLEEXAMPLEEXA"},
        None,
        *("deleted identity", "deleted identity"),
        "nobody: AROAEXAMPLEEXAMPLEEXA is the id of a deleted role",
    ),
    "a service": (
        {"Service": "events.amazonaws.com"},
        None,
        *("service", "no source"),
        "events.amazonaws.com, for any account",
    ),
    "a service for one's own account": (
        {"Service": "events.amazonaws.com"},
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        *("service", None),
        "events.amazonaws.com, for sources that the trust policy names",
    ),
    "a service for one resource": (
        {"Service": "events.amazonaws.com"},
        {"ArnLike": {"aws:SourceArn": f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/nightly"}},
        *("service", None),
        "events.amazonaws.com, for sources that the trust policy names",
    ),
    "instances": (
        {"Service": "ec2.amazonaws.com"},
        None,
        *("service", None),
        "ec2.amazonaws.com, after somebody has passed the role to it",
    ),
    "SAML": (
        {"Federated": f"{ARN}saml-provider/Okta"},
        {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
        *("SAML", None),
        "any identity of Okta",
    ),
    "SAML for any audience": (
        {"Federated": f"{ARN}saml-provider/Okta"},
        None,
        *("SAML", "no audience"),
        "any identity of the provider, with an assertion for another service",
    ),
    "one repository": (
        {"Federated": GITHUB_ARN},
        {"StringLike": {f"{GITHUB}:sub": "repo:example-corp/shop:*", f"{GITHUB}:aud": "a"}},
        *("OIDC", None),
        "GitHub Actions: repo:example-corp/shop:*",
    ),
    "a wildcard for an unknown provider's tokens": (
        {"Federated": f"{ARN}oidc-provider/idp.example.com"},
        {"StringLike": {"idp.example.com:sub": "runner-*"}},
        *("OIDC", "unknown provider"),
        "idp.example.com: runner-*",
    ),
    "one subject of an unknown provider": (
        {"Federated": f"{ARN}oidc-provider/idp.example.com"},
        {"StringLike": {"idp.example.com:sub": "runner-7"}},
        *("OIDC", None),
        "idp.example.com: runner-7",
    ),
    "any repository": (
        {"Federated": GITHUB_ARN},
        {"StringLike": {f"{GITHUB}:sub": "repo:example-corp/*", f"{GITHUB}:aud": "a"}},
        *("OIDC", "loose subject"),
        "any repository and branch of example-corp",
    ),
    "a principal that is none": (
        {"AWS": "ana"},
        None,
        *("unreadable", "unreadable"),
        "ana",
    ),
}


@pytest.mark.parametrize(
    ("principal", "condition", "who", "problem", "words"), CASES.values(), ids=CASES
)
def test_who_comes_in_and_what_is_wrong_with_it(
    principal: Any, condition: Any, who: str, problem: str | None, words: str, tmp_path: Path
) -> None:
    found = one(tmp_path, allow(principal, condition))
    assert (found["who"], found["problem"], found["open_to"]) == (who, problem, words)


def test_every_kind_of_principal_is_tried_here() -> None:
    assert {who for _, _, who, _, _ in CASES.values()} == set(WHO)


# Columns that only some principals have: external id, source, MFA, audience.
FACTS: dict[str, tuple[Any, Any, list[Any]]] = {
    "another account": ({"AWS": ROOT}, None, [False, None, False, None]),
    "with MFA": ({"AWS": ROOT}, MFA, [False, None, True, None]),
    "this account": ({"AWS": ACCOUNT}, None, [None, None, False, None]),
    "MFA, if there is a word of it": (
        {"AWS": ACCOUNT},
        {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}},
        [None, None, False, None],
    ),
    "recent MFA": (
        {"AWS": ACCOUNT},
        {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}},
        [None, None, True, None],
    ),
    "a service": ({"Service": "events.amazonaws.com"}, None, [None, False, None, None]),
    "a function": ({"Service": "lambda.amazonaws.com"}, None, [None, None, None, None]),
    "a provider": ({"Federated": GITHUB_ARN}, None, [None, None, None, False]),
}


@pytest.mark.parametrize(("principal", "condition", "facts"), FACTS.values(), ids=FACTS)
def test_what_a_door_asks_for_is_said_where_it_can_be_asked(
    principal: Any, condition: Any, facts: list[Any], tmp_path: Path
) -> None:
    found = one(tmp_path, allow(principal, condition))
    assert [found[name] for name in ("external_id", "source", "mfa", "audience")] == facts


def test_a_denial_without_mfa_asks_for_it(tmp_path: Path) -> None:
    without = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    denial = {**allow("*", without), "Effect": "Deny"}
    assert one(tmp_path, allow({"AWS": ACCOUNT}), denial)["mfa"] is True


def test_whom_the_same_policy_denies_has_no_door(tmp_path: Path) -> None:
    denial = {**allow({"AWS": ROOT}), "Effect": "Deny"}
    found = trusting(tmp_path, allow({"AWS": [VENDOR, ACCOUNT]}), denial)
    assert found["who"].tolist() == ["own account"]


def test_what_cannot_be_read_is_a_door_of_its_own(tmp_path: Path) -> None:
    opened = account(tmp_path, details(roles=[role("shared", "{no JSON")]))
    (found,) = opened.trusted_principals[["who", "open_to"]].to_numpy().tolist()
    assert found == ["unreadable", "its document is not JSON"]
    assert opened.trusted_principals["statement"].isna().all()


def test_a_statement_that_cannot_be_read_keeps_nobody_out_and_hides_no_other(
    tmp_path: Path,
) -> None:
    odd = allow({"Service": "ec2.amazonaws.com"}, Condition="unreadable")
    denial = {**allow("*"), "Effect": "Deny", "Condition": "unreadable"}
    found = trusting(tmp_path, odd, denial, allow({"AWS": ACCOUNT}))
    assert found["who"].tolist() == ["own account", "unreadable", "unreadable"]
    assert found["mfa"].isna().tolist() == [False, True, True]


def test_not_principal_that_names_several_is_one_row_for_anyone(tmp_path: Path) -> None:
    others = {"Effect": "Allow", "NotPrincipal": {"AWS": [ROOT, ACCOUNT]}}
    found = trusting(tmp_path, {**others, "Action": "sts:AssumeRole"})
    assert found[["who", "principal"]].to_numpy().tolist() == [["anyone", "*"]]


def test_roles_of_aws_s_own_are_left_out(tmp_path: Path) -> None:
    document = {"Version": "2012-10-17", "Statement": [allow("*"), allow("*", Condition="odd")]}
    linked = role("linked", document, Path="/aws-service-role/x.amazonaws.com/")
    assert account(tmp_path, details(roles=[linked])).trusted_principals.empty


def test_statements_go_by_their_sid_or_their_place(tmp_path: Path) -> None:
    found = trusting(tmp_path, allow("*"), allow({"AWS": ACCOUNT}, Sid="Ours"))
    assert found["statement"].tolist() == ["statement 1", "statement “Ours”"]


def test_an_account_without_roles_has_no_doors(tmp_path: Path) -> None:
    opened = account(tmp_path)
    assert opened.trusted_principals.empty
    assert opened.outbound_roles.empty
    assert opened.missing("trusted_principals", "outbound_roles") == ""


def test_without_authorization_details_nobody_knows_the_doors(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text(report())
    given = {"credential_report": tmp_path / "report.csv"}
    opened = load(cli_files.from_files(tmp_path / "reports", named=given, as_of=AS_OF))
    assert opened.trusted_principals.empty
    assert opened.outbound_roles.empty
    assert "roles, policies" in opened.missing("trusted_principals")
    assert "roles, policies" in opened.missing("outbound_roles")


# ── Use ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("facts", "unused"),
    [
        ({"RoleLastUsed": {"LastUsedDate": "2026-10-31T00:00:00Z"}}, False),
        ({"RoleLastUsed": {"LastUsedDate": "2025-10-31T00:00:00Z"}}, True),
        ({"CreateDate": "2026-10-01T00:00:00Z"}, False),
        ({"CreateDate": "2024-10-01T00:00:00Z"}, True),
        ({"CreateDate": None}, None),
    ],
    ids=["used", "used long ago", "new", "never used", "without any date"],
)
def test_a_door_nobody_uses(facts: Any, unused: bool | None, tmp_path: Path) -> None:
    entry = role("shared", {"Statement": [allow({"AWS": ROOT})]}, **facts)
    found = account(tmp_path, details(roles=[entry])).trusted_principals["unused"]
    assert found.astype(object).where(found.notna(), None).tolist() == [unused]


# ── Accounts that are yours ──────────────────────────────────────────────────────────────────────

ORGANIZATION = {"Organization": {"Id": "o-a1b2c3d4e5", "MasterAccountId": MANAGER}}
MEMBERS = {"Accounts": [{"Id": MEMBER, "Name": "shop", "Status": "SUSPENDED"}, {"Id": ACCOUNT}]}


def test_the_settings_the_manager_and_the_organization_s_members_are_yours(tmp_path: Path) -> None:
    opened = account(tmp_path, organization=ORGANIZATION, accounts=MEMBERS)
    opened = again(opened, known_accounts=[VENDOR])
    assert known_accounts(opened) == {ACCOUNT, VENDOR, MANAGER, MEMBER}


@pytest.mark.parametrize("listed", [True, False])
def test_a_member_is_unknown_where_nobody_may_list_members(listed: bool, tmp_path: Path) -> None:
    files = {"organization": ORGANIZATION} | ({"accounts": MEMBERS} if listed else {})
    found = one(tmp_path, allow({"AWS": MEMBER}), **files)
    assert found["who"] == ("known account" if listed else "unknown account")


@pytest.mark.parametrize(
    ("asked", "problem"),
    [("o-a1b2c3d4e5", None), ("o-other00000", "another organization")],
)
def test_another_organization_than_yours_is_a_problem(
    asked: str, problem: str | None, tmp_path: Path
) -> None:
    condition = {"StringEquals": {"aws:PrincipalOrgID": asked}}
    found = one(tmp_path, allow("*", condition), organization=ORGANIZATION)
    assert found["problem"] == problem


@pytest.mark.parametrize(
    ("asked", "who"), [("o-a1b2c3d4e5", "known account"), ("o-other00000", "unknown account")]
)
def test_an_account_in_another_organization_than_yours_is_not_known(
    asked: str, who: str, tmp_path: Path
) -> None:
    condition = {"StringEquals": {"aws:PrincipalOrgID": asked}}
    found = one(tmp_path, allow({"AWS": VENDOR}, condition), organization=ORGANIZATION)
    assert found["who"] == who


# ── Out ──────────────────────────────────────────────────────────────────────────────────────────


def assuming(resource: Any = "*", **members: Any) -> dict[str, Any]:
    resources = {} if "NotResource" in members else {"Resource": resource}
    return {"Effect": "Allow", "Action": "sts:AssumeRole", **resources, **members}


def going(folder: Path, *statements: dict[str, Any], **options: Any) -> Account:
    """An account whose user ana has these statements."""
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    inline = [{"PolicyName": "own", "PolicyDocument": document}]
    boundary = options.pop("boundary", None)
    given = details([user("ana", UserPolicyList=inline, **(boundary or {}))], **options)
    return account(folder, given, organization=ORGANIZATION, accounts=MEMBERS)


OUT: dict[str, tuple[dict[str, Any], list[list[Any]]]] = {
    "one role elsewhere": (
        assuming(f"arn:aws:iam::{VENDOR}:role/ops"),
        [[f"arn:aws:iam::{VENDOR}:role/ops", VENDOR, "unknown account", True]],
    ),
    "one in the organization": (
        assuming(f"arn:aws:iam::{MEMBER}:role/ops-*"),
        [[f"arn:aws:iam::{MEMBER}:role/ops-*", MEMBER, "known account", True]],
    ),
    "everything": (assuming("*"), [["*", None, "any account", True]]),
    "a name anywhere": (
        assuming("arn:aws:iam::*:role/ops"),
        [["arn:aws:iam::*:role/ops", None, "any account", True]],
    ),
    "all but one": (
        assuming(NotResource=f"{ARN}role/admin"),
        [[f"all except {ARN}role/admin", None, "any account", True]],
    ),
    "in the organization only": (
        assuming("*", Condition={"StringEquals": {"aws:ResourceOrgID": "o-a1b2c3d4e5"}}),
        [["*", None, "conditional", False]],
    ),
    "under a condition nobody knows": (
        assuming("*", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}),
        [["*", None, "any account", False]],
    ),
    "all of STS": (assuming("*", Action="sts:*"), [["*", None, "any account", True]]),
    "this account's": (assuming(f"{ARN}role/*"), []),
    "this account's, by variable": (
        assuming("arn:aws:iam::${aws:PrincipalAccount}:role/*"),
        [],
    ),
    "users": (assuming(f"arn:aws:iam::{VENDOR}:user/*"), []),
    "buckets": (assuming("arn:aws:s3:::*/role/x"), []),
    "something else": (assuming("*", Action="sts:GetCallerIdentity"), []),
}


@pytest.mark.parametrize(("statement", "rows"), OUT.values(), ids=OUT)
def test_what_policies_let_identities_assume_elsewhere(
    statement: dict[str, Any], rows: list[list[Any]], tmp_path: Path
) -> None:
    found = going(tmp_path, statement).outbound_roles
    shown = found[["role", "account_id", "whose", "certain"]].astype(object)
    assert shown.where(shown.notna(), None).to_numpy().tolist() == rows
    assert set(found["name"]) <= {"ana"}


def test_roles_that_services_make_for_themselves_are_not_told_of(tmp_path: Path) -> None:
    """AWS writes their policies, and nobody else comes in by them."""
    document = {"Version": "2012-10-17", "Statement": [assuming("*")]}
    own = [{"PolicyName": "own", "PolicyDocument": document}]
    trust = {"Statement": [allow({"Service": "x.amazonaws.com"})]}
    given = [
        role(name, trust, Path=path, RolePolicyList=own)
        for name, path in (("theirs", "/aws-service-role/x.amazonaws.com/"), ("ours", "/"))
    ]
    assert account(tmp_path, details(roles=given)).outbound_roles["name"].tolist() == ["ours"]


def test_all_but_some_actions_is_assuming_too(tmp_path: Path) -> None:
    most = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    assert going(tmp_path, most).outbound_roles["whose"].tolist() == ["any account"]


def test_a_denial_of_it_leaves_nobody_going_out(tmp_path: Path) -> None:
    denial = {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::{VENDOR}:*"}
    roles = [f"arn:aws:iam::{each}:role/ops" for each in (VENDOR, MEMBER)]
    assert going(tmp_path, assuming(roles), denial).outbound_roles["role"].tolist() == roles[1:]


def test_a_boundary_without_it_leaves_nobody_going_out(tmp_path: Path) -> None:
    bound = {"PermissionsBoundary": {"PermissionsBoundaryArn": f"{ARN}policy/edge"}}
    document = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    made = going(tmp_path, assuming("*"), boundary=bound, policies=[policy("edge", document)])
    assert made.outbound_roles.empty


def test_the_policy_and_statement_that_let_them_go_are_named(tmp_path: Path) -> None:
    found = going(tmp_path, assuming("*", Sid="Roam")).outbound_roles
    assert found[["policy_name", "statement"]].to_numpy().tolist() == [["own", "statement “Roam”"]]


# ── Anyone, if a key that is there fits ────────────────────────────────────────────────────────

EVERYONE = ("*", {"AWS": "*"})
OURS = {"StringEqualsIfExists": {"aws:PrincipalAccount": ACCOUNT}}
WEB, SAML = "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"


@pytest.mark.parametrize("everyone", EVERYONE, ids=str)
def test_whoever_signs_a_request_has_an_account(tmp_path: Path, everyone: Any) -> None:
    """The call takes credentials, so the key is there, and `IfExists` changes nothing."""
    row = one(tmp_path, allow(everyone, OURS))
    assert (row["who"], row["principal"], row["problem"]) == ("own account", ACCOUNT, None)


@pytest.mark.parametrize("everyone", EVERYONE, ids=str)
def test_whoever_signs_a_request_may_be_in_no_organization(tmp_path: Path, everyone: Any) -> None:
    ours = {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
    row = one(tmp_path, allow(everyone, ours))
    assert (row["who"], row["problem"]) == ("anyone", "open to anyone")
    assert row["witness"]["context"] == {"aws:PrincipalOrgID": "absent"}


@pytest.mark.parametrize("action", [WEB, SAML, ["sts:AssumeRole", WEB], "sts:*"], ids=str)
@pytest.mark.parametrize("everyone", EVERYONE, ids=str)
def test_the_holder_of_a_token_has_no_account_yet(
    tmp_path: Path, everyone: Any, action: Any
) -> None:
    row = one(tmp_path, allow(everyone, OURS, Action=action))
    assert (row["who"], row["problem"]) == ("anyone", "open to anyone")
    assert row["witness"]["caller"] == "the holder of a token or an assertion"
    assert row["witness"]["action"] in (WEB, SAML)
    assert row["witness"]["context"] == {"aws:PrincipalAccount": "absent"}


@pytest.mark.parametrize("action", [["sts:AssumeRole", WEB], "sts:*"], ids=str)
def test_a_key_that_has_to_be_there_keeps_tokens_out(tmp_path: Path, action: Any) -> None:
    asked = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    row = one(tmp_path, allow("*", asked, Action=action))
    assert (row["who"], row["problem"]) == ("own account", None)
