"""A bucket of the simulated S3, and storage that gives up at once."""

import boto3
import pytest

from iamkit.storage import objects

BUCKET = "example-iamkit"


def bucket(url: str) -> None:
    """Make the bucket in an S3 of this process."""
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.create_bucket(Bucket=BUCKET)


def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a request that fails be tried once."""
    monkeypatch.setitem(objects._RETRIES, "max_retries", 0)
