"""MFA: users without a device, and users with a weak one."""

from __future__ import annotations

import pandas as pd

from iamkit.checks.facts import graded
from iamkit.checks.mfa_steps import (
    stronger_step,
    until_registered,
)
from iamkit.checks.populations import (
    with_password,
    with_possible,
)
from iamkit.checks.registry import check
from iamkit.checks.use import RECENT, was_used
from iamkit.checks.wording import ADMIN, GUIDE, UNSURE, ago, status
from iamkit.evidence import requests
from iamkit.restrictions import HARDWARE
from iamkit.settings import Settings

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
        asked = with_possible(administrators, possible_administrators)
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
    among="administrator users",
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
    asked = with_possible(administrators, possible_administrators)
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
