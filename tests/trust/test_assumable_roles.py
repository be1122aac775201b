"""Roles that identities may assume, by name, by account or by session, and services."""

from collections.abc import Mapping
from typing import Any

import pytest

from iamkit import Account
from iamkit.access.resource_sets import KINDS, ResourceSet
from iamkit.escalation.allowed_resources import AllowedResources
from iamkit.policy.context import ABSENT, UNKNOWN, RequestContext
from iamkit.trust import ANYONE, AssumableRoles
from tests.accounts import ACCOUNT, ARN, account, details
from tests.policies import ACCOUNT_ROOT, WITH_MFA, document, person, tagged, trusts, worker

ROOT: Any = ACCOUNT_ROOT
ANN, BOB, APP = (f"{ARN}{each}" for each in ("user/ann", "user/bob", "role/app"))
LAMBDA = "lambda.amazonaws.com"
EXTERNAL = {"StringEquals": {"sts:ExternalId": "8f3a"}}  # which nobody knows
OPS = {"StringEquals": {"aws:PrincipalTag/team": "ops"}}
WEB = {"StringEquals": {"aws:PrincipalTag/team": "web"}}
NAMED = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}
WITHOUT_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}


def no(principal: Any, action: Any = "sts:AssumeRole", **members: Any) -> dict[str, Any]:
    """A denial in a trust policy."""
    who = principal if isinstance(principal, dict) else {"AWS": principal}
    named = {} if "NotPrincipal" in members else {"Principal": who}
    return {"Effect": "Deny", **named, "Action": action, **members}


def session(role: str, account_id: str = ACCOUNT) -> str:
    return f"arn:aws:sts::{account_id}:assumed-role/{role}/at-work"


CERTAIN, POSSIBLE, NO = True, None, False
# A trust policy; whether it lets ann in by name; by account. Ann comes with MFA; a tag says ops.
FOR_ANN: dict[str, tuple[Mapping[str, Any], Any, Any]] = {
    "one that names her": (trusts("user/ann"), CERTAIN, NO),
    "one that names another": (trusts("user/bob"), NO, NO),
    "one that names a role of her name": (trusts("role/ann"), NO, NO),
    "one that names the account": (trusts(ROOT), NO, CERTAIN),
    "one that names the account by its number": (
        document({
            "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole",
        }),
        NO,
        CERTAIN,
    ),
    "one that names another account": (trusts("arn:aws:iam::999988887777:root"), NO, NO),
    "one that names anyone": (trusts("*"), CERTAIN, NO),
    "one that names anyone but another, who is not she": (
        document({
            "Effect": "Allow", "NotPrincipal": {"AWS": BOB}, "Action": "sts:AssumeRole",
        }),
        CERTAIN,
        NO,
    ),
    "one that names anyone, in short": (
        document({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}),
        CERTAIN,
        NO,
    ),
    "one that names her and the account": (
        trusts("user/ann", *trusts(ROOT)["Statement"]),
        CERTAIN,
        CERTAIN,
    ),
    "one that names her once under a condition and once without": (
        trusts("user/ann", *trusts("user/ann", Condition=EXTERNAL)["Statement"]),
        CERTAIN,
        NO,
    ),
    "one that is about something else": (
        document({
            "Effect": "Allow", "Principal": {"AWS": ANN}, "Action": "sts:TagSession",
        }),
        NO,
        NO,
    ),
    "one that names a service": (trusts(LAMBDA), NO, NO),
    "one that names sessions of a role of her name": (trusts(session("ann")), NO, NO),
    "one whose condition holds": (trusts("user/ann", Condition=WITH_MFA), CERTAIN, NO),
    "one whose condition does not hold": (trusts("user/ann", Condition=WEB), NO, NO),
    "one whose condition nobody knows": (trusts("user/ann", Condition=EXTERNAL), POSSIBLE, NO),
    "the account's, under a condition that holds": (trusts(ROOT, Condition=OPS), NO, CERTAIN),
    "the account's, under one that does not": (trusts(ROOT, Condition=WEB), NO, NO),
    "the account's, under one that nobody knows": (trusts(ROOT, Condition=EXTERNAL), NO, POSSIBLE),
    "one that asks for her name as that of the session, which she chooses": (
        trusts(ROOT, Condition=NAMED),
        NO,
        CERTAIN,
    ),
    "one that denies her": (trusts(ROOT, no(ANN)), NO, NO),
    "one that names and denies her": (trusts("user/ann", no(ANN)), NO, NO),
    "one that denies another": (trusts(ROOT, no(BOB)), NO, CERTAIN),
    "one that denies anyone": (trusts("user/ann", no("*")), NO, NO),
    "one that denies the account": (trusts("user/ann", no(f"{ARN}root")), NO, NO),
    "one that denies the account by its number": (trusts("user/ann", no(ACCOUNT)), NO, NO),
    "one that denies another account": (
        trusts("user/ann", no("arn:aws:iam::999988887777:root")),
        CERTAIN,
        NO,
    ),
    "one that denies a service": (trusts("user/ann", no({"Service": LAMBDA})), CERTAIN, NO),
    "one that denies something else": (trusts("user/ann", no(ANN, "sts:TagSession")), CERTAIN, NO),
    "one that denies whoever comes without MFA": (
        trusts(ROOT, no("*", Condition=WITHOUT_MFA)),
        NO,
        CERTAIN,
    ),
    "one that denies whoever comes with MFA": (trusts(ROOT, no("*", Condition=WITH_MFA)), NO, NO),
    "one that denies her for what nobody knows": (
        trusts("user/ann", no(ANN, Condition=EXTERNAL)),
        POSSIBLE,
        NO,
    ),
    "one that denies anyone for what nobody knows": (
        trusts(ROOT, no("*", Condition=EXTERNAL)),
        NO,
        POSSIBLE,
    ),
    "one that denies all but another, perhaps her": (
        trusts(ROOT, no(None, NotPrincipal={"AWS": BOB})),
        NO,
        POSSIBLE,
    ),
    "one that denies all but another, under a condition that does not hold": (
        trusts(ROOT, no(None, NotPrincipal={"AWS": BOB}, Condition=WEB)),
        NO,
        CERTAIN,
    ),
    "one that nobody can read": ("{broken", NO, NO),
}  # fmt: skip
# The same for sessions of the role app.
FOR_APP: dict[str, tuple[Mapping[str, Any], Any, Any]] = {
    "one that names the role": (trusts("role/app"), CERTAIN, NO),
    "one that names a session of it, whose name somebody else may have chosen": (
        trusts(session("app")),
        POSSIBLE,
        NO,
    ),
    "one that names a session of a role of that name elsewhere": (
        trusts(session("app", "999988887777")),
        NO,
        NO,
    ),
    "one that names a session of another role": (trusts(session("ann")), NO, NO),
    "one that names a session under a condition that does not hold": (
        trusts(session("app"), Condition=WEB),
        NO,
        NO,
    ),
    "one that denies the role": (trusts(ROOT, no(APP)), NO, NO),
    "one that denies one session only, which one need not be": (
        trusts(ROOT, no(session("app"))),
        NO,
        CERTAIN,
    ),
}
ASSUME = {"Effect": "Allow", "Principal": {"Service": LAMBDA}, "Action": "sts:AssumeRole"}


def source(account_id: str) -> dict[str, Any]:
    return {"StringEquals": {"aws:SourceAccount": account_id}}


# A trust policy; whether Lambda may be handed the role.
FOR_LAMBDA: dict[str, tuple[Mapping[str, Any], bool]] = {
    "one that names it": (trusts(LAMBDA), True),
    "one that names it in capitals": (
        document(ASSUME | {"Principal": {"Service": "Lambda.AmazonAWS.com"}}),
        True,
    ),
    "one that names it in China": (
        document(ASSUME | {"Principal": {"Service": f"{LAMBDA}.cn"}}),
        True,
    ),
    "one that names it among others": (
        document(ASSUME | {"Principal": {"Service": ["ec2.amazonaws.com", LAMBDA]}}),
        True,
    ),
    "one that names another": (trusts("ec2.amazonaws.com"), False),
    "one that names the account": (trusts(ROOT), False),
    "one for work of this account": (trusts(LAMBDA, Condition=source(ACCOUNT)), True),
    "one for work of another account": (trusts(LAMBDA, Condition=source("999988887777")), False),
    "one for work of one function, which the caller can make": (
        trusts(LAMBDA, Condition={"ArnLike": {"aws:SourceArn": "arn:aws:lambda:*:*:function:x"}}),
        True,
    ),
    "one that denies it": (trusts(LAMBDA, no({"Service": LAMBDA})), False),
    "one that denies it the work of other accounts": (
        trusts(
            LAMBDA,
            no({"Service": LAMBDA}, Condition={
                "StringNotEquals": {"aws:SourceAccount": ACCOUNT},
            }),
        ),
        True,
    ),
    "one that denies it the work of this account": (
        trusts(LAMBDA, no({"Service": LAMBDA}, Condition=source(ACCOUNT))),
        False,
    ),
    "one that denies whatever is no service": (
        trusts(LAMBDA, no("*", Condition={"Bool": {"aws:PrincipalIsAWSService": "false"}})),
        True,
    ),
    "one for whatever is no service": (
        trusts(LAMBDA, Condition={"Bool": {"aws:PrincipalIsAWSService": "false"}}),
        False,
    ),
    "one that perhaps denies it": (trusts(LAMBDA, no({"Service": LAMBDA}, Condition=EXTERNAL)), (
        True
    )),
    "one that denies another service": (
        trusts(LAMBDA, no({"Service": "ec2.amazonaws.com"})),
        True,
    ),
}  # fmt: skip


# A role per trust policy.
ROLES = {
    f"{prefix}{number}": each[0]
    for prefix, cases in (("ann", FOR_ANN), ("app", FOR_APP), ("lambda", FOR_LAMBDA))
    for number, each in enumerate(cases.values())
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Account:
    roles = [worker(name, trust) for name, trust in ROLES.items()]
    contents = details(
        [person("ann", **tagged(team="ops")), person("bob")],
        roles=[*roles, worker("app", trusts("ec2.amazonaws.com"))],
    )
    return account(tmp_path_factory.mktemp("trusting"), contents)


@pytest.fixture(scope="module")
def trusting(opened: Account) -> AssumableRoles:
    return AssumableRoles(opened.callers, AllowedResources(opened.callers, []).resources["role"])


def answer(trusting: AssumableRoles, found: ResourceSet, role: str) -> bool | None:
    """Whether a role is certainly in a set, possibly (None), or not."""
    at = trusting.roles.number[f"{ARN}role/{role}"]
    certain, possible = (which >> at & 1 for which in found)
    assert possible >= certain, "what is certain is possible"
    return True if certain else (None if possible else False)


MFA: dict[str, Any] = {"aws:MultiFactorAuthPresent": "true", "sts:RoleSessionName": "ann"}
KNOWN: dict[str, dict[str, Any]] = {
    ANN: MFA | {"aws:username": "ann", "aws:PrincipalArn": ANN, "aws:PrincipalTag/team": "ops"},
    APP: {"aws:username": ABSENT, "aws:PrincipalArn": APP, "aws:PrincipalTag/team": ABSENT},
}


def lets_in(trusting: AssumableRoles, arn: str, role: str) -> tuple[bool | None, bool | None]:
    by_name, by_account = trusting.roles_admitting(arn, RequestContext(KNOWN[arn], UNKNOWN))
    return answer(trusting, by_name, role), answer(trusting, by_account, role)


@pytest.mark.parametrize("case", FOR_ANN)
def test_ann_is_let_in_by(case: str, trusting: AssumableRoles) -> None:
    number = list(FOR_ANN).index(case)
    assert lets_in(trusting, ANN, f"ann{number}") == FOR_ANN[case][1:]


@pytest.mark.parametrize("case", FOR_APP)
def test_a_session_is_let_in_by(case: str, trusting: AssumableRoles) -> None:
    number = list(FOR_APP).index(case)
    assert lets_in(trusting, APP, f"app{number}") == FOR_APP[case][1:]


@pytest.mark.parametrize("case", FOR_LAMBDA)
def test_a_service_is_handed_a_role_by(case: str, trusting: AssumableRoles) -> None:
    role = f"{ARN}role/lambda{list(FOR_LAMBDA).index(case)}"
    handed = trusting.service(LAMBDA) >> trusting.roles.number[role] & 1
    assert bool(handed) is FOR_LAMBDA[case][1]


def test_a_service_that_nobody_trusts_is_handed_no_role(trusting: AssumableRoles) -> None:
    assert trusting.service("glue.amazonaws.com") == 0


def test_what_decides_is_asked_again_for_every_caller(trusting: AssumableRoles) -> None:
    """Answers are kept, by what the statement asks and by whether the caller is denied by name."""
    for arn, role, expected in (
        (BOB, "denies her", CERTAIN),
        (ANN, "denies her", NO),
        (ANN, "denies another", CERTAIN),
        (BOB, "denies another", NO),
    ):
        number = list(FOR_ANN).index(f"one that {role}")
        by_account = trusting.roles_admitting(arn, RequestContext({}, UNKNOWN))[1]
        assert answer(trusting, by_account, f"ann{number}") is expected


def test_whether_mfa_was_used_is_asked_again(trusting: AssumableRoles) -> None:
    at = list(FOR_ANN).index("one whose condition holds")
    for value, expected in (
        ("true", CERTAIN),
        ("false", NO),
        (UNKNOWN, POSSIBLE),
        ("true", CERTAIN),
    ):
        who = RequestContext({"aws:MultiFactorAuthPresent": value}, UNKNOWN)
        assert answer(trusting, trusting.roles_admitting(ANN, who)[0], f"ann{at}") is expected


# ── In a small account ─────────────────────────────────────────────────────────────────────────


def small(folder: Any, **roles: Any) -> AssumableRoles:
    contents = details(roles=[worker(name, trust) for name, trust in roles.items()])
    callers = account(folder, contents).callers
    return AssumableRoles(callers, AllowedResources(callers, KINDS).resources["role"])


def test_it_says_which_condition_keys_decide_for_whom(tmp_path: Any) -> None:
    trusting = small(
        tmp_path,
        one=trusts("user/ann", no("*", Condition=OPS), Condition=EXTERNAL),
        two=trusts("user/bob", Condition=WITH_MFA),
        three=trusts(LAMBDA, Condition=WEB),
    )
    assert trusting.keys(ANN) == {"sts:externalid", "aws:principaltag/team"}
    assert trusting.keys(BOB) == {"aws:multifactorauthpresent"}
    assert trusting.keys(APP) == set()
    assert trusting.tags == {"aws:principaltag/team"}


def test_it_says_whether_anybody_is_named(tmp_path: Any) -> None:
    trusting = small(
        tmp_path,
        one=trusts("user/ann"),
        two=trusts(session("app")),
        three=trusts(session("ops", "999988887777")),
        four=trusts(ROOT),
    )
    named = {arn: trusting.names(f"{ARN}{arn}") for arn in ("user/ann", "user/app", "role/app")}
    assert named == {"user/ann": True, "user/app": False, "role/app": True}
    assert not trusting.names(f"{ARN}role/ops")


def test_where_anyone_is_named_everybody_is(tmp_path: Any) -> None:
    assert small(tmp_path, one=trusts("*")).names(BOB)


def test_a_door_is_the_first_row_for_one_of_the_names(tmp_path: Any) -> None:
    trusting = small(
        tmp_path,
        one=trusts(ROOT, *trusts("user/ann", Sid="Ann")["Statement"]),
        two=trusts(LAMBDA),
    )
    services = ["glue.amazonaws.com", LAMBDA]
    for role, names, expected in (
        ("one", [BOB, ANYONE, *trusting.own], (f"{ARN}root", 1)),
        ("one", [ANN, ANYONE, *trusting.own], (ANN, 2)),
        ("one", [BOB], None),
        ("two", services, (LAMBDA, 1)),
        ("two", [ANN], None),
        ("none", [ANN], None),
    ):
        row = trusting.trust_row(f"{ARN}role/{role}", names)
        assert (None if row is None else (row.principal, row.number)) == expected
    found = trusting.trust_row(f"{ARN}role/one", [ANN])
    assert found is not None
    assert found.sid == "Ann"


def test_a_role_of_aws_s_own_lets_nobody_in(tmp_path: Any) -> None:
    linked = worker("AWSServiceRoleForX", trusts(ROOT), Path="/aws-service-role/x.amazonaws.com/")
    callers = account(tmp_path, details(roles=[linked])).callers
    trusting = AssumableRoles(callers, AllowedResources(callers, KINDS).resources["role"])
    assert trusting.roles_admitting(ANN, RequestContext({}, UNKNOWN)) == (
        ResourceSet(0, 0),
        ResourceSet(0, 0),
    )
