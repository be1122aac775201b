"""The page on permissions: which permissions each identity has, and who is an administrator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.access import EVERYTHING, THROUGH_IAM
from iamkit.account import Account
from iamkit.checks import SEVERITIES, Status
from iamkit.pages import counts, mfa, names
from iamkit.pages.escalation import ARRIVALS
from iamkit.table import objects
from iamkit.values import few

# The request contexts that the page compares, and what it calls them.
CONTEXTS: Final[Mapping[str, str]] = {
    "stolen-key": "stolen key",
    "stolen-password": "stolen password",
    "mfa-outside": "MFA, from outside",
    "mfa-inside": "MFA, from inside",
}
# The checks that report mistakes: by the rule, and by its severity.
_REPORTING: Final[Mapping[str, tuple[str, ...]]] = {
    "unknown-action": ("policy_names_nothing",),
    "network-list": ("network_list_open", "network_list_doubtful"),
}
_OF_WEIGHT: Final[Mapping[str, tuple[str, ...]]] = {"high": ("policy_says_otherwise",)}
_ADMINS_FIRST: Final = {EVERYTHING: 0, THROUGH_IAM: 1}
_MOST_FIRST: Final = {"near-admin": 0, "write": 1, "read": 2}


def headline(account: Account) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page."""
    admins = ranked(account).query("admin != ''")
    mistakes = _own_mistakes(account).query("severity == 'high'")
    return charts.figures(
        missing=account.missing("policy_assignments"),
        **{
            "Users and roles": (counts.users_and_roles(account), "without service-linked roles"),
            "Administrators": (
                admins["principal_arn"].nunique(),
                "by what they can do, in some context",
            ),
            mfa.ADMINISTRATORS_ENFORCED: mfa.enforced(account, "administrators"),
            "Mistakes in policies": charts.none_is_good(
                len(mistakes),
                "that change what a policy does",
                "note",
                of=len(account.policies),
            ),
        },
    )


def control_policies(account: Account) -> charts.Sentence:
    """Return the sentence that says whether the organization's policies count on this page."""
    known = account.has_control_policies
    said = [
        "Service control policies are in the evidence and count."
        if known
        else "Service control policies are not in the evidence: what they deny is shown as allowed."
    ]
    if account.has_resource_policies:
        said.append("Resource control policies are in the evidence; these tables leave them out.")
    return charts.say(" ".join(said), tone="plain" if known else "note")


def ranked(account: Account) -> pd.DataFrame:
    """
    Return the users and roles in each request context, those with the most permissions first.

    All columns of `account.permissions.summary()`.
    """
    summary = account.permissions.summary()
    rank = summary["admin"].map(_ADMINS_FIRST).rename("rank")
    order = summary.assign(rank=rank).sort_values(
        ["rank", "risky", "certain"], ascending=[True, False, False]
    )
    return order.drop(columns="rank")


def most_powerful(account: Account, number: int = 10) -> pd.DataFrame:
    """
    Return the users and roles with the most permissions: risky actions, a column per context.

    Columns: principal_arn, kind, name, admin, those of `CONTEXTS`, and policies, a list of names.
    """
    summary = ranked(account)
    risky = summary.pivot(index="principal_arn", columns="context", values="risky")
    risky = risky.reindex(columns=list(CONTEXTS)).rename(columns=CONTEXTS)
    found = summary.drop_duplicates("principal_arn").head(number)
    found = found[["principal_arn", "kind", "name", "admin"]].join(risky, on="principal_arn")
    held = counts.listed(found["principal_arn"], assigned(account), "principal_arn", "policy_name")
    return found.assign(policies=held)


def assigned(account: Account) -> pd.DataFrame:
    """Return which policy applies to which user or role, by the names of both."""
    found = account.policy_assignments
    policies = account.policies.set_index("policy_arn")["policy_name"]
    return found.assign(
        name=found["principal_arn"].map(names.names(account)),
        policy_name=found["policy_arn"].map(policies),
    )


def administrators(account: Account) -> pd.DataFrame:
    """Return the administrators, each with what it arrives with to be one, in words."""
    admins = ranked(account).query("admin != ''")
    found = admins.groupby(["principal_arn", "kind", "name", "admin"], sort=False)["context"]
    arrives_with = found.agg(_arrives_with).rename("arrives_with")
    return arrives_with.reset_index().drop(columns="principal_arn")


def _arrives_with(contexts: pd.Series[str]) -> str:
    """
    Return request contexts in words.

    >>> _arrives_with(pd.Series(["mfa-inside", "stolen-password"]))
    'a stolen password; MFA, from inside'
    >>> _arrives_with(pd.Series(list(ARRIVALS)))
    'any key, password or session'
    """
    if set(contexts) >= set(ARRIVALS):
        return "any key, password or session"
    return "; ".join(words for name, words in ARRIVALS.items() if name in set(contexts))


def what_makes_administrators(account: Account) -> pd.DataFrame:
    """Return who is or may be an administrator, with the statements and a request that show it."""
    certain = ranked(account).query("admin != ''")["principal_arn"]
    found = charts.with_requests(account.possible_administrators)
    return found.assign(certain=found["principal_arn"].isin(certain))[
        ["name", "kind", "admin", "certain", "statement that decides", "request that is allowed"]
    ]


def changes(account: Account) -> pd.DataFrame:
    """Return what each identity can change, or the credentials it gets; no administrators."""
    found = account.identities.dropna(subset="privilege_detail")
    found = found.assign(rank=found["privilege"].map(_MOST_FIRST))
    order = ["rank", "infrastructure_modification_actions", "credential_exposure_actions"]
    found = found.sort_values(order, ascending=[True, False, False])
    said = found["privilege_detail"].map(_few_names)
    return found.assign(privilege=said)[["kind", "name", "privilege"]]


def _few_names(said: str) -> str:
    """
    Return a sentence that ends in a list of names with the first six of them.

    >>> _few_names("read, and 8 actions that hand out credentials: a, b, c, d, e, f, g, h")
    'read, and 8 actions that hand out credentials: a, b, c, d, e, f and 2 more'
    """
    before, colon, named = said.rpartition(": ")
    return before + colon + few(named.split(", "))


def by_service(account: Account, identities: int = 16, services: int = 28) -> pd.DataFrame:
    """
    Return the number of actions per service of the identities with the most permissions, with MFA.

    A row per identity, without administrators, and a column per service, the largest first.
    """
    permissions = account.permissions
    limited = ranked(account).query("context == 'mfa-inside' and admin == ''")
    broadest = limited.sort_values("certain", ascending=False)["principal_arn"].head(identities)
    shown = permissions.principals["principal_arn"].isin(broadest)
    rows = permissions.by_service(permissions.bits("certain", "mfa-inside")[shown])
    who = permissions.principals.loc[shown, "name"]
    spread = charts.labelled(rows, who, permissions.services)
    return spread[spread.sum().sort_values(ascending=False).index[:services]]


def exposed_by_stolen_key(account: Account) -> pd.DataFrame:
    """Return the risky actions that a stolen key allows on every resource, and to whom."""
    found = account.permissions.holders("stolen-key")
    return found.rename(columns={"who": "among_them"})


def example(account: Account) -> str:
    """Return the ARN of the user or role with the most permissions; empty if there is none."""
    return next(iter(most_powerful(account, 1)["principal_arn"]), "")


def why(account: Account, principal: str, action: str, resource: str) -> pd.DataFrame:
    """Return what decides a principal's request, a context a row; no rows without a principal."""
    if principal:
        return account.why(principal, action, resource)
    return pd.DataFrame(columns=["context", "effect", "why"])


def wide_statements(account: Account) -> pd.DataFrame:
    """
    Return the Allow statements with wildcards or NotAction on every resource, most holders first.

    AWS managed policies are left out. `holders` counts the users and roles that a policy is for.
    """
    own = account.policies.query("kind != 'aws'").set_index("policy_arn")["policy_name"]
    allows = account.statements.query("effect == 'Allow' and any_resource")
    wild = allows["actions"].map(lambda actions: any(each.endswith("*") for each in actions))
    wide = allows[
        (wild | allows["not_actions"].str.len().gt(0)) & allows["policy_arn"].isin(own.index)
    ]
    holders = account.policy_assignments.groupby("policy_arn")["principal_arn"].nunique()
    wide = wide.assign(
        policy=wide["policy_arn"].map(own),
        holders=wide["policy_arn"].map(holders).fillna(0),
    )
    return wide.sort_values("holders", ascending=False)[
        ["policy", "sid", "actions", "not_actions", "conditional", "holders"]
    ]


def boundaries(account: Account) -> pd.DataFrame:
    """Return how many actions each permissions boundary removes, those that remove none first."""
    return account.permissions.boundaries("mfa-inside").sort_values("removed")


def unused_services(account: Account) -> pd.DataFrame:
    """Return how many services each identity may use, and how many it has not used, most first."""
    services = account.last_accessed
    use = services.assign(unused=services["last_used"].isna()).groupby("principal_arn")["unused"]
    found = use.agg(services_allowed="size", unused="sum").reset_index()
    found = found.assign(name=found["principal_arn"].map(names.names(account)))
    return found.sort_values("unused", ascending=False)[["name", "services_allowed", "unused"]]


def policies_held(account: Account) -> pd.DataFrame:
    """Return how many policies apply to each user and role, the most first."""
    held = assigned(account).groupby(["principal_arn", "name"]).size().reset_index(name="policies")
    return held.sort_values(["policies", "name"], ascending=[False, True])[["name", "policies"]]


def unattached_policies(account: Account) -> pd.DataFrame:
    """Return the customer managed policies that are attached to nothing."""
    found = account.policies.query("kind == 'customer' and attached == 0 and bounding == 0")
    return found.sort_values("policy_name")[["policy_arn", "policy_name", "updated", "versions"]]


def open_to_anyone(account: Account) -> pd.DataFrame:
    """Return the roles whose trust policy names everyone as principal."""
    found = account.trust.query("effect == 'Allow' and principal_type == '*'")
    found = found.assign(role=found["role_arn"].map(names.names(account)))
    return found[["role", "actions", "conditional", "conditions"]]


def _own_mistakes(account: Account) -> pd.DataFrame:
    """The mistakes in the account's own policies: rows of `account.lint`, the worst first."""
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    return account.lint.query("kind != 'aws'").sort_values(
        "severity", key=lambda severities: severities.map(order), kind="stable"
    )


def policy_problems(account: Account) -> pd.DataFrame:
    """
    Return the mistakes in the account's own policies, the gravest first.

    `severity` is that of the finding which reports the mistake, as on every page; missing: no check
    reports it. Of mistakes alike, those that change most of what a policy does come first.
    """
    findings = account.audit.findings
    failing = findings[findings["status"].isin([Status.FAIL, Status.ACCEPTED])]
    severities = failing.groupby(["check", "subject"])["severity"].first().to_dict()
    found, reported = _own_mistakes(account), []
    row: Any
    for row in found.itertuples(index=False):
        checks = (*_REPORTING.get(row.rule, ()), *_OF_WEIGHT.get(row.severity, ()))
        keys = [(check, row.policy_arn) for check in checks]
        there = (severities[key] for key in keys if key in severities)
        reported.append(min(there, key=SEVERITIES.index, default=None))
    rank = pd.Series([SEVERITIES.index(each or SEVERITIES[-1]) for each in reported], found.index)
    shown = found.assign(severity=objects(reported, found.index))
    shown = shown.loc[rank.sort_values(kind="stable").index]
    return shown[["severity", "policy_name", "sid", "problem", "suggestion"]]
