"""
A synthetic company: the AWS account of a fictional firm, of any size, with a year of history.

Demonstrations and tests need an account whose answers are known. This one has a fixed cast, each
with a weakness (`PLANTED`) or built to have none (`CLEAN`), among ordinary users and roles drawn
from realistic distributions. It comes as the files that the AWS CLI would have saved, so that all
of iamkit is exercised, from parsing on.

A `CompanyHistory` says when each user, key, device, role and policy version was created, last used
and deleted, in days before one date (`data/demo.yaml`). An `AccountState` is what AWS would have
answered at one time; a year is twelve states of one history. The clock is never asked: the same
arguments give the same bytes.
"""

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from iamkit.demo.responses import ACCOUNT, AccountState, CompanyHistory, Row
from iamkit.evidence import cli_files, snapshot
from iamkit.reference import FOLDER, read_data

DATE = datetime(2026, 11, 1, 6, tzinfo=UTC)

PLANTED: dict[str, str] = {
    # the account
    "<root_account>": "Root's password was used three months ago; its MFA device is virtual.",
    "account-password-policy": "Weakened 40 days ago: 10 characters, 5 remembered, no expiry.",
    "legacy-shop-2024": "A server certificate that expired almost a year ago is still there.",
    # users
    "elena.petrova": "An administrator with a password and no MFA device.",
    "dmitri.volkov": "AdministratorAccess attached to the user; MFA is on, nothing enforces it.",
    "carlos.mendez": 'Administrator by its permissions: Action "*:*"; no MFA or network condition.',
    "aisha.rahman": "Administrator by its permissions: iam:* on everything.",
    "priya.raman": "Can pass the administrator role ops-automation to a function of her own.",
    "kofi.mensah": "Can write new versions of any policy, his own included.",
    "nadia.haddad": "Helpdesk: can set an administrator's password and take the MFA device away.",
    "ingrid.larsen": "Administrator from the office network; MFA is never asked for.",
    "victor.lemaire": "IAMFullAccess under a permissions boundary that allows everything.",
    "tomas.novak": "Lost his MFA device 20 days ago; the password still works.",
    "grace.kim": "Uses a password and never had an MFA device.",
    "bjorn.eriksen": "A password never used in 301 days, no MFA, no groups, no policies.",
    "noor.khan": "Has neither a password nor a key: nobody can use this user.",
    "fatima.alsayed": "A password in daily use, unchanged for 430 days.",
    "liam.murphy": "A password unused for 210 days hides behind a key used yesterday.",
    "pedro.alves": "Key 1 is inactive; key 2 is active, 600 days old and unused for 402.",
    "sam.taylor": "A key made with the user 240 days ago, in daily use; a password without MFA.",
    "peter.jansen": "A password no longer changed since 2015, use never tracked; no MFA.",
    "amara.diallo": "An inline policy on the user gives s3:* on everything.",
    "kwame.boateng": "His key works without MFA: his group's denial uses Bool, not BoolIfExists.",
    "hugo.bernard": "His key works without MFA: Billing denies nothing, one Allow asks IfExists.",
    "mei.chen": "Her key can remove MFA or make another key: her group's denial allows both.",
    "devon.price.ext": "His list of allowed networks includes 0.0.0.0/0.",
    "anton.weber.ext": "A contractor who left 185 days ago; the password still works, without MFA.",
    "rosa.lima.ext": "A contractor who left 148 days ago; the key, 505 days old, still works.",
    "svc-ci": "A service key in daily use, not rotated for 505 days, usable from anywhere.",
    "svc-monitoring": "Two active keys; one is 701 days old and was never used.",
    "svc-config-sync": "A service with a console password and no MFA; it reads every secret.",
    "BedrockAPIKey-k4xq": "A Bedrock API key that never expires, with a user made for it.",
    # groups
    "DataScience": "CloudShell for everyone in the group (AWSCloudShellFullAccess).",
    "Interns-2019": "A group with permissions and without members.",
    # roles
    "ops-automation": "An administrator that any function may become (trusts lambda).",
    "jenkins-runner": "May assume ops-deployer, an administrator.",
    "release-train": "May assume ops-deployer as well.",
    "nightly-build": "May assume release-train, and so become an administrator in two steps.",
    "data-platform": "An instance role that can do all but IAM, Organizations and Account.",
    "legacy-migration": "S3 full access, unused for two years.",
    "vendor-cost-review": "Trusts another account without an ExternalId; reads everything.",
    "public-uploads": 'Trusts Principal {"AWS": "*"}: anyone with an AWS account.',
    "github-preview": "Any repository and branch of the organisation may assume it.",
    "github-legacy": "Any GitHub workflow in the world may assume it: no condition on sub.",
    # customer managed policies
    "PlatformOwner": 'Action "*:*" on "*": full administration.',
    "IdentityManager": "iam:* on everything: can become anyone.",
    "LaunchWithAnyRole": "iam:PassRole for every role, and lambda to run them.",
    "PolicyPublisher": "iam:CreatePolicyVersion on every policy of the account.",
    "HelpdeskAccounts": "Sets the password of any user, administrators included.",
    "AdminFromOffice": "Full administration, on condition of the network only.",
    "RequireMFA-Support": "Bool where BoolIfExists is needed: access keys pass without MFA.",
    "RequireMFA-DataScience": "iam:CreateAccessKey and iam:DeactivateMFADevice work without MFA.",
    "OfficeNetworks-Contractors": "The allow-list includes 0.0.0.0/0, so nothing is denied.",
    "FinanceReportsIfMFA": "Allow with BoolIfExists true: access keys pass without MFA.",
    "DeployPipeline": "Version 2, Action * on *, is fixed but can be made default again.",
    "LegacyReporting": "Wide access, attached to nothing.",
    "ReportingJobs": "Names actions that do not exist: s3:GetObjekt, dynamdb:Query and another.",
    "QueueAndTableAccess": "Whole services on everything: dynamodb:*, sqs:*.",
    "EverythingButIdentity": "Allow with NotAction: whatever is not listed, and every new service.",
    "ReadAllSecrets": "Reads every secret and parameter, and decrypts with every key.",
    "OpenBoundary": "A permissions boundary that bounds nothing.",
}


"""Names of the cast with a weakness, and the weakness. Which kind a name is, the account says."""


CLEAN: dict[str, str] = {
    "lena.fischer": "A developer with a hardware token.",
    "tomoko.sato": "A developer with a passkey.",
    "ravi.kumar": "A developer with two devices.",
    "jose.garcia": "A developer with a virtual device; a tag holds his name as he writes it.",
    "zoe.nguyen": "A developer with MFA who also has a key, 20 days old.",
    "svc-backup": "A service with one key, 30 days old, usable from the office only.",
    "svc-exports": "A service with one key, 55 days old, usable from the office only.",
    "Developers": "Own team's resources only; MFA and office networks enforced.",
    "ServiceAccounts": "Uploads to one's own folder; office networks enforced.",
    "web-app": "An instance role with narrow policies.",
    "orders-api": "A function's role with narrow policies.",
    "partner-monitoring": "Trusts a partner's account with an ExternalId.",
    "okta-readonly": "Trusts a SAML provider, for one audience.",
    "github-deploy": "Trusts one branch of one repository.",
    "RequireMFA": "AWS's example: all but enrolling is denied without MFA (BoolIfExists).",
    "OfficeNetworksOnly": "Denies all outside two networks, except through AWS services.",
    "OfficeNetworks-Services": "The same in the shorter form that AWS shows today.",
    "DeveloperTools": "Two versions; scoped by tags and policy variables.",
    "TeamBuckets": "Scoped by policy variables.",
    "ServiceUploads": "Scoped by ${aws:username}.",
    "WebAppData": "Named actions on named resources.",
    "OrdersTable": "Named actions on named resources.",
    "ShopDeploy": "Named actions on named resources.",
    "DeveloperBoundary": "A permissions boundary that bounds.",
}


"""Names of the cast built to be flawless: a finding about one of them is a false alarm."""


def company(date: datetime = DATE, users: int = 60, seed: int = 7) -> Row:
    """
    The account at `date`: file name → the object that the AWS CLI v2 prints.

    Parameters
    ----------
    date : datetime
        When the credential report was made; ages count back from here. Naive means UTC.
    users : int
        IAM users, root not counted. The cast is always there, so an account is never smaller
        than it (41). Roles and customer managed policies grow with the users beyond 60.
    seed : int
        Draws another company around the same cast.

    >>> company()["account-aliases.json"]
    {'AccountAliases': ['example-corp']}
    """
    date = _utc(date)
    return AccountState(_company_history(date, users, seed), date).files()


def history(
    months: int = 12, date: datetime = DATE, users: int = 60, seed: int = 7
) -> Iterator[tuple[datetime, Row]]:
    """
    The same company month by month: (date, files), oldest first; the last equals `company(date)`.

    Over a year MFA spreads from a third to three quarters of those with a password, people join and
    leave, keys are rotated, root gets MFA and loses its key. DeployPipeline becomes `Action: *` 218
    days before `date` and is fixed 127 days before. In the last 40 days the password policy is
    weakened and tomas.novak loses his device. AWS managed policies are today's in every month.
    """
    date = _utc(date)
    full_history = _company_history(date, users, seed)
    for back in reversed(range(months)):
        year, month = divmod(date.year * 12 + date.month - 1 - back, 12)
        at = date.replace(year=year, month=month + 1, day=min(date.day, 28)) if back else date
        yield at, AccountState(full_history, at).files()


def snapshots(
    out: Path,
    *,
    months: int = 1,
    date: datetime = DATE,
    users: int = 60,
    seed: int = 7,
    progress: Callable[[str, int, int], object] = lambda what, done, total: None,
) -> Path:
    """
    Import the company's answers, month by month, and return the last snapshot's folder.

    A snapshot that is there already with the same evidence is kept: the demo is the same every
    time. Raises `SnapshotError` if it is there with other evidence.
    """
    path = out
    for number, (at, files) in enumerate(history(months, date, users, seed), start=1):
        with TemporaryDirectory(prefix="iamkit-demo-") as given:
            save(files, given)
            target = snapshot.place(out, ACCOUNT, at)
            if target.exists():
                snapshot.clear_up(target)
                again = cli_files.from_files(Path(given) / "again", Path(given), source="demo")
                kept, made = snapshot.read(target), snapshot.read(again)
                if kept.manifest["files"] != made.manifest["files"]:
                    snapshot.refuse_existing(target)
                path = target
            else:
                path = cli_files.from_files(out, Path(given), source="demo")
        progress(str(path), number, months)
    return path


def save(files: Row, folder: str | Path) -> list[Path]:
    """Write `files`, as `company` and `history` give them, into `folder`; returns their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        text = json.dumps(content, indent=4, ensure_ascii=False) + "\n"
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in files]


def write(folder: str | Path, date: datetime = DATE, users: int = 60, seed: int = 7) -> list[Path]:
    """Write `company(date, users, seed)` into `folder`, a file per answer; returns their paths."""
    return save(company(date, users, seed), folder)


# ── The company's history ──────────────────────────────────────────────────────────────────────


@cache
def _data() -> tuple[Row, dict[str, Row]]:
    """The cast, and the AWS managed policies as policy rows by name. To be read, not changed."""
    cast = read_data("demo.yaml")
    saved = json.loads((FOLDER / "managed_policies.json").read_text(encoding="utf-8"))
    managed = {
        policy["PolicyName"]: {
            "arn": policy["Arn"],
            "path": policy["Path"],
            "created": policy["CreateDate"],
            "first": int(policy["DefaultVersionId"][1:]),
            "versions": [[policy["UpdateDate"], policy["Document"]["Statement"]]],
        }
        for policy in saved["policies"]
    }
    return cast, managed


def _company_history(date: datetime, users: int, seed: int) -> CompanyHistory:
    """The cast, ordinary users and those who left within a year, teams and applications."""
    cast, managed = _data()
    all_users, groups, roles = (dict(cast[kind]) for kind in ("users", "groups", "roles"))
    policies = cast["policies"] | managed
    teams = [f"team-{number:02d}" for number in range(1, users // 200 + 1)]
    shared = ["TeamBuckets", "RequireMFA", "OfficeNetworksOnly"]
    groups |= {team: {"created": 1200, "policies": shared} for team in teams}
    names = [f"{first}.{last}" for first in cast["first_names"] for last in cast["last_names"]]
    _draws(seed, "names").shuffle(names)
    staying = max(0, users - len(all_users))
    for number in range(staying + max(3, users // 8)):
        draws = _draws(seed, "user", number)
        again, position = divmod(number, len(names))
        name = names[position] + (str(again + 1) if again else "")
        name, row = _ordinary(draws, cast, name, number, teams or ["Developers"])
        if number >= staying:
            row["gone"] = draws.randint(5, 340)
            row["created"] = max(row["created"], row["gone"] + 60)
        all_users[name] = row
    for number in range(60, users):
        name, row, statements = _application(_draws(seed, "role", number), cast, number)
        roles[name] = row
        policies[f"{name}-data"] = {"versions": [[row["created"], statements]]}
    return CompanyHistory(date, cast, all_users, groups, roles, policies)


def _draws(seed: int, *what: str | int) -> random.Random:
    """Random numbers for one user or role, which do not depend on the others."""
    return random.Random("/".join(map(str, (seed, *what))))  # noqa: S311


def _weighted(draws: random.Random, weights: dict[str, int]) -> str:
    return draws.choices(list(weights), list(weights.values()))[0]


def _days(draws: random.Random, bands: list[list[int]], most: int = 9999) -> int:
    """A number of days from one of the bands [from, to, weight], at most `most`."""
    low, high, _ = draws.choices(bands, [band[2] for band in bands])[0]
    return min(draws.randint(low, high), most)


def _ordinary(
    draws: random.Random, cast: Row, name: str, number: int, teams: list[str]
) -> tuple[str, Row]:
    """A name and a row: people have a password, mostly MFA, some a key; services have a key."""
    bands = cast["bands"]
    kind = _weighted(draws, cast["kinds"])
    created = _days(draws, bands["created"])
    group = _weighted(draws, cast["employee_groups"])
    group = draws.choice(teams) if group == "Developers" else group
    group = {"contractor": "Contractors", "service": "ServiceAccounts"}.get(kind, group)
    row: Row = {"created": created, "path": cast["paths"][kind], "groups": [group]}
    row["tags"] = {"team": draws.choice(cast["teams"])}
    if kind == "service" or draws.random() < 0.35:
        row["keys"] = _keys(draws, bands, created)
    if kind == "service":
        return f"svc-{draws.choice(cast['services'])}-{number:03d}", row
    used = _days(draws, bands["password_used"], created)
    row["password"] = [max(_days(draws, bands["password_changed"], created), used), used]
    if draws.random() < 0.74:
        enrolled = max(created - draws.randint(0, 12), 0)
        late = enrolled if created < 250 else _days(draws, bands["mfa"], enrolled)
        row["mfa"] = [{"kind": _weighted(draws, cast["devices"]), "since": late}]
    return name + (".ext" if kind == "contractor" else ""), row


def _keys(draws: random.Random, bands: Row, created: int) -> list[Row]:
    """One key as it is now and, if it is rotated, those before it, in alternating slots."""
    made = _days(draws, bands["key_made"], created - 5)
    used = None if draws.random() < 0.05 else _days(draws, bands["key_used"], made)
    keys: list[Row] = [{"made": made, "used": used}]
    every = draws.randint(70, 160)
    while made <= 300 and made + every < min(created - 5, 700):
        slot = 1 + len(keys) % 2
        keys.append({"slot": slot, "made": made + every, "used": made + 1, "gone": made})
        made += every
    return keys


def _application(draws: random.Random, cast: Row, number: int) -> tuple[str, Row, list[Row]]:
    """The name and role of an ordinary application, and the statements of its own policy."""
    runtime, team = draws.choice(cast["runtimes"]), draws.choice(cast["teams"])
    name = f"{team}-{runtime}-{number:04d}"
    used = _days(draws, cast["bands"]["role_used"])
    row = {
        "created": used + draws.randint(3, 1500),
        "used": used,
        "trust": [{"Principal": {"Service": f"{runtime}.amazonaws.com"}}],
        "policies": [f"{name}-data"],
        "profile": runtime == "ec2",
        "tags": {"team": team},
    }
    statements = deepcopy(cast["application"])
    for statement in statements:
        statement["Resource"] = statement["Resource"].format(team=team, name=name)
    return name, row, statements


def _utc(date: datetime) -> datetime:
    """The same time in UTC, without microseconds; a naive time is taken as UTC."""
    date = date.replace(microsecond=0)
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
