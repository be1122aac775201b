"""
What all commands share: what they take, how they speak, and how they end.

The path of what was made is the only thing on standard output; progress, notes and errors go to
standard error.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from iamkit import exit_codes
from iamkit.errors import IamkitError, one_line
from iamkit.exit_codes import ExitCode
from iamkit.values import printable

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)

SEVERITY = click.Choice(["critical", "high", "medium", "low"])


class Audit(click.ParamType[Path]):
    """
    A snapshot or report by its path, or by a word for one under `reports/`.

    If the settings file that is found is a run file, it says where that folder is. Also an address
    of object storage, from which the audit is downloaded.
    """

    name = "audit"

    def __init__(self, *, report: bool = False) -> None:
        self._report = report

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from iamkit.storage import audit_named

        path = audit_named(value)
        if path != Path(value):  # of several accounts, it is the one collected last
            tell(f"{value}: account {path.parents[1].name}, evidence of {path.parent.name}")
        return path.parent if self._report and path != Path(value) else path


AUDIT, MADE = Audit(), Audit(report=True)


SECTIONS = {
    "Every month": ("run", "fetch"),
    "One account": ("collect", "report", "diff", "remedies", "confirm"),
    "Evidence and reports that were made": ("verify", "rebuild"),
    "Access keys": ("rotate",),
    "Settings": ("settings",),
    "To try, and to explore": ("demo", "lab"),
}


class Commands(click.Group):
    """
    Turns errors and signals into one line and an exit code; with --debug, shows everything.

    Its help lists the commands by what they are for.
    """

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in SECTIONS.items():
            rows = [(name, self.commands[name].get_short_help_str(200)) for name in names]
            with formatter.section(title):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _signals_interrupt():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                _write_nowhere()  # whoever read the output has ended
                ctx.exit(exit_codes.of_error(error))
            if ctx.params.get("debug"):
                traceback.print_exc()
            if isinstance(error, click.Abort):
                error = KeyboardInterrupt()
            tell(f"iamkit: {said_of(error)}")
            ctx.exit(exit_codes.of_error(error))


def _write_nowhere() -> None:
    """Let what is still to be written go nowhere: Python would complain when it ends."""
    with Path(os.devnull).open("w") as nothing, suppress(OSError, ValueError):
        os.dup2(nothing.fileno(), sys.stdout.fileno())


def tell(text: str) -> None:
    """Write one line to standard error; nothing in it acts on the terminal."""
    click.echo(printable(" ".join(text.split())), err=True)


def said_of(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {one_line(error)}" if error.filename else one_line(error)
    if isinstance(error, IamkitError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; what was there before is as it was"
    said = one_line(error) if isinstance(error, Exception) else ""
    return (
        f"{type(error).__name__}: {said}. This is a fault of iamkit, not of what you "
        "gave it: run it again as `iamkit --debug …`, and report what that prints"
    )


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, so that it clears up behind it."""
    numbers = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    # What is ignored stays so: `nohup` asks for that.
    before = {
        n: signal.getsignal(n) for n in numbers if n and signal.getsignal(n) == signal.SIG_DFL
    }
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def settings_file(named: Path | None) -> Path | None:
    """The settings file that a command uses: the one named, else one that is found."""
    if named is not None:
        return named
    chosen = found_settings_file()
    if chosen:
        tell(f"Settings of {chosen}")
    return chosen


def found_settings_file() -> Path | None:
    """The settings file of the working folder, or the one that the environment names."""
    from iamkit import settings_files

    return settings_files.found(Path.cwd())


def end(code: ExitCode, said: str) -> None:
    """End the command with a code, and say why, if there is something to say."""
    if said:
        click.echo(f"iamkit: {said}", err=True)
        click.get_current_context().exit(code)


def time_of(text: str | None) -> datetime | None:
    from iamkit.evidence import parse_time

    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no ISO 8601 time such as 2026-11-01T06:00:00Z ({error})"
        ) from error
