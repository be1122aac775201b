"""
MFA: users without a device, users with a weak one, and policies that do not require MFA.

A registered device protects only if policies require MFA, so separate checks report registration
and enforcement. `account.mfa_enforcement` has the verdicts on enforcement; the checks combine them
with the credentials that exist. A user that is only in the credential report has no verdict and is
not assessed.
"""

from __future__ import annotations

import pandas as pd

from iamkit.checks.facts import graded, of_platforms
from iamkit.checks.mfa_steps import (
    ASK,
    DENY,
    IF_EXISTS,
    ONLY_DEVICES,
    deny_step,
    if_exists_step,
    only_devices_step,
    stronger_step,
    trust_step,
    until_registered,
)
from iamkit.checks.populations import with_active_keys, with_credentials, with_password
from iamkit.checks.registry import check
from iamkit.checks.use import RECENT, was_used
from iamkit.checks.wording import ADMIN, GUIDE, POLICIES_MISSING, UNSURE, ago, status, unseen
from iamkit.evidence import requests
from iamkit.restrictions import HARDWARE, NOT_APPLICABLE, MfaRequirement, MfaVerdict
from iamkit.settings import Settings
from iamkit.table import stack
from iamkit.trust import FEDERATED, GENUINE, IMPOSTOR

ACCESS = {
    "console": "a console password",
    "programmatic": "an active access key",
    "both": "a console password and an active access key",
}
WITHOUT_CREDENTIALS = (
    " and has no MFA device; it has no password and no active access key now, but a new one would "
    "work without MFA"
)

# Source: Getting Started with Amazon Web Services in China, "Amazon Identity and Access
# Management", No hardware or SMS MFA.
NO_HARDWARE = {"aws-cn": "in the China Regions users can register virtual MFA devices only"}

DEMAND = (
    f"{GUIDE}reference_policies_examples_aws_my-sec-creds-self-manage.html (AWS: Allows "
    "MFA-authenticated IAM users to manage their own credentials on the Security credentials page)"
)


@check(
    severity="high",
    title="A user with a console password has no MFA device",
    impact=(
        "A password can be phished, guessed or reused from another site, and nothing else is "
        "asked for at sign-in. The attacker then has all permissions of the user."
    ),
    among="console users",
    remedy="Register an MFA device for the user, or delete the password.",
    source=f"{GUIDE}id_credentials_mfa.html",
)
def console_user_without_mfa(
    credentials: pd.DataFrame,
    administrators: pd.DataFrame | None = None,
    mfa_enforcement: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users who can sign in with a password and have no MFA device.

    Administrators are only noted here, because `administrator_without_mfa` reports them. A user is
    not assessed if the credential report does not say whether there is a device.

    >>> from iamkit.tables import CREDENTIALS
    >>> report = CREDENTIALS.rows(dict(user_arn="arn:aws:iam::111122223333:user/ana",
    ...     is_root=False, password_enabled=True, password_idle_days=3, password_use="used",
    ...     mfa_registered=False))
    >>> console_user_without_mfa(report).detail.tolist()
    ['a password used 3 days ago, and no MFA device']
    """
    console_users = with_password(credentials)
    hit = console_users[~console_users["mfa_registered"].fillna(value=False)]
    unknown = hit["mfa_registered"].isna()
    used = "used " + ago(hit["password_idle_days"])
    used = used.where(hit["password_use"].eq("used"), "with no use on record")
    detail = "a password " + used + ", and no MFA device"
    detail += until_registered(hit["user_arn"], mfa_enforcement)
    found = pd.DataFrame(
        {
            "subject": hit["user_arn"],
            "detail": detail.mask(unknown, "the credential report does not say if MFA is on"),
            "status": status(~unknown),
        }
    )
    idle = hit["password_idle_days"].ge(RECENT).fillna(value=False)
    when = was_used(hit["password_use"], hit["password_idle_days"])
    gone = "Remove the password: it " + when + ". If it is needed, register an MFA device."
    keep = "Register an MFA device for the user: the password " + when + "."
    step = pd.Series(None, hit.index, "object").mask(hit["password_use"].eq("used"), keep)
    found["next_step"] = step.mask(idle, gone)
    told = () if administrators is None else frozenset(administrators["principal_arn"])
    return graded(found, "high", told, "administrator_without_mfa")


@check(
    severity="medium",
    title="An MFA device can be phished or copied",
    impact=(
        "Codes of an app can be typed into a phishing page, which uses them at once, and the "
        "app's secret can be copied. A passkey or security key works for the real site only."
    ),
    among="console users with hardware MFA asked for",
    remedy="Register a passkey, security key or hardware token, then remove the virtual device.",
    source=f"{GUIDE}best-practices.html (Require multi-factor authentication)",
    errs=(
        "neither way: a user is not assessed if the serial number does not show the kind of a "
        "device"
    ),
    not_in=NO_HARDWARE,
)
def user_without_hardware_mfa(
    credentials: pd.DataFrame,
    mfa_devices: pd.DataFrame,
    administrators: pd.DataFrame,
    gaps: pd.DataFrame,
    settings: Settings,
    possible_administrators: pd.DataFrame | None = None,
    partition: str = "aws",
    access_keys: pd.DataFrame | None = None,
    mfa_enforcement: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Console users who are asked for a hardware token or passkey, and have none.

    The settings say who is asked: administrators, everyone or nobody. One such device is enough,
    even if there are other devices. A user without any device is only noted here, because
    `console_user_without_mfa` reports it. Users without a password are left out, because they
    cannot sign in. Where the evidence does not list a user's devices, the user is not assessed,
    unless it has no device at all. In China there are virtual devices only.

    >>> from iamkit.tables import schema
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> report = schema.CREDENTIALS.rows(
    ...     dict(user_arn=arn, is_root=False, password_enabled=True, mfa_registered=True))
    >>> devices = schema.MFA_DEVICES.rows(dict(serial="s", user_arn=arn, kind="virtual"))
    >>> nobody = pd.DataFrame({"principal_arn": []}, dtype="str")
    >>> everyone = Settings().with_overrides(hardware_mfa="everyone")
    >>> user_without_hardware_mfa(report, devices, nobody, schema.GAPS.rows(), everyone).detail[0]
    'only virtual devices (1)'
    """
    users = with_password(credentials)
    users = users[:0] if partition in NO_HARDWARE else users
    certain = pd.Series(True, users.index)
    if settings.hardware_mfa == "administrators":
        asked = _with_possible(administrators, possible_administrators)
        users = users[users["user_arn"].isin(asked["principal_arn"])]
        certain = users["user_arn"].isin(administrators["principal_arn"])
    strong = mfa_devices.loc[mfa_devices["kind"].isin(HARDWARE), "user_arn"]
    hit = users[~users["user_arn"].isin(strong) & (settings.hardware_mfa != "nobody")]
    known = mfa_devices[mfa_devices["kind"] != "unknown"]["user_arn"].value_counts()
    virtual = known.reindex(hit["user_arn"]).fillna(0).astype(int).set_axis(hit.index)
    unclear = hit["user_arn"].isin(mfa_devices.loc[mfa_devices["kind"] == "unknown", "user_arn"])
    none = (virtual == 0) & ~unclear & ~hit["mfa_registered"].fillna(value=True)
    unlisted = bool(gaps["call"].eq(requests.MFA.call).any())
    unknown = ~none & (unclear | (virtual == 0) | unlisted)
    detail = ("only virtual devices (" + virtual.astype("str") + ")").mask(none, "no MFA device")
    detail = detail.mask(unknown, "the evidence does not say which kind of device it has")
    unsure = ~certain.reindex(hit.index)
    unknown |= unsure
    found = pd.DataFrame(
        {
            "subject": hit["user_arn"],
            "detail": detail.mask(unsure, detail + "; " + UNSURE),
            "status": status(~unknown),
        }
    )
    found["next_step"] = stronger_step(hit["user_arn"], none, access_keys, mfa_enforcement)
    without = frozenset(hit.loc[none, "user_arn"])
    return graded(found, "medium", without, "console_user_without_mfa")


@check(
    severity="critical",
    title="An administrator has no MFA device",
    impact=(
        "The password or key is all that protects the account: anyone who phishes or finds it can "
        "do everything. If MFA is enforced, the first person with the password can register a "
        "device of their own."
    ),
    among="administrators",
    remedy="Register an MFA device, a passkey or hardware token, today.",
    source=f"{GUIDE}best-practices.html (Require multi-factor authentication)",
    errs=(
        "towards not assessed: identities that are administrators only under unknown conditions "
        "count"
    ),
)
def administrator_without_mfa(
    administrators: pd.DataFrame,
    credentials: pd.DataFrame,
    possible_administrators: pd.DataFrame | None = None,
    as_of: pd.Timestamp | None = None,
    mfa_enforcement: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users who can do everything, or give themselves everything, and have no MFA device.

    Permissions decide who is an administrator, not the names of policies: members of a group whose
    customer managed policy allows everything count; users with a policy that denies everything do
    not. A user without credentials counts, because its first password would work without MFA; as
    nothing of it can be stolen, that is medium. A user without a device who is possibly an
    administrator is not assessed.

    >>> from iamkit.tables import CREDENTIALS
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> admins = pd.DataFrame([[arn, "user", "ana", "everything"]],
    ...                       columns=["principal_arn", "kind", "name", "admin"])
    >>> report = CREDENTIALS.rows(dict(user_arn=arn, mfa_registered=False, access="programmatic"))
    >>> administrator_without_mfa(admins, report).detail.tolist()
    ['can do everything and has an active access key, but no MFA device']
    """
    asked = _with_possible(administrators, possible_administrators)
    users = asked[asked["kind"] == "user"].merge(
        credentials, left_on="principal_arn", right_on="user_arn", how="left"
    )
    hit = users[~users["mfa_registered"].fillna(value=False)]
    unsure = ~hit["principal_arn"].isin(administrators["principal_arn"])
    unknown = hit["mfa_registered"].isna()
    can = hit["admin"].map(ADMIN).mask(unsure, "can possibly do everything")
    unused = hit["access"].eq("none")
    has = can + " and has " + hit["access"].map(ACCESS).fillna("credentials")
    until = until_registered(hit["principal_arn"], mfa_enforcement)
    detail = (has + ", but no MFA device" + until).mask(unused, can + WITHOUT_CREDENTIALS)
    retire = (
        "Delete the user if nobody needs it. If somebody does, register a device at its first "
        "sign-in."
    )
    step = pd.Series("Register an MFA device today.", hit.index).mask(unused, retire)
    if as_of is not None:
        days = (as_of - hit["last_used"].fillna(hit["created"])).dt.days.astype("Int64")
        said = ("last used " + ago(days)).where(hit["last_used"].notna(), "never used")
        idle = days.ge(RECENT).fillna(value=False) & ~unused
        drop = "Delete the user if nobody needs it: it was " + said
        step = step.mask(idle, drop + ". If it stays, register an MFA device.")
    return pd.DataFrame(
        {
            "subject": hit["principal_arn"],
            "detail": detail.mask(
                unknown, can + "; the credential report does not say if MFA is on"
            ),
            "status": status(~(unknown | unsure)),
            "severity": pd.Series("critical", hit.index, dtype="object").mask(unused, "medium"),
            "next_step": step,
        }
    )


@check(
    severity="high",
    title="Policies do not require MFA for the console password",
    impact=(
        "Whether MFA is asked for is left to each user: one without a device, or who removes it, "
        "works with a password alone. A stolen password of such a user is enough."
    ),
    among="console users",
    remedy=DENY,
    source=DEMAND,
    errs=(
        "towards reporting: a Deny with an unknown condition does not count, and SCPs that are not "
        "in the evidence count as allowing everything"
    ),
)
def password_without_enforced_mfa(
    credentials: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    incomplete: pd.DataFrame | None = None,
    access_keys: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Console users for whom policies allow more without MFA than registering a device.

    A registered device is not enough: without a policy that requires MFA, a session that began
    before the device was registered, or after it was removed, still works. Users without
    permissions beyond the minimum pass. If users can only change their own password, which requires
    the old one, the severity is low.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> from iamkit.tables import schema
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> report = schema.CREDENTIALS.rows(
    ...     dict(user_arn=arn, is_root=False, password_enabled=True))
    >>> verdicts = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="none", password="not required",
    ...          why="Nothing asks for MFA."))
    >>> password_without_enforced_mfa(report, verdicts).detail.tolist()
    ['Nothing asks for MFA.']
    """
    users = with_password(credentials)
    users = _with_verdicts(users, mfa_enforcement, incomplete)
    failing = users["password"].ne(MfaRequirement.REQUIRED) & ~users["verdict"].isin(NOT_APPLICABLE)
    found = _rows(users, failing)
    of_own = mfa_enforcement["worst"].map(lambda left: left == ["iam:ChangePassword"])
    mild = found["subject"].isin(mfa_enforcement.loc[of_own.astype("bool"), "principal_arn"])
    return found.assign(
        next_step=deny_step(found["subject"], credentials, access_keys),
        severity=mild.map({True: "low", False: "high"}),
    )


@check(
    severity="high",
    title="MFA is enforced for console sign-in but not for access keys",
    impact=(
        "MFA protects the sign-in page only. A key copied from a laptop or a repository does the "
        "same things from anywhere, without a code."
    ),
    among="users with active keys",
    remedy=IF_EXISTS,
    source=DEMAND,
    errs="towards reporting: a Deny with an unknown condition does not count",
)
def key_escapes_mfa(
    access_keys: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    incomplete: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users whose policies require MFA for the console, while their access key works without MFA.

    A request signed with a long-term key does not contain aws:MultiFactorAuthPresent, so a Deny
    with `Bool` does not apply to it. If MFA is required for neither credential,
    `password_without_enforced_mfa` and `mfa_can_be_removed` report it.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> from iamkit.tables import schema
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> keys = schema.ACCESS_KEYS.rows(dict(user_arn=arn, slot=2, is_root=False, active=True))
    >>> verdicts = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="console only", why="It says Bool."))
    >>> key_escapes_mfa(keys, verdicts).detail.tolist()
    ['It says Bool.']
    """
    users = with_active_keys(access_keys).drop_duplicates("user_arn")
    users = _with_verdicts(users, mfa_enforcement, incomplete)
    found = _rows(users, users["verdict"].eq(MfaVerdict.CONSOLE_ONLY))
    return found.assign(next_step=if_exists_step(found["subject"], access_keys))


@check(
    severity="high",
    title="A user can remove or bypass the MFA requirement without MFA",
    impact=(
        "An attacker with the password or key makes the one call that removes the need for MFA, "
        "and then has all permissions. The rule delays an attack by a minute."
    ),
    among="users with credentials",
    remedy=ONLY_DEVICES,
    source=DEMAND,
    errs="towards silence: only actions that are certainly allowed without MFA count",
)
def mfa_can_be_removed(
    credentials: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    access_keys: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users who need MFA for some actions, but can remove that requirement without MFA.

    `mfa_enforcement.BYPASSES` lists the actions that remove it: deactivating the device, creating
    credentials, changing policies. A Deny that excepts iam:DeactivateMFADevice or
    iam:CreateAccessKey is not complete.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> from iamkit.tables import schema
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> report = schema.CREDENTIALS.rows(
    ...     dict(user_arn=arn, is_root=False, password_enabled=True, keys_active=0))
    >>> verdicts = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="bypassable", why="It leaves iam:CreateAccessKey out."))
    >>> mfa_can_be_removed(report, verdicts).detail.tolist()
    ['It leaves iam:CreateAccessKey out.']
    """
    users = with_credentials(credentials)
    users = _with_verdicts(users, mfa_enforcement)
    found = _rows(users, users["verdict"].eq(MfaVerdict.BYPASSABLE))
    return found.assign(next_step=only_devices_step(found["subject"], access_keys))


@check(
    severity="medium",
    title="An administrator role may be assumed without MFA",
    impact=(
        "An access key of anyone who may assume this role is enough to administer the account. A "
        "stolen key brings no MFA code, and here it needs none."
    ),
    among="roles",
    remedy=ASK,
    source=f"{GUIDE}id_credentials_mfa_configure-api-require.html",
    errs=(
        "towards reporting: a trusted role counts like a trusted user, and a condition on an "
        "unknown value does not count as requiring MFA"
    ),
)
def administrative_role_without_mfa(
    administrators: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    possible_administrators: pd.DataFrame | None = None,
    trusted_principals: pd.DataFrame | None = None,
    platform_roles: pd.DataFrame | None = None,
    users: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Administrator roles that AWS principals may assume without MFA.

    MFA is expected only if people can assume the role directly. Roles for services and federated
    identities pass: the identity provider enforces the MFA of its users. Roles that only named
    roles may assume pass, because sessions of roles contain no MFA information. Roles that trust
    this whole account pass if it has no users. Roles of platforms pass, because a requirement for
    MFA would break them.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> arn = "arn:aws:iam::111122223333:role/admin"
    >>> admins = pd.DataFrame([[arn, "role", "admin", "everything"]],
    ...                       columns=["principal_arn", "kind", "name", "admin"])
    >>> verdicts = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="none", statement="statement 1", why="It admits all."))
    >>> administrative_role_without_mfa(admins, verdicts).detail.tolist()
    ['It admits all.']
    """
    asked = _with_possible(administrators, possible_administrators)
    roles = asked.loc[asked["kind"] == "role", ["principal_arn"]]
    roles = roles[~roles["principal_arn"].isin(_not_for_people(trusted_principals, users))]
    beside = of_platforms(platform_roles, GENUINE, IMPOSTOR)  # of these, see the check of its name
    roles = roles[~roles["principal_arn"].isin(beside)]
    roles = _with_verdicts(roles.rename(columns={"principal_arn": "user_arn"}), mfa_enforcement)
    roles["verdict"] = roles["verdict"].mask(roles["statement"].isna() & ~_fine(roles))
    found = _rows(roles, ~_fine(roles), "its trust policy cannot be read")
    unsure = ~found["subject"].isin(administrators["principal_arn"])
    return found.assign(
        next_step=trust_step(found["subject"], trusted_principals),
        status=found["status"].mask(unsure, "not assessed"),
        detail=found["detail"].mask(unsure, found["detail"] + " " + UNSURE.capitalize() + "."),
    )


def _not_for_people(
    trusted_principals: pd.DataFrame | None, users: pd.DataFrame | None
) -> frozenset[str]:
    """
    Roles whose trust policies allow only roles without MFA, or the own account without users.

    For an account that is not yours an external id is expected, because MFA would lock out the tool
    of a vendor.
    """
    if trusted_principals is None or users is None:
        return frozenset()
    nobody = ["deleted identity", "unknown account", *FEDERATED, "service"]
    without = trusted_principals["mfa"].ne(other=True).fillna(value=True)  # of others MFA is asked
    asked = trusted_principals[~trusted_principals["who"].isin(nobody) & without]
    named = asked["principal"].str.contains(r"^arn:[\w-]+:(?:iam::\d+:role/|sts::)|^AROA", na=False)
    empty = asked["who"].isin(["own account", "own identity"]) & users.empty
    direct = asked.loc[~(named | empty), "role_arn"]
    return frozenset(trusted_principals["role_arn"]) - frozenset(direct)


def _with_possible(administrators: pd.DataFrame, possible: pd.DataFrame | None) -> pd.DataFrame:
    """The administrators, and the principals that are administrators if unknown conditions hold."""
    if possible is None:
        return administrators
    return stack(administrators, possible).drop_duplicates("principal_arn")


def _with_verdicts(
    principals: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    incomplete: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Add the verdicts on enforcement; missing where policies are not in the evidence.

    `unseen` says why one may rest on such policies alone.
    """
    verdicts = mfa_enforcement[["principal_arn", "verdict", "password", "statement", "why"]]
    found = principals[["user_arn"]].merge(
        verdicts, left_on="user_arn", right_on="principal_arn", how="left"
    )
    return found.assign(unseen=unseen(found["user_arn"], mfa_enforcement, incomplete))


def _fine(roles: pd.DataFrame) -> pd.Series[bool]:
    """Whether assuming each role needs MFA, or only services and federated identities may."""
    return roles["verdict"].isin([MfaVerdict.ENFORCED, *NOT_APPLICABLE])


def _rows(
    principals: pd.DataFrame,
    failing: pd.Series[bool],
    no_verdict: str = POLICIES_MISSING,
) -> pd.DataFrame:
    """Failing principals with the reason of their verdict, and those without a verdict."""
    hit = principals[failing | principals["verdict"].isna()]
    unknown = hit["verdict"].isna()
    detail = hit["why"].mask(unknown, no_verdict)
    return pd.DataFrame(
        {
            "subject": hit["user_arn"],
            "detail": detail.mask(hit["unseen"].notna(), hit["unseen"]),
            "status": status(~unknown & hit["unseen"].isna()),
        }
    )
