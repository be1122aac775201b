"""`iamkit run`, which audits many accounts, and `iamkit fetch`, which downloads their reports."""

from __future__ import annotations

from pathlib import Path

import click

from iamkit.progress import progress_bar
from iamkit.terminal import FILE, FOLDER, found_settings_file


@click.command("run")
@click.argument("file", type=FILE, required=False)
@click.option("--fresh", is_flag=True, help="Begin anew where an earlier run was cut off.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Audit as many accounts at a time, each in a process. Needs iamkit[fleet].",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Let the workers of a Dask scheduler audit: tls://…, or tcp:// on loopback.",
)
@click.option("--quiet", is_flag=True, help="Say only what went wrong.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or a JSON object per line.",
)
def run_accounts(
    file: Path | None,
    fresh: bool,
    workers: int | None,
    scheduler: str | None,
    quiet: bool,
    log_format: str,
) -> None:
    """
    Audit every account that FILE lists, as a schedule does every month, and print the overview.

    FILE is a settings file with `accounts:`; without it, iamkit.yaml of the working folder is
    taken, or the file that IAMKIT_SETTINGS names. For each account evidence is taken, a report made
    and compared with the audit before.
    An account that fails does not stop the others. A run that was cut off within the last day is
    gone on with. `iamkit settings init` writes a file to begin with.
    """
    from iamkit import fleet

    chosen = file or found_settings_file()
    if chosen is None:
        raise click.UsageError(
            "there is no iamkit.yaml here that lists accounts; `iamkit settings init` writes one"
        )
    done = fleet.run(
        fleet.read(chosen),
        fleet.Log(log_format, quiet=quiet),
        fresh=fresh,
        number=workers or 0,
        scheduler=scheduler or "",
    )
    if not quiet:
        click.echo(done.index)
    click.get_current_context().exit(done.exit_code)


@click.command()
@click.argument("address")
@click.argument("folder", type=FOLDER)
@click.option(
    "--all", "every", is_flag=True, help="Every audit, not only the newest of each account."
)
def fetch(address: str, folder: Path, every: bool) -> None:
    """
    Download reports from object storage into FOLDER, and print the path of their first page.

    ADDRESS is that of `reports` in the run file, such as s3://bucket/prefix. FOLDER then looks as
    if `iamkit run` had written it: the newest audit of each account, and the page over all of them.
    """
    from iamkit import storage

    with progress_bar("Fetching") as progress:
        made = storage.fetch(storage.storage(address), folder, every=every, progress=progress)
    click.echo(made / "index.html")
