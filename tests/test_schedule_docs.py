"""What docs/schedule.md shows: policies, which iamkit itself judges, run files, programs."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
import yaml

from iamkit import Account, fleet, settings_files
from iamkit.exit_codes import ExitCode
from tests.accounts import ACCOUNT, account, again, details, role
from tests.fleet.accounts import no_pages, run_file, saved

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "schedule.md").read_text(encoding="utf-8")
SCHEDULE, PRODUCTION = "999988887777", "111122223333"
GITHUB = "token.actions.githubusercontent.com"


def blocks(language: str, page: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.M | re.S)


POLICIES = [json.loads(each) for each in blocks("json")]
TRUST = [each for each in POLICIES if "Principal" in each["Statement"][0]]
(PERMISSIONS,) = (each for each in POLICIES if "Principal" not in each["Statement"][0])
BY_ROLE, *BY_WORKFLOW = TRUST
(READ_ONLY,) = (json.loads(each) for each in blocks("json", (ROOT / "README.md").read_text()))
RUN_FILES = [each for each in blocks("yaml") if "accounts:" in each]
(WORKFLOW,) = (yaml.safe_load(each) for each in blocks("yaml") if "jobs:" in each)
(STEPS,) = (job["steps"] for job in WORKFLOW["jobs"].values())
MAIL, CHAT, DAG = blocks("python")
PROGRAMS = {"send_mail.py": MAIL, "post_to_chat.py": CHAT}


# ── Policies ─────────────────────────────────────────────────────────────────────────────────────


def with_role(folder: Path, of: str, trust: Any, permissions: Any, *known: str) -> Account:
    """The account that the page says it is, with one of its roles, used last week."""
    shown = role(
        "shown",
        trust,
        RolePolicyList=[{"PolicyName": "shown", "PolicyDocument": permissions}],
        RoleLastUsed={"LastUsedDate": "2026-10-25T06:00:00+00:00", "Region": "eu-central-1"},
    )
    contents = json.loads(json.dumps(details(roles=[shown])).replace(of, ACCOUNT))
    return again(account(folder, contents), known_accounts=list(known))


def wrong(judged: Account) -> list[str]:
    """What iamkit finds wrong with the role: findings, and mistakes in its policies."""
    findings = judged.audit.findings
    return [
        *findings.loc[findings["subject"].str.endswith("role/shown"), "check"],
        *judged.lint["rule"],
        *judged.trusted_principals["problem"].dropna(),
    ]


def test_the_page_has_a_policy_for_each_way_to_the_role() -> None:
    assert len(BY_WORKFLOW) == 2
    subjects = [
        each["Statement"][0]["Condition"]["StringEquals"][f"{GITHUB}:sub"] for each in BY_WORKFLOW
    ]
    with_ids, names = subjects
    assert re.fullmatch(r"repo:[\w-]+@\d+/[\w-]+@\d+:ref:refs/heads/main", with_ids)
    assert re.sub(r"@\d+", "", with_ids) == names


def test_nothing_is_wrong_with_the_role_that_audits(tmp_path: Path) -> None:
    judged = with_role(tmp_path, PRODUCTION, BY_ROLE, READ_ONLY, SCHEDULE)
    assert judged.trusted_principals["external_id"].tolist() == [True]
    assert judged.trusted_principals["who"].tolist() == ["known account"]
    assert wrong(judged) == []


@pytest.mark.parametrize("trust", BY_WORKFLOW, ids=["with ids", "names only"])
def test_nothing_is_wrong_with_the_role_of_the_workflow(trust: Any, tmp_path: Path) -> None:
    judged = with_role(tmp_path, SCHEDULE, trust, PERMISSIONS, PRODUCTION, "444455556666")
    assert judged.trusted_principals["provider"].tolist() == ["GitHub Actions"]
    assert wrong(judged) == []


def test_a_trust_policy_without_its_conditions_would_be_found(tmp_path: Path) -> None:
    """What the tests above rest on."""
    for number, each in enumerate((BY_ROLE, BY_WORKFLOW[0])):
        loose = json.loads(json.dumps(each))
        del loose["Statement"][0]["Condition"]
        folder = tmp_path / str(number)
        folder.mkdir()
        of = PRODUCTION if number == 0 else SCHEDULE
        assert wrong(with_role(folder, of, loose, PERMISSIONS)) != []


# ── Run files and the workflow ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", RUN_FILES)
def test_a_run_file_is_in_order(text: str, tmp_path: Path) -> None:
    path = tmp_path / "iamkit.yaml"
    path.write_text(text)
    found, problems = fleet.read_all(path)
    assert found.accounts
    assert problems + settings_files.read_all(path)[1] == []


def test_run_file_and_policies_speak_of_the_same_roles(tmp_path: Path) -> None:
    (text,) = (each for each in RUN_FILES if "role_arn" in each)
    path = tmp_path / "iamkit.yaml"
    path.write_text(text)
    first, *_ = fleet.read(path).accounts
    statement = BY_ROLE["Statement"][0]
    assert first.external_id == statement["Condition"]["StringEquals"]["sts:ExternalId"]
    assert first.role_arn in PERMISSIONS["Statement"][0]["Resource"]
    assert settings_files.read(path).known_accounts == (SCHEDULE,)
    (taken,) = (step["with"] for step in STEPS if "role-to-assume" in step.get("with", {}))
    assert taken["role-to-assume"] == statement["Principal"]["AWS"]


def test_the_workflow_has_no_more_rights_than_it_needs() -> None:
    assert WORKFLOW["permissions"] == {}
    (job,) = WORKFLOW["jobs"].values()
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used
    assert [each for each in used if not re.search(r"@[0-9a-f]{40}$", each)] == []


def test_the_workflow_keeps_the_history_only_if_it_fetched_it() -> None:
    fetch, keep = (step for step in STEPS if "aws s3 sync" in step.get("run", ""))
    assert STEPS.index(fetch) < STEPS.index(keep)
    assert f"steps.{fetch['id']}.outcome == 'success'" in keep["if"]
    kept = WORKFLOW["env"]["HISTORY"].removeprefix("s3://")
    assert f"arn:aws:s3:::{kept}/*" in [each["Resource"] for each in PERMISSIONS["Statement"]]


# ── Programs that announce ───────────────────────────────────────────────────────────────────────


class Mailbox(StreamRequestHandler):
    """A mail server for one mail at a time, as RFC 5321 says."""

    mails: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.mails.append(text.decode().replace("\r\n", "\n"))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 well\r\n")


class Chat(BaseHTTPRequestHandler):
    """A chat that takes what is posted."""

    posts: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.posts.append(sent["text"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def serving(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server on this machine."""
    kind: type[TCPServer] = ThreadingHTTPServer if request.param is Chat else ThreadingTCPServer
    with kind(("127.0.0.1", 0), request.param) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def announced(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, *given: str) -> ExitCode:
    """How a run ends that announces with a program of the page: one account works, one fails."""
    no_pages(monkeypatch)
    (folder / name).write_text(PROGRAMS[name])
    saved(folder / "answers", "012345678901", "ann")
    accounts = [
        {"name": "r&d", "files": "answers"},
        {"name": "<gone>", "files": "nowhere"},
    ]
    path = run_file(folder, accounts=accounts, announce=[sys.executable, name, *given])
    return fleet.run(fleet.read(path), fleet.Log()).exit_code


@pytest.mark.parametrize("serving", [Mailbox], indirect=True)
def test_the_results_are_mailed(
    serving: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Mailbox.mails.clear()
    monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("SMTP_PORT", str(serving))
    assert announced(tmp_path, monkeypatch, "send_mail.py", "a@example.com") == ExitCode.FAILED
    (mail,) = Mailbox.mails
    assert "\nTo: a@example.com\n" in mail
    assert "Subject: iamkit: 2 accounts, 1 failed\n" in mail
    assert "r&d: findings: " in mail
    assert "<gone>: " in mail
    assert str(tmp_path / "reports" / "index.html") in mail.replace("=\n", "")


@pytest.mark.parametrize("serving", [Chat], indirect=True)
def test_the_results_are_posted(
    serving: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Chat.posts.clear()
    monkeypatch.setenv("CHAT_URL", f"http://127.0.0.1:{serving}/hook")
    assert announced(tmp_path, monkeypatch, "post_to_chat.py") == ExitCode.FAILED
    (post,) = Chat.posts
    assert "\nr&amp;d: new findings: none\n&lt;gone&gt;: " in post


def test_a_mail_that_is_not_taken_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
    with TCPServer(("127.0.0.1", 0), StreamRequestHandler) as taken:
        monkeypatch.setenv("SMTP_PORT", str(taken.server_address[1]))
    announced(tmp_path, monkeypatch, "send_mail.py", "a@example.com")
    assert f"announce: {sys.executable} ended with 1" in capsys.readouterr().err


# ── The container, and notebooks by other schedulers ─────────────────────────────────────────────


def test_the_image_is_given_what_it_copies() -> None:
    """What .dockerignore leaves out cannot be copied: evidence above all."""
    lines = (ROOT / "docs" / "Dockerfile").read_text().splitlines()
    copied = {
        name
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_dag_gives_a_notebook_parameters_that_it_has() -> None:
    (given,) = (
        node.value
        for node in ast.walk(ast.parse(DAG))
        if isinstance(node, ast.keyword) and node.arg == "parameters"
    )
    named = {ast.literal_eval(key) for key in given.keys}
    (name,) = re.findall(r"notebooks/(\S+\.ipynb)", DAG)
    cells = json.loads((ROOT / "notebooks" / name).read_text())["cells"]
    (first,) = (c for c in cells if "parameters" in c["metadata"].get("tags", ()))
    assert named <= set(re.findall(r"^(\w+) = ", "".join(first["source"]), re.M))
