"""Unknown is never pass, subject by subject: evidence is taken away piece by piece."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account, demo
from iamkit.checks.incomplete import KINDS
from iamkit.checks.registry import POPULATIONS
from iamkit.errors import IamkitError
from tests import removals
from tests.accounts import ACCOUNT, ARN, HEADER, ROOT, account, details, group, policy, role, user
from tests.examples import examples, thorough

OLD_KEY = "true,2024-05-01T12:00:00+00:00,2025-01-01T12:00:00+00:00,eu-central-1,s3"
NO_KEY = "false,N/A,N/A,N/A,N/A"
SINCE = "2024-05-01T12:00:00+00:00"
ALL = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
READ = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
}
AWS = "arn:aws:iam::aws:policy/"


def line(name: str, key: str = OLD_KEY) -> str:
    return (
        f"{name},{ARN}user/{name},{SINCE},true,2025-01-01T12:00:00+00:00,{SINCE},N/A,false,"
        f"{key},{NO_KEY},true,{SINCE},false,N/A"
    )


def attached(*arns: str) -> dict[str, Any]:
    return {"AttachedManagedPolicies": [{"PolicyArn": arn, "PolicyName": "p"} for arn in arns]}


def trusting(who: str) -> dict[str, Any]:
    allow = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": allow}


def evidence() -> dict[str, Any]:
    """Two administrators without MFA, one through a group; roles, a boundary, an old version."""
    old = {"Document": ALL, "VersionId": "v1", "IsDefaultVersion": False}
    new = {"Document": READ, "VersionId": "v2", "IsDefaultVersion": True}
    inline = {"PolicyName": "own", "PolicyDocument": ALL}
    contents = details(
        users=[
            user("ann", GroupList=["Ops"]),
            user("bob", UserPolicyList=[inline]),
            user("eve", **attached(f"{ARN}policy/Owner")),
        ],
        groups=[group("Ops", **attached(f"{ARN}policy/Owner", f"{AWS}AdministratorAccess"))],
        roles=[
            role("boss", trusting(f"arn:aws:iam::{ACCOUNT}:root"), **attached(f"{ARN}policy/Own")),
            role("vendor", trusting("arn:aws:iam::999988887777:root"), **attached(f"{AWS}IAMX")),
        ],
        policies=[
            policy("Owner", ALL, AttachmentCount=2),
            policy("Own", ALL, AttachmentCount=1),
            policy("Was", READ, DefaultVersionId="v2", PolicyVersionList=[old, new]),
            policy("x", READ, Arn=f"{AWS}IAMX", AttachmentCount=1),
            policy("y", ALL, Arn=f"{AWS}AdministratorAccess", AttachmentCount=1),
        ],
    )
    counts = {"Users": 3, "Groups": 1, "Roles": 2, "Policies": 3}
    return {
        "report": [HEADER, ROOT.replace("true,false", "false,true"), *map(line, NAMES)],
        "details": contents,
        "summary": {"SummaryMap": counts},
    }


NAMES = ("ann", "bob", "eve")
Change = Callable[[dict[str, Any]], Any]


def entry(kind: str, number: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda given: given["details"][kind][number]  # type: ignore[no-any-return]


def cut(number: int, at: int) -> Change:
    """Leave out a cell of a line, or all from it on if it is negative."""

    def change(given: dict[str, Any]) -> None:
        cells = given["report"][number].split(",")
        cells = cells[:-at] if at < 0 else [*cells[:at], "", *cells[at + 1 :]]
        given["report"][number] = ",".join(cells)

    return change


def column(at: int) -> Change:
    def change(given: dict[str, Any]) -> None:
        lines = (each.split(",") for each in given["report"])
        given["report"] = [",".join(cells[:at] + cells[at + 1 :]) for cells in lines]

    return change


def pieces() -> Iterator[tuple[str, Change]]:
    """Each piece that can be taken away so that the evidence still shows that it is not there."""
    yield "the report but its header", lambda given: given.update(report=given["report"][:1])
    for number in range(1, 5):
        yield f"line {number}", lambda given, at=number: given["report"].pop(at)
        yield f"half of line {number}", cut(number, -11)
    for at, name in enumerate(HEADER.split(",")):
        if name in ("password_enabled", "access_key_1_active", "access_key_1_last_used_service"):
            yield f"column {name}", column(at)
        if name in ("mfa_active", "access_key_1_last_rotated", "cert_1_active"):
            yield f"cell {name}", cut(2, at)
    for kind in details():
        yield kind, lambda given, kind=kind: given["details"].pop(kind)
        yield f"entries of {kind}", lambda given, kind=kind: given["details"][kind].clear()
        for number in range(len(evidence()["details"][kind])):
            name = f"{kind} {number}"
            yield name, lambda given, kind=kind, at=number: given["details"][kind].pop(at)
            found = entry(kind, number)
            for member in ("GroupList", "AttachedManagedPolicies", "PolicyVersionList"):
                if member in found(evidence()):
                    yield f"{member} of {name}", lambda g, f=found, m=member: f(g).pop(m)
    for number, texts in enumerate([("", "%7B"), ("{",), ("null",), (), ("[]",)]):
        for text in texts:
            found = entry("Policies", number)

            def spoil(given: dict[str, Any], f: Any = found, text: str = text) -> None:
                f(given)["PolicyVersionList"][-1]["Document"] = text

            yield f"document {text!r} of policy {number}", spoil
    yield (
        "an inline document",
        lambda given: given["details"]["UserDetailList"][1]["UserPolicyList"][0].pop(
            "PolicyDocument"
        ),
    )


def made(folder: Path, given: dict[str, Any]) -> Account:
    report = "\n".join(given["report"])
    return account(folder, given["details"], credential_report=report, summary=given["summary"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return made(tmp_path_factory.mktemp("whole"), evidence())


def test_the_whole_says_all(whole: Account) -> None:
    assert whole.incomplete.empty
    told = whole.audit.findings.query("status in ['fail', 'noted']")
    failing = set(told["check"])
    assert failing > {
        "administrator_without_mfa",
        "administrative_customer_policy",
        "administrative_inline_policy",
        "administrative_aws_policy",
        "administrative_old_version",
        "administrator_group",
        "root_without_mfa",
        "console_user_without_mfa",
        "active_signing_certificate",
        "old_access_key",
    }


# `make test` takes away every fourth piece.
TRIED = list(pieces())[:: 1 if thorough() else 4]


@pytest.mark.parametrize(("name", "change"), TRIED, ids=[name for name, _ in TRIED])
def test_what_is_taken_away_passes_nothing(
    name: str, change: Change, whole: Account, tmp_path: Path
) -> None:
    given = copy.deepcopy(evidence())
    change(given)
    less = made(tmp_path, given)
    assert removals.passed(whole, less) == []
    unreadable = less.policies["problem"].notna().any()
    assert len(less.gaps) > len(whole.gaps) or unreadable
    unknown = set(less.incomplete["subject"])
    verdicts = less.identities.set_index("principal_arn")["verdict"]
    assert "ok" not in set(verdicts[verdicts.index.isin(unknown)])


def test_what_nobody_can_read_is_no_harm_to_others(tmp_path: Path) -> None:
    """A user without a line in the report, and another in an unknown group, cost themselves."""
    contents = details(users=[user("ann", GroupList=["Gone"]), user("bob"), user("eve")])
    quiet = [
        f"{name},{ARN}user/{name},{SINCE},false,N/A,N/A,N/A,false,{NO_KEY},{NO_KEY},false,N/A,"
        "false,N/A"
        for name in ("ann", "eve")
    ]
    found = account(tmp_path, contents, credential_report="\n".join([HEADER, ROOT, *quiet]))
    rows = found.incomplete
    assert set(zip(rows["subject"].str.rsplit("/").str[-1], rows["source"], strict=True)) == {
        ("Gone", "iam:GetAccountAuthorizationDetails"),
        ("Gone", "policy_assignments"),
        ("Gone#*", "policy_assignments"),
        ("ann", "policy_assignments"),
        ("bob", "iam:GetCredentialReport"),
    }
    findings = found.check("administrator_without_mfa").findings
    assert findings[["name", "status"]].to_numpy().tolist() == [
        ["ann", "not assessed"],
    ]
    identities = found.identities.set_index("name")
    assert identities.loc["bob", "verdict"] == "not assessed"
    assert identities.loc["ann", "privilege"] is None or identities["privilege"].isna()["ann"]
    assert found.missing("credentials", "policy_assignments") == ""


def test_aws_policies_are_known_by_name(tmp_path: Path) -> None:
    """AdministratorAccess without its document, and another that nobody knows."""
    users = [
        user("ann", **attached(f"{AWS}AdministratorAccess")),
        user("bob", **attached(f"{AWS}job-function/NobodyKnows")),
    ]
    found = account(tmp_path, details(users=users))
    assert found.administrators["name"].tolist() == ["ann"]
    [known] = found.gaps.query("code == 'KnownByName'")["message"]
    assert known.startswith("AdministratorAccess: the document is AWS's of 20")
    told = found.check("administrative_aws_policy").findings
    assert set(zip(told["name"], told["status"], strict=True)) >= {("AdministratorAccess", "noted")}
    assert set(found.incomplete["subject"]) >= {f"{ARN}user/bob"}


def test_service_linked_roles_are_nobodys_gap(tmp_path: Path) -> None:
    linked = role(
        "AWSServiceRoleForX",
        trusting(f"arn:aws:iam::{ACCOUNT}:root"),
        Path="/aws-service-role/x.amazonaws.com/",
        **attached(f"{AWS}aws-service-role/Unshown"),
    )
    assert account(tmp_path, details(roles=[linked])).incomplete.empty


def test_a_document_with_a_member_twice_is_not_read(tmp_path: Path) -> None:
    text = '{"Statement": [], "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'
    contents = details(users=[user("ann", **attached(f"{ARN}policy/p"))])
    contents["Policies"] = [policy("p", text)]
    found = account(tmp_path, json.loads(json.dumps(contents)))
    assert found.policies["problem"].tolist() == ["its document is not JSON"]
    assert f"{ARN}user/ann" in set(found.incomplete["subject"])


COMPANY = removals.evidence(demo.company(users=12))
PIECES = list(removals.removals(COMPANY))


@pytest.fixture(scope="module")
def company() -> Account:
    return removals.audited(COMPANY)


def passed(company: Account, take: removals.Take) -> list[tuple[str, str]]:
    try:
        return removals.passed(company, removals.less(COMPANY, take))
    except IamkitError:  # the evidence is refused, and nothing passes
        return []


@given(piece=st.sampled_from(PIECES))
@examples(0.05)
def test_the_company_with_less_evidence_passes_nothing(
    company: Account, piece: removals.Removal
) -> None:
    name, take = piece
    assert (name, passed(company, take)) == (name, [])


@pytest.mark.parametrize(
    "name",
    [
        "file report",
        "UserName of user/BedrockAPIKey-k4xq",
        "Arn of role/nightly-build",
        "arn of pedro.alves",
        "line of ines.moreau from arn on",
        "column password_enabled",
        "what Document 0 of policy/ReportingJobs says",
        "AttachedManagedPolicies 0 of role/ops-automation",
        "AttachedManagedPolicies of role/ops-deployer",
        "AssumeRolePolicyDocument of role/ops-automation",
    ][:: 1 if thorough() else 3],
)
def test_the_company_without_this_passed_something_once(company: Account, name: str) -> None:
    assert passed(company, dict(PIECES)[name]) == []


# Their members are what is in the evidence, or named by it or by the settings: nothing that is not
# known of a user, group or role could make it one of them.
OF_THEMSELVES = {
    "the account",
    "users and roles kept for emergencies",
    "unattached customer policies",
    "customer policies",
    "inline policies",
    "own policies",
    "own policies with a list of networks",  # those that cannot be read are members
    "server certificates",
    "users with service credentials",
}


def test_every_population_says_whom_it_may_hold_besides() -> None:
    assert {*POPULATIONS} - {*KINDS} == OF_THEMSELVES
    assert {*KINDS} <= {*POPULATIONS}
