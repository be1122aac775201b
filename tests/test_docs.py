"""The reference is what the code says, and links lead somewhere."""

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
_spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
assert _spec
assert _spec.loader
make_reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_reference)
PAGES = make_reference.pages()
WRITTEN = [*DOCS.rglob("*.md"), *(DOCS.parent / name for name in ("README.md", "CONTRIBUTING.md"))]


def test_no_page_is_missing_or_left_over() -> None:
    assert {path.name for path in make_reference.FOLDER.glob("*")} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    shown = (make_reference.FOLDER / name).read_text(encoding="utf-8")
    assert shown == PAGES[name], "run `make docs`"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?://)([^)#]*)(?:#[^)]*)?\)", text):
        assert not link or (page.parent / link).exists(), link


@pytest.mark.parametrize(
    ("page", "heading", "says"),
    [
        ("tables.md", "identities", r"`exposed_actions` \| count \| number of actions"),
        ("settings.md", "`unused_days`", r"- Default: 45\n- Unit: days\n- Source: CIS"),
        ("checks.md", "`old_access_key`", r"- Fix: .+\n- Source: https://"),
        ("commands.md", "`iamkit collect`", r"\n    aws iam generate-credential-report\n"),
    ],
)
def test_what_a_reader_asks_is_answered(page: str, heading: str, says: str) -> None:
    part = re.split(r"\n##+ ", PAGES[page])
    (found,) = (each for each in part if each.startswith(f"{heading}\n"))
    assert re.search(says, found)
