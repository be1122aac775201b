"""
A proxy that fails on request, between a client and the AWS of these tests.

A collector meets throttling, proxies that answer in HTML, connections that break half way
through an answer, and pages that point nowhere. Each is a *step*, a function from a request to
the response the client gets; a script says which request meets which step:

    with FaultProxy(url, {"GetAccountSummary": [error(400, "Throttling")] * 2}) as proxy:
        boto3.client("iam", endpoint_url=proxy.url).get_account_summary()
    assert proxy.calls == ["iam:GetAccountSummary"] * 3

The proxy is a real one, so it also stands between AWS and a subprocess. Every connection is
closed after one answer, and leaving the `with` waits for the last one.
"""

import http.client
import json
import os
import re
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ServiceModel

SERVICES = {"access-analyzer": "accessanalyzer"}  # signing names that are not botocore's name
HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding"}


@dataclass
class Response:
    """An answer for the client; `sent` is how much of the body it will get, None for all."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent: int | None = None


@dataclass
class Request:
    """A request on its way to `upstream`, and the operation it asks for."""

    service: str
    operation: str
    protocol: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    upstream: str
    stopped: threading.Event


Step = Callable[[Request], Response]


class Reset(Exception):  # noqa: N818 - an event, not an error of the proxy
    """Raised by a step that breaks the connection instead of answering."""


def forward(request: Request) -> Response:
    """Pass the request on: the step of every request the script says nothing about."""
    connection = http.client.HTTPConnection(urlsplit(request.upstream).netloc, timeout=600)
    try:
        connection.request(request.method, request.path, request.body, request.headers)
        answer = connection.getresponse()
        return Response(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        connection.close()


def error(status: int, code: str, message: str = "Refused by the test") -> Step:
    """Return a step that answers with an AWS error, in the protocol of the service asked."""

    def answer(request: Request) -> Response:
        if request.protocol == "query":
            body = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code>"
                f"<Message>{escape(message)}</Message></Error>"
                "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
            )
            return Response(status, {"Content-Type": "text/xml"}, body.encode())
        if request.protocol == "json":
            body = json.dumps({"__type": code, "message": message})
            return Response(status, {"Content-Type": "application/x-amz-json-1.1"}, body.encode())
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
        return Response(status, headers, json.dumps({"message": message}).encode())

    return answer


def html_503(_: Request) -> Response:
    """Answer as a company's web proxy does when it cannot reach AWS."""
    page = b"<html><head><title>503</title></head><body><p>Service Unavailable<br></body></html>"
    return Response(503, {"Content-Type": "text/html"}, page)


def reset(_: Request) -> Response:
    """Send nothing but a TCP reset."""
    raise Reset


def hang(request: Request) -> Response:
    """Accept the request and stay silent until the proxy stops."""
    request.stopped.wait()
    raise Reset


def half_body(request: Request) -> Response:
    """Promise the whole answer, send half of it and close."""
    response = forward(request)
    response.sent = len(response.body) // 2
    return response


def drop_marker(request: Request) -> Response:
    """Say that more pages follow, without the Marker to ask for them."""
    response = forward(request)
    response.body = _truncated(re.sub(rb"<Marker>.*?</Marker>", b"", response.body))
    return response


def same_marker(request: Request) -> Response:
    """Answer a request for a page with the Marker of the same page; leave the first page be."""
    response = forward(request)
    if asked := parse_qs(request.body.decode()).get("Marker"):
        marker = f"<Marker>{escape(asked[0])}</Marker></{request.operation}Result>".encode()
        body = re.sub(rb"<Marker>.*?</Marker>", b"", response.body)
        end = f"</{request.operation}Result>".encode()
        response.body = _truncated(body.replace(end, marker))
    return response


def _truncated(body: bytes) -> bytes:
    return re.sub(rb"<IsTruncated>\w+</IsTruncated>", b"<IsTruncated>true</IsTruncated>", body)


class FaultProxy:
    """
    A loopback proxy to `upstream` that follows a script.

    The script maps the name of an operation, or "*" for any, to one step for every request or
    to a list of steps consumed one per request; when a list is used up the "*" entry applies,
    then `forward`. A retry is a request. `calls` lists each request as "service:Operation",
    with the service named as in IAM actions.
    """

    def __init__(self, upstream: str, script: Mapping[str, Step | Sequence[Step]] | None = None):
        self.upstream = upstream
        self.calls: list[str] = []
        self.stopped = threading.Event()
        self._script = {
            operation: steps if callable(steps) else deque(steps)
            for operation, steps in (script or {}).items()
        }
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """What to set AWS_ENDPOINT_URL to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: Request) -> Response:
        """Record the request and take the step the script has for it."""
        with self._lock:
            self.calls.append(f"{request.service}:{request.operation}")
            step = self._next_step(request.operation)
        return step(request)

    def _next_step(self, operation: str) -> Step:
        for steps in (self._script.get(operation), self._script.get("*")):
            if callable(steps):
                return steps
            if steps:
                return steps.popleft()
        return forward


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for the answers under way

    def __init__(self, proxy: FaultProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a client hang up: that is what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    timeout = 600  # for a connection that is dead, not for a machine that is busy

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer with what the script makes of the request, or break the connection."""
        try:
            response = self.server.proxy.answer(self._request())
        except Reset:
            self._reset()
            return
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.body[: response.sent])

    do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815

    def _request(self) -> Request:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …
        service = self.headers["Authorization"].split("/")[3]
        model = _service_model(service)
        return Request(
            service=service,
            operation=_operation(model, self.command, self.path, self.headers, body),
            protocol=model.protocol,
            method=self.command,
            path=self.path,
            headers=dict(self.headers),
            body=body,
            upstream=self.server.proxy.upstream,
            stopped=self.server.proxy.stopped,
        )

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)  # on, for no time: closing sends RST instead of FIN
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        os.close(self.connection.detach())


@cache
def _service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(SERVICES.get(service, service))


def _operation(
    model: ServiceModel, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> str:
    """Name the operation, which each protocol says in its own place."""
    if model.protocol == "query":
        return parse_qs(body.decode())["Action"][0]
    if model.protocol == "json":
        return headers["X-Amz-Target"].rpartition(".")[2]
    for name in model.operation_names:
        http_binding = model.operation_model(name).http
        pattern = re.sub(r"\{[^}]*\}", "[^/]+", http_binding["requestUri"].partition("?")[0])
        if method == http_binding["method"] and re.fullmatch(pattern, urlsplit(path).path):
            return name
    return f"{method} {path}"
