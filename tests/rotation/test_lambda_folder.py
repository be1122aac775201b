"""The folder for AWS Lambda: it runs as written, with boto3 alone, and its template is in order."""

import json
import os
import re
import sys
from datetime import datetime
from pathlib import Path

import boto3
import pytest
import yaml

from iamkit.rotation import lambda_folder
from tests.aws.account import backend, clock
from tests.processes import run
from tests.rotation.test_rotate_command import iamkit
from tests.rotation.test_rotator import OLD, check_secrets
from tests.rotation.world import LIMITS, ROTATOR, TOPIC, World, keys, statuses

BOTO3 = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")

# As AWS runs it: nothing is there but the standard library, boto3 and the folder.
RUNS = """
import importlib, json, sys
from pathlib import Path

folder, libraries, now, name = sys.argv[1:]
sys.path += [folder, libraries]
module, _, function = name.rpartition(".")
handler = importlib.import_module(module)

class Clock(handler.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromisoformat(now)

class Context:
    def get_remaining_time_in_millis(self):
        return 900_000

handler.datetime = Clock
answer = getattr(handler, function)({}, Context())
loaded = [m for n, m in sys.modules.items() if n.split(".")[0] == "iamkit"]
assert all(Path(m.__file__).is_relative_to(folder) for m in loaded), loaded
assert not {"pandas", "numpy", "click"} & set(sys.modules)
print(json.dumps(answer))
"""


class _Template(yaml.SafeLoader):
    """YAML with CloudFormation's short functions."""


def _function(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict:
    if isinstance(node, yaml.SequenceNode):
        return {tag: loader.construct_sequence(node, deep=True)}
    return {tag: loader.construct_scalar(node)}


_Template.add_multi_constructor("!", _function)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, and beside it boto3 and what that needs."""
    made = tmp_path_factory.mktemp("lambda")
    libraries = made / "libraries"
    libraries.mkdir()
    site = Path(boto3.__file__).parents[1]
    for name in BOTO3:
        (libraries / name).symlink_to(site / name)
    lambda_folder.write_lambda_folder(made / "rotation", LIMITS, {})
    return made


@pytest.fixture(scope="module")
def template(folder: Path) -> dict:
    text = (folder / "rotation/template.yaml").read_text()
    return yaml.load(text, _Template)


def invoke(folder: Path, template: dict, now: datetime) -> tuple[int, str]:
    function = template["Resources"]["Function"]["Properties"]
    given = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
    variables = {
        name: {"Topic": TOPIC}.get(value["Ref"]) or str(given.get(value["Ref"]))
        if "Ref" in value
        else ROTATOR
        for name, value in function["Environment"]["Variables"].items()
    }
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    where = [str(folder / "rotation/function"), str(folder / "libraries")]
    done = run(
        [sys.executable, "-I", "-S", "-c", RUNS, *where, now.isoformat(), function["Handler"]],
        env={**kept, **variables},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_it_runs_as_written(world: World, folder: Path, template: dict):
    world.user("ana", OLD)
    world.user("bo", (10, 1, "Active"))
    said = []
    for days in (0, 1, 8, 8):
        world.pass_days(days)
        code, output = invoke(folder, template, clock.now)
        assert code == 0, output
        assert '{"users": 2}' in output
        said.append(output)
        world.check()
    assert statuses("ana") == ["Active"]
    assert keys("ana")[0].access_key_id == world.held("ana")
    assert statuses("bo") == ["Active"]
    assert len(world.told()) == 1
    check_secrets(world, *said)


def test_one_users_failure_is_told_and_stops_nobody_else(
    world: World, folder: Path, template: dict
):
    world.user("ana", OLD)
    world.user("bo", OLD)
    world.clients.secrets.create_secret(Name="iamkit/access-keys/ana/key", SecretString="{}")
    code, output = invoke(folder, template, clock.now)
    assert code == 1
    assert "RuntimeError: 1 failures, the first: ana: there is a secret" in output
    assert (statuses("ana"), statuses("bo")) == (["Active"], ["Active", "Active"])
    assert "ana: there is a secret" in world.told()[-1]


def test_notes_are_repeated_to_who_is_told(world: World, template: dict, folder: Path):
    world.user("ana", OLD)
    notes = {backend().users["ana"].arn: "ana can fetch its new key only with MFA."}
    lambda_folder.write_lambda_folder(folder / "rotation", LIMITS, notes)
    code, output = invoke(folder, template, clock.now)
    lambda_folder.write_lambda_folder(folder / "rotation", LIMITS, {})
    assert code == 0, output
    assert "Note: ana can fetch its new key only with MFA." in world.told()[0]
    assert not (folder / "rotation/function/notes.json").exists()


def test_its_role_may_do_what_it_calls_and_no_more(world: World, template: dict):
    """Each action that the role has is called in a rotation, and each that is called it has."""
    statements = template["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]
    granted = set()
    for each in statements["Statement"]:
        granted |= {each["Action"]} if isinstance(each["Action"], str) else set(each["Action"])
    granted -= {"logs:CreateLogStream", "logs:PutLogEvents"}
    called = set()
    for name, client in vars(world.clients).items():
        service = client.meta.service_model.signing_name
        assert service in ("iam", "secretsmanager", "sns"), name
        client.meta.events.register(
            "before-call",
            lambda model, service=service, **_: called.add(f"{service}:{model.name}"),
            unique_id="called",
        )
    world.user("ana", OLD)
    for days in (0, 1, 8, 8):
        world.run(days, "tags")
    for client in vars(world.clients).values():
        client.meta.events.unregister("before-call", unique_id="called")
    assert called == granted


def test_the_template_names_only_what_it_has(template: dict):
    text = json.dumps(template)
    named = set(re.findall(r'"(?:Ref|GetAtt)": "(\w+)', text))
    named |= set(re.findall(r"\$\{(\w+)\}", text))
    known = {*template["Parameters"], *template["Resources"]}
    assert named <= known
    assert {*template["Parameters"]} - named - {"NotificationEmail"} == set()
    days = {name: template["Parameters"][f"{name}Days"]["Default"] for name in ("MaxKeyAge",)}
    assert days == {"MaxKeyAge": 90}
    assert "@" not in re.sub(r"[\w.]+@example", "", text)


def test_the_template_passes_cfn_lint(folder: Path):
    from cfnlint import api  # with sympy and more, which would take every process a second

    text = (folder / "rotation/template.yaml").read_text()
    found = [each for each in api.lint_all(text) if each.rule.severity != "informational"]
    assert [str(each) for each in found] == []


def test_other_files_are_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    made = iamkit("rotate", "--lambda", "out")
    assert (made.exit_code, made.stdout) == (0, "out\n"), made.stderr
    assert iamkit("rotate", "--lambda", "out").exit_code == 0
    other = tmp_path / "out/function/mine.py"
    other.write_text("")
    refused = iamkit("rotate", "--lambda", "out")
    assert refused.exit_code == 5
    assert "out holds function/mine.py, which is no part of it" in refused.stderr
    other.unlink()
    (tmp_path / "iamkit.yaml").write_text("max_key_age_days: 30\n")
    assert iamkit("rotate", "--lambda", "out").exit_code == 0
    assert "Default: 30" in (tmp_path / "out/template.yaml").read_text()
