"""
Amazon Resource Names: their parts, and those that AWS keeps for itself.

Source: IAM User Guide, "IAM identifiers" and "Create a service-linked role".
"""

from __future__ import annotations

import re
from typing import Final

AWS_MANAGED: Final = ":iam::aws:policy/"  # in the ARN of a policy that AWS keeps, then its name
SERVICE_LINKED: Final = "/aws-service-role/"  # begins the path of a role that a service makes

_ACCOUNT: Final = re.compile(r"\d{12}")


def arn_parts(arn: str) -> tuple[str, ...]:
    """
    Split an ARN into its six parts: `arn`, partition, service, Region, account and resource.

    >>> arn_parts("arn:aws:sns:eu-west-1:111122223333:topic:a")
    ('arn', 'aws', 'sns', 'eu-west-1', '111122223333', 'topic:a')
    >>> arn_parts("no ARN")
    ()
    """
    parts = arn.split(":", 5)
    return tuple(parts) if len(parts) == 6 else ()


def account_of(principal: str) -> str | None:
    """
    Return the account that an ARN names, or that a text is; None if it is none.

    >>> account_of("arn:aws:iam::111122223333:role/Ops"), account_of("111122223333")
    ('111122223333', '111122223333')
    >>> account_of("arn:aws:s3:::logs")
    """
    if is_account(principal):
        return principal
    parts = arn_parts(principal)
    return parts[4] if parts and _ACCOUNT.fullmatch(parts[4]) else None


def is_account(text: str) -> bool:
    """Whether a text is an account's number."""
    return bool(_ACCOUNT.fullmatch(text))
