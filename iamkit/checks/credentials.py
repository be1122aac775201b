"""
Credentials that are old, unused or more than needed; root's are in `root`.

Inactive keys do not count: nobody can use them. The idle time of a credential that was never used
starts when it was made, so an old one is unused. A credential without the date that a check needs
is not assessed.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.checks.deletions import beside
from iamkit.checks.facts import graded, kept_for_emergencies
from iamkit.checks.populations import with_password
from iamkit.checks.registry import check
from iamkit.checks.use import RECENT, finish_rotation, idle_keys, replace_key, retire, was_used
from iamkit.checks.wording import GUIDE, ago, day_count, status
from iamkit.counts import agreeing, counted
from iamkit.settings import Settings
from iamkit.table import TEXT, lists_by_key

KEYS: Final = f"{GUIDE}id_credentials_access-keys.html"
UNUSED: Final = f"{GUIDE}id_credentials_finding-unused.html"
REMOVE: Final = "Remove the password (delete the login profile); the user and its keys stay."
KEEP: Final = "Keep it, and test it on the days that your emergency plan names."
DELETE: Final = "Delete the user if it has no SSH keys for CodeCommit: no other credential is left."
SETUP: Final = pd.Timedelta(hours=24)  # a key made this soon after its user was made with it


def _active(access_keys: pd.DataFrame) -> pd.DataFrame:
    """Active keys of users, and what each is called in a sentence: `key`."""
    active = access_keys[access_keys["active"].fillna(value=False) & ~access_keys["is_root"]]
    return active.assign(key="access key " + active["slot"].astype("str"))


def _too_long(
    rows: pd.DataFrame, days: pd.Series[Any], limit: int, said: Any, unsaid: Any
) -> pd.DataFrame:
    """Rows whose `days` reach the limit; not assessed where they are missing."""
    known = days.notna()
    detail = said.where(known, unsaid)
    found = pd.DataFrame({"subject": rows["user_arn"], "detail": detail, "status": status(known)})
    return found[days.ge(limit).fillna(value=True)]


@check(
    severity="medium",
    title="An active access key is older than allowed",
    impact=(
        "The older a key is, the more machines, backups and former colleagues have had it. "
        "Without rotation, a copy that leaked long ago still opens the account."
    ),
    among="users with active keys",
    remedy="Replace the key with a role; if that is not possible, rotate it.",
    source=f"{GUIDE}id-credentials-access-keys-update.html",
)
def old_access_key(access_keys: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """
    Active keys made more than `max_key_age_days` ago, each slot by itself.

    >>> from iamkit.tables import ACCESS_KEYS
    >>> key = dict(user_arn="arn:aws:iam::111122223333:user/ana", slot=2, is_root=False,
    ...            active=True, age_days=505)
    >>> old_access_key(ACCESS_KEYS.rows(key), Settings()).detail.tolist()
    ['access key 2 is 505 days old']
    """
    keys = _active(access_keys)
    said = keys["key"] + " is " + day_count(keys["age_days"]) + " old"
    unsaid = "when " + keys["key"] + " was made is not known"
    limit = settings.max_key_age_days + 1
    found = _too_long(keys, keys["age_days"], limit, said, unsaid)
    return found.assign(next_step=replace_key(access_keys, limit).reindex(found.index))


@check(
    severity="medium",
    title="An active access key is not used",
    impact=(
        "Nobody would notice if somebody else began to use this key, and nothing breaks if it is "
        "gone. It offers an attacker access and the owner nothing."
    ),
    among="users with active keys",
    remedy="Deactivate the key, wait to see if anything fails, then delete it.",
    source=UNUSED,
    errs="towards reporting for keys older than April 2015: AWS did not record their use before",
)
def unused_access_key(access_keys: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """
    Active keys unused for `unused_days` or longer, each slot by itself.

    A key that is 701 days old and was never used is unused. Key 2 counts even if key 1 is inactive.

    >>> from iamkit.tables import ACCESS_KEYS
    >>> key = dict(user_arn="arn:aws:iam::111122223333:user/ana", slot=1, is_root=False,
    ...            active=True, use="never used", idle_days=701)
    >>> unused_access_key(ACCESS_KEYS.rows(key), Settings()).detail.tolist()
    ['access key 1 was never used in the 701 days since it was made']
    """
    keys = _active(access_keys)
    days = day_count(keys["idle_days"])
    said = keys["key"] + " was last used " + days + " ago"
    never = keys["key"] + " was never used in the " + days + " since it was made"
    untracked = keys["key"] + " has no use on record in the " + days + " since it was made"
    said = said.mask(keys["use"] == "never used", never).mask(
        keys["use"] == "not tracked", untracked
    )
    unsaid = "when " + keys["key"] + " was made or used is not known"
    found = _too_long(keys, keys["idle_days"], settings.unused_days, said, unsaid)
    return found.assign(next_step=retire(keys["use"], keys["idle_days"]).reindex(found.index))


@check(
    severity="medium",
    title="A console password is older than allowed",
    impact=(
        "A password that leaked from another site or a phishing page stays useful until it "
        "changes. Nothing here has ended such a copy."
    ),
    among="console users",
    remedy="Have the password changed or, better, let the user sign in through federation.",
    source=f"{GUIDE}id_credentials_passwords_account-policy.html",
)
def old_password(
    credentials: pd.DataFrame, settings: Settings, break_glass: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    Passwords of console users last changed more than `max_password_age_days` ago.

    The password of a user for emergencies is noted as a fact: it is changed after each use.

    >>> from iamkit.tables import CREDENTIALS
    >>> ana = dict(user_arn="arn:aws:iam::111122223333:user/ana", is_root=False,
    ...            password_enabled=True, password_age_days=430)
    >>> old_password(CREDENTIALS.rows(ana), Settings()).detail.tolist()
    ['the password was last changed 430 days ago']
    """
    users = with_password(credentials)
    days = users["password_age_days"]
    said = "the password was last changed " + day_count(days) + " ago"
    unsaid = "when the password was changed is not known"
    found = _too_long(users, days, settings.max_password_age_days + 1, said, unsaid)
    return graded(found, "medium", kept_for_emergencies(break_glass))


@check(
    severity="medium",
    title="A console password is not used",
    impact=(
        "An attacker can guess or reuse this password, and its owner, who no longer signs in, "
        "will not notice the sign-in."
    ),
    among="console users",
    remedy=REMOVE,
    source=UNUSED,
    errs=(
        "towards reporting for passwords older than October 2014: AWS did not record their use "
        "before"
    ),
)
def unused_password(
    credentials: pd.DataFrame, settings: Settings, break_glass: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    Passwords of console users unused for `unused_days` or longer.

    The unused password of a user for emergencies is noted as a fact: it should not be used. The
    idle time of a password that was never used starts when it was set: 301 days later it is unused.

    >>> from iamkit.tables import CREDENTIALS
    >>> ana = dict(user_arn="arn:aws:iam::111122223333:user/ana", is_root=False,
    ...            password_enabled=True, password_use="never used", password_idle_days=301)
    >>> unused_password(CREDENTIALS.rows(ana), Settings()).detail.tolist()
    ['the password was never used in the 301 days since it was set']
    """
    users = with_password(credentials)
    use = users["password_use"]
    idle = users["password_idle_days"].mask(use == "not known")
    said = "the password was last used " + day_count(idle) + " ago"
    never = "the password was never used in the " + day_count(idle) + " since it was set"
    untracked = "the password has no use on record in the " + day_count(idle) + " since it was set"
    said = said.mask(use == "never used", never).mask(use == "not tracked", untracked)
    unsaid = "when the password was set or used is not known"
    found = _too_long(users, idle, settings.unused_days, said, unsaid)
    kept = kept_for_emergencies(break_glass)
    ask = "Ask its user, then remove the password (delete the login profile): it was used "
    step = pd.Series(REMOVE, users.index).mask(
        use.eq("used") & idle.lt(RECENT), ask + ago(idle) + "."
    )
    step = step.mask(users["user_arn"].isin(list(kept)), KEEP)
    return graded(found.assign(next_step=step.reindex(found.index)), "medium", kept)


@check(
    severity="low",
    title="A user has two active access keys",
    impact=(
        "Two keys of one user are two secrets to leak, and a leak of the one nobody uses is not "
        "noticed. There is also no free slot left to rotate without an outage."
    ),
    among="users with active keys",
    remedy="Finish the rotation: deactivate the older key, then delete it.",
    source=f"{GUIDE}id-credentials-access-keys-update.html",
    errs="towards reporting: during a rotation both keys have to be active for some time",
)
def two_active_access_keys(access_keys: pd.DataFrame) -> pd.DataFrame:
    """
    Users both of whose access keys are active.

    >>> from iamkit.tables import ACCESS_KEYS
    >>> key = dict(user_arn="arn:aws:iam::111122223333:user/ana", is_root=False, active=True)
    >>> keys = ACCESS_KEYS.rows(key | dict(slot=1, age_days=701), key | dict(slot=2, age_days=1))
    >>> two_active_access_keys(keys).detail.tolist()
    ['both access keys are active; made 701 days ago, yesterday']
    """
    keys = _active(access_keys)
    both = keys[keys.duplicated("user_arn", keep=False)]
    made = lists_by_key(both["user_arn"], ago(both["age_days"]))
    detail = [f"both access keys are active; made {', '.join(times)}" for times in made.values()]
    found = pd.DataFrame({"subject": list(made), "detail": detail}, dtype=TEXT)
    return found.assign(next_step=found["subject"].map(finish_rotation(both)).astype(TEXT))


@check(
    severity="low",
    title="An access key was made together with its console user",
    impact=(
        "Keys that are made by default are often never needed and never watched. A copy of one in "
        "a downloaded file still works years later."
    ),
    among="users with active keys",
    remedy="Ask whether the key is needed. If not, delete it. If so, rotate it.",
    source=KEYS,
    errs="towards reporting: a key that the user really needed on the first day is reported",
)
def access_key_made_with_user(access_keys: pd.DataFrame, credentials: pd.DataFrame) -> pd.DataFrame:
    """
    Active keys of console users that were made within 24 hours of the user, used or not.

    A key without a date is reported if it was never used. If it was used, it is not assessed.

    >>> from iamkit.tables import ACCESS_KEYS, CREDENTIALS
    >>> ana = "arn:aws:iam::111122223333:user/ana"
    >>> user = CREDENTIALS.rows(dict(user_arn=ana, created="2026-03-06T09:00:00Z",
    ...                              password_enabled=True))
    >>> key = ACCESS_KEYS.rows(dict(user_arn=ana, slot=1, is_root=False, active=True,
    ...                             rotated="2026-03-06T09:00:09Z", use="used"))
    >>> access_key_made_with_user(key, user).detail.tolist()
    ['access key 1 was made within a day of its user, and is used']
    """
    console = credentials.query("password_enabled")[["user_arn", "created"]]
    steps = replace_key(access_keys, RECENT)
    keys = _active(access_keys.assign(step=steps)).merge(console, on="user_arn")
    apart = (keys["rotated"] - keys["created"]).abs()
    never = keys["use"] == "never used"
    used = keys["use"].map(
        {
            "used": ", and is used",
            "never used": ", and was never used",
            "not tracked": ", and has no use on record",
        }
    )
    used = used.astype(TEXT).fillna(", and whether it is used is not known")
    detail = keys["key"] + " was made within a day of its user" + used
    undated = "when " + keys["key"] + " was made is not known" + used
    found = pd.DataFrame(
        {"subject": keys["user_arn"], "detail": detail.mask(apart.isna(), undated)}
    )
    found["status"] = status(apart.notna() | never)
    young = never & ~keys["idle_days"].ge(RECENT).fillna(value=False)
    ask = "Ask whether it is needed. If not, delete it: it was not used yet."
    found["next_step"] = keys["step"].mask(young, ask)
    return found[apart.lt(SETUP) | apart.isna()]


@check(
    severity="low",
    title="A user has a password and an access key but uses only one of them",
    impact=(
        "The credential that is not used can still be guessed, phished or found in a file. Its "
        "owner would not notice that somebody else uses it."
    ),
    among="users with credentials",
    remedy="Remove the credential that is not used.",
    source=UNUSED,
)
def unused_kind_of_access(
    credentials: pd.DataFrame, access_keys: pd.DataFrame, settings: Settings
) -> pd.DataFrame:
    """
    Users with a password and access keys who have not used one of them for `unused_days`.

    The key used last stands for a user's keys. The checks of unused passwords and keys report a
    user who uses neither.

    >>> from iamkit.tables import ACCESS_KEYS, CREDENTIALS
    >>> ana = "arn:aws:iam::111122223333:user/ana"
    >>> user = CREDENTIALS.rows(dict(user_arn=ana, is_root=False, password_enabled=True,
    ...                              password_use="used", password_idle_days=210))
    >>> key = ACCESS_KEYS.rows(dict(user_arn=ana, slot=1, is_root=False, active=True, use="used",
    ...                             idle_days=1))
    >>> unused_kind_of_access(user, key, Settings()).detail.tolist()
    ['a password unused for 210 days, and an access key used yesterday']
    """
    users = with_password(credentials)
    keys = _active(access_keys).sort_values("idle_days").drop_duplicates("user_arn")
    both = users.merge(keys[["user_arn", "use", "idle_days"]], on="user_arn")
    password, key, limit = both["password_idle_days"], both["idle_days"], settings.unused_days
    idle_password = password.ge(limit) & key.lt(limit)
    idle_key = key.ge(limit) & password.lt(limit)
    unknown = password.isna() | key.isna()
    said = "a password unused for " + day_count(password) + ", and an access key "
    said += _in_use(both["use"], key)
    other = "no access key used for " + day_count(key) + ", and a password "
    other += _in_use(both["password_use"], password)
    said = said.mask(idle_key.fillna(value=False), other)
    said = said.mask(unknown, "when the password or the key was last used is not known")
    return pd.DataFrame(
        {
            "subject": both["user_arn"],
            "detail": said,
            "status": status(~unknown),
            "next_step": _one_kind(both, access_keys, idle_key.fillna(value=False)),
        }
    )[(idle_password | idle_key).fillna(value=False) | unknown]


def _one_kind(
    users: pd.DataFrame, access_keys: pd.DataFrame, idle_key: pd.Series[Any]
) -> pd.Series[Any]:
    """How to take the keys away where they are idle, and the password elsewhere."""
    days, used = users["password_idle_days"], users["password_use"]
    said = was_used(used, days)
    recent = used.eq("used") & days.lt(RECENT)
    password = ("Remove the password: it " + said).mask(
        recent.fillna(value=False), "Ask its user, then remove the password: it " + said
    )
    keys = idle_keys(users["user_arn"], access_keys)
    wait = (
        "Deactivate the access keys, wait to see if anything fails, then delete them: the latest "
        "use was "
    )
    keys = keys.fillna(wait + ago(users["idle_days"]) + ".")
    return (password + ".").mask(idle_key, keys)


def _in_use(use: pd.Series[Any], days: pd.Series[Any]) -> pd.Series[Any]:
    """How a credential is used, in words; one whose use AWS did not record is not called unused."""
    said = ("used " + ago(days)).where(use == "used", "made " + ago(days) + " and not used yet")
    return said.mask(use == "not tracked", "made " + ago(days) + " with no use on record")


@check(
    severity="info",
    title="Users work with long-lived access keys",
    impact=(
        "A long-lived key is a text that can be copied from code, a log or a laptop and then "
        "works from elsewhere until it is deactivated. Session credentials end by themselves."
    ),
    among="the account",
    remedy="Move programs to roles, and people to federation, one key at a time.",
    source=f"{GUIDE}best-practices.html#bp-workloads-use-roles",
    errs="towards silence: only the service of the latest use of a key is known",
)
def long_lived_access_keys(access_keys: pd.DataFrame, account_id: str) -> pd.DataFrame:
    """
    Active keys of users that were last used for more than signing in or getting a session.

    This is advice for the account. A key that works only from the office, or only with MFA, is not
    a weakness by itself; see `key_usable_from_anywhere`.

    >>> from iamkit.tables import ACCESS_KEYS
    >>> key = dict(user_name="ann", slot=1, is_root=False, active=True, used_service="s3")
    >>> keys = ACCESS_KEYS.rows(key)
    >>> long_lived_access_keys(keys, "111122223333").detail.tolist()
    ['1 user works with one: ann']
    """
    active = _active(access_keys)
    service = active["used_service"].str.lower()
    working = active[service.notna() & ~service.isin(["iam", "sts"])]
    users = working["user_name"].drop_duplicates()
    named = ", ".join(users.head(6)) + (", …" if len(users) > 6 else "")
    number = agreeing(f"{counted(len(users), 'users')} [works|work]", len(users))
    detail = f"{number} with one: {named}"
    return pd.DataFrame({"subject": [account_id], "detail": [detail]}).head(int(len(users) > 0))


@check(
    severity="low",
    title="A user has no credentials",
    impact=(
        "A user without credentials still has its permissions. Anyone who may create a key or a "
        "password for it acts under a name that nobody watches."
    ),
    among="users",
    remedy=DELETE,
    source=UNUSED,
    errs="towards reporting: SSH keys for CodeCommit are not in the evidence",
    absence=True,
)
def unusable_user(
    users: pd.DataFrame,
    credentials: pd.DataFrame,
    service_credentials: pd.DataFrame,
    trust: pd.DataFrame | None = None,
    attachments: pd.DataFrame | None = None,
    policies: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users without a password, active keys, active certificates and credentials for a service.

    A user whom the credential report does not list, such as one made since, is not assessed.

    >>> from iamkit.tables import CREDENTIALS, SERVICE_CREDENTIALS, USERS
    >>> ana = "arn:aws:iam::111122223333:user/ana"
    >>> user = CREDENTIALS.rows(dict(user_arn=ana, access="none"))
    >>> none = SERVICE_CREDENTIALS.rows()
    >>> unusable_user(USERS.rows(dict(user_arn=ana)), user, none).detail.tolist()
    ['no password, no active access key and no other credential']
    """
    everyone = users[["user_arn"]].merge(
        credentials[["user_arn", "access", "certificates_active"]], on="user_arn", how="left"
    )
    working = service_credentials.loc[service_credentials["active"].fillna(value=True), "user_arn"]
    other = everyone["certificates_active"].fillna(0).gt(0) | everyone["user_arn"].isin(working)
    unknown = everyone["access"].isna()
    said = pd.Series(
        "no password, no active access key and no other credential", index=everyone.index
    )
    found = pd.DataFrame(
        {
            "subject": everyone["user_arn"],
            "detail": said.mask(unknown, "the credential report does not say what it has"),
            "status": status(~unknown),
        }
    )
    left = beside(everyone["user_arn"], attachments, trust, policies)
    found["next_step"] = (DELETE + left).astype("object").mask(unknown, None)
    return found[(unknown | everyone["access"].eq("none")) & ~other]
