"""The page on MFA: who has MFA, and for whom it is enforced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.checks import Status
from iamkit.counts import part_of
from iamkit.pages import counts
from iamkit.restrictions import NOT_APPLICABLE, MfaVerdict, coverage, mfa_gaps
from iamkit.results import MFA_VERDICTS, NO_DEVICE_YET

ADMINISTRATORS_ENFORCED: Final = "Administrators, MFA enforced"  # the label of this figure
# Of whom the share is, whose MFA is enforced.
_ENFORCED_FOR: Final[Mapping[str, str]] = {
    "users": "users with permissions",
    "administrators": "administrators, without roles that only services or providers assume",
}

# How bars show who has a device.
COLORS: Final[Mapping[str, str]] = {
    "has MFA": charts.PINE,
    "no MFA": charts.AMBER,
}


def headline(account: Account) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page."""
    missing = account.missing("credentials")
    device = root_device(account)
    root = ("MFA" if device else "no MFA", device, root_tone(account))
    without = (
        len(without_device(account)),
        "can sign in with a password alone",
        registered_tone(account),
    )
    numbers: dict[str, Any] = {
        "MFA registered": registered(account),
        "No MFA device": charts.assessed(without, missing),
        "MFA enforced": enforced(account, "users"),
        ADMINISTRATORS_ENFORCED: enforced(account, "administrators"),
        "Root user": charts.assessed(root, missing),
    }
    return charts.figures(**numbers)


def registered(account: Account) -> object:
    """Return the figure that says which share of the console users has an MFA device."""
    users = console_users(account)
    number = len(users.query("mfa_registered == True"))
    share, said = charts.percent(number, len(users)), part_of(number, len(users), "console users")
    return charts.assessed((share, said), account.missing("credentials"))


def enforced(account: Account, of: str) -> object:
    """Return the figure that says for which share of users or administrators MFA is enforced."""
    found: Any = enforced_shares(account).set_index("of").loc[of]
    said = part_of(int(found["part"]), int(found["whole"]), _ENFORCED_FOR[of])
    return charts.assessed((found["share"], said), account.missing("mfa_enforcement"))


def console_users(account: Account) -> pd.DataFrame:
    """Return the users with a console password, all columns of `account.credentials`."""
    return account.credentials.query("password_enabled and not is_root")


def all_registered(account: Account) -> bool:
    """Return whether every console user has an MFA device; unknown counts as no."""
    return bool(console_users(account)["mfa_registered"].fillna(value=False).all())


def registered_tone(account: Account) -> charts.Tone:
    """Return whether the number of console users with MFA is good or bad; of nobody, neither."""
    if console_users(account).empty:
        return "plain"
    return "good" if all_registered(account) else "bad"


def without_device(account: Account) -> pd.DataFrame:
    """
    Return the console users without an MFA device, the most recently used password first.

    `enforced` is the verdict on MFA for each; missing where policies are not in the evidence.
    """
    users = console_users(account).query("mfa_registered == False")
    verdicts = account.mfa_enforcement.set_index("principal_arn")["verdict"]
    verdicts = verdicts.replace({MfaVerdict.ENFORCED: NO_DEVICE_YET})
    users = users.assign(enforced=users["user_arn"].map(verdicts))
    use = ["password_use", "password_used", "password_age_days"]
    return users.sort_values(["password_used", "user_name"], ascending=[False, True])[
        ["user_name", *use, "enforced", "keys_active", "created"]
    ]


def by_access(account: Account) -> pd.DataFrame:
    """Return how many users have MFA and how many have none, a kind of access a row."""
    users = account.credentials.query("not is_root")
    has = users["mfa_registered"].map({True: "has MFA", False: "no MFA"})
    kinds = ["console", "both", "programmatic", "none"]
    return counts.crossed(users.assign(mfa=has), "access", "mfa", all_rows=kinds)


def by_verdict(account: Account) -> pd.Series[int]:
    """Return how many users have each verdict on MFA enforcement, the best first."""
    verdicts = account.mfa_enforcement.query("kind == 'user'")["verdict"].value_counts()
    return verdicts.reindex(list(MFA_VERDICTS), fill_value=0)


def enforced_shares(account: Account) -> pd.DataFrame:
    """
    Return for how many users, administrators and permissions MFA is enforced, in per cent.

    Columns as in `restrictions.COVERAGE`, with the share in words.
    """
    found = coverage(account.mfa_enforcement, account.administrators["principal_arn"])
    shares = map(charts.percent, found["part"], found["whole"])
    return found.assign(share=list(shares))[["of", "part", "whole", "share", "meaning"]]


def not_enforced(account: Account) -> pd.DataFrame:
    """
    Return the users without enforced MFA, those with the most risky actions without MFA first.

    `covered` is in per cent, and 100 only where MFA is enforced.
    """
    enforcement = account.mfa_enforcement
    unsafe = enforcement["verdict"].isin(MFA_VERDICTS[1:])
    users = enforcement[unsafe & enforcement["kind"].eq("user")]
    devices = account.credentials.set_index("user_arn")["mfa_registered"]
    found = users.assign(
        mfa_registered=users["principal_arn"].map(devices),
        covered=(100 * users["covered"]).round().clip(upper=99).astype("Int64"),
        risky=users["risky_without_mfa"],
    )
    return found.sort_values(["risky", "name"], ascending=[False, True])[
        ["name", "verdict", "mfa_registered", "covered", "risky", "why"]
    ]


def requests(account: Account) -> pd.DataFrame:
    """Return the users and roles without enforced MFA, each with a request that shows it."""
    enforcement = account.mfa_enforcement
    found = charts.with_requests(enforcement[enforcement["verdict"].isin(MFA_VERDICTS[1:])])
    order = ["risky_without_mfa", "kind", "name"]
    return found.sort_values(order, ascending=[False, False, True])[
        ["name", "kind", "verdict", "statement that decides", "request that is allowed"]
    ]


def statements_that_leave_gaps(account: Account) -> pd.DataFrame:
    """Return the statements that leave users without enforced MFA, the most users first."""
    gaps = mfa_gaps(account.mfa_enforcement)
    return gaps[["policy_name", "statement", "verdict", "users", "who", "would_be"]]


def roles(account: Account) -> pd.DataFrame:
    """Return the roles that AWS principals may assume, by whether assuming them needs MFA."""
    enforcement = account.mfa_enforcement
    assumable = ~enforcement["verdict"].isin(NOT_APPLICABLE)
    found = enforcement[assumable & enforcement["kind"].eq("role")]
    privileges = account.identities.set_index("principal_arn")["privilege"]
    found = found.assign(privilege=found["principal_arn"].map(privileges))
    return found.sort_values(["verdict", "risky_without_mfa"], ascending=[True, False])[
        ["name", "verdict", "privilege", "key", "password", "risky_without_mfa", "why"]
    ]


def old_keys_without_device(account: Account) -> pd.DataFrame:
    """
    Return the active keys that are too old, of users without an MFA device, the oldest first.

    All columns of `account.access_keys`; `max_key_age_days` of the settings says what is too old.
    """
    users = account.credentials.query("mfa_registered == False and not is_root")["user_arn"]
    keys = account.access_keys.query("active")
    old = keys["age_days"] > account.settings.max_key_age_days
    return keys[old & keys["user_arn"].isin(users)].sort_values("age_days", ascending=False)


def root_device(account: Account) -> str:
    """
    Return what kind of MFA device the root user has, in words; empty if it has none.

    The list of devices contains its device only if it is virtual, so a root user with MFA that is
    not on the list has another kind. Without the list, the kind is not known.
    """
    if not account.credentials.query("is_root")["mfa_registered"].any():
        return ""
    if account.virtual_mfa_devices["is_root"].any():
        return "a virtual device"
    if account.missing("virtual_mfa_devices"):
        return "a device whose kind the evidence does not show"
    return "a device that is not virtual: a hardware token or a passkey"


def root_tone(account: Account) -> charts.Tone:
    """
    Return whether the root user's MFA is good or bad, as its checks say on every page.

    It is good only if both checks pass: that there is a device, and that it is not virtual.
    """
    results = account.audit.results
    about = results["check"].isin(["root_without_mfa", "root_without_hardware_mfa"])
    found = set(results.loc[about, "status"])
    if Status.FAIL in found:
        return "bad"
    if found == {Status.PASS}:
        return "good"
    return "note" if Status.NOT_ASSESSED in found else "plain"
