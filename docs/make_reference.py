"""
Write `docs/reference/` from the code: tables, settings, checks, commands.

    make docs

`tests/test_docs.py` fails where a page is not what this would write.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path

import click

import iamkit
from iamkit import Account
from iamkit.access import GRANTING, WHO_CAN
from iamkit.checks import AUDIT_TABLES
from iamkit.checks.registry import CHECKS
from iamkit.cli import main
from iamkit.confirm import CONFIRMATION
from iamkit.exit_codes import MEANINGS
from iamkit.fleet import (
    ACCOUNT_PATHS,
    ACCOUNTS,
    CHECKS_OVER,
    CHOKE_POINTS_BETWEEN,
    CONTROLS_OVER,
    CROSS_ACCOUNT_ROLES,
    FRAMEWORKS_OVER,
    GAPS_OVER,
    GROUPS,
    MONTHS_OVER,
    PATHS_BETWEEN,
    TRUST_OVER,
)
from iamkit.report import definitions, findings_json, ocsf, workbook
from iamkit.report.exports import FINDINGS, OCSF, WORKBOOK
from iamkit.results import CHANGES, FINDING_STATES, PERMISSION_CHANGES, RECORD_TABLES
from iamkit.rotation import ROTATION
from iamkit.settings import Settings
from iamkit.settings_files import RUN
from iamkit.table import Table
from iamkit.tables import schema, tables_of

ASKED = (WHO_CAN, GRANTING)
SINCE = (CHANGES, PERMISSION_CHANGES)
HISTORY = (FINDING_STATES, *RECORD_TABLES)
FLEET = (
    ACCOUNTS,
    CROSS_ACCOUNT_ROLES,
    PATHS_BETWEEN,
    ACCOUNT_PATHS,
    CHOKE_POINTS_BETWEEN,
)
OVER = (
    MONTHS_OVER,
    GROUPS,
    CHECKS_OVER,
    FRAMEWORKS_OVER,
    CONTROLS_OVER,
    TRUST_OVER,
    GAPS_OVER,
)
GLOSSARY = Path(iamkit.__file__).parent / "data" / "page" / "glossary.md"
FOLDER = Path(__file__).parent / "reference"
MADE = "<!-- made by `make docs`: change the code, not this page -->\n\n"


def tables() -> str:
    """Every table of an account: what a row is, its key, and what each column means."""
    built = tables_of(Account).items()
    evidence = {table.name for table in schema.TABLES}
    derived = [each.definition for name, each in built if each.definition and name not in evidence]
    parts = [
        "# Tables\n\nEach is a pandas DataFrame, an attribute of the account that "
        '`load("latest")` opens. A missing value (`NaN`, `NaT`, `<NA>`) means that the evidence '
        "does not say. `account.missing(NAME)` says which evidence a table lacks.\n",
        _contents("Of the evidence", schema.TABLES),
        _contents("Derived from it", derived),
        _contents("Of `account.audit`", AUDIT_TABLES),
        _contents(
            "Of `account.who_can(…)`, `account.who_can_pass(…)` and `account.granting(…)`", ASKED
        ),
        _contents("Of `account.since(other)` and `account.permissions_since(other)`", SINCE),
        _contents("Of `account.history`, and of the records that are kept of each audit", HISTORY),
        _contents(
            'Of `fleet.open("reports")`, which also has those that are kept of audits', FLEET
        ),
        _contents("Of the page over all accounts of `iamkit run`, and of its workbook", OVER),
        _contents("Of `plan(account)` of `iamkit.rotation`", (ROTATION,)),
        _contents("Of `iamkit.confirm.compare(…)`, and of `iamkit confirm`", (CONFIRMATION,)),
        *map(
            _table,
            (*schema.TABLES, *derived, *AUDIT_TABLES, *ASKED, *SINCE, *HISTORY, *FLEET, *OVER),
        ),
        _table(ROTATION),
        _table(CONFIRMATION),
    ]
    return "\n".join(parts)


def settings() -> str:
    """Every setting: default, unit, meaning and source."""
    rows = Settings().describe()
    wanted = {field.name: field.metadata for field in fields(Settings)}
    parts = [
        "# Settings\n\nA YAML file holds them, one `name: value` a line, and `iamkit report "
        "--settings FILE` reads it. `-p NAME VALUE` wins over the file for one report, and a "
        "keyword of `load` for one account.\n",
    ]
    for row in rows.to_dict("records"):
        facts = wanted[row["setting"]]
        parts.append(
            f"## `{row['setting']}`\n\n{_sentence(facts['meaning'])}\n\n"
            f"- Default: {row['value']}\n- Unit: {facts['unit']}\n- Source: {facts['source']}\n"
        )
    parts.append(
        "# Run file\n\nThe same file may list the accounts that `iamkit run` audits every month, "
        "and what it does with the results. Beside `accounts`, where an example shows what an "
        "account takes, every line is optional.\n",
    )
    for name, (meaning, example) in RUN.items():
        parts.append(
            f"## `{name}`\n\n{_sentence(meaning)}\n\n```yaml\n{name}: {example.rstrip()}\n```\n"
        )
    return "\n".join(parts)


def checks() -> str:
    """Every check: the problem, why it matters, the fix, the source and the direction of error."""
    by_file: dict[str, list[str]] = {}
    for name, each in CHECKS.items():
        file = each.find.__module__.rpartition(".")[2]
        said = [
            f"### `{name}`\n",
            f"**{each.title}.** Severity: {each.severity}, counted among {each.among}.\n",
            f"{each.impact}\n",
            _prose(each.why),
            f"- Fix: {each.remedy}",
            f"- Source: {each.source}",
            f"- Errs: {each.errs}",
            f"- Needs: {', '.join(f'`{need}`' for need in each.needs)}",
            *(f"- Not in {where}: {why}" for where, why in each.not_in.items()),
        ]
        by_file.setdefault(file, []).append("\n".join(said) + "\n")
    parts = [
        f"# Checks\n\n{len(CHECKS)} checks. `account.audit` runs them: `findings` has a row per "
        "thing found, `results` a row per check. A finding may be graver or lighter than its "
        "check where this account makes it so.\n",
    ]
    for file, said in by_file.items():
        parts += [f"## {file.replace('_', ' ').capitalize()}\n", *said]
    return "\n".join(parts)


def files() -> str:
    """The files beside a report's pages, and what each column of them means."""
    documented = ((FINDINGS, findings_json), (OCSF, ocsf), (WORKBOOK, workbook))
    parts = [
        "# Files\n\nBeside its pages a report has its tables as files for other programs. Each row "
        "of a CSV file says of which account, moment and evidence it is, and a finding has the id "
        "that it keeps from audit to audit, so the files of many accounts and months stack. Times "
        "of the evidence are ISO 8601; other times are UTC. Lists are joined with commas, phrases "
        "with semicolons, and text that a spreadsheet would run has an apostrophe in front.\n",
        *(_table(replace(table, name=name)) for name, table in definitions().items()),
        *(f"## {name}\n\n{inspect.cleandoc(of.__doc__ or '')}\n" for name, of in documented),
    ]
    return "\n".join(parts)


def commands() -> str:
    """What each command prints for `--help`, and the exit codes."""
    parts = [
        "# Commands\n\n`python -m iamkit` does the same as `iamkit`. The path of what was made is "
        "the only thing on standard output; progress and errors go to standard error.\n\n"
        "| exit code | means |\n| --- | --- |\n"
        + "".join(f"| {int(code)} | {meaning} |\n" for code, meaning in MEANINGS.items())
        + "\nWhere several apply, it is the highest. `iamkit lab` ends with JupyterLab's own.\n",
    ]
    every = dict(main.commands)
    for name, command in main.commands.items():
        inside = command.commands if isinstance(command, click.Group) else {}
        every |= {f"{name} {each}": of for each, of in inside.items()}
    for name in sorted(every):
        context = click.Context(every[name], info_name=f"iamkit {name}", max_content_width=90)
        text = every[name].get_help(context)
        parts.append(f"## `iamkit {name}`\n\n```\n{text}\n```\n")
    return "\n".join(parts)


PAGES = {
    "tables.md": tables,
    "settings.md": settings,
    "checks.md": checks,
    "commands.md": commands,
    "files.md": files,
    "glossary.md": lambda: GLOSSARY.read_text(encoding="utf-8"),
}


def pages() -> Mapping[str, str]:
    """The text of each page, by its file's name."""
    return {name: MADE + make() for name, make in PAGES.items()}


def _contents(title: str, listed: Iterable[Table]) -> str:
    lines = [f"- [`{table.name}`](#{table.name}): {table.row}" for table in listed]
    return f"**{title}**\n\n" + "\n".join(lines) + "\n"


def _table(table: Table) -> str:
    lines = [
        f"| `{each.name}` | {_dtype(each.dtype)} | {_cell(each.meaning)} |"
        for each in table.columns
    ]
    return (
        f"## {table.name}\n\nA row: {table.row}. Key: "
        + ", ".join(f"`{name}`" for name in table.key)
        + ".\n\n| column | type | meaning |\n| --- | --- | --- |\n"
        + "\n".join(lines)
        + "\n"
    )


def _dtype(dtype: object) -> str:
    names = {"datetime64[us, UTC]": "time", "str": "text", "boolean": "yes or no", "Int64": "count"}
    return names.get(str(dtype), str(dtype))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _prose(text: str) -> str:
    """Text in lines that fit a page."""
    return "\n\n".join(textwrap.fill(part, 98) for part in text.split("\n\n")) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(PAGES)} pages in {FOLDER}\n")
