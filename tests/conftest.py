"""Fixtures that several test files share."""

import functools
import os
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import botocore.session
import pytest
from hypothesis import HealthCheck, settings

from iamkit import Account, demo, load
from iamkit.memory import garbage_collection_paused
from tests.aws import company
from tests.aws.account import facts
from tests.aws.server import moto_server


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_disks() -> Iterator[None]:
    """What tests write need not survive a power cut; programs that they start do as users' do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="module")
def aws_company() -> Iterator[str]:
    """Serve AWS on loopback with a company of 8 users in an organization; yield its URL."""
    with moto_server() as url:
        company.build(url, 8, organization=True)
        facts().page_size = 6  # so that every list has several pages
        yield url


@pytest.fixture(scope="session")
def demo_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo company's evidence, which no test changes."""
    return demo.snapshots(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def demo_account(demo_snapshot: Path) -> Account:
    """The demo company, whose derived tables are made once for all tests of a process."""
    return load(demo_snapshot)


# boto3 reads its descriptions of services anew for each session, which takes longer than asking.
one_loader = functools.cache(botocore.session.create_loader)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give boto3 credentials that mean nothing, no configuration files, and no time to lose."""
    home = tmp_path_factory.mktemp("home")
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "3",
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(botocore.session, "create_loader", one_loader)


DEAREST = (
    "tests/report/",
    "tests/test_mutations.py",
    "tests/evidence/test_faults.py",
    "tests/checks/test_partial_evidence.py",
    "tests/test_wheel.py",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among the half million objects that are made to stay: a sixth of it."""
    with garbage_collection_paused():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the dearest files first: at the end they would leave a core idle."""
    items.sort(key=lambda item: not item.nodeid.startswith(DEAREST))


# No test may fail because the machine is busy; what else the profile in force says stays.
settings.register_profile(
    "test",
    settings(),
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("test")
# `make test-large` looks eighty times as far.
settings.register_profile("large", settings.get_profile("test"), max_examples=2000)
