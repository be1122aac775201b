"""Findings and results of single checks, for the pages that show some of them."""

from __future__ import annotations

import pandas as pd

from iamkit.account import Account
from iamkit.checks import Status


def found_by(account: Account, *checks: str) -> pd.DataFrame:
    """Return what some checks found, accepted or not: name, detail, next_step."""
    findings = account.audit.findings
    return findings[findings["check"].isin(checks)][["name", "detail", "next_step"]]


def checks_of(account: Account, subject: str) -> pd.DataFrame:
    """
    Return the results of the checks whose names begin with a word, such as `root`.

    What passes, or has nothing to examine, has no severity and needs no remedy.
    """
    results = of_what_holds(account.audit.results)
    return results[results["check"].str.startswith(subject)][
        ["title", "status", "severity", "reason", "remedy"]
    ]


def of_what_holds(results: pd.DataFrame) -> pd.DataFrame:
    """
    Return results of checks without severity and remedy where nothing is wrong.

    A title says what is wrong, so there it says that this was not found.
    """
    fine = results["status"].isin([Status.PASS, Status.NOT_APPLICABLE])
    titles = results["title"].where(~fine, "Not found: " + results["title"].map(_lowered))
    return results.assign(
        title=titles, severity=results["severity"].mask(fine), remedy=results["remedy"].mask(fine)
    )


def _lowered(title: str) -> str:
    """
    Return a title as a part of a sentence.

    >>> _lowered("The root user has no MFA"), _lowered("MFA is not enforced")
    ('the root user has no MFA', 'MFA is not enforced')
    """
    return title[:1].lower() + title[1:] if title[1:2].islower() or title[:2] == "A " else title


def accepted_risks(account: Account) -> pd.DataFrame:
    """Return the accepted risks of the settings, and the state of each."""
    found = account.audit.acceptances
    return found[["state", "check", "subject", "owner", "reason", "ticket", "expires", "findings"]]
