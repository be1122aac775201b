"""Each rule finds what it is about, leaves alone what is right, and survives any document."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import demo
from iamkit.lint import run as linting
from iamkit.lint.rule import LINT, RULES
from iamkit.lint.run import lint
from iamkit.reference import actions as catalog
from iamkit.reference.actions import load_catalog
from tests.accounts import ARN, account, details, policy, role
from tests.examples import examples

MFA = "aws:MultiFactorAuthPresent"
ENROL = [
    "iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:GetUser", "iam:ListMFADevices",
    "iam:ListVirtualMFADevices", "iam:ResyncMFADevice", "sts:GetSessionToken",
]  # fmt: skip
BUCKET = "arn:aws:s3:::example/*"
GITHUB = {"Federated": f"{ARN}oidc-provider/token.actions.githubusercontent.com"}


@cache
def known() -> catalog.Catalog:
    return load_catalog()


@pytest.fixture
def found(tmp_path):
    """Findings about a policy with these statements, or about a whole document."""

    def look(*statements: Any, **document: Any) -> pd.DataFrame:
        whole = {"Version": "2012-10-17", "Statement": list(statements), **document}
        whole = {name: value for name, value in whole.items() if value is not None}
        return lint(account(tmp_path, details(policies=[policy("p", whole)])), known())

    return look


@pytest.fixture
def found_in_trust(tmp_path):
    """Findings about a role's trust policy with these statements."""

    def look(*statements: Any) -> pd.DataFrame:
        trust = {"Version": "2012-10-17", "Statement": list(statements)}
        return lint(account(tmp_path, details(roles=[role("r", trust)])), known())

    return look


def allow(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": BUCKET, **elements}


def deny(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "*", "Resource": "*", **elements}


def when(operator: str, key: str, *values: Any) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


def without(element: str, statement: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name != element}


def instead_of_action(statement: dict[str, Any], *actions: str) -> dict[str, Any]:
    return {**without("Action", statement), "NotAction": list(actions)}


# Of each rule: what it finds, how much that matters, a word of what it says; what it does not.
WRONG = [
    ("malformed", "high", "Write Allow", allow(Effect="allow")),
    ("malformed", "high", "one of Action and NotAction", allow(NotAction="s3:Put*")),
    ("malformed", "high", "one of Resource and NotResource", without("Resource", allow())),
    ("malformed", "high", 'Did you mean "Condition"?', allow(Conditions={})),
    ("malformed", "high", "Principal does not belong", allow(Principal="*")),
    ("malformed", "high", "no JSON object", "Allow everything"),
    ("unknown-action", "low", 'Did you mean "s3:GetObject"?', allow(Action="s3:GetObjekt")),
    ("unknown-action", "low", 'Did you mean "dynamodb:Query"?', allow(Action="dynamdb:Query")),
    ("unknown-action", "medium", "is of an unknown service", deny(Action="dynamdb:Query")),
    ("unknown-action", "low", "names no service", allow(Action="GetObject")),
    ("unknown-action", "low", "matches no known action", allow(Action="s3:Fetch*")),
    ("unknown-action", "medium", "not a known", instead_of_action(allow(), "iam:*", "sts:Assume")),
    ("unknown-key", "medium", "aws:SourceIp", allow(**when("Bool", "aws:SourceIpp", True))),
    ("unknown-key", "low", "s3:prefix", allow(**when("StringEquals", "s3:prefixx", "a"))),
    ("unknown-key", "low", "belongs to ec2", allow(**when("StringEquals", "ec2:Vpc", "a"))),
    ("unknown-key", "medium", "aws:username", allow(Resource="arn:aws:s3:::a/${aws:usrname}")),
    ("condition-problem", "high", "StringLike", deny(**when("StringLikes", "aws:userid", "a"))),
    ("condition-problem", "medium", "true or false", allow(**when("Bool", MFA, "yes"))),
    ("condition-problem", "medium", "true or false", allow(**when("Bool", MFA, "yes", "yes"))),
    ("condition-problem", "low", "one value", allow(**when("ForAnyValue:Bool", MFA, "true"))),
    ("condition-problem", "low", "tests no key", allow(Condition={"Bool": {}})),
    ("condition-problem", "high", "no object", deny(Condition={"Bool": "true"})),
    (
        "contradiction", "high", "aws:username",
        deny(Condition={"StringEquals": {"aws:username": "a"},
                        "StringNotEquals": {"aws:username": ["a", "b"]}}),
    ),
    (
        "contradiction", "medium", MFA.lower(),
        allow(Condition={"Null": {MFA: True}, "Bool": {MFA: "true"}}),
    ),
    (
        "contradiction", "medium", MFA.lower(),
        allow(Condition={"Bool": {MFA: "true"}, "BoolIfExists": {MFA: "false"}}),
    ),
    ("never-applies", "high", "NotAction excludes every", instead_of_action(deny(), "*")),
    ("never-applies", "medium", "Action is an empty list", allow(Action=[])),
    ("never-applies", "medium", "Resource is an empty list", allow(Resource=[])),
    ("never-applies", "medium", "excludes nothing", instead_of_action(allow())),
    ("never-applies", "high", "No action", deny(Action=["s3:Fetch*", "s3:GetObjekt"])),
    (
        "never-applies", "medium", "NotResource excludes every",
        {**without("Resource", allow()), "NotResource": ["*"]},
    ),
    ("bool-on-mfa", "high", "BoolIfExists", deny(**when("Bool", MFA, "false"))),
    ("bool-on-mfa", "high", "access keys", deny(**when("StringEquals", MFA, "false"))),
    ("null-on-mfa", "high", "passwords without MFA", deny(**when("Null", MFA, "true"))),
    ("null-on-mfa", "high", "passwords without MFA", allow(**when("Null", MFA, "false"))),
    (
        "age-on-mfa", "high", '"NumericGreaterThanIfExists"',
        deny(**when("NumericGreaterThan", "aws:MultiFactorAuthAge", "3600")),
    ),
    ("wildcard-in-equals", "high", "StringLike", deny(**when("StringEquals", "aws:userid", "a*"))),
    (
        "wildcard-in-equals", "high", "StringNotLike",
        allow(**when("StringNotEquals", "aws:PrincipalTag/team", "red-*")),
    ),
    (
        "wildcard-in-equals", "medium", "without wildcards",
        allow(**when("StringEqualsIgnoreCase", "aws:PrincipalTag/team", "red-?")),
    ),
    (
        "wildcard-in-equals", "medium", '"a*"',
        deny(**when("ForAnyValue:StringEqualsIfExists", "aws:TagKeys", "b", "a*")),
    ),
    (
        "mfa-carve-out", "high", "iam:CreateAccessKey, iam:DeactivateMFADevice",
        instead_of_action(deny(**when("BoolIfExists", MFA, "false")),
                          *ENROL, "iam:Deactivate*", "iam:CreateAccessKey"),
    ),
    (
        "mfa-carve-out", "high", "iam:AttachUserPolicy",
        instead_of_action(deny(**when("Null", "aws:MultiFactorAuthAge", "true")), "iam:*"),
    ),
    ("if-exists-on-allow", "high", MFA, allow(**when("BoolIfExists", MFA, "true"))),
    (
        "if-exists-on-allow", "high", "Age",
        allow(**when("NumericLessThanIfExists", "aws:MultiFactorAuthAge", "3600")),
    ),
    (
        "if-exists-on-allow", "high", "aws:SourceIp",
        allow(**when("IpAddressIfExists", "aws:SourceIp", "203.0.113.0/24")),
    ),
    (
        "if-exists-on-allow", "high", "aws:PrincipalTag/team",
        allow(**when("StringEqualsIfExists", "aws:PrincipalTag/team", "red")),
    ),
    (
        "for-all-values", "medium", "aws:TagKeys",
        allow(Action="ec2:CreateTags", **when("ForAllValues:StringEquals", "aws:TagKeys", "a")),
    ),
    (
        "network-list", "high", "so it denies none",
        deny(**when("NotIpAddress", "aws:SourceIp", "203.0.113.0/24", "0.0.0.0/0")),
    ),
    (
        "network-list", "high", "every IPv4 address",
        allow(**when("IpAddress", "aws:SourceIp", "0.0.0.0/1", "128.0.0.0/1")),
    ),
    ("network-list", "high", "every IPv6", allow(**when("IpAddress", "aws:SourceIp", "::/0"))),
    ("network-list", "medium", "67,1", allow(**when("IpAddress", "aws:SourceIp", "8.0.0.0/6"))),
    ("network-list", "medium", "addresses", allow(**when("IpAddress", "aws:SourceIp", "2000::/3"))),
    ("network-list", "low", "private", allow(**when("IpAddress", "aws:SourceIp", "10.1.0.0/16"))),
    (
        "network-list", "low", "203.0.113.0/24",
        allow(**when("IpAddress", "aws:SourceIp", "203.0.113.9/24")),
    ),
    ("allow-all-but", "medium", "of new services", instead_of_action(allow(), "iam:*")),
    (
        "allow-all-but", "medium", "NotResource",
        {**without("Resource", allow()), "NotResource": "arn:aws:s3:::example"},
    ),
    ("star-with-others", "low", BUCKET, allow(Resource=["*", BUCKET])),
    ("fence-and-endpoints", "info", "VPC", deny(**when("NotIpAddress", "aws:SourceIp", "1.1.1.1"))),
]  # fmt: skip

RIGHT = [
    ("malformed", allow(Sid="A", Condition={})),
    ("unknown-action", allow(Action=["S3:getobject", "s3:Get*", "*"])),
    ("unknown-key", allow(**when("StringEquals", "AWS:PrincipalTag/team", "a"))),
    ("unknown-key", allow(**when("StringEquals", "s3:ExistingObjectTag/team", "a"))),
    ("unknown-key", allow(**when("StringEquals", "s3:prefix", "a"), Action="s3:ListBucket")),
    ("unknown-key", allow(Resource="arn:aws:s3:::a/${cognito-identity.amazonaws.com:sub}/${*}")),
    ("unknown-key", allow(**when("StringEquals", "ec2:Vpc", "a"), Action="*")),
    ("condition-problem", allow(**when("StringLike", "aws:userid", "AIDA*"))),
    (
        "contradiction",
        allow(Condition={"StringEquals": {"aws:username": ["a", "b"]},
                         "StringNotEquals": {"aws:username": "a"}}),
    ),
    (
        "contradiction",
        deny(Condition={"Null": {MFA: "true"}, "StringNotEquals": {MFA: "true"}}),
    ),
    (
        "contradiction",
        allow(Action="ec2:CreateTags",
              Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "a"},
                         "ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": "b"}}),
    ),
    ("contradiction", allow(Condition={"Bool": {MFA: "yes"}, "Null": {MFA: "false"}})),
    ("never-applies", instead_of_action(deny(), "iam:*")),
    ("bool-on-mfa", deny(**when("BoolIfExists", MFA, "false"))),
    ("bool-on-mfa", allow(**when("Bool", MFA, "true"))),
    ("bool-on-mfa", deny(**when("StringNotEquals", MFA, "true"))),
    ("null-on-mfa", deny(**when("Null", "aws:MultiFactorAuthAge", "true"))),
    ("null-on-mfa", allow(Condition={"Null": {MFA: "false"}, "Bool": {MFA: "true"}})),
    ("age-on-mfa", deny(**when("NumericGreaterThanIfExists", "aws:MultiFactorAuthAge", "3600"))),
    ("age-on-mfa", allow(**when("NumericLessThan", "aws:MultiFactorAuthAge", "3600"))),
    ("age-on-mfa", deny(**when("Null", "aws:MultiFactorAuthAge", "true"))),
    ("wildcard-in-equals", deny(**when("StringLike", "aws:userid", "a*"))),
    ("wildcard-in-equals", deny(**when("StringEquals", "aws:userid", "a"))),
    ("wildcard-in-equals", allow(**when("StringEquals", "aws:userid", "a${*}", "${aws:userid}"))),
    ("wildcard-in-equals", allow(**when("ArnEquals", "aws:SourceArn", "arn:aws:sns:*:*:t"))),
    ("mfa-carve-out", instead_of_action(deny(**when("BoolIfExists", MFA, "false")), *ENROL)),
    ("mfa-carve-out", instead_of_action(deny(), "iam:*")),
    ("mfa-carve-out", instead_of_action(deny(**when("BoolIfExists", MFA, True, False)), "iam:*")),
    ("if-exists-on-allow", allow(**when("Bool", MFA, "true"))),
    ("if-exists-on-allow", allow(**when("BoolIfExists", MFA, "false"))),
    (
        "if-exists-on-allow",
        allow(Action="ec2:RunInstances",
              **when("StringLikeIfExists", "ec2:InstanceType", "t1.*", "t2.*", "m3.*")),
    ),
    (
        "if-exists-on-allow",
        allow(Condition={"IpAddressIfExists": {"aws:SourceIp": ["203.0.113.0/24"]},
                         "StringEqualsIfExists": {"aws:SourceVpc": ["vpc-1"]}}),
    ),
    (
        "for-all-values",
        allow(Action="ec2:CreateTags",
              Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]},
                         "Null": {"aws:TagKeys": "false"}}),
    ),
    (
        "for-all-values",
        allow(Action="ec2:CreateTags",
              Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]},
                         "StringEquals": {"aws:RequestTag/a": "b"}}),
    ),
    ("for-all-values", deny(**when("ForAllValues:StringEquals", "aws:TagKeys", "a"))),
    ("network-list", allow(**when("IpAddress", "aws:SourceIp", "203.0.113.0/24", "2001:db8::/32"))),
    ("network-list", allow(**when("IpAddress", "aws:VpcSourceIp", "10.1.0.0/16"))),
    (
        "fence-and-endpoints",
        deny(Condition={"NotIpAddress": {"aws:SourceIp": "1.1.1.1"},
                        "StringNotEquals": {"aws:SourceVpc": "vpc-1"}}),
    ),
    ("allow-all-but", instead_of_action(deny(), "iam:*")),
    ("star-with-others", allow(Resource=["*"])),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "severity", "word", "statement"), WRONG)
def test_a_rule_finds_what_it_is_about(found, rule, severity, word, statement):
    rows = found(statement).query("rule == @rule")
    assert rows["severity"].tolist() == [severity]
    assert rows["number"].tolist() == [1]
    assert word in (rows["problem"] + " → " + rows["suggestion"]).iloc[0]


@pytest.mark.parametrize(("rule", "statement"), RIGHT)
def test_a_rule_leaves_alone_what_is_right(found, rule, statement):
    assert found(statement).query("rule == @rule").empty


def test_every_rule_has_an_example_both_ways():
    apart = {"redundant", "variables-in-old-version", "not-principal"}
    assert {example[0] for example in WRONG} == RULES.keys() - apart
    assert {example[0] for example in RIGHT} == RULES.keys() - apart


def test_rules_about_a_condition_are_not_missed_where_there_is_none(tmp_path, monkeypatch):
    """A statement without one is not put to them; they would find nothing in it."""
    examples = [example[-1] for example in (*WRONG, *RIGHT) if isinstance(example[-1], dict)]
    examples += [allow(Resource=f"arn:aws:s3:::${{{key}}}") for key in (MFA, "aws:SourceIp")]
    plain = [
        policy(f"p{number}", {"Version": "2012-10-17", "Statement": without("Condition", each)})
        for number, each in enumerate(examples)
    ]
    subject = account(tmp_path, details(policies=plain))
    rows = lint(subject, known())
    monkeypatch.setattr(linting, "UNCONDITIONAL", RULES)
    pd.testing.assert_frame_equal(rows, lint(subject, known()))
    assert rows["rule"].nunique() > 5


@pytest.mark.parametrize(
    ("statements", "numbers"),
    [
        ([allow(Sid="A"), allow(Sid="B")], [2]),
        ([allow(Action="s3:Get*", Resource="arn:aws:s3:::*"), allow()], [2]),
        ([allow(), allow(Action="s3:Get*", Resource="arn:aws:s3:::*")], [1]),
        ([allow(**when("Bool", MFA, "true")), allow()], [1]),
        ([deny(), deny(Action="s3:*")], [2]),
        ([allow(Action="s3:Newest"), allow(Action="s3:New*")], [1]),
        ([allow(Action=["s3:GetObject", "s3:GetObject"]), allow()], [2]),
        ([allow(), deny()], []),
        ([allow(), allow(Resource="arn:aws:s3:::other/*")], []),
        ([allow(), allow(Action="s3:PutObject")], []),
        ([allow(), allow(**when("Bool", MFA, "true"), Action="s3:*")], []),
        ([instead_of_action(deny(), "s3:*"), deny(Action=["iam:*", "ec2:*"])], [2]),
        ([deny(Action="?*:*"), instead_of_action(deny(), "s3:*")], []),
    ],
)
def test_of_statements_that_say_the_same_one_is_redundant(found, statements, numbers):
    rows = found(*statements).query("rule == 'redundant'")
    assert rows["number"].tolist() == numbers


def test_a_condition_beside_the_same_permission_without_one_is_pointless(found):
    rows = found(allow(**when("Bool", MFA, "true")), allow(Sid="Plain")).query("rule=='redundant'")
    assert rows["severity"].tolist() == ["medium"]
    assert "statement “Plain”" in rows["problem"].iloc[0]


def test_a_denial_of_old_mfa_beside_one_of_no_mfa_is_no_fault(found):
    old = deny(**when("NumericGreaterThan", "aws:MultiFactorAuthAge", "3600"))
    rows = found(old, deny(**when("BoolIfExists", MFA, "false")))
    assert rows.query("rule == 'age-on-mfa'").empty


def test_a_denial_of_old_mfa_beside_one_that_keys_escape_is_a_fault(found):
    old = deny(**when("NumericGreaterThan", "aws:MultiFactorAuthAge", "3600"))
    rows = found(old, deny(**when("Bool", MFA, "false")))
    assert rows.query("rule == 'age-on-mfa'")["number"].tolist() == [1]


def test_two_denials_may_share_the_work(found):
    rows = found(deny(**when("Bool", MFA, "false")), deny(**when("Null", MFA, "true")))
    assert rows.query("severity == 'high'").empty


@pytest.mark.parametrize(("version", "high"), [(None, 1), ("2008-10-17", 1), ("2012-10-17", 0)])
def test_variables_need_the_current_version(found, version, high):
    own = allow(Resource="arn:aws:s3:::home/${aws:username}/*")
    rows = found(own, Version=version).query("rule == 'variables-in-old-version'")
    assert rows["severity"].tolist() == ["high"] * high


def test_an_old_version_without_variables_is_no_fault(found):
    assert found(allow(), Version="2008-10-17").empty


def test_documents_that_cannot_be_read_are_named(found, tmp_path):
    assert found(allow(), Version="2012-10-18")["problem"].tolist() == [
        'Version "2012-10-18" is no version of the policy language'
    ]
    (tmp_path / "text").mkdir()
    rows = lint(account(tmp_path / "text", details(policies=[policy("p", "{")])), known())
    assert rows["rule"].tolist() == ["unreadable-document"]
    assert rows["problem"].tolist() == ["Its document is not JSON"]
    assert rows["number"].isna().all()
    (tmp_path / "trust").mkdir()
    rows = lint(account(tmp_path / "trust", details(roles=[role("r", "{")])), known())
    assert rows["rule"].tolist() == ["unreadable-document"]


def test_policies_without_a_document_each_have_their_own_reason(tmp_path):
    gone = {"PolicyName": "gone", "PolicyArn": f"{ARN}policy/gone"}
    roles = [role("r", {"Statement": []}, AttachedManagedPolicies=[gone])]
    policies = [policy("p", {}, PolicyVersionList=[])]
    rows = lint(account(tmp_path, details(roles=roles, policies=policies)), known())
    assert rows.query("severity == 'info'")["problem"].tolist() == [
        "Its default version is not in the evidence",
        "Attached, but not in the evidence",
    ]


def test_trust_policies_are_read_too(found_in_trust):
    rows = found_in_trust(
        {"Effect": "Allow", "NotPrincipal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"AWS": f"{ARN}root"}, "Action": "sts:AssumeRole",
         **when("BoolIfExists", MFA, "true")},
    )  # fmt: skip
    assert rows["rule"].tolist() == ["not-principal", "if-exists-on-allow"]
    assert set(rows["kind"]) == {"trust"}
    assert set(rows["policy_arn"]) == {f"{ARN}role/r"}
    assert rows["number"].tolist() == [1, 2]


def test_keys_of_identity_providers_are_fine_in_trust_policies(found_in_trust):
    provider = "token.actions.githubusercontent.com"
    sub = {f"{provider}:aud": "sts.amazonaws.com", f"{provider}:sub": "repo:a/b:ref:refs/heads/c"}
    web = "sts:AssumeRoleWithWebIdentity"
    eks = {"oidc.eks.eu-west-1.amazonaws.com/id/AB12:sub": "system:serviceaccount:a:b"}
    rows = found_in_trust(
        {"Effect": "Allow", "Principal": GITHUB, "Action": web, "Condition": {"StringEquals": sub}},
        {"Effect": "Allow", "Principal": GITHUB, "Action": web, "Condition": {"StringEquals": eks}},
    )
    assert rows.empty


def test_actions_that_a_catalog_has_from_policies_stay_unknown(tmp_path):
    misspelt = policy("p", {"Statement": allow(Action="s3:GetObjekt")})
    rows = lint(
        account(tmp_path, details(policies=[misspelt])), known().including(["s3:GetObjekt"])
    )
    assert "unknown-action" in set(rows["rule"])


def test_the_same_document_is_named_for_each_policy(tmp_path):
    twice = [policy(name, {"Statement": allow(Action="s3:GetObjekt")}) for name in ("p", "q")]
    rows = lint(account(tmp_path, details(policies=twice)), known())
    names = rows.query("rule == 'unknown-action'")["policy_name"]
    assert names.tolist() == ["p", "q"]
    assert list(rows.columns) == LINT.names


AWS_EXAMPLES = {
    "AWS: Allows MFA-authenticated users to manage their own credentials (the denial)": {
        "Sid": "DenyAllExceptListedIfNoMFA", "Effect": "Deny",
        "NotAction": [*ENROL, "iam:GetMFADevice", "iam:ChangePassword"], "Resource": "*",
        "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
    },
    "AWS: Denies access to AWS based on the source IP": {
        "Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"]}},
    },
    "the same, older": {
        "Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"]},
                      "Bool": {"aws:ViaAWSService": "false"}},
    },
    "AWS: Allows access using MFA within specific dates": {
        "Effect": "Allow", "Action": "s3:*", "Resource": "*",
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": True},
                      "DateGreaterThan": {"aws:CurrentTime": "2017-07-01T00:00:00Z"},
                      "DateLessThan": {"aws:CurrentTime": "2017-12-31T23:59:59Z"}},
    },
}  # fmt: skip


@pytest.mark.parametrize("example", AWS_EXAMPLES)
def test_what_aws_itself_shows_is_no_fault(found, example):
    assert found(AWS_EXAMPLES[example]).query("severity != 'info'").empty


@pytest.fixture(scope="module")
def of_the_demo(demo_account):
    """Findings about the demo company."""
    return lint(demo_account, known())


def test_the_clean_policies_of_the_demo_company_have_no_finding(of_the_demo):
    rows = of_the_demo[of_the_demo["policy_name"].isin(demo.CLEAN)]
    assert rows.query("severity != 'info'").empty
    assert of_the_demo.query("kind == 'trust'").empty


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("RequireMFA-Support", "bool-on-mfa"),
        ("RequireMFA-DataScience", "mfa-carve-out"),
        ("OfficeNetworks-Contractors", "network-list"),
        ("FinanceReportsIfMFA", "if-exists-on-allow"),
        ("ReportingJobs", "unknown-action"),
        ("EverythingButIdentity", "allow-all-but"),
        ("PlatformOwner", "star-with-others"),
    ],
)
def test_the_planted_weaknesses_of_the_demo_company_are_found(of_the_demo, name, rule):
    rows = of_the_demo.query("policy_name == @name and severity != 'info'")
    assert set(rows["rule"]) == {rule}


def test_the_three_misspelt_actions_are_named(of_the_demo):
    rows = of_the_demo.query("policy_name == 'ReportingJobs'")
    meant = ["s3:GetObject", "dynamodb:Query", "athena:StartQueryExecution"]
    assert rows["suggestion"].tolist() == [f'Did you mean "{action}"?' for action in meant]


TEXTS = st.sampled_from(
    ["Allow", "Deny", "*", "s3:*", "s3:Get?bject", "iam:Nope*", "", ":", "aws:SourceIp", MFA,
     "true", "0.0.0.0/0", "::1/0", "10.0.0.1/8", "arn:aws:s3:::a/${aws:username}", "${",
     "2012-10-17", "ä\0"]
) | st.text(max_size=8)  # fmt: skip
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
OPERATORS = st.sampled_from(
    ["Bool", "BoolIfExists", "Null", "IpAddress", "NotIpAddressIfExists", "StringEquals",
     "StringNotLike", "ForAllValues:StringLike", "ForAnyValue:Null", "ArnLike", "Nope", ":"]
)  # fmt: skip
JSON = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
CONDITIONS = st.dictionaries(OPERATORS, st.dictionaries(TEXTS, VALUES | st.lists(VALUES)) | JSON)
STATEMENTS = st.fixed_dictionaries(
    {},
    optional={
        "Effect": st.sampled_from(["Allow", "Deny"]) | JSON,
        **dict.fromkeys(
            ["Sid", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal"],
            st.lists(TEXTS, max_size=3) | JSON,
        ),
        "Condition": CONDITIONS | JSON,
        "problem": JSON,
    },
)
DOCUMENTS = JSON | st.fixed_dictionaries(
    {"Statement": st.lists(STATEMENTS | JSON, max_size=4) | JSON},
    optional={"Version": TEXTS | JSON},
)


@examples(0.75)
@given(st.lists(DOCUMENTS, max_size=3))
def test_no_document_is_too_odd(tmp_path_factory, documents):
    documents = [json.loads(json.dumps(document)) for document in documents]
    policies = [policy(f"p{number}", document) for number, document in enumerate(documents)]
    roles = [role(f"r{number}", document) for number, document in enumerate(documents)]
    subject = account(tmp_path_factory.mktemp("odd"), details(policies=policies, roles=roles))
    rows = lint(subject, known())
    assert set(rows["severity"]) <= {"high", "medium", "low", "info"}
    assert set(rows["rule"]) <= {*RULES, "unreadable-document"}
    assert rows[["problem", "suggestion"]].notna().all(axis=None)
    pd.testing.assert_frame_equal(rows, lint(subject, known()))
