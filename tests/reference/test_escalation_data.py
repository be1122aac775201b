"""The known ways to gain permissions: complete, in one form, and of actions that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from iamkit.reference.actions import load_catalog
from iamkit.reference.files import FOLDER, schema

DATA = FOLDER / "escalation.yaml"
SOURCE = Path(__file__).parents[1] / "data" / "privesc_ids.json"
SCHEMA = schema("escalation")["$defs"]
FORM = SCHEMA["path"]["properties"]
WORDS = {field: set(form["enum"]) for field, form in FORM.items() if "enum" in form}
WORDS["evidence"] = set(SCHEMA["evidence"]["enum"])


@pytest.fixture(scope="module")
def data() -> Any:
    return yaml.safe_load(DATA.read_text("utf-8"))


@pytest.fixture(scope="module")
def paths(data: Any) -> dict[str, Any]:
    return {path["id"]: path for path in data["paths"]}


def permissions(paths: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each path's id with each of its permissions."""
    for name, path in paths.items():
        for permission in path["permissions"]:
            yield name, permission


def resources(path: dict[str, Any]) -> set[str]:
    return {permission["resource"] for permission in path["permissions"]}


def test_an_id_stands_for_one_path(data: Any, paths: dict[str, Any]) -> None:
    assert len(paths) == len(data["paths"])


def test_every_path_of_pathfinding_is_there_under_its_id(paths: dict[str, Any]) -> None:
    ids = json.loads(SOURCE.read_text("utf-8"))
    assert len(ids) == 65
    assert [name for name in paths if name in set(ids)] == ids
    assert {paths[name]["source"] for name in ids} == {f"pathfinding.cloud {name}" for name in ids}


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_readers_are_told_how_many_there_are(paths: dict[str, Any], name: str) -> None:
    text = (Path(__file__).parents[2] / name).read_text("utf-8")
    assert f"{len(paths)} known ways to gain permissions" in text


def test_an_id_that_looks_like_pathfindings_says_so(paths: dict[str, Any]) -> None:
    for name, path in paths.items():
        if re.search(r"-\d{3}$", name):
            assert path["source"].startswith(f"pathfinding.cloud {name}")


@pytest.mark.parametrize(
    "action",
    [
        "iam:SetDefaultPolicyVersion", "iam:DeleteUserPermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
        "iam:DeleteUserPolicy", "iam:DetachUserPolicy", "iam:AcceptDelegationRequest",
        "sts:AssumeRoot", "bedrock-agentcore:InvokeAgentRuntimeCommand",
        "sso:PutInlinePolicyToPermissionSet", "lambda:UpdateFunctionConfiguration",
    ],
)  # fmt: skip
def test_ways_that_the_list_of_65_lacks_are_there(paths: dict[str, Any], action: str) -> None:
    assert action in {permission["action"] for _, permission in permissions(paths)}


def test_every_path_has_every_field_in_order(paths: dict[str, Any]) -> None:
    assert {tuple(path) for path in paths.values()} == {tuple(FORM)}
    for path in paths.values():
        assert path["permissions"], path["id"]
        texts = [value for value in path.values() if not isinstance(value, list)]
        assert all(isinstance(text, str) and text for text in texts), path["id"]


@pytest.mark.parametrize("field", WORDS)
def test_a_field_says_one_of_its_words(paths: dict[str, Any], field: str) -> None:
    assert {path[field] for path in paths.values()} == WORDS[field]


def test_words_that_paths_share_are_defined_and_used(data: Any, paths: dict[str, Any]) -> None:
    assert set().union(*map(resources, paths.values())) == set(data["resources"])
    assert {path["gains"] for path in paths.values()} == set(data["gains"])
    assert {need for path in paths.values() for need in path["needs"]} == set(data["needs"])
    assert {need["evidence"] for need in data["needs"].values()} == WORDS["evidence"]


def test_every_action_is_listed_or_says_that_it_is_not(paths: dict[str, Any]) -> None:
    known = set(load_catalog().actions["action"])
    for name, permission in permissions(paths):
        assert set(permission) <= {"action", "resource", "unlisted"}, name
        assert (permission["action"] in known) is not permission.get("unlisted", False), name


def test_no_path_takes_a_permission_twice(paths: dict[str, Any]) -> None:
    for name, path in paths.items():
        actions = [permission["action"] for permission in path["permissions"]]
        assert len(actions) == len(set(actions)), name


def test_whoever_reaches_only_oneself_uses_no_target(paths: dict[str, Any]) -> None:
    for name, path in paths.items():
        own = {"own user", "own role", "own group", "own policy", "own boundary"}
        assert (path["reach"] == "self") is (path["target"] == "none"), name
        assert (path["reach"] == "self") is bool(resources(path) & own), name


def test_whoever_makes_somebody_uses_nothing_else(paths: dict[str, Any]) -> None:
    for name, path in paths.items():
        made = {f"new {path['target']}"}
        assert (path["reach"] == "made") is (resources(path) <= made), name
        assert path["reach"] == "made" or not resources(path) & {"new user", "new role"}, name


def test_a_passed_role_is_passed_to_a_service_that_it_trusts(paths: dict[str, Any]) -> None:
    for name, path in paths.items():
        passes = "iam:PassRole" in {permission["action"] for permission in path["permissions"]}
        assert passes is ("passed role" in resources(path)), name
        assert passes is (path["trust"] == "service") is bool(path["services"]), name
        assert all(
            re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com", to)
            for to in path["services"]
        )


def test_a_role_that_is_assumed_trusts_the_caller_or_is_made_to(paths: dict[str, Any]) -> None:
    for name, path in paths.items():
        actions = {permission["action"] for permission in path["permissions"]}
        assert ("sts:AssumeRole" in actions) is (path["trust"] == "caller"), name
        assert ("iam:UpdateAssumeRolePolicy" in actions) is (path["trust"] == "rewritten"), name


def test_what_iam_alone_decides_is_in_iams_evidence(paths: dict[str, Any]) -> None:
    """Where every action is of IAM or STS, no inventory of other services is asked for."""
    for name, path in paths.items():
        services = {permission["action"].partition(":")[0] for permission in path["permissions"]}
        assert not (services <= {"iam", "sts"} and path["evidence"] == "inventory"), name


def test_beyond_pathfindings_no_path_only_adds_permissions_to_another(
    paths: dict[str, Any],
) -> None:
    """Two paths with the same end are two only if neither takes all that the other takes."""
    taken = {name: {p["action"] for p in path["permissions"]} for name, path in paths.items()}
    ends = ("target", "gains", "trust", "services", "needs")
    for name, path in paths.items():
        if path["source"].startswith("pathfinding.cloud"):
            continue
        for other, shorter in paths.items():
            same = all(path[field] == shorter[field] for field in ends)
            assert not (same and taken[other] < taken[name]), (name, other)
