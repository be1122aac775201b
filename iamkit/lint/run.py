"""
How policies are read for `lint`: what rules see of a statement, and the rows that they make.

A rule is a generator of `Finding`s under `@rule`, in `rules` and `mfa_rules`. It gets a
`WrittenStatement` with all that surrounds it, and asks `conditions.evaluate` who is allowed instead
of matching text. Equal documents are examined once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import pandas as pd

from iamkit.lint.lookup import Lookup
from iamkit.lint.rule import LINT, RULES, UNCONDITIONAL, Finding
from iamkit.lint.statement import OLD_VERSION, WrittenStatement, quoted
from iamkit.policy import VERSION, Statement, statement_rows
from iamkit.reference import EVERY_ACTION, Catalog
from iamkit.tables import AccountTables
from iamkit.values import as_dict, listed


def lint(account: AccountTables, catalog: Catalog) -> pd.DataFrame:
    """
    Return the mistakes in the account's policies. Rows: see `LINT`.

    All policies are read, attached or not, AWS's own included, and the trust policies of roles: of
    these what the table `trust` shows, without their Version and NotAction. Equal documents are
    examined once. Rows have the order of the policies and of their statements.
    """
    tables = (account.statements[["actions", "not_actions"]], account.trust[["actions"]])
    lookup = Lookup(
        catalog, {text for t in tables for name in t for texts in t[name] for text in texts}
    )
    seen: dict[str, list[dict[str, Any]]] = {}
    rows: list[dict[str, Any]] = []
    for arn, name, kind, written, problem in (*_policies(account), *_trust_policies(account)):
        trust = kind == "trust"
        content = f"{trust} {problem} {written!r}"
        if content not in seen:
            found = (
                _of_trust_policy(written, lookup)
                if trust
                else _of_document(written, problem, lookup)
            )
            seen[content] = list(found)
        rows += [{"policy_arn": arn, "policy_name": name, "kind": kind, **p} for p in seen[content]]
    return LINT.rows(*rows)


_Parsed: TypeAlias = tuple[dict[str, Any], dict[str, Any]]  # a statement's row, and as written
# ARN, name and kind of a policy, its document or the rows of a trust policy, what is wrong with it.
_Written: TypeAlias = tuple[str, str, str, Any, str | None]


def _policies(account: AccountTables) -> Iterable[_Written]:
    table = account.policies
    said = [None if pd.isna(problem) else problem for problem in table["problem"]]
    names = (table[name] for name in ("policy_arn", "policy_name", "kind"))
    return zip(*names, account.policy_versions["document"], said, strict=True)


def _trust_policies(account: AccountTables) -> Iterable[_Written]:
    """Trust policies as the rows of their principals, of the columns that make up a document."""
    names = dict(zip(account.roles["role_arn"], account.roles["role_name"], strict=True))
    beside = ["account_id", "conditional", "not_actions", "variables"]
    table = account.trust.drop(columns=beside).astype(object)
    rows: dict[str, list[Any]] = {}
    columns = (column for _, column in table.where(table.notna(), None).items())
    for arn, *row in zip(*columns, strict=True):
        rows.setdefault(arn, []).append(row)
    return ((arn, names.get(arn, arn), "trust", each, None) for arn, each in rows.items())


def _as_statements(rows: Iterable[Sequence[Any]]) -> tuple[list[_Parsed], str | None]:
    """Statements of a trust policy from the rows of its principals, and what is wrong with it."""
    found: dict[int, _Parsed] = {}
    problems = []
    for number, sid, effect, kind, principal, negated, actions, condition, problem in rows:
        if number is None:
            problems.append(problem)
            continue
        if number not in found:
            row = {
                "number": number,
                "sid": sid,
                "effect": effect,
                "actions": actions,
                "not_actions": [],
                "resources": [],
                "not_resources": [],
                "conditions": condition,
                "conditional": bool(condition),
                "problem": problem,
                "any_action": any(action in EVERY_ACTION for action in actions),
                "any_resource": False,
            }
            written = {"Sid": sid, "Effect": effect, "Action": actions, "Condition": condition}
            found[number] = row, written
        named = found[number][1].setdefault("NotPrincipal" if negated else "Principal", {})
        named.setdefault(str(kind), []).append(principal)
    return list(found.values()), "; ".join(problems) or None


def _of_trust_policy(rows: Iterable[Sequence[Any]], lookup: Lookup) -> Iterator[dict[str, Any]]:
    """Rows of `LINT` for one trust policy, without the columns that name it."""
    parsed, problem = _as_statements(rows)
    if problem:
        yield _row("unreadable-document", _unreadable(problem, "high"))
    yield from _of_statements(parsed, VERSION, lookup, trust=True)


def _of_document(document: Any, problem: str | None, lookup: Lookup) -> Iterator[dict[str, Any]]:
    """Rows of `LINT` for one document, without the columns that name the policy."""
    if problem:
        severity = "info" if document is None else "high"  # what is not in the evidence is noted
        yield _row("unreadable-document", _unreadable(problem, severity))
    fields = as_dict(document)
    version = fields.get("Version", VERSION)
    if version not in (VERSION, OLD_VERSION):
        said = f"Version {quoted(version)} is no version of the policy language"
        yield _row("unreadable-document", Finding("medium", said, f"Write {quoted(VERSION)}"))
    written = map(as_dict, listed(fields.get("Statement")))
    parsed = list(zip(statement_rows(document), written, strict=True))
    yield from _of_statements(parsed, fields.get("Version"), lookup, trust=False)


def _of_statements(
    parsed: Iterable[_Parsed], version: Any, lookup: Lookup, *, trust: bool
) -> Iterator[dict[str, Any]]:
    """Rows of `LINT` for the statements of one policy."""
    variables = version == VERSION
    statements: list[WrittenStatement] = []
    for row, written in parsed:
        statement = Statement.of("", row, variables=variables)
        statements.append(
            WrittenStatement(row, statement, written, version, trust, lookup, statements)
        )
    for each in statements:
        rules = RULES if each.row["conditional"] else UNCONDITIONAL
        for name, look in rules.items():
            for found in dict.fromkeys(look(each)):
                yield {"number": each.number, "sid": each.parsed.sid, **_row(name, found)}


def _row(rule: str, found: Finding) -> dict[str, Any]:
    return {"rule": rule, **found._asdict()}


def _unreadable(problem: str, severity: str) -> Finding:
    return Finding(severity, problem[0].upper() + problem[1:], "Examine it in IAM and correct it")
