"""The statements that are named for a path: those that decide, and no others."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.access.resource_sets import members
from iamkit.escalation.callers import Callers
from iamkit.escalation.targets import NOT_IN_EVIDENCE, EscalationPath, passed_to
from iamkit.policy.context import UNKNOWN, RequestContext
from iamkit.policy.decision import decide
from iamkit.reference.escalation_methods import escalation_methods
from tests.accounts import ARN, account, details, group, policy, report
from tests.examples import examples
from tests.policies import (
    ACCOUNT_ROOT,
    EVERYTHING,
    WITH_MFA,
    allow,
    attached,
    deny,
    document,
    inline,
    line,
    person,
    tagged,
    trusts,
    worker,
)

KEY = "stolen-key"
ROOT: Any = ACCOUNT_ROOT
ANN, BOSS = f"{ARN}user/ann", f"{ARN}role/boss"
LAMBDA = "lambda.amazonaws.com"
NOBODY = trusts("robomaker.amazonaws.com")
RUN = allow(["lambda:CreateFunction", "lambda:InvokeFunction"], Sid="Run")
PASS = "iam:PassRole"


def made(folder: Path, *entries: dict[str, Any]) -> Account:
    """An account of these users, groups, roles and policies; ann has a key."""
    listed = [
        [entry for entry in entries if f"{kind}Name" in entry]
        for kind in ("User", "Group", "Role", "Policy")
    ]
    return account(folder, details(*listed), credential_report=report(line("ann", keys=1)))


def reasons(opened: Account, path: str, target: str | None, context: str = KEY) -> list[str]:
    """The statements named for ann's path."""
    return opened.graph.explanations.statements(escalation_methods()[path], ANN, context, target)


def own(*sids: str, action: str = "sts:AssumeRole", name: str = "own") -> list[str]:
    return [f"{action}: Allow statement “{sid}” of {name}" for sid in sids]


def called(sid: str, action: str = "sts:AssumeRole", resource: Any = "*", **members: Any) -> Any:
    """A statement that can be told from others."""
    return allow(action, resource, Sid=sid, **members)


# ── Which statement it is ──────────────────────────────────────────────────────────────────────

OPS = {"StringEquals": {"aws:ResourceTag/team": "ops"}}
WEB = {"StringEquals": {"aws:ResourceTag/team": "web"}}
REGION = {"StringEquals": {"sts:ExternalId": "eu-west-1"}}
# Ann's statements, and the one that lets her assume the role boss of team ops.
NAMED: dict[str, tuple[list[Any], str]] = {
    "the only one": ([called("one")], "statement “one”"),
    "one without a name, by its place": ([allow("s3:*"), allow("sts:*")], "statement 2"),
    "the first of two that allow": ([called("one"), called("two")], "statement “one”"),
    "not one about another role": (
        [called("one", resource=f"{ARN}role/x"), called("two")],
        "statement “two”",
    ),
    "not one about another action": (
        [called("one", "sts:TagSession"), called("two")],
        "statement “two”",
    ),
    "not one about all but this role": (
        [
            {"Effect": "Allow", "Action": "*", "NotResource": f"{ARN}role/b*", "Sid": "one"},
            called("two"),
        ],
        "statement “two”",
    ),
    "not one whose condition does not hold": (
        [called("one", Condition=WITH_MFA), called("two")],
        "statement “two”",
    ),
    "not one whose condition nobody knows": (
        [called("one", Condition=REGION), called("two")],
        "statement “two”",
    ),
    "not one for another tag": ([called("one", Condition=WEB), called("two")], "statement “two”"),
    "not one that denies": (
        [{**deny("sts:AssumeRole", f"{ARN}role/x"), "Sid": "one"}, called("two")],
        "statement “two”",
    ),
}


@pytest.mark.parametrize("case", NAMED)
def test_the_statement_named_is(case: str, tmp_path: Path) -> None:
    statements, expected = NAMED[case]
    boss = worker("boss", trusts(ROOT), **tagged(team="ops"))
    opened = made(tmp_path, person("ann", *statements), boss)
    first, trust = reasons(opened, "sts-001", BOSS)
    assert first == f"sts:AssumeRole: Allow {expected} of own"
    assert trust == f"trust policy of boss: statement 1 trusts {ARN}root"


def test_a_condition_is_said_to_hold_in_that_context(tmp_path: Path) -> None:
    ann = person("ann", called("one", Condition=WITH_MFA), called("two"))
    opened = made(tmp_path, ann, worker("boss", trusts(ROOT)))
    without, _ = reasons(opened, "sts-001", BOSS)
    having, _ = reasons(opened, "sts-001", BOSS, "mfa-outside")
    assert without == "sts:AssumeRole: Allow statement “two” of own"
    assert having == "sts:AssumeRole: Allow statement “one” of own (condition true)"


def test_each_call_has_its_statement_in_order_and_the_trust_policy_is_last(tmp_path: Path) -> None:
    to_lambda = {"StringEquals": {"iam:PassedToService": LAMBDA}}
    to_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    ann = person(
        "ann",
        RUN,
        called("other", PASS, Condition=to_ec2),
        called("pass", PASS, BOSS, Condition=to_lambda),
    )
    opened = made(tmp_path, ann, worker("boss", trusts(LAMBDA), EVERYTHING))
    assert reasons(opened, "lambda-001", BOSS) == [
        "iam:PassRole: Allow statement “pass” of own (condition true)",
        *own("Run", action="lambda:CreateFunction"),
        *own("Run", action="lambda:InvokeFunction"),
        f"trust policy of boss: statement 1 trusts {LAMBDA}",
    ]


def test_without_a_target_it_is_whatever_allows_the_call(tmp_path: Path) -> None:
    opened = made(tmp_path, person("ann", RUN, called("pass", PASS, f"{ARN}role/none")))
    assert reasons(opened, "lambda-001", None) == [
        *own("pass", action=PASS),
        *own("Run", action="lambda:CreateFunction"),
        *own("Run", action="lambda:InvokeFunction"),
    ]


TRUST: dict[str, tuple[Any, str, str]] = {
    "that names her before one that names her account": (
        trusts("user/ann", *trusts(ROOT)["Statement"]),
        "statement 1",
        ANN,
    ),
    "that names her after one that names her account": (
        trusts(ROOT, *trusts("user/ann", Sid="Ann")["Statement"]),
        "statement “Ann”",
        ANN,
    ),
    "that names anyone": (trusts("*"), "statement 1", "*"),
    "that names her account": (trusts(LAMBDA, *trusts(ROOT)["Statement"]), "statement 2", "root"),
}


@pytest.mark.parametrize("case", TRUST)
def test_the_statement_of_the_trust_policy_is_the_one(case: str, tmp_path: Path) -> None:
    trust, statement, whom = TRUST[case]
    opened = made(tmp_path, person("ann", called("one")), worker("boss", trust))
    _, last = reasons(opened, "sts-001", BOSS)
    assert last.startswith(f"trust policy of boss: {statement} trusts ")
    assert last.endswith(whom)


def test_who_is_named_needs_no_statement_of_its_own(tmp_path: Path) -> None:
    opened = made(tmp_path, person("ann", allow("s3:*")), worker("boss", trusts("user/ann")))
    (only,) = reasons(opened, "sts-001", BOSS)
    assert only == f"trust policy of boss: statement 1 trusts {ANN}"
    assert openers(opened, "sts-001") == {(frozenset({BOSS}),)}


# ── Which policy it is ─────────────────────────────────────────────────────────────────────────


def test_a_policy_is_called_what_its_holder_calls_it(tmp_path: Path) -> None:
    """Others may have one that says the same."""
    twin = person("bob") | {"UserPolicyList": inline(called("one"), name="twin")}
    ops = group("ops", GroupPolicyList=inline(called("one"), name="from-ops"))
    ann = person("ann", GroupList=["ops"])
    opened = made(tmp_path, twin, ann, ops, worker("boss", trusts(ROOT)))
    assert reasons(opened, "sts-001", BOSS)[0] == own("one", name="from-ops")[0]
    graph = opened.graph
    path, bob = escalation_methods()["sts-001"], f"{ARN}user/bob"
    assert openers(opened, "sts-001") == {(frozenset({f"{ARN}group/ops#from-ops"}),)}
    assert openers(opened, "sts-001", bob) == {(frozenset({f"{bob}#twin"}),)}
    assert (
        graph.explanations.statements(path, f"{ARN}user/bob", KEY, BOSS)[0]
        == own("one", name="twin")[0]
    )


def openers(opened: Account, path: str, arn: str = ANN) -> set[Any]:
    """The policies that allow one's path to boss."""
    where = opened.graph.callers.resources["role"].set_of([BOSS])
    return set(
        opened.graph.explanations.allowing_policies(escalation_methods()[path], arn, KEY, where)
    )


def test_each_call_of_a_way_is_opened_by_policies_of_its_own(tmp_path: Path) -> None:
    held = policy("runs", document(RUN))
    too = policy("passes", document(allow(PASS)))
    ann = person(
        "ann", called("pass", PASS, BOSS), AttachedManagedPolicies=attached("runs", "passes")
    )
    opened = made(tmp_path, ann, held, too, worker("boss", trusts(LAMBDA), EVERYTHING))
    runs = frozenset({f"{ARN}policy/runs"})
    passes = frozenset({f"{ANN}#own", f"{ARN}policy/passes"})
    assert openers(opened, "lambda-001") == {(passes, runs, runs)}


def test_a_policy_that_only_possibly_allows_a_call_is_not_named(tmp_path: Path) -> None:
    doubtful = policy("doubtful", document(allow("sts:*", Condition=REGION)))
    ann = person("ann", called("one"), AttachedManagedPolicies=attached("doubtful"))
    opened = made(tmp_path, ann, doubtful, worker("boss", trusts(ROOT)))
    assert openers(opened, "sts-001") == {(frozenset({f"{ANN}#own"}),)}


def test_what_is_about_another_group_opens_nothing(tmp_path: Path) -> None:
    aside = policy("aside", document(allow("iam:PutGroupPolicy", f"{ARN}group/other")))
    ann = person(
        "ann",
        allow("iam:PutGroupPolicy", f"{ARN}group/ops"),
        GroupList=["ops"],
        AttachedManagedPolicies=attached("aside"),
    )
    opened = made(tmp_path, ann, group("ops"), group("other"), aside)
    found = opened.graph.explanations.allowing_policies(
        escalation_methods()["iam-011"], ANN, KEY, 1
    )
    assert found == {(frozenset({f"{ANN}#own"}),): 1}


OWN: dict[str, tuple[dict[str, Any], str, str | None, list[str]]] = {
    "oneself": (
        person("ann", called("x", "iam:PutUserPolicy", f"{ARN}user/x"),
               called("one", "iam:PutUserPolicy", ANN)),
        "iam-007",
        ANN,
        own("one", action="iam:PutUserPolicy"),
    ),
    "oneself, to delete what denies": (
        person("ann", called("x", "iam:DeleteUserPolicy", f"{ARN}user/x"),
               called("one", "iam:DeleteUserPolicy", ANN)),
        "delete-user-policy",
        f"{ANN}#own",
        own("one", action="iam:DeleteUserPolicy"),
    ),
    "the group that is left": (
        person("ann", called("x", "iam:RemoveUserFromGroup", f"{ARN}group/other"),
               called("one", "iam:RemoveUserFromGroup", f"{ARN}group/ops"),
               GroupList=["other", "ops"]),
        "leave-group",
        f"{ARN}group/ops",
        own("one", action="iam:RemoveUserFromGroup"),
    ),
    "the policy that is rewritten": (
        person("ann", called("x", "iam:CreatePolicyVersion", f"{ARN}policy/x"),
               called("one", "iam:CreatePolicyVersion", f"{ARN}policy/held"),
               AttachedManagedPolicies=attached("held")),
        "iam-001",
        f"{ARN}policy/held",
        own("one", action="iam:CreatePolicyVersion"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OWN)
def test_the_statement_is_about(case: str, tmp_path: Path) -> None:
    ann, path, target, expected = OWN[case]
    groups = [group("ops"), group("other")]
    opened = made(tmp_path, ann, *groups, policy("held", document(allow("s3:*"))))
    assert reasons(opened, path, target) == expected


def test_a_policy_that_the_target_has_is_what_is_rewritten(tmp_path: Path) -> None:
    ann = person(
        "ann",
        called("x", "iam:CreatePolicyVersion", f"{ARN}policy/none"),
        called("one", "iam:CreatePolicyVersion", f"{ARN}policy/held"),
        called("two"),
    )
    boss = worker("boss", trusts(ROOT), AttachedManagedPolicies=attached("held"))
    held = [policy(name, document(allow("s3:*"))) for name in ("none", "held")]
    first, second, _ = reasons(made(tmp_path, ann, boss, *held), "iam-016", BOSS)
    assert first == own("one", action="iam:CreatePolicyVersion")[0]
    assert second == own("two")[0]


def test_who_has_the_policy_that_is_rewritten_is_opened_by_it(tmp_path: Path) -> None:
    """Boss has the policy held, chief the policy none."""
    held = [policy(name, document(allow("s3:*"))) for name in ("none", "held")]
    further = policy("further", document(allow("iam:CreatePolicyVersion", f"{ARN}policy/held")))
    own_ = [allow("iam:CreatePolicyVersion"), called("two")]
    ann = person("ann", *own_, AttachedManagedPolicies=attached("further"))
    boss, chief = (
        worker(name, trusts(ROOT), AttachedManagedPolicies=attached(each))
        for name, each in (("boss", "held"), ("chief", "none"))
    )
    opened = made(tmp_path, ann, boss, chief, *held, further)
    inline_, attached_ = f"{ANN}#own", f"{ARN}policy/further"
    roles = opened.graph.callers.resources["role"]
    found = opened.graph.explanations.allowing_policies(
        escalation_methods()["iam-016"], ANN, KEY, roles.existing
    )
    assert found == {
        (frozenset({inline_, attached_}), frozenset({inline_})): roles.set_of([BOSS]),
        (frozenset({inline_}), frozenset({inline_})): roles.set_of([f"{ARN}role/chief"]),
    }


def test_a_stack_set_is_passed_the_role_that_assumes_the_one_reached(tmp_path: Path) -> None:
    ann = person(
        "ann",
        called("x", PASS, BOSS),
        called("one", PASS, f"{ARN}role/manages"),
        called("set", ["cloudformation:CreateStackSet", "cloudformation:CreateStackInstances"]),
    )
    manages = worker("manages", trusts("cloudformation.amazonaws.com"), allow("sts:AssumeRole"))
    boss = worker("boss", trusts("role/manages"), EVERYTHING)
    opened = made(tmp_path, ann, manages, boss)
    assert own("one", action=PASS)[0] in reasons(opened, "cloudformation-003", BOSS)
    assert openers(opened, "cloudformation-003") == {(frozenset({f"{ANN}#own"}),) * 3}


# ── Whatever the statements ────────────────────────────────────────────────────────────────────

ACTIONS = ["sts:AssumeRole", PASS, "iam:*", "lambda:*", "iam:CreateAccessKey", "iam:Put*"]
ACTIONS += ["iam:UpdateAssumeRolePolicy", "iam:CreatePolicyVersion", "iam:AddUserToGroup", "*"]
PLACES = ["*", BOSS, f"{ARN}role/*", f"{ARN}user/*", f"{ARN}user/bob", f"{ARN}policy/held"]
PLACES += [f"{ARN}*/${{aws:username}}", f"{ARN}group/*"]
CONDITIONS: list[dict[str, Any]] = [{}, {}, {}, WITH_MFA, OPS, WEB, REGION]
CONDITIONS += [{"StringLike": {"iam:PassedToService": "lambda*"}}]
drawn = st.builds(
    lambda denies, action, place, condition: (deny if denies else allow)(
        action, place, **({"Condition": condition} if condition else {})
    ),
    st.sampled_from([False, False, False, True]),
    st.sampled_from(ACTIONS),
    st.sampled_from(PLACES),
    st.sampled_from(CONDITIONS),
)
PEOPLE = 12


def world(folder: Path, held: list[list[Any]]) -> Account:
    """People with the drawn statements, two policies each, among targets of every kind."""
    people = [
        person(f"p{number}", GroupList=["ops"], AttachedManagedPolicies=attached("held"))
        | {"UserPolicyList": [*inline(*own[:2], name="a"), *inline(*own[2:], name="b")]}
        for number, own in enumerate(held)
    ]
    trust = trusts(ROOT, *trusts(LAMBDA)["Statement"], *trusts("user/p0")["Statement"])
    contents = details(
        [*people, person("bob", EVERYTHING)],
        [group("ops"), group("admins", GroupPolicyList=inline(EVERYTHING))],
        [worker("boss", trust, EVERYTHING, AttachedManagedPolicies=attached("held"),
                **tagged(team="ops"))],
        [policy("held", document(allow("s3:GetObject")))],
    )  # fmt: skip
    return account(folder, contents)


def statements_of(opened: Account, arn: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement of somebody's: what it is called, and alone in a document."""
    for each in opened.callers.layers(arn).identity:
        document_ = dict(each.document or {})
        for number, one in enumerate(document_["Statement"], start=1):
            yield f"{number} of {each.name}", {**document_, "Statement": [one]}


def _chosen(action: str) -> RequestContext | None:
    """What whoever attaches a policy would choose."""
    if not re.fullmatch("iam:Attach(User|Group|Role)Policy", action):
        return None
    return RequestContext({"iam:policyarn": "arn:aws:iam::aws:policy/AdministratorAccess"}, UNKNOWN)


def known(callers: Callers, arn: str) -> Mapping[str, Any]:
    """The condition keys that the account knows of a user, group or role."""
    for kind in callers.resources.values():
        if arn in kind.number:
            return kind.condition_keys[kind.number[arn]]
    return {}


def requests(opened: Account, path: EscalationPath, arn: str, target: str | None) -> Iterator[Any]:
    """For each call of a path: the action, and the requests one of which has to be allowed."""
    callers = opened.graph.callers
    who = callers.context(arn, KEY)
    for action, on in path.method.permissions.items():
        about = [_chosen(action)]
        if on == "passed role":
            about = [passed_to(each) for each in path.method.services]
        resources = [target]
        if on == "target policy":
            resources = callers.customer_policies(str(target))
        elif on in NOT_IN_EVIDENCE:
            resources = ["*"]
        elif on in callers.caller(arn).own:
            own = callers.caller(arn).own[on]
            kind = callers.resources["policy" if on in ("own policy", "own boundary") else on[4:]]
            resources = [kind.arns[at] for at in members(own)]
        yield action, [
            (resource, (who if each is None else who.joined(each)).joined(
                RequestContext(dict(known(callers, str(resource))), UNKNOWN)
            ))
            for resource in resources
            for each in about
        ]  # fmt: skip


@examples(0.125)
@given(st.lists(st.lists(drawn, max_size=4), min_size=PEOPLE, max_size=PEOPLE))
def test_what_is_named_allows_the_call_alone_and_is_the_first_that_does(held: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        opened = world(Path(folder), held)
        graph = opened.graph
        for number in range(PEOPLE):
            arn = f"{ARN}user/p{number}"
            for path in graph.available.paths(arn, KEY):
                found = members(path.targets.certain).tolist()
                kind = graph.callers.resources.get(path.kind)
                targets = [kind.arns[at] for at in found] if kind else [arn][: len(found)]
                for target in targets:
                    compare(opened, path, arn, target)


def compare(opened: Account, path: EscalationPath, arn: str, target: str) -> None:
    """Look at the statements of one path to one target, one request at a time."""
    texts = opened.graph.explanations.statements(path.method, arn, KEY, target)
    named = dict(re.findall(r"(\S+): Allow statement (\d+ of \w+)", "\n".join(texts)))
    expected = {}
    for action, asked in requests(opened, path, arn, target):
        somewhere = path.method.permissions[action] in NOT_IN_EVIDENCE
        # The first request for which there is a statement decides which is named.
        for name, alone in statements_of(opened, arn):
            if somewhere:
                (one,) = alone["Statement"]
                alone = {**alone, "Statement": [{**one, "Resource": "*"}]}
            if any(decide(action, to, who, identity=[alone]) for to, who in asked):
                expected[action] = name
                break
    assert named == expected, (path.method.id, target, texts)


@examples(0.125)
@given(st.lists(st.lists(drawn, max_size=4), min_size=PEOPLE, max_size=PEOPLE))
def test_what_opens_a_way_is_every_policy_that_allows_its_call(held: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        opened = world(Path(folder), held)
        graph = opened.graph
        for number in range(PEOPLE):
            arn = f"{ARN}user/p{number}"
            for path in graph.available.paths(arn, KEY):
                kind, certain = graph.callers.resources.get(path.kind), path.targets.certain
                found = graph.explanations.allowing_policies(
                    path.method, arn, KEY, certain if kind else min(certain, 1)
                )
                assert sum(found.values()) == (certain if kind else min(certain, 1)), (
                    "each target once"
                )
                for allowing, which in found.items():
                    for at in members(which).tolist():
                        target = kind.arns[at] if kind else arn
                        assert allowing == expected_policies(opened, path, arn, target), (
                            path.method.id
                        )


def expected_policies(opened: Account, path: EscalationPath, arn: str, target: str) -> Any:
    """For each call the policies that allow it, one request at a time; p0 is trusted by name."""
    if path.method.id == "sts-001" and arn.endswith("/p0"):
        return (frozenset({target}),)
    arns = opened.callers.policy_arns
    found = []
    for action, asked in requests(opened, path, arn, target):
        allowing = set()
        for each in opened.callers.layers(arn).identity:
            held = [one for one in (each.document or {})["Statement"] if one["Effect"] == "Allow"]
            if path.method.permissions[action] in NOT_IN_EVIDENCE:
                held = [{**one, "Resource": "*"} for one in held]
            alone = {**(each.document or {}), "Statement": held}
            if any(decide(action, to, who, identity=[alone]) for to, who in asked):
                allowing.add(arns[each])
        found.append(frozenset(allowing))
    return tuple(found)


# ── Without it ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("keep", [True, False])
def test_without_the_policy_that_opens_it_a_way_is_closed(keep: bool, tmp_path: Path) -> None:
    """As long as it is the only one that does."""
    boss = worker("boss", trusts(ROOT), EVERYTHING)
    policies = {"opens": called("one"), "reads": allow("s3:*"), "lists": allow("iam:List*")}
    if keep:
        policies["opens-too"] = called("two")
    for gone in (None, "opens"):
        held = [inline(each, name=name)[0] for name, each in policies.items() if name != gone]
        folder = tmp_path / str(gone)
        folder.mkdir()
        opened = made(folder, person("ann") | {"UserPolicyList": held}, boss)
        reached = opened.reach("ann")["principal_arn"].tolist()
        assert reached == ([BOSS] if keep or gone is None else [])
        if gone is None:
            (opener,) = openers(opened, "sts-001")
            assert opener == (frozenset(f"{ANN}#{name}" for name in policies if "opens" in name),)


# ── Callers of the same policies ───────────────────────────────────────────────────────────────


def test_callers_of_the_same_policies_differ_by_what_is_their_own(tmp_path: Path) -> None:
    """Ann and bob have the same policies; each may write only into its own group, by another."""
    policies = [
        policy(name, document(called(name, "iam:PutGroupPolicy", f"{ARN}group/{name}")))
        for name in ("ops", "web")
    ]
    has = {"AttachedManagedPolicies": attached("ops", "web")}
    ann, bob = person("ann", GroupList=["ops"], **has), person("bob", GroupList=["web"], **has)
    opened = made(tmp_path, ann, bob, group("ops"), group("web"), *policies)
    explanations, method = opened.graph.explanations, escalation_methods()["iam-011"]
    for arn, name in ((ANN, "ops"), (f"{ARN}user/bob", "web")):
        found = explanations.allowing_policies(method, arn, KEY, 1)
        assert found == {(frozenset({f"{ARN}policy/{name}"}),): 1}
        (text,) = explanations.statements(method, arn, KEY, f"{ARN}group/gone")
        assert f"of {name}" in text


def test_the_policy_that_passes_a_trusting_role_allows_a_stack_set(tmp_path: Path) -> None:
    """The role that is passed may assume boss; passing boss itself is no use."""
    admin = worker("admin", trusts("cloudformation.amazonaws.com"), allow("sts:AssumeRole", BOSS))
    boss = worker("boss", trusts("role/admin"), EVERYTHING)
    method = next(
        each for each in escalation_methods().values()
        if "stack set administration" in each.prerequisites
    )  # fmt: skip
    others = [action for action in method.permissions if action != PASS]
    policies = [
        policy("makes", document(allow(others))),
        policy("passes", document(allow(PASS, f"{ARN}role/admin"))),
        policy("aside", document(allow(PASS, BOSS))),
    ]
    ann = person("ann", AttachedManagedPolicies=attached("aside", "makes", "passes"))
    found = openers(made(tmp_path, ann, admin, boss, *policies), method.id)
    makes, passes = (frozenset({f"{ARN}policy/{name}"}) for name in ("makes", "passes"))
    assert found == {tuple(passes if each == PASS else makes for each in method.permissions)}


# ── Names in a trust policy ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["Lambda.amazonaws.com", "lambda.amazonaws.com.cn"])
def test_a_service_has_one_name_in_every_spelling(name: str, tmp_path: Path) -> None:
    trust = trusts(LAMBDA)
    trust["Statement"][0]["Principal"] = {"Service": name}
    boss = worker("boss", trust, EVERYTHING)
    opened = made(tmp_path, person("ann", RUN, allow(PASS)), boss)
    *_, text = reasons(opened, "lambda-001", BOSS)
    assert text.startswith("trust policy of boss")
    assert text.endswith(f"trusts {name}")


def test_an_identity_s_name_is_left_as_it_is(tmp_path: Path) -> None:
    bob = f"{ARN}user/Bob.cn"
    opened = made(tmp_path, person("Bob.cn"), worker("boss", trusts("user/Bob.cn")))
    method = escalation_methods()["sts-001"]
    (text,) = opened.graph.explanations.statements(method, bob, KEY, BOSS)
    assert text.endswith(f"trusts {bob}")
