"""
The values that a principal's policies tell apart, key by key: which requests have to be tried.

Two values of a condition key that give every test of every statement the same answer are one class,
and one value of each class is enough. Of the keys that a caller chooses every class is tried, of a
network or a VPC endpoint every part that the policies tell apart, of an MFA session every age. A
key of which nothing is said here stays unknown: it counts as possibly allowed, but not as certainly
allowed. A key that a policy variable takes its value from stays unknown too.

Source: IAM User Guide, "AWS global condition context keys"; STS API Reference, GetSessionToken (a
session lasts 36 hours at most, and its MFA is as old as the caller likes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from iamkit.policy import (
    ABSENT,
    KeyTest,
    Pattern,
    RequestContext,
    Statement,
    Value,
    conditions,
    resolve,
    variable_keys,
)

Values = tuple[Value, ...]

TIMES: Final = ("aws:currenttime", "aws:epochtime", "aws:tokenissuetime")
AGE: Final = "aws:multifactorauthage"
REGION: Final = "aws:requestedregion"
LONGEST_SESSION: Final = 36 * 3600  # seconds

# Keys of every request that its caller chooses, and values to begin with.
_TEXTS: Final = ("aws:useragent", "aws:referer")
_TRUTHS: Final = ("aws:securetransport",)
CHOSEN: Final = (REGION, *_TEXTS, *_TRUTHS)
CHOSEN_NAMES: Final = (
    *("aws:RequestedRegion", "aws:UserAgent", "aws:Referer", "aws:SecureTransport"),
    *("aws:CurrentTime", "aws:EpochTime", "aws:ResourceAccount", "aws:ResourceOrgID"),
)  # as AWS writes them

# Region names as of 2026; the first serves IAM. One that a policy names is tried beside them.
# Source: AWS General Reference, "AWS service endpoints".
_REGIONS: Final = {
    "aws": (
        *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "af-south-1", "ap-east-1"),
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2"),
        *("ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4"),
        *("ap-southeast-5", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1"),
        *("eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2"),
        *("eu-west-3", "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1"),
    ),
    "aws-cn": ("cn-north-1", "cn-northwest-1"),
    "aws-us-gov": ("us-gov-west-1", "us-gov-east-1"),
}

HOME_REGIONS: Final = frozenset(names[0] for names in _REGIONS.values())  # that serve IAM


class ConditionTest(NamedTuple):
    """A test of a key, and whether its policy's Version has variables."""

    test: KeyTest
    variables: bool


class Tests:
    """The tests of the layers that bind a principal, by condition key in lower case."""

    def __init__(self, statements: Iterable[Statement], further: Iterable[Any] = ()) -> None:
        """Read them; `further` are Condition elements that count too, such as trust policies'."""
        self.of: dict[str, list[ConditionTest]] = {}
        self.variables: set[str] = set()  # keys that policy variables take their values from
        for statement in statements:
            self._read(statement.tests, variables=statement.variables)
            self.variables.update(statement.resource_keys)
        for condition in further:
            self._read(conditions.key_tests(condition), variables=True)

    def _read(self, tests: Iterable[KeyTest], *, variables: bool) -> None:
        for test in tests:
            self.of.setdefault(test.key, []).append(ConditionTest(test, variables))
            if variables:
                self.variables.update(*map(variable_keys, test.values))

    def taken_from(self, keys: Iterable[str]) -> tuple[str, ...]:
        """The keys that variables in tests of some keys take their values from, sorted."""
        values = (
            text for key in keys for each in self.of.get(key, ()) for text in each.test.values
        )
        return tuple(sorted(frozenset().union(*map(variable_keys, values))))

    def told_apart(self, keys: Iterable[str]) -> list[str]:
        """The keys whose classes can be found: tested, and no policy variable's."""
        return [key for key in keys if key in self.of and key not in self.variables]

    def named(self, key: str, known: RequestContext) -> list[tuple[Pattern, str]]:
        """The values that tests of a key name, with the operator's name in lower case."""
        found = []
        for test, variables in self.of.get(key, ()):
            globs = "like" in test.name or test.name.startswith("arn")
            for text in test.values:
                pattern = resolve(text, known, variables=variables, wildcards=globs)
                if isinstance(pattern, Pattern):
                    found.append((pattern, test.name))
        return found

    def plain(self, key: str, known: RequestContext) -> list[str]:
        """The values without wildcards that tests of a key name."""
        texts = (pattern.plain for pattern, _ in self.named(key, known))
        return [text for text in texts if text is not None]

    def classes(
        self, candidates: Iterable[Mapping[str, Value]], known: RequestContext
    ) -> list[Mapping[str, Value]]:
        """Of some values of some keys, the first of each class."""
        found: dict[Any, Mapping[str, Value]] = {}
        for values in candidates:
            context = known.but(values)
            answers = tuple(
                conditions.evaluate(test.alone, context, variables=variables)
                for key in values
                for test, variables in self.of.get(key, ())
            )
            found.setdefault(answers, values)
        return list(found.values())


@dataclass(frozen=True)
class Moment:
    """When a request is made, and when the session that signs it began; seconds since 1970."""

    now: int
    issued: int

    @property
    def keys(self) -> Mapping[str, Value]:
        """The condition keys that say so."""
        return {
            "aws:currenttime": _written(self.now),
            "aws:epochtime": str(self.now),
            "aws:tokenissuetime": _written(self.issued),
        }


def moments(tests: Tests, known: RequestContext, as_of: datetime) -> list[Mapping[str, Value]]:
    """
    When a caller may come: now or, because a caller can wait, later; with a new session or an old
    one.

    A dict of `TIMES` per class. The first is now, with a new session.
    """
    now = int(as_of.timestamp())
    if not tests.told_apart(TIMES):
        return [Moment(now, now).keys]
    named = {
        second
        for key in TIMES
        for text in tests.plain(key, known)
        if (at := _seconds(text)) is not None
        for second in (at - 1, at, at + 1)
    }
    later = [now, *sorted(each for each in named if each > now)]
    return tests.classes(
        (
            Moment(at, issued).keys
            for at in later
            for issued in (at, *(each for each in named if at - LONGEST_SESSION <= each < at))
        ),
        known,
    )


def ages(tests: Tests, known: RequestContext) -> list[Value]:
    """How long ago the MFA of a session may have been: a minute, or what a policy tells apart."""
    named = {int(float(text)) for text in tests.plain(AGE, known) if _number(text)}
    near = {each + more for each in named for more in (-1, 0, 1)} | {0, LONGEST_SESSION}
    tried = ["60", *(str(each) for each in sorted(near) if 0 <= each <= LONGEST_SESSION)]
    return [each[AGE] for each in tests.classes(({AGE: age} for age in tried), known)]


def chosen(tests: Tests, key: str, known: RequestContext, partition: str) -> list[Value]:
    """The classes of a key of `CHOSEN`."""
    candidates: list[Value]
    if key in _TRUTHS:
        candidates = ["true", "false"]
    elif key == REGION:
        regions = _REGIONS.get(partition, _REGIONS["aws"])
        shape = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
        named = (text for text in tests.plain(key, known) if shape.fullmatch(text))
        candidates = [*regions, *named]
    else:
        patterns = [pattern for pattern, _ in tests.named(key, known)]
        candidates = ["iamkit", ABSENT, *(each.filled("iamkit", "~") for each in patterns)]
    return [each[key] for each in tests.classes(({key: value} for value in candidates), known)]


def _number(text: str) -> bool:
    return re.fullmatch(r"\d{1,9}(\.\d+)?", text, re.ASCII) is not None


def _written(seconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(text: str) -> int | None:
    """Seconds since 1970 of a date as a policy writes it; None if it is none, or far away."""
    if re.fullmatch(r"\d{5,11}", text, re.ASCII):
        return int(text)
    try:
        moment = datetime.fromisoformat(text if len(text) > 4 else f"{text}-01-01")
    except ValueError:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    found = int(zoned.timestamp())
    return found if 0 < found < 32503680000 else None  # the year 3000


# ── VPC endpoints ──────────────────────────────────────────────────────────────────────────────

_FOREIGN_ID: Final = "0f1e2d3c4b5a69788"
FOREIGN_ACCOUNT: Final = "000000000000"  # an account of the attacker's own; no real one has it
_FOREIGN_ORGANIZATION: Final = "o-0a1b2c3d4e"
_FOREIGN: Final[Mapping[str, Value]] = {
    "aws:sourcevpce": f"vpce-{_FOREIGN_ID}",
    "aws:sourcevpc": f"vpc-{_FOREIGN_ID}",
    "aws:sourcevpcarn": f"arn:aws:ec2:us-east-1:{FOREIGN_ACCOUNT}:vpc/vpc-{_FOREIGN_ID}",
    "aws:vpceaccount": FOREIGN_ACCOUNT,
    "aws:vpceorgid": _FOREIGN_ORGANIZATION,
    "aws:vpceorgpaths": (f"{_FOREIGN_ORGANIZATION}/r-0a1b/",),
}
_IDS: Final = {"aws:sourcevpce": "vpce-", "aws:sourcevpc": "vpc-"}
_MANY: Final = ("aws:vpceorgpaths",)


class EndpointClass(NamedTuple):
    """A value of a key about VPC endpoints, and whether a policy names it as one of its own."""

    value: Value
    named: bool


def endpoint_classes(tests: Tests, key: str, known: RequestContext) -> list[EndpointClass]:
    """
    The classes of a key about VPC endpoints, those of an attacker's own first.

    An id that no policy names matches every `vpce-*`: patterns of ids are filled. An account or an
    organization is nobody's to choose, so a pattern of those counts as named unless it matches any.
    """
    own = [_FOREIGN[key]]
    named = []
    for pattern, _ in tests.named(key, known):
        plain = pattern.plain
        if plain is not None:
            named.append(plain)
        elif key in _IDS:
            own += _ids(pattern, _IDS[key])
        else:
            named.append(pattern.filled("1", "1"))
    both = [EndpointClass(value, named=False) for value in own]
    both += [EndpointClass((text,) if key in _MANY else text, named=True) for text in named]
    kept = tests.classes(({key: each.value} for each in both), known)
    values = [each[key] for each in kept]
    return [next(each for each in both if each.value == value) for value in values]


def _ids(pattern: Pattern, prefix: str) -> list[str]:
    """An id that a pattern matches."""
    fillings = (pattern.filled(run, "0") for run in (_FOREIGN_ID, f"{prefix}{_FOREIGN_ID}", "0"))
    return [text for text in fillings if text.startswith(prefix)][:1]
