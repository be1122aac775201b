"""
Of an account without users, and of one with one of each, no page says "0 of 0 users" or "1 users".

Nor does a page show the id of a check, or anything in red where only checks of low severity fail.
"""

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.report import Report, render
from iamkit.report.notebooks import NOTEBOOKS
from tests.accounts import details, group, report, written
from tests.pages.test_titles import IDS
from tests.policies import EVERYTHING, allow, line, person, trusts, worker

# The number of something, and a noun in the plural: "1 own policies", "2 of 1 roles".
ONE = re.compile(
    r"(?<![\d.,/:-])(?<!key )(?<!statement )1 (?:[a-z]+ )?(?:accounts|actions|answers|changes|"
    r"checks|days|files|findings|groups|identities|keys|passwords|people|policies|roles|rows|"
    r"services|steps|users)\b"
)
NOTHING = re.compile(r"\b0 of 0\b|\b1 of 1 the ")


def pages(account: Account, folder: Path) -> Report:
    """All pages but those that take long or say nothing of the account."""
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    for path in NOTEBOOKS.glob("[01]*.ipynb"):
        if not path.stem.startswith(("08", "09")):
            shutil.copy(path, notebooks)
    return render(account.snapshot.path, folder / "out", notebooks=notebooks)


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("nobody")
    return pages(written(folder), folder)


@pytest.fixture(scope="module")
def one_of_each(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A user with a password and a key, a role and a group."""
    folder = tmp_path_factory.mktemp("one")
    held: dict[str, Any] = details(
        [person("ann", EVERYTHING)],
        groups=[group("ops")],
        roles=[worker("open", trusts("*"), allow("s3:GetObject"))],
    )
    lines = report(line("ann", password=True, keys=1))
    return pages(written(folder, held, credential_report=lines), folder)


@pytest.mark.parametrize("which", ["nobody", "one_of_each"])
def test_numbers_and_their_nouns_agree(which: str, request: pytest.FixtureRequest) -> None:
    made: Report = request.getfixturevalue(which)
    wrong = {}
    for page in [*made.pages, made.index]:
        text = page.read_text(encoding="utf-8")
        told = " ".join([visible(text), *re.findall(r'alt="([^"]*)"', text)])
        if hits := [*ONE.finditer(told), *NOTHING.finditer(told)]:
            wrong[page.name] = [told[max(0, hit.start() - 30) : hit.end() + 30] for hit in hits]
    assert wrong == {}


def test_of_nothing_words_say_that_there_is_none(nobody: Report) -> None:
    said = {page.name: executed(page.with_suffix(".ipynb")) for page in nobody.pages}
    assert "No user has a console password." in said["01-mfa.html"]
    assert "The account has no users." in said["01-mfa.html"]
    assert "no users and roles" in said["03-network.html"]
    assert (
        "The root user was never used, as far as AWS recorded it, and"
        in said["02-credentials.html"]
    )


def test_nothing_is_red_where_only_checks_of_low_severity_fail(nobody: Report) -> None:
    red = re.compile(r"class=.badge fail(?! (low|medium|info))")
    made = [*nobody.pages, nobody.index]
    assert [page.name for page in made if red.search(page.read_text("utf-8"))] == []
    assert "checks fail, worst: low" in nobody.index.read_text("utf-8")


@pytest.mark.parametrize("which", ["nobody", "one_of_each"])
def test_no_page_shows_the_id_of_a_check(which: str, request: pytest.FixtureRequest) -> None:
    made: Report = request.getfixturevalue(which)
    shown = {page.name: visible(page.read_text("utf-8")) for page in [*made.pages, made.index]}
    assert {name: hit[0] for name, text in shown.items() if (hit := IDS.search(text))} == {}


@pytest.mark.parametrize("which", ["nobody", "one_of_each"])
def test_no_page_shows_the_marks_of_code(which: str, request: pytest.FixtureRequest) -> None:
    made: Report = request.getfixturevalue(which)
    for page in [*made.pages, made.index]:
        text = page.read_text("utf-8")
        tooltips = " ".join(re.findall(r'title="([^"]*)"', text))
        assert "`" not in visible(text) + tooltips, page.name


def visible(text: str) -> str:
    """The text of a page without its code, each cell and paragraph on a line of its own."""
    code = r"<(style|script)>.*?</\1>|<pre.*?</pre>|<details class=\"code\">.*?</details>"
    text = re.sub(code, "", text, flags=re.DOTALL)
    text = re.sub(r"<(?:td|th|tr|p|div|d[dt]|li|h\d|span|caption|summary)\b[^>]*>", "\n", text)
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def executed(path: Path) -> str:
    """What the cells of an executed notebook show, without their code."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return json.dumps([each.get("outputs") for each in cells], ensure_ascii=False)
