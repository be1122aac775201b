"""Small accounts for tests are what the kit would have loaded."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest

from iamkit import Account, demo, load
from iamkit.evidence import cli_files
from iamkit.evidence.requests import REPORT
from iamkit.evidence.responses import Response
from iamkit.tables import schema
from tests.accounts import (
    ARN,
    account,
    again,
    details,
    of_answers,
    policy,
    report,
    sources,
    user,
    written,
)

ANA = f"ana,{ARN}user/ana,2024-05-01T12:00:00Z,true,no_information,N/A,N/A,false" + ",N/A" * 14
HOLDS = [{"PolicyName": "all", "PolicyArn": f"{ARN}policy/all"}]
ALL = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


def assert_same(one: Account, other: Account) -> None:
    for table in schema.TABLES:
        pd.testing.assert_frame_equal(getattr(one, table.name), getattr(other, table.name))
        assert one.missing(table.name) == other.missing(table.name)
    one_manifest, other_manifest = (
        {key: value for key, value in made.snapshot.manifest.items() if key != "collected_at"}
        for made in (one, other)
    )
    assert one_manifest == other_manifest
    for name in one.snapshot.manifest["files"]:
        assert one.snapshot.bytes(name) == other.snapshot.bytes(name)
    assert one.settings == other.settings
    assert {field.name for field in fields(one)} == {field.name for field in fields(other)}


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"credential_report": report(ANA)},
        {"credential_report": None},
        {"organization": {"Organization": {"Id": "o-a1b2c3d4e5", "MasterAccountId": "9" * 12}}},
    ],
    ids=["nobody", "report", "no report", "organization"],
)
def test_an_account_never_written_is_the_one_on_disk(
    tmp_path: Path, files: dict[str, object]
) -> None:
    contents = details([user("ana", AttachedManagedPolicies=HOLDS)], policies=[policy("all", ALL)])
    folders = [tmp_path / "memory", tmp_path / "disk"]
    for folder in folders:
        folder.mkdir()
    memory, disk = account(folders[0], contents, **files), written(folders[1], contents, **files)
    assert_same(memory, disk)
    assert list(folders[0].iterdir()) == [folders[0] / "given"]
    assert_same(again(memory, unused_days=3), load(disk.snapshot.path, unused_days=3))


def test_the_demo_company_in_memory_is_the_one_on_disk(tmp_path: Path) -> None:
    demo.write(tmp_path / "given")
    assert_same(
        of_answers(*cli_files.responses_in(tmp_path / "given")),
        load(cli_files.from_files(tmp_path / "reports", tmp_path / "given")),
    )


SHARED = sorted(set(sources().values()) - {()})


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Response]:
    folder = tmp_path_factory.mktemp("told")
    demo.write(folder / "given")
    return cli_files.responses_in(folder / "given")[0]


@pytest.mark.parametrize("calls", SHARED, ids=[",".join(calls) for calls in SHARED])
def test_a_table_rests_on_its_sources_and_the_report_alone(
    calls: tuple[str, ...], told: Sequence[Response]
) -> None:
    """And on the credential report: so accounts that differ in nothing of these can share it."""
    whole = of_answers(told)
    alone = of_answers(
        [
            answer
            if answer.request.call in (*calls, REPORT.call)
            else Response(answer.request, "refused", None, "AccessDenied", "not allowed")
            for answer in told
        ]
    )
    for table in (name for name, its in sources().items() if its == calls):
        pd.testing.assert_frame_equal(getattr(alone, table), getattr(whole, table))
