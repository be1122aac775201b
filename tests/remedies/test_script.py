"""remedies.sh against an account: it does what was promised, twice the same, and undoes it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account, load
from iamkit.evidence import aws
from iamkit.pages import expected
from iamkit.remedies import Proposal, Remedy, commands, documents, proof, remedies, write
from iamkit.remedies.losses import LOSSES
from iamkit.results import CHANGES, changes
from iamkit.settings import Settings
from tests.aws import company
from tests.aws.account import backend, clock, facts, preserved
from tests.aws.server import moto_server
from tests.examples import thorough
from tests.processes import run

CLI = Path(__file__).with_name("aws_cli.py")
NETWORKS = ("203.0.113.0/24",)
pytestmark = [
    pytest.mark.usefixtures("credentials"),
    pytest.mark.skipif(os.name != "posix", reason="runs a shell script"),
]


class Site:
    """An account of AWS, its remedies, and a shell in which `aws` is the stand-in."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.number = 0
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        program = bin_folder / "aws"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{CLI}" "$@"\n')
        program.chmod(0o700)
        self.env = {
            "PATH": f"{bin_folder}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": url,
        }
        self.before = self.collected()
        with pytest.MonkeyPatch.context() as patch:
            if not thorough():  # each proof is an audit, and other tests prove them
                patch.setattr(proof, "tried", counted)
            self.found, self.refused = remedies(self.before)
        for each in self.found:  # what the script asks a person for
            self.env |= {blank.name: blank.example for blank in each.proposal.to_fill}
        self.script = write(folder / "remedies", self.before, self.found, self.refused)

    def collected(self) -> Account:
        """The account as it is now, five hours later, when AWS makes a new credential report."""
        self.number += 1
        clock.now += timedelta(hours=5)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", self.url)
            path = aws.from_aws(self.folder / f"reports-{self.number}")
        return load(path, Settings().with_overrides(approved_networks=NETWORKS))

    def runs(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return run(["sh", self.script, *arguments], env=self.env, capture_output=True, text=True)

    def remedy(self, name: str) -> Remedy:
        return next(each for each in self.found if each.proposal.id == name)


def counted(account: Account, proposal: Proposal) -> Remedy:
    """A remedy that nobody tried: it ends what pages expect it to end."""
    account.what_if(*proposal.changes)  # raises for what AWS would refuse
    expects = expected.expected(account, [proposal])
    ends = expects[0].ends if expects else account.audit.findings.iloc[:0]
    made = tuple(commands(each, account) for each in proposal.changes)
    verdicts, lost = pd.DataFrame(columns=CHANGES.names), pd.DataFrame(columns=LOSSES.names)
    return Remedy(proposal, made, ends, ends.iloc[:0], verdicts, lost, ())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with moto_server() as url, pytest.MonkeyPatch.context() as patch:
        company.build(url, 20 if thorough() else 10, organization=True)
        facts().page_size = 15  # so that every list has several pages
        facts().report = None
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield Site(url, tmp_path_factory.mktemp("site"))
        facts().report = None


def state(account: Account) -> Any:
    """What the authorization details say, in an order that does not depend on that of calls."""

    def ordered(value: Any) -> Any:
        if isinstance(value, dict):
            left_out = ["UpdateDate", "CreateDate", "DefaultVersionId", "VersionId", "PolicyId"]
            # Moto counts an attachment that is made twice as two; who has a policy is compared.
            # A group that is made again has another id.
            left_out += ["AttachmentCount", "GroupId"]
            return {key: ordered(each) for key, each in value.items() if key not in left_out}
        if isinstance(value, list):
            return sorted(map(ordered, value), key=lambda each: json.dumps(each, sort_keys=True))
        return value

    details = account.snapshot.json("authorization_details.json")
    own = [each for each in details["Policies"] if ":aws:policy/" not in each["Arn"]]
    return ordered({**details, "Policies": own})


def together(found: list[Remedy]) -> list[Remedy]:
    """Those that can be undone and write nothing that an earlier one has written anew."""
    kept: list[Remedy] = []
    seen: set[str] = set()
    for each in found:
        files = {name for c in each.commands for name in c.files if name.endswith("-before.json")}
        if not files & seen and not any(c.lasting for c in each.commands):
            kept.append(each)
            seen |= files
    return kept


def test_it_does_what_was_promised_and_can_be_run_again_and_undone(site: Site) -> None:
    assert {
        "enforce-mfa",
        "restrict-networks",
        "deactivate-unused-keys",
        "set-password-policy",
    } <= {each.proposal.id for each in site.found}
    reversible = together(site.found)
    for remedy in reversible:
        ended = site.runs("do", remedy.proposal.id)
        assert ended.returncode == 0, ended.stderr
    promised = site.before.what_if(*(c for each in reversible for c in each.proposal.changes))
    after = site.collected()
    for table in ("mfa_enforcement", "network_restrictions"):
        shown = [
            getattr(each, table).set_index("principal_arn")["verdict"].to_dict()
            for each in (promised, after)
        ]
        assert shown[0] == shown[1], table
    mfa = after.mfa_enforcement.set_index("principal_arn")["verdict"]
    group = {
        each.user
        for each in site.remedy("enforce-mfa").proposal.changes
        if type(each).__name__ == "AddUserToGroup"
    }
    assert group
    assert set(mfa[list(group)]) == {"enforced"}
    ends = {
        (row["check"], row["subject"])
        for each in reversible
        for row in each.ended.to_dict("records")
    }
    failing = after.audit.findings.query("status == 'fail'")
    assert not ends & set(zip(failing["check"], failing["subject"], strict=True))
    again = [site.runs("do", each.proposal.id) for each in reversible]
    assert [each.returncode for each in again] == [0] * len(again)
    assert state(site.collected()) == state(after), "a second time changes nothing"
    for remedy in reversed(reversible):
        ended = site.runs("undo", remedy.proposal.id)
        assert ended.returncode == 0, ended.stderr
    undone = site.collected()
    assert state(undone) == state(site.before)
    keys = ["user_name", "slot", "active"]
    assert undone.access_keys[keys].equals(site.before.access_keys[keys])
    assert undone.password_policy.equals(site.before.password_policy)


def test_a_policy_of_the_name_gets_a_new_version_only_if_it_says_something_else(
    site: Site,
) -> None:
    """And makes room for it where there are five, of which the oldest is kept as a file."""
    name = "iamkit-require-mfa"
    arn = f"arn:aws:iam::123456789012:policy/{name}"
    known = backend()
    denial = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    other = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
    with preserved():
        known.create_policy("", "/", other, name, [])
        for _ in range(4):
            known.create_policy_version(arn, other, set_as_default=False)
        first, second = (site.runs("do", "enforce-mfa") for _ in range(2))
        versions = {each.version_id: each.is_default for each in known.get_policy(arn).versions}
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert f"done: create-policy-version --policy-arn {arn}" in first.stdout
    assert f"done before: {arn} says what policy-{name}.json says" in second.stdout
    assert versions == {"v1": False, "v3": False, "v4": False, "v5": False, "v6": True}
    kept = f"policy-{name}-v2-made-room.json"
    assert json.loads((site.folder / "remedies" / kept).read_text()) == json.loads(other)
    said = (
        f"{arn} has five versions: v2, the oldest that is not in force, is deleted; {kept} keeps it"
    )
    assert said in first.stdout


@pytest.mark.parametrize("known_before", [True, False] if thorough() else [True])
def test_a_version_that_made_room_comes_back(
    known_before: bool, site: Site, tmp_path: Path
) -> None:
    """With the same documents and the same one in force; numbers are new."""
    known = backend()
    with preserved():
        arn = "arn:aws:iam::123456789012:policy/five"
        known.create_policy("", "/", saying("1"), "five", [])
        for number in "2345":
            if number == "5" and not known_before:
                made = site.collected()  # the fifth is not in the evidence
            known.create_policy_version(arn, saying(number), set_as_default=number == "4")
        if known_before:
            made = site.collected()
        change = documents.new_version(made, arn, json.loads(saying("new")))
        assert (changes.DeletePolicyVersion(arn, "v1") in change) == known_before
        found = tuple(commands(each, made) for each in change)
        proposal = Proposal("five", "Write five", "", tuple(change))
        assert proposal.parts == [tuple(change)]
        none = made.audit.findings.iloc[:0]
        remedy = Remedy(proposal, found, none, none, pd.DataFrame(columns=CHANGES.names),
                        pd.DataFrame(columns=LOSSES.names), ())  # fmt: skip
        script = write(tmp_path / "five", made, [remedy], [])
        for verb, wanted in (("do", {"2": 0, "3": 0, "4": 0, "5": 0, "new": 1}),
                             ("undo", {"1": 0, "2": 0, "3": 0, "4": 1, "5": 0})):  # fmt: skip
            for _ in range(2):
                ended = run(["sh", script, verb, "five"], env=site.env,
                            capture_output=True, text=True)  # fmt: skip
                assert ended.returncode == 0, ended.stderr
                there = {json.loads(each.document)["Statement"][0]["Sid"]: int(each.is_default)
                         for each in known.get_policy(arn).versions}  # fmt: skip
                assert there == wanted
        said = "not undone: the number and date of v1 of policy five, which is deleted"
        assert (said in ended.stdout) == known_before


def saying(sid: str) -> str:
    statement = {"Sid": sid, "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_another_account_s_credentials_are_refused(site: Site) -> None:
    text = site.script.read_text().replace("account=1", "account=9")
    other = site.folder / "remedies" / "other.sh"
    other.write_text(text)
    ended = run(["sh", other, "do", "enforce-mfa"], env=site.env, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "these credentials are of account 123456789012" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("do", "everything"), "there is no remedy everything"),
        (("make", "enforce-mfa"), "say do or"),
    ],
)
def test_what_it_does_not_know_it_does_not_do(
    site: Site, arguments: tuple[str, str], said: str
) -> None:
    ended = site.runs(*arguments)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "enforce-mfa: Enforce MFA" in site.runs().stdout
