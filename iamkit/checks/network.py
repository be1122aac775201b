"""
Networks: which credentials work from anywhere, and which lists of networks keep nobody out.

From where an identity can be used is `fences`' verdict; the lists themselves are in `networks`. Of
these only those in policies somebody here wrote are findings: AWS's own cannot be mended.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from iamkit.checks.credentials import ago
from iamkit.checks.registry import check
from iamkit.restrictions import NOT_APPLICABLE

GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
FENCE = f"{GUIDE}reference_policies_examples_aws_deny-ip.html"
SOURCE_IP = f"{GUIDE}reference_policies_condition-keys.html#condition-keys-sourceip"


@check(
    severity="high",
    title="An access key that works from anywhere, without MFA",
    among="users with active keys",
    remedy="Deny requests from outside your networks, or use a role instead of the key.",
    source=FENCE,
    errs="towards open: unknown conditions are taken to help the caller, and SCPs that are not in "
    "the evidence to allow",
)
def key_usable_from_anywhere(
    access_keys: pd.DataFrame, mfa_enforcement: pd.DataFrame, network_restrictions: pd.DataFrame
) -> pd.DataFrame:
    """
    Users with an active key that neither MFA nor a network stands in the way of.

    Either is enough, and so is one of both: MFA that is asked for outside only. A user without
    permissions passes. Where a fence has holes, what they leave open counts. One whose policies
    are not in the evidence is not assessed.

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
    ['the oldest active key was made 505 days ago; actions open to a thief: 41, of them risky: 3']
    """
    keys = access_keys.query("active and not is_root").groupby("user_arn", as_index=False)
    people = keys.agg(age=("age_days", "max")).merge(
        mfa_enforcement[
            [
                "principal_arn",
                "verdict",
                "key",
                "place",
                "actions_without_mfa",
                "risky_without_mfa",
                "worst",
            ]
        ],
        left_on="user_arn",
        right_on="principal_arn",
        how="left",
    )
    restriction = network_restrictions.set_index("principal_arn")["verdict"]
    people["network_restriction"] = restriction.reindex(people["user_arn"]).array
    unseen = people["verdict"].isna() | people["network_restriction"].isna()
    closed = people["key"].eq("required") | people["place"].ne("anywhere")
    moot = people["verdict"].isin(NOT_APPLICABLE) | people["network_restriction"].isin(
        ["restricted", "nothing to protect"]
    )
    hit = people[unseen | ~(closed | moot)]
    unseen = unseen[hit.index]
    return pd.DataFrame(
        {
            "subject": hit["user_arn"],
            "detail": _haul(hit).mask(unseen, "its policies are not in the evidence"),
            "status": unseen.map({True: "not assessed", False: "fail"}),
        }
    )


def _haul(people: pd.DataFrame) -> pd.Series[Any]:
    """What somebody gets who steals the key, in words."""
    worst = people["worst"].map(
        lambda names: ", ".join(names[:3]) if isinstance(names, list) else ""
    )
    counts = people[["actions_without_mfa", "risky_without_mfa"]].astype("str")
    gets = counts["actions_without_mfa"] + ", of them risky: " + counts["risky_without_mfa"]
    made = "the oldest active key was made " + ago(people["age"])
    return made + "; actions open to a thief: " + gets + (" (" + worst + ")").mask(worst.eq(""), "")


@check(
    severity="high",
    title="A list of networks that admits everybody",
    among="own policies",
    remedy="Take 0.0.0.0/0, ::/0 and whatever else admits everybody out of the list.",
    source=SOURCE_IP,
)
def network_list_open(network_lists: pd.DataFrame) -> pd.DataFrame:
    """
    Allow-lists of networks in which every address is.

    Such a list reads like a fence and keeps nobody out, whoever is behind it.

    >>> from iamkit.restrictions import NETWORK_LISTS
    >>> lists = NETWORK_LISTS.rows(dict(policy_arn="p", kind="customer", index=0, sid="Office", behind=2,
    ...     key="aws:SourceIp", use="allow list", networks=["0.0.0.0/0"], open=True, problems=[]))
    >>> network_list_open(lists).detail.tolist()
    ['statement “Office”, aws:SourceIp: admits every address (0.0.0.0/0); 2 identities behind it']
    """
    hit = _own(network_lists).query("open")
    listed = hit["networks"].map(lambda texts: ", ".join(map(str, texts)))
    behind = "; " + hit["behind"].astype("str") + " identities behind it"
    detail = _where(hit) + "admits every address (" + listed + ")" + behind
    return pd.DataFrame({"subject": hit["policy_arn"], "detail": detail})


@check(
    severity="medium",
    title="A list of networks that cannot be what was meant",
    among="own policies",
    remedy="List the public networks that requests come from, each once, as narrow as they are.",
    source=SOURCE_IP,
)
def network_list_doubtful(network_lists: pd.DataFrame) -> pd.DataFrame:
    """
    Lists of networks with private, very wide, overlapping or unreadable entries.

    Lists that admit everybody are `network_list_open`'s alone.

    >>> from iamkit.restrictions import NETWORK_LISTS
    >>> lists = NETWORK_LISTS.rows(dict(policy_arn="p", kind="inline", index=1, key="aws:SourceIp",
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
    title="A list of networks that holds others than the approved ones",
    among="own policies",
    remedy="Take the network out of the list, or approve it in the settings.",
    source=GUIDE + "reference_policies_examples_aws_deny-ip.html",
)
def network_list_unapproved(network_lists: pd.DataFrame) -> pd.DataFrame:
    """
    Allow-lists with entries outside the approved networks of the settings.

    Without any in the settings nothing is unapproved. A list to keep networks out may hold any.

    >>> from iamkit.restrictions import NETWORK_LISTS
    >>> lists = NETWORK_LISTS.rows(dict(policy_arn="p", kind="customer", index=0, sid="Office",
    ...     key="aws:SourceIp", use="allow list", unapproved=["192.0.2.0/24"]))
    >>> network_list_unapproved(lists).detail.tolist()
    ['statement “Office”, aws:SourceIp: not approved: 192.0.2.0/24']
    """
    own = _own(network_lists)
    hit = own[own["unapproved"].map(bool) & own["use"].eq("allow list")]
    listed = hit["unapproved"].map(lambda texts: ", ".join(map(str, texts)))
    return pd.DataFrame(
        {"subject": hit["policy_arn"], "detail": _where(hit) + "not approved: " + listed}
    )


@check(
    severity="medium",
    title="A network fence with holes",
    among="users and roles",
    remedy="Deny on every action and resource outside your networks, not on some.",
    source=FENCE,
    errs="towards open: what is open counts if unknown conditions may allow it",
)
def network_fence_with_holes(
    network_restrictions: pd.DataFrame,
    network_lists: pd.DataFrame,
    policy_assignments: pd.DataFrame,
    roles: pd.DataFrame,
) -> pd.DataFrame:
    """
    Users and roles whom a fence was made for, while some or all actions work from anywhere.

    Either the network matters to some actions and not to others, or to none although a policy has a
    list of networks: one that admits everybody (see `network_list_open`, which is about the list).

    >>> from iamkit.tables import schema
    >>> from iamkit.restrictions import NETWORK_RESTRICTIONS
    >>> from iamkit.restrictions import NETWORK_LISTS
    >>> fenced = NETWORK_RESTRICTIONS.rows(dict(
    ...     principal_arn="u", verdict="partly restricted", outside_actions=2, outside_risky=1,
    ...     why="2 of 9 possible actions are possible from anywhere."))
    >>> network_fence_with_holes(
    ...     fenced, NETWORK_LISTS.rows(), schema.POLICY_ASSIGNMENTS.rows(), schema.ROLES.rows()).detail.tolist()
    ['2 of 9 possible actions are possible from anywhere.']
    """
    in_vain = network_lists.loc[network_lists["open"].fillna(value=False), "policy_arn"]
    meant = policy_assignments.loc[policy_assignments["policy_arn"].isin(in_vain), "principal_arn"]
    holed = network_restrictions["verdict"].eq("partly restricted")
    holed |= network_restrictions["verdict"].eq("unrestricted") & network_restrictions[
        "principal_arn"
    ].isin(meant)
    linked = roles.loc[roles["service_linked"], "role_arn"]
    hit = network_restrictions[holed & ~network_restrictions["principal_arn"].isin(linked)]
    notes = hit["notes"].map(lambda found: " ".join(found) if isinstance(found, list) else "")
    detail = (hit["why"] + " " + notes).str.strip()
    return pd.DataFrame({"subject": hit["principal_arn"], "detail": detail})


def _own(network_lists: pd.DataFrame) -> pd.DataFrame:
    """Lists in policies that somebody here wrote."""
    return network_lists[network_lists["kind"].isin(["customer", "inline"])]


def _where(lists: pd.DataFrame) -> pd.Series[Any]:
    """Where in its policy a list stands, in words."""
    numbered = (lists["index"] + 1).astype("str")
    named = ("“" + lists["sid"] + "”").fillna(numbered)
    return "statement " + named + ", " + lists["key"] + ": "
