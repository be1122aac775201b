"""Signing in to AWS with boto3, and what to do where that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import boto3
from botocore import exceptions

from iamkit.errors import CollectError

BAD_CREDENTIALS: Final = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "MissingAuthenticationToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}

REFUSALS: Final = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
}


class SignedIn(NamedTuple):
    """A session, and whose it is."""

    session: boto3.Session
    account_id: str
    arn: str


def sign_in(
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    external_id: str | None = None,
    mfa_serial: str | None = None,
    mfa_code: Callable[[], str] | None = None,
) -> SignedIn:
    """Return a session, its account and its principal, as AWS says. Raises `CollectError`."""
    try:
        made = session(profile, region, role_arn, external_id, mfa_serial, mfa_code)
        asked = made.client("sts", region_name=made.region_name or "us-east-1")
        caller = asked.get_caller_identity()
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise CollectError(advice(error)) from error
    return SignedIn(made, caller["Account"], caller["Arn"])


def advice(error: Exception) -> str:
    """What is wrong with the way to AWS, and what to do, in one line."""
    said = one_line(error)
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{said}; `aws configure list-profiles` shows those there are"
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return f"{said}; name a profile with --profile, or set AWS_PROFILE or AWS_ACCESS_KEY_ID"
    if isinstance(error, exceptions.EndpointConnectionError | exceptions.ConnectTimeoutError):
        return f"AWS cannot be reached: {said}; check the network, proxy and --region"
    if isinstance(error, exceptions.ClientError):
        return f"AWS does not accept the credentials: {said}; sign in again, or renew them"
    return f"{said}; check the profile and sign in again (for SSO: `aws sso login`)"


def one_line(error: Exception) -> str:
    """What an error of boto3 says, in one line."""
    return " ".join(str(error).split())[:300]


def session(
    profile: str | None,
    region: str | None,
    role_arn: str | None,
    external_id: str | None,
    mfa_serial: str | None,
    mfa_code: Callable[[], str] | None,
) -> boto3.Session:
    made = boto3.Session(profile_name=profile, region_name=region)
    if not role_arn:
        return made
    request = {"RoleArn": role_arn, "RoleSessionName": "iamkit"}
    if external_id:
        request["ExternalId"] = external_id
    if mfa_serial and mfa_code:
        request |= {"SerialNumber": mfa_serial, "TokenCode": mfa_code()}
    try:
        sts = made.client("sts", region_name=made.region_name or "us-east-1")
        taken = sts.assume_role(**request)["Credentials"]
    except exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in BAD_CREDENTIALS:
            raise CollectError(advice(error)) from error
        what = "its trust policy, --external-id and --mfa-serial"
        todo = "try again later" if code not in {*REFUSALS, "ValidationError"} else f"check {what}"
        raise CollectError(
            f"the role {role_arn} cannot be assumed: {one_line(error)}; {todo}"
        ) from error
    return boto3.Session(
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
        region_name=made.region_name,
    )
