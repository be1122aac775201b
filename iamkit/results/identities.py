"""
One row per identity: what it is, how it is protected, what it can do, and what to do about it.

The other tables of the kit answer one question each. This one joins them: the kind of access, MFA
registered and enforced, the network restriction, the privilege, the age of credentials, and what
the credentials would allow from outside if they were stolen. The verdict is the worst severity that
a check finds for the identity; without a finding it is *ok* only if no evidence is missing that the
verdict rests on, of the account or of this identity (`incomplete`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access import DEFAULT_CONTEXTS, Permissions
from iamkit.checks import INFO, SEVERITIES, Status
from iamkit.evidence import requests
from iamkit.policy import POSSIBLE
from iamkit.reference import Bits, Catalog, popcount
from iamkit.restrictions import MFA_ENFORCEMENT, NETWORK_RESTRICTIONS, UNRESTRICTED
from iamkit.results.privileges import (
    PRIVILEGES,
    allowed_in_any_context,
    details,
    numbers_of_attacks,
    privileges,
)
from iamkit.table import COUNT, OBJECT, TEXT, TIME, TRUTH, Column, Table, lists_by_key, objects
from iamkit.tables import ASSIGNED, without_service_linked
from iamkit.trust import people_by_role

# Risk classes of actions, the worst first.
CLASSES: Final = (
    "escalation",
    "credential exposure",
    "data exfiltration",
    "resource exposure",
    "infrastructure modification",
)

OK: Final = "ok"
GRAVE: Final = tuple(each for each in SEVERITIES if each != INFO)
VERDICTS: Final = (*GRAVE, Status.NOT_ASSESSED, Status.ACCEPTED, OK)
USES: Final = ("used", "unused", "never used")
NO_CLASS: Final = "none of these"
MOST_STEPS: Final = 3

# Tags that say whose an identity is, the first that is there.
OWNER_TAGS: Final = ("owner", "contact", "team")


def actions_of(risk: str) -> str:
    """
    Return the column that counts the actions of a risk class.

    >>> actions_of("credential exposure")
    'credential_exposure_actions'
    """
    return f"{risk.replace(' ', '_')}_actions"


def _same_column(table: Table, name: str, meaning: str) -> Column:
    """The column of identities that repeats the verdict of another table."""
    values = next(column.values for column in table.columns if column.name == "verdict")
    return Column(name, TEXT, meaning + ", ".join(values), values=values)


IDENTITIES: Final = Table(
    name="identities",
    row="one identity that can act: the root user, a user or a role",
    key=("principal_arn",),
    columns=(
        Column(
            "verdict",
            TEXT,
            f"worst severity of its findings: {', '.join(VERDICTS)}",
            values=VERDICTS,
        ),
        Column("kind", TEXT, "root, user or role", values=("root", "user", "role")),
        Column("name", TEXT, "name"),
        Column(
            "privilege",
            TEXT,
            "admin, near-admin, write, read or none, in the request context that allows the most; "
            "missing: not known",
            values=PRIVILEGES,
        ),
        Column(
            "privilege_detail",
            TEXT,
            "for write and near-admin: the number and services of actions that change something, "
            "on every resource, on some resources, or under unknown conditions; for read: actions "
            "that hand out a credential; missing: nothing to add, or not known",
        ),
        Column(
            "admin_steps",
            COUNT,
            "steps to administrator access; 0: it is an administrator; missing: no certain path",
        ),
        Column(
            "access",
            TEXT,
            "for users: console, programmatic, both or none; for roles: who may assume it",
        ),
        Column(
            "use", TEXT, ("used, unused (for longer than the setting) or never used"), values=USES
        ),
        Column("mfa_registered", TRUTH, "an MFA device is registered; missing for roles"),
        Column("mfa_devices", OBJECT, "list of the kinds of its devices"),
        _same_column(
            MFA_ENFORCEMENT, "mfa_enforced", "verdict of `mfa_enforcement`; missing for root: "
        ),
        _same_column(
            NETWORK_RESTRICTIONS,
            "network_restriction",
            "verdict of `network_restrictions`; unrestricted for root, which has no policies: ",
        ),
        Column(
            "exposed_actions",
            COUNT,
            "number of actions that its access key or password allows from outside, if stolen",
        ),
        Column(
            "exposed_worst",
            TEXT,
            f"worst risk class of those actions: {', '.join(CLASSES)} or {NO_CLASS}; missing: "
            "there are none",
            values=(*CLASSES, NO_CLASS),
        ),
        *(
            Column(
                actions_of(name),
                COUNT,
                f"number of actions of the class {name}, in the request context that allows the "
                "most",
            )
            for name in CLASSES
        ),
        Column("password_age_days", COUNT, "days since the password changed"),
        Column("key_age_days", COUNT, "days since its oldest active key was made"),
        Column("idle_days", COUNT, "days since it was used or, if it was never used, made"),
        Column("last_used", TIME, "latest use of any credential, or of the role"),
        Column(
            "owner",
            TEXT,
            "value of its tag owner, contact or team, the first of these that it has",
        ),
        Column(
            "people",
            OBJECT,
            "list of the people who have the role by IAM Identity Center or account access "
            "manager; empty: nobody has; missing: it is no such role, or that is not known",
        ),
        Column("findings", COUNT, "number of findings that fail"),
        Column("next_steps", OBJECT, f"list of the most useful next steps, {MOST_STEPS} at most"),
        Column("principal_arn", TEXT, "ARN"),
    ),
)


def identities(account: Any) -> pd.DataFrame:
    """
    Every identity, the one that needs attention most first. Rows: see `IDENTITIES`.

    Counts of actions take unknown conditions as met, so they err towards more; `admin` and
    `near-admin` need certainty. A role has no credential of its own to steal: its `exposed_actions`
    are missing. Service-linked roles, which belong to AWS, are left out.
    """
    who = account.principals[account.principals["kind"] != "group"]
    who = without_service_linked(who, account.roles).reset_index(drop=True)
    credentials = _by(account.credentials, "user_arn").reindex(who["principal_arn"])
    made = _described(account, who, credentials)
    made = made.assign(**_used(account, who))
    made = made.assign(**_allowed(account, made, credentials))
    made = made.merge(_verdicts(account), on="principal_arn", how="left")
    made["findings"] = made["findings"].fillna(0)
    made["next_steps"] = objects(s if isinstance(s, list) else [] for s in made["next_steps"])
    incomplete = account.missing("credentials", "policy_assignments") != ""
    incomplete |= bool(account.audit.results["error"].notna().any())  # may be about anybody
    made["verdict"] = made["verdict"].fillna(Status.NOT_ASSESSED if incomplete else OK)
    partial = made["principal_arn"].isin(account.incomplete["subject"])
    reassuring = made["verdict"].isin([OK, Status.ACCEPTED])
    made["verdict"] = made["verdict"].mask(partial & reassuring, Status.NOT_ASSESSED)
    order = pd.DataFrame(
        {
            "verdict": made["verdict"].map(VERDICTS.index),
            "privilege": made["privilege"].map(PRIVILEGES.index, na_action="ignore").fillna(-1),
            "exposed": -made["exposed_actions"].fillna(0),
            "kind": made["kind"],
            "name": made["name"],
        }
    ).sort_values(["verdict", "privilege", "exposed", "kind", "name"], kind="stable")
    return IDENTITIES.conform(made.loc[order.index])


def _described(account: Any, who: pd.DataFrame, credentials: pd.DataFrame) -> pd.DataFrame:
    """What each identity is and how it is protected: columns that come from one table each."""
    arns = who["principal_arn"]
    keys = account.access_keys[account.access_keys["active"].fillna(value=False)]
    devices = lists_by_key(account.mfa_devices["user_arn"], account.mfa_devices["kind"])
    has_password = credentials["password_enabled"].fillna(value=False)
    is_root, is_role = who["kind"] == "root", who["kind"] == "role"
    access = pd.Series(credentials["access"].array)
    restriction = pd.Series(_by(account.network_restrictions)["verdict"].reindex(arns).array)
    steps = pd.Series(_steps_to_administrator(account).reindex(arns).array)
    return pd.DataFrame(
        {
            "principal_arn": arns,
            "kind": who["kind"],
            "name": who["name"],
            "access": access.mask(is_role, _assumed_by(account).reindex(arns).array),
            "mfa_registered": credentials["mfa_registered"].array,
            "mfa_devices": objects(devices.get(arn, []) for arn in arns),
            "mfa_enforced": _by(account.mfa_enforcement)["verdict"].reindex(arns).array,
            "network_restriction": restriction.mask(is_root, UNRESTRICTED),
            "password_age_days": credentials["password_age_days"].where(has_password).array,
            "key_age_days": keys.groupby("user_arn")["age_days"].max().reindex(arns).array,
            "admin_steps": steps.mask(is_root, 0),
            "last_used": who["last_used"],
            "owner": [_owner(tags) for tags in who["tags"]],
            "people": objects(map(people_by_role(account.role_holders).get, arns)),
        }
    )


def _used(account: Any, who: pd.DataFrame) -> dict[str, Any]:
    """How long each identity was not used, and whether that is longer than the setting."""
    settings = account.settings
    idle = (account.as_of - who["last_used"].fillna(who["created"])).dt.days.clip(lower=0)
    limit = np.where(who["kind"] == "role", settings.unused_role_days, settings.unused_days)
    use = pd.Series(np.where(idle.fillna(0) >= limit, "unused", "used"))
    return {"idle_days": idle, "use": use.mask(who["last_used"].isna(), "never used")}


def _by(table: pd.DataFrame, key: str = "principal_arn") -> pd.DataFrame:
    return table.drop_duplicates(key).set_index(key)


def _owner(tags: Any) -> str | None:
    named = {str(key).lower(): value for key, value in tags.items()}
    return next((str(named[tag]) for tag in OWNER_TAGS if tag in named), None)


def _assumed_by(account: Any) -> pd.Series[Any]:
    """Who may assume each role, in words, as far as its trust policy says."""
    trust = account.trust[account.trust["effect"].eq("Allow")]
    kinds = pd.Series("this account", index=trust.index)
    kinds = kinds.mask(trust["account_id"].fillna(account.account_id) != account.account_id)
    kinds = kinds.fillna("another account")
    kinds = kinds.mask(trust["principal_type"] == "Service", "services")
    kinds = kinds.mask(trust["principal_type"] == "Federated", "federation")
    kinds = kinds.mask(trust["principal_type"] == "*", "anyone")
    pairs = pd.DataFrame({"role_arn": trust["role_arn"], "who": kinds}).drop_duplicates()
    found = lists_by_key(pairs["role_arn"], pairs["who"])
    return pd.Series({arn: ", ".join(sorted(who)) for arn, who in found.items()}, dtype=TEXT)


def _steps_to_administrator(account: Any) -> pd.Series[Any]:
    """The fewest steps that each user and role takes, in any context that it can be used in."""
    paths = account.admin_paths
    usable = paths[paths["has_credential"].fillna(value=True)]
    fewest: pd.Series[Any] = usable.groupby("principal_arn")["steps"].min()
    return fewest


def _allowed(account: Any, made: pd.DataFrame, credentials: pd.DataFrame) -> dict[str, Any]:
    """Privilege, actions by risk class in any context, and what stolen credentials would allow."""
    permissions: Permissions = account.permissions
    catalog = permissions.catalog
    evaluated = permissions.principals["principal_arn"]
    position = pd.Series(range(len(evaluated)), index=evaluated)
    place = position.reindex(made["principal_arn"]).fillna(-1).astype(int).to_numpy()
    allowed = allowed_in_any_context(permissions)
    admin = _by(account.administrators)["admin"].reindex(evaluated)
    held = pd.Series(privileges(allowed, admin), dtype="object")
    detail = pd.Series(details(allowed, held), dtype="object")
    # Of whom a policy cannot be read, only what the others give is known.
    rests = account.incomplete["source"].isin([requests.DETAILS.call, ASSIGNED])
    partial = evaluated.isin(account.incomplete.loc[rests, "subject"])
    unknown = partial & ~held.isin(PRIVILEGES[:2])
    is_root = (made["kind"] == "root").to_numpy()
    privilege = pd.Series(_at(held.mask(unknown, None), place))
    found: dict[str, Any] = {
        "privilege": privilege.mask(is_root, "admin").to_numpy(),
        "privilege_detail": _at(detail.mask(unknown, None), place),
    }
    for name in CLASSES:
        mask = catalog.mask(risk=name)
        counts = pd.Series(
            _at(popcount(allowed.possible & mask)[allowed.which], place), dtype=COUNT
        )
        found[actions_of(name)] = counts.mask(is_root, int(popcount(mask))).array
    stolen = _if_stolen(permissions, place, credentials, is_root)
    return found | _exposed(catalog, stolen, credentials)


def _at(values: Any, place: Any) -> Any:
    """Values by the place of each identity among the evaluated ones; None where it is not there."""
    spread = pd.Series(values, dtype="object").reindex(place)
    return spread.where(pd.notna(spread), None).to_numpy()


def _if_stolen(
    permissions: Permissions, place: Any, credentials: pd.DataFrame, is_root: Any
) -> Bits:
    """Rows of what each identity's own credentials allow from outside, if they are stolen."""
    catalog = permissions.catalog
    stolen: Bits = np.zeros((len(place), catalog.words), dtype=permissions.rows.dtype)
    key = credentials["keys_active"].fillna(0).gt(0)
    password = credentials["password_enabled"].fillna(value=False)
    tried = numbers_of_attacks(permissions)
    rows = permissions.callers.evaluator.all_rows()[:, POSSIBLE]
    for has, context in ((key, "stolen-key"), (password, "stolen-password")):
        here = np.flatnonzero(has.to_numpy(dtype=bool) & (place >= 0))
        stolen[here] |= permissions.bits("possible", context)[place[here]]
        stolen[here] |= rows[tried[place[here], DEFAULT_CONTEXTS.index(context)]]
    exposed = key | ~credentials["mfa_registered"].fillna(value=False)  # unknown is as without
    stolen[is_root & exposed.to_numpy(dtype=bool)] = catalog.bits("*")
    return stolen


def _exposed(catalog: Catalog, stolen: Bits, credentials: pd.DataFrame) -> dict[str, Any]:
    """Number and worst risk class of those actions; missing without a line in the report."""
    counts = pd.Series(popcount(stolen), dtype=COUNT)
    has = [popcount(stolen & catalog.mask(risk=name)) > 0 for name in CLASSES]
    worst = pd.Series(np.select(has, CLASSES, NO_CLASS), dtype="object")
    no_report = credentials["keys_active"].isna().to_numpy()  # roles have none by nature
    return {
        "exposed_actions": counts.mask(no_report).array,
        "exposed_worst": worst.mask(counts.eq(0).to_numpy() | no_report).to_numpy(),
    }


def _verdicts(account: Any) -> pd.DataFrame:
    """Worst severity, number of findings and next steps, by subject."""
    found = account.audit.findings
    found = found[found["status"].ne(Status.NOTED)]
    fails = found["status"] == Status.FAIL
    failing = found[fails]
    rank = found["severity"].where(fails, found["status"]).map(VERDICTS.index)
    worst = rank.groupby(found["subject"]).min().map(VERDICTS.__getitem__)
    distinct = failing.drop_duplicates(["subject", "next_step"])
    steps = lists_by_key(distinct["subject"], distinct["next_step"])
    verdicts = pd.DataFrame(
        {
            "verdict": worst,
            "findings": failing.groupby("subject").size().reindex(worst.index),
            "next_steps": objects(
                (steps.get(subject, [])[:MOST_STEPS] for subject in worst.index), worst.index
            ),
        }
    )
    return verdicts.rename_axis("principal_arn").reset_index()


def matters(identities: pd.DataFrame) -> pd.DataFrame:
    """Return the identities whose verdict is high or critical, in their order."""
    return identities[identities["verdict"].isin(SEVERITIES[:2])].reset_index(drop=True)
