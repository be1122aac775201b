"""
The root user: the only identity that no policy of the account limits.

The facts come from its row of the credential report. Without this row, these checks are not
assessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit.checks.facts import graded
from iamkit.checks.registry import check
from iamkit.checks.use import lately, retire
from iamkit.checks.wording import ago, status
from iamkit.counts import counted
from iamkit.settings import Settings
from iamkit.table import Table
from iamkit.tables import ACCESS_KEYS, CREDENTIALS

PRACTICES: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html"
MFA: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/enable-mfa-for-root.html"
CENTRAL: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-enable-root-access.html"

# Where root has nothing to sign in to a console with, and can have no MFA device.
# Sources: AWS GovCloud (US) User Guide, "AWS GovCloud (US) account root user" (no console; access
# keys only on request) and "AWS Identity and Access Management in AWS GovCloud (US)"; Getting
# Started with Amazon Web Services in China, "Amazon Identity and Access Management": there is no
# root user, every user is an IAM user.
NO_SIGN_IN: Final[Mapping[str, str]] = {
    "aws-us-gov": (
        "in AWS GovCloud (US) the root user cannot sign in to the console and cannot have MFA"
    ),
    "aws-cn": "in the China Regions there are no credentials of a root user",
}
NO_ROOT: Final[Mapping[str, str]] = {"aws-cn": NO_SIGN_IN["aws-cn"]}

NO_MFA: Final = "no MFA device is registered"

# Words of `credentials.password_use` that say whether, and when, the password was used.
KNOWN_USE: Final = ("used", "never used", "not tracked", "no password")


def _root(report: pd.DataFrame, table: Table = CREDENTIALS) -> pd.DataFrame:
    """
    Root's rows of `credentials` or another table of the report; one of nothing but its ARN if none.

    Without a report there is no row at all: that the report is missing is said elsewhere.
    """
    root = report[report["is_root"]]
    if len(root) or report.empty:
        return root
    arn = report["user_arn"].str.replace(r":user/.*$", ":root", regex=True).iloc[0]
    return table.rows({"user_arn": arn, "is_root": True})


def _unless(fine: pd.Series[Any], subject: pd.Series[Any], said: Any, unsaid: str) -> pd.DataFrame:
    """Fail where `fine` is false, with what is `said`; not assessed where it is missing."""
    known = fine.notna()
    found = pd.DataFrame({"subject": subject, "detail": said}, index=subject.index)
    found["detail"] = found["detail"].where(known, unsaid)
    found["status"] = status(known)
    return found[~fine.fillna(value=False)]


def _signs_in(root: pd.DataFrame) -> pd.Series[Any]:
    """
    Whether root has a password or a key; otherwise MFA has nothing to protect.

    The root user of a member account has none if its credentials were removed centrally; its
    password cannot be recovered then. A password that the report does not mention (`not_supported`)
    counts as present.
    """
    return root["password_enabled"].fillna(value=True) | root["keys_active"].fillna(1).gt(0)


def _asked(credentials: pd.DataFrame, partition: str) -> pd.DataFrame:
    """Root, if it has a credential and could have MFA."""
    root = _root(credentials)
    return root[_signs_in(root) & (partition not in NO_SIGN_IN)]


@check(
    severity="critical",
    title="The root user has an active access key",
    impact=(
        "No policy limits this key: anyone who has it can close the account, delete all data and "
        "lock everyone out. A key needs no MFA."
    ),
    among="the root user",
    remedy="Delete the key; use roles for programmatic access.",
    source=PRACTICES,
    not_in=NO_ROOT,
)
def root_access_key(access_keys: pd.DataFrame) -> pd.DataFrame:
    """
    Active access keys of the root user, used or not.

    >>> keys = ACCESS_KEYS.rows(dict(user_arn="arn:aws:iam::111122223333:root",
    ...                              slot=1, is_root=True, active=True))
    >>> root_access_key(keys).detail.tolist()
    ['access key 1 is active']
    """
    keys = _root(access_keys, ACCESS_KEYS)
    said = "access key " + keys["slot"].astype("str") + " is active"
    unsaid = "whether it has active access keys is not known"
    found = _unless(~keys["active"], keys["user_arn"], said, unsaid)
    busy = lately(keys["use"], keys["idle_days"])
    service = ("for " + keys["used_service"] + " ").fillna("")
    used = "it was used " + service + ago(keys["idle_days"])
    move = (
        "Give the program that uses the key a role, then deactivate the key, and delete it later: "
    )
    step = retire(keys["use"], keys["idle_days"]).mask(busy, move + used + ".")
    return found.assign(next_step=step.where(keys["use"].notna()).reindex(found.index))


@check(
    severity="critical",
    title="The root user has no MFA",
    impact=(
        "Anyone with the password, or with access to the mailbox that can reset it, owns the "
        "account. No policy and no colleague can stop the root user."
    ),
    fine="The root user has MFA",
    among="root users who can sign in",
    remedy=(
        "Register a passkey or a hardware token for the root user, and a second one as a backup."
    ),
    source=MFA,
    not_in=NO_SIGN_IN,
)
def root_without_mfa(credentials: pd.DataFrame, partition: str = "aws") -> pd.DataFrame:
    """
    A root user that has a password or access key but no MFA device.

    A root user without a password and without access keys passes, because there is nothing to
    protect. In GovCloud and China the root user cannot have MFA.

    >>> root = CREDENTIALS.rows(dict(user_arn="arn:aws:iam::111122223333:root", is_root=True,
    ...                              keys_active=0, mfa_registered=False))
    >>> root_without_mfa(root).detail.tolist()
    ['no MFA device is registered']
    """
    root = _asked(credentials, partition)
    said, unsaid = NO_MFA, "whether it has MFA is not known"
    return _unless(root["mfa_registered"], root["user_arn"], said, unsaid)


@check(
    severity="high",
    title="The root user has a virtual MFA device, or none",
    impact=(
        "A code from an app can be phished in the moment it is typed, and the phone with the app "
        "can be lost or copied. For root, one success is the whole account."
    ),
    among="root users who can sign in",
    remedy="Register a passkey or a hardware token for the root user; remove the virtual device.",
    source=MFA,
    errs=(
        "towards reporting: a virtual device is reported even if there is a hardware token, "
        "because either gives access"
    ),
    not_in=NO_SIGN_IN,
)
def root_without_hardware_mfa(
    credentials: pd.DataFrame,
    virtual_mfa_devices: pd.DataFrame,
    summary: pd.DataFrame,
    partition: str = "aws",
) -> pd.DataFrame:
    """
    A root user that has a password or access key and a virtual MFA device.

    A root user without any device is only noted here, because `root_without_mfa` reports it. No
    call lists root's hardware tokens and passkeys. If the report or the account summary says that
    there is MFA, and no virtual device of root is listed, it is one of those.

    >>> from iamkit.tables import SUMMARY, VIRTUAL_MFA_DEVICES
    >>> arn = "arn:aws:iam::111122223333:root"
    >>> root = CREDENTIALS.rows(dict(user_arn=arn, is_root=True, mfa_registered=True))
    >>> phone = VIRTUAL_MFA_DEVICES.rows(dict(user_arn=arn, is_root=True))
    >>> root_without_hardware_mfa(root, phone, SUMMARY.rows()).detail.tolist()
    ['its MFA device is virtual']
    """
    root = _asked(credentials, partition)
    counted = summary.loc[summary["name"] == "AccountMFAEnabled", "value"].eq(1).any()
    has, said = root["mfa_registered"] | bool(counted), NO_MFA
    if virtual_mfa_devices["is_root"].any():
        has, said = has & False, "its MFA device is virtual"
    found = _unless(has, root["user_arn"], said, "whether it has MFA is not known")
    without = found.loc[found["detail"].eq(NO_MFA), "subject"].tolist()
    return graded(found, "high", without, "root_without_mfa")


@check(
    severity="medium",
    title="The root user was used recently",
    impact=(
        "Daily work as root cannot be limited or told apart by person, and each sign-in exposes "
        "the one password that can do everything. Unplanned use may also be an attacker's."
    ),
    among="the root user",
    remedy="Find out what it was used for, and use a role for this task.",
    source=PRACTICES,
    errs=(
        "towards silence: AWS did not record uses of passwords before October 2014 and of keys "
        "before April 2015"
    ),
    not_in=NO_ROOT,
)
def root_used(credentials: pd.DataFrame, settings: Settings, as_of: pd.Timestamp) -> pd.DataFrame:
    """
    A root user with a credential that was used within `root_quiet_days`.

    The latest use of all credentials counts, even of an inactive key: if a key was used today and
    the password long ago, root was used today. A root user that was never used passes.

    >>> root = CREDENTIALS.rows(dict(user_arn="arn:aws:iam::111122223333:root", is_root=True,
    ...                              password_use="never used", last_used="2026-10-29T06:00:00Z"))
    >>> root_used(root, Settings(), pd.Timestamp("2026-11-01T06:00:00Z")).detail.tolist()
    ['an access key was used on 2026-10-29, less than 30 days before the evidence']
    """
    root = _root(credentials)
    days, used = settings.root_quiet_days, root["last_used"]
    recent = (as_of - used).dt.days < days
    unknown = ~recent & ~root["password_use"].isin(KNOWN_USE)
    which = recent.map({True: "an access key", False: ""})
    which = which.mask(root["password_used"] == used, "its password")
    said = which + " was used on " + used.dt.strftime("%Y-%m-%d")
    said += f", less than {counted(days, 'days')} before the evidence"
    quiet = (~recent).astype("boolean").mask(unknown)
    return _unless(quiet, root["user_arn"], said, "whether its password was used is not known")


@check(
    severity="high",
    title="The root user has an active signing certificate",
    impact=(
        "The certificate signs requests as the root user, which no policy limits and for which no "
        "MFA is asked. Few people remember that it exists."
    ),
    among="the root user",
    remedy=(
        "Deactivate the certificate, wait to see if anything fails, then delete it: only the SOAP "
        "interfaces that AWS has discontinued use it."
    ),
    source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadSigningCertificate.html",
    not_in=NO_ROOT,
)
def root_signing_certificate(credentials: pd.DataFrame) -> pd.DataFrame:
    """
    Active X.509 signing certificates of the root user, which sign requests like an access key.

    >>> root = CREDENTIALS.rows(dict(user_arn="arn:aws:iam::111122223333:root", is_root=True,
    ...                              certificates_active=1))
    >>> root_signing_certificate(root).detail.tolist()
    ['active signing certificates: 1']
    """
    root = _root(credentials)
    count = root["certificates_active"]
    said = "active signing certificates: " + count.astype("str")
    return _unless(count == 0, root["user_arn"], said, "whether it has any is not known")


@check(
    severity="medium",
    title="Root users of member accounts are not managed centrally",
    impact=(
        "Each member account keeps a root password of its own that can be reset through a "
        "mailbox. Nobody protects or even knows all of these mailboxes."
    ),
    among="the account",
    remedy="From the organization's management account, enable central management of root "
    "credentials, then delete those of the member accounts.",
    source=CENTRAL,
    not_in=NO_ROOT,
)
def root_not_centrally_managed(
    organization: pd.DataFrame, root_management: pd.DataFrame, account_id: str
) -> pd.DataFrame:
    """
    An account of an organization in which RootCredentialsManagement is not enabled.

    Outside an organization there is nothing to enable, and there is no finding. Only the management
    account is examined, because AWS answers only this account and only it can enable the feature.

    >>> from iamkit.tables import ORGANIZATION, ROOT_MANAGEMENT
    >>> mine = ORGANIZATION.rows(dict(organization_id="o-example"))
    >>> features = ROOT_MANAGEMENT.rows(dict(feature="RootCredentialsManagement", enabled=False))
    >>> root_not_centrally_managed(mine, features, "111122223333").detail.tolist()
    ['RootCredentialsManagement is not enabled in its organization']
    """
    organization = organization[
        organization["management_account_id"].fillna("").isin(["", account_id])
    ]
    feature = root_management.query("feature == 'RootCredentialsManagement'")
    subject = pd.Series(account_id, index=organization.index, dtype="str")
    enabled = feature["enabled"].reset_index(drop=True).reindex(organization.index)
    said = "RootCredentialsManagement is not enabled in its organization"
    unsaid = "whether RootCredentialsManagement is enabled is not known"
    return _unless(enabled, subject, said, unsaid)
