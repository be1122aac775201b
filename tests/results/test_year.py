"""
A year of one account, against a count that knows only what was put into it.

In March the credential report is missing, in May the whole audit; in June a user is made again
under the same name, in July a role gets another name, from August keys are old after 30 days, and
in September a newer version of the analysis is installed.
"""

import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pandas as pd
import pytest

from iamkit import Account
from iamkit.pages import differences, trend
from iamkit.results import State, history
from tests.accounts import ARN, role, user
from tests.results.months import audit, line, month

ALL = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
VENDOR = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
          "Principal": {"AWS": "arn:aws:iam::999988887777:root"}}}  # fmt: skip
RULES = "settings or version"
NO_MFA, OLD_KEY = "console_user_without_mfa", "old_access_key"


@dataclass(frozen=True)
class Person:
    """A user with a password and a key in one month."""

    id: str
    mfa: bool
    key_made: str
    admin: bool = False

    def key_days(self, number: int) -> int:
        """Whole days that the key is old on the first of a month, at 06:00."""
        made = datetime.fromisoformat(f"{self.key_made}T12:00:00").replace(tzinfo=UTC)
        return (month(number) - made).days


@dataclass(frozen=True)
class Month:
    """What is true in a month, and what of it the evidence says."""

    people: dict[str, Person]
    role: str = "vendor"
    has_report: bool = True
    limit: int = 90
    settings: dict[str, int] = field(default_factory=dict)


def year() -> dict[int, Month]:
    """The months of the year by their number; there is none of May."""
    months = {}
    for number in (1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12):
        rotated = "2025-12-01" if number < 4 else "2026-03-20"
        people = {
            "ann": Person("AIDAANN", number >= 2, rotated, admin=number < 11),
            "bob": Person("AIDABOB", number >= 10, "2026-06-15" if number >= 7 else "2025-11-15"),
            "eve": Person("AIDAEVE" if number < 6 else "AIDAEVETWO", False, "2025-12-20"),
        }
        if number >= 9:
            people["new"] = Person("AIDANEW", number >= 12, "2026-08-25", admin=True)
        if number >= 8:
            del people["eve"]
        limit = 30 if number >= 8 else 90
        months[number] = Month(
            people,
            "vendor" if number < 7 else "supplier",
            number != 3,
            limit,
            {"max_key_age_days": limit} if limit != 90 else {},
        )
    return months


YEAR = year()


def failing(this: Month, number: int, limit: int | None = None) -> set[tuple[str, str]]:
    """Check and unique id of each finding of the two checks on people, by the world alone."""
    limit = limit or this.limit
    # Of administrators another check says so.
    without = {(NO_MFA, each.id) for each in this.people.values() if not (each.mfa or each.admin)}
    old = {(OLD_KEY, each.id) for each in this.people.values() if each.key_days(number) > limit}
    return without | old


def expected_states() -> list[tuple[int, str, str, str, str | None]]:
    """Month, check, unique id, state and reason of what becomes of each finding."""
    rows = []
    open_ones: set[tuple[str, str]] = set()
    before: tuple[int, Month] | None = None
    for number, this in YEAR.items():
        if not this.has_report:
            rows += [(number, *each, State.NOT_ASSESSED, None) for each in open_ones]
            continue
        now = failing(this, number)
        again = failing(before[1], before[0], this.limit) if before else set()
        other_rules = before is not None and before[1].limit != this.limit
        for each in now:
            state = State.RECURRING if each in open_ones else State.NEW
            because = RULES if state == State.NEW and other_rules and each in again else None
            rows.append((number, *each, state, because))
        for each in open_ones - now:
            because = RULES if other_rules and each not in again else None
            rows.append((number, *each, State.FIXED, because))
        open_ones, before = now, (number, this)
    return sorted(rows, key=str)


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Account]:
    """The audits, each with its record kept when it was made."""
    root = tmp_path_factory.mktemp("year")
    made: dict[int, Account] = {}
    for number, this in YEAR.items():
        if number == 9:
            _age_the_analysis(made[7], made[8])
        contents = {
            "UserDetailList": [
                user(
                    name,
                    UserId=each.id,
                    UserPolicyList=[{"PolicyName": "own", "PolicyDocument": ALL}]
                    if each.admin
                    else [],
                )
                for name, each in this.people.items()
            ],
            "RoleDetailList": [role(this.role, VENDOR, RoleId="AROAVENDOR")],
        }
        lines = [line(name, made=each.key_made, mfa=each.mfa) for name, each in this.people.items()]
        account = audit(
            root, number, contents, *(lines if this.has_report else ()), **this.settings
        )
        account.history.keep()
        made[number] = account
    return made


def _age_the_analysis(*made: Account) -> None:
    """Have these records be of an older version of the analysis, so that they are made again."""
    for account in made:
        stored = account.snapshot.path.parent / history.HISTORY
        record = history.AuditRecord(**history.read([stored]))
        history.write(stored, record._replace(audits=record.audits.assign(analysis=0)))


@pytest.fixture(scope="module")
def last(accounts: dict[int, Account]) -> Account:
    return accounts[12]


def test_measures_are_what_was_put_in(last: Account) -> None:
    measures = last.history.measures.assign(month=lambda of: of["as_of"].dt.month)
    found = measures.pivot(index="month", columns="measure", values=["value", "of"])
    assert found.index.tolist() == list(YEAR)
    for number, this in YEAR.items():
        people = this.people.values()
        ages = [each.key_days(number) for each in people]
        expected = {
            "administrators": sum(each.admin for each in people),
            "mfa_registered": sum(each.mfa for each in people) if this.has_report else None,
            "old_keys": sum(age > this.limit for age in ages) if this.has_report else None,
            "key_age_median": statistics.median(ages) if this.has_report else None,
        }
        for measure, value in expected.items():
            shown = found.loc[number, ("value", measure)]
            assert (None if pd.isna(shown) else shown) == value, (number, measure)


def test_states_of_findings_are_what_a_count_by_months_gives(last: Account) -> None:
    ids = {each.id for this in YEAR.values() for each in this.people.values()}
    arns = {
        (number, f"{ARN}user/{name}"): each.id
        for number, this in YEAR.items()
        for name, each in this.people.items()
    }
    rows = last.history.findings[last.history.findings["check"].isin([NO_MFA, OLD_KEY])]
    known: dict[str, str] = {}  # the unique id of a finding's subject, from when it was there
    shown = []
    for row in rows.itertuples():
        number = row.as_of.month
        if row.state in (State.NEW, State.RECURRING):
            known[row.finding] = arns[number, row.subject]
        because = None if pd.isna(row.because) else row.because
        shown.append((number, row.check, known[row.finding], row.state, because))
    assert {each for _, _, each, _, _ in shown} <= ids
    assert {*shown} ^ {*expected_states()} == set()
    assert len(shown) == len(expected_states())


def test_a_role_with_another_name_keeps_its_findings(last: Account) -> None:
    rows = last.history.findings
    of_role = rows[rows["name"].isin(["vendor", "supplier"])]
    assert not of_role.empty
    first = of_role.groupby("finding")["state"].agg(list)
    assert all(states == [State.NEW] + [State.RECURRING] * 10 for states in first), first.tolist()
    assert of_role.loc[of_role["as_of"].dt.month >= 7, "name"].eq("supplier").all()


def test_lines_of_the_page_are_these_numbers(last: Account) -> None:
    shares = trend.over_months(last, trend.MFA, share=True)["registered, of users with a password"]
    for moment, share in shares.items():
        this = YEAR[moment.month]
        count = sum(each.mfa for each in this.people.values())
        expected = 100 * count / len(this.people) if this.has_report else None
        assert (None if pd.isna(share) else share) == pytest.approx(expected), moment
    practices = trend.practices(last).set_index("practice")
    assert list(practices.columns) == ["better", "2026-01-01", "2026-11-01", "2026-12-01"]
    for column in practices.columns[1:]:
        number = int(column[5:7])
        people = YEAR[number].people.values()
        old = sum(each.key_days(number) > YEAR[number].limit for each in people)
        assert (
            practices.loc["active access keys that are too old", column]
            == f"{old} of {len(people)}"
        )


@pytest.mark.parametrize(("before", "after"), [(4, 6), (6, 7), (12, 1)])
def test_what_changed_between_two_months_is_what_was_changed(
    accounts: dict[int, Account], before: int, after: int
) -> None:
    one, two = YEAR[before], YEAR[after]
    changes = differences.between(accounts[before], accounts[after]).changes
    ids = [{each.id: each for each in this.people.values()} for this in (one, two)]

    def of(aspect: str) -> pd.DataFrame:
        rows = changes[changes["aspect"] == aspect]
        return rows[rows["subject"].str.contains(":user/")]

    came, gone = ids[1].keys() - ids[0].keys(), ids[0].keys() - ids[1].keys()
    assert of("identity")["before"].isna().sum() == len(came)
    assert of("identity")["after"].isna().sum() == len(gone)
    both = ids[0].keys() & ids[1].keys()
    changed = [each for each in both if ids[0][each].mfa != ids[1][each].mfa]
    assert len(of("MFA device registered")) == len(changed) + len(came) + len(gone)
    rotated = [each for each in both if ids[0][each].key_made != ids[1][each].key_made]
    assert len(of("access key")) == len(rotated) + len(came) + len(gone)
    privileges = [each for each in both if ids[0][each].admin != ids[1][each].admin]
    assert of("privilege")["key"].isin(privileges).sum() == len(privileges)
    renamed = changes[(changes["aspect"] == "identity") & (changes["key"] == "AROAVENDOR")]
    assert len(renamed) == (one.role != two.role)
