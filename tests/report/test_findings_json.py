"""Findings as JSON, and as OCSF events that a receiver can validate."""

import csv
import io
import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import ocsf_json_schema as published
import pytest

from iamkit import Account
from iamkit.checks import AUDIT_TABLES, INFO, SEVERITIES, Status
from iamkit.reference import attack_version
from iamkit.report import findings_json, ocsf
from iamkit.report.exports import FINDINGS, OCSF, exports
from iamkit.results import with_ids
from tests.accounts import account, again, details, report, role, user
from tests.policies import line

HOSTILE = "a\u202eb</script>"


@cache  # reading one takes a fifth of a second
def schema_of(version: str) -> Any:
    return published.get_ocsf_schema(version)


@cache
def validator(version: str) -> jsonschema.Draft202012Validator:
    """What validates an event of class 2003 with the profile that it declares."""
    schemas = published.OcsfJsonSchemaEmbedded(schema_of(version))
    schema = schemas.get_class_schema("compliance_finding", profiles=["cloud"])
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def files(demo_account: Account) -> dict[str, bytes]:
    return exports(demo_account)


@pytest.fixture(scope="module")
def events(files: dict[str, bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(files[OCSF])
    return found


def caption(version: str, name: str, value: int) -> str:
    """What OCSF calls a number, in the class or, for `compliance.status_id`, in its object."""
    schema = schema_of(version)
    at = schema["classes"]["compliance_finding"]
    if name == "compliance.status_id":
        at, name = schema["objects"]["compliance"], "status_id"
    if name == "analytic.type_id":
        at, name = schema["objects"]["analytic"], "type_id"
    if name == "account.type_id":
        at, name = schema["objects"]["account"], "type_id"
    said: str = at["attributes"][name]["enum"][str(value)]["caption"]
    return said


def test_a_finding_has_all_that_the_csv_says_and_what_its_check_says(
    files: dict[str, bytes], demo_account: Account
) -> None:
    whole = json.loads(files[FINDINGS])
    rows = list(csv.DictReader(io.StringIO(files["findings.csv"].decode("utf-8-sig"), newline="")))
    assert len(whole["findings"]) == len(rows) > 100
    of = ("account_id", "as_of", "evidence_sha256")
    for said, row in zip(whole["findings"], rows, strict=True):
        shown = {name: whole[name] for name in of} | said
        assert {name: shown[name] or "" for name in row} == row
        assert said["why"]
        assert said["fix"]
        assert all(each.startswith("https://") for each in said["references"])
    assert whole["as_of"] == "2026-11-01T06:00:00Z"
    by_check = {each["check"]: each for each in whole["findings"]}
    key = by_check["old_access_key"]
    assert key["why"] == "Active keys made more than `max_key_age_days` ago, each slot by itself."
    cis = [each for each in key["controls"] if each["framework"].startswith("CIS")]
    assert {each["version"] for each in cis} == {"7.0.0"}, "the newest version, and only that"


@pytest.mark.parametrize("version", [ocsf.VERSION, "1.8.0"])
def test_events_validate_against_the_published_schema(
    events: list[dict[str, Any]], version: str
) -> None:
    for event in events:
        assert list(validator(version).iter_errors(event)) == []


def test_the_schema_would_refuse_what_is_wrong(events: list[dict[str, Any]]) -> None:
    for wrong in ({"severity_id": 9}, {"more": 1}, {"cloud": {}}, {"finding_info": {}}):
        assert list(validator(ocsf.VERSION).iter_errors(events[0] | wrong))


def test_an_event_uses_nothing_that_its_version_deprecates(events: list[dict[str, Any]]) -> None:
    schema = schema_of(ocsf.VERSION)
    of = {
        "compliance_finding": schema["classes"]["compliance_finding"],
        **{name: schema["objects"][name] for name in ("finding_info", "compliance", "remediation")},
    }
    for name, kind in of.items():
        old = {key for key, each in kind["attributes"].items() if "@deprecated" in each}
        for event in events:
            assert not old & set(event.get(name, event)), name


def test_what_the_schema_does_not_catch(events: list[dict[str, Any]]) -> None:
    moment = datetime.fromisoformat("2026-11-01T06:00:00+00:00").timestamp() * 1000
    version = ocsf.VERSION
    for event in events:
        assert event["time"] == moment, "milliseconds"
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["severity"] == caption(version, "severity_id", event["severity_id"])
        assert event["status"] == caption(version, "status_id", event["status_id"])
        assert event["activity_name"] == caption(version, "activity_id", event["activity_id"])
        of = event["cloud"]["account"]
        assert of["type"] == caption(version, "account.type_id", of["type_id"])
        rule = event["finding_info"]["analytic"]
        assert rule["type"] == caption(version, "analytic.type_id", rule["type_id"])
        held = event["compliance"]
        if held["status_id"] != ocsf.OTHER:
            assert held["status"] == caption(version, "compliance.status_id", held["status_id"])
        kind = schema_of(version)["classes"]["compliance_finding"]
        assert event["class_name"] == kind["caption"]
        assert event["type_name"] == f"{kind['caption']}: {event['activity_name']}"


def test_each_check_and_subject_is_one_event(
    events: list[dict[str, Any]], demo_account: Account
) -> None:
    ids = [event["finding_info"]["uid"] for event in events]
    assert len(set(ids)) == len(ids)
    assert set(ids) == set(with_ids(demo_account)["finding"])


def test_nothing_that_was_not_seen_to_hold_passes() -> None:
    assert set(ocsf.SEVERITIES) == set(SEVERITIES)
    assert ocsf.SEVERITIES[INFO][0] == 1
    found = next(column for column in AUDIT_TABLES[0].columns if column.name == "status")
    assert set(ocsf.STATUSES) == set(ocsf.COMPLIANCE) == set(found.values)
    assert ocsf.COMPLIANCE[Status.NOT_ASSESSED] == (0, "Unknown")
    assert ocsf.COMPLIANCE[Status.ACCEPTED] == (3, "Fail")
    assert 1 not in {number for number, _ in ocsf.COMPLIANCE.values()}


def test_a_finding_about_escalation_has_the_techniques_of_its_methods(
    events: list[dict[str, Any]], files: dict[str, bytes], demo_account: Account
) -> None:
    kinds = {"can_escalate", "can_become_administrator", "escalates_with_a_target"}
    policies = {"escalating_customer_policy", "escalating_inline_policy"}
    having = {
        (each["metadata"]["event_code"], each["resources"][0]["uid"]): each["finding_info"]
        for each in events
        if "attacks" in each["finding_info"]
    }
    assert {check for check, _ in having} <= kinds | policies
    paths = demo_account.escalations.query("status == 'proven'")
    proven = {
        arn: sorted(set(of.explode())) for arn, of in paths.groupby("principal_arn")["techniques"]
    }
    told = {
        subject: [each.get("sub_technique", each["technique"])["uid"] for each in found["attacks"]]
        for (check, subject), found in having.items()
        if check == "can_escalate"
    }
    assert told
    assert told == {subject: proven[subject] for subject in told}
    for found in having.values():
        for each in found["attacks"]:
            assert each["version"] == attack_version()
            assert each["technique"]["uid"] == each["technique"]["uid"].partition(".")[0]
    in_json = {
        (each["check"], each["subject"])
        for each in json.loads(files[FINDINGS])["findings"]
        if each["techniques"]
    }
    assert in_json == set(having)


def test_only_the_frameworks_of_the_settings_are_named(demo_account: Account) -> None:
    chosen = again(demo_account, frameworks=["SOC 2"])
    named = findings_json.texts_of_checks(chosen)["root_used"]["controls"]
    assert {each["framework"] for each in named} == {"SOC 2"}


def test_hostile_text_stays_text_and_an_account_without_findings_is_valid(tmp_path: Path) -> None:
    given = tmp_path / "hostile"
    given.mkdir()
    named = user("ana", Tags=[{"Key": "owner", "Value": HOSTILE}], Path=f"/{HOSTILE}/")
    trust = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}
    contents = details([named], roles=[role(HOSTILE, trust)])
    made = account(given, contents, credential_report=report(line("ana", password=True)))
    files = exports(made)
    for name in (FINDINGS, OCSF):
        assert "\u202e" not in files[name].decode()
        assert json.loads(files[name])
    for event in json.loads(files[OCSF]):
        assert list(validator(ocsf.VERSION).iter_errors(event)) == []
    assert any(
        "a\\u202eb</script>" in each["name"] for each in json.loads(files[FINDINGS])["findings"]
    )


def test_the_id_of_a_finding_is_in_every_file(files: dict[str, bytes]) -> None:
    rows = csv.DictReader(io.StringIO(files["findings.csv"].decode("utf-8-sig"), newline=""))
    in_csv = {row["finding"] for row in rows}
    assert in_csv == {each["finding"] for each in json.loads(files[FINDINGS])["findings"]}
    assert in_csv == {each["finding_info"]["uid"] for each in json.loads(files[OCSF])}


def test_files_have_the_same_bytes_each_time(
    files: dict[str, bytes], demo_account: Account
) -> None:
    assert exports(demo_account) == files
