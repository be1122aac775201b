"""What a change is: a value that says what it does, and can do it to evidence."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import wraps
from numbers import Integral
from typing import Any, Final, TypeVar, dataclass_transform

from iamkit.errors import ChangeError
from iamkit.results.changed_evidence import ChangedEvidence
from iamkit.values import instead

Document = Mapping[str, Any]
Kind = TypeVar("Kind", bound=type)

# What an argument may be, by the type that its field declares, and in words.
_FITTING: Final[Mapping[str, tuple[type, str]]] = {
    "bool": (bool, "True or False"),
    "int": (Integral, "a whole number"),
    "str": (str, "text"),
    "Document": (Mapping, "a policy document, as a dictionary"),
}


class Change(ABC):
    """
    One change of an account, named like the API call that makes it.

    Changes are frozen values: equal ones say the same, and `str` gives a sentence. Users, groups
    and roles are given by ARN, users in changes of credentials also by name, root as
    `<root_account>`.
    """

    @abstractmethod
    def apply(self, evidence: ChangedEvidence) -> None:
        """
        Alter the evidence as AWS would answer after the change.

        Raises `ChangeError` for what AWS refuses, and for what is not in the evidence.
        """

    @abstractmethod
    def __str__(self) -> str:
        """Say what it does: a sentence without a full stop."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def change(kind: Kind) -> Kind:
    """
    Make a class a kind of change: a frozen dataclass that refuses arguments which do not fit.

    Its instances are made with `ChangeError` where Python would say `TypeError`, or nothing: for a
    name that is no argument's, for one that is missing, and for a value of another type or, if the
    field has the metadata `among`, that is none of those.
    """
    made: Any = dataclass(frozen=True)(kind)
    plain: Callable[..., None] = made.__init__

    @wraps(plain)
    def checked(self: Any, *given: Any, **named: Any) -> None:
        try:
            values = inspect.signature(plain).bind(self, *given, **named).arguments
        except TypeError as error:
            raise ChangeError(_wrong_arguments(made, named, error)) from error
        for each in fields(made):
            if each.name in values:
                _check(made, each, values[each.name])
        plain(self, *given, **named)

    made.__init__ = checked
    return kind


def _wrong_arguments(kind: type, named: Mapping[str, Any], error: TypeError) -> str:
    """Which arguments a change takes, and what is wrong with those given."""
    takes = [each.name for each in fields(kind)]
    said = f"{kind.__name__} takes {', '.join(takes) or 'no arguments'}"
    for name in named:
        if name not in takes:
            return f"{said}, and no {name!r}; {instead(name, takes, 'leave it out')}"
    return f"{said}: {error}"


def _check(kind: type, argument: Any, value: Any) -> None:
    """Raise `ChangeError` for a value that is none for an argument."""
    types = str(argument.type).split(" | ")
    if value is None and "None" in types:
        return
    fitting, words = _FITTING[types[0]]
    about = f"{kind.__name__}: {argument.name} is"
    if not isinstance(value, fitting) or (isinstance(value, bool) and fitting is not bool):
        shown = repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:51]}…"
        raise ChangeError(f"{about} {words}, not {shown} ({type(value).__name__})")
    among = argument.metadata.get("among")
    if among and value not in among:
        raise ChangeError(f"{about} one of {', '.join(map(str, among))}, not {value!r}")


def called(arn: str) -> str:
    """What to call a user, group, role or policy in a sentence: kind and name."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    return f"{kind} {name.rpartition('/')[2]}" if name else arn
