"""
The lists of networks in policies: what is wrong with each, and to whom it applies.

An allow list says which networks may call (an Allow inside them, a Deny outside them). A block list
says which may not.

Source: IAM User Guide, "AWS global condition context keys" and "IAM JSON policy elements: Condition
operators", IP address condition operators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import pandas as pd

from iamkit.access import Principals
from iamkit.policy import SOURCE_IP_KEYS, KeyTest, Network, Policy, cidr, conditions
from iamkit.table import COUNT, OBJECT, TEXT, TRUTH, Column, Table, objects, stack
from iamkit.tables import AccountTables
from iamkit.values import as_dict

NETWORK_LISTS: Final = Table(
    name="network_lists",
    row="one list of networks or VPC endpoints, in one statement of one policy",
    key=("policy_arn", "number", "operator", "key"),
    columns=(
        Column("policy_arn", TEXT, "policy; a trust policy's role; an SCP's name"),
        Column("policy_name", TEXT, "name; the role's for a trust policy"),
        Column(
            "kind",
            TEXT,
            "aws (managed by AWS), customer, inline, trust or scp",
            values=("aws", "customer", "inline", "trust", "scp"),
        ),
        Column("number", COUNT, "position of the statement, from 1"),
        Column("sid", TEXT, "Sid"),
        Column("effect", TEXT, "Allow or Deny"),
        Column("operator", TEXT, "operator as written"),
        Column("key", TEXT, "condition key, as AWS writes it"),
        Column(
            "use",
            TEXT,
            "allow list: requests from these networks are allowed; block list: they are denied",
        ),
        Column("networks", OBJECT, "list as written"),
        Column("problems", OBJECT, "list of sentences"),
        Column("open", TRUTH, "an allow list that contains every IPv4 or every IPv6 address"),
        Column(
            "unapproved",
            OBJECT,
            "entries that are not in settings.approved_networks, if networks are approved",
        ),
        Column(
            "behind",
            COUNT,
            "number of users and roles it applies to, also through groups and as a boundary",
        ),
        Column("who", OBJECT, "list of their names"),
    ),
)

KEYS: Final = {
    key.lower(): key
    for key in ("aws:SourceIp", "aws:VpcSourceIp", "aws:SourceVpc", "aws:SourceVpce")
}

_ADDRESS_KEYS: Final = (*SOURCE_IP_KEYS, "aws:vpcsourceip")


def unapproved(texts: Iterable[str], approved: Sequence[Network]) -> list[str]:
    """Return the networks that are not within an approved one; none if none is approved."""
    if not approved:
        return []
    pairs = ((text, network) for text in texts for network in cidr.parse_networks([text]))
    return [text for text, network in pairs if not cidr.within(network, approved)]


def approved_networks(account: AccountTables) -> list[Network]:
    """Return the approved networks of the settings, neighbours joined."""
    return cidr.joined(cidr.parse_networks(account.settings.approved_networks))


def covering(test: KeyTest) -> list[Network]:
    """Return 0.0.0.0/0, ::/0 or both, if the networks of a test together are that."""
    return cidr.everything(cidr.parse_networks(test.values))


def network_tests(condition: Any, keys: Iterable[str] = KEYS) -> Iterator[KeyTest]:
    """Yield the tests of a Condition that list networks or endpoints under one of the keys."""
    for operator, block in as_dict(condition).items():
        for key, raw in as_dict(block).items():
            if key.lower() in keys:
                test = KeyTest.of(operator, key, raw)
                if test.name not in ("null", "bool"):
                    yield test


def admits(test: KeyTest, *, allows: bool) -> bool:
    """Return whether a list is an allow list; else it is a block list."""
    return allows == ("not" not in test.name)


def network_lists(account: AccountTables, callers: Principals) -> pd.DataFrame:
    """
    Every list of networks or VPC endpoints in the account's policies. Rows: see `NETWORK_LISTS`.

    Policies come first, then trust policies, then the SCPs that apply. A statement whose Effect is
    neither Allow nor Deny allows and denies nothing, so it is left out.
    """
    approved = approved_networks(account)
    statements, applies_to = _conditional(account, callers)
    rows = []
    for statement in statements.query("effect in ['Allow', 'Deny']").to_dict("records"):
        for test in network_tests(statement["conditions"]):
            is_allow_list = admits(test, allows=statement["effect"] == "Allow")
            compared = approved if is_allow_list and test.key in SOURCE_IP_KEYS else ()
            rows.append(
                {
                    **{name: statement[name] for name in NETWORK_LISTS.names if name in statement},
                    "operator": next(iter(test.alone)),
                    "key": KEYS[test.key],
                    "use": "allow list" if is_allow_list else "block list",
                    "networks": list(test.values),
                    "problems": list(_problems(test, statement["problem"])),
                    "open": is_allow_list and bool(covering(test)),
                    "unapproved": unapproved(test.values, compared),
                }
            )
    made = pd.DataFrame(rows, columns=NETWORK_LISTS.names)
    names = _holders(account, set(made["policy_arn"])) | applies_to
    made["who"] = objects(names.get(arn, []) for arn in made["policy_arn"])
    return NETWORK_LISTS.conform(made.assign(behind=made["who"].map(len)))


def _conditional(
    account: AccountTables, callers: Principals
) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Statements with a Condition, and to whom those of trust policies and SCPs apply."""
    names = ["policy_arn", "policy_name", "kind"]
    own = account.statements.query("conditional").merge(account.policies[names], on="policy_arn")
    roles = account.roles.dropna(subset="role_arn").set_index("role_arn")["role_name"]
    trust = account.trust.query("conditional").drop_duplicates(["role_arn", "number"])
    role = trust["role_arn"]
    trust = trust.assign(policy_arn=role, policy_name=role.map(roles), kind="trust")
    principals = account.principals.query("kind in ['user', 'role']")
    known = callers.has_scps  # where the evidence has none, no layers need be made
    scps = [callers.layers(arn).scps if known else () for arn in principals["principal_arn"]]
    control = pd.DataFrame(_control_policies(next(filter(None, scps), ())))
    limited = list(principals["name"][[bool(levels) for levels in scps]])
    columns = [*names, "number", "sid", "effect", "conditions", "problem"]
    parts = [part.reindex(columns=columns) for part in (own, trust, control)]
    applies_to = {arn: [name] for arn, name in roles.items()}
    return stack(*parts), applies_to | dict.fromkeys(parts[-1]["policy_arn"], limited)


def _control_policies(levels: Iterable[Sequence[Policy]]) -> list[dict[str, Any]]:
    """Statements of SCPs; those of an SCP that is attached to several levels appear once."""
    found = {
        (policy.name, each.number): each
        for level in levels
        for policy in level
        for each in policy.statements
    }
    return [
        {
            **dict.fromkeys(("policy_arn", "policy_name"), name),
            "kind": "scp",
            "number": number,
            "sid": each.sid,
            "effect": "Allow" if each.allows else "Deny",
            "conditions": each.condition,
        }
        for (name, number), each in found.items()
    ]


def _holders(account: AccountTables, policies: set[str]) -> dict[str, list[str]]:
    """Names of the users and roles that have each policy, as permissions boundary too."""
    bounds = account.principals[["principal_arn", "boundary_arn"]]
    bounds = bounds.rename(columns={"boundary_arn": "policy_arn"})
    both = stack(account.policy_assignments[["principal_arn", "policy_arn"]], bounds)
    both = both[both["policy_arn"].isin(policies)].drop_duplicates()
    principals = account.principals.query("kind in ['user', 'role']")[["principal_arn", "name"]]
    holders = principals.merge(both, on="principal_arn")
    return {str(arn): list(names) for arn, names in holders.groupby("policy_arn")["name"]}


def _problems(test: KeyTest, unreadable: Any) -> Iterator[str]:
    """What is wrong with a list, in sentences."""
    if isinstance(unreadable, str):
        yield f"The statement {unreadable}, so the list has no effect."
    yield from (f"{said}." for said in conditions.problems(test.alone))
    twice = [text for text, times in Counter(test.values).items() if times > 1]
    yield from (f"{text} is listed more than once." for text in twice)
    if test.key in _ADDRESS_KEYS and "ipaddress" not in test.name:
        yield f"{test.said} compares addresses as text, not as networks."
    whole = covering(test)
    for network in whole:
        yield f"Its entries together are {network}, which is every IPv{network.version} address."
    listed = [
        (text, network)
        for text in dict.fromkeys(test.values)
        for network in cidr.parse_networks([text])
    ]
    for text, network in listed:
        if test.key in SOURCE_IP_KEYS and cidr.is_private(network):
            yield f"{text} is private: no request from the internet comes from there."
        if cidr.is_wide(network) and not whole:
            yield f"{text} is wide: {network.num_addresses:,} addresses."
        around = [
            other for other, wider in listed if other != text and cidr.within(network, [wider])
        ]
        if around:
            yield f"{text} is within {around[0]}."
