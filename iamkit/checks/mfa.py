"""
Second factors: who has none, whose is weak, and where policies do not insist on it.

A device that is registered protects only if policies insist on it, so adopted and enforced are
asked about apart. What is enforced is `enforcement`'s verdict: here it meets the credentials that
exist. A user whom only the credential report knows has no verdict, and is not assessed.
"""

from __future__ import annotations

import pandas as pd

from iamkit.checks.registry import check
from iamkit.checks.wording import ADMIN, GUIDE, POLICIES_MISSING, ago
from iamkit.evidence import requests
from iamkit.restrictions import NOT_APPLICABLE
from iamkit.settings import Settings

STRONG = ("hardware", "passkey")

ACCESS = {
    "console": "a console password",
    "programmatic": "an active access key",
    "both": "a console password and an active access key",
    "none": "no password or active access key yet",
}

DEMAND = (
    f"{GUIDE}reference_policies_examples_aws_my-sec-creds-self-manage.html (AWS: Allows "
    "MFA-authenticated IAM users to manage their own credentials on the Security credentials page)"
)


@check(
    severity="high",
    title="A console password without an MFA device",
    among="console users",
    remedy="Register an MFA device for the user, or take the password away.",
    source=f"{GUIDE}id_credentials_mfa.html",
)
def console_user_without_mfa(credentials: pd.DataFrame) -> pd.DataFrame:
    """
    Users who sign in with a password and have no MFA device.

    Where the credential report does not say whether there is one, the user is not assessed.

    >>> from iamkit.tables import CREDENTIALS
    >>> report = CREDENTIALS.rows(dict(user_arn="arn:aws:iam::111122223333:user/ana",
    ...     is_root=False, password_enabled=True, password_idle_days=3, password_use="used",
    ...     mfa_registered=False))
    >>> console_user_without_mfa(report).detail.tolist()
    ['a password used 3 days ago, and no MFA device']
    """
    people = credentials.query("not is_root and password_enabled")
    hit = people[~people["mfa_registered"].fillna(value=False)]
    unsaid = hit["mfa_registered"].isna()
    used = "used " + ago(hit["password_idle_days"])
    used = used.where(hit["password_use"].eq("used"), "with no use on record")
    detail = "a password " + used + ", and no MFA device"
    return pd.DataFrame(
        {
            "subject": hit["user_arn"],
            "detail": detail.mask(unsaid, "the credential report does not say if MFA is on"),
            "status": unsaid.map({True: "not assessed", False: "fail"}),
        }
    )


@check(
    severity="medium",
    title="MFA that can be phished or copied",
    among="console users",
    remedy="Register a passkey, security key or hardware token, then remove the virtual device.",
    source=f"{GUIDE}best-practices.html (Require multi-factor authentication)",
    errs="neither way; a device whose serial number says nothing of its kind is not assessed",
)
def user_without_hardware_mfa(
    credentials: pd.DataFrame,
    mfa_devices: pd.DataFrame,
    administrators: pd.DataFrame,
    gaps: pd.DataFrame,
    settings: Settings,
) -> pd.DataFrame:
    """
    Console users, of those that `settings.hardware_mfa` names, without hardware token and passkey.

    One such device is enough, whatever stands beside it. A user without a password is not asked:
    there is nothing to sign in with. Where the devices were not listed, what the virtual ones
    leave open stays open: such a user is not assessed, unless there is no device at all.

    >>> from iamkit.tables import schema
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> report = schema.CREDENTIALS.rows(
    ...     dict(user_arn=arn, is_root=False, password_enabled=True, mfa_registered=True))
    >>> devices = schema.MFA_DEVICES.rows(dict(serial="s", user_arn=arn, kind="virtual"))
    >>> nobody = pd.DataFrame({"principal_arn": []}, dtype="str")
    >>> everyone = Settings().with_overrides(hardware_mfa="everyone")
    >>> user_without_hardware_mfa(report, devices, nobody, schema.GAPS.rows(), everyone).detail[0]
    'no device but virtual ones (1)'
    """
    asked = credentials.query("not is_root and password_enabled")
    if settings.hardware_mfa == "administrators":
        asked = asked[asked["user_arn"].isin(administrators["principal_arn"])]
    strong = mfa_devices.loc[mfa_devices["kind"].isin(STRONG), "user_arn"]
    hit = asked[~asked["user_arn"].isin(strong) & (settings.hardware_mfa != "nobody")]
    known = mfa_devices[mfa_devices["kind"] != "unknown"]["user_arn"].value_counts()
    virtual = known.reindex(hit["user_arn"]).fillna(0).astype(int).set_axis(hit.index)
    odd = hit["user_arn"].isin(mfa_devices.loc[mfa_devices["kind"] == "unknown", "user_arn"])
    none = (virtual == 0) & ~odd & ~hit["mfa_registered"].fillna(value=True)
    unlisted = bool(gaps["call"].eq(requests.MFA.call).any())
    unsure = ~none & (odd | (virtual == 0) | unlisted)
    detail = ("no device but virtual ones (" + virtual.astype("str") + ")").mask(
        none, "no MFA device"
    )
    return pd.DataFrame(
        {
            "subject": hit["user_arn"],
            "detail": detail.mask(unsure, "the evidence does not say which kind of device it has"),
            "status": unsure.map({True: "not assessed", False: "fail"}),
        }
    )


@check(
    severity="critical",
    title="An administrator without an MFA device",
    among="administrators",
    remedy="Register an MFA device, a passkey or hardware token, today.",
    source=f"{GUIDE}best-practices.html (Require multi-factor authentication)",
    errs="towards silence: who is an administrator under unknown conditions only, is none",
)
def administrator_without_mfa(
    administrators: pd.DataFrame, credentials: pd.DataFrame
) -> pd.DataFrame:
    """
    Users who can do everything, or give themselves everything, and have no MFA device.

    Administrators are known by what they can do: a group with a policy of the customer's own that
    allows everything makes its members ones, a denial of everything leaves none. A user who has no
    credential yet counts: the first password that it gets opens the account without MFA.

    >>> from iamkit.tables import CREDENTIALS
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> admins = pd.DataFrame([[arn, "user", "ana", "everything"]],
    ...                       columns=["principal_arn", "kind", "name", "admin"])
    >>> report = CREDENTIALS.rows(dict(user_arn=arn, mfa_registered=False, access="programmatic"))
    >>> administrator_without_mfa(admins, report).detail.tolist()
    ['can do everything and has an active access key, but no MFA device']
    """
    people = administrators[administrators["kind"] == "user"].merge(
        credentials, left_on="principal_arn", right_on="user_arn", how="left"
    )
    hit = people[~people["mfa_registered"].fillna(value=False)]
    unsaid = hit["mfa_registered"].isna()
    detail = hit["admin"].map(ADMIN) + " and has " + hit["access"].map(ACCESS).fillna("credentials")
    unused = hit["access"].eq("none")
    retire = "Delete the user if nobody needs it; if not, let its first sign-in register a device."
    return pd.DataFrame(
        {
            "subject": hit["principal_arn"],
            "detail": (detail + ", but no MFA device").mask(
                unsaid,
                hit["admin"].map(ADMIN) + "; the credential report does not say if MFA is on",
            ),
            "status": unsaid.map({True: "not assessed", False: "fail"}),
            "next_step": pd.Series("Register an MFA device today.", hit.index).mask(unused, retire),
        }
    )


@check(
    severity="high",
    title="A password that works without MFA",
    among="console users",
    remedy="Deny all but enrolling a device without MFA, as AWS's example does.",
    source=DEMAND,
    errs="towards open: a denial that hangs on an unknown condition closes nothing, and SCPs that "
    "are not in the evidence are taken to allow",
)
def password_without_enforced_mfa(
    credentials: pd.DataFrame, mfa_enforcement: pd.DataFrame
) -> pd.DataFrame:
    """
    Console users who can do more with the password alone than enrol a device.

    A registered device is no answer: without a policy that insists, a session opened before it was
    registered, or after it was removed, works all the same. Whoever has nothing to protect passes.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> from iamkit.tables import schema
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> report = schema.CREDENTIALS.rows(
    ...     dict(user_arn=arn, is_root=False, password_enabled=True))
    >>> judged = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="none", password="not required", why="Nothing asks for MFA."))
    >>> password_without_enforced_mfa(report, judged).detail.tolist()
    ['Nothing asks for MFA.']
    """
    people = _judged(credentials.query("not is_root and password_enabled"), mfa_enforcement)
    return _rows(
        people, people["password"].ne("required") & ~people["verdict"].isin(NOT_APPLICABLE)
    )


@check(
    severity="high",
    title="MFA is enforced for the password, and an access key bypasses it",
    among="users with active keys",
    remedy='Write "BoolIfExists" instead of "Bool" in the statement that denies without MFA.',
    source=DEMAND,
    errs="towards open: a denial that hangs on an unknown condition closes nothing",
)
def key_escapes_mfa(access_keys: pd.DataFrame, mfa_enforcement: pd.DataFrame) -> pd.DataFrame:
    """
    Users whose policies ask for MFA after a password, while their access key works without.

    A request signed with a long-term key carries no aws:MultiFactorAuthPresent, so a denial under
    `Bool` does not apply to it, nor do one under `Null` and an Allow with `BoolIfExists`: "false".
    Where neither way is closed, `password_without_enforced_mfa` and `mfa_can_be_removed` say so.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> from iamkit.tables import schema
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> keys = schema.ACCESS_KEYS.rows(dict(user_arn=arn, slot=2, is_root=False, active=True))
    >>> judged = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="console only", why="It says Bool."))
    >>> key_escapes_mfa(keys, judged).detail.tolist()
    ['It says Bool.']
    """
    people = access_keys.query("active and not is_root").drop_duplicates("user_arn")
    people = _judged(people, mfa_enforcement)
    return _rows(people, people["verdict"].eq("console only"))


@check(
    severity="high",
    title="MFA can be removed, or gone round, without MFA",
    among="users with credentials",
    remedy="Leave only what enrolling a device needs out of the statement that denies without MFA.",
    source=DEMAND,
    errs="towards silence: only what is certainly left open counts",
)
def mfa_can_be_removed(credentials: pd.DataFrame, mfa_enforcement: pd.DataFrame) -> pd.DataFrame:
    """
    Users who need MFA for something, but can undo that without it.

    What undoes it is in `enforcement.BYPASSES`: removing the device, making a credential, changing
    the policies. A denial that leaves out iam:DeactivateMFADevice or iam:CreateAccessKey is read
    as complete wherever only the rest of it is looked at.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> from iamkit.tables import schema
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> report = schema.CREDENTIALS.rows(
    ...     dict(user_arn=arn, is_root=False, password_enabled=True, keys_active=0))
    >>> judged = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="bypassable", why="It leaves iam:CreateAccessKey out."))
    >>> mfa_can_be_removed(report, judged).detail.tolist()
    ['It leaves iam:CreateAccessKey out.']
    """
    people = credentials.query("not is_root and (password_enabled or keys_active > 0)")
    people = _judged(people, mfa_enforcement)
    return _rows(people, people["verdict"].eq("bypassable"))


@check(
    severity="medium",
    title="An administrative role that may be assumed without MFA",
    among="roles",
    remedy='Add "Bool": {"aws:MultiFactorAuthPresent": "true"} to the trust policy\'s condition.',
    source=f"{GUIDE}id_credentials_mfa_configure-api-require.html",
    errs="towards open: a trusted principal that is a role counts like a person, and what is "
    "unknown about a condition does not ask for MFA",
)
def administrative_role_without_mfa(
    administrators: pd.DataFrame, mfa_enforcement: pd.DataFrame
) -> pd.DataFrame:
    """
    Roles of administrators that AWS principals may assume without MFA.

    Roles for services and federated identities pass: whether their users have a second factor is
    their provider's to say.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> arn = "arn:aws:iam::111122223333:role/admin"
    >>> admins = pd.DataFrame([[arn, "role", "admin", "everything"]],
    ...                       columns=["principal_arn", "kind", "name", "admin"])
    >>> judged = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="none", statement="statement 1", why="It admits all."))
    >>> administrative_role_without_mfa(admins, judged).detail.tolist()
    ['It admits all.']
    """
    roles = administrators.loc[administrators["kind"] == "role", ["principal_arn"]]
    roles = _judged(roles.rename(columns={"principal_arn": "user_arn"}), mfa_enforcement)
    roles["verdict"] = roles["verdict"].mask(roles["statement"].isna() & ~_fine(roles))
    return _rows(roles, ~_fine(roles), "its trust policy cannot be read")


def _judged(people: pd.DataFrame, mfa_enforcement: pd.DataFrame) -> pd.DataFrame:
    """People with their verdicts; missing for those whose policies are not in the evidence."""
    verdicts = mfa_enforcement[["principal_arn", "verdict", "password", "statement", "why"]]
    return people[["user_arn"]].merge(
        verdicts, left_on="user_arn", right_on="principal_arn", how="left"
    )


def _fine(roles: pd.DataFrame) -> pd.Series[bool]:
    """Whether assuming a role needs MFA, or is not for people."""
    return roles["verdict"].isin(["enforced", *NOT_APPLICABLE])


def _rows(
    people: pd.DataFrame,
    wrong: pd.Series[bool],
    unseen: str = POLICIES_MISSING,
) -> pd.DataFrame:
    """What is wrong with them, in the words of the verdict, and whom nobody could judge."""
    hit = people[wrong | people["verdict"].isna()]
    unknown = hit["verdict"].isna()
    return pd.DataFrame(
        {
            "subject": hit["user_arn"],
            "detail": hit["why"].mask(unknown, unseen),
            "status": unknown.map({True: "not assessed", False: "fail"}),
        }
    )
