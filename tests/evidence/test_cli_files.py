"""Files that the AWS CLI saved, in every form it saves them."""

import base64
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import load
from iamkit.errors import CollectError, IamkitError
from iamkit.evidence import cli_files, snapshot
from iamkit.evidence.requests import REQUESTS
from iamkit.tables import schema
from tests.accounts import ACCOUNT, ARN, details, policy, report, role, user
from tests.examples import examples
from tests.tables.test_tables import JSON

MEMBERS = sorted({member for kind in REQUESTS for member in kind.members} - {"Content"})
CSV = report(
    f"ana,{ARN}user/ana,2024-05-01T12:00:00Z,true,N/A,2026-10-01T06:00:00Z,N/A,false,false,N/A,N/A,"
    "N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"
)
GENERATED = "2026-10-30T12:00:00+00:00"


def base64_text(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def opened(folder: Path, **options: object) -> snapshot.Snapshot:
    return snapshot.read(cli_files.from_files(folder / "out", folder, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("report.csv", CSV.encode()),
        ("report.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("report.csv", CSV.replace("\n", "\r\n").encode()),
        ("report.csv", CSV.replace("\n", "\r").encode()),
        ("report.txt", base64_text(CSV).encode() + b"\n"),
        ("report.txt", base64_text(CSV).encode("utf-16")),
        ("report.json", json.dumps({"Content": base64_text(CSV)}).encode()),
        ("report.json", json.dumps({"Content": CSV}).encode()),
    ],
    ids=[
        "csv",
        "csv with a mark",
        "csv with CRLF",
        "csv with CR",
        "text",
        "UTF-16 text",
        "json",
        "plain json",
    ],
)
def test_a_credential_report_comes_in_many_forms(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    made = opened(tmp_path, as_of=datetime(2026, 11, 1, tzinfo=UTC))
    assert load(made.path).credentials["user_name"].tolist() == ["<root_account>", "ana"]


@pytest.mark.parametrize("listed", [True, False])
def test_a_line_may_end_after_the_name(tmp_path: Path, listed: bool) -> None:
    """Whom the details list is not assessed; of another nobody knows which user it was."""
    (tmp_path / "report.csv").write_text(CSV.rstrip() + "\nbob")
    (tmp_path / "details.json").write_text(
        json.dumps(details([user("ana"), *([user("bob")] if listed else [])]))
    )
    made = load(opened(tmp_path).path)
    assert made.credentials["user_name"].tolist() == ["<root_account>", "ana"]
    assert made.incomplete["subject"].tolist() == ([f"{ARN}user/bob"] if listed else [])
    assert ("GetCredentialReport: Nameless" in made.missing("credentials")) is not listed


@pytest.mark.parametrize("member", ["Arn", "RoleName"])
def test_an_entry_without_a_name_is_a_gap(tmp_path: Path, member: str) -> None:
    nameless = role("ci", {"Statement": []})
    del nameless[member]
    (tmp_path / "report.csv").write_text(CSV)
    (tmp_path / "details.json").write_text(json.dumps(details([user("ana")], roles=[nameless])))
    assert "Nameless" in set(load(opened(tmp_path).path).gaps["code"])


def test_a_text_answer_says_of_when_it_is(tmp_path: Path) -> None:
    """`--output text` prints Content, GeneratedTime and ReportFormat on one line, with tabs."""
    line = "\t".join([base64_text(CSV), GENERATED, "text/csv"])
    (tmp_path / "report.txt").write_text(line + "\n")
    made = opened(tmp_path)
    assert made.manifest["as_of"] == "2026-10-30T12:00:00Z"
    assert made.bytes("credential_report.csv") == CSV.encode()


def test_a_csv_is_kept_byte_for_byte(tmp_path: Path) -> None:
    content = CSV.replace("\n", "\r\n").encode() + b"\r\n\r\n"
    (tmp_path / "report.csv").write_bytes(content)
    assert opened(tmp_path).bytes("credential_report.csv") == content


def test_the_moment_is_generated_time_else_as_of_else_the_file_s(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    answer = {"Content": base64_text(CSV), "GeneratedTime": GENERATED}
    path.write_text(json.dumps(answer))
    as_of = datetime(2026, 11, 1, tzinfo=UTC)
    made = opened(tmp_path, as_of=as_of)
    assert made.manifest["as_of"] == "2026-10-30T12:00:00Z"
    assert made.manifest["as_of_source"] == "credential report GeneratedTime"
    del answer["GeneratedTime"]
    path.write_text(json.dumps(answer))
    assert opened(tmp_path, as_of=as_of).manifest["as_of_source"] == "--as-of"
    os.utime(path, (1_795_000_000, 1_795_000_000))
    made = opened(tmp_path)
    assert made.manifest["as_of"] == "2026-11-18T11:06:40Z"
    assert made.manifest["as_of_source"] == "modification time of report.json"


@pytest.mark.parametrize("time", ["2024-05-01T12:00:00Z", "2024-05-01T12:00:00+00:00"])
def test_details_come_from_either_version_of_the_cli(tmp_path: Path, time: str) -> None:
    given = details([user("ana", CreateDate=time)], roles=[role("app", {}, CreateDate=time)])
    (tmp_path / "details.json").write_text(json.dumps(given))
    account = load(opened(tmp_path).path)
    assert account.users["created"].tolist() == account.roles["created"].tolist()
    assert account.users["created"].notna().all()


def test_pages_saved_one_by_one_are_joined(tmp_path: Path) -> None:
    pages = [details([user("ana")]), details([user("bo")])]
    pages[0] |= {"IsTruncated": True, "Marker": "next"}
    (tmp_path / "details.json").write_text(json.dumps(pages))
    made = opened(tmp_path)
    assert len(load(made.path).users) == 2
    assert not any(gap["code"] == "Truncated" for gap in made.manifest["gaps"])


@pytest.mark.parametrize(
    "mark",
    [{"NextToken": "x"}, {"Marker": "x"}, {"IsTruncated": True}],
    ids=lambda m: next(iter(m)),
)
def test_a_partial_file_is_a_gap(tmp_path: Path, mark: dict[str, object]) -> None:
    (tmp_path / "details.json").write_text(json.dumps({**details([user("ana")]), **mark}))
    gaps = {gap["call"]: gap["code"] for gap in opened(tmp_path).manifest["gaps"]}
    assert gaps["iam:GetAccountAuthorizationDetails"] == "Truncated"


def test_fewer_users_than_the_summary_counts_is_a_gap(tmp_path: Path) -> None:
    own = details([user("ana")], policies=[policy("p", {})])
    (tmp_path / "details.json").write_text(json.dumps(own))
    counts = {"Users": 2, "Groups": 0, "Roles": 0, "Policies": 1}
    (tmp_path / "summary.json").write_text(json.dumps({"SummaryMap": counts}))
    gaps = {gap["call"]: gap["message"] for gap in opened(tmp_path).manifest["gaps"]}
    assert "only 1 of 2 users" in gaps["iam:GetAccountAuthorizationDetails"]


def test_what_no_file_answers_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text(CSV)
    made = opened(tmp_path)
    assert {gap["code"] for gap in made.manifest["gaps"]} == {"not provided"}
    assert len(made.manifest["gaps"]) == len(made.manifest["calls"]) - 1
    assert made.account_id == ACCOUNT


def test_seeds_in_a_saved_answer_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text(CSV)
    device = {"SerialNumber": f"{ARN}mfa/spare", "Base32StringSeed": "SEED", "QRCodePNG": "PNG"}
    (tmp_path / "mfa.json").write_text(json.dumps({"VirtualMFADevices": [device]}))
    made = opened(tmp_path)
    assert made.json("virtual_mfa_devices.json") == {
        "VirtualMFADevices": [{"SerialNumber": f"{ARN}mfa/spare"}]
    }


def test_a_time_before_the_evidence_is_refused(tmp_path: Path) -> None:
    (tmp_path / "details.json").write_text(json.dumps(details([user("ana")])))
    with pytest.raises(CollectError, match=r"--as-of gives 2023-01-01, but arn:.*ana was created"):
        opened(tmp_path, as_of=datetime(2023, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("generated", [True, False], ids=["GeneratedTime", "file's time"])
@pytest.mark.parametrize("beside", [True, False], ids=["details", "report"])
def test_a_time_that_answers_give_is_refused_if_they_are_younger(
    tmp_path: Path, generated: bool, beside: bool
) -> None:
    report, early = tmp_path / "report.json", "2020-01-01T00:00:00Z"
    text = CSV if not beside else f"{CSV.splitlines()[0]}\n"
    answer = {"Content": base64_text(text)} | ({"GeneratedTime": early} if generated else {})
    report.write_text(json.dumps(answer))
    os.utime(report, (1_577_836_800, 1_577_836_800))
    if beside:
        (tmp_path / "details.json").write_text(json.dumps(details([user("ana")])))
    where = "GeneratedTime" if generated else r"modification time of report\.json"
    with pytest.raises(CollectError, match=rf"{where}\) is 2020-01-01, but .* on 20"):
        opened(tmp_path)


def test_a_report_that_has_a_column_twice_is_refused(tmp_path: Path) -> None:
    header, *lines = CSV.splitlines()
    twice = "\n".join([f"{header},mfa_active", *(f"{line},true" for line in lines)])
    (tmp_path / "report.csv").write_text(twice)
    with pytest.raises(CollectError, match="has the column 'mfa_active' twice"):
        opened(tmp_path)


def test_files_that_are_nothing_are_left_out_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text(CSV)
    (tmp_path / "notes.txt").write_text("call Ana")
    (tmp_path / "other.json").write_text('{"hello": 1}')
    notes: list[str] = []
    opened(tmp_path, note=notes.append)
    assert sorted(Path(note.split(":")[0]).name for note in notes) == ["notes.txt", "other.json"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "neither a credential report nor account authorization details"),
        ({"a.csv": CSV, "b.csv": CSV}, r"a\.csv and .*b\.csv both answer"),
        ({"a.csv": CSV.replace(ACCOUNT, "999999999999"), "d.json": details([user("ana")])},
         "several accounts: 012345678901, 999999999999"),
        ({"d.json": details()}, "no ARN in the evidence names its account"),
        ({"d.json": "{"}, r"d\.json is not JSON"),
        ({"d.json": {**details(), "UserDetailList": "x"}}, "UserDetailList should be a list"),
        ({"r.json": {"Content": "!", "GeneratedTime": GENERATED}}, "Content of r.json is empty"),
        ({"r.json": {"Content": base64_text(CSV), "GeneratedTime": "today"}}, "'today' is no time"),
        ({"r.json": {"Content": base64_text(CSV), "GeneratedTime": "0900-01-01"}}, "its year is"),
        ({"r.json": {"Content": base64_text(CSV), "GeneratedTime": "9999-12-31"}}, "its year is"),
        ({"r.json": {"Content": "é"}}, "Content is not base64"),
        ({"r.csv": CSV + "a" * 140_000}, "the credential report is no CSV"),
        ({"r.csv": CSV.replace(",", ";")}, "whose commas a spreadsheet has replaced"),
        ({"r.csv": CSV.replace(",", "\t")}, "whose commas a spreadsheet has replaced"),
        ({"r.csv": CSV + ",more"}, r"line \d+, of .*, has more cells than the header"),
        ({"r.json": {"Content": base64_text(CSV + ",more")}}, "has more cells than the header"),
        ({"d.json": b"\xff\xfe{\x00\xd8"}, r"d\.json is cut or damaged"),
    ],
)  # fmt: skip
def test_bad_files_get_a_clear_answer(tmp_path: Path, files: dict[str, object], says: str) -> None:
    for name, content in files.items():
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CollectError, match=says):
        opened(tmp_path)
    assert not (tmp_path / "out").exists()


@given(contents=st.dictionaries(st.sampled_from(MEMBERS), JSON, min_size=1, max_size=4))
@examples(0.6)
def test_a_file_may_hold_anything(contents: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "report.csv").write_text(CSV)
        for number, (member, value) in enumerate(contents.items()):
            (folder / f"{number}.json").write_text(json.dumps({member: value}))
        try:
            account = load(opened(folder).path)
        except IamkitError:
            return  # refused in words
        for table in schema.TABLES:
            getattr(account, table.name)


def test_a_named_file_must_be_what_its_option_says(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text(CSV)
    with pytest.raises(CollectError, match="answers iam:GetCredentialReport, but should answer"):
        cli_files.from_files(tmp_path, named={"authorization_details": tmp_path / "report.csv"})
    with pytest.raises(CollectError, match="cannot be read"):
        cli_files.from_files(tmp_path, named={"authorization_details": tmp_path / "nowhere.json"})


def test_a_named_file_wins_over_the_folder(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(CSV)
    (tmp_path / "new").mkdir()
    newer = tmp_path / "new/report.csv"
    newer.write_text(CSV.replace("ana", "bo"))
    made = opened(tmp_path, named={"credential_report": newer})
    assert load(made.path).credentials["user_name"].tolist()[1] == "bo"
