"""The known methods to gain permissions: complete, in one form, and of actions that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from iamkit.reference.actions import load_catalog
from iamkit.reference.files import FOLDER, json_schema

DATA = FOLDER / "escalation.yaml"
SOURCE = Path(__file__).parents[1] / "data" / "privesc_ids.json"
SCHEMA = json_schema("escalation")["$defs"]
FORM = SCHEMA["method"]["properties"]
WORDS = {field: set(form["enum"]) for field, form in FORM.items() if "enum" in form}
WORDS["evidence"] = set(SCHEMA["evidence"]["enum"])


@pytest.fixture(scope="module")
def data() -> Any:
    return yaml.safe_load(DATA.read_text("utf-8"))


@pytest.fixture(scope="module")
def methods(data: Any) -> dict[str, Any]:
    return {method["id"]: method for method in data["methods"]}


def permissions(methods: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each method's id with each of its permissions."""
    for name, method in methods.items():
        for permission in method["permissions"]:
            yield name, permission


def resources(method: dict[str, Any]) -> set[str]:
    return {permission["resource"] for permission in method["permissions"]}


def test_an_id_stands_for_one_method(data: Any, methods: dict[str, Any]) -> None:
    assert len(methods) == len(data["methods"])


def test_every_method_of_pathfinding_is_there_under_its_id(methods: dict[str, Any]) -> None:
    ids = json.loads(SOURCE.read_text("utf-8"))
    assert len(ids) == 65
    assert [name for name in methods if name in set(ids)] == ids
    assert {methods[name]["source"] for name in ids} == {
        f"pathfinding.cloud {name}" for name in ids
    }


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_readers_are_told_how_many_there_are(methods: dict[str, Any], name: str) -> None:
    text = (Path(__file__).parents[2] / name).read_text("utf-8")
    assert f"{len(methods)} known methods to gain permissions" in text


def test_an_id_that_looks_like_pathfindings_says_so(methods: dict[str, Any]) -> None:
    for name, method in methods.items():
        if re.search(r"-\d{3}$", name):
            assert method["source"].startswith(f"pathfinding.cloud {name}")


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
def test_methods_that_the_list_of_65_lacks_are_there(methods: dict[str, Any], action: str) -> None:
    assert action in {permission["action"] for _, permission in permissions(methods)}


def test_every_method_has_every_field_in_order(methods: dict[str, Any]) -> None:
    assert {tuple(method) for method in methods.values()} == {tuple(FORM)}
    for method in methods.values():
        assert method["permissions"], method["id"]
        texts = [value for value in method.values() if not isinstance(value, list)]
        assert all(isinstance(text, str) and text for text in texts), method["id"]


@pytest.mark.parametrize("field", WORDS)
def test_a_field_says_one_of_its_words(methods: dict[str, Any], field: str) -> None:
    assert {method[field] for method in methods.values()} == WORDS[field]


def test_words_that_methods_share_are_defined_and_used(data: Any, methods: dict[str, Any]) -> None:
    assert set().union(*map(resources, methods.values())) == set(data["resources"])
    assert {method["gains"] for method in methods.values()} == set(data["gains"])
    assert {name for method in methods.values() for name in method["prerequisites"]} == set(
        data["prerequisites"]
    )
    assert {name["evidence"] for name in data["prerequisites"].values()} == WORDS["evidence"]


def test_every_action_is_listed_or_says_that_it_is_not(methods: dict[str, Any]) -> None:
    known = set(load_catalog().actions["action"])
    for name, permission in permissions(methods):
        assert set(permission) <= {"action", "resource", "unlisted"}, name
        assert (permission["action"] in known) is not permission.get("unlisted", False), name


def test_no_method_takes_a_permission_twice(methods: dict[str, Any]) -> None:
    for name, method in methods.items():
        actions = [permission["action"] for permission in method["permissions"]]
        assert len(actions) == len(set(actions)), name


def test_whoever_reaches_only_oneself_uses_no_target(methods: dict[str, Any]) -> None:
    for name, method in methods.items():
        own = {"own user", "own role", "own group", "own policy", "own boundary"}
        assert (method["reach"] == "self") is (method["target"] == "none"), name
        assert (method["reach"] == "self") is bool(resources(method) & own), name


def test_who_creates_a_principal_uses_nothing_else(methods: dict[str, Any]) -> None:
    for name, method in methods.items():
        created = {f"new {method['target']}"}
        assert (method["reach"] == "created") is (resources(method) <= created), name
        assert method["reach"] == "created" or not resources(method) & {"new user", "new role"}, (
            name
        )


def test_a_passed_role_is_passed_to_a_service_that_it_trusts(methods: dict[str, Any]) -> None:
    for name, method in methods.items():
        passes = "iam:PassRole" in {permission["action"] for permission in method["permissions"]}
        assert passes is ("passed role" in resources(method)), name
        assert passes is (method["trust"] == "service") is bool(method["services"]), name
        assert all(
            re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com", to)
            for to in method["services"]
        )


def test_a_role_that_is_assumed_trusts_the_caller_or_is_made_to(methods: dict[str, Any]) -> None:
    for name, method in methods.items():
        actions = {permission["action"] for permission in method["permissions"]}
        assert ("sts:AssumeRole" in actions) is (method["trust"] == "caller"), name
        assert ("iam:UpdateAssumeRolePolicy" in actions) is (method["trust"] == "rewritten"), name


def test_what_iam_alone_decides_is_in_iams_evidence(methods: dict[str, Any]) -> None:
    """Where every action is of IAM or STS, no inventory of other services is asked for."""
    for name, method in methods.items():
        services = {permission["action"].partition(":")[0] for permission in method["permissions"]}
        assert not (services <= {"iam", "sts"} and method["evidence"] == "inventory"), name


def test_beyond_pathfindings_no_path_only_adds_permissions_to_another(
    methods: dict[str, Any],
) -> None:
    """Two methods with the same end are two only if neither takes all that the other takes."""
    taken = {name: {p["action"] for p in method["permissions"]} for name, method in methods.items()}
    ends = ("target", "gains", "trust", "services", "prerequisites")
    for name, method in methods.items():
        if method["source"].startswith("pathfinding.cloud"):
            continue
        for other, shorter in methods.items():
            same = all(method[field] == shorter[field] for field in ends)
            assert not (same and taken[other] < taken[name]), (name, other)
