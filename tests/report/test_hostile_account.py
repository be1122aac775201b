"""An account whose every free text is hostile: nothing of it can act on a page or in a PDF."""

import csv
import io
import json
from pathlib import Path

import pytest

from iamkit.evidence import cli_files
from iamkit.report import printed, render
from tests.accounts import ARN, HEADER, details, group, policy, role, user
from tests.browser import Browser, browser, chromium
from tests.report.pdf_files import Pdf
from tests.report.test_notebooks import NOTEBOOKS
from tests.report.test_pages_in_browser import HOSTILE, assert_inert

__all__ = ["browser"]  # the fixture


def plain(account: str) -> list[str]:
    """A user's line of a credential report, with everything absent."""
    never = ["N/A"] * 4
    return [account, f"{ARN}user/{account}", "2024-05-01T12:00:00Z", "false", "N/A", "N/A", "N/A",
            "false", "false", *never, "false", *never, "false", "N/A", "false", "N/A"]  # fmt: skip


@pytest.fixture(scope="module")
def hostile_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of an account whose every free-text field holds the payload."""
    folder = tmp_path_factory.mktemp("hostile")
    given = folder / "given"
    given.mkdir()
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(HEADER.split(","))
    lines.writerow(["<root_account>", f"{ARN}root", *plain("x")[2:]])
    hostile_line = plain(HOSTILE)
    hostile_line[3:6] = ["true", "2026-10-01T00:00:00Z", "2020-01-01T00:00:00Z"]
    hostile_line[8:13] = ["true", "2020-01-01T00:00:00Z", "2026-10-01T00:00:00Z", HOSTILE, HOSTILE]
    lines.writerow(hostile_line)
    (given / "report.csv").write_text(text.getvalue())
    statement = {
        "Sid": HOSTILE,
        "Effect": "Allow",
        "Action": ["*", HOSTILE],
        "Resource": ["*", HOSTILE],
    }
    wide = {"Statement": [statement, {**statement, "Effect": HOSTILE, "Condition": HOSTILE}]}
    condition = {HOSTILE: {HOSTILE: HOSTILE}}
    trust = {"Statement": [{**statement, "Principal": "*", "Condition": condition}]}
    tags = [{"Key": HOSTILE, "Value": HOSTILE}]
    attached = [{"PolicyName": HOSTILE, "PolicyArn": f"{ARN}policy/{HOSTILE}"}]
    inline = [{"PolicyName": HOSTILE, "PolicyDocument": wide}]
    shared = {"Tags": tags, "Path": f"/{HOSTILE}/", "AttachedManagedPolicies": attached}
    bounded = {"PermissionsBoundary": {"PermissionsBoundaryArn": f"{ARN}policy/{HOSTILE}"}}
    contents = details(
        [user(HOSTILE, **shared, **bounded, GroupList=[HOSTILE], UserPolicyList=inline)],
        [group(HOSTILE, **shared), group(HOSTILE + "2", **shared)],
        [role(HOSTILE, trust, **shared, RoleLastUsed={"Region": HOSTILE})],
        [policy(HOSTILE, wide, Path=HOSTILE), policy(HOSTILE + "2", HOSTILE)],
    )
    (given / "details.json").write_text(json.dumps(contents))
    devices = [{"UserName": HOSTILE, "SerialNumber": HOSTILE}]
    for name, answer in {
        "mfa": {"MFADevices": devices},
        "aliases": {"AccountAliases": [HOSTILE]},
        "summary": {"SummaryMap": {HOSTILE: 1}},
        "policy": {"PasswordPolicy": {"MinimumPasswordLength": HOSTILE}},
    }.items():
        (given / f"{name}.json").write_text(json.dumps(answer))
    snapshot = cli_files.from_files(folder / "reports", given)
    render(snapshot, printer=printed if chromium() else None)
    return snapshot.parent


@pytest.mark.parametrize("page", [*(path.stem for path in NOTEBOOKS), "index"])
def test_nothing_an_account_says_can_act_on_a_page(
    page: str, hostile_pages: Path, browser: Browser
) -> None:
    html = (hostile_pages / f"{page}.html").read_text(encoding="utf-8")
    assert "__ran" in html, "the payload is on the page"
    with browser.open(hostile_pages / f"{page}.html") as tab:
        assert_inert(tab)


def test_nor_in_the_pdf(hostile_pages: Path, browser: Browser) -> None:
    pdf = Pdf((hostile_pages / "report.pdf").read_bytes())
    first = pdf.sheets[0].extract_text().replace("\n", "")
    assert "window.__ran" in first, "the payload is in it"
    _, addresses = pdf.links()
    assert [each for each in addresses if not each.startswith("https://docs.")] == []
    for acting in (b"/JavaScript", b"/JS", b"/OpenAction", b"/Launch", b"/EmbeddedFile", b"file:"):
        assert acting not in pdf.content, acting
