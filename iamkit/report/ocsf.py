"""
The findings as events of the Open Cybersecurity Schema Framework (OCSF), for a SIEM or a data lake.

Each finding is a Compliance Finding (class 2003), in a JSON list with an event a line. The version
is 1.6.0 because AWS Security Hub writes its own findings in it, so that one pipeline reads both;
tests validate the events against it and against the newest version that is published as a package.
An event uses none of what 1.6.0 marks as deprecated.

Why a finding matters is in `unmapped.impact`: its class has no place for that. A finding about
escalation methods has their techniques of MITRE ATT&CK in `finding_info.attacks`.

A finding of the same check and subject has the same `finding_info.uid` in every report, so a
receiver that knows it updates what it has. `time` is the time of the evidence, in milliseconds.
What is accepted is suppressed and still fails; what could not be assessed has the compliance status
*Unknown*, and a fact that is no problem *Other*: none of them is a pass. What passes is no finding,
and is left out.

Sources: OCSF schema 1.6.0, "Compliance Finding [2003]"; AWS Security Hub User Guide, "OCSF findings
in Security Hub"; Prowler's OCSF output, for where an ARN, a check's id and an account's type stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from iamkit.checks import INFO, Status
from iamkit.report.findings_json import lines, records, texts_of_checks

if TYPE_CHECKING:
    from iamkit.account import Account
    from iamkit.reference import AttackTechnique

VERSION: Final = "1.6.0"
CATEGORY, CLASS, CREATE, AWS_ACCOUNT, RULE = 2, 2003, 1, 10, 1
SEVERITIES: Final = {
    INFO: (1, "Informational"),
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}
OTHER: Final = 99  # its caption is the sender's own word

# Of a finding in hand, and of the control that it speaks to.
STATUSES: Final = {
    Status.FAIL: (1, "New"),
    Status.ACCEPTED: (3, "Suppressed"),
    Status.NOT_ASSESSED: (1, "New"),
    Status.NOTED: (1, "New"),
}
COMPLIANCE: Final = {
    Status.FAIL: (3, "Fail"),
    Status.ACCEPTED: (3, "Fail"),
    Status.NOT_ASSESSED: (0, "Unknown"),
    Status.NOTED: (OTHER, "Noted"),
}


def ocsf_findings(account: Account) -> str:
    """Return an event for each check and subject with a finding: a JSON list, an event a line."""
    from iamkit.results import FOUND_ROWS, found, techniques_of_findings

    shared = _shared(account)
    checks, techniques = texts_of_checks(account), techniques_of_findings(account)
    rows = records(found(account)[FOUND_ROWS.names])
    return (
        lines(
            _event(
                row,
                checks[row["check"]],
                shared,
                attacks(techniques.get((row["check"], row["subject"]), ())),
            )
            for row in rows
        )
        + "\n"
    )


def attacks(techniques: Iterable[str]) -> list[dict[str, Any]]:
    """
    Return techniques of MITRE ATT&CK as OCSF has them, a sub-technique with its technique.

    >>> [each["sub_technique"]["uid"] for each in attacks(["T1098.001"])]
    ['T1098.001']
    """
    from iamkit.reference import attack_techniques, attack_version

    return [
        {"version": attack_version(), **_technique(attack_techniques()[each])}
        for each in techniques
    ]


def _technique(technique: AttackTechnique) -> dict[str, Any]:
    """A technique by id and name; of a sub-technique, the technique by its id."""
    of, _, within = technique.id.partition(".")
    named = {"uid": technique.id, "name": technique.name}
    return {"technique": {"uid": of}, "sub_technique": named} if within else {"technique": named}


def _shared(account: Account) -> dict[str, Any]:
    """What every event of an audit says: what it is, when, of which account and by whom."""
    from iamkit.charts import clean
    from iamkit.report.manifest import installed_version

    alias = {"name": clean(account.alias)} if account.alias else {}
    return {
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Compliance Finding",
        "activity_id": CREATE,
        "activity_name": "Create",
        "type_uid": CLASS * 100 + CREATE,
        "type_name": "Compliance Finding: Create",
        "time": round(account.as_of.timestamp() * 1000),
        "cloud": {
            "provider": "AWS",
            "cloud_partition": account.partition,
            "account": {
                "uid": account.account_id,
                "type_id": AWS_ACCOUNT,
                "type": "AWS Account",
                **alias,
            },
        },
        "metadata": {
            "version": VERSION,
            "profiles": ["cloud"],
            "product": {
                "name": "iamkit",
                "vendor_name": "iamkit",
                "version": installed_version("iamkit"),
            },
        },
        "unmapped": {"evidence_sha256": account.snapshot.evidence_hash},
    }


def _event(
    row: Mapping[str, Any],
    check: Mapping[str, Any],
    shared: dict[str, Any],
    techniques: list[dict[str, Any]],
) -> dict[str, Any]:
    """One finding as an event."""
    severity_id, severity = SEVERITIES[row["severity"]]
    status_id, status = STATUSES[row["status"]]
    controls = [
        f"{each['framework']} {each['version']}: {each['id']}" for each in check["controls"]
    ]
    frameworks = [f"{each['framework']} {each['version']}" for each in check["controls"]]
    compliance_id, compliance = COMPLIANCE[row["status"]]
    return {
        **shared,
        "metadata": shared["metadata"] | {"event_code": row["check"]},
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        **({"comment": row["acceptance"]} if row["acceptance"] else {}),
        "message": f"{row['title']}: {row['name']}: {row['detail']}",
        "finding_info": {
            "uid": row["finding"],
            "title": row["title"],
            "desc": row["detail"],
            "analytic": {
                "uid": row["check"],
                "name": row["title"],
                "type_id": RULE,
                "type": "Rule",
                **({"desc": check["why"]} if check["why"] else {}),
            },
            **({"attacks": techniques} if techniques else {}),
        },
        "compliance": {
            "status_id": compliance_id,
            "status": compliance,
            "control": row["check"],
            "standards": list(dict.fromkeys(frameworks)),
            "requirements": controls,
        },
        "resources": [
            {
                "uid": row["subject"],
                "name": row["name"],
                "cloud_partition": shared["cloud"]["cloud_partition"],
                **({"type": row["kind"]} if row["kind"] else {}),
            }
        ],
        "remediation": {
            "desc": row["next_step"] or check["fix"],
            "references": check["references"],
        },
        "unmapped": {
            **shared["unmapped"],
            "status": row["status"],
            **({"impact": check["impact"]} if check["impact"] else {}),
        },
    }
