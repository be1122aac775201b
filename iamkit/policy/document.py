"""
Policy documents, whatever their authors wrote, as rows of tables.

A document may be text instead of JSON, an element an object instead of a list, a value something
that no policy may hold. Nothing here raises and nothing is left out: what cannot be read stays a
row, and its `problem` says why.

Source: IAM User Guide, "IAM JSON policy elements reference" and "Grammar of the IAM JSON policy
language".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from iamkit.arns import account_of
from iamkit.reference import EVERY_ACTION
from iamkit.values import as_dict, as_text, json_of, listed


def read_document(raw: Any) -> tuple[Any, str | None]:
    """
    Return a policy document and, if it cannot be read as one, why. Text is decoded first.

    Text is JSON or, as the API returns it, URL-encoded JSON, whatever it begins with: a brace, a
    line break, lower-case hex digits. JSON that a tool has encoded twice is read as well; what
    holds a member twice is not, as nobody knows which one IAM took.

    >>> read_document("%0a%7b%22Statement%22%3A%5b%5d%7d")
    ({'Statement': []}, None)
    """
    if isinstance(raw, str):
        read = _decoded(raw)
        if read is None:
            return raw, "its document is not JSON"
        raw = read
    if not isinstance(raw, dict):
        return raw, "its document is no JSON object"
    if "Statement" not in raw:
        return raw, "its document has no Statement"
    if not isinstance(raw["Statement"], dict | list):
        return raw, "the Statement of its document is neither an object nor a list"
    return raw, None


def _decoded(text: str) -> Any:
    """What a text holds, decoded as often as a tool may have encoded it; None if it is not JSON."""
    for decode in (str, unquote, unquote_plus, lambda twice: unquote(unquote(twice))):
        try:
            read = json_of(decode(text).strip("\ufeff \t\r\n\f\v\xa0"))
        except ValueError:
            continue
        return _decoded(read) if isinstance(read, str) else read
    return None


def statement_rows(document: Any) -> Iterable[dict[str, Any]]:
    """Rows for `schema.STATEMENTS`, one per statement, whatever stands there."""
    for number, statement in enumerate(
        listed(document.get("Statement")) if isinstance(document, dict) else [], start=1
    ):
        problems: list[str] = []
        if not isinstance(statement, dict):
            problems.append("is no JSON object")
        entry = as_dict(statement)
        lists = {
            column: _patterns(entry, name, problems)
            for column, name in (
                ("actions", "Action"),
                ("not_actions", "NotAction"),
                ("resources", "Resource"),
                ("not_resources", "NotResource"),
            )
        }
        if entry and entry.get("Effect") not in ("Allow", "Deny"):
            problems.append("Effect is neither Allow nor Deny")
        if entry and ("Action" in entry) == ("NotAction" in entry):
            problems.append("needs one of Action and NotAction")
        if entry and ("Resource" in entry) == ("NotResource" in entry):
            problems.append("needs one of Resource and NotResource")
        yield {
            "number": number,
            "sid": as_text(entry.get("Sid")),
            "effect": as_text(entry.get("Effect")),
            **lists,
            "conditions": _conditions(entry, problems),
            "conditional": bool(entry.get("Condition")),
            "any_action": any(action in EVERY_ACTION for action in lists["actions"]),
            "any_resource": "*" in lists["resources"],
            "problem": "; ".join(problems) or None,
        }


def trust_row(role_arn: str, number: int, statement: Any) -> dict[str, Any]:
    """
    What rows of `schema.TRUST` have in common that come from one statement.

    With them, as `principals`, what each has of its own, at least one: (principal_type, principal,
    account_id).
    """
    problems: list[str] = []
    entry = as_dict(statement)
    if not isinstance(statement, dict):
        problems.append("is no JSON object")
    negated = "NotPrincipal" in entry
    named = entry.get("NotPrincipal" if negated else "Principal")
    pairs: list[tuple[str | None, str | None]] = []
    if named == "*":
        pairs = [("*", "*")]
    elif isinstance(named, dict):
        pairs = [
            (kind, str(value))
            for kind, values in named.items()
            for value in (values if isinstance(values, list) else [values])
        ]
    if not pairs:
        problems.append("names no principal")
        pairs = [(None, None)]
    return {
        "role_arn": role_arn,
        "number": number,
        "sid": as_text(entry.get("Sid")),
        "effect": as_text(entry.get("Effect")),
        "negated": negated,
        "actions": _patterns(entry, "Action", problems),
        "not_actions": _patterns(entry, "NotAction", problems),
        "conditions": _conditions(entry, problems),
        "conditional": bool(entry.get("Condition")),
        "problem": "; ".join(problems) or None,
        "principals": [_principal(kind, value) for kind, value in pairs],
    }


def _principal(kind: str | None, value: str | None) -> tuple[str | None, str | None, str | None]:
    if kind != "AWS" or not value:
        return kind, value, None
    return "*" if value == "*" else kind, value, account_of(value)


def _patterns(entry: Mapping[str, Any], name: str, problems: list[str]) -> list[str]:
    """An element's strings; it may be one string or a list. Anything else is a problem."""
    if name not in entry:
        return []
    values = entry[name] if isinstance(entry[name], list) else [entry[name]]
    if not values:  # IAM stores no such policy, so something was lost
        problems.append(f"{name} is empty")
    if not all(isinstance(value, str) for value in values):
        problems.append(f"{name} holds something that is not text")
    texts = [value for value in values if isinstance(value, str)]
    # IAM stores no policy with such a text, so it is not what was stored.
    odd = next((text for text in texts if ":" not in text and not set("*?") & set(text)), None)
    if odd is not None:
        problems.append(f"{name} holds {odd[:40]!r}, which IAM does not take")
    return texts


def _conditions(entry: Mapping[str, Any], problems: list[str]) -> Any:
    conditions = entry.get("Condition", {})
    if not isinstance(conditions, dict):
        problems.append("Condition is no JSON object")
    return conditions
