"""
An account in which keys are rotated: its users use their keys, its clock is moved, runs are killed.

A run can be killed at any moment that matters: before and after each call of AWS, and before and
after each line of the journal. After each call the rules that must never be broken are looked at.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import boto3
from moto.iam.models import AccessKey, AccessKeyLastUsed
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends

from iamkit.rotation.aws_keys import AwsKeys
from iamkit.rotation.clients import Clients, clients
from iamkit.rotation.decisions import Limits
from iamkit.rotation.disk_journal import DiskJournal
from iamkit.rotation.entry import Entry
from iamkit.rotation.key_secrets import KeySecrets, secret_name
from iamkit.rotation.rotator import Rotator, Told
from tests.aws.account import ACCOUNT, backend, clock

LIMITS = Limits.of_days(90, 45, 7)
REGION = "us-east-1"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:keys"
ROTATOR = f"arn:aws:iam::{ACCOUNT}:role/rotator"


class Killed(BaseException):
    """Ends a run as a killed process ends: nothing may catch it."""


@dataclass
class World:
    """The account behind the endpoint, and the runs of a rotation in it."""

    folder: Path
    clients: Clients
    has_topic: bool = True
    kill_at: int = 0  # the moment, from 1; 0: never
    moments: int = 0
    secrets: set[str] = field(default_factory=set)  # every secret that there ever was
    had_key: set[str] = field(default_factory=set)  # users that must always have a working one
    said: list[str] = field(default_factory=list)
    fail: Callable[[str], None] = lambda operation: None

    def user(self, name: str, *keys: tuple[int, int | None, str]) -> None:
        """Make a user with keys, each by its age in days, days since its use, and its status."""
        now = clock.now
        backend().create_user(REGION, name)
        for age, idle, status in keys:
            clock.now = now - timedelta(days=age)
            key = backend().create_access_key(name, "AKIA")
            clock.now = now
            key.status = status
            if idle is not None:
                use(key, now - timedelta(days=idle))
            self.secrets.add(key.secret_access_key)
        if any(status == "Active" for _, _, status in keys):
            self.had_key.add(name)

    def moment(self, *_: object, **__: object) -> None:
        """Be killed here, if this is the moment, after a look at the rules."""
        self.moments += 1
        self.check()
        if self.moments == self.kill_at:
            raise Killed

    def before_call(self, model, **_: object) -> None:
        """What comes before each call of AWS."""
        self.moment()
        self.fail(model.name)

    def check(self) -> None:
        """No user without a working key, no third key, and no secret but in Secrets Manager."""
        for name, user in backend().users.items():
            self.secrets |= {key.secret_access_key for key in user.access_keys}
            assert len(user.access_keys) <= 2, name
            if name in self.had_key:
                assert "Active" in {key.status for key in user.access_keys}, name

    def rotator(self, journal=None, ask: Callable[[str], bool] = lambda question: True) -> Rotator:
        """A new process's rotator: it knows what the journal and AWS say."""

        def notify(subject: str, message: str) -> bool:
            if self.has_topic:
                self.clients.sns.publish(TopicArn=TOPIC, Subject=subject, Message=message)
            return self.has_topic

        secrets = KeySecrets(self.clients.secrets, ROTATOR)
        return Rotator(
            AwsKeys(self.clients.iam, self.clients.maker),
            secrets,
            secrets if journal == "tags" else Watched(self),
            LIMITS,
            now=clock,
            told=Told(ask, self.said.append, notify),
        )

    def run(self, days: int = 0, journal=None) -> None:
        """Let days pass, in which users use their keys, and do what is due."""
        self.pass_days(days)
        rotator = self.rotator(journal)
        for user in list(rotator.keys.users()):
            rotator.rotate(user)

    def pass_days(self, days: int) -> None:
        """Let days pass; at their end users who found a new key in their secret use that."""
        clock.now += timedelta(days=days)
        for name in backend().users:
            held = self.held(name)
            for key in keys(name):
                if days and key.access_key_id == held:
                    use(key, clock.now)

    def held(self, name: str) -> str | None:
        """The key that a user finds in its secret."""
        found = secretsmanager_backends[ACCOUNT][REGION].secrets.get(secret_name(name))
        values = [each["secret_string"] for each in found.versions.values()] if found else []
        return json.loads(values[-1]).get("AccessKeyId") if values and values[-1] else None

    def entry(self, name: str) -> Entry:
        """What the journal on disk says of a user."""
        return DiskJournal(self.folder / "rotation.json", ACCOUNT).read(name)

    def told(self) -> list[str]:
        """The messages that the topic got."""
        topic = sns_backends[ACCOUNT][REGION].topics[TOPIC]
        return [each[1] for each in topic.sent_notifications]


class Watched(DiskJournal):
    """The journal on disk, where a run can be killed before and after each line."""

    def __init__(self, world: World) -> None:
        super().__init__(world.folder / "rotation.json", ACCOUNT)
        self._world = world

    def write(self, user: str, entry: Entry) -> None:
        """Write it, unless the run is killed before."""
        self._world.moment()
        super().write(user, entry)
        self._world.moment()


def keys(name: str) -> list[AccessKey]:
    """The keys of a user, the older first."""
    return sorted(backend().users[name].access_keys, key=lambda key: key.create_date)


def statuses(name: str) -> list[str]:
    return [key.status for key in keys(name)]


def use(key: AccessKey, when: datetime) -> None:
    """Note that a key was used."""
    key.last_used = AccessKeyLastUsed(timestamp=when, service="s3", region=REGION)


def made_clients() -> Clients:
    """Clients of the endpoint that the environment names."""
    return clients(boto3.Session(region_name=REGION), TOPIC)


@contextmanager
def watched(world: World) -> Iterator[None]:
    """Have every call of AWS be a moment of this world."""
    events = [each.meta.events for each in vars(world.clients).values()]
    for each in events:
        each.register("before-call", world.before_call)
        each.register("after-call", world.moment)
    try:
        yield
    finally:
        for each in events:
            each.unregister("before-call", world.before_call)
            each.unregister("after-call", world.moment)
