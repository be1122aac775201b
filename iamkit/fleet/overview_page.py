"""
The page over all accounts of a run, and its workbook: what `overview` and `over_accounts` say.

The page is made from the same template parts as those of a report: every value is escaped there,
it loads nothing, and without scripts all of it is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.counts import counted
from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.journal import FORM
from iamkit.fleet.over_accounts import (
    CHECKS_OVER,
    CONTROLS_OVER,
    FRAMEWORKS_OVER,
    GAPS_OVER,
    GROUPS,
    MONTHS_OVER,
    TRUST_OVER,
    OverAccounts,
)
from iamkit.fleet.overview import BOOK, CSV, SHOWN, WORKBOOK, Row, worst_first
from iamkit.fleet.paths import ACCOUNT_PATHS, CHOKE_POINTS_BETWEEN, PATHS_BETWEEN
from iamkit.reference import chosen_controls, is_newest
from iamkit.report import installed_version, page
from iamkit.report import workbook as workbooks
from iamkit.results import GRAVE, MEASURES
from iamkit.table import COUNT, TEXT, TRUTH, Column, Table

MOST: Final = 100  # rows of a table; the workbook has all
WORST: Final = 5  # accounts that are named first

_MEASURED: Final = tuple(
    column
    for name, heading in SHOWN.items()
    for column in (
        Column(name, "float64", MEASURES[name].meaning, label=heading),
        Column(f"{name}_of", "float64", "of how many; missing: it is part of nothing",
               label=f"{heading}: of"),
        Column(f"{name}_was", TEXT, "what it was in the audit before; missing: the same, or none",
               label=f"{heading}: before"),
    )
)  # fmt: skip
ACCOUNT_FIGURES: Final = Table(
    name="account_figures",
    row="one account that the run asked",
    key=("account",),
    columns=(
        Column("account", TEXT, "what the run calls the account"),
        Column("account_id", TEXT, "its id; missing: not known"),
        Column("unit", TEXT, "path of its organizational unit; missing: not known"),
        Column("team", TEXT, "value of the tag of teams; missing: not asked for, or not known"),
        Column("as_of", TEXT, "time of the evidence, UTC; missing: there is none"),
        Column("of_this_run", TRUTH, "the evidence is of this run; if not, of an earlier one"),
        Column("error", TEXT, "why it could not be audited; missing: it was"),
        Column("missing_answers", COUNT, "answers of AWS that are missing; missing: not known"),
        Column("not_assessed_count", COUNT, "checks not assessed; missing: not known"),
        *_MEASURED,
    ),
)


def html(rows: Sequence[Row], run: str, elsewhere: Sequence[str], over: OverAccounts) -> str:
    """Return the page. `elsewhere` are accounts of which there are audits, and no result."""
    failed = [row.result for row in rows if row.result.error]
    ordered = worst_first(rows)
    template = page.templates(installed_version("iamkit")).get_template("overview.html.j2")
    return str(
        template.render(
            rows=ordered,
            headings=list(SHOWN.values()),
            meanings=[MEASURES[name].meaning for name in SHOWN],
            run=run,
            failed=failed,
            lacking=[row.result for row in rows if row.result.missing and not row.result.error],
            not_asked=[each for each in over.results if each.not_asked],
            findings=_findings(rows),
            worst=[row for row in ordered if not row.stale and _grave(row)][:WORST],
            elsewhere=elsewhere,
            files=[WORKBOOK, CSV, "results.json"],
            tables=_tables(over),
            paths=_paths(over),
        )
    )


def _findings(rows: Sequence[Row]) -> dict[str, int | None]:
    """Findings by severity in the accounts audited; None if there is no such account."""
    audited = [row.result for row in rows if not row.result.error]
    return {
        name: sum(each.findings.get(name, 0) for each in audited) if audited else None
        for name in GRAVE
    }


def _grave(row: Row) -> bool:
    """Whether an account has findings that are critical or high."""
    return any(row.result.findings.get(name) for name in GRAVE[:2])


def _tables(over: OverAccounts) -> dict[str, Any]:
    """The tables of the page, by name, as the template takes them."""
    groups, controls = over.groups, over.controls
    current = chosen_controls()
    current = current[is_newest(current)].drop_duplicates(["framework", "version"])
    newest = pd.MultiIndex.from_frame(controls[["framework", "version"]]).isin(
        pd.MultiIndex.from_frame(current[["framework", "version"]])
    )
    failing = controls[(controls["failing_count"] > 0) & newest]
    teams, units = (groups[groups["kind"].eq(each)] for each in ("team", "unit"))
    return {
        "months": shown(MONTHS_OVER, over.months, "Months"),
        "units": shown(GROUPS, units, "Organizational units", without=("kind",)),
        "teams": shown(GROUPS, teams, "Teams", without=("kind",)),
        "checks": shown(CHECKS_OVER, over.checks, "Checks that fail", without=("check",)),
        "frameworks": shown(FRAMEWORKS_OVER, over.frameworks, "Frameworks"),
        "controls": shown(
            CONTROLS_OVER,
            failing,
            "Controls of the newest versions that fail",
            without=("standing",),
        ),
        "trust": shown(
            TRUST_OVER, _called(over, over.trust), "Trust between accounts", links=_links(over)
        ),
        "gaps": shown(GAPS_OVER, over.gaps, "What is not known", links=_links(over)),
    }


def _paths(over: OverAccounts) -> dict[str, Any] | None:
    """What the page says of paths between accounts; None: they were not asked for."""
    found = over.paths
    if found is None:
        return None
    sure, perhaps = (found.to_management(certain=each) for each in (True, False))
    accounts, people = _called(over, found.accounts), _called(over, found.people)
    chokes = _called(over, found.choke_points)
    return {
        "left_out": found.left_out,
        "knows_management": found.knows_management,
        "reaching": _called(over, sure)["of_account"].tolist(),
        "possibly": _called(over, perhaps)["of_account"].tolist(),
        "accounts": shown(
            ACCOUNT_PATHS, accounts, "Accounts that reach others", links=_links(over)
        ),
        "choke_points": shown(CHOKE_POINTS_BETWEEN, chokes, "What to remove first"),
        "people": shown(
            PATHS_BETWEEN,
            people,
            "Identities",
            without=("context", "principal_arn"),
            links=_links(over),
        ),
        "drawings": list(found.drawings()),
    }


def _called(over: OverAccounts, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows whose accounts are called as the run calls them."""
    names = {each.account_id: _name(each) for each in over.results if each.account_id}
    columns = [each for each in ("of_account", "admin_account", "trusted_account") if each in frame]
    return frame.assign(**{each: frame[each].replace(names) for each in columns})


def _name(result: AccountResult) -> str:
    """The name of an account with its id, once."""
    own = str(result.account_id)
    return result.name if own in result.name else f"{result.name} ({own})"


def _links(over: OverAccounts) -> dict[str, dict[str, str]]:
    """Where names of accounts lead: to the first page of the report, if this run made one."""
    made = [(each, each.report) for each in over.asked if each.report]
    called = {_name(each): report for each, report in made if each.account_id}
    own = {each.name: report for each, report in made}
    return {"account": own, "of_account": called, "admin_account": called}


def shown(
    table: Table,
    frame: pd.DataFrame,
    caption: str,
    *,
    without: Sequence[str] = (),
    links: Mapping[str, Mapping[str, str]] | None = None,
) -> Any:
    """Return a table as the template takes it, with the meaning of each column."""
    columns = [each for each in table.columns if each.name not in without]
    view = charts.table(
        frame[[each.name for each in columns]],
        caption,
        rows=MOST,
        severity="severity" if "severity" in frame else None,
        file=WORKBOOK,
        links=links,
    )
    assert isinstance(view, charts.TableView)  # noqa: S101 - nothing is said to be missing
    data = view.as_data()
    for column, said in zip(columns, data["columns"], strict=True):
        said |= {"meaning": charts.unmarked(column.meaning)}
        said |= {"name": column.label} if column.label else {}
    return data


def workbook(rows: Sequence[Row], run: str, over: OverAccounts) -> bytes:
    """Return the workbook over all accounts, as bytes."""
    version = installed_version("iamkit")
    return workbooks.book(
        "IAM audits of all accounts",
        {"Run": run, "Accounts asked": str(len(rows)), "iamkit": version},
        _sheets(rows, over),
        named=f"IAM audits of {counted(len(rows), 'accounts')}, run of {run}",
        comments=f"Run {run} {BOOK}",
        made=datetime.strptime(run, FORM).replace(tzinfo=UTC).replace(tzinfo=None),
    )


def _sheets(rows: Sequence[Row], over: OverAccounts) -> Iterator[workbooks.Rows]:
    """The sheets of the workbook."""
    yield workbooks.Rows("Accounts", ACCOUNT_FIGURES, account_figures(rows))
    for title, table, frame in (
        ("Months", MONTHS_OVER, over.months),
        ("Units and teams", GROUPS, over.groups),
        ("Frameworks", FRAMEWORKS_OVER, over.frameworks),
        ("Controls", CONTROLS_OVER, over.controls),
        ("Checks that fail", CHECKS_OVER, over.checks),
        ("Trust", TRUST_OVER, over.trust),
        ("Gaps", GAPS_OVER, over.gaps),
    ):
        yield workbooks.Rows(title, table, frame)
    if over.paths is not None:
        notes = over.paths.left_out
        yield workbooks.Rows("Paths by account", ACCOUNT_PATHS, over.paths.accounts, notes)
        yield workbooks.Rows("Paths by identity", PATHS_BETWEEN, over.paths.people, notes)
        chokes = over.paths.choke_points
        yield workbooks.Rows("Choke points", CHOKE_POINTS_BETWEEN, chokes, notes)


def account_figures(rows: Sequence[Row]) -> pd.DataFrame:
    """Return a row per account, with its figures as numbers. Rows: see `ACCOUNT_FIGURES`."""
    made = []
    for row in rows:
        figures: dict[str, Any] = {}
        for name, cell in zip(SHOWN, row.cells, strict=True):
            figures |= {name: cell.value, f"{name}_of": cell.of, f"{name}_was": cell.was or None}
        made.append({**_about(row, row.result), **figures})
    return ACCOUNT_FIGURES.conform(pd.DataFrame(made, columns=ACCOUNT_FIGURES.names))


def _about(row: Row, result: AccountResult) -> dict[str, Any]:
    return {
        "account": result.name,
        "account_id": result.account_id,
        "unit": result.unit,
        "team": result.team,
        "as_of": row.as_of or None,
        "of_this_run": not row.stale,
        "error": result.error,
        "missing_answers": None if row.stale else len(result.missing),
        "not_assessed_count": row.not_assessed,
    }
