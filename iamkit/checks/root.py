"""
The root user: the one identity that no policy of the account limits.

What is known of it stands in its row of the credential report; a report without that row leaves
these checks not assessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit.checks.facts import graded
from iamkit.checks.registry import check
from iamkit.checks.use import lately, retire
from iamkit.checks.wording import ago, status
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
    "aws-us-gov": "in AWS GovCloud (US) the root user cannot sign in to the console, nor have MFA",
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
    Whether root has a password or a key: without, MFA has nothing to protect.

    That is how a member account's root is left when its credentials are removed centrally; its
    password cannot be recovered then. A password that the report says nothing of
    (`not_supported`) counts as there.
    """
    return root["password_enabled"].fillna(value=True) | root["keys_active"].fillna(1).gt(0)


def _asked(credentials: pd.DataFrame, partition: str) -> pd.DataFrame:
    """Root, where it has something to sign in with and could have MFA."""
    root = _root(credentials)
    return root[_signs_in(root) & (partition not in NO_SIGN_IN)]


@check(
    severity="critical",
    title="The root user has an active access key",
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
    move = "Give what uses the key a role, then deactivate the key, and delete it later: "
    step = retire(keys["use"], keys["idle_days"]).mask(busy, move + used + ".")
    return found.assign(next_step=step.where(keys["use"].notna()).reindex(found.index))


@check(
    severity="critical",
    title="The root user has no MFA",
    among="root users who can sign in",
    remedy="Register a passkey or a hardware token for the root user, and a second one to keep.",
    source=MFA,
    not_in=NO_SIGN_IN,
)
def root_without_mfa(credentials: pd.DataFrame, partition: str = "aws") -> pd.DataFrame:
    """
    A root user without an MFA device that has something to sign in with.

    Nothing is asked of a root user without a password and without keys, however it came to that:
    there is nothing to protect. In GovCloud and China root can have none.

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
    among="root users who can sign in",
    remedy="Register a passkey or a hardware token for the root user; remove the virtual device.",
    source=MFA,
    errs="towards fail: a virtual device beside a hardware token is reported, for it opens as well",
    not_in=NO_SIGN_IN,
)
def root_without_hardware_mfa(
    credentials: pd.DataFrame,
    mfa_devices: pd.DataFrame,
    summary: pd.DataFrame,
    partition: str = "aws",
) -> pd.DataFrame:
    """
    A root user with a virtual MFA device that has something to sign in with.

    That it has none at all is what `root_without_mfa` says, and noted here.

    No call lists root's hardware tokens and passkeys: where the report or the account summary says
    that there is MFA, and no virtual device of root's is listed, it is one of those.

    >>> from iamkit.tables import MFA_DEVICES, SUMMARY
    >>> arn = "arn:aws:iam::111122223333:root"
    >>> root = CREDENTIALS.rows(dict(user_arn=arn, is_root=True, mfa_registered=True))
    >>> phone = MFA_DEVICES.rows(dict(user_arn=arn, is_root=True, kind="virtual"))
    >>> root_without_hardware_mfa(root, phone, SUMMARY.rows()).detail.tolist()
    ['its MFA device is virtual']
    """
    root = _asked(credentials, partition)
    counted = summary.loc[summary["name"] == "AccountMFAEnabled", "value"].eq(1).any()
    has, said = root["mfa_registered"] | bool(counted), NO_MFA
    kinds = mfa_devices.loc[mfa_devices["is_root"].fillna(value=False), "kind"]
    if kinds.eq("virtual").any():
        has, said = has & False, "its MFA device is virtual"
    found = _unless(has, root["user_arn"], said, "whether it has MFA is not known")
    return graded(found, "high", found.loc[found["detail"].eq(NO_MFA), "subject"].tolist())


@check(
    severity="medium",
    title="The root user was used lately",
    among="the root user",
    remedy="Find out what it was used for, and give a role for that.",
    source=PRACTICES,
    errs="towards pass: what AWS did not record yet (passwords before October 2014, keys before "
    "April 2015) counts as no use",
    not_in=NO_ROOT,
)
def root_used(credentials: pd.DataFrame, settings: Settings, as_of: pd.Timestamp) -> pd.DataFrame:
    """
    A root user of which any credential was used within `root_quiet_days`.

    The latest use of all counts, an inactive key's too: a key used today beside a password used
    long ago is a use today. A root user that was never used is as it should be.

    >>> root = CREDENTIALS.rows(dict(user_arn="arn:aws:iam::111122223333:root", is_root=True,
    ...                              password_use="never used", last_used="2026-10-29T06:00:00Z"))
    >>> root_used(root, Settings(), pd.Timestamp("2026-11-01T06:00:00Z")).detail.tolist()
    ['an access key was used on 2026-10-29, less than 30 days before']
    """
    root = _root(credentials)
    days, used = settings.root_quiet_days, root["last_used"]
    recent = (as_of - used).dt.days < days
    unknown = ~recent & ~root["password_use"].isin(KNOWN_USE)
    which = recent.map({True: "an access key", False: ""})
    which = which.mask(root["password_used"] == used, "its password")
    said = which + " was used on " + used.dt.strftime("%Y-%m-%d")
    said += f", less than {days} days before"
    quiet = (~recent).astype("boolean").mask(unknown)
    return _unless(quiet, root["user_arn"], said, "whether its password was used is not known")


@check(
    severity="high",
    title="The root user has an active signing certificate",
    among="the root user",
    remedy="Deactivate the certificate, wait for complaints, then delete it: it serves only the "
    "SOAP interfaces that AWS has given up.",
    source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadSigningCertificate.html",
    not_in=NO_ROOT,
)
def root_signing_certificate(credentials: pd.DataFrame) -> pd.DataFrame:
    """
    Active X.509 signing certificates of the root user, which sign requests as a key does.

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

    Outside an organization there is nothing to enable, and nothing is found. It is asked of the
    management account: AWS answers nobody else, and members can do nothing about it.

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
