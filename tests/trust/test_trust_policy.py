"""Ways in by trust policies: whom statements are about, and what denials certainly shut."""

from typing import Any

import pytest

from iamkit.policy.context import UNKNOWN, RequestContext
from iamkit.tables import authorization_details
from iamkit.tables.authorization_details import roles
from iamkit.trust import trust_policy
from iamkit.trust.callers import Home, strangers
from iamkit.trust.trust_policy import CallerKind, Principal, TrustEntry
from tests.accounts import ACCOUNT, ARN, role

VENDOR = "999988887777"
ROOT = f"arn:aws:iam::{VENDOR}:root"
READER = f"arn:aws:iam::{VENDOR}:role/reader"
GITHUB = f"{ARN}oidc-provider/token.actions.githubusercontent.com"
HOME = Home("aws", ACCOUNT)
ANYBODY = RequestContext({}, UNKNOWN)


def statement(effect: str, principal: Any, **members: Any) -> dict[str, Any]:
    named = {} if "NotPrincipal" in members else {"Principal": principal}
    action = {} if {"Action", "NotAction"} & set(members) else {"Action": "sts:*"}
    return {"Effect": effect, **named, **action, **members}


def allow(principal: Any, **members: Any) -> dict[str, Any]:
    return statement("Allow", principal, **members)


def deny(principal: Any, **members: Any) -> dict[str, Any]:
    return statement("Deny", principal, **members)


def ways_in(*statements: dict[str, Any], version: str | None = "2012-10-17") -> list[TrustEntry]:
    """The ways into one role with this trust policy."""
    document: dict[str, Any] = {"Statement": list(statements)}
    document |= {"Version": version} if version else {}
    return entries([role("ops", document)])


def entries(found: list[Any]) -> list[TrustEntry]:
    """The entries of these roles' trust policies."""
    table = trust_policy.entries(authorization_details.trust(found), roles(found))
    return [TrustEntry.of(row) for row in trust_policy.rows(table)]


def opened(*statements: dict[str, Any], who: RequestContext = ANYBODY, **options: Any) -> bool:
    """Whether somebody may come in by the only way there is."""
    (door,) = ways_in(*statements, **options)
    return door.may(who)


# ── What a statement is about ────────────────────────────────────────────────────────────────────

ABOUT = {
    "assuming": ({"Action": "sts:AssumeRole"}, {"sts:assumerole"}),
    "in any case": ({"Action": "STS:ASSUMEROLE"}, {"sts:assumerole"}),
    "all of it": ({"Action": "sts:Assume*"}, set(trust_policy.ASSUME)),
    "assuming and tagging": (
        {"Action": ["sts:AssumeRole", "sts:TagSession"]},
        {"sts:assumerole"},
    ),
    "all but assuming and tagging": (
        {"NotAction": ["sts:AssumeRole", "sts:TagSession"]},
        set(trust_policy.ASSUME[1:]),
    ),
    "something else": ({"Action": "sts:TagSession"}, set()),
    "all but tagging": ({"NotAction": "sts:TagSession"}, set(trust_policy.ASSUME)),
    "all but assuming": ({"NotAction": "sts:AssumeRole"}, set(trust_policy.ASSUME[1:])),
    "all but everything": ({"NotAction": "sts:*"}, set()),
}


@pytest.mark.parametrize(("written", "about"), ABOUT.values(), ids=ABOUT)
def test_action_and_not_action_say_what_a_statement_is_about(written: Any, about: Any) -> None:
    row = {"actions": [], "not_actions": []}
    row |= {"actions" if name == "Action" else "not_actions": v for name, v in written.items()}
    assert trust_policy.about(row) == about


@pytest.mark.parametrize("written", [{"Action": "sts:TagSession"}, {"NotAction": "sts:*"}])
def test_a_statement_about_something_else_is_no_way_in(written: Any) -> None:
    assert ways_in(allow("*", **written)) == []


def test_a_statement_that_cannot_be_read_is_no_way_in() -> None:
    assert ways_in(allow({"AWS": READER}, Condition="unreadable")) == []


def test_not_principal_lets_in_anyone() -> None:
    (door,) = ways_in(allow(None, NotPrincipal={"AWS": ROOT}))
    assert (door.principal.kind, door.principal.name) == ("*", "*")


def test_service_linked_roles_have_no_doors() -> None:
    linked = role("s", {"Statement": [allow("*")]}, Path="/aws-service-role/s.amazonaws.com/")
    assert entries([linked]) == []


# ── Denials ──────────────────────────────────────────────────────────────────────────────────────

SHUT = {
    "anyone": deny("*"),
    "the same principal": deny({"AWS": READER}),
    "its account": deny({"AWS": ROOT}),
    "its account, by id": deny({"AWS": VENDOR}),
    "the only way in which they can come": deny("*", Action="sts:AssumeRole"),
    "one of several": deny({"AWS": [f"{ARN}user/ana", READER]}),
    "all actions but tagging": deny("*", NotAction="sts:TagSession"),
    "all but somebody else": deny(None, NotPrincipal={"AWS": f"{ARN}root"}),
    "all but a service": deny(None, NotPrincipal={"Service": "ec2.amazonaws.com"}),
}
OPEN = {
    "another principal": deny({"AWS": f"arn:aws:iam::{VENDOR}:role/writer"}),
    "another account": deny({"AWS": f"{ARN}root"}),
    "a service": deny({"Service": "*"}),
    "providers": deny({"Federated": "*"}),
    "another way of coming": deny("*", Action="sts:AssumeRoleWithSAML"),
    "tagging": deny("*", Action="sts:TagSession"),
    "all actions but assuming": deny("*", NotAction="sts:AssumeRole"),
    "all but them": deny(None, NotPrincipal={"AWS": READER}),
    "all but them, among others": deny(None, NotPrincipal={"AWS": [f"{ARN}user/ana", READER]}),
    "all but their account": deny(None, NotPrincipal={"AWS": ROOT}),
    "all but anyone": deny(None, NotPrincipal="*"),
    "them, under a condition": deny({"AWS": READER}, Condition={"Bool": {"a:b": "true"}}),
}


@pytest.mark.parametrize("denial", SHUT.values(), ids=SHUT)
def test_a_denial_that_certainly_catches_the_principal_shuts_its_door(denial: Any) -> None:
    assert not opened(allow({"AWS": READER}), denial)


@pytest.mark.parametrize("denial", OPEN.values(), ids=OPEN)
def test_a_denial_that_may_not_catch_it_leaves_its_door_open(denial: Any) -> None:
    assert opened(allow({"AWS": READER}), denial)


def test_a_denial_of_one_way_of_coming_shuts_the_doors_for_it() -> None:
    web = deny("*", Action="sts:AssumeRoleWithWebIdentity")
    assert not opened(allow({"Federated": GITHUB}, Action="sts:AssumeRoleWithWebIdentity"), web)
    assert opened(allow({"AWS": READER}, Action="sts:AssumeRole"), web)
    assert opened(allow({"Federated": GITHUB}), deny("*", Action="sts:AssumeRoleWithSAML"))


def test_a_denial_of_another_kind_of_principal_leaves_the_door_open() -> None:
    """Whoever comes with a provider's token is none of the account's users and roles."""
    web = {"Action": "sts:AssumeRoleWithWebIdentity"}
    assert opened(allow({"Federated": GITHUB}, **web), deny({"AWS": f"{ARN}root"}))
    assert opened(allow("*"), deny({"Service": "*"}))


def test_not_principal_keeps_strangers_out_and_nobody_whom_it_names() -> None:
    (door,) = ways_in(allow("*"), deny(None, NotPrincipal={"AWS": READER}))
    assert not any(door.may(who, CallerKind.STRANGER) for who in strangers(door, HOME))
    assert door.used()


@pytest.mark.parametrize(("kind", "certain"), [("user", True), ("role", None)])
def test_of_those_left_out_with_their_account_only_users_are_sure_to_be(
    kind: str, certain: bool | None
) -> None:
    """A role's session has an ARN of its own, which NotPrincipal would have to name as well."""
    name = f"arn:aws:iam::{VENDOR}:{kind}/ana"
    denial = deny(None, NotPrincipal={"AWS": [ROOT, name]})
    (door,) = ways_in(allow({"AWS": name}), denial)
    assert door.admits(ANYBODY) is certain


def test_a_door_shut_to_all_is_one_that_nobody_comes_in_by() -> None:
    (door,) = ways_in(allow("*"), deny("*"))
    assert not door.used()
    (odd,) = ways_in(allow({"AWS": READER}, Condition={"StringEqual": {"a:b": "c"}}))
    assert not odd.used(), "a condition that IAM cannot read never holds"


def test_what_is_denied_is_told_by_principal_and_what_is_not_certain_apart() -> None:
    (door,) = ways_in(
        allow("*"),
        deny({"AWS": READER}),
        deny(None, NotPrincipal={"AWS": ROOT}),
        deny("*", NotAction="sts:AssumeRole"),
        deny("*", Action="sts:TagSession"),
    )
    reader, writer = (Principal("AWS", each, VENDOR) for each in (READER, f"{READER}s"))
    covered = [
        [each.covers(who, CallerKind.ANY) for each in door.denials] for who in (reader, writer)
    ]
    assert covered == [[True, None, True], [False, None, True]]
    about = [each.actions for each in door.denials]
    assert about == [set(trust_policy.ASSUME)] * 2 + [set(trust_policy.ASSUME[1:])]
    assert [door.covered(each, CallerKind.ANY) for each in door.denials] == [False, False, True]


def test_a_denial_in_another_role_s_policy_counts_for_that_role_only() -> None:
    found = [
        role("one", {"Statement": [allow({"AWS": READER})]}),
        role("two", {"Statement": [allow({"AWS": READER}), deny("*")]}),
    ]
    assert [each.may(ANYBODY) for each in entries(found)] == [True, False]


DELETED = "AIDAEXAMPLEEXAMPLEEXA"
# An entry's principal; what NotPrincipal of a Deny names; whether the entry may still admit it.
LEFT_OUT: dict[str, tuple[Any, Any, bool]] = {
    "another kind": ({"AWS": READER}, {"Service": READER}, False),
    "a service": ({"Service": "ec2.amazonaws.com"}, {"Service": "ec2.amazonaws.com"}, True),
    "another service": ({"Service": "ec2.amazonaws.com"}, {"Service": "x.amazonaws.com"}, False),
    "a deleted user": ({"AWS": DELETED}, {"AWS": DELETED}, True),
    "another deleted user, both of no account": ({"AWS": DELETED}, {"AWS": DELETED[:-1]}, False),
    "somebody else of the account": ({"AWS": READER}, {"AWS": f"{READER}s"}, True),
    "somebody of another account": ({"AWS": READER}, {"AWS": f"{ARN}user/ana"}, False),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_not_principal_leaves_out(case: str) -> None:
    principal, spared, expected = LEFT_OUT[case]
    assert opened(allow(principal), deny(None, NotPrincipal=spared)) is expected


def test_a_user_is_left_out_for_certain_only_with_its_account() -> None:
    ana = Principal("AWS", f"{ARN}user/ana", ACCOUNT)
    for spared, expected in (
        ([f"{ARN}user/ana"], None),
        ([f"{ARN}root"], None),
        ([f"{ARN}user/ana", f"{ARN}root"], True),
        ([f"{ARN}user/ana", ACCOUNT], True),
        ([ROOT], False),
    ):
        (entry,) = ways_in(allow("*"), deny(None, NotPrincipal={"AWS": spared}))
        assert entry.admits(ANYBODY, identity=ana) is expected


def test_aws_principals_come_in_by_assume_role_only() -> None:
    assert ways_in(allow({"AWS": READER}, Action="sts:AssumeRoleWithSAML")) == []
    assert ways_in(allow({"AWS": READER}, NotAction="sts:AssumeRole")) == []
    (entry,) = ways_in(allow("*", Action="sts:AssumeRoleWithSAML"))
    assert entry.used()
    assert entry.asks_for_mfa() is None


# ── Variables ────────────────────────────────────────────────────────────────────────────────────

OWN_NAME = {"StringLike": {"sts:RoleSessionName": "${aws:username}-*"}}
ANA = RequestContext({"aws:username": "ana", "sts:rolesessionname": "ana-1"}, UNKNOWN)


def test_variables_are_replaced_in_the_version_that_has_them() -> None:
    assert opened(allow({"AWS": ACCOUNT}, Condition=OWN_NAME), who=ANA)


@pytest.mark.parametrize("version", ["2008-10-17", None])
def test_in_any_other_version_they_are_ordinary_text(version: str | None) -> None:
    door = allow({"AWS": ACCOUNT}, Condition=OWN_NAME)
    assert not opened(door, who=ANA, version=version)
    as_written = ANA.but({"sts:rolesessionname": "${aws:username}-1"})
    assert opened(door, who=as_written, version=version), "the asterisk stays a wildcard"
