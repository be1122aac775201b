"""A sample is compared with a stand-in of AWS's simulator: what is planted is found, alone."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.confirm import command, compare, sample, simulated
from iamkit.confirm.comparison import Confirmation
from iamkit.confirm.simulator import read
from iamkit.errors import CollectError, SnapshotError
from iamkit.evidence import aws
from iamkit.policy import UNKNOWN, RequestContext
from iamkit.report import not_of_the_kit
from tests.accounts import ACCOUNT, ARN, account, details, group, policy, role, user, written
from tests.confirm.simulator import Simulator, serving
from tests.test_cli import failed, iamkit

pytestmark = pytest.mark.usefixtures("credentials")
KNOWN = RequestContext({})
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": f"{ARN}root"},
        "Action": "sts:AssumeRole",
    },
}


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def inline(*statements: Any) -> list[Any]:
    return [{"PolicyName": "own", "PolicyDocument": document(*statements)}]


def allow(*actions: str, on: Any = "*", **condition: Any) -> dict[str, Any]:
    made = {"Effect": "Allow", "Action": list(actions), "Resource": on}
    return made | ({"Condition": condition} if condition else {})


def deny(*actions: str, on: Any = "*", **condition: Any) -> dict[str, Any]:
    return {**allow(*actions, on=on, **condition), "Effect": "Deny"}


WHOLE = details(
    users=[
        user("ann", UserPolicyList=inline(EVERYTHING)),
        user(
            "ben",
            GroupList=["staff"],
            UserPolicyList=inline(
                allow("s3:*", IpAddress={"aws:SourceIp": "203.0.113.0/24"}),
                deny("s3:*", Bool={"aws:SecureTransport": "false"}),
                deny("s3:Delete*", BoolIfExists={"aws:MultiFactorAuthPresent": "false"}),
            ),
        ),
        user(
            "cat",
            Tags=[{"Key": "team", "Value": "a & b"}],
            UserPolicyList=inline(
                allow("sqs:*", StringEquals={"aws:PrincipalTag/team": "a & b"}),
                allow("dynamodb:*", NumericLessThan={"aws:MultiFactorAuthAge": "3600"}),
                allow("sns:*", DateLessThan={"aws:CurrentTime": "2030-01-01T00:00:00Z"}),
                allow(
                    "ec2:*",
                    **{"ForAnyValue:StringEquals": {"aws:TagKeys": ["cost", "team"]}},
                ),
            ),
        ),
        user(
            "dan",
            PermissionsBoundary={
                "PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": f"{ARN}policy/limit",
            },
            UserPolicyList=inline(EVERYTHING, deny("kms:*", "iam:Delete*")),
        ),
        user("eve"),
    ],
    groups=[
        group(
            "staff",
            GroupPolicyList=inline(allow("iam:*AccessKey*", on=f"{ARN}user/${{aws:username}}")),
        )
    ],
    roles=[role("ops", TRUST, RolePolicyList=inline(allow("iam:*", "sts:*"), deny("ec2:*")))],
    policies=[policy("limit", document(allow("s3:*", "ec2:*", "iam:*")))],
)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return account(tmp_path_factory.mktemp("company"), WHOLE)


@pytest.fixture
def stand_in(company: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with serving(Simulator(company)) as simulator:
        monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.url)
        yield simulator


def disagreements(made: Confirmation) -> set[tuple[str, str, str]]:
    rows = made.table[made.table["outcome"].eq("disagrees")]
    return set(rows[["principal_arn", "action", "resource"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("new_form", [False, True])
def test_each_planted_disagreement_is_found_and_nothing_else(
    company: Account, stand_in: Simulator, *, new_form: bool
) -> None:
    stand_in.new_form = new_form
    drawn = sample(company, 80)
    made = compare(company, drawn, aws.asking())
    assert disagreements(made) == set()
    assert made.counts["agrees"] == sum(not each.not_comparable for each in drawn) >= 60

    asked = [each for each in drawn if not each.not_comparable]
    for each in (*asked[::9], asked[-1]):
        key = (each.principal_arn, each.action, each.resource)
        stand_in.planted[key] = "implicitDeny" if each.decision else "allowed"
    same = {
        (each.principal_arn, each.action, each.resource)
        for each in asked
        if (each.principal_arn, each.action, each.resource) in stand_in.planted
    }
    made = compare(company, drawn, aws.asking())
    assert disagreements(made) == same
    first = made.table.iloc[0]
    assert first["outcome"] == "disagrees"
    assert first["matched"] == ["pol & icy (IAM Policy), line 3 to 9"]


def test_answers_in_pages_are_read_whole(company: Account, stand_in: Simulator) -> None:
    actions = ["s3:GetObject", "s3:PutObject", "kms:Decrypt", "iam:DeleteUser", "ec2:StopInstances"]
    drawn = [simulated(company, f"{ARN}user/dan", each, "*", KNOWN, "test") for each in actions]
    stand_in.page = 2
    made = compare(company, drawn, aws.asking())
    assert made.counts == {"disagrees": 0, "not comparable": 0, "agrees": 5}
    assert stand_in.calls == ["GetCallerIdentity", *["SimulatePrincipalPolicy"] * 3]


def test_of_several_resources_each_has_its_own_decision() -> None:
    inside = [
        {"EvalResourceName": "arn:aws:s3:::a", "EvalResourceDecision": "allowed"},
        {"EvalResourceName": "arn:aws:s3:::b", "EvalResourceDecision": "explicitDeny"},
    ]
    new = [
        {
            "EvalActionName": "s3:ListBucket",
            "EvalResourceName": "*",
            "EvalDecision": "explicitDeny",
            "ResourceSpecificResults": inside,
        }
    ]
    old = [
        {
            "EvalActionName": "s3:ListBucket",
            "EvalResourceName": each["EvalResourceName"],
            "EvalDecision": each["EvalResourceDecision"],
        }
        for each in inside
    ]
    for results in (new, old):
        assert read(results, "s3:listbucket", "arn:aws:s3:::a").effect == "Allowed"
        assert read(results, "s3:listbucket", "arn:aws:s3:::b").effect == "ExplicitlyDenied"
        assert read(results, "s3:listbucket", "arn:aws:s3:::c").failure
        assert read(results, "s3:GetObject", "arn:aws:s3:::a").failure
    odd = [{"EvalActionName": "s3:GetObject", "EvalResourceName": "*", "EvalDecision": "maybe"}]
    assert "maybe" in read(odd, "s3:GetObject", "*").failure


def test_condition_keys_are_sent_with_their_types(company: Account) -> None:
    def types(name: str, action: str, **values: Any) -> dict[str, str]:
        context = RequestContext({key.replace("__", ":"): value for key, value in values.items()})
        made = simulated(company, f"{ARN}user/{name}", action, "*", context, "test")
        return {each["ContextKeyName"]: each["ContextKeyType"] for each in made.entries}

    assert types(
        "ben",
        "s3:DeleteBucket",
        aws__sourceip="203.0.113.7",
        aws__multifactorauthpresent="true",
        aws__securetransport="true",
    ) == {
        "aws:SourceIp": "ip",
        "aws:MultiFactorAuthPresent": "boolean",
        "aws:SecureTransport": "boolean",
    }
    assert types("cat", "dynamodb:Scan", aws__multifactorauthage="60") == {
        "aws:MultiFactorAuthAge": "numeric"
    }
    assert types("cat", "sns:Publish", aws__currenttime="2026-11-01T06:00:00Z") == {
        "aws:CurrentTime": "date"
    }
    assert types("cat", "ec2:RunInstances", aws__tagkeys=["cost"]) == {"aws:TagKeys": "stringList"}
    assert types("cat", "ec2:RunInstances") == {}, "an absent key is left out"


def not_comparable(of: Account, action: str, resource: str = "*", **values: Any) -> str:
    arn = f"{ARN}user/ben"
    return simulated(of, arn, action, resource, RequestContext(values), "test").not_comparable


def test_what_the_simulator_cannot_judge_is_said(company: Account) -> None:
    assert "trust policy" in not_comparable(company, "sts:AssumeRoleWithSAML")
    assert "the kit does not know" in not_comparable(
        company, "s3:GetObject", **{"aws:SourceIp": UNKNOWN}
    )
    assert "no ARN" in not_comparable(company, "s3:GetObject", "iamkit")
    assert "one resource" in not_comparable(company, "s3:GetObject", "arn:aws:s3:::logs/*")
    assert "list of actions" in not_comparable(company, "s3:GetObjekt")
    root = simulated(company, f"{ARN}root", "s3:GetObject", "*", KNOWN, "test")
    assert "root" in root.not_comparable
    assert not_comparable(company, "s3:GetObject", "arn:aws:s3:::logs/a") == ""


def organized(of: Account, *levels: Any, management: str = "999999999999") -> Account:
    """The account with these statements in a service control policy each, a level each."""
    targets = [
        {
            "TargetId": f"ou-{number}",
            "Policies": [
                {"PolicySummary": {"Name": "scp"}, "Content": json.dumps(document(*each))}
            ],
        }
        for number, each in enumerate(levels)
    ]
    answers = {
        "service_control_policies.json": {"Targets": targets},
        "organization.json": {"Organization": {"Id": "o-1", "MasterAccountId": management}},
    }
    files = {name: json.dumps(each).encode() for name, each in answers.items()}
    held: Any = of.snapshot
    return Account(replace(held, files={**held.files, **files}), of.settings)


def test_conditions_of_scps_are_not_comparable_where_they_decide(company: Account) -> None:
    guard = deny("ec2:*", StringEquals={"aws:RequestedRegion": "eu-west-9"})
    member = organized(company, [EVERYTHING, guard])
    context = RequestContext({"aws:RequestedRegion": "eu-west-9"})
    ann = f"{ARN}user/ann"
    decides = simulated(member, ann, "ec2:StopInstances", "*", context, "test")
    assert decides.decision.effect == "ExplicitlyDenied"
    assert "service control policy" in decides.not_comparable
    assert simulated(member, ann, "s3:GetObject", "*", context, "test").not_comparable == ""
    eve = simulated(member, f"{ARN}user/eve", "s3:GetObject", "*", context, "test")
    assert eve.not_comparable == "", "nothing allows it, whatever the SCP says"


def test_a_denial_by_scps_that_the_evidence_lacks_is_not_comparable(
    company: Account, stand_in: Simulator
) -> None:
    stand_in.planted[f"{ARN}user/ann", "s3:GetObject", "*"] = "implicitDeny"
    stand_in.organization = False
    for of, outcome in (
        (company, "not comparable"),
        (organized(company, [EVERYTHING]), "disagrees"),
    ):
        asked = simulated(of, f"{ARN}user/ann", "s3:GetObject", "*", KNOWN, "test")
        assert compare(of, [asked], aws.asking()).table["outcome"].tolist() == [outcome]


def test_kinds_of_denials_are_compared_where_no_scp_may_have_denied(
    company: Account, stand_in: Simulator
) -> None:
    stand_in.planted[f"{ARN}user/eve", "s3:ListAllMyBuckets", "*"] = "explicitDeny"
    free = organized(company, [EVERYTHING], management=ACCOUNT)
    for of, outcome in ((company, "agrees"), (free, "disagrees")):
        asked = simulated(of, f"{ARN}user/eve", "s3:ListAllMyBuckets", "*", KNOWN, "test")
        assert compare(of, [asked], aws.asking()).table["outcome"].tolist() == [outcome]


def test_throttling_is_waited_for(company: Account, stand_in: Simulator) -> None:
    asked = simulated(company, f"{ARN}user/ann", "s3:GetObject", "*", KNOWN, "test")
    stand_in.faults = [(400, "Throttling"), (500, "ServiceFailure")]
    assert compare(company, [asked], aws.asking()).counts["agrees"] == 1
    assert stand_in.calls.count("SimulatePrincipalPolicy") == 3


def test_throttling_without_end_stops_the_asking(company: Account, stand_in: Simulator) -> None:
    drawn = sample(company, 20)
    stand_in.always = (400, "Throttling")
    with pytest.raises(CollectError, match="answered nothing.*Throttling"):
        compare(company, drawn, aws.asking())
    assert stand_in.calls.count("SimulatePrincipalPolicy") == 3, "no more than its tries"


def test_one_request_that_aws_does_not_take_spoils_no_other(
    company: Account, stand_in: Simulator
) -> None:
    drawn = [
        simulated(company, f"{ARN}user/ann", each, "*", KNOWN, "test")
        for each in ("s3:GetObject", "s3:PutObject")
    ]
    stand_in.faults = [(400, "InvalidInput"), (400, "InvalidInput")]
    made = compare(company, drawn, aws.asking())
    assert made.counts == {"disagrees": 0, "not comparable": 1, "agrees": 1}
    assert "InvalidInput" in made.table["reason"].iloc[0]


def test_the_same_seed_gives_the_same_sample(company: Account, tmp_path: Path) -> None:
    def drawn(of: Account, seed: int) -> list[Any]:
        made = sample(of, 40, seed)
        return [(each.principal_arn, each.action, each.resource, each.entries) for each in made]

    assert drawn(company, 1) == drawn(account(tmp_path, WHOLE), 1) != drawn(company, 2)


def test_a_sample_is_allowed_and_refused_in_equal_parts(company: Account) -> None:
    drawn = [each for each in sample(company, 60) if not each.not_comparable]
    assert len(drawn) == 60
    effects = [each.decision.effect for each in drawn]
    assert 20 <= effects.count("Allowed") <= 40
    assert effects.count("ExplicitlyDenied") >= 8
    sources = {each.source for each in drawn}
    assert sources >= {"mfa_enforcement", "network_restrictions", "administrators", "permissions"}


def test_without_policies_in_the_evidence_there_is_nothing_to_compare(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    bare = account(tmp_path / "given", None)
    assert [each for each in sample(bare) if not each.not_comparable] == []
    gap = {"call": "iam:GetAccountAuthorizationDetails", "code": "AccessDenied", "meaning": "no"}
    bare.snapshot.manifest["gaps"].append(gap)
    bare.__dict__.pop("gaps", None)
    bare.__dict__.pop("_missing_of_everybody", None)
    with pytest.raises(SnapshotError, match="nothing to compare"):
        sample(bare)


def test_the_command_asks_the_same_by_hand(company: Account) -> None:
    context = RequestContext({"aws:PrincipalTag/team": "a & b"})
    asked = simulated(company, f"{ARN}user/cat", "sqs:SendMessage", "*", context, "test")
    words = shlex.split(command(asked))
    assert words[:3] == ["aws", "iam", "simulate-principal-policy"]
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert json.loads(given.pop("--context-entries")) == asked.parameters["ContextEntries"]
    assert given == {
        "--policy-source-arn": f"{ARN}user/cat",
        "--action-names": "sqs:SendMessage",
        "--resource-arns": "*",
    }


HOSTILE = '\'; touch /tmp/x; echo "$(id)" `id`\n<b>&amp;'


def test_nothing_of_the_account_is_trusted(stand_in: Simulator, tmp_path: Path) -> None:
    values = [HOSTILE, "\x1b[31m", "\ud800"]
    hostile = account(
        tmp_path,
        details(
            users=[
                user(
                    f"u{at}",
                    Tags=[{"Key": "team", "Value": value}],
                    UserPolicyList=inline(
                        allow("sqs:*", StringEquals={"aws:PrincipalTag/team": value})
                    ),
                )
                for at, value in enumerate(values)
            ]
        ),
    )
    stand_in.account = hostile
    drawn = [
        simulated(
            hostile,
            f"{ARN}user/u{at}",
            "sqs:SendMessage",
            "*",
            RequestContext({"aws:PrincipalTag/team": value}),
            "test",
        )
        for at, value in enumerate(values)
    ]
    words = shlex.split(command(drawn[0]))
    assert json.loads(words[-1])[0]["ContextKeyValues"] == [HOSTILE]
    made = compare(hostile, drawn, aws.asking())
    assert made.counts == {"disagrees": 0, "not comparable": 2, "agrees": 1}
    stand_in.planted[f"{ARN}user/u0", "sqs:SendMessage", "*"] = "implicitDeny"
    made = compare(hostile, drawn, aws.asking())
    assert "\x1b" not in made.text
    assert len(made.text.splitlines()) == 12
    assert json.loads(made.json)["requests"][0]["context"] == {"aws:PrincipalTag/team": HOSTILE}


def test_of_readers_alone_refusals_are_asked_too(tmp_path: Path) -> None:
    readers = account(tmp_path, details([user("ann", UserPolicyList=inline(allow("s3:Get*")))]))
    effects = [each.decision.effect for each in sample(readers, 20)]
    assert effects.count("ImplicitlyDenied") >= 8


# --- the command line


def test_an_account_without_principals_is_no_agreement(stand_in: Simulator, tmp_path: Path) -> None:
    empty = written(tmp_path).snapshot.path
    done = iamkit("confirm", empty)
    assert done.exit_code == 0
    assert "Nothing was compared" in done.stdout
    assert not_of_the_kit(empty.parent) == []


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return written(tmp_path, WHOLE).snapshot.path


def test_the_command_prints_disagreements_first_and_writes_all(
    company: Account, stand_in: Simulator, snapshot: Path, tmp_path: Path
) -> None:
    done = iamkit("confirm", snapshot, "--number", 20)
    assert done.exit_code == 0, done.stderr
    assert "Disagreements: 0 of 20" in done.stdout
    asked = [each for each in sample(company, 20) if not each.not_comparable]
    first = [each for each in asked if each.decision][-1]  # in the sample the last
    stand_in.planted[first.principal_arn, first.action, first.resource] = "explicitDeny"
    done = iamkit("confirm", snapshot, "--number", 20, "--format", "json", "--out", tmp_path / "o")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert said == json.loads((tmp_path / "o" / "confirm.json").read_text())
    assert said["account"] == ACCOUNT
    assert said["requests"][0]["outcome"] == "disagrees"
    assert said["requests"][0]["principal_arn"] == first.principal_arn
    assert said["requests"][0]["decision"] == "Allowed"
    assert said["requests"][0]["simulator"] == "ExplicitlyDenied"
    assert all(each["command"] for each in said["requests"] if each["reason"] is None)
    assert (snapshot.parent / "confirm.json").exists()
    assert [each.name for each in snapshot.parent.glob(".*")] == []
    text = iamkit("confirm", snapshot, "--number", 20).stdout.splitlines()
    assert first.principal_arn in text[2]
    assert any("aws iam simulate-principal-policy" in line for line in text[:8])


def test_a_refusal_is_one_line(stand_in: Simulator, snapshot: Path) -> None:
    stand_in.always = (403, "AccessDenied")
    said = failed(iamkit("confirm", snapshot))
    assert "AWS refuses iam:SimulatePrincipalPolicy" in said
    assert stand_in.calls.count("SimulatePrincipalPolicy") == 1
    assert [each.name for each in snapshot.parent.iterdir()] == ["snapshot"]


def test_credentials_of_another_account_are_refused(stand_in: Simulator, snapshot: Path) -> None:
    stand_in.account_id = "999999999999"
    said = failed(iamkit("confirm", snapshot))
    assert "999999999999" in said
    assert ACCOUNT in said
    assert stand_in.calls == ["GetCallerIdentity"]


def test_the_readme_names_the_one_action_more(stand_in: Simulator, snapshot: Path) -> None:
    iamkit("confirm", snapshot, "--number", 5)
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    policies = " ".join(re.findall(r"```json\n(.*?)```", readme, flags=re.DOTALL))
    more = set(stand_in.calls) - {"GetCallerIdentity"}  # which needs no permission
    assert more == {"SimulatePrincipalPolicy"}
    assert "`iam:SimulatePrincipalPolicy`" in readme
    assert "SimulatePrincipalPolicy" not in policies
