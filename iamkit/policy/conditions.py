"""
A statement's Condition in the context of a request: true, false, or unknown.

Unknown is Kleene's third value: an answer is known only if every value that an unknown key may
have, or its absence, leads to it. So `evaluate(...) is True` errs towards not matching, and
`evaluate(...) is not False` towards matching. Keys are evaluated one by one: two tests of the same
unknown key that exclude each other stay unknown.

Blocks, and keys within a block, are ANDed; values of one key are ORed, and for a negated operator
none may match. What is malformed makes the whole condition false, so the statement does not apply:
an Allow then errs towards denied, a Deny towards allowed, and `problems` says so.

Where AWS's documentation is silent or contradicts itself, the answer is unknown:

- a plain operator on a key with several values, unless all of them give the same answer;
- `ForAnyValue:...IfExists` on an absent key, which one page calls true and another false;
- a negated operator whose value needs an absent variable, which "might" void the statement;
- `Null` on a key whose value is an empty string; an ARN pattern that is a bare `*`.

Operator names are read in any case, although IAM refuses to save `stringEquals`.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Conditions with multiple
context keys or values", "Single-valued vs. multivalued context keys", "Variables and tags", and
"IAM policy validation check reference" (empty arrays, Null with qualifier, IP ranges).
"""

from __future__ import annotations

import base64
import difflib
import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

from iamkit.policy.cidr import matches_address, network
from iamkit.policy.context import ABSENT, UNKNOWN, Mark, RequestContext, Value, value_text
from iamkit.policy.patterns import Pattern, resolve, variable_keys, variables_in
from iamkit.values import as_dict, listed

Truth: TypeAlias = bool | None


"""True, False, or None for unknown. Ask `is True` or `is not False`, never `not`."""


def _number(text: str) -> Decimal | None:
    return Decimal(text) if re.fullmatch(r"[+-]?\d+(\.\d+)?", text, re.ASCII) else None


_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)


@lru_cache(maxsize=4096)
def _date(text: str) -> Decimal | None:
    """Seconds since 1970. Four digits are a year, more are seconds; without a zone it is UTC."""
    found = _DATE.fullmatch(text)
    if found is None:
        return _number(text)
    year, month, day, time, zone = found.groups()
    try:
        moment = datetime.fromisoformat(
            f"{year}-{month or '01'}-{day or '01'}T{time or '00:00'}{zone or 'Z'}"
        )
    except ValueError:
        return None
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return Decimal(microseconds).scaleb(-6)


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _binary(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _like(actual: str, wanted: Pattern) -> bool:
    return wanted.matches(actual)


def _arn_like(actual: str, wanted: Pattern) -> Truth:
    patterns, parts = wanted.arn_parts, actual.split(":", 5)
    if len(patterns) < 6:
        return None  # a bare *, or what a variable's value made of it
    return len(parts) == 6 and all(
        pattern.matches(part) for pattern, part in zip(patterns, parts, strict=True)
    )


@dataclass(frozen=True)
class _Operator:
    """
    How one operator compares. `read` makes of text what `compare` takes, None if it cannot.

    With `globs` the policy's value is a `Pattern` instead, and `read` only says if it may be one.
    """

    name: str
    wants: str
    read: Callable[[str], Any]
    compare: Callable[[Any, Any], Truth]
    negated: bool = False
    variables: bool = False
    globs: bool = False


def _any_arn(text: str) -> str | None:
    """The text if it can be an ARN pattern; a variable may stand for what it lacks."""
    return text if text.count(":") >= 5 or not text.strip("*") or "${" in text else None


def _operators() -> Iterable[_Operator]:
    arns = "an ARN of six parts"
    dates, ranges = "a date in ISO 8601 or in seconds since 1970", "an IP address or CIDR range"
    truths = "true or false"
    yield _Operator("Bool", truths, _boolean, operator.eq, variables=True)
    yield _Operator("Null", truths, _boolean, operator.eq)
    yield _Operator("BinaryEquals", "base64 text", _binary, operator.eq)
    for negated, no in ((False, ""), (True, "Not")):
        text = partial(_Operator, wants="text", variables=True, negated=negated)
        yield text(f"String{no}Equals", read=str, compare=operator.eq)
        yield text(f"String{no}EqualsIgnoreCase", read=str.lower, compare=operator.eq)
        yield text(f"String{no}Like", read=str, compare=_like, globs=True)
        for equals in ("Equals", "Like"):
            yield _Operator(f"Arn{no}{equals}", arns, _any_arn, _arn_like, negated, True, True)
        yield _Operator(f"{no}IpAddress", ranges, network, matches_address, negated)
    for family, wants, read in (("Numeric", "a number", _number), ("Date", dates, _date)):
        yield _Operator(f"{family}Equals", wants, read, operator.eq)
        yield _Operator(f"{family}NotEquals", wants, read, operator.eq, negated=True)
        yield _Operator(f"{family}LessThan", wants, read, operator.lt)
        yield _Operator(f"{family}LessThanEquals", wants, read, operator.le)
        yield _Operator(f"{family}GreaterThan", wants, read, operator.gt)
        yield _Operator(f"{family}GreaterThanEquals", wants, read, operator.ge)


_OPERATORS: Final = {known.name.lower(): known for known in _operators()}
_QUANTIFIERS: Final = {"": "", "forallvalues": "ForAllValues:", "foranyvalue": "ForAnyValue:"}

# Global keys that can have several values; every other aws: key has one.
# Source: IAM User Guide, "AWS global condition context keys".
_MULTIVALUED: Final = {
    "aws:calledvia", "aws:principalorgpaths", "aws:principalservicenameslist",
    "aws:resourceorgpaths", "aws:sourceorgpaths", "aws:tagkeys", "aws:vpceorgpaths",
}  # fmt: skip


@dataclass(frozen=True)
class _Test:
    """One key of one operator block."""

    written: str  # the operator as its author wrote it
    quantifier: str  # "", "forallvalues" or "foranyvalue"
    how: _Operator
    if_exists: bool
    key: str
    values: tuple[str, ...]
    variables: bool  # the policy's Version and the operator both allow them


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
        values = tuple(text for value in listed(raw) if (text := value_text(value)) is not None)
        alone = {operator: {key: raw}}
        return cls(name, prefix, name != rest, key.lower(), values, f"{operator} {key}", alone)


def key_tests(condition: Any) -> Iterator[KeyTest]:
    """Yield the tests of a Condition element; what cannot be read as one is left out."""
    for written, block in as_dict(condition).items():
        for key, raw in as_dict(block).items():
            yield KeyTest.of(written, key, raw)


@dataclass(frozen=True)
class _Parsed:
    """A condition's tests; what makes it false whatever the request; what else is odd about it."""

    tests: tuple[_Test, ...]
    malformed: tuple[str, ...]
    mistakes: tuple[str, ...]


def condition_key(condition: Any) -> str:
    """Return text that is equal for conditions that are equal, for use as a key of a cache."""
    return json.dumps(condition, sort_keys=True, default=repr) if condition != {} else "{}"


@lru_cache(maxsize=65536)
def _read(condition: str, variables: bool) -> _Parsed:
    tests: list[_Test] = []
    malformed: list[str] = []
    mistakes: list[str] = []
    blocks = json.loads(condition)
    if not isinstance(blocks, dict):
        return _Parsed((), ("Condition is not an object",), ())
    for written, block in blocks.items():
        prefix, _, rest = written.lower().rpartition(":")
        name = rest.removesuffix("ifexists")
        how = _OPERATORS.get(name) if prefix in _QUANTIFIERS else None
        if how is None:
            close = difflib.get_close_matches(name, _OPERATORS, n=1)
            hint = f"; did you mean {_OPERATORS[close[0]].name}?" if close else ""
            malformed.append(f"{written} is not a condition operator{hint}")
        elif how.name == "Null" and name != rest:
            malformed.append(f"{written}: Null takes no IfExists")
        elif not isinstance(block, dict):
            malformed.append(f"{written} holds no object of condition keys")
        else:
            usual = f"{_QUANTIFIERS[prefix]}{how.name}{'' if name == rest else 'IfExists'}"
            if written != usual:
                mistakes.append(f"{written}: IAM writes it {usual}")
            resolved = variables and how.variables
            for key, raw in block.items():
                values = tuple(raw) if isinstance(raw, list) else (raw,)
                texts = tuple(text for value in values if (text := value_text(value)) is not None)
                test = _Test(written, prefix, how, name != rest, key, texts, resolved)
                tests.append(test)
                malformed += _wrong_values(test, values)
                mistakes += _mistakes(test)
    return _Parsed(tuple(tests), tuple(malformed), tuple(mistakes))


def _wrong_values(test: _Test, values: Iterable[Any]) -> Iterable[str]:
    for value in values:
        text = value_text(value)
        resolved_later = test.variables and text is not None and "${" in text
        if text is None or (not resolved_later and test.how.read(text) is None):
            yield f"{test.written} {test.key} wants {test.how.wants}, not {json.dumps(value)}"


def _mistakes(test: _Test) -> Iterable[str]:
    """Yield what is well-formed but cannot be meant."""
    subject, key = f"{test.written} {test.key}", test.key.lower()
    if not test.values:
        yield f"{subject} lists no value"
    if test.quantifier and test.how.name == "Null":
        yield f"{subject} is always {str(test.quantifier == 'forallvalues').lower()}"
    elif test.quantifier and key.startswith("aws:") and key not in _MULTIVALUED:
        yield f"{subject}: the key has one value, so a set operator only changes what absence means"
    elif not test.quantifier and key in _MULTIVALUED and test.how.name != "Null":
        yield f"{subject}: the key can have several values and needs ForAllValues or ForAnyValue"
    for value in test.values:
        if test.how.read is _any_arn and ":" not in value:
            yield f"{subject} wants {test.how.wants}, not {json.dumps(value)}"
        if "${" in value and not test.variables:
            yield f"{subject}: {json.dumps(value)} is not read as a policy variable here"
        elif re.search(r"\$\{(?![^{}]*\})", value):
            yield f"{subject}: a variable in {json.dumps(value)} is not closed"


def problems(condition: Any, *, variables: bool = True) -> list[str]:
    """
    Return what is wrong with a condition, in words: first what makes it false in every request.

    Well-formed but odd things follow: no values, a set operator on a global key with one value or
    none on one with several, a variable where AWS reads none. Whether `ForAllValues` needs a `Null`
    check beside it depends on the statement's Effect and is not examined here.

    >>> problems({"Bool": {"aws:MultiFactorAuthPresent": "yes"}})
    ['Bool aws:MultiFactorAuthPresent wants true or false, not "yes"']
    """
    parsed = _read(condition_key(condition), variables)
    return [*parsed.malformed, *parsed.mistakes]


def keys(condition: Any) -> set[str]:
    """Return the condition keys, in lower case, that it tests or takes variables from."""
    found: set[str] = set()
    for block in condition.values() if isinstance(condition, Mapping) else ():
        for key, values in block.items() if isinstance(block, Mapping) else ():
            found.add(key.lower())
            for value in values if isinstance(values, list) else [values]:
                found |= variable_keys(value) if isinstance(value, str) else set()
    return found


def evaluate(condition: Any, context: RequestContext, *, variables: bool = True) -> Truth:
    """
    Return whether a Condition element holds in a context: True, False, or None for unknown.

    `{}` is True, and anything malformed False. `variables` is False for policies of another Version
    than 2012-10-17.

    >>> absent = RequestContext({})
    >>> evaluate({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, absent)
    False
    >>> evaluate({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, absent)
    True
    """
    parsed = _read(condition_key(condition), variables)
    if parsed.malformed:
        return False
    return _all(_answer(test, context) for test in parsed.tests)


def explain(condition: Any, context: RequestContext, *, variables: bool = True) -> str:
    """
    Return the answer of `evaluate` in words, naming each key that decides.

    >>> explain({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, RequestContext({}))
    'condition false: aws:MultiFactorAuthPresent is absent and Bool wants a value'
    """
    parsed = _read(condition_key(condition), variables)
    if parsed.malformed:
        return f"condition false, as it is malformed: {'; '.join(parsed.malformed)}"
    answers = [(test, _answer(test, context)) for test in parsed.tests]
    refusing = [_refusal(test, context) for test, truth in answers if truth is False]
    if refusing:
        return f"condition false: {'; '.join(refusing)}"
    doubts = [_doubt(test, context) for test, truth in answers if truth is None]
    if doubts:
        return f"condition unknown: {', '.join(dict.fromkeys(doubts))}"
    return "condition true" if answers else "no condition"


def _all(truths: Iterable[Truth]) -> Truth:
    given = set(truths)
    return False if False in given else None if None in given else True


def _any(truths: Iterable[Truth]) -> Truth:
    given = set(truths)
    return True if True in given else None if None in given else False


def _agreed(truths: Iterable[Truth]) -> Truth:
    """The one answer that all give; unknown if they differ."""
    given = set(truths)
    return given.pop() if len(given) == 1 else None


def _answer(test: _Test, context: RequestContext) -> Truth:
    actual = context.get(test.key)
    if test.how.name == "Null":
        return _null(test, actual)
    if test.quantifier == "foranyvalue":
        if_absent: Truth = None if test.if_exists else False
    else:
        if_absent = bool(test.quantifier) or test.if_exists or test.how.negated
    if actual is ABSENT:
        return if_absent
    if actual is UNKNOWN:
        return _agreed([if_absent, _one(test, UNKNOWN, context)])
    texts = (actual,) if isinstance(actual, str) else actual
    truths = [_one(test, text, context) for text in texts]
    if not test.quantifier:
        return _agreed(truths)
    if not any(texts):  # empty strings are an empty set
        return if_absent
    return _any(truths) if test.quantifier == "foranyvalue" else _all(truths)


def _null(test: _Test, actual: Value) -> Truth:
    if test.quantifier:
        return test.quantifier == "forallvalues"
    wanted = {_boolean(value) for value in test.values}
    known = actual is ABSENT or (actual is not UNKNOWN and any(actual))
    return _agreed(absent in wanted for absent in ([actual is ABSENT] if known else [True, False]))


def _one(test: _Test, actual: str | Mark, context: RequestContext) -> Truth:
    """Whether one value of the key, or any value if UNKNOWN, satisfies the operator."""
    matched = _any(_matches(test, value, actual, context) for value in test.values)
    return matched if matched is None else matched is not test.how.negated


def _matches(test: _Test, value: str, actual: str | Mark, context: RequestContext) -> Truth:
    """Whether a value of the policy matches, before negation."""
    how = test.how
    wanted = resolve(value, context, variables=test.variables, wildcards=how.globs)
    if wanted is None:
        return None if how.negated else False
    if isinstance(wanted, Mark):
        return None
    if isinstance(actual, Mark):
        return True if how.compare is _like and wanted.everything else None
    if how.globs:
        return how.compare(actual, wanted)
    left, right = how.read(actual), how.read(wanted.plain or "")
    return left is not None and right is not None and how.compare(left, right)


def _refusal(test: _Test, context: RequestContext) -> str:
    if not test.values or (test.quantifier and test.how.name == "Null"):
        wants = "nothing that it could be"
    elif test.how.name == "Null":
        wants = "it absent" if _boolean(test.values[0]) else "it present"
    elif context.get(test.key) is ABSENT:
        wants = "a value"
    elif test.how.negated:
        wants = f"{'none of' if len(test.values) > 1 else 'anything but'} {_in_words(test.values)}"
    else:
        wants = _in_words(test.values)
    return f"{_state(test.key, context)} and {test.written} wants {wants}{_lacking(test, context)}"


def _doubt(test: _Test, context: RequestContext) -> str:
    unsure = dict.fromkeys([test.key, *_variables(test)])
    unknown = ", ".join(key for key in unsure if context.get(key) is UNKNOWN)
    said = f"{_state(test.key, context)} and AWS does not say what {test.written} makes of it"
    return unknown or said + _lacking(test, context)


def _lacking(test: _Test, context: RequestContext) -> str:
    absent = [name for name in _variables(test) if context.get(name) is ABSENT]
    return f" (absent: {', '.join(absent)})" if absent else ""


def _variables(test: _Test) -> list[str]:
    found = (name for value in test.values for name, _ in variables_in(value))
    return list(dict.fromkeys(found)) if test.variables else []


def _state(key: str, context: RequestContext) -> str:
    value = context.get(key)
    if isinstance(value, Mark):
        return f"{key} is {value.value}"
    return f"{key} is {(value if isinstance(value, str) else ', '.join(value)) or 'empty'}"


def _in_words(values: Sequence[str]) -> str:
    """Return up to four values in words; more are counted."""
    shown = list(values if len(values) <= 4 else [*values[:3], f"one of {len(values) - 3} others"])
    return " or ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
