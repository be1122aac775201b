"""
One concrete caller whom a trust policy admits and should not: who it is, and what it sends.

The callers are those that the problem was found with; see `callers` and `federation`. What these
leave unknown, because it helps a caller, gets a value that suits where there is one.

Source: STS API Reference, AssumeRole, AssumeRoleWithSAML and AssumeRoleWithWebIdentity; IAM User
Guide, "IAM and AWS STS condition context keys".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice, product
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.memory import Memo
from iamkit.policy import (
    ABSENT,
    ENDPOINT_KEYS,
    MFA_KEYS,
    SOURCE_IP_KEYS,
    UNKNOWN,
    Mark,
    RequestContext,
    Value,
    choices,
    conditions,
)
from iamkit.trust import federation
from iamkit.trust.callers import (
    NOBODY,
    NOT_A_SERVICE,
    OF_ORGANIZATIONS,
    UNSENT,
    WORD,
    Home,
    accounts_named,
    deputies,
    members,
    strangers,
)
from iamkit.trust.key_tests import KeyTests
from iamkit.trust.trust_policy import ANYONE, ASSUME, AWS, CallerKind, TrustEntry

# Problems of `TRUSTED_PRINCIPALS` that let in a caller who should not come in.
ADMITTING: Final = (
    *("open to anyone", "no external id", "no source", "unknown source", "loose subject"),
    *("no audience", "another organization"),
)

_ACTIONS: Final = dict(
    zip(
        ASSUME,
        ("sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"),
        strict=True,
    )
)
_TRIED: Final = 32  # callers that the entry may admit, of whom one is looked for who is certain
_ADDRESSES: Final = 16  # combinations of addresses that each is tried with
WITHOUT_MFA: Final = "without MFA"
_MFA: Final = "aws:MultiFactorAuthPresent"
_EXTERNAL_ID: Final = "sts:ExternalId"
_SOURCE: Final = ("aws:SourceArn", "aws:SourceAccount")


class Candidate(NamedTuple):
    """A caller to try, what of it is shown besides the keys that are tested, and which kind."""

    name: str  # empty: it is known by its ARN
    context: RequestContext
    shown: tuple[str, ...] = ()
    kind: CallerKind = CallerKind.ANY


class TrustWitnesses:
    """Finds a caller for each row of trusted principals that has a problem."""

    def __init__(self, home: Home, as_of: pd.Timestamp) -> None:
        self.home = home
        self.times = {
            "aws:currenttime": as_of.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aws:epochtime": str(int(as_of.timestamp())),
        }
        self._found: Memo[Any, dict[str, Any] | None] = Memo()

    def of(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """
        Return a witness against a row: a caller that its entry admits and should not.

        A dict of `action`, `resource` (the role), `caller`, `context` and `effect`: Allowed or,
        where what nobody knows decides, Unknown. None: there is no problem, or nobody was found.
        """
        if row["problem"] not in ADMITTING:
            return None
        return self.against(row["role_arn"], row["entry"], row["problem"])

    def against(self, role_arn: str, entry: TrustEntry, problem: str) -> dict[str, Any] | None:
        """Return the same for an entry of a role's trust policy and a key of `_CANDIDATES`."""
        same = (
            *(problem, entry.principal, tuple(sorted(entry.actions))),
            json.dumps(entry.condition, default=repr),
            tuple(each.content for each in entry.denials),
        )
        found = self._found.once(same, self._find, problem, entry)
        if found is None:
            return None
        action, *rest = found.items()
        return dict([action, ("resource", role_arn), *rest])

    def _find(self, problem: str, entry: TrustEntry) -> dict[str, Any] | None:
        found = (self._by(action, problem, entry) for action in _actions(entry))
        return next((each for each in found if each is not None), None)

    def _by(self, action: str, problem: str, entry: TrustEntry) -> dict[str, Any] | None:
        """A witness that comes by one call."""
        entry = replace(entry, actions=frozenset((action,)))
        admitted = (
            each
            for each in _CANDIDATES[problem](entry, self.home)
            if entry.may(each.context, each.kind)
        )
        doubtful: Candidate | None = None
        for each in islice(admitted, _TRIED):
            for context in map(_by_name, self._settled(entry, each.context)):
                if entry.admits(context, each.kind):
                    made = each._replace(context=context)
                    return _shown(entry, action, made, "Allowed")
            doubtful = doubtful or each
        return None if doubtful is None else _shown(entry, action, doubtful, "Unknown")

    def _settled(self, entry: TrustEntry, context: RequestContext) -> Iterator[RequestContext]:
        """The caller as it is, and with values of what is not known of it."""
        arn = context.get("aws:principalarn")
        if context.get("aws:username") is UNKNOWN and isinstance(arn, str):
            yield context.but({"aws:username": arn.rpartition("/")[2]})
        yield context
        tests, tested = KeyTests.of(entry), _conditions(entry)
        service = context.get("aws:principalisawsservice") == "true"
        keys = _asked(entry) - {*(UNSENT if service else ())}  # nothing is made up of these
        known = context.but(
            {key: at for key, at in self.times.items() if context.get(key) is UNKNOWN}
        )
        asked = [key for key in SOURCE_IP_KEYS if key in keys and known.get(key) is UNKNOWN]
        addresses = [
            [*(at for at in tests.addresses(key, anywhere=True) if at is not UNKNOWN), ABSENT]
            for key in asked
        ]
        for chosen in islice(product(*addresses), _ADDRESSES):
            at = known.but(dict(zip(asked, chosen, strict=True)))
            if at.get(SOURCE_IP_KEYS[0]) not in (UNKNOWN, ABSENT):  # not through an endpoint
                unknown = [key for key in ENDPOINT_KEYS if at.get(key) is UNKNOWN]
                at = at.but(dict.fromkeys(unknown, ABSENT))
            yield at
            yield from map(at.joined, choices.condition_choices(tested, at, keys))


def _actions(entry: TrustEntry) -> list[str]:
    """The calls by which a principal comes, in lower case: one, and for anyone each there is."""
    if entry.principal.kind == ANYONE:
        return [each for each in ASSUME if each in entry.actions] or [_action(entry)]
    return [_action(entry)]


def _action(entry: TrustEntry) -> str:
    """The call by which a principal comes, in lower case."""
    saml, token = ASSUME[1:]
    first = saml if ":saml-provider/" in entry.principal.name else token
    wanted = (first,) if entry.principal.kind == "Federated" else ASSUME
    return next((each for each in wanted if each in entry.actions), min(entry.actions))


def _conditions(entry: TrustEntry) -> list[Any]:
    """The Conditions on which it depends who comes in by an entry."""
    denials = (each.condition for each in entry.denials if entry.actions & each.actions)
    return [entry.condition, *denials]


def _asked(entry: TrustEntry) -> set[str]:
    """The condition keys, in lower case, on which it depends."""
    return set().union(*map(conditions.keys, _conditions(entry)))


def _shown(entry: TrustEntry, action: str, found: Candidate, effect: str) -> dict[str, Any]:
    """A caller as a table shows it: of the context what is tested, as the policy spells it."""
    tests = (test for each in _conditions(entry) for test in conditions.key_tests(each))
    written = {test.key: test.said.split(maxsplit=1)[1] for test in tests}
    keys = {each.lower() for each in found.shown} | _asked(entry)
    named = {**{each.lower(): each for each in found.shown}, **written}
    return {
        "action": _ACTIONS[action],
        "caller": found.name or str(found.context.get("aws:principalarn")),
        "context": {named.get(key, key): _said(found.context.get(key)) for key in sorted(keys)},
        "effect": effect,
    }


def _said(value: Value) -> str:
    if isinstance(value, Mark):
        return value.value
    return value if isinstance(value, str) else ", ".join(value)


# --- who is tried, by problem


def _person(context: RequestContext, kind: CallerKind = CallerKind.ANY) -> Candidate:
    """A user, a role or a service with an account of its own, by its ARN."""
    arn = context.get("aws:principalarn")
    if not isinstance(arn, str):
        if arn is UNKNOWN or context.get("aws:principalisawsservice") is ABSENT:
            said = "a principal" if arn is UNKNOWN else "the holder of a token or an assertion"
            return Candidate(said, context, (), kind)
        return Candidate("an AWS service", context, _SOURCE, kind)
    return Candidate("", context, (), kind)


def _by_name(context: RequestContext) -> RequestContext:
    """A caller whose ARN ends with its user name: strangers choose it."""
    name, arn = context.get("aws:username"), context.get("aws:principalarn")
    if not isinstance(name, str) or not isinstance(arn, str):
        return context
    return context.but({"aws:principalarn": f"{arn.rpartition('/')[0]}/{name}"})


def _anyone(entry: TrustEntry, home: Home) -> Iterator[Candidate]:
    return (_person(each, CallerKind.STRANGER) for each in strangers(entry, home))


def _of_organization(entry: TrustEntry, home: Home) -> Iterator[Candidate]:
    found = strangers(entry, home, dict.fromkeys(OF_ORGANIZATIONS, UNKNOWN))
    return (_person(each, CallerKind.STRANGER) for each in found)


def _without_external_id(entry: TrustEntry, home: Home) -> Iterator[Candidate]:
    for external_id in (ABSENT, WORD):
        for each in _named(entry, home):
            sent = each.context.but({_EXTERNAL_ID: external_id})
            yield each._replace(context=sent, shown=(_EXTERNAL_ID,))


def _named(entry: TrustEntry, home: Home) -> Iterator[Candidate]:
    """The identities of another account that an entry names."""
    principal = entry.principal
    account_id = principal.account_id or NOBODY
    if principal.whole_account:
        people = map(_person, members(entry, account_id, home))
        yield from (each for each in people if each.shown != _SOURCE)
        return
    kind, _, path = principal.name.rpartition(":")[2].partition("/")
    session = kind == "assumed-role"
    arn = principal.name.rpartition("/")[0] if session else principal.name
    arn = arn.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/")
    user = kind == "user"
    who = {
        "aws:principalarn": arn,
        "aws:principalaccount": account_id,
        "aws:principaltype": "User" if user else "AssumedRole",
        "aws:username": path.rpartition("/")[2] if user else ABSENT,
    }
    yield Candidate(principal.name, RequestContext({**NOT_A_SERVICE, **who}, UNKNOWN))


def _for_anybody(entry: TrustEntry, home: Home) -> Iterator[Candidate]:
    for each in deputies(entry, home):
        yield from _service(entry, home, each)


def _for_others(entry: TrustEntry, home: Home) -> Iterator[Candidate]:
    """A service at work for an account, or an organization, that is not known to be yours."""
    for number in sorted(accounts_named(entry) - home.known):
        for each in deputies(entry, home, number):
            yield from _service(entry, home, each)
    unknown = dict.fromkeys(("aws:sourceorgid", "aws:sourceorgpaths"), UNKNOWN)
    for each in deputies(entry, home, NOBODY):
        yield from _service(entry, home, each.but(unknown))


def _service(entry: TrustEntry, home: Home, context: RequestContext) -> Iterator[Candidate]:
    """
    A service at work for a resource, which is one of its own if nothing asks for another.

    First with what its request has, then with nobody knows what of the keys that it has not.
    """
    name, account_id = entry.principal.name, context.get("aws:sourceaccount")
    if isinstance(account_id, str) and "aws:sourcearn" not in _asked(entry):
        service = name.partition(".")[0]
        arn = f"arn:{home.partition}:{service}:us-east-1:{account_id}:iamkit"
        context = context.but({"aws:sourcearn": arn})
    unsent = {**dict.fromkeys(UNSENT, ABSENT), "aws:principalservicename": name}
    for each in (context.but(unsent), context):
        yield Candidate(name, each, _SOURCE)


def _with_token(entry: TrustEntry, home: Home) -> Iterator[Candidate]:
    url = federation.issuer(entry.principal.name)
    subject = f"{url}:sub"  # no token is without
    if (found := federation.loose_token(entry)) is not None:
        named = {} if subject.lower() in _asked(entry) else {subject: WORD}
        sent = found.context.but({"aws:resourceaccount": home.account_id, **named})
        yield Candidate(url, sent, (subject,))


def _for_another_audience(entry: TrustEntry, home: Home) -> Iterator[Candidate]:
    sent = {"saml:aud": WORD, "aws:resourceaccount": home.account_id}
    name = federation.provider(entry.principal.name)
    yield Candidate(name, RequestContext(sent, UNKNOWN), ("saml:aud",))


def _without_mfa(entry: TrustEntry, home: Home) -> Iterator[Candidate]:
    """AWS principals by an access key, then in a session without MFA."""
    present, age = MFA_KEYS
    for said in (ABSENT, "false"):
        people = _named(entry, home) if entry.principal.kind == AWS else _anyone(entry, home)
        for each in people:
            if each.shown != _SOURCE:
                sent = each.context.but({present: said, age: ABSENT})
                yield Candidate(each.name, sent, (_MFA,), CallerKind.PERSON)


_CANDIDATES: Final[Mapping[str, Callable[[TrustEntry, Home], Iterable[Candidate]]]] = {
    "open to anyone": _anyone,
    "no external id": _without_external_id,
    "no source": _for_anybody,
    "unknown source": _for_others,
    "loose subject": _with_token,
    "no audience": _for_another_audience,
    "another organization": _of_organization,
    WITHOUT_MFA: _without_mfa,
}
