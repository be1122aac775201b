"""Who is more than their policies say: almost an administrator, or able to become one."""

from __future__ import annotations

from typing import Final

import pandas as pd

from iamkit.access import CONTEXTS, Permissions, changes_most
from iamkit.checks.registry import check
from iamkit.checks.wording import GUIDE, LEAST_PRIVILEGE
from iamkit.policy import ANYWHERE

GAIN: Final = f"{GUIDE}id_roles_use_passrole.html"
MEANT: Final = ("sts-001", "register-own-mfa")  # ways that give what was meant to be given


@check(
    severity="medium",
    title="An identity can change most of the account",
    among="users and roles",
    remedy="Give it the services that its work needs, by name.",
    source=LEAST_PRIVILEGE,
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
    people, broad = permissions.principals, most[permissions.index].any(axis=1)
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
    errs="towards less: what hangs on a condition that nobody knows does not count",
)
def can_escalate(escalations: pd.DataFrame, administrators: pd.DataFrame) -> pd.DataFrame:
    """
    Users and roles, administrators aside, with a proven way to more permissions than they have.

    Denials, boundaries, conditions and what the target trusts count; see `escalation`. Assuming a
    role that was made to be assumed is a way only to administration, and so is coming back with an
    MFA device of one's own: the checks on MFA are about users without one.
    """
    ways = _besides(escalations, administrators).query("status == 'proven'")
    ways = ways[ways["reaches_admin"] | ~ways["method"].isin(MEANT)]
    target = ways["target_arn"].str.split("/").str[-1]
    to = (": " + target).where(ways["category"].ne("give oneself more"), "").fillna("")
    way = ways["description"] + to + " (" + ways["method"] + ")"
    return _first_three(ways.assign(detail=way))


@check(
    severity="high",
    title="Somebody who is no administrator can become one",
    among="users and roles",
    remedy="Cut the way where most ways meet: page 05 says where. Name under Principal of a trust "
    "policy only who needs the role, and let people come with MFA.",
    source=LEAST_PRIVILEGE,
    errs="towards not assessed: what nobody knows is neither a way nor none; SCPs that are not in "
    "the evidence are taken to allow",
)
def can_become_administrator(
    admin_paths: pd.DataFrame, administrators: pd.DataFrame
) -> pd.DataFrame:
    """
    Users and roles from which a chain of steps leads to administration, in a context they come in.

    Steps are roles assumed, keys and passwords made for others, roles handed to services, and so
    on; see `reach`. Said is the context that asks least, first those from anywhere without MFA.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from iamkit import load
    >>> from iamkit import demo
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     account = load(demo.snapshots(Path(folder)))
    ...     can_become_administrator(account.admin_paths, account.administrators).detail[0]
    'from its session in 1 step: ops-deployer'
    """
    able = _besides(admin_paths[admin_paths["has_credential"].fillna(True)], administrators)
    certain, steps = able["steps"].notna(), able["steps"].fillna(able["possible_steps"])
    able = able.assign(certain=certain, steps=steps)[steps.notna()]
    best = able.sort_values("certain", ascending=False, kind="stable")
    best = best.drop_duplicates("principal_arn").sort_index()
    through = pd.Series([_named(route) for route in best["route"]], best.index, dtype="str")
    steps = best["steps"].astype("str") + best["steps"].eq(1).map({True: " step", False: " steps"})
    come = (
        best["context"]
        .map({name: each.said for name, each in CONTEXTS.items()})
        .mask(best["kind"].eq("role"), "from its session")
    )
    unsure = " at least, if conditions that nobody knows hold"
    return pd.DataFrame(
        {
            "subject": best["principal_arn"],
            "detail": come + " in " + steps + through.where(best["certain"], unsure),
            "status": best["certain"].map({True: "fail", False: "not assessed"}),
        }
    ).reset_index(drop=True)


@check(
    severity="low",
    title="An identity can gain permissions if something to use for it exists",
    among="users and roles",
    remedy="Look in the services named whether there is such a thing; take the actions away, or "
    "name the resources that they are for.",
    source=GAIN,
    errs="towards reporting: that no such thing exists is not in the evidence",
)
def escalates_with_a_target(
    escalations: pd.DataFrame, administrators: pd.DataFrame
) -> pd.DataFrame:
    """
    Users and roles, administrators aside, with ways that lack nothing but a target.

    Those with a proven way are left to `can_escalate`. What lies in IAM, such as a user without a
    password, is known not to be there and left out.

    >>> from iamkit.escalation import ESCALATIONS
    >>> found = ESCALATIONS.rows(dict(principal_arn="u", method="lambda-003", description="Replace the code",
    ...     status="needs a target", reaches_admin=False, category="use what has a role",
    ...     prerequisite="a function that has a role"))
    >>> escalates_with_a_target(found, pd.DataFrame({"principal_arn": []})).detail.tolist()
    ['Replace the code (lambda-003), which takes a function that has a role']
    """
    ways = _besides(escalations, administrators)
    proven = ways.loc[ways["status"].eq("proven"), "principal_arn"]
    ways = ways[ways["category"].eq("use what has a role") & ~ways["principal_arn"].isin(proven)]
    said = ways["description"] + " (" + ways["method"] + "), which takes " + ways["prerequisite"]
    return _first_three(ways.assign(detail=said))


def _named(route: list[str]) -> str:
    """Whom a walk comes through, in words, the one who sets out aside."""
    names = [arn.split("/")[-1] for arn in route[1:] if arn != route[0]]
    return f": {', '.join(names)}" if names else ", all by itself"


def _besides(table: pd.DataFrame, administrators: pd.DataFrame) -> pd.DataFrame:
    """Rows about others than administrators."""
    return table[~table["principal_arn"].isin(administrators["principal_arn"])]


def _first_three(ways: pd.DataFrame) -> pd.DataFrame:
    """One row per principal: its first three ways, and how many more there are."""
    grouped = ways.groupby("principal_arn", sort=False)["detail"]
    found = grouped.agg(lambda said: "; ".join(said.head(3))).rename_axis("subject").reset_index()
    more = (grouped.size() - 3).clip(lower=0).to_numpy()
    return found.assign(
        detail=[
            f"{said}; {n} more" if n else said
            for said, n in zip(found["detail"], more, strict=True)
        ]
    )
