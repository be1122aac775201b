"""
The verdict of a report: how the account stands on the five practices, and what to do first.

The page that lists the others shows it, and the summary asks the same functions, so that the two
cannot disagree. A practice's figure is a measure of `results.MEASURES`, which the page on the trend
shows as well; its state is that of its checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.checks import SEVERITIES, Status, every
from iamkit.counts import agreeing, counted, part_of
from iamkit.pages import counts, credentials, remedies, titles, trend
from iamkit.pages.findings import gravest_first
from iamkit.restrictions import NOTHING_TO_PROTECT, PARTLY_RESTRICTED, UNRESTRICTED
from iamkit.results import BETTER, MEASURES, WORSE
from iamkit.tables import without_service_linked
from iamkit.values import few

MFA, CREDENTIALS, NETWORK = "01-mfa", "02-credentials", "03-network"
PERMISSIONS, ESCALATION = "04-permissions", "05-escalation"
TRUST, CONTROLS = "06-trust", "07-controls"
NOBODY: Final = "The account has no users and no roles."
EVERY_CHECK: Final = ("00-summary", CONTROLS)  # pages about all of them

# The page that shows what the checks of a file find; those of any other file: the controls page.
_PAGES: Final[Mapping[str, str]] = {
    "administration": PERMISSIONS,
    "administrators": PERMISSIONS,
    "attachments": PERMISSIONS,
    "credentials": CREDENTIALS,
    "emergencies": CREDENTIALS,
    "escalation": ESCALATION,
    "federation": TRUST,
    "mfa": MFA,
    "mfa_devices": MFA,
    "network": NETWORK,
    "password_policy": CREDENTIALS,
    "policies": PERMISSIONS,
    "roles": TRUST,
    "root": CREDENTIALS,
    "services": CREDENTIALS,
    "trust": TRUST,
}
# Checks that another page shows than the rest of their file.
_OTHERWISE: Final[Mapping[str, str]] = {
    "root_without_mfa": MFA,
    "root_without_hardware_mfa": MFA,
    "stale_service_access": PERMISSIONS,
}
_ACCESS: Final = frozenset({"unused_kind_of_access", "unusable_user"})
_PASSWORDS: Final = frozenset({"old_password", "unused_password"})
_KEYS: Final = frozenset(
    {
        "access_key_made_with_user",
        "active_signing_certificate",
        "long_lived_access_keys",
        "old_access_key",
        "root_access_key",
        "root_signing_certificate",
        "service_credential_without_expiry",
        "two_active_access_keys",
        "unused_access_key",
    }
)


@dataclass(frozen=True)
class Practice:
    """One of the five practices: its page, its measure, its checks and what is said of it."""

    title: str
    page: str
    measure: str
    holds: Callable[[str, str], bool]  # whether a check, by its name and page, belongs to it
    verdict: Callable[[Account], str]


@dataclass(frozen=True)
class Number:
    """What a measure comes to: a part, of a whole; or why that is not known."""

    part: int = 0
    whole: int = 0
    missing: str = ""


def number(account: Account, measure: str) -> Number:
    """Return what a measure of the account comes to."""
    made = MEASURES[measure]
    if missing := account.missing(*made.needs):
        return Number(missing=missing)
    part, whole = made.count(account)
    if measure == "administrators":  # which are a part of the users and roles
        whole = counts.users_and_roles(account)
    return Number(int(part), int(whole or 0))


def _of(account: Account, measure: str, nouns: str, said: str, nobody: str) -> str:
    """
    Return a sentence in which `{}` is a part of a whole; `nobody` where there is no whole.

    Words in brackets agree with the part.
    """
    found = number(account, measure)
    if found.missing:
        return f"Not assessed: {found.missing}."
    of = part_of(found.part, found.whole, nouns)
    return agreeing(said.format(of), found.part, found.whole) if found.whole else nobody


def _mfa(account: Account) -> str:
    if not account.missing("users") and account.users.empty:
        return " ".join(filter(None, ["The account has no users.", _root(account)]))
    users, said = "users with permissions", "MFA is enforced for {}."
    enforced = _of(account, "mfa_enforced", users, said, "No user has permissions.")
    said, nobody = "{} [has|have] an MFA device.", "No user has a console password."
    registered = _of(account, "mfa_registered", "console users", said, nobody)
    return " ".join(filter(None, [enforced, registered, _root(account)]))


def _root(account: Account) -> str:
    """Whether the root user has MFA; empty in partitions where it has nothing to sign in with."""
    results = account.audit.results
    [status] = results.loc[results["check"] == "root_without_mfa", "status"]
    return {
        Status.PASS: "The root user has MFA.",
        Status.FAIL: "The root user has no MFA.",
        Status.ACCEPTED: "The root user has no MFA.",
        Status.NOT_ASSESSED: "Whether the root user has MFA is not known.",
    }.get(status, "")


def _access(account: Account) -> str:
    said = "{} [is an administrator|are administrators]."
    admins = _of(account, "administrators", "users and roles", said, NOBODY)
    more = number(account, "can_become_administrator")
    others = f" {more.part:,} more can become administrator." if more.part else ""
    unused = account.audit.results.query("check == 'unused_kind_of_access' and failing > 0")
    rows = unused[["failing", "total", "among"]].itertuples(index=False)
    kinds = [
        agreeing(f" {counts.of(*row)} [has|have] a kind of access that is not used.", int(row[0]))
        for row in rows
    ]
    return admins + others + "".join(kinds)


def _networks(account: Account) -> str:
    said = "{} can be used from named networks only."
    made = _of(account, "network_restricted", "users and roles", said, NOBODY)
    if account.missing(*MEASURES["network_restricted"].needs):
        return made
    words = {
        PARTLY_RESTRICTED: ("is restricted for some actions", "are restricted for some actions"),
        UNRESTRICTED: ("is not restricted", "are not restricted"),
        NOTHING_TO_PROTECT: ("has no permissions", "have no permissions"),
    }
    restrictions = without_service_linked(account.network_restrictions, account.roles)
    verdicts = restrictions["verdict"].value_counts()
    there = {name: int(verdicts[name]) for name in words if name in verdicts}
    rest = [f"{there[name]:,} {words[name][there[name] > 1]}" for name in there]
    return f"{made} {'; '.join(rest)}." if rest else made


def _passwords(account: Account) -> str:
    days = counted(account.settings.max_password_age_days, "days")
    said = f"{{}} [was|were] not changed for more than {days}."
    nobody = "No user has a console password."
    made = _of(account, "old_passwords", "console passwords", said, nobody)
    return made + _unused(account, "password")


def _keys(account: Account) -> str:
    said = f"{{}} [is|are] older than {counted(account.settings.max_key_age_days, 'days')}."
    made = _of(account, "old_keys", "active access keys", said, "No user has an active access key.")
    return made + _unused(account, "key")


def _unused(account: Account, kind: str) -> str:
    """Return how many passwords or keys are not used, as a further sentence; none, if none."""
    if account.missing("credentials", "access_keys"):
        return ""
    found = int(credentials.unused(account)["credential"].str.startswith(kind).sum())
    days = counted(account.settings.unused_days, "days")
    said = agreeing(f" {found:,} [was|were] not used for {days} or more.", found)
    return said if found else ""


PRACTICES: Final = (
    Practice("MFA", MFA, "mfa_enforced", lambda check, page: page == MFA, _mfa),
    Practice(
        "Kinds of access and permissions",
        PERMISSIONS,
        "administrators",
        lambda check, page: page in (PERMISSIONS, ESCALATION) or check in _ACCESS,
        _access,
    ),
    Practice(
        "Networks",
        NETWORK,
        "network_restricted",
        lambda check, page: page == NETWORK,
        _networks,
    ),
    Practice(
        "Passwords",
        CREDENTIALS,
        "old_passwords",
        lambda check, page: check in _PASSWORDS or check.startswith("password_policy"),
        _passwords,
    ),
    Practice(
        "Access keys",
        CREDENTIALS,
        "old_keys",
        lambda check, page: check in _KEYS,
        _keys,
    ),
)


def page_of(account: Account) -> dict[str, str]:
    """Return for each check the page that shows what it finds."""
    found = {}
    for name, check in every(account.settings).items():
        module = check.find.__module__
        own = _PAGES.get(module.rpartition(".")[2], CONTROLS)
        kits = module.startswith("iamkit.checks.")
        found[name] = _OTHERWISE.get(name, own) if kits else CONTROLS
    return found


def explained_at(account: Account) -> dict[str, str]:
    """Return where each check that fails is explained: a fold on the page that shows it."""
    results, pages = account.audit.results, page_of(account)
    failing = results.loc[results["status"] == Status.FAIL, "check"]
    return {
        check: f"{pages.get(check, CONTROLS)}.html#{charts.anchor('check', check)}"
        for check in failing
    }


def links(account: Account) -> dict[str, dict[str, str]]:
    """Return where the titles of checks that fail lead, for tables of them."""
    at, results = explained_at(account), account.audit.results
    titles = zip(results["check"], results["title"], strict=True)
    return {"title": {title: at[check] for check, title in titles if check in at}}


def practices(account: Account) -> pd.DataFrame:
    """
    Return the five practices, a row each: its state, a figure of a whole, and the verdict.

    `counts` says what the figure counts, and whether more of it is good or bad.
    `state` is the worst severity of what fails, or else that something was not assessed, or is
    accepted; a practice with nobody to follow it is not applicable, and one that not everybody
    follows is noted: neither passes. `change`
    compares with the audit before, and is empty without one. `page` is the page's name.
    """
    pages, results = page_of(account), account.audit.results
    rows = []
    for each in PRACTICES:
        held = [each.holds(name, pages.get(name, CONTROLS)) for name in results["check"]]
        found = number(account, each.measure)
        of = f"{found.part:,} of {found.whole:,}"
        unknown = bool(found.missing) or not found.whole
        state = _state(results[held], each.measure, found)
        rows.append(
            {
                "practice": each.title,
                "state": state,
                "figure": "–" if unknown else of,
                "counts": "" if unknown else _counted(each),
                "verdict": f"{each.verdict(account)}{_open(results[held], state, found)}",
                "change": _change(account, each.measure),
                "page": each.page,
            }
        )
    return pd.DataFrame(rows)


def _counted(practice: Practice) -> str:
    """What a practice's figure counts, and whether more of it is good or bad."""
    measure = practice.measure
    return f"{trend.PRACTICES[measure]}: {trend.DIRECTIONS[MEASURES[measure].better]}"


def compared(account: Account) -> pd.DataFrame:
    """Return the five practices for a table: without pages, and `change` only if there is one."""
    found = practices(account).drop(columns="page")
    return found if found["change"].any() else found.drop(columns="change")


def _state(results: pd.DataFrame, measure: str, figure: Number) -> str:
    """Return how a practice stands: see `practices`."""
    failing = set(results.loc[results["status"] == Status.FAIL, "severity"])
    worst = next((severity for severity in SEVERITIES if severity in failing), None)
    if worst:
        return worst
    found = set(results["status"])
    if figure.missing or Status.NOT_ASSESSED in found:
        return Status.NOT_ASSESSED
    if Status.ACCEPTED in found:
        return Status.ACCEPTED
    if not figure.whole or Status.PASS not in found:
        return Status.NOT_APPLICABLE
    all_follow = MEASURES[measure].better != "more" or figure.part == figure.whole
    return Status.PASS if all_follow else Status.NOTED


def _open(results: pd.DataFrame, state: str, figure: Number) -> str:
    """Say why a practice is not assessed, unless the verdict says what its figure lacks."""
    number = int(results["status"].eq(Status.NOT_ASSESSED).sum())
    if state != Status.NOT_ASSESSED or figure.missing or not number:
        return ""
    what = counted(number, "checks of this practice")
    return f" {what} could not be assessed, because evidence is missing."


def _change(account: Account, measure: str) -> str:
    """
    Return how a measure compares with the audit before, in words; empty without one.

    An arrow says where the number went, and a word whether that is better.
    """
    said, direction = trend.change(account, measure)
    if not said:
        return ""
    word = {BETTER: "better than", WORSE: "worse than"}.get(direction)
    line = trend.sparkline(account, measure)
    year = f"; the last {counted(len(line), 'audits')}: {line}" if line else ""
    if word is None:
        return f"→ as in the audit before{year}"
    rows = account.history.measures
    then = rows[rows["measure"] == measure].iloc[-2]
    whole = "" if pd.isna(then["of"]) else f" of {then['of']:,.0f}"
    return f"{said[0]} {word} in the audit before: {then['value']:,.0f}{whole}{year}"


def severities(account: Account) -> dict[str, int]:
    """Return the number of findings of each severity, as the page on the trend counts them."""
    names = [severity for severity in SEVERITIES if f"findings_{severity}" in MEASURES]
    return {name: number(account, f"findings_{name}").part for name in names}


def worst(account: Account, most: int = 3) -> pd.DataFrame:
    """
    Return the checks to begin with: the most severe, and of those the ones with most findings.

    `first_step` is the next step of the gravest finding, with its name where there are several: of
    findings alike, of the identity that needs attention most.
    """
    results, findings = account.audit.results, account.audit.findings
    failing = results[results["status"] == Status.FAIL]
    rank = failing["severity"].map(SEVERITIES.index)
    order = failing.assign(rank=rank).sort_values(
        ["rank", "failing"], ascending=[True, False], kind="stable"
    )
    pages, at, rows = page_of(account), explained_at(account), []
    wrong = findings[findings["status"] == Status.FAIL]
    first: Any  # a row
    for first in order.head(most).itertuples():
        those = gravest_first(account, wrong[wrong["check"] == first.check])
        step, name = first.remedy, ""
        if len(those) and pd.notna(those["next_step"].iloc[0]):
            step, name = those["next_step"].iloc[0], those["name"].iloc[0]
        alone = str(first.among).startswith("the ")  # the account or its root user
        rows.append(
            {
                "severity": first.severity,
                "title": first.title,
                "count": counts.of(first.failing, first.total, first.among),
                "who": "" if alone else few(those["name"].dropna().astype(str)),
                "first_step": f"{name}: {step}" if name and len(those) > 1 else step,
                "page": pages.get(first.check, CONTROLS),
                "address": at[first.check],
            }
        )
    columns = ["severity", "title", "count", "who", "first_step", "page", "address"]
    return pd.DataFrame(rows, columns=columns)


def by_page(account: Account) -> dict[str, dict[str, Any]]:
    """
    Return for each page how many of its checks there are, fail and were not assessed.

    `worst` is the gravest severity of what fails; empty if nothing does.
    """
    results, pages = account.audit.results, page_of(account)
    page = results["check"].map(pages).fillna(CONTROLS)
    held = {name: results[page == name] for name in page.unique()}
    held |= dict.fromkeys(EVERY_CHECK, results)
    return {
        name: {
            "checks": len(of),
            **{
                each: int(of["status"].eq(each).sum())
                for each in (Status.FAIL, Status.NOT_ASSESSED)
            },
            "worst": next(iter(counts.failing(of)), ""),
        }
        for name, of in held.items()
    }


def age(account: Account) -> str:
    """
    Return how old the evidence was when it was collected, in a sentence; empty if not known.

    The credential report is made at most every four hours, so the evidence is of an earlier time.
    """
    given = [account.snapshot.manifest.get(name) for name in ("as_of", "collected_at")]
    as_of, collected = pd.to_datetime(pd.Series(given), utc=True, errors="coerce", format="ISO8601")
    if pd.isna(as_of) or pd.isna(collected) or collected < as_of:
        return ""
    minutes = round((collected - as_of).total_seconds() / 60)
    for length, unit in ((1440, "days"), (60, "hours"), (1, "minutes")):
        if minutes >= length:
            past = counted(round(minutes / length), unit)
            return f"The evidence was {past} old when it was collected."
    return "The evidence was less than a minute old when it was collected."


def facts(account: Account) -> dict[str, Any]:
    """Return what the page that lists the others says of the account, as JSON holds it."""
    results = account.audit.results
    status = results["status"].value_counts()
    open_ones = results[results["status"] == Status.NOT_ASSESSED]
    pages = page_of(account)
    lacking = open_ones[["title"]].assign(
        reason=open_ones["reason"].fillna("").map(titles.without_calls),
        page=[pages.get(name, CONTROLS) for name in open_ones["check"]],
    )
    return {
        "checks": len(results),
        "failing": int(status.get(Status.FAIL, 0)),
        "passing": int(status.get(Status.PASS, 0)),
        "practices": practices(account).to_dict("records"),
        "first_audit": len(account.history.audits) < 2,
        "severities": severities(account),
        "changes": remedies.first(account),
        "worst": worst(account).to_dict("records"),
        "not_assessed": lacking.to_dict("records"),
        "pages": by_page(account),
        "age": age(account),
    }
