"""What a path gives: lifted limits, older versions, groups, and what a boundary allows."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.access.resource_sets import ResourceSet, certainly
from iamkit.escalation import EscalationGraph
from iamkit.escalation.gains import NOTHING, Gain
from tests.accounts import ARN, account, details, group, policy, report
from tests.policies import (
    EVERYTHING,
    WITH_MFA,
    allow,
    attached,
    bounded,
    controlled,
    deny,
    document,
    inline,
    line,
    person,
    trusts,
    worker,
)

KEY = "stolen-key"
NOBODY = trusts("ec2.amazonaws.com")
ANN = f"{ARN}user/ann"
PUT = "iam:PutUserPolicy"
MORE, ALL = Gain(more=True, everything=False), Gain(more=True, everything=True)


def made(folder: Path, **entries: list[Any]) -> Account:
    """An account in which ann has a key."""
    return account(folder, details(**entries), credential_report=report(line("ann", keys=1)))


def own(opened: Account, method: str, who: str = "user/ann", context: str = KEY) -> Gain:
    """What a path that reaches only the caller gives."""
    graph = opened.graph
    (found,) = (
        path for path in graph.available.paths(f"{ARN}{who}", context) if path.method.id == method
    )
    return graph.gains.own(found, f"{ARN}{who}", context)


def numbered(number: int, given: Any) -> Any:
    """The same with names of its own, so that many cases are in one account."""
    names = r"\b(ann|ops|admins|stop|halt|limit|two)\b"
    return json.loads(re.sub(names, rf"\g<1>{number}", json.dumps(given)))


def together(folder: Path, cases: Iterable[dict[str, list[Any]]]) -> Account:
    """One account of all these users, groups and policies."""
    whole: dict[str, list[Any]] = {"users": [], "groups": [], "policies": []}
    for number, entries in enumerate(cases):
        for kind, listed in numbered(number, entries).items():
            whole[kind] += listed
    return account(folder, details(**whole), credential_report=report())


def at(gain: Gain, target: str | None) -> Gain:
    return gain._replace(target_arn=None if target is None else f"{ARN}{target}")


def held(*policies: tuple[str, Any], **members: Any) -> dict[str, Any]:
    """Ann, with an inline policy per statement."""
    written = [{"PolicyName": name, "PolicyDocument": document(each)} for name, each in policies]
    return person("ann") | {"UserPolicyList": written} | members


# ── A denial is lifted ─────────────────────────────────────────────────────────────────────────

DELETE, DETACH = allow("iam:DeleteUserPolicy"), allow("iam:DetachUserPolicy")
S3, NO_S3 = allow("s3:*"), deny("s3:*")
STOP = policy("stop", document(NO_S3))
FROM_GROUP = {"groups": [group("ops", GroupPolicyList=inline(NO_S3, name="stop"))]}
IN_OPS = {"GroupList": ["ops"]}
# Ann; what else there is; the method; what it gives and what is removed.
LIFTED: dict[str, tuple[dict[str, Any], dict[str, list[Any]], str, Gain]] = {
    "the inline policy that denies": (
        held(("own", DELETE), ("all", S3), ("stop", NO_S3)),
        {},
        "delete-user-policy",
        at(MORE, "user/ann#stop"),
    ),
    "nothing, where nothing is allowed that is denied": (
        held(("own", DELETE), ("stop", NO_S3)),
        {},
        "delete-user-policy",
        NOTHING,
    ),
    "nothing, where nothing is denied": (
        held(("own", DELETE), ("all", S3)),
        {},
        "delete-user-policy",
        NOTHING,
    ),
    "nothing, where what denies allows it too": (
        held(("own", DELETE)) | {"UserPolicyList": [
            *inline(DELETE), *inline(S3, NO_S3, name="both"),
        ]},
        {},
        "delete-user-policy",
        NOTHING,
    ),
    "nothing inline, where what denies is attached": (
        held(("own", DELETE), ("all", S3), AttachedManagedPolicies=attached("stop")),
        {"policies": [STOP]},
        "delete-user-policy",
        NOTHING,
    ),
    "what is attached": (
        held(("own", DETACH), ("all", S3), AttachedManagedPolicies=attached("stop")),
        {"policies": [STOP]},
        "detach-user-policy",
        at(MORE, "policy/stop"),
    ),
    "nothing attached, where what denies is inline": (
        held(("own", DETACH), ("all", S3), ("stop", NO_S3)),
        {},
        "detach-user-policy",
        NOTHING,
    ),
    "nothing, where a group has the same policy": (
        held(("own", DETACH), ("all", S3), AttachedManagedPolicies=attached("stop"), **IN_OPS),
        {"policies": [STOP], "groups": [group("ops", AttachedManagedPolicies=attached("stop"))]},
        "detach-user-policy",
        NOTHING,
    ),
    "nothing, where another policy denies it again": (
        held(("own", DELETE), ("all", S3), ("stop", NO_S3),
             AttachedManagedPolicies=attached("stop")),
        {"policies": [STOP]},
        "delete-user-policy",
        NOTHING,
    ),
    "two that deny the same, one after the other": (
        held(("own", DELETE), ("all", S3), ("stop", NO_S3), ("halt", deny("s3:Get*")),
             ("wait", deny(["s3:*"], "*", Sid="Wait"))),
        {},
        "delete-user-policy",
        at(MORE, "user/ann#stop"),
    ),
    "the one of two that keeps everything back": (
        held(("own", EVERYTHING), ("some", deny("s3:*", f"{ARN}x")), ("most", deny("ec2:*"))),
        {},
        "delete-user-policy",
        at(ALL, "user/ann#some"),
    ),
    "the first of two, where each denies something": (
        held(("own", DELETE), ("all", allow(["s3:*", "ec2:*"])), ("stop", NO_S3),
             ("halt", deny("ec2:*"))),
        {},
        "delete-user-policy",
        at(MORE, "user/ann#stop"),
    ),
    "the second of two, where only that keeps something back": (
        held(("own", DELETE), ("all", S3), ("halt", deny("nothing:AtAll")), ("stop", NO_S3)),
        {},
        "delete-user-policy",
        at(MORE, "user/ann#stop"),
    ),
    "the second of two, where only that keeps everything back": (
        held(("own", DELETE), ("put", allow(PUT)), ("halt", deny("nothing:AtAll")),
             ("stop", deny(PUT))),
        {},
        "delete-user-policy",
        at(ALL, "user/ann#stop"),
    ),
    "one that denies, though it allows something else": (
        held(("own", DELETE), ("all", S3)) | {"UserPolicyList": [
            *inline(DELETE), *inline(S3, name="all"), *inline(allow("ec2:*"), NO_S3, name="stop"),
        ]},
        {},
        "delete-user-policy",
        at(MORE, "user/ann#stop"),
    ),
    "not everything, by what changes a role and ann is none": (
        held(("own", DELETE), ("put", allow("iam:PutRolePolicy")),
             ("stop", deny("iam:PutRolePolicy"))),
        {},
        "delete-user-policy",
        at(MORE, "user/ann#stop"),
    ),
    "not everything, by what changes another user": (
        held(("own", DELETE), ("put", allow(PUT, f"{ARN}user/else")), ("stop", deny(PUT))),
        {},
        "delete-user-policy",
        at(MORE, "user/ann#stop"),
    ),
    "one that keeps back to give oneself everything": (
        held(("own", DELETE), ("put", allow(PUT)), ("stop", deny(PUT))),
        {},
        "delete-user-policy",
        at(ALL, "user/ann#stop"),
    ),
    "not everything, where a boundary limits what one could give oneself": (
        held(("own", DELETE), ("put", allow(PUT)), ("stop", deny(PUT)), **bounded("limit")),
        {"policies": [policy("limit", document(allow(["iam:DeleteUserPolicy", PUT])))]},
        "delete-user-policy",
        at(MORE, "user/ann#stop"),
    ),
    "what a group denies, by deleting it there": (
        held(("own", allow("iam:DeleteGroupPolicy")), ("all", S3), **IN_OPS),
        FROM_GROUP,
        "delete-group-policy",
        at(MORE, "group/ops#stop"),
    ),
    "nothing of a group, where the denial is one's own": (
        held(("own", allow("iam:DeleteGroupPolicy")), ("all", S3), ("stop", NO_S3), **IN_OPS),
        {"groups": [group("ops", GroupPolicyList=inline(S3))]},
        "delete-group-policy",
        NOTHING,
    ),
    "a group and all that it denies": (
        held(("own", allow("iam:RemoveUserFromGroup")), ("all", allow(["s3:*", "ec2:*"])),
             **IN_OPS),
        {"groups": [group("ops", GroupPolicyList=[
            *inline(NO_S3, name="stop"), *inline(deny(["s3:*", "ec2:*"]), name="halt"),
        ])]},
        "leave-group",
        at(MORE, "group/ops"),
    ),
    "nothing, where the group that denies allows it too": (
        held(("own", allow("iam:RemoveUserFromGroup")), **IN_OPS),
        {"groups": [group("ops", GroupPolicyList=[*inline(S3), *inline(NO_S3, name="stop")])]},
        "leave-group",
        NOTHING,
    ),
    "a boundary that leaves nothing else": (
        held(("own", EVERYTHING), **bounded("limit")),
        {"policies": [policy("limit", document(allow("iam:DeleteUserPermissionsBoundary")))]},
        "iam-022",
        at(ALL, "user/ann"),
    ),
    "a boundary that keeps something back": (
        held(("own", allow(["iam:DeleteUserPermissionsBoundary", "s3:*"])), **bounded("limit")),
        {"policies": [policy("limit", document(allow("iam:*")))]},
        "iam-022",
        at(MORE, "user/ann"),
    ),
    "nothing, where the boundary keeps nothing back": (
        held(("own", allow("iam:DeleteUserPermissionsBoundary")), **bounded("limit")),
        {"policies": [policy("limit", document(allow("iam:*")))]},
        "iam-022",
        NOTHING,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def lifted(tmp_path_factory: pytest.TempPathFactory) -> Account:
    cases = ({"users": [ann], **others} for ann, others, _, _ in LIFTED.values())
    return together(tmp_path_factory.mktemp("lifted"), cases)


@pytest.mark.parametrize("case", LIFTED)
def test_ann_gets_rid_of(case: str, lifted: Account) -> None:
    number, (_, _, path, expected) = list(LIFTED).index(case), LIFTED[case]
    assert own(lifted, path, f"user/ann{number}") == Gain(*numbered(number, expected))


def test_a_certain_removal_is_told_from_a_possible_one(tmp_path: Path) -> None:
    asks = {"StringEquals": {"sts:ExternalId": "eu-west-1"}}
    ann = held(("own", DELETE | {"Condition": asks}), ("all", S3), ("stop", NO_S3))
    graph = made(tmp_path, users=[ann]).graph
    (path,) = (
        each for each in graph.available.paths(ANN, KEY) if each.method.id == "delete-user-policy"
    )
    assert path.targets == ResourceSet(0, 1)
    assert graph.gains.own_certain_and_possible(path, ANN, KEY) == (
        NOTHING,
        at(MORE, "user/ann#stop"),
    )
    certain = path._replace(targets=certainly(1))
    assert (
        graph.gains.own_certain_and_possible(certain, ANN, KEY) == (at(MORE, "user/ann#stop"),) * 2
    )
    assert graph.gains.own(path, ANN, KEY) == NOTHING


# ── An older version is brought back ───────────────────────────────────────────────────────────


def versions(default: Any, *older: Any, name: str = "two") -> dict[str, Any]:
    """A customer policy with versions that are not the default one."""
    listed = [
        {"Document": each, "VersionId": f"v{number}", "IsDefaultVersion": number == 0}
        for number, each in enumerate([default, *older])
    ]
    return policy(name, default, DefaultVersionId="v0", PolicyVersionList=listed)


SET = allow("iam:SetDefaultPolicyVersion")
GET, LIST = document(allow("s3:GetObject")), document(allow("s3:ListBucket"))
OLDER: dict[str, tuple[Any, dict[str, Any], Gain]] = {
    "that allows everything": (SET, versions(GET, document(EVERYTHING)), at(ALL, "policy/two")),
    "that allows something else": (SET, versions(GET, LIST), at(MORE, "policy/two")),
    "that allows the same": (SET, versions(GET, GET), NOTHING),
    "that allows less": (SET, versions(document(S3), GET), NOTHING),
    "of which there is none": (SET, versions(GET), NOTHING),
    "that allows more, the third": (SET, versions(GET, GET, LIST), at(MORE, "policy/two")),
    "the best of several": (
        SET,
        versions(GET, LIST, document(EVERYTHING)),
        at(ALL, "policy/two"),
    ),
    "that denies less": (
        allow(["iam:SetDefaultPolicyVersion", "ec2:*"]),
        versions(document(deny("ec2:*")), GET),
        at(MORE, "policy/two"),
    ),
    "that nobody can read": (SET, versions(GET, "{broken"), NOTHING),
    "that lets one give oneself everything": (
        SET,
        versions(GET, document(allow(PUT))),
        at(ALL, "policy/two"),
    ),
}


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Account:
    has_two = {"AttachedManagedPolicies": attached("two")}
    cases = (
        {"users": [held(("own", statement), **has_two)], "policies": [two]}
        for statement, two, _ in OLDER.values()
    )
    return together(tmp_path_factory.mktemp("older"), cases)


@pytest.mark.parametrize("case", OLDER)
def test_ann_brings_back_a_version(case: str, older: Account) -> None:
    number = list(OLDER).index(case)
    gain = own(older, "set-default-policy-version", f"user/ann{number}")
    assert gain == Gain(*numbered(number, OLDER[case][2]))


def test_only_a_policy_that_one_may_change_is_changed(tmp_path: Path) -> None:
    ann = held(
        ("own", allow("iam:SetDefaultPolicyVersion", f"{ARN}policy/one")),
        AttachedManagedPolicies=attached("one", "two"),
    )
    policies = [versions(GET, LIST, name="one"), versions(GET, document(EVERYTHING))]
    opened = made(tmp_path, users=[ann], policies=policies)
    assert own(opened, "set-default-policy-version") == at(MORE, "policy/one")


# ── A group is joined ──────────────────────────────────────────────────────────────────────────

ADMINS = group("admins", GroupPolicyList=inline(EVERYTHING))
JOIN = allow("iam:AddUserToGroup")


def puts(*statements: Any) -> dict[str, Any]:
    return group("admins", GroupPolicyList=inline(*statements))


# Ann's statements and other members; the group; what joining gives; whether she gets all of it.
JOINED: dict[str, tuple[dict[str, Any], dict[str, Any], Gain, bool]] = {
    "a group of administrators": (held(("own", JOIN)), ADMINS, ALL, True),
    "a group that may do something else": (held(("own", JOIN)), puts(S3), MORE, True),
    "a group that may do no more": (held(("own", S3)), puts(allow("s3:Get*")), NOTHING, True),
    "a group of which something is denied her, until she lifts that": (
        held(("own", deny("ec2:*"))), ADMINS, ALL, False,
    ),
    "a group of which she is denied all that it has": (
        held(("own", NO_S3)),
        puts(S3),
        NOTHING,
        False,
    ),
    "a group of which her boundary lets through something": (
        held(("own", JOIN), **bounded("limit")),
        ADMINS,
        MORE,
        False,
    ),
    "a group that lets her give herself everything": (held(("own", JOIN)), puts(allow(PUT)), ALL, (
        True
    )),
    "a group that lets her give herself what her boundary lets through": (
        held(("own", JOIN), **bounded("limit")),
        puts(allow(PUT)),
        MORE,
        True,
    ),
    "a group of administrators, as one who can give herself everything already": (
        held(("own", allow(PUT))),
        ADMINS,
        ALL,
        True,
    ),
    "a group of administrators, as one who can give herself what her boundary lets through": (
        held(("own", allow(PUT)), **bounded("limit")),
        ADMINS,
        MORE,
        False,
    ),
    "a group that may do no more, as one who can do everything": (
        held(("own", EVERYTHING)),
        puts(S3),
        NOTHING,
        True,
    ),
    "a group that asks for MFA": (
        held(("own", JOIN)),
        puts(S3 | {"Condition": WITH_MFA}),
        NOTHING,
        True,
    ),
}  # fmt: skip
LIMIT = policy("limit", document(allow(["iam:AddUserToGroup", PUT, "s3:*"])))


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Account:
    cases = (
        {"users": [ann], "groups": [joined], "policies": [LIMIT]}
        for ann, joined, _, _ in JOINED.values()
    )
    return together(tmp_path_factory.mktemp("groups"), cases)


@pytest.mark.parametrize("case", JOINED)
def test_ann_joins(case: str, groups: Account) -> None:
    number, (_, _, expected, gets_all) = list(JOINED).index(case), JOINED[case]
    gains, ann, admins = groups.graph.gains, f"{ANN}{number}", f"{ARN}group/admins{number}"
    assert gains.joining(ann, KEY, admins) == expected._replace(target_arn=admins)
    assert gains.gets_all(ann, KEY, admins) is gets_all
    assert not gains.gets_all(admins, KEY, admins), "a group does not join itself"


# ── Under a boundary ───────────────────────────────────────────────────────────────────────────


def graph_of(folder: Path, *users: Any, **entries: list[Any]) -> EscalationGraph:
    return made(folder, users=list(users), **entries).graph


def test_who_gives_itself_everything_gains_what_its_boundary_allows(tmp_path: Path) -> None:
    free = person("free", allow(PUT))
    ann = held(("own", allow(PUT)), **bounded("limit"))
    bob = person("bob", allow(["iam:AddUserToGroup", PUT, "s3:*"]), **bounded("limit"))
    wide = person("wide", allow(PUT), **bounded("wide"))
    graph = graph_of(
        tmp_path, ann, bob, free, wide, policies=[LIMIT, policy("wide", document(EVERYTHING))]
    )
    for name, expected in {
        "ann": MORE,
        "bob": NOTHING,
        "free": ALL,
        "wide": ALL,
    }.items():
        who = f"{ARN}user/{name}"
        assert graph.gains.under_boundary(who, KEY, who) == expected, name
    # Of whom it gives everything to, the boundary counts, and not its own.
    assert graph.gains.under_boundary(ANN, KEY, f"{ARN}user/free") == ALL
    assert graph.gains.under_boundary(f"{ARN}user/free", KEY, ANN) == MORE
    kind = graph.callers.resources["user"]
    assert graph.gains.unbounded("user", KEY) == kind.set_of(
        f"{ARN}user/{name}" for name in ("free", "wide")
    )


def test_what_a_control_policy_denies_is_not_gained_under_a_boundary(tmp_path: Path) -> None:
    ann = held(("own", allow([PUT, "iam:AddUserToGroup"])), **bounded("limit"))
    opened = made(tmp_path, users=[ann], policies=[LIMIT])
    assert opened.graph.gains.under_boundary(ANN, KEY, ANN) == MORE
    shut = controlled(opened, document(EVERYTHING), document(deny("s3:*")))
    assert not shut.graph.gains.under_boundary(ANN, KEY, ANN).more


def test_a_boundary_with_a_condition_is_one_where_it_holds(tmp_path: Path) -> None:
    limit = policy("limit", document(allow("*", Condition=WITH_MFA), allow(PUT)))
    graph = graph_of(tmp_path, held(("own", allow(PUT)), **bounded("limit")), policies=[limit])
    assert not graph.gains.under_boundary(ANN, KEY, ANN).more
    assert graph.gains.under_boundary(ANN, "mfa-outside", ANN) == ALL
    assert graph.gains.unbounded("user", KEY) == 0
    assert graph.gains.unbounded("user", "mfa-outside") == 1


def test_another_s_boundary_is_removed(tmp_path: Path) -> None:
    """The best of the targets; each with its own policies."""
    none = worker("none", NOBODY, **bounded("limit"))
    some = worker("some", NOBODY, allow("ec2:*"), **bounded("limit"))
    same = worker("same", NOBODY, allow("s3:*"), **bounded("limit"))
    boss = worker("boss", NOBODY, EVERYTHING, **bounded("limit"))
    graph = graph_of(tmp_path, held(("own", S3)), roles=[none, some, same, boss], policies=[LIMIT])
    targets = [f"{ARN}role/{name}" for name in ("none", "same", "some", "boss")]
    assert graph.gains.without_boundary(ANN, KEY, targets, KEY) == at(ALL, "role/boss")
    assert graph.gains.without_boundary(ANN, KEY, targets[:3], KEY) == at(MORE, "role/some")
    assert graph.gains.without_boundary(ANN, KEY, targets[:2], KEY) == NOTHING
    assert graph.gains.without_boundary(ANN, KEY, [], KEY) == NOTHING


def test_what_is_gained_is_certain_and_was_not_even_possible(tmp_path: Path) -> None:
    asks = {"StringEquals": {"sts:ExternalId": "eu-west-1"}}
    users = [
        held(("own", allow("s3:GetObject", Condition=asks))),
        person("certain", allow("s3:GetObject")),
        person("else", allow("s3:ListBucket", f"{ARN}x")),
        person("possible", allow("s3:ListBucket", Condition=asks)),
    ]
    graph = graph_of(tmp_path, *users, person("most", allow(["s3:List*", "ec2:*"])))

    def best(who: str, *names: str) -> str | None:
        kind = graph.callers.resources["user"]
        targets = kind.set_of(f"{ARN}user/{name}" for name in names)
        found = graph.gains.strongest(f"{ARN}user/{who}", KEY, "user", targets, KEY)
        return None if found is None else found.removeprefix(f"{ARN}user/")

    assert best("ann", "certain", "possible") is None, (
        "she possibly can it already, and he only possibly"
    )
    assert best("ann", "certain", "else") == "else"
    assert best("certain", "ann") is None, "less"
    assert best("ann", "else", "most", "certain") == "most", "who can most"
    assert best("most", "else", "certain") == "certain", "and what the caller cannot"
    assert best("ann") is None


REGISTER = allow(["iam:EnableMFADevice", "iam:CreateVirtualMFADevice"])
# What ann may do with MFA, and what coming back with it gives her.
SESSION: dict[str, tuple[Any, Gain]] = {
    "nothing": (None, NOTHING),
    "something": (S3, MORE),
    "everything": (EVERYTHING, ALL),
    "to give herself everything": (allow(PUT), ALL),
}


@pytest.mark.parametrize("case", SESSION)
def test_who_registers_a_device_of_its_own_gets_with_mfa(case: str, tmp_path: Path) -> None:
    statement, gained = SESSION[case]
    asks = [] if statement is None else [statement | {"Condition": WITH_MFA}]
    opened = made(tmp_path, users=[person("ann", REGISTER, *asks)])
    gain = own(opened, "register-own-mfa")
    assert gain[:2] == gained[:2]
    again = own(opened, "register-own-mfa", context="mfa-outside")
    assert not again.more, "who has it already gains nothing"


def test_strength_is_the_number_of_certain_actions(tmp_path: Path) -> None:
    users = [held(("own", allow(["s3:GetObject", "s3:PutObject"], f"{ARN}x"))), person("none")]
    graph = graph_of(tmp_path, *users)
    assert (graph.gains.strength(ANN, KEY), graph.gains.strength(f"{ARN}user/none", KEY)) == (2, 0)


def test_what_of_its_own_a_path_uses_is_named(tmp_path: Path) -> None:
    ann = held(
        ("own", allow(["iam:PutGroupPolicy", PUT, "iam:CreatePolicyVersion"])),
        GroupList=["ops"],
        AttachedManagedPolicies=attached("limit"),
    )
    groups = [group("admins"), group("ops")]
    opened = made(tmp_path, users=[ann], groups=groups, policies=[STOP, LIMIT])
    used = {method: own(opened, method) for method in ("iam-007", "iam-011", "iam-001")}
    assert used == {
        "iam-007": at(ALL, "user/ann"),
        "iam-011": at(ALL, "group/ops"),
        "iam-001": at(ALL, "policy/limit"),
    }


def test_what_a_role_lifts_lets_it_give_itself_everything(tmp_path: Path) -> None:
    put, deletes = allow("iam:PutRolePolicy"), allow("iam:DeleteRolePolicy")
    app = worker("app", NOBODY) | {
        "RolePolicyList": [*inline(deletes, put), *inline(deny("iam:PutRolePolicy"), name="stop")]
    }
    opened = made(tmp_path, roles=[app])
    assert own(opened, "delete-role-policy", "role/app") == at(ALL, "role/app#stop")


@pytest.mark.parametrize("method", ["iam-007", "make-role-put"])
def test_what_is_only_possibly_allowed_certainly_gives_nothing(method: str, tmp_path: Path) -> None:
    asks = {"StringEquals": {"sts:ExternalId": "eu-west-1"}}
    opened = made(tmp_path, users=[person("ann", allow("iam:*", Condition=asks))])
    assert own(opened, method) == NOTHING
