"""Verdicts against attackers: what each kind of request gets, and a search for counterexamples."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.access import Principals, effective
from iamkit.account import Account
from iamkit.policy import UNKNOWN, Policy, PolicyLayers, RequestContext, decide
from iamkit.restrictions.mfa_enforcement import mfa_enforcement
from iamkit.restrictions.network_restrictions import network_restrictions
from iamkit.settings import SELF_SERVICE
from tests.accounts import ARN, again, details, policy, role, user
from tests.accounts import account as imported
from tests.examples import examples
from tests.policies import EVERYTHING, allow, bounded, deny, document, inline, trusts

OFFICE, VPN, SIX = "203.0.113.0/24", "198.51.100.0/24", "2001:db8::/32"
PRESENT, AGE, IP = "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:SourceIp"
VPCE, VPC, PRIVATE = "aws:SourceVpce", "aws:SourceVpc", "aws:VpcSourceIp"
REGION, AGENT, NOW = "aws:RequestedRegion", "aws:UserAgent", "aws:CurrentTime"
NO_MFA = {"BoolIfExists": {PRESENT: "false"}}
WITH_MFA = {"Bool": {PRESENT: "true"}}
AWAY = {"NotIpAddress": {IP: OFFICE}}
NOT_ENFORCED = ("none", "partial", "bypassable", "console only", "keys only")


def denied(condition: Any) -> list[Any]:
    """Everything, but for a Deny."""
    return [EVERYTHING, deny("*", Condition=condition)]


def ana(folder: Path, *statements: Any, **members: Any) -> Account:
    return imported(folder, details([user("ana", UserPolicyList=inline(*statements), **members)]))


def mfa(account: Account, name: str = "ana") -> pd.Series:
    row: pd.Series = account.mfa_enforcement.set_index("name").loc[name]
    return row


def network(account: Account, name: str = "ana") -> pd.Series:
    row: pd.Series = account.network_restrictions.set_index("name").loc[name]
    return row


# --- a key becomes a session


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"Null": {PRESENT: "true"}}, NOT_ENFORCED),
        ({"StringNotLikeIfExists": {PRESENT: "*"}, "Null": {PRESENT: "true"}}, NOT_ENFORCED),
        ({"Null": {"aws:TokenIssueTime": "true"}}, NOT_ENFORCED),
        (NO_MFA, ("enforced",)),
        ({"StringNotEquals": {PRESENT: "true"}}, ("enforced",)),
        ({"NumericGreaterThanIfExists": {AGE: "3600"}}, ("enforced",)),
    ],
    ids=str,
)
def test_what_stops_a_key_has_to_stop_its_session_too(
    tmp_path: Path, condition: dict[str, Any], expected: tuple[str, ...]
) -> None:
    row = mfa(ana(tmp_path, *denied(condition)))
    assert row["verdict"] in expected
    assert (row["key"] == "required") == (expected == ("enforced",))


def test_a_session_of_a_key_cannot_call_iam(tmp_path: Path) -> None:
    absent = {"Null": {PRESENT: "true"}}
    row = mfa(ana(tmp_path, allow("iam:*"), deny("*", Condition=absent)))
    assert (row["key"], row["password"], row["verdict"]) == (
        "required",
        "not required",
        "keys only",
    )
    row = mfa(imported_(tmp_path / "sts", allow("sts:AssumeRole"), deny("*", Condition=absent)))
    assert row["key"] == "not required", "a session may assume roles"


def imported_(folder: Path, *statements: Any) -> Account:
    folder.mkdir()
    return ana(folder, *statements)


@pytest.mark.parametrize("how", ["Null", "Bool"])
def test_of_a_trust_policy_the_session_of_a_key_is_asked_too(tmp_path: Path, how: str) -> None:
    present = {how: {PRESENT: "false"}}
    roles = [role("r", trusts("root", Condition=present), RolePolicyList=inline(EVERYTHING))]
    row = mfa(imported(tmp_path, details(roles=roles)), "r")
    assert row["key"] != "required"


# --- a fresh session, a later time


@pytest.mark.parametrize("seconds", ["1", "30", "59", "3600"])
def test_mfa_may_be_fresh(tmp_path: Path, seconds: str) -> None:
    young = allow("s3:*", Condition={"NumericLessThan": {AGE: seconds}})
    assert mfa(ana(tmp_path, young))["actions"] > 100
    account = imported_(tmp_path / "net", young, deny("*", Condition=AWAY))
    assert network(account)["verdict"] == "restricted"


@pytest.mark.parametrize(
    "condition",
    [
        {"DateGreaterThan": {NOW: "2027-01-01T00:00:00Z"}},
        {"NumericGreaterThan": {"aws:EpochTime": "1900000000"}},
    ],
    ids=str,
)
def test_whoever_waits_comes_later(tmp_path: Path, condition: dict[str, Any]) -> None:
    assert mfa(ana(tmp_path, allow("*", Condition=condition)))["verdict"] == "none"


def test_what_has_ended_does_not_come_back(tmp_path: Path) -> None:
    ended = {"DateLessThan": {NOW: "2026-01-01T00:00:00Z"}}
    assert mfa(ana(tmp_path, allow("*", Condition=ended)))["verdict"] == "nothing to protect"


def test_old_sessions_cut_off_are_no_restriction_and_no_crash(tmp_path: Path) -> None:
    old = deny("*", Condition={"DateLessThan": {"aws:TokenIssueTime": "2026-10-01T00:00:00Z"}})
    account = ana(tmp_path, *denied(AWAY), old)
    assert network(account)["verdict"] == "restricted"
    assert mfa(account)["verdict"] == "none"


# --- every network is a place


@pytest.mark.parametrize("net", [OFFICE, VPN, "192.0.2.7/32", SIX])
def test_whoever_is_confined_to_one_network_is_not_powerless(tmp_path: Path, net: str) -> None:
    others = [
        user(f"o{n}", UserPolicyList=inline(*denied({"NotIpAddress": {IP: OFFICE}})))
        for n in range(3)
    ]
    away = {"NotIpAddress": {IP: net}}
    own = [user("ana", UserPolicyList=inline(*denied(away)))]
    own += [user("excused", UserPolicyList=inline(*denied(NO_MFA | away)))]
    account = imported(tmp_path, details([*others, *own]))
    assert mfa(account)["verdict"] == "none"
    assert mfa(account, "excused")["verdict"] in NOT_ENFORCED
    assert {"ana", "excused"} <= set(account.administrators["name"])
    assert network(account)["verdict"] == "restricted"


def test_what_is_allowed_only_where_it_is_denied_is_nothing_and_no_crash(tmp_path: Path) -> None:
    agent = {"StringLike": {"aws:UserAgent": "aws-cli/*"}}
    made = ana(tmp_path, allow("*", Condition=agent), deny("*", Condition=agent))
    assert mfa(made)["verdict"] == "nothing to protect"
    assert mfa(made)["why"] == "No request that the user can make is allowed."


def test_each_approved_network_is_an_inside(tmp_path: Path) -> None:
    account = again(ana(tmp_path, *denied(NO_MFA | AWAY)), approved_networks=[VPN, OFFICE])
    assert mfa(account)["verdict"] in NOT_ENFORCED


def test_a_list_of_ipv4_says_nothing_of_ipv6(tmp_path: Path) -> None:
    everywhere = {"IpAddress": {IP: "0.0.0.0/0"}}
    account = ana(tmp_path, *denied(NO_MFA | everywhere))
    assert mfa(account)["verdict"] in NOT_ENFORCED
    assert network(account)["verdict"] != "restricted"
    both = imported_(
        tmp_path / "both", *denied(NO_MFA | {"IpAddress": {IP: ["0.0.0.0/0", "::/0"]}})
    )
    assert mfa(both)["verdict"] in NOT_ENFORCED, "nor of VPC endpoints"


def test_half_of_the_internet_is_outside(tmp_path: Path) -> None:
    row = network(ana(tmp_path, *denied({"NotIpAddress": {IP: ["0.0.0.0/1", OFFICE]}})))
    assert row["verdict"] == "unrestricted"


# --- VPC endpoints


@pytest.mark.parametrize(
    "condition",
    [
        AWAY | {"Null": {VPCE: "true"}},
        AWAY | {"Null": {IP: "false"}},
        {"StringNotLike": {VPCE: "vpce-*"}},
        {"StringNotLike": {VPC: "vpc-*"}},
        {"NotIpAddress": {PRIVATE: "10.0.0.0/8"}},
        {"NotIpAddressIfExists": {IP: OFFICE}, "StringNotLikeIfExists": {VPCE: "vpce-0*"}},
        {"StringNotLike": {"aws:SourceVpcArn": "arn:aws:ec2:*:*:vpc/*"}},
        {"StringNotLike": {"aws:VpceOrgID": "o-*"}},
    ],
    ids=str,
)
def test_an_endpoint_of_the_attackers_own_is_outside(
    tmp_path: Path, condition: dict[str, Any]
) -> None:
    account = ana(tmp_path, *denied(condition))
    row = network(account)
    assert row["verdict"] == "unrestricted"
    assert row["witness"]["effect"] == "Allowed"
    excused = imported_(tmp_path / "mfa", *denied(NO_MFA | condition))
    assert mfa(excused)["verdict"] in NOT_ENFORCED


@pytest.mark.parametrize(
    "condition",
    [
        {"NotIpAddressIfExists": {IP: OFFICE}, "StringNotEqualsIfExists": {VPC: "vpc-1"}},
        {"NotIpAddressIfExists": {IP: OFFICE}, "StringNotEqualsIfExists": {VPCE: "vpce-1"}},
        {"StringNotEquals": {VPC: ["vpc-1", "vpc-2"]}},
        {"StringNotEquals": {"aws:VpceAccount": "${aws:PrincipalAccount}"}},
        {"StringNotEquals": {"aws:VpceOrgID": "o-abcdefghij"}},
        {"NotIpAddress": {PRIVATE: "10.0.0.0/8"}, "StringNotEquals": {VPC: "vpc-1"}} | AWAY,
    ],
    ids=str,
)
def test_an_endpoint_that_a_policy_names_is_inside(
    tmp_path: Path, condition: dict[str, Any]
) -> None:
    whole = [deny("*", Condition={operator: block}) for operator, block in condition.items()]
    statements = [EVERYTHING, deny("*", Condition=condition)]
    if PRIVATE in str(condition):
        statements = [EVERYTHING, *whole[1:2]]
    row = network(ana(tmp_path, *statements))
    assert (row["verdict"], row["endpoint"]) in (
        ("restricted", "works"),
        ("restricted", "required"),
    )
    assert row["witness"] is None


# --- what the caller chooses, and what the evidence answers

ORGANIZATION = {"Organization": {"Id": "o-1", "MasterAccountId": "999999999999"}}


@pytest.mark.parametrize(
    "condition",
    [
        {"StringNotEquals": {REGION: ["eu-west-1", "us-east-1"]}},
        {"StringNotLike": {REGION: "us-*"}},
        {"StringNotEqualsIfExists": {"aws:ResourceOrgID": "o-1"}},
        {"StringNotEquals": {"aws:ResourceAccount": "012345678901"}},
        {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}},
        {"StringNotLike": {AGENT: "*console*"}},
        {"StringNotEquals": {"aws:Referer": "secret"}},
        {"Bool": {"aws:SecureTransport": "false"}},
        {"Null": {"aws:CalledVia": "false"}},
    ],
    ids=str,
)
def test_who_chooses_a_key_or_fits_it_is_an_administrator(
    tmp_path: Path, condition: dict[str, Any]
) -> None:
    people = [user("ana", UserPolicyList=inline(*denied(condition)))]
    account = imported(tmp_path, details(people), organization=ORGANIZATION)
    assert set(account.administrators["name"]) == {"ana"}
    assert mfa(account)["verdict"] == "none"


@pytest.mark.parametrize(
    "condition",
    [
        {"StringNotEquals": {"aws:ResourceOrgID": "o-2"}},
        {"StringNotEquals": {REGION: "eu-west-1"}},  # IAM has no endpoint there
        {"StringNotEquals": {"s3:prefix": "x"}},
    ],
    ids=str,
)
def test_what_is_unknown_or_does_not_fit_accuses_nobody(
    tmp_path: Path, condition: dict[str, Any]
) -> None:
    people = [user("ana", UserPolicyList=inline(*denied(condition)))]
    account = imported(tmp_path, details(people), organization=ORGANIZATION)
    assert account.administrators.empty
    assert mfa(account)["verdict"] == "none", "but what is possible does not reassure"


# --- a role that names the user


def named(folder: Path, *own: Any, trust: Any = None, **members: Any) -> Account:
    """A user with these statements, and a role that may do everything and names the user."""
    folder.mkdir(exist_ok=True)
    edge = policy("edge", document(allow("s3:*")))
    roles = [
        role("adm", trust or trusts("user/ana"), RolePolicyList=inline(EVERYTHING)),
    ]
    people = [user("ana", UserPolicyList=inline(*own), **members)]
    return imported(folder, details(people, roles=roles, policies=[edge]))


SAFE = allow("*", Condition=WITH_MFA | {"IpAddress": {IP: OFFICE}})


@pytest.mark.parametrize(
    ("own", "members"), [([SAFE], {}), ([], {}), ([SAFE], bounded("edge"))], ids=str
)
def test_a_role_that_names_the_user_counts(
    tmp_path: Path, own: list[Any], members: dict[str, Any]
) -> None:
    account = named(tmp_path, *own, **members)
    row = mfa(account)
    assert row["verdict"] in NOT_ENFORCED
    assert (row["policy_name"], row["place"]) == ("adm", "anywhere")
    assert row["witness"]["assumed"] == f"{ARN}role/adm"
    assert network(account)["verdict"] in ("unrestricted", "partly restricted")
    assert network(account)["witness"]["assumed"] == f"{ARN}role/adm"


def test_a_role_that_names_a_role_that_names_the_user_counts(tmp_path: Path) -> None:
    roles = [
        role("first", trusts("user/ana")),
        role("second", trusts("role/first"), RolePolicyList=inline(EVERYTHING)),
    ]
    people = [user("ana", UserPolicyList=inline(SAFE))]
    account = imported(tmp_path, details(people, roles=roles))
    assert mfa(account)["verdict"] in NOT_ENFORCED


@pytest.mark.parametrize(
    "trust",
    [
        trusts("user/ana", Condition=WITH_MFA),
        trusts("user/bo"),
        trusts("user/ana", {"Effect": "Deny", "Principal": "*", "Action": "*"}),
    ],
    ids=["with MFA", "another", "denied"],
)
def test_a_role_that_does_not_let_the_user_in_does_not_count(tmp_path: Path, trust: Any) -> None:
    assert mfa(named(tmp_path, SAFE, trust=trust))["verdict"] == "enforced"


def test_an_explicit_deny_keeps_the_user_from_the_role(tmp_path: Path) -> None:
    account = named(tmp_path, SAFE, deny("sts:AssumeRole"))
    assert mfa(account)["verdict"] == "enforced"
    assert network(account)["verdict"] == "restricted"


def test_a_trust_policy_may_ask_for_the_network(tmp_path: Path) -> None:
    here = trusts("user/ana", Condition={"IpAddress": {IP: VPN}})
    account = named(tmp_path, SAFE, trust=here)
    assert mfa(account)["verdict"] in NOT_ENFORCED
    assert mfa(account)["place"] == "inside only"
    assert network(account)["verdict"] == "restricted"


# --- too many requests


def test_where_too_many_requests_differ_a_key_is_left_unknown_and_said(tmp_path: Path) -> None:
    conditions = [
        {"StringEquals": {AGENT: f"agent-{n}", "aws:Referer": f"page-{n}"}} for n in range(40)
    ]
    statements = [allow("s3:*", Condition=each) for each in conditions]
    account = ana(tmp_path, *statements, deny("*", Condition=AWAY), deny("*", Condition=NO_MFA))
    assert mfa(account)["verdict"] == "enforced"
    assert "these keys count as unknown" in mfa(account)["why"]
    assert any("these keys count as unknown" in note for note in network(account)["notes"])


# --- any small policies, against a slow search of single requests

FAR, FAR_SIX = "45.0.66.66", "2a00:66::66"
CREDENTIALS: dict[str, list[dict[str, str]]] = {
    "key": [{}],
    "session": [{PRESENT: "false", "aws:TokenIssueTime": "2026-11-01T06:00:00Z"}],
    "password": [{PRESENT: "false", "aws:TokenIssueTime": "2026-11-01T06:00:00Z"}],
    "mfa": [{PRESENT: "true", AGE: age} for age in ("0", "60", "7200")],
}
OUTSIDE: list[dict[str, Any]] = [
    {IP: FAR},
    {IP: FAR_SIX},
    {VPCE: "vpce-0abc", VPC: "vpc-0abc", PRIVATE: "10.9.9.9"},
    {VPCE: "vpce-0abc", VPC: "vpc-0abc", PRIVATE: "192.168.9.9"},
]
INSIDE: list[dict[str, Any]] = [
    {IP: "203.0.113.7"},
    {IP: "198.51.100.7"},
    {IP: "2001:db8::7"},
    {VPCE: "vpce-1", VPC: "vpc-0abc", PRIVATE: "10.1.1.1"},
    {VPCE: "vpce-0abc", VPC: "vpc-1", PRIVATE: "10.1.1.1"},
    {VPCE: "vpce-1", VPC: "vpc-1", PRIVATE: "192.168.1.1"},
]
CHOICES = [
    {REGION: region, AGENT: agent}
    for region, agent in product(("us-east-1", "eu-west-1", "ap-south-1"), ("curl/8", "other"))
]
PROBES = ("s3:GetObject", "ec2:StopInstances", "iam:CreateAccessKey", "sts:AssumeRole")

TESTS = st.sampled_from(
    [
        *(NO_MFA, WITH_MFA, {"Bool": {PRESENT: "false"}}, {"Null": {PRESENT: "true"}}),
        *({"Null": {PRESENT: "false"}}, {"NumericLessThan": {AGE: "60"}}),
        {"NumericGreaterThanIfExists": {AGE: "3600"}},
        *(AWAY, {"NotIpAddress": {IP: [VPN, SIX]}}, {"IpAddress": {IP: OFFICE}}),
        *({"IpAddress": {IP: [VPN, SIX]}}, {"IpAddress": {IP: "0.0.0.0/0"}}),
        *({"NotIpAddressIfExists": {IP: OFFICE}}, {"Null": {IP: "true"}}, {"Null": {IP: "false"}}),
        *({"StringNotEquals": {VPCE: "vpce-1"}}, {"StringLike": {VPCE: "vpce-*"}}),
        *({"StringEquals": {VPC: "vpc-1"}}, {"Null": {VPCE: "true"}}),
        *({"StringNotEqualsIfExists": {VPC: "vpc-1"}}, {"IpAddress": {PRIVATE: "10.0.0.0/8"}}),
        *({"StringEquals": {REGION: "eu-west-1"}}, {"StringNotLike": {REGION: "us-*"}}),
        *({"StringLike": {AGENT: "curl*"}}, {"StringNotEquals": {AGENT: "other"}}),
    ]
)


@st.composite
def conditions(draw: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for test in draw(st.lists(TESTS, max_size=3)):
        for operator, block in test.items():
            found[operator] = {**found.get(operator, {}), **block}
    return found


STATEMENT = st.builds(
    lambda effect, action, condition: {
        "Effect": effect,
        "Action": action,
        "Resource": "*",
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["*", "*", "s3:*", "iam:*"]),
    conditions(),
)
FEW = st.lists(STATEMENT, min_size=1, max_size=3)
OPEN = st.lists(STATEMENT, max_size=2).map(lambda more: [EVERYTHING, *more])


def requests(how: str, places: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every request with a credential from some places."""
    direct = {"aws:SecureTransport": "true", "aws:ViaAWSService": "false"}
    for credential, place, choice in product(CREDENTIALS[how], places, CHOICES):
        yield {**direct, **credential, **place, **choice}


def allowed(layers: PolicyLayers, how: str, places: list[dict[str, Any]]) -> Iterator[Any]:
    """The requests that are allowed, of those beyond the self-service minimum."""
    for context, action in product(list(requests(how, places)), PROBES):
        if how == "session" and action.startswith("iam:"):
            continue
        if decide(
            action,
            "*",
            context,
            identity=layers.identity,
            boundary=layers.boundary,
            scps=layers.scps,
        ):
            yield how, action, context


def attacks(
    layers: PolicyLayers, ways: tuple[str, ...], places: list[dict[str, Any]]
) -> Iterator[Any]:
    for how in ways:
        yield from allowed(layers, how, places)


def first(found: Iterator[Any]) -> Any:
    return next(found, None)


class Someone:
    """A user whose layers a property draws."""

    def __init__(self, folder: Path) -> None:
        self.account = ana(folder, EVERYTHING)

    def judged(self, layers: PolicyLayers) -> tuple[Any, Any]:
        callers = Principals(self.account)
        callers.layers = lambda _: layers  # type: ignore[method-assign]
        callers.__dict__["policy_arns"] = {}
        made = effective(self.account, callers=callers)
        policies = [each for _, found in layers.named() for each in found]
        callers.__dict__["policy_arns"] = dict.fromkeys(policies, "arn")
        mfa = mfa_enforcement(self.account, {}, made).iloc[0]
        return mfa, network_restrictions(self.account, made).iloc[0]


@pytest.fixture(scope="module")
def someone(tmp_path_factory: pytest.TempPathFactory) -> Someone:
    return Someone(tmp_path_factory.mktemp("someone"))


assert not set(PROBES) & set(SELF_SERVICE)


@examples(1)
@given(own=FEW, group=FEW, edge=st.none() | OPEN, scp=st.none() | OPEN)
def test_no_single_request_contradicts_a_safe_verdict(
    someone: Someone, own: list[Any], group: list[Any], edge: Any, scp: Any
) -> None:
    layers = PolicyLayers(
        (Policy("own", document(*own)), Policy("group", document(*group))),
        None if edge is None else (Policy("edge", document(*edge)),),
        () if scp is None else ((Policy("scp", document(*scp)),),),
    )
    mfa, network = someone.judged(layers)
    everywhere, every = [*OUTSIDE, *INSIDE], ("key", "session", "password", "mfa")
    if mfa["verdict"] == "nothing to protect":
        assert first(attacks(layers, every, everywhere)) is None
    if mfa["key"] == "required":
        assert first(attacks(layers, ("key", "session"), everywhere)) is None
    if mfa["password"] == "required":
        assert first(attacks(layers, ("password",), everywhere)) is None
    if network["verdict"] in ("restricted", "nothing to protect"):
        assert first(attacks(layers, every, OUTSIDE)) is None
    if network["verdict"] == "nothing to protect":
        assert first(attacks(layers, every, everywhere)) is None
    for row, safe in ((mfa, mfa["actions_without_mfa"] == 0), (network, not network["worst"])):
        if not safe:
            assert witnessed(row["witness"], layers), row["witness"]


def witnessed(found: dict[str, Any], layers: PolicyLayers) -> bool:
    """Whether a witness is what it says: a request that is allowed."""
    values: dict[str, Any] = {
        key: UNKNOWN if said == "unknown" else [] if said == "absent" else said
        for key, said in found["context"].items()
    }
    decision = decide(
        found["action"],
        found["resource"],
        RequestContext(values),
        identity=layers.identity,
        boundary=layers.boundary,
        scps=layers.scps,
    )
    return decision.effect == found["effect"] == "Allowed"


@examples(0.15)
@given(own=FEW, condition=conditions(), session=FEW)
def test_no_request_of_a_role_that_names_the_user_contradicts_a_safe_verdict(
    own: list[Any], condition: dict[str, Any], session: list[Any]
) -> None:
    roles = [role("adm", trusts("user/ana", Condition=condition), RolePolicyList=inline(*session))]
    people = [user("ana", UserPolicyList=inline(*own))]
    with TemporaryDirectory() as folder:
        account = imported(Path(folder), details(people, roles=roles))
        mfa_row, network_row = mfa(account), network(account)
    layers = PolicyLayers((Policy("own", document(*own)),))
    trust = PolicyLayers((Policy("trust", document(allow("*", Condition=condition))),))
    used = PolicyLayers((Policy("session", document(*session)),))

    def rises(ways: tuple[str, ...], places: list[dict[str, Any]]) -> bool:
        """Whether somebody assumes the role by name, and can then do something."""
        stopped = (
            request
            for how in ways
            for request in requests(how, places)
            if decide("sts:AssumeRole", f"{ARN}role/adm", request, identity=trust.identity)
            and decide("sts:AssumeRole", f"{ARN}role/adm", request, identity=layers.identity).effect
            != "ExplicitlyDenied"
        )
        return first(stopped) is not None and first(allowed(used, "session", places)) is not None

    for way, ways in (("key", ("key", "session")), ("password", ("password",))):
        if mfa_row[way] == "required" or mfa_row["verdict"] == "nothing to protect":
            assert not rises(ways, [*OUTSIDE, *INSIDE])
    if network_row["verdict"] in ("restricted", "nothing to protect"):
        assert not rises(("key", "session", "password", "mfa"), OUTSIDE)
