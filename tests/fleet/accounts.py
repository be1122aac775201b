"""Run files over accounts that the AWS CLI saved, and reports of one small notebook."""

import base64
import json
from functools import partial
from pathlib import Path

import pytest
import yaml

from iamkit import load
from iamkit.report import Report, manifest, render
from tests.accounts import details, report, user

EVERYTHING = {
    "PolicyName": "all",
    "PolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    },
}
NOTEBOOK = """{
 "cells": [
  {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Users\\n\\nHow many?"},
  {"cell_type": "code", "id": "b", "metadata": {"tags": ["parameters"]}, "outputs": [],
   "execution_count": null,
   "source": "snapshot = 'latest'  # type: str\\nsettings = None  # type: str|None"},
  {"cell_type": "code", "id": "c", "metadata": {}, "outputs": [], "execution_count": null,
   "source": "from iamkit import load\\nprint(len(load(snapshot, settings or '').users))"}
 ],
 "metadata": {}, "nbformat": 4, "nbformat_minor": 5
}
"""


def notebook_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reports of runs have one page, which takes a fraction of the time of all of them."""
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    (notebooks / "00-users.ipynb").write_text(NOTEBOOK)
    monkeypatch.setattr("iamkit.fleet.account_audit.render", partial(render, notebooks=notebooks))


def without_pages(path: Path, *, settings: Path, **options: object) -> Report:
    """A report that is an index and the audit's record: what a run itself goes by."""
    account = load(path, settings)
    account.history.keep()
    findings = account.audit.findings
    failing = findings.loc[findings["status"] == "fail", "severity"]
    index = path.parent / "index.html"
    index.write_text("<h1>A report</h1>")
    facts = dict.fromkeys(manifest.REQUIRED) | {"evidence_sha256": account.snapshot.evidence_hash}
    sealed = manifest.sealed(facts, {"index.html": manifest.sha256(index.read_bytes())}, [])
    (path.parent / manifest.MANIFEST).write_bytes(sealed)
    return Report(index, (), "0" * 64, failing.value_counts().to_dict())


def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reports of runs be those of `without_pages`."""
    monkeypatch.setattr("iamkit.fleet.account_audit.render", without_pages)


def saved(folder: Path, account_id: str, *names: str, month: str = "2026-11") -> Path:
    """Answers that the AWS CLI saved of an account with these administrators, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    users = [user(name, UserPolicyList=[EVERYTHING]) for name in names]
    mine = json.dumps(details(users)).replace("012345678901", account_id)
    (folder / "details.json").write_text(mine)
    text = report().replace("012345678901", account_id)
    content = base64.b64encode(text.encode()).decode()
    answer = {
        "Content": content,
        "GeneratedTime": f"{month}-01T06:00:00Z",
        "ReportFormat": "text/csv",
    }
    (folder / "report.json").write_text(json.dumps(answer))
    return folder


def run_file(folder: Path, **content: object) -> Path:
    """Write a run file."""
    path = folder / "iamkit.yaml"
    path.write_text(yaml.safe_dump(content))
    return path
