"""Who can become someone else, as the page asks it."""

from pathlib import Path

import pytest

from iamkit import Account, charts
from iamkit.escalation.escalations import ESCALATIONS
from iamkit.pages import escalation
from tests.accounts import ARN, account, details, report
from tests.pages import holding, numbers
from tests.policies import ACCOUNT_ROOT, EVERYTHING, allow, line, person, trusts, worker

ASSUME = "sts:AssumeRole"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """
    Ann becomes the role ops with a key, bo becomes ann with a key or a password.

    Nobody knows whether cy has the external id that the role far asks for. Dee has no credential,
    and eve needs a function.
    """
    ops = f"{ARN}role/ops"
    asks = {"StringEquals": {"sts:ExternalId": "8f3a"}}
    users = [
        person("ann", allow(ASSUME, ops)),
        person("bo", allow("iam:CreateAccessKey", f"{ARN}user/ann")),
        person("cy", allow(ASSUME, f"{ARN}role/far")),
        person("dee", allow(ASSUME, ops)),
        person("eve", allow("lambda:UpdateFunctionCode")),
    ]
    roles = [
        worker("ops", trusts(ACCOUNT_ROOT), EVERYTHING),
        worker("far", trusts(ACCOUNT_ROOT, Condition=asks), EVERYTHING),
    ]
    lines = report(
        line("ann", keys=1), line("bo", keys=1, password=True), line("cy", keys=1),
        line("dee"), line("eve", keys=1),
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("company")
    return account(folder, details(users, roles=roles), credential_report=lines)


def test_the_numbers_are_those_of_the_tables_below(company: Account) -> None:
    assert numbers(escalation.headline(company)) == {
        "Stolen key or session": ("2", "bad"),
        "With a password": ("1", "bad"),
        "With MFA": ("0", "plain"),
        "In any context": ("2", "bad"),
        "Administrators by a step": ("0", "good"),
        "Possible": ("1", "note"),
    }
    assert set(escalation.who_becomes(company)["name"]) == {"ann", "bo"}
    assert escalation.possible(company)["name"].tolist() == ["cy"]


def test_whoever_has_no_credential_cannot_use_one(company: Account) -> None:
    assert "dee" not in set(escalation.usable(company)["name"])
    assert "dee" not in set(escalation.becoming(company)["name"])


def test_the_nearest_come_first(company: Account) -> None:
    found = escalation.becoming(company).query("context == 'stolen-key'")
    assert found["name"].tolist() == ["ann", "bo"]


def test_each_context_says_how_far_everybody_is(company: Account) -> None:
    found = escalation.by_distance(company)
    assert list(found.index) == list(escalation.ARRIVALS.values())
    assert found.loc["a stolen key or session"].to_dict() == {
        "administrators": 2,
        "administrators in another context": 0,
        "one step": 1,
        "two steps": 1,
        "more steps": 0,
        "possible": 1,
        "no path known": 1,
    }


def test_one_row_names_all_it_takes_to_become_administrator(company: Account) -> None:
    nearest, *others = escalation.who_becomes(company).to_dict("records")
    assert (nearest["name"], nearest["steps"], nearest["becomes"]) == ("ann", 1, "ops")
    assert nearest["arrives_with"] == "a stolen key or session; a key or session, from inside"
    assert {(row["name"], row["steps"], row["becomes"]) for row in others} == {("bo", 2, "ops")}


def test_the_diagram_is_of_the_context_in_which_most_become_administrator(
    company: Account,
) -> None:
    counted = escalation.becoming_by_context(company)
    assert counted["stolen-key"] == 2
    assert counted["stolen-password"] == 1
    assert escalation.worst_context(company) == "stolen-key"
    shown = escalation.in_context(company, "stolen-key")
    assert set(shown["name"]) == {"ann", "bo", "cy", "eve", "far", "ops"}
    boxes, _ = charts.boxes_and_links(shown)
    assert escalation.described(boxes)["box"].tolist() == ["ops", "far", "ann", "bo"]


def test_a_box_of_several_names_them(company: Account) -> None:
    boxes, _ = charts.boxes_and_links(escalation.in_context(company, "stolen-key"))
    names = [list("abcdefg"), ["far"], ["ann"], []]
    boxes["names"] = names
    assert escalation.described(boxes)["among_them"].dropna().tolist() == [list("abcdefg")]


def test_the_longest_of_the_shortest_paths_comes_first(company: Account) -> None:
    found = escalation.shortest_paths(company, "stolen-key")
    assert found[["steps", "name", "onward"]].values.tolist() == [
        [2, "bo", "ann → ops"],
        [1, "ann", "ops"],
    ]
    assert "CreateAccessKey" in found["the_first_step"].iloc[0]


def test_what_to_change_first_says_who_loses_and_who_keeps(company: Account) -> None:
    found = escalation.changes(company, "stolen-key")
    assert found.iloc[0][["removed", "remaining"]].tolist() == [2, 0]


def test_proven_paths_to_administrator_access_come_first(company: Account) -> None:
    found = escalation.proven(company)
    assert "ops" not in set(found["name"]), "administrators are left out"
    assert found["reaches_admin"].is_monotonic_decreasing
    assert set(found.loc[found["name"] == "ann", "target"]) == {"ops"}
    assert escalation.proven_by_identity(company)["name"].tolist() == found["name"].tolist()


def row(name: str, method: str = "m", **members: object) -> dict[str, object]:
    arn = f"{ARN}{'role' if name.isupper() else 'user'}/{name.lower()}"
    told = {"kind": "role" if name.isupper() else "user", "name": name.lower(), "method": method}
    known = {"category": "keys", "status": "proven", "reaches_admin": True, "description": method}
    return {"principal_arn": arn, "target_arn": arn, **told, **known, **members}


def others(*rows: dict[str, object]) -> Account:
    """An account with these escalations and no administrators."""
    return holding(escalations=ESCALATIONS.rows(*rows), administrators=ESCALATIONS.rows())


def test_an_identity_counts_once_a_category_whatever_its_methods() -> None:
    found = escalation.proven_by_category(others(row("ann"), row("ann", "n"), row("ANN")))
    assert found.loc["keys"].to_dict() == {"users": 1, "roles": 1}


def test_methods_name_how_many_and_who(company: Account) -> None:
    four = [row(name, target_arn="arn:…:role/ops") for name in ("ann", "bo", "cy", "dee")]
    found = escalation.proven_by_method(others(*four, row("eve", reaches_admin=False)))
    assert found[["method", "target", "identities"]].values.tolist() == [
        ["m", "ops", 4],
        ["m", "itself", 1],
    ]
    assert found["among_them"].tolist() == [["ann", "bo", "cy", "dee"], ["eve"]]


def test_what_lacks_a_target_says_what_to_look_for(company: Account) -> None:
    found = escalation.lacking_a_target(company)
    (row,) = found[found["among_them"].map(lambda names: names == ["eve"])].to_dict("records")
    assert row["identities"] == 1
    assert "function" in row["what_to_look_for"]


def test_the_example_is_the_nearest_and_its_reach_names_the_way(company: Account) -> None:
    assert escalation.example(company) == f"{ARN}user/ann"
    found = escalation.reach(company, "bo", "stolen-key")
    assert found[["name", "through"]].values.tolist()[:2] == [["ann", ""], ["ops", "ann"]]


def test_of_nobody_there_is_no_example(tmp_path: Path) -> None:
    nobody = account(tmp_path)
    assert escalation.example(nobody) == ""
    assert escalation.reach(nobody, "", "stolen-key").empty
    assert escalation.by_distance(nobody).empty
    assert escalation.worst_context(nobody) in escalation.ARRIVALS


def test_an_administrator_who_needs_a_step_elsewhere_is_in_one_class(demo_account: Account) -> None:
    """Elena is an administrator with MFA; with a password alone she registers a device first."""
    mine = escalation.administrators_by_steps(demo_account)
    assert mine[["name", "arrives_with"]].values.tolist() == [
        ["elena.petrova", "a password, from inside"]
    ]
    others = escalation.who_becomes(demo_account)["name"]
    assert "elena.petrova" not in set(others)
    assert "nightly-build" in set(others), "two steps are steps, too"
    found = demo_account.audit.results.set_index("check")["failing"]["can_become_administrator"]
    assert others.nunique() == found == len(set(escalation.becoming(demo_account)["name"]))
    shown = numbers(escalation.headline(demo_account))
    assert shown["In any context"] == (str(found), "bad")
    assert shown["Administrators by a step"] == ("1", "bad")
    assert shown["With a password"] == ("0", "plain"), "her password is no good news"
    context = escalation.in_context(demo_account, "password-inside")
    assert "elena.petrova" not in set(context["name"])


def test_each_row_counts_an_administrator_as_one(demo_account: Account) -> None:
    found = escalation.by_distance(demo_account)
    assert found.loc["a password, from inside", "one step"] == 0
    users = demo_account.administrators.query("kind == 'user'")["principal_arn"]
    paths = escalation.usable(demo_account).query("context == 'password-inside'")
    counted = found.loc["a password, from inside"]
    assert counted[["administrators", "administrators in another context"]].sum() == (
        paths["principal_arn"].isin(users).sum()
    )
