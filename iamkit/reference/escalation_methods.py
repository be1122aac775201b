"""
The known ways to gain permissions, as `data/escalation.yaml` has them.

Adding a way is adding an entry there; what each field means is said at its top.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import Any, Final

from iamkit.reference.files import read_data

# Whom the caller makes, and what kind it is.
NEW: Final = {"new user": "user", "new role": "role"}

# What a permission is used on, where nothing of the account has to be looked for.
NOTHING_THERE: Final = frozenset({"new resource", "anything", *NEW})


@dataclass(frozen=True, eq=False)
class EscalationMethod:
    """One way to gain permissions: what it takes and what it gives."""

    id: str
    name: str
    category: str
    reach: str  # self, target or made
    target: str
    caller: str
    permissions: Mapping[str, str]  # each action, and what it is used on
    gains: str
    trust: str
    services: list[str]
    needs: list[str]

    @property
    def used(self) -> list[str]:
        """Its actions on something that is there already."""
        return [action for action, on in self.permissions.items() if on not in NOTHING_THERE]

    @cached_property
    def resources(self) -> frozenset[str]:
        """All that its actions are used on."""
        return frozenset(self.permissions.values())

    @cached_property
    def wanting(self) -> str:
        """What has to be there that its caller cannot make, in words; never empty."""
        needs = [each for each in self.needs if each not in given()]
        if "own boundary" in self.resources:
            needs.remove("own boundary")  # the resource says so already
        means = [_read()["needs"][each]["means"] for each in needs]
        there = [_read()["resources"][each] for each in _OWN if each in self.resources]
        if not there and any(each.startswith("denying") for each in needs):
            there = [f"the caller's {self.caller}"]
        if target := list(self._target()):
            noun = f"the {self.target.split()[-1]} "
            means = [re.sub(f"^{noun}", "it ", each) for each in means]
        found = [*there, *target, *means]
        return "; ".join(found or ["no permissions boundary, or one that allows more"])

    def _target(self) -> Iterator[str]:
        """What is used that is not the caller's own, where no need says it."""
        if self.target in ("user", "role", "group"):
            more = "" if self.gains == "everything" else "that may do more than the caller"
            what = " and ".join(filter(None, [_trusting(self), more]))
            yield f"a {self.target} {what}".rstrip()
        elif self.category == "use what has a role":
            article = "an" if self.target[0] in "aeiou" else "a"
            yield f"{article} {self.target} that has a role"
        elif self.target == "permission set":
            yield "a permission set"


def _trusting(path: EscalationMethod) -> str:
    """What the trust policy of the role says, in words; empty if that is no matter, or a need."""
    if not _SAYS_TRUST.isdisjoint(path.needs):
        return ""
    return {
        "service": f"that trusts {' or '.join(path.services)}",
        "caller": "that the caller may assume",
        "named": "whose trust policy names the caller",
    }.get(path.trust, "")


_OWN: Final = ("own group", "own policy", "own boundary")

# Needs that say whom the role trusts.
_SAYS_TRUST: Final = frozenset({"EMR roles", "stack set administration"})


@cache
def _read() -> dict[str, Any]:
    data: dict[str, Any] = read_data("escalation.yaml")
    return data


@cache
def given() -> frozenset[str]:
    """What a way needs besides that is taken to be there."""
    return frozenset(name for name, need in _read()["needs"].items() if need.get("given"))


@cache
def escalation_methods() -> dict[str, EscalationMethod]:
    """Return each way to gain permissions, by id."""
    found = {}
    for entry in _read()["paths"]:
        made = {field.name: entry[field.name] for field in fields(EscalationMethod)}
        made["permissions"] = {each["action"]: each["resource"] for each in entry["permissions"]}
        found[entry["id"]] = EscalationMethod(**made)
    return found
