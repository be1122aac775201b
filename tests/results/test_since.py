"""What changed between two audits: each fact that differs, and nothing else."""

from pathlib import Path

import hypothesis.strategies as st
import pandas as pd
import pytest
from hypothesis import given

from iamkit import Account, load
from iamkit.errors import SettingsError
from iamkit.evidence import snapshot
from iamkit.results import (
    CHANGES,
    changes_since,
    composed,
    got_worse,
    not_compared,
    record,
)
from iamkit.results.record import AUDITS, DOCUMENTS, FOUND, PEOPLE, AuditRecord, empty
from iamkit.results.since import ASPECTS, BETTER, CHANGED, WORSE, direction
from tests.accounts import ARN, role, user
from tests.results.months import audit, line

ALL = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
READ = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject",
        "Resource": "*"}}  # fmt: skip
OURS = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"{ARN}user/ann"}}}  # fmt: skip
STRANGERS = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
             "Principal": {"AWS": "arn:aws:iam::999988887777:root"}}}  # fmt: skip
KEY = ["aspect", "key", "before", "after", "direction"]


def inline(document: object) -> dict[str, object]:
    return {"UserPolicyList": [{"PolicyName": "own", "PolicyDocument": document}]}


def of(changes: pd.DataFrame, aspect: str) -> list[tuple[object, ...]]:
    rows = changes[changes["aspect"] == aspect]
    columns = [rows[name] for name in ("name", "before", "after", "direction")]
    return [tuple(None if pd.isna(v) else v for v in row) for row in zip(*columns, strict=True)]


def sorted_by_key(changes: pd.DataFrame) -> list[tuple[object, ...]]:
    rows = changes[KEY].astype("object").where(changes[KEY].notna(), None)
    return sorted(map(tuple, rows.to_numpy().tolist()), key=str)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Account, Account]:
    """Everything that can change, changed."""
    root = tmp_path_factory.mktemp("two")
    before = {
        "UserDetailList": [
            user("ann", **inline(ALL)),
            user("bob"),
            user("eve"),
            user("old", UserId="AIDAOLDOLDOLDOLDOLDOL"),
        ],
        "RoleDetailList": [role("deploy", OURS), role("work", OURS)],
    }
    after = {
        "UserDetailList": [
            user("ann", **inline(READ)),
            user("bob"),
            user("eve", UserId="AIDAEVETWOXXXXXXXXXXX"),
            user("new", UserId="AIDAOLDOLDOLDOLDOLDOL"),
        ],
        "RoleDetailList": [role("deploy", STRANGERS), role("work", OURS)],
    }
    first = audit(root, 1, before, line("ann"), line("bob"), line("eve"), line("old"))
    second = audit(
        root, 2, after,
        line("ann", mfa=True), line("bob", made="2026-01-15", password=False), line("eve"),
        line("new"),
    )  # fmt: skip
    return first, second


def test_nothing_changed_from_an_audit_to_itself(two: tuple[Account, Account]) -> None:
    for each in two:
        assert each.since(each).empty
        assert each.permissions_since(each).empty


def test_each_thing_that_changed_is_said_once(two: tuple[Account, Account]) -> None:
    changes = two[1].since(two[0])
    assert of(changes, "MFA device registered") == [
        ("eve", None, "no", CHANGED),
        ("eve", "no", None, CHANGED),
        ("ann", "no", "yes", BETTER),
    ]
    assert ("ann", "admin", "read", BETTER) in of(changes, "privilege")
    assert ("ann", "0", None, BETTER) in of(changes, "steps to administrator")
    password = "password, set on 2025-12-01 12:00"
    assert ("bob", password, None, CHANGED) in of(changes, "password")
    key = "access key 1, made on {} 12:00"
    assert ("bob", key.format("2025-12-01"), key.format("2026-01-15"), CHANGED) in of(
        changes, "access key"
    )
    trust = {(name, bool(before)) for name, before, _, _ in of(changes, "trust")}
    assert trust == {("deploy", True), ("deploy", False)}
    assert [row[0] for row in of(changes, "policy")] == ["own"]


def test_methods_to_gain_permissions_are_opened_and_closed(tmp_path: Path) -> None:
    own = f"{ARN}user/ann"
    attaches = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action":
                "iam:AttachUserPolicy", "Resource": own}}  # fmt: skip
    months = [
        audit(tmp_path, number, {"UserDetailList": [user("ann", **inline(document))]}, line("ann"))
        for number, document in ((1, READ), (2, attaches))
    ]
    opened = of(months[1].since(months[0]), "escalation")
    assert opened == [("ann", None, method, WORSE) for _, _, method, _ in opened]
    assert opened
    closed = of(months[0].since(months[1]), "escalation")
    assert closed == [("ann", method, None, BETTER) for _, _, method, _ in opened]


def test_a_renamed_user_is_the_same_and_one_made_again_is_another(
    two: tuple[Account, Account],
) -> None:
    identities = of(two[1].since(two[0]), "identity")
    assert ("new", f"{ARN}user/old", f"{ARN}user/new", CHANGED) in identities
    assert ("eve", f"{ARN}user/eve", None, CHANGED) in identities
    assert ("eve", None, f"{ARN}user/eve", CHANGED) in identities
    assert len(identities) == 3


def test_the_way_back_is_the_same_turned_round(two: tuple[Account, Account]) -> None:
    there, back = two[1].since(two[0]), two[0].since(two[1])
    turned = {BETTER: WORSE, WORSE: BETTER, CHANGED: CHANGED}
    mirrored = there.assign(
        before=there["after"], after=there["before"], direction=there["direction"].map(turned)
    )
    assert sorted_by_key(mirrored) == sorted_by_key(back)


def test_permissions_are_compared_by_what_they_allow(two: tuple[Account, Account]) -> None:
    found = two[1].permissions_since(two[0]).set_index("name")
    assert list(found.index) == ["ann"]  # eve is another user, and old and new may nothing
    row = found.loc["ann"]
    assert row["gained"] == 0
    assert row["lost"] > 20_000
    assert "s3:GetObject" not in row["lost_actions"]
    assert row["because"] == ["own was changed"]
    assert '-    "Action": "*",' in row["lines"]
    assert '+    "Action": "s3:GetObject",' in row["lines"]


def test_a_policy_written_anew_that_allows_the_same_changes_no_permission(tmp_path: Path) -> None:
    again = {"Version": "2012-10-17", "Statement": [{"Sid": "Read", "Effect": "Allow",
             "Action": ["s3:GetObject"], "Resource": ["*"]}]}  # fmt: skip
    first = audit(tmp_path, 1, {"UserDetailList": [user("ann", **inline(READ))]}, line("ann"))
    second = audit(tmp_path, 2, {"UserDetailList": [user("ann", **inline(again))]}, line("ann"))
    assert second.permissions_since(first).empty
    changes = second.since(first)
    assert of(changes, "permissions") == []
    assert len(of(changes, "policy")) == 1


def test_what_one_of_the_two_does_not_say_is_not_compared(tmp_path: Path) -> None:
    contents = {"UserDetailList": [user("ann", **inline(ALL))]}
    first = audit(tmp_path, 1, contents, line("ann"))
    second = audit(tmp_path, 2, contents)  # no credential report
    changes = second.since(first)
    assert set(changes["aspect"]) <= {"finding"}  # no verdict is better for want of evidence
    left_out = not_compared(record(first), record(second))
    assert {"verdict", "steps to administrator", "password"} <= set(left_out)
    fixed = changes[(changes["aspect"] == "finding") & changes["after"].isna()]
    assert fixed.empty


def test_two_accounts_do_not_compare(two: tuple[Account, Account], demo_account: Account) -> None:
    with pytest.raises(SettingsError, match="two accounts"):
        demo_account.since(two[0])


def test_a_new_finding_is_what_makes_it_worse(two: tuple[Account, Account]) -> None:
    worse = got_worse(two[1].since(two[0]), ["critical", "high", "medium", "low"])
    assert "deploy" in set(worse["name"])
    assert worse["before"].isna().all()


@pytest.mark.parametrize(
    ("aspect", "before", "after", "expected"),
    [
        ("steps to administrator", "2", "1", WORSE),
        ("steps to administrator", "2", None, BETTER),
        ("MFA device", None, "virtual", BETTER),
        ("MFA device", "virtual", None, WORSE),
        ("finding", "Old key (low)", "Old key (high)", CHANGED),
        ("network restriction", "restricted", "unrestricted", WORSE),
        ("MFA enforcement", "none", "enforced", BETTER),
        ("verdict", "ok", "not assessed", WORSE),
        ("identity", None, "arn", CHANGED),
    ],
)
def test_what_is_better(aspect: str, before: object, after: object, expected: str) -> None:
    assert direction(aspect, before, after) == expected


Stated = dict[tuple[str, str], str]
facts = st.dictionaries(
    st.tuples(st.sampled_from(["privilege", "finding", "policy"]), st.sampled_from("abc")),
    st.sampled_from(["admin", "write", "none"]),
)


def as_record(stated: Stated) -> AuditRecord:
    """A record with these facts and no others."""

    def rows(aspect: str) -> list[tuple[str, str]]:
        return [(key, state) for (of, key), state in stated.items() if of == aspect]

    return empty()._replace(
        audits=AUDITS.rows({"evidence": "e", "account_id": "1", "not_known": "[]"}),
        people=PEOPLE.rows(
            *({"subject": key, "arn": key, "name": key, "kind": "user", "privilege": state}
              for key, state in rows("privilege"))
        ),
        found=FOUND.rows(
            *({"finding": key, "name": key, "subject": key, "status": "fail", "title": state,
               "severity": "low"} for key, state in rows("finding"))
        ),
        documents=DOCUMENTS.rows(
            *({"policy": key, "name": key, "document": state} for key, state in rows("policy"))
        ),
    )  # fmt: skip


@given(facts, facts, facts)
def test_two_steps_come_to_the_same_as_one(
    one: dict[tuple[str, str], str],
    two: dict[tuple[str, str], str],
    three: dict[tuple[str, str], str],
) -> None:
    a, b, c = map(as_record, (one, two, three))
    steps = composed(changes_since(a, b), changes_since(b, c))
    assert sorted_by_key(steps) == sorted_by_key(changes_since(a, c))
    assert changes_since(a, a).empty


def test_a_year_of_the_demo_compares_step_by_step(tmp_path: Path) -> None:
    from iamkit import demo

    demo.snapshots(tmp_path, months=3, users=12)
    records = [record(load(path)) for path in snapshot.under(tmp_path)]
    first, second, third = records
    steps = composed(changes_since(first, second), changes_since(second, third))
    whole = changes_since(first, third)
    assert sorted_by_key(steps) == sorted_by_key(whole)
    assert set(whole["aspect"]) <= set(ASPECTS)
    assert CHANGES.conform(whole).equals(whole)
