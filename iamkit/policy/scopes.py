"""The resources that statements are about, compared: which covers which, and which are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from iamkit.policy.patterns import Pattern


@dataclass(frozen=True)
class Scope:
    """The resources that one statement covers: those of any pattern, or all others."""

    patterns: tuple[Pattern, ...]
    negated: bool = False

    @property
    def everything(self) -> bool:
        """It covers every resource."""
        if self.negated:
            return not self.patterns
        return any(pattern.everything for pattern in self.patterns)

    def holds(self, resource: str) -> bool:
        """Whether it covers a resource."""
        return any(pattern.matches(resource) for pattern in self.patterns) != self.negated


ALL: Final = Scope((), negated=True)
Scopes: TypeAlias = frozenset[Scope]  # resources that all of these cover; empty: every resource


@lru_cache(maxsize=65536)
def covers(wide: Scope, narrow: Scope) -> bool:
    """Whether `wide` covers all that `narrow` covers. Errs towards False."""
    if wide.everything:
        return True
    if wide.negated and narrow.negated:
        return _each_covered(wide.patterns, narrow.patterns)
    if wide.negated:
        return not any(out.overlaps(p) for out in wide.patterns for p in narrow.patterns)
    return not narrow.negated and _each_covered(narrow.patterns, wide.patterns)


@lru_cache(maxsize=65536)
def apart(one: Scope, other: Scope) -> bool:
    """Whether no resource is in both. Errs towards False."""
    if one.negated and other.negated:
        return False
    if one.negated or other.negated:
        out, within = (one, other) if one.negated else (other, one)
        return _each_covered(within.patterns, out.patterns)
    return not any(p.overlaps(q) for p in one.patterns for q in other.patterns)


def _each_covered(narrow: Sequence[Pattern], wide: Sequence[Pattern]) -> bool:
    return all(any(each.covers(pattern) for each in wide) for pattern in narrow)


@lru_cache(maxsize=65536)
def witnesses(scopes: Scopes) -> tuple[str, ...]:
    """
    A few resources that all the scopes cover; none if none is found, which errs towards denied.

    Wildcards are filled in three ways, so that a deny on some resources leaves one of them.
    """
    patterns = [p for scope in scopes if not scope.negated for p in scope.patterns[:8]]
    found = (
        pattern.filled(run, "~")
        for pattern in patterns or [Pattern("*")]
        for run in ("iamkit~witness", "", "~/~:~")
    )
    held = (resource for resource in found if all(scope.holds(resource) for scope in scopes))
    return tuple(dict.fromkeys(held))[:12]
