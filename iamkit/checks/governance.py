"""
What an account should have: roles for incidents and audits, federation, contacts, an analyzer.

Each fails because something was not found, so each needs all the evidence that could show it.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.arns import AWS_MANAGED
from iamkit.checks.populations import with_password
from iamkit.checks.registry import check
from iamkit.checks.wording import status
from iamkit.reference import oidc_providers

PRACTICES: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html"
CONTACT: Final = "https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-update-contact"

# IAM Identity Center makes roles with this prefix, one for each permission set.
IDENTITY_CENTER: Final = "AWSReservedSSO_"


EXTERNAL: Final = ("ACCOUNT", "ORGANIZATION")


def _account(account_id: str, failing: Any, detail: str) -> pd.DataFrame:
    """The account, if it fails."""
    found = [(account_id, detail)] if failing else []
    return pd.DataFrame(found, columns=["subject", "detail"])


def _holding(policy_assignments: pd.DataFrame, name: str) -> pd.Series[Any]:
    """ARNs of the users and roles that hold an AWS managed policy, through a group or directly."""
    held = policy_assignments["policy_arn"].str.endswith(f"{AWS_MANAGED}{name}")
    who = policy_assignments.loc[held, "principal_arn"]
    return who[~who.str.contains(":group/")].drop_duplicates()


@check(
    severity="low",
    title="No identity is set up to manage AWS Support cases",
    impact=(
        "In an outage or attack somebody must open a case with AWS Support. If nobody may, hours "
        "pass until the root user is found."
    ),
    fine="An identity is set up to manage AWS Support cases",
    among="the account",
    remedy="Make a role with AWSSupportAccess that the people who handle incidents can assume.",
    source="https://docs.aws.amazon.com/awssupport/latest/user/accessing-support.html",
    errs="towards reporting: a policy of your own that gives support access does not count",
    absence=True,
)
def support_role_missing(policy_assignments: pd.DataFrame, account_id: str) -> pd.DataFrame:
    """
    An account in which no role, and no user, holds AWSSupportAccess.

    A role is recommended. Users who have the policy, directly or through a group, are enough. A
    group without members does not count, and administrators do not count, because support cases
    should not need an administrator.

    >>> from iamkit.tables import POLICY_ASSIGNMENTS
    >>> support_role_missing(POLICY_ASSIGNMENTS.rows(), "111122223333").detail.tolist()
    ['no role and no user holds AWSSupportAccess']
    """
    nobody = _holding(policy_assignments, "AWSSupportAccess").empty
    return _account(account_id, nobody, "no role and no user holds AWSSupportAccess")


@check(
    severity="low",
    title="No role is set up for security audits",
    impact=(
        "During an incident, investigators need to read settings quickly. Without a read-only "
        "role they get an administrator's access, or wait."
    ),
    fine="A role is set up for security audits",
    among="the account",
    remedy="Make a role with SecurityAudit that auditors and their tools may assume.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_job-functions.html",
    errs="towards reporting: a policy of your own that lets auditors read does not count",
    absence=True,
)
def security_audit_role_missing(policy_assignments: pd.DataFrame, account_id: str) -> pd.DataFrame:
    """
    An account in which no role holds SecurityAudit.

    Users who have the policy do not count, because an audit should use temporary credentials. The
    detail says how many there are.

    >>> from iamkit.tables import POLICY_ASSIGNMENTS
    >>> held = dict(principal_arn="arn:aws:iam::111122223333:user/ana",
    ...             policy_arn="arn:aws:iam::aws:policy/SecurityAudit")
    >>> security_audit_role_missing(POLICY_ASSIGNMENTS.rows(held), "111122223333").detail.tolist()
    ['no role holds SecurityAudit; users who hold it: 1']
    """
    who = _holding(policy_assignments, "SecurityAudit")
    roles = who.str.contains(":role/")
    said = "no role holds SecurityAudit" + (f"; users who hold it: {len(who)}" if len(who) else "")
    return _account(account_id, not roles.any(), said)


@check(
    severity="medium",
    title="People sign in with passwords of this account instead of federation",
    impact=(
        "People who leave the company keep working passwords here until somebody remembers to "
        "delete them. Sign-in rules of the company, such as device checks, do not apply."
    ),
    fine="People can sign in through an identity provider, or nobody has a password",
    among="the account",
    remedy=(
        "Let people sign in through IAM Identity Center or a SAML provider, then remove their IAM "
        "users."
    ),
    source=PRACTICES,
    errs=(
        "towards silence: an OpenID Connect provider counts as one for people, unless the kit "
        "knows that it serves only workloads"
    ),
    absence=True,
)
def federation_missing(
    credentials: pd.DataFrame,
    identity_providers: pd.DataFrame,
    roles: pd.DataFrame,
    account_id: str,
) -> pd.DataFrame:
    """
    An account with console users, without an identity provider for people.

    A SAML provider, the roles that IAM Identity Center makes, or an OpenID Connect provider count;
    providers of build services and clusters (GitHub, GitLab, EKS, …) do not. Without console users
    there is no finding.

    >>> from iamkit.tables import CREDENTIALS, IDENTITY_PROVIDERS, ROLES
    >>> ana = CREDENTIALS.rows(dict(user_name="ana", is_root=False, password_enabled=True))
    >>> github = IDENTITY_PROVIDERS.rows(dict(kind="OIDC",
    ...                                       name="token.actions.githubusercontent.com"))
    >>> federation_missing(ana, github, ROLES.rows(), "111122223333").detail.tolist()
    ['no identity provider for people; users with a password: 1']
    """
    people = with_password(credentials)
    named = identity_providers["name"].fillna("").str.lower()
    for_people = identity_providers["kind"].eq("SAML") | ~named.str.startswith(
        oidc_providers.workload_prefixes()
    )
    central = roles["role_name"].str.startswith(IDENTITY_CENTER)
    failing = len(people) and not for_people.any() and not central.any()
    said = f"no identity provider for people; users with a password: {len(people)}"
    return _account(account_id, failing, said)


def _contact(contacts: pd.DataFrame, kind: str, account_id: str, said: str) -> pd.DataFrame:
    """The account, if a contact is not set; not assessed if the answer cannot be read."""
    row = contacts[contacts["kind"] == kind]
    missing = row[~row["present"].fillna(value=False)]
    return missing.assign(
        subject=account_id, detail=said, status=status(missing["present"].notna())
    )


@check(
    severity="low",
    title="The account has no security contact",
    impact=(
        "AWS reports leaked keys and attacks to the security contact. Without one, the message "
        "goes to the mailbox of the account owner, where it may wait for days."
    ),
    fine="The account has a security contact",
    among="the account",
    remedy="Set the security alternate contact to a mailbox that several people read.",
    source=f"{CONTACT}-alternate.html",
)
def security_contact_missing(contacts: pd.DataFrame, account_id: str) -> pd.DataFrame:
    """
    An account without a security contact.

    AWS reports explicitly that there is none. The answers about the other contacts are not needed.

    >>> from iamkit.tables import CONTACTS
    >>> contacts = CONTACTS.rows(dict(kind="security", present=False))
    >>> security_contact_missing(contacts, "111122223333").detail.tolist()
    ['no security contact is set']
    """
    return _contact(contacts, "security", account_id, "no security contact is set")


@check(
    severity="low",
    title="The account has no contact information",
    impact=(
        "AWS writes to these contacts about abuse, unpaid bills and suspension. Messages that "
        "reach nobody can end with a suspended account."
    ),
    fine="The account has contact information",
    among="the account",
    remedy="Set the account's contact information.",
    source=f"{CONTACT}-primary.html",
    errs="towards silence: the evidence does not show whether the contact is still correct",
)
def contact_details_missing(contacts: pd.DataFrame, account_id: str) -> pd.DataFrame:
    """
    An account without contact information.

    >>> from iamkit.tables import CONTACTS
    >>> contacts = CONTACTS.rows(dict(kind="account", present=False))
    >>> contact_details_missing(contacts, "111122223333").detail.tolist()
    ['no contact information is set']
    """
    return _contact(contacts, "account", account_id, "no contact information is set")


@check(
    severity="low",
    title="IAM Access Analyzer does not monitor external access",
    impact=(
        "Buckets, keys, queues and roles may be shared with outsiders by their own policies, and "
        "no list shows which. A bucket that is opened by mistake stays open unnoticed."
    ),
    fine="IAM Access Analyzer monitors external access",
    among="the account",
    remedy=(
        "Create an external access analyzer in IAM Access Analyzer in every Region that you use."
    ),
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/what-is-access-analyzer.html",
    errs=(
        "towards silence: only one Region is examined, and others may have no analyzer; towards "
        "reporting: an organization analyzer in another account is not in the evidence"
    ),
    absence=True,
)
def external_access_analyzer_missing(analyzers: pd.DataFrame, account_id: str) -> pd.DataFrame:
    """
    An account without an active analyzer of external access in the region that was asked.

    Analyzers of unused access, or of access from within the organization, do not count.

    >>> from iamkit.tables import ANALYZERS
    >>> unused = ANALYZERS.rows(dict(name="idle", type="ACCOUNT_UNUSED_ACCESS", status="ACTIVE"))
    >>> external_access_analyzer_missing(unused, "111122223333").detail.tolist()
    ['no external access analyzer']
    """
    external = analyzers[analyzers["type"].isin(EXTERNAL)]
    states = ", ".join(sorted(external["status"].fillna("of unknown status").unique()))
    said = "no external access analyzer" + (f" is active: {states}" if states else "")
    return _account(account_id, not external["status"].eq("ACTIVE").any(), said)
