"""What resource control policies deny of a role's trust, and of requests in `can` and `who_can`."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from tests.accounts import ACCOUNT, ARN, account, details, role
from tests.examples import examples
from tests.policies import (
    allow,
    deny,
    document,
    in_organization,
    person,
    tagged,
    trusts,
    worker,
)
from tests.trust.test_closed_to_outsiders import POLICIES, REQUESTS, allowed, closed, statements

OURS = "o-ours123456"
VENDOR = "arn:aws:iam::999988887777:root"
# AWS's own example: identities of other organizations are denied, services are not.
PERIMETER = {
    "Sid": "EnforceOrgIdentities",
    "Effect": "Deny",
    "Principal": "*",
    "Action": ["s3:*", "sts:AssumeRole"],
    "Resource": "*",
    "Condition": {
        "StringNotEqualsIfExists": {"aws:PrincipalOrgID": OURS},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    },
}

# The same for services at work for other organizations.
DEPUTIES = {
    "Sid": "EnforceConfusedDeputyProtection",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sts:AssumeRole",
    "Resource": "*",
    "Condition": {
        "StringNotEqualsIfExists": {"aws:SourceOrgID": OURS},
        "Bool": {"aws:PrincipalIsAWSService": "true"},
    },
}


def made(folder: Path, *rcps: Any, management: str = "999999999999") -> Account:
    roles = [
        role("open", trusts("*")),
        role("vendor", trusts(VENDOR)),
        role("linked", trusts(VENDOR), Path="/aws-service-role/x/", Arn=f"{ARN}role/linked"),
        worker("own", trusts("root"), allow("*")),
    ]
    ann = person("ann", allow(["s3:*", "sts:*", "sns:*"]), **tagged(team="ops"))
    opened = account(folder, details([ann], roles=roles))
    return in_organization(opened, rcps=rcps, management=management)


def who(opened: Account) -> dict[str, tuple[str, Any]]:
    rows = opened.trusted_principals
    columns = rows[["role_name", "who", "problem"]].itertuples(index=False)
    return {
        name: (each, None if problem != problem else problem) for name, each, problem in columns
    }


def test_without_a_perimeter_strangers_come_in(tmp_path: Path) -> None:
    found = who(made(tmp_path))
    assert found["open"] == ("anyone", "open to anyone")
    assert found["vendor"] == ("unknown account", "no external id")


def test_a_perimeter_keeps_strangers_out_of_roles(tmp_path: Path) -> None:
    found = who(made(tmp_path, document(PERIMETER, DEPUTIES)))
    assert found["open"] == ("organization", None)
    assert found["vendor"] == ("known account", None), "only if it is of the organization"
    assert found["own"][0] == "own account"


def test_a_perimeter_without_services_leaves_a_role_open_to_them(tmp_path: Path) -> None:
    found = who(made(tmp_path, document(PERIMETER)))
    assert found["open"] == ("anyone", "open to anyone")
    assert found["vendor"] == ("known account", None)


def test_a_denial_of_everybody_leaves_nobody(tmp_path: Path) -> None:
    opened = made(tmp_path, document(deny("sts:*", Principal="*")))
    assert opened.trusted_principals.empty
    assert "own" not in opened.reach("ann", "key-inside")["name"].tolist()


@pytest.mark.parametrize(
    "rcp",
    [
        document(deny("iam:*", Principal="*")),  # of a service without support for RCPs
        document(deny("sts:AssumeRole", f"{ARN}role/another", Principal="*")),
        document(deny("sts:AssumeRole", Principal="*", Condition={"Bool": {"a:b": "x"}})),
        "not json",
        "[]",
    ],
)
def test_what_denies_nothing_for_certain_reassures_nobody(tmp_path: Path, rcp: Any) -> None:
    opened = made(tmp_path, rcp)
    assert who(opened)["open"][1] == "open to anyone"
    assert who(opened)["vendor"][1] == "no external id"


def test_the_management_account_is_exempt(tmp_path: Path) -> None:
    opened = made(tmp_path, document(deny("*", Principal="*")), management=ACCOUNT)
    assert who(opened)["open"][1] == "open to anyone"
    assert opened.can("ann", "s3:GetObject", "arn:aws:s3:::logs/x")


def test_nothing_is_denied_where_no_evidence_says_whether_it_is_the_management_account(
    tmp_path: Path,
) -> None:
    opened = made(tmp_path, document(deny("*", Principal="*")))
    kept = {name: opened.snapshot.bytes(name) for name in opened.snapshot.manifest["files"]}
    kept["organization.json"] = json.dumps({"Organization": {"Id": OURS}}).encode()
    object.__setattr__(opened.snapshot, "files", kept)
    assert not opened.has_resource_policies
    assert who(opened)["open"][1] == "open to anyone"


QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:jobs"
# What ann gets, where s3, sqs, sts and sns are denied to everyone.
DECIDED = [
    ("sts:AssumeRole", f"{ARN}role/own", "ExplicitlyDenied"),
    ("sts:AssumeRole", "arn:aws:iam::999988887777:role/x", "Allowed"),  # of another account
    ("s3:GetObject", "arn:aws:s3:::logs/x", "Unknown"),  # whose bucket is it?
    ("s3:ListAllMyBuckets", "*", "Unknown"),
    ("sns:Publish", f"arn:aws:sns:eu-west-1:{ACCOUNT}:topic", "Allowed"),  # no support for RCPs
    ("sqs:SendMessage", QUEUE, "ExplicitlyDenied"),  # denied, though nothing allows it
]


@pytest.mark.parametrize(("action", "resource", "effect"), DECIDED)
def test_one_request_is_decided_by_the_account_of_the_resource(
    tmp_path: Path, action: str, resource: str, effect: str
) -> None:
    denied = document(deny(["s3:*", "sqs:*", "sts:*", "sns:*"], Principal="*"))
    opened = made(tmp_path, denied)
    assert opened.can("ann", action, resource).effect == effect
    if effect == "Allowed":
        assert opened.who_can(action, resource)["extent"].eq("allowed").any()


def test_rcps_bind_the_root_user_and_no_service_linked_role(tmp_path: Path) -> None:
    opened = made(tmp_path, document(deny("sqs:*", Principal="*")))
    assert opened.can("<root_account>", "sqs:SendMessage", QUEUE).effect == "ExplicitlyDenied"
    assert opened.can("own", "sqs:SendMessage", QUEUE).effect == "ExplicitlyDenied"
    assert opened.can("linked", "sqs:SendMessage", QUEUE).effect == "ImplicitlyDenied"
    assert "RCP" in opened.can("own", "sqs:SendMessage", QUEUE).why


def test_who_can_tells_apart_whom_an_rcp_tells_apart(tmp_path: Path) -> None:
    denied = deny("s3:*", Principal="*", Condition={"StringEquals": {"aws:PrincipalTag/a": "b"}})
    opened = account(
        tmp_path,
        details([person("ann", allow("s3:*"), **tagged(a="b")), person("bob", allow("s3:*"))]),
    )
    opened = in_organization(opened, rcps=[document(denied)])
    for resource in ("*", "arn:aws:s3:::logs/x"):
        found = opened.who_can("s3:GetObject", resource).set_index("name")["extent"]
        assert found["ann"] == "possibly allowed"
        assert found["bob"] == "allowed"


def test_an_address_of_another_account_has_its_owner_in_the_context(tmp_path: Path) -> None:
    own = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}
    people = [person("ann", allow("sqs:*", Condition=own)), person("bob", allow("sqs:*"))]
    opened = account(tmp_path, details(people))
    assert opened.can("ann", "sqs:SendMessage", QUEUE)
    elsewhere = QUEUE.replace(ACCOUNT, "999988887777")
    assert opened.can("ann", "sqs:SendMessage", elsewhere).effect == "ImplicitlyDenied"
    assert opened.can("bob", "sqs:SendMessage", elsewhere)


def denials() -> st.SearchStrategy[dict[str, Any]]:
    """Statements of RCPs: they deny, and are about everyone."""
    made = statements(effects=("Deny",)).map(
        lambda each: {k: v for k, v in each.items() if k != "NotPrincipal"} | {"Principal": "*"}
    )
    resources = st.sampled_from(["*", "*", f"{ARN}role/r0", f"{ARN}role/another"])
    return st.builds(lambda each, at: {**each, "Resource": at}, made, resources)


@examples(0.5)
@given(POLICIES, st.lists(denials(), min_size=1, max_size=2))
def test_no_outsider_comes_in_whom_trust_policy_and_rcps_let_in(
    policy: dict[str, Any], further: list[dict[str, Any]]
) -> None:
    rcp = document(*further)
    about = [each for each in further if each["Resource"] in ("*", f"{ARN}role/r0")]
    both = document(*about)
    with TemporaryDirectory() as folder:
        opened = account(Path(folder), details(roles=[role("r0", policy)]))
    opened = in_organization(opened, rcps=[rcp], organization="o-0000000000")
    warned = {each.kind: not closed(opened.trusted_principals, each.kind) for each in REQUESTS}
    for each in REQUESTS:
        if not warned[each.kind]:
            denied = any(
                allowed(
                    {**both, "Statement": [{**one, "Effect": "Allow"}]},
                    each._replace(kind="stranger", names=frozenset([("AWS", "*")])),
                )
                for one in about
            )
            assert denied or not allowed(policy, each), each
    alike = account_with(policy, about, rcp["Version"])
    columns = ["who", "principal", "problem", "external_id", "mfa"]
    if policy["Version"] == rcp["Version"]:
        pairs = (made.trusted_principals[columns].to_json() for made in (opened, alike))
        assert len(set(pairs)) == 1, "an RCP denies as if the trust policy said so"


def account_with(policy: dict[str, Any], more: list[dict[str, Any]], version: str) -> Account:
    """The same role, whose trust policy denies what the RCP does."""
    kept = [{k: v for k, v in each.items() if k != "Resource"} for each in more]
    whole = {"Version": version, "Statement": [*policy["Statement"], *kept]}
    with TemporaryDirectory() as folder:
        opened = account(Path(folder), details(roles=[role("r0", whole)]))
    return in_organization(opened, organization="o-0000000000")


def test_identities_of_the_account_are_not_limited_by_conditions_they_meet(tmp_path: Path) -> None:
    opened = made(tmp_path, document(PERIMETER))
    assert "own" in opened.reach("ann", "key-inside")["name"].tolist()
