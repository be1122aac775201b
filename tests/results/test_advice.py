"""
Advice is tried before it is printed: its finding goes, nothing worse comes, nothing in use stops.

`tests/results/advice.py` says what each wording comes to, and of which advice nobody can try it.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account, changes
from iamkit.checks import SEVERITIES
from iamkit.checks.registry import CHECKS
from iamkit.evidence import cli_files
from iamkit.reference import platform_roles
from tests.accounts import (
    ACCOUNT,
    ARN,
    AS_OF,
    account,
    details,
    group,
    of_answers,
    policy,
    report,
    role,
    user,
)
from tests.examples import thorough
from tests.results.advice import TRIED, UNTRIED, Change, Finding, attempt, document
from tests.results.surroundings import surroundings

DATA = Path(__file__).parents[1] / "data"
RECENT = 90  # days
USED = r"(used|it was used|which was used) (for \w+ )?(today|yesterday|\d+ days ago)"
HANDED = re.compile(
    r"Make a second key|Move the work of|Let its program|Finish the rotation|Give the program|"
    r"Check what|Delete access key"
)
# Checks that leave administrators aside: they judge whoever is none any more for the first time.
NOT_OF_ADMINISTRATORS = {"can_escalate", "can_become_administrator", "near_administrator"}


# --- the accounts


def files(folder: Path, names: dict[str, str], tmp_path: Path) -> Account:
    given = tmp_path / "given"
    given.mkdir()
    for name, to in names.items():
        (given / to).write_bytes((folder / name).read_bytes())
    return of_answers(*cli_files.responses_in(given, as_of=AS_OF))


# An account that holds each kind of advice, and one that was made by others; more in `test-large`.
ACCOUNTS = ["kinds", "surroundings", "well run", *(["demo", "lab", "matrix"] if thorough() else [])]


@pytest.fixture(scope="module", params=ACCOUNTS)
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Account:
    folder = tmp_path_factory.mktemp("tried")
    if request.param == "demo":
        made: Account = request.getfixturevalue("demo_account")
        return made
    if request.param in ("kinds", "surroundings"):
        return kinds(folder) if request.param == "kinds" else surroundings(folder)
    where = {"well run": "well_run", "lab": "escalation", "matrix": "matrix"}[request.param]
    prefix = "iam_vulnerable_" if request.param == "lab" else ""
    names = ["authorization_details.json"]
    names += ["credential_report.csv"] if request.param != "matrix" else []
    given = {prefix + name: name for name in names}
    if request.param == "well run":
        given = {path.name: path.name for path in (DATA / where).iterdir()}
    return files(DATA / where, given, folder)


def allow(*who: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": list(who)}, "Action": "sts:AssumeRole"} | more


def attached(*names: str) -> list[dict[str, str]]:
    arns = [name if ":" in name else f"{ARN}policy/{name}" for name in names]
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns]


def day(before: int | None) -> str:
    """A day so many before the evidence."""
    if before is None:
        return "N/A"
    return (pd.Timestamp("2026-11-01T06:00Z") - pd.Timedelta(days=before)).isoformat()


Key = tuple[str, int, int | None]  # active, age, days since its use
NO_KEY: Key = ("false", -1, None)


def line(
    name: str, *keys: Key, password: tuple[int, int | None] | None = None, mfa: str = "true"
) -> str:
    """A line of the credential report: keys, and the password's age and days since its use."""
    cells = [name, f"{ARN}user/{name}", day(900), "true" if password else "false"]
    used = (
        (day(password[1]) if password[1] is not None else "no_information") if password else "N/A"
    )
    cells += [used, day(password[0]) if password else "N/A", "N/A", mfa]
    for active, age, last in (*keys, NO_KEY, NO_KEY)[:2]:
        cells += [active, day(None if age < 0 else age), day(last)]
        cells += ["N/A", "N/A"] if last is None else ["eu-west-1", "s3"]
    return ",".join([*cells, "false", "N/A", "false", "N/A"])


S3 = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
ALL = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
OLD_ROOT = "true,true,2025-01-01T00:00:00Z,2026-10-31T00:00:00Z,us-east-1,s3,false,N/A,N/A,N/A,N/A"


def kinds(folder: Path) -> Account:
    """An account with every kind of use of keys, passwords and roles that advice has to mind."""
    lines = {
        "one": [("true", 300, 3)],
        "idle": [("true", 300, 120)],
        "unused": [("true", 300, None)],
        "inactive": [("true", 300, 3), ("false", 500, 200)],
        "aside": [("true", 300, 3), ("true", 400, None)],
        "spare": [("true", 300, 3), ("true", 20, None)],
        "busy": [("true", 300, 3), ("true", 400, 5)],
        "late": [("true", 300, 50)],
    }
    passwords = {"asked": (200, 60), "gone": (200, 150), "never": (200, None), "works": (30, 2)}
    passwords |= {"both": (30, 2), "codes": (30, 1)}
    text = [line(name, *keys) for name, keys in lines.items()]
    text += [
        line(name, password=of) for name, of in passwords.items() if name not in ("both", "codes")
    ]
    text.append(line("both", ("true", 10, 1), password=(30, 2), mfa="false"))
    text.append(line("codes", ("true", 10, 1), password=(30, 1)))
    text.append(line("chief", password=(30, 1)))
    text += [line("left"), line("open", password=(30, 1), mfa="false")]
    without_mfa = document(
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "NotAction": ["iam:EnableMFADevice"], "Resource": "*"}
        | {"Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}},
    )
    chief = f"{ARN}user/chief"
    people = [user(each.split(",")[0]) for each in text]
    for each in people:
        each["AttachedManagedPolicies"] = attached("read")
        if each["UserName"] in ("codes", "chief"):
            each["AttachedManagedPolicies"] = attached("with-mfa")
        if each["UserName"] == "left":
            each["AttachedManagedPolicies"] = attached("of-the-left")
    roles = [
        role("unused", document(allow(chief)), AttachedManagedPolicies=attached("alone")),
        role("trusting", document(allow(chief, f"{ARN}role/unused"))),
        role("of-ghosts", document(allow("AIDAGHOSTGHOSTGHOSTGH"))),
        role("half-ghosts", document(allow("AIDAGHOSTGHOSTGHOSTGH", chief))),
        role(
            "admins",
            document(allow(chief, f"{ARN}role/trusting")),
            AttachedManagedPolicies=attached("arn:aws:iam::aws:policy/AdministratorAccess"),
        ),
        role("public", document(allow("*"))),
        role("vendor", document(allow("arn:aws:iam::999988887777:root"))),
        role("jobs", document({**allow(), "Principal": {"Service": "batch.amazonaws.com"}})),
    ]
    for each in roles[1:]:
        each["RoleLastUsed"] = {"LastUsedDate": day(10), "Region": "eu-west-1"}
    boundary = {"StringEquals": {"iam:PermissionsBoundary": f"{ARN}policy/bound"}}
    fence = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    fence |= {"Condition": {"NotIpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}
    policies = [
        *(policy(name, S3) for name in ("read", "alone", "of-the-left", "bound", "on-nobody")),
        policy("owner", ALL),
        policy("with-mfa", without_mfa),
        policy("everywhere", document(S3["Statement"][0], fence)),
        policy(
            "delegate",
            document(
                {"Effect": "Allow", "Action": "iam:CreateRole", "Resource": f"{ARN}role/app-*"}
                | {"Condition": boundary}
            ),
        ),
    ]
    groups = [group("nobody", AttachedManagedPolicies=attached("delegate"))]
    root = f"<root_account>,{ARN}root,2020-01-01T00:00:00Z,not_supported,no_information,"
    text.insert(0, f"{root}not_supported,not_supported,{OLD_ROOT},false,N/A,false,N/A")
    contents = details(people, groups, roles, policies)
    csv = "\n".join([report().split("\n")[0], *text])
    given: dict[str, Any] = {
        "credential_report": csv,
        "password_policy": {
            "PasswordPolicy": {"MinimumPasswordLength": 8, "HardExpiry": True}
            | {"AllowUsersToChangePassword": False, "ExpirePasswords": False}
        },
        "mfa_devices": {
            "MFADevices": [
                {"UserName": name, "SerialNumber": f"{ARN}mfa/{name}", "EnableDate": day(100)}
                for name in ("chief", "codes")
            ]
        },
        "virtual_mfa_devices": {"VirtualMFADevices": []},
        "service_specific_credentials": {"ServiceSpecificCredentials": []},
    }
    return account(folder, contents, **given)


# --- the trial


def failing(account: Account) -> Iterator[tuple[Finding, list[Change]]]:
    """The findings that fail and whose advice can be tried, with what it comes to."""
    ways = {each.change for each in platform_roles() if each.change}
    findings = account.audit.findings.query("status == 'fail'")
    for row in findings[list(Finding._fields)].itertuples(index=False):
        found = Finding(*row)
        if found.next_step in ways:
            continue
        wanted = attempt(account, found)
        if wanted is not None:
            yield found, wanted


def batches(account: Account) -> Iterator[list[tuple[Finding, list[Change]]]]:
    """Findings of one severity, each about somebody else, to be tried together."""
    made: list[tuple[str, set[str], list[tuple[Finding, list[Change]]]]] = []
    for found, wanted in failing(account):
        about = {found.subject, *about_whom(wanted)}
        for severity, subjects, batch in made:
            if severity == found.severity and not subjects & about:
                subjects |= about
                batch.append((found, wanted))
                break
        else:
            made.append((found.severity, about, [(found, wanted)]))
    # `make test` tries every third of what is tried together.
    return (batch for _, _, batch in made[:: 1 if thorough() else 3])


def about_whom(wanted: Iterable[Change]) -> set[str]:
    names = ("user", "role", "group", "principal", "policy")
    given = (str(getattr(each, name)) for each in wanted for name in names if hasattr(each, name))
    return {arn for arn in given if ":iam::aws:" not in arn}


def known(findings: pd.DataFrame) -> set[tuple[str, str]]:
    """Check and subject, of an inline policy its name: it may be somebody else's afterwards."""
    subject = findings["subject"].map(lambda arn: arn.rpartition("#")[2])
    return set(zip(findings["check"], subject, strict=True))


def test_its_finding_goes_and_nothing_as_bad_comes(tried: Account) -> None:
    before = tried.audit.findings
    for batch in batches(tried):
        wanted = [change for _, several in batch for change in several]
        after = tried.what_if(*wanted).audit
        assert not after.results["error"].notna().any()
        still = known(after.findings.query("status in ['fail', 'not assessed']"))
        for found, _ in batch:
            where = f"{found.check} of {found.name}: {found.next_step}"
            details = after.findings.query("check == @found.check and subject == @found.subject")
            assert found.detail not in set(details["detail"]), where
            another = (found.check, found.subject.rpartition("#")[2]) in still
            assert not another or several_of(before, found), where
        worst = SEVERITIES.index(batch[0][0].severity)
        new = after.findings.query("status == 'fail'")
        new = new[new["severity"].map(SEVERITIES.index).le(worst)]
        demoted = {found.subject for found, _ in batch if found.check == "administrator_user"}
        fresh = {
            (check, subject)
            for check, subject in known(new) - known(before)
            if not (check in NOT_OF_ADMINISTRATORS and subject in demoted)
        }
        assert not fresh, (fresh, [found.check for found, _ in batch])


def several_of(findings: pd.DataFrame, found: Finding) -> bool:
    """Whether a check says several things of a subject, each with a step of its own."""
    alike = findings["check"].eq(found.check) & findings["subject"].eq(found.subject)
    return int(alike.sum()) > 1


def in_use(account: Account) -> tuple[set[tuple[str, int]], set[str], set[str]]:
    """Access keys, users with passwords, and roles that were used in the last `RECENT` days."""
    keys, people, roles = account.access_keys, account.credentials, account.roles
    recent = keys[
        keys["active"].eq(other=True) & keys["use"].eq("used") & keys["idle_days"].lt(RECENT)
    ]
    busy = people[people["password_use"].eq("used") & people["password_idle_days"].lt(RECENT)]
    days = (account.as_of - roles["last_used"]).dt.days
    slots = zip(recent["user_arn"], recent["slot"].astype(int), strict=True)
    return set(slots), set(busy["user_arn"]), set(roles.loc[days.lt(RECENT), "role_arn"])


def test_nothing_in_use_is_stopped_without_a_word(tried: Account) -> None:
    keys, passwords, roles = in_use(tried)
    with_keys = {arn for arn, _ in keys}
    for found, wanted in failing(tried):
        step = found.next_step
        said = re.search(USED, step) is not None
        handed = said and HANDED.match(step.removeprefix("Let the user register an MFA device. "))
        for change in wanted:
            where = (found.check, found.name, step, str(change))
            if isinstance(change, changes.DeleteAccessKey):
                one = (change.user, change.slot) in keys
                assert not one or (handed and step.startswith("Move the work of")), where
            if isinstance(change, changes.DeactivateAccessKey):
                one = (change.user, change.slot) in keys
                assert not one or handed or step.startswith("Deactivate it, wait"), where
            if isinstance(change, changes.DeleteLoginProfile) and change.user in passwords:
                assert said, where
                assert step.startswith("Ask its user"), where
            if isinstance(change, changes.DeleteUser):
                assert change.user not in passwords | with_keys, where
            if isinstance(change, changes.DeleteRole):
                assert change.role not in roles or step.startswith("Delete the role if"), where
            if isinstance(change, changes.PutInlinePolicy) and change.name == "deny":
                assert change.principal not in with_keys or handed, where


def test_advice_to_delete_is_not_given_where_nothing_is_known(tried: Account) -> None:
    doubtful = tried.audit.findings.query("status == 'not assessed'")
    assert not doubtful["next_step"].str.match("(Delete|Deactivate|Remove|Detach) ").any()


def test_what_a_platform_made_is_changed_where_the_platform_says(tried: Account) -> None:
    mine = tried.platform_roles.query("standing == 'genuine' and change.notna()")
    findings = tried.audit.findings
    about = findings[findings["subject"].str.split("#").str[0].isin(mine["role_arn"])]
    remedies = {each.remedy for each in CHECKS.values()}
    assert not set(about["next_step"]) & remedies


def test_every_check_is_tried_or_says_why_not() -> None:
    covered = {name for name in CHECKS for pattern, _, _ in TRIED if re.fullmatch(pattern, name)}
    assert covered | UNTRIED.keys() == set(CHECKS)
    assert all(len(why) > 40 for why in UNTRIED.values())


EXPECTED = {
    (
        "old_access_key",
        "one",
    ): "Make a second key, use it instead, then deactivate this one: it was used 3 days ago.",
    ("old_access_key", "idle"): (
        "Deactivate it, wait to see if anything fails, then delete it: it was used 120 days ago."
    ),
    ("old_access_key", "unused"): "Delete it: it was never used.",
    ("old_access_key", "inactive"): (
        "Delete access key 2, which is inactive, and make a new key; use it instead, then "
        "deactivate this one: it was used 3 days ago."
    ),
    ("old_access_key", "spare"): (
        "Let its program use access key 2 instead, then deactivate this one: it was used 3 "
        "days ago."
    ),
    ("two_active_access_keys", "spare"): (
        "Finish the rotation: give access key 2 to the program that uses access key 1, which "
        "was used 3 days ago; then deactivate access key 1, and delete it later."
    ),
    (
        "two_active_access_keys",
        "aside",
    ): "Deactivate access key 2, which was never used, and delete it later.",
    ("unused_access_key", "late"): (
        "Deactivate it, wait to see if anything fails, then delete it: it was used 50 days ago."
    ),
    ("unused_password", "asked"): (
        "Ask its user, then remove the password (delete the login profile): it was used 60 "
        "days ago."
    ),
    ("password_without_enforced_mfa", "both"): (
        "Let the user register an MFA device. Move the work of access key 1 (used yesterday) "
        "to a role: the Deny stops the key. Without MFA, deny all actions except those to "
        "register a device, as AWS's example policy does."
    ),
    ("user_without_hardware_mfa", "codes"): (
        "Register a hardware token, then remove the virtual device: access key 1 (used "
        "yesterday) needs MFA codes, and a passkey shows none."
    ),
    ("unusable_user", "left"): (
        "Delete the user if it has no SSH keys for CodeCommit: no other credential is left. "
        "Then delete of-the-left, which nobody else has."
    ),
    ("unused_role", "unused"): (
        "Remove the role's permissions, and delete the role if nothing fails without them. "
        "Remove it from the trust policy of trusting first. Then delete alone, which nobody "
        "else has."
    ),
    ("empty_group_with_policies", "nobody"): (
        "Delete the group: anyone who is added to it gets its permissions. Then delete "
        "delegate, which nobody else has."
    ),
    ("unattached_policy", "bound"): "Keep it as long as delegate refers to it.",
    ("network_list_open", "everywhere"): (
        "Write the networks that requests come from instead. If you only remove the entry, "
        "the list is empty, and a Deny outside the list denies every request."
    ),
    ("trusts_deleted_identity", "of-ghosts"): (
        "Delete the role if nobody needs it: its trust policy names nobody else. If the role "
        "is needed, replace the id with the ARN of the user or role that needs it."
    ),
    ("administrative_role_without_mfa", "admins"): (
        'Put the users into a separate statement: add "Bool": {"aws:MultiFactorAuthPresent": '
        '"true"} to the trust policy\'s condition there. Keep the other principals in the old '
        "statement: they cannot use MFA."
    ),
    ("anyone_may_assume", "public"): (
        "Check in CloudTrail who assumes the role (it was used 10 days ago). Name the "
        "accounts or roles that you trust under Principal."
    ),
    ("root_access_key", "<root_account>"): (
        "Give the program that uses the key a role, then deactivate the key, and delete it "
        "later: it was used for s3 yesterday."
    ),
    ("password_policy_no_expiry", ACCOUNT): (
        "Let users change their own passwords first. Turn HardExpiry off first: it locks out "
        "users whose password has expired. Have old passwords changed first: 3 passwords are "
        "older and would expire at once. Let passwords expire, or accept the risk: if every "
        "user has MFA, expiry adds little security."
    ),
}


@pytest.mark.parametrize("about", EXPECTED, ids=" ".join)
def test_advice_depends_on_use(every_kind: Account, about: tuple[str, str]) -> None:
    findings = every_kind.audit.findings
    found = findings[findings["check"].eq(about[0]) & findings["name"].eq(about[1])]
    assert found["next_step"].tolist() == [EXPECTED[about]]


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return kinds(tmp_path_factory.mktemp("every"))
