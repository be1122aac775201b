"""An account on loopback, as empty for each test as for the first."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends

from iamkit.rotation.clients import Clients
from tests.aws.account import ACCOUNT, preserved
from tests.aws.server import moto_server
from tests.rotation.world import REGION, World, made_clients, watched


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Serve an empty account."""
    with moto_server() as url:
        yield url


_clients: dict[str, Clients] = {}


@pytest.fixture
def world(
    endpoint: str, credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """An account without users, and a topic."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with fresh_world(endpoint, tmp_path) as made:
        yield made


class fresh_world:  # noqa: N801 - read as a function
    """A world in which nothing has happened yet; several may follow each other in a test."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        if endpoint not in _clients:
            _clients.clear()
            _clients[endpoint] = made_clients()
        self._world = World(folder, _clients[endpoint])
        self._kept = preserved()
        self._watched = watched(self._world)

    def __enter__(self) -> World:
        self._kept.__enter__()
        secretsmanager_backends[ACCOUNT][REGION].secrets.clear()
        topics = sns_backends[ACCOUNT][REGION]
        topics.reset()
        topics.create_topic("keys")
        self._watched.__enter__()
        return self._world

    def __exit__(self, *raised: object) -> None:
        self._watched.__exit__(None, None, None)
        self._kept.__exit__(None, None, None)
