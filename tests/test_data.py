"""Each file of `data/` has a JSON Schema that describes every field, and fits it."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from iamkit.reference.files import FOLDER, json_schema, read_data

FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
SCHEMAS = {
    name: json_schema(name)
    for path in (FOLDER / "schemas").iterdir()
    for name in [path.name.removesuffix(".schema.json")]
}


def faults(name: str, content: Any) -> list[str]:
    """What of a content does not fit the schema, as places in it."""
    found = Draft202012Validator(
        SCHEMAS[name], format_checker=Draft202012Validator.FORMAT_CHECKER
    ).iter_errors(content)
    return [error.json_path + ": " + error.message[:200] for error in found]


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema within a schema."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from parts(value)


def test_every_file_has_its_schema_and_every_schema_its_file() -> None:
    assert sorted(SCHEMAS) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_file_fits_its_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert faults(name, read_data(f"{name}.yaml")) == []


@pytest.mark.parametrize("name", FILES)
def test_a_schema_describes_every_field_and_knows_no_others(name: str) -> None:
    schema = SCHEMAS[name]
    definitions = schema.get("$defs", {})
    for part in parts(schema):
        if part.get("type") == "object":
            assert part["additionalProperties"] is not True, part
        if part.get("type") == "object" and "properties" in part:
            assert part["additionalProperties"] is False, part
            for field, meaning in part["properties"].items():
                shared = definitions.get(meaning.get("$ref", "").removeprefix("#/$defs/"), {})
                assert meaning.get("description") or shared.get("description"), field


WRONG = {
    "access_levels": ("corrected.0", {"levels": ["Reading"]}),
    "controls": ("0.sections.0.controls.0", {"check": ["root_used"]}),
    "demo": ("users", {"ana": {"created": 3, "paswords": [3, 1]}}),
    "escalation": ("prerequisites", {"a key": {"evidence": "guess", "means": "there is a key"}}),
    "lint": ("", {"dangerous": "iam"}),
    "oidc_providers": ("providers.0", {"url": "both.example.com"}),
    "platform_roles": ("0", {"trust": ["arn:aws:iam::111122223333:root"]}),
    "rcp_services": ("", {"exempt": ["kms"]}),
    "service_deputies": ("no_deputies.0", {"sources": ["https://docs.aws.amazon.com/"]}),
    "risks": ("escalation.rules.0", {"levels": ["Write"]}),
}


@pytest.mark.parametrize("name", FILES)
def test_what_does_not_fit_is_found(name: str) -> None:
    content = deepcopy(read_data(f"{name}.yaml"))
    where, added = WRONG[name]
    place = content
    for step in filter(None, where.split(".")):
        place = place[int(step) if step.isdigit() else step]
    place.update(added)
    assert len(faults(name, content)) == 1


@pytest.mark.parametrize("pattern", ["(", "[a-"])
def test_a_pattern_that_is_none_is_found(pattern: str) -> None:
    content = read_data("oidc_providers.yaml")
    content["providers"][0]["pattern"] = pattern
    assert faults("oidc_providers", content)
