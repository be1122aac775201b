"""
The account behind the endpoint, for a test to look into and to change.

`clock` is the time in the account: every creation date comes from it, so an account is
back-dated by moving the clock while building it. `backend` holds what moto knows of the account,
`facts` what moto has no place for.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.iam import models as iam

from tests.aws.documents import RootUser

ACCOUNT = "123456789012"


class Clock:
    """The time in the account. It stands still until a test moves it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Go back to the time every test starts from."""
        self.now = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Stand in for moto's `utcnow`."""
        return self.now


clock = Clock()


@dataclass
class Report:
    """A credential report, ready after `polls_left` more questions."""

    generated: datetime
    content: str
    polls_left: int


@dataclass
class LastAccessedJob:
    """A service-last-accessed job about one principal, ready after `polls_left` questions."""

    arn: str
    granularity: str
    created: datetime
    polls_left: int


@dataclass
class Facts:
    """
    What an account holds that moto has no place for.

    `page_size` is the number of entries in a page whatever MaxItems says, as AWS may return
    fewer than asked; None respects MaxItems. Reports and last-accessed jobs are ready after
    being asked for `report_polls` and `last_accessed_polls` times. `analyzers` are by region.
    """

    root: RootUser = field(default_factory=RootUser)
    page_size: int | None = None
    report: Report | None = None
    report_polls: int = 1
    last_accessed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    last_accessed_jobs: dict[str, LastAccessedJob] = field(default_factory=dict)
    last_accessed_polls: int = 1
    service_specific_credentials: list[dict[str, Any]] = field(default_factory=list)
    organizations_features: list[str] = field(default_factory=list)
    contact_information: dict[str, str] | None = None
    analyzers: dict[str, list[dict[str, str]]] = field(default_factory=dict)


def backend(account: str = ACCOUNT) -> iam.IAMBackend:
    """Return moto's own record of the account's users, roles, groups and policies."""
    return iam.iam_backends[account]["aws"]


def facts(account: str = ACCOUNT) -> Facts:
    """Return the rest of the account; it goes when moto's backends are reset."""
    return vars(backend(account)).setdefault("facts", Facts())


@contextmanager
def preserved() -> Iterator[None]:
    """Put IAM, the facts and the clock back afterwards, so that tests can share an account."""
    known, now = backend(), clock.now
    # AWS's own policies do not change, but for how often they are attached. There are 1,500.
    uses = {policy.arn: policy.attachment_count for policy in known.aws_managed_policies}
    kept = {id(each): each for each in (known, *known.aws_managed_policies)}
    before = copy.deepcopy(vars(known), kept)
    try:
        yield
    finally:
        vars(known).clear()
        vars(known).update(before)
        for policy in known.aws_managed_policies:
            policy.attachment_count = uses[policy.arn]
        clock.now = now
