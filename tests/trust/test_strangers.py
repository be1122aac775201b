"""Whoever has an AWS account: the conditions that it can meet, and those that keep it out."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.policy import ABSENT, UNKNOWN, RequestContext, conditions
from iamkit.tables import authorization_details
from iamkit.trust import trust_policy
from iamkit.trust.callers import Home, deputies, members, strangers
from iamkit.trust.trust_policy import CallerKind, TrustEntry
from tests.accounts import ACCOUNT, ARN, account, again, details, role
from tests.examples import examples

VENDOR = "999988887777"
OTHER = "444455556666"
OURS = "o-a1b2c3d4e5"
ORGANIZATION = {"Organization": {"Id": OURS, "MasterAccountId": ACCOUNT}}
HOME = Home("aws", ACCOUNT)


def like(key: str, *values: str) -> dict[str, Any]:
    return {"StringLike": {f"aws:{key}": list(values)}}


def equal(key: str, *values: str) -> dict[str, Any]:
    return {"StringEquals": {f"aws:{key}": list(values)}}


def arn(*values: str, key: str = "PrincipalArn") -> dict[str, Any]:
    return {"ArnLike": {f"aws:{key}": list(values)}}


def address(*values: str, key: str = "SourceIp", **more: Any) -> dict[str, Any]:
    return {"IpAddress": {f"aws:{key}": list(values)}, **more}


def statement(effect: str, condition: Any, principal: Any = "*") -> dict[str, Any]:
    made = {"Effect": effect, "Principal": principal, "Action": "sts:AssumeRole"}
    return made | ({"Condition": condition} if condition else {})


def entry(*statements: dict[str, Any]) -> TrustEntry:
    """The only entry of a trust policy."""
    found = [role("r", {"Version": "2012-10-17", "Statement": list(statements)})]
    table = trust_policy.entries(
        authorization_details.trust(found), authorization_details.roles(found)
    )
    (row,) = trust_policy.rows(table)
    return TrustEntry.of(row)


def admits(condition: Any, denied: Any = None, home: Home = HOME) -> bool:
    """Whether a role open to anyone under a condition admits a stranger."""
    denial = [statement("Deny", denied)] if denied else []
    made = entry(statement("Allow", condition), *denial)
    return any(made.may(each, CallerKind.STRANGER) for each in strangers(made, home))


MET: dict[str, Any] = {
    "a session's name": like("userid", "*:deploy"),
    "a session's name, of any role": like("userid", "AROA*:deploy"),
    "a user's id": like("userid", "AIDA*"),
    "roles": equal("PrincipalType", "AssumedRole"),
    "users": equal("PrincipalType", "User"),
    "users or roles": equal("PrincipalType", "User", "AssumedRole"),
    "no service": {"Bool": {"aws:PrincipalIsAWSService": "false"}},
    "any service": {"Bool": {"aws:PrincipalIsAWSService": "true"}},
    "a role's name": like("PrincipalArn", "*:role/deploy"),
    "a role's path": like("PrincipalArn", "*/ci/*"),
    "a role's name, as an ARN": arn("arn:aws:iam::*:role/deploy"),
    "a role's name, in part": arn("arn:*:iam::*:role/team-*/deploy?"),
    "Identity Center": like("PrincipalArn", "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*"),
    "anyone's ARN, by variable": arn("arn:aws:iam::${aws:PrincipalAccount}:role/*"),
    "a user's name": equal("username", "deploy"),
    "a tag": equal("PrincipalTag/team", "ops"),
    "accounts by their first digit": like("PrincipalAccount", "4*"),
    "any account": like("PrincipalAccount", "*"),
    "not an account": {"StringNotEquals": {"aws:PrincipalAccount": VENDOR}},
    "any organization": like("PrincipalOrgID", "o-*"),
    "organizations by their first letter": like("PrincipalOrgID", "o-a*"),
    "an organization at all": {"Null": {"aws:PrincipalOrgID": "false"}},
    "none": {"Null": {"aws:PrincipalOrgID": "true"}},
    "any root": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*/r-*/*"}},
    "any unit": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*/r-*/ou-*/*"}},
    "any path": {"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": f"{OURS}/*"}},
    "any VPC": like("SourceVpc", "vpc-*"),
    "any endpoint": like("SourceVpce", "vpce-0*"),
    "any VPC's ARN": arn("arn:aws:ec2:*:*:vpc/*", key="SourceVpcArn"),
    "through an endpoint": {"Null": {"aws:SourceVpce": "false"}},
    "a private address": address("10.0.0.0/8", key="VpcSourceIp"),
    "one private address": address("10.1.2.3/32", key="VpcSourceIp"),
    "any organization's endpoint": like("VpceOrgID", "o-*"),
    "all addresses in use": address("0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"),
    "a half": address("128.0.0.0/1"),
    "a /8": address("52.0.0.0/8"),
    "a /8, in parts": address(*(f"52.{each}.0.0/12" for each in range(0, 256, 16))),
    "IPv6": address("::/0"),
    "IPv6 of a registry": address("2a00::/12"),
    "all but an office": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    "IPv6, if not IPv4": {"NotIpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
    "any source": arn("arn:aws:sns:*:*:*", key="SourceArn"),
    "a name and a session": {**equal("PrincipalType", "User"), **arn("arn:aws:iam::*:user/ci-*")},
    "an organization and an endpoint": {
        "StringLike": {"aws:PrincipalOrgID": "o-*", "aws:SourceVpce": "vpce-*"}
    },
}
NOT_MET: dict[str, Any] = {
    "a session of one role": like("userid", "AROAEXAMPLEEXAMPLEEXA:*"),
    "the account's ARNs": arn(f"{ARN}role/*"),
    "the account": equal("PrincipalAccount", ACCOUNT),
    "the role's account": equal("PrincipalAccount", "${aws:ResourceAccount}"),
    "the role's organization": equal("PrincipalOrgID", "${aws:ResourceOrgID}"),
    "another account": equal("PrincipalAccount", VENDOR),
    "another account's roles": arn(f"arn:aws:iam::{VENDOR}:role/*"),
    "an organization": equal("PrincipalOrgID", OURS),
    "an organization, with a wildcard": like("PrincipalOrgID", f"{OURS}*"),
    "its paths": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": f"{OURS}/*"}},
    "a root": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*/r-ab12/*"}},
    "a VPC": equal("SourceVpc", "vpc-0a1b2c3d4e5f60718"),
    "an endpoint": like("SourceVpce", "vpce-0a1b2c3d*"),
    "a VPC's ARN": arn(f"arn:aws:ec2:*:{ACCOUNT}:vpc/*", key="SourceVpcArn"),
    "the account's endpoints": equal("VpceAccount", ACCOUNT),
    "an office": address("203.0.113.0/24", "2001:db8:12::/48"),
    "a /16": address("131.107.0.0/16"),
    "private addresses on the internet": address("10.0.0.0/8"),
    "addresses of nobody": address("240.0.0.0/4", "127.0.0.0/8", "169.254.0.0/16"),
    "a source of ours": arn(f"arn:aws:sns:*:{ACCOUNT}:*", key="SourceArn"),
    "our source account": equal("SourceAccount", ACCOUNT),
    "a name and our account": {
        **like("PrincipalArn", "*:role/deploy"),
        **equal("PrincipalAccount", ACCOUNT),
    },
    "two names at once": {
        "StringLike": {"aws:PrincipalArn": "*:role/ci-*"},
        "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"},
    },
    "a user's ARN of a role": {
        **equal("PrincipalType", "AssumedRole"),
        **arn("arn:aws:iam::*:user/*"),
    },
    "an endpoint and an address of the internet": {
        **like("SourceVpce", "vpce-*"),
        **address("0.0.0.0/0"),
    },
}


@pytest.mark.parametrize("condition", MET.values(), ids=MET)
def test_a_stranger_meets(condition: Any) -> None:
    assert admits(condition)


@pytest.mark.parametrize("condition", NOT_MET.values(), ids=NOT_MET)
def test_no_stranger_meets(condition: Any) -> None:
    assert not admits(condition)


def test_the_role_s_own_organization_is_known_from_the_evidence() -> None:
    home = Home("aws", ACCOUNT, organization_id=OURS)
    assert admits(equal("ResourceOrgID", OURS), home=home)
    assert admits(equal("ResourceOrgID", OURS))
    assert not admits(equal("ResourceOrgID", "o-other00000"), home=home)


DENIED = {
    "all others": (
        like("PrincipalArn", "*:role/deploy"),
        {"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}},
    ),
    "all outside": (
        equal("PrincipalType", "User"),
        {"StringNotEquals": {"aws:PrincipalOrgID": OURS}},
    ),
    "each in one way": (equal("PrincipalType", "User"), like("PrincipalArn", "*:user/*")),
    "all addresses left": (
        address("0.0.0.0/1", "128.0.0.0/1"),
        {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    ),
}
NOT_DENIED = {
    "some names": (like("PrincipalArn", "*:role/deploy*"), like("PrincipalArn", "*:role/deploy")),
    "one account": ({}, equal("PrincipalAccount", VENDOR)),
    "IPv4": ({}, address("0.0.0.0/0")),
    "all without an endpoint": ({}, {"Null": {"aws:SourceVpce": "true"}}),
    "users": ({}, equal("PrincipalType", "User")),
    "two things together": ({}, {**equal("PrincipalType", "User"), **address("0.0.0.0/0")}),
}


@pytest.mark.parametrize(("allowed", "denied"), DENIED.values(), ids=DENIED)
def test_a_denial_of_every_stranger_keeps_them_out(allowed: Any, denied: Any) -> None:
    assert not admits(allowed, denied)


@pytest.mark.parametrize(("allowed", "denied"), NOT_DENIED.values(), ids=NOT_DENIED)
def test_a_denial_of_some_does_not(allowed: Any, denied: Any) -> None:
    assert admits(allowed, denied)


# ── Accounts ─────────────────────────────────────────────────────────────────────────────────────


def shown(folder: Path, *statements: dict[str, Any], known: Any = ()) -> list[tuple[str, str, Any]]:
    """Who comes in by a role's trust policy, the principal, and the problem."""
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    opened = again(
        account(folder, details(roles=[role("r", document)])), known_accounts=list(known)
    )
    found = opened.trusted_principals[["who", "principal", "problem"]].astype(object)
    return [tuple(row) for row in found.where(found.notna(), None).to_numpy().tolist()]


FOREIGN = [("unknown account", VENDOR, "no external id")]
NARROWED: dict[str, tuple[Any, Any]] = {
    "by account": (equal("PrincipalAccount", VENDOR), FOREIGN),
    "by ARN": (arn(f"arn:aws:iam::{VENDOR}:role/*"), FOREIGN),
    "by the ARN of one role": (equal("PrincipalArn", f"arn:aws:iam::{VENDOR}:role/ci"), FOREIGN),
    "by ARN, as text": (like("PrincipalArn", f"arn:aws:iam::{VENDOR}:*"), FOREIGN),
    "by source": (equal("SourceAccount", VENDOR), FOREIGN),
    "by the source's ARN": (arn(f"arn:aws:sns:*:{VENDOR}:*", key="SourceArn"), FOREIGN),
    "in an office": ({**equal("PrincipalAccount", VENDOR), **address("203.0.113.0/24")}, FOREIGN),
    "two of them": (
        equal("PrincipalAccount", VENDOR, OTHER),
        [("unknown account", OTHER, "no external id"), *FOREIGN],
    ),
    "with an external id": (
        {"StringEquals": {"aws:PrincipalAccount": VENDOR, "sts:ExternalId": "7f1c"}},
        [("unknown account", VENDOR, None)],
    ),
    "the account": (equal("PrincipalAccount", ACCOUNT), [("own account", ACCOUNT, None)]),
    "its roles": (arn(f"{ARN}role/ops-*"), [("own identity", ACCOUNT, None)]),
    "the account and another": (
        equal("PrincipalAccount", ACCOUNT, VENDOR),
        [("own account", ACCOUNT, None), *FOREIGN],
    ),
    "neither": (
        {"StringNotEquals": {"aws:PrincipalAccount": [VENDOR]}},
        [("anyone", "*", "open to anyone")],
    ),
    "not it, in an office": (
        {"StringNotEquals": {"aws:PrincipalAccount": [VENDOR]}, **address("203.0.113.0/24")},
        [("narrowed", "*", None)],
    ),
    "it, or a name in an office": (
        {
            **arn(f"arn:aws:iam::{VENDOR}:role/ci", "arn:aws:iam::*:role/ci"),
            **address("203.0.113.0/24"),
        },
        [("narrowed", "*", None), *FOREIGN],
    ),
}


@pytest.mark.parametrize(("condition", "rows"), NARROWED.values(), ids=NARROWED)
def test_anyone_narrowed_to_accounts_is_these_accounts(
    condition: Any, rows: Any, tmp_path: Path
) -> None:
    assert shown(tmp_path, statement("Allow", condition)) == rows


def test_a_known_account_is_yours_whether_named_or_narrowed_to(tmp_path: Path) -> None:
    narrowed = statement("Allow", equal("PrincipalAccount", VENDOR))
    assert shown(tmp_path, narrowed, known=[VENDOR]) == [("known account", VENDOR, None)]


def test_all_but_another_account_denied_is_that_account(tmp_path: Path) -> None:
    denial = {"Effect": "Deny", "NotPrincipal": {"AWS": VENDOR}, "Action": "sts:AssumeRole"}
    assert shown(tmp_path, statement("Allow", None), denial) == FOREIGN


# ── Deputies ─────────────────────────────────────────────────────────────────────────────────────

ANY_SOURCE: dict[str, Any] = {
    "nothing": None,
    "any topic": arn("arn:aws:sns:*:*:*", key="SourceArn"),
    "any topic of a name": arn("arn:aws:sns:*:*:alerts", key="SourceArn"),
    "any topic, as text": like("SourceArn", "arn:aws:sns:*"),
    "any topic in a region": arn("arn:aws:sns:eu-west-1:*:*", key="SourceArn"),
    "any bucket": arn("arn:aws:s3:::*", key="SourceArn"),
    "buckets of a prefix": arn("arn:aws:s3:::logs-*", key="SourceArn"),
    "any API": arn("arn:aws:apigateway:*::/restapis/*", key="SourceArn"),
    "any account": like("SourceAccount", "*"),
    "accounts by a digit": like("SourceAccount", "0*"),
    "another account": {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}},
    "any organization": like("SourceOrgID", "o-*"),
    "any path": {"ForAnyValue:StringLike": {"aws:SourceOrgPaths": "o-*/r-*/*"}},
    "an account, if there is one of an organization": {
        "StringEqualsIfExists": {"aws:SourceOrgID": OURS}
    },
}
NAMED_SOURCE: dict[str, Any] = {
    "the account": equal("SourceAccount", ACCOUNT),
    "the account's topics": arn(f"arn:aws:sns:*:{ACCOUNT}:*", key="SourceArn"),
    "the account, by variable": equal("SourceAccount", "${aws:ResourceAccount}"),
    "one bucket": arn("arn:aws:s3:::logs-of-ours", key="SourceArn"),
    "a bucket's objects": arn("arn:aws:s3:::logs-of-ours/*", key="SourceArn"),
    "one API": arn("arn:aws:apigateway:eu-west-1::/restapis/a1b2c3/*", key="SourceArn"),
    "an organization": equal("SourceOrgID", OURS),
    "any bucket of the account": {
        **arn("arn:aws:s3:::*", key="SourceArn"),
        **equal("SourceAccount", ACCOUNT),
    },
    "an external id": {"StringEquals": {"sts:ExternalId": "7f1c"}},
}
TOPICS = {"Service": "sns.amazonaws.com"}


@pytest.mark.parametrize("condition", ANY_SOURCE.values(), ids=ANY_SOURCE)
def test_a_source_of_a_stranger_s(condition: Any, tmp_path: Path) -> None:
    found = shown(tmp_path, statement("Allow", condition, TOPICS))
    assert found == [("service", "sns.amazonaws.com", "no source")]


@pytest.mark.parametrize("condition", NAMED_SOURCE.values(), ids=NAMED_SOURCE)
def test_a_source_that_is_named(condition: Any, tmp_path: Path) -> None:
    found = shown(tmp_path, statement("Allow", condition, TOPICS))
    assert found == [("service", "sns.amazonaws.com", None)]


@pytest.mark.parametrize(
    "condition",
    [
        equal("SourceAccount", VENDOR),
        equal("SourceAccount", ACCOUNT, VENDOR),
        arn(f"arn:aws:sns:*:{VENDOR}:*", key="SourceArn"),
        {**arn("arn:aws:s3:::*", key="SourceArn"), **equal("SourceAccount", VENDOR)},
    ],
    ids=["account", "among ours", "ARN", "any bucket of theirs"],
)
def test_a_source_of_another_account_is_a_finding_of_its_own(
    condition: Any, tmp_path: Path
) -> None:
    trusted = statement("Allow", condition, TOPICS)
    found = shown(tmp_path, trusted)
    assert found == [("service", "sns.amazonaws.com", "unknown source")]
    (tmp_path / "b").mkdir()
    assert shown(tmp_path / "b", trusted, known=[VENDOR])[0][2] is None


# ── A slow search ────────────────────────────────────────────────────────────────────────────────

# A small world of strangers, each value of each key that a stranger can have here.
NAMES = ["role/deploy", "role/x", "user/deploy", "user/x"]
IDS = {"role": "AROA7777777777777ZZZZ:", "user": "AIDA7777777777777ZZZZ"}
ORGANIZATIONS = [None, "o-zzzzzzzzzz"]
ROUTES: list[dict[str, Any]] = [
    {"aws:sourceip": "52.95.1.1"},
    {"aws:sourceip": "2600:1f18::1"},
    {
        "aws:sourcevpc": "vpc-0zzzzzzz",
        "aws:sourcevpce": "vpce-0zzzzzzz",
        "aws:vpcsourceip": "10.0.0.9",
    },
]


def world() -> list[RequestContext]:
    """Every stranger of the small world."""
    found = []
    for name in NAMES:
        kind = name.split("/")[0]
        for session in ("deploy", "x"):
            for organization in ORGANIZATIONS:
                own: dict[str, Any] = {
                    "aws:principalarn": f"arn:aws:iam::770000000077:{name}",
                    "aws:principalaccount": "770000000077",
                    "aws:principaltype": {"role": "AssumedRole", "user": "User"}[kind],
                    "aws:userid": IDS[kind] + (session if kind == "role" else ""),
                    "aws:username": name.split("/")[1] if kind == "user" else ABSENT,
                }
                if organization:
                    own["aws:principalorgid"] = organization
                    own["aws:principalorgpaths"] = [f"{organization}/r-zz/ou-zz-1/"]
                found += [RequestContext({**own, **route}) for route in ROUTES]
    return found


WORLD = world()
tests = st.sampled_from(
    [
        *[
            ("PrincipalArn", each)
            for each in ("*:role/deploy", "*:role/*", "arn:aws:iam::*:user/*")
        ],
        *[
            ("PrincipalArn", each)
            for each in (f"{ARN}role/*", f"arn:aws:iam::{VENDOR}:*", "*deploy")
        ],
        *[("PrincipalAccount", each) for each in (ACCOUNT, VENDOR, "7*", "*77")],
        *[("PrincipalType", each) for each in ("User", "AssumedRole", "A*")],
        *[("userid", each) for each in ("*:deploy", "AROA*", "AIDA*", "AROAEXAMPLEEXAMPLEEXA:*")],
        *[("PrincipalOrgID", each) for each in ("o-*", OURS, f"{OURS}*")],
        *[("SourceVpc", each) for each in ("vpc-*", "vpc-0*", "vpc-0a1b2c3d")],
        *[("SourceVpce", each) for each in ("vpce-*", "vpce-0a1b2c3d")],
    ]
)
paths = st.sampled_from(["o-*/r-*/*", f"{OURS}/*", "*/ou-*/*"])
nets = st.sampled_from(
    ["0.0.0.0/0", "0.0.0.0/1", "52.0.0.0/8", "203.0.113.0/24", "10.0.0.0/8", "::/0", "2600::/12"]
)


@st.composite
def conditions_of(draw: st.DrawFn) -> dict[str, Any]:
    """One to three tests, of different operators."""
    made: dict[str, Any] = {}
    for _ in range(draw(st.integers(1, 3))):
        how = draw(st.sampled_from(["text", "text", "path", "address", "null"]))
        negated = draw(st.sampled_from(["", "", "Not"]))
        maybe = draw(st.sampled_from(["", "", "IfExists"]))
        if how == "text":
            key, value = draw(tests)
            made[f"String{negated}Like{maybe}"] = {f"aws:{key}": value}
        elif how == "path":
            made["ForAnyValue:StringLike"] = {"aws:PrincipalOrgPaths": draw(paths)}
        elif how == "address":
            key = draw(st.sampled_from(["aws:SourceIp", "aws:VpcSourceIp"]))
            made[f"{negated}IpAddress{maybe}"] = {key: draw(nets)}
        else:
            key = draw(st.sampled_from(["SourceVpce", "PrincipalOrgID", "username", "SourceIp"]))
            made["Null"] = {f"aws:{key}": draw(st.sampled_from(["true", "false"]))}
    return made


@examples(4)
@given(conditions_of(), st.lists(conditions_of(), max_size=2))
def test_whoever_a_slow_search_finds_is_found(allowed: Any, denied: list[Any]) -> None:
    """No stranger of a small world comes in by an entry that is said to admit none."""
    made = entry(statement("Allow", allowed), *(statement("Deny", each) for each in denied))
    met = [
        each
        for each in WORLD
        if conditions.evaluate(allowed, each) is True
        and not any(conditions.evaluate(denial, each) is not False for denial in denied)
    ]
    if met:
        assert any(made.may(each, CallerKind.STRANGER) for each in strangers(made, HOME)), met[0]


KEYS = ("principalarn", "principalaccount", "principaltype", "userid", "username", "principalorgid")


@examples(2)
@given(conditions_of(), st.lists(conditions_of(), max_size=2))
def test_whoever_is_tried_is_a_stranger(allowed: Any, denied: list[Any]) -> None:
    """No caller that is tried has the account's number, or an id that a policy writes out."""
    made = entry(statement("Allow", allowed), *(statement("Deny", each) for each in denied))
    for each in strangers(made, HOME):
        values = {key: each.get(f"aws:{key}") for key in KEYS}
        text = " ".join(value for value in values.values() if isinstance(value, str))
        assert not any(own in text for own in (ACCOUNT, VENDOR, OURS, "AROAEXAMPLEEXAMPLEEXA"))
        if isinstance(values["principalarn"], str):
            assert values["principalarn"].split(":")[4] == values["principalaccount"]
        assert each.get("aws:sourceip") is ABSENT or each.get("aws:sourcevpce") is ABSENT


def test_callers_of_one_account_have_its_number() -> None:
    made = entry(statement("Allow", like("PrincipalArn", "*:role/deploy")))
    numbers = {each.get("aws:principalaccount") for each in members(made, VENDOR, HOME)}
    assert numbers == {VENDOR}
    assert {each.get("aws:sourceaccount") for each in deputies(made, HOME, VENDOR)} == {VENDOR}


def test_too_many_choices_are_left_open_and_not_forgotten() -> None:
    """A key with more values than can be tried counts as unknown, which helps the caller."""
    many = [f"*{chr(97 + at)}*{chr(98 + at)}*{chr(99 + at)}*" for at in range(20)]
    made = entry(statement("Allow", like("PrincipalArn", *many)))
    found = list(strangers(made, HOME))
    assert len(found) <= 8000
    assert any(each.get("aws:principalarn") is UNKNOWN for each in found)
    assert any(made.may(each, CallerKind.STRANGER) for each in found)


# ── A slow search among services that act for strangers ──────────────────────────────────────────

THEIRS = "770000000077"
RESOURCES = [
    *[f"arn:aws:sns:{region}:{THEIRS}:{name}" for region in ("eu-west-1", "us-east-1")
      for name in ("alerts", "x")],
    *[f"arn:aws:s3:::{name}" for name in ("logs-zz", "zz")],
    "arn:aws:apigateway:eu-west-1::/restapis/zzzzzz/stages/live",
]  # fmt: skip


def services() -> list[RequestContext]:
    """Every request of a service for a stranger's resource, in a small world."""
    return [
        RequestContext(
            {
                "aws:sourcearn": resource,
                "aws:sourceaccount": THEIRS,
                "aws:sourceorgid": organization or ABSENT,
                "aws:sourceorgpaths": [f"{organization}/r-zz/"] if organization else ABSENT,
                "aws:principalisawsservice": "true",
            },
            UNKNOWN,
        )
        for resource in RESOURCES
        for organization in ORGANIZATIONS
    ]


SERVICES = services()
SOURCES = [
    *[
        ("Arn", "SourceArn", f"arn:aws:{each}")
        for each in ("sns:*:*:*", "sns:*:*:alerts", "s3:::*", "s3:::logs-*", "s3:::logs-of-ours")
    ],
    *[
        ("Arn", "SourceArn", f"arn:aws:{each}")
        for each in (f"sns:*:{ACCOUNT}:*", f"sns:eu-west-1:{VENDOR}:x", "apigateway:*::/restapis/*")
    ],
    *[("String", "SourceArn", each) for each in ("arn:aws:sns:*", f"*:{ACCOUNT}:*", "*zz*")],
    *[("String", "SourceAccount", each) for each in ("*", "7*", ACCOUNT, VENDOR)],
    *[("String", "SourceOrgID", each) for each in ("o-*", OURS)],
]


@st.composite
def conditions_of_services(draw: st.DrawFn) -> dict[str, Any]:
    """One to three tests of where a service's request comes from."""
    made: dict[str, Any] = {}
    for _ in range(draw(st.integers(1, 3))):
        kind, key, value = draw(st.sampled_from(SOURCES))
        negated, maybe = (
            draw(st.sampled_from(["", "", "Not"])),
            draw(st.sampled_from(["", "", "IfExists"])),
        )
        made[f"{kind}{negated}Like{maybe}"] = {f"aws:{key}": value}
    if draw(st.integers(0, 3)) == 0:
        made["Null"] = {"aws:SourceOrgID": draw(st.sampled_from(["true", "false"]))}
    return made


@examples(2)
@given(conditions_of_services(), st.lists(conditions_of_services(), max_size=2))
def test_a_service_that_a_slow_search_finds_for_a_stranger_is_found(
    allowed: Any, denied: list[Any]
) -> None:
    denials = (statement("Deny", each, TOPICS) for each in denied)
    made = entry(statement("Allow", allowed, TOPICS), *denials)
    met = [
        each
        for each in SERVICES
        if conditions.evaluate(allowed, each) is True
        and not any(conditions.evaluate(denial, each) is not False for denial in denied)
    ]
    if met:
        assert any(made.may(each) for each in deputies(made, HOME)), met[0]
