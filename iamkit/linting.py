"""
How policies are read for `lint`: what rules see of a statement, and the rows that come of it.

A rule is a generator of `Finding`s under `@rule`, in `lint`. It gets a `Statement` with all that
surrounds it, and asks `conditions.evaluate` who gets through instead of matching text. Equal
documents are judged once.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final, NamedTuple, TypeAlias

import pandas as pd

from iamkit import callers, conditions, facts
from iamkit.catalog import Bits, Catalog
from iamkit.documents import as_dict, listed, statement_rows
from iamkit.patterns import ABSENT, UNKNOWN, Context, Pattern, as_text, variable_keys
from iamkit.schema import COUNT, TEXT, Column, Table
from iamkit.tables import Account

LINT: Final = Table(
    name="lint",
    row="one problem of one statement or policy",
    key=("policy_arn", "index", "rule", "problem"),
    columns=(
        Column("policy_arn", TEXT, "policy; the role's ARN for a trust policy"),
        Column("policy_name", TEXT, "name; the role's for a trust policy"),
        Column("kind", TEXT, "aws (managed by AWS), customer, inline or trust"),
        Column("index", COUNT, "position of the statement, from 0; missing: the whole document"),
        Column("sid", TEXT, "Sid of the statement"),
        Column("rule", TEXT, "short id of the rule"),
        Column("severity", TEXT, "high, medium, low or info: how much it changes the policy"),
        Column("problem", TEXT, "what is wrong, naming the element"),
        Column("suggestion", TEXT, "what to write instead"),
    ),
)

VERSION: Final = "2012-10-17"
OLD_VERSION: Final = "2008-10-17"
ELEMENTS: Final = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")

# Condition keys that end in a tag's name, and those of identity providers.
FREE: Final = re.compile(
    r"aws:(principal|resource|request)tag/.+|(?!aws:)[a-z0-9-]+:[a-z-]*tag/.+"
    r"|saml:.+|[^:]*[./][^:]*:.+",
    re.DOTALL,
)

MFA: Final = ("aws:multifactorauthpresent", "aws:multifactorauthage")
INTERNET: Final = ("aws:sourceip",)
ENDPOINT: Final = tuple(key.lower() for key in callers.ENDPOINT)
CALLER: Final = re.compile(
    r"aws:principal(orgid|orgpaths|tag/.+)|aws:sourceidentity|aws:federatedprovider|sts:externalid"
)
# A long-term access key, a password without MFA, and a session with it.
KEY: Final = Context({MFA[0]: ABSENT, MFA[1]: ABSENT}, UNKNOWN)
PASSWORD: Final = Context({MFA[0]: "false", MFA[1]: ABSENT}, UNKNOWN)
PROTECTED: Final = Context({MFA[0]: "true", MFA[1]: "60"}, UNKNOWN)
ANYONE: Final = Context({}, UNKNOWN)
MFA_DENY: Final = 'Write "BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}'

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
WILD: Final = re.compile(r"[*?]")
WIDE: Final = {4: 8, 6: 32}  # by IP version: networks with a shorter prefix


class Finding(NamedTuple):
    """What a rule found: how much it matters, what it is, what to write instead."""

    severity: str
    problem: str
    suggestion: str


class Actions(NamedTuple):
    """The actions that one of the patterns covers; negated: all others."""

    patterns: tuple[str, ...]
    negated: bool


@cache
def _known() -> Any:
    return facts.read("lint.yaml")


def private_networks() -> list[Network]:
    """Networks from which no request comes over the internet."""
    return [ipaddress.ip_network(text) for text in _known()["private"].split()]


class Book:
    """What rules look up: the listed actions, and those that policies name besides."""

    def __init__(self, catalog: Catalog, patterns: Iterable[str]) -> None:
        self.listed = Catalog(catalog.listed, catalog.source, catalog.note)
        self.named = self.listed.including(patterns)
        known = _known()
        self.global_keys = {key.lower(): key for key in known["global_keys"].split()}
        self.dangerous = self.listed.bits(known["dangerous"].split())
        self.private = private_networks()
        # Statements of different policies are often about the same actions.
        self.is_listed = cache(self._is_listed)
        self.bits = cache(self._bits)
        self.within = cache(self._within)
        self.close_action = cache(self._close_action)
        self.close_key = cache(self._close_key)

    @cached_property
    def services(self) -> dict[str, dict[str, str]]:
        """Service to its actions: name in lower case to the action as AWS writes it."""
        found: dict[str, dict[str, str]] = {}
        for action in self.listed.listed.actions:
            service, _, name = action.lower().partition(":")
            found.setdefault(service, {})[name] = action
        return found

    @cached_property
    def _keys(self) -> dict[str, set[str]]:
        """Condition key in lower case to the services that list it for an action."""
        found: dict[str, set[str]] = {}
        column = self.listed.listed.condition_keys
        services = (action.partition(":")[0] for action in self.listed.listed.actions)
        for service, code in set(zip(services, column.codes, strict=True)):
            for key in column.values[code]:
                found.setdefault(key.lower(), set()).add(service)
        return found

    @cached_property
    def _templates(self) -> list[tuple[re.Pattern[str], set[str]]]:
        """Keys with a part to fill in, such as `s3:ExistingObjectTag/<key>`, as expressions."""
        part = re.compile(r"\$\{[^}]*\}|<[^>]*>")
        return [
            (re.compile(".+".join(map(re.escape, part.split(key))), re.DOTALL), services)
            for key, services in self._keys.items()
            if part.search(key)
        ]

    def owners(self, key: str) -> set[str]:
        """Return the services that list a condition key, given in lower case; empty: unknown."""
        filled = (owners for form, owners in self._templates if form.fullmatch(key))
        return self._keys.get(key, set()).union(*filled)

    def _is_listed(self, pattern: str) -> bool:
        """Return whether a pattern covers an action in AWS's list."""
        return bool(self.listed.bits(pattern).any())

    def _bits(self, actions: Actions) -> Bits:
        """Return the actions, listed and named, as bits."""
        bits = self.named.bits(actions.patterns)
        return self.named.bits("*") & ~bits if actions.negated else bits

    def _within(self, narrow: Actions, wide: Actions) -> bool:
        """Return whether `narrow` are actions at all, and all of them among `wide`."""
        bits = self.bits(narrow)
        return bool(bits.any()) and not (bits & ~self.bits(wide)).any()

    def _close_key(self, key: str) -> str | None:
        """Return the condition key most like `key`, in lower case; None if none is."""
        return like(key, {known: known for known in self._keys} | self.global_keys)

    def _close_action(self, pattern: str) -> str | None:
        """Return the listed action most like a pattern; None if none is."""
        service, _, name = pattern.lower().replace("*", "").partition(":")
        if service not in self.services:
            service = like(service, {known: known for known in self.services}, 0.85) or ""
        return like(name, self.services.get(service, {}))


@dataclass(frozen=True)
class KeyTest:
    """One condition key under one operator."""

    name: str  # in lower case, without prefix and IfExists
    quantifier: str  # "", "forallvalues" or "foranyvalue"
    if_exists: bool
    key: str  # in lower case
    values: tuple[str, ...]
    said: str  # operator and key as written
    alone: Mapping[str, Any]  # a Condition of this test only

    @classmethod
    def of(cls, operator: str, key: str, raw: Any) -> KeyTest:
        """Read one entry of an operator's block."""
        prefix, _, rest = operator.lower().rpartition(":")
        name = rest.removesuffix("ifexists")
        values = tuple(text for value in listed(raw) if (text := as_text(value)) is not None)
        alone = {operator: {key: raw}}
        return cls(name, prefix, name != rest, key.lower(), values, f"{operator} {key}", alone)


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement as rules see it: a row of `documents.statement_rows`, and what is around it."""

    index: int
    sid: str | None
    effect: str | None
    actions: list[str]
    not_actions: list[str]
    resources: list[str]
    not_resources: list[str]
    conditions: Any
    conditional: bool
    any_action: bool
    any_resource: bool
    problem: str | None
    written: Mapping[str, Any]
    version: Any  # of the policy
    trust: bool
    book: Book
    siblings: list[Statement]  # all statements of the policy, this one included

    @cached_property
    def tests(self) -> list[KeyTest]:
        """What its Condition tests, as far as that can be read."""
        blocks = as_dict(self.conditions).items()
        return [KeyTest.of(name, key, raw) for name, b in blocks for key, raw in as_dict(b).items()]

    @cached_property
    def keys(self) -> set[str]:
        """Condition keys, in lower case, that it tests or takes variables from."""
        found = conditions.keys(self.conditions)
        if self.version == VERSION:
            texts = (text for text in (*self.resources, *self.not_resources) if "${" in text)
            found = found.union(*map(variable_keys, texts))
        return found

    @cached_property
    def about(self) -> Actions:
        """The actions it is about, as written."""
        negated = "NotAction" in self.written
        return Actions(tuple(self.not_actions if negated else self.actions), negated)

    @property
    def bits(self) -> Bits:
        """The actions it is about, listed and named."""
        return self.book.bits(self.about)

    @cached_property
    def content(self) -> str:
        """Text that is equal for statements that differ in nothing but their Sid."""
        return conditions.condition_key({**self.written, "Sid": None})

    def applies(self, context: Context) -> conditions.Truth:
        """Whether its Condition holds: True, False or None for unknown."""
        variables = self.version == VERSION
        return conditions.evaluate(self.conditions, context, variables=variables)

    def may_lack(self, keys: Iterable[str]) -> bool:
        """Whether its Condition may hold for a request that has none of `keys`."""
        return self.applies(Context(dict.fromkeys(keys, ABSENT), UNKNOWN)) is not False

    def worth(self, allow: str, deny: str) -> str:
        """Return the severity for an Allow, or the one for a Deny."""
        return deny if self.effect == "Deny" else allow

    def spans(self, other: Statement) -> bool:
        """Whether it is about all actions and resources of `other`. Errs towards no."""
        if self.problem or other.problem or not self.book.within(other.about, self.about):
            return False
        if other.about.negated and not (self.about.negated or self.any_action):
            return False  # also about actions that are in no list yet
        wide = [Pattern(text) for text in self.resources]
        narrow = [Pattern(text) for text in other.resources]
        return self.any_resource or (
            bool(narrow) and all(any(one.covers(part) for one in wide) for part in narrow)
        )

    def __str__(self) -> str:
        """Name the statement by position and Sid."""
        return f"statement {self.index}" + (f" ({self.sid})" if self.sid else "")


Rule: TypeAlias = Callable[[Statement], Iterable[Finding]]
RULES: Final[dict[str, Rule]] = {}
_UNCONDITIONAL: Final[dict[str, Rule]] = {}  # those that look at more than the Condition


def rule(function: Rule) -> Rule:
    """Register a rule under its name, with dashes."""
    _UNCONDITIONAL[_id(function)] = function
    return condition_rule(function)


def condition_rule(function: Rule) -> Rule:
    """Register a rule that finds nothing in a statement without a Condition."""
    RULES[_id(function)] = function
    return function


def _id(function: Rule) -> str:
    return getattr(function, "__name__", "").replace("_", "-")


def lint(account: Account, catalog: Catalog) -> pd.DataFrame:
    """
    Return what is wrong with the account's policies as written. Rows: see `LINT`.

    All policies are read, attached or not, AWS's own included, and the trust policies of roles: of
    these what the table `trust` shows, less their Version and NotAction. Equal documents are judged
    once. Rows come in the order of the policies and of their statements.
    """
    tables = (account.statements[["actions", "not_actions"]], account.trust[["actions"]])
    book = Book(
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


def _policies(account: Account) -> Iterable[_Written]:
    table = account.policies
    said = [None if pd.isna(problem) else problem for problem in table["problem"]]
    names = (table[name] for name in ("policy_arn", "policy_name", "kind"))
    return zip(*names, account.policy_versions["document"], said, strict=True)


def _trust_policies(account: Account) -> Iterable[_Written]:
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
    for index, sid, effect, kind, principal, negated, actions, condition, problem in rows:
        if index is None:
            problems.append(problem)
            continue
        statement = {"Sid": sid, "Effect": effect, "Action": actions}
        statement |= {"Condition": condition, "problem": problem}
        kept = statements.setdefault(index, statement)
        named = kept.setdefault("NotPrincipal" if negated else "Principal", {})
        named.setdefault(str(kind), []).append(principal)
    document = {"Version": VERSION, "Statement": list(statements.values())}
    return document, "; ".join(problems) or None


def _problems(
    document: Any, problem: str | None, trust: bool, book: Book
) -> Iterator[dict[str, Any]]:
    """Rows of `LINT` for one document, without the columns that name the policy."""
    for found in _unreadable_document(document, problem):
        yield {"rule": "unreadable-document", **found._asdict()}
    version = as_dict(document).get("Version")
    statements: list[Statement] = []
    for row, raw in zip(statement_rows(document), _statements(document), strict=True):
        if trust:
            row["problem"], raw = raw["problem"], {**raw, "problem": None}
        statements.append(
            Statement(
                **row, written=raw, version=version, trust=trust, book=book, siblings=statements
            )
        )
    for statement in statements:
        about = {"index": statement.index, "sid": statement.sid}
        for name, look in (RULES if statement.conditional else _UNCONDITIONAL).items():
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


def like(word: str, known: Mapping[str, str], least: float = 0.7) -> str | None:
    """What `known` says of its key most like `word`, if one is like it."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=least)
    return known[close[0]] if close else None


def quoted(value: Any) -> str:
    """A value as JSON, of moderate length."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 200 else f"{text[:196]}…"
