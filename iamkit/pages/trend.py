"""The page on the trend: what changed since the audit before, and how the year went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.results import BETTER, CHANGED, MEASURES, STATES, WORSE, State

BLOCKS: Final = "▁▂▃▄▅▆▇█"  # of a sparkline
MONTHS: Final = 13  # audits that lines and tables show: a year, and the month it is compared with

# The lines of each chart: measure → what the line is called.
MFA: Final[Mapping[str, str]] = {
    "mfa_registered": "registered, of users with a password",
    "mfa_enforced": "enforced, of users with permissions",
}
AGES: Final[Mapping[str, str]] = {
    "key_age_median": "keys, median",
    "key_age_p90": "keys, nine of ten",
    "password_age_median": "passwords, median",
    "password_age_p90": "passwords, nine of ten",
}
ADMINISTRATORS: Final[Mapping[str, str]] = {
    "administrators": "are administrators",
    "can_become_administrator": "can become one",
}
SEVERITIES: Final[Mapping[str, str]] = {
    f"findings_{severity}": severity for severity in ("critical", "high", "medium", "low")
}
# The measure of each of the five practices, and what its figure is a number of.
PRACTICES: Final[Mapping[str, str]] = {
    "mfa_enforced": "users with MFA enforced",
    "administrators": "users and roles that are administrators",
    "network_restricted": "users and roles restricted to networks",
    "old_passwords": "console passwords that are too old",
    "old_keys": "active access keys that are too old",
}
# Which direction of a measure is good, in words.
DIRECTIONS: Final[Mapping[str, str]] = {"more": "more is better", "less": "fewer is better"}
# What the table of changed identities leaves out: other tables show it.
NOT_OF_IDENTITIES: Final = ("policy", "trust", "finding")


def headline(account: Account) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page, each with what it was in the audit before."""
    audits = account.history.audits
    first = f"since {audits['as_of'].iloc[0]:%Y-%m-%d}"
    names = ("mfa_registered", "mfa_enforced", "administrators", "findings_critical",
             "findings_high")  # fmt: skip
    shown: dict[str, Any] = {"Audits": (len(audits), first)}
    titles = ("MFA registered", "MFA enforced", "Administrators", "Critical findings",
              "High findings")  # fmt: skip
    for title, name in zip(titles, names, strict=True):
        shown[title] = _figure(account, name)
    return charts.figures(**shown)


def _figure(account: Account, measure: str) -> Any:
    """Return a measure's last value, what it was before, and whether that is for the better."""
    values, unit = _numbers(account, measure)
    if pd.isna(values[-1]):
        return charts.assessed(None, account.missing(*MEASURES[measure].needs))
    said, direction = change(account, measure)
    tone = {BETTER: "good", WORSE: "bad"}.get(direction, "plain")
    first = "the first audit" if len(values) < 2 else "not known before"
    return f"{values[-1]:,.0f}{unit}", said or first, tone


def change(account: Account, measure: str) -> tuple[str, str]:
    """
    Return in words what a measure was in the audit before, and its direction.

    Empty words if there is no audit before, or one of the two does not say.
    """
    values, unit = _numbers(account, measure)
    if len(values) < 2 or pd.isna(values[-1]) or pd.isna(values[-2]):
        return "", CHANGED
    if values[-1] == values[-2]:
        return "as before", CHANGED
    fewer = values[-1] < values[-2]
    good = fewer == (MEASURES[measure].better == "less")
    said = f"{'▼' if fewer else '▲'} was {values[-2]:,.0f}{unit}"
    return said, BETTER if good else WORSE


def sparkline(account: Account, measure: str) -> str:
    """
    Return a measure over the last audits as a line of blocks, the lowest value to the highest.

    An audit whose evidence does not say is a dot. Empty with fewer than three audits that say.
    """
    values = _numbers(account, measure)[0][-MONTHS:]
    known = [value for value in values if not pd.isna(value)]
    if len(known) < 3:
        return ""
    low, high = min(known), max(known)
    steps = (high - low) / (len(BLOCKS) - 1) or 1
    said = ("·" if pd.isna(each) else BLOCKS[round((each - low) / steps)] for each in values)
    return "".join(said)


def _numbers(account: Account, measure: str) -> tuple[list[float], str]:
    """Return a measure of each audit, in per cent if it is a part of something, and the unit."""
    rows = account.history.measures
    rows = rows[rows["measure"] == measure]
    if rows["of"].isna().all():
        return rows["value"].tolist(), ""
    return (100 * rows["value"] / rows["of"].where(rows["of"] > 0)).tolist(), " %"


def over_months(account: Account, lines: Mapping[str, str], *, share: bool = False) -> pd.DataFrame:
    """
    Return some measures of the last audits, a row per audit and a column per line.

    `share`: in per cent of what each is a part of; missing where there is nothing to be a part of.
    """
    rows = account.history.measures
    if share:
        rows = rows.assign(value=100 * rows["value"] / rows["of"].where(rows["of"] > 0))
    found = rows.pivot(index="as_of", columns="measure", values="value").sort_index()
    return found[list(lines)].rename(columns=dict(lines)).tail(MONTHS)


def practices(account: Account) -> pd.DataFrame:
    """
    Return the five practices, a row each: part and whole in the first, the last but one and
    the last of the audits shown.
    """
    rows = account.history.measures
    moments = rows["as_of"].drop_duplicates().tolist()[-MONTHS:]
    chosen = list(dict.fromkeys([moments[0], *moments[-2:]]))
    said = rows.assign(said=[_share(*pair) for pair in zip(rows["value"], rows["of"], strict=True)])
    table = said.pivot(index="measure", columns="as_of", values="said").loc[list(PRACTICES), chosen]
    table.columns = pd.Index([f"{moment:%Y-%m-%d}" for moment in chosen])
    table.insert(0, "better", [DIRECTIONS[MEASURES[name].better] for name in PRACTICES])
    return table.rename(index=dict(PRACTICES)).rename_axis("practice").reset_index()


def _share(value: Any, of: Any) -> str:
    if pd.isna(value):
        return "not known"
    if pd.isna(of):  # a number that is a part of nothing
        return f"{value:,.0f}"
    return f"{value:,.0f} of {of:,.0f}" if of else "none there"


def states(account: Account) -> pd.DataFrame:
    """Return how many findings are in each state, a row per audit, the last first."""
    rows = account.history.findings
    counts = rows.groupby(["as_of", "state"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=list(STATES), fill_value=0)
    counts = counts.reindex(account.history.audits["as_of"], fill_value=0)
    only_rules = rows[rows["because"].notna()].groupby("as_of").size()
    counts["by_rules"] = only_rules.reindex(counts.index, fill_value=0)
    made = counts.tail(MONTHS).iloc[::-1].rename_axis("audit").reset_index()
    return made.assign(audit=[f"{moment:%Y-%m-%d}" for moment in made["audit"]])


def findings_in(account: Account, *wanted: str) -> pd.DataFrame:
    """Return the findings in some states in the last audit, the gravest first."""
    rows = account.history.findings
    now = rows[(rows["as_of"] == account.as_of) & rows["state"].isin(list(wanted))]
    order = now["severity"].map(list(charts.SEVERITY_COLORS).index)
    found = now.loc[order.sort_values(kind="stable").index]
    return found.assign(since=[f"{moment:%Y-%m-%d}" for moment in found["since"]])[
        ["severity", "state", "name", "title", "since", "audits", "because"]
    ]


def new_findings(account: Account) -> charts.TableView | charts.Sentence:
    """Return the findings that are new in the last audit; of a first one, a sentence."""
    if len(account.history.audits) < 2:
        return charts.say(
            "This is the first audit, so all of its findings are new; the controls page lists them."
        )
    title = "Findings that are new in this audit"
    return charts.table(findings_in(account, State.NEW), title, severity="severity")


def longest(account: Account) -> pd.DataFrame:
    """Return the grave findings that were there for the most audits."""
    found = findings_in(account, State.RECURRING, State.EXPIRED)
    grave = found[found["severity"].isin(["critical", "high"])]
    return grave.sort_values("audits", ascending=False, kind="stable").drop(columns="because")


def changed_identities(account: Account) -> pd.DataFrame:
    """Return what changed of each identity and its credentials since the audit before."""
    rows = account.history.changes
    rows = rows[~rows["aspect"].isin(NOT_OF_IDENTITIES)]
    came = rows[(rows["aspect"] == "identity") & (rows["before"].isna() | rows["after"].isna())]
    told = rows["subject"].isin(came["subject"]) & (rows["aspect"] != "identity")
    return _shown(rows[~told], ["direction", "name", "aspect", "before", "after"])


def changed_policies(account: Account) -> pd.DataFrame:
    """Return the policies and trust policies that came, went or changed since the audit before."""
    rows = account.history.changes
    rows = rows[rows["aspect"].isin(["policy", "trust"])]
    words = [
        "new" if pd.isna(before) else "gone" if pd.isna(after) else "changed"
        for before, after in zip(rows["before"], rows["after"], strict=True)
    ]
    what = rows["after"].fillna(rows["before"]).where(rows["aspect"] == "trust", "")
    return rows.assign(change=words, what=what)[["aspect", "name", "change", "what"]]


def _shown(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return rows with the worse first, and a dash for what was not there."""
    order = rows["direction"].map([WORSE, CHANGED, BETTER].index).sort_values(kind="stable")
    return rows.loc[order.index, columns].fillna("–")
