"""
The rotation from a command line: whose account it is, its journal, and one run at a time.

Everything is decided from what AWS says now. The evidence only says who may not be able to fetch a
new key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from iamkit.account import Account
from iamkit.errors import RotationError, one_line
from iamkit.evidence import sessions
from iamkit.lock import HeldError, Lock
from iamkit.rotation.aws_keys import AwsKeys, RefusedError
from iamkit.rotation.clients import Clients, clients, principal_arn
from iamkit.rotation.decisions import State, Step
from iamkit.rotation.disk_journal import NAME, DiskJournal
from iamkit.rotation.key_secrets import KeySecrets
from iamkit.rotation.plan import hindrance, limits
from iamkit.rotation.rotator import Rotator, Told
from iamkit.values import instead

TOPIC: Final = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[\w-]+(\.fifo)?")


@dataclass
class Outcome:
    """What a run came to: users looked at, steps left by state, and failures in words."""

    users: int = 0
    left: dict[State, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def count(self, steps: list[Step]) -> None:
        """Count the steps that are left of a user."""
        for step in steps:
            self.left[step.state] = self.left.get(step.state, 0) + 1


def journal_path(account: Account) -> Path:
    """Where the journal of an account is: in the folder of its audits, else beside its evidence."""
    audits = account.snapshot.path.absolute().parents[1]
    is_home = audits.name == account.account_id
    return (audits if is_home else account.snapshot.path.absolute().parent) / NAME


def now() -> datetime:
    """The time by which steps are due."""
    return datetime.now(UTC)


def apply(
    account: Account,
    signed_in: sessions.SignedIn,
    *,
    journal: Path,
    ask: Callable[[str], bool],
    say: Callable[[str], None],
    topic: str = "",
    users: Collection[str] = (),
    undo: bool = False,
) -> Outcome:
    """
    Do the steps that are due, of some users or of all, or take back what was done.

    One user's failure stops no other's steps. Raises `RotationError` if the session is of another
    account than the evidence, if another run is under way, or if a user does not exist.
    """
    if signed_in.account_id != account.account_id:
        raise RotationError(
            f"the evidence is of account {account.account_id}, and the profile of "
            f"{signed_in.account_id}; name another profile or snapshot"
        )
    if topic and not TOPIC.fullmatch(topic):  # said before a key is made, not after
        raise RotationError(f"{topic!r} is not the ARN of an SNS topic; see `aws sns list-topics`")
    made = clients(signed_in.session, topic)
    with _alone(journal), _errors_said():
        rotator = Rotator(
            AwsKeys(made.iam, made.maker),
            KeySecrets(made.secrets, principal_arn(made.iam, signed_in.arn)),
            DiskJournal(journal, account.account_id),
            limits(account.settings),
            now=lambda: now(),  # looked up at each call
            told=Told(ask, say, _notifier(made, topic)),
            hindrance=lambda user: hindrance(account, user["Arn"], user["UserName"]),
        )
        return _each(rotator, _named(list(rotator.keys.users()), users), undo=undo)


def _each(rotator: Rotator, users: list[Mapping[str, Any]], *, undo: bool) -> Outcome:
    outcome = Outcome()
    for user in users:
        outcome.users += 1
        try:
            if undo:
                rotator.undo(user)
            else:
                outcome.count(rotator.rotate(user))
        except (RefusedError, BotoCoreError, ClientError) as error:
            outcome.failures.append(f"{user['UserName']}: {one_line(error)}")
    return outcome


def _named(there: list[Mapping[str, Any]], wanted: Collection[str]) -> list[Mapping[str, Any]]:
    names = [user["UserName"] for user in there]
    for name in wanted:
        if name not in names:
            raise RotationError(f"there is no user {name!r}; {instead(name, names, 'see IAM')}")
    return [user for user in there if not wanted or user["UserName"] in wanted]


def _notifier(made: Clients, topic: str) -> Callable[[str, str], bool]:
    def notify(subject: str, message: str) -> bool:
        if topic:
            made.sns.publish(TopicArn=topic, Subject=subject, Message=message)
        return bool(topic)

    return notify


@contextmanager
def _alone(journal: Path) -> Iterator[None]:
    """Hold the journal, so that two runs at once do not make two keys."""
    lock = Lock(journal.with_name(f".{journal.name}.lock"))
    try:
        lock.take()
    except HeldError as error:
        raise RotationError(f"{journal} is in use by {error}; wait until that has ended") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _errors_said() -> Iterator[None]:
    """Turn what stops the whole run into one line."""
    try:
        yield
    except (RefusedError, BotoCoreError, ClientError) as error:
        raise RotationError(f"nothing was rotated: {one_line(error)}") from error
