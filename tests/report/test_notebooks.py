"""The kit's own notebooks: on every kind of account, in a browser, and under plain papermill."""

import csv
import io
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup

from iamkit import Account, load
from iamkit.evidence import aws, cli_files
from iamkit.report import printed, render
from iamkit.settings import Settings
from tests import wheel
from tests.accounts import ACCOUNT, details, group, policy, role, user, written
from tests.accounts import report as csv_report
from tests.aws import company
from tests.aws.faults import FaultProxy
from tests.aws.server import moto_server
from tests.axe_core import violations
from tests.browser import Browser, browser, chromium
from tests.examples import thorough
from tests.processes import run
from tests.report.pdf_files import Pdf
from tests.report.test_pages_in_browser import assert_inert
from tests.wheel import built, installed
from tests.words import to_replace

__all__ = ["browser"]  # the fixture

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))
WELL_RUN = Path(__file__).parents[1] / "data" / "well_run"


def pages(snapshot: Path, **options: Any) -> dict[str, str]:
    """
    Render a report and return each page's text, as a reader sees it, by name.

    No notebook may warn: a reader of the page could do nothing about it.
    """
    made = render(snapshot, **options)
    for page in made.pages:
        cells = nbformat.read(page.with_suffix(".ipynb"), as_version=4).cells
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        warned = [output["text"] for output in outputs if output.get("name") == "stderr"]
        assert warned == [], page.stem
    return {page.stem: seen(page) for page in (*made.pages, made.index)}


def seen(page: Path) -> str:
    """The text of a page without its code, scripts and styles."""
    text = page.read_text(encoding="utf-8").replace("<wbr>", "")
    parsed = BeautifulSoup(text, "html.parser")
    for hidden in parsed.select("details, script, style"):
        hidden.decompose()
    return " ".join(parsed.get_text(" ").split())


# Given for the whole report of the demo company, whose pages say everything else as well.
THRESHOLDS = {
    "max_key_age_days": 21,
    "max_password_age_days": 33,
    "unused_days": 17,
    "unused_role_days": 77,
    "root_quiet_days": 555,
    "max_administrators": 2,
}
PARAMETERS = {name: str(value) for name, value in THRESHOLDS.items()}


@pytest.fixture(scope="module")
def demo_pages(demo_snapshot: Path) -> dict[str, str]:
    printer = printed if chromium() else None
    return pages(demo_snapshot, parameters=PARAMETERS, printer=printer)


@pytest.fixture(scope="module")
def account(demo_snapshot: Path) -> Account:
    """The account that these pages are about."""
    return load(demo_snapshot, **THRESHOLDS)


def test_every_page_of_the_demo_says_that_it_is_one(demo_pages: dict[str, str]) -> None:
    assert set(demo_pages) == {path.stem for path in NOTEBOOKS} | {"index"}
    for name, html in demo_pages.items():
        assert "demo data" in html, name
        assert "2026-11-01 06:00 UTC" in html, name
        assert "111122223333" in html, name


@pytest.fixture(scope="module")
def demo_html(demo_pages: dict[str, str], demo_snapshot: Path) -> dict[str, str]:
    """Each page as it was written, by name."""
    written = demo_snapshot.parent.glob("*.html")
    return {path.stem: path.read_text(encoding="utf-8") for path in written}


def test_every_page_leads_to_the_glossary(demo_html: dict[str, str]) -> None:
    assert all('<a href="glossary.html"' in html for html in demo_html.values())
    for term in ("Exposed if stolen.", "Not assessed.", "Bypassable.", "Choke point."):
        assert f"<strong>{term}</strong>" in demo_html["glossary"]


def test_no_page_has_a_column_s_name_for_a_header(demo_html: dict[str, str]) -> None:
    """A header begins as a sentence does; the keys of conditions are AWS's own words."""
    found = {
        header.strip()
        for html in demo_html.values()
        for header in re.findall(r'<th scope="col"[^>]*>([^<\n]+)', html)
    }
    assert len(found) > 100
    assert [each for each in found if "_" in each or (each[0].islower() and ":" not in each)] == []


def test_no_page_uses_a_word_that_has_a_plainer_one(demo_html: dict[str, str]) -> None:
    for name, html in demo_html.items():
        parsed = BeautifulSoup(html, "html.parser")
        for code in parsed.select("details, script, style"):
            code.decompose()
        tooltips = [str(each["title"]) for each in parsed.select("[title]")]
        assert to_replace(" | ".join([parsed.get_text(" "), *tooltips])) == [], name


def test_every_page_prints_the_hash_of_its_evidence(
    account: Account, demo_pages: dict[str, str]
) -> None:
    evidence = account.snapshot.evidence_hash
    assert all(evidence in html for html in demo_pages.values())


def test_the_numbers_on_the_pages_are_the_account_s(
    account: Account, demo_pages: dict[str, str]
) -> None:
    people = account.credentials.query("password_enabled and not is_root")
    with_mfa, everyone = people["mfa_registered"].sum(), len(people)
    share = f"({100 * with_mfa / everyone:.0f} %)"
    assert f"{with_mfa} of {everyone} users with a console password {share}" in demo_pages["01-mfa"]
    for name in people.query("not mfa_registered")["user_name"]:
        assert name in demo_pages["01-mfa"]


def test_all_pages_count_administrators_by_what_they_can_do(
    account: Account, demo_pages: dict[str, str]
) -> None:
    powers = account.permissions.summary().query("admin != ''")
    assert "jack.doyle" not in set(powers["name"]), "everything is denied him"
    for page in ("00-summary", "04-permissions"):
        assert f"Administrators {powers['principal_arn'].nunique()} " in demo_pages[page]


def test_the_page_on_permissions_says_what_each_identity_changes_or_is_handed(
    account: Account, demo_pages: dict[str, str]
) -> None:
    said = account.identities["privilege_detail"].dropna()
    assert said.str.startswith("write: ").any()
    assert said.str.contains(" out credentials: ").any()
    for sentence in said:
        before, _, named = sentence.rpartition(": ")
        names = named.split(", ")
        shown = sentence if len(names) < 7 else f"{before}: {', '.join(names[:6])} and "
        assert shown in demo_pages["04-permissions"]


def test_the_summary_counts_those_who_can_become_administrator(
    account: Account, demo_pages: dict[str, str]
) -> None:
    rises = account.admin_paths.query("steps > 0")
    able = set(rises.loc[rises["has_credential"].fillna(True), "principal_arn"])
    others = able - set(account.administrators["principal_arn"])
    assert others < able, "an administrator may need a step from elsewhere"
    assert f"Can become administrator {len(others)} " in demo_pages["00-summary"]


def test_an_installed_copy_elsewhere_makes_the_same_bytes(
    demo_snapshot: Path, demo_pages: dict[str, str], tmp_path: Path
) -> None:
    iamkit = installed(built(tmp_path / "building"), tmp_path / "environment")
    home = tmp_path / "elsewhere, with a space"
    home.mkdir()
    snapshot = wheel.run(iamkit, "demo", cwd=home)
    options = [part for name, value in PARAMETERS.items() for part in ("-p", name, value)]
    options += ["--pdf"] if chromium() else []
    changes = {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    index = home / wheel.run(iamkit, "report", snapshot, *options, cwd=home, **changes)
    for name in demo_pages:
        assert (index.parent / f"{name}.html").exists(), name
    for made in (*index.parent.glob("*.html"), *index.parent.glob("*.ipynb")):
        assert made.read_bytes() == (demo_snapshot.parent / made.name).read_bytes(), made.name


@pytest.fixture
def only_credentials(tmp_path: Path) -> Path:
    """A folder with the notebook about credentials alone."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    shutil.copy(NOTEBOOKS[0].parent / "02-credentials.ipynb", folder)
    return folder


def test_a_threshold_changes_the_answer_and_wins_over_the_settings_file(
    demo_account: Account, demo_snapshot: Path, only_credentials: Path, tmp_path: Path
) -> None:
    keys = demo_account.access_keys.query("active and not is_root")
    passwords = demo_account.credentials.query("password_enabled and not is_root")
    unused = (keys["idle_days"] >= 30).sum() + (passwords["password_idle_days"] >= 30).sum()
    old = (keys["age_days"] > 30).sum()
    settings = tmp_path / "iamkit.yml"
    settings.write_text("max_key_age_days: 10\nunused_days: 30\n")
    made = pages(
        demo_snapshot,
        out=tmp_path / "out",
        notebooks=only_credentials,
        parameters={"max_key_age_days": "30"},
        settings=settings,
    )
    assert f"Old keys {old} over 30 days" in made["02-credentials"]
    assert "older than 30 days" in made["02-credentials"]
    assert f"Unused {unused} keys and passwords, 30 days and more" in made["02-credentials"]


def test_a_threshold_given_once_holds_on_every_page_and_in_every_export(
    account: Account, demo_account: Account, demo_snapshot: Path, demo_pages: dict[str, str]
) -> None:
    made = demo_pages
    assert account.audit.results["failing"].sum() > demo_account.audit.results["failing"].sum()
    for name, value in THRESHOLDS.items():
        shown = f"{name} {value} {getattr(Settings(), name)} "
        assert shown in made["09-method"], shown
        pages_of_notebooks = set(made) - {"index"}
        assert all(f"{name} = {value}" in made[each] for each in pages_of_notebooks), name
    for file, table in (
        ("findings.csv", account.audit.findings),
        ("identities.csv", account.identities),
    ):
        rows = list(
            csv.DictReader(io.StringIO((demo_snapshot.parent / file).read_text("utf-8-sig")))
        )
        column = "check" if file == "findings.csv" else "verdict"
        assert Counter(row[column] for row in rows) == Counter(table[column]), file
    keys = account.access_keys.query("active and not is_root")
    assert f"Old keys {(keys['age_days'] > 21).sum()} over 21 days" in made["02-credentials"]
    for check in ("old_access_key", "old_password", "unused_role"):
        result = account.audit.results.set_index("check").loc[check]
        words = f"{result['failing']} of {result['total']} {result['among']}"
        assert words in made["07-controls"], check


def accounts(folder: Path) -> dict[str, Any]:
    """Accounts at the edges of what there can be, by name."""
    documents = [None, "text", [], {}, {"Statement": "x"}, {"Statement": [{"Effect": "Allow"}]}]
    weird = details(
        [user("ana", Tags=None, GroupList=None)],
        [group("g")],
        [role(f"r{number}", document) for number, document in enumerate(documents)],
        [policy(f"p{number}", document) for number, document in enumerate(documents)],
    )
    edges = {
        "nobody but root": {},
        "no credential report": {"contents": details([user("ana")]), "credential_report": None},
        "weird documents": {"contents": weird},
    }
    made = {}
    for name, contents in edges.items():
        (folder / name).mkdir()
        made[name] = written(folder / name, **contents).snapshot.path
    only_report = folder / "report.csv"
    only_report.write_text(csv_report())
    named = {"credential_report": only_report}
    made["well run"] = cli_files.from_files(folder / "well run", WELL_RUN)
    made["no authorization details"] = cli_files.from_files(folder / "only", named=named)
    return made


@pytest.fixture(scope="module")
def edge_pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    made = accounts(tmp_path_factory.mktemp("edges"))
    return {name: pages(snapshot) for name, snapshot in made.items()}


def test_pages_hold_on_the_edges(edge_pages: dict[str, dict[str, str]]) -> None:
    for name, made in edge_pages.items():
        assert len(made) == len(NOTEBOOKS) + 1, name


def test_missing_evidence_is_not_assessed_and_never_none(
    edge_pages: dict[str, dict[str, str]],
) -> None:
    report_missing = edge_pages["no credential report"]
    details_missing = edge_pages["no authorization details"]
    reason = "Not assessed: passwords, access keys and MFA of users and of the root user"
    assert reason in report_missing["01-mfa"]
    assert reason in report_missing["02-credentials"]
    assert "has no MFA device" not in report_missing["01-mfa"]
    assert "Not assessed: groups, roles, policies" in details_missing["04-permissions"]
    assert "Administrators – not assessed" in details_missing["00-summary"]
    assert "Can become administrator – not assessed" in details_missing["00-summary"]
    assert "MFA registered – not assessed" in report_missing["00-summary"]


@pytest.mark.parametrize("page", [*(path.stem for path in NOTEBOOKS), "index"])
def test_every_demo_page_opens_without_a_complaint(
    page: str, demo_snapshot: Path, demo_pages: dict[str, str], browser: Browser
) -> None:
    with browser.open(demo_snapshot.parent / f"{page}.html") as tab:
        assert_inert(tab)
        charts = "[...document.images].every(image => image.alt.length > 10 && image.naturalWidth)"
        assert tab.evaluate(charts)
        wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert tab.evaluate(wide), "the page scrolls sideways"


LOOKS = [(1280, False), (390, True), (1280, True), (390, False)]  # width, and whether it is dark
LOOKED_AT = [
    (page, *look)
    for place, page in enumerate(sorted(["index", "glossary", *(path.stem for path in NOTEBOOKS)]))
    for number, look in enumerate(LOOKS)
    if thorough() or place == 3 * number
]


@pytest.mark.parametrize(("page", "width", "dark"), LOOKED_AT)
def test_axe_finds_nothing_wrong_with_a_page(
    page: str,
    width: int,
    dark: bool,
    demo_snapshot: Path,
    demo_pages: dict[str, str],
    browser: Browser,
) -> None:
    with browser.open(demo_snapshot.parent / f"{page}.html", width=width, dark=dark) as tab:
        assert violations(tab) == []


@pytest.fixture(scope="module")
def paper(demo_snapshot: Path, demo_pages: dict[str, str], browser: Browser) -> Pdf:
    """The report as one PDF."""
    return Pdf((demo_snapshot.parent / "report.pdf").read_bytes())


def test_the_whole_report_is_few_sheets_on_which_all_can_be_read(paper: Pdf) -> None:
    assert 20 < len(paper.sheets) <= 40
    assert paper.smallest().size >= 6.5, paper.smallest()
    assert paper.stranded() == []


def test_the_pdf_has_every_page_and_leads_nowhere_on_this_machine(
    paper: Pdf, demo_html: dict[str, str]
) -> None:
    titles = [title for title, _, _ in paper.headings()]
    for html in demo_html.values():
        heading = BeautifulSoup(html, "html.parser").select_one("h1")
        assert heading
        assert heading.get_text() in titles
    places, addresses = paper.links()
    assert set(places) <= set(paper.reader.named_destinations)
    assert len(places) > 20
    assert [each for each in addresses if not each.startswith("https://docs.")] == []
    assert b"file:" not in paper.content


@pytest.fixture(scope="module")
def aws_company() -> Iterator[str]:
    """Serve AWS with a small company: the page says what is missing, not who is there."""
    with moto_server() as url:
        company.build(url, users=8)
        yield url


def test_pages_and_the_method_say_what_collection_missed(
    aws_company: str, tmp_path: Path, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(aws_company) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        snapshot = aws.from_aws(tmp_path)
    monkeypatch.undo()
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    shutil.copy(NOTEBOOKS[0].parent / "09-method.ipynb", notebooks)
    made = pages(snapshot, notebooks=notebooks)
    assert "demo data" not in "".join(made.values())
    assert "which of its allowed services each identity uses" in made["09-method"]
    assert "iam:GetServiceLastAccessedDetails" in made["index"]


def test_a_notebook_runs_under_plain_papermill(demo_snapshot: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "papermill",
        "notebooks/01-mfa.ipynb",
        str(tmp_path / "o.ipynb"),
    ]
    command += ["-p", "snapshot", str(demo_snapshot), "-p", "max_key_age_days", "60"]
    root = NOTEBOOKS[0].parent.parent
    ran = run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "unknown parameter" not in ran.stderr.lower()
    outputs = str(nbformat.read(tmp_path / "o.ipynb", as_version=4))
    assert "an active access key older than 60 days" in outputs


def test_an_account_id_that_papermill_made_a_number_stops_the_notebook(
    demo_snapshot: Path, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "papermill",
        "notebooks/01-mfa.ipynb",
        str(tmp_path / "o.ipynb"),
    ]
    command += ["-p", "snapshot", str(demo_snapshot), "-p", "account_id", ACCOUNT]
    root = NOTEBOOKS[0].parent.parent
    ran = run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "an account id is twelve digits as text" in ran.stderr


def test_parameters_default_to_the_settings() -> None:
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        cell = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
        declared = dict(re.findall(r"^(\w+) = (.*?)  # type: ", cell.source, re.MULTILINE))
        assert list(declared)[:3] == ["snapshot", "account_id", "settings"], path.name
        thresholds = {name for name, default in declared.items() if default == "None"}
        assert thresholds <= set(Settings().describe()["setting"]), path.name
        assert thresholds == set(declared) & set(Settings().describe()["setting"]), path.name
