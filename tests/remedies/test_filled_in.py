"""A remedy that waits for a value which only a person knows: nothing is changed without it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.remedies import Remedy, proof, proposals, write
from tests.accounts import ARN, account, details, role, user
from tests.processes import run
from tests.remedies.test_shellcheck import SHELLCHECK
from tests.results.test_advice import document

FIRST, SECOND = "999988887777", "888877776666"
NAME = f"EXTERNAL_ID_{FIRST}"
ALLOW = {"Effect": "Allow", "Action": "sts:AssumeRole"}


def trusting(*who: str, **more: Any) -> dict[str, Any]:
    return {**ALLOW, "Principal": {"AWS": [*who]}, **more}


def root(number: str) -> str:
    return f"arn:aws:iam::{number}:root"


@pytest.fixture(scope="module")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Account, Remedy]:
    """Roles that others may assume: one of them alone, both beside a user, one with its id."""
    with_id = {"Condition": {"StringEquals": {"sts:ExternalId": "known"}}}
    trusts = {
        "one": document(trusting(FIRST)),
        "both": document(trusting(root(FIRST), root(SECOND), f"{ARN}user/ann", Sid="All")),
        "asked": document(trusting(FIRST, **with_id)),
    }
    roles = [role(name, trust) for name, trust in trusts.items()]
    made = account(tmp_path_factory.mktemp("vendors"), details([user("ann")], roles=roles))
    (proposal,) = (each for each in proposals(made) if each.id == "ask-for-external-ids")
    return made, proof.tried(made, proposal)


def test_each_account_is_asked_for_its_own_id_beside_the_others(
    vendors: tuple[Account, Remedy],
) -> None:
    _, remedy = vendors
    found = {each.role: each.document["Statement"] for each in remedy.proposal.changes}
    assert found.keys() == {f"{ARN}role/one", f"{ARN}role/both"}

    def asking(who: str, number: str, **more: Any) -> dict[str, Any]:
        (blank,) = (each for each in remedy.proposal.to_fill if number in each.name)
        asked = {"StringEquals": {"sts:ExternalId": blank.example}}
        return trusting(who, **more, Condition=asked)

    (one,) = found[f"{ARN}role/one"]
    assert one["Condition"] == asking(FIRST, FIRST)["Condition"]
    assert found[f"{ARN}role/both"] == [
        trusting(f"{ARN}user/ann", Sid="All"),
        asking(root(FIRST), FIRST, Sid=f"AllExternalId{FIRST}"),
        asking(root(SECOND), SECOND, Sid=f"AllExternalId{SECOND}"),
    ]


def test_the_proof_says_that_it_was_made_with_a_placeholder(
    vendors: tuple[Account, Remedy],
) -> None:
    _, remedy = vendors
    ended = set(zip(remedy.ended["check"], remedy.ended["name"], strict=True))
    assert {("vendor_without_external_id", name) for name in ("one", "both")} <= ended
    assert remedy.new.empty
    assert "with a placeholder" in remedy.proposal.not_known[0]
    assert [each.name for each in remedy.proposal.to_fill] == [f"EXTERNAL_ID_{SECOND}", NAME]


@pytest.mark.skipif(os.name != "posix", reason="runs a shell script")
def test_the_script_refuses_until_each_value_is_there(
    vendors: tuple[Account, Remedy], tmp_path: Path
) -> None:
    made, remedy = vendors
    script = write(tmp_path / "out", made, [remedy], [])
    asked = tmp_path / "asked"
    (tmp_path / "aws").write_text(
        "#!/bin/sh\ncase $2 in get-caller-identity) echo 012345678901; exit ;; esac\n"
        f'for each; do case $each in file://*) cat "${{each#file://}}" >>"{asked}" ;; esac; done\n'
    )
    (tmp_path / "aws").chmod(0o700)

    def ended(verb: str, **values: str) -> "subprocess.CompletedProcess[str]":
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **values}
        given = ["sh", script, verb, remedy.proposal.id]
        return run(given, env=env, capture_output=True, text=True)

    for values, wrong in (
        ({}, f"set EXTERNAL_ID_{SECOND} "),
        ({f"EXTERNAL_ID_{SECOND}": "a-1"}, f"set {NAME} "),
        ({f"EXTERNAL_ID_{SECOND}": "a-1", NAME: 'b" c'}, f"{NAME} may have"),
    ):
        refused = ended("do", **values)
        assert refused.returncode == 1
        assert wrong in refused.stderr
        assert "Nothing was changed" in refused.stderr
        assert not asked.exists()
    for _ in range(2):
        done = ended("do", **{f"EXTERNAL_ID_{SECOND}": "a-1", NAME: "b:2"})
        assert done.returncode == 0, done.stderr
        text = asked.read_text()
        asked.unlink()
        assert '"a-1"' in text
        assert text.count('"b:2"') == 2
        assert "@" not in text
    assert ended("undo").returncode == 0
    assert "ExternalId" not in asked.read_text()
    checked = run([SHELLCHECK, "--norc", "--shell=sh", "--exclude=SC2016", script],
                  capture_output=True, text=True)  # fmt: skip
    assert checked.stdout == ""
    said = json.loads((tmp_path / "out/remedies.json").read_text())["remedies"][0]["to_fill"]
    assert said[NAME] == f"the external id that account {FIRST} sends"
