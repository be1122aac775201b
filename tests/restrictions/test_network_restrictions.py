"""From where each identity can be used: verdicts, the statements that decide, the networks left."""

import ipaddress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.access.permissions import effective
from iamkit.access.principals import Principals
from iamkit.policy.context import ABSENT, UNKNOWN
from iamkit.policy.decision import decide
from iamkit.policy.model import Policy
from iamkit.restrictions.network_reach import ANYWHERE
from iamkit.restrictions.network_restrictions import NETWORK_RESTRICTIONS, network_restrictions
from iamkit.tables.tables import AccountTables
from tests.accounts import ARN, again, details, group, policy, role, user
from tests.accounts import account as imported
from tests.examples import examples
from tests.policies import controlled

OFFICE, VPN, HOME = "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/25"
AWAY = {"NotIpAddress": {"aws:SourceIp": [OFFICE, VPN]}}
ANY_IPV4 = {"NotIpAddress": {"aws:SourceIp": ["0.0.0.0/0"]}}
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
NO_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(condition: Any = AWAY, action: Any = "*", resource: Any = "*") -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, "Condition": condition}


def outside(*networks: str) -> dict[str, Any]:
    return {"NotIpAddress": {"aws:SourceIp": list(networks)}}


def inside(*networks: str) -> dict[str, Any]:
    return {"IpAddress": {"aws:SourceIp": list(networks)}}


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def ana(*statements: Any, **members: Any) -> dict[str, Any]:
    inline = [{"PolicyName": "own", "PolicyDocument": document(*statements)}]
    return details([user("ana", UserPolicyList=inline, **members)])


def judged(account: AccountTables) -> pd.DataFrame:
    return network_restrictions(account, effective(account))


def judged_user(tmp_path: Path, *statements: Any, **members: Any) -> Any:
    """The row of a user with these statements."""
    tmp_path.mkdir(exist_ok=True)
    return judged(imported(tmp_path, ana(*statements, **members))).iloc[0]


# --- the six variants, and what else restricts


def test_awss_example_restricts_and_denies_endpoints_and_services_too(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow(), deny() | {"Sid": "OfficeOnly"})
    assert row["verdict"] == "restricted"
    assert row["networks"] == [VPN, OFFICE]
    assert (row["policy_name"], row["statement"]) == ("own", "statement “OfficeOnly”")
    assert row["policy_arn"] == f"{ARN}user/ana#own"
    assert (row["covered"], row["outside_actions"], row["worst"]) == (1, 0, [])
    assert (row["endpoint"], row["via_services"]) == ("denied", "denied")
    assert any("VPC endpoint" in note for note in row["notes"])
    assert any("AWS services" in note for note in row["notes"])
    only = f"Actions are possible only from {VPN}, {OFFICE}"
    assert row["why"] == f"{only} (statement “OfficeOnly” of own)."


def test_awss_older_example_spares_calls_by_services(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow(), deny(AWAY | {"Bool": {"aws:ViaAWSService": "false"}}))
    assert (row["verdict"], row["statement"]) == ("restricted", "statement 2")
    assert (row["endpoint"], row["via_services"]) == ("denied", "works")
    assert not any("AWS services" in note for note in row["notes"])


def test_an_allow_from_the_office_restricts(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow(Condition=inside(OFFICE, VPN)))
    assert (row["verdict"], row["statement"]) == ("restricted", "statement 1")
    assert row["networks"] == [VPN, OFFICE]


def test_a_restriction_of_one_service_is_partial(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow(["s3:*", "sqs:SendMessage"]), deny(action="s3:*"))
    assert (row["verdict"], row["statement"]) == ("partly restricted", "statement 2")
    assert row["networks"] == [VPN, OFFICE]
    assert (row["outside_actions"], row["worst"]) == (1, ["sqs:SendMessage"])
    assert 0.9 < row["covered"] < 1
    assert row["why"].startswith("1 of ")


def test_what_notaction_leaves_out_is_unrestricted(tmp_path: Path) -> None:
    carved = deny() | {
        "NotAction": ["iam:CreateAccessKey", "cloudwatch:ListMetrics", "iam:PassRole"]
    }
    del carved["Action"]
    row = judged_user(tmp_path, allow(), carved)
    assert row["verdict"] == "partly restricted"
    assert (row["outside_actions"], row["outside_risky"]) == (3, 2)
    assert set(row["worst"][:2]) == {"iam:CreateAccessKey", "iam:PassRole"}, "the riskiest first"
    assert row["worst"][2] == "cloudwatch:ListMetrics"


def test_a_restriction_may_come_through_a_group(tmp_path: Path) -> None:
    guard = policy("guard", document(deny()))
    held = {"PolicyName": "guard", "PolicyArn": f"{ARN}policy/guard"}
    contents = ana(allow(), GroupList=["staff"])
    contents |= {"GroupDetailList": [group("staff", AttachedManagedPolicies=[held])]}
    row = judged(imported(tmp_path, contents | {"Policies": [guard]})).iloc[0]
    assert (row["verdict"], row["policy_arn"]) == ("restricted", f"{ARN}policy/guard")


def test_a_boundary_may_leave_nothing_to_protect(tmp_path: Path) -> None:
    edge = policy("edge", document(allow("ec2:*")))
    members = {"PermissionsBoundary": {"PermissionsBoundaryArn": f"{ARN}policy/edge"}}
    contents = ana(allow("s3:*"), deny(), **members) | {"Policies": [edge]}
    row = judged(imported(tmp_path, contents)).iloc[0]
    assert row["verdict"] == "nothing to protect"
    assert row["networks"] == []
    assert row[["covered", "endpoint", "via_services", "statement", "policy_arn"]].isna().all()


def test_a_boundary_may_restrict(tmp_path: Path) -> None:
    edge = policy("edge", document(allow(Condition=inside(OFFICE))))
    members = {"PermissionsBoundary": {"PermissionsBoundaryArn": f"{ARN}policy/edge"}}
    row = judged(imported(tmp_path, ana(allow(), **members) | {"Policies": [edge]})).iloc[0]
    assert (row["verdict"], row["policy_arn"]) == ("restricted", f"{ARN}policy/edge")


@pytest.mark.parametrize(
    ("networks", "said"),
    [
        ((OFFICE, "0.0.0.0/0"), "0.0.0.0/0"),
        (("0.0.0.0/1", "128.0.0.0/1"), "0.0.0.0/0"),
        ((OFFICE, "::/0"), "::/0"),
    ],
)
def test_a_list_of_everybody_restricts_nobody(
    tmp_path: Path, networks: tuple[str, ...], said: str
) -> None:
    row = judged_user(tmp_path, allow(), deny(outside(*networks)))
    assert (row["verdict"], row["networks"]) == ("unrestricted", list(ANYWHERE))
    assert (row["policy_name"], row["statement"]) == ("own", "statement 1"), "what is left open"
    assert row["notes"] == [f"own lists {said}, so its list does not restrict anything."]


def test_somebody_elses_list_of_everybody_changes_nothing(tmp_path: Path) -> None:
    halves = deny(outside("0.0.0.0/1", "128.0.0.0/1"))
    inline = [{"PolicyName": "own", "PolicyDocument": document(allow(), halves)}]
    contents = ana(allow(), deny())
    contents["UserDetailList"].append(user("bo", UserPolicyList=inline))
    verdicts = judged(imported(tmp_path, contents)).set_index("name")["verdict"]
    assert verdicts.to_dict() == {"ana": "restricted", "bo": "unrestricted"}


@pytest.mark.parametrize("key", ["aws:SourceVpce", "aws:SourceVpc", "aws:VpceAccount"])
def test_a_restriction_may_require_a_vpc_endpoint(tmp_path: Path, key: str) -> None:
    row = judged_user(tmp_path, allow(), deny({"StringNotEquals": {key: "vpce-1"}}))
    assert (row["verdict"], row["endpoint"], row["networks"]) == ("restricted", "required", [])
    assert row["why"] == "Actions are possible only from a VPC endpoint (statement 2 of own)."


def test_the_office_or_a_vpc_endpoint_restricts_and_endpoints_work(tmp_path: Path) -> None:
    vpc = {"StringNotEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}
    address = {"NotIpAddressIfExists": {"aws:SourceIp": OFFICE}}
    row = judged_user(
        tmp_path, allow(), deny(AWAY | {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}})
    )
    assert (row["verdict"], row["endpoint"], row["networks"]) == (
        "restricted",
        "works",
        [VPN, OFFICE],
    )
    row = judged_user(tmp_path / "other", allow(), deny(address | vpc))
    assert (row["verdict"], row["endpoint"], row["networks"]) == ("restricted", "works", [OFFICE])


def test_two_denies_intersect(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow(), deny(), deny(outside("203.0.113.128/25", HOME)))
    assert (row["verdict"], row["networks"]) == ("restricted", ["203.0.113.128/25"])


def test_denies_that_share_no_network_leave_nothing(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow(), deny(outside(OFFICE)), deny(outside(HOME)))
    assert row["verdict"] == "nothing to protect"


def test_allows_unite_and_a_deny_removes(tmp_path: Path) -> None:
    statements = (allow("s3:*", Condition=inside(OFFICE)), allow("s3:*", Condition=inside(HOME)))
    row = judged_user(tmp_path, *statements)
    assert row["networks"] == [HOME, OFFICE]
    row = judged_user(tmp_path / "removed", *statements, deny(outside(OFFICE, VPN)))
    assert row["networks"] == [OFFICE]


def test_an_allow_from_anywhere_beside_one_from_the_office_is_no_restriction(
    tmp_path: Path,
) -> None:
    row = judged_user(tmp_path, allow("s3:GetObject"), allow("s3:Get*", Condition=inside(OFFICE)))
    assert (row["verdict"], row["outside_actions"]) == ("partly restricted", 1)
    row = judged_user(tmp_path / "all", allow("s3:*"), allow("s3:Get*", Condition=inside(OFFICE)))
    assert row["verdict"] == "unrestricted"
    assert "every action is also possible from other networks" in row["notes"][0]


def test_a_block_list_is_no_restriction(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow(), deny(inside(OFFICE)))
    assert (row["verdict"], row["networks"]) == ("unrestricted", list(ANYWHERE))
    assert "blocks the listed networks" in row["notes"][0]


def test_networks_of_both_ip_versions_are_told(tmp_path: Path) -> None:
    row = judged_user(
        tmp_path, allow(), deny(outside(OFFICE, "2001:db8::/33", "2001:db8:8000::/33"))
    )
    assert (row["verdict"], row["networks"]) == ("restricted", [OFFICE, "2001:db8::/32"])


def test_a_restriction_on_one_bucket_is_none(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow("s3:*"), deny(resource="arn:aws:s3:::reports/*"))
    assert row["verdict"] == "unrestricted", "on other buckets everything is possible"
    assert row["notes"]


def test_a_policy_that_never_tests_the_network_is_unrestricted(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow("s3:*", "arn:aws:s3:::x/*"), allow("sqs:*"))
    assert (row["verdict"], row["networks"]) == ("unrestricted", list(ANYWHERE))
    assert row["statement"] in ("statement 1", "statement 2")
    assert (row["endpoint"], row["via_services"], row["notes"]) == ("works", "works", [])


def test_an_administrator_from_the_office_is_restricted_not_powerless(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow(Condition=inside(OFFICE)))
    assert (row["verdict"], row["networks"], row["covered"]) == ("restricted", [OFFICE], 1)


# --- what is no matter of the network


@pytest.mark.parametrize(
    "statements",
    [
        [allow(Condition=MFA)],
        [allow(), deny(NO_MFA)],
        [allow(Condition={"StringEquals": {"aws:ResourceTag/team": "x"}})],
        [allow(), deny({"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}})],
    ],
    ids=["allow with MFA", "deny without MFA", "unknown allow", "unknown deny"],
)
def test_other_conditions_are_no_restriction(tmp_path: Path, statements: list[Any]) -> None:
    row = judged_user(tmp_path, *statements)
    assert (row["verdict"], row["covered"]) == ("unrestricted", 0)
    beside = judged_user(tmp_path / "beside", *statements, deny(inside(HOME)))
    assert (beside["verdict"], beside["covered"]) == ("unrestricted", 0), "nor beside a list"


def test_mfa_and_a_network_are_a_restriction(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow(), deny(NO_MFA), deny())
    assert (row["verdict"], row["statement"]) == ("restricted", "statement 3")


def test_a_restriction_without_mfa_only_is_none_and_said(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow(), deny(AWAY | NO_MFA))
    assert row["verdict"] == "unrestricted"
    assert "with MFA or requests without MFA" in row["notes"][0]


def test_an_unknown_condition_never_restricts(tmp_path: Path) -> None:
    tagged = {"StringEquals": {"aws:ResourceTag/team": "x"}}
    row = judged_user(tmp_path, allow(), deny(AWAY | tagged))
    assert row["verdict"] == "unrestricted"


def test_a_policy_that_is_not_in_the_evidence_restricts_nothing(tmp_path: Path) -> None:
    far = [{"PolicyName": "far", "PolicyArn": f"{ARN}policy/far"}]
    row = judged_user(
        tmp_path, allow("s3:*", Condition=inside(OFFICE)), AttachedManagedPolicies=far
    )
    assert row["verdict"] == "unrestricted", "far may allow everything from anywhere"
    assert row["outside_actions"] > 10_000


def test_addresses_compared_as_text_are_said_to_be(tmp_path: Path) -> None:
    row = judged_user(tmp_path, allow(Condition={"StringLike": {"aws:SourceIp": "203.0.113.*"}}))
    assert (row["verdict"], row["networks"]) == ("restricted", [])
    assert "as text" in row["notes"][0]
    row = judged_user(
        tmp_path / "one", allow(Condition={"StringEquals": {"aws:SourceIp": "192.0.2.1"}})
    )
    assert (row["verdict"], row["networks"]) == ("restricted", ["192.0.2.1/32"])


# --- whose networks


def test_a_network_that_is_not_approved_is_named(tmp_path: Path) -> None:
    made = imported(tmp_path, ana(allow(), deny()))
    assert judged(made)["unapproved"].item() == []
    assert judged(again(made, approved_networks=[OFFICE]))["unapproved"].item() == [VPN]
    assert judged(again(made, approved_networks=["203.0.112.0/20", VPN]))["unapproved"].item() == []
    assert judged(again(made, approved_networks=[HOME]))["verdict"].item() == "restricted"


def test_networks_may_depend_on_who_it_is(tmp_path: Path) -> None:
    sites = {"berlin": OFFICE, "paris": VPN}
    here = [
        allow(Condition=inside(net) | {"StringEquals": {"aws:PrincipalTag/site": site}})
        for site, net in sites.items()
    ]
    held = [{"PolicyName": "sites", "PolicyArn": f"{ARN}policy/sites"}]
    users = [
        user(name, AttachedManagedPolicies=held, Tags=[{"Key": "site", "Value": site}])
        for name, site in (("ana", "berlin"), ("bo", "paris"), ("cy", "berlin"), ("di", "rome"))
    ]
    contents = details(users, policies=[policy("sites", document(*here))])
    rows = judged(imported(tmp_path, contents)).set_index("name")
    assert rows["networks"].to_dict() == {"ana": [OFFICE], "bo": [VPN], "cy": [OFFICE], "di": []}
    assert rows.loc["di", "verdict"] == "nothing to protect"


def test_roles_have_verdicts_of_their_own_policies(tmp_path: Path) -> None:
    inline = [{"PolicyName": "own", "PolicyDocument": document(allow(), deny())}]
    roles = [role("restricted", {}, RolePolicyList=inline), role("bare", {})]
    rows = judged(imported(tmp_path, details(roles=roles))).set_index("name")
    assert rows["kind"].tolist() == ["role", "role"]
    assert rows["verdict"].to_dict() == {"restricted": "restricted", "bare": "nothing to protect"}


def test_policies_that_say_the_same_are_each_named_to_their_own_role(tmp_path: Path) -> None:
    roles = [
        role(name, {}, RolePolicyList=[{"PolicyName": name, "PolicyDocument": document(allow())}])
        for name in ("one", "other")
    ]
    rows = judged(imported(tmp_path, details(roles=roles)))
    assert rows["policy_name"].tolist() == rows["name"].tolist() == ["one", "other"]
    assert rows["why"].str.extract(r"of (\w+)\)\.$")[0].tolist() == ["one", "other"]


def test_an_scp_may_restrict(tmp_path: Path) -> None:
    account = imported(tmp_path, ana(allow("s3:*")))
    row = judged(controlled(account, document(allow()), document(deny()))).iloc[0]
    assert (row["verdict"], row["policy_name"]) == ("restricted", "scp-1")
    assert pd.isna(row["policy_arn"])
    assert row["networks"] == [VPN, OFFICE]


def test_contexts_of_endpoints_and_services(tmp_path: Path) -> None:
    account = imported(tmp_path, ana(allow("s3:*"), deny()))
    endpoint, service = (
        Principals(account).arrival(name) for name in ("vpc-endpoint", "via-service")
    )
    assert endpoint["aws:sourceip"] is ABSENT
    assert endpoint["aws:sourcevpce"] is UNKNOWN
    assert (service["aws:viaawsservice"], service["aws:sourcevpce"]) == ("true", ABSENT)
    made = effective(account, ("any", "vpc-endpoint", "via-service"))
    reached = {name: bool(made.bits("possible", name).any()) for name in made.contexts}
    assert reached == {"any": True, "vpc-endpoint": False, "via-service": False}


def test_nobody_is_an_empty_table(tmp_path: Path) -> None:
    rows = judged(imported(tmp_path))
    assert rows.empty
    assert rows.columns.tolist() == NETWORK_RESTRICTIONS.names


# --- properties

NETS = st.sampled_from(
    [OFFICE, VPN, HOME, "203.0.113.128/25", "192.0.2.7", "2001:db8::/32", "10.0.0.0/8", "0.0.0.0/0"]
)
LISTS = st.lists(NETS, min_size=1, max_size=3)
CONDITIONS = st.one_of(
    st.just({}),
    st.builds(lambda nets: inside(*nets), LISTS),
    st.builds(lambda nets: outside(*nets), LISTS),
    st.builds(lambda nets: {"NotIpAddressIfExists": {"aws:SourceIp": nets}}, LISTS),
    st.sampled_from([MFA, NO_MFA, {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}]),
    st.builds(lambda nets: outside(*nets) | NO_MFA, LISTS),
)
ACTIONS = st.sampled_from(["*", "s3:*", "s3:GetObject"])
STATEMENTS = st.lists(
    st.builds(
        lambda effect, action, condition: {
            "Effect": effect,
            "Action": action,
            "Resource": "*",
            "Condition": condition,
        },
        st.sampled_from(["Allow", "Allow", "Deny"]),
        ACTIONS,
        CONDITIONS,
    ),
    min_size=1,
    max_size=4,
)


class Someone:
    """Callers with one user, whose statements a property draws."""

    def __init__(self, tmp_path: Path) -> None:
        self.account = imported(tmp_path, ana(allow()))

    def judged(self, statements: list[Any]) -> Any:
        callers = Principals(self.account)
        layers = callers.layers(f"{ARN}user/ana")._replace(
            identity=(Policy("own", document(*statements)),)
        )
        callers.layers = lambda _: layers  # type: ignore[method-assign]
        made = effective(self.account, callers=callers)
        return network_restrictions(self.account, made).iloc[0]


@pytest.fixture(scope="module")
def someone(tmp_path_factory: pytest.TempPathFactory) -> Someone:
    return Someone(tmp_path_factory.mktemp("someone"))


@examples(0.4)
@given(statements=STATEMENTS, more=STATEMENTS)
def test_a_deny_more_or_an_allow_less_never_opens(
    someone: Someone, statements: list[Any], more: list[Any]
) -> None:
    before = someone.judged(statements)
    denied = someone.judged([*statements, *({**each, "Effect": "Deny"} for each in more)])
    assert denied["outside_actions"] <= before["outside_actions"]
    allows = [each for each in statements if each["Effect"] == "Allow"]
    less = someone.judged([each for each in statements if each not in allows[:1]])
    assert less["outside_actions"] <= before["outside_actions"]


FAR = ("45.0.66.66", "2a00::1")  # in none of the networks drawn
NEAR = ("203.0.113.7", "203.0.113.200", "198.51.100.1", "192.0.2.7", "192.0.2.8", "2001:db8::1")
ADDRESSES = st.sampled_from([*NEAR, *FAR, "10.1.1.1"])


def decided(statements: list[Any], address: str) -> bool:
    """Whether some request from an address is allowed: with a key, with a password, with MFA."""
    age = {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "60"}
    return any(
        decide(
            "s3:GetObject",
            "*",
            {"aws:SourceIp": address, **factor},
            identity=[document(*statements)],
        )
        for factor in ({}, {"aws:MultiFactorAuthPresent": "false"}, age)
    )


@examples(1)
@given(drawn=STATEMENTS, address=ADDRESSES)
def test_networks_are_where_requests_are_decided_to_be_allowed(
    someone: Someone, drawn: list[Any], address: str
) -> None:
    statements = [{**each, "Action": "*"} for each in drawn]
    row = someone.judged(statements)
    networks = map(ipaddress.ip_network, row["networks"])
    listed = any(ipaddress.ip_address(address) in network for network in networks)
    if row["verdict"] == "unrestricted":
        assert any(decided(statements, far) for far in FAR)
    else:
        assert decided(statements, address) == listed


# --- the demo company


@pytest.fixture(scope="module")
def company(demo_account: AccountTables) -> pd.DataFrame:
    return judged(demo_account).set_index("name")


def test_the_restricted_of_the_company_are_found(company: pd.DataFrame) -> None:
    restricted = company.loc[["svc-backup", "svc-exports", "lena.fischer", "ingrid.larsen"]]
    assert set(restricted["verdict"]) == {"restricted"}
    assert all(networks == [VPN, OFFICE] for networks in restricted["networks"])
    assert company.loc["svc-backup", "policy_name"] == "OfficeNetworks-Services"
    assert company.loc["ingrid.larsen", "policy_name"] == "AdminFromOffice"
    assert restricted["via_services"].tolist() == ["denied", "denied", "works", "denied"]


def test_the_contractors_open_list_is_found(company: pd.DataFrame) -> None:
    devon = company.loc["devon.price.ext"]
    assert (devon["verdict"], devon["networks"]) == ("unrestricted", list(ANYWHERE))
    assert devon["notes"] == [
        "OfficeNetworks-Contractors lists 0.0.0.0/0, so its list does not restrict anything."
    ]


def test_the_others_of_the_company_are_unrestricted(company: pd.DataFrame) -> None:
    open_ = company.loc[["svc-ci", "carlos.mendez", "web-app", "ops-automation"]]
    assert set(open_["verdict"]) == {"unrestricted"}
    assert company.loc["bjorn.eriksen", "verdict"] == "nothing to protect"
    assert (company["covered"].dropna().between(0, 1)).all()
