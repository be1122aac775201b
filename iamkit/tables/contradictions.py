"""
Evidence that describes one thing more than once, and differently.

Equal descriptions count once. Of descriptions that differ none is known to be right, so a gap says
that they do; until somebody looks, the tables keep the first, and the statements of all of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import pandas as pd

from iamkit.evidence import Snapshot, requests
from iamkit.tables.frames import objects_in
from iamkit.values import as_dict, as_list

# The answers that are lists, and the member that identifies an entry.
LISTED: Final = (
    (requests.MFA.call, "SerialNumber"),
    ("iam:ListVirtualMFADevices", "SerialNumber"),
    ("iam:ListServiceSpecificCredentials", "ServiceSpecificCredentialId"),
    ("iam:ListServerCertificates", "Arn"),
    ("iam:ListSAMLProviders", "Arn"),
    ("access-analyzer:ListAnalyzers", "arn"),
    ("organizations:ListAccounts", "Id"),
)

Details = Mapping[str, Sequence[Mapping[str, Any]]]


def once(entries: Iterable[dict[str, Any]], name: str = "Arn") -> list[dict[str, Any]]:
    """Entries without those that are equal to an earlier one of the same `name`."""
    found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    kept = []
    for entry in entries:
        value = entry.get(name)
        earlier = found[value if isinstance(value, str) else None]
        if isinstance(value, str) and entry in earlier:
            continue
        earlier.append(entry)
        kept.append(entry)
    return kept


def contradictions(
    snapshot: Snapshot, details: Details, report: pd.DataFrame
) -> list[dict[str, str]]:
    """
    A gap for each answer that describes something in two ways.

    `details` are the lists of the authorization details, without equal entries, and `report` the
    lines of the credential report.
    """
    found = {
        requests.DETAILS.call: _in_details(details),
        requests.REPORT.call: repeated(report.drop_duplicates()["arn"].dropna()),
    }
    for call, name in LISTED:
        evidence = requests.by_call(call)
        entries = objects_in(snapshot, evidence.file, evidence.members[0])
        found[call] = _differing(entries, name)
    return [_gap(call, names) for call, names in found.items() if names]


def repeated(names: Iterable[str]) -> list[str]:
    """Names that occur more than once, sorted."""
    return sorted(name for name, times in Counter(names).items() if times > 1)


def _differing(entries: Iterable[dict[str, Any]], name: str) -> list[str]:
    """Values of a member that entries share although they differ."""
    values = (entry.get(name) for entry in once(entries, name))
    return repeated(value for value in values if isinstance(value, str))


def _in_details(details: Details) -> list[str]:
    """What the authorization details describe in two ways: entries, versions, inline policies."""
    entries = list(chain.from_iterable(details.values()))
    found = repeated(arn for entry in entries if isinstance(arn := entry.get("Arn"), str))
    for policy in details["Policies"]:
        versions = map(as_dict, as_list(policy.get("PolicyVersionList")))
        found += [f"{policy.get('Arn')} {name}" for name in _differing(versions, "VersionId")]
    for kind in ("User", "Group", "Role"):
        for owner in details[f"{kind}DetailList"]:
            inline = map(as_dict, as_list(owner.get(f"{kind}PolicyList")))
            found += [f"{owner.get('Arn')}#{name}" for name in _differing(inline, "PolicyName")]
    return list(dict.fromkeys(found))


def _gap(call: str, names: Sequence[str]) -> dict[str, str]:
    """The gap that entries leave which differ although they describe one thing."""
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return {
        "call": call,
        "code": "Contradictory",
        "message": f"{names[0]}{others}: described more than once, and differently",
        "meaning": f"which description of {names[0]}{others} holds",
    }
