"""
What the conditions of a trust entry compare each key with, and the values that they tell apart.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Variables and tags".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from iamkit.arns import account_of, arn_parts
from iamkit.policy import UNKNOWN, KeyTest, Network, Pattern, cidr
from iamkit.trust.trust_policy import TrustEntry
from iamkit.trust.value_classes import NAMES, Form, classes, glob, text
from iamkit.values import as_dict

_ACCOUNT: Final = re.compile(r"(?<![0-9A-Za-z])\d{12}(?![0-9A-Za-z])")
_VARIABLE: Final = re.compile(r"\$\{(?![*?$]\})[^{}]*\}")
_ACCOUNT_KEYS: Final = frozenset(
    f"aws:{each}"
    for each in (
        *("principalaccount", "principalarn", "userid", "sourceaccount", "sourcearn"),
        *("vpceaccount", "sourcevpcarn"),
    )
)
_PART: Final = NAMES | {"/", "*", "~"}  # of an ARN, between two colons

# Addresses that a stranger may have of a class: a /12 of IPv4 or more, more than a /32 of IPv6.
_ENOUGH: Final = {4: 2**20, 6: 2**96 + 1}
_ROUTED: Final = {
    4: (
        *(("1.0.0.0", "9.255.255.255"), ("11.0.0.0", "100.63.255.255")),
        *(("100.128.0.0", "126.255.255.255"), ("128.0.0.0", "169.253.255.255")),
        *(("169.255.0.0", "172.15.255.255"), ("172.32.0.0", "192.167.255.255")),
        ("192.169.0.0", "223.255.255.255"),
    ),
    6: (("2000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),),
}


@dataclass(frozen=True)
class KeyTests:
    """The tests of an entry's Condition, and of the denials that may be about a stranger."""

    tests: Mapping[str, Sequence[KeyTest]]  # by key, in lower case
    spared: frozenset[str]  # accounts that a NotPrincipal of a denial names

    @classmethod
    def of(cls, entry: TrustEntry) -> KeyTests:
        """Collect the tests that decide on the callers of an entry."""
        found: dict[str, list[KeyTest]] = {}
        about = [each for each in entry.denials if entry.actions & each.actions]
        for condition in (entry.condition, *(each.condition for each in about)):
            for operator, block in as_dict(condition).items():
                for key, raw in as_dict(block).items():
                    found.setdefault(key.lower(), []).append(KeyTest.of(operator, key, raw))
        spared = {
            principal.account_id
            for each in about
            if each.negated
            for principal in each.principals
            if principal.account_id is not None
        }
        return cls(found, frozenset(spared))

    @cached_property
    def accounts(self) -> frozenset[str]:
        """Accounts that are written out in conditions, or spared by a denial."""
        return self.spared | {
            number
            for key in _ACCOUNT_KEYS
            for test in self.tests.get(key, ())
            for value in test.values
            for number in _ACCOUNT.findall(value)
        }

    def plain(self, key: str) -> list[str]:
        """The values of a key, as written."""
        return [value for test in self.tests.get(key, ()) for value in test.values]

    def forms(
        self,
        key: str,
        run: frozenset[str] | None = None,
        besides: frozenset[str] = frozenset(),
    ) -> list[Form]:
        """
        What the tests of a key match, each value a form; wildcards stand for characters of `run`.

        A value that names one of the accounts `besides` is left out: it matches no other's.
        """
        found: dict[Form, None] = {}
        for test in self.tests.get(key, ()):
            for value in test.values:
                if besides and account_of(value) in besides:
                    continue
                found[_form(test, value, run)] = None
                if "ignorecase" in test.name:
                    found[_form(test, value.lower(), run)] = None
        return list(found)

    def written(self, key: str) -> list[tuple[KeyTest, str, str]]:
        """
        Each value of a key's tests, as written and as a pattern.

        Wildcards of operators that know none are ordinary characters, for which _ stands.
        """
        return [
            (test, value, value if _globs(test) else re.sub(r"[*?]", "_", value))
            for test in self.tests.get(key, ())
            for value in test.values
        ]

    def only(self, key: str, wanted: Callable[[str], bool]) -> list[Form]:
        """What those values of a key match, each a form, whose pattern is `wanted`."""
        found = [(test, value) for test, value, pattern in self.written(key) if wanted(pattern)]
        lower = [(test, value.lower()) for test, value in found if "ignorecase" in test.name]
        return [_form(test, value, None) for test, value in (*found, *lower)]

    def values(
        self,
        key: str,
        form: Form,
        further: Iterable[Form] = (),
        taken: frozenset[str] = frozenset(),
        named: Sequence[Form] = (),
    ) -> list[Any]:
        """
        Return a value of a form for each class that the tests of a key, and `further`, tell apart.

        Values with an account that is `taken`, and values of the forms `named`, are left out. Where
        there are too many classes the value may also be any, which is unknown.
        """
        shut = set(named)
        written = {each for each in map(_plain, shut) if each is not None}
        patterns = tuple(
            each
            for each in dict.fromkeys((*self.forms(key, besides=taken), *further))
            if each not in shut
        )
        excluded = tuple(each for each in dict.fromkeys(named) if _plain(each) is None)
        # What is written out is left out afterwards, as long lists of it would take long to follow.
        for _ in range(3):
            found = classes(form, patterns, excluded)
            owned = {each for value in found.examples if (each := account_of(value)) in taken}
            again = written.intersection(found.examples)
            if not owned and not again:
                break
            excluded += tuple((*glob("*"), *text(each), *glob("*")) for each in sorted(owned))
            excluded += tuple(text(each) for each in sorted(again))
        kept = [
            each for each in found.examples if account_of(each) not in taken and each not in written
        ]
        return kept if found.complete else [*kept, UNKNOWN]

    def named_resources(self, key: str) -> list[Form]:
        """Forms of resources whose ARN has no account and is written out to the resource's name."""
        found: list[Form] = []
        for value in self.plain(key):
            parts = arn_parts(value)
            if not parts or parts[4]:
                continue
            start = re.split(r"[*?]|\$\{", parts[5], maxsplit=1)[0]
            names = [each for each in start.split("/") if each]
            whole = start == parts[5]
            complete = len(names) if whole else len(names) - (not start.endswith("/"))
            if complete >= (1 if parts[2] == "s3" else 2) or whole:
                found.append(_arn_form(value))
        return found

    def addresses(self, key: str, *, anywhere: bool = False) -> list[Any]:
        """
        Return one address for each class of addresses that a stranger can have.

        `anywhere`: each class counts, however few its addresses: within a VPC the caller chooses
        its address.
        """
        lists = [cidr.parse_networks(test.values) for test in self.tests.get(key, ())]
        first: dict[tuple[int, tuple[bool, ...]], str] = {}
        size: dict[tuple[int, tuple[bool, ...]], int] = {}
        for version, bits in ((4, 32), (6, 128)):
            for low, high in _pieces(lists, version, bits, anywhere=anywhere):
                address = cidr.address(version, low)
                one = ipaddress.ip_address(address)
                kind = version, tuple(any(one in each for each in nets) for nets in lists)
                first.setdefault(kind, address)
                size[kind] = size.get(kind, 0) + high - low + 1
        found = [at for kind, at in first.items() if anywhere or size[kind] >= _ENOUGH[kind[0]]]
        return [*found, *([UNKNOWN] if self._compared_as_text(key) else [])]

    def _compared_as_text(self, key: str) -> bool:
        """Whether a test compares addresses as text with a pattern of less than two parts."""
        return any(
            "like" in test.name and Pattern(value).start.count(".") + value.count("::") < 2
            for test in self.tests.get(key, ())
            for value in test.values
        )


def _pieces(
    lists: Iterable[Sequence[Network]], version: int, bits: int, *, anywhere: bool
) -> list[tuple[int, int]]:
    """The ranges of addresses, as numbers, into which the networks of one IP version cut them."""
    ranges = (
        [(0, 2**bits - 1)]
        if anywhere
        else [
            (int(ipaddress.ip_address(low)), int(ipaddress.ip_address(high)))
            for low, high in _ROUTED[version]
        ]
    )
    nets = [each for networks in lists for each in networks if each.version == version]
    cuts = {int(each[0]) for each in nets} | {int(each[-1]) + 1 for each in nets}
    found: list[tuple[int, int]] = []
    for low, high in ranges:
        inside = sorted({low, *(cut for cut in cuts if low < cut <= high)})
        ends = [*(start - 1 for start in inside[1:]), high]
        found += zip(inside, ends, strict=True)
    return found


def _plain(form: Form) -> str | None:
    """The one text that a form has, if it is one."""
    if any(piece.many or piece.chars is None or len(piece.chars) > 1 for piece in form):
        return None
    return "".join(char for piece in form for char in piece.chars or ())


def _globs(test: KeyTest) -> bool:
    """Whether the values of a test are patterns."""
    return test.name.startswith("arn") or "like" in test.name


def _form(test: KeyTest, value: str, run: frozenset[str] | None) -> Form:
    """What one value of a test matches, whatever the variables in it are."""
    if test.name.startswith("arn"):
        return _arn_form(_VARIABLE.sub("*", value))
    if "like" in test.name:
        return glob(_VARIABLE.sub("*", value), run)
    parts = _VARIABLE.split(value)
    return tuple(
        piece
        for at, part in enumerate(parts)
        for piece in ((*glob("*", run), *text(part)) if at else text(part))
    )


def _arn_form(value: str) -> Form:
    """What an ARN pattern matches: no wildcard stands for a colon before the resource."""
    parts = arn_parts(value)
    if not parts:
        return glob(value)
    first = (piece for part in parts[:5] for piece in (*glob(part, _PART), *text(":")))
    return (*first, *glob(parts[5]))
