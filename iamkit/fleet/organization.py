"""
Which accounts a run asks: those of the run file, and those that AWS Organizations lists.

The list is asked for at each run, so new accounts come by themselves. An account that is suspended,
is being closed, or that the run file leaves out is not asked, which is said and is no failure. The
account of the profile is asked with the profile's own credentials, every other through its role.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from iamkit.counts import counted
from iamkit.errors import CollectError, one_line
from iamkit.evidence import Member, Organization
from iamkit.exit_codes import ExitCode
from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.log import Log
from iamkit.fleet.organization_rules import OrganizationRules, fitting
from iamkit.fleet.run_file import Entry, RunFile

NAME: Final = "organization"  # of the result that says why its accounts are not known
STATES: Final = {
    "PENDING_ACTIVATION": "the account is not active yet",
    "SUSPENDED": "the account is suspended",
    "PENDING_CLOSURE": "the account is being closed",
    "CLOSED": "the account is closed",
}


def _no_answers(account_id: str) -> Sequence[Any]:
    return ()


@dataclass(frozen=True)
class Chosen:
    """
    The accounts to ask, and the results of those that are not.

    `answers` gives what the organization answers about an account, which may not ask it itself;
    `group` its unit and its team, each None if that is not known.
    """

    entries: tuple[Entry, ...]
    others: tuple[AccountResult, ...] = ()
    answers: Callable[[str], Sequence[Any]] = _no_answers
    group: Callable[[str], tuple[str | None, str | None]] = lambda account_id: (None, None)

    def grouped(self, result: AccountResult) -> AccountResult:
        """Return a result with the unit and the team of its account."""
        unit, team = self.group(result.account_id) if result.account_id else (None, None)
        return replace(result, unit=unit, team=team)


def chosen(file: RunFile, log: Log) -> Chosen:
    """Return which accounts a run asks; if the organization cannot be listed, a result says so."""
    if file.organization is None:
        return Chosen(file.accounts)
    try:
        return _of_organization(file, file.organization, log)
    except CollectError as error:
        log.fail(one_line(error), NAME)
        ways = tuple(entry for entry in file.accounts if entry.has_way)
        others = [
            AccountResult(each.name, each.account, not_asked="the organization cannot be listed")
            for each in file.accounts
            if each not in ways
        ]
        return Chosen(ways, (_failed(NAME, None, one_line(error)), *others))


def _of_organization(file: RunFile, rules: OrganizationRules, log: Log) -> Chosen:
    from iamkit.evidence import aws

    organization = aws.organization_of(rules.profile, rules.region)
    members = {each.account_id: each for each in organization.accounts}
    reasons, others = _reasons(file, rules, organization, log)
    entries = []
    for entry in file.accounts:
        member = members.get(entry.account or "")
        if entry.has_way:
            entries.append(entry)
        elif member is None:
            said = f"account {entry.account} is not in the organization; give it a way of its own"
            others.append(_failed(entry.name, entry.account, f"{said}, such as role_arn"))
        elif member.account_id in reasons:
            reason = reasons[member.account_id]
            others.append(AccountResult(entry.name, entry.account, not_asked=reason))
        else:
            entries.append(_through(entry, rules, organization))
    listed = {entry.account for entry in file.accounts}
    rest = sorted(
        (each for each in organization.accounts if each.account_id not in listed),
        key=lambda each: (each.name, each.account_id),
    )
    names = _names(rest, [entry.name for entry in file.accounts])
    for member, name in zip(rest, names, strict=True):
        account_id = member.account_id
        if account_id in reasons:
            others.append(AccountResult(name, account_id, not_asked=reasons[account_id]))
        else:
            entries.append(_through(Entry(name, account_id), rules, organization))
    log.say(f"{counted(len(members), 'accounts')} listed, {len(entries)} to ask", NAME)
    groups = _Groups(organization, rules.team_tag, log)
    return Chosen(tuple(entries), tuple(others), organization.answers, groups.of)


class _Groups:
    """The unit and the team of accounts; what AWS refuses to say is asked once, and said."""

    def __init__(self, organization: Organization, tag: str | None, log: Log) -> None:
        self._organization, self._tag, self._log = organization, tag, log
        self._members = {each.account_id for each in organization.accounts}
        self._refused: set[str] = set()

    def of(self, account_id: str) -> tuple[str | None, str | None]:
        """Path of the unit, or its id if names are refused, and value of the tag."""
        if account_id not in self._members:
            return None, None
        unit = self._asked("names of units", self._organization.path, account_id)
        unit = unit or self._asked("units", self._unit, account_id)
        return unit, self._asked("tags", self._team, account_id) if self._tag else None

    def _unit(self, account_id: str) -> str:
        return self._organization.above(account_id)[0]

    def _team(self, account_id: str) -> str:
        return self._organization.tags(account_id).get(self._tag or "", "")

    def _asked(self, what: str, ask: Callable[[str], str], account_id: str) -> str | None:
        if what in self._refused:
            return None
        try:
            return ask(account_id)
        except CollectError as error:
            self._refused.add(what)
            self._log.warn(f"{what} of accounts are not known: {one_line(error)}", NAME)
            return None


def _reasons(
    file: RunFile, rules: OrganizationRules, organization: Organization, log: Log
) -> tuple[dict[str, str], list[AccountResult]]:
    """
    Why accounts are not asked, by id; and a failure for each rule that includes no account.

    A misspelt rule would leave out accounts without a word.
    """
    reasons: dict[str, str] = {}
    used: set[str] = set()
    for member in organization.accounts:
        included = fitting(rules.include, member, organization)
        excluded = fitting(rules.exclude, member, organization)
        used.update(included, excluded)
        if not member.is_active:
            reasons[member.account_id] = STATES.get(member.state, f"its state is {member.state}")
        elif rules.include and not included:
            reasons[member.account_id] = "nothing in `include` of the run file fits it"
        elif excluded:
            reasons[member.account_id] = f"the run file excludes {excluded[0]}"
    for rule in rules.exclude:
        if rule not in used:
            log.warn(f"exclude: no account fits {rule}; correct or remove it", NAME)
    failures = [
        _failed(NAME, None, f"include: no account fits {rule}; correct or remove it")
        for rule in rules.include
        if rule not in used
    ]
    for failure in failures:
        log.fail(str(failure.error), NAME)
    return reasons, failures


def _through(entry: Entry, rules: OrganizationRules, organization: Organization) -> Entry:
    """An account's entry with the organization's way to it."""
    own = entry.account == organization.own_account
    account_id = str(entry.account)
    return replace(
        entry,
        profile=rules.profile,
        role_arn=None if own else rules.role_arn(account_id, organization.partition),
        external_id=None if own else rules.external_id,
        region=entry.region or rules.region,
        last_accessed=entry.last_accessed or rules.last_accessed,
    )


def _names(members: Iterable[Member], taken: Sequence[str]) -> list[str]:
    """What accounts are called: their names, with the id where others have the same."""
    members = list(members)
    uses = Counter([*(each.name for each in members), *taken, NAME])
    return [
        each.name if uses[each.name] == 1 else f"{each.name} ({each.account_id})"
        for each in members
    ]


def _failed(name: str, account_id: str | None, said: str) -> AccountResult:
    return AccountResult(name, account_id, error=said, exit_code=int(ExitCode.FAILED))


def is_done(entry: Entry, file: RunFile, results: Iterable[AccountResult]) -> bool:
    """Whether an account of the organization was audited as one that the file lists without id."""
    return entry not in file.accounts and any(
        each.audit and each.account_id == entry.account and each.name != entry.name
        for each in results
    )
