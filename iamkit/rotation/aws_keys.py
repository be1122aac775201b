"""
A user's access keys as AWS has them now, and the four calls that change them.

Each change looks again at what there is before it is made: a user's last working key is neither
deactivated nor deleted, and a third key is not made.

This module also runs in AWS Lambda: it imports the standard library and boto3 only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from iamkit.rotation.decisions import Key

ACTIVE: Final = "Active"  # Inactive and Expired do not work


class RefusedError(Exception):
    """Raised when a step would do harm, or something is not as it must be; nothing was changed."""


def error_code(error: BaseException) -> str:
    """AWS's code of an error; empty if AWS did not answer."""
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


class AwsKeys:
    """
    The access keys of an account's users.

    `iam` is boto3's client. `maker` is one that asks once: a second CreateAccessKey after a lost
    answer would make another key.
    """

    def __init__(self, iam: Any, maker: Any) -> None:
        self.iam = iam
        self.maker = maker

    def users(self, path: str = "/") -> Iterator[Mapping[str, Any]]:
        """Every user there is now, by `UserName`, `UserId` and `Arn`."""
        for page in self.iam.get_paginator("list_users").paginate(PathPrefix=path):
            yield from page["Users"]

    def of(self, user: str) -> list[Key]:
        """Return a user's keys with their last use, which is asked for each."""
        return [
            Key(
                each["AccessKeyId"],
                each["Status"] == ACTIVE,
                each["CreateDate"],
                self._last_used(each["AccessKeyId"]),
            )
            for each in self._listed(user)
        ]

    def _last_used(self, key_id: str) -> Any:
        answer = self.iam.get_access_key_last_used(AccessKeyId=key_id)
        return answer.get("AccessKeyLastUsed", {}).get("LastUsedDate")

    def _listed(self, user: str) -> list[Mapping[str, Any]]:
        pages = self.iam.get_paginator("list_access_keys").paginate(UserName=user)
        return [each for page in pages for each in page["AccessKeyMetadata"]]

    def create(self, user: str) -> Mapping[str, Any]:
        """Make a user's second key and return it with its secret."""
        listed = self._listed(user)
        if len(listed) != 1 or listed[0]["Status"] != ACTIVE:
            raise RefusedError(f"{user} has not exactly one active key now; run it again")
        made: Mapping[str, Any] = self.maker.create_access_key(UserName=user)["AccessKey"]
        return made

    def deactivate(self, user: str, key_id: str) -> None:
        """Deactivate a key, if the user has another that is active."""
        self._needs_another(user, key_id)
        self.iam.update_access_key(UserName=user, AccessKeyId=key_id, Status="Inactive")

    def activate(self, user: str, key_id: str) -> None:
        """Make an inactive key work again."""
        self.iam.update_access_key(UserName=user, AccessKeyId=key_id, Status=ACTIVE)

    def delete(self, user: str, key_id: str, *, active: bool = False) -> None:
        """
        Delete a key, if the user has another that is active; one that is gone already is no error.

        An `active` key is deleted only if that is said.
        """
        listed = {each["AccessKeyId"]: each["Status"] for each in self._listed(user)}
        if key_id not in listed:
            return
        if listed[key_id] == ACTIVE:
            if not active:
                raise RefusedError(f"{key_id} of {user} is active again; run it again")
            self._needs_another(user, key_id)
        try:
            self.iam.delete_access_key(UserName=user, AccessKeyId=key_id)
        except Exception as error:
            if error_code(error) != "NoSuchEntity":
                raise

    def _needs_another(self, user: str, key_id: str) -> None:
        others = [each for each in self._listed(user) if each["AccessKeyId"] != key_id]
        if not any(each["Status"] == ACTIVE for each in others):
            raise RefusedError(f"{key_id} is the only active key of {user}; it stays")
