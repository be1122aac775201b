"""The command that compares a sample of decisions with AWS's own policy simulator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from iamkit.exit_codes import ExitCode
from iamkit.progress import progress_bar
from iamkit.terminal import AUDIT, FILE, FOLDER, end, settings_file

if TYPE_CHECKING:
    from iamkit.account import Account
    from iamkit.confirm import SimulatedRequest


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
    "--remedies",
    "of_remedies",
    is_flag=True,
    help="Ask also for what each remedy takes away, as if it were applied.",
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
    of_remedies: bool,
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
    decisions, and the AWS CLI command that asks the simulator the same. With --remedies it is also
    asked for what each remedy takes away, with the policies left out or replaced that it changes.
    """
    from iamkit import confirm as confirming
    from iamkit.account import load

    account = load(snapshot, settings_file(settings) or "")
    drawn = confirming.sample(account, number, seed)
    if of_remedies:
        drawn += _of_remedies(account)
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


def _of_remedies(account: Account) -> list[SimulatedRequest]:
    """Requests that the remedies end, asked as if they were applied."""
    from iamkit import confirm as confirming
    from iamkit.remedies import remedies

    with progress_bar("Trying") as progress:
        found, _ = remedies(account, progress)
    asked: list[SimulatedRequest] = []
    for each in found:
        pairs = zip(each.lost["principal_arn"], each.lost["lost_actions"], strict=True)
        after = account.what_if(*each.proposal.changes)
        source = f"after {each.proposal.id}"
        asked += confirming.after_changes(account, after, dict(pairs), source)
    return asked
