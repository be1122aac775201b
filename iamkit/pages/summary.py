"""The summary: what should be done first, and which evidence is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.badges import TONES
from iamkit.checks import SEVERITIES, Status
from iamkit.counts import agreeing
from iamkit.pages import counts, mfa, titles, trend
from iamkit.restrictions import NOT_APPLICABLE, NOTHING_TO_PROTECT, MfaVerdict
from iamkit.results import (
    CLASSES,
    NO_DEVICE_YET,
    PRIVILEGES,
    enforced_without_device,
    matters,
)
from iamkit.table import lists_by_key
from iamkit.values import few

# How well a user can be protected, as bars show it.
PROTECTION: Final[Mapping[str, str]] = {
    "MFA enforced": charts.PINE,
    "MFA not enforced": charts.AMBER,
    "no MFA device": charts.WINE,
}


_REST: Final = re.compile(r"(?<=[a-z)]\.) .*", re.DOTALL)  # of a text, after its first sentence


def headline(account: Account) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page; checks with errors only if there are any."""
    results = account.audit.results
    status = results["status"].value_counts()
    broken = int(results["error"].notna().sum())
    grave = counts.by_severity(counts.failing(results))
    passing = int(status.get(Status.PASS, 0))
    said = f"of {len(results)}{f' ({grave})' if grave else ''}"
    said += agreeing(f"; {passing} [passes|pass]", passing)
    said += _what_else(status)
    lacking = charts.none_is_good(
        status.get(Status.NOT_ASSESSED, 0), "checks that lack evidence", otherwise="note"
    )
    numbers: dict[str, Any] = {
        "Checks that fail": charts.none_is_good(
            status.get(Status.FAIL, 0), said, counts.tone(results)
        ),
        "Not assessed": lacking,
    }
    if broken:
        numbers["Checks with errors"] = (broken, "not assessed in full: see below", "bad")
    admins = (len(account.administrators), "users and roles, by what they can do")
    numbers |= {
        "Administrators": charts.assessed(admins, account.missing("policy_assignments")),
        "Can become administrator": _becoming(results),
        "MFA registered": mfa.registered(account),
        "MFA enforced": mfa.enforced(account, "users"),
    }
    for title, measure in MEASURED.items():
        numbers[title] = _with_change(account, numbers[title], measure)
    return charts.figures(**numbers)


# Figures that say what they were in the audit before, and the measure that each shows.
MEASURED: Final[Mapping[str, str]] = {
    "Administrators": "administrators",
    "Can become administrator": "can_become_administrator",
    "MFA registered": "mfa_registered",
    "MFA enforced": "mfa_enforced",
}


def _with_change(account: Account, figure: Any, measure: str) -> Any:
    """Return a figure whose note says, too, what it was in the audit before, if there is one."""
    said, _ = trend.change(account, measure)
    if not (said and isinstance(figure, tuple)):
        return figure
    value, note, *tone = figure
    return (value, f"{note}; {said} {trend.sparkline(account, measure)}".rstrip(), *tone)


def _what_else(status: pd.Series[int]) -> str:
    """
    Return how many checks neither fail nor pass, as the end of a sentence.

    >>> _what_else(pd.Series({"noted": 1, "not applicable": 2}))
    '; 1 notes facts; 2 have nothing to examine'
    """
    noted, idle = status.get(Status.NOTED, 0), status.get(Status.NOT_APPLICABLE, 0)
    said = agreeing(f"; {noted} [notes|note] facts", noted) if noted else ""
    has = agreeing(f"; {idle} [has|have] nothing to examine", idle)
    return said + (has if idle else "")


def _becoming(results: pd.DataFrame) -> object:
    """Return the number of identities that can become administrator, as the check counts them."""
    found: Any = results.set_index("check").loc["can_become_administrator"]
    if found["status"] == Status.NOT_ASSESSED:
        return charts.assessed(None, found["reason"])
    failing = TONES[found["severity"]]
    tone = {Status.FAIL: failing, Status.PASS: "good"}.get(found["status"], "plain")
    return found["failing"], "users and roles, in one step or more", tone


def identities_first(account: Account) -> pd.DataFrame:
    """Return the identities with a finding of high severity or worse, why, and the next step."""
    found = matters(account.identities)
    findings = account.audit.findings
    wrong = findings[findings["status"].eq(Status.FAIL) & findings["severity"].isin(SEVERITIES[:2])]
    wrong = wrong.drop_duplicates(["subject", "title"])
    # Those of a subject with the severity that makes its verdict, and none below it.
    verdicts = found.set_index("principal_arn")["verdict"]
    wrong = wrong[wrong["severity"].eq(wrong["subject"].map(verdicts))]
    titles = lists_by_key(wrong["subject"], wrong["title"])
    found = found.assign(why=[few(titles.get(arn, []), 1, "; ") for arn in found["principal_arn"]])
    words = {
        "mfa_enforced": "enforced",
        "network_restriction": "network",
        "exposed_actions": "exposed_if_stolen",
    }
    first_sentence = found["next_steps"].str[0].str.replace(_REST, "", regex=True)
    yet = enforced_without_device(found)
    found["mfa_enforced"] = found["mfa_enforced"].mask(yet, NO_DEVICE_YET)
    found = found.assign(next_step=first_sentence).rename(columns=words)
    return found.replace(dict.fromkeys(NOT_APPLICABLE, "–"))[
        ["verdict", "name", "why", "privilege", "mfa_registered", *words.values(), "next_step"]
    ]


def failing_checks(account: Account) -> pd.DataFrame:
    """Return the checks that fail, with counts, names, and the remedy."""
    failing = account.audit.results.query("status == 'fail'")
    rows = zip(failing["failing"], failing["total"], failing["among"], strict=True)
    count = [counts.of(part, total, among) for part, total, among in rows]
    who = _of_each_check(account.audit.findings, Status.FAIL)["among_them"]
    return failing.assign(count=count, who=failing["check"].map(who))[
        ["severity", "title", "count", "who", "remedy"]
    ]


def checks_first(account: Account) -> tuple[pd.DataFrame, str]:
    """
    Return the failing checks to read first, and the caption of their table.

    They are those of high severity or worse. If there are none, all that fail are: an account whose
    findings are low has findings.
    """
    failing = failing_checks(account)
    grave = failing[failing["severity"].isin(["critical", "high"])]
    if len(grave) or failing.empty:
        said = f"Checks of high severity or worse that fail, of {len(failing)} that fail"
        return grave, said
    return failing, "Checks that fail, none of them of high severity or worse"


def facts(account: Account) -> pd.DataFrame:
    """
    Return the facts that the checks note: how many subjects, and their names.

    Without what a failing check reports as a problem: that is no fact.
    """
    results, findings = account.audit.results, account.audit.findings
    failing = results.loc[results["status"] == Status.FAIL, "check"]
    noted = _of_each_check(findings[~findings["reported_by"].isin(failing)], Status.NOTED)
    known = results[results["check"].isin(noted.index)]
    return known.assign(
        count=known["check"].map(noted["identities"]), who=known["check"].map(noted["among_them"])
    )[["title", "count", "who"]]


def _of_each_check(findings: pd.DataFrame, status: str) -> pd.DataFrame:
    """Return for each check the number of subjects with a status, and their names."""
    once = findings[findings["status"] == status].drop_duplicates(["check", "subject"])
    return counts.grouped(once, ["check"]).set_index("check")


def by_protection(account: Account) -> pd.DataFrame:
    """Return how well users are protected, a row for each privilege; see `PROTECTION`."""
    users = account.identities.query("kind == 'user'")
    enforced = users["mfa_enforced"].isin([MfaVerdict.ENFORCED, NOTHING_TO_PROTECT])
    words = enforced.map({True: "MFA enforced", False: "MFA not enforced"})
    protection = words.where(users["mfa_registered"].fillna(value=False), "no MFA device")
    held = [privilege for privilege in PRIVILEGES if privilege in set(users["privilege"])]
    users = users.assign(protection=protection)
    return counts.crossed(users, "privilege", "protection", all_rows=held)


def by_exposed_risk(account: Account) -> pd.Series[int]:
    """Return for how many identities each risk class is the worst that stolen credentials allow."""
    identities = account.identities
    exposed = identities[identities["exposed_actions"].fillna(0) > 0]
    return exposed["exposed_worst"].value_counts().reindex(list(CLASSES), fill_value=0)


def not_assessed(account: Account) -> pd.DataFrame:
    """Return the checks that could not be assessed, or stopped with an error, and why."""
    found = account.audit.results.query("status == 'not assessed' or error.notna()")
    reason = found["reason"].map(titles.without_calls, na_action="ignore")
    return found.assign(reason=counts.phrases(reason, 3))[["severity", "status", "title", "reason"]]
