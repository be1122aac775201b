"""How a run over all accounts ended: its exit code, and in words what happened in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from iamkit.counts import part_of
from iamkit.exit_codes import ExitCode
from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.run_file import SEVERITIES, RunFile
from iamkit.values import few

SHOWN: Final = 6  # accounts by name


def code_of(file: RunFile, results: Sequence[AccountResult]) -> ExitCode:
    """Return how a run ends that did this for its accounts; the highest code that applies."""
    codes = [ExitCode(each.exit_code) for each in results]
    if any(each.required for each in results):
        codes.append(ExitCode.GAPS)
    if any(_grave(file.fail_on, each.findings) for each in results):
        codes.append(ExitCode.FOUND)
    if any(_grave(file.fail_on_new, each.new) for each in results):
        codes.append(ExitCode.FOUND)
    return max([ExitCode.DONE, *codes])


def meaning(file: RunFile, results: Sequence[AccountResult], announced: str = "") -> str:
    """
    Return what happened: what failed, what is missing, and what was found that counts.

    `announced` is what went wrong with announcing it, if anything.
    """
    failed = [each.name for each in results if each.error]
    lacking = [each.name for each in results if each.required]
    of = sum(not each.not_asked for each in results)
    said = [f"{part_of(of - len(failed), of, 'accounts')} audited"]
    if failed:
        said.append(f"failed: {few(failed, SHOWN)}")
    if lacking:
        said.append(f"required evidence is missing in {few(lacking, SHOWN)}")
    said += _found("findings", file.fail_on, {each.name: each.findings for each in results})
    said += _found("new findings", file.fail_on_new, {each.name: each.new for each in results})
    if announced:
        said.append(f"the results were not announced: {announced}")
    return "; ".join(said)


def _found(what: str, limit: str | None, by_account: Mapping[str, Mapping[str, int]]) -> list[str]:
    """How many findings are as severe as a limit of the run file, or more, and where."""
    if limit is None:
        return []
    grave = {name: found for name, each in by_account.items() if (found := _grave(limit, each))}
    counted = {name: sum(each.get(name, 0) for each in grave.values()) for name in SEVERITIES}
    listed = ", ".join(f"{count} {name}" for name, count in counted.items() if count)
    where = f"{listed} in {few(grave, SHOWN)}" if grave else "none"
    return [f"{what} at or above {limit}: {where}"]


def _grave(limit: str | None, counts: Mapping[str, int]) -> dict[str, int]:
    names = SEVERITIES[: SEVERITIES.index(limit) + 1] if limit else ()
    return {name: counts[name] for name in names if counts.get(name)}
