"""Every action whose name and access level disagree was looked at, also in a new list."""

import re
from typing import Any

import pandas as pd
import pytest

from iamkit.access import RISKY, changing
from iamkit.reference.access_levels import corrected_levels, levels_by_key
from iamkit.reference.actions import LEVELS, Catalog, load_catalog
from iamkit.reference.files import read_data
from iamkit.reference.risks import risks
from tests.reference.test_actions import embedded

CHANGES = {"Permissions management", "Tagging", "Write"}

# Verbs of calls that read, wherever they write; `GET` is AWS's own spelling at some services.
READS = re.compile(
    r"(Batch|Admin)?(Access|Analyze|Calculate|Check|Compare|Count|Describe|Detect|Discover|Download"
    r"|Estimate|Evaluate|Fetch|Filter|Find|Get|Has|Head|Inspect|Is|List|Lookup|Monitor|Peek"
    r"|Poll|Preview|Query|Read|Retrieve|Scan|Search|Select|Show|Simulate|Test|Validate|Verify|View"
    r"|view)(?![a-z])|(GET|HEAD)$"
)
# Verbs more, of calls that read at all services that have them.
ONLY_READS = re.compile(
    r"(Autocomplete|BatchLookup|Classify|Expand|Export|Forecast|Geocode|GitPull|Infer|Introspect|Match"
    r"|Optimize|Predict|Recognize|Render|Resolve|ReverseGeocode|Sample|Snap|Stream|Suggest|Translate"
    r"|Unmask|search|suggest)(?![a-z])"
)
CREDENTIAL = re.compile(
    r"AccessKey|ApiKey|APIKey|AuthCode|Assume|AccessDetails|Credential|EmbedUrl|KeyPair|LoginUrl"
    r"|Password|PrivateKey|Presigned|PreSigned|Secret|SessionEndpoint|Signed|Token"
)


def content() -> dict[str, Any]:
    found: dict[str, Any] = read_data("access_levels.yaml")
    return found


def named(part: str) -> list[str]:
    """The actions of a part of the file."""
    return [action for group in content()[part] for action in group["actions"]]


def out_of_place(catalog: Catalog) -> pd.DataFrame:
    """Actions whose name says another thing than the level in AWS's list, and what it says."""
    table = catalog.actions
    listed = catalog.listed
    levels = [listed.levels.values[code] for code in listed.levels.codes]
    changes = pd.Series([not CHANGES.isdisjoint(each) for each in levels])
    reads = table["name"].map(lambda name: bool(READS.match(name)))
    only = table["name"].map(lambda name: bool(ONLY_READS.match(name)))
    secret = table["name"].str.contains(CREDENTIAL)
    classed = table["risks"].map(lambda risks: "credential exposure" in risks)
    kinds = {
        "reads by name, and is listed as changing something": changes & reads,
        "changes something by name, and is listed as reading": ~changes & ~reads & ~only,
        "hands out a credential by name, and is in no class": ~changes & secret & ~classed,
    }
    parts = [table.loc[has, ["action"]].assign(kind=kind) for kind, has in kinds.items()]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("catalog", [embedded(), load_catalog()], ids=["embedded", "newest"])
def test_every_action_that_looks_out_of_place_was_looked_at(catalog: Catalog) -> None:
    """Correct a new one in access_levels.yaml, put it into a class of risks.yaml, or keep it."""
    looked_at = {*named("corrected"), *named("kept")}
    found = out_of_place(catalog)
    new = found[~found["action"].isin(looked_at)]
    assert new.to_dict("records") == []


def test_what_was_looked_at_is_in_the_list_once_and_still_looks_out_of_place() -> None:
    every = [*named("corrected"), *named("kept")]
    assert sorted(set(every)) == sorted(every)
    assert set(every) <= set(embedded().actions["action"])
    assert set(named("kept")) <= set(out_of_place(embedded())["action"])


def test_a_correction_that_aws_has_made_by_now_goes() -> None:
    listed = embedded().listed
    levels = dict(zip(listed.actions, listed.levels.codes, strict=True))
    made = [
        action
        for group in content()["corrected"]
        for action in group["actions"]
        if listed.levels.values[levels[action]] == group["levels"]
    ]
    assert made == []


def test_levels_are_corrected_wherever_they_are_asked_for() -> None:
    catalog = embedded().including(["glue:GetSomethingNew"])
    table = catalog.actions.set_index("action")
    for action, levels in corrected_levels().items():
        row = catalog.bits(action)
        [name] = catalog.names(row)
        assert table.loc[name, "levels"] == levels
        assert [level for level in LEVELS if catalog.count(row, level=level)] == [*levels]
    assert table.loc["glue:GetSomethingNew", "levels"] == ()


def test_the_embedded_list_stays_as_aws_has_it() -> None:
    listed = embedded().listed
    stage = listed.levels.codes[listed.actions.index("glue:GetStage")]
    assert listed.levels.values[stage] == ["Permissions management", "Write"]


def test_what_hands_out_a_credential_is_in_its_class_however_it_is_corrected() -> None:
    catalog = embedded()
    classed = set(catalog.names(catalog.mask(risk="credential exposure")))
    reads = [a for a, levels in corrected_levels().items() if CHANGES.isdisjoint(levels)]
    secret = {name for name in catalog.names(catalog.bits(reads)) if CREDENTIAL.search(name)}
    harmless = {"aws-external-anthropic:CountTokens", "sts:TagGetWebIdentityToken"}
    assert secret - classed == harmless


def test_no_correction_takes_an_action_out_of_a_class_that_attackers_look_for() -> None:
    """Classes but the one that goes by level name their actions."""
    by_level = risks().query("rule == 'levels'")["risk"].unique().tolist()
    assert by_level == ["infrastructure modification"]
    catalog = embedded()
    changed = catalog.bits(corrected_levels())
    classes = [catalog.names(changed & catalog.mask(risk=risk)) for risk in RISKY]
    assert {"kms:Decrypt"} <= set(classes[RISKY.index("data exfiltration")])
    assert {"sts:GetWebIdentityToken"} <= set(classes[RISKY.index("escalation")])


def test_an_action_with_two_levels_counts_as_changing_without_its_key() -> None:
    [session] = levels_by_key()
    assert embedded().bits(session.action)[None, :].any()
    assert (embedded().bits(session.action) & changing(embedded())).any()
    [row] = embedded().actions.query("action == @session.action").to_dict("records")
    assert session.key in row["condition_keys"]
