"""Who is more than their policies say: almost an administrator, or able to become one."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from iamkit.evaluation import ANYWHERE
from iamkit.findings import check
from iamkit.permissions import Permissions, changes_most
from iamkit.paths import paths

GAIN: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"
LEAST: Final = (
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege"
)


@check(
    severity="medium",
    title="An identity can change most of the account",
    among="users and roles",
    remedy="Give it the services that its work needs, by name.",
    source=LEAST,
    errs="towards less: what only some resources allow does not count",
)
def near_administrator(
    permissions: Permissions, roles: pd.DataFrame, administrators: pd.DataFrame
) -> pd.DataFrame:
    """
    Users and roles with half of AWS's changing actions or more, on every resource.

    Such as those of AWS's PowerUserAccess. Administrators are left to the checks about them.
    """
    most = changes_most(permissions.rows[:, ANYWHERE], permissions.catalog)
    people, broad = permissions.people, most[permissions.index].any(axis=1)
    beside = {*administrators["principal_arn"], *roles.query("service_linked")["role_arn"]}
    found = people[broad & ~people["principal_arn"].isin(beside)]
    detail = "may change most of the account, by a policy that leaves out little"
    return pd.DataFrame({"subject": found["principal_arn"], "detail": detail})


@check(
    severity="high",
    title="An identity can gain permissions that nobody gave it",
    among="users and roles",
    remedy="Take one of the actions away, or name the roles, users and other resources it is for.",
    source=GAIN,
    errs="towards less: a way counts if one policy opens it and nothing else closes it",
)
def can_escalate(
    permissions: Permissions,
    powers: pd.DataFrame,
    holdings: pd.DataFrame,
    roles: pd.DataFrame,
    administrators: pd.DataFrame,
) -> pd.DataFrame:
    """
    Users and roles, administrators aside, with a policy that lets its holder escalate.

    Boundaries, denials and conditions besides that policy count: what they take away with MFA, from
    inside the approved networks, is no way. AWS's own policies count as well as the account's.
    """
    catalog, people = permissions.catalog, permissions.people
    row = pd.Series(range(len(people)), index=people["principal_arn"])
    held = holdings.merge(powers[["policy_arn", "policy_name", "escalations"]], on="policy_arn")
    beside = {*administrators["principal_arn"], *roles.query("service_linked")["role_arn"]}
    able = people.loc[~people["principal_arn"].isin(beside), "principal_arn"]
    held = held[held["principal_arn"].isin(able)]
    held = held.explode("escalations").dropna(subset="escalations")
    wanted = {way: catalog.bits(path.permissions) for way, path in paths().items()}
    needed = np.array([wanted[way] for way in held["escalations"]]).reshape(-1, catalog.words)
    allowed = permissions.bits("certain", "mfa-inside")[row.reindex(held["principal_arn"])]
    open_ways = held[~(needed & ~allowed).any(axis=1)]
    ways = open_ways["escalations"].map(lambda way: f"{paths()[way].name} ({way})")
    grouped = open_ways.assign(way=ways).groupby("principal_arn", sort=False)
    found = grouped.agg(
        ways=("way", lambda ways: "; ".join(dict.fromkeys(ways.head(3)))),
        number=("way", "nunique"),
        through=("policy_name", lambda names: ", ".join(dict.fromkeys(names))),
    ).reset_index(names="subject")
    more = (found["number"] - 3).clip(lower=0).map(lambda n: f"; {n} more" if n else "")
    return found.assign(detail="through " + found["through"] + ": " + found["ways"] + more)
