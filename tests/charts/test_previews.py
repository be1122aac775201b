"""What JupyterLab shows of tables, figures and sentences looks as on the page, and says no more."""

import re

import pytest

from iamkit.badges import BADGES
from iamkit.charts.previews import MUTED, TONES, figures_html, sentence_html, table_html

COLUMNS = [("Name", "who it is", "text"), ("Age", "", "number"), ("Worst", "", "severity")]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21, as WCAG computes it."""

    def light(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        lights = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * lights[0] + 0.7152 * lights[1] + 0.0722 * lights[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("color", [MUTED, *TONES.values()])
@pytest.mark.parametrize("theme", ["#ffffff", "#111111"])
def test_colours_are_legible_on_both_themes(color: str, theme: str) -> None:
    assert contrast(color, theme) >= 4.1


def test_every_badge_has_a_colour() -> None:
    for name in BADGES:
        shown = table_html("All", COLUMNS, [["ann", 1, name]])
        assert re.search(rf"<span style=\"[^\"]*#[0-9a-f]{{6}}[^\"]*\">{name}</span>", shown)
    assert "<span" not in table_html("All", COLUMNS, [["ann", 1, "unheard of"]])


def test_numbers_are_at_the_right_and_everything_else_at_the_left() -> None:
    cells = re.findall(r"<t[hd] [^>]*>", table_html("All", COLUMNS, [["ann", 3, "low"]]))
    assert len(cells) == 6
    for number, cell in enumerate(cells):
        assert ("right" if number % 3 == 1 else "left") in cell
    assert 'title="who it is"' in cells[0]


def test_a_table_says_what_is_missing_and_what_is_not_shown() -> None:
    assert ">–</span>" in table_html("All", COLUMNS, [[None, 3, "low"]])
    assert table_html("All", COLUMNS, [["a", 1, "low"]], "and 9 more rows").endswith("rows</p>")
    assert table_html("All", COLUMNS, []) == "<p><strong>All:</strong> none.</p>"


def test_the_tone_of_a_sentence_and_of_a_figure_is_a_colour() -> None:
    assert TONES["bad"] in sentence_html("It is `old`.", "bad")
    assert "<code>old</code>" in sentence_html("It is `old`.", "plain")
    assert "style" not in sentence_html("It is old.", "plain")
    shown = figures_html([("Users", "3", "of 4", "good"), ("Roles", "1", "", "plain")])
    assert shown.count(TONES["good"]) == 2
    assert not any(TONES[name] in shown for name in ("bad", "note"))


def test_nothing_of_the_account_is_markup() -> None:
    bad = '"><script>x</script>'
    for shown in (
        table_html(bad, [(bad, bad, "text")], [[bad]], bad),
        sentence_html(bad, "bad"),
        figures_html([(bad, bad, bad, bad)]),
    ):
        assert "<script>" not in shown
        assert '">"' not in shown


@pytest.mark.parametrize(
    ("severity", "color"),
    [("high", TONES["bad"]), ("medium", TONES["note"]), ("low", MUTED)],
)
def test_a_failure_is_as_red_as_the_severity_beside_it(severity: str, color: str) -> None:
    columns = [("Severity", "", "severity"), ("Status", "", "severity")]
    shown = table_html("All", columns, [[severity, "fail"]])
    assert f"1px solid {color}; color: {color}" in shown
