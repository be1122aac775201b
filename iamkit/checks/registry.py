"""
What a check is, and what running checks gives: findings, a result per check, accepted risks.

A check is one function under `@check`: its name is its id, its arguments name the tables it needs,
and it returns a row per thing that is wrong. The decorator says what the rows are counted among.
Nothing else changes when one is added.

A result has four values. *Fail*: something is wrong. *Not assessed*: evidence is missing, or says
too little about some subject, and nothing that was seen is wrong. *Accepted*: all that is wrong,
somebody accepts for now. *Pass* is what remains: everything was seen, and nothing is wrong.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from iamkit.errors import CheckError

SEVERITIES: Final = ("critical", "high", "medium", "low", "info")
Rows = Callable[..., pd.DataFrame]


@dataclass(frozen=True)
class Check:
    """One rule: what it says, what it needs, and the function that finds what breaks it."""

    name: str
    severity: str
    title: str
    among: str
    remedy: str
    source: str
    errs: str
    absence: bool
    find: Rows

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of what it cannot do without; an argument with a default is a help, no need."""
        return needs(self.find)


CHECKS: Final[dict[str, Check]] = {}
POPULATIONS: Final[dict[str, Callable[..., pd.Series[Any]]]] = {}


def check(
    *,
    severity: str,
    title: str,
    among: str,
    remedy: str,
    source: str,
    errs: str = "neither way",
    absence: bool = False,
) -> Callable[[Rows], Rows]:
    """
    Make a function a check.

    The function gets what its arguments name: tables of the account, what is derived from them
    (`permissions`, `policy_grants`, …), `settings`, `as_of` or `account_id`. Where evidence
    for one is missing the check is not assessed, unless the argument has a default. It returns a
    row per thing found: `subject` and `detail`, and, if it likes, `status` (fail unless it says not
    assessed) and `step` (the remedy for this one). It may return any column besides.

    Parameters
    ----------
    severity, title : str
        One of `SEVERITIES`; what is wrong if it fails.
    among : str
        The population that its subjects belong to: see `population`.
    remedy, source : str
        What to do; who asks for it, with the page.
    errs : str
        Which way it errs where it has to guess.
    absence : bool
        It fails because something was *not* found, so missing evidence makes it not assessed
        whatever it returns.

    Raises `CheckError` for an unknown severity, or a name that another check has.
    """

    def register(find: Rows) -> Rows:
        name = find.__name__
        if severity not in SEVERITIES:
            raise CheckError(f"check {name}: severity is one of {', '.join(SEVERITIES)}")
        if name in CHECKS and CHECKS[name].find.__code__ != find.__code__:
            other = CHECKS[name].find.__code__.co_filename
            raise CheckError(f"two checks have the name {name}; the other is in {other}")
        CHECKS[name] = Check(name, severity, title, among, remedy, source, errs, absence, find)
        return find

    return register


def population(name: str) -> Callable[[Callable[..., pd.Series[Any]]], Callable[..., Any]]:
    """Name what checks count among: a function of tables that returns the subjects' ARNs."""

    def register(members: Callable[..., pd.Series[Any]]) -> Callable[..., pd.Series[Any]]:
        POPULATIONS[name] = members
        return members

    return register


def needs(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's arguments that have no default."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(each.name for each in parameters if each.default is each.empty)
