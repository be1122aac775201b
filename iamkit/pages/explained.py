"""
Each check that fails, explained on its page: what is wrong, why, how it was decided, what to do.

The texts are said once per check. Of its findings the first are shown, and of these the statement
that decides, with its deciding element marked, and the request by which anybody can check it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.checks import SEVERITIES, Status
from iamkit.confirm import CommandsByHand
from iamkit.pages import counts, identities, overview, titles
from iamkit.pages.method import SEVERITY_MEANS
from iamkit.pages.remedies import PAGE
from iamkit.policy import statement_name
from iamkit.settings import Settings
from iamkit.values import listed

MOST: Final = 5  # findings of a check
MOST_STATEMENTS: Final = 2

# The table that says which statement decides, by a word of a check's name, and the elements of that
# statement which do: the first of each pair that it has.
_DECIDED: Final[Mapping[str, tuple[str, Sequence[Sequence[str]]]]] = {
    "mfa": ("mfa_enforcement", [("Condition", "NotAction", "Action")]),
    "password_without": ("mfa_enforcement", [("Condition", "NotAction", "Action")]),
    "network": ("network_restrictions", [("Condition", "Action", "NotAction")]),
    "anywhere": ("network_restrictions", [("Condition", "Action", "NotAction")]),
    "admin": ("administrators", [("Action", "NotAction"), ("Resource", "NotResource")]),
    "assum": ("trusted_principals", [("Principal", "NotPrincipal"), ("Condition",)]),
    "federation": ("trusted_principals", [("Condition", "Principal")]),
    "external_id": ("trusted_principals", [("Principal",), ("Condition",)]),
    "without_source": ("trusted_principals", [("Principal",), ("Condition",)]),
}
_OF: Final = re.compile(r"(statement .+) of (.+)")


def explained(account: Account, page: str) -> list[charts.Part]:
    """Return a fold for each check of a page that fails, the most severe first."""
    results, pages = account.audit.results, overview.page_of(account)
    failing = results[results["status"] == Status.FAIL]
    mine = failing[failing["check"].map(pages).fillna(overview.CONTROLS).eq(page)]
    order = mine["severity"].map(SEVERITIES.index).sort_values(kind="stable").index
    found = account.audit.findings
    found = found[found["status"].eq(Status.FAIL)].drop_duplicates(["check", "subject"])
    of_check = {str(check): rows for check, rows in found.groupby("check", sort=False)}
    statements, links = _Statements(account), identities.links(account)
    by_hand, named = CommandsByHand(account), titles.titles(account)
    return [
        _fold(row, of_check[str(row.check)], statements, by_hand, links, named, account.settings)
        for row in mine.loc[order].itertuples(index=False)
    ]


def _fold(
    row: Any,
    found: pd.DataFrame,
    statements: _Statements,
    by_hand: CommandsByHand,
    links: Mapping[str, Mapping[str, str]],
    named: Mapping[str, str],
    settings: Settings,
) -> charts.Part:
    meaning, act = SEVERITY_MEANS[row.severity]
    given = row.impact if pd.notna(row.impact) else meaning
    remedy = f"{PAGE}.html#{charts.anchor('check', row.check)}"
    shown = charts.table(
        found[["name", "detail", "next_step"]],
        "Findings",
        rows=MOST,
        file="findings.csv",
        links=links,
    )
    parts = [
        charts.text("Why it matters:", " ".join(filter(None, (given, f"Act {act}.")))),
        charts.text("What to do:", row.remedy),
        charts.link("Commands, and what is left:", remedy, "Remedies"),
        charts.within(shown),
    ]
    if pd.notna(row.why) and row.why:
        counts_as = titles.in_numbers(_one_line(row.why), settings)
        parts.append(charts.text("What counts:", titles.spelled(counts_as, named)))
    parts.append(charts.text("How it may err:", titles.spelled(_sentence(row.errs), named)))
    parts.append(charts.link("Who recommends it:", row.source))
    for finding in found.head(MOST_STATEMENTS).itertuples(index=False):
        parts += statements.of(finding)
        if command := by_hand.command(str(finding.check), str(finding.subject)):
            parts.append(charts.code(f"To ask AWS about {finding.name}:", command))
    return charts.fold(
        row.title,
        *parts,
        anchor=charts.anchor("check", row.check),
        severity=row.severity,
        note=counts.of(row.failing, row.total, row.among),
    )


def _one_line(why: str) -> str:
    return " ".join(why.split())


def _sentence(text: str) -> str:
    """
    A phrase as a sentence.

    >>> _sentence("neither way"), _sentence("towards more: all counts")
    ('Neither way.', 'Towards more: all counts.')
    """
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


class _Statements:
    """The statements that decide about findings, as far as a table of the account names them."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._documents: Mapping[str, Any] | None = None

    def of(self, finding: Any) -> Iterator[charts.Part]:
        """A statement's JSON, with the elements that decide marked; nothing if none is named."""
        table, elements = next(
            (decided for word, decided in _DECIDED.items() if word in finding.check), ("", ())
        )
        if not table:
            return
        rows = getattr(self._account, table)
        key = "role_arn" if table == "trusted_principals" else "principal_arn"
        mine = rows[rows[key].eq(finding.subject)]
        if table == "trusted_principals":
            mine = mine[mine["problem"].notna()]
        for row in mine.head(1).to_dict("records"):
            name, policy, statement = self._found(table, row)
            if isinstance(statement, Mapping):
                given = (next((each for each in of if each in statement), "") for of in elements)
                about = "" if table == "trusted_principals" else f", about {finding.name}"
                label = f"{name[:1].upper()}{name[1:]} of {policy}{about}:"
                yield charts.document(label, statement, {*given})

    def _found(self, table: str, row: Mapping[str, Any]) -> tuple[str, str, Any]:
        """The statement's name, that of its policy, and the statement."""
        if table == "trusted_principals":
            trust = self._account.trust
            mine = trust["role_arn"].eq(row["role_arn"]) & trust["number"].eq(row["number"])
            policy = f"the trust policy of {row['role_name']}"
            return row["statement"], policy, _trust_statement(trust[mine])
        if table != "administrators":
            name, arn = row["statement"], row["policy_arn"]
            return str(name), str(row["policy_name"]), _named(self._document(arn), name)
        for said in row["statements"] if isinstance(row["statements"], list) else ():
            if found := _OF.fullmatch(said):
                arn = self._policy(row["principal_arn"], found[2])
                return found[1], found[2], _named(self._document(arn), found[1])
        return "", "", None

    def _document(self, policy: Any) -> Any:
        if self._documents is None:
            versions = self._account.policy_versions
            pairs = zip(versions["policy_arn"], versions["document"], strict=True)
            self._documents = dict(pairs)
        return self._documents.get(policy)

    def _policy(self, principal: str, name: str) -> Any:
        """The ARN of the policy of that name that a principal has."""
        held = self._account.policy_assignments
        arns = held.loc[held["principal_arn"].eq(principal), "policy_arn"]
        policies = self._account.policies
        named = policies[policies["policy_arn"].isin(arns) & policies["policy_name"].eq(name)]
        return next(iter(named["policy_arn"]), None)


def _trust_statement(rows: pd.DataFrame) -> dict[str, Any] | None:
    """
    A statement of a trust policy, from the rows of `trust` that it has.

    The answers that hold the text are read once, by the tables: to read them again takes seconds in
    a large account.
    """
    if rows.empty:
        return None
    first = rows.iloc[0]
    named: dict[str, list[str]] = {}
    for kind, principal in zip(rows["principal_type"], rows["principal"], strict=True):
        if pd.notna(kind):
            named.setdefault("AWS" if kind == "*" else kind, []).append(principal)
    made = {
        "Sid": first["sid"] if pd.notna(first["sid"]) else None,
        "Effect": first["effect"],
        "NotPrincipal" if first["negated"] else "Principal": named,
        "Action": list(first["actions"]),
        "NotAction": list(first["not_actions"]),
        "Condition": first["conditions"],
    }
    return {name: value for name, value in made.items() if value}


def _named(document: Any, name: Any) -> Any:
    """The statement of a document that has this name; None if there is none."""
    if not isinstance(document, Mapping):
        return None
    for number, each in enumerate(listed(document.get("Statement")), start=1):
        sid = each.get("Sid") if isinstance(each, Mapping) else None
        if statement_name(sid, number) == name:
            return each
    return None
