"""
A report as PDF, printed by a Chromium of this machine from one HTML document (see `combined`).

Chromium is a program of its own and no dependency: where there is none, or it fails, `PrintError`
says so, and the rest of the report is made all the same. The document is opened from a temporary
folder with a profile of its own, and has no script and nothing to load.

The same document gives the same bytes as long as Chromium and the fonts are the same (`steady`).
`printed_with` reads both from a PDF.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from iamkit.errors import PrintError, one_line
from iamkit.report.temporary import RunFolder

PDF: Final = "report.pdf"
VARIABLE: Final = "IAMKIT_CHROMIUM"
NAMES: Final = (
    "chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome",
    "microsoft-edge", "msedge",
)  # fmt: skip
PLACES: Final = (  # of macOS, where programs are in no PATH
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
FLAGS: Final = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-pdf-header-footer",  # the style sheet has its own
    "--export-tagged-pdf",
    "--generate-pdf-document-outline",
)
SECONDS: Final = 600  # a report of 5,000 users takes seven
_DATE: Final = re.compile(rb"(/(?:CreationDate|ModDate) \(D:)\d{14}(\+00'00'\))")
_NODE: Final = re.compile(rb"\(node\d{8}\)")

Printer = Callable[[str, datetime], bytes]


def chromium(environment: Mapping[str, str] = os.environ) -> str:
    """
    Return the path of the program: that which the variable names, or the first one found.

    Raises `PrintError` if there is none.
    """
    named = environment.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if not found:
            raise PrintError(f"{VARIABLE} names {named}, which is no program; correct or unset it")
        return found
    for each in (*NAMES, *PLACES):
        if found := shutil.which(each):
            return found
    raise PrintError(
        "no Chromium, Chrome or Edge is found; install one (on Debian: apt install chromium), or "
        f"name its program in {VARIABLE}"
    )


def printed(document: str, as_of: datetime) -> bytes:
    """
    Return the PDF of an HTML document: tagged, with an outline, its dates set to `as_of`.

    Raises `PrintError` if there is no Chromium, or it makes none.
    """
    program, run = chromium(), RunFolder()
    page, made, log = (run.path / name for name in ("report.html", PDF, "log"))
    try:
        page.write_text(document, encoding="utf-8", errors="replace")
        root = ("--no-sandbox",) if getattr(os, "geteuid", lambda: 1)() == 0 else ()  # it refuses
        places = (f"--user-data-dir={run.path / 'profile'}", f"--print-to-pdf={made}")
        _run([program, *FLAGS, *root, *places, page.as_uri()], run.path, log)
        content = made.read_bytes() if made.is_file() else b""
        if not content.startswith(b"%PDF") or b"%%EOF" not in content[-16:]:
            raise PrintError(f"{program} wrote no PDF; it says: {_last_line(log)}")
    except OSError as error:
        raise PrintError(f"{program} cannot print: {one_line(error)}") from error
    finally:
        run.close()
    return steady(content, as_of)


def steady(pdf: bytes, as_of: datetime) -> bytes:
    """
    Return a PDF without what differs from run to run, byte for byte as long as before.

    That is the two dates of its making, and the names of elements, which Chromium numbers in the
    order in which it comes across them; here they are numbered by their rank.
    """
    dated = _DATE.sub(rf"\g<1>{as_of.astimezone(UTC):%Y%m%d%H%M%S}\g<2>".encode(), pdf)
    ranks = {
        name: b"(node%08d)" % rank for rank, name in enumerate(sorted({*_NODE.findall(dated)}))
    }
    return _NODE.sub(lambda found: ranks[found[0]], dated)


def _run(command: list[str], folder: Path, log: Path) -> None:
    """Run the program to its end; what it says goes to a file, which no helper can hold open."""
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 - found on the path, or named by the user
            command,
            env={**os.environ, "TZ": "UTC", "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise PrintError(f"{command[0]} did not end within {SECONDS} seconds") from error
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program with all that it started."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").split("\n")
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "nothing")


def printed_with(pdf: bytes) -> dict[str, Any]:
    """Return what a PDF says of how it was made: `chromium`, its version, and the `fonts`."""
    version = re.search(rb"/Creator \([^\n]*?Chrome/([\d.]+)", pdf)
    fonts = re.findall(rb"/BaseFont /(?:[A-Z]{6}\+)?([\w.-]+)", pdf)
    return {
        "chromium": version[1].decode() if version else "unknown",
        "fonts": sorted({each.decode() for each in fonts}),
    }
