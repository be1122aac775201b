"""The page over all accounts: what it says of figures, of changes and of what is not known."""

import re
from pathlib import Path

import pytest

from iamkit import load
from iamkit.evidence import cli_files
from iamkit.fleet import overview, overview_page
from iamkit.fleet.account_result import AccountResult, of_evidence
from iamkit.fleet.over_accounts import OverAccounts
from iamkit.fleet.places import FolderPlace
from iamkit.fleet.rolled_up import roll_up
from tests.fleet.accounts import saved
from tests.report import workbooks

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


def over(reports: Path, *results: AccountResult) -> OverAccounts:
    made = [each.audit for each in results if each.audit]
    known = roll_up(FolderPlace(reports), made, {str(each.account_id) for each in results})
    return OverAccounts(results, known)


def rows_of(reports: Path, *results: AccountResult) -> list[overview.Row]:
    return overview.rows_of(over(reports, *results), FolderPlace(reports))


def page_of(reports: Path, *results: AccountResult, run: str = "now") -> str:
    rows = rows_of(reports, *results)
    return overview_page.html(rows, run, [], over(reports, *results))


def cells(reports: Path, result: AccountResult) -> dict[str, overview.Cell]:
    [row] = rows_of(reports, result)
    return dict(zip(overview.SHOWN, row.cells, strict=True))


def test_figures_say_what_they_were_and_whether_that_is_better(reports: Path) -> None:
    found = cells(reports, result(reports))
    shown = found["administrators"]
    assert (shown.text, shown.was, shown.tone) == ("1", "▼ was 2", "good")
    assert found["mfa_registered"].text == "nobody", (
        "without passwords there is nothing to register"
    )
    assert found["findings_critical"].was == ""


def test_figures_of_the_first_audit_are_compared_with_nothing(reports: Path) -> None:
    found = cells(reports, result(reports, "2026-10"))
    assert found["administrators"] == overview.Cell("2", value=2)


def test_an_account_that_failed_shows_its_last_known_figures_as_such(reports: Path) -> None:
    failed = AccountResult("production", ONE, error="the role cannot be assumed")
    [row] = rows_of(reports, failed)
    assert row.stale
    page = page_of(reports, failed, run="2026-12-01T060000Z")
    assert "1 of 1 account could not be audited." in page
    assert "an earlier audit" in page
    assert "0 of 1" in page
    frame = overview.table([row])
    assert not frame["of_this_run"].any()
    assert frame["error"].eq("the role cannot be assumed").all()


def test_an_account_that_nobody_ever_audited_has_a_row_without_figures(reports: Path) -> None:
    [row] = rows_of(reports, AccountResult("new", error="no credentials"))
    assert {cell.text for cell in row.cells} == {"not known"}
    assert row.as_of == ""


def test_names_are_text_on_the_page(reports: Path) -> None:
    hostile = AccountResult("<script>alert(1)</script>", error="<img src=x onerror=alert(2)>")
    page = page_of(reports, hostile)
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_each_figure_leads_to_the_page_of_the_account_that_shows_it(reports: Path) -> None:
    audit = reports / str(result(reports).audit)
    for name in ("index", "01-mfa", "02-credentials"):
        (audit / f"{name}.html").write_text("<h1>A page</h1>")
    found = cells(reports, result(reports))
    place = f"{ONE}/2026-11-01T060000Z"
    assert found["findings_critical"].to == f"{place}/index.html"
    assert found["mfa_enforced"].to == f"{place}/01-mfa.html"
    assert found["old_keys"].to == found["old_passwords"].to == f"{place}/02-credentials.html"
    assert found["network_restricted"].to == "", "the report has no such page"
    page = page_of(reports, result(reports))
    assert f'<a href="{place}/01-mfa.html">' in page
    for link in re.findall(r'href="([^"#:]+)"', page):
        assert (
            link in ("index.html", *overview.WRITTEN, "results.json") or (reports / link).exists()
        )


def test_accounts_that_are_not_known_come_first_and_then_the_worst(reports: Path) -> None:
    def row(name: str, critical: float | None, high: float | None, *, stale: bool) -> overview.Row:
        values = {"findings_critical": critical, "findings_high": high}
        cells = [overview.Cell("", value=values.get(each)) for each in overview.SHOWN]
        return overview.Row(AccountResult(name), tuple(cells), "", stale)

    rows = [
        row("a", 0, 9, stale=False),
        row("b", 2, 0, stale=False),
        row("c", 2, 1, stale=False),
        row("d", None, None, stale=True),
    ]
    assert [each.result.name for each in overview.worst_first(rows)] == ["d", "c", "b", "a"]


def test_the_workbook_has_the_figures_as_numbers_and_names_as_text(
    reports: Path, tmp_path: Path
) -> None:
    hostile = AccountResult("=1+1", error="=cmd|x")
    results = result(reports), hostile
    rows, run = rows_of(reports, *results), "2026-12-01T060000Z"
    content = overview_page.workbook(rows, run, over(reports, *results))
    sheets = workbooks.read(content)
    assert [*sheets][:3] == ["Report", "Columns", "Accounts"]
    header, first, second = sheets["Accounts"].rows[2:5]
    administrators = header.index("Administrators")
    assert (first[0], first[administrators], first[administrators + 2]) == (
        "production",
        1,
        "▼ was 2",
    )
    assert (second[0], second[administrators]) == ("=1+1", None)
    assert all(sheet.formulas == 0 for sheet in sheets.values())
    assert content == overview_page.workbook(rows, run, over(reports, *results))
    (tmp_path / overview.WORKBOOK).write_bytes(content)
    overview.refuse(tmp_path)


def test_the_same_results_make_the_same_bytes(reports: Path, tmp_path: Path) -> None:
    made = [page_of(reports, result(reports)) for _ in range(2)]
    assert made[0] == made[1]


def test_findings_say_how_many_checks_they_leave_out(reports: Path) -> None:
    [row] = rows_of(reports, result(reports))
    results = load(next(reports.glob(f"{ONE}/2026-11*/snapshot"))).audit.results
    unknown = int(results["status"].eq("not assessed").sum())
    assert unknown > 1
    assert f"{unknown} checks not assessed" in page_of(reports, result(reports))
    assert overview.table([row])["checks_not_assessed"].eq(unknown).all()


def test_without_an_account_that_was_audited_numbers_of_findings_are_not_known(
    reports: Path,
) -> None:
    failed = AccountResult("production", ONE, error="the role cannot be assumed")
    page = page_of(reports, failed)
    assert page.count("<dd>not known</dd>") == 4
    page = page_of(reports, failed, result(reports, findings={"high": 1}))
    assert "<dd>not known</dd>" not in page
