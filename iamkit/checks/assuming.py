"""
Steps from one identity of the account to another: who may assume an administrator's role.

Source: IAM User Guide, "Grant a user permissions to switch roles" and "Policy evaluation for
requests within a single account".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from iamkit import conditions
from iamkit.callers import Callers
from iamkit.decisions import Decision, Layers, Policy, decide
from iamkit.documents import listed
from iamkit.doors import PERHAPS, rows, ways_in
from iamkit.findings import check
from iamkit.patterns import Pattern
from iamkit.permissions import Permissions

GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
ARRIVES = {"user": "mfa-inside", "role": "key-inside"}  # by kind: the best way there is to come


@check(
    severity="high",
    title="Somebody who is no administrator may assume an administrator's role",
    among="users and roles",
    remedy="Name under Principal of the role's trust policy only who needs it, and let people come "
    "with MFA; take sts:AssumeRole on it from all others.",
    source=f"{GUIDE}id_roles_use_permissions-to-switch.html",
    errs="towards silence: only what is certain counts, and chains of roles are not followed; SCPs "
    "that are not in the evidence are taken to allow",
)
def can_assume_administrator(
    administrators: pd.DataFrame,
    permissions: Permissions,
    callers: Callers,
    trust: pd.DataFrame,
    roles: pd.DataFrame,
) -> pd.DataFrame:
    """
    Users and roles that can certainly become an administrator by one call to sts:AssumeRole.

    Both sides must allow it: a trust policy that names the account leaves it to the policies of
    its users and roles, one that names a user or role needs no other policy, if none denies.
    Tried with MFA from inside for users, without MFA for roles, whose sessions carry none.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from iamkit import demo, load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     account = load(demo.snapshots(Path(folder)))
    ...     can_assume_administrator(account.administrators, account.permissions,
    ...                              account.callers, account.trust, account.roles).detail.tolist()
    ['may assume ops-deployer, which can do everything']
    """
    powerful = administrators.query("kind == 'role'").set_index("principal_arn")["admin"]
    doors = ways_in(trust[trust["role_arn"].isin(powerful.index)], roles)
    doors = doors[doors["principal_type"].isin(["AWS", "*"])]
    apart = [*administrators["principal_arn"], *roles.loc[roles["service_linked"], "role_arn"]]
    comers = _Comers(callers, permissions, frozenset(apart))
    pairs = [(arn, door["role_arn"]) for door in rows(doors) for arn in comers.through(door)]
    found = pd.DataFrame(pairs, columns=["subject", "role_arn"], dtype="str").drop_duplicates()
    name = found["role_arn"].str.split("/").str[-1]
    ways = found["role_arn"].map(powerful).map({"everything": "do", "through IAM": "give itself"})
    found["detail"] = "may assume " + name + ", which can " + ways + " everything"
    return found.groupby("subject", sort=False)["detail"].agg("; ".join).reset_index()


class _Comers:
    """
    Users and roles that may knock at a door; those whom no policy tells apart are decided once.

    Of policies only what is about sts:AssumeRole counts, so many are alike: `alike` has their ARNs
    by what that is and the values of the condition keys it depends on.
    """

    def __init__(self, callers: Callers, permissions: Permissions, apart: frozenset[str]) -> None:
        self.callers, self.account_id = callers, callers.account.account_id
        self._trimmed = cache(_about_assuming)
        self._context = cache(callers.context)
        people = permissions.people[~permissions.people["principal_arn"].isin(apart)]
        self.comes = people.set_index("principal_arn")["kind"].map(ARRIVES).to_dict()
        self.alike: dict[Any, list[str]] = {}
        wanted = permissions.catalog.bits(["sts:AssumeRole"])
        for kind, context in ARRIVES.items():
            able = np.flatnonzero((permissions.bits("certain", context) & wanted).any(axis=1))
            knocking = people[people.index.isin(able) & people["kind"].eq(kind)]
            for arn in knocking["principal_arn"]:
                self.alike.setdefault(self._case(arn), []).append(arn)

    def _case(self, arn: str) -> tuple[Any, ...]:
        """What is equal for those of whom each door thinks the same."""
        layers, who = self._layers(arn), self._context(arn, self.comes[arn])
        policies = [policy for _, each in layers.named() for policy in each]
        statements = [statement for policy in policies for statement in policy.statements]
        keys = {key for each in statements for key in (*each.condition_keys, *each.resource_keys)}
        said = tuple((name, *(policy.content for policy in each)) for name, each in layers.named())
        return (self.comes[arn], said, *map(who.get, sorted(keys & self.callers.who)))

    def through(self, door: Mapping[str, Any]) -> Iterator[str]:
        """Those who certainly get in by a door."""
        role, principal = door["role_arn"], door["principal"]
        if principal in self.comes:
            if self._welcome(door, principal) and self._unhindered(principal, role):
                yield principal
        elif principal in ("*", *_whole_account(self.account_id, role)):
            for arns in self.alike.values():
                if self._decided(arns[0], role):
                    yield from (arn for arn in arns if self._welcome(door, arn))

    def _layers(self, arn: str) -> Layers:
        """What a principal's policies say of sts:AssumeRole."""
        identity, boundary, scps = self.callers.layers(arn)
        return Layers(
            self._said(identity),
            None if boundary is None else self._said(boundary),
            tuple(map(self._said, scps)),
        )

    def _said(self, policies: tuple[Policy, ...]) -> tuple[Policy, ...]:
        return tuple(each for each in map(self._trimmed, policies) if each.statements)

    def _decided(self, arn: str, role: str) -> Decision:
        who = self._context(arn, self.comes[arn])
        layers = self._layers(arn)._asdict()
        return decide("sts:AssumeRole", role, who, **layers)

    def _unhindered(self, arn: str, role: str) -> bool:
        """Whether nothing but a missing Allow of its own stands in the way of who is named."""
        decision = self._decided(arn, role)
        lacking = decision.effect == "ImplicitlyDenied" and set(decision.silent) == {"identity"}
        return bool(decision) or lacking

    def _welcome(self, door: Mapping[str, Any], arn: str) -> bool:
        """Whether a trust policy certainly lets somebody in by a door."""
        named = ("*", PERHAPS, arn, *_whole_account(self.account_id, door["role_arn"]))
        denials = [each for name in named for each in door["shut"].get(name, ())]
        who = self._context(arn, self.comes[arn])
        return conditions.evaluate(door["conditions"], who) is True and all(
            conditions.evaluate(each, who) is False for each in denials
        )


def _about_assuming(policy: Policy) -> Policy:
    """A policy without the statements that are not about sts:AssumeRole."""
    kept = {
        each.index
        for each in policy.statements
        if each.not_actions
        != any(Pattern(text.lower()).matches("sts:assumerole") for text in each.actions)
    }
    if policy.document is None:
        return policy
    written = enumerate(listed(policy.document.get("Statement")))
    statements = [statement for index, statement in written if index in kept]
    return Policy(policy.name, {**policy.document, "Statement": statements})


def _whole_account(account_id: str, role_arn: str) -> tuple[str, str]:
    """What a trust policy writes for everybody in the role's own account."""
    return account_id, f"arn:{role_arn.split(':')[1]}:iam::{account_id}:root"
