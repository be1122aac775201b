"""Months of audits: what became of each finding; records that are kept, mended and not mixed."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from iamkit import Account, demo, load
from iamkit.evidence import snapshot
from iamkit.results import State, history
from iamkit.results.record import ANALYSIS
from tests.accounts import ARN, role, user
from tests.results.months import audit, line

TRUSTS = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
          "Principal": {"AWS": "arn:aws:iam::999988887777:root"}}}  # fmt: skip
ANN = {"UserDetailList": [user("ann")]}


def became(account: Account, check: str) -> list[tuple[str, str, int]]:
    """Month, state and number of audits of a check's findings."""
    rows = account.history.findings
    rows = rows[rows["check"] == check]
    return [(f"{m:%m}", s, int(n)) for m, s, n in zip(rows["as_of"], rows["state"], rows["audits"],
            strict=True)]  # fmt: skip


def test_new_recurring_fixed_and_new_again(tmp_path: Path) -> None:
    for number, mfa in ((1, False), (2, False), (3, True), (5, False)):  # none in April
        last = audit(tmp_path, number, ANN, line("ann", mfa=mfa))
    assert became(last, "console_user_without_mfa") == [
        ("01", State.NEW, 1), ("02", State.RECURRING, 2), ("03", State.FIXED, 2),
        ("05", State.NEW, 1),
    ]  # fmt: skip


def test_a_month_that_cannot_tell_is_no_month_in_which_it_was_fixed(tmp_path: Path) -> None:
    audit(tmp_path, 1, ANN, line("ann"))
    audit(tmp_path, 2, ANN)  # the credential report is missing
    last = audit(tmp_path, 3, ANN, line("ann"))
    assert became(last, "console_user_without_mfa") == [
        ("01", State.NEW, 1), ("02", State.NOT_ASSESSED, 1), ("03", State.RECURRING, 2),
    ]  # fmt: skip
    measures = last.history.measures.query("measure == 'mfa_registered'")
    assert measures["of"].fillna(-1).tolist() == [1, -1, 1]


def test_a_user_made_again_has_findings_of_its_own(tmp_path: Path) -> None:
    audit(tmp_path, 1, ANN, line("ann"))
    other = {"UserDetailList": [user("ann", UserId="AIDAANOTHERXXXXXXXXXX")]}
    last = audit(tmp_path, 2, other, line("ann"))
    states = became(last, "console_user_without_mfa")
    assert sorted(states) == [("01", State.NEW, 1), ("02", State.FIXED, 1), ("02", State.NEW, 1)]


def test_a_renamed_role_keeps_its_findings(tmp_path: Path) -> None:
    audit(tmp_path, 1, {"RoleDetailList": [role("old", TRUSTS)]}, line("x"))
    renamed = role("new", TRUSTS, RoleId=role("old", TRUSTS)["RoleId"])
    last = audit(tmp_path, 2, {"RoleDetailList": [renamed]}, line("x"))
    rows = last.history.findings.query("check == 'role_without_external_id'")
    if rows.empty:
        rows = last.history.findings[last.history.findings["subject"].eq(f"{ARN}role/new")]
    assert State.RECURRING in set(rows["state"])
    assert State.FIXED not in set(rows["state"])


def test_an_id_that_two_users_share_tells_neither_from_the_other(tmp_path: Path) -> None:
    shared = {"UserDetailList": [user(name, UserId="AIDASHARED") for name in ("ann", "bob")]}
    months = [audit(tmp_path, month, shared, line("ann"), line("bob")) for month in (1, 2)]
    rows = months[1].history.findings.query("check == 'console_user_without_mfa'")
    assert rows.groupby("subject")["state"].apply(list).to_dict() == {
        f"{ARN}user/{name}": [State.NEW, State.RECURRING] for name in ("ann", "bob")
    }
    assert set(months[1].since(months[0])["aspect"]) <= {"finding"}  # their keys grow old


def test_what_only_a_setting_did_is_told_apart(tmp_path: Path) -> None:
    made = "2025-12-01"  # 31 days before the first audit, 62 before the second
    audit(tmp_path, 1, ANN, line("ann", made=made)).history.keep()
    last = audit(tmp_path, 2, ANN, line("ann", made=made), max_key_age_days=20)
    rows = last.history.findings.query("check == 'old_access_key'")
    assert rows["state"].tolist() == [State.NEW]
    assert rows["because"].tolist() == ["settings or version"]
    last.history.keep()
    loose = audit(tmp_path, 3, ANN, line("ann", made=made), max_key_age_days=400)
    rows = loose.history.findings.query("check == 'old_access_key' and state == 'fixed'")
    assert rows["because"].tolist() == ["settings or version"]


def test_an_audit_of_an_older_analysis_is_judged_again(tmp_path: Path) -> None:
    first = audit(tmp_path, 1, ANN, line("ann"))
    first.history.keep()
    stored = first.snapshot.path.parent / history.HISTORY
    record = history.AuditRecord(**history.read([stored]))
    history.write(stored, record._replace(audits=record.audits.assign(analysis=0)))
    last = audit(tmp_path, 2, ANN, line("ann"))
    assert became(last, "console_user_without_mfa") == [("01", State.NEW, 1),
        ("02", State.RECURRING, 2)]  # fmt: skip
    assert last.history.audits["analysis"].tolist() == [ANALYSIS] * 2


def test_new_recurring_and_expired_are_the_findings_of_the_day(tmp_path: Path) -> None:
    demo.snapshots(tmp_path, months=3, users=12)
    paths = snapshot.under(tmp_path)
    accounts = [load(path) for path in paths]
    last = accounts[-1]
    rows = last.history.findings
    failing = []
    for account in accounts:  # counted from the findings alone
        found = account.audit.findings
        found = found[found["status"] == "fail"]
        failing.append({*zip(found["check"], found["subject"], strict=True)})
    for moment, before, now in zip(
        last.history.audits["as_of"], [set(), *failing], failing, strict=False
    ):
        states = rows[rows["as_of"] == moment]["state"].value_counts()
        assert states.get(State.NEW, 0) == len(now - before)
        assert states.get(State.RECURRING, 0) == len(now & before)
        assert states.get(State.FIXED, 0) + states.get(State.NOT_ASSESSED, 0) == len(before - now)
    keys = last.access_keys.query("active and not is_root")
    measures = last.history.measures.query("as_of == @last.as_of").set_index("measure")
    assert measures.loc["old_keys", "value"] == (keys["age_days"] > 90).sum()
    assert measures.loc["old_keys", "of"] == len(keys)
    assert measures.loc["administrators", "value"] == len(last.administrators)


def test_records_are_kept_with_the_same_bytes_and_make_the_same_history(tmp_path: Path) -> None:
    for number, mfa in ((1, False), (2, True)):
        last = audit(tmp_path, number, ANN, line("ann", mfa=mfa))
    last.history.keep()
    account = last.snapshot.path.parents[1]
    kept = {path: path.read_bytes() for path in account.rglob("*.parquet")}
    assert {path.parent.parent.name for path in kept} == {
        "history", "2026-01-01T060000Z", "2026-02-01T060000Z"}  # fmt: skip
    again = load(last.snapshot.path)
    for one, two in zip(again.history.records, last.history.records, strict=True):
        pd.testing.assert_frame_equal(one, two)
    for path in kept:
        path.unlink()
    load(last.snapshot.path).history.keep()
    assert {path: path.read_bytes() for path in account.rglob("*.parquet")} == kept
    year = history.read([account / history.HISTORY / "2026"])
    assert year["audits"]["evidence"].tolist() == last.history.audits["evidence"].tolist()


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"x" * 400])
def test_a_damaged_record_is_made_again(tmp_path: Path, damage: bytes) -> None:
    audit(tmp_path, 1, ANN, line("ann")).history.keep()
    last = audit(tmp_path, 2, ANN, line("ann"))
    stored = next((tmp_path / "reports").glob("*/2026-01*/history/found.parquet"))
    stored.write_bytes(damage)
    assert len(last.history.audits) == 2
    assert became(last, "console_user_without_mfa")[-1][1] == State.RECURRING


def test_evidence_that_was_changed_is_a_gap_in_the_months(tmp_path: Path) -> None:
    first = audit(tmp_path, 1, ANN, line("ann"))
    last = audit(tmp_path, 2, ANN, line("ann"))
    (first.snapshot.path / "credential_report.csv").write_text("changed")
    assert len(last.history.audits) == 1


def test_a_record_of_other_evidence_is_not_taken(tmp_path: Path) -> None:
    first = audit(tmp_path, 1, ANN, line("ann", mfa=True))
    first.history.keep()
    other = audit(tmp_path / "other", 1, ANN, line("ann"))
    other.history.keep()
    for name in ("history",):
        shutil.rmtree(first.snapshot.path.parent / name)
        shutil.copytree(other.snapshot.path.parent / name, first.snapshot.path.parent / name)
    last = audit(tmp_path, 2, ANN, line("ann", mfa=True))
    assert became(last, "console_user_without_mfa") == []


def test_a_folder_that_refuses_keeps_none(tmp_path: Path) -> None:
    last = audit(tmp_path, 1, ANN, line("ann"))
    in_the_way = last.snapshot.path.parent / history.HISTORY
    in_the_way.write_text("mine")
    last.history.keep()
    assert in_the_way.read_text() == "mine"
    assert len(last.history.audits) == 1


def test_settings_of_the_record_are_those_in_force(tmp_path: Path) -> None:
    last = audit(tmp_path, 1, ANN, line("ann"), unused_days=77)
    assert json.loads(last.history.audits["settings"][0])["unused_days"] == 77
