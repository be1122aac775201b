"""
Mistakes in policies, as data: one row per problem, and what to write instead.

A policy can be valid and still not say what its author meant: a Deny that does not apply to
long-term access keys, a misspelt action, a network list with 0.0.0.0/0 in it. Each rule looks for
one such mistake in one statement. It is a generator of `Finding`s under `@rule`, or
`@condition_rule` if it is about Conditions only; its name is its id, and its docstring says why it
matters and which way it errs. Adding a rule is adding a function.

If a rule is about who is allowed, it asks `conditions.evaluate` instead of matching text, so
`Bool`, `StringEquals` and `Null` are evaluated by their effect. A Resource that no action of the
statement can have is not found: that would take AWS's resource types, which no list here has.

Source: IAM User Guide, "IAM policy validation check reference" and the pages that rules name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from iamkit.lint.lookup import like
from iamkit.lint.rule import Finding, condition_rule, rule
from iamkit.lint.statement import (
    ANYONE,
    ELEMENTS,
    WrittenStatement,
    quoted,
)
from iamkit.policy import (
    ABSENT,
    CALLER_KEY,
    ENDPOINT_KEYS,
    MFA_KEYS,
    PASSWORD,
    SOURCE_IP_KEYS,
    TAG_OR_PROVIDER_KEY,
    UNKNOWN,
    VERSION,
    WILD,
    KeyTest,
    Pattern,
    RequestContext,
    cidr,
    conditions,
)
from iamkit.values import as_dict, few

VARIABLE = re.compile(r"\$\{[^}]*\}")  # what stands there is no wildcard of the author's

# ── Rules ──────────────────────────────────────────────────────────────────────────────────────


@rule
def malformed(s: WrittenStatement) -> Iterator[Finding]:
    """
    A statement that cannot be read does not apply, so a Deny has no effect.

    IAM saves little of this, but evidence can hold it. Source: "Grammar of the IAM JSON policy
    language".
    """
    for said in s.problem.split("; ") if s.problem else ():
        meant = str(s.effect).capitalize()
        fits = said.startswith("Effect") and meant in ("Allow", "Deny")
        yield Finding("high", f"Statement: {said}", f"Write {meant}" if fits else "Correct it")
    for name in () if s.trust else s.written:
        if name in ("Principal", "NotPrincipal"):
            yield Finding("high", f"{name} does not belong in an identity policy", "Leave it out")
        elif name not in ELEMENTS:
            hint = _instead(like(name.lower(), {known.lower(): known for known in ELEMENTS}))
            yield Finding("high", f"{quoted(name)} is not an element of a statement", hint)


@rule
def unknown_action(s: WrittenStatement) -> Iterator[Finding]:
    """
    An action that is not in AWS's list, or a wildcard that matches no action; it has no effect.

    Misspelt, retired, or newer than the list: of the last this errs towards a finding. Worst in a
    Deny and in the NotAction of an Allow. Source: Service Authorization Reference.
    """
    places = dict.fromkeys(s.not_actions, s.severity("medium", "low"))
    places |= dict.fromkeys(s.actions, s.severity("low", "medium"))
    for pattern, severity in places.items():
        if s.lookup.is_listed(pattern):
            continue
        service, colon, _ = pattern.lower().partition(":")
        if not colon:
            said = "names no service, as in service:Action"
        elif not WILD.search(service) and service not in s.lookup.services:
            said = "is of an unknown service"
        else:
            said = f"{'matches no' if WILD.search(pattern) else 'is not a'} known action"
        hint = _instead(s.lookup.close_action(pattern))
        yield Finding(severity, f"{quoted(pattern)} {said}", hint)


@rule
def unknown_key(s: WrittenStatement) -> Iterator[Finding]:
    """
    A condition key that no request for these actions contains.

    Known are AWS's global keys, tag keys, keys of identity providers, and what the services of the
    statement list. AWS's list lacks some service keys: there this errs towards a finding, and is
    low. Source: "AWS global condition context keys", Service Authorization Reference.
    """
    for key in sorted(s.keys.difference(s.lookup.global_keys)):
        if TAG_OR_PROVIDER_KEY.fullmatch(key):
            continue
        owners = sorted(s.lookup.owners(key))
        if not owners:
            severity = "low" if key.partition(":")[0] in s.lookup.services else "medium"
            hint = _instead(s.lookup.close_key(key))
            yield Finding(severity, f"{quoted(key)} is not a known condition key", hint)
        elif s.bits.any() and not (s.lookup.named.bits(f"{o}:*" for o in owners) & s.bits).any():
            said = f"{quoted(key)} belongs to {', '.join(owners)}, which has no action here"
            yield Finding("low", said, "Test a key that requests for these actions have")


@condition_rule
def condition_problem(s: WrittenStatement) -> Iterator[Finding]:
    """
    An operator that does not exist, or cannot work with its key or values.

    High in a Deny and medium in an Allow that can therefore never apply, else low. Source: "IAM
    JSON policy elements: Condition operators".
    """
    blocks = as_dict(s.conditions).items()
    odd = [{name: block} for name, block in blocks if not isinstance(block, dict)]
    for part in (*odd, *(test.alone for test in s.tests)):
        for said in conditions.problems(part):
            never = conditions.evaluate(part, ANYONE) is False
            severity = s.severity("medium", "high") if never else "low"
            yield Finding(severity, f"Condition: {said}", "Correct the operator, key or value")
    for name in [name for name, block in blocks if block == {}]:
        yield Finding("low", f"Condition {quoted(name)} tests no key", "Leave it out")


@condition_rule
def contradiction(s: WrittenStatement) -> Iterator[Finding]:
    """
    Tests of one key that exclude each other, so the statement never applies.

    Found where one of them leaves few values to try: `Bool`, `Null`, or `StringEquals` without
    variables. Others are missed. Source: "Conditions with multiple context keys or values".
    """
    for key in sorted({test.key for test in s.tests}):
        tests = [test for test in s.tests if test.key == key]
        tries = next((values for test in tests if (values := _possible(test))), None)
        if len(tests) == 1 or tries is None or any(test.quantifier for test in tests):
            continue
        alone = _all_hold(tests, ANYONE)  # else `condition_problem` tells
        if alone and not any(
            _all_hold(tests, RequestContext({key: value}, UNKNOWN)) for value in tries
        ):
            said = f"The tests of {quoted(key)} exclude each other, so the statement never applies"
            yield Finding(s.severity("medium", "high"), said, "Keep only the intended one")


def _possible(test: KeyTest) -> list[Any]:
    """All that a key may be for a test to hold, if that is little; else nothing."""
    if test.name == "null" and {value.lower() for value in test.values} == {"true"}:
        return [ABSENT]
    if test.name == "bool":
        return ["true", "false", ABSENT]
    finite = test.name == "stringequals" and not any("${" in value for value in test.values)
    return [*test.values, ABSENT] if finite else []


def _all_hold(tests: Iterable[KeyTest], context: RequestContext) -> bool:
    return all(conditions.evaluate(test.alone, context) is not False for test in tests)


@rule
def never_applies(s: WrittenStatement) -> Iterator[Finding]:
    """
    A statement without an action or resource to be about, or a Not… that excludes nothing.

    Source: "IAM policy validation check reference", empty arrays. Actions newer than the list count
    as none.
    """
    for name in ("NotAction", "NotResource"):
        if s.written.get(name) == []:
            yield Finding("medium", f"{name} is an empty list, so it excludes nothing", "Fill it")
    empty = [name for name in ("Action", "Resource") if s.written.get(name) == []]
    if empty:
        said = f"{empty[0]} is an empty list"
    elif s.actions and not any(map(s.lookup.is_listed, s.actions)):
        said = "No action of the statement is known"
    elif s.not_actions and not s.bits.any():
        said = "NotAction excludes every action"
    elif any(Pattern(text).everything for text in s.not_resources):
        said = "NotResource excludes every resource"
    else:
        return
    hint = "Write the intended value, or remove it"
    yield Finding(s.severity("medium", "high"), f"{said}, so the statement never applies", hint)


@condition_rule
def wildcard_in_equals(s: WrittenStatement) -> Iterator[Finding]:
    """
    A wildcard under an operator that compares whole texts: `*` there is an ordinary character.

    `StringEquals` with "team-*" is met by that very text only. Worst where it makes a Deny deny
    nobody or, under `StringNotEquals`, an Allow admit everybody. Errs towards a finding: a value
    may really hold an asterisk. Source: "IAM JSON policy elements: Condition operators", String
    condition operators.
    """
    for test in s.tests:
        negated = test.name.startswith("stringnot")
        if not test.name.startswith("string") or not test.name.endswith(("equals", "ignorecase")):
            continue
        wild = [text for text in test.values if WILD.search(VARIABLE.sub("", text))]
        if wild:
            only = len(wild) == len(test.values)
            open_ = negated if s.effect == "Allow" else not negated
            said = f"{test.said} compares {quoted(wild[0])} as literal text, without wildcards"
            like = "StringNotLike" if negated else "StringLike"
            yield Finding("high" if open_ and only else "medium", said, f'Write "{like}"')


@condition_rule
def if_exists_on_allow(s: WrittenStatement) -> Iterator[Finding]:
    """
    An Allow that also applies to every caller without the key that it tests.

    Only for keys of the caller and the way in. On those of the request `…IfExists` is often right,
    and so it is for aws:SourceIp together with aws:SourceVpc: AWS's own examples. Errs towards
    silence. Source: "IAM JSON policy elements: Condition operators", IfExists.
    """
    fence = not (s.keys.isdisjoint(SOURCE_IP_KEYS) or s.keys.isdisjoint(ENDPOINT_KEYS))
    for test in s.tests if s.effect == "Allow" else ():
        group = next(
            (keys for keys in (MFA_KEYS, SOURCE_IP_KEYS, ENDPOINT_KEYS) if test.key in keys), ()
        )
        lacks = group or ((test.key,) if CALLER_KEY.fullmatch(test.key) else ())
        both_ways = fence and group in (SOURCE_IP_KEYS, ENDPOINT_KEYS)
        enrolling = test.key == MFA_KEYS[0] and conditions.evaluate(test.alone, PASSWORD) is True
        if not lacks or not test.if_exists or "not" in test.name or both_ways or enrolling:
            continue
        if s.may_lack(lacks):
            said = f"{test.said} on an Allow also allows every caller without the key"
            yield Finding("high", said, "Write the operator without IfExists")


@condition_rule
def for_all_values(s: WrittenStatement) -> Iterator[Finding]:
    """
    ForAllValues on an Allow holds for a request that lacks the key.

    Silent if another test wants the key to be there, or a tag, with which aws:TagKeys is too.
    Source: "Set operators for multivalued context keys".
    """
    tags = [key for key in s.keys if key.startswith("aws:requesttag/")]
    for test in s.tests if s.effect == "Allow" else ():
        lacks = [test.key, *(tags if test.key == "aws:tagkeys" else ())]
        if test.quantifier != "forallvalues" or test.name == "null":
            continue
        if s.may_lack(lacks):
            said = f"{test.said} on an Allow holds for requests without the key"
            yield Finding("medium", said, 'Also test that the key is present: "Null": "false"')


@condition_rule
def network_list(s: WrittenStatement) -> Iterator[Finding]:
    """
    Networks in a test of aws:SourceIp that are all, too wide, private, or not written as meant.

    A private address is never seen as aws:SourceIp; bits after the prefix are dropped. Networks
    that together are all addresses count as that. Source: "AWS global condition context keys".
    """
    for test in s.tests:
        if test.key not in SOURCE_IP_KEYS or test.name not in ("ipaddress", "notipaddress"):
            continue
        read = ((text, cidr.network(text)) for text in test.values)
        networks = {text: network for text, network in read if network is not None}
        whole = cidr.everything(networks.values())
        for network in whole:
            none = s.effect == "Deny" and test.name == "notipaddress"
            said = f"{test.said} lists {network}, which is every IPv{network.version} address"
            hint = "List your own networks"
            yield Finding("high", said + (", so it denies none" if none else ""), hint)
        for text, network in networks.items():
            said = f"{test.said} lists {quoted(text)}, which"
            if cidr.is_wide(network) and not whole:
                size = f"is {network.num_addresses:,} addresses"
                yield Finding("medium", f"{said} {size}", "List your own networks")
            if cidr.is_private(network):
                hint = "List public addresses; for VPC endpoints test aws:VpcSourceIp"
                yield Finding("low", f"{said} is private: no request comes from this network", hint)
            if cidr.has_host_bits(text):
                hint = f"Write {quoted(str(network))} if this is intended"
                yield Finding(
                    "low", f"{said} has bits after its prefix, so AWS reads {network}", hint
                )


@condition_rule
def fence_and_endpoints(s: WrittenStatement) -> Iterator[Finding]:
    """
    A Deny outside some networks also denies what comes through a VPC endpoint. Only a note.

    There aws:SourceIp is absent and `NotIpAddress` holds: safe, and possibly intended. AWS shows
    this form, and one that spares aws:ViaAWSService; neither is a fault. Source: "AWS: Denies
    access to AWS based on the source IP".
    """
    fences = [t for t in s.tests if t.name == "notipaddress" and t.key in SOURCE_IP_KEYS]
    unaware = s.effect == "Deny" and fences and s.keys.isdisjoint(ENDPOINT_KEYS)
    if unaware and s.may_lack(SOURCE_IP_KEYS):
        said = f"{fences[0].said} also denies requests through VPC endpoints"
        hint = 'If you use them, add "StringNotEqualsIfExists": {"aws:SourceVpc": "vpc-…"}'
        yield Finding("info", said, hint)


@rule
def redundant(s: WrittenStatement) -> Iterator[Finding]:
    """
    A statement that another one of the same policy makes superfluous.

    Repeated, or within another that has the same condition or none; medium if an Allow's condition
    is pointless for that reason. Of two that say the same the later is named. Errs towards silence.
    """
    for other in s.siblings if s.effect in ("Allow", "Deny") else ():
        earlier = other.number < s.number
        if other is s or other.effect != s.effect:
            continue
        if earlier and other.about == s.about and other.content == s.content:
            yield Finding("low", f"Repeats {other}", "Remove one of them")
            return
        if not s.trust and _within(s, other) and (earlier or not _within(other, s)):
            pointless = bool(s.conditions and not other.conditions and s.effect == "Allow")
            said = f"Has no additional effect: {other} covers its actions and resources"
            said += " whether or not its condition holds" if pointless else ""
            hint = "Remove it, or restrict the other statement"
            yield Finding("medium" if pointless else "low", said, hint)
            return


def _within(s: WrittenStatement, other: WrittenStatement) -> bool:
    """Whether `other` applies wherever `s` does. Errs towards no."""
    return (not other.conditions or other.conditions == s.conditions) and other.spans(s)


@rule
def allow_all_but(s: WrittenStatement) -> Iterator[Finding]:
    """
    An Allow with NotAction or NotResource allows everything that is not listed.

    NotAction gives each service that AWS will launch, NotResource other accounts' resources too.
    Source: "IAM JSON policy elements: NotAction", and "NotResource".
    """
    if s.effect == "Allow" and s.not_actions:
        said = f"Allow with NotAction gives every action except {_some(s.not_actions)}"
        yield Finding(
            "medium",
            f"{said}, and every action of new services",
            "List the actions that are needed under Action",
        )
    if s.effect == "Allow" and s.not_resources:
        said = f"Allow with NotResource gives every resource except {_some(s.not_resources)}"
        yield Finding("medium", said, "List the resources that are needed under Resource")


@rule
def star_with_others(s: WrittenStatement) -> Iterator[Finding]:
    """
    `*` among other resources, which therefore limit nothing.

    Source: "IAM JSON policy elements: Resource".
    """
    others = [text for text in s.resources if text != "*"]
    if s.any_resource and others:
        said = f'Resource lists "*", so {_some(others)} has no effect'
        yield Finding("low", said, 'Remove "*", or all other entries')


@rule
def variables_in_old_version(s: WrittenStatement) -> Iterator[Finding]:
    """
    Policy variables in a policy without Version 2012-10-17 are ordinary text.

    "${aws:username}" is then a user of that very name, who does not exist. Source: "IAM JSON policy
    elements: Version", and "Variables and tags".
    """
    if s.version == VERSION:
        return
    texts = (*s.resources, *s.not_resources, *(v for test in s.tests for v in test.values))
    if found := [text for text in texts if "${" in text]:
        said = f"Without Version {VERSION} the variable in {quoted(found[0])} is ordinary text"
        yield Finding("high", said, f'Write "Version": "{VERSION}"')


@rule
def not_principal(s: WrittenStatement) -> Iterator[Finding]:
    """
    An Allow with NotPrincipal trusts everyone else, anonymous callers and other accounts included.

    Source: "AWS JSON policy elements: NotPrincipal".
    """
    if s.effect == "Allow" and s.trust and "NotPrincipal" in s.written:
        said = "Allow with NotPrincipal trusts everyone except those that it names"
        yield Finding("high", said, "Name the trusted principals under Principal")


def _instead(close: str | None) -> str:
    return f"Did you mean {quoted(close)}?" if close else "Correct it or remove it"


def _some(texts: list[str]) -> str:
    return few(map(quoted, texts), 3)
