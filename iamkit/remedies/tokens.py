"""
Proposals about roles that identities of a provider may assume: whose tokens, which assertions.

Which repository, workload or application is meant, only a person knows: the script asks for it.
Assertions of SAML need no answer, because AWS is the only service that they can be meant for.

Source: IAM User Guide, "Create a role for OpenID Connect federation" and "Create a role for SAML
2.0 federation".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from iamkit.account import Account
from iamkit.reference import oidc_providers, sign_in_audience
from iamkit.remedies.documents import Blank, Statement, trust_of
from iamkit.remedies.proposal import Proposal, failing
from iamkit.remedies.trust import apart
from iamkit.results import changes
from iamkit.trust import issuer
from iamkit.values import as_dict, listed

COGNITO: Final = "cognito-identity.amazonaws.com"
SIGNED_IN: Final = ("ForAnyValue:StringEquals", f"{COGNITO}:amr", "authenticated")
Condition = tuple[str, str, str]  # operator, key, value


class Question(NamedTuple):
    """Which of a provider's tokens may assume a role; `number` is its place among all such."""

    role: str
    principal: str
    number: int

    @property
    def blank(self) -> Blank:
        """The answer that a person gives."""
        example = _example(self.principal).removesuffix(_after(self.principal))
        tried = f"{example or 'SUBJECT'}-{self.number}"
        return Blank(f"TOKENS_{self.number}", self._meaning(example), tried)

    @property
    def condition(self) -> Condition:
        """The condition that the answer becomes."""
        url, more = issuer(self.principal), _after(self.principal)
        claim = oidc_providers.application_claims().get(url, "sub")
        operator = "StringLike" if more else "StringEquals"
        return operator, f"{url}:{claim}", f"{self.blank.example}{more}"

    def _meaning(self, example: str) -> str:
        """What the answer is, in words."""
        url, role = issuer(self.principal), self.role.rpartition("/")[2]
        if url in oidc_providers.application_claims():
            kind = "identity pool" if url == COGNITO else "application"
            return f"the id of the {kind} whose tokens from {url} may assume {role}"
        such = f", such as {example}" if example else ""
        return f"the subject of the tokens from {url} that may assume {role}{such}"


def token_subjects(account: Account) -> Proposal:
    """Let one project's or application's tokens assume a role, which a person names."""
    asked = [
        Question(role, principal, number)
        for number, (role, principal) in enumerate(_loose(account, "OIDC"), start=1)
    ]
    made = {each.role: trust_of(account, each.role) for each in asked}
    for each in asked:
        more = [SIGNED_IN] if issuer(each.principal) == COGNITO else []
        made[each.role] = _asking(made[each.role], each.principal, [each.condition, *more])
    return Proposal(
        "name-the-subject-of-tokens",
        "Let only the intended project's tokens assume roles",
        "Anybody can get a token of a public provider, from a project of their own.",
        tuple(changes.UpdateAssumeRolePolicy(role, made[role]) for role in made),
        tuple(f"whatever assumes {each.role.rpartition('/')[2]} with other tokens of "
              f"{issuer(each.principal)}" for each in asked),
        ("which project or application is meant: the proof was made with a placeholder in the "
         "place of each, and the script asks for them",),
        to_fill=tuple(each.blank for each in asked),
    )  # fmt: skip


def assertions_for_aws(account: Account) -> Proposal:
    """Let only assertions that are meant for AWS assume roles."""
    asked = [(*each, sign_in_audience(each[1].split(":")[1])) for each in _loose(account, "SAML")]
    made = {role: trust_of(account, role) for role, *_ in asked}
    for role, principal, audience in asked:
        made[role] = _asking(made[role], principal, [("StringEquals", "SAML:aud", audience)])
    audiences = " or ".join(dict.fromkeys(audience for *_, audience in asked))
    return Proposal(
        "name-the-audience-of-assertions",
        "Let only assertions that are meant for AWS assume roles",
        "Another service that gets an assertion of the same provider could use it here.",
        tuple(changes.UpdateAssumeRolePolicy(role, made[role]) for role in made),
        not_known=(f"whoever signs in through a Region's own endpoint sends another audience than "
                   f"{audiences}: add it to the condition first",),
    )  # fmt: skip


def _loose(account: Account, who: str) -> Iterator[tuple[str, str]]:
    """Role and provider, where the role accepts too many of the provider's identities."""
    roles = failing(account, "federation_without_subject")["subject"]
    rows = account.trusted_principals
    rows = rows[rows["role_arn"].isin(roles) & rows["who"].eq(who) & rows["subject"].notna()]
    pairs = rows[["role_arn", "principal"]].drop_duplicates().sort_values(["role_arn", "principal"])
    for role, principal in pairs.astype("str").itertuples(index=False, name=None):
        # Whoever admits guests by name has to decide whether anybody may have the role.
        if principal != COGNITO or "unauthenticated" not in json.dumps(trust_of(account, role)):
            yield role, principal


def _asking(document: Any, principal: str, conditions: list[Condition]) -> Any:
    """The conditions for a provider, in a statement of its own beside others."""
    statements: list[Statement] = document["Statement"]
    for condition in conditions:
        made: list[Statement] = []
        for each in statements:
            named = listed(as_dict(each.get("Principal")).get("Federated"))
            meant = [name for name in named if name == principal]
            made += apart(each, "Federated", meant, condition) if meant else [each]
        statements = made
    return {**document, "Statement": statements}


def _example(principal: str) -> str:
    """What a subject of a provider's tokens looks like; empty: that is not known."""
    name = oidc_providers.name(issuer(principal))
    return oidc_providers.subject_examples().get(name, "")


def _after(principal: str) -> str:
    """What differs from token to token at the end of a provider's subjects, as a pattern."""
    example = _example(principal)
    return example[-2:] if example.endswith("*") else ""
