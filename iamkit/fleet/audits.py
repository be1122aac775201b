"""
The newest audit of each account under a folder of reports, to explore them together.

    from iamkit import fleet

    ours = fleet.open("reports")
    ours.findings.query("severity == 'critical'")
    ours.who_can("iam:PassRole")

What each audit has kept as Parquet answers most questions without its evidence. An account is
loaded when a question needs it, one after the other, and only a few are kept in memory.
"""

from __future__ import annotations

import json
import operator
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd

from iamkit.access import MAYBE
from iamkit.account import Account, load
from iamkit.answer import Answer
from iamkit.arns import arn_parts, is_account
from iamkit.checks import AUDIT_TABLES
from iamkit.counts import counted
from iamkit.errors import IamkitError, SettingsError, SnapshotError, one_line
from iamkit.escalation import mode_and_place
from iamkit.evidence import snapshot as snapshots
from iamkit.fleet.assumed_roles import Trusting, organization_of
from iamkit.fleet.between_accounts import assumed, cross_account_roles, entries_of
from iamkit.fleet.joined_graph import AccountPart
from iamkit.fleet.paths import Graphs, account_paths, choke_points_between, paths_between
from iamkit.results import AuditRecord, joined, record, stored
from iamkit.settings import Settings, restored
from iamkit.storage import Storage, is_address, local, newest, storage
from iamkit.table import COUNT, TEXT, TIME, Column, Table
from iamkit.trust import foreign_entries
from iamkit.values import instead

RESULTS: Final = "results.json"

ACCOUNTS: Final = Table(
    name="accounts",
    row="one account, by its newest audit",
    key=("account_id",),
    columns=(
        Column("account_id", TEXT, "account"),
        Column("name", TEXT, "what the last run calls it; missing: it was not in it"),
        Column("alias", TEXT, "alias of the account; missing: none, or not known"),
        Column("as_of", TIME, "time of the evidence"),
        Column("source", TEXT, "aws, files or demo"),
        Column("gap_count", COUNT, "number of answers of AWS that are missing"),
        Column("audit", TEXT, "folder of the audit"),
        Column("problem", TEXT, "why nothing else is known of it; missing: nothing is wrong"),
    ),
)


class Fleet:
    """
    The newest audit of each account under a folder of reports; see `load_fleet`.

    What cannot be read of an account is left out of the answers, with a warning that names it.
    """

    def __init__(
        self,
        reports: Path,
        settings: str | Path | Settings,
        keep: int,
        stored: Storage | None = None,
    ) -> None:
        self._settings, self._keep, self._stored = settings, keep, stored
        self._audits = {
            folder.name: audits[-1]
            for folder in sorted(reports.iterdir())
            if is_account(folder.name) and (audits := snapshots.audits(folder))
        }
        if not self._audits:
            raise SnapshotError(
                f"{reports} holds no audit of an account; `iamkit run` or `iamkit collect` makes "
                "one, or name another folder"
            )
        self._names = _names(reports)
        self._loaded: OrderedDict[str, Account] = OrderedDict()
        self._joined: dict[str, Graphs] = {}
        self._paths: dict[str, pd.DataFrame] = {}

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """The accounts, by id. Rows: see `ACCOUNTS`."""
        rows = [self._row(account_id, audit) for account_id, audit in self._audits.items()]
        return ACCOUNTS.conform(
            pd.DataFrame(rows, columns=[each.name for each in ACCOUNTS.columns])
        )

    @property
    def identities(self) -> pd.DataFrame:
        """
        Every identity of every account that can act.

        Rows: as the history keeps them, see `people` in the reference of tables; `table` gives the
        whole of `identities`, and takes longer.
        """
        return self._records.people

    @property
    def findings(self) -> pd.DataFrame:
        """What fails, is accepted or not assessed. Rows: see `found` in the reference of tables."""
        return self._records.found

    @property
    def measures(self) -> pd.DataFrame:
        """What is measured of each account. Rows: see `measures` in the reference of tables."""
        return self._records.measures

    def account(self, account_id: str) -> Account:
        """
        Return one account, with the settings of its report unless others were given.

        Raises `SettingsError` for an account that is not there, `SnapshotError` if its evidence
        has changed.
        """
        if account_id not in self._audits:
            raise SettingsError(
                f"there is no account {account_id!r}; {instead(account_id, sorted(self._audits))}"
            )
        if account_id not in self._loaded:
            audit = self._audits[account_id]
            self._bring(account_id, audit)
            self._loaded[account_id] = load(audit / snapshots.FOLDER, self._settings_of(audit))
        found = self._loaded[account_id]
        self._loaded.move_to_end(account_id)
        while len(self._loaded) > self._keep:
            self._loaded.popitem(last=False)
        return found

    def table(self, name: str) -> pd.DataFrame:
        """
        Return a table of every account, such as `identities` or `audit.findings`, as one.

        The first column, `of_account`, says whose row it is. Each account is loaded in turn. Raises
        `SettingsError` for a name that no table has.
        """
        built = Account.tables().items()
        known = [
            *(each for each, how in built if how.definition),
            *(f"audit.{each.name}" for each in AUDIT_TABLES),
        ]
        if name not in known:
            raise SettingsError(f"there is no table {name!r}; {instead(name, sorted(known))}")
        rows: Callable[[Account], Any] = operator.attrgetter(name)
        found = [_of(account, rows(account)) for account in self.each(rows)]
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame()

    def who_can(self, action: str, resource: str = "*", context: str = "") -> Answer:
        """
        Return who of all accounts can make a request, or possibly can; see `Account.who_can`.

        The first column, `of_account`, says whose identity it is. A resource of another account has
        to let it in, too, which the evidence does not show: that is only possible. An ARN without
        an account, such as a bucket's, does not say whose it is. Raises `SettingsError` for what
        does not exist.
        """
        parts = arn_parts(resource) or ()
        owner = parts[4] if len(parts) > 4 and is_account(parts[4]) else ""
        found = []
        for account in self.each(None):
            rows = pd.DataFrame(account.who_can(action, resource, context))
            if owner and owner != account.account_id:
                rows = rows.assign(extent=MAYBE)
            found.append(_of(account, rows))
        whole = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
        missing = len(self._audits) - len(found)
        said = (
            f"Who can do {action} on {resource}: {len(whole)} in {counted(len(found), 'accounts')}"
        )
        return Answer.about(
            whole, f"{said}; {counted(missing, 'accounts')} not known" if missing else said
        )

    @cached_property
    def cross_account_roles(self) -> pd.DataFrame:
        """
        Who in one account can assume a role of another: both sides say so, or possibly do.

        Rows: see `CROSS_ACCOUNT_ROLES`. Each account is loaded twice at most.
        """
        entries = entries_of(self.each(lambda account: account.trust))
        people = self.identities.set_index("arn")["privilege"]
        rows = []
        for account in self.each(None):
            if lacking := account.missing("trust", "policy_assignments"):
                _warn(account.account_id, lacking)
            rows += list(assumed(account, entries))
        return cross_account_roles(rows, people)

    def admin_paths(self, context: str = "stolen-key") -> pd.DataFrame:
        """
        Who in one account can become administrator in another, and how. Rows: see `PATHS_BETWEEN`.

        `charts.boxes_and_links` of the rows of two accounts makes their drawing. What a user may do
        whose policies are not in the evidence is not a path; see `cross_account_roles`. Each
        account is loaded twice. Raises `SettingsError` for a context that is not one of the six.
        """
        if context not in self._paths:
            _, place = mode_and_place(context)
            self._paths[context] = paths_between(
                self._graphs(place), context, self.management_accounts
            )
        return self._paths[context]

    def account_paths(self, context: str = "stolen-key") -> pd.DataFrame:
        """
        Whose compromise reaches which account, such as the management account.

        Rows: see `ACCOUNT_PATHS`. Raises `SettingsError` as `admin_paths` does.
        """
        paths, (_, place) = self.admin_paths(context), mode_and_place(context)
        return account_paths(self._graphs(place), paths, self.management_accounts)

    def choke_points(self, context: str = "stolen-key", number: int = 6) -> pd.DataFrame:
        """
        What to remove first of the paths between accounts. Rows: see `CHOKE_POINTS_BETWEEN`.

        Raises `SettingsError` as `admin_paths` does.
        """
        paths, (_, place) = self.admin_paths(context), mode_and_place(context)
        return choke_points_between(self._graphs(place).certain, paths, context, number)

    def _graphs(self, place: str) -> Graphs:
        """The graphs of all accounts from a place, joined."""
        if place not in self._joined:
            parts = []
            for account in self.each(lambda account: account.graph):
                if lacking := account.missing("graph"):
                    _warn(account.account_id, lacking)
                parts.append(AccountPart.of(account, place, self._trusting))
            self._joined[place] = Graphs.of(parts, place)
        return self._joined[place]

    @cached_property
    def _trusting(self) -> list[Trusting]:
        """What the roles of each account allow to others."""
        return [
            Trusting(
                account.account_id,
                account.partition,
                organization_of(account),
                tuple(foreign_entries(account)),
            )
            for account in self.each(lambda account: account.trust)
        ]

    @cached_property
    def management_accounts(self) -> frozenset[str] | None:
        """The management accounts; None if no evidence says which they are."""
        found: set[str] = set()
        for account in self.each(None):
            found.update(account.organization["management_account_id"].dropna())
        return frozenset(found) or None

    @cached_property
    def trust_between(self) -> pd.DataFrame:
        """
        The trusted principals whose account is another one of these.

        Rows: those of `trusted_principals`. Where `who` is `unknown account`, the report of the
        role's account takes yours for a stranger; name it in `known_accounts` of the settings.
        """
        found = self.table("trusted_principals")
        theirs = found["account_id"].isin(list(self._audits))
        rows = found[theirs & found["account_id"].ne(found["of_account"])]
        return rows.reset_index(drop=True)

    def each(self, needed: Callable[[Account], Any] | None) -> Iterator[Account]:
        """
        Yield the accounts, one after the other; those that cannot be read are warned of.

        `needed`, if given, is tried on each account first.
        """
        for account_id in self._audits:
            try:
                account = self.account(account_id)
                if needed:
                    needed(account)
            except IamkitError as error:
                _warn(account_id, error)
                continue
            yield account

    @cached_property
    def _records(self) -> AuditRecord:
        """What each audit has kept; where it has not, or other settings hold, what it comes to."""
        found = []
        for account_id, audit in self._audits.items():
            kept = None if self._settings else stored(audit)
            try:
                found.append(kept or record(self.account(account_id)))
            except IamkitError as error:
                _warn(account_id, error)
        return joined(found)

    def _bring(self, account_id: str, audit: Path) -> None:
        """Have the evidence of an account here, and its earlier audits, if it is in a storage."""
        if self._stored:
            local(f"{self._stored.address}/{account_id}/{audit.name}", self._stored)

    def _settings_of(self, audit: Path) -> str | Path | Settings:
        if self._settings:
            return self._settings
        if kept := stored(audit):
            with suppress(SettingsError, ValueError, KeyError, TypeError):
                return restored(json.loads(kept.audits["settings"].iloc[0]))
        return Settings()

    def _row(self, account_id: str, audit: Path) -> dict[str, Any]:
        row = {"account_id": account_id, "name": self._names.get(account_id), "audit": str(audit)}
        try:
            self._bring(account_id, audit)
            opened = snapshots.read(audit / snapshots.FOLDER)
        except IamkitError as error:
            return row | {"problem": one_line(error)}
        return row | {
            "alias": opened.manifest.get("alias"),
            "as_of": pd.Timestamp(opened.as_of),
            "source": opened.manifest["source"],
            "gap_count": len(opened.manifest["gaps"]),
        }

    def __repr__(self) -> str:
        """Say which accounts there are, and what can be asked."""
        return (
            f"{counted(len(self._audits), 'accounts')}: {', '.join(self._audits)}\n"
            "  accounts, identities, findings, measures: a DataFrame each\n"
            "  cross_account_roles, trust_between: who goes from one account to another\n"
            "  admin_paths(), account_paths(), choke_points(): administrators of other accounts\n"
            "  who_can(ACTION, RESOURCE), table(NAME), account(ID)"
        )


def load_fleet(
    reports: str | Path | Storage = "reports",
    settings: str | Path | Settings = "",
    *,
    keep: int = 4,
) -> Fleet:
    """
    Open the newest audit of each account under a folder of reports, or in object storage.

    `settings` is a settings file that shall hold instead of those that each report was made with.
    `keep` is how many accounts stay in memory once they are loaded. Raises `SnapshotError` if there
    is no audit.
    """
    if isinstance(reports, Storage) or is_address(reports):
        there = reports if isinstance(reports, Storage) else storage(str(reports))
        return Fleet(newest(there), settings, max(keep, 1), there)
    folder = Path(reports)
    if not folder.is_dir():
        raise SnapshotError(f"{folder} is no folder; name the one in which reports are")
    return Fleet(folder, settings, max(keep, 1))


def _of(account: Account, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of an account that say so."""
    rows = rows.copy()
    rows.insert(0, "of_account", account.account_id)
    return rows


def _warn(account_id: str, problem: Exception | str) -> None:
    text = problem if isinstance(problem, str) else f"it is left out: {one_line(problem)}"
    warnings.warn(f"account {account_id}: {text}", stacklevel=4)


def _names(reports: Path) -> dict[str, str]:
    """What the last run calls each account."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        said = json.loads((reports / RESULTS).read_bytes())["accounts"]
        return {each["account_id"]: each["name"] for each in said if each["account_id"]}
    return {}
