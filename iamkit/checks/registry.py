"""
What a check is, and the list of all checks.

A check is one function under `@check`: its name is its id, its arguments name the tables it needs,
and it returns a row per thing that is wrong. The decorator says what the rows are counted among.
Nothing else changes when one is added.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from iamkit.errors import CheckError

INFO: Final = "info"  # of what is a fact of the account, and neither right nor wrong
SEVERITIES: Final = ("critical", "high", "medium", "low", INFO)
Rows = Callable[..., pd.DataFrame]

# What a check may ask for besides tables.
FACTS: Final = ("account_id", "as_of", "partition", "settings")


class Status:
    """What comes of a check, as the tables say it; a finding has one of the first four."""

    FAIL: Final = "fail"  # something is wrong
    NOT_ASSESSED: Final = "not assessed"  # evidence is missing, and nothing that was seen is wrong
    ACCEPTED: Final = "accepted"  # somebody accepts all that is wrong, for now
    NOTED: Final = "noted"  # a fact worth knowing was found, and nothing is wrong
    NOT_APPLICABLE: Final = "not applicable"  # there is nothing that it could be about
    PASS: Final = "pass"  # noqa: S105 - everything was seen, and nothing is wrong


STATUSES: Final = (
    Status.FAIL,
    Status.NOT_ASSESSED,
    Status.ACCEPTED,
    Status.NOTED,
    Status.NOT_APPLICABLE,
    Status.PASS,
)
EVERYWHERE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class Check:
    """One rule: its texts, the tables that it needs, and the function that finds problems."""

    name: str
    severity: str
    title: str
    among: str
    remedy: str
    source: str
    errs: str
    absence: bool
    find: Rows
    not_in: Mapping[str, str] = field(default_factory=lambda: EVERYWHERE)
    impact: str = ""
    fine: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of what it cannot do without: arguments that have no default."""
        return needs(self.find)

    @property
    def why(self) -> str:
        """What it counts, and why: what its docstring says, without the examples."""
        prose = inspect.cleandoc(self.find.__doc__ or "").partition(">>>")[0].strip()
        return re.sub(r"(?<!\n)\n(?!\n)", " ", prose)


CHECKS: Final[dict[str, Check]] = {}
Members = Callable[..., "pd.Series[Any]"]
POPULATIONS: Final[dict[str, Members]] = {}
OFFERED: Final[set[str]] = set(FACTS)  # the names of all that an account offers to checks


def check(
    *,
    severity: str,
    title: str,
    among: str,
    remedy: str,
    source: str,
    errs: str = "neither way",
    absence: bool = False,
    not_in: Mapping[str, str] = EVERYWHERE,
    impact: str = "",
    fine: str = "",
) -> Callable[[Rows], Rows]:
    """
    Make a function a check.

    The function gets what its arguments name: tables of the account (`credentials`, `permissions`,
    `mfa_enforcement`, …), `settings`, `as_of`, `partition` or `account_id`. It is not called where
    nobody is there that its rows could be about (`among`). Where evidence for one
    is missing the check is not assessed, unless the argument has a default. It returns a row per
    thing found: `subject` (an ARN) and `detail`, and, if it likes, `status` ("fail", the default,
    or "not assessed"), `severity` (that of this one) and `next_step` (the remedy for this one).
    Other columns are ignored. What fails with severity "info" is *noted*: it is shown and counted,
    and no verdict rests on it; `reported_by` names the check that reports a problem of it, if one
    does.

    Parameters
    ----------
    severity, title : str
        One of `SEVERITIES`, of a finding that has none of its own; what is wrong if it fails.
    among : str
        The population that its subjects belong to: see `population`.
    remedy, source : str
        What to do; who asks for it, with the page.
    errs : str
        In which direction it errs if the evidence does not answer the question.
    absence : bool
        It fails because something was *not* found, so with missing evidence it is always not
        assessed.
    not_in : mapping
        Partition of AWS (`aws-us-gov`, `aws-cn`) to why the check has nothing to ask there. If
        nothing fails in such an account, the check is not applicable.
    fine : str
        What is right if it passes, where "Not found:" and the title would say more than the check
        asks, or be hard to read.
    impact : str
        Why it matters, in one or two sentences: what an attacker or an accident does with it. Each
        check of the kit has one.

    Raises `CheckError` for an unknown severity, an argument that no account offers, or a name that
    another check has.
    """

    def register(find: Rows) -> Rows:
        name = find.__name__
        if severity not in SEVERITIES:
            raise CheckError(f"check {name}: severity is one of {', '.join(SEVERITIES)}")
        if name in CHECKS and CHECKS[name].find.__code__ != find.__code__:
            other = CHECKS[name].find.__code__.co_filename
            raise CheckError(f"two checks have the name {name}; the other is in {other}")
        demand(name, find)
        words = (name, severity, title, among, remedy, source, errs)
        CHECKS[name] = Check(
            *words, absence=absence, find=find, not_in=not_in, impact=impact, fine=fine
        )
        return find

    return register


def population(name: str) -> Callable[[Members], Members]:
    """
    Register a population, in which checks count: a function of tables that returns ARNs.

    Everybody who possibly belongs to it counts, because a pass is a statement about everybody.
    """

    def register(members: Members) -> Members:
        demand(name, members)
        POPULATIONS[name] = members
        return members

    return register


def offer(names: Iterable[str]) -> None:
    """
    Register the tables that an account offers to checks; other arguments are errors from now on.

    Raises `CheckError` if a check or population that is there already asks for something else.
    """
    OFFERED.update(names)
    for each in CHECKS.values():
        demand(each.name, each.find)
    for name, members in POPULATIONS.items():
        demand(name, members)


def demand(name: str, function: Callable[..., Any]) -> None:
    """Raise `CheckError` if a check or population asks for what no account offers."""
    if len(OFFERED) == len(FACTS):  # the checks are read before the account that offers tables
        return
    for argument in arguments(function):
        if argument not in OFFERED:
            close = difflib.get_close_matches(argument, OFFERED, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise CheckError(f"check {name} asks for {argument!r}, which no account has{hint}")


@cache
def arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's arguments."""
    return tuple(inspect.signature(function).parameters)


@cache
def needs(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's arguments that have no default."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(each.name for each in parameters if each.default is each.empty)
