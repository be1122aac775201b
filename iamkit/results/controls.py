"""
What benchmarks and standards ask for, and what the checks say of it: a row per control.

`data/controls.yaml` says which checks speak to which control. Many controls ask for more than an
account's evidence can show, such as a process or another service's settings. They are not left
out: what no check can answer is *manual*, and says why. A control that checks answer in part can
fail, but it is never a bare pass. Where checks only note facts, it is *noted*: whether a control
forbids what we find nothing wrong with, such as an administrator role, is for a person to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit.checks import Status
from iamkit.counts import counted
from iamkit.reference import CONTROL, chosen_controls, load_controls
from iamkit.settings import Settings
from iamkit.table import OBJECT, TEXT, Column, Table, objects

MANUAL: Final = "manual"

# How a control stands, the first that is true of it.
STANDINGS: Final = (
    Status.FAIL,
    Status.NOT_ASSESSED,
    Status.NOTED,
    MANUAL,
    Status.ACCEPTED,
    Status.PASS,
    Status.NOT_APPLICABLE,
)
HOLD_AGAINST: Final = "A person has to hold the noted facts against the text of the control."

# What is said of subjects: of one, of several.
VERBS: Final = {
    Status.FAIL: ("fails", "fail"),
    Status.ACCEPTED: ("is accepted in", "are accepted in"),
    Status.PASS: ("passes", "fails"),  # "none of 12 users fails …"
    Status.NOTED: ("is noted in", "are noted in"),
}

MATRIX: Final = Table(
    name="matrix",
    row="one control and the results of its checks",
    key=("framework", "version", "id"),
    columns=(
        *CONTROL,
        Column(
            "status",
            TEXT,
            "fail, not assessed, noted (no check fails; facts are listed that a person has to hold "
            "against the text of the control), manual, accepted, pass, or not applicable (no check "
            "has anything to examine)",
            values=STANDINGS,
        ),
        Column(
            "checks",
            OBJECT,
            "list of the checks that answer it, and of those that report problems of what these "
            "note",
        ),
        Column("check_titles", TEXT, "titles of these checks in their order, with semicolons"),
        Column("failing_checks", OBJECT, "list of those that fail"),
        Column("not_assessed_checks", OBJECT, "list of those that are not assessed"),
        Column("noted_checks", OBJECT, "list of those that note facts"),
        Column("evidence", TEXT, "the result of each check; missing: there is no check"),
        Column(
            "note", TEXT, "what a person has to examine, and how the checks interpret the control"
        ),
    ),
)


def matrix(results: pd.DataFrame, controls: pd.DataFrame | None = None) -> pd.DataFrame:
    """
    Say of each control what its checks say. Rows: see `MATRIX`, in the order of `controls`.

    One failing check fails a control, also where it reports what another one of the control only
    notes. Otherwise one that is not assessed, or was not run, leaves it not assessed; otherwise one
    that notes a fact makes it noted; otherwise what a person has to add makes it manual; otherwise
    one accepted check makes it accepted. Only what remains is a pass, if a check of it passes, and
    not applicable if none of them has anything to examine.

    Parameters
    ----------
    results : DataFrame
        A row per check, as `run_checks` returns them.
    controls : DataFrame
        Rows of `CONTROLS`; by default all of `data/controls.yaml`.
    """
    controls = load_controls() if controls is None else controls.reset_index(drop=True)
    titles = dict(zip(results["check"], results["title"], strict=True))
    pairs = zip(results["check"], results["reported_by"], strict=True)
    elsewhere = {check: names for check, names in pairs if isinstance(names, list)}
    answering = objects(_answering(names, elsewhere) for names in controls["checks"])
    told = _told(results, answering)

    def listed(column: str, rows: pd.Series[bool]) -> pd.Series[Any]:
        """Return the list of a column's values per control, empty where there are none."""
        lists = told[rows].groupby("control")[column].agg(list)
        return pd.Series([lists.get(each, []) for each in controls.index], dtype="object")

    lists = {name: listed("check", told["status"].eq(name)) for name in STANDINGS}
    # One that fails or is accepted for some may note facts about others.
    noted = told["status"].eq(Status.NOTED) | told["noted"].fillna(0).gt(0)
    lists[Status.NOTED] = listed("check", noted)
    says = listed("says", told["says"].notna()).str.join("; ")
    status = _standing(controls["manual"].notna(), lists)
    return MATRIX.conform(
        controls.assign(
            status=status,
            checks=answering,
            check_titles=objects(_titles(names, titles) for names in answering),
            failing_checks=lists[Status.FAIL],
            not_assessed_checks=lists[Status.NOT_ASSESSED],
            noted_checks=lists[Status.NOTED],
            evidence=says.mask(says == ""),
            note=_notes(controls, status.eq(Status.NOTED)),
        )
    )


def _titles(checks: list[str], titles: Mapping[str, Any]) -> str | None:
    """The titles of checks, in one text; the id of one that was not run."""
    named = (titles.get(name) for name in checks)
    said = [
        title if isinstance(title, str) else name for name, title in zip(checks, named, strict=True)
    ]
    return "; ".join(said) or None


def _answering(checks: list[str], elsewhere: Mapping[str, list[str]]) -> list[str]:
    """The checks of a control, and then those that report problems of what these only note."""
    found = [*checks]
    for each in found:  # which grows
        found += [name for name in elsewhere.get(each, ()) if name not in found]
    return found


def _standing(manual: pd.Series[bool], lists: Mapping[str, pd.Series[Any]]) -> pd.Series[str]:
    """How each control stands: the first of `STANDINGS` that is true of it."""
    status = pd.Series(Status.NOT_APPLICABLE, manual.index, "str")
    for name in reversed(STANDINGS):
        status[manual if name == MANUAL else lists[name].astype(bool)] = name
    return status


def _told(results: pd.DataFrame, answering: pd.Series[Any]) -> pd.DataFrame:
    """What each check says of each control that it answers: a row for each pair of them."""
    asked = answering.explode().dropna().rename("check").rename_axis("control")
    says = pd.Series([_sentence(each) for each in results.itertuples()], results.index, "str")
    told = results[["check", "status", "noted"]].assign(says=says)
    told = asked.astype("str").reset_index().merge(told, how="left", on="check")
    told["says"] = told["says"].fillna(told["check"] + " is not assessed: it was not run")
    answered = told["status"].isin([*VERBS, Status.NOT_APPLICABLE])
    told["status"] = told["status"].where(answered, Status.NOT_ASSESSED)
    return told


def chosen_matrix(results: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """
    Say what the checks say of the controls of the frameworks that the settings name. See `matrix`.

    Raises `SettingsError` for a framework that does not exist.
    """
    return matrix(results, chosen_controls(settings.frameworks))


def _sentence(result: Any) -> str:
    """Say what a check says: "3 of 41 console users fail console_user_without_mfa"."""
    if result.status == Status.NOT_APPLICABLE:
        return f"{result.check} does not apply: {result.reason}"
    if result.status not in VERBS:
        first, *others = str(result.reason).split("; ")
        more = f", and {len(others)} more" if others else ""
        return f"{result.check} is not assessed: {first}{more}"
    count = {
        Status.FAIL: result.failing,
        Status.ACCEPTED: result.accepted,
        Status.NOTED: result.noted,
    }.get(result.status)
    one, several = VERBS[result.status]
    whole = result.among if pd.isna(result.total) else counted(result.total, result.among)
    total = f"the {whole}" if pd.isna(result.total) else whole
    if result.among.startswith("the "):
        said = f"{result.among} {one} {result.check}"
    elif result.status == Status.PASS:
        said = f"none of {total} {several} {result.check}"
    else:
        said = f"{count} of {total} {one if count == 1 else several} {result.check}"
    if result.status != Status.NOTED and pd.notna(result.noted) and result.noted:
        said += f", and {result.noted} {VERBS[Status.NOTED][int(result.noted > 1)]} it"
    return said if pd.isna(result.reason) else f"{said} ({result.reason})"


def _notes(controls: pd.DataFrame, noted: pd.Series[bool]) -> pd.Series[Any]:
    """Return what is left to a person and the note, as sentences; missing without any."""
    left = controls["manual"] + "."
    left = left.mask(controls["checks"].astype(bool), "Left open: " + left)
    facts = pd.Series("", controls.index).mask(noted, HOLD_AGAINST)
    both = facts.str.cat(left, sep=" ", na_rep="").str.strip()
    whole = both.str.cat(controls["note"], sep=" ", na_rep="").str.strip()
    return whole.mask(whole == "")
