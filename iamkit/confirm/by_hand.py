"""
The AWS CLI command that asks AWS's policy simulator about a request, and about each finding.

A finding about permissions rests on a request that is allowed. Of a user or role it is the witness
of a verdict, or the first call of an escalation path; of a policy, a call of somebody who has it.
The command only reads; it changes nothing.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import pandas as pd

from iamkit.access import DEFAULT_CONTEXTS, Witnesses, changing
from iamkit.account import Account
from iamkit.confirm.simulated import TRUSTED, SimulatedRequest, of_witness, simulated
from iamkit.policy import CERTAIN
from iamkit.reference import escalation_methods

TRIED: Final = 12  # requests that are tried for a finding
HOLDERS: Final = 3  # of those who have a policy
# The table that has the witness of a finding, by its check.
WITNESSES: Final[Mapping[str, str]] = {
    "administrator_user": "administrators",
    "administrator_role": "administrators",
    "administrator_through_iam": "administrators",
    "administrator_without_mfa": "administrators",
    "administrative_role_without_mfa": "administrators",
    "administrator_role_open_to_account": "administrators",
    "key_escapes_mfa": "mfa_enforcement",
    "mfa_can_be_removed": "mfa_enforcement",
    "password_without_enforced_mfa": "mfa_enforcement",
    "key_usable_from_anywhere": "network_restrictions",
    "network_fence_with_holes": "network_restrictions",
}
ESCALATIONS: Final = (
    "can_become_administrator",
    "can_escalate",
    "escalates_with_a_target",
)
ADMINISTRATION: Final = ("iam:CreateUser", "iam:AttachUserPolicy")
# What a policy allows that has such a finding.
ACTIONS: Final[Mapping[str, Sequence[str]]] = {
    "administrative_aws_policy": ADMINISTRATION,
    "administrative_customer_policy": ADMINISTRATION,
    "administrative_inline_policy": ADMINISTRATION,
    "full_access_to_cloudtrail": ("cloudtrail:StopLogging", "cloudtrail:DeleteTrail"),
    "full_access_to_kms": ("kms:ScheduleKeyDeletion", "kms:PutKeyPolicy"),
    "marketplace_subscription": ("aws-marketplace:Subscribe",),
    "reads_every_secret": ("secretsmanager:GetSecretValue", "ssm:GetParameter"),
}
OF_POLICIES: Final = ("escalating_customer_policy", "escalating_inline_policy")

Asked = tuple[str, str, Sequence[str], Sequence[str]]  # principal, action, contexts, resources


def command(asked: SimulatedRequest) -> str:
    """Return the AWS CLI command that asks about a request; empty: nobody can ask."""
    if asked.not_comparable:
        return ""
    words = [
        *("aws", "iam", "simulate-principal-policy"),
        *("--policy-source-arn", asked.principal_arn),
        *("--action-names", asked.action),
        *("--resource-arns", asked.resource),
    ]
    if asked.entries:
        words += ["--context-entries", json.dumps([*asked.entries])]
    if asked.without:
        words += ["--policy-exclusion-list", json.dumps([*asked.without])]
    if asked.beside:
        words += ["--policy-input-list", *asked.beside]
    return shlex.join(words)


def by_hand(account: Account, principal_arn: str, witness: Mapping[str, Any]) -> str:
    """
    Return the AWS CLI command that asks the simulator about a witness of a principal.

    A witness is what the column of that name holds, in the tables of verdicts. Empty: the simulator
    cannot judge it. The text is one line, quoted for shells.
    """
    return command(of_witness(account, principal_arn, witness, "by hand"))


def commands_by_hand(account: Account, findings: pd.DataFrame) -> pd.Series[str]:
    """
    Return for each row of `account.audit.findings` the command that checks it, with its index.

    Empty: the finding is not about permissions, nobody has the policy, or the simulator cannot
    judge it, as for sts:AssumeRole, which the trust policy decides too.
    """
    found = CommandsByHand(account)
    pairs = zip(findings["check"].tolist(), findings["subject"].tolist(), strict=True)
    return pd.Series([found.command(*each) for each in pairs], findings.index, dtype="str")


class CommandsByHand:
    """
    The commands that check findings of an account, each made when it is asked for.

    See `commands_by_hand`.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known = not account.missing("permissions")
        self._witnesses = Witnesses(account.permissions.attackers) if self._known else None
        self._columns: dict[tuple[str, str], dict[str, Any]] = {}
        self._made: dict[tuple[str, str], str] = {}

    def command(self, check: str, subject: str) -> str:
        """The command of a finding, by its check and subject; empty: there is none."""
        if (check, subject) not in self._made:
            asked = islice(self._requests(check, subject), TRIED) if self._known else ()
            commands = filter(None, map(command, asked))
            self._made[check, subject] = next(commands, "")
        return self._made[check, subject]

    def _requests(self, check: str, subject: str) -> Iterator[SimulatedRequest]:
        if check in WITNESSES:
            witness = self._of_table(WITNESSES[check], "witness").get(subject)
            if isinstance(witness, Mapping):
                yield of_witness(self._account, subject, witness, check)
            return
        for arn, action, contexts, resources in self._candidates(check, subject):
            if TRUSTED.match(action) or self._witnesses is None:
                continue
            found = self._witnesses.request(arn, action, contexts, resources)
            if found is not None:
                asked = arn, action, found.decision.resource, found.context
                yield simulated(self._account, *asked, check)

    def _candidates(self, check: str, subject: str) -> Iterator[Asked]:
        """What a finding may rest on: who asks for what, in which contexts, of which resources."""
        if check in ESCALATIONS:
            yield from self._first_calls(subject)
        elif check == "near_administrator":
            yield from (
                (subject, action, DEFAULT_CONTEXTS, ()) for action in self._changing(subject)
            )
        elif actions := self._of_policy(check, subject):
            yield from (
                (holder, action, DEFAULT_CONTEXTS, ())
                for action in actions
                for holder in self._holders(subject)
            )

    def _first_calls(self, arn: str) -> Iterator[Asked]:
        """The calls of escalation paths, those to administrator access first."""
        rows = self._account.escalations
        mine = rows[rows["principal_arn"].eq(arn)]
        mine = mine.sort_values("reaches_admin", ascending=False, kind="stable")
        for row in mine.head(TRIED).to_dict("records"):
            for action, resource in escalation_methods()[row["method"]].permissions.items():
                at = row["target_arn"] if str(resource).startswith(("target", "passed")) else None
                yield arn, action, (row["context"],), (at,) if isinstance(at, str) else ()

    def _changing(self, arn: str) -> Sequence[str]:
        """Actions that change something, and that a principal is allowed for certain."""
        permissions = self._account.permissions
        place = permissions.principals["principal_arn"].tolist().index(arn)
        rows = permissions.rows[permissions.index[place], CERTAIN]
        catalog = permissions.catalog
        held = changing(catalog) & catalog.every_listed
        return next((names for row in rows if (names := catalog.names(row & held))), ())

    def _of_policy(self, check: str, policy: str) -> Sequence[str]:
        if check in OF_POLICIES:
            methods = self._of_table("policy_grants", "escalations").get(policy)
            named = methods if isinstance(methods, list) else []
            return [action for each in named for action in escalation_methods()[each].permissions]
        if check == "whole_services_everywhere":
            services = self._of_table("policy_grants", "full_services").get(policy)
            return self._of_services(services if isinstance(services, list) else [])
        return ACTIONS.get(check, ())

    def _of_services(self, services: Sequence[str]) -> Sequence[str]:
        """An action of each service that changes something, else any."""
        catalog = self._account.permissions.catalog
        names = catalog.names(changing(catalog) & catalog.every_listed)
        return [
            each
            for service in services
            for each in islice((name for name in names if name.startswith(f"{service}:")), 1)
        ]

    def _holders(self, policy: str) -> list[str]:
        """Users and roles who have a policy; groups make no requests."""
        rows = self._account.policy_assignments
        able = self._account.permissions.principals["principal_arn"]
        rows = rows[rows["policy_arn"].eq(policy) & rows["principal_arn"].isin(able)]
        return sorted(rows["principal_arn"].unique())[:HOLDERS]

    def _of_table(self, name: str, column: str) -> dict[str, Any]:
        """A column of a table of the account, by its principal or policy."""
        if (name, column) not in self._columns:
            table = getattr(self._account, name)
            key = "policy_arn" if name == "policy_grants" else "principal_arn"
            self._columns[name, column] = dict(zip(table[key], table[column], strict=True))
        return self._columns[name, column]
