"""
Each change as AWS CLI commands, with those that undo it.

Commands are safe to run twice: the script runs them by `run`, which takes what is gone or there
already for done, and creates a version of a policy only if the document differs. Documents are
files: in a shell, `${aws:username}` would be emptied.

Source: AWS CLI Command Reference, `aws iam`; IAM API Reference, which calls cannot be repeated.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import singledispatch
from typing import Any

from iamkit.account import Account
from iamkit.errors import ChangeError, one_line
from iamkit.policy import read_document
from iamkit.remedies.documents import Blank, entry_of, held
from iamkit.results import changes

# What cannot be undone, and what to do instead.
NEW_PASSWORD = "a removed password is gone; create-login-profile gives its user a new one"  # noqa: S105
GONE_KEY = "a deleted access key is gone for good: its user needs a new one"
NEW_ID = (
    "a role that is made again has a new id: what named the old one names nobody; its description "
    "and longest session are not in the evidence"
)
OLD_VERSIONS = "older versions, the description and tags of a policy that is made again"


@dataclass(frozen=True)
class Commands:
    """
    The lines of a shell script that make a change, and those that undo it.

    `files` are the documents that they read, by name. `lasting` says why it cannot be undone.
    """

    do: tuple[str, ...]
    undo: tuple[str, ...] = ()
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lasting: str = ""

    def renamed(self, names: Mapping[str, str]) -> Commands:
        """Return the same with other names of these files."""
        if not names:
            return self
        found = "|".join(map(re.escape, names))
        pattern = re.compile(rf"(?<![\w.-])({found})(?![\w.-])")

        def line(text: str) -> str:
            return pattern.sub(lambda at: names[at[1]], text)

        files = {names.get(name, name): document for name, document in self.files.items()}
        return replace(
            self, do=tuple(map(line, self.do)), undo=tuple(map(line, self.undo)), files=files
        )


def commands(change: changes.Change, account: Account, blanks: Sequence[Blank] = ()) -> Commands:
    """
    Return the commands that make a change, in the account as the evidence shows it.

    Documents have marks in the place of each of the blanks. Raises `ChangeError` for a change that
    no command of the CLI makes, such as registering a device, which takes its holder; and where the
    evidence about it is damaged.
    """
    try:
        made: Commands = _commands(change, account)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        said = f"{type(error).__name__}: {one_line(error)}"
        raise ChangeError(f"{change}: the evidence about it is damaged ({said})") from error
    return _with_marks(made, blanks)


def blanks_in(files: Mapping[str, Any], blanks: Iterable[Blank]) -> list[Blank]:
    """Return those of the blanks whose marks are in documents."""
    text = json.dumps([*files.values()])
    return [each for each in blanks if each.mark in text]


def _with_marks(made: Commands, blanks: Sequence[Blank]) -> Commands:
    """The same with marks, and by which a document with marks is read after values are in it."""
    files = {name: _marked(document, blanks) for name, document in made.files.items()}
    lines: list[str] = []
    for line in made.do:
        read = line
        for file, document in files.items():
            names = [each.name for each in blanks_in({file: document}, blanks)]
            if names and f"file://{file}" in line:
                lines.append(" ".join(["fill", file, *(f'{name} "${name}"' for name in names)]))
                read = read.replace(f"file://{file}", f"file://filled/{file}")
        lines.append(read)
    return replace(made, do=tuple(lines), files=files)


def _marked(document: Any, blanks: Sequence[Blank]) -> Any:
    """A document with the mark of each blank in the place of its example."""
    if not blanks:
        return document
    text = json.dumps(document)
    for each in sorted(blanks, key=lambda blank: -len(blank.example)):  # one may begin another
        text = text.replace(each.example, each.mark)
    return json.loads(text)


@singledispatch
def _commands(change: Any, account: Account) -> Commands:
    raise ChangeError(f"no command makes this change: {change}")


def run(operation: str, **options: Any) -> str:
    """
    Return a line of the script: an operation of IAM with its options.

    >>> run("detach-user-policy", user_name="ann", policy_arn="arn:aws:iam::aws:policy/X")
    'run detach-user-policy --user-name ann --policy-arn arn:aws:iam::aws:policy/X'
    """
    words = ["run", operation]
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif str(value).startswith("-"):  # a name may; apart, the CLI takes it for an option
            words.append(f"--{flag}={shlex.quote(str(value))}")
        elif value is not None:
            words += [f"--{flag}", shlex.quote(str(value))]
    return " ".join(words)


def name_of(arn: str) -> str:
    """Return the name at the end of an ARN; a name as it is."""
    return arn.rpartition("/")[2]


def kind_of(arn: str) -> str:
    """Return user, group or role, by an ARN."""
    return arn.rpartition(":")[2].partition("/")[0]


def _whose(arn: str) -> dict[str, str]:
    return {f"{kind_of(arn)}_name": name_of(arn)}


def file_of(*words: str) -> str:
    """
    Return the name of a document's file, of letters that every system takes.

    >>> file_of("role", "deploy+x", "trust")
    'role-deploy_x-trust.json'
    """
    text = "-".join(words)
    return "".join(each if each.isalnum() or each in "-._" else "_" for each in text) + ".json"


def _document(account: Account, policy: str) -> dict[str, Any]:
    """The document of a policy as the evidence shows it."""
    rows = account.policy_versions
    found = rows.loc[rows["policy_arn"].eq(policy), "document"]
    if found.empty or not isinstance(found.iloc[0], Mapping):
        raise ChangeError(
            f"the document of {policy} is not in the evidence, so nothing can undo it"
        )
    return dict(found.iloc[0])


@_commands.register
def _(change: changes.AttachPolicy, account: Account) -> Commands:
    kind = kind_of(change.principal)
    options = {**_whose(change.principal), "policy_arn": change.policy}
    return Commands(
        (run(f"attach-{kind}-policy", **options),), (run(f"detach-{kind}-policy", **options),)
    )


@_commands.register
def _(change: changes.DetachPolicy, account: Account) -> Commands:
    there = _commands(changes.AttachPolicy(change.principal, change.policy), account)
    return Commands(there.undo, there.do)


@_commands.register
def _(change: changes.PutInlinePolicy, account: Account) -> Commands:
    kind, whose = kind_of(change.principal), _whose(change.principal)
    file = file_of(kind, name_of(change.principal), change.name)
    files = {file: dict(change.document)}
    policy = f"{change.principal}#{change.name}"
    options = {**whose, "policy_name": change.name}
    undo = run(f"delete-{kind}-policy", **options)
    if account.policies["policy_arn"].eq(policy).any():
        before = file_of(kind, name_of(change.principal), change.name, "before")
        files[before] = _document(account, policy)
        undo = run(f"put-{kind}-policy", **options, policy_document=f"file://{before}")
    do = run(f"put-{kind}-policy", **options, policy_document=f"file://{file}")
    return Commands((do,), (undo,), files)


@_commands.register
def _(change: changes.DeleteInlinePolicy, account: Account) -> Commands:
    kind, whose = kind_of(change.principal), _whose(change.principal)
    before = file_of(kind, name_of(change.principal), change.name, "before")
    options = {**whose, "policy_name": change.name}
    undo = run(f"put-{kind}-policy", **options, policy_document=f"file://{before}")
    files = {before: _document(account, f"{change.principal}#{change.name}")}
    return Commands((run(f"delete-{kind}-policy", **options),), (undo,), files)


@_commands.register
def _(change: changes.UpdateAssumeRolePolicy, account: Account) -> Commands:
    name = name_of(change.role)
    file, before = file_of("role", name, "trust"), file_of("role", name, "trust", "before")
    old = read_document(entry_of(account, change.role)["AssumeRolePolicyDocument"])[0]
    files = {file: dict(change.document), before: dict(old)}
    do, undo = (
        run("update-assume-role-policy", role_name=name, policy_document=f"file://{each}")
        for each in (file, before)
    )
    return Commands((do,), (undo,), files)


@_commands.register
def _(change: changes.CreatePolicy, account: Account) -> Commands:
    file = file_of("policy", change.name)
    arn = policy_arn(account, change.name)
    do = f"create_policy {shlex.quote(change.name)} / {file}"
    return Commands((do,), (run("delete-policy", policy_arn=arn),), {file: dict(change.document)})


@_commands.register
def _(change: changes.CreatePolicyVersion, account: Account) -> Commands:
    name = name_of(change.policy)
    file, before = file_of("policy", name), file_of("policy", name, "before")
    files = {file: dict(change.document), before: _document(account, change.policy)}
    policy = shlex.quote(change.policy)
    do, undo = f"new_version {policy} {file} {before}", f"old_version {policy} {file} {before}"
    return Commands((do,), (undo,), files)


@_commands.register
def _(change: changes.DeletePolicyVersion, account: Account) -> Commands:
    name, version = name_of(change.policy), change.version_id
    do = run("delete-policy-version", policy_arn=change.policy, version_id=version)
    rows = account.policy_old_versions
    mine = rows["policy_arn"].eq(change.policy) & rows["version_id"].eq(version)
    found = rows.loc[mine, "document"]
    if found.empty or not isinstance(found.iloc[0], Mapping):
        return Commands((do,), lasting=f"{version} of {name}: its document is not in the evidence")
    file = file_of("policy", name, version, "deleted")
    undo = f"bring_back {shlex.quote(change.policy)} {file}"
    lasting = (
        f"the number and date of {version} of policy {name}, which is deleted: {file} keeps its "
        "document, of which a version is made again if there is room"
    )
    return Commands((do,), (undo,), {file: dict(found.iloc[0])}, lasting)


@_commands.register
def _(change: changes.DeletePolicy, account: Account) -> Commands:
    name = name_of(change.policy)
    file = file_of("policy", name, "before")
    row = account.policies[account.policies["policy_arn"].eq(change.policy)]
    path = change.policy.partition(":policy")[2].removesuffix(name)
    undo = f"create_policy {shlex.quote(name)} {shlex.quote(path)} {file}"
    do = [
        run("delete-policy-version", policy_arn=change.policy, version_id=version)
        for version in _old_versions(account, change.policy)
    ]
    do.append(run("delete-policy", policy_arn=change.policy))
    files = {file: _document(account, change.policy)} if len(row) else {}
    return Commands(tuple(do), (undo,), files, OLD_VERSIONS)


def _old_versions(account: Account, policy: str) -> Sequence[str]:
    rows = account.policy_old_versions
    return [str(each) for each in rows.loc[rows["policy_arn"].eq(policy), "version_id"]]


@_commands.register
def _(change: changes.CreateGroup, account: Account) -> Commands:
    options = {"group_name": change.name}
    return Commands((run("create-group", **options),), (run("delete-group", **options),))


@_commands.register
def _(change: changes.DeleteGroup, account: Account) -> Commands:
    entry = entry_of(account, change.group)
    options = {"group_name": name_of(change.group)}
    made = run("create-group", **options, path=_path(entry))
    return _with_policies(account, change.group, run("delete-group", **options), made)


@_commands.register
def _(change: changes.CreateRole, account: Account) -> Commands:
    file = file_of("role", change.name, "trust")
    do = run("create-role", role_name=change.name, assume_role_policy_document=f"file://{file}")
    files = {file: dict(change.trust)}
    return Commands((do,), (run("delete-role", role_name=change.name),), files)


@_commands.register
def _(change: changes.DeleteRole, account: Account) -> Commands:
    name, entry = name_of(change.role), entry_of(account, change.role)
    file = file_of("role", name, "trust", "before")
    trust = read_document(entry["AssumeRolePolicyDocument"])[0]
    boundary = (entry.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    tags = [{"Key": each["Key"], "Value": each["Value"]} for each in entry.get("Tags") or []]
    made = run(
        "create-role",
        role_name=name,
        path=_path(entry),
        assume_role_policy_document=f"file://{file}",
        permissions_boundary=boundary,
        tags=json.dumps(tags) if tags else None,
    )
    found = _with_policies(account, change.role, run("delete-role", role_name=name), made)
    files = {**found.files, file: dict(trust)}
    return Commands(found.do, found.undo, files, NEW_ID)


def _with_policies(account: Account, arn: str, delete: str, make: str) -> Commands:
    """Delete a group or role after its policies; make it again, and give them back."""
    parts = []
    for policy, how in held(account, arn):
        change: changes.Change
        if how == "attached":
            change = changes.DetachPolicy(arn, policy)
        else:
            change = changes.DeleteInlinePolicy(arn, policy.rpartition("#")[2])
        parts.append(_commands(change, account))
    files = {name: document for each in parts for name, document in each.files.items()}
    do = [line for each in parts for line in each.do]
    undo = [line for each in parts for line in each.undo]  # taken back from the last to the first
    return Commands((*do, delete), (*undo, make), files)


def _path(entry: Mapping[str, Any]) -> str | None:
    path = entry.get("Path")
    return path if isinstance(path, str) and path != "/" else None


@_commands.register
def _(change: changes.CreateAnalyzer, account: Account) -> Commands:
    name = shlex.quote(change.name)
    return Commands(
        (f"run_in accessanalyzer create-analyzer --analyzer-name {name} --type ACCOUNT",),
        (f"run_in accessanalyzer delete-analyzer --analyzer-name {name}",),
    )


@_commands.register
def _(change: changes.EnableOrganizationsRootCredentialsManagement, account: Account) -> Commands:
    what = "organizations-root-credentials-management"
    return Commands((run(f"enable-{what}"),), (run(f"disable-{what}"),))


@_commands.register
def _(change: changes.AddUserToGroup, account: Account) -> Commands:
    options = {"user_name": name_of(change.user), "group_name": name_of(change.group)}
    return Commands(
        (run("add-user-to-group", **options),), (run("remove-user-from-group", **options),)
    )


@_commands.register
def _(change: changes.DeactivateAccessKey, account: Account) -> Commands:
    key = f"{shlex.quote(name_of(change.user))} {_made(account, change.user, change.slot)}"
    do, undo = (f"set_key {key} {to}" for to in ("Inactive", "Active"))
    return Commands((do,), (undo,))


@_commands.register
def _(change: changes.DeleteAccessKey, account: Account) -> Commands:
    made = _made(account, change.user, change.slot)
    return Commands((f"delete_key {shlex.quote(name_of(change.user))} {made}",), lasting=GONE_KEY)


def _made(account: Account, user: str, slot: int) -> str:
    """When a key was made: the credential report has no ids, and `list-access-keys` no slots."""
    keys = account.access_keys
    found = keys[keys["user_arn"].eq(user) & keys["slot"].eq(slot)]["rotated"].dropna()
    if found.empty:
        raise ChangeError(f"when access key {slot} of {user} was made is not known")
    return f"{found.iloc[0]:%Y-%m-%dT%H:%M:%S}"


@_commands.register
def _(change: changes.DeleteLoginProfile, account: Account) -> Commands:
    do = run("delete-login-profile", user_name=name_of(change.user))
    return Commands((do,), lasting=NEW_PASSWORD)


@_commands.register
def _(change: changes.UpdatePasswordPolicy, account: Account) -> Commands:
    shown = account.password_policy
    if shown.empty or shown["value"].isna().all():
        undo = run("delete-account-password-policy")
    else:
        undo = _password_policy(changes.UpdatePasswordPolicy.keeping(shown))
    return Commands((_password_policy(change),), (undo,))


def _password_policy(policy: changes.UpdatePasswordPolicy) -> str:
    """What is left out is reset, and age and reuse cannot be sent as 0: they are left out then."""
    rules = asdict(policy)
    return run(
        "update-account-password-policy",
        minimum_password_length=rules["minimum_length"],
        require_symbols=rules["symbols"],
        require_numbers=rules["numbers"],
        require_uppercase_characters=rules["uppercase"],
        require_lowercase_characters=rules["lowercase"],
        allow_users_to_change_password=rules["users_may_change"],
        max_password_age=rules["max_age"] or None,
        password_reuse_prevention=rules["reuse_prevention"] or None,
        hard_expiry=rules["hard_expiry"],
    )


def policy_arn(account: Account, name: str) -> str:
    """Return the ARN of a customer managed policy without a path."""
    return f"arn:{account.partition}:iam::{account.account_id}:policy/{name}"


def group_arn(account: Account, name: str) -> str:
    """Return the ARN of a group without a path."""
    return f"arn:{account.partition}:iam::{account.account_id}:group/{name}"
