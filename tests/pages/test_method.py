"""How the answers were reached, as the page asks it."""

from pathlib import Path

from iamkit.access import CONTEXTS
from iamkit.checks import SEVERITIES
from iamkit.pages import method
from iamkit.tables import schema
from tests.accounts import account, details, user
from tests.pages import numbers


def test_the_page_names_the_evidence(tmp_path: Path) -> None:
    made = account(tmp_path, details([user("ann")]))
    found = numbers(method.headline(made))
    files = method.files(made)
    assert found["Evidence of"][0] == "2026-11-01"
    assert found["Files"][0] == str(len(files))
    assert found["Gaps"] == (str(len(made.gaps)), "note")
    assert files["sha256"].str.len().eq(64).all()
    assert set(files.index) <= set(method.calls(made)["file"])


def test_a_key_that_a_context_does_not_name_is_unknown(tmp_path: Path) -> None:
    found = method.contexts(account(tmp_path)).set_index("condition_key")
    with_mfa = found.loc["aws:multifactorauthpresent"]
    others = with_mfa["otherwise"].split("; ")
    said = {with_mfa["value"], *(each.partition(":")[0] for each in others)}
    assert said == {"absent", "true", "false", "unknown"}
    assert "true: mfa-outside, mfa-inside" in others
    named = {name for each in others for name in each.partition(": ")[2].split(", ")}
    assert named < set(CONTEXTS)
    assert found.loc["aws:viaawsservice", ["value", "otherwise"]].tolist() == [
        "false", "true: via-service",
    ]  # fmt: skip


def test_each_severity_has_a_meaning_and_its_numbers(tmp_path: Path) -> None:
    made = account(tmp_path, details([user("ann")]))
    found = method.severities(made).set_index("severity")
    assert list(found.index) == list(SEVERITIES)
    assert found["checks"].sum() == len(made.audit.results)
    failing = made.audit.findings.query("status == 'fail'")
    assert found["findings"].sum() == len(failing.drop_duplicates(["check", "subject"]))


def test_each_table_says_how_many_rows_it_has(tmp_path: Path) -> None:
    made = account(tmp_path, details([user("ann")]))
    found = method.tables(made).set_index("table")["rows"]
    assert found["users"] == 1
    assert (
        set(method.columns()["table"]) == set(found.index) == {each.name for each in schema.TABLES}
    )


def test_tables_of_the_kit_s_own_texts_show_no_marks_of_code(tmp_path: Path) -> None:
    held = account(tmp_path)
    for frame in (method.tables(held), method.columns(), held.settings.describe()):
        assert not frame.astype("str").apply(lambda of: of.str.contains("`")).to_numpy().any()
