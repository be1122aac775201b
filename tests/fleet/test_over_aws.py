"""A run over five accounts of AWS, of which one refuses everything and one throttles."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner

from iamkit.cli import main
from iamkit.evidence import snapshot
from iamkit.fleet import runner
from tests.aws.account import backend
from tests.aws.faults import FaultProxy, Request, Response, error, forward
from tests.aws.server import moto_server
from tests.fleet.accounts import no_pages, run_file

ACCOUNTS = [str(number) * 12 for number in range(1, 6)]
MINE = "123456789012"  # whose the credentials of the environment are
REFUSES, THROTTLES = ACCOUNTS[1], ACCOUNTS[3]


class ByAccount:
    """What AWS does to requests: `REFUSES` is refused, each first try of `THROTTLES` throttled."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self._account_of: dict[str, str] = {}  # by access key

    def __call__(self, request: Request) -> Response:
        if request.operation == "AssumeRole":
            return self._assume(request)
        key = request.headers["Authorization"].split("Credential=")[1].split("/")[0]
        account = self._account_of[key]
        self.asked[account, request.operation] += 1
        if account == REFUSES:
            return error(403, "AccessDenied")(request)
        if account == THROTTLES and self.asked[account, request.operation] == 1:
            return error(400, "Throttling", "Rate exceeded")(request)
        return forward(request)

    def _assume(self, request: Request) -> Response:
        response = forward(request)
        key = response.body.split(b"<AccessKeyId>")[1].split(b"<")[0].decode()
        self._account_of[key] = parse_qs(request.body.decode())["RoleArn"][0].split(":")[4]
        return response


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """AWS with five accounts; the n-th has n users."""
    with moto_server() as url:
        for number, account_id in enumerate(ACCOUNTS, start=1):
            for user in range(number):
                backend(account_id).create_user("us-east-1", f"user-{user}")
        yield url


@pytest.mark.usefixtures("credentials")
def test_four_reports_one_clear_failure_and_the_right_code(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_pages(monkeypatch)
    monkeypatch.chdir(tmp_path)
    run_file(
        tmp_path,
        accounts=[
            {"name": f"account {number}", "role_arn": f"arn:aws:iam::{account_id}:role/audit"}
            for number, account_id in enumerate(ACCOUNTS, start=1)
        ],
    )
    by_account = ByAccount()
    with FaultProxy(aws, {"*": by_account}) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        ended = CliRunner().invoke(main, ["run"])
        again = CliRunner().invoke(main, ["run"])
    assert ended.exit_code == again.exit_code == 4, ended.stderr
    said = json.loads((tmp_path / "reports" / runner.RESULTS).read_text())["accounts"]
    assert {each["account_id"] for each in said if each["error"]} == {REFUSES}
    assert "neither the credential report nor the authorization details" in said[1]["error"]
    assert "AccessDenied" in said[1]["error"] or "Refused" in said[1]["error"]
    taken = snapshot.under(tmp_path / "reports")
    assert {path.parents[1].name for path in taken} == {*ACCOUNTS} - {REFUSES}
    assert len(taken) == 4, "within four hours the same evidence is used again"
    assert again.stderr.count("is used again") == 4
    for path in taken:
        details = snapshot.read(path).json("authorization_details.json")
        assert len(details["UserDetailList"]) == ACCOUNTS.index(path.parents[1].name) + 1
    page = (tmp_path / "reports/index.html").read_text()
    assert "1 of 5 accounts could not be audited" in page
    assert page.count('<span class="badge fail">failed</span>') == 1
    assert by_account.asked[THROTTLES, "GetAccountAuthorizationDetails"] > 1


@pytest.mark.usefixtures("credentials")
def test_the_credentials_of_the_environment_audit_their_account_and_no_other(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_pages(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    backend(MINE).create_user("us-east-1", "ann")
    run_file(tmp_path, accounts=[{"environment": True}])
    ended = CliRunner().invoke(main, ["run"])
    assert ended.exit_code == 0, ended.stderr
    [path] = snapshot.under(tmp_path / "reports")
    assert path.parents[1].name == MINE
    run_file(tmp_path, accounts=[{"environment": True, "account": ACCOUNTS[0]}])
    ended = CliRunner().invoke(main, ["run"])
    assert ended.exit_code == 4
    assert f"is of account {MINE}, not of {ACCOUNTS[0]}" in ended.stderr
    assert snapshot.under(tmp_path / "reports") == [path]


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "AccessDenied", "check its trust policy, --external-id and --mfa-serial"),
        (403, "ExpiredToken", "AWS does not accept the credentials"),
        (403, "InvalidClientTokenId", "sign in again, or renew them"),
        (400, "Throttling", "cannot be assumed: .*; try again later"),
    ],
)
def test_a_role_that_cannot_be_assumed_says_what_to_do(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    run_file(tmp_path, accounts=[{"role_arn": f"arn:aws:iam::{ACCOUNTS[0]}:role/audit"}])
    with FaultProxy(aws, {"AssumeRole": error(status, code)}) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        ended = CliRunner().invoke(main, ["run", "--quiet"])
    assert ended.exit_code == 4
    assert re.search(said, ended.stderr)
    assert ("trust policy" in ended.stderr) == (code == "AccessDenied")
