"""
What the audits of all accounts come to: controls, checks, units, teams, months and gaps.

An account that was not audited in this run is unknown here, whatever an earlier audit said of it:
it is counted as not assessed, and never among those that pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pandas as pd

from iamkit.checks import SEVERITIES, STATUSES, Status, every
from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.paths_over import PathsOver
from iamkit.fleet.rolled_up import RolledUp
from iamkit.reference import chosen_controls
from iamkit.results import GRAVE, STANDINGS
from iamkit.settings import Settings
from iamkit.table import COUNT, OBJECT, TEXT, Column, Table, objects

# In brackets, which no value of a tag has.
NOT_KNOWN: Final = "(not known)"
NO_TAG: Final = "(no tag)"
UNREACHED: Final = "not reached"
NOT_ASKED: Final = "not asked"
REFUSED: Final = "answer missing"
STRANGER: Final = "unknown account"  # as `trusted_principals` calls one that is not known as ours

_FAILING: Final = Column("failing_count", COUNT, "accounts in which it fails", label="Fails in")
_UNKNOWN: Final = Column(
    "unknown_count", COUNT, "accounts of which that is not known", label="Not assessed in"
)
_WHERE: Final = Column("failing_in", OBJECT, "list of the accounts in which it fails", label="In")


def _severities() -> tuple[Column, ...]:
    return tuple(
        Column(each, COUNT, f"findings of severity {each} in the accounts that are known")
        for each in GRAVE
    )


FRAMEWORKS_OVER: Final = Table(
    name="frameworks_over_accounts",
    row="one version of a framework, over all accounts",
    key=("framework", "version"),
    columns=(
        Column("framework", TEXT, "who asks for it"),
        Column("version", TEXT, "version of the framework"),
        Column("controls", COUNT, "number of its controls"),
        *(
            Column(
                f"{each.replace(' ', '_')}_count",
                COUNT,
                f"controls that are {each} in the account in which they stand worst",
                label=each.capitalize(),
            )
            for each in STANDINGS
        ),
    ),
)

CONTROLS_OVER: Final = Table(
    name="controls_over_accounts",
    row="one control of a framework, over all accounts",
    key=("framework", "version", "control"),
    columns=(
        Column("framework", TEXT, "who asks for it"),
        Column("version", TEXT, "version of the framework"),
        Column("control", TEXT, "number or name of the control there"),
        Column("title", TEXT, "what it asks for, in our words; missing: not known"),
        Column("standing", TEXT, "how it stands in the account in which it stands worst",
               values=STANDINGS),
        _FAILING,
        _UNKNOWN,
        _WHERE,
    ),
)  # fmt: skip

CHECKS_OVER: Final = Table(
    name="checks_over_accounts",
    row="one check that fails in some account",
    key=("check",),
    columns=(
        Column("check", TEXT, "id of the check", label="Check ID"),
        Column("severity", TEXT, "severity of the check; missing: it is no check of the kit",
               values=SEVERITIES),
        Column("title", TEXT, "what is wrong if it fails; its id if it is not of the kit",
               label="Check"),
        _FAILING,
        _UNKNOWN,
        _WHERE,
    ),
)  # fmt: skip

GROUPS: Final = Table(
    name="findings_by_group",
    row="the accounts of one organizational unit, or of one team",
    key=("kind", "name"),
    columns=(
        Column("kind", TEXT, "unit or team", values=("unit", "team")),
        Column("name", TEXT, "path of the unit, or value of the tag of teams"),
        Column("accounts", COUNT, "number of its accounts, without those that are not asked"),
        Column("unknown", COUNT, "of them, those that were not audited in this run",
               label="Not audited"),
        *_severities(),
    ),
)  # fmt: skip

MONTHS_OVER: Final = Table(
    name="months_over_accounts",
    row="one month, by the last audit in it of each account",
    key=("month",),
    columns=(
        Column("month", TEXT, "month"),
        Column("accounts", COUNT, "number of accounts that were audited in it"),
        *(
            Column(name, TEXT, f"{said}, and of how many", label=label)
            for name, label, said in (
                ("mfa_enforced", "MFA enforced", "users with permissions whose MFA is enforced"),
                ("administrators", "Administrators", "administrators"),
                ("network_restricted", "Restricted to networks", "identities with a restriction"),
                ("old_passwords", "Old passwords", "passwords that are too old"),
                ("old_keys", "Old access keys", "access keys that are too old"),
            )
        ),
        *_severities()[:2],
    ),
)

GAPS_OVER: Final = Table(
    name="gaps_over_accounts",
    row="one account that is not known, or one answer of AWS that is missing in an account",
    key=("account", "gap", "reason"),
    columns=(
        Column("account", TEXT, "what the run calls the account"),
        Column("account_id", TEXT, "its id; missing: not known"),
        Column("gap", TEXT, f"{UNREACHED}, {NOT_ASKED}, or {REFUSED}",
               values=(UNREACHED, NOT_ASKED, REFUSED)),
        Column("reason", TEXT, "why, or what is missing and the call that would have said it"),
    ),
)  # fmt: skip

TRUST_OVER: Final = Table(
    name="trust_over_accounts",
    row="two accounts of the run, of which roles of the first trust the second",
    key=("of_account", "trusted_account"),
    columns=(
        Column("of_account", TEXT, "account of the roles"),
        Column("trusted_account", TEXT, "account that they trust, or identities of it"),
        Column("roles", OBJECT, "list of the roles, by name"),
        Column(
            "strangers",
            OBJECT,
            "list of those whose report takes the account for one that is not yours; name it in "
            "`known_accounts` of the settings",
            label="Taken for not yours by",
        ),
    ),
)


@dataclass(frozen=True)
class OverAccounts:
    """
    What the accounts of a run come to.

    `results` are all of the run, `known` what is kept, `paths` those between accounts; None: they
    were not asked for.
    """

    results: Sequence[AccountResult]
    known: RolledUp
    paths: PathsOver | None = None

    @cached_property
    def asked(self) -> list[AccountResult]:
        """The results of the accounts that the run asked."""
        return [each for each in self.results if not each.not_asked]

    @cached_property
    def names(self) -> dict[str, str]:
        """Name of each account with an audit of this run, by the hash of its evidence."""
        there = {*self.known.audits["evidence"]}
        return {
            evidence: each.name
            for each in self.asked
            if (evidence := each.evidence) is not None and evidence in there
        }

    @cached_property
    def values(self) -> dict[tuple[str, str], tuple[Any, Any]]:
        """Each measure, by the hash of the evidence and its name: the value, and of how many."""
        found = self.known.measures[["evidence", "measure", "value", "of"]]
        return {
            (evidence, name): (value, of)
            for evidence, name, value, of in found.itertuples(index=False, name=None)
        }

    @cached_property
    def controls(self) -> pd.DataFrame:
        """Controls that fail in most accounts first. Rows: see `CONTROLS_OVER`."""
        keys = ["framework", "version", "control"]
        rows = self._counted(self.known.standings, keys, "standing", STANDINGS)
        controls = chosen_controls().rename(columns={"id": "control"})
        rows = rows.merge(controls[[*keys, "title"]], on=keys, how="left")
        return CONTROLS_OVER.conform(_worst_first(rows))

    @cached_property
    def frameworks(self) -> pd.DataFrame:
        """How the controls of each framework stand. Rows: see `FRAMEWORKS_OVER`."""
        found = self.controls
        keys = [found["framework"], found["version"]]
        counts = pd.crosstab(keys, found["standing"]).reindex(columns=STANDINGS, fill_value=0)
        counts.columns = [f"{each.replace(' ', '_')}_count" for each in STANDINGS]
        return FRAMEWORKS_OVER.conform(counts.assign(controls=counts.sum(axis=1)).reset_index())

    @cached_property
    def checks(self) -> pd.DataFrame:
        """Checks that fail in most accounts first. Rows: see `CHECKS_OVER`."""
        rows = self._counted(self.known.checked, ["check"], "status", STATUSES)
        rows, known = rows[rows["failing_count"] > 0], every(Settings())
        told = {name: (each.severity, each.title) for name, each in known.items()}
        both = [told.get(each, (None, each)) for each in rows["check"]]
        columns = pd.DataFrame(both, rows.index, ["severity", "title"])
        return CHECKS_OVER.conform(_worst_first(pd.concat([rows, columns], axis=1)))

    @cached_property
    def groups(self) -> pd.DataFrame:
        """Findings by unit and by team, the worst first. Rows: see `GROUPS`."""
        rows = []
        for kind in ("unit", "team"):
            of = {each.name: getattr(each, kind) for each in self.asked}
            if any(value is not None for value in of.values()):
                rows += [self._group(kind, name) for name in dict.fromkeys(of.values())]
        made = pd.DataFrame(rows, columns=GROUPS.names)
        order = made.sort_values(["kind", *GRAVE, "name"], ascending=[False, *[False] * 4, True])
        return GROUPS.conform(order)

    def _group(self, kind: str, name: str | None) -> dict[str, Any]:
        """What one unit or team comes to; of accounts that are not known nothing is counted."""
        mine = [each for each in self.asked if getattr(each, kind) == name]
        known = [each.evidence for each in mine if each.evidence in self.names]
        told = {None: NOT_KNOWN, "": NO_TAG}.get(name, name)
        return {
            "kind": kind,
            "name": told,
            "accounts": len(mine),
            "unknown": len(mine) - len(known),
            **{each: self._sum(f"findings_{each}", known)[0] for each in GRAVE},
        }

    def _sum(self, measure: str, audits: Iterable[Any]) -> tuple[int | None, int | None]:
        """A measure and its whole over audits in which it is known; None if it is in none."""
        given = [self.values.get((each, measure), (None, None)) for each in audits]
        there = [(value, of) for value, of in given if not pd.isna(value)]
        if not there:
            return None, None
        whole = None if any(pd.isna(of) for _, of in there) else sum(int(of) for _, of in there)
        return sum(int(value) for value, _ in there), whole

    @cached_property
    def months(self) -> pd.DataFrame:
        """How the months went, the first one first. Rows: see `MONTHS_OVER`."""
        audits = self.known.audits.sort_values("as_of", kind="stable")
        audits = audits.assign(month=audits["as_of"].dt.strftime("%Y-%m"))
        audits = audits.drop_duplicates(["account_id", "month"], keep="last")
        rows = []
        for month, those in audits.groupby("month", sort=True)["evidence"]:
            row: dict[str, Any] = {"month": month, "accounts": len(those)}
            for column in MONTHS_OVER.columns[2:]:
                row[column.name] = self._in_month(column, those)
            rows.append(row)
        return MONTHS_OVER.conform(pd.DataFrame(rows, columns=MONTHS_OVER.names))

    def _in_month(self, column: Column, audits: Iterable[Any]) -> Any:
        if column.dtype == COUNT:
            return self._sum(f"findings_{column.name}", audits)[0]
        value, of = self._sum(column.name, audits)
        if value is None:
            return None
        return f"{value:,}" if of is None else f"{value:,} of {of:,}"

    @cached_property
    def trust(self) -> pd.DataFrame:
        """Which accounts' roles trust which other accounts of the run. Rows: see `TRUST_OVER`."""
        rows = self.known.admitted
        ours = {each.account_id for each in self.asked}
        trusted = rows["principal"].str.extract(r"(?:^|::)(\d{12})(?:$|:)", expand=False)
        rows = rows.assign(trusted_account=trusted)[trusted.isin(list(ours))]
        rows = rows[rows["trusted_account"].ne(rows["account_id"])]
        made = []
        for (of_account, other), those in rows.groupby(["account_id", "trusted_account"]):
            strange = those.loc[those["who"].eq(STRANGER), "name"]
            lists = {"roles": sorted({*those["name"]}), "strangers": sorted({*strange})}
            made.append({"of_account": of_account, "trusted_account": other, **lists})
        return TRUST_OVER.conform(pd.DataFrame(made, columns=TRUST_OVER.names))

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """What is not known, and why. Rows: see `GAPS_OVER`."""
        rows = []
        for each in self.results:
            about = {"account": each.name, "account_id": each.account_id}
            if each.error:
                rows.append({**about, "gap": UNREACHED, "reason": each.error})
            if each.not_asked:
                rows.append({**about, "gap": NOT_ASKED, "reason": each.not_asked})
            rows += [{**about, "gap": REFUSED, "reason": said} for said in each.missing]
        return GAPS_OVER.gather(pd.DataFrame(rows, columns=GAPS_OVER.names))

    def _counted(
        self, found: pd.DataFrame, keys: list[str], column: str, order: Sequence[str]
    ) -> pd.DataFrame:
        """
        In how many accounts each control or check fails or is not known, and how it is at worst.

        `order` has what the column says, the worst first. An account without a row about it is one
        of which nothing is known.
        """
        rows = found[found["evidence"].isin(list(self.names))]
        at = rows[column].map({each: place for place, each in enumerate(order)})
        unknown = order.index(Status.NOT_ASSESSED)
        rows = rows.assign(
            at=at.fillna(unknown).astype(int), account=rows["evidence"].map(self.names)
        )
        rows = rows.assign(fails=rows[column].eq(Status.FAIL), unknown=rows["at"].eq(unknown))
        by = rows.groupby(keys, sort=False)
        made = by.agg(
            failing_count=("fails", "sum"),
            unknown_count=("unknown", "sum"),
            told=("fails", "size"),
            at=("at", "min"),
        )
        made["unknown_count"] += len(self.asked) - made.pop("told")
        worst = made.pop("at")
        worst = worst.mask(made["unknown_count"] > 0, worst.clip(upper=unknown))
        where = rows[rows["fails"]].groupby(keys)["account"].agg(sorted).to_dict()
        made["failing_in"] = objects((where.get(each, []) for each in made.index), made.index)
        return made.assign(standing=[order[each] for each in worst]).reset_index()


def _worst_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows by the number of accounts in which they fail; otherwise in their order."""
    return rows.sort_values(["failing_count", "unknown_count"], ascending=False, kind="stable")
