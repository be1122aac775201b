"""The commands that write, check and show settings files."""

from __future__ import annotations

from pathlib import Path

import click

from iamkit.counts import counted
from iamkit.exit_codes import ExitCode
from iamkit.terminal import FILE, end, settings_file, tell
from iamkit.values import printable


@click.group()
def settings() -> None:
    """
    Write, check and show settings files.

    Where --settings names none, commands take iamkit.yaml, or iamkit.yml, of the working folder;
    the variable IAMKIT_SETTINGS names another.
    """


@settings.command()
@click.argument("file", type=FILE, default="iamkit.yaml")
def init(file: Path) -> None:
    """Write FILE, a settings file in which every setting is explained, and print its path."""
    from iamkit import settings_files

    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(settings_files.template())
    except FileExistsError as error:
        raise click.UsageError(f"{file} is there already; name another, or change that") from error
    except OSError:
        file.unlink(missing_ok=True)  # half of it
        raise
    click.echo(file)


@settings.command()
@click.argument("file", type=FILE, required=False)
def check(file: Path | None) -> None:
    """Say what is wrong with FILE, line by line; exit code 2 if anything is."""
    from iamkit import fleet
    from iamkit.checks import every
    from iamkit.settings_files import read_all

    chosen = settings_file(file)
    if chosen is None:
        raise click.UsageError("there is no iamkit.yaml here; `iamkit settings init` writes one")
    ours, problems = read_all(chosen)
    problems += fleet.read_all(chosen)[1]
    if not problems:
        every(ours)  # accepted risks name checks, and own checks are read
    for problem in problems:
        tell(f"iamkit: {problem}")
    mistakes = counted(len(problems), "mistakes")
    end(ExitCode.WRONG_INPUT, f"{chosen} has {mistakes}" if problems else "")
    click.echo(f"{chosen} is in order")


@settings.command()
@click.argument("file", type=FILE, required=False)
def show(file: Path | None) -> None:
    """Print each setting that is in force, its default, and where its value comes from."""
    from iamkit import settings_files

    shown = settings_files.in_force(settings_file(file), {})
    for _, row in shown.iterrows():
        click.echo(printable(f"{row['setting']}: {row['value']}  ({row['from']})"))
