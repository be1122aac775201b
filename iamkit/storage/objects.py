"""
Objects of one storage by name: read, created where there is none, listed and deleted.

Nothing is ever replaced. Creating answers with what is there afterwards, as a storage may say that
it wrote nothing where it did, or the reverse: S3 answers a conflict of two writers as if the object
were there, and a request that broke off may have been carried out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

from iamkit.errors import IamkitError, SettingsError, SnapshotError, WriteError
from iamkit.storage.address import Storage

THREADS: Final = 8
TRIES: Final = 5  # for an object that somebody creates at this moment
_RETRIES: Final[Any] = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
_SAID: Final = 240  # characters of what the storage answered
T = TypeVar("T")
R = TypeVar("R")


class Named(NamedTuple):
    """An object of a list."""

    name: str
    changed: datetime


class Objects:
    """
    The objects of one storage, in a folder of it.

    Methods raise `SnapshotError` for what cannot be read and `WriteError` for what cannot be
    written, both with what the storage answered.
    """

    def __init__(self, store: Any, address: str) -> None:
        self._store, self.address = store, address

    def get(self, name: str) -> bytes | None:
        """The content of an object; None if there is none."""
        try:
            return bytes(_obstore().get(self._store, name).bytes())
        except FileNotFoundError:
            return None
        except Exception as error:  # obstore's errors have no base besides this
            raise self._failure("read", error, SnapshotError) from error

    def create(self, name: str, content: bytes) -> bytes:
        """Create an object if there is none of the name; return the content that it has now."""
        failure: Exception | None = None
        for _ in range(TRIES):
            try:
                _obstore().put(self._store, name, content, mode="create", use_multipart=False)
            except FileNotFoundError as error:  # no bucket
                raise self._failure("written", error, WriteError) from error
            except Exception as error:  # possibly carried out all the same
                failure = error
            else:
                return content
            found = self._there(name, failure)
            if found is not None:
                return found
        assert failure is not None  # noqa: S101 - each try but the last sets it
        raise self._failure("written", failure, WriteError) from failure

    def _there(self, name: str, failure: Exception) -> bytes | None:
        """What is there after an attempt to write failed; None: nothing, and a conflict says so."""
        try:
            found = self.get(name)
        except SnapshotError:
            raise self._failure("written", failure, WriteError) from failure
        if found is None and type(failure).__name__ != "AlreadyExistsError":
            raise self._failure("written", failure, WriteError) from failure
        return found

    def listed(self, folder: str) -> list[Named]:
        """The objects below a folder, by name."""
        try:
            found = [
                Named(each["path"], each["last_modified"])
                for page in _obstore().list(self._store, prefix=folder, chunk_size=1000)
                for each in page
            ]
        except FileNotFoundError:
            return []
        except Exception as error:
            raise self._failure("listed", error, SnapshotError) from error
        return sorted(found)

    def folders(self, folder: str) -> list[str]:
        """The names of the folders directly below a folder."""
        try:
            found = _obstore().list_with_delimiter(self._store, prefix=folder)["common_prefixes"]
        except FileNotFoundError:
            return []
        except Exception as error:
            raise self._failure("listed", error, SnapshotError) from error
        return sorted(each.rstrip("/").rpartition("/")[2] for each in found)

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; one that is not there is no error."""
        for name in names:
            try:
                _obstore().delete(self._store, name)
            except FileNotFoundError:
                continue
            except Exception as error:
                raise self._failure("deleted", error, WriteError) from error

    def _failure(self, what: str, error: Exception, kind: type[IamkitError]) -> IamkitError:
        said = " ".join(str(error).split("Debug source:")[0].split())[:_SAID].rstrip(" .")
        return kind(
            f"{self.address} cannot be {what}: {said}; check the address, the region, and that "
            "the credentials may do this"
        )


def each(does: Callable[[T], R], of: Iterable[T]) -> Iterator[R]:
    """What a function returns for each of several, side by side, in their order."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(does, of)


def opened(storage: Storage) -> Objects:
    """
    Return the objects of a storage. Nothing is asked of it yet.

    Raises `SettingsError` if the extra is not installed, or there are no such credentials.
    """
    _obstore()
    made = {"s3": _s3, "file": _folder}.get(storage.scheme, _other)(storage)
    return Objects(made, storage.address)


def _obstore() -> Any:
    try:
        import obstore
    except ImportError as error:
        raise SettingsError(
            "reports in object storage need the extra fleet: pip install 'iamkit[fleet]'"
        ) from error
    return obstore


def _s3(storage: Storage) -> Any:
    """
    A bucket of S3, with the credentials that boto3 finds, in profiles and roles, too.

    obstore by itself would not read the AWS configuration.
    """
    import boto3
    from botocore import exceptions
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import S3Store

    try:
        session = boto3.Session(profile_name=storage.profile)
        credentials = Boto3CredentialProvider(session)
    except (exceptions.BotoCoreError, ValueError) as error:
        said = " ".join(str(error).split())
        raise SettingsError(
            f"{storage.address}: {said}; name another `profile` in `reports`"
        ) from error
    config: Any = {}
    if storage.kms_key:
        config = {
            "aws_server_side_encryption": "aws:kms",
            "aws_sse_kms_key_id": storage.kms_key,
            "aws_sse_bucket_key_enabled": "true",
        }
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        config["aws_endpoint_url"] = endpoint
    return S3Store(
        storage.bucket,
        prefix=storage.prefix or None,
        region=storage.region or session.region_name or "us-east-1",
        credential_provider=credentials,
        client_options={"allow_http": bool(endpoint and endpoint.startswith("http://"))},
        retry_config=_RETRIES,
        config=config,
    )


def _folder(storage: Storage) -> Any:
    from obstore.store import LocalStore

    try:
        return LocalStore(storage.prefix, mkdir=True)
    except Exception as error:
        said = " ".join(str(error).split())[:_SAID]
        raise WriteError(f"{storage.address} cannot be used: {said}") from error


def _other(storage: Storage) -> Any:
    from obstore import store

    open_url: Any = store.from_url  # whose types tell the clouds apart by what each takes
    try:
        return open_url(storage.address, retry_config=_RETRIES)
    except Exception as error:
        said = " ".join(str(error).split())[:_SAID]
        raise SettingsError(f"{storage.address} cannot be used: {said}") from error
