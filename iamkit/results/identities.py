"""
One row per identity: what it is, how it is protected, what it can do, and what to do about it.

Everything else in the kit answers for one table at a time. Here it meets: the kind of access, MFA
adopted and enforced, the network fence, the privilege, the age of credentials, and what a thief of
them could do from outside. The verdict is the worst that any check says of the identity; without a
finding it is *ok* only if nothing that the verdict rests on is missing.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access import Permissions, changes_most, changing
from iamkit.checks import SEVERITIES
from iamkit.policy import ANYWHERE, POSSIBLE
from iamkit.reference import Bits, Catalog, popcount
from iamkit.table import COUNT, OBJECT, TEXT, TIME, TRUTH, Column, Table, objects

# From worst to least, as a thief would see it.
CLASSES: Final = (
    "escalation",
    "credential exposure",
    "data exfiltration",
    "resource exposure",
    "infrastructure modification",
)

PRIVILEGES: Final = ("admin", "near-admin", "write", "read", "none")
VERDICTS: Final = (*SEVERITIES, "not assessed", "accepted", "ok")
STEPS: Final = 3

# Tags that say whose an identity is, the first that is there.
OWNER_TAGS: Final = ("owner", "contact", "team")

IDENTITIES: Final = Table(
    name="identities",
    row="one identity that can act: the root user, a user or a role",
    key=("principal_arn",),
    columns=(
        Column("verdict", TEXT, "worst severity of its findings, not assessed, accepted or ok"),
        Column(
            "kind",
            TEXT,
            "root, user or role",
            values=(
                "root",
                "user",
                "role",
            ),
        ),
        Column("name", TEXT, "name"),
        Column("privilege", TEXT, "admin, near-admin, write, read or none, in its best context"),
        Column(
            "admin_steps",
            COUNT,
            "next_steps to administration; 0: it is there; missing: none certain",
        ),
        Column("access", TEXT, "users: console, programmatic, both, none; roles: who assumes it"),
        Column("use", TEXT, "used, unused (longer than the setting) or never used"),
        Column("mfa_registered", TRUTH, "an MFA device is registered; missing for roles"),
        Column("mfa_devices", OBJECT, "list of the kinds of its devices"),
        Column("mfa_enforced", TEXT, "verdict of `enforcement`; missing for root"),
        Column(
            "network_restriction",
            TEXT,
            "verdict of `network_restrictions`; none for root, whom no policy binds",
        ),
        Column("exposed_actions", COUNT, "actions open from outside to a thief of key or password"),
        Column("exposed_worst", TEXT, "worst class of those actions"),
        *(
            Column(name, COUNT, "actions of this risk class, in its best context")
            for name in CLASSES
        ),
        Column("password_age_days", COUNT, "days since the password changed"),
        Column("key_age_days", COUNT, "days since its oldest active key was made"),
        Column("idle_days", COUNT, "days since it was used or, if never, made"),
        Column("last_used", TIME, "latest use of any credential, or of the role"),
        Column("owner", TEXT, "tag owner, contact or team, the first that is there"),
        Column("findings", COUNT, "number of findings that fail"),
        Column("next_steps", OBJECT, "list of the most useful next next_steps, three at most"),
        Column("principal_arn", TEXT, "ARN"),
    ),
)


def identities(account: Any) -> pd.DataFrame:
    """
    Every identity, the one that needs most first. Rows: see `IDENTITIES`.

    Counts of actions take unknown conditions as helping the caller, so they err towards more;
    `admin` and `near-admin` need certainty. A role has no credential of its own to steal: its
    `exposed_actions` are missing. Service-linked roles, which belong to AWS, are left out.
    """
    roles = account.roles
    linked = roles.loc[roles["service_linked"], "role_arn"]
    who = account.principals[account.principals["kind"] != "group"]
    who = who[~who["principal_arn"].isin(linked)].reset_index(drop=True)
    arns = who["principal_arn"]
    credentials = _by(account.credentials, "user_arn").reindex(arns)
    keys = account.access_keys.query("active")
    devices = account.mfa_devices.groupby("user_arn")["kind"].agg(list)
    made = pd.DataFrame(
        {
            "principal_arn": arns,
            "kind": who["kind"],
            "name": who["name"],
            "access": credentials["access"].array,
            "mfa_registered": credentials["mfa_registered"].array,
            "mfa_devices": objects(
                found if isinstance(found, list) else [] for found in devices.reindex(arns)
            ),
            "mfa_enforced": _by(account.mfa_enforcement)["verdict"].reindex(arns).array,
            "network_restriction": _by(account.network_restrictions)["verdict"].reindex(arns).array,
            "password_age_days": credentials["password_age_days"]
            .where(credentials["password_enabled"].fillna(value=False))
            .array,
            "key_age_days": keys.groupby("user_arn")["age_days"].max().reindex(arns).array,
            "admin_steps": _steps_to_administration(account).reindex(arns).array,
            "last_used": who["last_used"],
            "owner": [_owner(tags) for tags in who["tags"]],
        }
    )
    is_root, is_role = made["kind"] == "root", made["kind"] == "role"
    made.loc[is_root, "network_restriction"] = "unrestricted"
    made["admin_steps"] = made["admin_steps"].mask(is_root, 0)
    made["access"] = made["access"].mask(is_role, _assumed_by(account).reindex(arns).array)
    since = who["last_used"].fillna(who["created"])
    made["idle_days"] = (account.as_of - since).dt.days.clip(lower=0)
    limit = np.where(is_role, account.settings.unused_role_days, account.settings.unused_days)
    used = pd.Series(np.where(made["idle_days"].fillna(0) >= limit, "unused", "used"))
    made["use"] = used.mask(who["last_used"].isna(), "never used")
    for name, values in _powers(account, made, credentials).items():
        made[name] = values
    made = made.merge(_verdicts(account), on="principal_arn", how="left")
    made["findings"] = made["findings"].fillna(0)
    made["next_steps"] = objects(s if isinstance(s, list) else [] for s in made["next_steps"])
    lacking = account.missing("credentials", "policy_assignments") != ""
    made["verdict"] = made["verdict"].fillna("not assessed" if lacking else "ok")
    order = [made["verdict"].map(VERDICTS.index), made["privilege"].map(_rank).fillna(-1)]
    keyed = made.assign(first=order[0], second=order[1], third=-made["exposed_actions"].fillna(0))
    ordered = keyed.sort_values(["first", "second", "third", "kind", "name"], kind="stable")
    return IDENTITIES.conform(ordered)


def _by(table: pd.DataFrame, key: str = "principal_arn") -> pd.DataFrame:
    return table.drop_duplicates(key).set_index(key)


def _rank(privilege: Any) -> int:
    return PRIVILEGES.index(privilege) if privilege in PRIVILEGES else -1


def _owner(tags: Any) -> str | None:
    named = {str(key).lower(): value for key, value in tags.items()}
    return next((str(named[tag]) for tag in OWNER_TAGS if tag in named), None)


def _assumed_by(account: Any) -> pd.Series[Any]:
    """Who may assume each role, in words, as far as its trust policy says."""
    trust = account.trust.query("effect == 'Allow'")
    kinds = pd.Series("this account", index=trust.index)
    kinds = kinds.mask(trust["account_id"].fillna(account.account_id) != account.account_id)
    kinds = kinds.fillna("another account")
    kinds = kinds.mask(trust["principal_type"] == "Service", "services")
    kinds = kinds.mask(trust["principal_type"] == "Federated", "federation")
    kinds = kinds.mask(trust["principal_type"] == "*", "anyone")
    pairs = pd.DataFrame({"role_arn": trust["role_arn"], "who": kinds}).drop_duplicates()
    return pairs.groupby("role_arn")["who"].agg(lambda who: ", ".join(sorted(who)))


def _steps_to_administration(account: Any) -> pd.Series[Any]:
    """The fewest next_steps that each user and role takes, in any context that it can come in."""
    rises = account.admin_paths
    able = rises[rises["has_credential"].fillna(value=True)]
    fewest: pd.Series[Any] = able.groupby("principal_arn")["steps"].min()
    return fewest


def _powers(account: Any, made: pd.DataFrame, credentials: pd.DataFrame) -> dict[str, Any]:
    """Privilege, actions by class in the best context, and what a thief could do from outside."""
    held: Permissions = account.permissions
    catalog = held.catalog
    at = pd.Series(range(len(held.principals)), index=held.principals["principal_arn"])
    place = at.reindex(made["principal_arn"]).fillna(-1).astype(int).to_numpy()
    combos, which = np.unique(held.index, axis=0, return_inverse=True)
    which = which.reshape(-1)
    best, sure = (_joined(held, combos, strength) for strength in (POSSIBLE, ANYWHERE))
    changes = popcount(best & changing(catalog)) > 0
    most = changes_most(sure, catalog)
    levels = np.select([changes, popcount(best) > 0], ["write", "read"], "none")
    levels = np.where(most, "near-admin", levels).astype(object)
    found: dict[str, Any] = {"privilege": _at(levels[which], place)}
    found |= {name: _at(popcount(best & catalog.mask(risk=name))[which], place) for name in CLASSES}
    admin = _by(account.administrators)["admin"].reindex(made["principal_arn"])
    words = admin.map({"everything": "admin", "through IAM": "near-admin"}).array
    privilege = pd.Series(words, dtype="object").fillna(pd.Series(found["privilege"]))
    is_root = (made["kind"] == "root").to_numpy()
    found["privilege"] = privilege.mask(is_root, "admin").to_numpy()
    for name in CLASSES:
        everything = int(popcount(catalog.mask(risk=name)))
        found[name] = pd.Series(found[name], dtype=COUNT).mask(is_root, everything).array
    stolen = _stolen(held, place, credentials)
    return found | _thief(catalog, stolen, made, credentials)


def _joined(held: Permissions, combos: Any, strength: int) -> Bits:
    """What each combination of rows holds in any context."""
    joined: Bits = np.zeros((len(combos), held.catalog.words), dtype=held.rows.dtype)
    for column in combos.T:
        joined |= held.rows[column, strength]
    return joined


def _at(values: Any, place: Any) -> Any:
    """Values by the place of each identity among the evaluated ones; None where it is not there."""
    spread = pd.Series(values, dtype="object").reindex(place)
    return spread.where(pd.notna(spread), None).to_numpy()


def _stolen(held: Permissions, place: Any, credentials: pd.DataFrame) -> Any:
    """Rows of what is open from outside with the credentials that an identity has."""
    none = np.zeros((len(place), held.catalog.words), dtype=held.rows.dtype)
    key = credentials["keys_active"].fillna(0).gt(0).to_numpy(dtype=bool)
    password = credentials["password_enabled"].fillna(value=False).to_numpy(dtype=bool)
    for has, context in ((key, "stolen-key"), (password, "stolen-password")):
        here = np.flatnonzero(has & (place >= 0))
        none[here] |= held.bits("possible", context)[place[here]]
    return none


def _thief(
    catalog: Catalog, stolen: Any, made: pd.DataFrame, credentials: pd.DataFrame
) -> dict[str, Any]:
    is_root = (made["kind"] == "root").to_numpy()
    exposed = credentials["keys_active"].fillna(0).gt(0) | ~credentials["mfa_registered"].fillna(
        value=True
    )
    stolen[is_root & exposed.to_numpy(dtype=bool)] = catalog.bits("*")
    counts = pd.Series(popcount(stolen), dtype=COUNT)
    has = [popcount(stolen & catalog.mask(risk=name)) > 0 for name in CLASSES]
    worst = pd.Series(np.select(has, CLASSES, "none of these"), dtype="object")
    no_report = credentials["keys_active"].isna().to_numpy()  # roles have none by nature
    return {
        "exposed_actions": counts.mask(no_report).array,
        "exposed_worst": worst.mask(counts.eq(0).to_numpy() | no_report).to_numpy(),
    }


def _verdicts(account: Any) -> pd.DataFrame:
    """Worst severity, number of findings and next next_steps, by subject."""
    found = account.audit.findings
    failing = found[found["status"] == "fail"]
    verdict = pd.concat(
        [
            failing[["subject", "severity"]].set_axis(["subject", "verdict"], axis=1),
            found.loc[found["status"] != "fail", ["subject", "status"]].set_axis(
                ["subject", "verdict"], axis=1
            ),
        ]
    )
    rank = verdict["verdict"].map(VERDICTS.index)
    worst = rank.groupby(verdict["subject"]).min().map(VERDICTS.__getitem__)
    next_steps = failing.drop_duplicates(["subject", "step"]).groupby("subject")["step"]
    return (
        pd.DataFrame(
            {
                "verdict": worst,
                "findings": failing.groupby("subject").size().reindex(worst.index),
                "next_steps": next_steps.agg(lambda step: list(step.head(STEPS))).reindex(
                    worst.index
                ),
            }
        )
        .rename_axis("principal_arn")
        .reset_index()
    )


def matters(identities: pd.DataFrame) -> pd.DataFrame:
    """Return the identities that a reader should look at: what is high or worse, in this order."""
    return identities[identities["verdict"].isin(SEVERITIES[:2])].reset_index(drop=True)
