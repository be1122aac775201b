"""A run over an organization: who is asked, who is not, and what the management account answers."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from moto.organizations.utils import PAGINATION_MODEL

from iamkit import load
from iamkit.cli import main
from iamkit.evidence import pseudonyms, redaction, snapshot
from iamkit.fleet import Log, organization, read, runner
from iamkit.fleet.account_result import AccountResult
from tests.aws import moto_organizations as standin
from tests.aws.account import ACCOUNT, backend
from tests.aws.faults import FaultProxy, error, forward
from tests.aws.server import moto_server
from tests.fleet.accounts import no_pages, run_file

SHOP, REFUSES, OLD, CLOSING, PLAY, SECOND = (str(number) * 12 for number in range(2, 8))
DENY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "iam:CreateUser", "Resource": "*"}],
    }
)
DENY_ALL = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Resource": "*"}],
    }
)
ALL = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """An organization: seven accounts in nested OUs, of which two are not active."""
    with moto_server() as url:
        known = standin.organization()
        workloads = standin.unit(known, "Workloads")
        production = standin.unit(known, "Production", workloads)
        sandboxes = standin.unit(known, "Sandboxes", workloads)
        for account_id, name, parent, others in (
            (SHOP, "shop", production, {"external_id": "ours"}),
            (REFUSES, "refuses", production, {"external_id": "of somebody else"}),
            (OLD, "old", workloads, {"state": "SUSPENDED"}),
            (CLOSING, "closing", workloads, {"state": "PENDING_CLOSURE"}),
            (PLAY, "<b>play</b>", sandboxes, {"tags": {"audit": "no"}}),
            (SECOND, "shop", None, {"external_id": "ours"}),
        ):
            standin.member(known, account_id, name, parent, **others)
        made = known.create_policy(
            Name="no users", Description="", Type="SERVICE_CONTROL_POLICY", Content=DENY
        )
        policy = made["Policy"]["PolicySummary"]["Id"]
        known.attach_policy(PolicyId=policy, TargetId=production)
        made = known.create_policy(
            Name="nobody", Description="", Type="RESOURCE_CONTROL_POLICY", Content=DENY_ALL
        )
        policy = made["Policy"]["PolicySummary"]["Id"]
        known.attach_policy(PolicyId=policy, TargetId=production)
        user = backend(SHOP).create_user("us-east-1", "ann")
        user.put_policy("all", ALL)
        yield url


@pytest.fixture(autouse=True)
def here(aws: str, credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    no_pages(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    monkeypatch.setitem(PAGINATION_MODEL["list_accounts"], "limit_default", 3)
    return tmp_path


def ran() -> Result:
    return CliRunner().invoke(main, ["run"])


def results(here: Path) -> dict[str, dict]:
    said = json.loads((here / "reports" / runner.RESULTS).read_text())
    return {each["account_id"] or each["name"]: each for each in said["accounts"]}


KEYS = "[profile own]\naws_access_key_id = testing\naws_secret_access_key = testing\n"
OURS = {"role_name": "audit", "external_id": "ours"}


def test_every_active_account_is_asked_and_the_others_are_said(here: Path) -> None:
    run_file(here, organization={**OURS, "team_tag": "audit"})
    ended = ran()
    assert ended.exit_code == 4, ended.stderr
    said = results(here)
    assert {each for each, one in said.items() if one["audit"]} == {ACCOUNT, SHOP, PLAY, SECOND}
    assert "cannot be assumed" in said[REFUSES]["error"]
    for account_id, reason in ((OLD, "is suspended"), (CLOSING, "is being closed")):
        assert said[account_id]["not_asked"] == f"the account {reason}"
        assert said[account_id]["error"] is None
        assert said[account_id]["exit_code"] == 0
    assert said[SHOP]["name"] == f"shop ({SHOP})", "two accounts are called so"
    whole = json.loads((here / "reports" / runner.RESULTS).read_text())
    assert whole["meaning"].startswith("4 of 5 accounts audited; failed: refuses")
    assert said[ACCOUNT]["name"] == "master"
    assert "old: not asked: the account is suspended" in ended.stderr
    assert "4 of 5 accounts done, 1 failed, 2 not asked" in ended.stderr
    page = (here / "reports/index.html").read_text()
    assert "2 accounts of the organization were not asked." in page
    assert f"old ({OLD}): the account is suspended" in page
    assert "<h1>IAM audits of 5 accounts</h1>" in page
    assert "<b>play" not in page
    groups = {each: (said[each]["unit"], said[each]["team"]) for each in (SHOP, PLAY, SECOND)}
    assert groups == {
        SHOP: ("/Workloads/Production", ""),
        PLAY: ("/Workloads/Sandboxes", "no"),
        SECOND: ("/", ""),
    }
    assert "/Workloads/Production" in page.replace("<wbr>", "")
    table = (here / "reports/overview.csv").read_text()
    assert OLD not in table


def test_what_a_member_may_not_ask_is_in_its_evidence_all_the_same(
    here: Path, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_file(here, organization={**OURS, "include": ["/Workloads/Production"]})
    asked: Counter[str] = Counter()

    def counted(request):
        if request.service == "organizations":
            asked[request.operation] += 1
        return forward(request)

    with FaultProxy(aws, {"*": counted}) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        ran()
    (taken,) = snapshot.under(here / "reports")
    opened = snapshot.read(taken)
    targets = opened.json("service_control_policies.json")["Targets"]
    names = [[each["PolicySummary"]["Name"] for each in one["Policies"]] for one in targets]
    assert names == [["FullAWSAccess"], ["FullAWSAccess", "no users"], *[["FullAWSAccess"]] * 2]
    targets = opened.json("resource_control_policies.json")["Targets"]
    names = [[each["PolicySummary"]["Name"] for each in one["Policies"]] for one in targets]
    own = ["RCPFullAWSAccess"]
    assert names == [own, [*own, "nobody"], own, own]
    assert asked["DescribePolicy"] == 4, "each policy is asked for once"
    calls = {each["call"]: each for each in opened.manifest["calls"]}
    for call in ("organizations:ListPoliciesForTarget", "organizations:ListAccounts"):
        assert calls[call]["status"] == "ok"
        assert calls[call]["by"].startswith(f"arn:aws:sts::{ACCOUNT}:")
        assert call not in {gap["call"] for gap in opened.manifest["gaps"]}
    assert "by" not in calls["iam:GetAccountSummary"]
    hidden = redaction.redacted(opened, pseudonyms.Pseudonyms(b"0" * 32))
    assert ACCOUNT not in json.dumps(hidden.manifest), "nor is it in evidence with pseudonyms"
    assert "Email" not in (taken / "organization_accounts.json").read_text()
    account = load(taken)
    assert not account.can("ann", "iam:CreateUser")
    assert account.can("ann", "iam:DeleteUser")
    assert account.trusted_principals.empty, "the RCP denies everyone, the management account too"
    assert set(account.organization_accounts["account_id"]) >= {ACCOUNT, OLD}


@pytest.mark.parametrize(
    ("rules", "asked"),
    [
        ({"include": ["/"]}, {ACCOUNT, SHOP, REFUSES, PLAY, SECOND}),
        ({"include": ["/Workloads"]}, {SHOP, REFUSES, PLAY}),
        ({"include": ["/Workloads"], "exclude": ["tag:audit=no"]}, {SHOP, REFUSES}),
        ({"include": ["/Workloads"], "exclude": ["tag:audit"]}, {SHOP, REFUSES}),
        ({"include": ["/Workloads/Production", SECOND]}, {SHOP, REFUSES, SECOND}),
        ({"exclude": ["/Workloads", ACCOUNT]}, {SECOND}),
        ({"include": ["{Workloads}"], "exclude": ["{Sandboxes}"]}, {SHOP, REFUSES}),
    ],
)
def test_accounts_are_chosen_by_id_unit_path_and_tag(
    here: Path, rules: dict[str, list[str]], asked: set[str]
) -> None:
    known = standin.organizations_backends[ACCOUNT]["aws"]
    ids = {f"{{{unit.name}}}": unit.id for unit in known.ou}
    given = {name: [ids.get(each, each) for each in found] for name, found in rules.items()}
    path = run_file(here, organization={**OURS, **given})
    found = organization.chosen(read(path), Log(quiet=True))
    assert {entry.account for entry in found.entries} == asked
    left = {each.account_id: each.not_asked for each in found.others}
    assert not asked & set(left)
    assert asked | set(left) == {ACCOUNT, SHOP, REFUSES, OLD, CLOSING, PLAY, SECOND}
    assert left[OLD] == "the account is suspended", "whatever the rules say"
    others = [left[each] for each in left if each not in (OLD, CLOSING)]
    assert all("run file" in str(each) for each in others)


@pytest.mark.parametrize(
    ("refused", "unit", "team"),
    [
        ("DescribeOrganizationalUnit", "ou-", "no"),
        ("ListTagsForResource", "/Workloads/Sandboxes", None),
    ],
)
def test_what_aws_refuses_to_say_of_units_and_teams_is_said_once(
    here: Path,
    aws: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    refused: str,
    unit: str,
    team: str | None,
) -> None:
    path = run_file(here, organization={**OURS, "team_tag": "audit"})
    step = error(403, "AccessDeniedException", "not you")
    with FaultProxy(aws, {refused: step}) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        found = organization.chosen(read(path), Log(quiet=True))
        made = [found.grouped(AccountResult("a", each)) for each in (PLAY, SHOP, PLAY)]
    assert str(made[0].unit).startswith(unit)
    assert made[0] == made[2]
    assert made[0].team == team
    assert proxy.calls.count(f"organizations:{refused}") == 1
    assert capsys.readouterr().err.count("are not known") == 1


def test_a_rule_that_includes_nothing_is_a_failure(here: Path) -> None:
    run_file(here, organization={**OURS, "include": [SECOND, "/Worklods"], "exclude": ["/Nowhere"]})
    ended = ran()
    assert ended.exit_code == 4
    assert results(here)[SECOND]["audit"]
    assert results(here)["organization"]["error"].startswith("include: no account fits /Worklods")
    assert "warning: organization: exclude: no account fits /Nowhere" in ended.stderr


def test_accounts_of_the_file_keep_what_it_says_of_them(here: Path) -> None:
    run_file(
        here,
        unused_days=40,
        accounts=[
            {"account": SECOND, "name": "mine", "settings": {"unused_days": 7}},
            {"role_arn": f"arn:aws:iam::{PLAY}:role/audit", "name": "playground"},
            {"profile": "own", "name": "ours"},
            {"account": OLD, "name": "gone"},
            {"account": "999999999999", "name": "strange"},
        ],
        organization={**OURS, "exclude": [SHOP, REFUSES, PLAY]},
    )
    (here / "config").write_text(KEYS)
    ended = CliRunner().invoke(main, ["run"], env={"AWS_CONFIG_FILE": str(here / "config")})
    said = results(here)
    assert ended.exit_code == 4
    assert {one["name"] for one in said.values() if one["audit"]} == {"mine", "playground", "ours"}
    assert said[ACCOUNT]["name"] == "ours", "asked once, under the name that the file gives"
    assert said[OLD]["not_asked"] == "the account is suspended"
    assert said["999999999999"]["error"].startswith("account 999999999999 is not in the organiz")
    calls = snapshot.read(here / "reports" / said[PLAY]["audit"] / "snapshot").manifest["calls"]
    assert any("by" in each for each in calls), "its SCPs come from the management account, too"


@pytest.mark.parametrize(
    ("call", "code", "said"),
    [
        ("ListAccounts", "AccessDeniedException", "organizations:ListAccounts"),
        ("ListAccounts", "AWSOrganizationsNotInUseException", "belongs to no organization"),
        ("DescribeOrganization", "AWSOrganizationsNotInUseException", "belongs to no organization"),
        ("GetCallerIdentity", "ExpiredToken", "AWS does not accept the credentials"),
    ],
)
def test_an_organization_that_cannot_be_listed_is_one_failure(
    here: Path, aws: str, monkeypatch: pytest.MonkeyPatch, call: str, code: str, said: str
) -> None:
    run_file(
        here,
        accounts=[
            {"role_arn": f"arn:aws:iam::{PLAY}:role/audit", "name": "playground"},
            {"account": SECOND, "settings": {"unused_days": 7}},
        ],
        organization=OURS,
    )
    with FaultProxy(aws, {call: [error(403, code, "not you")]}) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        ended = ran()
    found = results(here)
    assert ended.exit_code == 4
    assert [name for name, one in found.items() if one["error"]] == ["organization"]
    assert said in found["organization"]["error"]
    assert "; " in found["organization"]["error"], "what to do"
    assert found[PLAY]["audit"]
    assert found[SECOND]["not_asked"] == "the organization cannot be listed"


def test_throttled_lists_are_asked_for_again(
    here: Path, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_file(here, organization={**OURS, "include": [PLAY]})
    throttled = error(400, "TooManyRequestsException", "slow down")
    slow = {name: [throttled, forward] for name in ("ListAccounts", "ListParents")}
    with FaultProxy(aws, slow) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        ended = ran()
    assert ended.exit_code == 0, ended.stderr
    assert results(here)[PLAY]["missing"] is not None
    (taken,) = snapshot.under(here / "reports")
    assert "service_control_policies.json" in snapshot.read(taken).manifest["files"]


def test_a_new_account_comes_by_itself_and_a_closed_one_goes(here: Path) -> None:
    run_file(here, organization={**OURS, "include": ["/Workloads/Sandboxes"]})
    known = standin.organizations_backends[ACCOUNT]["aws"]
    assert ran().exit_code == 0
    assert set(results(here)) >= {PLAY}
    sandboxes = next(unit.id for unit in known.ou if unit.name == "Sandboxes")
    new = standin.member(known, "8" * 12, "new", sandboxes)
    play = known.get_account_by_id(PLAY)
    play.state = "CLOSED"
    try:
        assert ran().exit_code == 0
        assert results(here)["8" * 12]["audit"]
        assert results(here)[PLAY]["not_asked"] == "the account is closed"
    finally:
        play.state = "ACTIVE"
        known.accounts.remove(new)


def test_a_delegated_administrator_lists_and_a_plain_member_may_not(here: Path) -> None:
    known = standin.organizations_backends[ACCOUNT]["aws"]
    config = here / "config"
    config.write_text(
        "[profile shop]\n"
        f"role_arn = arn:aws:iam::{SHOP}:role/audit\n"
        "external_id = ours\ncredential_source = Environment\n"
    )
    run_file(here, organization={**OURS, "profile": "shop", "include": [SHOP]})
    environment = {"AWS_CONFIG_FILE": str(config)}
    refused = CliRunner().invoke(main, ["run"], env=environment)
    assert refused.exit_code == 4
    assert "the organization cannot be listed" in results(here)["organization"]["error"]
    known.register_delegated_administrator(
        AccountId=SHOP, ServicePrincipal="access-analyzer.amazonaws.com"
    )
    try:
        ended = CliRunner().invoke(main, ["run"], env=environment)
    finally:
        known.admins.clear()
    assert ended.exit_code == 0, ended.stderr
    assert results(here)[SHOP]["audit"], "asked with its own credentials"
