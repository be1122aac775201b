"""
Trust in identity providers: roles that too many of a provider's identities, or none, may assume.

`iamkit.trust` finds which of a provider's identities a trust statement admits.

Source: IAM User Guide, "Create a role for OpenID Connect federation" and "Create a role for SAML
2.0 federation".
"""

from __future__ import annotations

import pandas as pd

from iamkit.checks.registry import check
from iamkit.checks.trust import reported
from iamkit.checks.wording import GUIDE
from iamkit.reference import oidc_providers, sign_in_audience
from iamkit.table import stack
from iamkit.trust import FEDERATED, built_in


@check(
    severity="high",
    title="Too many identities of an identity provider may assume the role",
    impact=(
        "Any repository, project or user of the identity provider can ask for a token that the "
        "role accepts. On a public provider, that includes an attacker's own free account."
    ),
    among="roles",
    remedy=(
        "Add conditions on the subject and on the audience of the intended tokens to the trust "
        "policy."
    ),
    source=f"{GUIDE}id_roles_create_for-idp_oidc.html",
    errs="towards reporting: a provider of your own counts too, even if you trust all its users",
)
def federation_without_subject(trusted_principals: pd.DataFrame) -> pd.DataFrame:
    """
    Roles for federated identities whose trust policy does not limit these identities enough.

    OIDC: the role accepts a token of another customer of the provider, because the claims of this
    customer's project can match the wildcards. Or it accepts a token of any project of an
    organisation, because the subject has a wildcard for the project or names only the organisation.
    On GitHub each repository chooses the parts of its subject, so a condition on
    environment:production alone limits nothing. Anyone can be a guest of a Cognito identity pool. A
    wildcard for the branches of one repository is not a finding. Callers choose the audience and
    the names of their branches, environments and workflows, so conditions on these do not count.
    Conditions on other claims, such as the ID of the repository, count like conditions on the
    subject. Public providers, such as Google and Cognito, identify the application: without a
    condition on it, any application's token is accepted. SAML: without a condition on SAML:aud, the
    role accepts assertions that were issued for other audiences than AWS. A missing audience
    together with a condition on the subject is not a finding, because STS rejects tokens for
    audiences that the provider does not list. A wildcard for the tokens of a provider that the kit
    does not know is not assessed.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted = TRUSTED_PRINCIPALS.rows(
    ...     dict(role_arn="r", who="OIDC", problem="loose subject",
    ...          subject="any repository and branch of example-corp"))
    >>> federation_without_subject(trusted).detail.tolist()
    ['any repository and branch of example-corp may assume it']
    """
    hit = trusted_principals[trusted_principals["subject"].notna()]
    comma = hit["subject"].str.contains(", for any audience").map({True: ",", False: ""})
    found = reported(hit, hit["subject"] + comma + " may assume it", trusted_principals)
    steps = {
        arn: _narrow(str(who), str(provider), str(principal))
        for arn, who, provider, principal in zip(
            *(hit[c] for c in ("role_arn", "who", "provider", "principal")), strict=True
        )
    }
    found = found.assign(next_step=found["subject"].map(steps).astype("object"))
    vague = trusted_principals[trusted_principals["problem"].eq("unknown provider")]
    said = "the provider, and so who can get a matching token, is not known: " + vague["open_to"]
    open_ = pd.DataFrame({"subject": vague["role_arn"], "detail": said, "status": "not assessed"})
    return stack(found, open_[~open_["subject"].isin(found["subject"])].drop_duplicates("subject"))


def _narrow(who: str, provider: str, principal: str) -> str | None:
    """What to ask of the tokens or assertions of a provider; None: as of any."""
    if who == "SAML":
        audience = sign_in_audience(principal.split(":")[1])
        return f"Add a condition on SAML:aud to the trust policy: {audience}."
    if principal in oidc_providers.application_claims():
        key = f"{principal}:{oidc_providers.application_claims()[principal]}"
        more = f', and on {principal}:amr: "authenticated"' if "cognito" in principal else ""
        return (
            f"Add a condition on {key} to the trust policy, with the ID of your application{more}."
        )
    example = oidc_providers.subject_examples().get(provider)
    if example is None:
        return None
    return f"Add conditions on the subject, such as {example}, and on the audience."


@check(
    severity="low",
    title="A role trusts an identity provider that does not exist",
    impact=(
        "The role cannot be assumed this way now. If somebody creates a provider of that name, "
        "the users of that provider can assume the role at once."
    ),
    among="roles",
    remedy=(
        "Remove the provider from the trust policy. Delete the role if no other principal may "
        "assume it."
    ),
    source=f"{GUIDE}id_roles_providers_create_oidc.html",
    absence=True,
)
def federation_without_provider(
    trusted_principals: pd.DataFrame, identity_providers: pd.DataFrame
) -> pd.DataFrame:
    """
    Roles that trust a SAML or OpenID Connect provider that is not in the account.

    Nobody can assume the role through it today. Anyone who can create a provider with this name can
    then decide who assumes the role. Google, Cognito, Facebook and Login with Amazon need no
    provider in the account.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> from iamkit.tables import IDENTITY_PROVIDERS
    >>> trusted = TRUSTED_PRINCIPALS.rows(
    ...     dict(role_arn="r", who="OIDC", provider="GitLab",
    ...          principal="arn:aws:iam::111122223333:oidc-provider/gitlab.com"))
    >>> federation_without_provider(trusted, IDENTITY_PROVIDERS.rows()).detail.tolist()
    ['trusts arn:aws:iam::111122223333:oidc-provider/gitlab.com, which the account does not have']
    """
    federated = trusted_principals[trusted_principals["who"].isin(FEDERATED)]
    existing = federated["principal"].isin(identity_providers["provider_arn"])
    hit = federated[~existing & ~federated["principal"].map(built_in).astype("bool")]
    return reported(
        hit, "trusts " + hit["principal"] + ", which the account does not have", trusted_principals
    )
