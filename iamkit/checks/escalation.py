"""Identities with more permissions than intended: near-administrators, and escalation paths."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from iamkit.access import CONTEXTS, Permissions, changes_most, risky_actions, with_mfa
from iamkit.arns import AWS_MANAGED
from iamkit.checks.administrators import COMPUTE
from iamkit.checks.facts import as_platforms_want, graded, of_platforms, reported_elsewhere
from iamkit.checks.registry import check
from iamkit.checks.wording import GUIDE, LEAST_PRIVILEGE, status
from iamkit.evidence import requests
from iamkit.policy import ANYWHERE, CERTAIN, POSSIBLE
from iamkit.reference import escalation_methods
from iamkit.table import TEXT, lists_by_key, stack
from iamkit.tables import ASSIGNED, service_linked_arns

GAIN: Final = f"{GUIDE}id_roles_use_passrole.html"
# Prerequisites that the credential report answers.
CREDENTIALS: Final = frozenset(
    {
        *("room for a key", "two keys", "password", "no password"),
        *("no second factor", "no device of its own"),
    }
)
FOR_SERVICES: Final = r"^arn:[\w-]+:iam::aws:policy/service-role/"
LIMIT_PASSING: Final = (
    "Limit who may pass the role to its service. If the service does not need one of the actions, "
    "replace AWS's policy with one of your own that leaves it out."
)
GRAVE: Final = ("escalation", "resource exposure", "credential exposure")
INTENDED: Final = ("sts-001", "register-own-mfa")  # methods that give what was meant to be given


@check(
    severity="medium",
    title="An identity can change most of the account",
    impact=(
        "The identity can change or delete most of what is in the account. A wrong script or a "
        "stolen session does almost as much damage as an administrator's."
    ),
    among="users and roles",
    remedy="Allow only the services and actions that it needs.",
    source=LEAST_PRIVILEGE,
    errs="towards silence: actions that are allowed only on some resources do not count",
)
def near_administrator(
    permissions: Permissions,
    roles: pd.DataFrame,
    administrators: pd.DataFrame,
    platform_roles: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users and roles with half of AWS's changing actions or more, on every resource.

    An example is AWS's PowerUserAccess. Other checks report administrators.
    """
    most = changes_most(permissions.rows[:, ANYWHERE], permissions.catalog)
    people, broad = permissions.principals, most[permissions.index].any(axis=1)
    beside = {*administrators["principal_arn"], *service_linked_arns(roles)}
    found = people[broad & ~people["principal_arn"].isin(beside)]
    detail = "can change most of the account"
    made = pd.DataFrame({"subject": found["principal_arn"], "detail": detail})
    return graded(made, "medium", of_platforms(platform_roles))


@check(
    severity="high",
    title="An identity can escalate its privileges",
    impact=(
        "The identity can get permissions that nobody gave it, by using another identity or "
        "changing a policy. An attacker with its credentials gets them as well."
    ),
    among="users and roles",
    remedy=(
        "Remove one of the actions, or limit it to the roles, users and other resources that it is "
        "meant for."
    ),
    source=GAIN,
    errs="towards silence: paths that depend on an unknown condition do not count",
)
def can_escalate(
    escalations: pd.DataFrame,
    administrators: pd.DataFrame,
    permissions: Permissions | None = None,
    incomplete: pd.DataFrame | None = None,
    admin_paths: pd.DataFrame | None = None,
    platform_roles: pd.DataFrame | None = None,
    attachments: pd.DataFrame | None = None,
    trusted_principals: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users and roles with a proven path to more permissions than they have; without administrators.

    Deny statements, boundaries, conditions and the target's trust policy are considered; see
    `escalation`. Assuming a role counts only if it leads to administrator access, because roles are
    meant to be assumed. The same holds for a user who registers its own MFA device, because the
    checks on MFA report users without one.

    Without a proven path, two kinds of identities are not assessed: those that can create
    credentials for a user whose present credentials are unknown, and those that can become an
    identity whose policies cannot be read.

    A path to administrator access has high severity, any other path medium, or low if the role that
    it leads to adds nothing dangerous. Both are low for a role that only AWS services may assume
    and that has only AWS's policies, unless a service of these runs the account's code. If
    `can_become_administrator` reports the identity, this check only notes the methods.
    """
    paths = _besides(escalations, administrators).query("status == 'proven'")
    paths = paths[paths["reaches_admin"] | ~paths["method"].isin(INTENDED)]
    target = paths["target_arn"].str.split("/").str[-1]
    to = (": " + target).where(paths["category"].ne("extend own permissions"), "").fillna("")
    detail = paths["description"] + to + " (" + paths["method"] + ")"
    found = _first_three(paths.assign(detail=detail)).assign(status="fail")
    highest = paths.loc[paths["reaches_admin"], "principal_arn"]
    severity = found["subject"].isin(highest).map({True: "high", False: "medium"})
    if permissions is not None:
        much = paths.loc[~_gains_little(paths, permissions), "principal_arn"]
        severity = severity.where(found["subject"].isin(much), "low")
    of_services = found["subject"].isin(_as_aws_has_them(attachments, trusted_principals))
    severity = severity.mask(of_services, "low")
    step = pd.Series(None, found.index, "object")
    found = found.assign(next_step=step.mask(of_services, LIMIT_PASSING))
    wanted, told = as_platforms_want(platform_roles), set[str]()
    if admin_paths is not None:
        able = _able(admin_paths, administrators)
        told.update(able.loc[able["steps"].notna(), "principal_arn"])
    proven = graded(found, severity, wanted | told)
    proven = reported_elsewhere(proven, told - wanted, "can_become_administrator")
    if permissions is None or admin_paths is None or incomplete is None:
        return proven
    beside = {*proven["subject"], *administrators["principal_arn"]}
    perhaps = _perhaps(permissions, admin_paths, incomplete)
    rest = [(arn, why, "not assessed", "high") for arn, why in perhaps.items() if arn not in beside]
    columns = ["subject", "detail", "status", "severity"]
    return stack(proven, pd.DataFrame(rest, columns=columns, dtype=TEXT))


def _gains_little(paths: pd.DataFrame, permissions: Permissions) -> pd.Series[bool]:
    """
    Whether each path leads to a role that adds nothing dangerous to what the caller may do.

    That is no action that escalates or exposes credentials or resources, and no data on every
    resource; the role's own table, bucket or log group is what its work needs.
    """
    catalog, index = permissions.catalog, permissions.index
    number = {arn: at for at, arn in enumerate(permissions.principals["principal_arn"])}
    always = np.bitwise_or.reduce([catalog.mask(risk=risk) for risk in GRAVE])
    risky = risky_actions(catalog)
    alike: dict[tuple[bytes, bytes], bool] = {}  # many callers may do the same
    little = []
    columns = (paths[name] for name in ("principal_arn", "target_arn", "reaches_admin"))
    for caller, target, admin in zip(*columns, strict=True):
        if admin or caller == target or caller not in number or target not in number:
            little.append(False)
            continue
        pair = index[number[caller]], index[number[target]]
        key = pair[0].tobytes(), pair[1].tobytes()
        if key not in alike:
            own = np.bitwise_or.reduce(permissions.rows[pair[0], CERTAIN])
            rows = permissions.rows[pair[1]]
            anywhere = np.bitwise_or.reduce(rows[:, ANYWHERE]) & risky
            grave = np.bitwise_or.reduce(rows[:, POSSIBLE]) & always
            alike[key] = not ((anywhere | grave) & ~own).any()
        little.append(alike[key])
    return pd.Series(little, paths.index, dtype="bool")


def _as_aws_has_them(
    attachments: pd.DataFrame | None, trusted_principals: pd.DataFrame | None
) -> frozenset[str]:
    """
    Roles that only services may assume, and that have only what AWS wrote.

    Whoever may pass one to its service uses it as AWS means it; nobody else holds its session. Of a
    role for a service that runs code or templates of the account's own, this holds only if AWS
    wrote the policies for such roles.
    """
    if attachments is None or trusted_principals is None:
        return frozenset()
    held = attachments[attachments["how"].ne("boundary")]
    for_services = held["policy_arn"].str.contains(FOR_SERVICES, regex=True, na=False)
    of_aws = held["policy_arn"].str.contains(AWS_MANAGED, regex=False, na=False)
    given = {each for method in escalation_methods().values() for each in method.services}
    # A service that runs what its user gives it: code, commands or templates.
    carries_out = trusted_principals["principal"].str.removesuffix(".cn").isin({*COMPUTE, *given})
    busy = frozenset(trusted_principals.loc[carries_out, "role_arn"])
    own = ~of_aws | ~for_services & held["principal_arn"].isin(list(busy))
    others = trusted_principals.loc[trusted_principals["who"].ne("service"), "role_arn"]
    mixed = {*held.loc[own, "principal_arn"], *others}
    return frozenset(trusted_principals["role_arn"]) - mixed


def _perhaps(
    permissions: Permissions, admin_paths: pd.DataFrame, incomplete: pd.DataFrame
) -> dict[str, str]:
    """Who may have a path that the evidence does not show, and why nobody knows."""
    found: dict[str, str] = {}
    source = incomplete["source"]
    unread = incomplete[source.eq(ASSIGNED) & incomplete["kind"].ne("policy")]
    if len(unread):  # whoever is become may be worth more
        possible = admin_paths[admin_paths["steps"].isna() & admin_paths["possible_steps"].notna()]
        reason = "may gain permissions that are not in the evidence: " + unread["reason"].iloc[0]
        found |= dict.fromkeys(possible["principal_arn"], reason)
    silent = incomplete[source.eq(requests.REPORT.call) & incomplete["kind"].eq("user")]
    if len(silent):  # a user may have no key yet, and so on
        able = _making_credentials(permissions)
        reason = "may create credentials for a user of unknown state: " + silent["reason"].iloc[0]
        found |= dict.fromkeys(able["principal_arn"], reason)
    return found


def _making_credentials(permissions: Permissions) -> pd.DataFrame:
    """Users and roles that may call all of a method that depends on a user's credentials."""
    wanted = [
        permissions.catalog.bits(method.permissions)
        for method in escalation_methods().values()
        if CREDENTIALS.intersection(method.prerequisites)
    ]
    rows = permissions.rows[:, POSSIBLE]
    able = np.logical_or.reduce([((rows & bits) == bits).all(axis=1) for bits in wanted])
    found: pd.DataFrame = permissions.principals[able[permissions.index].any(axis=1)]
    return found


@check(
    severity="high",
    title="An identity that is not an administrator can become one",
    impact=(
        "An attacker who gets hold of this identity does not stop at its permissions: the steps "
        "shown end in control of the whole account. Each step is an ordinary API call."
    ),
    among="users and roles",
    remedy=(
        "Remove the permission or trust that most paths need; the escalation page names it. In "
        "trust policies, name only principals that need the role, and require MFA for people."
    ),
    source=LEAST_PRIVILEGE,
    errs=(
        "towards not assessed: a step that depends on an unknown condition is neither counted nor "
        "ruled out; SCPs that are not in the evidence count as allowing everything"
    ),
)
def can_become_administrator(
    admin_paths: pd.DataFrame,
    administrators: pd.DataFrame,
    platform_roles: pd.DataFrame | None = None,
    trusted_principals: pd.DataFrame | None = None,
    attachments: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users and roles from which a chain of steps leads to administrator access.

    Steps are roles assumed, keys and passwords created for others, roles passed to services, and
    so on; see `escalation.graph`. Only contexts count for which they have the credential. The
    detail names the one that requires least, first those from anywhere without MFA.

    If the trust policy of an administrator role names a user and requires MFA, this is intended. It
    is noted as a fact, unless the user can also become administrator without MFA. A role that only
    AWS services may assume and that has only AWS's policies is of low severity, unless a service of
    these runs the account's code. A workload that becomes administrator through roles of platforms,
    such as a pipeline through those of the CDK, is of medium severity, as `administrator_role` is.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from iamkit import load
    >>> from iamkit import demo
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     account = load(demo.snapshots(Path(folder)))
    ...     can_become_administrator(account.admin_paths, account.administrators).detail[0]
    'from its session in 1 step: ops-deployer'
    """
    able = _able(admin_paths, administrators)
    certain, steps = able["steps"].notna(), able["steps"].fillna(able["possible_steps"])
    able = able.assign(certain=certain, steps=steps)[steps.notna()]
    best = able.sort_values("certain", ascending=False, kind="stable")
    best = best.drop_duplicates("principal_arn").sort_index()
    through = pd.Series([_named(route) for route in best["route"]], best.index, dtype="str")
    steps = best["steps"].astype("str") + best["steps"].eq(1).map({True: " step", False: " steps"})
    arrival = best["context"].map({name: each.said for name, each in CONTEXTS.items()})
    arrival = arrival.mask(best["kind"].eq("role"), "from its session")
    unsure = " at least, if unknown conditions hold"
    found = pd.DataFrame(
        {
            "subject": best["principal_arn"],
            "detail": arrival + " in " + steps + through.where(best["certain"], unsure),
            "status": status(best["certain"]),
        }
    )
    meant = as_platforms_want(platform_roles) | _appointed(able, trusted_principals)
    found = found.reset_index(drop=True)
    of_services = found["subject"].isin(_as_aws_has_them(attachments, trusted_principals))
    step = pd.Series(None, found.index, "object").mask(of_services, LIMIT_PASSING)
    severity = of_services.map({True: "low", False: "high"})
    pipelines = found["subject"].isin(_by_platforms_only(able, platform_roles, trusted_principals))
    severity = severity.mask(pipelines & ~of_services, "medium")
    return graded(found.assign(next_step=step), severity, meant)


def _by_platforms_only(
    able: pd.DataFrame,
    platform_roles: pd.DataFrame | None,
    trusted_principals: pd.DataFrame | None,
) -> frozenset[str]:
    """Workloads that certainly become administrator, and only through roles of platforms."""
    if platform_roles is None or trusted_principals is None:
        return frozenset()
    workload = trusted_principals["who"].eq("OIDC") | trusted_principals["principal"].isin(COMPUTE)
    people = frozenset(trusted_principals.loc[~workload, "role_arn"])
    wanted = as_platforms_want(platform_roles)
    by_others = [
        not certain or not wanted.issuperset(route[1:]) or len(route) < 2
        for certain, route in zip(able["certain"], able["route"], strict=True)
    ]
    others = frozenset(able.loc[by_others, "principal_arn"])
    return frozenset(trusted_principals["role_arn"]) & {*able["principal_arn"]} - people - others


def _appointed(able: pd.DataFrame, trusted_principals: pd.DataFrame | None) -> frozenset[str]:
    """
    Who becomes administrator with MFA only, in one step, by a role that names it and asks for MFA.

    `able` are the contexts in which somebody may. AWS advises to give administration that way.
    Source: IAM User Guide, "Security best practices": temporary credentials, with MFA.
    """
    if trusted_principals is None:
        return frozenset()
    asked = trusted_principals[trusted_principals["mfa"].eq(other=True).fillna(value=False)]
    named = set(zip(asked["principal"], asked["role_arn"], strict=True))
    columns = (able[name] for name in ("principal_arn", "context", "certain", "route"))
    fine: dict[str, bool] = {}
    for arn, context, certain, route in zip(*columns, strict=True):
        one = certain and len(route) == 2 and (arn, route[-1]) in named
        mfa = with_mfa(context) == context
        fine[arn] = fine.get(arn, True) and one and mfa
    return frozenset(arn for arn, meant in fine.items() if meant)


@check(
    severity="low",
    title="An identity can escalate its privileges if a suitable target exists",
    impact=(
        "If there is a function, instance or build project with a stronger role, this identity "
        "can run commands as that role. Creating such a resource later opens the path without any "
        "change in IAM."
    ),
    among="users and roles",
    remedy=(
        "Check in the named services whether such a target exists. Remove the actions, or limit "
        "them to the resources that they are meant for."
    ),
    source=GAIN,
    errs="towards reporting: the evidence does not show whether a target exists",
)
def escalates_with_a_target(
    escalations: pd.DataFrame, administrators: pd.DataFrame
) -> pd.DataFrame:
    """
    Users and roles with paths that lack only a target; without administrators.

    The check `can_escalate` reports identities with a proven path. Targets in IAM, such as a user
    without a password, are in the evidence, so paths without such a target are left out.

    >>> from iamkit.escalation import ESCALATIONS
    >>> found = ESCALATIONS.rows(dict(principal_arn="u", method="lambda-003",
    ...     description="Replace the code", status="needs a target", reaches_admin=False,
    ...     category="use a resource with a role", prerequisite="a function that has a role"))
    >>> escalates_with_a_target(found, pd.DataFrame({"principal_arn": []})).detail.tolist()
    ['Replace the code (lambda-003), if there is a function that has a role']
    """
    paths = _besides(escalations, administrators)
    certain = paths["status"].eq("proven")
    certain &= paths["reaches_admin"] | ~paths["method"].isin(INTENDED)
    told = paths["principal_arn"].isin(paths.loc[certain, "principal_arn"])
    paths = paths[paths["category"].eq("use a resource with a role") & ~told]
    method = paths["description"] + " (" + paths["method"] + ")"
    return _first_three(paths.assign(detail=method + ", if there is " + paths["prerequisite"]))


def _able(admin_paths: pd.DataFrame, administrators: pd.DataFrame) -> pd.DataFrame:
    """Paths of others than administrators, in contexts for which they have the credential."""
    return _besides(admin_paths[admin_paths["has_credential"].fillna(True)], administrators)


def _named(route: list[str]) -> str:
    """Whom a route goes through, in words, without its start."""
    names = [arn.split("/")[-1] for arn in route[1:] if arn != route[0]]
    return f": {', '.join(names)}" if names else ", without another identity"


def _besides(table: pd.DataFrame, administrators: pd.DataFrame) -> pd.DataFrame:
    """Rows about others than administrators."""
    return table[~table["principal_arn"].isin(administrators["principal_arn"])]


def _first_three(paths: pd.DataFrame) -> pd.DataFrame:
    """One row per principal: its first three paths, and how many more there are."""
    found = lists_by_key(paths["principal_arn"], paths["detail"])
    details = [
        "; ".join(said[:3]) + (f"; {len(said) - 3} more" if len(said) > 3 else "")
        for said in found.values()
    ]
    return pd.DataFrame({"subject": list(found), "detail": details}, dtype=TEXT)
