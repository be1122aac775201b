"""
The credential report, column by column: who has which password and keys, how old, used when.

The report's words for "nothing" mean different things: `N/A` on a key's last use is "never" for a
young key and "not since tracking began" for an old one. Dates become NaT and the reason is kept in
the column beside. Columns are found by header name; those that a report lacks are missing values.

Source: IAM User Guide, "Generate credential reports for your AWS account".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from iamkit.evidence import ROOT_NAME, report_lines
from iamkit.table import times, truths
from iamkit.tables import schema

PASSWORD_TRACKING: Final = pd.Timestamp("2014-10-20", tz="UTC")  # IAM API, User, PasswordLastUsed
KEY_TRACKING: Final = pd.Timestamp("2015-04-22", tz="UTC")  # IAM API, GetAccessKeyLastUsed
SLOTS: Final = (1, 2)

KEY_COLUMNS: Final = (
    "active",
    "last_rotated",
    "last_used_date",
    "last_used_region",
    "last_used_service",
)

COLUMNS: Final = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    *(f"access_key_{slot}_{what}" for slot in SLOTS for what in KEY_COLUMNS),
    *(f"cert_{slot}_active" for slot in SLOTS),
)


def read(content: bytes) -> pd.DataFrame:
    """Return the report as text, one row per user with an ARN, with all of `COLUMNS`."""
    rows = [row for row in report_lines(content) if row.get("arn")]
    columns = {name: pd.Series([row.get(name) for row in rows], dtype="str") for name in COLUMNS}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))


def credentials(
    report: pd.DataFrame, as_of: pd.Timestamp, *, root_without_password: bool = False
) -> pd.DataFrame:
    """
    Users and the root user. Rows: see `schema.CREDENTIALS`.

    The report says nothing of root's password; the account summary does (`AccountPasswordPresent`).
    """
    keys = [_key(report, as_of, slot) for slot in SLOTS]
    enabled = truths(report["password_enabled"])
    silent = (report["user"] == ROOT_NAME) & enabled.isna()
    enabled = enabled.mask(silent & root_without_password, False)
    used = times(report["password_last_used"])
    changed = times(report["password_last_changed"])
    keys_active = _number([key["active"] for key in keys])
    return schema.CREDENTIALS.gather(
        pd.DataFrame(
            {
                "user_arn": report["arn"],
                "user_name": report["user"],
                "is_root": report["user"] == ROOT_NAME,
                "created": times(report["user_creation_time"]),
                "password_enabled": enabled,
                "password_use": _password_use(report, enabled, used),
                "password_used": used,
                "password_changed": changed,
                "password_age_days": _days(changed, as_of),
                "password_idle_days": _days(used.fillna(changed), as_of).where(enabled),
                "password_rotates": times(report["password_next_rotation"]),
                "mfa_registered": truths(report["mfa_active"]),
                "certificates_active": _number(
                    [truths(report[f"cert_{slot}_active"]) for slot in SLOTS]
                ),
                "keys_active": keys_active,
                "access": _access(enabled, keys_active),
                "last_used": pd.concat([used, *(key["used"] for key in keys)], axis=1).max(axis=1),
            }
        )
    )


def access_keys(report: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Two key slots per user. Rows: see `schema.ACCESS_KEYS`."""
    slots = pd.concat([_key(report, as_of, slot) for slot in SLOTS])
    return schema.ACCESS_KEYS.gather(slots.sort_index(kind="stable"))


def _key(report: pd.DataFrame, as_of: pd.Timestamp, slot: int) -> pd.DataFrame:
    column = f"access_key_{slot}_"
    active = truths(report[column + "active"])
    rotated = times(report[column + "last_rotated"])
    used = times(report[column + "last_used_date"])
    exists = rotated.notna() | active.fillna(False).astype(bool)
    use = pd.Series("never used", index=report.index)
    use = use.mask(rotated < KEY_TRACKING, "not tracked")
    use = use.mask(used.notna(), "used").mask(~exists, "no key")
    return pd.DataFrame(
        {
            "user_arn": report["arn"],
            "user_name": report["user"],
            "is_root": report["user"] == ROOT_NAME,
            "slot": slot,
            "exists": exists,
            "active": active,
            "rotated": rotated,
            "age_days": _days(rotated, as_of),
            "use": use,
            "used": used,
            "idle_days": _days(used.fillna(rotated), as_of),
            "used_region": _known(report[column + "last_used_region"]),
            "used_service": _known(report[column + "last_used_service"]),
        }
    )


def _password_use(
    report: pd.DataFrame, enabled: pd.Series[Any], used: pd.Series[Any]
) -> pd.Series[Any]:
    """Why there is, or is not, a last use of the password."""
    created = times(report["user_creation_time"])
    said = report["password_last_used"]
    silent, none = said == "no_information", said == "N/A"
    on = enabled.fillna(False).astype(bool)
    use = pd.Series("not known", index=report.index)
    use = use.mask(silent | (none & on), "never used")
    use = use.mask(silent & (created < PASSWORD_TRACKING), "not tracked")
    use = use.mask(none & ~on, "no password")
    return use.mask(used.notna(), "used")


def _access(enabled: pd.Series[Any], keys_active: Any) -> pd.Series[Any]:
    console, keys = enabled.fillna(False).astype(bool), keys_active.gt(0).fillna(False)
    access = pd.Series("none", index=enabled.index, dtype="str")
    access = access.mask(console, "console").mask(keys, "programmatic").mask(console & keys, "both")
    return access.mask(enabled.isna() | keys_active.isna())


def _days(times: pd.Series[Any], as_of: pd.Timestamp) -> pd.Series[Any]:
    days: pd.Series[Any] = (as_of - times).dt.days.astype("Int64")
    return days


def _number(truths: Sequence[pd.Series[Any]]) -> pd.Series[Any]:
    """How many are true of each row, at least; missing if none is and one of them is not said."""
    count = sum(each.fillna(False).astype("Int64") for each in truths)
    silent = pd.concat(truths, axis=1).isna().any(axis=1)
    number: pd.Series[Any] = pd.Series(count).mask(silent & (count == 0))
    return number


def _known(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.mask(values.isin(["N/A", "no_information", "not_supported"]))
