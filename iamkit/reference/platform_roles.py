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

from iamkit.reference.files import read_data


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
        the accounts known to be yours; None: any account may be.

        >>> manager = ("arn:aws:iam::{management}:root",)
        >>> role = PlatformRole("x", "X", True, True, "x", "/", manager, "", "")
        >>> role.admits("999999999999", "111122223333", "999999999999", [])
        True
        >>> role.admits("999999999999", "111122223333", None, [])
        False
        """
        if re.fullmatch(r"\d{12}", principal):
            principal = f"arn:aws:iam::{principal}:root"
        filled = {
            "{account}": account_id,
            "{management}": management or "(?!)",
            "{yours}": r"\d{12}" if yours is None else f"({'|'.join(sorted(yours)) or '(?!)'})",
        }
        for pattern in self.trusts:
            for place, text in filled.items():
                pattern = pattern.replace(place, text)
            if re.fullmatch(pattern, principal):
                return True
        return False


@cache
def platform_roles() -> tuple[PlatformRole, ...]:
    """Return every kind; those that a name tells come first."""
    read = (
        PlatformRole(**{**entry, "trusts": tuple(entry["trusts"])})
        for entry in read_data("platform_roles.yaml")
    )
    return tuple(sorted(read, key=lambda each: not each.named))
