"""Lists of networks as policies write them: what is wrong with them, and whom they concern."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import demo
from iamkit.access.internet_parts import divide
from iamkit.access.principals import Principals
from iamkit.policy.cidr import parse_networks
from iamkit.restrictions.network_lists import NETWORK_LISTS, network_lists
from iamkit.tables.tables import AccountTables
from tests.accounts import ARN, again, details, group, policy, role, user
from tests.accounts import account as imported
from tests.policies import controlled
from tests.restrictions.test_network_restrictions import (
    AWAY,
    HOME,
    OFFICE,
    VPN,
    allow,
    deny,
    document,
    inside,
    outside,
)


def listed(account: AccountTables) -> pd.DataFrame:
    return network_lists(account, Principals(account))


def only(tmp_path: Path, condition: Any, effect: str = "Deny") -> Any:
    """The one row of an account with one policy that has this condition."""
    statement = {"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition}
    contents = details(policies=[policy("p", document(statement))])
    rows = listed(imported(tmp_path, contents))
    assert len(rows) == 1
    return rows.iloc[0]


def test_a_row_says_where_the_list_stands_and_what_it_is_for(tmp_path: Path) -> None:
    row = only(tmp_path, AWAY)
    assert (row["policy_arn"], row["policy_name"], row["kind"]) == (
        f"{ARN}policy/p",
        "p",
        "customer",
    )
    assert (row["number"], row["effect"], row["operator"]) == (1, "Deny", "NotIpAddress")
    assert (row["key"], row["use"], row["networks"]) == (
        "aws:SourceIp",
        "allow list",
        [OFFICE, VPN],
    )
    assert (row["problems"], row["open"], row["behind"], row["who"]) == ([], False, 0, [])


@pytest.mark.parametrize(
    ("effect", "operator", "use"),
    [
        ("Allow", "IpAddress", "allow list"),
        ("Allow", "NotIpAddress", "block list"),
        ("Deny", "NotIpAddressIfExists", "allow list"),
        ("Deny", "ForAnyValue:IpAddress", "block list"),
    ],
)
def test_effect_and_operator_say_what_a_list_is_for(
    tmp_path: Path, effect: str, operator: str, use: str
) -> None:
    assert only(tmp_path, {operator: {"aws:SourceIp": OFFICE}}, effect)["use"] == use


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["0.0.0.0/0"], "Its entries together are 0.0.0.0/0, which is every IPv4 address."),
        (["0.0.0.0/1", "128.0.0.0/1"], "Its entries together are 0.0.0.0/0, which is every"),
        (["::/0"], "Its entries together are ::/0, which is every IPv6 address."),
        (["10.1.0.0/16"], "10.1.0.0/16 is private: no request from the internet comes from there."),
        (["52.0.0.0/6"], "52.0.0.0/6 is wide: 67,108,864 addresses."),
        ([OFFICE, OFFICE], f"{OFFICE} is listed more than once."),
        ([OFFICE, "203.0.113.7"], f"203.0.113.7 is within {OFFICE}."),
        (["203.0.113.300"], "wants an IP address or CIDR range, not"),
    ],
)
def test_problems_of_a_list_are_sentences(tmp_path: Path, given: list[str], problem: str) -> None:
    row = only(tmp_path, outside(*given))
    assert len(row["problems"]) == 1
    assert problem in row["problems"][0]
    assert row["problems"][0].endswith(".")
    assert row["open"] == ("together" in problem)
    assert row["networks"] == given


def test_a_list_to_keep_everybody_out_is_not_open(tmp_path: Path) -> None:
    assert not only(tmp_path, inside("0.0.0.0/0"))["open"]


def test_lists_of_endpoints_and_private_addresses_have_their_own_keys(tmp_path: Path) -> None:
    condition = {
        "StringNotEquals": {"AWS:sourcevpce": ["vpce-1", "vpce-2"]},
        "NotIpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"},
        "Null": {"aws:SourceVpc": "false"},
        "Bool": {"aws:ViaAWSService": "false"},
    }
    contents = details(policies=[policy("p", document(deny(condition)))])
    rows = listed(imported(tmp_path, contents)).set_index("key")
    assert rows["networks"].to_dict() == {
        "aws:SourceVpce": ["vpce-1", "vpce-2"],
        "aws:VpcSourceIp": ["10.0.0.0/8"],
    }
    assert rows["problems"].tolist() == [[], []], "private is what aws:VpcSourceIp is"


def test_entries_that_are_not_approved_are_named(tmp_path: Path) -> None:
    statements = (deny(outside(OFFICE, VPN)), deny(inside(HOME)))
    contents = details(policies=[policy("p", document(*statements))])
    made = imported(tmp_path, contents)
    assert listed(made)["unapproved"].tolist() == [[], []]
    approved = again(made, approved_networks=["203.0.113.0/25", "203.0.113.128/25"])
    assert listed(approved)["unapproved"].tolist() == [[VPN], []], "a block list lets nobody in"


def test_an_entry_that_is_approved_in_part_is_not_approved(tmp_path: Path) -> None:
    """Its first address is in the approved network and its last is not, or the other way round."""
    contents = details(policies=[policy("p", document(deny(outside(OFFICE))))])
    made = imported(tmp_path, contents)
    for half in ("203.0.113.0/25", "203.0.113.128/25"):
        assert listed(again(made, approved_networks=[half]))["unapproved"].item() == [OFFICE]
    assert listed(again(made, approved_networks=["203.0.112.0/20"]))["unapproved"].item() == []


def test_only_public_networks_are_compared_with_the_approved_ones(tmp_path: Path) -> None:
    """A private address, which is seen through a VPC endpoint only, is nobody's public network."""
    statements = (
        deny({"NotIpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}),
        deny({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}),
        deny({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}),
    )
    contents = details(policies=[policy("p", document(*statements))])
    made = again(imported(tmp_path, contents), approved_networks=[OFFICE])
    assert listed(made)["unapproved"].tolist() == [[], [], []]


def test_who_is_behind_a_list_holds_it_in_any_way(tmp_path: Path) -> None:
    held = [{"PolicyName": "p", "PolicyArn": f"{ARN}policy/p"}]
    bound = {"PermissionsBoundary": {"PermissionsBoundaryArn": f"{ARN}policy/p"}}
    contents = details(
        users=[
            user("both", GroupList=["staff"], AttachedManagedPolicies=held),
            user("member", GroupList=["staff"]),
            user("bounded", **bound),
            user("other"),
        ],
        groups=[group("staff", AttachedManagedPolicies=held)],
        roles=[role("app", {}, AttachedManagedPolicies=held)],
        policies=[policy("p", document(deny()))],
    )
    row = listed(imported(tmp_path, contents)).iloc[0]
    assert sorted(row["who"]) == ["app", "both", "bounded", "member"]
    assert row["behind"] == 4


def test_trust_policies_have_lists_too(tmp_path: Path) -> None:
    trusting = {
        "Effect": "Allow",
        "Principal": {"AWS": ["111122223333", "444455556666"]},
        "Action": "sts:AssumeRole",
        "Condition": inside(OFFICE),
    }
    rows = listed(imported(tmp_path, details(roles=[role("app", document(trusting))])))
    assert rows[["policy_arn", "policy_name", "kind", "use"]].to_dict("records") == [
        {
            "policy_arn": f"{ARN}role/app",
            "policy_name": "app",
            "kind": "trust",
            "use": "allow list",
        }
    ]
    assert rows["who"].item() == ["app"]


def test_scps_that_bind_have_lists_too(tmp_path: Path) -> None:
    linked = role("linked", {}, Path="/aws-service-role/x/")
    account = imported(tmp_path, details([user("ana")], roles=[linked]))
    rows = listed(controlled(account, document(allow(), deny())))
    assert rows[["policy_arn", "kind", "number"]].values.tolist() == [["scp-0", "scp", 2]]
    assert rows["who"].item() == ["ana"], "service-linked roles are exempt"


def test_a_list_of_an_scp_has_the_effect_of_its_statement(tmp_path: Path) -> None:
    account = imported(tmp_path, details([user("ana")]))
    statements = (allow(Condition=inside(OFFICE)), deny(outside(OFFICE)), deny(inside(HOME)))
    rows = listed(controlled(account, document(allow(), *statements)))
    assert rows[["number", "effect", "use"]].values.tolist() == [
        [2, "Allow", "allow list"],
        [3, "Deny", "allow list"],
        [4, "Deny", "block list"],
    ]


def test_without_scps_in_the_evidence_no_list_is_an_scps(tmp_path: Path) -> None:
    contents = details([user("ana")], policies=[policy("p", document(deny()))])
    account = imported(tmp_path, contents)
    callers = Principals(account)
    assert not callers.has_scps
    assert network_lists(account, callers)["kind"].tolist() == ["customer"]
    assert controlled(account).snapshot.json("service_control_policies.json") is not None
    assert listed(controlled(account))["kind"].tolist() == ["customer"]


def test_no_list_is_an_empty_table(tmp_path: Path) -> None:
    rows = listed(imported(tmp_path, details([user("ana")])))
    assert rows.empty
    assert rows.columns.tolist() == NETWORK_LISTS.names


def test_a_list_that_never_applies_says_so(tmp_path: Path) -> None:
    broken = {"Effect": "Deny", "Action": "*", "Condition": AWAY}
    rows = listed(imported(tmp_path, details(policies=[policy("p", document(broken))])))
    assert rows["problems"].item() == [
        "The statement needs one of Resource and NotResource, so the list has no effect."
    ]


def test_the_lists_of_the_demo_company(demo_account: AccountTables) -> None:
    rows = listed(demo_account).set_index("policy_name")
    assert rows.index[rows["open"]].tolist() == ["OfficeNetworks-Contractors"]
    clean = rows[rows.index.isin(list(demo.CLEAN))]
    assert set(clean.index) == {"OfficeNetworksOnly", "OfficeNetworks-Services"}
    assert clean["problems"].tolist() == [[], []]
    assert "lena.fischer" in rows.loc["OfficeNetworksOnly", "who"]


# --- places


def test_lists_divide_the_internet_into_places() -> None:
    places = divide(
        (parse_networks([OFFICE, "2001:db8::/32"]), parse_networks(["203.0.113.128/25", HOME]))
    )
    assert set(places.spans) == {(False, False), (True, False), (True, True), (False, True)}
    assert places.outside == ((False, False), (False, False))
    assert places.networks([(True, False)]) == ["203.0.113.0/25", "2001:db8::/32"]
    assert places.networks([(True, True), (False, True)]) == [HOME, "203.0.113.128/25"]
    assert places.address((True, True)) == "203.0.113.128"


def test_outside_is_the_largest_place() -> None:
    assert divide((parse_networks(["0.0.0.0/0"]),)).outside == ((True,), (False,))
    assert divide((parse_networks(["0.0.0.0/1", "128.0.0.0/2"]),)).outside == ((True,), (False,))
    assert divide((parse_networks(["0.0.0.0/1"]),)).outside == ((False,), (False,), (True,)), (
        "of equals, no list first; whoever looks for an address in half of the internet has one"
    )
    assert divide((parse_networks([OFFICE, "8.0.0.0/7"]), parse_networks([OFFICE]))).outside == (
        (False, False),
        (False, False),
        (True, False),
    ), "the office is nobody else's"
    assert divide(()).outside == ((), ())
