"""
Of whom the evidence says too little, subject by subject.

The answer as a whole may be there and yet leave somebody out: a user without a line in the
credential report, a line that is cut, a group that is named and not shown, a policy whose document
cannot be read. What is said of such a subject is no verdict: checks about it are not assessed for
it, unless they find something wrong all the same.

Errs towards too much: a line that lacks one column leaves every check of the report unanswered for
its user, and a policy that cannot be read everything that its holder may do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from iamkit.arns import AWS_MANAGED, SERVICE_LINKED
from iamkit.evidence import ROOT_NAME, requests, snapshot
from iamkit.policy import read_document, trust_row
from iamkit.table import times
from iamkit.tables.details import KINDS, AuthorizationDetails
from iamkit.tables.schema import UNSHOWN
from iamkit.values import as_count, listed

ASSIGNED: Final = "policy_assignments"  # the table that says what gives each principal permissions

ATTACHED: Final = "attachments"
BY_TRUST: Final = ("graph", "mfa_enforcement", "network_restrictions")  # what roles open counts
WRITTEN: Final = ("lint", "network_lists")  # the tables of what is written in policies

# What the report says where it has nothing to say (IAM User Guide, "Getting credential reports").
SAID: Final = ("N/A", "no_information", "not_supported")

MEANINGS: Final = {
    requests.REPORT.call: "the credentials of {}",
    requests.DETAILS.call: "the groups and permissions of {}",
    ASSIGNED: "what {} may do",
    ATTACHED: "the policies of {}",
    **dict.fromkeys(WRITTEN, "the content of {}"),
    **dict.fromkeys(BY_TRUST, "the roles that {} can assume"),
}
CODE: Final = "Partial"  # of a gap that concerns only the subjects it names


Row = tuple[str, str, str, str]  # subject, kind, source, reason


def rows(details: AuthorizationDetails, report: pd.DataFrame) -> list[Row]:
    """
    Subject, kind, source and reason of all that is not known of single subjects.

    `source` is the AWS call, or the table, whose answer is wanting. Service-linked roles, which
    nobody in the account can change, are left out.
    """
    found = [
        *_reported(details, report),
        *_detailed(details, report),
        *_held(details),
        *_unread(details),
        *_trusting(details),
        *_uncounted(details),
    ]
    linked = {str(entry.get("Arn")) for entry in details.lists["RoleDetailList"] if _linked(entry)}
    return [row for row in dict.fromkeys(found) if row[0] not in linked]


def _linked(role: Mapping[str, Any]) -> bool:
    """Whether only a service of AWS may assume a role, whatever is written in it."""
    return str(role.get("Path")).startswith(SERVICE_LINKED)


def gaps(found: Iterable[Row]) -> list[dict[str, str]]:
    """A gap for each source and reason, with the subjects that it concerns."""
    by_reason: dict[tuple[str, str], list[str]] = defaultdict(list)
    for subject, _, source, reason in found:
        by_reason[source, reason].append(subject)
    found_gaps = (
        {
            "call": source if ":" in source else requests.DETAILS.call,
            "code": CODE,
            "message": f"{_names(subjects)}: {reason}",
            "meaning": MEANINGS[source].format(_names(subjects)),
        }
        for (source, reason), subjects in by_reason.items()
    )
    return [dict(gap) for gap in dict.fromkeys(tuple(gap.items()) for gap in found_gaps)]


def _names(subjects: Sequence[str]) -> str:
    """Up to three names, or two and how many more."""
    names = sorted(dict.fromkeys(subject.split(":", 5)[-1] for subject in subjects))
    more = f" and {len(names) - 2} more" if len(names) > 3 else ""
    return ", ".join(names[:2] if more else names) + more


def _reported(details: AuthorizationDetails, report: pd.DataFrame) -> Iterator[Row]:
    """What the credential report lacks: lines, and cells of them."""
    source = requests.REPORT.call
    if report.empty:  # no answer, or one that is a gap as a whole
        return
    listed = set(report["arn"].dropna())
    wanted = {str(entry.get("Arn")): "user" for entry in details.lists["UserDetailList"]}
    for arn, kind in {details.root_arn: "root", **wanted}.items():
        if arn not in listed:
            yield arn, kind, source, "the credential report has no line for it"
    cells = unsaid(report)
    for at in cells.index[cells.any(axis=1) & report["arn"].notna()]:
        names = list(cells.columns[cells.loc[at]])
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        root = report.loc[at, "user"] == ROOT_NAME
        reason = f"its line in the credential report does not say {shown}"
        yield str(report.loc[at, "arn"]), "root" if root else "user", source, reason


def unsaid(report: pd.DataFrame) -> pd.DataFrame:
    """Which cells of the report say nothing that AWS writes: a frame of booleans of its shape."""
    found = report.isna() | report.isin([""])
    for name in report.columns:
        if name.endswith(("_active", "_enabled")):
            truth = report[name].str.lower().isin(["true", "false"])
            root = report["user"].eq(ROOT_NAME) & report[name].isin(list(SAID))
            found[name] |= ~truth & ~root
        elif name.endswith(("_time", "_changed", "_rotation", "_rotated", "_date", "last_used")):
            read = times(report[name])
            far = read.dt.year.ge(snapshot.YEARS.stop)  # nothing that AWS would write
            found[name] |= ~report[name].isin(list(SAID)) & (read.isna() | far)
    return found


def _detailed(details: AuthorizationDetails, report: pd.DataFrame) -> Iterator[Row]:
    """What the authorization details lack: users, groups, and lists of an entry."""
    source = requests.DETAILS.call
    if not details.there:
        return
    entries = details.lists
    listed = {str(entry.get("Arn")) for entry in entries["UserDetailList"]}
    for user, arn in zip(report["user"], report["arn"], strict=True):
        if isinstance(arn, str) and arn not in listed and user != ROOT_NAME:
            yield arn, "user", source, "the authorization details do not list it"
    kinds = _kinds(details)
    for holder, reason in details.unshown.items():
        yield holder, kinds.get(holder, "group"), source, reason
    for policy in entries["Policies"]:
        if not isinstance(policy.get("PolicyVersionList"), list):
            yield (
                str(policy.get("Arn")),
                "policy",
                source,
                "its entry in the details has no versions",
            )


def _kinds(details: AuthorizationDetails) -> dict[str, str]:
    """The kind of each user, group and role that is shown, by its ARN."""
    return {
        str(entry.get("Arn")): kind.lower()
        for kind in KINDS
        for entry in details.lists[f"{kind}DetailList"]
    }


def _held(details: AuthorizationDetails) -> Iterator[Row]:
    """Who holds, or is bounded by, a policy that nobody can read; members of groups as well."""
    kinds = _kinds(details)
    members: dict[str, list[str]] = defaultdict(list)
    for user, group in details.members:
        members[group].append(user)
    for principal, policy, _ in details.attached:
        problem = details.problems.get(policy)
        if problem is None:
            continue
        name = policy.rsplit("/", 1)[-1].removesuffix(UNSHOWN)
        reason = f"{name.rsplit('#', 1)[-1]}: {problem}"
        yield principal, kinds.get(principal, "group"), ASSIGNED, reason
        for user in members.get(principal, ()):
            yield user, "user", ASSIGNED, reason


def _unread(details: AuthorizationDetails) -> Iterator[Row]:
    """Own policies that nobody can read: whatever is wrong with them is not seen."""
    for arn, problem in details.problems.items():
        if AWS_MANAGED not in arn and not arn.endswith(UNSHOWN):
            for source in WRITTEN:
                yield arn, "policy", source, problem


def _trusting(details: AuthorizationDetails) -> Iterator[Row]:
    """Users and roles, where a role's trust policy cannot be read: it may name any of them."""
    for role in details.lists["RoleDetailList"]:
        document, problem = read_document(role.get("AssumeRolePolicyDocument"))
        written = [] if problem else listed(document.get("Statement"))
        if _linked(role) or (
            written and not any(trust_row("", 1, each)["problem"] for each in written)
        ):
            continue
        reason = f"whom {role.get('RoleName')} trusts cannot be read"
        for principal, kind in _kinds(details).items():
            if kind != "group":
                yield from ((principal, kind, source, reason) for source in BY_TRUST)
        return


def _uncounted(details: AuthorizationDetails) -> Iterator[Row]:
    """
    Policies that nobody may say to be on nobody, and whoever may hold them.

    Those that AWS counts on more principals than the details show, which may be on anybody, and
    whatever somebody holds who is not shown as a whole.
    """
    for holder, reason in details.unshown.items():
        yield holder + UNSHOWN, "policy", ASSIGNED, reason
    lost: list[str] = []
    attached, bounding = (
        Counter(policy for _, policy, how in details.attached if how == wanted)
        for wanted in ("attached", "boundary")
    )
    for policy in details.lists["Policies"]:
        arn = str(policy.get("Arn"))
        for name, shown in (
            ("AttachmentCount", attached),
            ("PermissionsBoundaryUsageCount", bounding),
        ):
            number, seen = as_count(policy.get(name)) or 0, shown[arn]
            if number > seen:
                reason = f"AWS counts it on {number}, of which the details show {seen}"
                yield arn, "policy", ASSIGNED, reason
                if shown is attached:
                    lost.append(f"{arn.rsplit('/', 1)[-1]}: {reason}")
    if lost:
        more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
        for principal, kind in _kinds(details).items():
            yield principal, kind, ASSIGNED, lost[0] + more
            yield principal, kind, ATTACHED, lost[0] + more
