"""What remedies promise, on accounts of every kind: findings go, and nothing as grave comes."""

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.checks import SEVERITIES
from iamkit.errors import ChangeError, ReportError
from iamkit.pages import expected
from iamkit.remedies import (
    Proposal,
    Remedy,
    commands,
    mfa_policy,
    network_policy,
    proof,
    proposals,
    remedies,
    require_room,
    restrictions,
    script,
    write,
)
from iamkit.results import changes
from tests.accounts import ARN, account, again, details, role, user
from tests.examples import thorough
from tests.remedies.afterwards import audited_once
from tests.results.months import line
from tests.results.test_advice import kinds

ALL = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
NAMED = ("enforce-mfa", "restrict-networks", "deactivate-unused-keys")
VPCE = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition":
        {"StringNotEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}}}  # fmt: skip


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Account, list[Remedy]]]:
    """An account and its remedies; the accounts after them are audited once for all tests."""
    made = again(kinds(tmp_path_factory.mktemp("kinds")), approved_networks=("203.0.113.0/24",))
    with audited_once(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "proposals", sample)
        yield made, remedies(made)[0]


def sample(account: Account) -> list[Proposal]:
    """All; in the ordinary profile those that tests name here, and every fourth of the others."""
    found = proposals(account)
    others = [each for each in found if each.id not in NAMED]
    left_out = [] if thorough() else [each.id for at, each in enumerate(others) if at % 4]
    return [each for each in found if each.id not in left_out]


def named(found: list[Remedy], name: str) -> Remedy:
    return next(each for each in found if each.proposal.id == name)


def failing(account: Account) -> set[tuple[str, str]]:
    findings = account.audit.findings.query("status == 'fail'")
    return set(zip(findings["check"], findings["subject"], strict=True))


def test_after_each_its_findings_are_gone_and_nothing_graver_is_new(
    tried: tuple[Account, list[Remedy]],
) -> None:
    before, found = tried
    assert len(found) >= 4
    for remedy in found:
        assert len(remedy.ended) > 0
        after = before.what_if(*remedy.proposal.changes)
        assert not set(zip(remedy.ended["check"], remedy.ended["subject"], strict=True)) & failing(
            after
        )
        worst = min(map(SEVERITIES.index, remedy.ended["severity"]))
        new = failing(after) - failing(before)
        assert new == set(zip(remedy.new["check"], remedy.new["subject"], strict=True))
        had = set(remedy.ended["subject"])
        graver = remedy.new[remedy.new["severity"].map(SEVERITIES.index) < worst]
        assert set(graver["subject"]) <= had
    gains = [each.gain for each in found]
    assert gains == sorted(gains, reverse=True)


def test_what_pages_expect_of_a_remedy_its_proof_finds(
    tried: tuple[Account, list[Remedy]],
) -> None:
    """Pages count what a remedy is made for, without an audit: at least that has to end."""
    before, found = tried
    counted = {each.proposal.id: each for each in expected.expected(before)}
    assert any(each.is_counted for each in counted.values())
    for remedy in found:
        ends = counted[remedy.proposal.id].ends[["check", "subject"]]
        assert len(ends) > 0 or not counted[remedy.proposal.id].is_counted
        proved = set(map(tuple, remedy.ended[["check", "subject"]].to_numpy()))
        assert set(map(tuple, ends.to_numpy())) <= proved, remedy.proposal.id


def test_what_is_lost_is_what_nobody_is_allowed_any_more(
    tried: tuple[Account, list[Remedy]],
) -> None:
    """Asked request by request, of who loses something and of who is said to lose nothing."""
    before, found = tried
    could = functools.cache(lambda arn, action: allowed(before, arn, action))
    for number, remedy in enumerate(found):
        after = before.what_if(*remedy.proposal.changes)
        there = set(after.permissions.principals["principal_arn"])
        losing = {row["principal_arn"]: row["lost_actions"] for row in
                  remedy.lost.to_dict("records")}  # fmt: skip
        for arn in asked(list(before.permissions.principals["principal_arn"]), losing, number):
            for action in ("s3:GetObject", "iam:CreateUser", *losing.get(arn, [])[:3]):
                if arn not in there:
                    continue  # it is deleted, and has nothing any more
                lost = could(arn, action) and not allowed(after, arn, action)
                assert lost == (action in losing.get(arn, [])), (arn, action)


def asked(arns: list[str], losing: Mapping[str, Any], number: int) -> list[str]:
    """All; in the ordinary profile two who lose something, and two others, by the number."""
    if thorough():
        return arns
    others = [each for each in arns if each not in losing]
    return [*losing][:2] + [others[at % len(others)] for at in (number, number + 5) if others]


def allowed(account: Account, arn: str, action: str) -> bool:
    return bool(account.why(arn, action)["effect"].eq("Allowed").any())


def test_keys_in_use_that_a_policy_would_stop_are_named(
    tried: tuple[Account, list[Remedy]],
) -> None:
    _, found = tried
    enforced = named(found, "enforce-mfa").proposal
    assert any(each.startswith("access key 1 of both, used yesterday") for each in enforced.cut_off)
    assert any("until a device is registered" in each for each in enforced.cut_off)
    assert any("a program without a password" in each for each in enforced.left_out)
    assert all("chief" not in str(change) for change in enforced.changes), "enforced already"


def test_only_what_nobody_has_used_for_long_is_switched_off(
    tried: tuple[Account, list[Remedy]],
) -> None:
    before, found = tried
    keys = before.access_keys.set_index(["user_arn", "slot"])
    offered = named(found, "deactivate-unused-keys").proposal
    off = offered.changes
    assert off
    for change in off:
        key = keys.loc[(change.user, change.slot)]
        days = key["age_days"] if key["use"] == "never used" else key["idle_days"]
        assert days >= before.settings.unused_days
        said = f"access key {change.slot} of {change.user.rpartition('/')[2]}, used {days} days"
        told = any(each.startswith(said) for each in offered.cut_off)
        assert told == (key["use"] == "used" and days < 90)


def test_who_is_kept_for_emergencies_is_left_out(tmp_path: Path) -> None:
    people = [user(name, UserPolicyList=[{"PolicyName": "p", "PolicyDocument": ALL}])
              for name in ("ann", "break-glass-1")]  # fmt: skip
    made = account(
        tmp_path,
        {"UserDetailList": people},
        credential_report=_csv(line("ann"), line("break-glass-1")),
    )
    found = proposals(made)
    assert any(each.changes for each in found)
    assert "break-glass-1: kept for emergencies" in str([each.left_out for each in found])
    for each in found:
        assert all("break-glass-1" not in str(change) for change in each.changes)


def _csv(*lines: str) -> str:
    from tests.accounts import report

    return report(*lines)


def test_the_policies_are_written_for_the_account(tmp_path: Path) -> None:
    plain = account(tmp_path / "plain", {"UserDetailList": [user("ann")]})
    own = [each for each in mfa_policy(plain)["Statement"] if each["Sid"] == "RegisterOwnDevice"]
    assert own[0]["Resource"] == [f"{ARN}user/${{aws:username}}"]
    (tmp_path / "paths").mkdir()
    pathed = user("ann", Path="/team/", Arn=f"{ARN}user/team/ann")
    fenced = user("bob", UserPolicyList=[{"PolicyName": "p", "PolicyDocument": {
        "Version": "2012-10-17", "Statement": [VPCE]}}])  # fmt: skip
    made = again(
        account(tmp_path / "paths", {"UserDetailList": [pathed, fenced]}),
        approved_networks=("203.0.113.0/24",),
        self_service=("iam:ListMFADevices",),
    )
    own, deny = mfa_policy(made)["Statement"][1], mfa_policy(made)["Statement"][-1]
    assert f"{ARN}user/*/${{aws:username}}" in own["Resource"]
    assert deny["NotAction"] == ["iam:ListMFADevices"]
    condition = network_policy(made)["Statement"][0]["Condition"]
    assert condition["NotIpAddressIfExists"] == {"aws:SourceIp": ["203.0.113.0/24"]}
    assert condition["StringNotEqualsIfExists"] == {"aws:SourceVpce": ["vpce-1a2b3c4d"]}


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir(exist_ok=True)


def test_networks_are_restricted_only_to_networks_that_somebody_approved(
    tried: tuple[Account, list[Remedy]],
) -> None:
    before, found = tried
    assert named(found, "restrict-networks")
    assert restrictions.restrict_networks(again(before, approved_networks=())) is None


def test_an_account_in_order_has_no_remedies(tmp_path: Path) -> None:
    made = account(tmp_path, credential_report=_csv())
    found = proposals(made)
    missing = {"make-support-role", "make-audit-role"}
    assert {each.id for each in found if each.changes} <= missing
    assert "echo none" in script(made, [])
    (said,) = (each.lacking for each in found if not each.changes)
    assert "--last-accessed" in said


def test_a_command_that_damaged_evidence_forbids_says_so(tmp_path: Path) -> None:
    made = account(tmp_path, details(roles=[role("worker", "no document")]))
    with pytest.raises(ChangeError, match="worker.*evidence about it is damaged"):
        commands(changes.DeleteRole(f"{ARN}role/worker"), made)


def test_a_proposal_that_damaged_evidence_forbids_costs_no_other(tmp_path: Path) -> None:
    damaged = {"PasswordPolicy": {"MinimumPasswordLength": "many"}}
    made = proposals(account(tmp_path, credential_report=_csv(), policy=damaged))
    said = {each.title: each.lacking for each in made if not each.changes}
    assert "'many'" in said["Set the password policy as a whole, with all that is to stay"]
    assert any(each.changes for each in made)


def test_what_ends_no_finding_or_brings_a_graver_one_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = [{"PolicyName": "all", "PolicyDocument": ALL}]
    ours = role("open", _trusting("AWS", f"{ARN}user/ann"), RolePolicyList=everything)
    made = account(
        tmp_path,
        {"UserDetailList": [user("ann")], "RoleDetailList": [ours]},
        credential_report=_csv(line("ann")),
    )
    opened = changes.UpdateAssumeRolePolicy(f"{ARN}role/open", _trusting("AWS", "*"))
    offered = {
        "idle": (changes.CreateGroup("nobody"),),
        "grave": (changes.DeleteLoginProfile(f"{ARN}user/ann"), opened),
        "gone": (changes.DeleteUser(f"{ARN}user/x"),),
    }
    given = [
        Proposal(name, name, "", wanted, together=(wanted,)) for name, wanted in offered.items()
    ]
    monkeypatch.setattr(proof, "proposals", lambda _: given)
    found, refused = remedies(made)
    assert found == []
    said = {each.proposal.id: each.why for each in refused}
    assert said["idle"] == "it ends no finding in this account"
    assert said["grave"].startswith("after it, open would have: ")
    assert "x" in said["gone"]


def _trusting(kind: str, whom: str) -> dict[str, Any]:
    allow = {"Effect": "Allow", "Principal": {kind: whom}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [allow]}


def test_the_files_hold_everything_and_nothing_is_written_over(
    tried: tuple[Account, list[Remedy]], tmp_path: Path
) -> None:
    before, found = tried
    path = write(tmp_path / "out", before, found, [])
    said = json.loads((tmp_path / "out/remedies.json").read_text())
    assert [each["id"] for each in said["remedies"]] == [each.proposal.id for each in found]
    for each in said["remedies"]:
        assert len(each["commands"]) >= len(each["changes"])
        for name in each["documents"]:
            json.loads((tmp_path / "out" / name).read_text("ascii"))
    ended = sum(len(each["ends"]) for each in said["remedies"])
    assert ended > 0
    assert all(each["next_step"] is None or each["next_step"] for each in said["left"])
    assert path.stat().st_mode & 0o777 == 0o700
    with pytest.raises(ReportError, match="is not empty"):
        require_room(tmp_path / "out")
    with pytest.raises(ReportError, match="is not empty"):
        write(tmp_path / "out", before, found, [])


def test_names_of_the_account_are_arguments_and_no_commands(tmp_path: Path) -> None:
    hostile = "a;touch${IFS}x&`id`"  # what IAM takes are letters and +=,.@-, evidence anything
    made = account(tmp_path, {"UserDetailList": [user("ann")]})
    arn = f"{ARN}user/{hostile}"
    lines = commands(changes.AddUserToGroup(arn, f"{ARN}group/g"), made).do
    assert lines == (f"run add-user-to-group --user-name '{hostile}' --group-name g",)


@pytest.mark.parametrize(
    "change",
    [
        changes.EnableMFADevice(f"{ARN}user/ann"),
        changes.DeletePolicy(f"{ARN}policy/none"),
        changes.DeactivateAccessKey(f"{ARN}user/ann", 1),
    ],
)
def test_what_no_command_can_make_or_undo_is_said(change: Any, tmp_path: Path) -> None:
    made = account(tmp_path, {"UserDetailList": [user("ann")]})
    if isinstance(change, changes.DeletePolicy):
        assert commands(change, made).files == {}
        return
    with pytest.raises(ChangeError):
        commands(change, made)
