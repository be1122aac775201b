"""What lint rules look up: actions, condition keys and resource types of AWS."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import NamedTuple

from iamkit.reference import Bits, Catalog, lint_facts


class Actions(NamedTuple):
    """The actions that one of the patterns covers; negated: all others."""

    patterns: tuple[str, ...]
    negated: bool


class Lookup:
    """What rules look up: the listed actions, and those that policies name besides."""

    def __init__(self, catalog: Catalog, patterns: Iterable[str]) -> None:
        self.listed = Catalog(catalog.listed, catalog.source, catalog.note)
        self.named = self.listed.including(patterns)
        known = lint_facts()
        self.global_keys = {key.lower(): key for key in known["global_keys"].split()}
        self.dangerous = self.listed.bits(known["dangerous"].split())
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


def like(word: str, known: Mapping[str, str], least: float = 0.7) -> str | None:
    """What `known` says of its key most like `word`, if one is like it."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=least)
    return known[close[0]] if close else None
