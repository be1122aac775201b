"""
Pieces of evidence that can be taken away one by one, and what an audit then passes that it may not.

Only what leaves a trace is taken: AWS counts users, groups, roles, policies and what policies are
attached to, and writes certain members into every entry. That a user is in a group, or has an
inline policy, nothing else says, so evidence without it is evidence of another account.
"""

import base64
import copy
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from iamkit import Account
from iamkit.checks.registry import CHECKS, FACTS, POPULATIONS, Status, needs
from iamkit.evidence import cli_files
from tests.accounts import AS_OF, of_answers

Evidence = dict[str, Any]  # by name of file: JSON, or the lines of the credential report
Take = Callable[[Evidence], Any]
Removal = tuple[str, Take]

REPORT, DETAILS, COUNTS = "report", "details", "summary"

USES = ("AttachmentCount", "PermissionsBoundaryUsageCount")

# Members of an entry that AWS leaves out where there is nothing to say, or that say nothing.
SILENT = {
    *("UserPolicyList", "Tags", "PermissionsBoundary", "RoleLastUsed", "Description"),
    *("PasswordLastUsed", "MaxSessionDuration", "InstanceProfileList"),
    *("Path", "UserId", "RoleId", "GroupId", "PolicyId", "IsAttachable", "UpdateDate"),
}


def evidence(files: dict[str, Any]) -> Evidence:
    """Saved answers by role: the report as lines, details, an account summary that fits them."""
    made: Evidence = {}
    for name, content in files.items():
        if "Content" in content:
            made[REPORT] = base64.b64decode(content["Content"]).decode().split("\n")
        elif "UserDetailList" in content:
            made[DETAILS] = content
        else:
            made[COUNTS if "SummaryMap" in content else name] = content
    lists = made[DETAILS]
    own = [each for each in lists["Policies"] if ":iam::aws:" not in each["Arn"]]
    counts = made.get(COUNTS, {}).get("SummaryMap", {})
    made[COUNTS] = {
        "SummaryMap": {
            **counts,
            "Users": len(lists["UserDetailList"]),
            "Groups": len(lists["GroupDetailList"]),
            "Roles": len(lists["RoleDetailList"]),
            "Policies": len(own),
        }
    }
    made = copy.deepcopy(made)
    for policy in made[DETAILS]["Policies"]:
        policy |= dict(zip(USES, _uses(made[DETAILS], policy["Arn"]), strict=True))
    return made


def _uses(lists: dict[str, Any], arn: str) -> tuple[int, int]:
    """On how many a policy is, and whom it bounds."""
    holders = [each for name, listed in lists.items() if name != "Policies" for each in listed]
    attached = [one["PolicyArn"] for each in holders for one in each["AttachedManagedPolicies"]]
    bounds = [each.get("PermissionsBoundary", {}) for each in holders]
    bounding = [each.get("PermissionsBoundaryArn") for each in bounds]
    return attached.count(arn), bounding.count(arn)


def removals(whole: Evidence) -> Iterator[Removal]:
    """Each piece of the evidence, in words, and a function that takes it away."""
    for name in whole:
        if name != COUNTS or len(whole) == 1:
            yield f"file {name}", lambda given, name=name: given.pop(name)
        if name not in (REPORT, COUNTS):
            for member in whole[name]:
                yield f"{member} of {name}", lambda g, n=name, m=member: g[n].pop(m)
    yield from _of_report(whole)
    for kind, entries in whole[DETAILS].items():
        yield f"entries of {kind}", lambda given, kind=kind: given[DETAILS][kind].clear()
        for number, entry in enumerate(entries):
            yield from _of_entry(kind, number, entry)


def _of_report(whole: Evidence) -> Iterator[Removal]:
    if REPORT not in whole:
        return
    lines = [line.split(",") for line in whole[REPORT] if line]
    for at, name in enumerate(lines[0]):
        yield f"column {name}", lambda given, at=at: _without_column(given, at)
    for number, cells in enumerate(lines[1:], 1):
        yield f"line of {cells[0]}", lambda given, number=number: given[REPORT].pop(number)
        for at, name in enumerate(lines[0]):
            said = f"{name} of {cells[0]}"
            yield said, lambda given, n=number, at=at: _emptied(given, n, at)
            yield f"line of {cells[0]} from {name} on", lambda g, n=number, at=at: _cut(g, n, at)


def _without_column(given: Evidence, at: int) -> None:
    cells = (line.split(",") for line in given[REPORT] if line)
    given[REPORT] = [",".join(each[:at] + each[at + 1 :]) for each in cells]


def _emptied(given: Evidence, number: int, at: int) -> None:
    cells = given[REPORT][number].split(",")
    given[REPORT][number] = ",".join([*cells[:at], "", *cells[at + 1 :]])


def _cut(given: Evidence, number: int, at: int) -> None:
    given[REPORT][number] = ",".join(given[REPORT][number].split(",")[:at])


def _of_entry(kind: str, number: int, entry: dict[str, Any]) -> Iterator[Removal]:
    name = str(entry.get("Arn")).split(":", 5)[-1]

    def of(given: Evidence) -> Any:
        return given[DETAILS][kind][number]

    yield name, lambda given: given[DETAILS][kind].pop(number)
    for member, value in entry.items():
        if member in SILENT:
            continue
        yield f"{member} of {name}", lambda given, m=member: of(given).pop(m)
        if isinstance(value, list) and member in ("AttachedManagedPolicies", "PolicyVersionList"):
            for at in range(len(value)):
                said = f"{member} {at} of {name}"
                yield said, lambda given, m=member, at=at: of(given)[m].pop(at)
        for at, part in enumerate(value if isinstance(value, list) else ()):
            for text in ("Document", "PolicyDocument"):
                if isinstance(part, dict) and text in part:
                    said = f"{text} {at} of {name}"
                    yield said, lambda given, m=member, at=at, t=text: of(given)[m][at].pop(t)
                    yield (
                        f"what {said} says",
                        lambda given, m=member, at=at, t=text: of(given)[m][at].update({t: "{"}),
                    )


def less(whole: Evidence, take: Take) -> Account:
    """The account without the piece."""
    given = copy.deepcopy(whole)
    take(given)
    return audited(given)


def audited(given: Evidence) -> Account:
    """The account of this evidence. Raises `CollectError` if it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in given.items():
            if name == REPORT:
                text = base64.b64encode("\n".join(content).encode()).decode()
                content = {"Content": text, "GeneratedTime": AS_OF.isoformat()}
            Path(folder, f"{name.removesuffix('.json')}.json").write_text(json.dumps(content))
        return of_answers(*cli_files.responses_in(Path(folder), as_of=AS_OF))


def passed(before: Account, after: Account) -> list[tuple[str, str]]:
    """Checks and subjects that did not pass before the piece was taken away, and do after it."""
    open_before = before.audit.findings[["check", "subject"]].itertuples(index=False, name=None)
    said = set(after.audit.findings[["check", "subject"]].itertuples(index=False, name=None))
    silent = [each for each in set(open_before) - said if not _unanswered(after, each[0])]
    status = after.audit.results.set_index("check")["status"]
    was = before.audit.results.query("status in ('fail', 'not assessed')")["check"]
    well = (Status.PASS, Status.NOT_APPLICABLE)
    return sorted(silent) + [(each, "") for each in sorted(was) if status[each] in well]


def _unanswered(account: Account, check: str) -> str:
    """What evidence a check lacks, of everybody."""
    among = CHECKS[check].among
    asked = {*CHECKS[check].needs, *needs(POPULATIONS[among])} - set(FACTS)
    return account.missing(*asked)
