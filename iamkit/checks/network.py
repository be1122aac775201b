"""
Networks: which credentials work from anywhere, and which lists of networks have mistakes.

From where an identity can be used is in `network_restrictions`; the lists are in `network_lists`.
Only lists in customer managed and inline policies are findings: those of AWS cannot be changed.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.checks.populations import with_active_keys
from iamkit.checks.registry import check
from iamkit.checks.use import idle_keys, keys_in_use
from iamkit.checks.wording import GUIDE, POLICIES_MISSING, ago, status, unseen
from iamkit.policy import statement_name
from iamkit.restrictions import (
    NOT_APPLICABLE,
    NOTHING_TO_PROTECT,
    PARTLY_RESTRICTED,
    RESTRICTED,
    UNRESTRICTED,
)
from iamkit.tables import without_service_linked

DENY_BY_IP: Final = f"{GUIDE}reference_policies_examples_aws_deny-ip.html"
NONE_LEFT: Final = (
    "Write the networks that requests come from instead. If you only remove the entry, the list is "
    "empty, and a Deny outside the list denies every request."
)
SOURCE_IP: Final = f"{GUIDE}reference_policies_condition-keys.html#condition-keys-sourceip"


@check(
    severity="high",
    title="An access key works from anywhere and without MFA",
    impact=(
        "A key that leaks in code or a log works from the attacker's own machine, with all "
        "permissions of the user. Nobody has to enter your network or have a device."
    ),
    among="users with active keys",
    remedy="Deny requests from outside your networks, or use a role instead of the key.",
    source=DENY_BY_IP,
    errs=(
        "towards reporting: unknown conditions count as met if that helps the caller, and SCPs "
        "that are not in the evidence count as allowing everything"
    ),
)
def key_usable_from_anywhere(
    access_keys: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    network_restrictions: pd.DataFrame,
    incomplete: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users with an active key that neither MFA nor a network restricts.

    One of the two is enough, and so is MFA that is required only outside the networks. A user
    without permissions passes. If the network restricts only some actions, the others count. A user
    whose policies are not in the evidence is not assessed. A user to whom only such a policy may
    allow anything is not assessed either.

    >>> from iamkit.tables import schema
    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> from iamkit.restrictions import NETWORK_RESTRICTIONS
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> keys = schema.ACCESS_KEYS.rows(
    ...     dict(user_arn=arn, slot=1, is_root=False, active=True, age_days=505))
    >>> mfa = MFA_ENFORCEMENT.rows(dict(principal_arn=arn, verdict="none", key="not required",
    ...     place="anywhere", actions_without_mfa=41, risky_without_mfa=3, worst=[]))
    >>> open_ = NETWORK_RESTRICTIONS.rows(dict(principal_arn=arn, verdict="unrestricted"))
    >>> key_usable_from_anywhere(keys, mfa, open_).detail.tolist()
    ['the oldest active key was made 505 days ago; actions without MFA: 41, of them risky: 3']
    """
    keys = with_active_keys(access_keys).groupby("user_arn", as_index=False)
    users = keys.agg(age=("age_days", "max")).merge(
        mfa_enforcement, left_on="user_arn", right_on="principal_arn", how="left"
    )
    restriction = network_restrictions.set_index("principal_arn")["verdict"]
    network = restriction.reindex(users["user_arn"]).set_axis(users.index)
    known = users["verdict"].notna() & network.notna()
    mfa = users["key"].eq("required") | users["place"].ne("anywhere")
    safe = mfa | users["verdict"].isin(NOT_APPLICABLE)
    safe |= network.isin([RESTRICTED, NOTHING_TO_PROTECT])
    hit = users[~known | ~safe]
    known, arns = known[hit.index], hit["user_arn"]
    detail = _exposed(hit).where(known, POLICIES_MISSING)
    without_mfa = unseen(arns, mfa_enforcement, incomplete)
    reason = without_mfa.fillna(unseen(arns, network_restrictions, incomplete))
    detail, known = detail.mask(reason.notna(), reason), known & reason.isna()
    busy, idle = keys_in_use(arns, access_keys), idle_keys(arns, access_keys)
    deny = "deny requests from outside these networks, or use a role instead."
    step = "Check in CloudTrail from where " + busy + " is used; then " + deny
    step = step.mask(idle.notna(), idle)
    found = pd.DataFrame({"subject": arns, "detail": detail, "status": status(known)})
    return found.assign(next_step=step)


def _exposed(users: pd.DataFrame) -> pd.Series[Any]:
    """What a stolen key allows, in words."""
    worst = users["worst"].map(
        lambda names: ", ".join(names[:3]) if isinstance(names, list) else ""
    )
    counts = users[["actions_without_mfa", "risky_without_mfa"]].astype("str")
    exposed = counts["actions_without_mfa"] + ", of them risky: " + counts["risky_without_mfa"]
    made = "the oldest active key was made " + ago(users["age"])
    return made + "; actions without MFA: " + exposed + (" (" + worst + ")").mask(worst.eq(""), "")


@check(
    severity="high",
    title="A list of networks allows every address",
    impact=(
        "The condition looks like a restriction, but 0.0.0.0/0 is every address. Stolen "
        "credentials work from the attacker's own network."
    ),
    among="own policies with a list of networks",
    remedy="Remove 0.0.0.0/0, ::/0 and all other entries that cover every address from the list.",
    source=SOURCE_IP,
)
def network_list_open(network_lists: pd.DataFrame) -> pd.DataFrame:
    """
    Allow-lists of networks that contain every address.

    Such a list looks like a restriction but does not restrict anything.

    >>> from iamkit.restrictions import NETWORK_LISTS
    >>> lists = NETWORK_LISTS.rows(dict(
    ...     policy_arn="p", kind="customer", number=1, sid="Office", behind=2, key="aws:SourceIp",
    ...     use="allow list", networks=["0.0.0.0/0"], open=True, problems=[]))
    >>> network_list_open(lists).detail.tolist()
    ['statement “Office”, aws:SourceIp: allows every address (0.0.0.0/0); applies to 2 identities']
    """
    hit = _own(network_lists).query("open")
    listed = hit["networks"].map(lambda texts: ", ".join(map(str, texts)))
    behind = "; applies to " + hit["behind"].astype("str") + " identities"
    detail = _where(hit) + "allows every address (" + listed + ")" + behind
    found = pd.DataFrame({"subject": hit["policy_arn"], "detail": detail})
    return found.assign(next_step=hit["networks"].map(_open_alone))


@check(
    severity="medium",
    title="A list of networks contains probable mistakes",
    impact=(
        "A range that is too wide lets in strangers, and a private range lets in nobody. The list "
        "then protects less than its owner thinks, or stops the people it is for."
    ),
    among="own policies with a list of networks",
    remedy=(
        "List only the public networks that requests come from, each once and as narrow as "
        "possible."
    ),
    source=SOURCE_IP,
)
def network_list_doubtful(network_lists: pd.DataFrame) -> pd.DataFrame:
    """
    Lists of networks with private, very wide, overlapping or unreadable entries.

    For lists that allow every address, see `network_list_open`.

    >>> from iamkit.restrictions import NETWORK_LISTS
    >>> lists = NETWORK_LISTS.rows(dict(policy_arn="p", kind="inline", number=2, key="aws:SourceIp",
    ...     networks=["10.0.0.0/8"], open=False, problems=["10.0.0.0/8 is private"]))
    >>> network_list_doubtful(lists).detail.tolist()
    ['statement 2, aws:SourceIp: 10.0.0.0/8 is private']
    """
    own = _own(network_lists)
    hit = own[own["problems"].map(bool) & ~own["open"].fillna(value=False)]
    detail = _where(hit) + hit["problems"].map(lambda found: "; ".join(map(str, found)))
    return pd.DataFrame({"subject": hit["policy_arn"], "detail": detail})


@check(
    severity="medium",
    title="A list of networks contains networks that are not approved",
    impact=(
        "Traffic from these addresses is let in although nobody has approved them. They may "
        "belong to a former office, a provider's shared range or the person who wrote the policy."
    ),
    among="own policies with a list of networks",
    remedy="Remove the network from the list, or approve it in the settings.",
    source=DENY_BY_IP,
)
def network_list_unapproved(network_lists: pd.DataFrame) -> pd.DataFrame:
    """
    Allow-lists with entries outside the approved networks of the settings.

    If the settings approve no network, there is no finding. A list that blocks networks may contain
    any network.

    >>> from iamkit.restrictions import NETWORK_LISTS
    >>> lists = NETWORK_LISTS.rows(dict(policy_arn="p", kind="customer", number=1, sid="Office",
    ...     key="aws:SourceIp", use="allow list", unapproved=["192.0.2.0/24"]))
    >>> network_list_unapproved(lists).detail.tolist()
    ['statement “Office”, aws:SourceIp: not approved: 192.0.2.0/24']
    """
    own = _own(network_lists)
    hit = own[own["unapproved"].map(bool) & own["use"].eq("allow list")]
    listed = hit["unapproved"].map(lambda texts: ", ".join(map(str, texts)))
    alone = [
        set(map(str, networks)) <= set(map(str, out))
        for networks, out in zip(hit["networks"].map(listed_of), hit["unapproved"], strict=True)
    ]
    step = pd.Series(alone, hit.index, "bool").map({True: NONE_LEFT, False: None})
    return pd.DataFrame(
        {
            "subject": hit["policy_arn"],
            "detail": _where(hit) + "not approved: " + listed,
            "next_step": step.astype("object"),
        }
    )


def _open_alone(networks: Any) -> str | None:
    """The next step for a list without other entries than every address; else the remedy."""
    named = [str(each) for each in listed_of(networks)]
    return NONE_LEFT if all(each.endswith("/0") for each in named) else None


def listed_of(networks: Any) -> list[Any]:
    """The networks of a list; none where they are missing."""
    return networks if isinstance(networks, list) else []


@check(
    severity="medium",
    title="A network restriction does not cover all actions",
    impact=(
        "With stolen credentials, an attacker outside your networks can still call the actions "
        "that the restriction leaves out. Some of these may read data or make new credentials."
    ),
    among="users and roles",
    remedy="Deny all actions on all resources from outside your networks, not only some.",
    source=DENY_BY_IP,
    errs="towards reporting: an action counts if unknown conditions may allow it",
)
def network_fence_with_holes(
    network_restrictions: pd.DataFrame,
    network_lists: pd.DataFrame,
    policy_assignments: pd.DataFrame,
    roles: pd.DataFrame,
    incomplete: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users and roles whose policies list networks, while some or all actions work from anywhere.

    Either the network restricts only some actions, or a list of networks in a policy allows every
    address and so restricts nothing (`network_list_open` reports the list).

    >>> from iamkit.tables import schema
    >>> from iamkit.restrictions import NETWORK_RESTRICTIONS
    >>> from iamkit.restrictions import NETWORK_LISTS
    >>> partly = NETWORK_RESTRICTIONS.rows(dict(
    ...     principal_arn="u", verdict="partly restricted", outside_actions=2, outside_risky=1,
    ...     why="2 of 9 possible actions are possible from anywhere."))
    >>> nobody = schema.POLICY_ASSIGNMENTS.rows()
    >>> lists, roles = NETWORK_LISTS.rows(), schema.ROLES.rows()
    >>> network_fence_with_holes(partly, lists, nobody, roles).detail.tolist()
    ['2 of 9 possible actions are possible from anywhere.']
    """
    admits_all = network_lists.loc[network_lists["open"].fillna(value=False), "policy_arn"]
    with_list = policy_assignments["policy_arn"].isin(admits_all)
    meant = policy_assignments.loc[with_list, "principal_arn"]
    verdict, arn = network_restrictions["verdict"], network_restrictions["principal_arn"]
    escaped = verdict.eq(PARTLY_RESTRICTED) | (verdict.eq(UNRESTRICTED) & arn.isin(meant))
    hit = without_service_linked(network_restrictions[escaped], roles)
    notes = hit["notes"].map(lambda found: " ".join(found) if isinstance(found, list) else "")
    detail = (hit["why"] + " " + notes).str.strip()
    reason = unseen(hit["principal_arn"], network_restrictions, incomplete)
    return pd.DataFrame(
        {
            "subject": hit["principal_arn"],
            "detail": detail.mask(reason.notna(), reason),
            "status": status(reason.isna()),
        }
    )


def _own(network_lists: pd.DataFrame) -> pd.DataFrame:
    """Lists in customer managed and inline policies."""
    return network_lists[network_lists["kind"].isin(["customer", "inline"])]


def _where(lists: pd.DataFrame) -> pd.Series[Any]:
    """Where in its policy a list stands, in words."""
    names = map(statement_name, lists["sid"], lists["number"])
    return pd.Series(list(names), lists.index, "str") + ", " + lists["key"] + ": "
