"""
The commands of iamkit; `run`, `settings`, `rotate` and others have modules of their own.

No logic lives here. What commands share is in `terminal`; exit codes: see `exit_codes`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from iamkit import exit_codes
from iamkit.confirm_command import confirm
from iamkit.counts import agreeing, counted, part_of
from iamkit.exit_codes import ExitCode
from iamkit.fleet_commands import fetch, run_accounts
from iamkit.progress import progress_bar
from iamkit.rotation_commands import rotate
from iamkit.settings_commands import settings
from iamkit.terminal import (
    AUDIT,
    FILE,
    FOLDER,
    MADE,
    SEVERITY,
    Commands,
    end,
    settings_file,
    tell,
    time_of,
)

if TYPE_CHECKING:
    from iamkit.evidence import Snapshot

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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
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
        path = cli_files.from_files(out, from_files, named, as_of=time_of(as_of), note=tell)
        _collected(path, required)
        return
    if as_of:
        raise click.UsageError("--as-of goes with saved files; AWS says itself when it answered")
    from iamkit.evidence import aws

    with progress_bar("Collecting") as progress:
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
        tell(line)
    tell(f"Evidence {opened.evidence_hash}: keep this hash where others cannot write")
    click.echo(path)
    end(ExitCode.GAPS, _gaps(opened, required))


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
        click.echo(f"{found.path}: {counted(found.files, 'files')} as made; report {found.report}")
        where = found.snapshot or "of evidence that is not beside it"
        click.echo(f"{where}: evidence {found.evidence}")
    else:
        click.echo(
            f"{found.path}: {counted(found.files, 'files')} as collected; evidence {found.evidence}"
        )
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

    with progress_bar("Demo company") as progress:
        path = demo_company.snapshots(
            out,
            months=months,
            date=time_of(date) or demo_company.DATE,
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
@click.option(
    "--redact",
    "mapping",
    type=FILE,
    help="Replace every name by a pseudonym; FILE says which, and is for you only.",
)
@click.option("--pdf", is_flag=True, help="Also print the report as one PDF, by a Chromium.")
@click.option("--zip", "zipped", type=FILE, help="Also write the report as one archive.")
@REQUIRE
def report(
    snapshot: Path,
    out: Path | None,
    settings: Path | None,
    parameters: tuple[tuple[str, str], ...],
    notebooks: Path | None,
    fail_on: str | None,
    mapping: Path | None,
    pdf: bool,
    zipped: Path | None,
    required: tuple[str, ...],
) -> None:
    """
    Run the notebooks on SNAPSHOT, render one HTML file each, and print the index's path.

    SNAPSHOT is a folder, or a word for one under reports/: latest, previous, last-month, or a month
    such as 2026-10. The folder holds the old report until the new one is whole. Files in it that
    are of no report are never touched; one that is in the way is an error.

    With --redact, evidence and report go to a folder of their own under --out (redacted/ if left
    out): names, ARNs, account ids, addresses, key ids and tags are pseudonyms there, the same in
    each report for which the same FILE is named. Keep FILE where the readers cannot see it.
    """
    from iamkit.evidence import requests
    from iamkit.evidence import snapshot as snapshots
    from iamkit.report import archive, printed, render

    for name in required:
        requests.named(name)
    with ExitStack() as stack:
        chosen, given = settings_file(settings), dict(parameters)
        if mapping:
            snapshot, chosen, given = _redacted(stack, snapshot, mapping, out, chosen, given)
        progress = stack.enter_context(progress_bar("Reporting"))
        made = render(
            snapshot,
            None if mapping else out,
            parameters=given,
            settings=chosen,
            notebooks=notebooks,
            printer=printed if pdf else None,
            progress=progress,
        )
    if made.no_pdf:
        tell(made.no_pdf)
    if zipped:
        digest = archive(made.index.parent, zipped, redacted=bool(mapping))
        tell(f"Archive {zipped}: SHA-256 {digest}")
    for note in made.notes:
        tell(f"Settings: {note}")
    click.echo(f"Report {made.sha256}: keep this hash where others cannot write", err=True)
    click.echo(made.index)
    end(ExitCode.GAPS, _gaps(snapshots.read(snapshot), required))
    end(ExitCode.FOUND, _found(made.findings, fail_on))


def _redacted(
    stack: ExitStack,
    snapshot: Path,
    mapping: Path,
    out: Path | None,
    settings: Path | None,
    parameters: dict[str, str],
) -> tuple[Path, Path | None, dict[str, str]]:
    """Snapshot, settings file and parameters with pseudonyms; the file is there for `stack`."""
    from iamkit.report import redact

    folder = (out or Path("redacted")).absolute()
    made = redact(snapshot, mapping, folder, settings=settings, parameters=parameters)
    for pattern in made.unlike:
        tell(f"The pattern {pattern!r} matches other pseudonyms than names; verdicts may differ")
    tell(f"Pseudonyms in {mapping}: keep it where the report's readers cannot see it")
    chosen = None
    if made.settings is not None:
        chosen = Path(stack.enter_context(TemporaryDirectory(prefix="iamkit-"))) / "settings.yaml"
        chosen.write_text(made.settings, encoding="utf-8")
    return made.snapshot, chosen, dict(made.parameters)


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

    with progress_bar("Rebuilding") as progress:
        made = rebuilt(report, snapshot, settings=settings, notebooks=notebooks, progress=progress)
    for reason in made.reasons:
        click.echo(f"iamkit: not made with the same: {reason}", err=True)
    if made.not_compared:
        tell(f"report.pdf was not compared: {made.not_compared}")
    if not made.differing:
        click.echo(
            f"{made.path}: made again, every byte of {counted(made.files, 'files')} is equal"
        )
    for name in made.differing:
        click.echo(f"{name} differs")
    part = len(made.differing)
    said = part_of(part, made.files, "files")
    said = agreeing(f"{said} [differs|differ] from what the evidence gives", part)
    end(ExitCode.FOUND, said if made.differing else "")


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

    chosen = settings_file(settings)
    with progress_bar("Comparing") as progress:
        accounts = []
        for number, path in enumerate((before, after)):
            progress(path.parent.name, number, 2)
            accounts.append(load(path, chosen or ""))
        found = differences.between(*accounts)
        progress(after.parent.name, 2, 2)
    texts = {"text": found.text, "json": found.json, "csv": MARK + as_csv(found.changes)}
    click.echo(texts[how], nl=False)
    end(ExitCode.FOUND, found.worse_than(fail_on) if fail_on else "")


@main.command()
@click.argument("snapshot", type=AUDIT, default="latest")
@click.option(
    "--out", type=FOLDER, default="remedies", show_default=True, help="Folder to be made."
)
@click.option("--settings", type=FILE, help="YAML file with thresholds and approved networks.")
def remedies(snapshot: Path, out: Path, settings: Path | None) -> None:
    """
    Write what to change in the account of SNAPSHOT, and what each change will do.

    Nothing is changed: FOLDER gets remedies.sh with every AWS CLI command and its undoing, the
    policies as files, and remedies.json. Each remedy was tried on the evidence, by an audit of its
    own: it says which findings end, what becomes of verdicts, who may be cut off and what nobody
    knows. The README of the project says how to run the script.
    """
    from iamkit import remedies as tried
    from iamkit.account import load

    account = load(snapshot, settings_file(settings) or "")
    tried.require_room(out)  # before the trials, which take minutes
    with progress_bar("Trying") as progress:
        found, refused = tried.remedies(account, progress)
    path = tried.write(out, account, found, refused)
    for each in found:
        tell(
            f"{each.proposal.id}: {each.proposal.title}: "
            f"{counted(len(each.proposal.changes), 'changes')} to end "
            f"{counted(len(each.ended), 'findings')}"
            + (f"; {len(each.new)} new" if len(each.new) else "")
            + (f"; may cut off {len(each.proposal.cut_off)}" if each.proposal.cut_off else "")
        )
    for other in refused:
        tell(f"not offered: {other.proposal.id}: {other.why}")
    left = len(tried.untouched(account, found))
    tell(
        agreeing(f"{counted(left, 'findings')} [needs|need] a decision", left)
        + "; `next_step` of each says which"
    )
    click.echo(path)


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
        with progress_bar("Demo company") as progress:
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


main.add_command(confirm)
main.add_command(fetch)
main.add_command(run_accounts)
main.add_command(settings)
main.add_command(rotate)
_EVERY = {**main.commands, **{f"settings {name}": of for name, of in settings.commands.items()}}
for _name, _command in _EVERY.items():
    _codes = "\n".join(f"  {code}  {said}" for code, said in exit_codes.of_command(_name).items())
    _command.epilog = f"\b\nExit codes:\n{_codes}"
