"""
The findings as JSON, for other programs: each with what its check asks, and why, and what to do.

`account_id`, `alias`, `as_of`, `evidence_sha256` and `iamkit`, its version, say of which audit the
findings are. `findings` has one for each row of `findings.csv`, with the same members, and with
`why` (what counts), `impact` (why it matters), `fix`, `references` (the pages that recommend it),
`controls` (which the check speaks to, in the newest version of each framework that the settings
name) and `techniques` (of MITRE ATT&CK, by id, if the finding is about escalation methods), so that
a program needs no second file.

Text is as in the other files: what would act on a terminal or reorder what stands beside it is
written out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from iamkit.account import Account


def findings_json(account: Account) -> str:
    """Return the findings of an account's audit as one JSON document, a finding a line."""
    from iamkit.charts import clean
    from iamkit.report.csv_files import of_audit
    from iamkit.report.manifest import installed_version
    from iamkit.results import techniques_of_findings, with_ids

    checks, techniques = texts_of_checks(account), techniques_of_findings(account)
    about = {
        **of_audit(account),
        "alias": clean(account.alias) if account.alias else None,
        "iamkit": installed_version("iamkit"),
    }
    found = [
        row
        | {
            name: checks[row["check"]][name]
            for name in ("why", "impact", "fix", "references", "controls")
        }
        | {"techniques": techniques.get((row["check"], row["subject"]), [])}
        for row in records(with_ids(account))
    ]
    head = json.dumps(about, ensure_ascii=False)[:-1]
    return f'{head}, "findings": {lines(found)}}}\n'


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table of texts as JSON holds them: missing values are null."""
    from iamkit.charts import cell

    columns = {str(name): map(cell, frame[name].tolist()) for name in frame}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def texts_of_checks(account: Account) -> dict[str, dict[str, Any]]:
    """
    Return what is said of each check that ran, by its id.

    `title`, `severity`, `status`, `why` and `impact` (null if its author does not say), `fix`,
    `references` (the pages that recommend it) and `controls` (which the check speaks to, each with
    its framework, the newest version of it, of the frameworks that the settings name).
    """
    controls = _controls(account)
    return {
        row["check"]: {
            **{name: row[name] for name in ("title", "severity", "status", "why", "impact")},
            "fix": row["remedy"],
            "references": addresses(row["source"] or ""),
            "controls": controls.get(row["check"], []),
        }
        for row in records(account.audit.results)
    }


def addresses(source: str) -> list[str]:
    """
    Return the addresses in the source of a check; the source as it is if it names none.

    >>> addresses("https://example.org/a.html (Rotate keys)"), addresses("our own rules")
    (['https://example.org/a.html'], ['our own rules'])
    """
    return re.findall(r"https?://[^\s()<>\"]+", source) or ([source] if source else [])


def lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a JSON list with a line for each row, which a person and a program can both read."""
    texts = [json.dumps(row, ensure_ascii=False) for row in rows]
    return "[\n" + ",\n".join(texts) + "\n]" if texts else "[]"


def _controls(account: Account) -> dict[str, list[dict[str, str]]]:
    """The controls that each check speaks to, of the newest version of their framework."""
    from iamkit.reference import chosen_controls, is_newest

    controls = chosen_controls(account.settings.frameworks)
    found: dict[str, list[dict[str, str]]] = {}
    for row in controls[is_newest(controls)].to_dict("records"):
        said = {name: row[name] for name in ("framework", "version", "id", "title")}
        for check in row["checks"]:
            found.setdefault(check, []).append(said)
    return found
