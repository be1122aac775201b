"""
From a snapshot to tables: `open_account` opens it, `AccountTables` gives a DataFrame per table.

A table is built when it is first asked for, so a page about passwords does not wait for policies.
Loading is forgiving where AWS is: whatever a policy contains, it keeps its row, and the column
`problem` says what cannot be read. Evidence that is not there leaves a table empty *and* in
`account.missing`; an empty table alone never means that there is nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from typing import Any, Final

import pandas as pd

from iamkit import settings, settings_files
from iamkit.answer import Answer
from iamkit.arns import is_account
from iamkit.counts import counted
from iamkit.errors import SettingsError
from iamkit.evidence import Snapshot, of_report, requests, snapshot
from iamkit.progress import working_on
from iamkit.settings import Settings
from iamkit.storage import audit_named
from iamkit.table import Table, objects, stack, times
from iamkit.tables import (
    account_level,
    authorization_details,
    credential_report,
    frames,
    partial,
    schema,
)
from iamkit.tables.built_from import BuiltFrom, built_from, calls_of, tables_of
from iamkit.tables.contradictions import contradictions
from iamkit.tables.details import AuthorizationDetails
from iamkit.tables.organization_policies import trust_with_denials
from iamkit.values import as_dict, as_list, instead

# Codes of gaps that concern single subjects only.
PARTIAL: Final = (partial.CODE, authorization_details.FROM_LIST)
COUNTED: Final = ("users", "roles", "groups", "policies", "gaps")  # tables, where it is shown


def open_account(
    path: str | Path = "latest",
    settings_file: str | Path | Settings = "",
    *,
    account_id: str | None = None,
    **thresholds: Any,
) -> tuple[Snapshot, Settings]:
    """
    Open a snapshot; return it, and the settings that hold for it.

    `path` is a snapshot's folder, or `latest`, `previous`, `last-month` or a month such as
    `2026-10` for one under `reports/` here or in a folder above, or where the run file that is
    found keeps audits; or an address such as `s3://bucket/prefix/latest`; see
    `storage.audit_named`. What is not there and lay beside a report is told by the report's
    manifest; see `evidence.of_report`.
    `account_id`, if given, is the account it must be of: twelve digits, as text.
    `thresholds` are settings by name and win over `settings_file`; None leaves them as they are.

    Raises `SnapshotError` if there is no such snapshot or a file in it has changed, `SettingsError`
    if a setting or the account id does not fit.
    """
    wanted = _checked_account_id(account_id)
    kept = settings_files.reports(Path.cwd())
    root = kept if isinstance(kept, Path) else snapshot.reports_folder(Path.cwd())
    found = audit_named(path, wanted)
    with working_on("comparing the evidence with its hashes"):
        opened = snapshot.read(of_report.evidence(found, root))
    if wanted and opened.account_id != wanted:
        raise SettingsError(
            f"{path} is of account {opened.account_id}, not of {wanted} (account_id)"
        )
    if not isinstance(settings_file, Settings):
        file, account_id = settings_file, opened.account_id
        used = of_report.settings(Path(file)) if file else None
        if used is not None:
            settings_file = settings.restored(used)
        else:
            settings_file = settings_files.read(Path(file), account_id) if file else Settings()
    given = settings_file.with_overrides(**settings.for_all_notebooks())
    return opened, given.with_overrides(**thresholds)


def _checked_account_id(account_id: Any) -> str | None:
    if not account_id:
        return None
    if not (isinstance(account_id, str) and is_account(account_id)):
        raise SettingsError(
            f"account_id is {account_id!r} ({type(account_id).__name__}); an account id is twelve "
            "digits as text: quote it, and give it to papermill with -r instead of -p"
        )
    return account_id


@dataclass(frozen=True, eq=False)
class AccountTables:
    """
    What an account's evidence says: one DataFrame per table of `schema`.

    The base of `iamkit.Account`, which adds the tables that follow from these. Functions of the
    other folders that need only the evidence take this class.

    Tables are shared, not copied; take a copy before changing one.
    """

    snapshot: Snapshot
    settings: Settings

    @property
    def account_id(self) -> str:
        """Twelve digits, as text."""
        return self.snapshot.account_id

    @property
    def partition(self) -> str:
        """The part of AWS that the account is in, as ARNs write it: aws, aws-cn, aws-us-gov."""
        return self.snapshot.manifest.get("partition") or "aws"

    @property
    def alias(self) -> str | None:
        """The account's alias, if it has one and the evidence shows it."""
        return self.snapshot.manifest.get("alias")

    @property
    def as_of(self) -> pd.Timestamp:
        """The moment the evidence speaks of: the only "now" of every analysis."""
        return pd.Timestamp(self.snapshot.as_of)

    @classmethod
    @cache
    def tables(cls) -> dict[str, BuiltFrom[Any]]:
        """Every table, by name, with what it is built from: those of the evidence come first."""
        return tables_of(cls)

    def missing(self, *tables: str) -> str:
        """
        Say in a sentence which evidence these tables lack; empty if they lack none.

        Unknown is never pass: code that counts rows of a table asks this first. What the evidence
        does not say of single subjects is in `incomplete`, and left out here. Raises
        `SettingsError` for a name that is no table's.
        """
        calls = calls_of(self.tables(), tables)
        return "; ".join(said for call, said in self._missing_of_everybody if call in calls)

    @built_from("trust", optional=("organization",))
    def limited_trust(self) -> pd.DataFrame:
        """
        Who may assume roles: the trust policies, and what resource control policies deny.

        Rows: those of `trust`. Each evaluation of trust policies starts from these.
        """
        return trust_with_denials(self)

    @cached_property
    def _missing_of_everybody(self) -> list[tuple[str, str]]:
        """The call and the sentence of each gap that is not about single subjects."""
        gaps = self.gaps[~self.gaps["code"].isin(PARTIAL)]
        columns = (gaps[name] for name in ("call", "code", "meaning"))
        return [
            (call, f"{meaning} ({call}: {code})")
            for call, code, meaning in zip(*columns, strict=True)
        ]

    @built_from(definition=schema.GAPS)
    def gaps(self) -> pd.DataFrame:
        """What the evidence lacks. Rows: see `schema.GAPS`."""
        kept = [tuple(gap.items()) for gap in self.snapshot.manifest["gaps"]]
        found = [dict(gap) for gap in dict.fromkeys(kept)]
        found += contradictions(self.snapshot, self._details.lists, self._report)
        found += partial.gaps(self._incomplete)
        found += authorization_details.from_list(self._details.policies)
        return schema.GAPS.rows(*found)

    @built_from(definition=schema.INCOMPLETE)
    def incomplete(self) -> pd.DataFrame:
        """Of whom the evidence says too little. Rows: see `schema.INCOMPLETE`."""
        columns = ["subject", "kind", "source", "reason"]
        return schema.INCOMPLETE.gather(pd.DataFrame(self._incomplete, columns=columns))

    @cached_property
    def _incomplete(self) -> list[partial.Row]:
        return partial.rows(self._details, self._report)

    @cached_property
    def _report(self) -> pd.DataFrame:
        return credential_report.read(self.snapshot.bytes("credential_report.csv") or b"")

    @built_from(requests.REPORT.call, optional=("summary",), definition=schema.CREDENTIALS)
    def credentials(self) -> pd.DataFrame:
        """Users and the root user, from the credential report. Rows: see `schema.CREDENTIALS`."""
        present = self.summary.loc[self.summary["name"].eq("AccountPasswordPresent"), "value"]
        bare = bool(present.eq(0).any())
        return credential_report.credentials(self._report, self.as_of, root_without_password=bare)

    @built_from(requests.REPORT.call, definition=schema.ACCESS_KEYS)
    def access_keys(self) -> pd.DataFrame:
        """Two key slots per user. Rows: see `schema.ACCESS_KEYS`."""
        return credential_report.access_keys(self._report, self.as_of)

    @built_from(requests.DETAILS.call, optional=("credentials",), definition=schema.USERS)
    def users(self) -> pd.DataFrame:
        """IAM users, from either report. Rows: see `schema.USERS`."""
        users = self._entries("UserDetailList")
        detailed = pd.DataFrame(
            {
                "user_arn": frames.column(users, "Arn"),
                "user_name": frames.column(users, "UserName"),
                "user_id": frames.column(users, "UserId"),
                "path": frames.column(users, "Path"),
                "created": times(frames.column(users, "CreateDate")),
                "groups": objects(as_list(user.get("GroupList")) for user in users),
                "boundary_arn": authorization_details.boundaries(users),
                "tags": authorization_details.tags(users),
            }
        )
        reported = self.credentials.query("not is_root")[["user_arn", "user_name", "created"]]
        only = reported[~reported["user_arn"].isin(detailed["user_arn"])]
        both = detailed["user_arn"].isin(reported["user_arn"])
        detailed["evidence"] = both.map({True: "both", False: "authorization details only"})
        extra = only.assign(
            user_id=None,
            path=only["user_arn"].str.extract(r":user(/(?:.*/)?)", expand=False),
            groups=objects([[] for _ in range(len(only))], only.index),
            boundary_arn=None,
            tags=objects([{} for _ in range(len(only))], only.index),
            evidence=schema.REPORT_ONLY,
        )
        return schema.USERS.gather(stack(detailed, extra))

    @built_from(requests.DETAILS.call, "memberships", definition=schema.GROUPS)
    def groups(self) -> pd.DataFrame:
        """IAM groups. Rows: see `schema.GROUPS`."""
        return authorization_details.groups(self._entries("GroupDetailList"), self.memberships)

    @built_from(requests.DETAILS.call, definition=schema.ROLES)
    def roles(self) -> pd.DataFrame:
        """IAM roles. Rows: see `schema.ROLES`."""
        return authorization_details.roles(self._entries("RoleDetailList"))

    @built_from(requests.DETAILS.call, definition=schema.MEMBERSHIPS)
    def memberships(self) -> pd.DataFrame:
        """Which user is in which group. Rows: see `schema.MEMBERSHIPS`."""
        columns = ["user_arn", "group_arn"]
        return schema.MEMBERSHIPS.conform(pd.DataFrame(self._details.members, columns=columns))

    @built_from("users", "groups", "roles", "credentials", definition=schema.PRINCIPALS)
    def principals(self) -> pd.DataFrame:
        """Root user, users, groups and roles in one table. Rows: see `schema.PRINCIPALS`."""
        root = self.credentials[self.credentials["is_root"]].rename(columns={"user_name": "name"})
        used = self.credentials.set_index("user_arn")["last_used"]
        used = used[~used.index.duplicated()]
        users = self.users.assign(last_used=used.reindex(self.users["user_arn"]).array)
        parts = {
            "root": root.assign(id=None, path=None, boundary_arn=None, tags=None),
            "user": users,
            "group": self.groups.assign(last_used=None, boundary_arn=None, tags=None),
            "role": self.roles,
        }
        stacked = []
        for kind, part in parts.items():
            owner = "user" if kind == "root" else kind
            names = {f"{owner}_arn": "principal_arn", f"{owner}_name": "name", f"{owner}_id": "id"}
            part = part.rename(columns=names).assign(kind=kind)
            stacked.append(schema.PRINCIPALS.conform(part))
        everyone = schema.PRINCIPALS.gather(stack(*stacked))
        everyone["tags"] = objects(as_dict(tags) for tags in everyone["tags"])
        return schema.PRINCIPALS.conform(everyone)

    @built_from(
        requests.MFA.call,
        "iam:ListVirtualMFADevices",
        optional=("users",),
        definition=schema.MFA_DEVICES,
    )
    def mfa_devices(self) -> pd.DataFrame:
        """MFA devices of users and, if virtual, of root. Rows: see `schema.MFA_DEVICES`."""
        return account_level.mfa_devices(self.snapshot, self.users)

    @built_from("iam:ListVirtualMFADevices", definition=schema.VIRTUAL_MFA_DEVICES)
    def virtual_mfa_devices(self) -> pd.DataFrame:
        """Virtual MFA devices, also of root. Rows: see `schema.VIRTUAL_MFA_DEVICES`."""
        return account_level.virtual_mfa_devices(self.snapshot)

    @built_from(requests.DETAILS.call, definition=schema.POLICIES)
    def policies(self) -> pd.DataFrame:
        """Managed and inline policies. Rows: see `schema.POLICIES`."""
        frame = frames.frame(schema.POLICIES, self._details.policies)
        for column in ("created", "updated"):
            frame[column] = times(frame[column])
        return schema.POLICIES.gather(frame)

    @built_from(requests.DETAILS.call, definition=schema.POLICY_VERSIONS)
    def policy_versions(self) -> pd.DataFrame:
        """The default version of each policy. Rows: see `schema.POLICY_VERSIONS`."""
        made = pd.DataFrame(
            {
                "policy_arn": [policy["policy_arn"] for policy in self._details.policies],
                "version_id": [policy["version_id"] for policy in self._details.policies],
                "created": times([policy["version_created"] for policy in self._details.policies]),
                "document": objects(policy["document"] for policy in self._details.policies),
            }
        )
        return schema.POLICY_VERSIONS.gather(made)

    @built_from(requests.DETAILS.call, definition=schema.POLICY_OLD_VERSIONS)
    def policy_old_versions(self) -> pd.DataFrame:
        """Versions kept but not in force. Rows: see `schema.POLICY_OLD_VERSIONS`."""
        return authorization_details.policy_old_versions(self._entries("Policies"))

    @built_from(requests.DETAILS.call, definition=schema.ATTACHMENTS)
    def attachments(self) -> pd.DataFrame:
        """Which policy is on which principal, and how. Rows: see `schema.ATTACHMENTS`."""
        return schema.ATTACHMENTS.conform(
            pd.DataFrame(self._details.attached, columns=schema.ATTACHMENTS.names)
        )

    @built_from("attachments", "memberships", definition=schema.POLICY_ASSIGNMENTS)
    def policy_assignments(self) -> pd.DataFrame:
        """Policies that give each principal permissions. Rows: see `schema.POLICY_ASSIGNMENTS`."""
        own = self.attachments.query("how != 'boundary'")[["principal_arn", "policy_arn"]]
        group = own.rename(columns={"principal_arn": "group_arn"})
        shared = self.memberships.merge(group, on="group_arn")
        shared = shared.rename(columns={"user_arn": "principal_arn", "group_arn": "via_arn"})
        both = stack(own.assign(via_arn=None), shared[[*own.columns, "via_arn"]])
        return schema.POLICY_ASSIGNMENTS.gather(both)

    @built_from(requests.DETAILS.call, definition=schema.STATEMENTS)
    def statements(self) -> pd.DataFrame:
        """Statements of all default versions. Rows: see `schema.STATEMENTS`."""
        # One numbering for all documents under one ARN: evidence may hold two that differ.
        numbers: dict[str, Iterator[int]] = defaultdict(lambda: count(1))
        rows = [
            {
                "policy_arn": policy["policy_arn"],
                **statement,
                "number": next(numbers[policy["policy_arn"]]),
            }
            for policy, statements in zip(
                self._details.policies, self._details.statements, strict=True
            )
            for statement in statements
        ]
        return schema.STATEMENTS.conform(frames.frame(schema.STATEMENTS, rows))

    @built_from(requests.DETAILS.call, definition=schema.TRUST)
    def trust(self) -> pd.DataFrame:
        """Who each role trusts. Rows: see `schema.TRUST`."""
        return authorization_details.trust(self._entries("RoleDetailList"))

    @built_from(requests.LAST_ACCESSED.call, definition=schema.LAST_ACCESSED)
    def last_accessed(self) -> pd.DataFrame:
        """Services that principals may use, and last did. Rows: see `schema.LAST_ACCESSED`."""
        return account_level.last_accessed(self.snapshot)

    @built_from("iam:GetAccountPasswordPolicy", definition=schema.PASSWORD_POLICY)
    def password_policy(self) -> pd.DataFrame:
        """The password policy, rule by rule. Rows: see `schema.PASSWORD_POLICY`."""
        return account_level.password_policy(self.snapshot)

    @built_from(requests.SUMMARY.call, definition=schema.SUMMARY)
    def summary(self) -> pd.DataFrame:
        """Counters and quotas. Rows: see `schema.SUMMARY`."""
        return account_level.summary(self.snapshot)

    @built_from(
        "iam:ListServiceSpecificCredentials",
        optional=("users",),
        definition=schema.SERVICE_CREDENTIALS,
    )
    def service_credentials(self) -> pd.DataFrame:
        """Credentials for single services. Rows: see `schema.SERVICE_CREDENTIALS`."""
        return account_level.service_credentials(self.snapshot, self.users)

    @built_from("iam:ListServerCertificates", definition=schema.SERVER_CERTIFICATES)
    def server_certificates(self) -> pd.DataFrame:
        """TLS certificates stored in IAM. Rows: see `schema.SERVER_CERTIFICATES`."""
        return account_level.server_certificates(self.snapshot)

    @built_from(
        "iam:ListSAMLProviders", requests.PROVIDERS.call, definition=schema.IDENTITY_PROVIDERS
    )
    def identity_providers(self) -> pd.DataFrame:
        """SAML and OpenID Connect providers. Rows: see `schema.IDENTITY_PROVIDERS`."""
        return account_level.identity_providers(self.snapshot)

    @built_from(
        "account:GetContactInformation", "account:GetAlternateContact", definition=schema.CONTACTS
    )
    def contacts(self) -> pd.DataFrame:
        """Whom AWS can reach. Rows: see `schema.CONTACTS`."""
        return account_level.contacts(self.snapshot)

    @built_from("access-analyzer:ListAnalyzers", definition=schema.ANALYZERS)
    def analyzers(self) -> pd.DataFrame:
        """IAM Access Analyzer in the region asked. Rows: see `schema.ANALYZERS`."""
        return account_level.analyzers(self.snapshot)

    @built_from(requests.ORGANIZATION.call, definition=schema.ORGANIZATION)
    def organization(self) -> pd.DataFrame:
        """The organization, if any. Rows: see `schema.ORGANIZATION`."""
        return account_level.organization(self.snapshot)

    @built_from("organizations:ListAccounts", definition=schema.ORGANIZATION_ACCOUNTS)
    def organization_accounts(self) -> pd.DataFrame:
        """Accounts of the organization, if any. Rows: see `schema.ORGANIZATION_ACCOUNTS`."""
        return account_level.organization_accounts(self.snapshot)

    @built_from("iam:ListOrganizationsFeatures", definition=schema.ROOT_MANAGEMENT)
    def root_management(self) -> pd.DataFrame:
        """Central management of root access. Rows: see `schema.ROOT_MANAGEMENT`."""
        return account_level.root_management(self.snapshot)

    def _entries(self, name: str) -> list[dict[str, Any]]:
        """One of the lists of the authorization details; whatever is no object counts as empty."""
        return list(self._details.lists[name])

    @cached_property
    def _details(self) -> AuthorizationDetails:
        with working_on("reading the authorization details"):
            answer = self.snapshot.json("authorization_details.json")
            return AuthorizationDetails(answer, f"arn:{self.partition}:iam::{self.account_id}:")

    def describe(self, name: str = "") -> Answer:
        """
        Return what tables there are, or the columns of one and what they mean.

        Without a name: `table`, `rows` (of those that are built), `one row is` and `missing`, which
        says whether evidence is. With one: `column`, `type` and `meaning`. Raises `SettingsError`
        for a name that is no table's, with what may have been meant.
        """
        if not name:
            what = f"The tables of account {self.account_id}; .missing(TABLE) says what one lacks"
            return Answer.about(self._contents(), what)
        tables = self._defined()
        if name not in tables:
            raise SettingsError(f"there is no table {name!r}; {instead(name, tables)}")
        columns = tables[name].columns
        said = {
            "column": [column.name for column in columns],
            "type": [str(column.dtype) for column in columns],
            "meaning": [column.meaning for column in columns],
        }
        return Answer.about(pd.DataFrame(said), f"account.{name}: {tables[name].row} a row")

    def _defined(self) -> dict[str, Table]:
        """Every table by its name: those of the evidence, then those derived from them."""
        defined = {name: each.definition for name, each in self.tables().items()}
        shown = {table.name: table for table in schema.TABLES}
        return shown | {name: table for name, table in defined.items() if table is not None}

    @property
    def title(self) -> str:
        """The account, its moment, and whether it is the demo company or a trial of changes."""
        demo = "demo data, " if self.snapshot.is_demo else ""
        as_of = f"{self.as_of:%Y-%m-%d %H:%M} UTC{self._tried}"
        return f"Account {self.account_id}, {demo}evidence as of {as_of}"

    def __repr__(self) -> str:
        """Name the account, its moment and how many of what it has."""
        counts = ", ".join(
            counted(len(getattr(self, name)), name.replace("_", " ")) for name in COUNTED
        )
        return f"{self.title}\n{counts}"

    @property
    def _tried(self) -> str:
        """How many changes were tried on the evidence, if any."""
        number = len(self.snapshot.changes)
        return f", after {counted(number, 'changes')} that nobody has made" if number else ""

    def _contents(self) -> pd.DataFrame:
        """Tables of the evidence, then those derived from them; the latter count once built."""
        shown = self._defined()
        evidence = tables_of(AccountTables)
        built = {
            name: len(getattr(self, name))
            for name in shown
            if name in evidence or name in vars(self)
        }
        return pd.DataFrame(
            {
                "table": list(shown),
                "rows": [str(built.get(name, "not built yet")) for name in shown],
                "one row is": [table.row for table in shown.values()],
                "missing": ["evidence" if self.missing(name) else "" for name in shown],
            }
        )
