"""
The page on identities: everything about each one that needs attention, in a fold of its own.

A page has no room for thousands of them, so those with the gravest findings come first, and the
page says how many are left out, and where they are.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.checks import SEVERITIES, Status
from iamkit.counts import counted, noun
from iamkit.pages import counts, overview
from iamkit.restrictions import NOT_APPLICABLE, MfaVerdict
from iamkit.results import FOLLOWS, NO_DEVICE_YET, facts_of, matters

PAGE: Final = "11-identities"
MOST: Final = 100  # identities that have a fold
MOST_FACTS: Final = 40  # of one identity
MOST_LENGTH: Final = 300  # characters of a fact


def shown(account: Account, most: int = MOST) -> pd.DataFrame:
    """Return the identities that have a fold, by the severity of their findings: the first few."""
    return matters(account.identities).head(most)


def links(account: Account, column: str = "name") -> dict[str, dict[str, str]]:
    """Return where the names of identities in a column lead: those that have a fold."""
    found = shown(account)
    once = found[~found["name"].duplicated(keep=False)]
    pairs = zip(once["name"], once["kind"], strict=True)
    return {column: {name: f"{PAGE}.html#{charts.anchor(kind, name)}" for name, kind in pairs}}


def headline(account: Account) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page: identities by verdict."""
    verdicts = account.identities["verdict"].value_counts()
    tones = {"critical": "bad", "high": "bad", "medium": "note"}
    numbers: dict[str, Any] = {"Identities": (len(account.identities), "the root user, too")}
    for name in (*SEVERITIES[:4], "ok"):
        number = int(verdicts.get(name, 0))
        numbers[name.capitalize()] = (number, noun(number, "identities"), tones.get(name, "plain"))
    return charts.figures(**numbers)


def left_out(account: Account) -> str:
    """Return how many identities have a fold, and where all others are, in a sentence."""
    there, total = len(shown(account)), len(account.identities)
    grave = len(matters(account.identities))
    which = "all" if there == grave else f"the first {there:,} of {grave:,}"
    all_of = f"all {counted(total, 'identities')}" if total > 1 else "it"
    rest = f" `identities.csv` and the workbook have {all_of}."
    grave_ones = "with a finding of high severity or worse."
    said = f"Here are {which} identities {grave_ones}"
    said = f"Here is the only identity {grave_ones}" if grave == 1 else said
    if not there:
        said = "No identity has a finding of high severity or worse."
    return said + (rest if total > there else "")


def described(account: Account, most: int = MOST) -> list[charts.Part]:
    """Return a fold for each of these identities: why its verdict is so, and all facts."""
    found = shown(account, most)
    arns = [*found["principal_arn"]]
    facts, findings = facts_of(account, arns), account.audit.findings
    wrong = findings[findings["status"].eq(Status.FAIL) & findings["subject"].isin(arns)]
    of_each = {str(arn): rows for arn, rows in wrong.groupby("subject", sort=False)}
    at = overview.explained_at(account)
    return [
        _fold(row, facts[arn], of_each[arn], at)
        for arn, row in zip(arns, found.itertuples(index=False), strict=True)
    ]


def _fold(
    row: Any, facts: pd.DataFrame, wrong: pd.DataFrame, explained: dict[str, str]
) -> charts.Part:
    reasons = wrong[["severity", "title", "detail"]].drop_duplicates()
    pairs = zip(wrong["check"], wrong["title"], strict=True)
    to = {title: explained[check] for check, title in pairs if check in explained}
    said = facts[facts["about"].ne("findings")].copy()
    both = facts.loc[facts["about"].eq("MFA") & facts["fact"].eq(FOLLOWS), "value"]
    said["value"] = [_cut(value) for value in said["value"]]
    parts = [
        charts.text("Why it is", why(row, wrong)),
        *(charts.text("MFA:", said) for said in both),
        *people(row),
        charts.within(charts.table(reasons, "Findings", severity="severity", links={"title": to})),
        charts.within(charts.table(said, "What the evidence says", rows=MOST_FACTS)),
    ]
    return charts.fold(
        row.name,
        *parts,
        anchor=charts.anchor(row.kind, row.name),
        severity=row.verdict,
        note=_note(row),
    )


def people(row: Any) -> list[charts.Part]:
    """Return who has a role by IAM Identity Center, if that is known."""
    if not isinstance(row.people, list):
        return []
    return [charts.text("People behind it:", ", ".join(row.people) or "nobody")]


def why(row: Any, wrong: pd.DataFrame) -> str:
    """Return why an identity has its verdict: its gravest findings."""
    gravest = wrong.loc[wrong["severity"].eq(row.verdict), "title"].drop_duplicates()
    return f"{row.verdict}: {'; '.join(gravest)}."


def _note(row: Any) -> str:
    number = int(row.findings)
    held = {"none": "no permissions"}.get(row.privilege, row.privilege)
    privilege = "" if pd.isna(row.privilege) else f", {held}"
    enforced = row.mfa_enforced
    mfa = "not enforced" if enforced == MfaVerdict.NONE else enforced
    if pd.notna(row.mfa_registered) and not row.mfa_registered and enforced == MfaVerdict.ENFORCED:
        mfa = NO_DEVICE_YET
    mfa = "" if pd.isna(enforced) or enforced in NOT_APPLICABLE else f", MFA {mfa}"
    return f"{row.kind}{privilege}{mfa}, {counted(number, 'findings')}"


def _cut(value: str) -> str:
    """
    A long text, cut.

    >>> len(_cut("a" * 1000))
    301
    """
    return value if len(value) <= MOST_LENGTH else f"{value[:MOST_LENGTH]}…"


def populations(account: Account) -> pd.DataFrame:
    """
    Return how many there are of each group that pages count: `who`, `number`, `counted`.

    A number that the evidence does not say is missing.
    """
    users, roles, every = account.users, account.roles, account.identities
    kinds = every["kind"].value_counts()
    acting = int(kinds.get("role", 0))
    evaluated = account.missing("permissions") == ""
    console = account.credentials["password_enabled"].fillna(value=False)
    console &= ~account.credentials["is_root"].fillna(value=False)
    rows = [
        ("users", len(users), "pages on MFA and credentials"),
        ("users with a console password", int(console.sum()), "registered MFA, passwords"),
        ("roles", acting, "checks on roles, the page on trust"),
        ("service-linked roles", len(roles) - acting, "nowhere: AWS owns them"),
        ("root user", int(kinds.get("root", 0)), "an identity that no policy limits"),
        (
            "users and roles",
            counts.users_and_roles(account) if evaluated else None,
            "administrators, networks and escalation: without service-linked roles",
        ),
        (
            "identities",
            len(every),
            "this page, the summary and identities.csv: the root user, users, and roles without "
            "service-linked ones",
        ),
        ("groups", len(account.groups), "cannot act: their policies count for their members"),
    ]
    return pd.DataFrame(rows, columns=["who", "number", "counted"])
