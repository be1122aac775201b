"""Findings and results of single checks, for the pages that show some of them."""

from __future__ import annotations

import pandas as pd

from iamkit.account import Account
from iamkit.checks import SEVERITIES
from iamkit.pages import titles
from iamkit.results import with_ids


def gravest_first(account: Account, findings: pd.DataFrame) -> pd.DataFrame:
    """
    Return findings of a check, one a subject, the gravest first.

    Of findings alike, that of the identity which needs attention most; see `account.identities`.
    """
    once = findings.drop_duplicates("subject")
    place = {arn: at for at, arn in enumerate(account.identities["principal_arn"])}
    order = pd.DataFrame(
        {
            "severity": once["severity"].map(SEVERITIES.index),
            "place": once["subject"].map(place).fillna(len(place)),
        }
    )
    return once.loc[order.sort_values(["severity", "place"], kind="stable").index]


def found_by(account: Account, *checks: str) -> pd.DataFrame:
    """
    Return what some checks found, accepted or not: name, detail, next_step.

    Where it is about roles of which it is known who has them, there is a column `people`, too.
    """
    findings = with_ids(account)
    found = findings[findings["check"].isin(checks)][["name", "people", "detail", "next_step"]]
    return found if found["people"].notna().any() else found.drop(columns="people")


def checks_of(account: Account, subject: str) -> pd.DataFrame:
    """
    Return the results of the checks whose names begin with a word, such as `root`.

    What passes, or has nothing to examine, has no severity and needs no remedy.
    """
    results = titles.of_what_holds(account.audit.results)
    return results[results["check"].str.startswith(subject)][
        ["title", "status", "severity", "reason", "remedy"]
    ]


def accepted_risks(account: Account) -> pd.DataFrame:
    """Return the accepted risks of the settings, and the state of each."""
    found = account.audit.acceptances
    found = found.assign(title=found["check"].replace(titles.titles(account)))
    return found[["state", "title", "subject", "owner", "reason", "ticket", "expires", "findings"]]
