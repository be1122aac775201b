"""
How a caller arrives: the named request contexts.

Source: IAM User Guide, "AWS global condition context keys" and "Multi-factor authentication: API
access with MFA".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from iamkit.policy import (
    ABSENT,
    ENDPOINT_KEYS,
    UNKNOWN,
)

INSIDE: Final = "inside"  # an approved network: see `Setting.addresses`
OUTSIDE: Final = "outside"  # an address in no list of any policy and in no approved network
NOW: Final = "now"  # the time of the evidence: only temporary credentials say when they were made
ISSUED: Final = "aws:TokenIssueTime"
_NO_MFA: Final = {"aws:MultiFactorAuthPresent": ABSENT, "aws:MultiFactorAuthAge": ABSENT}
_KEY: Final = {**_NO_MFA, ISSUED: ABSENT}

_PASSWORD: Final = {
    "aws:MultiFactorAuthPresent": "false",
    "aws:MultiFactorAuthAge": ABSENT,
    ISSUED: NOW,
}

_MFA: Final = {
    "aws:MultiFactorAuthPresent": "true",
    "aws:MultiFactorAuthAge": "60",
    ISSUED: NOW,
}

# How a caller arrived. A key that a context does not mention is what `Callers.arrival` says for
# all: the request comes straight from the internet, now; every other key is unknown.
CONTEXTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "stolen-key": {**_KEY, "aws:SourceIp": OUTSIDE},
    "key-inside": {**_KEY, "aws:SourceIp": INSIDE},
    "stolen-password": {**_PASSWORD, "aws:SourceIp": OUTSIDE},
    "password-inside": {**_PASSWORD, "aws:SourceIp": INSIDE},
    "mfa-outside": {**_MFA, "aws:SourceIp": OUTSIDE},
    "mfa-inside": {**_MFA, "aws:SourceIp": INSIDE},
    "role-session": {**_NO_MFA, ISSUED: NOW, "aws:SourceIp": UNKNOWN},
    "any": {},
    "vpc-endpoint": {"aws:SourceIp": ABSENT, **dict.fromkeys(ENDPOINT_KEYS, UNKNOWN)},
    "via-service": {"aws:SourceIp": OUTSIDE, "aws:ViaAWSService": "true"},
}

DEFAULT_CONTEXTS: Final = tuple(CONTEXTS)[:6]
ARRIVAL: Final = frozenset(key.lower() for keys in CONTEXTS.values() for key in keys)

WHO: Final = (
    "aws:username",
    "aws:userid",
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principaltype",
    "aws:principalisawsservice",
    "aws:tokenissuetime",
)

# Where OUTSIDE is looked for: public addresses that no list is likely to hold.
CANDIDATES: Final = tuple(
    f"{first}.{second}.66.66" for first in (45, 91, 5) for second in range(60)
)
