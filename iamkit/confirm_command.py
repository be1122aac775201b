"""The command that compares a sample of decisions with AWS's own policy simulator."""

from __future__ import annotations

from pathlib import Path

import click

from iamkit.exit_codes import ExitCode
from iamkit.progress import progress_bar
from iamkit.terminal import AUDIT, FILE, FOLDER, end, settings_file


@click.command()
@click.argument("snapshot", type=AUDIT, default="latest")
@click.option("--profile", help="AWS profile; else the usual environment.")
@click.option("--region", help="AWS region; IAM is global in a partition.")
@click.option("--role-arn", help="Role to assume first.")
@click.option("--external-id", help="External id that the role's trust policy asks for.")
@click.option("--number", type=click.IntRange(1, 10000), default=100, show_default=True)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Another seed, another sample."
)
@click.option(
    "--format",
    "how",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, or JSON with every request.",
)
@click.option("--out", type=FOLDER, help="Folder for confirm.json  [default: beside the snapshot]")
@click.option("--settings", type=FILE, help="YAML file with thresholds and approved networks.")
def confirm(
    snapshot: Path,
    number: int,
    seed: int,
    how: str,
    out: Path | None,
    settings: Path | None,
    **session: str | None,
) -> None:
    """
    Ask AWS's policy simulator about a sample of what the kit decides, and print what differs.

    Half of the sample is allowed and half refused, by the kit. It is asked with
    iam:SimulatePrincipalPolicy, which only reads; the credentials must be of the account of
    SNAPSHOT. What the simulator cannot judge is said, and why. confirm.json has every request, both
    decisions, and the AWS CLI command that asks the simulator the same.
    """
    from iamkit import confirm as confirming
    from iamkit.account import load

    account = load(snapshot, settings_file(settings) or "")
    drawn = confirming.sample(account, number, seed)
    planned = confirming.planned(account, drawn, seed)
    with confirming.Unfinished(out or account.snapshot.path.parent, planned) as file:
        from iamkit.evidence import aws

        ask = aws.asking(**session)
        with progress_bar("Asking AWS") as progress:
            compared = confirming.compare(account, drawn, ask, seed=seed, progress=progress)
        path = file.finish(compared)
    click.echo(compared.json if how == "json" else compared.text, nl=False)
    click.echo(path, err=True)
    end(ExitCode.FOUND, compared.disagreements)
