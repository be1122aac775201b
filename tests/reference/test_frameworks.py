"""
The checks of each control, compared with those of another tool, whose checks we know by ours.

`data/frameworks/ids.json` says to which controls Prowler's checks speak, and `controls.yaml` which
of our checks ask what each of Prowler's asks. We agree on a control if we have it, with one of
those checks at least. `disagreements.yaml` lists every control on which we do not, with the reason.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from iamkit.reference import attack_techniques, escalation_methods
from iamkit.reference.frameworks import load_controls

FOLDER: Final = Path(__file__).parents[1] / "data" / "frameworks"
THEIRS: Final = json.loads((FOLDER / "ids.json").read_text("utf-8"))
REASONS: Final = yaml.safe_load((FOLDER / "disagreements.yaml").read_text("utf-8"))


# Their checks of other services than IAM, which `controls.yaml` does not list, and ours.
BESIDES: Final = {
    "accessanalyzer_enabled": {"external_access_analyzer_missing"},
    "account_maintain_current_contact_details": {"contact_details_missing"},
    "account_security_contact_information_is_registered": {"security_contact_missing"},
}

# They name outcomes of 2.0 and, without their function, those of 1.1. What became of the latter:
# NIST, "CSF 1.1 to 2.0 Core Transition Changes".
OUTCOMES: Final = {
    "rr_1": "GV.RR-01",
    "rr_2": "GV.RR-02",
    "po_1": "GV.PO-01",
    "ov_2": "GV.OV-02",
    "ov_3": "GV.OV-03",
    "ra_1": "ID.RA-01",
    "am_6": "GV.RR-02",
    "ac_1": "PR.AA-01",
    "ac_4": "PR.AA-05",
    "ac_6": "PR.AA-02",
    "ac_7": "PR.AA-03",
    "ip_1": "PR.PS-01",
    "cm_1": "DE.CM-01",
}


def outcome(given: str) -> str:
    return OUTCOMES.get(given, given)


def as_it_is(given: str) -> str:
    return given


def hipaa(given: str) -> str:
    """`164_308_a_3_ii_b` is 164.308(a)(3)(ii)(B): the last level has capitals."""
    part, section, *levels = given.split("_")
    last = [levels[3].upper()] if len(levels) > 3 else []
    return f"{part}.{section}" + "".join(f"({each})" for each in [*levels[:3], *last])


def nist(given: str) -> str:
    """`ac-2-1` is AC-2(1); letters, and what follows the enhancement, are parts of a control."""
    family, number, *parts = given.split("-")
    enhancement = f"({parts[0]})" if parts and parts[0].isdigit() else ""
    return f"{family.upper()}-{number}{enhancement}"


def annex(given: str) -> str:
    """`11.2.2.a` is 11.2.2(a); what is below a letter is a part of it."""
    numbers = re.match(r"[\d.]*\d", given)
    letter = re.search(r"\.([a-z])(?:\.|$)", given)
    assert numbers
    return numbers[0] + (f"({letter[1]})" if letter else "")


# What each framework of theirs is called here, its version, and how its ids are written here.
FRAMEWORKS: Final[dict[str, tuple[str, str, Callable[[str], str]]]] = {
    **{
        f"CIS {version}": ("CIS AWS Foundations Benchmark", f"{version}.0", as_it_is)
        for version in ("3.0", "5.0", "6.0", "7.0")
    },
    "AWS-Foundational-Security-Best-Practices": (
        "AWS Foundational Security Best Practices",
        "1.0.0",
        as_it_is,
    ),
    "NIST-CSF 2.0": ("NIST CSF", "2.0", outcome),
    "HIPAA": ("HIPAA Security Rule", "2013", hipaa),
    "FedRamp-Moderate-Revision-4": ("FedRAMP Moderate", "Rev. 5", nist),
    "NIS2": ("NIS2", "(EU) 2024/2690", annex),
}


def ours(framework: str, version: str) -> dict[str, set[str]]:
    """Our checks of each control."""
    table = load_controls()
    table = table[table["framework"].eq(framework) & table["version"].eq(version)]
    return {row.id: set(row.checks) for row in table.itertuples()}


def differences(name: str) -> Iterator[tuple[str, str]]:
    """Each of their ids on which we differ, and how."""
    framework, version, written = FRAMEWORKS[name]
    controls, same = ours(framework, version), ours("Prowler", "3e000fa") | BESIDES
    for given, checks in THEIRS[name].items():
        wanted = set().union(*(same.get(each, set()) for each in checks))
        if written(given) not in controls:
            yield given, "not listed"
        elif not wanted & controls[written(given)]:
            yield given, "other checks"


def test_ids_are_written_as_their_framework_writes_them() -> None:
    assert hipaa("164_308_a_3_ii_b") == "164.308(a)(3)(ii)(B)"
    assert (hipaa("164_312_d"), hipaa("164_312_a_2_i")) == ("164.312(d)", "164.312(a)(2)(i)")
    assert [nist(each) for each in ("ac-2-1", "ac-2-f", "ia-5-1-a-d-e")] == [
        *("AC-2(1)", "AC-2", "IA-5(1)")
    ]
    assert [annex(each) for each in ("11.2.2.a", "9.2.c.ii", "11.7.2")] == [
        *("11.2.2(a)", "9.2(c)", "11.7.2")
    ]


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_difference_has_its_reason_and_every_reason_a_difference(name: str) -> None:
    found: dict[str, str] = dict(differences(name))
    reasons: dict[str, Any] = REASONS.get(name, {})
    assert {each: found[each] for each in sorted(set(found) - set(reasons))} == {}
    assert sorted(set(reasons) - set(found)) == [], "reasons for what does not differ"
    assert all(isinstance(each, str) and len(each) > 10 for each in reasons.values())


def test_the_techniques_of_methods_are_theirs_or_have_a_reason() -> None:
    """They give techniques to checks, we to methods; so only the techniques can be compared."""
    used = {each.partition(".")[0] for m in escalation_methods().values() for each in m.techniques}
    assert used == {each.partition(".")[0] for each in attack_techniques()}
    reasons = REASONS["MITRE-ATTACK"]
    assert set(reasons) == set(THEIRS["MITRE-ATTACK"]) ^ used
