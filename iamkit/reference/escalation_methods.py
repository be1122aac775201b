"""
The known methods to gain permissions, read from `data/escalation.yaml`.

To add an escalation method, add one entry there; the header of the file explains each field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import Any, Final

from iamkit.reference.files import read_data

# The principals that a caller can create, and the kind of each.
NEW_PRINCIPALS: Final = {"new user": "user", "new role": "role"}

# What a permission is used on, where no existing resource is needed.
NEEDS_NO_RESOURCE: Final = frozenset({"new resource", "anything", *NEW_PRINCIPALS})


@dataclass(frozen=True, eq=False)
class EscalationMethod:
    """One method to gain permissions: what it takes and what it gives."""

    id: str
    name: str
    category: str
    reach: str  # self, target or created
    target: str
    caller: str
    permissions: Mapping[str, str]  # each action, and what it is used on
    gains: str
    techniques: list[str]  # of MITRE ATT&CK, by id
    trust: str
    services: list[str]
    prerequisites: list[str]

    @property
    def actions_on_existing(self) -> list[str]:
        """Its actions on resources that exist already."""
        return [action for action, on in self.permissions.items() if on not in NEEDS_NO_RESOURCE]

    @cached_property
    def resources(self) -> frozenset[str]:
        """All that its actions are used on."""
        return frozenset(self.permissions.values())

    @cached_property
    def prerequisite_text(self) -> str:
        """What has to exist that its caller cannot create, in words; never empty."""
        names = [each for each in self.prerequisites if each not in taken_as_given()]
        if "own boundary" in self.resources:
            names.remove("own boundary")  # the resource says so already
        means = [_read()["prerequisites"][each]["means"] for each in names]
        own = [_read()["resources"][each] for each in _OWN if each in self.resources]
        if not own and any(each.startswith("denying") for each in names):
            own = [f"the caller's {self.caller}"]
        if target := list(self._target()):
            noun = f"the {self.target.split()[-1]} "
            means = [re.sub(f"^{noun}", "it ", each) for each in means]
        found = [*own, *target, *means]
        return "; ".join(found or ["no permissions boundary, or one that allows more"])

    def _target(self) -> Iterator[str]:
        """What is used that is not the caller's own, where no prerequisite says it."""
        if self.target in ("user", "role", "group"):
            more = "" if self.gains == "everything" else "that has more permissions than the caller"
            what = " and ".join(filter(None, [_trust_text(self), more]))
            yield f"a {self.target} {what}".rstrip()
        elif self.category == "use a resource with a role":
            article = "an" if self.target[0] in "aeiou" else "a"
            yield f"{article} {self.target} that has a role"
        elif self.target == "permission set":
            yield "a permission set"


def _trust_text(method: EscalationMethod) -> str:
    """What the role's trust policy must say, in words; empty if that does not matter here."""
    if not _SAYS_TRUST.isdisjoint(method.prerequisites):
        return ""
    return {
        "service": f"that trusts {' or '.join(method.services)}",
        "caller": "that the caller may assume",
        "named": "whose trust policy names the caller",
        "federated": "that trusts the SAML provider",
    }.get(method.trust, "")


_OWN: Final = ("own group", "own policy", "own boundary")

# Prerequisites that say whom the role trusts.
_SAYS_TRUST: Final = frozenset({"EMR roles", "stack set administration"})


@cache
def _read() -> dict[str, Any]:
    data: dict[str, Any] = read_data("escalation.yaml")
    return data


@cache
def taken_as_given() -> frozenset[str]:
    """Prerequisites that are taken to be fulfilled."""
    named = _read()["prerequisites"].items()
    return frozenset(name for name, prerequisite in named if prerequisite.get("given"))


@dataclass(frozen=True)
class AttackTechnique:
    """A technique, or sub-technique, of MITRE ATT&CK, with MITRE's name for it."""

    id: str
    name: str
    taken_for: str  # for what in a method


@cache
def attack_version() -> str:
    """Return the version of MITRE ATT&CK whose techniques the methods name."""
    version: str = _read()["attack"]["version"]
    return version


@cache
def attack_techniques() -> dict[str, AttackTechnique]:
    """Return each technique that a method names, by id."""
    named = _read()["attack"]["techniques"].items()
    return {name: AttackTechnique(name, each["name"], each["for"]) for name, each in named}


@cache
def escalation_methods() -> dict[str, EscalationMethod]:
    """Return each escalation method, by id."""
    found = {}
    for entry in _read()["methods"]:
        made = {field.name: entry[field.name] for field in fields(EscalationMethod)}
        made["permissions"] = {each["action"]: each["resource"] for each in entry["permissions"]}
        found[entry["id"]] = EscalationMethod(**made)
    return found
