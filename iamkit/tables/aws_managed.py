"""
Documents of AWS managed policies that give administration or near it, for evidence without them.

`aws iam get-account-authorization-details --filter` leaves AWS's own policies out, and their names
stay. What a name such as AdministratorAccess gives is known all the same. Any other that is not
shown may allow anything. AWS changes its policies: those here are of one `date`, which errs either
way, and a gap says so wherever one is used.

Source: AWS Managed Policy Reference, as moto ships it (moto/iam/aws_managed_policies.py).
`python -m tests.tables.administrative_policies` makes the list anew: those that alone allow one of
the methods of `data/escalation.yaml`, without those of service-linked roles.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from iamkit.reference import FOLDER

_AWS: Final = re.compile(r"arn:(aws[a-z-]*):iam::aws:policy(/.+)")


@cache
def _list() -> Mapping[str, Any]:
    content: dict[str, Any] = json.loads(
        gzip.decompress((FOLDER / "administrative_policies.json.gz").read_bytes())
    )
    return content


@cache
def _by_path() -> Mapping[str, Mapping[str, Any]]:
    """The policies by what their ARN ends in, which is the same in every partition."""
    return {_AWS.fullmatch(policy["Arn"])[2]: policy for policy in _list()["policies"]}  # type: ignore[index]


def _known(arn: str) -> Mapping[str, Any]:
    found = _AWS.fullmatch(arn)
    if not found:
        return {}
    policy = _by_path().get(found[2], {})
    # Elsewhere AWS writes other ARNs: a document that names some is known for its own only.
    return {} if found[1] != "aws" and "arn:aws:" in str(policy.get("Document")) else policy


def document(arn: str) -> dict[str, Any] | None:
    """
    What an AWS managed policy says, by its ARN; None if it is none of those that are shipped.

    >>> document("arn:aws-cn:iam::aws:policy/AdministratorAccess")["Statement"][0]["Action"]
    '*'
    >>> document("arn:aws:iam::111122223333:policy/AdministratorAccess")
    """
    found: dict[str, Any] | None = _known(arn).get("Document")
    return found


def version(arn: str) -> str | None:
    """The version whose document that is."""
    return _known(arn).get("DefaultVersionId")


def date() -> str:
    """The day on which these were AWS's documents."""
    return str(_list()["date"])
