"""
AWS on a loopback port: one AWS_ENDPOINT_URL for every service an audit calls.

    python -m tests.aws.server --port 5555

serves the company of `tests.aws.company` until interrupted, for trying commands by hand.
"""

import argparse
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache

from moto.core.base_backend import BackendDict
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import ThreadedWSGIServer

from tests.aws import company, moto_iam, moto_organizations
from tests.aws.account import backend, clock, facts


class _Handler(MotoRequestHandler):
    """A quiet handler that closes each connection, so that none is left when a test ends."""

    protocol_version = "HTTP/1.0"

    def log(self, *_: object) -> None:
        """Say nothing."""


class _Application:
    """moto, and the two REST operations it does not have."""

    def __init__(self) -> None:
        self.moto = DomainDispatcherApplication(create_backend_app)
        # moto looks through its folders and all its patterns at each request.
        self.moto.get_backend_for_host = cache(self.moto.get_backend_for_host)
        self.operations = {
            "/analyzer": _list_analyzers,
            "/getContactInformation": _get_contact_information,
        }

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        operation = self.operations.get(environ["PATH_INFO"])
        if operation is None:
            return self.moto(environ, start_response)
        status, answer, headers = operation(environ)
        body = json.dumps(answer).encode()
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        start_response(status, list(headers.items()))
        return [body]


def _list_analyzers(environ: dict) -> tuple[str, dict, dict]:
    """Answer access-analyzer:ListAnalyzers for the region the request is signed for."""
    region = environ["HTTP_AUTHORIZATION"].split("/")[2]
    return "200 OK", {"analyzers": facts().analyzers.get(region, [])}, {}


def _get_contact_information(_: dict) -> tuple[str, dict, dict]:
    """Answer account:GetContactInformation."""
    if facts().contact_information:
        return "200 OK", {"ContactInformation": facts().contact_information}, {}
    error = {"x-amzn-ErrorType": "ResourceNotFoundException"}
    return "404 Not Found", {"message": "No contact information was found."}, error


class _Server(ThreadedWSGIServer):
    daemon_threads = False  # so that closing waits for the answers under way


_one_at_a_time = threading.Lock()


@contextmanager
def moto_server(port: int = 0) -> Iterator[str]:
    """
    Serve an empty account and yield the URL.

    moto's backends belong to the process, so there is one server at a time, and the next one
    starts afresh.
    """
    if not _one_at_a_time.acquire(blocking=False):
        raise RuntimeError("an AWS is running in this process already; use that one")
    try:
        _start_afresh()
        server = _Server("127.0.0.1", port, _Application(), _Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
    finally:
        _one_at_a_time.release()


def _start_afresh() -> None:
    moto_iam.apply()
    moto_organizations.apply()
    BackendDict.reset()
    moto_organizations.forget()
    clock.reset()
    mock_random.seed(0)
    backend()  # loads the AWS managed policies, whose ids come from the seed


def main() -> None:
    """Serve the company until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.aws.server")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--organization", action="store_true", help="make it a member account")
    arguments = parser.parse_args()
    with moto_server(arguments.port) as url, suppress(KeyboardInterrupt):
        as_of = datetime.now(UTC).replace(microsecond=0)
        company.build(url, arguments.users, as_of, organization=arguments.organization)
        print(f"AWS_ENDPOINT_URL={url}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
