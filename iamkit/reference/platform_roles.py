"""
Roles that a platform makes in an account, as `data/platform_roles.yaml` has them.

IAM Identity Center, Control Tower, Organizations, StackSets, the CDK, the console. Adding one is
adding an entry there. Service-linked roles are no entries: IAM itself keeps their names and paths.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Final

from iamkit.reference.files import read_data

# A user or role, and the account that it is in: whoever trusts the whole account trusts it, too.
_OF_ACCOUNT: Final = re.compile(r"(arn:[\w-]+):(?:iam|sts)::(\d{12}):(?:user|role|assumed-role)/.+")

# When there is something to tighten, by `tighten_if`.
WHOLE_ACCOUNT: Final = "whole account"  # its trust policy names a whole account
ADMINISTRATOR: Final = "AdministratorAccess"  # it has this policy


@dataclass(frozen=True)
class PlatformRole:
    """A kind of role, and how to tell it from one that only looks alike."""

    id: str
    platform: str
    named: bool  # name and path say that it is the platform's
    fixed: bool  # what it may do is the platform's choice
    name: str  # these three are regular expressions; see `filled`
    path: str
    trusts: tuple[str, ...]
    behind: str
    source: str
    unused: str = ""
    tighten: str = ""
    tighten_if: str = ""
    change: str = ""

    def called(self, name: str, account_id: str) -> bool:
        """Whether a role is called so, in any case of its letters."""
        return bool(re.fullmatch(self.name.replace("{account}", account_id), name, re.IGNORECASE))

    def called_exactly(self, name: str, account_id: str) -> bool:
        """Whether a role is called so, to the letter."""
        return bool(re.fullmatch(self.name.replace("{account}", account_id), name))

    def lies_under(self, path: str) -> bool:
        """Whether a path is one that the platform gives its roles."""
        return bool(re.fullmatch(self.path, path))

    def admits(
        self, principal: str, account_id: str, management: str | None, yours: Collection[str] | None
    ) -> bool:
        """
        Whether a principal, as a trust policy writes it, is one that the platform lets in.

        Where the organization's `management` account is not known, no account is it. `yours` are
        the accounts known to be yours; None: any account may be. A user or role of an account that
        is let in as a whole is let in, too: a trust policy that names it was made narrower.

        >>> manager = ("arn:aws:iam::{management}:root",)
        >>> role = PlatformRole("x", "X", True, True, "x", "/", manager, "", "")
        >>> role.admits("999999999999", "111122223333", "999999999999", [])
        True
        >>> role.admits("arn:aws:iam::999999999999:role/ops", "111122223333", "999999999999", [])
        True
        >>> role.admits("999999999999", "111122223333", None, [])
        False
        """
        if re.fullmatch(r"\d{12}", principal):
            principal = f"arn:aws:iam::{principal}:root"
        names = (principal, _OF_ACCOUNT.sub(r"\1:iam::\2:root", principal))
        patterns = self._filled(account_id, management, yours)
        return any(re.fullmatch(each, name) for each in patterns for name in names)

    def names_role(self, principal: str) -> bool:
        """
        Whether a principal is called like a role of the platform itself, of whatever account.

        >>> audit = ("arn:aws:iam::{yours}:(root|role/Audit)",)
        >>> role = PlatformRole("x", "X", True, True, "x", "/", audit, "", "")
        >>> account = "arn:aws:iam::111122223333:"
        >>> [role.names_role(account + each) for each in ("role/Audit", "root")]
        [True, False]
        """
        patterns = self._filled(r"\d{12}", r"\d{12}", None)
        return ":role/" in principal and any(re.fullmatch(each, principal) for each in patterns)

    def _filled(
        self, account_id: str, management: str | None, yours: Collection[str] | None
    ) -> list[str]:
        """The patterns of `trusts`, with the accounts in their places."""
        known = r"\d{12}" if yours is None else f"({'|'.join(sorted(yours)) or '(?!)'})"
        places = {"{account}": account_id, "{management}": management or "(?!)", "{yours}": known}
        patterns = list(self.trusts)
        for place, text in places.items():
            patterns = [each.replace(place, text) for each in patterns]
        return patterns

    def to_tighten(self, trusts: Collection[str], policies: Collection[str]) -> str:
        """
        What can be made narrower of a role that trusts these and has policies of these ARNs.

        >>> wide = {"tighten": "name its callers", "tighten_if": WHOLE_ACCOUNT}
        >>> role = PlatformRole("x", "X", True, True, "x", "/", (), "", "", **wide)
        >>> role.to_tighten(["arn:aws:iam::111122223333:root"], [])
        'name its callers'
        >>> role.to_tighten(["arn:aws:iam::111122223333:role/ci"], [])
        ''
        """
        wide = {
            WHOLE_ACCOUNT: any(re.search(r":root$|^\d{12}$", each) for each in trusts),
            ADMINISTRATOR: any(each.endswith(f":policy/{ADMINISTRATOR}") for each in policies),
        }
        return self.tighten if wide.get(self.tighten_if, True) else ""


@cache
def platform_roles() -> tuple[PlatformRole, ...]:
    """Return every kind; those that a name tells come first."""
    read = (
        PlatformRole(**{**entry, "trusts": tuple(entry["trusts"])})
        for entry in read_data("platform_roles.yaml")
    )
    return tuple(sorted(read, key=lambda each: not each.named))
