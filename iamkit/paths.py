"""
The known ways to gain permissions, as `data/escalation.yaml` has them.

Adding a way is adding an entry there; what each field means is said at its top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import Any, Final

from iamkit import facts

# What a permission is used on, where nothing of the account has to be looked for.
NOTHING_THERE: Final = frozenset({"new resource", "anything"})


@dataclass(frozen=True, eq=False)
class Path:
    """One way to gain permissions: what it takes and what it gives."""

    id: str
    name: str
    category: str
    reach: str  # self or target
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
        """What has to be there that its caller cannot make, in words."""
        there = [_read()["resources"][each] for each in _OWN if each in self.resources]
        means = [_read()["needs"][each]["means"] for each in self.needs if each not in given()]
        if self.target in ("user", "role", "group"):
            trusting = {
                "service": f" that trusts {' or '.join(self.services)}",
                "caller": " that the caller may assume",
                "named": " whose trust policy names the caller",
            }.get(self.trust, "")
            more = "" if self.gains == "everything" else " and may do more than the caller"
            there.append(
                f"a {self.target}{trusting}{more}".replace(
                    f"{self.target} and", f"{self.target} that"
                )
            )
        elif self.target != "none":
            what = (
                f"a {self.target} that has a role"
                if self.category == "use what has a role"
                else self.target
            )
            there.append(what)
        return "; ".join([*there, *means])


_OWN: Final = ("own group", "own policy", "own boundary")


@cache
def _read() -> dict[str, Any]:
    data: dict[str, Any] = facts.read("escalation.yaml")
    return data


@cache
def given() -> frozenset[str]:
    """What a way needs besides that is taken to be there."""
    return frozenset(name for name, need in _read()["needs"].items() if need.get("given"))


@cache
def paths() -> dict[str, Path]:
    """Return each way to gain permissions, by id."""
    found = {}
    for entry in _read()["paths"]:
        made = {field.name: entry[field.name] for field in fields(Path)}
        made["permissions"] = {each["action"]: each["resource"] for each in entry["permissions"]}
        found[entry["id"]] = Path(**made)
    return found
