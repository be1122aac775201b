"""Of an account without users, no page says that 0 of 0 of them have something, or shows an id."""

import html
import json
import re
import shutil
from pathlib import Path

from iamkit.report import render
from iamkit.report.notebooks import NOTEBOOKS
from tests.accounts import written
from tests.pages.test_titles import IDS


def test_no_page_counts_0_of_0(tmp_path: Path) -> None:
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    for name in ("00-summary", "01-mfa", "02-credentials", "07-controls"):
        shutil.copy(NOTEBOOKS / f"{name}.ipynb", notebooks)
    made = render(written(tmp_path).snapshot.path, tmp_path / "out", notebooks=notebooks)
    said = {page.name: executed(page.with_suffix(".ipynb")) for page in made.pages}
    assert [
        name for name, text in said.items() if re.search(r"\b0 of 0\b|\b1 of 1 the ", text)
    ] == []
    assert "No user has a console password." in said["01-mfa.html"]
    assert "The account has no users." in said["01-mfa.html"]
    assert (
        "The root user was never used, as far as AWS recorded it, and"
        in said["02-credentials.html"]
    )

    red = re.compile(r"class=.badge fail(?! (low|medium|info))")
    pages = [*made.pages, made.index]
    assert [page.name for page in pages if red.search(page.read_text("utf-8"))] == []
    assert "checks fail, worst: low" in made.index.read_text("utf-8")
    shown = {page.name: visible(page) for page in made.pages}
    assert {name: hit[0] for name, text in shown.items() if (hit := IDS.search(text))} == {}


def visible(page: Path) -> str:
    """The text of a page without its code."""
    text = re.sub(
        r"<(style|script)>.*?</\1>|<details class=\"code\">.*?</details>",
        "",
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def executed(path: Path) -> str:
    """What the cells of an executed notebook show, without their code."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return json.dumps([each.get("outputs") for each in cells], ensure_ascii=False)
