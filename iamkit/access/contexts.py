"""
How a request arrives: the named request contexts, each with its credential and its network.

Other modules choose contexts by these attributes (`BY_CREDENTIAL`, `BY_PLACE`, `context_of`), so a
new arrival is one entry in `CONTEXTS`.

Source: IAM User Guide, "AWS global condition context keys" and "Multi-factor authentication: API
access with MFA".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from iamkit.policy import (
    ABSENT,
    ENDPOINT_KEY_NAMES,
    OF_ACCESS_KEY,
    OF_MFA_SESSION,
    OF_PASSWORD,
    UNKNOWN,
)


class Credential(StrEnum):
    """What a request is signed with."""

    KEY = "key"  # a long-term access key, without MFA
    PASSWORD = "password"  # noqa: S105, a name; a console session, without MFA
    MFA = "mfa"  # a session that was started with MFA


class Place(StrEnum):
    """From which network a request comes."""

    OUTSIDE = "outside"  # an address in no list of any policy and in no approved network
    INSIDE = "inside"  # an approved network: see `Settings.approved_networks`


NOW: Final = "now"  # the time of the evidence: only temporary credentials say when they were made
ISSUED: Final = "aws:TokenIssueTime"
SOURCE_IP: Final = "aws:SourceIp"
CALLED_VIA: Final = ("aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast")  # by a service

_CARRIED: Final[Mapping[Credential, Mapping[str, Any]]] = {
    Credential.KEY: {**OF_ACCESS_KEY, ISSUED: ABSENT},
    Credential.PASSWORD: {**OF_PASSWORD, ISSUED: NOW},
    Credential.MFA: {**OF_MFA_SESSION, ISSUED: NOW},
}


@dataclass(frozen=True)
class Arrival:
    """
    One way in which a request arrives.

    A key that `keys` does not mention is what `Principals.arrival` says for all: the request comes
    straight from the internet, now; every other key is unknown. `credential` and `place` are None
    where the arrival is not about one credential used from one network.
    """

    keys: Mapping[str, Any] = field(repr=False)
    said: str = ""  # in a sentence about an identity: "with a stolen key"
    credential: Credential | None = None
    place: Place | None = None


def _used(credential: Credential, place: Place, said: str) -> Arrival:
    """A credential used from a network."""
    return Arrival({**_CARRIED[credential], SOURCE_IP: place}, said, credential, place)


CONTEXTS: Final[Mapping[str, Arrival]] = {
    "stolen-key": _used(Credential.KEY, Place.OUTSIDE, "with a stolen key"),
    "key-inside": _used(Credential.KEY, Place.INSIDE, "with a key from inside"),
    "stolen-password": _used(Credential.PASSWORD, Place.OUTSIDE, "with a stolen password"),
    "password-inside": _used(Credential.PASSWORD, Place.INSIDE, "with a password from inside"),
    "mfa-outside": _used(Credential.MFA, Place.OUTSIDE, "with MFA"),
    "mfa-inside": _used(Credential.MFA, Place.INSIDE, "with MFA from inside"),
    "role-session": Arrival({**OF_ACCESS_KEY, ISSUED: NOW, SOURCE_IP: UNKNOWN}),
    "any": Arrival({}),
    "vpc-endpoint": Arrival({SOURCE_IP: ABSENT, **dict.fromkeys(ENDPOINT_KEY_NAMES, UNKNOWN)}),
    "via-service": Arrival(
        {
            SOURCE_IP: Place.OUTSIDE,
            "aws:ViaAWSService": "true",
            **dict.fromkeys(CALLED_VIA, UNKNOWN),
        }
    ),
}

# One credential used from one network: the contexts that everything is evaluated in.
DEFAULT_CONTEXTS: Final = tuple(name for name, each in CONTEXTS.items() if each.credential)

ARRIVAL_KEYS: Final = frozenset(key.lower() for each in CONTEXTS.values() for key in each.keys)

WITHOUT_MFA: Final = (Credential.KEY, Credential.PASSWORD)

# Keys that say who the caller is.
CALLER_KEYS: Final = (
    "aws:username",
    "aws:userid",
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principaltype",
    "aws:principalisawsservice",
    "aws:tokenissuetime",
)

# Where an outside address is looked for: public addresses that no list is likely to contain.
CANDIDATES: Final = tuple(
    f"{first}.{second}.66.66" for first in (45, 91, 5) for second in range(60)
)


def context_of(credential: str, place: str) -> str:
    """
    Return the name of the context in which a credential is used from a network.

    >>> context_of("mfa", "inside")
    'mfa-inside'
    """
    return _NAMES[credential, place]


def with_mfa(context: str) -> str:
    """
    Return the context of the same network and an MFA session; itself if it is about no credential.

    >>> with_mfa("stolen-password"), with_mfa("any")
    ('mfa-outside', 'any')
    """
    place = CONTEXTS[context].place
    return context if place is None else context_of(Credential.MFA, place)


_NAMES: Final = {
    (str(each.credential), str(each.place)): name
    for name, each in CONTEXTS.items()
    if each.credential and each.place
}

# For each credential, the names of the contexts it is used in: outside first, then inside.
BY_CREDENTIAL: Final[Mapping[str, tuple[str, ...]]] = {
    credential.value: tuple(context_of(credential, place) for place in Place)
    for credential in Credential
}

# For each network, the names of the contexts in which it is used: by key, password and MFA.
BY_PLACE: Final[Mapping[str, tuple[str, ...]]] = {
    place.value: tuple(context_of(credential, place) for credential in Credential)
    for place in Place
}
