"""Addresses of object storage, such as `s3://bucket/prefix`, and what else its use takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import urlsplit

from iamkit.errors import SettingsError
from iamkit.settings import shortened
from iamkit.values import instead

SCHEMES: Final = ("s3", "gs", "az", "file")
_ADDRESS: Final = re.compile(rf"({'|'.join(SCHEMES)})://")
_OF_S3: Final = ("profile", "region", "kms_key")


@dataclass(frozen=True)
class Storage:
    """
    A place in object storage.

    `profile` is one of the AWS configuration; without it, the usual environment is used. `region`
    is the bucket's. `kms_key` is the ARN of a key that encrypts; without it, the bucket's own
    encryption holds. It holds no secret, so it may be sent and stored.
    """

    address: str
    profile: str | None = None
    region: str | None = None
    kms_key: str | None = None

    @property
    def scheme(self) -> str:
        """What the address begins with: one of `SCHEMES`."""
        return urlsplit(self.address).scheme

    @property
    def bucket(self) -> str:
        """The bucket or container; empty for a folder."""
        return urlsplit(self.address).netloc

    @property
    def prefix(self) -> str:
        """What the names of all objects begin with; of a folder, its path."""
        path = urlsplit(self.address).path
        return path if self.scheme == "file" else path.strip("/")


def is_address(given: object) -> bool:
    """
    Whether something is an address of object storage.

    >>> is_address("s3://bucket/prefix"), is_address("reports")
    (True, False)
    """
    return bool(_ADDRESS.match(str(given)))


def storage(address: str, options: Mapping[str, Any] | None = None) -> Storage:
    """Return the storage at an address; raise `SettingsError` for what does not fit."""
    found = _ADDRESS.match(address)
    if not found:
        raise SettingsError(
            f"{shortened(address)} is no address of storage; one begins with "
            f"{', '.join(f'{each}://' for each in SCHEMES)}"
        )
    given = {name: value for name, value in (options or {}).items() if value is not None}
    known = [each.name for each in fields(Storage) if each.name != "address"]
    for name, value in given.items():
        if name not in known:
            near = instead(name, ["address", *known])
            raise SettingsError(f"reports in storage have no {shortened(name)}; {near}")
        if not (isinstance(value, str) and value.strip()):
            raise SettingsError(f"{name} of reports is text, not {shortened(value)}; quote it")
        if found[1] != "s3" and name in _OF_S3:
            raise SettingsError(f"{name} of reports is for s3://, not {found[1]}://; remove it")
    made = Storage(address.rstrip("/"), **given)
    parts = urlsplit(address)
    if parts.query or parts.fragment or "@" in parts.netloc or "//" in parts.path:
        raise SettingsError(
            f"{shortened(address)} is no address of storage: write it as in s3://bucket/prefix, "
            "without credentials"
        )
    if made.scheme == "file" and (parts.netloc or not parts.path.strip("/")):
        raise SettingsError(f"{shortened(address)} names no folder: write file:///folder")
    if made.scheme != "file" and not parts.netloc:
        raise SettingsError(f"{shortened(address)} names no bucket")
    return made
