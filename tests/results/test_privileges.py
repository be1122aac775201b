"""What each identity may do, in a word and a sentence, and so do all policies that AWS manages."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from iamkit import Account
from iamkit.access import changing
from iamkit.reference.actions import Catalog
from iamkit.results.privileges import (
    HANDS_OUT,
    PRIVILEGES,
    allowed_in_any_context,
    details,
    privileges,
)
from tests import accounts
from tests.accounts import ARN, account, user

LOGS = f"{ARN.replace(':iam::', ':logs:eu-west-1:')}log-group:shop:*"
SESSION = "s3express:CreateSession"
MODE = "s3express:SessionMode"


def allow(*actions: str, resource: Any = "*", **members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **members}


def deny(*actions: str, **members: Any) -> dict[str, Any]:
    return allow(*actions, **members) | {"Effect": "Deny"}


def judged(folder: Path, documents: dict[str, Any]) -> pd.DataFrame:
    """Privilege and sentence of users who have one policy each, by name."""
    users = [
        user(name, UserPolicyList=[{"PolicyName": "own", "PolicyDocument": document}])
        for name, document in documents.items()
    ]
    return of_account(account(folder, accounts.details(users)))


def of_account(made: Account) -> pd.DataFrame:
    """The same for an account, without the audit that `identities` needs."""
    allowed = allowed_in_any_context(made.permissions)
    who = made.permissions.principals
    admin = made.administrators.drop_duplicates("principal_arn").set_index("principal_arn")["admin"]
    held = privileges(allowed, admin.reindex(who["principal_arn"]))
    said = pd.Series(details(allowed, held), dtype="object")
    return pd.DataFrame({"privilege": held, "detail": said}).set_index(who["name"])


def of(folder: Path, *statements: dict[str, Any]) -> tuple[str, Any]:
    """Privilege and sentence of somebody with these statements."""
    row = judged(folder, {"ann": {"Version": "2012-10-17", "Statement": statements}}).loc["ann"]
    return row["privilege"], row["detail"]


class TestSentences:
    def test_a_writer_of_its_own_logs_is_told_from_one_of_all_buckets(self, tmp_path: Path) -> None:
        own = [
            allow("logs:CreateLogStream", "logs:PutLogEvents", "logs:GetLogEvents", resource=LOGS)
        ]
        made = judged(tmp_path, {"own": {"Statement": own}, "all": {"Statement": allow("s3:*")}})
        assert made.loc["own"].tolist() == [
            "write",
            "write: 2 actions of 1 service, on some resources: logs:CreateLogStream, "
            "logs:PutLogEvents",
        ]
        assert made.loc["all", "privilege"] == "write"
        assert re.fullmatch(
            r"write: \d+ actions of 1 service \(s3\), on every resource", made.loc["all", "detail"]
        )

    def test_it_says_where_when_not_all_is_alike(self, tmp_path: Path) -> None:
        statements = (
            allow("sns:Publish"),
            allow("sqs:SendMessage", "sqs:DeleteMessage", resource=f"{ARN}queue"),
            allow("ec2:StopInstances", Condition={"StringEquals": {"ec2:InstanceType": "t3.nano"}}),
            allow("ecr:PutImage"),
        )
        assert of(tmp_path, *statements)[1] == (
            "write: 5 actions of 4 services (sqs, ec2, ecr and 1 more), "
            "2 on every resource, 2 on some resources and 1 under conditions"
        )

    def test_a_deny_on_one_bucket_leaves_some_resources(self, tmp_path: Path) -> None:
        spared = deny("s3:PutObject", resource="arn:aws:s3:::spared/*")
        assert of(tmp_path, allow("s3:PutObject"), spared)[1] == (
            "write: 1 action of 1 service, on some resources: s3:PutObject"
        )

    def test_a_reader_who_is_handed_credentials_is_told_which(self, tmp_path: Path) -> None:
        one = allow("ecr:GetAuthorizationToken", "s3:GetObject")
        assert of(tmp_path, one) == (
            "read",
            "read, and 1 action that hands out credentials: ecr:GetAuthorizationToken",
        )

    def test_plain_reading_needs_no_more_words(self, tmp_path: Path) -> None:
        assert of(tmp_path, allow("s3:GetObject", "glue:GetStage")) == ("read", "read")

    def test_an_administrator_needs_no_sentence_and_who_changes_most_has_one(
        self, tmp_path: Path
    ) -> None:
        most = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
        made = judged(
            tmp_path,
            {
                "all": {"Statement": allow("*")},
                "most": {"Statement": most},
                "self": {"Statement": allow("iam:PutUserPolicy")},
                "none": {"Statement": deny("*")},
            },
        )
        assert made["privilege"].tolist() == ["admin", "near-admin", "near-admin", "none"]
        assert made["detail"].isna().tolist() == [True, False, False, True]
        assert made.loc["most", "detail"].startswith("near-admin: ")
        assert made.loc["most", "detail"].endswith(", on every resource")
        assert made.loc["self", "detail"] == (
            "near-admin: 1 action of 1 service, on every resource: iam:PutUserPolicy"
        )


class TestWhatCountsAsChanging:
    @pytest.mark.parametrize(
        ("action", "privilege"),
        [
            ("s3:GetSomethingNew", "read"),
            ("s3:listsomethingnew", "read"),
            ("s3:DeleteSomethingNew", "write"),
            ("nobodyknows:*", "write"),
            ("nobodyknows:Get*", "read"),
        ],
    )
    def test_an_action_that_no_list_knows_changes_something_unless_its_name_reads(
        self, tmp_path: Path, action: str, privilege: str
    ) -> None:
        assert of(tmp_path, allow(action))[0] == privilege

    def test_each_unknown_action_counts_for_itself(self, tmp_path: Path) -> None:
        """Somebody else's `nobodyknows:*` does not make `nobodyknows:Get*` change something."""
        made = judged(
            tmp_path,
            {
                "reader": {"Statement": allow("nobodyknows:Get*")},
                "writer": {"Statement": allow("nobodyknows:*")},
            },
        )
        assert made["privilege"].tolist() == ["read", "write"]

    @pytest.mark.parametrize(
        ("statements", "privilege"),
        [
            ([allow(SESSION)], "write"),
            ([allow(SESSION, Condition={"StringEquals": {MODE: "ReadOnly"}})], "read"),
            ([allow(SESSION, Condition={"StringEquals": {MODE: "ReadWrite"}})], "write"),
            # A request without the key asks for ReadWrite.
            ([allow(SESSION, Condition={"StringEqualsIfExists": {MODE: "ReadOnly"}})], "write"),
            ([allow(SESSION, Condition={"StringNotEquals": {MODE: "ReadOnly"}})], "write"),
            (
                [allow(SESSION), deny(SESSION, Condition={"StringNotEquals": {MODE: "ReadOnly"}})],
                "read",
            ),
            (
                [allow(SESSION), deny(SESSION, Condition={"StringEquals": {MODE: "ReadWrite"}})],
                "write",
            ),
            # Another statement allows what the first does not.
            (
                [
                    allow(SESSION, Condition={"StringEquals": {MODE: "ReadOnly"}}),
                    allow(SESSION, Condition={"StringEquals": {"aws:ResourceTag/a": "b"}}),
                ],
                "write",
            ),
        ],
    )
    def test_a_session_for_reading_reads(
        self, tmp_path: Path, statements: list[Any], privilege: str
    ) -> None:
        assert of(tmp_path, *statements)[0] == privilege

    @pytest.mark.parametrize(
        "condition",
        [
            {"StringEquals": {"aws:SourceVpce": "vpce-0123"}},
            {"ForAnyValue:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"}},
            {"Bool": {"aws:ViaAWSService": "true"}},
        ],
    )
    def test_what_only_an_endpoint_or_a_service_may_do_counts(
        self, tmp_path: Path, condition: Any
    ) -> None:
        reads = allow("s3:GetObject")
        assert of(tmp_path, reads, allow("s3:PutObject", Condition=condition)) == (
            "write",
            "write: 1 action of 1 service, under conditions: s3:PutObject",
        )


class Surprise(NamedTuple):
    privilege: str
    said: str  # in the sentence
    why: str


# The twenty whose privilege surprises most, by their name or by what AWS's list says.
SURPRISES = {
    "ReadOnlyAccess": Surprise(
        "read",
        "s3express:CreateSession, ssm:GetAccessToken, ssm:GetParameter",
        "Nine of its actions are Write by AWS's list, and all of them read. What it is handed is "
        "more than looking: tokens of registries, passwords in parameters.",
    ),
    "SecurityAudit": Surprise(
        "read",
        "apigateway:GET, appsync:ListApiKeys",
        "iot:ListSubscriptions and three quicksight:Describe…Permissions are Write by AWS's list.",
    ),
    "ViewOnlyAccess": Surprise(
        "read",
        "iam:ListVirtualMFADevices",
        "iot:ListSubscriptions again; and even who only lists sees keys of API Gateway.",
    ),
    "AmazonTimestreamReadOnlyAccess": Surprise(
        "write",
        "1 action of 1 service, on every resource: timestream:CancelQuery",
        "The only one of its name that does more than read: it ends the queries of others.",
    ),
    "AWSDirectoryServiceDataReadOnlyAccess": Surprise(
        "read",
        "read",
        "ds:AccessDSData, Permissions management by AWS's list, only admits to ds-data, of which "
        "it has the actions that read.",
    ),
    "AmazonManagedBlockchainReadOnlyAccess": Surprise(
        "read",
        "read",
        "managedblockchain:GET is Permissions management by AWS's list; POST is another action.",
    ),
    "CloudWatchReadOnlyAccess": Surprise(
        "read",
        "cloudwatch:CreateOneTimeDeepLinkCode",
        "The code, a Write by AWS's list, signs in once and is all that is created.",
    ),
    "AmazonS3ExpressReadOnlyAccess": Surprise(
        "read",
        "1 action that hands out credentials: s3express:CreateSession",
        "Who may create a session may write, but for the condition that it is ReadOnly.",
    ),
    "AWSSSOReadOnly": Surprise(
        "read", "read", "kms:Decrypt, Write by AWS's list, for what Identity Center encrypted."
    ),
    "AWSPriceListServiceFullAccess": Surprise(
        "read", "read", "Full access to a service that has nothing to change."
    ),
    "AmazonEC2ContainerRegistryPullOnly": Surprise(
        "write",
        "1 action of 1 service, on every resource: ecr:BatchImportUpstreamImage",
        "A pull through the cache stores the image of another registry in this one.",
    ),
    "AWSPrivateCAAuditor": Surprise(
        "write",
        "on some resources: acm-pca:CreateCertificateAuthorityAuditReport",
        "The report is stored in a bucket that the caller names.",
    ),
    "AWSApplicationMigrationSSMAccess": Surprise(
        "write",
        "under conditions: ssm:SendCommand",
        "Nobody may call it straight, but whoever has it by Application Migration Service.",
    ),
    "AWSMcpServiceActionsFullAccess": Surprise(
        "write",
        "under conditions",
        "Every action, but only for calls by a server of AWS: a condition that cannot be judged.",
    ),
    "AIDevOpsAgentActionsPolicy": Surprise(
        "near-admin",
        "on every resource",
        "An agent's policy that allows all but IAM and the organization, as PowerUserAccess.",
    ),
    "IAMFullAccess": Surprise(
        "near-admin",
        "of 1 service (iam), on every resource",
        "One service, and one call of it gives every permission.",
    ),
    "AccountManagementFromVercel": Surprise(
        "write",
        "1 action of 1 service, on every resource: account:CloseAccount",
        "One action is not little: it closes the account.",
    ),
    "ResourceGroupsTaggingAPITagUntagSupportedResources": Surprise(
        "write",
        " services (iam, s3, ",
        "Tags only, of most services: they decide wherever a policy tests a tag.",
    ),
    "AmazonEKSWorkerNodePolicy": Surprise(
        "read",
        "1 action that hands out credentials: eks-auth:AssumeRoleForPodIdentity",
        "Describes networks, and takes the credentials of every role that a pod has.",
    ),
    "AWSCompromisedKeyQuarantineV3": Surprise("none", "", "It denies, so alone it allows nothing."),
}

READ_BY_NAME = re.compile("Read-?Only|ViewOnly|SecurityAudit", re.IGNORECASE)

# Those named so that change something all the same.
CHANGE_ALL_THE_SAME = {"AmazonTimestreamReadOnlyAccess"}

# Policies that allow an action that changes something to whom they fit, and not to these users: the
# sessions that they are for have tags of SageMaker Studio and others, which are known to be absent.
FOR_TAGGED_SESSIONS = re.compile(
    "AIDevOpsChannelAccessPolicy|AWSElasticBeanstalkEKSTagging"
    "|AWSTransformSecretsManagerConnectorPolicy|AmazonSageMakerSpacesRouterPolicy"
    "|SageMakerStudio.*"
)


@cache
def documents() -> dict[str, Any]:
    found = json.loads(aws_managed_policies_data)
    return {name: policy["Document"] for name, policy in found.items()}


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Catalog]:
    """Every AWS managed policy on a user of its name, and the actions that there are."""
    folder = tmp_path_factory.mktemp("managed")
    users = [
        user(name, UserPolicyList=[{"PolicyName": "own", "PolicyDocument": document}])
        for name, document in documents().items()
    ]
    made = account(folder, accounts.details(users))
    return of_account(made), made.permissions.catalog


def as_written(document: Any, catalog: Catalog) -> Any:
    """What a policy's allows name, whatever its conditions, resources and denies."""
    row = catalog.bits([])
    statements = document["Statement"]
    for each in statements if isinstance(statements, list) else [statements]:
        if each["Effect"] == "Allow":
            named = catalog.bits(each.get("Action", each.get("NotAction")))
            row = row | (named if "Action" in each else catalog.mask() & ~named)
    return row


class TestManagedPolicies:
    def test_each_has_a_privilege_and_its_sentence(self, managed: Any) -> None:
        rows, _ = managed
        assert len(rows) > 1500
        assert rows["privilege"].isin(PRIVILEGES).all()
        some = rows[~rows["privilege"].isin(["admin", "none"])]
        starts = zip(some["privilege"], some["detail"], strict=True)
        assert all(detail.startswith(privilege) for privilege, detail in starts)
        assert list(rows.index[rows["privilege"].eq("admin")]) == ["AdministratorAccess"]
        near = {"AIDevOpsAgentActionsPolicy", "IAMFullAccess", "PowerUserAccess"}
        assert set(rows.index[rows["privilege"].eq("near-admin")]) == near

    def test_those_named_for_reading_read(self, managed: Any) -> None:
        rows, _ = managed
        named = rows[rows.index.str.contains(READ_BY_NAME)]
        assert len(named) > 200
        assert set(named.index[named["privilege"].ne("read")]) == CHANGE_ALL_THE_SAME

    def test_what_hands_a_reader_credentials_is_named(self, managed: Any) -> None:
        rows, catalog = managed
        for name, document in documents().items():
            if rows.loc[name, "privilege"] != "read" or FOR_TAGGED_SESSIONS.fullmatch(name):
                continue
            handed = catalog.names(as_written(document, catalog) & catalog.mask(risk=HANDS_OUT))
            said = rows.loc[name, "detail"].partition(" credentials: ")[2]
            assert [*filter(None, said.split(", "))] == handed, name

    def test_none_that_allows_a_change_passes_for_a_reader(self, managed: Any) -> None:
        rows, catalog = managed
        quiet = rows.index[rows["privilege"].isin(["read", "none"])]
        for name in quiet[~quiet.str.fullmatch(FOR_TAGGED_SESSIONS.pattern)]:
            row = as_written(documents()[name], catalog) & changing(catalog)
            assert catalog.names(row) in ([], [SESSION]), name

    @pytest.mark.parametrize("name", SURPRISES)
    def test_the_twenty_that_surprise_most(self, managed: Any, name: str) -> None:
        rows, _ = managed
        expected = SURPRISES[name]
        assert rows.loc[name, "privilege"] == expected.privilege
        assert expected.said in (rows.loc[name, "detail"] or "")
        assert len(SURPRISES) == 20
