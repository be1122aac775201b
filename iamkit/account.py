"""
The account as a notebook meets it: its tables, and the questions that can be asked of them.

`tables.AccountTables` holds what the evidence says; `Account` adds what follows from it. Each table
says, where it is built, which others it cannot do without, so what it lacks is known without
building it (`Account.missing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from iamkit.access import (
    ADMINISTRATORS,
    CONTEXTS,
    POLICY_GRANTS,
    POSSIBLE_ADMINISTRATORS,
    Permissions,
    Principals,
    actor,
    administrators,
    ask,
    effective,
    evaluated,
    granting,
    policy_grants,
    possible_administrators,
    role_arn,
    who_can,
    with_witnesses,
)
from iamkit.answer import Answer
from iamkit.checks import Audit, offer, run_checks
from iamkit.errors import SettingsError
from iamkit.escalation import (
    ADMIN_PATHS,
    ESCALATIONS,
    AvailablePaths,
    EscalationGraph,
    admin_paths,
    choke_points,
    escalations,
    reachable,
)
from iamkit.evidence import snapshot as snapshots
from iamkit.lint import LINT, lint
from iamkit.memory import garbage_collection_paused
from iamkit.policy import Decision
from iamkit.restrictions import (
    BREAK_GLASS,
    MFA_ENFORCEMENT,
    NETWORK_LISTS,
    NETWORK_RESTRICTIONS,
    OneStep,
    break_glass,
    mfa_enforcement,
    network_lists,
    network_restrictions,
    with_others,
)
from iamkit.results import (
    IDENTITIES,
    AuditRecord,
    History,
    changes,
    changes_since,
    history_of,
    identities,
    identity_facts,
    permission_changes,
)
from iamkit.results import record as make_record
from iamkit.settings import Settings, restored
from iamkit.table import Table, own_texts
from iamkit.tables import REPORT_ONLY, AccountTables, BuiltFrom, built_from, open_account, schema
from iamkit.trust import (
    OUTBOUND_ROLES,
    PLATFORM_ROLES,
    ROLE_HOLDERS,
    TRUSTED_PRINCIPALS,
    AssumableRoles,
    mfa_statements,
    named_platform_roles,
    outbound_roles,
    role_holders,
    trusted_principals,
    with_callers,
)

T = TypeVar("T")

# What an account shows of itself: what can be asked, and what comes back.
_QUESTIONS: Mapping[str, str] = {
    "identities": "one row per identity: verdict, access, MFA, networks, age, next steps",
    "audit.findings": "what fails, how severe it is and what to do; audit.results: a row per check",
    'check("unused_role")': "some checks without the others, for a quick answer",
    'identity("ann")': "everything about one user or role",
    'can("ann", "s3:GetObject", ARN)': "one decision, and why; why(…) in each request context",
    'who_can("iam:PassRole")': "who can do it; who_can_pass(ROLE), granting(ACTION)",
    "permissions.summary()": "numbers of actions per identity; permissions.actions(NAME, CONTEXT)",
    "mfa_enforcement": "who is made to use MFA; network_restrictions: from where each can be used",
    "trusted_principals": "who may come in; outbound_roles: who goes where",
    "escalations": "who can gain permissions, and how; admin_paths, choke_points()",
    "lint": "what is wrong with policies as written",
    "history.measures": "the months so far; since(load('previous')): what changed",
    "what_if(CHANGE)": "the same account after a change; see iamkit.results.changes",
    "describe()": 'every table; describe("identities"): its columns and what they mean',
}


def _derived(
    *sources: str, optional: tuple[str, ...] = (), definition: Table | None = None
) -> Callable[[Callable[[Any], T]], BuiltFrom[T]]:
    """
    Make a method a table built from other tables; see `tables.built_from`.

    Garbage collection is paused meanwhile.
    """

    def decorate(build: Callable[[Any], T]) -> BuiltFrom[T]:
        @wraps(build)
        def built(account: Any) -> T:
            with garbage_collection_paused():
                return build(account)

        return built_from(*sources, optional=optional, definition=definition)(built)

    return decorate


class Account(AccountTables):
    """
    An AWS account as its evidence shows it, and what each of its identities can do.

    Shown by itself, it lists what can be asked. Every table is a DataFrame, made when it is first
    asked for: `account.describe()` lists them, `account.describe("identities")` says what the
    columns of one mean. Questions such as `account.who_can("iam:PassRole")` take names as people
    write them, and say what may have been meant where nothing has that name.
    """

    @_derived("policy_assignments", optional=("principals",))
    def permissions(self) -> Permissions:
        """Every user and role in the six contexts of a caller; see `access.effective`."""
        return effective(self, callers=self.callers)

    @_derived("policies", "trust", definition=LINT)
    def lint(self) -> pd.DataFrame:
        """What is wrong with policies as written, a problem a row; see `lint.LINT`."""
        found: pd.DataFrame = lint(self, self.callers.catalog)
        return found

    @_derived("permissions", definition=ADMINISTRATORS)
    def administrators(self) -> pd.DataFrame:
        """
        Users and roles that can do everything, or give themselves everything, in some context.

        Rows: see `access.ADMINISTRATORS`.
        """
        return with_witnesses(administrators(self.permissions.summary()), self.permissions)

    @_derived("permissions", "administrators", "users", definition=POSSIBLE_ADMINISTRATORS)
    def possible_administrators(self) -> pd.DataFrame:
        """
        Users and roles that are administrators if the conditions that nobody knows hold.

        Certain administrators are included. Rows: see `access.POSSIBLE_ADMINISTRATORS`.
        """
        users = self.users
        unseen = users.loc[users["evidence"] == REPORT_ONLY, "user_arn"]
        return possible_administrators(self.permissions, self.administrators, unseen)

    @_derived(
        "permissions",
        "trust",
        optional=("organization", "organization_accounts"),
        definition=MFA_ENFORCEMENT,
    )
    def mfa_enforcement(self) -> pd.DataFrame:
        """Whether MFA is enforced, a principal a row. Rows: see `restrictions.MFA_ENFORCEMENT`."""
        trusting = mfa_statements(self.limited_trust, self.roles)
        enforced = mfa_enforcement(self, trusting, self.permissions, self._becoming)
        return with_callers(with_others(enforced, self), trusting, self)

    @_derived("permissions", "trust", definition=NETWORK_RESTRICTIONS)
    def network_restrictions(self) -> pd.DataFrame:
        """From where each identity can be used. Rows: see `restrictions.NETWORK_RESTRICTIONS`."""
        return network_restrictions(self, self.permissions, self._becoming)

    @_derived("principals", "mfa_enforcement", optional=("mfa_devices",), definition=BREAK_GLASS)
    def break_glass(self) -> pd.DataFrame:
        """Users and roles kept for emergencies. Rows: see `restrictions.BREAK_GLASS`."""
        return break_glass(self.principals, self.mfa_devices, self.mfa_enforcement, self.settings)

    @cached_property
    def _becoming(self) -> OneStep:
        """Which roles each identity becomes without a permission."""
        return OneStep(self.permissions.attackers, self._assumable)

    @cached_property
    def _assumable(self) -> AssumableRoles:
        """Which roles the trust policies let each identity assume."""
        return AssumableRoles.of(self.callers, self.permissions.principals)

    @_derived("policy_assignments", "trust", optional=("principals",), definition=NETWORK_LISTS)
    def network_lists(self) -> pd.DataFrame:
        """Every list of networks in a policy. Rows: see `restrictions.NETWORK_LISTS`."""
        return network_lists(self, self.callers)

    @_derived(
        "trust", optional=("organization", "organization_accounts"), definition=TRUSTED_PRINCIPALS
    )
    def trusted_principals(self) -> pd.DataFrame:
        """Who may assume each role, by its trust policy. Rows: see `trust.TRUSTED_PRINCIPALS`."""
        return trusted_principals(self)

    @_derived(
        "trusted_principals",
        "roles",
        "attachments",
        optional=("organization", "organization_accounts"),
        definition=PLATFORM_ROLES,
    )
    def platform_roles(self) -> pd.DataFrame:
        """Roles that platforms made, and impostors. Rows: see `trust.PLATFORM_ROLES`."""
        return named_platform_roles(self, self.trusted_principals)

    @_derived("roles", definition=ROLE_HOLDERS)
    def role_holders(self) -> pd.DataFrame:
        """The people behind roles of IAM Identity Center. Rows: see `trust.ROLE_HOLDERS`."""
        return role_holders(self)

    @_derived(
        "policy_assignments",
        optional=("principals", "organization", "organization_accounts"),
        definition=OUTBOUND_ROLES,
    )
    def outbound_roles(self) -> pd.DataFrame:
        """Roles elsewhere that identities may assume. Rows: see `trust.OUTBOUND_ROLES`."""
        return outbound_roles(self, self.callers)

    @_derived("policies", definition=POLICY_GRANTS)
    def policy_grants(self) -> pd.DataFrame:
        """What each policy grants by itself. Rows: see `access.POLICY_GRANTS`."""
        return policy_grants(self, self.callers)

    @_derived("permissions", "trust", "credentials", optional=("identity_providers",))
    def graph(self) -> EscalationGraph:
        """Who can become whom, step by step; see `escalation.EscalationGraph`."""
        return EscalationGraph(AvailablePaths(self.callers, self.permissions))

    @_derived("graph", definition=ESCALATIONS)
    def escalations(self) -> pd.DataFrame:
        """Who can gain permissions, by which method. Rows: see `escalation.ESCALATIONS`."""
        return escalations(self.graph, self.admin_paths)

    @_derived("graph", definition=ADMIN_PATHS)
    def admin_paths(self) -> pd.DataFrame:
        """Who can become administrator, and how. Rows: see `escalation.ADMIN_PATHS`."""
        return admin_paths(self.graph)

    def reach(self, principal: str, context: str = "stolen-key") -> pd.DataFrame:
        """
        Whom a user or role, by name or ARN, can become. Rows: see `escalation.REACHABLE`.

        `context` says how its credentials are used, one of `access.DEFAULT_CONTEXTS`. Raises
        `SettingsError` for a group, the root user, and a principal or a context that does not
        exist.
        """
        arn = evaluated(self.callers, principal)
        return reachable(self.graph, arn, context)

    def choke_points(self, context: str = "stolen-key", number: int = 6) -> pd.DataFrame:
        """What to remove first. Rows: see `escalation.CHOKE_POINTS`."""
        return choke_points(self.graph, self.admin_paths, context, number)

    @_derived(*(table.name for table in schema.TABLES))
    def audit(self) -> Audit:
        """Findings, results and accepted risks, of every check; see `checks.run_checks`."""
        return run_checks(self)

    def check(self, *names: str) -> Audit:
        """
        Run some checks, by name: what the audit says of them, without making the others' tables.

        Raises `SettingsError` without a name, and for one that no check has.
        """
        if not names:
            raise SettingsError("name a check, or ask account.audit, which runs all")
        with garbage_collection_paused():
            return own_texts(run_checks)(self, *names)

    @_derived(
        "principals",
        "credentials",
        "access_keys",
        "mfa_devices",
        "mfa_enforcement",
        "network_restrictions",
        "admin_paths",
        optional=("audit", "role_holders"),
        definition=IDENTITIES,
    )
    def identities(self) -> pd.DataFrame:
        """One row per identity, with its verdict and next steps; see `results.IDENTITIES`."""
        return identities(self)

    @property
    def has_control_policies(self) -> bool:
        """Whether the evidence says which service control policies apply, if any do."""
        return self.callers.has_scps

    @property
    def has_resource_policies(self) -> bool:
        """Whether the evidence says which resource control policies apply, if any do."""
        return self.callers.has_rcps

    def can(
        self, principal: str, action: str, resource: str = "*", context: str = "stolen-key"
    ) -> Decision:
        """
        Decide one request of a principal, by name or ARN, in a named context.

        The `Decision` is true where the request is certainly allowed, and says why either way.
        `principal` is a user, a role or `<root_account>`, which may do all that service control
        policies and resource control policies leave; `resource` is an ARN, or `*`; `context` is one
        of `access.CONTEXTS`. Raises `SettingsError`, with what may have been meant, for a group,
        and for a principal, an action,
        a service or a context that does not exist: a misspelt question is never "denied".
        """
        return ask(self.callers, principal, action, resource, context)

    def why(self, principal: str, action: str, resource: str = "*") -> Answer:
        """Decide one request in every named context: `context`, `effect`, `why`."""
        decisions = {
            context: self.can(principal, action, resource, context) for context in CONTEXTS
        }
        said = {
            "context": list(decisions),
            "effect": [decision.effect for decision in decisions.values()],
            "why": [decision.why for decision in decisions.values()],
        }
        return Answer.about(pd.DataFrame(said), f"{principal}: {action} on {resource}")

    def who_can(self, action: str, resource: str = "*", context: str = "") -> Answer:
        """
        Return every user and role, and the root user, that can make a request, or possibly can.

        `resource` is an ARN, or `*` for any at all; `context` one of `access.DEFAULT_CONTEXTS`, or
        empty for each of them. Rows: see `access.WHO_CAN`. The first question waits for
        `permissions`. Raises `SettingsError` for what does not exist, as `can` does.
        """
        found = who_can(self.permissions, action, resource, context)
        return Answer.about(found, f"Who can do {action} on {_any(resource)}: {len(found)}")

    def who_can_pass(self, role: str, context: str = "") -> Answer:
        """
        Return who may pass a role, by name or ARN, to a service. Rows: see `access.WHO_CAN`.

        A condition on the service is not known, so who may pass it to some services only possibly
        can. Raises `SettingsError` for a role that does not exist.
        """
        arn = role_arn(self.callers, role)
        found = who_can(self.permissions, "iam:PassRole", arn, context)
        return Answer.about(found, f"Who can pass {arn}: {len(found)}")

    def granting(self, action: str) -> Answer:
        """
        Return the statements of policies that allow an action. Rows: see `access.GRANTING`.

        Raises `SettingsError` for an action that AWS does not have.
        """
        found = granting(self.callers, action)
        return Answer.about(found, f"Statements that allow {action}: {len(found)}")

    def identity(self, name: str) -> Answer:
        """
        Return everything about a user, a role or the root user: `about`, `fact` and `value`.

        `name` is a name or an ARN. Raises `SettingsError` for a group, and for a name that nobody
        or more than one has, with what may have been meant.
        """
        arn = actor(self.callers, name)["principal_arn"]
        return Answer.about(identity_facts(self, arn), f"{arn}, as of {self.as_of:%Y-%m-%d}")

    def __repr__(self) -> str:
        """Name the account, what it has and what can be asked of it."""
        return repr(self._questions())

    def _repr_html_(self) -> str:
        return self._questions()._repr_html_()

    def _questions(self) -> Answer:
        """What can be asked, and what comes back."""
        first, counts = super().__repr__().split("\n", 1)
        asked = [f"account.{each}" for each in _QUESTIONS]
        table = pd.DataFrame({"ask": asked, "for": list(_QUESTIONS.values())})
        return Answer.about(table, f"{first}: {counts}")

    def what_if(self, *wanted: changes.Change) -> Account:
        """
        Return this account as it would be after some changes; see `results.changes`.

        Everything can be asked of it again, and nothing is written. Raises `ChangeError` for what
        AWS would refuse.
        """
        return Account(changes.changed(self.snapshot, *wanted), self.settings)

    @cached_property
    def history(self) -> History:
        """
        The audits of this account so far: those under its folder, and this one; see `History`.

        Nothing is written; `iamkit report` keeps a record of each audit, so that this is fast.
        """
        return history_of(self, _earlier)

    def since(self, other: Account) -> pd.DataFrame:
        """
        Return what changed from another audit of this account to this one. Rows: see `CHANGES`.

        By aspect, the worst first. What the evidence of one of the two does not say is left out.
        Raises `SettingsError` if the other is of another account.
        """
        return changes_since(*self._records(other))

    def permissions_since(self, other: Account) -> pd.DataFrame:
        """
        Return who may do more or less than in another audit of this account, and what did it.

        Rows: see `results.PERMISSION_CHANGES`. Raises `SettingsError` as `since` does.
        """
        self._compare(other)
        return permission_changes(other, self)

    def _records(self, other: Account) -> tuple[AuditRecord, AuditRecord]:
        self._compare(other)
        return make_record(other), make_record(self)

    def _compare(self, other: Account) -> None:
        if other.account_id != self.account_id:
            raise SettingsError(
                f"{other.account_id} and {self.account_id} are two accounts; compare two audits "
                "of one"
            )

    @_derived("policy_assignments", "trust", optional=("principals",))
    def callers(self) -> Principals:
        """Which policies apply to each principal, and its requests; see `access.Principals`."""
        return Principals(self)


offer(Account.tables())  # what checks may ask for by name


def load(
    path: str | Path = "latest",
    settings_file: str | Path | Settings = "",
    *,
    account_id: str | None = None,
    **thresholds: Any,
) -> Account:
    """
    Open a snapshot and return its account. Arguments and errors: see `tables.open_account`.

    `path` is a snapshot's folder, or `latest`, `previous`, `last-month` or a month such as
    `2026-10` for one under `reports/`.

    From here on pandas keeps texts as Python's own in this process, as it does without pyarrow, so
    that the same evidence gives the same answers and pages wherever they are made.
    """
    pd.set_option("mode.string_storage", "python")
    opened, settings = open_account(path, settings_file, account_id=account_id, **thresholds)
    for account in _kept:
        if (account.snapshot.evidence_hash, account.settings) == (opened.evidence_hash, settings):
            return account
    return Account(opened, settings)


def _any(resource: str) -> str:
    return "any resource" if resource == "*" else resource


def _earlier(path: Path, settings: Mapping[str, Any]) -> Account:
    """An earlier audit of an account, with the settings that `Settings.values` described."""
    return Account(snapshots.read(path), restored(settings))


_kept: list[Account] = []


def keep(account: Account) -> None:
    """
    Have `load` return this account wherever the same evidence and settings are asked for.

    For a process whose forks, the kernels of a report, shall share what one audit has computed.
    """
    _kept.append(account)
