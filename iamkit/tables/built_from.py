"""
A table of the account that says, where it is built, what it is built from.

    @built_from(requests.DETAILS.call)
    def trust(self) -> pd.DataFrame: ...

    @built_from("policy_assignments", "trust", definition=MFA_ENFORCEMENT)
    def mfa_enforcement(self) -> pd.DataFrame: ...

The same mechanism serves tables of the evidence, which name AWS calls, and those derived from
others, which name tables. What the evidence for a table lacks follows from these declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, wraps
from typing import Any, TypeVar

from iamkit.errors import SettingsError
from iamkit.progress import working_on
from iamkit.table import Table, own_texts

T = TypeVar("T")


class BuiltFrom(cached_property[T]):
    """
    A property computed once, with the sources that it cannot do without.

    `sources` are AWS calls, such as iam:ListUsers, and names of other tables. `optional` are tables
    that it reads but can do without: without their evidence it says less, but nothing wrong.
    """

    def __init__(
        self,
        build: Callable[[Any], T],
        sources: tuple[str, ...],
        optional: tuple[str, ...],
        definition: Table | None,
    ) -> None:
        super().__init__(_told(build))
        self.sources = sources
        self.optional = optional
        self.definition = definition


def _told(build: Callable[[Any], T]) -> Callable[[Any], T]:
    """Name the table, for who waits, while it is built."""

    @wraps(build)
    def told(account: Any) -> T:
        with working_on(f"account.{build.__name__}"):
            return build(account)

    return told


def built_from(
    *sources: str, optional: tuple[str, ...] = (), definition: Table | None = None
) -> Callable[[Callable[[Any], T]], BuiltFrom[T]]:
    """Make a method a table of the account; see `BuiltFrom`."""

    def decorate(build: Callable[[Any], T]) -> BuiltFrom[T]:
        return BuiltFrom(own_texts(build), sources, optional, definition)

    return decorate


def tables_of(account_class: type) -> dict[str, BuiltFrom[Any]]:
    """What a class and its bases declare under `built_from`, by name; the bases' tables first."""
    return {
        name: value
        for each in reversed(account_class.__mro__)
        for name, value in vars(each).items()
        if isinstance(value, BuiltFrom)
    }


def calls_of(tables: Mapping[str, BuiltFrom[Any]], names: Iterable[str]) -> set[str]:
    """The AWS calls whose answers some tables cannot do without, through all that they need."""
    return {source for source in sources_of(tables, names) if ":" in source}


def sources_of(tables: Mapping[str, BuiltFrom[Any]], names: Iterable[str]) -> set[str]:
    """The AWS calls and tables, these included, that some tables cannot do without."""
    calls: set[str] = set()
    pending, seen = list(names), set()
    while pending:
        name = pending.pop()
        if name not in tables:
            raise SettingsError(
                f"there is no table {name!r}; there are {', '.join(sorted(tables))}"
            )
        seen.add(name)
        for source in tables[name].sources:
            if ":" in source:
                calls.add(source)
            elif source not in seen:
                pending.append(source)
    return calls | seen
