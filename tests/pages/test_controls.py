"""Which controls of which framework hold, as the page asks it."""

import pytest

from iamkit import Account, charts
from iamkit.charts.headers import headers
from iamkit.checks import STATUSES
from iamkit.errors import SettingsError
from iamkit.pages import controls, findings
from iamkit.reference import is_newest
from iamkit.results.controls import STANDINGS
from tests.accounts import account, again
from tests.pages import numbers

CIS = "CIS AWS Foundations Benchmark"


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return account(tmp_path_factory.mktemp("nobody"))


def test_every_status_has_a_number_and_every_standing_a_colour(nobody: Account) -> None:
    found = numbers(controls.headline(nobody))
    assert set(controls.TONES) == set(STATUSES)
    assert set(controls.COLORS) == {*STANDINGS, controls.GRAVE, controls.MILD} - {"fail"}
    assert sum(int(value) for value, _ in found.values()) == len(nobody.audit.results)


def test_one_framework_can_be_shown_alone(nobody: Account) -> None:
    whole, alone = controls.of_framework(nobody), controls.of_framework(nobody, CIS)
    assert set(alone["framework"]) == {CIS}
    assert 0 < len(alone) < len(whole)


def test_a_framework_that_does_not_exist_is_an_error_and_no_empty_page(nobody: Account) -> None:
    with pytest.raises(SettingsError, match="'CIS' is no framework; did you mean CIS AWS"):
        controls.of_framework(nobody, "CIS")


def test_controls_are_counted_by_framework_and_version(nobody: Account) -> None:
    whole, found = controls.of_framework(nobody, CIS), controls.by_framework(nobody, CIS)
    assert list(found.columns) == list(controls.COLORS)
    newest = int(whole["version"].eq("7.0.0").sum())
    assert found.sum(axis=1).to_dict() == {(CIS, "7.0.0"): newest}


def test_each_control_is_among_those_of_the_newest_version_or_of_older_ones(
    nobody: Account,
) -> None:
    whole = controls.of_framework(nobody)
    newest, older = controls.controls(nobody), controls.controls(nobody, older=True)
    assert len(newest) + len(older) == len(whole)
    assert set(older["control"].str.partition(",")[0]) == {
        f"{CIS} {version}" for version in ("6.0.0", "5.0.0", "3.0.0")
    }


def test_a_control_that_fails_has_the_gravest_severity_of_its_checks(nobody: Account) -> None:
    for older in (False, True):
        whole, found = controls.of_framework(nobody), controls.controls(nobody, older=older)
        rows = whole.loc[found.index]
        assert found["asks_for"].tolist() == rows["title"].tolist()
        assert headers(list(found))[1][0] == "Asks for", "its title is that of no check"
        assert found["evidence"].notna().tolist() == [bool(names) for names in rows["checks"]]
        fails = found["status"].eq("fail")
        assert fails.any()
        assert set(found.loc[fails, "severity"]) == {"low"}
        assert found.loc[~fails, "severity"].isna().all()


def test_the_settings_name_the_frameworks_that_are_listed(nobody: Account) -> None:
    chosen = again(nobody, frameworks=["SOC 2", "NIS2"])
    assert set(controls.of_framework(chosen)["framework"]) == {"SOC 2", "NIS2"}
    assert controls.controls(chosen, older=True).empty
    assert set(controls.of_framework(chosen, CIS)["framework"]) == {CIS}, "the parameter wins"
    with pytest.raises(SettingsError, match="'SOC2' is no framework; did you mean SOC 2"):
        controls.of_framework(again(nobody, frameworks=["SOC2"]))


def test_frameworks_stay_in_their_order(nobody: Account) -> None:
    order = controls.of_framework(nobody)["framework"].drop_duplicates().tolist()
    frameworks = controls.by_framework(nobody).index.get_level_values("framework")
    assert list(dict.fromkeys(frameworks)) == order


def test_a_control_is_named_by_framework_version_and_number(nobody: Account) -> None:
    first = controls.of_framework(nobody, CIS).iloc[0]
    named = controls.controls(nobody, CIS)["control"].iloc[0]
    assert named == f"{CIS} {first['version']}, {first['id']}"


def test_checks_are_found_by_the_word_they_begin_with(nobody: Account) -> None:
    results = nobody.audit.results
    shown = findings.checks_of(nobody, "root_")["status"].tolist()
    assert shown == results.loc[results["check"].str.match("root_"), "status"].tolist()


def test_only_what_the_named_checks_found_is_shown(nobody: Account) -> None:
    found = nobody.audit.findings
    check = found["check"].iloc[0]
    shown = findings.found_by(nobody, check, "none such")
    assert len(shown) == found["check"].eq(check).sum()
    assert findings.found_by(nobody, "none such").empty


def test_accepted_risks_are_those_of_the_settings(nobody: Account) -> None:
    assert findings.accepted_risks(nobody).empty
    assert findings.accepted_risks(again(nobody)).columns[0] == "state"


def test_only_what_is_grave_is_red_and_facts_are_neither(demo_account: Account) -> None:
    found = controls.by_framework(demo_account).sum()
    whole = controls.of_framework(demo_account)
    newest = whole[is_newest(whole)]
    assert found[[controls.GRAVE, controls.MILD]].sum() == newest["status"].eq("fail").sum()
    assert found[controls.MILD] > 0 < found[controls.GRAVE]
    assert found["noted"] == newest["status"].eq("noted").sum() > 0
    red = [name for name, color in controls.COLORS.items() if color == charts.WINE]
    assert red == [controls.GRAVE]
    low = controls.controls(demo_account).query("severity in ['medium', 'low']")
    assert len(low) == found[controls.MILD]


def test_nothing_reassuring_is_said_of_what_is_not_assessed(nobody: Account) -> None:
    shown = controls.checks(nobody)
    unknown = shown[shown["status"].eq("not assessed")]
    assert len(unknown)
    said = unknown["fail"].dropna()
    assert not said.str.match(r"none\b|no \b|0 of").any(), said.tolist()


def test_what_is_right_is_said_of_those_who_were_examined(demo_account: Account) -> None:
    shown = controls.controls(demo_account)["evidence"].dropna()
    root = [each for each in shown if "The root user has MFA (" in each]
    assert root
    assert all("The root user has MFA (examined: 1 root user who can sign in)" in e for e in root)
