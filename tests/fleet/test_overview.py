"""The page over all accounts: what it says of figures, of changes and of what is not known."""

from pathlib import Path

import pytest

from iamkit import load
from iamkit.evidence import cli_files
from iamkit.fleet import overview
from iamkit.fleet.account_result import AccountResult, of_evidence
from tests.fleet.accounts import saved

ONE = "111111111111"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two audits of an account, with two administrators and then one."""
    folder = tmp_path_factory.mktemp("audits")
    for month, names in (("2026-10", ("ann", "bob")), ("2026-11", ("ann",))):
        given = saved(folder / month, ONE, *names, month=month)
        load(cli_files.from_files(folder / "reports", given)).history.keep()
    return folder / "reports"


def result(reports: Path, month: str = "2026-11", **values: object) -> AccountResult:
    opened = load(next(reports.glob(f"{ONE}/{month}*/snapshot"))).snapshot
    return AccountResult("production", **{**of_evidence(opened, reports), **values})


def cells(reports: Path, result: AccountResult) -> dict[str, overview.Cell]:
    [row] = overview.rows_of(reports, [result])
    return dict(zip(overview.SHOWN, row.cells, strict=True))


def test_figures_say_what_they_were_and_whether_that_is_better(reports: Path) -> None:
    found = cells(reports, result(reports))
    assert found["administrators"] == overview.Cell("1", "▼ was 2", "good")
    assert found["mfa_registered"].text == "nobody", (
        "without passwords there is nothing to register"
    )
    assert found["findings_critical"].was == ""


def test_figures_of_the_first_audit_are_compared_with_nothing(reports: Path) -> None:
    found = cells(reports, result(reports, "2026-10"))
    assert found["administrators"] == overview.Cell("2")


def test_an_account_that_failed_shows_its_last_known_figures_as_such(reports: Path) -> None:
    failed = AccountResult("production", ONE, error="the role cannot be assumed")
    [row] = overview.rows_of(reports, [failed])
    assert row.stale
    page = overview.html([row], "2026-12-01T060000Z")
    assert "1 of 1 account could not be audited." in page
    assert "an earlier audit" in page
    assert "0 of 1" in page
    frame = overview.table([row])
    assert not frame["of_this_run"].any()
    assert frame["error"].eq("the role cannot be assumed").all()


def test_an_account_that_nobody_ever_audited_has_a_row_without_figures(reports: Path) -> None:
    [row] = overview.rows_of(reports, [AccountResult("new", error="no credentials")])
    assert {cell.text for cell in row.cells} == {"not known"}
    assert row.as_of == ""


def test_names_are_text_on_the_page(reports: Path) -> None:
    hostile = AccountResult("<script>alert(1)</script>", error="<img src=x onerror=alert(2)>")
    page = overview.html(overview.rows_of(reports, [hostile]), "now")
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_the_same_results_make_the_same_bytes(reports: Path, tmp_path: Path) -> None:
    made = [
        overview.html(overview.rows_of(reports, [result(reports)]), "2026-12-01T060000Z")
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_findings_say_how_many_checks_they_leave_out(reports: Path) -> None:
    [row] = overview.rows_of(reports, [result(reports)])
    results = load(next(reports.glob(f"{ONE}/2026-11*/snapshot"))).audit.results
    unknown = int(results["status"].eq("not assessed").sum())
    assert unknown > 1
    assert f"{unknown} checks not assessed" in overview.html([row], "now")
    assert overview.table([row])["checks_not_assessed"].eq(unknown).all()


def test_without_an_account_that_was_audited_numbers_of_findings_are_not_known(
    reports: Path,
) -> None:
    failed = AccountResult("production", ONE, error="the role cannot be assumed")
    page = overview.html(overview.rows_of(reports, [failed]), "now")
    assert page.count("<dd>not known</dd>") == 4
    both = overview.rows_of(reports, [failed, result(reports, findings={"high": 1})])
    assert "<dd>not known</dd>" not in overview.html(both, "now")
