"""What a policy gives by itself."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.access.policy_grants import POLICY_GRANTS, _judged, administrative, names_no_resource
from iamkit.policy.model import Policy
from iamkit.reference.escalation_methods import escalation_methods
from tests.accounts import ACCOUNT, ARN, account, details, policy, role, user
from tests.examples import examples

OFFICE = "203.0.113.0/24"
NO_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
ELSEWHERE = {"NotIpAddress": {"aws:SourceIp": OFFICE}}
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def allow(action: Any = "*", resource: Any = "*", **members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **members}


def deny(action: Any = "*", resource: Any = "*", **members: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **members}


def but(effect: str, names: Any, resource: Any = "*", **members: Any) -> dict[str, Any]:
    return {"Effect": effect, "NotAction": names, "Resource": resource, **members}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def judged(folder: Path, *statements: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per list of statements, each a policy of its own."""
    shown = [policy(f"p{at}", document(*each)) for at, each in enumerate(statements)]
    return account(folder, details(policies=shown)).policy_grants


ADMINISTRATIVE = {
    "everything": [allow()],
    "everything, written as *:*": [allow("*:*")],
    "a * among other resources": [allow(resource=["*", "arn:aws:s3:::logs"])],
    "an Allow of all but what does not exist": [but("Allow", "nobody:Nothing")],
    "NotAction beside another Action": [allow("s3:GetObject"), but("Allow", "nobody:Nothing")],
    "two halves": [but("Allow", "iam:*"), allow("iam:*")],
    "over TLS": [allow(Condition={"Bool": {"aws:SecureTransport": "true"}})],
    "with MFA": [allow(Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})],
    "from the office": [allow(Condition={"IpAddress": {"aws:SourceIp": OFFICE}})],
    "through an endpoint": [allow(Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}})],
    "but not without MFA": [allow(), deny(Condition=NO_MFA)],
    "but not from elsewhere": [allow(), deny(Condition=ELSEWHERE)],
    "but not through other endpoints": [
        allow(),
        deny(Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}),
    ],
    "but not from a block list": [allow(), deny(Condition={"IpAddress": {"aws:SourceIp": OFFICE}})],
    "but one action, which its holder can give back": [allow(), deny("cloudtrail:StopLogging")],
    "but one bucket": [allow(), deny(resource="arn:aws:s3:::pay/*")],
    "all but one service": [but("Allow", "aws-portal:*")],
}
LESS = {
    "nothing": [],
    "a Deny of the same": [allow(), deny()],
    "a Deny of all but one": [allow(), but("Deny", "s3:GetObject")],
    "all but identity": [but("Allow", ["iam:*", "organizations:*"])],
    "all, but never IAM": [allow(), deny("iam:*")],
    "all, but not to extend own permissions": [
        allow(),
        deny(["iam:Attach*", "iam:Put*", "iam:CreatePolicyVersion"]),
    ],
    "IAM alone": [allow("iam:*")],
    "one bucket": [allow(resource="arn:aws:s3:::logs/*")],
    "a condition that says nothing of the way in": [
        allow(Condition={"StringEquals": {"aws:PrincipalTag/team": "ops"}})
    ],
    "without TLS only": [allow(Condition={"Bool": {"aws:SecureTransport": "false"}})],
    "a Deny from everywhere": [
        allow(),
        deny(Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
    ],
}


def test_administration_is_found_however_it_is_written(tmp_path):
    found = judged(tmp_path, *ADMINISTRATIVE.values())
    missed = [
        name for name, yes in zip(ADMINISTRATIVE, found["administrative"], strict=True) if not yes
    ]
    assert missed == []


def test_less_than_administration_is_not_taken_for_it(tmp_path):
    found = judged(tmp_path, *LESS.values())
    wrong = [name for name, yes in zip(LESS, found["administrative"], strict=True) if yes]
    assert wrong == []


def test_everything_leaves_no_exception(tmp_path):
    found = judged(tmp_path, [allow()], [allow(), deny("cloudtrail:StopLogging")])
    assert found["everything"].tolist() == [True, False]
    assert found["administrative"].tolist() == [True, True]


def test_conditional_is_what_a_caller_from_anywhere_without_mfa_lacks(tmp_path):
    found = judged(
        tmp_path,
        [allow("s3:*")],
        [allow("s3:*"), deny(Condition=NO_MFA)],
        [allow("s3:*", Condition={"IpAddress": {"aws:SourceIp": OFFICE}})],
        [allow("s3:*", Condition={"Bool": {"aws:SecureTransport": "true"}})],
        [deny("*", Condition=NO_MFA)],
    )
    assert found["conditional"].tolist() == [False, True, True, False, False]
    assert (found["actions"].iloc[:4] == found["actions"].iloc[0]).all()
    assert found["actions"].iloc[4] == 0


def test_each_policy_is_judged_in_its_own_networks(tmp_path):
    one = allow(Condition={"IpAddress": {"aws:SourceIp": OFFICE}})
    other = allow(Condition={"IpAddress": {"aws:SourceIp": ["198.51.100.7", "192.0.2.0/24"]}})
    assert judged(tmp_path, [one], [other])["administrative"].tolist() == [True, True]


@pytest.mark.parametrize("values", ["nonsense", 7, ["203.0.113.0/99"], {"a": 1}, [], None])
def test_a_list_of_networks_that_cannot_be_read_lets_nobody_in(tmp_path, values):
    found = judged(tmp_path, [allow(Condition={"IpAddress": {"aws:SourceIp": values}})])
    assert found["administrative"].tolist() == [False]


def test_full_services_are_whole_on_every_resource(tmp_path):
    found = judged(
        tmp_path,
        [allow(["sqs:*", "KMS:*"])],
        [allow("sqs:*", "arn:aws:sqs:*:*:*")],
        [allow("sqs:*"), deny("sqs:DeleteQueue")],
        [allow("dynamdb:*")],
    )
    assert found["full_services"].tolist() == [["kms", "sqs"], [], [], []]


ESCALATES = {
    "iam:*, though not without MFA": ([allow("iam:*"), deny(Condition=NO_MFA)], "iam-001"),
    "iam:*, though not from elsewhere": ([allow("iam:*"), deny(Condition=ELSEWHERE)], "iam-007"),
    "iam:*, though not on one user": (
        [allow("iam:*"), deny("iam:*", f"{ARN}user/boss")],
        "iam-002",
    ),
    "any role, passed to a function": (
        [
            allow("iam:PassRole", f"{ARN}role/*"),
            allow(["lambda:CreateFunction", "lambda:InvokeFunction"]),
        ],
        "lambda-001",
    ),
    "any role, passed to one function": (
        [
            allow("iam:PassRole"),
            allow("lambda:*", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:one"),
        ],
        "lambda-001",
    ),
    "every policy rewritten": ([allow("iam:CreatePolicyVersion", f"{ARN}policy/*")], "iam-001"),
    "roles by the beginning of their name": (
        [allow("sts:AssumeRole", f"{ARN}role/app-*")],
        "sts-001",
    ),
}
DOES_NOT = {
    "iam:PassRole alone": [allow("iam:PassRole")],
    "one role, passed to a function": [
        allow("iam:PassRole", f"{ARN}role/app"),
        allow("lambda:*", f"arn:aws:lambda:*:{ACCOUNT}:function:app"),
    ],
    "one function, new code": [
        allow("lambda:UpdateFunctionCode", f"arn:aws:lambda:*:{ACCOUNT}:function:app")
    ],
    "one's own keys": [allow("iam:*AccessKey*", "arn:aws:iam::*:user/${aws:username}")],
    "what a Deny takes back": [allow("iam:*"), deny("iam:*")],
    "all but reading denied": [allow("iam:*"), but("Deny", ["iam:Get*", "iam:List*"])],
    "a condition that says nothing of the way in": [
        allow("iam:*", Condition={"StringEquals": {"aws:ResourceTag/team": "web"}})
    ],
}


def test_ways_to_escalate_are_found(tmp_path):
    found = judged(tmp_path, *(statements for statements, _ in ESCALATES.values()))
    wanted = [path for _, path in ESCALATES.values()]
    ways = zip(ESCALATES, wanted, found["escalations"], strict=True)
    assert [name for name, path, held in ways if path not in held] == []


def test_what_is_no_way_to_escalate_is_none(tmp_path):
    found = judged(tmp_path, *DOES_NOT.values())
    assert dict(zip(DOES_NOT, found["escalations"], strict=True)) == {name: [] for name in DOES_NOT}


def test_every_way_of_the_list_is_found_in_its_own_actions(tmp_path):
    """
    And in nothing less: without one of its actions a policy does not hold it.

    To come back with MFA, or to prove who one is, is no more than its holder was given.
    """
    given = ("session", "outside")
    ways = {name: path for name, path in escalation_methods().items() if path.gains not in given}
    exact = [[allow(sorted(path.permissions))] for path in ways.values()]
    less = [[allow([*sorted(path.permissions)[1:], "s3:GetObject"])] for path in ways.values()]
    found = judged(tmp_path, *exact, *less)["escalations"].tolist()
    for at, name in enumerate(ways):
        assert name in found[at]
        assert name not in found[len(ways) + at]


def test_assuming_roles_that_are_not_named(tmp_path):
    found = judged(
        tmp_path,
        [allow("sts:AssumeRole")],
        [allow("sts:*", [f"{ARN}role/one", "arn:aws:iam::*:role/eks-*"])],
        [allow("sts:AssumeRole", "arn:aws:iam::*:role/deploy")],
        [{"Effect": "Allow", "Action": "sts:AssumeRole", "NotResource": f"{ARN}role/boss"}],
        [allow("sts:AssumeRole", [f"{ARN}role/one", f"{ARN}role/two"])],
        [allow("sts:AssumeRole"), deny("sts:*")],
        [allow("sts:GetCallerIdentity"), allow("sts:AssumeRole", f"{ARN}role/one")],
    )
    assert found["assumes_any_role"].tolist() == [True] * 4 + [False] * 3


def test_reading_every_secret_or_parameter(tmp_path):
    secret = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:"
    found = judged(
        tmp_path,
        [allow("secretsmanager:GetSecretValue")],
        [allow("ssm:GetParameter*", "arn:aws:ssm:*:*:parameter/*")],
        [allow("secretsmanager:*"), deny("secretsmanager:*", f"{secret}pay*")],
        [allow("secretsmanager:GetSecretValue", f"{secret}app/*")],
        [allow(["secretsmanager:ListSecrets", "ssm:DescribeParameters"])],
        [allow("secretsmanager:*"), deny("secretsmanager:GetSecretValue")],
    )
    assert found["reads_secrets"].tolist() == [True] * 3 + [False] * 3


def test_subscribing_to_whatever_is_sold(tmp_path):
    subscribe = "aws-marketplace:Subscribe"
    found = judged(
        tmp_path, [allow("aws-marketplace:*")], [allow(subscribe), deny(subscribe)], [allow("s3:*")]
    )
    assert found["subscribes"].tolist() == [True, False, False]


def test_what_is_not_in_the_evidence_is_unknown(tmp_path):
    managed = {"PolicyName": "Gone", "PolicyArn": f"{ARN}policy/Gone"}
    inline = {"PolicyName": "torn", "PolicyDocument": "%7B not a policy"}
    ann = user("ann", AttachedManagedPolicies=[managed], UserPolicyList=[inline])
    found = account(tmp_path, details(users=[ann])).policy_grants
    assert found["unseen"].tolist() == [True, True]
    answers = found.drop(columns=["policy_arn", "policy_name", "kind", "unseen"])
    assert answers.isna().all(axis=None)
    assert found["escalations"].tolist() == found["full_services"].tolist() == [None, None]


def test_administrator_access_is_known_by_name(tmp_path):
    """Evidence without AWS's own policies still says who is an administrator."""
    attached = [{"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR}]
    ops = role("ops", {"Statement": []}, AttachedManagedPolicies=attached)
    found = account(tmp_path, details(roles=[ops])).policy_grants
    assert found[["kind", "unseen", "everything"]].iloc[0].tolist() == ["aws", False, True]


def test_rows_come_in_the_order_of_the_policies_and_share_what_is_equal(tmp_path):
    same = document(allow("s3:*"))
    inline = [{"PolicyName": "in", "PolicyDocument": same}]
    shown = [policy("a", same), policy("b", document()), policy("c", same)]
    made = account(tmp_path, details(users=[user("ann", UserPolicyList=inline)], policies=shown))
    assert made.policy_grants["policy_arn"].tolist() == made.policies["policy_arn"].tolist()
    assert made.policy_grants["full_services"].tolist() == [
        ["s3", "s3-object-lambda"][:1],
        [],
        ["s3"],
        ["s3"],
    ]


def test_an_account_without_policies_has_an_empty_table(tmp_path):
    assert account(tmp_path).policy_grants.equals(POLICY_GRANTS.rows())


@pytest.mark.parametrize(
    ("resource", "open_"),
    [
        ("*", True),
        ("arn:aws:iam::*:role/app", True),
        (f"{ARN}role/app-?", True),
        (f"{ARN}role/app", False),
        (f"arn:aws:lambda:*:{ACCOUNT}:function:app", False),
        ("arn:aws:s3:::logs", False),
        (f"{ARN}user/${{aws:username}}", False),
    ],
)
def test_resources_are_left_open_by_wildcards_in_account_or_name(resource, open_):
    statement = Policy("p", document(allow("s3:*", resource))).statements[0]
    assert names_no_resource(statement) is open_


@pytest.fixture(scope="module")
def callers(tmp_path_factory):
    return account(tmp_path_factory.mktemp("empty")).callers


def test_old_documents_are_judged_alike(callers):
    found = administrative([document(allow()), document(allow("s3:*")), "text", None], callers)
    assert found == [True, False, False, False]


SOME = st.sampled_from(
    [*ADMINISTRATIVE.values(), *LESS.values(), *(held for held, _ in ESCALATES.values())]
)


@examples(0.25)
@given(statements=SOME, more=SOME)
def test_another_deny_never_gives_more(callers, statements, more):
    denies = [each for each in more if each["Effect"] == "Deny"]
    before, after = _judged(
        [Policy("p", document(*statements)), Policy("p", document(*statements, *denies))], callers
    ).to_dict("records")
    assert set(after["escalations"]) <= set(before["escalations"])
    assert set(after["full_services"]) <= set(before["full_services"])
    assert after["actions"] <= before["actions"]
    assert after["everything"] <= before["everything"]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["*", "iam:*", "Allow", OFFICE]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Effect", "Action", "Resource", "Condition", "IpAddress", "aws:SourceIp"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@examples(0.4)
@given(statement=JUNK)
def test_no_document_breaks_it(callers, statement):
    made = {"Version": "2012-10-17", "Statement": json.loads(json.dumps(statement))}
    assert administrative([made], callers) in ([True], [False])
