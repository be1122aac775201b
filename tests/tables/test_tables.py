"""From a snapshot to tables: everything kept, the unknown marked."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import iamkit
from iamkit import Account, load
from iamkit.errors import SettingsError, SnapshotError
from iamkit.evidence.requests import DETAILS
from iamkit.settings import Settings
from iamkit.tables import schema, service_linked_arns, without_service_linked
from tests.accounts import (
    ACCOUNT,
    ARN,
    account,
    details,
    group,
    policy,
    report,
    role,
    sharing,
    user,
    written,
)
from tests.examples import examples

ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
DOCUMENT = {"Version": "2012-10-17", "Statement": [ALL]}
ANA = (
    f"ana,{ARN}user/ana,2024-05-01T12:00:00+00:00,true,2026-10-31T06:00:00+00:00,"
    "2026-10-01T06:00:00+00:00,N/A,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,"
    "false,N/A"
)


def test_principals_are_root_users_groups_and_roles(tmp_path: Path) -> None:
    made = account(tmp_path, details([user("ana")], [group("Admins")], [role("app", DOCUMENT)], []))
    assert made.principals[["kind", "name"]].to_numpy().tolist() == [
        ["root", "<root_account>"],
        ["user", "ana"],
        ["group", "Admins"],
        ["role", "app"],
    ]


def test_a_user_in_only_one_of_the_two_reports_keeps_a_row_that_says_so(tmp_path: Path) -> None:
    made = account(tmp_path, details([user("bo")]), credential_report=report(ANA))
    evidence = made.users.set_index("user_name")["evidence"].to_dict()
    assert evidence == {"ana": "credential report only", "bo": "authorization details only"}
    assert made.users.set_index("user_name").loc["ana", "path"] == "/"


def test_policies_reach_users_directly_and_through_groups(tmp_path: Path) -> None:
    wide = {"PolicyName": "wide", "PolicyArn": f"{ARN}policy/wide"}
    made = account(
        tmp_path,
        details(
            [
                user(
                    "ana",
                    GroupList=["Admins"],
                    UserPolicyList=[{"PolicyName": "own", "PolicyDocument": DOCUMENT}],
                    PermissionsBoundary={
                        "PermissionsBoundaryType": "Policy",
                        "PermissionsBoundaryArn": f"{ARN}policy/edge",
                    },
                )
            ],
            [group("Admins", AttachedManagedPolicies=[wide])],
            policies=[policy("wide", DOCUMENT), policy("edge", DOCUMENT)],
        ),
    )
    ana, admins = f"{ARN}user/ana", f"{ARN}group/Admins"
    assert made.attachments.to_numpy().tolist() == [
        [ana, f"{ana}#own", "inline"],
        [ana, f"{ARN}policy/edge", "boundary"],
        [admins, f"{ARN}policy/wide", "attached"],
    ]
    held = made.policy_assignments.query("principal_arn == @ana")
    assert held["policy_arn"].tolist() == [f"{ana}#own", f"{ARN}policy/wide"]
    assert held["via_arn"].fillna("").tolist() == ["", admins]
    assert made.policies.set_index("policy_name")["kind"].to_dict() == {
        "wide": "customer",
        "edge": "customer",
        "own": "inline",
    }
    assert made.groups["members"].tolist() == [1]


def test_only_the_default_version_counts(tmp_path: Path) -> None:
    versions = [
        {"VersionId": "v2", "IsDefaultVersion": False, "Document": DOCUMENT},
        {"VersionId": "v1", "IsDefaultVersion": True, "Document": {"Statement": []}},
    ]
    made = account(
        tmp_path, details(policies=[policy("old", DOCUMENT, PolicyVersionList=versions)])
    )
    assert made.policy_versions["document"].tolist() == [{"Statement": []}]
    assert made.policies["versions"].tolist() == [2]


def test_a_policy_that_is_attached_but_not_shown_keeps_a_row_with_its_problem(
    tmp_path: Path,
) -> None:
    far = {"PolicyName": "far", "PolicyArn": f"{ARN}policy/far"}
    made = account(tmp_path, details([user("ana", AttachedManagedPolicies=[far])]))
    assert made.policies[["policy_name", "problem"]].to_numpy().tolist() == [
        ["far", "attached, but not in the evidence"]
    ]


def test_documents_may_be_text_url_encoded_or_broken(tmp_path: Path) -> None:
    encoded = "%7B%22Statement%22%3A%20%5B%5D%7D"
    made = account(
        tmp_path,
        details(
            policies=[
                policy("text", json.dumps(DOCUMENT)),
                policy("encoded", encoded),
                policy("broken", "{not json"),
                policy("list", [ALL]),
                policy("empty", {}),
                policy("none", None, PolicyVersionList=[]),
            ]
        ),
    )
    problems = made.policies.set_index("policy_name")["problem"].fillna("").to_dict()
    assert problems == {
        "text": "",
        "encoded": "",
        "broken": "its document is not JSON",
        "list": "its document is no JSON object",
        "empty": "its document has no Statement",
        "none": "its default version is not in the evidence",
    }
    assert made.statements["actions"].tolist() == [["*"]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Statement", "Effect", "Action", "NotAction", "Resource", "Condition"])
            | st.sampled_from(["Principal", "NotPrincipal", "Sid", "AWS", "Arn", "PolicyName"])
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return account(tmp_path_factory.mktemp("nobody"))


@given(document=JSON, statement=JSON, tags=JSON, entry=JSON)
@examples(0.6)
def test_whatever_a_policy_contains_no_row_is_lost(
    tmp_path_factory: pytest.TempPathFactory,
    nobody: Account,
    document: Any,
    statement: Any,
    tags: Any,
    entry: Any,
) -> None:
    statements = [ALL, statement]
    attached = [{"PolicyName": "p", "PolicyDocument": document}]
    made = account(
        tmp_path_factory.mktemp("weird"),
        details(
            [user("ana", UserPolicyList=attached, Tags=tags), {**user("bo"), "GroupList": entry}],
            [group("g", AttachedManagedPolicies=entry, GroupPolicyList=entry)],
            [
                role("app", document, PermissionsBoundary=entry, RoleLastUsed=entry),
                role("other", {"Statement": statements}, InstanceProfileList=entry),
            ],
            [policy("p", document), policy("q", {"Statement": statements}), entry],
        ),
    )
    made = sharing(made, nobody, DETAILS)
    for table in schema.TABLES:
        assert list(getattr(made, table.name).columns) == table.names
    assert len(made.users) == 2
    assert len(made.roles) == 2
    assert {"p", "q"} <= set(made.policies["policy_name"].dropna())
    assert len(made.statements.query(f"policy_arn == '{ARN}policy/q'")) == 2
    assert set(made.trust["role_arn"]) == {f"{ARN}role/app", f"{ARN}role/other"}
    assert made._repr_html_()


def test_ten_thousand_statements_are_ten_thousand_rows(tmp_path: Path) -> None:
    made = account(tmp_path, details(policies=[policy("big", {"Statement": [ALL] * 10_000})]))
    assert len(made.statements) == 10_000


def test_unreadable_statements_say_what_is_wrong(tmp_path: Path) -> None:
    statements = [
        "text",
        {"Effect": "allow", "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"},
        {"Effect": "Allow", "Action": [5], "Resource": "*"},
        {**ALL, "Condition": "always"},
    ]
    made = account(tmp_path, details(policies=[policy("odd", {"Statement": statements})]))
    assert made.statements["problem"].tolist() == [
        "is no JSON object",
        "Effect is neither Allow nor Deny",
        "needs one of Action and NotAction",
        "needs one of Action and NotAction",
        "Action holds something that is not text",
        "Condition is no JSON object",
    ]


def test_every_table_knows_which_evidence_it_needs(tmp_path: Path) -> None:
    made = account(tmp_path)
    for table in schema.TABLES:
        made.missing(table.name)


def test_now_is_the_moment_of_the_evidence(tmp_path: Path) -> None:
    assert account(tmp_path).as_of == pd.Timestamp("2026-11-01 06:00", tz="UTC")


def test_an_account_id_that_became_a_number_is_caught(tmp_path: Path) -> None:
    made = written(tmp_path)
    path = made.snapshot.path
    assert load(path, account_id=ACCOUNT).account_id == ACCOUNT
    with pytest.raises(SettingsError, match=r"12345678901 \(int\).*-r instead of -p"):
        load(path, account_id=12345678901)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="is of account 012345678901, not of 999999999999"):
        load(path, account_id="999999999999")


def test_latest_is_looked_for_in_the_folders_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = written(tmp_path)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert load().snapshot.path == made.snapshot.path
    with pytest.raises(SnapshotError, match="iamkit demo"):
        load("latest", account_id="999999999999")


def test_thresholds_win_over_the_settings_file(tmp_path: Path) -> None:
    made = written(tmp_path)
    file = tmp_path / "settings.yml"
    file.write_text("unused_days: 30\nmax_key_age_days: 60\n")
    opened = load(made.snapshot.path, file, unused_days=10, max_password_age_days=None)
    assert opened.settings == Settings(unused_days=10, max_key_age_days=60)


def test_the_account_shows_its_tables(tmp_path: Path) -> None:
    made: Account = account(tmp_path)
    assert "Account 012345678901, evidence as of 2026-11-01 06:00 UTC" in repr(made)
    assert "principals" in made.describe()["table"].tolist()
    assert made.describe("principals")["column"].tolist() == list(made.principals.columns)


def test_service_linked_roles_are_left_out_in_one_place(tmp_path: Path) -> None:
    linked = role("AWSServiceRoleForX", DOCUMENT, Path="/aws-service-role/x.amazonaws.com/")
    made = account(tmp_path, details([user("ana")], roles=[linked, role("app", DOCUMENT)]))
    judged = without_service_linked(made.principals, made.roles)
    assert judged["name"].tolist() == ["<root_account>", "ana", "app"]
    assert service_linked_arns(made.roles) == {f"{ARN}role/AWSServiceRoleForX"}
    package = Path(iamkit.__file__).parent
    rooms = {
        path.parent.name
        for path in package.rglob("*.py")
        if '["service_linked"]' in path.read_text()
    }
    assert rooms == {"tables"}, "use without_service_linked"
