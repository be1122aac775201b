"""A table of a cell with the tag `folded` is shown when the reader opens it."""

import nbformat.v4 as nbformat
import pandas as pd
import pytest

from iamkit import charts
from iamkit.report.page import Page, Provenance, render_page

EVIDENCE = Provenance("012345678901", "", "", "", "", demo=True, guessed=False, gaps=[], digest="")
ROWS = pd.DataFrame({"control": ["1.1", "1.2"]})


def page(frame: pd.DataFrame, *tags: str) -> str:
    """The page of a notebook with one table."""
    bundle = charts.table(frame, "Older <versions>")._repr_mimebundle_()
    output = nbformat.new_output("display_data", data=bundle)
    cell = nbformat.new_code_cell("table", outputs=[output], metadata={"tags": list(tags)})
    notebook = nbformat.new_notebook(cells=[cell])
    return render_page(notebook, Page("07", "Controls"), [], EVIDENCE)


def test_a_folded_table_says_what_it_is_and_how_long() -> None:
    text = page(ROWS, "folded")
    start = text.index('<details class="folded"><summary>Older &lt;versions&gt;')
    assert text.index("2 rows", start) < text.index('<figure class="table"', start)
    assert text.index('<figure class="table"', start) < text.index("</details>", start)


@pytest.mark.parametrize(("frame", "tags"), [(ROWS, ()), (ROWS.head(0), ("folded",))])
def test_other_tables_and_empty_ones_are_not_folded(
    frame: pd.DataFrame, tags: tuple[str, ...]
) -> None:
    assert '<details class="folded">' not in page(frame, *tags)
