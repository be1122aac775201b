"""
Callers that trust policies are tested with: outsiders, vendors, services that act for others.

A trust policy is tried, not read: would it admit a caller of whom this much is known? Anyone with
an AWS account chooses the names, paths, kind, tags and session names of its identities, and has an
organization, VPCs and VPC endpoints of its own, but not the numbers and ids that AWS gives out. So
each key that says who calls and from where is tried with one value of each class of values that a
stranger can have and that the policy's tests tell apart; see `value_classes`. All other keys are
left unknown, which helps the caller: what is found errs towards admitting strangers.

Addresses: a stranger has one of a list that together holds 2**20 IPv4 addresses (a /12) that
are routed on the internet, or more than a /32 of IPv6. Hardly a company owns as much; providers
that rent addresses to everybody do. A smaller list of addresses that anybody can rent is taken for
a company's own, which errs towards keeping strangers out: a policy does not say whose they are.

Source: IAM User Guide, "AWS global condition context keys" and "The confused deputy problem".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final

import pandas as pd

from iamkit.arns import arn_parts
from iamkit.memory import Memo
from iamkit.policy import ABSENT, ENDPOINT_KEYS, UNKNOWN, RequestContext, conditions
from iamkit.trust import value_classes
from iamkit.trust.key_tests import KeyTests
from iamkit.trust.trust_policy import ANYONE, ASSUMES, CallerKind, TrustEntry
from iamkit.trust.value_classes import DIGITS, LOWER, NAMES, Form, exactly, some, text, unowned
from iamkit.values import as_dict, listed

# An account that nobody trusts, an address that is in nobody's network, a word nobody asks for.
NOBODY: Final = "000000000000"
WORD: Final = "iamkit-stranger"

# The keys that say of whose organization a caller, or its VPC endpoint, is.
OF_ORGANIZATIONS: Final = (
    *("aws:principalorgid", "aws:principalorgpaths", "aws:vpceorgid", "aws:vpceorgpaths"),
)
_SOURCES: Final = ("aws:sourceaccount", "aws:sourcearn", "aws:sourceorg")
_CHOICES: Final = 4000  # callers that one entry is tried with, at most

# A choice is what a caller may have of some keys that go together, such as its ARN and account.
Choice = Mapping[str, Any]


@dataclass(frozen=True)
class Home:
    """The account whose roles are examined: its partition, its id, and whose accounts are known."""

    partition: str
    account_id: str
    known: frozenset[str] = frozenset()
    organization_id: str | None = None


def admitted(
    rows: pd.DataFrame,
    contexts: Callable[[Any], Iterable[RequestContext]],
    caller: CallerKind = CallerKind.STRANGER,
) -> pd.Series[bool]:
    """
    Whether each row's `entry` may admit one at least of the callers it is tried with.

    `contexts` are those of a row's `entry`, `conditions` and `who`; rows with the same entry and
    the same `who`, if there is one, are tried once.
    """
    asked = rows[[name for name in ("entry", "conditions", "who") if name in rows]]
    answers: Memo[Any, bool] = Memo()

    def admits(row: Mapping[str, Any]) -> bool:
        return any(row["entry"].may(context, caller) for context in contexts(row))

    listed = (dict(zip(map(str, asked), row, strict=True)) for row in asked.itertuples(index=False))
    found = [answers.once((row["entry"], row.get("who")), admits, row) for row in listed]
    return pd.Series(found, index=rows.index, dtype="bool")


def strangers(
    entry: TrustEntry, home: Home, known: Choice | None = None
) -> Iterator[RequestContext]:
    """
    Callers with an account of their own, in every way that an entry's conditions tell apart.

    People and roles come from the internet or through a VPC endpoint, in an organization of their
    own or in none; services come on behalf of a resource of the stranger. Where a policy trusts
    anyone, people come also with the token or assertion of a provider, and are nobody yet. What is
    `known` of all of them is put in the place of their own.
    """
    tests = KeyTests.of(entry)
    person = [_identities(tests, home), _organizations(tests, "aws:principalorg"), _routes(tests)]
    for parts in (person, [_sources(tests, home), _organizations(tests, "aws:sourceorg")]):
        yield from _callers(parts, tests, home, known or {})
    if entry.principal.kind == ANYONE and entry.actions & ASSUMES["Federated"]:
        yield from _callers([[NOBODY_YET], _routes(tests)], tests, home, known or {})


def members(entry: TrustEntry, account_id: str, home: Home) -> Iterator[RequestContext]:
    """Identities of one account; if it is not the home account, also services at work for it."""
    tests = KeyTests.of(entry)
    yield from _callers([_identities(tests, home, account_id)], tests, home, {})
    if account_id != home.account_id:
        yield from _callers([_sources(tests, home, account_id)], tests, home, {})


def deputies(entry: TrustEntry, home: Home, account_id: str | None = None) -> list[RequestContext]:
    """A service that acts for an outsider, or for one account, without an external id."""
    tests = KeyTests.of(entry)
    parts = [_sources(tests, home, account_id)]
    if account_id is None:
        parts.append(_organizations(tests, "aws:sourceorg"))
    return list(_callers(parts, tests, home, _OF_SERVICE))


def vendors(entry: TrustEntry) -> Iterator[RequestContext]:
    """
    Callers of another account, in an organization of a stranger's own or in none.

    They are its identities, and services at work for it where the entry's Condition asks for whom.
    """
    tests = KeyTests.of(entry)
    parts = [_organizations(tests, prefix) for prefix in ("aws:principalorg", "aws:vpceorg")]
    of_services = any(key.startswith(_SOURCES) for key in conditions.keys(entry.condition))
    kind = {} if of_services else NOT_A_SERVICE
    for theirs, of_endpoint in product(*parts):
        yield RequestContext({**theirs, **of_endpoint, **kind}, UNKNOWN)


def accounts_named(entry: TrustEntry) -> frozenset[str]:
    """Accounts that an entry's conditions or denials write out."""
    return KeyTests.of(entry).accounts


def values_of(condition: Any, wanted: str) -> list[str]:
    """The texts that a condition compares a key with, whatever the operator."""
    return [
        text
        for block in as_dict(condition).values()
        for key, values in as_dict(block).items()
        if key.lower() == wanted
        for text in listed(values)
        if isinstance(text, str)
    ]


def _callers(
    parts: list[list[Choice]], tests: KeyTests, home: Home, known: Choice
) -> Iterator[RequestContext]:
    """One caller for each combination; where there are too many, some keys are unknown."""
    parts = [*parts, _resource(tests, home)]
    while prod(map(len, parts)) > _CHOICES:
        longest = max(range(len(parts)), key=lambda at: len(parts[at]))
        keys = {key for choice in parts[longest] for key in choice}
        parts[longest] = [dict.fromkeys(keys, UNKNOWN)]
    for choices in product(*parts):
        values = {key: value for choice in choices for key, value in choice.items()}
        yield RequestContext({**values, **known}, UNKNOWN)


# --- who calls

_USER_ID: Final = frozenset(c.upper() for c in LOWER) | DIGITS
_ARN: Final = "aws:principalarn"
NOT_A_SERVICE: Final = {
    **dict.fromkeys(("aws:sourceaccount", "aws:sourcearn"), ABSENT),
    **dict.fromkeys(("aws:sourceorgid", "aws:sourceorgpaths"), ABSENT),
    "aws:principalisawsservice": "false",
    "aws:principalservicename": ABSENT,
}


# Of a request with a token or an assertion: it is made before there is any identity.
NOBODY_YET: Final = {
    **NOT_A_SERVICE,
    "aws:principalisawsservice": ABSENT,
    **dict.fromkeys((_ARN, "aws:principalaccount", "aws:principaltype"), ABSENT),
    **dict.fromkeys(("aws:principalorgid", "aws:principalorgpaths"), ABSENT),
    **dict.fromkeys(("aws:userid", "aws:username", "aws:multifactorauthpresent"), ABSENT),
}


def _identities(tests: KeyTests, home: Home, account_id: str | None = None) -> list[Choice]:
    """Users, roles and the root user of a stranger, or of one account."""
    names = some(NAMES | {"/"})
    kinds: tuple[tuple[str, Form, Form | None, Any], ...] = (
        ("User", (*text("user/"), *names), _id("AIDA"), UNKNOWN),
        ("AssumedRole", (*text("role/"), *names), (*_id("AROA"), *text(":"), *some(NAMES)), ABSENT),
        ("Account", text("root"), None, ABSENT),
    )
    found: list[Choice] = []
    for kind, name, user_id, username in kinds:
        ids = [None] if user_id is None else tests.values("aws:userid", user_id)
        for arn in _arns(tests, home, name, account_id):
            number = UNKNOWN if arn is UNKNOWN else arn_parts(arn)[4]
            found += [
                {
                    **NOT_A_SERVICE,
                    _ARN: arn,
                    "aws:principalaccount": number,
                    "aws:principaltype": kind,
                    "aws:userid": number if each is None else each,
                    "aws:username": username,
                }
                for each in ids
            ]
    return found


def _id(prefix: str) -> Form:
    return (*text(prefix), *unowned(_USER_ID, 4, 17))


def _arns(tests: KeyTests, home: Home, name: Form, account_id: str | None) -> list[Any]:
    """ARNs of identities, as the tests of the ARN and of the account tell them apart."""
    start = text(f"arn:{home.partition}:iam::")
    number = exactly(DIGITS, 12) if account_id is None else text(account_id)
    whole = (*start, *number, *text(":"), *name)
    taken = _taken(tests, home) - {account_id}
    accounts = tests.forms("aws:principalaccount", DIGITS, besides=taken)
    further = [(*start, *form, *text(":"), *value_classes.ANY) for form in accounts]
    return tests.values(_ARN, whole, further, taken)


def _taken(tests: KeyTests, home: Home) -> frozenset[str]:
    """Accounts that are no stranger's: the home account, known ones, those that are written out."""
    return tests.accounts | home.known | {home.account_id}


def _organizations(tests: KeyTests, prefix: str) -> list[Choice]:
    """The organizations of a stranger, with the keys that begin so, and none."""
    chars = LOWER | DIGITS
    organization = (*text("o-"), *unowned(chars, 2, 10))
    unit = (*text("ou-"), *unowned(chars, 0, 4), *text("-"), *unowned(chars, 0, 8), *text("/"))
    root = (*organization, *text("/r-"), *unowned(chars, 1, 4), *text("/"))
    named = tests.forms(f"{prefix}id", chars | {"-", "~"})
    further = [(*form, *text("/"), *value_classes.ANY) for form in named]
    paths = [
        path
        for form in (root, (*root, *unit), (*root, *unit, *unit))
        for path in tests.values(f"{prefix}paths", form, further)
    ]
    none = {f"{prefix}id": ABSENT, f"{prefix}paths": ABSENT}
    each = [
        {f"{prefix}id": UNKNOWN, f"{prefix}paths": UNKNOWN}
        if path is UNKNOWN
        else {f"{prefix}id": path.split("/")[0], f"{prefix}paths": [path]}
        for path in paths
    ]
    return [*each, none]


# --- from where


def _routes(tests: KeyTests) -> list[Choice]:
    """From the internet, or through a VPC endpoint of the stranger's own."""
    direct = dict.fromkeys(ENDPOINT_KEYS, ABSENT)
    found: list[Choice] = [
        {"aws:sourceip": address, **direct} for address in tests.addresses("aws:sourceip")
    ]
    owned = unowned(LOWER | DIGITS, 3, 17)
    own = frozenset(tests.accounts)
    number = exactly(DIGITS, 12)
    arn = (
        *text("arn:aws:ec2:"),
        *some(LOWER | DIGITS | {"-"}),
        *text(":"),
        *number,
        *text(":vpc/"),
    )
    arns = tests.values("aws:sourcevpcarn", (*arn, *text("vpc-"), *owned), (), own)
    keys = {
        "aws:sourcevpc": tests.values("aws:sourcevpc", (*text("vpc-"), *owned)),
        "aws:sourcevpce": tests.values("aws:sourcevpce", (*text("vpce-"), *owned)),
        "aws:sourcevpcarn": arns,
        "aws:vpceaccount": tests.values("aws:vpceaccount", number, (), own),
        "aws:vpcsourceip": tests.addresses("aws:vpcsourceip", anywhere=True),
    }
    organizations = _organizations(tests, "aws:vpceorg")
    for values in product(*keys.values()):
        through = dict(zip(keys, values, strict=True))
        found += [{"aws:sourceip": ABSENT, **through, **each} for each in organizations]
    return found


def _resource(tests: KeyTests, home: Home) -> list[Choice]:
    """What is known of the role: its account, and the organization that the evidence shows."""
    known = {"aws:resourceaccount": home.account_id}
    if home.organization_id is not None:
        return [{**known, "aws:resourceorgid": home.organization_id}]
    named = ("o-0000000000", *tests.plain("aws:resourceorgid"))
    return [{**known, "aws:resourceorgid": each} for each in named]


# --- services

# Keys that a service's request does not have.
UNSENT: Final = (
    *(_ARN, "aws:userid", "aws:username", "aws:principaltype"),
    *("aws:principalorgid", "aws:principalorgpaths", "aws:sourceip", *ENDPOINT_KEYS),
)
# Of a service that a policy names, nothing but the source counts.
_OF_SERVICE: Final = {
    **dict.fromkeys((*UNSENT, "aws:principalservicename"), UNKNOWN),
    "sts:externalid": WORD,
}
_REGIONS: Final = LOWER | DIGITS | {"-"}


def _sources(tests: KeyTests, home: Home, account_id: str | None = None) -> list[Choice]:
    """
    What a service is at work for: resources of a stranger, or of one account.

    Some ARNs, such as those of buckets and of APIs, have no account. One that is written out up to
    the resource's name is taken for yours: a stranger has any other name that a wildcard matches.
    """
    taken = _taken(tests, home) - {account_id}
    number = exactly(DIGITS, 12) if account_id is None else text(account_id)
    service = (*text(f"arn:{home.partition}:"), *some(_REGIONS), *text(":"))
    region = (value_classes.Piece(_REGIONS, many=True), *text(":"))
    rest = some(NAMES | {":", "/"})
    accounts = tests.forms("aws:sourceaccount", DIGITS, besides=taken)
    until = (*service, *region)
    further = [(*until, *form, *text(":"), *value_classes.ANY) for form in accounts]
    whole = (*until, *number, *text(":"), *rest)
    found = [
        {
            "aws:sourcearn": arn,
            "aws:sourceaccount": UNKNOWN if arn is UNKNOWN else arn_parts(arn)[4],
        }
        for arn in tests.values("aws:sourcearn", whole, further, taken)
    ]
    named = tests.named_resources("aws:sourcearn") if account_id is None else []
    bare = (*until, *text(":"), *rest)
    numbers = tests.values("aws:sourceaccount", number, (), taken)
    found += [
        {"aws:sourcearn": arn, "aws:sourceaccount": each}
        for arn in tests.values("aws:sourcearn", bare, (), frozenset(), named)
        for each in numbers
    ]
    return [
        {
            **dict.fromkeys(UNSENT, ABSENT),
            "aws:principalisawsservice": "true",
            "aws:principalaccount": each["aws:sourceaccount"],
            **each,
        }
        for each in found
    ]
