"""
Principals that may assume the account's roles, and the problems of the trust in them.

`trusted_principals` has a row for each principal that a trust policy trusts, with its problem in a
word. Each policy is tested with the callers of `callers`, and errs towards more.

Source: IAM User Guide, "AWS JSON policy elements: Principal", "The confused deputy problem" and
"Cross-account policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from iamkit.policy import (
    ABSENT,
    ENDPOINT_KEYS,
    UNKNOWN,
    RequestContext,
    conditions,
    statement_name,
)
from iamkit.reference import service_deputies
from iamkit.table import COUNT, OBJECT, TEXT, TIME, TRUTH, Column, Table, objects
from iamkit.tables import AccountTables
from iamkit.trust import federation, trust_policy
from iamkit.trust.callers import (
    OF_ORGANIZATIONS,
    WORD,
    Home,
    accounts_named,
    admitted,
    deputies,
    members,
    strangers,
    values_of,
    vendors,
)
from iamkit.trust.trust_policy import ANYONE, ASSUMES, AWS, CallerKind, Principal, TrustEntry
from iamkit.trust.witnesses import TrustWitnesses

WHO: Final[Mapping[str, str]] = {
    "anyone": "anyone with an AWS account",
    "unknown account": "an account not known to be yours, or a user or role of it",
    "known account": "another account of yours, or one of an organization that the policy names",
    "organization": "any account of the organizations that a condition names",
    "narrowed": "anyone who meets other conditions, such as on a network",
    "OIDC": "identities with a token of an OpenID Connect provider",
    "SAML": "identities with an assertion of a SAML provider",
    "service": "an AWS service",
    "own account": "any identity of this account whose policies allow assuming the role",
    "own identity": "users and roles of this account that are named or meet a condition",
    "deleted identity": "the id of a user or role that no longer exists: nobody can use it",
    "unreadable": "not known: the statement or its principal cannot be read",
}

OUTSIDE: Final = tuple(WHO)[:7]
FEDERATED: Final = ("OIDC", "SAML")

TRUSTED_PRINCIPALS: Final = Table(
    name="trusted_principals",
    row="one principal that one statement of a role's trust policy trusts",
    key=("role_arn", "number", "principal"),
    columns=(
        Column("role_arn", TEXT, "role; service-linked ones are left out"),
        Column("role_name", TEXT, "its name"),
        Column("number", COUNT, "position of the statement, from 1"),
        Column("statement", TEXT, "what to call it: by Sid, or position from 1"),
        Column("who", TEXT, ", ".join(WHO)),
        Column(
            "principal",
            TEXT,
            "as written; * for anyone, NotPrincipal included; an account's id where a condition "
            "narrows * to the account",
        ),
        Column("account_id", TEXT, "account of an AWS principal, if it names one"),
        Column("provider", TEXT, "identity provider, such as GitHub Actions; else its URL or name"),
        Column(
            "external_id",
            TRUTH,
            "requires an external id; missing: does not apply to the principal",
        ),
        Column(
            "source",
            TRUTH,
            "limits a service to named accounts or resources; missing: no service, or no need",
        ),
        Column("mfa", TRUTH, "requires MFA from AWS principals; missing: services and federation"),
        Column("audience", TRUTH, "requires an audience of a token; missing: no identity provider"),
        Column("subject", TEXT, "identities of a provider that it should not trust; missing: none"),
        Column("open_to", TEXT, "who may assume the role, in words"),
        Column(
            "problem",
            TEXT,
            "open to anyone, no external id, no source, unknown source, unknown provider, "
            "loose subject, no audience, another organization, deleted identity, unreadable; "
            "missing: none",
        ),
        Column(
            "witness",
            OBJECT,
            "one caller that the statement allows but should not, because of the problem: its "
            "action, resource, caller, context and effect; missing: no such problem, or no "
            "caller found",
        ),
        Column(
            "last_used", TIME, "last use of the role; missing: none within AWS's tracking period"
        ),
        Column("unused", TRUTH, "the role is not in use (unused_role_days); missing: not known"),
    ),
)

_ASKED: Final = [{"sts:externalid": each} for each in (ABSENT, WORD)]
_DELETED: Final = {"AIDA": "user", "AROA": "role"}
_ORGANIZATIONS: Final = ("aws:principalorgid", "aws:principalorgpaths")
_WHENCE: Final = ("aws:sourceip", *ENDPOINT_KEYS)
WHERE: Final = {f"aws:resourceorg{part}": WORD for part in ("id", "paths")}


def known_accounts(account: AccountTables) -> frozenset[str]:
    """
    Return the accounts that are yours: this one, and those of the settings and the organization.

    Accounts of the organization are not known to be yours where the evidence does not list them;
    the trust in all other accounts is still assessed.
    """
    manager = account.organization["management_account_id"].dropna()
    members = account.organization_accounts["account_id"].dropna()
    return frozenset((account.account_id, *account.settings.known_accounts, *manager, *members))


def days_idle(roles: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series[Any]:
    """Return whole days since each role was used or, if never, made; missing: neither is known."""
    days: pd.Series[Any] = (as_of - roles["last_used"].fillna(roles["created"])).dt.days
    return days.astype(COUNT)


def trusted_principals(account: AccountTables) -> pd.DataFrame:
    """
    Return the principals that each trust policy trusts. Rows: see `TRUSTED_PRINCIPALS`.

    A principal that the same policy certainly denies has no row. A statement that cannot be read
    has one, since it is not known who may assume the role by it.
    """
    found = trust_policy.entries(account.limited_trust, account.roles)
    found["entry"] = objects(trust_policy.shared_entries(found), found.index)
    used = pd.Series([each.used() for each in found["entry"]], found.index, dtype="bool")
    unread = trust_policy.unreadable(account.trust, account.roles)
    narrowed = _narrowed(found[used].reset_index(drop=True), account)
    made = pd.concat([_tried(narrowed, account), unread.assign(who="unreadable")])
    return TRUSTED_PRINCIPALS.gather(_described(made.reset_index(drop=True), account))


def home_of(account: AccountTables) -> Home:
    """The account, with the facts that distinguish callers."""
    organization = account.organization["organization_id"].dropna()
    return Home(
        account.partition,
        account.account_id,
        known_accounts(account),
        str(organization.iloc[0]) if len(organization) else None,
    )


def _narrowed(found: pd.DataFrame, account: AccountTables) -> pd.DataFrame:
    """
    Put rows for accounts in the place of a row for anyone that conditions narrow to accounts.

    To name an account in a condition on the caller is the same as to name it under Principal. The
    row for anyone stays where callers of other accounts come in, from some network perhaps.
    """
    aws = found["principal_type"].isin([AWS, ANYONE])
    found = found.assign(
        mfa=_column(map(TrustEntry.asks_for_mfa, found["entry"][aws]), aws, TRUTH),
    )
    home = home_of(account)
    parts: list[dict[Any, Any]] = []
    named: list[str] = []
    for row in trust_policy.rows(found):
        some = _callers_left(row["entry"], home) if row["principal_type"] == ANYONE else []
        if not some or _admits_elsewhere(row["entry"], home):
            parts.append(row)
        named += [entry.principal.name for entry in some]
        parts += [
            row
            | {
                "principal_type": entry.principal.kind,
                "principal": entry.principal.name,
                "account_id": entry.principal.account_id,
                "entry": entry,
            }
            for entry in some
        ]
    if not named:
        return found
    made = pd.DataFrame(parts, columns=found.columns).astype(found.dtypes.to_dict())
    return made.drop_duplicates(["role_arn", "number", "principal"]).reset_index(drop=True)


def _callers_left(entry: TrustEntry, home: Home) -> list[TrustEntry]:
    """
    The entries that an entry for anyone comes to, where it is not open to anyone.

    One for each account that it is narrowed to, and for each service and identity provider that
    the NotPrincipal of a Deny leaves out.
    """
    if any(entry.may(each, CallerKind.STRANGER) for each in strangers(entry, home)):
        return []
    found = []
    for number in sorted(accounts_named(entry)):
        narrow = replace(entry, principal=Principal(AWS, number, number))
        if any(narrow.may(each) for each in members(narrow, number, home)):
            found.append(narrow)
    left_out = (each for denial in entry.denials if denial.negated for each in denial.principals)
    for principal in dict.fromkeys(left_out):
        if principal.kind in ("Service", "Federated"):
            actions = entry.actions & ASSUMES[principal.kind]
            narrow = replace(entry, principal=principal, actions=actions)
            if narrow.used():
                found.append(narrow)
    return found


def _admits_elsewhere(entry: TrustEntry, home: Home) -> bool:
    """Whether an entry admits callers of an account that no condition names, from anywhere."""
    anywhere = dict.fromkeys((*_WHENCE, *_ORGANIZATIONS), UNKNOWN)
    return any(entry.may(each, CallerKind.STRANGER) for each in strangers(entry, home, anywhere))


def _tried(found: pd.DataFrame, account: AccountTables) -> pd.DataFrame:
    """Add what each row requires, found by testing it with callers that lack it."""
    home = home_of(account)
    found = found.assign(who=_who(found, account, home))
    passed = found["principal"].map(service_deputies.is_no_deputy, na_action="ignore").eq(True)
    sent = found["principal_type"].eq("Service") & ~passed
    federated = found["who"].isin(FEDERATED)
    anyone = found["who"].eq("anyone")
    elsewhere = anyone | found["who"].isin(["unknown account", "known account", "organization"])
    providers = found.loc[federated, "entry"]
    return found.assign(
        provider=_column(map(federation.provider, found["principal"][federated]), federated, TEXT),
        audience=_column(map(federation.asks_audience, providers), federated, TRUTH),
        subject=_column(map(federation.left_open, providers), federated, TEXT),
        vague=_column(map(federation.not_known, providers), federated, TRUTH),
        external_id=(
            ~admitted(found[elsewhere], lambda row: _without_external_id(row, home))
        ).reindex(found.index),
        source=(~admitted(found[sent], lambda row: deputies(row["entry"], home))).reindex(
            found.index
        ),
        sources=objects(
            (
                _foreign_sources(entry, account, home) if each else []
                for entry, each in zip(found["entry"], sent, strict=True)
            ),
            found.index,
        ),
    )


def _foreign_sources(entry: TrustEntry, account: AccountTables, home: Home) -> list[str]:
    """Accounts and organizations not known to be yours for which a service may come in."""
    unknown = sorted(accounts_named(entry) - home.known)
    found = [
        f"account {number}"
        for number in unknown
        if any(entry.may(each) for each in deputies(entry, home, number))
    ]
    keys = ("aws:sourceorgid", "aws:sourceorgpaths")
    named = [text.partition("/")[0] for key in keys for text in values_of(entry.condition, key)]
    ours = home.organization_id
    if not found and ours is not None and named and ours not in named:
        found = [f"organization {each}" for each in dict.fromkeys(named)]
    return found


def _column(values: Any, where: pd.Series[bool], dtype: Any) -> pd.Series[Any]:
    """A column that has values in some rows and is missing in all others."""
    made: pd.Series[Any] = pd.Series(list(values), where.index[where], dtype=dtype)
    return made.reindex(where.index)


def _who(found: pd.DataFrame, account: AccountTables, home: Home) -> pd.Series[Any]:
    """What kind of principal each row trusts: a word of `WHO`."""
    kind, principal, account_id = (found[c] for c in ("principal_type", "principal", "account_id"))
    who = pd.Series("unreadable", index=found.index, dtype=TEXT)
    aws, own = kind.eq("AWS"), account_id.eq(account.account_id)
    whole = principal.eq(account_id) | principal.str.endswith(":root")
    any_identity = admitted(found[aws & own & whole], lambda row: _colleagues(row, account))
    any_identity = any_identity.reindex(found.index, fill_value=False)
    who = who.mask(aws & own, "own identity").mask(aws & own & any_identity, "own account")
    foreign = aws & account_id.notna() & ~own
    stranger = admitted(found[foreign], lambda row: vendors(row["entry"]))
    stranger = stranger.reindex(found.index, fill_value=False)
    unknown = (stranger | _abroad(found, account)) & ~account_id.isin(known_accounts(account))
    who = who.mask(foreign, "known account").mask(foreign & unknown, "unknown account")
    gone = principal.str.fullmatch("(AIDA|AROA)[A-Z0-9]{12,}")
    who = who.mask(aws & gone, "deleted identity")
    who = who.mask(kind.eq("Service"), "service").mask(kind.eq("Federated"), "OIDC")
    who = who.mask(kind.eq("Federated") & principal.str.contains(":saml-provider/"), "SAML")
    anyone = kind.eq("*")
    outsider = admitted(found[anyone], lambda row: strangers(row["entry"], home))
    outsider = outsider.reindex(found.index, fill_value=False)
    of_some = dict.fromkeys(OF_ORGANIZATIONS, UNKNOWN)
    organized = admitted(found[anyone], lambda row: strangers(row["entry"], home, of_some))
    organized = organized.reindex(found.index, fill_value=False)
    who = who.mask(anyone, "narrowed").mask(anyone & organized, "organization")
    return who.mask(anyone & outsider, "anyone")


def _colleagues(row: Mapping[str, Any], account: AccountTables) -> list[RequestContext]:
    """A user and a role of this account without the names and tags that the row requires."""
    arn = f"arn:{account.partition}:iam::{account.account_id}:"
    tags = (key for key in conditions.keys(row["conditions"]) if ":principaltag/" in key)
    shared = {**dict.fromkeys(tags, WORD), "aws:userid": WORD}
    user = {"aws:principalarn": f"{arn}user/{WORD}", "aws:username": WORD}
    role = {"aws:principalarn": f"{arn}role/{WORD}", "aws:username": ABSENT}
    return [RequestContext({**shared, **each}, UNKNOWN) for each in (user, role)]


def _without_external_id(row: Mapping[str, Any], home: Home) -> Iterator[RequestContext]:
    """The callers that a row may trust, without an external id or with a wrong one."""
    anyone = row["who"] == "anyone"
    callers = strangers(row["entry"], home) if anyone else [RequestContext({}, UNKNOWN)]
    return (each.but(asked) for each in callers for asked in _ASKED)


def _described(made: pd.DataFrame, account: AccountTables) -> pd.DataFrame:
    """Add the statement's name, who may assume the role, the problem, and the role's last use."""
    roles = account.roles.drop_duplicates("role_arn").set_index("role_arn")
    idle = days_idle(roles, account.as_of) >= account.settings.unused_role_days
    each = trust_policy.rows(made)
    vendor = made["who"].eq("unknown account")
    problems = {
        "open to anyone": made["who"].eq("anyone"),
        "no external id": vendor & made["external_id"].eq(False),
        "no source": made["source"].eq(False),
        "unknown source": made["source"].eq(True) & made["sources"].map(_some).astype("bool"),
        "unknown provider": made["vague"].eq(True),
        "loose subject": made["who"].eq("OIDC") & made["subject"].notna(),
        "no audience": made["who"].eq("SAML") & made["subject"].notna(),
        "another organization": made["who"].eq("organization") & _abroad(made, account),
        "deleted identity": made["who"].eq("deleted identity"),
        "unreadable": made["who"].eq("unreadable"),
    }
    witnesses = TrustWitnesses(home_of(account), account.as_of)
    problem = pd.Series(None, made.index, dtype="object")
    for word, where in problems.items():
        problem[where.fillna(value=False)] = word
    found = map(witnesses.of, trust_policy.rows(made.assign(problem=problem)))
    return made.assign(
        role_name=roles["role_name"].reindex(made["role_arn"]).array,
        statement=pd.Series(map(called, each), made.index, dtype=TEXT),
        open_to=pd.Series(map(_open_to, each), made.index, dtype=TEXT),
        problem=problem,
        witness=objects(found, made.index),
        last_used=roles["last_used"].reindex(made["role_arn"]).array,
        unused=idle.reindex(made["role_arn"]).array,
    )


def _some(listed: Any) -> bool:
    return isinstance(listed, list) and bool(listed)


def called(row: Mapping[str, Any]) -> str | None:
    """Return the name of a row's statement; None for a document without a statement."""
    return None if pd.isna(row["number"]) else statement_name(row["sid"], row["number"])


def _abroad(found: pd.DataFrame, account: AccountTables) -> pd.Series[bool]:
    """Whether each row requires organizations and none of them is known to be yours."""
    ours = frozenset(account.organization["organization_id"].dropna())
    named = [
        {text.partition("/")[0] for key in _ORGANIZATIONS for text in values_of(condition, key)}
        for condition in found["conditions"]
    ]
    abroad = (bool(ours and each) and not each & ours for each in named)
    return pd.Series(abroad, found.index, dtype="bool")


def _open_to(row: Mapping[str, Any]) -> str:
    """Who may assume the role by a row, in words."""
    who, principal = row["who"], row["principal"]
    if who == "unreadable":
        return str(principal if pd.isna(row["problem"]) else row["problem"])
    if who == "anyone":
        asked = "anyone who learns the external id, which AWS does not treat as secret"
        return asked if row["external_id"] is True else "anyone with an AWS account"
    if who == "service":
        if row["source"] is True and _some(row["sources"]):
            return f"{principal}, for {', '.join(row['sources'])}, not known to be yours"
        narrow = {True: ", for sources that the trust policy names", False: ", for any account"}
        return (
            f"{principal}{narrow.get(row['source'], ', after somebody has passed the role to it')}"
        )
    if who in FEDERATED:
        return _federated(row)
    if who == "deleted identity":
        return f"nobody: {principal} is the id of a deleted {_DELETED[principal[:4]]}"
    return _aws_principal(row) + (", with MFA" if row["mfa"] is True else "")


def _aws_principal(row: Mapping[str, Any]) -> str:
    """The AWS principals that a row trusts, in words."""
    who, condition = row["who"], row["conditions"]
    if who == "organization":
        asked = [text for key in _ORGANIZATIONS for text in values_of(condition, key)]
        return f"any account of {', '.join(asked) or 'an organization'}"
    if who == "narrowed":
        keys = {key for each in row["entry"].tested() for key in conditions.keys(each)}
        return f"anyone who meets the conditions on {', '.join(sorted(keys))}"
    if who == "own account":
        return "any identity of this account that may call sts:AssumeRole on it"
    kind, _, name = row["principal"].rpartition(":")[2].partition("/")
    named = f"{kind} {name.rpartition('/')[2]}" if name else f"account {row['account_id']}"
    if who == "own identity":
        said = ", ".join(sorted(conditions.keys(condition)))
        return (
            named if name else f"any identity of this account that meets the conditions on {said}"
        )
    named += f" of account {row['account_id']}" if name else ""
    if who == "known account":
        return f"{named}, which is yours or in an organization that the policy names"
    how = "with" if row["external_id"] is True else "without"
    return f"{named}, not known to be yours, {how} an external id"


def _federated(row: Mapping[str, Any]) -> str:
    """The identities of a provider that a row trusts, in words."""
    if isinstance(row["subject"], str):
        return row["subject"]
    named = federation.subjects(row["entry"])
    whose = f"any identity of {row['provider']}"
    if row["who"] == "SAML":
        return whose + (f": {', '.join(named)}" if named else "")
    return (
        f"{row['provider']}: {', '.join(named)}"
        if named
        else f"{whose} that meets the conditions on claims"
    )
