"""Phrases, links and rows that several files of checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import pandas as pd

from iamkit.access import EVERYTHING, THROUGH_IAM
from iamkit.counts import counted, days_ago
from iamkit.table import TEXT, lists_by_key
from iamkit.tables import ASSIGNED
from iamkit.values import as_dict

GUIDE: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
LEAST_PRIVILEGE: Final = f"{GUIDE}best-practices.html#grant-least-privilege"

# Which way a check errs that takes unknown condition keys as denying.
ERRS_ON_CONDITIONS: Final = (
    "towards silence: permissions with a condition on an unknown key do not count"
)

POLICIES_MISSING: Final = "its policies are not in the evidence"
DOCUMENT_MISSING: Final = "its document is not in the evidence"

# Of whom nothing certain is known: see `access.possible_administrators`.
UNSURE: Final = "whether it can do everything depends on what is not in the evidence"

# What an administrator can do, by `administrators.admin`.
ADMIN: Final = {EVERYTHING: "can do everything", THROUGH_IAM: "can give itself everything"}


def status(known: pd.Series[Any]) -> pd.Series[Any]:
    """
    Return "fail" if it is known that something is wrong, otherwise "not assessed".

    >>> status(pd.Series([True, False])).tolist()
    ['fail', 'not assessed']
    """
    said = [{True: "fail"}.get(each, "not assessed") for each in known.tolist()]
    return pd.Series(said, known.index, TEXT)


def unseen(
    arns: pd.Series[str], verdicts: pd.DataFrame, incomplete: pd.DataFrame | None
) -> pd.Series[str]:
    """
    Return why a verdict may depend only on policies that cannot be read; missing if it does not.

    `verdicts` has `principal_arn` and `witness`: a request that is certainly allowed is allowed by
    policies that can be read.

    >>> verdicts = pd.DataFrame({"principal_arn": ["a", "b"],
    ...                          "witness": [{"effect": "Allowed"}, {"effect": "Unknown"}]})
    >>> lacking = pd.DataFrame({"subject": ["a", "b"], "source": "policy_assignments",
    ...                         "reason": "Ops: it is not shown"})
    >>> unseen(pd.Series(["a", "b", "c"]), verdicts, lacking).tolist()
    [nan, 'Ops: it is not shown', nan]
    """
    if incomplete is None:
        return pd.Series(None, arns.index, TEXT)
    held = incomplete[incomplete["source"].eq(ASSIGNED)].drop_duplicates("subject")
    certain = verdicts["witness"].map(lambda found: as_dict(found).get("effect") == "Allowed")
    shown = verdicts.loc[certain.astype(bool), "principal_arn"]
    reasons = held[~held["subject"].isin(shown)].set_index("subject")["reason"]
    return arns.map(reasons).astype(TEXT)


# A policy that is written anew keeps its old version, which may be set as the default again.
THEN_OLD: Final = "Then delete the old version of the policy, which can be put in force again."


def policy_rows(policies: pd.DataFrame, wrong: pd.Series[Any], detail: Any) -> pd.DataFrame:
    """
    Return rows of a check on policies: fail where `wrong`, not assessed where that is missing.

    `policies` are rows of `POLICY_GRANTS` or joined to them; `detail` is a text or a text for each.
    """
    rows = pd.DataFrame({"subject": policies["policy_arn"], "detail": detail}, policies.index)
    rows["detail"] = rows["detail"].where(wrong.notna(), DOCUMENT_MISSING)
    rows["status"] = status(wrong.notna())
    return rows[wrong.fillna(value=True)]


def join_names(names: Iterable[Any]) -> str:
    """
    Join up to three names, or two and how many more; missing and repeated ones are left out.

    >>> join_names(pd.Series(["Admins", "ops", "ci", "deploy"]))
    'Admins, ops and 2 more'
    """
    kept = list(dict.fromkeys(name for name in names if isinstance(name, str)))
    more = f" and {len(kept) - 2} more" if len(kept) > 3 else ""
    return ", ".join(kept[:2] if more else kept) + more


def names_by_key(keys: pd.Series[str], of: pd.Series[str], names: pd.Series[str]) -> pd.Series[str]:
    """
    Return for each key the joined names that go with it; missing where there are none.

    `of` says for each of `names` which key it goes with.

    >>> keys, of = pd.Series(["a", "b"]), pd.Series(["a", "a", "c"])
    >>> names_by_key(keys, of, pd.Series(["x", "y", "z"])).tolist()
    ['x, y', nan]
    """
    found = lists_by_key(of, names)
    wanted = (key for key in keys.unique() if key in found)
    return keys.map({key: join_names(found[key]) for key in wanted}).astype(TEXT)


def day_count(count: pd.Series[Any]) -> pd.Series[Any]:
    """
    Return a number of days in words.

    >>> day_count(pd.Series([1, 505, None], dtype="Int64")).tolist()
    ['1 day', '505 days', 'an unknown number of days']
    """
    return in_words(count, lambda days: counted(int(days), "days"))


def ago(count: pd.Series[Any]) -> pd.Series[Any]:
    """
    Return how many days ago, in words.

    >>> ago(pd.Series([0, 1, 505])).tolist()
    ['today', 'yesterday', '505 days ago']
    """
    return in_words(count, days_ago, "an unknown number of days ago")


def in_words(
    count: pd.Series[Any], say: Callable[[float], str], unknown: str = "an unknown number of days"
) -> pd.Series[Any]:
    """Return numbers in words, the missing ones as unknown; a walk, which is fast on few."""
    missing = count.isna().tolist()
    said = [unknown if gone else say(n) for n, gone in zip(count.tolist(), missing, strict=True)]
    return pd.Series(said, count.index, TEXT)
