"""
The command line: `iamkit collect`, `verify`, `demo`, `report` and `lab`. No logic lives here.

The path of what was made is the only thing on standard output; progress and errors go to standard
error. Exit codes: 0 done, 1 a notebook or a check failed and the pages say why, 2 bad input or no
evidence.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from iamkit.errors import BrokenCheckError, IamkitError, NotebookError

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)

OUT = click.option(
    "--out", type=FOLDER, default="reports", show_default=True, help="Folder for snapshots."
)


class _Commands(click.Group):
    """Turns the kit's errors into one line and an exit code; with --debug, shows everything."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except IamkitError as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            click.echo(f"iamkit: {' '.join(str(error).split())}", err=True)
            ctx.exit(1 if isinstance(error, NotebookError | BrokenCheckError) else 2)


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
@OUT
def collect(out: Path, as_of: str | None, from_files: Path | None, **options: Any) -> None:
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
    from iamkit.evidence import cli_files

    named = {name: path for name in cli_files.NAMED if (path := options.pop(name))}
    if named or from_files:
        given = [name for name, value in options.items() if value]
        if given:
            option = given[0].replace("_", "-")
            raise click.UsageError(f"--{option} asks AWS, which saved files replace; leave one out")
        note = partial(click.echo, err=True)
        click.echo(cli_files.from_files(out, from_files, named, as_of=_time(as_of), note=note))
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
    click.echo(path)


@main.command()
@click.argument("snapshot", type=FOLDER)
def verify(snapshot: Path) -> None:
    """Check every file of SNAPSHOT against the hash taken when it was collected."""
    from iamkit.evidence import snapshot as snapshots

    opened = snapshots.read(snapshot)
    files = len(opened.manifest["files"])
    click.echo(f"{opened.path}: {files} files are as collected; evidence {opened.evidence_hash}")


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
@click.argument("snapshot", type=FOLDER)
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
def report(
    snapshot: Path,
    out: Path | None,
    settings: Path | None,
    parameters: tuple[tuple[str, str], ...],
    notebooks: Path | None,
) -> None:
    """Run the notebooks on SNAPSHOT, render one HTML file each, and print the index's path."""
    from iamkit.report import render

    with _progress("Reporting") as progress:
        made = render(
            snapshot,
            out,
            parameters=dict(parameters),
            settings=settings,
            notebooks=notebooks,
            progress=progress,
        )
    click.echo(made.index)


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
