"""Folds and links: data for the page, and escaped text for JupyterLab."""

import pandas as pd
import pytest

from iamkit import charts
from iamkit.charts.display import TABLE_TYPE
from iamkit.charts.folds import FOLDS_TYPE, Folds
from iamkit.report.table_cells import cells

EVIL = "<script>alert(1)</script>"


def shown() -> Folds:
    table = charts.table(pd.DataFrame({"name": [EVIL]}), "who")
    made = charts.folds(
        [
            charts.fold(
                EVIL,
                charts.text("Why:", EVIL),
                charts.document("Statement", {"Sid": "a", "Action": EVIL}, ["Action"]),
                charts.link("AWS:", "https://docs.aws.amazon.com/x", EVIL),
                charts.within(table),
                anchor=charts.anchor("check", "a"),
                severity="high",
            )
        ],
        "All",
    )
    assert isinstance(made, Folds)
    return made


def test_a_fold_travels_as_data_and_its_preview_is_escaped() -> None:
    bundle = shown()._repr_mimebundle_()
    assert bundle[FOLDS_TYPE]["items"][0]["anchor"] == "check-a"
    assert EVIL not in bundle["text/html"]
    assert "<details><summary>high · &lt;script&gt;" in bundle["text/html"]
    lines = bundle[FOLDS_TYPE]["items"][0]["parts"][1]["lines"]
    assert lines == [["{", False], ['  "Sid": "a",', False], [f'  "Action": "{EVIL}"', True],
                     ["}", False]]  # fmt: skip


def test_without_folds_a_sentence_says_that_there_are_none() -> None:
    assert charts.folds([], "Remedies").text == "Remedies: none."  # type: ignore[union-attr]
    said = charts.folds([], "Remedies", missing="it is not known")
    assert said.text == "Not assessed: it is not known."  # type: ignore[union-attr]


def test_names_have_anchors_that_differ() -> None:
    found = [charts.anchor("user", name) for name in ("a.b", "a-b", "a+b", "ab", "é", "x y")]
    assert len(set(found)) == len(found)
    assert all(set(each) <= set("abcdefghijklmnopqrstuvwxyz0123456789-xy") for each in found)


@pytest.mark.parametrize(
    ("address", "is_link"),
    [("#user-ann", True), ("10-remedies.html#a", True), ("javascript:alert(1)", False)],
)
def test_a_cell_leads_where_it_may(address: str, *, is_link: bool) -> None:
    frame = pd.DataFrame({"who": ["ann", "bo", None], "name": ["x", "y", "z"]})
    made = charts.table(frame, "Users", links={"who": {"ann": address, "eve": "#eve"}})
    data = made._repr_mimebundle_()[TABLE_TYPE]
    assert data["links"] == {"0": {"ann": address}}, "of those that are in the table alone"
    first = str(cells(data["data"][0], ["text", "text"], data["links"]))
    assert first.startswith(f'<th scope=row><a href="{address}">ann</a>') == is_link
    assert "<a" not in str(cells(data["data"][1], ["text", "text"], data["links"]))
