"""What a remedy takes away is refused by the simulator, with the policies left out or replaced."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account, changes
from iamkit.confirm import after_changes, command, compare
from iamkit.confirm.simulated import SimulatedRequest
from iamkit.evidence import aws
from tests.accounts import ARN, account, details, group, policy, role, user
from tests.confirm.simulator import Simulator, serving
from tests.policies import allow, attached, deny, document, inline, trusts

pytestmark = pytest.mark.usefixtures("credentials")
ANN, WORK, TEAM = f"{ARN}user/ann", f"{ARN}role/work", f"{ARN}group/team"
ONE = f"{ARN}policy/one"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return account(
        tmp_path_factory.mktemp("company"),
        details(
            [
                user("ann", GroupList=["team"], AttachedManagedPolicies=attached("one"),
                     UserPolicyList=inline(allow("sqs:SendMessage"))),
                user("ben", UserPolicyList=inline(allow("sqs:SendMessage"))),
            ],
            [group("team", GroupPolicyList=inline(allow("ec2:RunInstances")))],
            [role("work", trusts("root"), AttachedManagedPolicies=attached("one"))],
            [policy("one", document(allow(["s3:GetObject", "s3:PutObject"])))],
        ),
    )  # fmt: skip


@pytest.fixture
def stand_in(company: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with serving(Simulator(company)) as simulator:
        monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.url)
        yield simulator


S3 = ["s3:GetObject", "s3:PutObject"]
NO_PUT = document(allow(S3), deny("s3:PutObject"))
CASES: dict[str, tuple[list[Any], dict[str, list[str]]]] = {
    "detached": ([changes.DetachPolicy(ANN, ONE)], {ANN: S3}),
    "inline": ([changes.DeleteInlinePolicy(ANN, "own")], {ANN: ["sqs:SendMessage"]}),
    "of a group": ([changes.DeleteInlinePolicy(TEAM, "own")], {ANN: ["ec2:RunInstances"]}),
    "replaced": (
        [changes.CreatePolicyVersion(ONE, NO_PUT)],
        {ANN: ["s3:PutObject"], WORK: ["s3:PutObject"]},
    ),
}


def drawn(company: Account, case: str) -> list[SimulatedRequest]:
    wanted, lost = CASES[case]
    return [*after_changes(company, company.what_if(*wanted), lost, case)]


@pytest.mark.parametrize("case", CASES)
def test_what_is_taken_away_is_refused_as_if_it_were_applied(
    company: Account, stand_in: Simulator, case: str
) -> None:
    asked = drawn(company, case)
    assert {each.principal_arn for each in asked} == set(CASES[case][1])
    assert not any(each.decision for each in asked)
    made = compare(company, asked, aws.asking())
    assert made.counts == {"disagrees": 0, "not comparable": 0, "agrees": len(asked)}
    assert all("--policy-exclusion-list" in command(each) for each in asked)


def test_a_removal_that_removes_nothing_is_a_disagreement(
    company: Account, stand_in: Simulator
) -> None:
    """Identifiers that match no policy are ignored by AWS, so the request is allowed still."""
    from dataclasses import replace

    wrong = {"PolicyArn": f"{ARN}policy/another"}
    asked = [replace(each, without=(wrong,)) for each in drawn(company, "detached")]
    assert compare(company, asked, aws.asking()).counts["disagrees"] == len(asked) == 2


def test_who_is_deleted_or_bounded_anew_is_left_out(company: Account, tmp_path: Path) -> None:
    after = company.what_if(changes.DeleteRole(WORK), changes.PutPermissionsBoundary(ANN, ONE))
    assert [*after_changes(company, after, {ANN: ["sqs:SendMessage"], WORK: S3}, "x")] == []
