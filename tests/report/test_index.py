"""The page that lists the others: a page that lacks evidence is not complete, and says what."""

import re
from pathlib import Path

from iamkit.report import page, render
from tests.accounts import ARN, details, report, user, written
from tests.report.audits import Audit

LOAD = "import pandas as pd\nfrom iamkit import charts"


def cards(index: str) -> dict[str, str]:
    """What the list says of each page, by its file."""
    found = re.findall(r'<li><a href="([\w-]+)\.html">(<span.*?)</li>', index)
    return {name: " ".join(re.sub(r"<[^>]*>", " ", text).split()) for name, text in found}


def test_a_page_that_lacks_evidence_is_not_complete_and_says_what_it_lacks(audit: Audit) -> None:
    audit.notebook("00-a", f"{LOAD}\ncharts.say('Fine.')")
    audit.notebook("01-b", f"{LOAD}\ncharts.say('Fine.', missing='x is not known; y is not known')")
    audit.notebook("02-c", f"{LOAD}\ncharts.table(pd.DataFrame(), 'Rows', missing='z is missing')")
    rows = "pd.DataFrame({'status': ['pass', 'not assessed', 'not assessed']})"
    audit.notebook("03-d", f"{LOAD}\ncharts.table({rows}, 'Rows', severity='status')")
    audit.notebook("04-e", f"{LOAD}\ncharts.figures(roles=charts.assessed(0, 'v is missing'))")
    audit.render()
    said = cards(audit.page("index"))
    assert said["00-a"].endswith("What does 00-a answer?"), "nothing, and nothing green"
    lacking = [
        "x is not known; y is not known",
        "z is missing",
        "evidence is missing for some results",
    ]
    for name, what in zip(
        ["01-b", "02-c", "03-d", "04-e"], [*lacking, "v is missing"], strict=True
    ):
        assert said[name].endswith(f"Not assessed in full: {what}. evidence missing"), said[name]
    marked = [name for name, text in said.items() if text.endswith("evidence missing")]
    assert marked == ["01-b", "02-c", "03-d", "04-e"]


def test_evidence_that_is_cut_short_leaves_no_page_complete(tmp_path: Path, audit: Audit) -> None:
    """Every call was answered, and yet the line of one user ends in the middle."""
    audit.notebook("00-a", "1")
    line = f"ana,{ARN}user/ana,2024-05-01T12:00:00+00:00,true"
    cut = written(tmp_path, details([user("ana")]), credential_report=report(line))
    made = render(cut.snapshot.path, tmp_path / "out", notebooks=audit.notebooks)
    index = made.index.read_text(encoding="utf-8")
    assert "the evidence about 1 of the users, groups, roles and policies" in cards(index)["00-a"]
    assert "badge pass" not in index
    assert "its line in the credential report does not say" in index or "of user/ana" in index


def test_only_the_first_things_that_a_page_lacks_are_listed() -> None:
    this = page.Page("a", "A", missing=("one", "two", "three"))
    evidence = page.Provenance("1", "", "", "", "", demo=False, guessed=False, gaps=[], digest="")
    assert "in full: one; two; and 1 more." in cards(page.render_index([this], evidence))["a"]
