"""
What each piece of advice comes to: the changes that follow it, by the words that are printed.

`TRIED` has a row for each wording: the check, how the step begins or what it says, and the changes.
`UNTRIED` says of the rest why nobody can try it from the evidence alone. A step that fits neither
is advice that nobody has tried, and a test fails.
"""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from iamkit import Account, changes
from iamkit.policy import read_document

Change = changes.Change
EXTERNAL_ID = "7d1c6f0e-5a55-4c3f"
OFFICE = "198.51.100.0/24"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
READ = "arn:aws:iam::aws:policy/ReadOnlyAccess"
VIEW = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
SHELL = "arn:aws:iam::aws:policy/AWSCloudShellFullAccess"
MFA = "aws:MultiFactorAuthPresent"
DEVICES = [
    *("iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:GetMFADevice", "iam:GetUser"),
    *("iam:ListMFADevices", "iam:ListVirtualMFADevices", "iam:ResyncMFADevice"),
    "sts:GetSessionToken",
]


class Finding(NamedTuple):
    """A row of the findings, as far as advice needs it."""

    check: str
    severity: str
    subject: str
    name: str
    detail: str
    status: str
    next_step: str


Build = Callable[[Account, Finding], list[Change]]


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


WITHOUT_MFA = document(
    {"Effect": "Deny", "NotAction": DEVICES, "Resource": "*"}
    | {"Condition": {"BoolIfExists": {MFA: "false"}}}
)
ELSEWHERE = document(
    {"Effect": "Deny", "Action": "*", "Resource": "*"}
    | {"Condition": {"NotIpAddress": {"aws:SourceIp": [OFFICE]}}}
)


# --- what a finding is about


def slot_of(found: Finding) -> int:
    return int(re.findall(r"access key (\d)", found.detail)[0])


def slots(text: str) -> list[int]:
    return [int(each) for each in re.findall(r"access key (\d)", text)]


def held(account: Account, arn: str) -> Iterator[tuple[str, str]]:
    """Policies of a principal of its own, and how it has them: attached or inline."""
    rows = account.attachments
    rows = rows[rows["principal_arn"].eq(arn) & rows["how"].ne("boundary")]
    yield from zip(rows["policy_arn"], rows["how"], strict=True)


def written(account: Account, policy: str) -> Any:
    versions = account.policy_versions.set_index("policy_arn")["document"]
    return copy.deepcopy(versions[policy])


def trust_of(account: Account, role: str) -> dict[str, Any]:
    """A role's trust policy, with a list of statements."""
    details = account.snapshot.json("authorization_details.json")
    entry = next(each for each in details["RoleDetailList"] if each["Arn"] == role)
    said = copy.deepcopy(read_document(entry["AssumeRolePolicyDocument"])[0])
    if isinstance(said["Statement"], dict):
        said["Statement"] = [said["Statement"]]
    return dict(said)


def condition(statement: dict[str, Any], operator: str, key: str, value: Any) -> None:
    statement.setdefault("Condition", {}).setdefault(operator, {})[key] = value


def own(account: Account, kind: str, name: str) -> str:
    return f"arn:aws:iam::{account.account_id}:{kind}/{name}"


def rewrite(account: Account, policy: str, edit: Callable[[dict[str, Any]], None]) -> list[Change]:
    said = written(account, policy)
    for statement in (
        said["Statement"] if isinstance(said["Statement"], list) else [said["Statement"]]
    ):
        edit(statement)
    if "#" in policy:
        owner, name = policy.split("#")
        return [changes.PutInlinePolicy(owner, name, said)]
    return [changes.CreatePolicyVersion(policy, said)]


# --- what advice says


def key(make: Callable[[str, int], Change]) -> Build:
    return lambda _, found: [make(found.subject, slot_of(found))]


def new_key(account: Account, found: Finding) -> list[Change]:
    return [
        changes.CreateAccessKey(found.subject),
        changes.DeactivateAccessKey(found.subject, slot_of(found)),
    ]


def room_for_a_key(account: Account, found: Finding) -> list[Change]:
    other = 3 - slot_of(found)
    return [changes.DeleteAccessKey(found.subject, other), *new_key(account, found)]


def named_keys(account: Account, found: Finding) -> list[Change]:
    return [
        changes.DeactivateAccessKey(found.subject, slot)
        for slot in slots(found.next_step.partition(";")[0])
    ]


def last_named_key(account: Account, found: Finding) -> list[Change]:
    return [changes.DeactivateAccessKey(found.subject, slots(found.next_step)[-1])]


def all_keys(account: Account, found: Finding) -> list[Change]:
    keys = account.access_keys
    mine = keys[keys["user_arn"].eq(found.subject) & keys["active"].eq(other=True)]
    return [changes.DeactivateAccessKey(found.subject, int(slot)) for slot in mine["slot"]]


def no_password(account: Account, found: Finding) -> list[Change]:
    return [changes.DeleteLoginProfile(found.subject)]


def device(kind: str, *, instead: bool) -> Build:
    def build(account: Account, found: Finding) -> list[Change]:
        devices = account.mfa_devices
        virtual = devices[devices["user_arn"].eq(found.subject) & devices["kind"].eq("virtual")]
        gone = [changes.DeactivateMFADevice(found.subject, each) for each in virtual["serial"]]
        return [changes.EnableMFADevice(found.subject, kind), *(gone if instead else [])]

    return build


def delete(account: Account, found: Finding) -> list[Change]:
    """Delete a user, group or role, and what the step names besides."""
    kinds = {"user": changes.DeleteUser, "role": changes.DeleteRole, "group": changes.DeleteGroup}
    kind = found.subject.rpartition(":")[2].partition("/")[0]
    trusting = re.search(r"Remove it from the trust policy of (.+?) first", found.next_step)
    made: list[Change] = []
    for name in re.split(r", | and ", trusting[1]) if trusting else []:
        role = next(arn for arn in account.roles["role_arn"] if arn.endswith(f"/{name}"))
        said = trust_of(account, role)
        said["Statement"] = [
            left for each in said["Statement"] if (left := without(each, found.subject))
        ]
        made += [changes.UpdateAssumeRolePolicy(role, said)] if said["Statement"] else []
    only = re.search(r"the only principal that may assume (.+?): delete that", found.next_step)
    for name in re.split(r", | and ", only[1]) if only else []:
        role = next(arn for arn in account.roles["role_arn"] if arn.endswith(f"/{name}"))
        allow = {"Effect": "Allow", "Principal": {"AWS": one_user(account, found)}}
        condition(allow, "Bool", MFA, "true")
        said = document({**allow, "Action": "sts:AssumeRole"})
        made.append(changes.UpdateAssumeRolePolicy(role, said))
    made.append(kinds[kind](found.subject))
    left_alone = re.search(r"Then delete (.+), which nobody else has", found.next_step)
    for name in re.split(r", | and ", left_alone[1]) if left_alone else []:
        arns = account.policies["policy_arn"]
        made.append(changes.DeletePolicy(next(arn for arn in arns if arn.endswith(f"/{name}"))))
    return made


def without(statement: dict[str, Any], principal: str) -> dict[str, Any] | None:
    """A trust statement without a principal; None if it names nobody else."""
    named = statement["Principal"]["AWS"]
    others = [each for each in ([named] if isinstance(named, str) else named) if each != principal]
    if not others:
        return None
    return {**statement, "Principal": {**statement["Principal"], "AWS": others}}


def moved(account: Account, arn: str, to: str) -> list[Change]:
    """A principal's policies on another one instead."""
    made: list[Change] = []
    for policy, how in held(account, arn):
        if how == "attached":
            made += [changes.AttachPolicy(to, policy), changes.DetachPolicy(arn, policy)]
        else:
            name, said = policy.split("#")[1], written(account, policy)
            made.append(changes.PutInlinePolicy(to, name, said))
            made.append(changes.DeleteInlinePolicy(arn, name))
    return made


def into_a_group(account: Account, found: Finding) -> list[Change]:
    name = f"of-{found.name}"
    group = own(account, "group", name)
    put = changes.AddUserToGroup(found.subject, group)
    return [changes.CreateGroup(name), *moved(account, found.subject, group), put]


def administrator_role(account: Account, found: Finding) -> list[Change]:
    """Give a user a role with AdministratorAccess that asks for MFA, and take the policy away."""
    role = own(account, "role", f"admin-of-{found.name}")
    allow = {"Effect": "Allow", "Principal": {"AWS": found.subject}, "Action": "sts:AssumeRole"}
    condition(allow, "Bool", MFA, "true")
    made: list[Change] = [changes.CreateRole(f"admin-of-{found.name}", document(allow))]
    made.append(changes.AttachPolicy(role, ADMINISTRATOR))
    grants = account.policy_grants.set_index("policy_arn")["administrative"]
    for policy, how in held(account, found.subject):
        if grants.get(policy) is not True and not bool(grants.get(policy)):
            continue
        said = written(account, policy)
        listed = said["Statement"] if isinstance(said["Statement"], list) else [said["Statement"]]
        denied = [each for each in listed if each["Effect"] == "Deny"]
        if denied and "Keep what it denies" in found.next_step:
            made.append(changes.PutInlinePolicy(found.subject, "denied", document(*denied)))
        away = changes.DetachPolicy(found.subject, policy)
        name = policy.partition("#")[2]
        made.append(away if how == "attached" else changes.DeleteInlinePolicy(found.subject, name))
    return made


def old_version(account: Account, found: Finding) -> list[Change]:
    version = re.findall(r"version (v\d+)", found.next_step)[0]
    return [changes.DeletePolicyVersion(found.subject, version)]


def inline(name: str, said: dict[str, Any]) -> Build:
    return lambda account, found: [
        *(all_keys(account, found) if "Move the work of" in found.next_step else []),
        *(
            [changes.EnableMFADevice(found.subject)]
            if "register an MFA device" in found.next_step
            else []
        ),
        changes.PutInlinePolicy(found.subject, name, said),
    ]


def trusting(operator: str, name: str, value: Callable[[Account], Any], kind: str) -> Build:
    def build(account: Account, found: Finding) -> list[Change]:
        said = trust_of(account, found.subject)
        for each in said["Statement"]:
            who = each.get("Principal")
            if each["Effect"] == "Allow" and isinstance(who, dict) and kind in who:
                condition(each, operator, name, value(account))
        return [changes.UpdateAssumeRolePolicy(found.subject, said)]

    return build


def users_apart(account: Account, found: Finding) -> list[Change]:
    """Ask users for MFA in a statement of their own."""
    said = trust_of(account, found.subject)
    made = []
    for each in said["Statement"]:
        named = each["Principal"].get("AWS", [])
        named = [named] if isinstance(named, str) else named
        users = [arn for arn in named if ":user/" in arn]
        rest = {**each["Principal"], "AWS": [arn for arn in named if arn not in users]}
        rest = {name: who for name, who in rest.items() if who}
        alone = {**copy.deepcopy(each), "Principal": {"AWS": users}}
        condition(alone, "Bool", MFA, "true")
        made += [{**each, "Principal": rest}] if rest else []
        made += [alone] if users else []
    return [changes.UpdateAssumeRolePolicy(found.subject, {**said, "Statement": made})]


def only_principal(named: Callable[[Account, Finding], list[str]], *, mfa: bool = False) -> Build:
    """Write the Principal of every statement anew, and ask for MFA if that is said."""

    def build(account: Account, found: Finding) -> list[Change]:
        said = trust_of(account, found.subject)
        for each in said["Statement"]:
            if each["Effect"] == "Allow":
                each.pop("NotPrincipal", None)
                each["Principal"] = {"AWS": named(account, found)}
                if mfa:
                    condition(each, "Bool", MFA, "true")
        return [changes.UpdateAssumeRolePolicy(found.subject, said)]

    return build


def one_user(account: Account, found: Finding) -> list[str]:
    """Somebody to name: an administrator, who gains nothing by it, or a new role."""
    admins = account.administrators
    users = admins.loc[admins["kind"].eq("user"), "principal_arn"].tolist()
    return [users[0] if users else own(account, "role", "of-those-who-need-it")]


def gone_from_trust(account: Account, found: Finding) -> list[Change]:
    gone = re.findall(r"\b(?:AIDA|AROA)[A-Z0-9]+", found.detail)
    said = trust_of(account, found.subject)
    for name in gone:
        said["Statement"] = [left for each in said["Statement"] if (left := without(each, name))]
    return [changes.UpdateAssumeRolePolicy(found.subject, said)]


def networks(edit: Callable[[list[str]], list[str]]) -> Build:
    def build(account: Account, found: Finding) -> list[Change]:
        def narrow(statement: dict[str, Any]) -> None:
            for keys in statement.get("Condition", {}).values():
                for name, listed in keys.items():
                    if name.lower() == "aws:sourceip":
                        keys[name] = edit([listed] if isinstance(listed, str) else listed)

        return rewrite(account, found.subject, narrow)

    return build


def if_exists(statement: dict[str, Any]) -> None:
    asked = statement.get("Condition", {})
    if statement["Effect"] == "Deny" and MFA in asked.get("Bool", {}):
        asked["BoolIfExists"] = asked.pop("Bool")


def corrected(account: Account, found: Finding) -> list[Change]:
    """Write the actions that were meant."""
    action = r'"([a-z0-9-]+:[^"]+)"'
    pairs = zip(re.findall(action, found.detail), re.findall(action, found.next_step), strict=True)
    meant = dict(pairs)

    def edit(statement: dict[str, Any]) -> None:
        for element in ("Action", "NotAction"):
            listed = statement.get(element)
            if isinstance(listed, str):
                statement[element] = meant.get(listed, listed)
            elif listed:
                statement[element] = [meant.get(each, each) for each in listed]

    return rewrite(account, found.subject, edit)


def password_policy(**rules: Any) -> Build:
    def build(account: Account, found: Finding) -> list[Change]:
        first = "Let users change their own passwords first" in found.next_step
        more = {"users_may_change": True} if first else {}
        more |= {"hard_expiry": False} if "HardExpiry off" in found.next_step else {}
        update = changes.UpdatePasswordPolicy.keeping(account.password_policy, **rules, **more)
        people = account.credentials
        old = people[people["password_age_days"].gt(90) & people["password_enabled"].eq(other=True)]
        changed = [changes.ChangePassword(arn) for arn in old.loc[~old["is_root"], "user_arn"]]
        return [*(changed if "old passwords changed first" in found.next_step else []), update]

    return build


def role_for(policy: str) -> Build:
    def build(account: Account, found: Finding) -> list[Change]:
        allow = {"Effect": "Allow", "Principal": {"AWS": one_user(account, found)}}
        made = changes.CreateRole("new", document({**allow, "Action": "sts:AssumeRole"}))
        arn = f"arn:aws:iam::aws:policy/{policy}"
        return [made, changes.AttachPolicy(own(account, "role", "new"), arn)]

    return build


def old_root_device(account: Account, found: Finding) -> list[Change]:
    return device("passkey", instead=True)(account, found)


def on_resource(resource: str) -> Build:
    """Name a resource where a policy has every one; which one the work needs is invented."""

    def build(account: Account, found: Finding) -> list[Change]:
        def narrow(statement: dict[str, Any]) -> None:
            if statement["Effect"] == "Allow":
                statement["Resource"] = resource.format(account=account.account_id)

        return rewrite(account, found.subject, narrow)

    return build


def allowing(*actions: str) -> Build:
    """Allow these actions instead of those that a policy allows."""

    def build(account: Account, found: Finding) -> list[Change]:
        def narrow(statement: dict[str, Any]) -> None:
            if statement["Effect"] == "Allow":
                statement.pop("NotAction", None)
                statement["Action"] = list(actions)

        return rewrite(account, found.subject, narrow)

    return build


def version_in_force(account: Account, policy: str) -> str:
    versions = account.snapshot.json("authorization_details.json")["Policies"]
    return str(next(each["DefaultVersionId"] for each in versions if each["Arn"] == policy))


def one_role_further(account: Account, found: Finding) -> list[Change]:
    """Take sts:AssumeRole out of the inline policies of a role that have nothing else."""
    return [
        changes.DeleteInlinePolicy(*policy.split("#"))
        for policy, how in held(account, found.subject)
        if how == "inline" and "sts:AssumeRole" in str(written(account, policy))
    ]


def without_provider(account: Account, found: Finding) -> list[Change]:
    """Take a provider out of a trust policy; a role that trusts nobody else is deleted."""
    said = trust_of(account, found.subject)
    provider = found.detail.split()[1].rstrip(",")
    said["Statement"] = [
        each for each in said["Statement"] if each["Principal"].get("Federated") != provider
    ]
    if not said["Statement"]:
        return [changes.DeleteRole(found.subject)]
    return [changes.UpdateAssumeRolePolicy(found.subject, said)]


def of_one_repository(account: Account, found: Finding) -> list[Change]:
    """Add conditions on the subject, a repository that is invented, and on the audience."""
    said = trust_of(account, found.subject)
    for each in said["Statement"]:
        provider = each["Principal"]["Federated"].partition("oidc-provider/")[2]
        each["Condition"] = {
            "StringEquals": {
                f"{provider}:sub": "repo:example-corp/shop:ref:refs/heads/main",
                f"{provider}:aud": "sts.amazonaws.com",
            }
        }
    return [changes.UpdateAssumeRolePolicy(found.subject, said)]


def for_this_account(account: Account, found: Finding) -> list[Change]:
    """Put this account in the place of the one that a condition names."""
    said = trust_of(account, found.subject)
    for each in said["Statement"]:
        each["Condition"] = {"StringEquals": {"aws:SourceAccount": account.account_id}}
    return [changes.UpdateAssumeRolePolicy(found.subject, said)]


def without_if_exists(statement: dict[str, Any]) -> None:
    asked = statement.get("Condition", {})
    for operator in [name for name in asked if name.endswith("IfExists")]:
        asked[operator.removesuffix("IfExists")] = asked.pop(operator)


def only_devices(statement: dict[str, Any]) -> None:
    if statement["Effect"] == "Deny" and "NotAction" in statement:
        statement["NotAction"] = DEVICES


OWN_ID = changes.EnableMFADevice
WHOLE_POLICY = {
    "minimum_length": 14,
    "symbols": True,
    "numbers": True,
    "uppercase": True,
    "lowercase": True,
    "users_may_change": True,
    "reuse_prevention": 24,
}
TRIED: list[tuple[str, str, Build]] = [
    ("old_access_key|access_key_made_with_user", "Make a second key", new_key),
    ("old_access_key|access_key_made_with_user", r"Delete access key \d, which", room_for_a_key),
    ("old_access_key|access_key_made_with_user", "Move the work of access key", room_for_a_key),
    (
        "old_access_key|access_key_made_with_user",
        "Let its program use",
        key(changes.DeactivateAccessKey),
    ),
    (
        "old_access_key|unused_access_key|access_key_made_with_user",
        "Deactivate it, wait",
        key(changes.DeactivateAccessKey),
    ),
    (
        "old_access_key|unused_access_key|access_key_made_with_user",
        "Delete it: it was never used",
        key(changes.DeleteAccessKey),
    ),
    ("access_key_made_with_user", "Ask whether it is needed", key(changes.DeleteAccessKey)),
    ("two_active_access_keys", "Finish the rotation", last_named_key),
    ("two_active_access_keys", "Deactivate access key", lambda a, f: named_keys(a, f)[:1]),
    ("unused_kind_of_access|key_.*", "Deactivate access key", named_keys),
    ("unused_kind_of_access", "Deactivate the access keys", all_keys),
    ("unused_kind_of_access|unused_password|console_user_.*", "Remove the password", no_password),
    ("unused_kind_of_access|unused_password", "Ask its user, then remove the pass", no_password),
    ("old_password", "Have the pass", lambda a, f: [changes.ChangePassword(f.subject)]),
    ("unusable_user|unused_role|empty_group_.*", "(Delete the|Remove the role's)", delete),
    ("administrator_without_mfa|trusts_deleted_identity", "Delete the (user|role) if", delete),
    ("unused_role", "Delete it if people have another way", delete),
    ("console_user_without_mfa", "Register an MFA device", device("passkey", instead=False)),
    ("administrator_without_mfa", "Register an MFA device", device("passkey", instead=False)),
    ("root_without_mfa", "Register a passkey", device("passkey", instead=False)),
    ("user_without_hardware_mfa", "Register a passkey.*virtual", device("passkey", instead=True)),
    ("user_without_hardware_mfa", "Register a hardware token", device("hardware", instead=True)),
    ("root_without_hardware_mfa", "Register a passkey", old_root_device),
    ("root_access_key", "Delete it", key(changes.DeleteAccessKey)),
    (
        "root_access_key",
        "(Deactivate it|Give the program that uses)",
        key(changes.DeactivateAccessKey),
    ),
    (
        "root_signing_certificate|active_signing_certificate",
        "Deactivate the cert",
        lambda a, f: [changes.DeactivateSigningCertificates(f.subject)],
    ),
    (
        "service_credential_without_expiry",
        ".*Deactivate it, wait",
        lambda a, f: [changes.DeactivateServiceSpecificCredential(f.detail.split()[0])],
    ),
    (
        "expired_server_certificate",
        "Make sure that no load balancer",
        lambda a, f: [changes.DeleteServerCertificate(f.subject)],
    ),
    ("administrator_user", "Let the user assume", administrator_role),
    ("policy_on_user", "Put the user into a group", into_a_group),
    (
        "cloudshell_full_access",
        "Attach a policy that",
        lambda a, f: [changes.DetachPolicy(f.subject, SHELL)],
    ),
    (
        "unattached_policy|administrative_unattached_policy",
        "Delete it",
        lambda a, f: [changes.DeletePolicy(f.subject)],
    ),
    ("administrative_old_version", "Delete version", old_version),
    ("password_without_enforced_mfa", ".*Without MFA, deny", inline("deny", WITHOUT_MFA)),
    ("mfa_can_be_removed", ".*except only", inline("deny", WITHOUT_MFA)),
    (
        "key_escapes_mfa",
        '.*Write "BoolIfExists"',
        lambda a, f: [
            *(all_keys(a, f) if "Move the work of" in f.next_step else []),
            *(
                change
                for policy, _ in [*held(a, f.subject), *groups_of(a, f.subject)]
                if "#" in policy or ":aws:policy/" not in policy
                for change in rewrite(a, policy, if_exists)
            ),
        ],
    ),
    ("key_usable_from_anywhere", "Check in CloudTrail|[Dd]eny req", inline("here", ELSEWHERE)),
    ("network_fence_with_holes", "Deny all actions on all resources", inline("here", ELSEWHERE)),
    (
        "network_list_open",
        "Remove 0.0.0.0/0",
        networks(lambda listed: [each for each in listed if not each.endswith("/0")]),
    ),
    ("network_list_.*", "Write the networks that requests", networks(lambda _: [OFFICE])),
    ("policy_names_nothing", "Did you mean", corrected),
    ("password_policy_missing", "Set a password policy", password_policy(**WHOLE_POLICY)),
    ("password_policy_short", "Require 14", password_policy(minimum_length=14)),
    ("password_policy_no_symbol", "Require a symbol", password_policy(symbols=True)),
    ("password_policy_no_number", "Require a number", password_policy(numbers=True)),
    ("password_policy_no_uppercase", "Require an upper", password_policy(uppercase=True)),
    ("password_policy_no_lowercase", "Require a lower", password_policy(lowercase=True)),
    ("password_policy_reuse", "Let the password policy", password_policy(reuse_prevention=24)),
    ("password_policy_no_expiry", ".*Let passwords expire", password_policy(max_age=90)),
    (
        "administrative_role_without_mfa",
        'Add "Bool"',
        trusting("Bool", MFA, lambda _: "true", "AWS"),
    ),
    ("administrative_role_without_mfa", "Put the users into", users_apart),
    ("administrative_role_without_mfa", "Name the users under", only_principal(one_user, mfa=True)),
    ("anyone_may_assume|administrator_role_open_.*", ".*Name the", only_principal(one_user)),
    (
        "vendor_without_external_id",
        "Agree on an external id",
        trusting("StringEquals", "sts:ExternalId", lambda _: EXTERNAL_ID, "AWS"),
    ),
    (
        "service_without_source",
        "Add a condition on aws:Source|Look up",
        trusting("StringEquals", "aws:SourceAccount", lambda a: a.account_id, "Service"),
    ),
    ("trusts_deleted_identity", "Remove the id", gone_from_trust),
    (
        "cross_account_read_only",
        "Give the role only",
        lambda a, f: [
            changes.DetachPolicy(f.subject, READ),
            changes.AttachPolicy(f.subject, VIEW),
        ],
    ),
    (
        "whole_services_everywhere|full_access_to_kms",
        "Name the",
        on_resource("arn:aws:kms:us-east-1:{account}:key/1"),
    ),
    (
        "reads_every_secret",
        "Name the",
        on_resource("arn:aws:secretsmanager:*:{account}:secret:a-*"),
    ),
    ("permissive_role_assumption", "List the", on_resource("arn:aws:iam::{account}:role/of-work")),
    (
        "escalating_customer_policy",
        "Delete it if nobody needs it",
        lambda a, f: [changes.DeletePolicy(f.subject)],
    ),
    (
        "escalating_customer_policy",
        "Remove one|For each way",
        on_resource("arn:aws:iam::{account}:user/a-robot"),
    ),
    ("full_access_to_cloudtrail", "Remove the actions", allowing("cloudtrail:LookupEvents")),
    ("marketplace_subscription", "Give aws-marketplace:Subscribe only", allowing("s3:GetObject")),
    (
        "open_boundary|escalating_customer_policy",
        "(Allow in it only|Name the actions) .* Then delete the old version",
        lambda a, f: [
            *allowing("s3:*", "sqs:*")(a, f),
            changes.DeletePolicyVersion(f.subject, version_in_force(a, f.subject)),
        ],
    ),
    ("outsiders_go_on", "Remove sts:AssumeRole", one_role_further),
    ("network_list_doubtful", "List only", networks(lambda _: [OFFICE])),
    (
        "policy_says_otherwise",
        "List only the actions to register",
        lambda a, f: rewrite(a, f.subject, only_devices),
    ),
    ("policy_says_otherwise", "List your own networks", networks(lambda _: [OFFICE])),
    (
        "policy_says_otherwise",
        "Write the operator without IfExists",
        lambda a, f: rewrite(a, f.subject, without_if_exists),
    ),
    (
        "policy_says_otherwise",
        'Write "BoolIfExists"',
        lambda a, f: rewrite(a, f.subject, if_exists),
    ),
    ("federation_without_subject", "Add conditions on the subject", of_one_repository),
    ("federation_without_provider", "Remove the provider", without_provider),
    ("service_for_unknown_account", "Remove the account", for_this_account),
    (
        "break_glass_not_ready",
        "Register a hardware token or a passkey for it, and deny",
        lambda a, f: [
            changes.EnableMFADevice(f.subject),
            changes.PutInlinePolicy(f.subject, "deny", WITHOUT_MFA),
        ],
    ),
    (
        "security_contact_missing",
        "Set the security",
        lambda a, f: [changes.PutAlternateContact("SECURITY", "security@example.com")],
    ),
    (
        "contact_details_missing",
        "Set the account's contact",
        lambda a, f: [changes.PutContactInformation("Example Corp")],
    ),
    (
        "external_access_analyzer_missing",
        "Create an external access analyzer",
        lambda a, f: [changes.CreateAnalyzer("outside")],
    ),
    (
        "root_not_centrally_managed",
        "From the organization's management account, enable",
        lambda a, f: [changes.EnableOrganizationsRootCredentialsManagement()],
    ),
    ("support_role_missing", "Make a role", role_for("AWSSupportAccess")),
    ("security_audit_role_missing", "Make a role", role_for("SecurityAudit")),
]


def groups_of(account: Account, user: str) -> Iterator[tuple[str, str]]:
    """The policies of a user's groups."""
    rows = account.memberships
    for group in rows.loc[rows["user_arn"].eq(user), "group_arn"]:
        yield from held(account, group)


WORK = "which of its permissions its work needs is not in the evidence, so any change is a guess"
MEMBERS = "which of the administrators do other work, and what it needs, is not in the evidence"
NOTED = "it is noted as a fact; what else is wrong with its holders has a finding and a step"
UNTRIED = {
    "administrator_through_iam": WORK,
    "near_administrator": WORK,
    "can_escalate": WORK,
    "escalating_inline_policy": "it is on one principal, of which can_escalate says the same",
    "stale_service_access": "a policy names actions, and which of several to shorten is a choice",
    "escalates_with_a_target": "whether a function, instance or project has a role is not in IAM",
    "too_many_administrators": MEMBERS,
    "administrator_role": MEMBERS,
    "administrator_group": NOTED,
    "administrative_aws_policy": NOTED,
    "administrative_customer_policy": NOTED,
    "administrative_inline_policy": NOTED,
    "can_become_administrator": "tests/escalation/test_choke_points.py removes what the page names",
    "network_list_unapproved": "its two steps contradict: only a person knows whose network it is",
    "platform_role_impostor": "who made it, and what the platform's own policy was, is not shown",
    "platform_role_wide": "the platform undoes each change but its own, which IAM does not show",
    "break_glass_used": "the use stays in the evidence; a person has to ask who it was",
    "root_used": "the use stays in the evidence; a person has to ask what it was for",
    "federation_missing": "who of the users a provider would know is not in IAM, so nobody can go",
    "long_lived_access_keys": "which program uses a key, and if it can use a role, is not in IAM",
}


def attempt(account: Account, found: Finding) -> list[Change] | None:
    """The changes that a finding's printed step comes to; None: nobody can try it."""
    for check, says, build in TRIED:
        if re.fullmatch(check, found.check) and re.match(says, found.next_step):
            return build(account, found)
    if found.check in UNTRIED:
        return None
    raise AssertionError(f"nobody tries the advice of {found.check}: {found.next_step}")
