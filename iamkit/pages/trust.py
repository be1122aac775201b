"""The page on trust: who outside the account may assume its roles, and which roles elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.counts import agreeing, counted
from iamkit.pages import counts
from iamkit.trust import FEDERATED, GENUINE, OUTSIDE, UNKNOWN_HOLDERS, WHO

# Problems of trust that let in more callers than intended, the worst first.
TOO_MANY: Final = (
    *("open to anyone", "no external id", "loose subject", "no audience", "unknown source"),
    *("another organization", "no source"),
)
# The checks that report these.
_TOO_MANY: Final = (
    "anyone_may_assume",
    "federation_without_subject",
    "service_for_unknown_account",
    "service_without_source",
    "vendor_without_external_id",
)
_NOT_ASSESSED: Final = ("deleted identity", "unreadable")  # kinds of which MFA says nothing

# How bars show trusted principals: by whether something is wrong, and by whether they need MFA.
PROBLEMS: Final[Mapping[str, str]] = {"without": charts.PINE, "with a problem": charts.AMBER}
MFA: Final[Mapping[str, str]] = {"with MFA": charts.PINE, "without MFA": charts.AMBER}


def resource_policies(account: Account) -> charts.Sentence:
    """Return the sentence that says whether resource control policies count on this page."""
    if account.has_resource_policies:
        said = "Resource control policies are in the evidence: whom they deny is not trusted."
        return charts.say(said)
    said = "Resource control policies are not in the evidence: whom they deny is shown as trusted."
    return charts.say(said, tone="note")


def people_behind_roles(account: Account) -> charts.Sentence:
    """Return the sentence that says whether people behind Identity Center's roles are known."""
    found = account.role_holders
    if found.empty:
        return charts.say("No role with people of IAM Identity Center behind it is known.")
    if found["note"].eq(UNKNOWN_HOLDERS).any():
        said = (
            "The assignments of IAM Identity Center are not in the evidence. A run over the "
            "organization collects them."
        )
        return charts.say(said, tone="note")
    people = found["user_id"].nunique()
    roles = found.loc[found["user_id"].notna(), "role_arn"].nunique()
    return charts.say(
        agreeing(f"{counted(people, 'people')} [has|have] {counted(roles, 'roles')}", people),
        "by IAM Identity Center.",
        "Whether they have MFA there is not known: no API says.",
    )


def headline(account: Account) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page: roles, not principals."""
    roles = _how_many(trusted(account))
    leading, outside = _how_many(leading_to_admin(account)), _how_many(outsiders(account))
    aside = "roles that trust outsiders, without roles of platforms"
    return charts.figures(
        missing=account.missing("trusted_principals"),
        **{
            "Assumable roles": (roles, "with trusted principals"),
            "Trust outsiders": (outside, "roles"),
            "Trust too many": charts.none_is_good(
                _how_many(too_many(account)),
                "roles, also through AWS services",
                counts.tone(account.audit.results, *_TOO_MANY),
                of=roles,
            ),
            "Lead to admin access": charts.none_is_good(
                leading,
                aside,
                counts.tone(account.audit.results, "administrator_role", *_TOO_MANY),
                of=outside,
            ),
        },
    )


def _how_many(trusted: pd.DataFrame) -> int:
    """Return how many roles the rows are of."""
    return trusted["role_arn"].nunique()


def trusted(account: Account) -> pd.DataFrame:
    """
    Return the trusted principals, each with the administrator access that its role leads to.

    All columns of `account.trusted_principals`, the last use to the day, and `admin_access`:
    everything, through IAM, or in a number of steps; missing: none of these is certain.
    """
    found = account.trusted_principals
    return found.assign(
        admin_access=found["role_arn"].map(_admin_access(account)).astype("str"),
        last_used=found["last_used"].dt.normalize(),
    )


def _admin_access(account: Account) -> pd.Series[str]:
    """Return the administrator access of each role's session that has or reaches any, in words."""
    has = account.administrators.set_index("principal_arn")["admin"].astype("str")
    paths = account.admin_paths.query("context == 'stolen-key' and steps > 0")
    steps = paths.set_index("principal_arn")["steps"].astype("str")
    reaches = ("in " + steps + " steps").replace("in 1 steps", "in one step")
    return has.combine_first(reaches)


def outsiders(account: Account) -> pd.DataFrame:
    """Return the rows of `trusted` whose principal is outside the account."""
    found = trusted(account)
    return found[found["who"].isin(OUTSIDE)]


def too_many(account: Account) -> pd.DataFrame:
    """
    Return the rows of `trusted` that allow more callers than intended, the worst first.

    Services that act for any account are among them: through these, outsiders come in.
    """
    found = trusted(account)
    found = found[found["problem"].isin(TOO_MANY)]
    place = found["problem"].map(TOO_MANY.index)
    return found.assign(place=place).sort_values(["place", "role_name"]).drop(columns="place")


def leading_to_admin(account: Account) -> pd.DataFrame:
    """Return the rows of `outsiders` with administrator access, without genuine platform roles."""
    found, platforms = outsiders(account), account.platform_roles
    expected = platforms[platforms["standing"] == GENUINE]["role_arn"]
    return found[found["admin_access"].notna() & ~found["role_arn"].isin(expected)]


def by_kind(account: Account) -> pd.DataFrame:
    """Return how many trusted principals of each kind there are, with a problem and without."""
    found = trusted(account)
    has = found["problem"].notna().map({True: "with a problem", False: "without"})
    kinds = [who for who in WHO if who in set(found["who"])]
    parts = ["without", "with a problem"]
    return counts.crossed(found.assign(has=has), "who", "has", all_rows=kinds, all_columns=parts)


def kinds(account: Account) -> pd.DataFrame:
    """Return the kinds of trusted principals there are, how many of each, and what they mean."""
    how_many = trusted(account)["who"].value_counts()
    found = how_many.rename_axis("who").reset_index(name="trusted_principals")
    return found.assign(means=found["who"].map(WHO))


def callers(account: Account) -> pd.DataFrame:
    """Return for each statement that trusts too many callers one that it should reject."""
    found = too_many(account)
    found = found.assign(a_caller_that_is_admitted=found["witness"].map(charts.caller))
    return found.sort_values(["problem", "role_name", "number"])[
        ["role_name", "problem", "statement", "a_caller_that_is_admitted"]
    ]


def platform_roles(account: Account) -> pd.DataFrame:
    """Return the roles that platforms made, and those with such names."""
    found = account.platform_roles.rename(columns={"behind": "who_assumes_it"})
    return found[["role_name", "platform", "standing", "who_assumes_it", "problem", "tighten"]]


def accounts(account: Account) -> pd.DataFrame:
    """Return the trust in anyone, other accounts and organizations."""
    found = outsiders(account)
    found = found[~found["who"].isin(FEDERATED)].sort_values(["who", "account_id", "role_name"])
    return found[["who", "role_name", "open_to", "external_id", "mfa", "admin_access", "last_used"]]


def services(account: Account) -> pd.DataFrame:
    """Return how many roles each AWS service may assume, and on whose behalf."""
    found = trusted(account).query("who == 'service'")
    found = found.assign(
        narrowed=found["source"].eq(True), for_any_account=found["source"].eq(False)
    )
    roles = found.groupby("principal").agg(
        roles=("role_arn", "nunique"),
        narrowed=("narrowed", "sum"),
        for_any_account=("for_any_account", "sum"),
    )
    rest = roles["roles"] - roles["narrowed"] - roles["for_any_account"]
    return roles.assign(no_condition_needed=rest).sort_values("for_any_account", ascending=False)


def services_for_any_account(account: Account) -> pd.DataFrame:
    """Return the roles that an AWS service may assume on behalf of any account."""
    found = trusted(account).query("who == 'service' and source == False")
    return found.sort_values(["admin_access", "principal", "role_name"])[
        ["role_name", "principal", "statement", "admin_access", "last_used"]
    ]


def federated(account: Account) -> pd.DataFrame:
    """Return the trust in identity providers."""
    found = _federated(account).sort_values(["provider", "problem", "role_name"])
    whom = ["provider", "who", "role_name", "open_to"]
    return found[[*whom, "problem", "audience", "admin_access", "last_used"]]


def _federated(account: Account) -> pd.DataFrame:
    """Return the rows of `trusted` whose principal is an identity provider."""
    found = trusted(account)
    return found[found["who"].isin(FEDERATED)]


def identity_providers(account: Account) -> pd.DataFrame:
    """Return the identity providers in the account, and how many roles trust each."""
    roles = _federated(account).groupby("principal")["role_arn"].nunique()
    found = account.identity_providers.rename(columns={"client_ids": "audiences"})
    trusting = found["provider_arn"].map(roles).fillna(0).astype(int)
    return found.assign(roles_that_trust_it=trusting)[
        ["kind", "name", "created", "expires", "audiences", "roles_that_trust_it"]
    ]


def aws_principals(account: Account) -> pd.DataFrame:
    """Return the rows of `trusted` that can be required to have MFA: AWS principals."""
    found = trusted(account)
    return found[found["mfa"].notna() & ~found["who"].isin(_NOT_ASSESSED)]


def by_mfa(account: Account) -> pd.DataFrame:
    """Return how many AWS principals of each kind are trusted with and without MFA."""
    found = aws_principals(account)
    mfa = found["mfa"].map({True: "with MFA", False: "without MFA"})
    parts = ["with MFA", "without MFA"]
    return counts.crossed(found.assign(mfa=mfa), "who", "mfa", all_columns=parts)


def mfa_of_admin_access(account: Account) -> pd.DataFrame:
    """Return the trusted AWS principals of roles that lead to administrator access."""
    found = aws_principals(account).dropna(subset="admin_access")
    return found.sort_values(["mfa", "role_name"])[
        ["role_name", "open_to", "mfa", "admin_access", "statement", "last_used"]
    ]


def unused(account: Account) -> pd.DataFrame:
    """Return the roles that trust outsiders and are not in use, the longest unused first."""
    found = outsiders(account)
    found = found[found["unused"].fillna(value=False)].sort_values(["last_used", "role_name"])
    return found[["role_name", "open_to", "problem", "admin_access", "last_used"]]


def unreadable(account: Account) -> pd.DataFrame:
    """Return the trust statements that cannot be read, and what is wrong with them."""
    found = trusted(account).query("who == 'unreadable'")
    return found[["role_name", "statement", "open_to"]].rename(columns={"open_to": "what_is_wrong"})


def outbound(account: Account) -> pd.DataFrame:
    """Return the roles of other accounts that policies allow assuming, by how many identities."""
    found = account.outbound_roles.rename(columns={"role": "roles_of_other_accounts"})
    policy = found["policy_name"].fillna("a policy that is not in the evidence")
    found = found.assign(by=found["statement"] + " of " + policy)
    by = ["whose", "roles_of_other_accounts", "by"]
    made = counts.grouped(found.drop_duplicates(["principal_arn", *by]), by)
    return made.sort_values(["whose", "identities"], ascending=[False, False])[
        ["whose", "roles_of_other_accounts", "identities", "among_them", "by"]
    ]


def role_chains(account: Account) -> pd.DataFrame:
    """Return the roles through which outsiders may assume roles of other accounts."""
    found, roles = outsiders(account), account.outbound_roles
    roles = roles.drop_duplicates(["principal_arn", "role"])
    onward = counts.listed(found["role_arn"], roles, "principal_arn", "role")
    found = found.assign(onward=onward).dropna(subset="onward")
    return found.sort_values(["who", "role_name"])[
        ["role_name", "open_to", "onward", "admin_access", "last_used"]
    ]
