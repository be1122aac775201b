"""The page on controls: which controls of each framework pass, and on what evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.checks import SEVERITIES, STATUSES, Status
from iamkit.counts import counted, noun
from iamkit.pages import counts, titles
from iamkit.reference import chosen_controls, is_newest
from iamkit.results import MANUAL, matrix
from iamkit.table import objects
from iamkit.values import few

# How checks can stand, as the page counts them, with the tone of each number; what fails has the
# tone of its gravest severity.
TONES: Final[Mapping[str, str]] = {
    Status.FAIL: "",
    Status.PASS: "good",
    Status.NOT_ASSESSED: "note",
    Status.ACCEPTED: "note",
    Status.NOTED: "plain",
    Status.NOT_APPLICABLE: "plain",
}

# How controls can stand, as bars show them; one that fails, by the gravest severity of its checks.
GRAVE: Final = "fail, critical or high"
MILD: Final = "fail, medium or low"
COLORS: Final[Mapping[str, str]] = {
    GRAVE: charts.WINE,
    MILD: charts.AMBER,
    Status.NOT_ASSESSED: charts.NAVY,
    Status.NOTED: charts.STEEL,
    Status.ACCEPTED: charts.SLATE,
    MANUAL: charts.SILVER,
    Status.PASS: charts.PINE,
    Status.NOT_APPLICABLE: charts.ASH,
}


def headline(account: Account) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page: how many checks have each status."""
    results = account.audit.results
    status = results["status"].value_counts()
    grave = counts.by_severity(counts.failing(results))
    numbers: dict[str, Any] = {}
    for name, tone in TONES.items():
        number = int(status.get(name, 0))
        said = noun(number, "checks")
        said += f": {grave}" if name == Status.FAIL and grave else ""
        numbers[name.capitalize()] = (number, said, tone or counts.tone(results))
    return charts.figures(**numbers)


def of_framework(account: Account, framework: str = "") -> pd.DataFrame:
    """
    Return the controls of a framework, or of those in the settings if it is empty.

    Raises `SettingsError` for a framework that does not exist. Rows: see `results.matrix`.
    """
    names = [framework] if framework else account.settings.frameworks
    return matrix(account.audit.results, chosen_controls(names))


def by_framework(account: Account, framework: str = "") -> pd.DataFrame:
    """Return how many controls of each framework, in its newest version, stand how: `COLORS`."""
    versions = ["framework", "version"]
    found = of_framework(account, framework)
    found = found[is_newest(found)]
    grave = _severity(account, found).isin(SEVERITIES[:2]).map({True: GRAVE, False: MILD})
    standing = found["status"].mask(found["status"].eq(Status.FAIL), grave)
    found = found.assign(standing=standing)
    return counts.crossed(found, versions, "standing", all_columns=COLORS, sort=False)


def controls(account: Account, framework: str = "", *, older: bool = False) -> pd.DataFrame:
    """
    Return the controls, the checks that answer them, and what a person has to examine.

    Those of the newest version of each framework, or those of the older ones.
    """
    found = of_framework(account, framework)
    found = found[is_newest(found) != older]
    named = found["framework"] + " " + found["version"] + ", " + found["id"]
    said = _outcomes(account)
    evidence = objects((_evidence(each, said) for each in found["checks"]), found.index)
    shown = found.assign(control=named, evidence=evidence, severity=_severity(account, found))
    shown = shown.rename(columns={"title": "asks_for"})
    return shown[["control", "asks_for", "status", "severity", "evidence", "note"]]


def _severity(account: Account, controls: pd.DataFrame) -> pd.Series[Any]:
    """The gravest severity of the failing checks of each control; missing if none fails."""
    of_check = account.audit.results.set_index("check")["severity"]
    gravest = [
        min(of_check.reindex(names).dropna(), key=SEVERITIES.index, default=None)
        for names in controls["failing_checks"]
    ]
    return objects(gravest, controls.index)


def _outcomes(account: Account) -> dict[str, tuple[int, str]]:
    """Return for each check the rank of its status, the worst first, and its result in words."""
    said = {}
    for row in account.audit.results.to_dict("records"):
        number = {Status.ACCEPTED: row["accepted"], Status.NOTED: row["noted"]}
        part = number.get(row["status"], row["failing"])
        total = row["total"]
        whole = "none" if pd.isna(total) else f"none of {counted(total, row['among'])}"
        alone = row["among"].startswith("the ")
        if pd.notna(row["fine"]) and pd.notna(total):  # the title says what is right, of all
            whole = f"examined: {counted(total, row['among'])}"
        nobody = row["among"] if alone else whole
        many = counts.of(part, row["total"], row["among"]) if part else nobody
        said[row["check"]] = (STATUSES.index(row["status"]), titles.outcome(row, many))
    return said


def _evidence(checks: list[str], said: Mapping[str, tuple[int, str]]) -> str | None:
    """The results of a control's checks, the worst first; None for a control without checks."""
    not_run = (STATUSES.index(Status.NOT_ASSESSED), "a check of it was not run")
    told = sorted((said.get(each, not_run) for each in checks), key=lambda of: of[0])
    return few([text for _, text in told], 2, "; ") if told else None


def checks(account: Account) -> pd.DataFrame:
    """Return the result of each check; the page on the method has its texts and how it errs."""
    results = account.audit.results
    fail = objects((_counted(row) for row in results.to_dict("records")), results.index)
    shown = titles.of_what_holds(results.assign(fail=fail))
    shown = shown.assign(reason=counts.phrases(shown["reason"], 3))
    return shown[["title", "status", "severity", "fail", "reason"]]


def _counted(result: Any) -> str | None:
    """
    Return how many subjects fail, of how many, and which neither fail nor pass, in words.

    Where none fails and some evidence is missing, nothing is known: that is no "none".

    >>> row = {"status": "fail", "failing": 3, "total": 50, "among": "console users", "noted": 1}
    >>> _counted(row | {"accepted": 2, "unknown": 0})
    '3 of 50 console users; 2 accepted, 1 noted'
    >>> row |= {"status": "not assessed", "failing": 0, "noted": 0, "accepted": 0}
    >>> _counted(row | {"unknown": 0}), _counted(row | {"unknown": 4})
    (None, '4 of 50 console users not assessed')
    """
    total, among = result["total"], result["among"]
    numbers = {"accepted": "accepted", "not assessed": "unknown", "noted": "noted"}
    others = {name: f"{result[of]} {name}" for name, of in numbers.items() if result[of]}
    if result["status"] != Status.NOT_ASSESSED:
        failing = counts.of(result["failing"], total, among)
        return "; ".join(filter(None, [failing, ", ".join(others.values())]))
    if result["unknown"] and pd.notna(total) and not among.startswith("the "):
        others["not assessed"] = f"{counts.of(result['unknown'], total, among)} not assessed"
    return ", ".join(others.values()) or None
