"""
Who comes into the account by a role, and who of the account goes out to roles of others.

`doors` has a row for each principal that a trust policy lets in, tried as `iamkit.doors` says, and
what is wrong with it in a word. `outward` has a row for each identity of the account and each role
elsewhere that its policies let it assume; whether the other side lets it in, only the other side's
trust policy says. Both err towards more.

Source: IAM User Guide, "AWS JSON policy elements: Principal", "The confused deputy problem" and
"Cross-account policy evaluation logic".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import pandas as pd

from iamkit import conditions, doors, federation
from iamkit.callers import Callers
from iamkit.decisions import decide, widest
from iamkit.doors import DEPUTY, NOBODY, VENDOR, WORD, guises, lets_in, written
from iamkit.linting import KEY, PASSWORD
from iamkit.patterns import ABSENT, UNKNOWN, Context, Pattern
from iamkit.schema import COUNT, TEXT, TIME, TRUTH, Column, Table
from iamkit.tables import Account

WHO: Final[Mapping[str, str]] = {
    "anyone": "anybody with an AWS account",
    "unknown account": "an account not known to be yours, or a user or role of it",
    "known account": "another account of yours, or one of an organization that the policy asks for",
    "organization": "anybody in the organizations that a condition names",
    "narrowed": "anybody who meets other conditions, such as on an account or a network",
    "OIDC": "whoever has a token of an OpenID Connect provider",
    "SAML": "whoever a SAML provider vouches for",
    "service": "an AWS service",
    "own account": "whoever in this account has a policy that allows it",
    "own identity": "users and roles of this account that are named or meet a condition",
    "deleted identity": "the id of a user or role that no longer exists: nobody",
    "unreadable": "nobody can tell: the statement or its principal cannot be read",
}
OUTSIDE: Final = tuple(WHO)[:7]
FEDERATED: Final = ("OIDC", "SAML")

# Services that assume a role only for a resource of the role's own account, to which somebody had
# to pass it there (iam:PassRole), and whose role has one purpose: an instance, a function.
# Source: EC2 User Guide, "IAM roles for Amazon EC2"; Lambda Developer Guide, "Execution role"; IAM
# User Guide, "Grant a user permissions to pass a role to an AWS service": not across accounts.
PASSED: Final = ("ec2.amazonaws.com", "lambda.amazonaws.com", "edgelambda.amazonaws.com")

DOORS: Final = Table(
    name="doors",
    row="one principal that one statement of a role's trust policy lets in",
    key=("role_arn", "index", "principal"),
    columns=(
        Column("role_arn", TEXT, "role; service-linked ones are left out"),
        Column("role_name", TEXT, "its name"),
        Column("index", COUNT, "position of the statement, from 0"),
        Column("statement", TEXT, "what to call it: by Sid, or position from 1"),
        Column("who", TEXT, ", ".join(WHO)),
        Column("principal", TEXT, "as written; * for anyone, NotPrincipal included"),
        Column("account_id", TEXT, "account of an AWS principal, if it names one"),
        Column("provider", TEXT, "identity provider, such as GitHub Actions; else its URL or name"),
        Column("external_id", TRUTH, "asks for an external id; missing: not for such a principal"),
        Column(
            "source", TRUTH, "asks a service for whom it works; missing: no service, or no need"
        ),
        Column("mfa", TRUTH, "asks AWS principals for MFA; missing: for services and federation"),
        Column("audience", TRUTH, "asks whom a token is made for; missing: no identity provider"),
        Column("subject", TEXT, "whom of a provider's it should not let in; missing: nobody"),
        Column("open_to", TEXT, "who comes in, in words"),
        Column(
            "problem",
            TEXT,
            "open to anyone, no external id, no source, loose subject, no audience, another "
            "organization, deleted identity, unreadable; missing: none",
        ),
        Column("last_used", TIME, "last use of the role; NaT: none within AWS's tracking period"),
        Column("unused", TRUTH, "the role is not in use (unused_role_days); missing: not known"),
    ),
)

OUTWARD: Final = Table(
    name="outward",
    row="one user or role, and one pattern of roles in other accounts that it may assume",
    key=("principal_arn", "policy_arn", "index", "role"),
    columns=(
        Column("principal_arn", TEXT, "user or role of this account"),
        Column("kind", TEXT, "user or role"),
        Column("name", TEXT, "name"),
        Column("role", TEXT, "Resource pattern, or what NotResource leaves out"),
        Column("account_id", TEXT, "account it names; missing: any account"),
        Column("whose", TEXT, "known account, unknown account, any account, or conditional: any"),
        Column("policy_arn", TEXT, "policy that allows it"),
        Column("policy_name", TEXT, "its name"),
        Column("index", COUNT, "position of the statement, from 0"),
        Column("statement", TEXT, "what to call it: by Sid, or position from 1"),
        Column("certain", TRUTH, "by its own side's policies, whatever unknown conditions say"),
    ),
)

_ASKED: Final = [{"sts:externalid": each} for each in (ABSENT, WORD)]
_DELETED: Final = {"AIDA": "user", "AROA": "role"}
_ORGANIZATIONS: Final = ("aws:principalorgid", "aws:principalorgpaths")
_WHERE: Final = {f"aws:resourceorg{part}": WORD for part in ("id", "paths")}
_BEST: Final = {"user": "mfa-inside", "role": "key-inside"}  # the best way there is to come


def known_accounts(account: Account) -> frozenset[str]:
    """
    Return the accounts that are yours: this one, and those of the settings and the organization.

    Where the evidence does not list the organization's accounts they are not known to be yours: no
    reason to leave all others unassessed.
    """
    manager = account.organization["management_account_id"].dropna()
    members = account.organization_accounts["account_id"].dropna()
    return frozenset((account.account_id, *account.settings.known_accounts, *manager, *members))


def days_idle(roles: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series[Any]:
    """Return whole days since each role was used or, if never, made; missing: neither is known."""
    days: pd.Series[Any] = (as_of - roles["last_used"].fillna(roles["created"])).dt.days
    return days.astype(COUNT)


# ── In ───────────────────────────────────────────────────────────────────────────────────────────


def entrances(account: Account) -> pd.DataFrame:
    """
    Return whom each trust policy lets in, a row per principal. Rows: see `DOORS`.

    A principal whom the same policy certainly denies has no row. What cannot be read has one: who
    comes in by it, nobody can tell.
    """
    found = doors.ways_in(account.trust, account.roles)
    shut = pd.Series(map(doors.shut_to_all, doors.rows(found)), found.index, dtype="bool")
    unread = doors.unreadable(account.trust, account.roles)
    made = pd.concat([_tried(found[~shut], account), unread.assign(who="unreadable")])
    return DOORS.conform(_described(made.reset_index(drop=True), account))


def _tried(found: pd.DataFrame, account: Account) -> pd.DataFrame:
    """Add what callers of whom this much is known find when they try the doors."""
    found = found.assign(who=_who(found, account))
    people = found["principal_type"].isin(["AWS", "*"])
    service = found["principal"].str.lower().str.removesuffix(".cn")
    deputies = found["principal_type"].eq("Service") & ~service.isin(PASSED)
    federated = found["who"].isin(FEDERATED)
    anyone = found["who"].eq("anyone")
    elsewhere = anyone | found["who"].str.endswith(" account") & found["who"].ne("own account")
    providers = doors.rows(found[federated])
    return found.assign(
        provider=_column(map(federation.provider, found["principal"][federated]), federated, TEXT),
        audience=_column(map(federation.asks_audience, providers), federated, TRUTH),
        subject=_column(map(federation.left_open, providers), federated, TEXT),
        external_id=(~lets_in(found[elsewhere], _without_external_id)).reindex(found.index),
        source=(~lets_in(found[deputies], lambda _: [DEPUTY])).reindex(found.index),
        mfa=(~lets_in(found[people], lambda _: [KEY, PASSWORD])).reindex(found.index),
    )


def _column(values: Any, where: pd.Series[bool], dtype: str) -> pd.Series[Any]:
    """A column that has values in some rows and is missing in all others."""
    return pd.Series(list(values), where.index[where], dtype=dtype).reindex(where.index)


def _who(found: pd.DataFrame, account: Account) -> pd.Series[Any]:
    """What kind of principal comes in by each door: a word of `WHO`."""
    kind, principal, account_id = (found[c] for c in ("principal_type", "principal", "account_id"))
    who = pd.Series("unreadable", index=found.index, dtype=TEXT)
    aws, own = kind.eq("AWS"), account_id.eq(account.account_id)
    whole = principal.eq(account_id) | principal.str.endswith(":root")
    anybody = lets_in(found[aws & own & whole], lambda door: _colleagues(door, account))
    anybody = anybody.reindex(found.index, fill_value=False)
    who = who.mask(aws & own, "own identity").mask(aws & own & anybody, "own account")
    foreign = aws & account_id.notna() & ~own
    stranger = lets_in(found[foreign], lambda _: [VENDOR]).reindex(found.index, fill_value=False)
    unknown = (stranger | _abroad(found, account)) & ~account_id.isin(known_accounts(account))
    who = who.mask(foreign, "known account").mask(foreign & unknown, "unknown account")
    gone = principal.str.fullmatch("(AIDA|AROA)[A-Z0-9]{12,}")
    who = who.mask(aws & gone, "deleted identity")
    who = who.mask(kind.eq("Service"), "service").mask(kind.eq("Federated"), "OIDC")
    who = who.mask(kind.eq("Federated") & principal.str.contains(":saml-provider/"), "SAML")
    anyone = kind.eq("*")
    outsider = lets_in(found[anyone], guises).reindex(found.index, fill_value=False)
    organized = lets_in(found[anyone], _organized).reindex(found.index, fill_value=False)
    who = who.mask(anyone, "narrowed").mask(anyone & organized, "organization")
    return who.mask(anyone & outsider, "anyone")


def _colleagues(door: Mapping[str, Any], account: Account) -> list[Context]:
    """A user and a role of this account, whose names and tags are not those asked for."""
    arn = f"arn:{account.partition}:iam::{account.account_id}:"
    tags = (key for key in conditions.keys(door["conditions"]) if ":principaltag/" in key)
    shared = {**dict.fromkeys(tags, WORD), "aws:userid": WORD}
    user = {"aws:principalarn": f"{arn}user/{WORD}", "aws:username": WORD}
    role = {"aws:principalarn": f"{arn}role/{WORD}", "aws:username": ABSENT}
    return [Context({**shared, **each}, UNKNOWN) for each in (user, role)]


def _organized(door: Mapping[str, Any]) -> list[Context]:
    """Strangers of any organization, whichever a condition asks for."""
    keys = (*_ORGANIZATIONS, "aws:vpceorgid", "aws:vpceorgpaths")
    return [each.but(dict.fromkeys(keys, UNKNOWN)) for each in guises(door)]


def _without_external_id(door: Mapping[str, Any]) -> list[Context]:
    """Whoever may come in by a door, without an external id or with a wrong one."""
    callers = guises(door) if door["who"] == "anyone" else [Context({}, UNKNOWN)]
    return [each.but(asked) for each in callers for asked in _ASKED]


def _described(made: pd.DataFrame, account: Account) -> pd.DataFrame:
    """Add the words for the statement, who comes in and what is wrong; and the role's use."""
    roles = account.roles.drop_duplicates("role_arn").set_index("role_arn")
    idle = days_idle(roles, account.as_of) >= account.settings.unused_role_days
    each = doors.rows(made)
    vendor = made["who"].eq("unknown account")
    problems = {
        "open to anyone": made["who"].eq("anyone"),
        "no external id": vendor & made["external_id"].eq(False),
        "no source": made["source"].eq(False),
        "loose subject": made["who"].eq("OIDC") & made["subject"].notna(),
        "no audience": made["who"].eq("SAML") & made["subject"].notna(),
        "another organization": made["who"].eq("organization") & _abroad(made, account),
        "deleted identity": made["who"].eq("deleted identity"),
        "unreadable": made["who"].eq("unreadable"),
    }
    problem = pd.Series(None, made.index, dtype="object")
    for word, where in problems.items():
        problem[where.fillna(value=False)] = word
    return made.assign(
        role_name=roles["role_name"].reindex(made["role_arn"]).array,
        statement=pd.Series(map(_called, each), made.index, dtype=TEXT),
        open_to=pd.Series(map(_open_to, each), made.index, dtype=TEXT),
        problem=problem,
        last_used=roles["last_used"].reindex(made["role_arn"]).array,
        unused=idle.reindex(made["role_arn"]).array,
    )


def _called(row: Mapping[str, Any]) -> str | None:
    """Return what to call a statement: its Sid, or its position from 1."""
    if isinstance(row["sid"], str):
        return f"statement “{row['sid']}”"
    return None if pd.isna(row["index"]) else f"statement {row['index'] + 1}"


def _abroad(found: pd.DataFrame, account: Account) -> pd.Series[bool]:
    """Whether each door asks for organizations, none of which is yours, as far as is known."""
    ours = frozenset(account.organization["organization_id"].dropna())
    named = [
        {text.partition("/")[0] for key in _ORGANIZATIONS for text in written(condition, key)}
        for condition in found["conditions"]
    ]
    abroad = (bool(ours and each) and not each & ours for each in named)
    return pd.Series(abroad, found.index, dtype="bool")


def _open_to(door: Mapping[str, Any]) -> str:
    """Who comes in by a door, in words."""
    who, principal = door["who"], door["principal"]
    if who == "unreadable":
        return str(principal if pd.isna(door["problem"]) else door["problem"])
    if who == "anyone":
        asked = "anyone who learns the external id, which AWS does not treat as secret"
        return asked if door["external_id"] is True else "anyone with an AWS account"
    if who == "service":
        narrow = {True: ", for sources that the trust policy names", False: ", for any account"}
        return f"{principal}{narrow.get(door['source'], ', where somebody has passed it the role')}"
    if who in FEDERATED:
        return _vouched(door)
    if who == "deleted identity":
        return f"nobody: {principal} is the id of a deleted {_DELETED[principal[:4]]}"
    return _people(door) + (", with MFA" if door["mfa"] is True else "")


def _people(door: Mapping[str, Any]) -> str:
    """AWS principals who come in by a door, in words."""
    who, condition = door["who"], door["conditions"]
    if who == "organization":
        asked = [text for key in _ORGANIZATIONS for text in written(condition, key)]
        return f"any account of {', '.join(asked) or 'an organization'}"
    if who == "narrowed":
        keys = {key for each in (condition, *door["denials"]) for key in conditions.keys(each)}
        return f"anyone who meets the conditions on {', '.join(sorted(keys))}"
    if who == "own account":
        return "whoever in this account may call sts:AssumeRole on it"
    kind, _, name = door["principal"].rpartition(":")[2].partition("/")
    named = f"{kind} {name.rpartition('/')[2]}" if name else f"account {door['account_id']}"
    if who == "own identity":
        said = ", ".join(sorted(conditions.keys(condition)))
        return named if name else f"whoever in this account meets the conditions on {said}"
    named += f" of account {door['account_id']}" if name else ""
    if who == "known account":
        return f"{named}, which is yours or in an organization that is asked for"
    how = "with" if door["external_id"] is True else "without"
    return f"{named}, not known to be yours, {how} an external id"


def _vouched(door: Mapping[str, Any]) -> str:
    """Identities of a provider who come in by a door, in words."""
    if isinstance(door["subject"], str):
        return door["subject"]
    named = federation.subjects(door)
    whose = f"whoever {door['provider']} vouches for"
    if door["who"] == "SAML":
        return whose + (f": {', '.join(named)}" if named else "")
    return f"{door['provider']}: {', '.join(named)}" if named else f"{whose}, as claims ask"


# ── Out ──────────────────────────────────────────────────────────────────────────────────────────


def outward(account: Account, callers: Callers) -> pd.DataFrame:
    """
    Return roles of other accounts that identities of this one may assume. Rows: see `OUTWARD`.

    Counted is each Allow for sts:AssumeRole whose Resource names a role elsewhere or anywhere, if
    all policies that bind its holder together may allow it, tried with MFA from inside for users
    and without MFA for roles. Service-linked roles are left out. Errs towards more: what depends on
    an unknown condition counts, and the other side's trust policy is not in the evidence.
    """
    named = _named_elsewhere(account)
    people = account.principals[account.principals["kind"].isin(["user", "role"])]
    linked = account.roles.loc[account.roles["service_linked"], "role_arn"]
    people = people.loc[~people["principal_arn"].isin(linked), ["principal_arn", "kind", "name"]]
    held = account.holdings[["principal_arn", "policy_arn"]].drop_duplicates()
    pairs = people.merge(held, on="principal_arn").merge(named, on="policy_arn")
    pairs = pairs.merge(account.policies[["policy_arn", "policy_name"]], on="policy_arn")
    yours = known_accounts(account)
    decided = [_decided(row, callers, account.partition) for row in doors.rows(pairs)]
    effect = pd.Series([found for found, _ in decided], pairs.index, dtype=TEXT)
    anywhere = pd.Series([anyone for _, anyone in decided], pairs.index, dtype="bool")
    whose = pd.Series("unknown account", pairs.index, dtype=TEXT)
    whose = whose.mask(pairs["account_id"].isin(yours), "known account")
    whose = whose.mask(pairs["account_id"].isna(), "any account")
    whose = whose.mask(pairs["account_id"].isna() & ~anywhere, "conditional")
    made = pairs.assign(whose=whose, certain=effect.eq("Allowed"))
    return OUTWARD.conform(made[effect.isin(["Allowed", "Unknown"])])


def _named_elsewhere(account: Account) -> pd.DataFrame:
    """Patterns of roles that are not, or not all, this account's, by the statement they are in."""
    columns = ["policy_arn", "index", "statement", "role", "account_id"]
    readable = account.statements[account.statements["problem"].isna()]
    allows = readable[readable["effect"].eq("Allow")]
    about = pd.Series(map(_assumes, doors.rows(allows)), allows.index, dtype="bool")
    rows: list[tuple[Any, ...]] = []
    for row in doors.rows(allows[about]):
        shared = (row["policy_arn"], row["index"], _called(row))
        if row["not_resources"]:
            rows.append((*shared, f"all but {', '.join(row['not_resources'])}", None))
        for text in row["resources"]:
            at = _account_of(text, account.partition)
            if at is not None and at != account.account_id:
                rows.append((*shared, text, at or None))
    return pd.DataFrame(rows, columns=columns, dtype="object")


def _assumes(row: Mapping[str, Any]) -> bool:
    """Whether a statement covers sts:AssumeRole."""
    return doors.ASSUME[0] in doors.about(row)


@lru_cache(maxsize=4096)
def _account_of(text: str, partition: str) -> str | None:
    """The account whose roles a Resource pattern names; empty: any; None: it names no role."""
    pattern = widest(text)
    if not pattern.overlaps(Pattern(f"arn:{partition}:iam::*:role/*")):
        return None
    parts = pattern.text.split(":", 5)
    return parts[4] if len(parts) == 6 and re.fullmatch(r"\d{12}", parts[4]) else ""


def _decided(row: Mapping[str, Any], callers: Callers, partition: str) -> tuple[str, bool]:
    """What a holder's policies together say of an example; whether of a stranger's account, too."""
    parts = widest(row["role"]).text.split(":", 5)
    at = row["account_id"] if isinstance(row["account_id"], str) else NOBODY
    tail = Pattern(parts[5]).filled(WORD, "0") if len(parts) == 6 else WORD
    role = tail if tail.startswith("role/") else f"role/{tail}"
    who = callers.context(row["principal_arn"], _BEST[row["kind"]])
    layers = callers.layers(row["principal_arn"])._asdict()
    answers = [
        decide("sts:AssumeRole", f"arn:{partition}:iam::{at}:{role}", each, **layers).effect
        for each in (who, who.but({**_WHERE, "aws:resourceaccount": at}))
    ]
    return answers[0], not answers[1].endswith("Denied")
