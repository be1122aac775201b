"""
Notebook parameters that name something: a request context, a framework, a user, an action.

A notebook declares them as `# type: context` where another says `# type: str`. A name that nothing
has is refused before the notebooks run: each of them would fail by itself, pages later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from iamkit.access import DEFAULT_CONTEXTS, Question, evaluated
from iamkit.errors import SettingsError
from iamkit.reference import chosen_controls
from iamkit.tables import service_linked_arns
from iamkit.values import instead

if TYPE_CHECKING:
    from iamkit.account import Account


def _context(account: Account, value: str) -> None:
    if value not in DEFAULT_CONTEXTS:
        near = instead(value, DEFAULT_CONTEXTS)
        raise SettingsError(f"{value!r} is no request context; {near}")


def _framework(account: Account, value: str) -> None:
    chosen_controls([value] if value else ())


def _principal(account: Account, value: str) -> None:
    if not value or account.missing("permissions"):
        return
    if evaluated(account.callers, value) in service_linked_arns(account.roles):
        raise SettingsError(f"only an AWS service uses the role {value!r}; name another one")


def _action(account: Account, value: str) -> None:
    _ask(account, value, "*")


def _resource(account: Account, value: str) -> None:
    _ask(account, "iam:GetUser", value)


def _ask(account: Account, action: str, resource: str) -> None:
    """Raise SettingsError for an action or a resource that nobody can be asked about."""
    people = account.principals.query("kind != 'group'")["principal_arn"]
    if len(people) and not account.missing("permissions"):
        Question.of(account.callers, people.iloc[0], action, resource)


# The types by which a notebook declares them, and what refuses a value, with what may be meant.
NAMED: Final[Mapping[str, Callable[[Account, str], None]]] = {
    "action": _action,
    "context": _context,
    "framework": _framework,
    "principal": _principal,
    "resource": _resource,
}
