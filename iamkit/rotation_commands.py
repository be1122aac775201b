"""The command that rotates access keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from iamkit.counts import counted
from iamkit.exit_codes import ExitCode
from iamkit.terminal import AUDIT, FILE, FOLDER, end, settings_file, tell
from iamkit.values import few, printable


@click.command()
@click.argument("snapshot", type=AUDIT, required=False)
@click.option("--apply", "applies", is_flag=True, help="Do the steps that are due, in AWS.")
@click.option("--undo", is_flag=True, help="Take back what --apply did, as far as that can be.")
@click.option("--yes", is_flag=True, help="Do not ask before each step.")
@click.option("--user", "users", multiple=True, metavar="NAME", help="Only this user's keys.")
@click.option(
    "--topic",
    default="",
    metavar="ARN",
    help="SNS topic on which new keys are announced; without one, nobody is told.",
)
@click.option("--journal", type=FILE, help="Journal  [default: rotation.json beside the audits]")
@click.option("--profile", help="AWS profile; else the usual environment.")
@click.option("--region", help="AWS region in which the secrets are.")
@click.option("--role-arn", help="Role to assume first.")
@click.option("--external-id", help="External id that the role's trust policy asks for.")
@click.option("--mfa-serial", help="MFA device for assuming the role; asks for its code.")
@click.option("--lambda", "folder", type=FOLDER, help="Write the rotation as an AWS Lambda here.")
@click.option("--settings", type=FILE, help="YAML file with thresholds.")
@click.option(
    "--format",
    "how",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The plan as text for people, or as JSON, a key an object.",
)
def rotate(
    snapshot: Path | None,
    applies: bool,
    undo: bool,
    folder: Path | None,
    settings: Path | None,
    how: str,
    **options: Any,
) -> None:
    """
    Print the next step of each access key of SNAPSHOT, or do the steps that are due.

    A key is replaced in steps: make the second key, hand it over, see it in use, deactivate the
    first, wait, delete it. max_key_age_days, unused_days and key_wait_days of the settings say when
    each is due. Without --apply nothing is asked of AWS, and nothing is changed.

    With --apply AWS is asked what there is now. A new secret goes to Secrets Manager, where only
    its user can read it, and nowhere else. A user's last working key is never deactivated or
    deleted. A rotation that was cut off is gone on with. docs/rotation.md has more.

    With --topic the topic's subscribers learn who has a new key and how its user fetches it.
    Without it nobody is told: the run and the plan name the command by which its user fetches the
    key; send that to the user.

    With --lambda a folder is written that deploys the same as an AWS Lambda function.
    """
    if applies + undo + bool(folder) > 1:
        raise click.UsageError("--apply, --undo and --lambda are three things; name one")
    given = [name for name, value in options.items() if value and (folder or name != "journal")]
    if given and not (applies or undo):
        option = f"--{given[0].replace('_', '-').replace('users', 'user')}"
        raise click.UsageError(f"{option} goes with --apply or --undo")
    if folder and snapshot is None:
        _write(folder, None, settings)
        return
    from iamkit.account import load
    from iamkit.rotation import DiskJournal, apply, as_json, plan, text

    account = load(snapshot or "latest", settings_file(settings) or "")
    if folder:
        _write(folder, account, settings)
        return
    journal = options.pop("journal") or apply.journal_path(account)
    if applies or undo:
        _apply(account, journal, undo=undo, **options)
        return
    made = plan(account, DiskJournal(journal, account.account_id))
    click.echo({"text": text, "json": as_json}[how](made), nl=False)


def _write(folder: Path, account: Any, settings: Path | None) -> None:
    from iamkit.rotation import hindrances, lambda_folder, limits
    from iamkit.settings import Settings
    from iamkit.settings_files import read

    chosen = settings_file(settings) if account is None else None
    ours = account.settings if account else read(chosen) if chosen else Settings()
    notes = hindrances(account) if account else {}
    click.echo(lambda_folder.write_lambda_folder(folder, limits(ours), notes))


def _apply(
    account: Any,
    journal: Path,
    *,
    undo: bool,
    yes: bool,
    users: tuple[str, ...],
    topic: str,
    **options: Any,
) -> None:
    from iamkit.evidence import sessions
    from iamkit.rotation import apply

    signed_in = sessions.sign_in(
        mfa_code=lambda: str(click.prompt("MFA code", hide_input=True, err=True)), **options
    )
    done = apply.apply(
        account,
        signed_in,
        journal=journal,
        ask=lambda question: yes or click.confirm(printable(question), err=True),
        say=lambda line: click.echo(printable(line)),
        topic=topic,
        users=users,
        undo=undo,
    )
    for failure in done.failures:
        tell(f"iamkit: {failure}")
    left = ", ".join(f"{number} {state}" for state, number in sorted(done.left.items()))
    seen = counted(done.users, "users")
    tell(f"Looked at {seen}; steps left: {left or 'none'}. Journal: {journal}")
    said = few((failure.split(":")[0] for failure in done.failures), 3)
    end(ExitCode.FAILED, f"not done for {said}; run it again" if said else "")
