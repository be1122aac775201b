"""
The clients of boto3 that a rotation uses, and the identity of who rotates.

This module also runs in AWS Lambda: it imports the standard library and boto3 only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from iamkit.rotation.aws_keys import RefusedError, error_code


@dataclass(frozen=True)
class Clients:
    """One client per service; `maker` is of IAM, and asks once: see `AwsKeys`."""

    iam: Any
    maker: Any
    secrets: Any
    sns: Any


def clients(session: Any, topic: str = "") -> Clients:
    """Return the clients of a session; SNS is asked in the region of the topic."""
    from botocore.config import Config

    region = session.region_name or "us-east-1"
    retrying = Config(retries={"mode": "standard", "total_max_attempts": 5}, read_timeout=60)
    once = Config(retries={"total_max_attempts": 1}, read_timeout=60)
    of_topic = topic.split(":")[3] if topic.count(":") >= 5 else region
    return Clients(
        session.client("iam", region_name=region, config=retrying),
        session.client("iam", region_name=region, config=once),
        session.client("secretsmanager", region_name=region, config=retrying),
        session.client("sns", region_name=of_topic, config=retrying),
    )


def principal_arn(iam: Any, caller_arn: str) -> str:
    """
    Return the ARN that policies know a caller by: of a role's session, the role's, with its path.

    Raises `RefusedError` if that cannot be found out.
    """
    kind, _, rest = caller_arn.split(":", 5)[5].partition("/")
    if kind == "assumed-role":
        try:
            return str(iam.get_role(RoleName=rest.split("/")[0])["Role"]["Arn"])
        except Exception as error:
            if not error_code(error):
                raise
            raise RefusedError(
                f"iam:GetRole is needed to know the role of {caller_arn}: {error}"
            ) from error
    if kind not in ("user", "root"):
        raise RefusedError(f"{caller_arn} is no user or role; keys are rotated as one of them")
    return caller_arn
