"""
How policies are read for `lint`: what rules see of a statement, and the rows that come of it.

A rule is a generator of `Finding`s under `@rule`, in `lint`. It gets a `Statement` with all that
surrounds it, and asks `conditions.evaluate` who gets through instead of matching text. Equal
documents are judged once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import pandas as pd

from iamkit.lint.lookup import Lookup
from iamkit.lint.rule import LINT, RULES, UNCONDITIONAL, Finding
from iamkit.lint.statement import OLD_VERSION, VERSION, WrittenStatement, quoted
from iamkit.policy import (
    statement_rows,
)
from iamkit.reference import Catalog
from iamkit.tables import AccountTables
from iamkit.values import as_dict, listed


def lint(account: AccountTables, catalog: Catalog) -> pd.DataFrame:
    """
    Return what is wrong with the account's policies as written. Rows: see `LINT`.

    All policies are read, attached or not, AWS's own included, and the trust policies of roles: of
    these what the table `trust` shows, less their Version and NotAction. Equal documents are judged
    once. Rows come in the order of the policies and of their statements.
    """
    tables = (account.statements[["actions", "not_actions"]], account.trust[["actions"]])
    book = Lookup(
        catalog, {text for t in tables for name in t for texts in t[name] for text in texts}
    )
    seen: dict[str, list[dict[str, Any]]] = {}
    rows: list[dict[str, Any]] = []
    for arn, name, kind, written, problem in (*_policies(account), *_trust_policies(account)):
        trust = kind == "trust"
        content = f"{trust} {problem} {written!r}"
        if content not in seen:
            document, problem = _put_together(written) if trust else (written, problem)
            seen[content] = list(_problems(document, problem, trust, book))
        rows += [{"policy_arn": arn, "policy_name": name, "kind": kind, **p} for p in seen[content]]
    return LINT.rows(*rows)


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


def _put_together(rows: Iterable[Sequence[Any]]) -> tuple[dict[str, Any], str | None]:
    """Make a trust policy's document of its rows, and say what is wrong with it as a whole."""
    statements: dict[int, dict[str, Any]] = {}
    problems = []
    for number, sid, effect, kind, principal, negated, actions, condition, problem in rows:
        if number is None:
            problems.append(problem)
            continue
        statement = {"Sid": sid, "Effect": effect, "Action": actions}
        statement |= {"Condition": condition, "problem": problem}
        kept = statements.setdefault(number, statement)
        named = kept.setdefault("NotPrincipal" if negated else "Principal", {})
        named.setdefault(str(kind), []).append(principal)
    document = {"Version": VERSION, "Statement": list(statements.values())}
    return document, "; ".join(problems) or None


def _problems(
    document: Any, problem: str | None, trust: bool, book: Lookup
) -> Iterator[dict[str, Any]]:
    """Rows of `LINT` for one document, without the columns that name the policy."""
    for found in _unreadable_document(document, problem):
        yield {"rule": "unreadable-document", **found._asdict()}
    version = as_dict(document).get("Version")
    statements: list[WrittenStatement] = []
    for row, raw in zip(statement_rows(document), _statements(document), strict=True):
        if trust:
            row["problem"], raw = raw["problem"], {**raw, "problem": None}
        statements.append(
            WrittenStatement(
                **row, written=raw, version=version, trust=trust, book=book, siblings=statements
            )
        )
    for statement in statements:
        about = {"number": statement.number, "sid": statement.sid}
        for name, look in (RULES if statement.conditional else UNCONDITIONAL).items():
            for found in dict.fromkeys(look(statement)):
                yield {**about, "rule": name, **found._asdict()}


def _statements(document: Any) -> list[dict[str, Any]]:
    return [as_dict(raw) for raw in listed(as_dict(document).get("Statement"))]


def _unreadable_document(document: Any, problem: str | None) -> Iterator[Finding]:
    """
    A document that is no policy, or has a Version that there is not.

    One that is not in the evidence is only noted. Source: "IAM JSON policy elements: Version".
    """
    if problem:
        severity = "info" if document is None else "high"
        yield Finding(severity, problem[0].upper() + problem[1:], "Look at it in IAM; correct it")
    version = as_dict(document).get("Version", VERSION)
    if version not in (VERSION, OLD_VERSION):
        said = f"Version {quoted(version)} is no version of the policy language"
        yield Finding("medium", said, f"Write {quoted(VERSION)}")
