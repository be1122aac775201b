"""
The answers of a snapshot, to be altered: what AWS would answer if something were changed.

`ChangedEvidence` holds a copy; each change of `changes` alters it as AWS alters an account, and
`snapshot` gives the result, in memory. What AWS would refuse raises `ChangeError`, with AWS's name
of the error.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from iamkit.errors import ChangeError
from iamkit.evidence import ROOT_NAME, Snapshot, report_lines, requests, snapshot
from iamkit.policy import read_document
from iamkit.values import as_count, as_dict, as_list, as_text, instead, listed

KINDS: Final = ("User", "Group", "Role")
COUNTED: Final = {"User": "Users", "Group": "Groups", "Role": "Roles"}

# IAM and AWS STS quotas, for an account whose summary does not say its own.
# Source: IAM User Guide, "IAM and AWS STS quotas".
QUOTAS: Final = {
    "AccessKeysPerUserQuota": 2,
    "AssumeRolePolicySizeQuota": 2048,
    "AttachedPoliciesPerGroupQuota": 10,
    "AttachedPoliciesPerRoleQuota": 10,
    "AttachedPoliciesPerUserQuota": 10,
    "GroupPolicySizeQuota": 5120,
    "GroupsPerUserQuota": 10,
    "PolicySizeQuota": 6144,
    "RolePolicySizeQuota": 10240,
    "UserPolicySizeQuota": 2048,
    "VersionsPerPolicyQuota": 5,
}


class ChangedEvidence:
    """A copy of a snapshot's answers, which changes alter."""

    def __init__(self, original: Snapshot) -> None:
        self._original = original
        self._answers: dict[str, Any] = {}
        self._report: list[dict[str, Any]] | None = None
        self._known: set[tuple[str, str]] = set()
        self._detached = False
        self.enabled: set[str] = set()  # who got an MFA device that no list shows: root's
        self.account_id = original.account_id
        self.now = snapshot.format_time(original.as_of)
        partition = original.manifest.get("partition") or "aws"
        self.prefix = f"arn:{partition}:iam::{original.account_id}:"

    # ── The answers ──────────────────────────────────────────────────────────────────────────────

    def answer(self, file: str) -> Any:
        """An answer, which may be altered in place; None if the evidence does not have it."""
        if file not in self._answers:
            self._answers[file] = self._original.json(file)
            if file == requests.DETAILS.file:  # an answer may hold an entry twice
                _without_repetitions(as_dict(self._answers[file]))
        return self._answers[file]

    def members(self, file: str, member: str) -> list[dict[str, Any]]:
        """The objects of an answer that is a list; empty if the evidence does not have it."""
        return [each for each in as_list(as_dict(self.answer(file)).get(member)) if as_dict(each)]

    def keep(self, file: str, member: str, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Leave the objects of a list that are not wanted out of it."""
        answer = as_dict(self.answer(file))
        if isinstance(answer.get(member), list):
            answer[member] = [each for each in answer[member] if wanted(as_dict(each))]

    def replace(self, request: requests.Request, answer: Any) -> None:
        """Set a whole answer, which is known from now on, whatever gap there was."""
        self._answers[request.file] = answer
        self._known.add((request.call, request.meaning))

    @property
    def report(self) -> list[dict[str, Any]]:
        """The lines of the credential report, by column."""
        if self._report is None:
            content = self._original.bytes(requests.REPORT.file) or b""
            self._report = [
                {name: text or "" for name, text in line.items() if name is not None}
                for line in report_lines(content)
            ]
        return self._report

    def drop_line(self, arn: str) -> None:
        """Leave a user out of the credential report."""
        self._report = [line for line in self.report if line.get("arn") != arn]

    def snapshot(self, said: tuple[str, ...]) -> Snapshot:
        """The evidence as it is now; `said` are the changes, in words."""
        if self._detached:
            self._keep_used_aws_policies()
        old = self._original
        files = {name: old.bytes(name) or b"" for name in old.manifest["files"]}
        changed = {name: each for name, each in self._answers.items() if each is not None}
        files |= {name: snapshot.canonical(each) for name, each in changed.items()}
        if self._report is not None and requests.REPORT.file in files:
            files[requests.REPORT.file] = _csv(self._report)
        known = self._known  # several requests may make one call, such as for each contact
        gaps = [
            gap for gap in old.manifest["gaps"] if (gap["call"], gap.get("meaning")) not in known
        ]
        manifest = {**old.manifest, "gaps": gaps, "what_if": [*old.changes, *said]}
        return snapshot.in_memory(manifest, files, old.path)

    # ── What is in the account ───────────────────────────────────────────────────────────────────

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """The users, groups or roles of the authorization details."""
        return self.members(requests.DETAILS.file, f"{kind}DetailList")

    def principals(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Kind and entry of each user, group and role."""
        for kind in KINDS:
            for entry in self.entries(kind):
                yield kind, entry

    def entry(self, kind: str, name: str) -> dict[str, Any]:
        """
        The user, group or role of a name or ARN.

        Raises `ChangeError` if there is none, or if only a service may change it.
        """
        found = [e for e in self.entries(kind) if name in (e.get("Arn"), e.get(f"{kind}Name"))]
        if not found:
            known = _names(self.entries(kind), name, f"{kind}Name")
            said = f"there is no {kind.lower()} {name} in the evidence (NoSuchEntity)"
            raise ChangeError(f"{said}{_meant(name, known)}")
        if len(found) > 1:
            raise ChangeError(f"the evidence describes {name} twice, and differently")
        if str(found[0].get("Path")).startswith("/aws-service-role/"):
            raise ChangeError(
                f"{name} is a service-linked role, which only its service changes "
                "(UnmodifiableEntity)"
            )
        return found[0]

    def principal(self, arn: str) -> tuple[str, dict[str, Any]]:
        """Kind and entry of the user, group or role of an ARN. Raises as `entry` does."""
        for kind in KINDS:
            if f":{kind.lower()}/" in arn:
                return kind, self.entry(kind, arn)
        named = {str(e.get(f"{kind}Name")): str(e.get("Arn")) for kind, e in self.principals()}
        hint = f"; did you mean {named[arn]}?" if arn in named else ""
        raise ChangeError(f"{arn} is the ARN of no user, group or role{hint}")

    def policy(self, arn: str) -> dict[str, Any]:
        """The customer managed policy of an ARN. Raises `ChangeError` if there is none."""
        if ":iam::aws:policy/" in arn:
            raise ChangeError(f"{arn} is AWS's: put another policy in its place (AccessDenied)")
        for policy in self.members(requests.DETAILS.file, "Policies"):
            if policy.get("Arn") == arn:
                return policy
        policies = self.members(requests.DETAILS.file, "Policies")
        arns = {str(each.get("PolicyName")): str(each.get("Arn")) for each in policies}
        meant = f"; did you mean {arns[arn]}?" if arn in arns else _meant(arn, [*arns.values()])
        raise ChangeError(f"there is no policy {arn} in the evidence (NoSuchEntity){meant}")

    def line(self, user: str) -> dict[str, Any]:
        """The line of a user, or of root, in the credential report; `ChangeError` if none."""
        root = user in (f"{self.prefix}root", ROOT_NAME)
        for line in self.report:
            if user in (line.get("arn"), line.get("user")) or (root and line["user"] == ROOT_NAME):
                return line
        meant = _meant(user, _names(self.report, user, "user", "arn"))
        raise ChangeError(f"the credential report has no line for {user} (NoSuchEntity){meant}")

    # ── What follows from a change ───────────────────────────────────────────────────────────────

    def quota(self, name: str) -> int:
        """A quota of the account, or the one that new accounts have."""
        said = as_dict(as_dict(self.answer(requests.SUMMARY.file)).get("SummaryMap")).get(name)
        return as_count(said) or QUOTAS[name]

    def count(self, name: str, by: int) -> None:
        """Add to one of the account's counters, if the evidence has them."""
        counters = as_dict(as_dict(self.answer(requests.SUMMARY.file)).get("SummaryMap"))
        if as_count(counters.get(name)) is not None:
            counters[name] = max(0, counters[name] + by)

    def flag(self, name: str, *, on: bool) -> None:
        """Set one of the account's counters that say yes or no, if the evidence has them."""
        counters = as_dict(as_dict(self.answer(requests.SUMMARY.file)).get("SummaryMap"))
        if name in counters:
            counters[name] = int(on)

    def check_size(self, document: Any, quota: str, beside: int = 0) -> None:
        """Raise `ChangeError` for a document too long for a quota, which counts no white space."""
        size, most = beside + characters(document), self.quota(quota)
        if size > most:
            raise ChangeError(f"{size} characters are more than {most} ({quota}: LimitExceeded)")

    def forget(self, kind: str, entry: Mapping[str, Any]) -> None:
        """
        Take a user, group or role out of the account, with all that is its own.

        In trust policies that name a user or role its unique id stands from now on, as AWS has it.
        """
        arn = str(entry.get("Arn"))
        for policy in [as_dict(each) for each in as_list(entry.get("AttachedManagedPolicies"))]:
            self.counted(str(policy.get("PolicyArn")), "AttachmentCount", -1)
        bound = as_text(as_dict(entry.get("PermissionsBoundary")).get("PermissionsBoundaryArn"))
        if bound:
            self.counted(bound, "PermissionsBoundaryUsageCount", -1)
        self.keep(requests.DETAILS.file, f"{kind}DetailList", lambda each: each.get("Arn") != arn)
        self.keep_used_aws_policies()
        self.count(COUNTED[kind], -1)
        unique = as_text(entry.get(f"{kind}Id"))
        for role in self.entries("Role") if unique else ():
            role["AssumeRolePolicyDocument"] = renamed(
                role.get("AssumeRolePolicyDocument"), arn, str(unique)
            )

    def counted(self, arn: str, counter: str, by: int) -> None:
        """Add to how often a policy is attached, or is a boundary, if the evidence says it."""
        for policy in self.members(requests.DETAILS.file, "Policies"):
            if policy.get("Arn") == arn and as_count(policy.get(counter)) is not None:
                policy[counter] = max(0, policy[counter] + by)

    def keep_used_aws_policies(self) -> None:
        """Leave out the policies of AWS that are on nobody, when all changes are made."""
        self._detached = True

    def _keep_used_aws_policies(self) -> None:
        """Leave out the policies of AWS that are on nobody: AWS does not list those."""
        used = {str(arn) for _, each in self.principals() for arn in policies_of(each)}
        self.keep(
            requests.DETAILS.file,
            "Policies",
            lambda each: ":iam::aws:policy/" not in str(each.get("Arn")) or each["Arn"] in used,
        )


def _names(entries: list[dict[str, Any]], wanted: str, name: str, arn: str = "Arn") -> list[str]:
    """The names of entries, or their ARNs, if an ARN is wanted."""
    return [str(each.get(arn if ":" in wanted else name)) for each in entries]


def _meant(name: str, known: list[str]) -> str:
    """What may have been meant by a name that nothing has, in words; empty if nothing is near."""
    near = instead(name, known, "")
    return f"; {near}" if near else ""


def _without_repetitions(details: dict[str, Any]) -> None:
    """Leave entries out of the lists of the details that are equal to an earlier one."""
    for name, entries in details.items():
        if isinstance(entries, list):
            details[name] = list({json.dumps(e, sort_keys=True): e for e in entries}.values())


def policies_of(entry: Mapping[str, Any]) -> list[str]:
    """ARNs of the managed policies that a user, group or role has, its boundary included."""
    attached = (
        as_dict(each).get("PolicyArn") for each in as_list(entry.get("AttachedManagedPolicies"))
    )
    bound = as_dict(entry.get("PermissionsBoundary")).get("PermissionsBoundaryArn")
    return [str(arn) for arn in (*attached, bound) if arn]


def characters(document: Any) -> int:
    """The length of a policy document as AWS counts it: without white space."""
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    return len("".join(text.split()))


def renamed(trust: Any, old: str, new: str) -> Any:
    """A trust policy in which one AWS principal has another name; it may be encoded."""
    document, problem = read_document(trust)
    if problem or old not in json.dumps(document):
        return trust
    for statement in listed(document.get("Statement")):
        for element in ("Principal", "NotPrincipal"):
            named = as_dict(as_dict(statement).get(element))
            if "AWS" in named:
                several = [new if each == old else each for each in listed(named["AWS"])]
                named["AWS"] = several if isinstance(named["AWS"], list) else several[0]
    return document


def _csv(lines: list[dict[str, Any]]) -> bytes:
    """A credential report of these lines."""
    columns = dict.fromkeys(name for line in lines for name in line)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()
