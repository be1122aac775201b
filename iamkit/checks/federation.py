"""
Trust in identity providers: whose tokens and assertions open a role, and whether anybody's can.

Which of a provider's identities a door leaves it open to is found in `iamkit.federation`.

Source: IAM User Guide, "Create a role for OpenID Connect federation" and "Create a role for SAML
2.0 federation".
"""

from __future__ import annotations

import pandas as pd

from iamkit.checks.registry import check
from iamkit.checks.trust import reported
from iamkit.checks.wording import GUIDE
from iamkit.trust import FEDERATED, built_in


@check(
    severity="high",
    title="More identities of a provider may assume the role than one project's",
    among="roles",
    remedy="Ask for the subject, such as repo:ORGANISATION/REPOSITORY:ref:refs/heads/main, and for "
    "the audience, in the trust policy's condition.",
    source=f"{GUIDE}id_roles_create_for-idp_oidc.html",
    errs="towards reporting: a provider of your own, all of whose users may come, is reported too",
)
def federation_without_subject(trusted_principals: pd.DataFrame) -> pd.DataFrame:
    """
    Roles for federated identities that do not say which of them, or name a whole organisation.

    OIDC: somebody else's token, all claims foreign but those that callers choose, gets in; or one
    of any project of an organisation, where the subject has a wildcard for it. Any branch of one
    repository passes. Callers choose the audience, and what their own branches, environments and
    workflows are called; conditions on other claims, such as the repository's id, count as the
    subject does. Providers for everybody, such as Google's and Cognito's, go by their application:
    without a condition on it anybody's application gets in. SAML: assertions for other audiences
    than AWS get in, which a condition on SAML:aud prevents. A missing audience beside a subject is
    no finding: STS refuses tokens for audiences that the provider does not list.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted_principals = TRUSTED_PRINCIPALS.rows(dict(role_arn="r", who="OIDC", problem="loose subject",
    ...                         subject="any repository and branch of example-corp"))
    >>> federation_without_subject(trusted_principals).detail.tolist()
    ['any repository and branch of example-corp may assume it']
    """
    hit = trusted_principals[trusted_principals["subject"].notna()]
    aside = hit["subject"].str.contains(", for any audience").map({True: ",", False: ""})
    return reported(hit, hit["subject"] + aside + " may assume it", trusted_principals)


@check(
    severity="low",
    title="A role trusts an identity provider that does not exist",
    among="roles",
    remedy="Take the provider out of the trust policy, and delete the role if nothing else may "
    "assume it.",
    source=f"{GUIDE}id_roles_providers_create_oidc.html",
    absence=True,
)
def federation_without_provider(
    trusted_principals: pd.DataFrame, identity_providers: pd.DataFrame
) -> pd.DataFrame:
    """
    Roles for a SAML or OpenID Connect provider that is not, or no longer, in the account.

    Nobody comes in by it today; who may create a provider of that name decides who does tomorrow.
    Google, Cognito, Facebook and Login with Amazon need no provider in the account.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> from iamkit.tables import IDENTITY_PROVIDERS
    >>> trusted_principals = TRUSTED_PRINCIPALS.rows(dict(role_arn="r", who="OIDC", provider="GitLab",
    ...     principal="arn:aws:iam::111122223333:oidc-provider/gitlab.com"))
    >>> federation_without_provider(trusted_principals, IDENTITY_PROVIDERS.rows()).detail.tolist()
    ['trusts arn:aws:iam::111122223333:oidc-provider/gitlab.com, which the account does not have']
    """
    federated = trusted_principals[trusted_principals["who"].isin(FEDERATED)]
    there = federated["principal"].isin(identity_providers["provider_arn"])
    hit = federated[~there & ~federated["principal"].map(built_in).astype("bool")]
    return reported(
        hit, "trusts " + hit["principal"] + ", which the account does not have", trusted_principals
    )
