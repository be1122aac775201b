"""Whom a remedy leaves out, by name and with the reason; the others have it all the same."""

from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.remedies import Proposal, policies, proof, proposals, remedies
from iamkit.results import changes
from tests.accounts import ARN, account, details, group, policy, report, role, user
from tests.results.test_advice import attached, document, line

WITHOUT_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "false"}}
SHELL = "arn:aws:iam::aws:policy/AWSCloudShellFullAccess"
WIDE = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
S3 = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def named(made: Account, name: str) -> Proposal:
    """The proposal, which AWS would take."""
    found = next(each for each in proposals(made) if each.id == name)
    made.what_if(*found.changes)
    return found


def inline(*statements: Any) -> dict[str, Any]:
    return {"UserPolicyList": [{"PolicyName": "own", "PolicyDocument": document(*statements)}]}


def full(size: int) -> dict[str, Any]:
    """A statement of which a policy is about so many characters long."""
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{'x' * size}"}


def people(folder: Path, *users: dict[str, Any], **kinds: Any) -> Account:
    lines = [line(each["UserName"], password=(30, 2)) for each in users]
    return account(folder, details([*users], **kinds), credential_report=report(*lines))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """For each remedy somebody whom it can change, and somebody whom it cannot."""
    deny = {"Effect": "Deny", "NotAction": "iam:ListUsers", "Resource": "*",
            "Condition": WITHOUT_MFA}  # fmt: skip
    works = {"Effect": "Allow", "Principal": {"Service": "batch.amazonaws.com"}}
    works |= {"Action": "sts:AssumeRole"}
    many = {**works, "Principal": {"AWS": [f"{ARN}user/{number:060d}" for number in range(20)]}}
    names = [f"p{number}" for number in range(9)]
    return people(
        tmp_path_factory.mktemp("company"),
        user("ann", **inline(S3, deny), AttachedManagedPolicies=attached(SHELL)),
        user("big", **inline(full(1850), deny)),
        user("ten", AttachedManagedPolicies=attached(*names, SHELL)),
        user("plain", **inline(S3)),
        user("wide", **inline(WIDE)),
        roles=[role("small", document(works)), role("large", document(works, many))],
        policies=[policy(name, document(S3)) for name in names],
    )


def test_a_policy_that_would_be_too_long_stays_and_the_others_are_written(
    company: Account,
) -> None:
    found = named(company, "deny-keys-without-mfa")
    assert [each.principal for each in found.changes] == [f"{ARN}user/ann"]
    (said,) = found.left_out
    assert said.startswith("not done: Write inline policy own of user big: ")
    assert "are more than 2048 (UserPolicySizeQuota: LimitExceeded)" in said


def test_a_trust_policy_that_would_be_too_long_stays(company: Account) -> None:
    found = named(company, "name-the-source-of-services")
    assert [each.role for each in found.changes] == [f"{ARN}role/small"]
    assert found.left_out[0].startswith("not done: Write the trust policy of role large: ")


def test_who_has_ten_policies_keeps_all_of_them(company: Account) -> None:
    """Also the one in whose place another would have come."""
    found = named(company, "cloudshell-without-files")
    whom = {each.principal for each in found.changes if not isinstance(each, changes.CreatePolicy)}
    assert whom == {f"{ARN}user/ann"}
    assert found.left_out == (
        "not done: Attach iamkit-cloudshell-without-files to user ten: user ten has 10 policies "
        "(LimitExceeded)",
    )


def test_nobody_loses_policies_to_a_group_that_cannot_be_made(tmp_path: Path) -> None:
    """A group may have less than a user has: its quotas are those of the account."""
    quotas = {"SummaryMap": {"GroupPolicySizeQuota": 300, "UserPolicySizeQuota": 2048}}
    people_ = [user("ann", **inline(S3)), user("big", **inline(full(500)))]
    lines = [line(each["UserName"], password=(30, 2)) for each in people_]
    made = account(
        tmp_path,
        details(people_),
        credential_report=report(*lines),
        account_summary=quotas,
    )
    found = named(made, "policies-to-groups")
    assert all("big" not in str(each) for each in found.changes)
    assert any(each.startswith("not done: Write inline policy own of group iamkit-as-big: ")
               for each in found.left_out)  # fmt: skip
    assert any("Put user big into group iamkit-as-big" in each for each in found.left_out)


def test_wide_policies_stay_and_the_others_move_to_groups(company: Account) -> None:
    proposal = named(company, "policies-to-groups")
    remedy = proof.tried(company, proposal)
    ended = remedy.ended.query("check == 'policy_on_user'")
    assert "plain" in set(ended["name"])
    assert not {"wide", "ann", "ten"} & set(ended["name"])
    assert remedy.new.empty
    said = {each.partition(": ")[0]: each.partition(": ")[2] for each in proposal.left_out}
    assert said["wide"].startswith("a group that gets own would have its finding too: ")
    assert said["ten"].startswith("a group that gets them would have its finding too: ")


def test_one_of_whom_something_graver_would_be_found_does_not_cost_the_others_a_remedy(
    company: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [
        (changes.CreateGroup(f"of-{name}"), changes.PutInlinePolicy(f"{ARN}group/of-{name}", "own",
         document(what)), changes.AddUserToGroup(f"{ARN}user/{name}", f"{ARN}group/of-{name}"),
         changes.DeleteInlinePolicy(f"{ARN}user/{name}", "own"))
        for name, what in (("plain", S3), ("wide", WIDE))
    ]  # fmt: skip
    moved = Proposal("policies-to-groups", "Move", "", tuple(c for p in parts for c in p),
                     together=tuple(parts))  # fmt: skip
    monkeypatch.setattr(proof, "proposals", lambda _: [moved])
    (remedy,), refused = remedies(company)
    assert refused == []
    assert remedy.proposal.changes == parts[0]
    assert remedy.proposal.left_out[0].startswith("not done: after it, own would have: ")


def test_a_proposal_of_which_nothing_is_left_says_why() -> None:
    kept = Proposal("x", "X", "", (changes.DeleteUser(f"{ARN}user/none"),)).without([], ["no none"])
    assert (kept.changes, kept.lacking) == ((), "no none")


def test_each_user_for_whom_a_group_of_the_name_is_there_is_named(tmp_path: Path) -> None:
    alike = [user(name, **inline(S3)) for name in ("ann", "ben")]
    made = people(tmp_path, *alike, groups=[group("iamkit-as-ann")])
    (found,) = (each for each in [policies.into_groups(made)] if not each.changes)
    assert found.left_out == tuple(
        f"{name}: there is a group iamkit-as-ann already" for name in ("ann", "ben")
    )
