"""The accounts after remedies, each audited once although a trial and a test both look at it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from iamkit import Account
from iamkit.results import changes


@contextmanager
def audited_once() -> Iterator[None]:
    """Answer `what_if` of the same account and changes with the same account."""
    kept: dict[tuple[int, str], tuple[Account, Account]] = {}
    what_if = Account.what_if

    def once(self: Account, *wanted: changes.Change) -> Account:
        key = id(self), repr(wanted)
        if key not in kept:
            kept[key] = self, what_if(self, *wanted)
        return kept[key][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Account, "what_if", once)
        yield
