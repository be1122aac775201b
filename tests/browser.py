"""
A headless Chromium driven through its debugging protocol, for tests that must see a page run.

    with Browser() as browser, browser.open(path) as tab:
        tab.wait_for("document.querySelectorAll('tr').length > 1")
        tab.click("th [role=button]")
        assert tab.evaluate("document.title") == "..."
        assert tab.requests == []

Everything stays on this machine. Waiting is for an event of the page or for a condition in it, up
to a deadline, and the failure names the event. `browser` below is the fixture to share; it skips
when there is no Chromium.
"""

import base64
import json
import os
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import websocket

from tests.processes import SECONDS, Program

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-allow-origins=*",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
NOT_FOUND = "no Chromium found: browser tests skipped (apt-get install chromium)"
KEYS = {"Enter": ("\r", 13), "Escape": ("", 27), "Tab": ("", 9), " ": (" ", 32)}


def chromium() -> str | None:
    """Path of the browser, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One browser for the session; each test opens its own tab."""
    if chromium() is None:
        missing = pytest.fail if os.environ.get("IAMKIT_REQUIRE_BROWSER") else pytest.skip
        missing(NOT_FOUND)
    with Browser() as running:
        yield running


class Browser:
    """A running Chromium with a profile of its own, both gone when the `with` block is left."""

    def __init__(self) -> None:
        program = chromium()
        if program is None:
            raise RuntimeError(NOT_FOUND)
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        self._program = Program(
            [program, *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"]
        )
        try:
            self._port = int(self._program.says(r"DevTools listening on ws://127\.0\.0\.1:(\d+)/"))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and remove its profile."""
        self._program.close()
        self._profile.cleanup()

    def open(
        self,
        page: Path | str,
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        media: str = "",
        scripts: bool = True,
        before: str = "",
    ) -> "Tab":
        """
        A tab in which the page has loaded.

        Parameters
        ----------
        page : Path or str
            A file or an address.
        width, height, dark, media : int, int, bool, str
            Size in pixels, dark colour scheme, and "print" to see the page as it prints.
        scripts : bool
            Whether the page may run scripts.
        before : str
            A script to run before the page's own.
        """
        address = f"http://127.0.0.1:{self._port}/json/new?about:blank"
        request = urllib.request.Request(address, method="PUT")
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            tab = Tab(json.load(answer)["webSocketDebuggerUrl"])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        tab.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        tab.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        if before:
            tab.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        tab.go(page.absolute().as_uri() if isinstance(page, Path) else page)
        return tab


class Tab:
    """One page, with a record of what it did."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=SECONDS)
        self._number = 0
        self._events: list[dict[str, Any]] = []
        for domain in ("Page", "Network", "Log", "Runtime", "Audits"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.call("Page.close")
        self._socket.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The browser's answer to one command of its protocol."""
        deadline = time.monotonic() + SECONDS
        self._number += 1
        number = self._number
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = self._next(deadline, f"the answer to {method} {parameters}")
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def go(self, address: str) -> None:
        """Load an address and wait until it has loaded."""
        deadline = time.monotonic() + SECONDS
        seen = len(self._events)
        failed = self.call("Page.navigate", url=address).get("errorText")
        assert not failed, f"{address}: {failed}"
        while not any(e["method"] == "Page.loadEventFired" for e in self._events[seen:]):
            self._next(deadline, f"{address} to load")

    def _next(self, deadline: float, what: str) -> dict[str, Any]:
        """The browser's next message; fails if `what` has not come by the deadline."""
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            message = json.loads(self._socket.recv())
        except websocket.WebSocketTimeoutException:
            raise AssertionError(f"waited {SECONDS} s in vain for {what[:300]}") from None
        if "method" in message:
            self._events.append(message)
            if message["method"] == "Page.javascriptDialogOpening":
                # Sent without waiting for the answer: whoever reads next passes over it.
                self._number += 1
                close = {"id": self._number, "method": "Page.handleJavaScriptDialog"}
                self._socket.send(json.dumps({**close, "params": {"accept": True}}))
        return message

    # Looking

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, awaited if it is a promise."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait_for(self, condition: str, seconds: float | None = None) -> Any:
        """
        The value of the expression once it is truthy; fails when the deadline has passed.

        An expression that throws, or a page that is just being left, counts as not yet.
        """
        seconds = SECONDS if seconds is None else seconds
        deadline = time.monotonic() + seconds
        last: object = None
        while time.monotonic() < deadline:
            try:
                last = self.evaluate(condition)
                if last:
                    return last
                self.evaluate("new Promise(done => setTimeout(done, 25))")
            except RuntimeError as error:
                last = error
        raise AssertionError(f"not true within {seconds} s: {condition} (last: {last})")

    def settle(self) -> None:
        """Wait until all images are drawn and what the page had queued has run."""
        self.evaluate("Promise.allSettled([...document.images].map(image => image.decode()))")
        self.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Save the page as PNG, in full length or as far as the window shows it."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, size: tuple[float, float] = (8.5, 11)) -> bytes:
        """The page as it prints, on sheets of a size in inches: Letter, if none is given."""
        width, height = size
        made = self.call(
            "Page.printToPDF", printBackground=True, paperWidth=width, paperHeight=height
        )
        return base64.b64decode(made["data"])

    # Acting

    def click(self, selector: str) -> None:
        """Press the mouse in the middle of the first element that matches, as a person would."""
        find = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(f"{find} !== null")
        self.evaluate(f"{find}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = f"(b => [b.x + b.width / 2, b.y + b.height / 2])({find}.getBoundingClientRect())"
        x, y = self.evaluate(box)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str, selector: str | None = None) -> None:
        """Write text where the cursor is, or in the first element that matches."""
        if selector:
            self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def press(self, key: str, *, shift: bool = False, control: bool = False) -> None:
        """Press one key, such as "Enter"."""
        text, code = KEYS.get(key, (key, ord(key[0].upper())))
        modifiers = (8 if shift else 0) | (2 if control else 0)
        values = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        written = {"text": text} if text and not control and not (shift and key == "Enter") else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **values, **written)
        self.call("Input.dispatchKeyEvent", type="keyUp", **values)

    # The record

    def _of(self, method: str, take: Callable[[dict[str, Any]], Any]) -> list[Any]:
        return [take(e["params"]) for e in self._events if e["method"] == method]

    @property
    def requests(self) -> list[str]:
        """Addresses asked for, other than the page itself, files beside it and data in it."""
        asked = self._of("Network.requestWillBeSent", lambda p: p["request"]["url"])
        return [url for url in asked if not url.startswith(("data:", "file:", "blob:", "about:"))]

    @property
    def files(self) -> list[str]:
        """Files read: the page itself, and nothing else if it stands alone."""
        asked = self._of("Network.requestWillBeSent", lambda p: p["request"]["url"])
        return [url for url in asked if url.startswith("file:")]

    @property
    def dialogs(self) -> list[str]:
        """Texts of the dialogs that the page opened."""
        return self._of("Page.javascriptDialogOpening", lambda p: p["message"])

    @property
    def complaints(self) -> list[str]:
        """What the console says, uncaught exceptions, and what the security policy blocked."""
        logged = self._of("Log.entryAdded", lambda p: p["entry"]["text"])
        written = self._of("Runtime.consoleAPICalled", lambda p: json.dumps(p["args"]))
        thrown = self._of("Runtime.exceptionThrown", lambda p: p["exceptionDetails"]["text"])
        issues = self._of("Audits.issueAdded", lambda p: p["issue"]["code"])
        blocked = [code for code in issues if code == "ContentSecurityPolicyIssue"]
        return [*logged, *written, *thrown, *blocked]
