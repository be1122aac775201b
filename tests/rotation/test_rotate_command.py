"""`iamkit rotate`: the plan, its steps in AWS, and what it refuses."""

import json
import os
import signal
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iamkit.cli import main
from iamkit.lock import Lock
from iamkit.rotation import apply
from tests.aws.account import ACCOUNT, backend, clock
from tests.aws.faults import FaultProxy, Request, Reset, Response, forward
from tests.processes import run
from tests.rotation.world import TOPIC, World, keys, statuses

DENY = {
    "Version": "2012-10-17",
    "Statement": {
        "Sid": "OnlyWithMfa",
        "Effect": "Deny",
        "NotAction": "iam:GetUser",
        "Resource": "*",
        "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
    },
}


def iamkit(*arguments: object, answers: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], input=answers)


@pytest.fixture
def company(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two users whose keys are old, one of whom needs MFA, and evidence of them."""
    monkeypatch.chdir(world.folder)
    monkeypatch.setattr(apply, "now", clock)
    for name in ("ana", "bo"):
        world.user(name, (100, 1, "Active"))
    backend().put_user_policy("bo", "mfa", json.dumps(DENY))
    world.clients.iam.create_role(RoleName="security-audit", AssumeRolePolicyDocument="{}")
    made = iamkit("collect", "--out", "reports")
    assert made.exit_code == 0, made.stderr
    return world


def test_what_is_no_topic_is_refused_before_a_key_is_made(company: World):
    done = iamkit("rotate", "--apply", "--yes", "--topic", "keys")
    assert done.exit_code == 2
    assert "'keys' is not the ARN of an SNS topic" in done.stderr
    assert [len(keys(name)) for name in ("ana", "bo")] == [1, 1]


def test_the_plan_says_what_is_next(company: World):
    made = iamkit("rotate", "latest")
    assert made.exit_code == 0, made.stderr
    assert made.stdout.splitlines()[:4] == [
        "Due (2)",
        "",
        "  ana  key 1: make the second key, due since 2026-10-23",
        "       it is too old after 90 days",
    ]
    assert "bo can fetch its new key only with MFA (aws sts get-session-token)." in made.stdout
    rows = json.loads(iamkit("rotate", "--format", "json").stdout)
    assert [row["step"] for row in rows] == ["make the second key"] * 2
    assert rows[0]["due"] == "2026-10-23T09:00:00+00:00"
    assert statuses("ana") == ["Active"]


def test_steps_are_asked_for_done_and_undone(company: World):
    done = iamkit("rotate", "--apply", "--topic", TOPIC, answers="n\ny\n")
    assert done.exit_code == 0, done.stderr
    assert statuses("ana") == ["Active"]
    assert statuses("bo") == ["Active", "Active"]
    assert "bo can fetch its new key only with MFA" in done.stdout.split("bo: made")[0]
    assert "only with MFA" in company.told()[0]
    journal = Path("reports", ACCOUNT, "rotation.json")
    assert f"1 due, 2 waits. Journal: {journal.absolute()}" in done.stderr
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    said = json.loads(journal.read_text())
    assert said["account_id"] == ACCOUNT
    assert said["users"]["bo"]["new"] == keys("bo")[1].access_key_id
    everything = journal.read_text() + done.output + done.stderr
    company.check()
    assert [each for each in company.secrets if each in everything] == []

    undone = iamkit("rotate", "--undo", "--yes")
    assert undone.exit_code == 0, undone.stderr
    assert "bo: deleted AKIA" in undone.stdout
    assert statuses("bo") == ["Active"]


def test_the_plan_knows_what_was_begun(company: World):
    iamkit("rotate", "--apply", "--yes")
    company.pass_days(8)
    assert iamkit("collect", "--out", "reports").exit_code == 0
    said = json.loads(Path("reports", ACCOUNT, "rotation.json").read_text())["users"]["ana"]
    assert "notified" not in said, "there was no topic"
    assert said["not_told"]
    rows = json.loads(iamkit("rotate", "--format", "json").stdout)
    ana = {row["slot"]: row for row in rows if row["user_name"] == "ana"}
    assert (ana[1]["step"], ana[1]["state"]) == ("deactivate the first", "due")
    assert (ana[2]["step"], ana[2]["state"]) == ("make the second key", "later")
    assert iamkit("rotate", "--apply", "--yes", "--user", "ana").exit_code == 0
    assert statuses("ana") == ["Inactive", "Active"]
    assert statuses("bo") == ["Active", "Active"]
    company.pass_days(1)
    assert iamkit("collect", "--out", "reports").exit_code == 0
    said = json.loads(Path("reports", ACCOUNT, "rotation.json").read_text())["users"]["ana"]
    assert "notified" not in said, "there was no topic"
    assert said["not_told"]
    rows = json.loads(iamkit("rotate", "--format", "json").stdout)
    ana = {row["slot"]: row for row in rows if row["user_name"] == "ana"}
    assert (ana[1]["step"], ana[1]["state"]) == ("delete it", "later")
    assert ana[1]["due"] == "2026-11-17T09:00:00+00:00"


def lost(request: Request) -> Response:
    """Have AWS do what is asked, and lose its answer."""
    forward(request)
    raise Reset


@pytest.mark.parametrize("operation", ["CreateAccessKey", "PutSecretValue"])
def test_a_lost_answer_leaves_no_key_that_nobody_has(
    company: World, operation: str, monkeypatch: pytest.MonkeyPatch
):
    command = ("rotate", "--apply", "--yes", "--user", "ana")
    aws = os.environ["AWS_ENDPOINT_URL"]
    with FaultProxy(aws, {operation: [lost] * 5}) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        ended = iamkit(*command)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    assert ended.exit_code == 4
    assert "iamkit: not done for ana; run it again" in ended.stderr
    assert proxy.calls.count("iam:CreateAccessKey") == 1
    first = keys("ana")[1].access_key_id
    again = iamkit(*command)
    assert again.exit_code == 0, again.stderr
    second = keys("ana")[1].access_key_id
    assert company.held("ana") == second
    if operation == "CreateAccessKey":
        assert f"ana: deleted {first}, whose secret was lost" in again.stdout
    else:  # it had been stored
        assert first == second


# As the command, at the stand-in's time; it says its number first.
RUNS = """
import os, sys
from datetime import datetime
from pathlib import Path
from iamkit.cli import main
from iamkit.rotation import apply

apply.now = lambda: datetime.fromisoformat(sys.argv[1])
Path("number").write_text(str(os.getpid()))
main(["rotate", "--apply", "--yes", "--user", "ana"])
"""


@pytest.mark.skipif(os.name != "posix", reason="kills processes")
def test_a_process_that_is_killed_is_gone_on_with(company: World):
    def kill(request: Request) -> Response:
        forward(request)
        os.kill(int(Path("number").read_text()), signal.SIGKILL)
        raise Reset

    root = str(Path(__file__).parents[2])
    with FaultProxy(os.environ["AWS_ENDPOINT_URL"], {"CreateAccessKey": kill}) as proxy:
        ended = run(
            [sys.executable, "-c", RUNS, clock.now.isoformat()],
            env={**os.environ, "AWS_ENDPOINT_URL": proxy.url, "PYTHONPATH": root},
            capture_output=True,
            text=True,
        )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert statuses("ana") == ["Active", "Active"]
    lost_key = keys("ana")[1].access_key_id
    again = iamkit("rotate", "--apply", "--yes", "--user", "ana")
    assert again.exit_code == 0, again.stderr
    assert f"ana: deleted {lost_key}, whose secret was lost" in again.stdout
    assert company.held("ana") == keys("ana")[1].access_key_id != lost_key


def test_what_is_refused(company: World):
    def refused(*arguments: object) -> str:
        ended = iamkit("rotate", *arguments)
        assert ended.exit_code == 2
        return ended.stderr

    assert "--yes goes with --apply or --undo" in refused("--yes")
    assert "name one" in refused("--apply", "--undo")
    assert "there is no user 'anna'; did you mean ana?" in refused("--apply", "--user", "anna")
    journal = Path("rotation.json")
    journal.write_text('{"account_id": "1", "users": {}}')
    assert "is the journal of account 1, not of" in refused("--apply", "--journal", journal)
    for damaged in ('{"users"', '{"account_id": "1", "users": {"ana": {"intent": "x"}}}'):
        journal.write_text(damaged)
        assert "restore it from a backup" in refused("--journal", journal)
    lock = Lock(Path("reports", ACCOUNT, ".rotation.json.lock"))
    lock.take()
    assert "is in use by process" in refused("--apply", "--yes")
    lock.release()
    iamkit("demo", "--out", "others")
    other = next(Path("others").glob("*/*/snapshot"))
    assert "name another profile or snapshot" in refused(other, "--apply")
    assert statuses("ana") == ["Active"]
