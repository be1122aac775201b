"""What the audits of all accounts come to; an account that is not known is never among the good."""

from typing import Any

import pandas as pd
import pytest

from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.over_accounts import (
    NO_TAG,
    NOT_ASKED,
    NOT_KNOWN,
    REFUSED,
    UNREACHED,
    OverAccounts,
)
from iamkit.fleet.rolled_up import TABLES, RolledUp
from iamkit.results import STANDINGS

FRAMEWORK = {"framework": "SOC 2", "version": "1"}


def known(**rows: list[dict[str, Any]]) -> RolledUp:
    """Tables with these rows; `audit` of a row is account and month, such as "a 2026-11"."""
    frames = []
    for table in TABLES:
        made = []
        for row in rows.get(table.name, []):
            account, month = row["audit"].split()
            own = {"account_id": account, "as_of": pd.Timestamp(month, tz="UTC")}
            rest = {name: value for name, value in row.items() if name != "audit"}
            made.append({**own, "evidence": row["audit"], **rest})
        frames.append(table.rows(*made))
    return RolledUp(*frames)


def result(name: str, month: str = "2026-11", **values: Any) -> AccountResult:
    return AccountResult(name, name, evidence=f"{name} {month}", **values)


def standings(**of: dict[str, str]) -> RolledUp:
    """How controls stand in each account, by its name."""
    return known(
        audits=[{"audit": f"{name} 2026-11"} for name in of],
        standings=[
            {"audit": f"{name} 2026-11", "control": control, "standing": standing, **FRAMEWORK}
            for name, controls in of.items()
            for control, standing in controls.items()
        ],
    )


def stands(over: OverAccounts) -> dict[str, tuple[str, int, int, list[str]]]:
    columns = ["control", "standing", "failing_count", "unknown_count", "failing_in"]
    rows = over.controls[columns].itertuples(index=False, name=None)
    return {control: tuple(rest) for control, *rest in rows}


def test_a_control_stands_as_in_the_account_where_it_stands_worst() -> None:
    found = standings(
        a={"1": "pass", "2": "pass", "3": "manual", "4": "not assessed"},
        b={"1": "pass", "2": "fail", "3": "pass", "4": "pass"},
    )
    over = OverAccounts([result("a"), result("b")], found)
    assert stands(over) == {
        "2": ("fail", 1, 0, ["b"]),
        "4": ("not assessed", 0, 1, []),
        "1": ("pass", 0, 0, []),
        "3": ("manual", 0, 0, []),
    }
    [row] = over.frameworks.to_dict("records")
    assert row["controls"] == 4
    counts = {each: row[f"{each.replace(' ', '_')}_count"] for each in STANDINGS}
    assert {each: number for each, number in counts.items() if number} == {
        "fail": 1,
        "not assessed": 1,
        "manual": 1,
        "pass": 1,
    }


@pytest.mark.parametrize(
    "other",
    [
        AccountResult("b", "b", error="the role cannot be assumed"),
        result("b", "2026-12"),  # whose audit has kept nothing
    ],
)
def test_an_account_that_is_not_known_leaves_a_control_not_assessed(other: AccountResult) -> None:
    found = standings(a={"1": "pass", "2": "fail"}, b={"1": "pass", "2": "pass"})
    over = OverAccounts([result("a"), other], found)
    assert stands(over) == {
        "2": ("fail", 1, 1, ["a"]),
        "1": ("not assessed", 0, 1, []),
    }, "what an earlier audit said of it does not count"


def test_an_account_of_another_framework_leaves_a_control_not_assessed() -> None:
    over = OverAccounts([result("a"), result("b")], standings(a={"1": "pass"}, b={"9": "pass"}))
    assert {each[0] for each in stands(over).values()} == {"not assessed"}


def test_a_standing_that_is_not_heard_of_is_not_known() -> None:
    over = OverAccounts([result("a")], standings(a={"1": "glorious"}))
    assert stands(over) == {"1": ("not assessed", 0, 1, [])}


def test_accounts_that_are_not_asked_do_not_count() -> None:
    left = AccountResult("b", "b", not_asked="the account is closed")
    over = OverAccounts([result("a"), left], standings(a={"1": "pass"}))
    assert stands(over) == {"1": ("pass", 0, 0, [])}


def test_checks_that_fail_in_most_accounts_come_first() -> None:
    statuses = {
        "a": {"root_used": "fail", "unused_role": "fail", "old_password": "pass"},
        "b": {"root_used": "not assessed", "unused_role": "fail", "ours": "fail"},
    }
    found = known(
        audits=[{"audit": f"{name} 2026-11"} for name in statuses],
        checked=[
            {"audit": f"{name} 2026-11", "check": check, "status": status}
            for name, checks in statuses.items()
            for check, status in checks.items()
        ],
    )
    rows = OverAccounts([result("a"), result("b")], found).checks
    columns = ["check", "failing_count", "unknown_count"]
    assert rows[columns].to_numpy().tolist() == [
        ["unused_role", 2, 0],
        ["root_used", 1, 1],
        ["ours", 1, 1],
    ]
    assert rows["failing_in"].tolist() == [["a", "b"], ["a"], ["b"]]
    named = rows.set_index("check")
    assert named.loc["ours", "title"] == "ours"
    assert pd.isna(named.loc["ours", "severity"])
    assert named.loc["unused_role", "title"] != "unused_role"


def findings(**of: int | None) -> RolledUp:
    audits = [{"audit": f"{name} 2026-11"} for name in of]
    measures = [
        {"audit": f"{name} 2026-11", "measure": "findings_high", "value": number}
        for name, number in of.items()
    ]
    return known(audits=audits, measures=measures)


def test_findings_are_summed_by_unit_and_by_team() -> None:
    results = [
        result("a", unit="/Shops", team="payments"),
        result("b", unit="/Shops", team=""),
        result("c", unit="/", team=None),
        AccountResult("d", "d", error="no", unit="/Shops", team="payments"),
    ]
    rows = OverAccounts(results, findings(a=2, b=3, c=None)).groups
    columns = ["kind", "name", "accounts", "unknown", "high"]
    found = rows[columns].astype(object).where(rows[columns].notna(), None)
    assert found.to_numpy().tolist() == [
        ["unit", "/Shops", 3, 1, 5],
        ["unit", "/", 1, 0, None],
        ["team", NO_TAG, 1, 0, 3],
        ["team", "payments", 2, 1, 2],
        ["team", NOT_KNOWN, 1, 0, None],
    ]


def test_without_units_and_teams_there_are_no_groups() -> None:
    assert OverAccounts([result("a")], findings(a=2)).groups.empty


def test_a_month_has_the_last_audit_of_each_account_in_it() -> None:
    def shares(audit: str, value: float | None, of: float | None) -> dict[str, Any]:
        return {"audit": audit, "measure": "mfa_enforced", "value": value, "of": of}

    found = known(
        audits=[
            {"audit": each} for each in ("a 2026-10", "a 2026-11", "a 2026-11-20", "b 2026-11")
        ],
        measures=[
            shares("a 2026-10", None, None),
            shares("a 2026-11", 1, 1),
            shares("a 2026-11-20", 1000, 2000),
            shares("b 2026-11", 2, 3),
        ],
    )
    rows = OverAccounts([result("a"), result("b")], found).months
    assert rows["month"].tolist() == ["2026-10", "2026-11"]
    assert rows["accounts"].tolist() == [1, 2]
    assert pd.isna(rows["mfa_enforced"].iloc[0])
    assert rows["mfa_enforced"].iloc[1] == "1,002 of 2,003"


def test_trust_between_accounts_of_the_run_names_those_taken_for_strangers() -> None:
    one, two, three = "111111111111", "222222222222", "333333333333"
    rows = [
        (f"arn:aws:iam::{two}:root", "audit", "known account"),
        (two, "deploy", "unknown account"),
        (f"arn:aws:iam::{two}:role/x", "deploy", "unknown account"),
        (f"arn:aws:iam::{three}:root", "vendor", "unknown account"),
        (f"arn:aws:iam::{one}:root", "own", "own account"),
        (f"arn:aws:iam::{one}:saml-provider/{two}", "saml", "SAML"),
    ]
    found = known(
        admitted=[
            {"audit": f"{one} 2026-11", "role": name, "principal": principal, "who": who,
             "name": name}
            for principal, name, who in rows
        ]
    )  # fmt: skip
    over = OverAccounts([result(one), result(two)], found)
    assert over.trust.to_numpy().tolist() == [[one, two, ["audit", "deploy"], ["deploy"]]]


def test_gaps_name_accounts_that_are_not_reached_and_answers_that_are_missing() -> None:
    results = [
        result("a", missing=("policies are not known (iam:GetPolicy)",)),
        AccountResult("b", error="the role cannot be assumed"),
        AccountResult("c", "c", not_asked="the account is closed"),
    ]
    rows = OverAccounts(results, known()).gaps
    assert rows[["account", "gap", "reason"]].to_numpy().tolist() == [
        ["a", REFUSED, "policies are not known (iam:GetPolicy)"],
        ["b", UNREACHED, "the role cannot be assumed"],
        ["c", NOT_ASKED, "the account is closed"],
    ]
