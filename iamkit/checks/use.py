"""
Whether a credential is in use, and what to do before it is removed.

Advice says *delete* only of what nobody has used for `RECENT` days. A credential in use is replaced
before it is stopped. A credential with no use on record is deactivated first, because this can be
undone. AWS records only the latest use.

Source: IAM User Guide, "Update access keys": make a second key, update what uses the first, check
that it is not used any more, deactivate it, and delete it later.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.checks.wording import ago
from iamkit.table import TEXT, lists_by_key

RECENT: Final = 90  # days; what was used since then is in use
WAIT: Final = "Deactivate it, wait to see if anything fails, then delete it: "
KEY: Final = "access key "


def lately(use: pd.Series[Any], idle_days: pd.Series[Any]) -> pd.Series[bool]:
    """Whether a credential was used within `RECENT` days."""
    return (use.eq("used") & idle_days.lt(RECENT)).fillna(value=False).astype("bool")


def was_used(use: pd.Series[Any], idle_days: pd.Series[Any]) -> pd.Series[Any]:
    """
    When a credential was used, in words that follow "it".

    >>> was_used(pd.Series(["used", "never used"]), pd.Series([3, 40])).tolist()
    ['was used 3 days ago', 'was never used']
    """
    words = {"used": "was used ", "never used": "was never used"}
    days = zip(use.tolist(), ago(idle_days).tolist(), strict=True)
    said = [
        words.get(how, "has no use on record") + (when if how == "used" else "")
        for how, when in days
    ]
    return pd.Series(said, use.index, dtype=TEXT)


def retire(use: pd.Series[Any], idle_days: pd.Series[Any]) -> pd.Series[Any]:
    """How to remove a credential that is not in use: at once if it was never used."""
    said = was_used(use, idle_days)
    never = use.eq("never used").fillna(value=False)
    return (WAIT + "it " + said).where(~never, "Delete it: it was never used") + "."


def replace_key(access_keys: pd.DataFrame, limit: int) -> pd.Series[Any]:
    """
    How to replace each access key of a table that holds all: a step for each row.

    A user can have two keys, so the step depends on the other key: there is room for a new key,
    there is a younger key already, the other key has to be deleted first, or both are in use.
    `limit` is the age at which a key is too old to be the one that stays.
    """
    keys = access_keys
    other = _others(keys)
    used = was_used(keys["use"], keys["idle_days"])
    end = "use it instead, then deactivate this one: it " + used + "."
    name = KEY + (3 - keys["slot"]).astype(TEXT)
    there = other["exists"].eq(other=True) | other["active"].eq(other=True)
    inactive = there & ~other["active"].eq(other=True)
    young = there & ~inactive & other["age_days"].lt(limit) & other["age_days"].lt(keys["age_days"])
    busy = there & ~inactive & lately(other["use"], other["idle_days"])
    of_other = was_used(other["use"], other["idle_days"])
    step = "Make a second key, " + end
    room = ", and make a new key; " + end
    step = step.mask(there, "Delete " + name + ", which " + of_other + room)
    step = step.mask(inactive, "Delete " + name + ", which is inactive" + room)
    both = (
        "Move the work of " + name + ", which " + of_other + ", to this one and delete that one; "
    )
    step = step.mask(busy, both + "then make a new key, " + end)
    over = "Let its program use " + name + " instead, then deactivate this one: it "
    step = step.mask(young, over + used + ".")
    use, idle = keys["use"], keys["idle_days"]
    return step.where(lately(use, idle), retire(use, idle))


def _others(keys: pd.DataFrame) -> pd.DataFrame:
    """Of each key the other one of its user; missing values where there is none."""
    columns = ["exists", "active", "use", "idle_days", "age_days"]
    by = keys.drop_duplicates(["user_arn", "slot"]).set_index(["user_arn", "slot"])[columns]
    wanted = pd.MultiIndex.from_arrays([keys["user_arn"], 3 - keys["slot"]])
    return by.reindex(wanted).set_axis(keys.index)


def finish_rotation(keys: pd.DataFrame) -> pd.Series[Any]:
    """
    Which of two active keys to remove, and what to do before, by user.

    `keys` are the active keys of those who have two. The older one is removed, unless it is in use
    and the younger one is not.
    """
    ordered = keys.sort_values("age_days", ascending=False, kind="stable")
    old = ordered.drop_duplicates("user_arn").set_index("user_arn")
    new = ordered[ordered.duplicated("user_arn")].drop_duplicates("user_arn").set_index("user_arn")
    new = new.reindex(old.index)
    old_key, new_key = (KEY + each["slot"].astype(TEXT) for each in (old, new))
    old_used, new_used = (was_used(each["use"], each["idle_days"]) for each in (old, new))
    over = "Finish the rotation: give " + new_key + " to the program that uses " + old_key
    over += ", which " + old_used + "; then deactivate " + old_key + ", and delete it later."
    gone = "Deactivate " + old_key + ", which " + old_used + ", and delete it later."
    aside = "Deactivate " + new_key + ", which " + new_used + "; " + old_key + " " + old_used + "."
    busy = lately(old["use"], old["idle_days"])
    idle = ~lately(new["use"], new["idle_days"]) & new["idle_days"].ge(RECENT)
    step = gone.mask(busy, over).mask(busy & idle.fillna(value=False), aside)
    return step.where(old["age_days"].notna() & new["age_days"].notna())


def keys_in_use(users: pd.Series[Any], access_keys: pd.DataFrame) -> pd.Series[Any]:
    """
    The active keys that users used recently, in words: a Deny would stop them; missing: none.

    >>> from iamkit.tables import ACCESS_KEYS
    >>> key = dict(user_arn="u", slot=1, active=True, use="used", idle_days=1)
    >>> keys_in_use(pd.Series(["u", "v"]), ACCESS_KEYS.rows(key)).tolist()
    ['access key 1 (used yesterday)', nan]
    """
    active = access_keys[access_keys["active"].eq(other=True).fillna(value=False)]
    busy = active[lately(active["use"], active["idle_days"])]
    said = KEY + busy["slot"].astype(TEXT) + " (used " + ago(busy["idle_days"]) + ")"
    return _by_user(users, busy["user_arn"], said)


def idle_keys(users: pd.Series[Any], access_keys: pd.DataFrame) -> pd.Series[Any]:
    """How to remove the keys of users who have used none recently; missing for other users."""
    active = access_keys[access_keys["active"].eq(other=True).fillna(value=False)]
    idle = active["idle_days"].ge(RECENT).fillna(value=False).astype("bool")
    active = active[~active["user_arn"].isin(active.loc[~idle, "user_arn"])]
    used = was_used(active["use"], active["idle_days"])
    named = KEY + active["slot"].astype(TEXT) + ", which " + used
    found = _by_user(users, active["user_arn"], named)
    return "Deactivate " + found + "; delete it later if nothing fails."


def _by_user(users: pd.Series[Any], of: pd.Series[Any], said: pd.Series[Any]) -> pd.Series[Any]:
    """For each of the users what is said of it, joined; missing where nothing is."""
    joined = {user: " and ".join(texts) for user, texts in lists_by_key(of, said).items()}
    return users.map(joined).astype(TEXT)
