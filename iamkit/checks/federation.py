"""
Trust in identity providers: whose tokens and assertions open a role.

Anybody can get a token of GitHub, GitLab or Google. What tells one's own from all others is the
condition on the token's subject, or on the application it was made for.

Source: IAM User Guide, "Create a role for OpenID Connect federation", "Available keys for AWS OIDC
federation" and "Create a role for SAML 2.0 federation".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit import conditions
from iamkit.doors import WORD, may, reported, rows, ways_in, written
from iamkit.findings import check
from iamkit.patterns import UNKNOWN, Context, Pattern

GUIDE: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"

# Providers open to everybody whose tokens are told apart by the application they are made for.
# Source: IAM User Guide, "Available keys for AWS OIDC federation".
BY_APPLICATION: Final = {
    "cognito-identity.amazonaws.com": "aud",
    "accounts.google.com": "aud",
    "www.amazon.com": "app_id",
    "graph.facebook.com": "app_id",
}
# Subjects, as policies write them, that leave more open than one project, and what they leave open.
# Source: the pages on OpenID Connect of GitHub, GitLab and HCP Terraform; EKS User Guide, "IAM
# roles for service accounts".
WIDE_SUBJECTS: Final = (
    (r"repo:[^/]*[*?].*", "any repository of every organisation whose name fits"),
    (r"repo:([^/]+)/\*+(:.*)?", "any repository and branch of {}"),
    (r"project_path:[^/:]*[*?].*", "any project of every group whose name fits"),
    (r"project_path:([^:]+)/\*+(:.*)?", "any project of {}"),
    (r"organization:[^:]*[*?].*", "any workspace of every organisation whose name fits"),
    (r"organization:([^:]+):(\*+|project:\*+(:workspace:\*.*)?)", "any workspace of {}"),
    (r"system:serviceaccount:\*.*", "any service account of the cluster"),
)


@check(
    severity="high",
    title="More identities of a provider may assume the role than one project's",
    among="roles",
    remedy="Ask for the subject, such as repo:ORGANISATION/REPOSITORY:ref:refs/heads/main, and for "
    "the audience, in the trust policy's condition.",
    source=f"{GUIDE}id_roles_create_for-idp_oidc.html",
    errs="towards reporting: a provider of your own, all of whose users may come, is reported too",
)
def federation_without_subject(trust: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """
    Roles for federated identities that do not say which of them, or name a whole organisation.

    OIDC: somebody else's token, all claims foreign but the audience, which callers choose, gets in;
    or one of any project of an organisation, where the subject has a wildcard for it. Any branch of
    one repository passes. Conditions on other claims, such as the repository's id, count as the
    subject does. Providers for everybody, such as Google's and Cognito's, go by their application:
    without a condition on it anybody's application gets in. SAML: assertions for other audiences
    than AWS get in, which a condition on SAML:aud prevents. A missing audience beside a subject is
    no finding: STS refuses tokens for audiences that the provider does not list.

    >>> from iamkit.schema import ROLES, TRUST
    >>> issuer = "token.actions.githubusercontent.com"
    >>> trust = TRUST.rows(dict(role_arn="r", index=0, effect="Allow", negated=False,
    ...     principal_type="Federated", actions=["sts:AssumeRoleWithWebIdentity"],
    ...     principal="arn:aws:iam::111122223333:oidc-provider/" + issuer,
    ...     conditions={"StringLike": {issuer + ":sub": "repo:example-corp/*"}}))
    >>> federation_without_subject(trust, ROLES.rows()).detail.tolist()
    ['any repository and branch of example-corp, for any audience, may assume it']
    """
    doors = ways_in(trust, roles)
    doors = doors[doors["principal_type"].eq("Federated")]
    said = pd.Series([_federated(door) for door in rows(doors)], index=doors.index, dtype="str")
    hit = doors[said.ne("")]
    return reported(hit, said[hit.index] + " may assume it", trust, roles)


def _federated(door: Mapping[str, Any]) -> str:
    """Who of a provider's identities may come in that should not, in words; empty if nobody."""
    provider = str(door["principal"])
    if ":saml-provider/" in provider:
        elsewhere = may(door, Context({"saml:aud": WORD}, UNKNOWN))
        return "whoever its provider vouches for to another service" if elsewhere else ""
    issuer = provider.rpartition(":oidc-provider/")[2]
    claim = f"{issuer}:".lower()
    asked = [door["conditions"], *door["denials"]]
    tested = {key for each in asked for key in conditions.keys(each) if key.startswith(claim)}
    application = claim + BY_APPLICATION.get(issuer, "aud")
    chosen = {f"{claim}amr"} if issuer in BY_APPLICATION else {f"{claim}amr", f"{claim}aud"}
    stranger = Context(dict.fromkeys(tested - chosen, WORD), UNKNOWN)
    audience = "" if application in tested else ", for any audience,"
    if may(door, stranger):
        return f"whoever gets a token of {issuer}{audience}"
    for text in written(door["conditions"], f"{claim}sub"):
        named = stranger.but({f"{claim}sub": Pattern(text).filled(WORD, "-")})
        if (said := _wide(text)) and may(door, named):
            return said + audience
    return ""


def _wide(subject: str) -> str:
    """What the pattern of a subject leaves open, in words; empty if it names one project."""
    for pattern, said in WIDE_SUBJECTS:
        if found := re.fullmatch(pattern, subject):
            return said.format(*found.groups())
    return ""
