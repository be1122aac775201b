"""
The command line: `iamkit collect`, `verify`, `demo`, `report`, `rebuild`, `diff`,
`settings` and `lab`.

No logic lives here. The path of what was made is the only thing on standard output; progress, notes
and errors go to standard error. Exit codes: see `exit_codes`.
"""

from __future__ import annotations

import errno
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iamkit import exit_codes
from iamkit.errors import IamkitError, one_line
from iamkit.exit_codes import ExitCode
from iamkit.values import printable

if TYPE_CHECKING:
    from iamkit.evidence import Snapshot

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)

OUT = click.option(
    "--out", type=FOLDER, default="reports", show_default=True, help="Folder for snapshots."
)


REQUIRE = click.option(
    "--require",
    "required",
    multiple=True,
    metavar="EVIDENCE",
    help="Evidence that must be there, such as credential_report; exit code 3 if it is not.",
)
SEVERITY = click.Choice(["critical", "high", "medium", "low"])


class _Audit(click.ParamType[Path]):
    """A snapshot or report by its path, or by a word for one under `reports/`."""

    name = "audit"

    def __init__(self, *, report: bool = False) -> None:
        self._report = report

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from iamkit.evidence import snapshot as snapshots

        path = snapshots.named(value, snapshots.reports_folder(Path.cwd()))
        return path.parent if self._report and path != Path(value) else path


AUDIT, MADE = _Audit(), _Audit(report=True)


SECTIONS = {
    "Every month": ("collect", "report", "diff"),
    "Evidence and reports that were made": ("verify", "rebuild"),
    "Settings": ("settings",),
    "To try, and to explore": ("demo", "lab"),
}


class _Commands(click.Group):
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
                raise  # whoever read the output has ended; click knows what to do
            if ctx.params.get("debug"):
                traceback.print_exc()
            if isinstance(error, click.Abort):
                error = KeyboardInterrupt()
            _tell(f"iamkit: {_said(error)}")
            ctx.exit(exit_codes.of_error(error))


def _tell(text: str) -> None:
    """Write one line to standard error; nothing in it acts on the terminal."""
    click.echo(printable(" ".join(text.split())), err=True)


def _said(error: BaseException) -> str:
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


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="iamkit")
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error.")
def main(debug: bool) -> None:
    """
    Audit and report on AWS IAM.

    `iamkit collect` takes an account's evidence, `iamkit report` turns it into HTML pages, and
    `iamkit demo` makes the evidence of an invented company to try both with.
    """


@main.command()
@click.option("--profile", help="AWS profile; else the usual environment.")
@click.option("--region", help="AWS region; IAM is global, Access Analyzer is not.")
@click.option("--role-arn", help="Role to assume first.")
@click.option("--external-id", help="External id that the role's trust policy asks for.")
@click.option("--mfa-serial", help="MFA device for assuming the role; asks for its code.")
@click.option("--last-accessed", is_flag=True, help="Also ask which services are used. Slow.")
@click.option("--from-files", type=FOLDER, help="Folder of answers that the AWS CLI saved.")
@click.option("--credential-report", type=FILE, help="Saved credential report: CSV, JSON or text.")
@click.option("--authorization-details", type=FILE, help="Saved account authorization details.")
@click.option("--password-policy", type=FILE, help="Saved account password policy.")
@click.option("--account-summary", type=FILE, help="Saved account summary.")
@click.option("--as-of", help="When saved files were made, if none says: 2026-11-01T06:00:00Z.")
@REQUIRE
@OUT
def collect(
    out: Path, as_of: str | None, from_files: Path | None, required: tuple[str, ...], **options: Any
) -> None:
    """
    Take an account's evidence, from AWS or from saved files, and print the snapshot's path.

    Everything asked of AWS is read-only; the README has the policy it takes. To save files instead:

    \b
      aws iam generate-credential-report
      aws iam get-credential-report > report.json
      aws iam get-account-authorization-details > details.json
      aws iam get-account-password-policy > password-policy.json
      aws iam get-account-summary > summary.json
    """  # noqa: D301 - click reads the character, which keeps the lines apart
    from iamkit.evidence import cli_files, requests

    for name in required:
        requests.named(name)
    named = {name: path for name in cli_files.NAMED if (path := options.pop(name))}
    if named or from_files:
        given = [name for name, value in options.items() if value]
        if given:
            option = given[0].replace("_", "-")
            raise click.UsageError(f"--{option} asks AWS, which saved files replace; leave one out")
        path = cli_files.from_files(out, from_files, named, as_of=_time(as_of), note=_tell)
        _collected(path, required)
        return
    if as_of:
        raise click.UsageError("--as-of goes with saved files; AWS says itself when it answered")
    from iamkit.evidence import aws

    with _progress("Collecting") as progress:
        path = aws.from_aws(
            out,
            mfa_code=lambda: str(click.prompt("MFA code", hide_input=True, err=True)),
            progress=progress,
            **options,
        )
    _collected(path, required)


def _collected(path: Path, required: tuple[str, ...]) -> None:
    """Say what was taken, what is missing, and the hash that is to be kept elsewhere."""
    from iamkit.evidence import snapshot as snapshots

    opened = snapshots.read(path)
    for line in snapshots.taken(opened):
        _tell(line)
    _tell(f"Evidence {opened.evidence_hash}: keep this hash where others cannot write")
    click.echo(path)
    _end(ExitCode.GAPS, _gaps(opened, required))


@main.command()
@click.argument("path", type=MADE)
@click.option("--expect", metavar="SHA256", help="Hash, kept elsewhere, of the evidence or report.")
def verify(path: Path, expect: str | None) -> None:
    """
    Check every file of PATH, a snapshot or a report, against the hash taken when it was made.

    This proves that nothing was changed by accident, or by somebody who did not seal it anew.
    Somebody who may write to the folder can do that, so compare with a hash that they cannot
    change: `iamkit collect` and `iamkit report` print it, and each page has the evidence's at its
    foot.
    """
    from iamkit.report import PROVES
    from iamkit.report import verify as verified

    found = verified(path)
    said = found.expected(expect) if expect else f"{PROVES}."
    if found.report:
        click.echo(f"{found.path}: {found.files} files are as made; report {found.report}")
        where = found.snapshot or "of evidence that is not beside it"
        click.echo(f"{where}: evidence {found.evidence}")
    else:
        click.echo(f"{found.path}: {found.files} files are as collected; evidence {found.evidence}")
    for failure in found.failures:
        click.echo(f"iamkit: when it was made, this failed: {failure}", err=True)
    click.echo(said, err=True)


@main.command()
@click.option("--users", type=click.IntRange(41, 20000), default=60, show_default=True)
@click.option("--months", type=click.IntRange(1, 60), default=1, show_default=True)
@click.option("--date", default=None, help="Day of the last snapshot  [default: 2026-11-01]")
@click.option("--seed", type=int, default=7, show_default=True)
@OUT
def demo(out: Path, users: int, months: int, date: str | None, seed: int) -> None:
    """Make snapshots of an invented company and print the path of the last one."""
    from iamkit import demo as demo_company

    with _progress("Demo company") as progress:
        path = demo_company.snapshots(
            out,
            months=months,
            date=_time(date) or demo_company.DATE,
            users=users,
            seed=seed,
            progress=progress,
        )
    click.echo(path)


@main.command()
@click.argument("snapshot", type=AUDIT)
@click.option("--out", type=FOLDER, help="Folder for the pages  [default: beside the snapshot]")
@click.option("--settings", type=FILE, help="YAML file with thresholds.")
@click.option(
    "-p",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Setting for the whole report, or notebook parameter: -p max_key_age_days 60.",
)
@click.option("--notebooks", type=FOLDER, help="Folder of notebooks  [default: the kit's own]")
@click.option("--fail-on", type=SEVERITY, help="Exit code 1 if a finding is as severe, or more.")
@REQUIRE
def report(
    snapshot: Path,
    out: Path | None,
    settings: Path | None,
    parameters: tuple[tuple[str, str], ...],
    notebooks: Path | None,
    fail_on: str | None,
    required: tuple[str, ...],
) -> None:
    """
    Run the notebooks on SNAPSHOT, render one HTML file each, and print the index's path.

    SNAPSHOT is a folder, or a word for one under reports/: latest, previous, last-month, or a month
    such as 2026-10. The folder holds the old report until the new one is whole. Files in it that
    are of no report are never touched; one that is in the way is an error.
    """
    from iamkit.evidence import requests
    from iamkit.evidence import snapshot as snapshots
    from iamkit.report import render

    for name in required:
        requests.named(name)
    with _progress("Reporting") as progress:
        made = render(
            snapshot,
            out,
            parameters=dict(parameters),
            settings=_settings_file(settings),
            notebooks=notebooks,
            progress=progress,
        )
    for note in made.notes:
        _tell(f"Settings: {note}")
    click.echo(f"Report {made.sha256}: keep this hash where others cannot write", err=True)
    click.echo(made.index)
    _end(ExitCode.GAPS, _gaps(snapshots.read(snapshot), required))
    _end(ExitCode.FOUND, _found(made.findings, fail_on))


@main.command()
@click.argument("report", type=MADE)
@click.option("--snapshot", type=AUDIT, help="Its evidence  [default: beside the pages]")
@click.option("--settings", type=FILE, help="Its settings file, if that names checks of your own.")
@click.option("--notebooks", type=FOLDER, help="Its notebooks, if they are not the kit's own.")
def rebuild(
    report: Path, snapshot: Path | None, settings: Path | None, notebooks: Path | None
) -> None:
    """
    Make REPORT again from its evidence, in a temporary folder, and say whether every byte is equal.

    Settings and parameters are those of the report. Nothing is written to its folder.
    """
    from iamkit.report import rebuild as rebuilt

    with _progress("Rebuilding") as progress:
        made = rebuilt(report, snapshot, settings=settings, notebooks=notebooks, progress=progress)
    for reason in made.reasons:
        click.echo(f"iamkit: not made with the same: {reason}", err=True)
    if not made.differing:
        click.echo(f"{made.path}: made again, every byte of {made.files} files is equal")
    for name in made.differing:
        click.echo(f"{name} differs")
    said = f"{len(made.differing)} of {made.files} files differ from what the evidence gives"
    _end(ExitCode.FOUND, said if made.differing else "")


@main.command()
@click.argument("before", type=AUDIT, default="previous")
@click.argument("after", type=AUDIT, default="latest")
@click.option("--settings", type=FILE, help="YAML file with thresholds, for both.")
@click.option(
    "--format",
    "how",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="Text for people, JSON with every action and line, or CSV, a fact a row.",
)
@click.option(
    "--fail-on", type=SEVERITY, help="Exit code 1 if a finding as severe, or more, is new."
)
def diff(before: Path, after: Path, settings: Path | None, how: str, fail_on: str | None) -> None:
    """
    Say what changed from one audit of an account to another.

    BEFORE and AFTER are folders of snapshots, or words for one under reports/: latest, previous,
    last-month, or a month such as 2026-10. Without them, what changed since the audit before is
    said. Both are judged with the same settings and the same version, so all that differs is the
    account.
    """
    from iamkit.account import load
    from iamkit.pages import differences
    from iamkit.report import MARK, as_csv

    chosen = _settings_file(settings)
    with _progress("Comparing") as progress:
        accounts = []
        for number, path in enumerate((before, after)):
            progress(path.parent.name, number, 2)
            accounts.append(load(path, chosen or ""))
        found = differences.between(*accounts)
        progress(after.parent.name, 2, 2)
    texts = {"text": found.text, "json": found.json, "csv": MARK + as_csv(found.changes)}
    click.echo(texts[how], nl=False)
    _end(ExitCode.FOUND, found.worse_than(fail_on) if fail_on else "")


@main.group()
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
    from iamkit.checks import every
    from iamkit.settings import read_all

    chosen = _settings_file(file)
    if chosen is None:
        raise click.UsageError("there is no iamkit.yaml here; `iamkit settings init` writes one")
    ours, problems = read_all(chosen)
    if not problems:
        every(ours)  # accepted risks name checks, and own checks are read
    for problem in problems:
        _tell(f"iamkit: {problem}")
    _end(ExitCode.WRONG_INPUT, f"{chosen} has {len(problems)} mistakes" if problems else "")
    click.echo(f"{chosen} is in order")


@settings.command()
@click.argument("file", type=FILE, required=False)
def show(file: Path | None) -> None:
    """Print each setting that is in force, its default, and where its value comes from."""
    from iamkit import settings_files

    shown = settings_files.in_force(_settings_file(file), {})
    for _, row in shown.iterrows():
        click.echo(printable(f"{row['setting']}: {row['value']}  ({row['from']})"))


def _settings_file(named: Path | None) -> Path | None:
    """The settings file that a command uses: the one named, else one that is found."""
    from iamkit import settings_files

    if named is not None:
        return named
    chosen = settings_files.found(Path.cwd())
    if chosen:
        _tell(f"Settings of {chosen}")
    return chosen


@main.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--out", type=FOLDER, default="iamkit-lab", show_default=True, help="Folder for the copies."
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[JUPYTERLAB OPTIONS]...")
def lab(out: Path, options: tuple[str, ...]) -> None:
    """
    Open copies of the notebooks in JupyterLab.

    Notebooks that you changed in that folder are left as they are. They read the newest snapshot
    under the folder's `reports/` or the nearest one above; if there is none, the demo company's is
    made. Any other option goes to JupyterLab, such as --no-browser or --port 8890. It listens on
    this machine only.
    """
    import subprocess

    from iamkit import demo as demo_company
    from iamkit.evidence import snapshot as snapshots
    from iamkit.report import lab_command, workspace

    notebooks, kept = workspace(out)
    if kept:
        click.echo(f"iamkit: left as you changed them: {', '.join(kept)}", err=True)
    command = lab_command(notebooks, options)
    root = snapshots.reports_folder(out)
    if not snapshots.under(root):
        with _progress("Demo company") as progress:
            demo_company.snapshots(root, progress=progress)
    sys.exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - its own interpreter


def _gaps(opened: Snapshot, required: tuple[str, ...]) -> str:
    """What required evidence is missing, in words; empty if none is."""
    from iamkit.evidence import requests

    asked = {name: requests.named(name) for name in required}
    lacking = [f"{name} ({of.meaning})" for name, of in asked.items() if opened.lacks(of.file)]
    return f"evidence that --require names is missing: {'; '.join(lacking)}" if lacking else ""


def _found(findings: Mapping[str, int], fail_on: str | None) -> str:
    """How many findings are as severe as that, in words; empty if none is."""
    grave = SEVERITY.choices[: SEVERITY.choices.index(fail_on) + 1] if fail_on else ()
    counted = [f"{findings[name]} {name}" for name in grave if findings.get(name)]
    return f"findings at or above {fail_on}: {', '.join(counted)}" if counted else ""


def _end(code: ExitCode, said: str) -> None:
    """End the command with a code, and say why, if there is something to say."""
    if said:
        click.echo(f"iamkit: {said}", err=True)
        click.get_current_context().exit(code)


@contextmanager
def _progress(title: str) -> Iterator[Any]:
    """Show progress on standard error: a bar on a terminal, a line a step elsewhere."""
    from tqdm import tqdm

    if not sys.stderr.isatty():
        yield partial(_line, title)
        return
    with tqdm(desc=title, file=sys.stderr, leave=False) as bar:

        def step(what: str, done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.set_postfix_str(what)

        yield step


def _line(title: str, what: str, done: int, total: int) -> None:
    """One line a step; of many steps only every tenth part."""
    if total <= 25 or done * 10 // total != (done - 1) * 10 // total:
        click.echo(f"{title}: {done}/{total} {what}", err=True)


def _time(text: str | None) -> datetime | None:
    from iamkit.evidence import parse_time

    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no ISO 8601 time such as 2026-11-01T06:00:00Z ({error})"
        ) from error


_EVERY = {**main.commands, **{f"settings {name}": of for name, of in settings.commands.items()}}
for _name, _command in _EVERY.items():
    _codes = "\n".join(f"  {code}  {said}" for code, said in exit_codes.of_command(_name).items())
    _command.epilog = f"\b\nExit codes:\n{_codes}"
