"""What a run file says of an organization: who lists its accounts, and which of them are asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from iamkit.arns import is_account
from iamkit.errors import SettingsError
from iamkit.evidence import Member, Organization
from iamkit.settings import shortened
from iamkit.values import instead

TAG: Final = "tag:"
UNIT: Final = re.compile(r"ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}")
ROLE_NAME: Final = re.compile(r"/?([\w+=,.@-]+/)*[\w+=,.@-]+", re.ASCII)


@dataclass(frozen=True)
class OrganizationRules:
    """
    The organization of a run file.

    `include` and `exclude` hold account ids, ids of OUs, paths of names such as `/Workloads`, and
    tags such as `tag:audit=no` or `tag:audit`; an OU stands for everything under it. An account is
    asked if something included fits it, or nothing is included, and nothing excluded does.
    `team_tag` is the tag of accounts that says whose they are.
    """

    role_name: str
    profile: str | None = None
    external_id: str | None = None
    region: str | None = None
    last_accessed: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    team_tag: str | None = None

    def role_arn(self, account_id: str, partition: str) -> str:
        """The ARN of the role to assume in an account."""
        return f"arn:{partition}:iam::{account_id}:role/{self.role_name.removeprefix('/')}"


def fit(name: str, given: Any) -> OrganizationRules:
    """Return the rules that lines of a run file give; raise `SettingsError` if they do not fit."""
    if not isinstance(given, Mapping):
        said = f"{name} is lines such as role_name: audit, not {shortened(given)}"
        raise SettingsError(said)
    known = [each.name for each in fields(OrganizationRules)]
    for each in given:
        if each not in known:
            raise SettingsError(f"{name} has no {shortened(each)}; {instead(each, known)}")
    values = {key: value for key, value in given.items() if value is not None}
    for each in ("profile", "role_name", "external_id", "region", "team_tag"):
        if each in values and not (isinstance(values[each], str) and values[each].strip()):
            raise SettingsError(f"{each} is text, not {shortened(values[each])}; quote it")
    if "role_name" not in values:
        raise SettingsError(f"{name} needs role_name: the role to assume in each account")
    if not ROLE_NAME.fullmatch(values["role_name"]):
        said = "role_name is the name of a role, the same in each account, not "
        raise SettingsError(said + shortened(values["role_name"]))
    if not isinstance(values.get("last_accessed", False), bool):
        said = f"last_accessed is true or false, not {shortened(values['last_accessed'])}"
        raise SettingsError(said)
    for each in ("include", "exclude"):
        values[each] = _rules(each, values.get(each, []))
    return OrganizationRules(**values)


def _rules(name: str, given: Any) -> tuple[str, ...]:
    rules = given if isinstance(given, list) else [given]
    for rule in rules:
        text = rule if isinstance(rule, str) else ""
        is_tag = text.startswith(TAG) and text.removeprefix(TAG).partition("=")[0]
        if not (is_account(text) or UNIT.fullmatch(text) or text.startswith("/") or is_tag):
            raise SettingsError(
                f"{name} lists account ids in quotes, ids of OUs, paths such as /Workloads, and "
                f"tags such as tag:audit=no, not {shortened(rule)}"
            )
    return tuple(rules)


def fitting(rules: Sequence[str], member: Member, organization: Organization) -> list[str]:
    """
    Return the rules that fit an account.

    AWS is asked for parents, names and tags only where a rule needs them. Raises `CollectError` if
    it does not answer.
    """
    return [rule for rule in rules if _fits(rule, member.account_id, organization)]


def _fits(rule: str, account_id: str, organization: Organization) -> bool:
    if rule.startswith(TAG):
        key, equal, value = rule.removeprefix(TAG).partition("=")
        has = organization.tags(account_id)
        return key in has and (not equal or has[key] == value)
    if rule.startswith("/"):
        return f"{organization.path(account_id)}/".startswith(f"{rule.rstrip('/')}/")
    return rule == account_id or (not is_account(rule) and rule in organization.above(account_id))
