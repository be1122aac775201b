"""What the checks say of each control of each framework, and that no control is left out."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import checks
from iamkit.checks import registry
from iamkit.checks.run import RESULTS
from iamkit.errors import SchemaError, SettingsError
from iamkit.reference.frameworks import CONTROLS, chosen_controls, is_newest, load_controls
from iamkit.results.controls import HOLD_AGAINST, MATRIX, chosen_matrix, matrix
from iamkit.settings import Settings

CIS_IAM = {
    "3.0.0": [f"1.{n}" for n in range(1, 23)],
    "5.0.0": [f"1.{n}" for n in range(1, 22)],
    "6.0.0": [f"2.{n}" for n in range(1, 22)],
    "7.0.0": [f"2.1.{n}" for n in range(1, 7)] + [f"2.{n}" for n in range(2, 22)],
}


def result(check: str, status: str, **facts: Any) -> dict[str, Any]:
    """One row of results: by default about 41 console users, of whom three are meant."""
    counted = {"fail": "failing", "accepted": "accepted", "noted": "noted"}.get(status)
    counts = {counted: 3} if counted else {}
    return (
        {"check": check, "status": status, "among": "console users", "total": 41} | counts | facts
    )


def control(number: str, *names: str, **words: str) -> dict[str, Any]:
    framework = {"framework": "F", "version": "1", "section": "S", "title": "T", "source": "P"}
    return framework | {"id": number, "checks": list(names)} | words


def judged(names: list[str], *results: dict[str, Any], **words: str) -> dict[str, Any]:
    """The matrix's row for one control that these checks speak to."""
    asked = CONTROLS.rows(control("1", *names, **words))
    return matrix(RESULTS.rows(*results), asked).to_dict("records")[0]


# ── The statuses ───────────────────────────────────────────────────────────────────────────────


def test_a_control_passes_when_all_its_checks_pass() -> None:
    row = judged(["a", "b"], result("a", "pass"), result("b", "pass"))
    assert row["status"] == "pass"
    assert row["evidence"] == ("none of 41 console users fails a; none of 41 console users fails b")
    assert row["failing_checks"] == row["not_assessed_checks"] == []
    assert pd.isna(row["note"])


def test_one_failing_check_fails_a_control_whatever_the_others_say() -> None:
    others = (result("b", "not assessed", reason="refused"), result("c", "accepted"))
    row = judged(["a", "b", "c"], result("a", "fail"), *others, manual="People")
    assert row["status"] == "fail"
    assert row["failing_checks"] == ["a"]
    assert row["not_assessed_checks"] == ["b"]
    assert row["evidence"].startswith("3 of 41 console users fail a; b is not assessed: refused")


def test_missing_evidence_is_never_a_pass() -> None:
    row = judged(["a", "b"], result("a", "pass"), result("b", "not assessed", reason="refused"))
    assert row["status"] == "not assessed"
    assert row["evidence"].endswith("b is not assessed: refused")


def test_a_check_that_was_not_run_is_not_assessed() -> None:
    row = judged(["a", "gone"], result("a", "pass"))
    assert row["status"] == "not assessed"
    assert row["not_assessed_checks"] == ["gone"]
    assert row["evidence"].endswith("gone is not assessed: it was not run")


def test_an_accepted_risk_is_not_a_pass() -> None:
    row = judged(["a", "b"], result("a", "pass"), result("b", "accepted"))
    assert row["status"] == "accepted"
    assert row["evidence"].endswith("3 of 41 console users are accepted in b")


def test_a_control_without_checks_is_manual_and_says_why() -> None:
    row = judged([], result("a", "pass"), manual="IAM does not know")
    assert row["status"] == "manual"
    assert pd.isna(row["evidence"])
    assert row["note"] == "IAM does not know."


@pytest.mark.parametrize("status", ["pass", "accepted"])
def test_a_control_answered_in_part_is_never_a_bare_pass(status: str) -> None:
    row = judged(["a"], result("a", status), manual="Who approves", note="Groups count.")
    assert row["status"] == "manual"
    assert row["note"] == "Left open: Who approves. Groups count."
    assert "console users" in row["evidence"]


@pytest.mark.parametrize(
    ("others", "status"),
    [
        ([], "not applicable"),
        (["not applicable"], "not applicable"),
        (["pass"], "pass"),
        (["accepted"], "accepted"),
        (["not assessed"], "not assessed"),
        (["fail", "pass"], "fail"),
    ],
)
def test_a_control_with_nothing_to_examine_is_no_pass(others: list[str], status: str) -> None:
    names = ["a", *(f"b{number}" for number in range(len(others)))]
    reason = "there are no groups"
    rows = [result(n, s) for n, s in zip(names[1:], others, strict=True)]
    row = judged(names, result("a", "not applicable", reason=reason), *rows)
    assert row["status"] == status
    assert "a does not apply: there are no groups" in row["evidence"]
    assert row["not_assessed_checks"] == (["b0"] if "not assessed" in others else [])


def test_nothing_to_examine_leaves_a_manual_control_to_a_person() -> None:
    row = judged(["a"], result("a", "not applicable", reason="none"), manual="Who approves")
    assert row["status"] == "manual"


# ── Facts ──────────────────────────────────────────────────────────────────────────────────────


def test_a_fact_neither_fails_nor_passes_a_control_and_a_person_has_to_look() -> None:
    row = judged(["a", "b"], result("a", "pass"), result("b", "noted"), note="Groups count.")
    assert row["status"] == "noted"
    assert row["noted_checks"] == ["b"]
    assert row["failing_checks"] == row["not_assessed_checks"] == []
    assert row["evidence"].endswith("3 of 41 console users are noted in b")
    assert row["note"] == f"{HOLD_AGAINST} Groups count."


def test_facts_and_what_is_left_open_are_both_said() -> None:
    row = judged(["a"], result("a", "noted"), manual="Who approves")
    assert row["status"] == "noted"
    assert row["note"] == f"{HOLD_AGAINST} Left open: Who approves."
    assert judged(["a"], result("a", "pass"), manual="Who approves")["note"] == (
        "Left open: Who approves."
    )


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ("fail", "fail"),
        ("not assessed", "not assessed"),
        ("accepted", "noted"),
        ("pass", "noted"),
        ("not applicable", "noted"),
    ],
)
def test_a_fact_hides_no_problem_and_nothing_unknown(other: str, status: str) -> None:
    rows = result("a", "noted"), result("b", other, reason="refused")
    row = judged(["a", "b"], *rows)
    assert row["status"] == status
    assert (row["note"] == HOLD_AGAINST) is (status == "noted"), "a person has to look"
    assert row["noted_checks"] == ["a"]
    assert "are noted in a" in row["evidence"]


def test_a_check_that_is_accepted_for_some_can_note_facts_about_others() -> None:
    row = judged(["a"], result("a", "accepted", noted=1))
    assert row["status"] == "noted"
    assert row["evidence"] == "3 of 41 console users are accepted in a, and 1 is noted in it"


@pytest.mark.parametrize("status", ["fail", "not assessed", "accepted"])
def test_what_another_check_reports_counts_as_that_check_says(status: str) -> None:
    """One problem is one finding, and a control that asks for it fails all the same."""
    noted = result("a", "noted", reported_by=["b"]), result("b", "noted", reported_by=["c"])
    row = judged(["a"], *noted, result("c", status, reason="refused"), result("d", "fail"))
    assert row["status"] == ("noted" if status == "accepted" else status)
    assert row["checks"] == ["a", "b", "c"]
    assert row["failing_checks"] == (["c"] if status == "fail" else [])
    assert " c" in row["evidence"] or "c is not" in row["evidence"]


def test_what_is_reported_by_a_check_that_was_not_run_is_not_assessed() -> None:
    row = judged(["a"], result("a", "noted", reported_by=["gone"]))
    assert row["status"] == "not assessed"


# ── The sentences ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"failing": 1}, "1 of 41 console users fails a"),
        ({"total": None}, "3 of the console users fail a"),
        ({"among": "the account", "total": 1}, "the account fails a"),
        ({"reason": "no keys seen"}, "3 of 41 console users fail a (no keys seen)"),
    ],
)
def test_evidence_counts_whom_it_is_about(facts: dict[str, Any], says: str) -> None:
    assert judged(["a"], result("a", "fail", **facts))["evidence"] == says


def test_the_account_and_the_root_user_are_not_counted() -> None:
    root = {"among": "the root user", "total": 1}
    assert judged(["a"], result("a", "pass", **root))["evidence"] == "the root user passes a"
    assert judged(["a"], result("a", "accepted", **root))["evidence"] == (
        "the root user is accepted in a"
    )


def test_each_control_has_its_own_checks_and_the_order_stays() -> None:
    asked = CONTROLS.rows(
        control("2", "a"), control("1", manual="People"), control("3", "b", "a")
    ).set_index(pd.Index([7, 7, 9]))
    table = matrix(RESULTS.rows(result("a", "pass"), result("b", "fail")), asked)
    assert table["id"].tolist() == ["2", "1", "3"]
    assert table["status"].tolist() == ["pass", "manual", "fail"]
    assert table.columns.tolist() == MATRIX.names
    assert table.index.equals(pd.RangeIndex(3))


def test_without_results_nothing_passes() -> None:
    table = matrix(RESULTS.rows())
    assert set(table["status"]) == {"not assessed", "manual"}
    assert len(table) == len(load_controls())


def test_results_and_controls_are_left_as_they_were() -> None:
    results, asked = RESULTS.rows(result("a", "fail")), CONTROLS.rows(control("1", "a"))
    before = results.copy(), asked.copy()
    matrix(results, asked)
    pd.testing.assert_frame_equal(results, before[0])
    pd.testing.assert_frame_equal(asked, before[1])


# ── The file ───────────────────────────────────────────────────────────────────────────────────


def test_every_check_that_a_control_names_exists() -> None:
    assert checks.__name__ == "iamkit.checks"  # importing it fills the registry
    named = set(load_controls()["checks"].explode().dropna())
    assert named - set(registry.CHECKS) == set()


@pytest.mark.parametrize("version", CIS_IAM)
def test_every_iam_control_of_the_cis_benchmark_is_there_in_order(version: str) -> None:
    table = load_controls()
    cis = table[table["framework"].eq("CIS AWS Foundations Benchmark")]
    assert cis.loc[cis["version"] == version, "id"].tolist() == CIS_IAM[version]


def test_cis_ids_mean_what_that_version_says() -> None:
    table = load_controls().set_index(["framework", "version", "id"])["checks"]
    cis = table["CIS AWS Foundations Benchmark"]
    for version, number in {"3.0.0": "1.4", "5.0.0": "1.3", "6.0.0": "2.3", "7.0.0": "2.4"}.items():
        assert cis[version, number] == ["root_access_key"]
    for version, number in {
        "3.0.0": "1.22",
        "5.0.0": "1.21",
        "6.0.0": "2.21",
        "7.0.0": "2.20",
    }.items():
        assert cis[version, number] == ["cloudshell_full_access"]


@pytest.mark.parametrize(
    ("framework", "ids"),
    [
        (
            "NIST SP 800-53",
            ["AC-2", "AC-2(3)", "AC-6", "AC-6(10)", "IA-2(1)", "IA-2(2)", "IA-5(1)"],
        ),
        ("PCI DSS", ["7.2.1", "7.3.3", "8.2.6", "8.3.6", "8.4.1", "8.4.3", "8.5.1", "8.6.3"]),
        ("ISO/IEC 27001", ["A.5.15", "A.5.16", "A.5.17", "A.5.18", "A.8.2", "A.8.3", "A.8.5"]),
        ("SOC 2", ["CC6.1", "CC6.2", "CC6.3", "CC6.6"]),
        (
            "AWS Foundational Security Best Practices",
            ["Account.1", *(f"IAM.{n}" for n in range(1, 9)), "IAM.21"],
        ),
        (
            "AWS Security Hub, other controls",
            ["Account.2", *(f"IAM.{n}" for n in [*range(9, 20), *range(22, 29)])],
        ),
        ("NIST CSF", [f"PR.AA-0{n}" for n in range(1, 7)]),
        ("FedRAMP Moderate", ["AC-2", "AC-2(12)", "AC-6(10)", "IA-2(1)", "IA-5(7)", "PS-4"]),
        ("HIPAA Security Rule", ["164.308(a)(4)(ii)(C)", "164.312(a)(1)", "164.312(d)"]),
        ("NIS2", ["11.1.1", "11.2.2(a)", "11.3.2(a)", "11.5.4", "11.6.2(c)", "11.7.1"]),
        ("Prowler", ["iam_root_mfa_enabled", "iam_user_with_temporary_credentials"]),
    ],
)
def test_the_other_frameworks_have_their_identity_and_access_controls(
    framework: str, ids: list[str]
) -> None:
    table = load_controls()
    assert set(ids) <= set(table.loc[table["framework"] == framework, "id"])


def test_security_hub_lists_no_control_that_aws_retired() -> None:
    hub = load_controls()["framework"].isin(["AWS Security Hub, other controls"])
    assert "IAM.20" not in set(load_controls().loc[hub, "id"])


def test_a_baseline_says_of_a_control_what_its_framework_says() -> None:
    table = load_controls().set_index(["framework", "id"])
    selected, whole = table.loc["FedRAMP Moderate"], table.loc["NIST SP 800-53"]
    for column in ("section", "title", "checks", "manual", "note"):
        assert selected[column].equals(whole.loc[selected.index, column])
    assert set(whole.index) - set(selected.index) == {"AC-2(11)", "AC-3(7)", "AC-6(3)", "IA-9"}


def test_the_newest_version_of_a_framework_comes_first() -> None:
    table = load_controls()
    cis = table[table["framework"].eq("CIS AWS Foundations Benchmark")]
    assert cis["version"].drop_duplicates().tolist() == ["7.0.0", "6.0.0", "5.0.0", "3.0.0"]
    assert set(cis.loc[is_newest(cis), "version"]) == {"7.0.0"}
    others = table.drop(cis.index)
    assert is_newest(others).all()


def test_the_settings_choose_frameworks_by_name() -> None:
    some = chosen_matrix(RESULTS.rows(), Settings(frameworks=("NIS2", "SOC 2")))
    assert some["framework"].drop_duplicates().tolist() == ["SOC 2", "NIS2"]
    assert len(chosen_matrix(RESULTS.rows(), Settings())) == len(load_controls())
    with pytest.raises(SettingsError, match="'NIST' is no framework; did you mean NIS"):
        chosen_controls(["NIST"])


def test_every_control_has_a_title_a_section_and_a_source() -> None:
    table = load_controls()
    assert table[["section", "title", "source"]].notna().all(axis=None)
    assert not table["checks"].map(lambda names: len(names) != len(set(names))).any()


def test_reasons_end_without_a_stop_and_notes_with_one() -> None:
    table = load_controls()
    assert not table["manual"].dropna().str.endswith(".").any()
    assert table["note"].dropna().str.endswith(".").all()


# ── A file that does not fit ───────────────────────────────────────────────────────────────────

FILE = """
- framework: F
  versions: ["1", "2"]
  source: P
  sections:
    - section: S
      controls: [{controls}]
"""


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("{id: a, title: T}", "control a: it needs checks, or manual with the reason"),
        ("{id: a, title: T, checks: []}", "control a: it needs checks"),
        ("{id: a, checks: [x]}", "control a: this control lacks title"),
        ("{id: a, title: T, check: x}", "control a: a control has no check"),
        ("{id: 1.10, title: T, checks: [x]}", "control 1.1: the id is a text in quotes"),
        ('{id: {"3": a}, title: T, checks: [x]}', "one for some of"),
        ("{id: a, title: T, checks: [x]}, {id: a, title: U, checks: [y]}", "F 1 a; F 2 a"),
    ],
)
def test_a_control_that_does_not_fit_is_named(tmp_path: Path, written: str, says: str) -> None:
    path = tmp_path / "controls.yaml"
    path.write_text(FILE.replace("{controls}", written))
    with pytest.raises(SchemaError) as caught:
        load_controls(path)
    assert says in str(caught.value)
    assert "controls.yaml" in str(caught.value)


BASELINE = """
- framework: G
  versions: ["1"]
  source: Q
  baseline: {of: F, version: "2", controls: [b, a]}
"""


def test_a_baseline_selects_from_a_framework_before_it(tmp_path: Path) -> None:
    controls = "{id: a, title: T, checks: [x]}, {id: b, title: U, manual: V}"
    path = tmp_path / "controls.yaml"
    path.write_text(FILE.replace("{controls}", controls) + BASELINE)
    table = load_controls(path)
    table = table[table["framework"] == "G"]
    assert table[["version", "id", "title", "source"]].to_numpy().tolist() == [
        ["1", "b", "U", "Q"],
        ["1", "a", "T", "Q"],
    ]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("controls: [a, c]", "G: F 2 has no control c"),
        ("others: [a]", "this baseline lacks controls"),
    ],
)
def test_a_baseline_that_does_not_fit_is_named(tmp_path: Path, wrong: str, says: str) -> None:
    path = tmp_path / "controls.yaml"
    baseline = BASELINE.replace("controls: [b, a]", wrong)
    path.write_text(FILE.replace("{controls}", "{id: a, title: T, checks: [x]}") + baseline)
    with pytest.raises(SchemaError, match=says):
        load_controls(path)


def test_a_framework_without_controls_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "controls.yaml"
    path.write_text("- {framework: F, versions: ['1'], source: P}")
    with pytest.raises(SchemaError, match="this framework lacks sections, or a baseline"):
        load_controls(path)


def test_a_control_is_in_the_versions_that_number_it(tmp_path: Path) -> None:
    path = tmp_path / "controls.yaml"
    path.write_text(FILE.replace("{controls}", '{id: {"2": b}, title: T, checks: [x]}'))
    table = load_controls(path)
    assert table[["version", "id"]].to_numpy().tolist() == [["2", "b"]]
