"""The page on credentials: who can sign in, with what, how old it is, and when it was last used."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.counts import counted

USED_BEFORE: Final = "used before, not now"  # of a credential that is unused for too long
ACCESS: Final = ("console", "programmatic", "both", "none")  # kinds of access, as pages order them


def headline(account: Account) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page."""
    limits = account.settings
    unused_for = f"keys and passwords, {counted(limits.unused_days, 'days')} and more"
    old_for = f"over {counted(limits.max_key_age_days, 'days')}"
    keys = len(active_keys(account))
    everything = keys + len(passwords(account))
    return charts.figures(
        missing=account.missing("credentials", "access_keys"),
        **{
            "Users": len(users(account)),
            "Console passwords": len(passwords(account)),
            "Active keys": keys,
            "Old keys": charts.none_is_good(len(old_keys(account)), old_for, "note", of=keys),
            "Unused": charts.none_is_good(len(unused(account)), unused_for, "note", of=everything),
        },
    )


def _use(account: Account, use: pd.Series[Any], idle: pd.Series[Any]) -> pd.Series[Any]:
    """Return how credentials are used, in words: what is unused for too long is not "used"."""
    gone = use.eq("used") & idle.ge(account.settings.unused_days).fillna(value=False)
    return use.mask(gone, USED_BEFORE)


def users(account: Account) -> pd.DataFrame:
    """Return the users, all columns of `account.credentials`."""
    return account.credentials.query("not is_root")


def passwords(account: Account) -> pd.DataFrame:
    """Return the users with a console password, all columns of `account.credentials`."""
    return users(account).query("password_enabled")


def old_passwords(account: Account) -> str:
    """Return how many passwords are old, and of how many that is not known, as a sentence."""
    ages, limit = passwords(account)["password_age_days"], account.settings.max_password_age_days
    unknown = int(ages.isna().sum())
    said = f"[was|were] not changed for more than {counted(limit, 'days')}"
    said += f"; the age of {unknown} is not known." if unknown else "."
    old = int(ages.gt(limit).fillna(value=False).sum())
    return charts.share(
        old, len(ages), "console passwords", said, "No user has a console password."
    )


def active_keys(account: Account) -> pd.DataFrame:
    """Return the active access keys of users, all columns of `account.access_keys`."""
    return account.access_keys.query("active and not is_root")


def by_access(account: Account) -> pd.Series[int]:
    """Return how many users have each kind of access."""
    return users(account)["access"].value_counts().reindex(list(ACCESS), fill_value=0)


def with_password_and_key(account: Account) -> pd.DataFrame:
    """Return the users with a password and active keys, the longest idle password first."""
    idle = active_keys(account).groupby("user_arn")["idle_days"].min().rename("key_idle_days")
    both = users(account).query("access == 'both'").join(idle, on="user_arn")
    use = _use(account, both["password_use"], both["password_idle_days"])
    both, password = both.assign(password_use=use), ["password_use", "password_idle_days"]
    return both.sort_values("password_idle_days", ascending=False)[
        ["user_name", *password, "keys_active", "key_idle_days", "mfa_registered"]
    ]


def ages(account: Account) -> dict[str, pd.Series[Any]]:
    """Return the ages in days of active keys and of passwords, for a curve of each."""
    return {
        "keys, since made": active_keys(account)["age_days"],
        "passwords, since changed": passwords(account)["password_age_days"],
    }


def idle_days(account: Account) -> dict[str, pd.Series[Any]]:
    """Return for how many days active keys and passwords were not used, for a curve of each."""
    return {
        "keys, since used": active_keys(account)["idle_days"],
        "passwords, since used": passwords(account)["password_idle_days"],
    }


def failing_at(account: Account) -> pd.DataFrame:
    """Return how many keys and passwords would fail with each number of days as the threshold."""
    keys, with_password = active_keys(account), passwords(account)
    found = charts.over(
        {
            "keys older": keys["age_days"],
            "keys idle longer": keys["idle_days"],
            "passwords older": with_password["password_age_days"],
            "passwords idle longer": with_password["password_idle_days"],
        }
    )
    return found.rename(columns="{} days".format).rename_axis("credentials that would fail at")


def old_keys(account: Account) -> pd.DataFrame:
    """
    Return the active keys that are too old, or of unknown age, the oldest first.

    `max_key_age_days` of the settings says what is too old.
    """
    keys = active_keys(account)
    old = keys["age_days"].gt(account.settings.max_key_age_days) | keys["age_days"].isna()
    keys = keys.assign(use=_use(account, keys["use"], keys["idle_days"]))
    return keys[old].sort_values("age_days", ascending=False)[
        ["user_name", "slot", "age_days", "use", "used", "used_service", "used_region"]
    ]


def unused(account: Account) -> pd.DataFrame:
    """
    Return the keys and passwords that are not used, or whose use is unknown, the longest first.

    `unused_days` of the settings says after how many days. Columns: user_name, credential,
    idle_days, use.
    """
    keys, with_password = active_keys(account), passwords(account)
    with_password = with_password.assign(
        credential="password",
        idle_days=with_password["password_idle_days"],
        use=with_password["password_use"],
    )
    every = pd.concat([with_password, keys.assign(credential="key " + keys["slot"].astype(str))])
    every = every.assign(use=_use(account, every["use"], every["idle_days"]))
    idle = every["idle_days"].ge(account.settings.unused_days) | every["idle_days"].isna()
    return every[idle].sort_values("idle_days", ascending=False)[
        ["user_name", "credential", "idle_days", "use"]
    ]


def two_active_keys(account: Account) -> pd.DataFrame:
    """Return both active keys of users who have two."""
    keys = active_keys(account)
    keys = keys.assign(use=_use(account, keys["use"], keys["idle_days"]))
    return keys[keys["user_arn"].duplicated(keep=False)][
        ["user_name", "slot", "age_days", "use", "used"]
    ]
