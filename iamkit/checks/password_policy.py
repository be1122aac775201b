"""
The account's password policy, rule by rule.

If an account has no custom password policy, AWS's default policy applies. It requires only eight
characters of any three kinds. If the evidence does not contain the password policy, no check
passes.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.checks.populations import with_password
from iamkit.checks.registry import check
from iamkit.checks.wording import status
from iamkit.counts import counted
from iamkit.settings import Settings

PAGE: Final = (
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html"
)

SHORTEST: Final = 14  # characters; CIS AWS Foundations 7.0, 2.8
EXPIRE: Final = (
    "Let passwords expire, or accept the risk: if every user has MFA, expiry adds little security."
)
REMEMBERED: Final = 24  # passwords, the most that IAM remembers; CIS AWS Foundations 7.0, 2.9


def _judged(rules: pd.DataFrame, account_id: str, holds: Any, said: Any) -> pd.DataFrame:
    """The account where a rule does not hold; not assessed where that is missing: unreadable."""
    known = holds.notna()
    detail = said + rules["origin"].map({"AWS default": " (AWS's default)"}).fillna("")
    detail = detail.where(known, "the value of " + rules["rule"] + " cannot be read")
    found = pd.DataFrame({"subject": account_id, "detail": detail, "status": status(known)})
    failing: pd.DataFrame = found[~holds.fillna(value=False)]
    return failing


def _weighed(found: pd.DataFrame, credentials: pd.DataFrame | None) -> pd.DataFrame:
    """
    Of medium severity, or of low where the policy protects nobody: no user has a password.

    The password of the root user does not follow it.
    """
    nobody = False
    if credentials is not None:
        users = credentials[~credentials["is_root"].fillna(value=False)]
        nobody = not users["password_enabled"].fillna(value=True).any()
    return found.assign(
        severity="low" if nobody else "medium",
        detail=found["detail"] + ("; no user has a password" if nobody else ""),
    )


def _number(password_policy: pd.DataFrame, rule: str) -> pd.DataFrame:
    """The row of a rule, and its `number`: 0 where it is not set, missing where it is no number."""
    row = password_policy[password_policy["rule"] == rule]
    whole = [0 if each is None else each if type(each) is int else None for each in row["value"]]
    return row.assign(number=pd.array(whole, dtype="Int64"))


def _asked(password_policy: pd.DataFrame, account_id: str, rule: str, what: str) -> pd.DataFrame:
    """The account, if its policy does not require a kind of character, or does not say so."""
    row = password_policy[password_policy["rule"] == rule]
    plain = [False if each is None else each for each in row["value"]]
    truth = [each if type(each) is bool else None for each in plain]
    holds = pd.Series(truth, index=row.index, dtype="boolean")
    return _judged(row, account_id, holds, f"no {what} is required")


@check(
    severity="medium",
    title="The account has no custom password policy",
    impact=(
        "AWS's default rules apply: eight characters, and old passwords may come back. Such "
        "passwords can be guessed from lists of leaked ones."
    ),
    fine="The account has a custom password policy",
    among="the account",
    remedy=f"Set a password policy: require {SHORTEST} characters or more of all four kinds, "
    f"remember {REMEMBERED} passwords, and let users change their own, which is off by default.",
    source=PAGE,
)
def password_policy_missing(
    password_policy: pd.DataFrame, account_id: str, credentials: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    An account to which AWS's default password policy applies; of low severity without passwords.

    >>> from iamkit.tables import PASSWORD_POLICY
    >>> rule = dict(rule="MinimumPasswordLength", value=8, origin="AWS default")
    >>> password_policy_missing(PASSWORD_POLICY.rows(rule), "111122223333").detail.tolist()
    ["AWS's default policy applies"]
    """
    default = password_policy.query("origin == 'AWS default'").head(1)
    found = default.assign(subject=account_id, detail="AWS's default policy applies")
    return _weighed(found[["subject", "detail"]], credentials)


@check(
    severity="medium",
    title="The password policy allows short passwords",
    impact=(
        "Each character less makes guessing many times faster. Short passwords are also more "
        "often among those that leaked elsewhere."
    ),
    among="the account",
    remedy=f"Require {SHORTEST} characters or more in the password policy.",
    source=PAGE,
)
def password_policy_short(
    password_policy: pd.DataFrame, account_id: str, credentials: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    A shortest password of fewer than fourteen characters.

    >>> from iamkit.tables import PASSWORD_POLICY
    >>> rule = dict(rule="MinimumPasswordLength", value=10, origin="account")
    >>> password_policy_short(PASSWORD_POLICY.rows(rule), "111122223333").detail.tolist()
    ['10 characters are enough']
    """
    row = _number(password_policy, "MinimumPasswordLength")
    said = row["number"].astype("str") + " characters are enough"
    return _weighed(_judged(row, account_id, row["number"] >= SHORTEST, said), credentials)


@check(
    severity="low",
    title="The password policy does not require a symbol",
    impact=(
        "A word with a digit behind it is among the first guesses of cracking tools. A required "
        "symbol makes the list of likely passwords longer."
    ),
    among="the account",
    remedy="Require a symbol in the password policy.",
    source=PAGE,
)
def password_policy_no_symbol(password_policy: pd.DataFrame, account_id: str) -> pd.DataFrame:
    """
    A policy that does not ask for a symbol.

    >>> from iamkit.tables import PASSWORD_POLICY
    >>> rule = dict(rule="RequireSymbols", value=False, origin="account")
    >>> password_policy_no_symbol(PASSWORD_POLICY.rows(rule), "111122223333").detail.tolist()
    ['no symbol is required']
    """
    return _asked(password_policy, account_id, "RequireSymbols", "symbol")


@check(
    severity="low",
    title="The password policy does not require a digit",
    impact="Passwords without digits may be plain words. Attackers try word lists first.",
    among="the account",
    remedy="Require a number in the password policy.",
    source=PAGE,
)
def password_policy_no_number(password_policy: pd.DataFrame, account_id: str) -> pd.DataFrame:
    """
    A policy that does not ask for a digit.

    >>> from iamkit.tables import PASSWORD_POLICY
    >>> rule = dict(rule="RequireNumbers", value=False, origin="AWS default")
    >>> password_policy_no_number(PASSWORD_POLICY.rows(rule), "111122223333").detail.tolist()
    ["no digit is required (AWS's default)"]
    """
    return _asked(password_policy, account_id, "RequireNumbers", "digit")


@check(
    severity="low",
    title="The password policy does not require an upper-case letter",
    impact=(
        "Passwords in lower case only are what guessing tools try first. A second case doubles "
        "the choice for each letter."
    ),
    among="the account",
    remedy="Require an upper-case letter in the password policy.",
    source=PAGE,
)
def password_policy_no_uppercase(password_policy: pd.DataFrame, account_id: str) -> pd.DataFrame:
    """
    A policy that does not ask for an upper-case letter.

    >>> from iamkit.tables import PASSWORD_POLICY
    >>> rule = dict(rule="RequireUppercaseCharacters", value=False, origin="account")
    >>> password_policy_no_uppercase(PASSWORD_POLICY.rows(rule), "111122223333").detail.tolist()
    ['no upper-case letter is required']
    """
    rule = "RequireUppercaseCharacters"
    return _asked(password_policy, account_id, rule, "upper-case letter")


@check(
    severity="low",
    title="The password policy does not require a lower-case letter",
    impact=(
        "Fewer kinds of character mean fewer possible passwords of the same length, so guessing "
        "takes fewer tries."
    ),
    among="the account",
    remedy="Require a lower-case letter in the password policy.",
    source=PAGE,
)
def password_policy_no_lowercase(password_policy: pd.DataFrame, account_id: str) -> pd.DataFrame:
    """
    A policy that does not ask for a lower-case letter.

    >>> from iamkit.tables import PASSWORD_POLICY
    >>> rule = dict(rule="RequireLowercaseCharacters", value=False, origin="account")
    >>> password_policy_no_lowercase(PASSWORD_POLICY.rows(rule), "111122223333").detail.tolist()
    ['no lower-case letter is required']
    """
    rule = "RequireLowercaseCharacters"
    return _asked(password_policy, account_id, rule, "lower-case letter")


@check(
    severity="medium",
    title="The password policy allows users to reuse recent passwords",
    impact=(
        "A user who must change a leaked password can go back to it soon after. The copy that the "
        "attacker has then works again."
    ),
    among="the account",
    remedy=f"Let the password policy remember {REMEMBERED} passwords.",
    source=PAGE,
)
def password_policy_reuse(
    password_policy: pd.DataFrame, account_id: str, credentials: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    A policy that remembers fewer than twenty-four passwords, or none.

    >>> from iamkit.tables import PASSWORD_POLICY
    >>> rule = dict(rule="PasswordReusePrevention", value=5, origin="account")
    >>> password_policy_reuse(PASSWORD_POLICY.rows(rule), "111122223333").detail.tolist()
    ['previous passwords remembered: 5']
    """
    row = _number(password_policy, "PasswordReusePrevention")
    said = "previous passwords remembered: " + row["number"].astype("str")
    return _weighed(_judged(row, account_id, row["number"] >= REMEMBERED, said), credentials)


@check(
    severity="low",
    title="Passwords do not expire, or expire late",
    impact=(
        "A password that somebody else has learned keeps working for years. Its owner is never "
        "made to replace it."
    ),
    among="the account",
    remedy=EXPIRE,
    source=PAGE,
)
def password_policy_no_expiry(
    password_policy: pd.DataFrame,
    account_id: str,
    settings: Settings,
    credentials: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    A policy under which passwords never expire, or later than `max_password_age_days`.

    PCI DSS asks for expiry if a password is the only factor; NIST SP 800-63B advises against it.
    The severity is therefore low.

    >>> from iamkit.tables import PASSWORD_POLICY
    >>> rule = dict(rule="MaxPasswordAge", value=180, origin="account")
    >>> found = password_policy_no_expiry(PASSWORD_POLICY.rows(rule), "111122223333", Settings())
    >>> found.detail.tolist()
    ['passwords expire after 180 days']
    """
    row = _number(password_policy, "MaxPasswordAge")
    off = bool(password_policy.query("rule == 'ExpirePasswords'")["value"].eq(False).any())
    age = row["number"].mask(row["number"].notna() & off, 0)
    said = ("passwords expire after " + age.astype("str") + " days").mask(
        age.eq(0).fillna(value=False), "passwords never expire"
    )
    found = _judged(row, account_id, age.between(1, settings.max_password_age_days), said)
    return found.assign(next_step=_expire(password_policy, settings, credentials))


def _expire(
    password_policy: pd.DataFrame, settings: Settings, credentials: pd.DataFrame | None
) -> str | None:
    """
    What to do before passwords expire, because older passwords expire at once.

    A user who may not change an expired password is locked out. Source: IAM User Guide, "Set an
    account password policy for IAM users".
    """
    rules = password_policy.set_index("rule")["value"].to_dict()
    steps = []
    if rules.get("AllowUsersToChangePassword") is not True:
        steps.append("Let users change their own passwords first.")
    if rules.get("HardExpiry") is True:
        steps.append("Turn HardExpiry off first: it locks out users whose password has expired.")
    if credentials is not None:
        people = with_password(credentials)
        old = people["password_age_days"].gt(settings.max_password_age_days).sum()
        if old:
            whose = f"{counted(old, 'passwords')} {'is' if old == 1 else 'are'}"
            steps.append(
                f"Have old passwords changed first: {whose} older and would expire at once."
            )
    return " ".join([*steps, EXPIRE]) if steps else None
