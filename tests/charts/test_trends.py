"""Lines over the months."""

import pandas as pd

from iamkit import charts

MONTHS = pd.DatetimeIndex(["2026-01-01", "2026-02-01", "2026-03-01"], tz="UTC")


def test_a_line_has_its_name_and_last_number_at_its_end() -> None:
    ax = charts.trend(
        pd.DataFrame({"keys": [1, 2, 4], "old": [1.0, None, 4.0]}, index=MONTHS),
        title="Keys", unit="keys",
    )  # fmt: skip
    assert [text.get_text() for text in ax.texts] == ["keys: 4", "old: 4"]
    one, other = (text.get_position()[1] for text in ax.texts)
    assert abs(one - other) >= 11  # they would lie on each other
    assert ax.alt.startswith("Keys. keys: 1 in January 2026, 4 in March 2026")
    assert ax.get_title(loc="left") == "Keys: keys from 1 to 4"
    gap = ax.lines[1].get_ydata()
    assert pd.isna(gap[1])  # a month that does not say is a gap, and no zero


def test_a_line_of_zeros_has_an_axis_that_reads() -> None:
    zeros = pd.DataFrame({"enforced": [0, 0, 0]}, index=MONTHS)
    assert charts.trend(zeros, title="Keys", unit="keys").get_ylim() == (0, 1)
    assert charts.trend(zeros, title="MFA", unit="per cent", reach=100).get_ylim() == (0, 100)
    more = pd.DataFrame({"keys": [1, 2, 400]}, index=MONTHS)
    assert charts.trend(more, title="Keys", unit="keys").get_ylim()[1] > 400


def test_before_the_second_audit_there_is_a_sentence() -> None:
    said = charts.trend(pd.DataFrame({"keys": [1]}, index=MONTHS[:1]), title="Keys", unit="keys")
    assert "Only one audit has" in str(said)
    none = charts.trend(pd.DataFrame({"keys": [None]}, index=MONTHS[:1]), title="K", unit="k")
    assert "No audit has" in str(none)


def test_missing_evidence_is_said() -> None:
    frame = pd.DataFrame({"keys": [1, 2, 3]}, index=MONTHS)
    assert "not assessed" in str(charts.trend(frame, title="K", unit="k", missing="all")).lower()
