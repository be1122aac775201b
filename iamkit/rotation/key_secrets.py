"""
New access keys in AWS Secrets Manager: a secret per user, which that user alone can read.

The secret and its resource policy are there before a key is made. Policies of the account may let
others read secrets, so the policy denies it to everybody but the user and who rotates.

This module also runs in AWS Lambda: it imports the standard library and boto3 only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from iamkit.rotation.aws_keys import RefusedError, error_code
from iamkit.rotation.entry import Entry

PREFIX: Final = "iamkit/access-keys/"
_TAG: Final = "iamkit:"
OWNER: Final = f"{_TAG}user-id"
_NOT_THERE: Final = "ResourceNotFoundException"


def secret_name(user: str) -> str:
    """
    Return the name of a user's secret.

    Names of secrets take no comma, and names of users no slash. A name that ends in a hyphen and
    six characters could be taken for another's ARN, so all end alike.

    >>> secret_name("ann,b-123456")
    'iamkit/access-keys/ann/2C/b-123456/key'
    """
    return f"{PREFIX}{user.replace(',', '/2C/')}/key"


def fetching(user: str) -> str:
    """Return the command by which a user fetches its new key."""
    return f"aws secretsmanager get-secret-value --secret-id {secret_name(user)}"


def resource_policy(user_arn: str, rotator_arn: str) -> dict[str, Any]:
    """Return the policy of a user's secret: that user and the rotator read it, nobody else."""
    read = ["secretsmanager:GetSecretValue"]
    write = ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecret"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TheUserMayRead",
                "Effect": "Allow",
                "Principal": {"AWS": user_arn},
                "Action": [*read, "secretsmanager:DescribeSecret"],
                "Resource": "*",
            },
            {
                "Sid": "NobodyElseReads",
                "Effect": "Deny",
                "Principal": "*",
                "Action": read,
                "Resource": "*",
                "Condition": {"StringNotEquals": {"aws:PrincipalArn": [user_arn, rotator_arn]}},
            },
            {
                "Sid": "OnlyTheRotatorWrites",
                "Effect": "Deny",
                "Principal": "*",
                "Action": write,
                "Resource": "*",
                "Condition": {"StringNotEquals": {"aws:PrincipalArn": [rotator_arn]}},
            },
        ],
    }


class KeySecrets:
    """The secrets of an account's users; `client` is boto3's, `rotator_arn` who uses it."""

    def __init__(self, client: Any, rotator_arn: str) -> None:
        self.client = client
        self.rotator_arn = rotator_arn

    def prepare(self, user: Mapping[str, Any]) -> None:
        """
        See that a user's secret is there, is that user's, and that nobody else can read it.

        Raises `RefusedError` if a secret of that name is not this kit's.
        """
        name = secret_name(user["UserName"])
        found = self._described(name)
        if found is None:
            self.client.create_secret(
                Name=name,
                Description=f"Access key of the IAM user {user['UserName']}, made by iamkit",
                Tags=[{"Key": OWNER, "Value": user["UserId"]}],
            )
        elif found.get("DeletedDate"):
            raise RefusedError(f"the secret {name} is about to be deleted; restore it, or wait")
        elif OWNER not in _tags(found):
            raise RefusedError(f"there is a secret {name} that iamkit did not make; rename it")
        else:
            owner = [{"Key": OWNER, "Value": user["UserId"]}]
            self.client.tag_resource(SecretId=name, Tags=owner)
        wanted = resource_policy(user["Arn"], self.rotator_arn)
        self.client.put_resource_policy(
            SecretId=name, ResourcePolicy=json.dumps(wanted), BlockPublicPolicy=True
        )
        answer = self.client.get_resource_policy(SecretId=name).get("ResourcePolicy") or "{}"
        if not _denies(json.loads(answer), wanted):
            raise RefusedError(f"the secret {name} does not have the policy that it was given")

    def store(self, key: Mapping[str, Any]) -> None:
        """Store a new key; a second try stores it once."""
        self.client.put_secret_value(
            SecretId=secret_name(key["UserName"]),
            ClientRequestToken=hashlib.sha256(key["AccessKeyId"].encode()).hexdigest(),
            SecretString=_content(key),
        )

    def holds(self, user: str, key_id: str, content: Mapping[str, Any] | None = None) -> bool:
        """Whether a user's secret holds a key, read back from AWS; with that secret, if given."""
        try:
            answer = self.client.get_secret_value(SecretId=secret_name(user))
        except Exception as error:
            if error_code(error) != _NOT_THERE:
                raise
            return False
        text = answer.get("SecretString") or "{}"
        if content is not None and text != _content(content):
            return False
        return bool(json.loads(text).get("AccessKeyId") == key_id)

    def _described(self, name: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self.client.describe_secret(SecretId=name)
        except Exception as error:
            if error_code(error) != _NOT_THERE:
                raise
            return None
        return found

    # As a journal: the tags of a secret say how far its user's rotation has come.

    def read(self, user: str) -> Entry:
        """Return what the tags of a user's secret say; an empty entry if there is no secret."""
        tags = _tags(self._described(secret_name(user)) or {})
        return Entry.of({_field(name): value for name, value in tags.items()})

    def write(self, user: str, entry: Entry) -> None:
        """Keep an entry in the tags of a user's secret; without a secret, nothing is kept."""
        tags = [
            {"Key": f"{_TAG}{name.replace('_', '-')}", "Value": value}
            for name, value in vars(entry).items()
        ]
        try:
            self.client.tag_resource(SecretId=secret_name(user), Tags=tags)
        except Exception as error:
            if error_code(error) != _NOT_THERE:
                raise


def _content(key: Mapping[str, Any]) -> str:
    names = ("UserName", "AccessKeyId", "SecretAccessKey")
    return json.dumps({name: key[name] for name in names})


def _field(tag: str) -> str:
    return tag.removeprefix(_TAG).replace("-", "_")


def _tags(described: Mapping[str, Any]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in described.get("Tags") or ()}


def _denies(policy: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a policy has every Deny statement that is wanted, by name, effect and condition."""
    found = {each.get("Sid"): each for each in policy.get("Statement", ())}
    return all(
        _plain(found.get(each["Sid"], {}).get(name)) == _plain(each[name])
        for each in wanted["Statement"]
        if each["Effect"] == "Deny"
        for name in ("Effect", "Action", "Condition")
    )


def _plain(value: Any) -> Any:
    """A value in which a list of one is that one, as AWS may give it back."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value[0] if isinstance(value, list) and len(value) == 1 else value
