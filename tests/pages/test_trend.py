"""The page on the trend: arrows, months, states and changes, with one audit and with several."""

from pathlib import Path

import pytest

from iamkit import Account
from iamkit.pages import differences, summary, trend
from tests.accounts import user
from tests.results.months import audit, line

ANN = {"UserDetailList": [user("ann")]}


@pytest.fixture(scope="module")
def third(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """The third audit of a user who got a device in the second, and whose evidence then lacked."""
    root = tmp_path_factory.mktemp("months")
    audit(root, 1, ANN, line("ann"), line("bob"))
    audit(root, 2, ANN, line("ann", mfa=True), line("bob"))
    return audit(root, 3, ANN, line("ann", mfa=True), line("bob", mfa=True))


def test_figures_say_what_they_were_and_whether_that_is_better(third: Account) -> None:
    shown = trend.headline(third)._repr_mimebundle_()["text/html"]
    assert "100 %" in shown
    assert "▲ was 50 %" in shown
    assert "as before" in shown


def test_more_is_better_of_mfa_and_worse_of_findings(third: Account) -> None:
    assert trend.change(third, "mfa_registered") == ("▲ was 50 %", "better")
    said, direction = trend.change(third, "findings_high")
    assert (said[:5], direction) == ("▼ was", "better")


def test_a_sparkline_goes_from_the_lowest_to_the_highest(third: Account) -> None:
    assert trend.sparkline(third, "mfa_registered") == "▁▅█"
    assert trend.sparkline(third, "users") == "▁▁▁", "the same every time"
    assert "▁▅█" in summary.headline(third)._repr_mimebundle_()["text/html"]


def test_a_sparkline_shows_where_an_audit_does_not_say(tmp_path: Path) -> None:
    for number, lines in ((1, [line("ann")]), (2, []), (3, [line("ann", mfa=True)])):
        account = audit(tmp_path, number, ANN, *lines)
    assert trend.sparkline(account, "mfa_registered") == "", "two of three say"
    account = audit(tmp_path, 4, ANN, line("ann"))
    assert trend.sparkline(account, "mfa_registered") == "▁·█▁"


def test_with_one_audit_nothing_is_compared(tmp_path: Path) -> None:
    account = audit(tmp_path, 1, ANN, line("ann"))
    assert "the first audit" in trend.headline(account)._repr_mimebundle_()["text/html"]
    assert trend.changed_identities(account).empty
    assert "first audit" in str(trend.new_findings(account))
    assert len(trend.states(account)) == 1
    assert list(trend.practices(account).columns) == ["practice", "better", "2026-01-01"]


def test_a_figure_without_evidence_is_not_assessed(tmp_path: Path) -> None:
    audit(tmp_path, 1, ANN, line("ann"))
    account = audit(tmp_path, 2, ANN)
    assert "not assessed" in trend.headline(account)._repr_mimebundle_()["text/html"]
    practices = trend.practices(account).set_index("practice")
    assert practices.loc["active access keys that are too old", "2026-02-01"] == "not known"
    assert practices.loc["active access keys that are too old", "2026-01-01"] == "0 of 1"


def test_months_are_rows_and_lines_are_columns(third: Account) -> None:
    shares = trend.over_months(third, trend.MFA, share=True)
    assert shares["registered, of users with a password"].tolist() == [0, 50, 100]
    assert [f"{moment:%m}" for moment in shares.index] == ["01", "02", "03"]


def test_what_became_of_findings_adds_up(third: Account) -> None:
    states = trend.states(third).set_index("audit")
    last = states.loc["2026-03-01"]
    assert last[["new", "recurring", "expired"]].sum() == len(
        trend.findings_in(third, "new", "recurring", "expired")
    )
    fixed = trend.findings_in(third, "fixed")
    assert "bob" in set(fixed["name"])
    assert states["by_rules"].eq(0).all()


def test_what_changed_is_told_worse_first(third: Account) -> None:
    changed = trend.changed_identities(third)
    assert ("better", "bob", "MFA device registered", "no", "yes") in {
        *changed.itertuples(index=False, name=None)
    }
    assert changed["direction"].tolist() == sorted(
        changed["direction"], key=["worse", "changed", "better"].index
    )


def test_the_differences_are_told_as_text_and_as_json(third: Account) -> None:
    from iamkit import load
    from iamkit.evidence import snapshot

    root = third.snapshot.path.parents[2]
    before = load(snapshot.named("previous", root))
    found = differences.between(before, third)
    assert found.text.startswith(
        "Account 012345678901, from 2026-02-01 06:00 UTC to 2026-03-01 06:00 UTC\n"
    )
    assert "  better  bob: no → yes\n" in found.text
    assert '"aspect":"MFA device registered"' in found.json.replace(" ", "").replace(
        "MFAdeviceregistered", "MFA device registered"
    )
    assert found.worse_than("low") == ""
    back = differences.between(third, before)
    assert back.worse_than("high").startswith("new findings at or above high: ")
    same = differences.between(third, third)
    assert same.text.splitlines()[1] == "Nothing changed."


def test_the_summary_says_what_its_figures_were(third: Account, tmp_path: Path) -> None:
    assert " console users; ▲ was 50 %" in summary.headline(third)._repr_mimebundle_()["text/html"]
    alone = audit(tmp_path, 1, ANN, line("ann"))
    assert "was" not in summary.headline(alone)._repr_mimebundle_()["text/html"]
