"""Collecting while something fails: every refusal a gap, never half a snapshot."""

import multiprocessing
import os
import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from iamkit import load
from iamkit.errors import CollectError, SnapshotError
from iamkit.evidence import aws, snapshot
from iamkit.evidence.requests import DETAILS, LAST_ACCESSED, REPORT
from tests.aws import company
from tests.aws.account import facts
from tests.aws.faults import (
    FaultProxy,
    Step,
    drop_marker,
    error,
    forward,
    half_body,
    html_503,
    reset,
    same_marker,
)
from tests.aws.server import moto_server
from tests.evidence.test_aws import ASKED, collected
from tests.processes import SECONDS

REFUSED = error(403, "AccessDenied")
THROTTLED = error(400, "Throttling", "Rate exceeded")
USERS = 8  # each test collects everything anew


@pytest.fixture(scope="module")
def aws_company() -> Iterator[str]:
    """Serve AWS with a small company, whose lists have several pages nevertheless."""
    with moto_server() as url:
        company.build(url, USERS, organization=True)
        facts().page_size = 15
        yield url


@pytest.mark.usefixtures("credentials")
class TestFaults:
    """What AWS, a proxy or the network can do to a single request."""

    @pytest.mark.parametrize("call", ASKED)
    def test_a_refused_call_is_a_gap_and_nothing_else(
        self, call: str, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with FaultProxy(aws_company, {call.split(":")[1]: REFUSED}) as proxy:
            slow = "LastAccessed" in call
            opened, gaps = collected(monkeypatch, proxy.url, tmp_path, last_accessed=slow)
        expected = {ASKED[call]} | (set() if slow else {LAST_ACCESSED.call})
        if call == "iam:ListOpenIDConnectProviders":
            expected.add("iam:GetOpenIDConnectProvider")
        assert gaps == expected
        gap = next(gap for gap in opened.manifest["gaps"] if gap["call"] == ASKED[call])
        assert gap["code"] == "AccessDenied"
        assert gap["meaning"]

    @pytest.mark.parametrize(
        "fault",
        [THROTTLED, error(500, "ServiceFailure"), error(503, "x"), html_503, reset, half_body],
        ids=["throttled", "500", "503", "html", "reset", "half a body"],
    )
    def test_a_fault_that_passes_leaves_no_gap(
        self, fault: Step, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script = {call.split(":")[1]: [fault] for call in ASKED}
        with FaultProxy(aws_company, script) as proxy:
            _, gaps = collected(monkeypatch, proxy.url, tmp_path, last_accessed=True)
        assert gaps == set()

    @pytest.mark.parametrize("call", ["GetAccountSummary", "ListMFADevices", "DescribePolicy"])
    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            (THROTTLED, "Throttling"),
            (error(500, "ServiceFailure"), "ServiceFailure"),
            (html_503, "503"),
            (reset, "ConnectionClosedError"),
            (half_body, "ResponseParserError|ConnectionClosedError|IncompleteRead"),
        ],
        ids=["throttled", "500", "html", "reset", "half a body"],
    )
    def test_a_fault_that_stays_is_a_gap(
        self,
        call: str,
        fault: Step,
        code: str,
        aws_company: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with FaultProxy(aws_company, {call: fault}) as proxy:
            opened, gaps = collected(monkeypatch, proxy.url, tmp_path)
        asked = {name.split(":")[1]: evidence for name, evidence in ASKED.items()}[call]
        assert gaps == {asked, LAST_ACCESSED.call}
        gap = next(gap for gap in opened.manifest["gaps"] if gap["call"] == asked)
        assert re.search(code, gap["code"])

    @pytest.mark.parametrize("fault", [drop_marker, same_marker])
    def test_a_page_that_points_nowhere_is_a_gap(
        self, fault: Step, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with FaultProxy(aws_company, {"GetAccountAuthorizationDetails": fault}) as proxy:
            opened, gaps = collected(monkeypatch, proxy.url, tmp_path)
        assert DETAILS.call in gaps
        gap = next(gap for gap in opened.manifest["gaps"] if gap["call"] == DETAILS.call)
        assert gap["code"] == "Truncated"
        assert len(opened.json("authorization_details.json")["UserDetailList"]) <= USERS

    def test_one_list_cut_short_among_whole_ones_is_a_gap(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with FaultProxy(aws_company, {"ListMFADevices": [drop_marker]}) as proxy:
            opened, gaps = collected(monkeypatch, proxy.url, tmp_path)
        assert proxy.calls.count("iam:ListMFADevices") > 1
        assert gaps == {"iam:ListMFADevices", LAST_ACCESSED.call}
        codes = {gap["call"]: gap["code"] for gap in opened.manifest["gaps"]}
        assert codes["iam:ListMFADevices"] == "Truncated"

    def test_fewer_principals_than_aws_counts_is_a_gap(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def more(request: Any) -> Any:
            response = forward(request)
            counted = rb"\g<1>%d" % (USERS + 1)
            response.body = re.sub(rb"(<key>Users</key>\s*<value>)\d+", counted, response.body)
            return response

        with FaultProxy(aws_company, {"GetAccountSummary": more}) as proxy:
            opened, gaps = collected(monkeypatch, proxy.url, tmp_path)
        assert DETAILS.call in gaps
        assert f"only {USERS} of {USERS + 1} users" in str(opened.manifest["gaps"])

    @pytest.mark.parametrize("lost", [REPORT, DETAILS], ids=["report", "details"])
    def test_without_one_of_the_two_main_parts_the_rest_works(
        self, lost: Any, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with FaultProxy(aws_company, {lost.call.split(":")[1]: REFUSED}) as proxy:
            opened, gaps = collected(monkeypatch, proxy.url, tmp_path)
        assert lost.call in gaps
        account = load(opened.path)
        assert len(account.users) == USERS
        assert lost.meaning in account.missing("credentials", "statements")

    def test_without_both_there_is_no_snapshot(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script = {call.call.split(":")[1]: REFUSED for call in (REPORT, DETAILS)}
        with (
            FaultProxy(aws_company, script) as proxy,
            pytest.raises(CollectError, match="neither the credential report nor.*policy"),
        ):
            collected(monkeypatch, proxy.url, tmp_path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("fault", "says"),
        [
            (error(403, "ExpiredToken", "The token is expired"), "sign in again"),
            (error(403, "InvalidClientTokenId", "Not valid"), "sign in again"),
            (THROTTLED, "Rate exceeded.*Wait a few minutes"),
        ],
    )
    def test_when_every_call_fails_the_error_says_what_to_do(
        self,
        fault: Step,
        says: str,
        aws_company: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with FaultProxy(aws_company, {"*": fault}) as proxy, pytest.raises(CollectError) as caught:
            collected(monkeypatch, proxy.url, tmp_path)
        assert re.search(says, str(caught.value))
        assert list(tmp_path.iterdir()) == []

    def test_a_token_that_expires_on_the_way_is_an_error_not_a_gap(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script = {"ListMFADevices": error(403, "ExpiredToken", "The token is expired")}
        with FaultProxy(aws_company, script) as proxy, pytest.raises(CollectError, match="expired"):
            collected(monkeypatch, proxy.url, tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_a_report_that_is_being_made_is_waited_for_and_a_missing_one_made(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps = [
            error(404, "ReportInProgress", "Unknown"),
            error(410, "ReportExpired", "Unknown"),
            error(410, "ReportNotPresent", "Unknown"),
        ]
        with FaultProxy(aws_company, {"GetCredentialReport": steps}) as proxy:
            _, gaps = collected(monkeypatch, proxy.url, tmp_path)
        assert gaps == {LAST_ACCESSED.call}
        assert proxy.calls.count("iam:GenerateCredentialReport") == 3

    def test_a_report_made_earlier_is_taken_without_leave_to_make_one(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with FaultProxy(aws_company, {"GenerateCredentialReport": REFUSED}) as proxy:
            _, gaps = collected(monkeypatch, proxy.url, tmp_path)
        assert gaps == {LAST_ACCESSED.call}

    def test_outside_an_organization_there_are_no_accounts_to_list(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alone = error(400, "AWSOrganizationsNotInUseException", "Not a member")
        script = dict.fromkeys(("DescribeOrganization", "ListAccounts"), alone)
        with FaultProxy(aws_company, script) as proxy:
            opened, gaps = collected(monkeypatch, proxy.url, tmp_path)
        assert gaps == {LAST_ACCESSED.call}
        assert load(opened.path).organization_accounts.empty

    def test_a_second_collection_of_the_same_report_names_the_first(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, _ = collected(monkeypatch, aws_company, tmp_path)
        with pytest.raises(SnapshotError, match=re.escape(str(first.path))):
            collected(monkeypatch, aws_company, tmp_path)

    def test_no_network_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(CollectError, match="AWS cannot be reached.*network"):
            collected(monkeypatch, "http://127.0.0.1:9", tmp_path)

    def test_no_credentials_say_so(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        with pytest.raises(CollectError, match="--profile"):
            collected(monkeypatch, aws_company, tmp_path)

    def test_a_wrong_profile_says_so(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(CollectError, match=r"nobody.*list-profiles"):
            collected(monkeypatch, aws_company, tmp_path, profile="nobody")

    def test_a_role_is_assumed_with_external_id_and_code(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent = []

        def look(request: Any) -> Any:
            sent.append(request.body.decode())
            return forward(request)

        with FaultProxy(aws_company, {"AssumeRole": look}) as proxy:
            opened, _ = collected(
                monkeypatch,
                proxy.url,
                tmp_path,
                role_arn="arn:aws:iam::123456789012:role/auditor",
                external_id="example",
                mfa_serial="arn:aws:iam::123456789012:mfa/ana",
                mfa_code=lambda: "123456",
            )
        assert "ExternalId=example" in sent[0]
        assert "TokenCode=123456" in sent[0]
        assert ":assumed-role/auditor/iamkit" in opened.manifest["caller_arn"]

    def test_a_role_that_cannot_be_assumed_is_named(
        self, aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arn = "arn:aws:iam::123456789012:role/auditor"
        with (
            FaultProxy(aws_company, {"AssumeRole": REFUSED}) as proxy,
            pytest.raises(CollectError, match=f"{arn} cannot be assumed"),
        ):
            collected(monkeypatch, proxy.url, tmp_path, role_arn=arn)


def _collect(url: str, out: str) -> None:
    os.environ |= {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    aws.POLL_SECONDS = 0
    aws.from_aws(Path(out))


def test_killed_at_any_moment_it_leaves_a_whole_snapshot_or_none(
    aws_company: str, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["iamkit.evidence.aws"])
    draws = random.Random(20261101)
    whole, takes = 0, 0.0
    for number in range(settings().max_examples // 2):
        out = tmp_path / str(number)
        process = context.Process(target=_collect, args=(aws_company, str(out)))
        started = time.monotonic()
        process.start()
        if number < 2:  # the first starts the fork server, the second is never killed
            process.join(SECONDS)
            assert process.exitcode == 0, f"collecting did not end well within {SECONDS} s"
            takes = time.monotonic() - started
        else:
            process.join(timeout=draws.uniform(0.0, takes))
            process.kill()
            process.join(SECONDS)
        found = list(out.glob("*/*/snapshot"))
        whole += len(found)
        for path in found:
            snapshot.read(path)
        stray = [path for path in out.rglob("*") if path.is_file() and ".partial-" not in str(path)]
        assert all(path.parent in found for path in stray)
    assert whole >= 2


class Silent(BaseHTTPRequestHandler):
    """An endpoint that says who is asking, and nothing else, for as long as it is asked."""

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        if b"GetCallerIdentity" in asked:
            self.send_response(200)
            self.send_header("Content-Length", str(len(IDENTITY)))
            self.end_headers()
            self.wfile.write(IDENTITY)
        else:
            if b"CredentialReport" in asked:  # which the main thread asks for; others wait beside
                self.server.asked.set()
            self.server.answers.wait()

    def log_message(self, *_: object) -> None:
        pass


class SilentServer(ThreadingHTTPServer):
    daemon_threads = True
    asked, answers = threading.Event(), threading.Event()


IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/a</Arn><UserId>AIDAX</UserId>
<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


def _collect_patiently(url: str, out: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    aws.READ_SECONDS = 10**6
    _collect(url, out)


def test_an_interrupt_does_not_wait_for_aws(tmp_path: Path) -> None:
    server = SilentServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = multiprocessing.get_context("forkserver")
    url = f"http://127.0.0.1:{server.server_port}"
    process = context.Process(target=_collect_patiently, args=(url, str(tmp_path)))
    try:
        process.start()
        assert server.asked.wait(SECONDS)
        os.kill(process.pid, signal.SIGINT)
        process.join(SECONDS)
        assert process.exitcode == 1, "it waits for an answer that never comes"
    finally:
        process.kill()
        server.answers.set()
        server.shutdown()
        server.server_close()
