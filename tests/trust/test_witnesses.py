"""A caller whom each loose trust policy admits, asked of the evaluator again."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.policy import ABSENT, UNKNOWN, RequestContext
from iamkit.trust import trust_policy
from iamkit.trust.callers import Home, members
from iamkit.trust.trust_policy import ANYONE, CallerKind, TrustEntry
from iamkit.trust.witnesses import ADMITTING
from tests.accounts import ACCOUNT, ARN, account, details, role
from tests.examples import examples
from tests.policies import EVERYTHING, document, inline
from tests.trust.test_federation import CONDITIONS, STRANGERS_SUBJECTS
from tests.trust.test_inbound import GITHUB, GITHUB_ARN, ROOT, VENDOR, allow
from tests.trust.test_strangers import MET, NOT_MET, conditions_of
from tests.witnesses import carried


def opened(folder: Path, *policies: list[Any], **files: Any) -> Account:
    """An account with a role for each trust policy."""
    roles = [
        role(f"r{number}", {"Version": "2012-10-17", "Statement": statements})
        for number, statements in enumerate(policies)
    ]
    return account(folder, details(roles=roles), **files)


def witnessed(made: Account) -> list[dict[str, Any]]:
    """The rows with a problem that admits somebody, each of whose callers is asked again."""
    found = made.trusted_principals.to_dict("records")
    loose = [row for row in found if row["problem"] in ADMITTING]
    assert all(row["witness"] is None for row in found if row["problem"] not in ADMITTING)
    for row in loose:
        asked_again(made, row)
    return loose


def asked_again(made: Account, row: dict[str, Any]) -> None:
    """Whether the statement admits the caller, as the witness says."""
    witness = row["witness"]
    if witness is None:  # the row asked less than is known of whom the statement names
        assert row["problem"] == "no external id"
        for entry in entries(made, row):
            assert not any(map(entry.may, known(entry, row)))
        return
    assert witness["resource"] == row["role_arn"]
    context = RequestContext(carried(witness), ABSENT)
    name, arn = context.get("aws:username"), witness["caller"]
    assert not isinstance(name, str) or arn.endswith(f"user/{name}")
    assert context.get("aws:PrincipalArn") in (arn, ABSENT, UNKNOWN)
    answers = {entry.admits(context) for entry in entries(made, row)}
    if witness["effect"] == "Allowed":
        assert True in answers, witness
    else:
        assert witness["effect"] == "Unknown"


def entries(made: Account, row: dict[str, Any]) -> Iterator[TrustEntry]:
    """The entries of the trust policy that a row of the table may be of."""
    table = trust_policy.entries(made.trust, made.roles)
    same = table["role_arn"].eq(row["role_arn"]) & table["number"].eq(row["number"])
    named = table["principal"].eq(row["principal"]) | table["principal_type"].eq(ANYONE)
    yield from map(TrustEntry.of, trust_policy.rows(table[same & named]))


def known(entry: TrustEntry, row: dict[str, Any]) -> list[RequestContext]:
    """Callers that a row for another account may be about, an external id aside."""
    if row["principal"] in (ROOT, VENDOR):
        return list(members(entry, VENDOR, Home("aws", ACCOUNT)))
    user = ":user/" in row["principal"]
    keys = {
        "aws:PrincipalArn": row["principal"],
        "aws:PrincipalAccount": VENDOR,
        "aws:PrincipalType": "User" if user else "AssumedRole",
        "aws:username": row["principal"].rpartition("/")[2] if user else ABSENT,
    }
    return [RequestContext(keys, UNKNOWN)]


def denial(condition: Any, principal: Any = "*") -> dict[str, Any]:
    return {**allow(principal, condition), "Effect": "Deny"}


CASES: dict[str, tuple[str, Any, str, dict[str, str]]] = {
    "anyone": ("*", None, "arn:aws:iam::000000000000:user/a", {}),
    "anyone who knows a word": (
        "*",
        {"StringEquals": {"sts:ExternalId": "7f1c"}},
        *("arn:aws:iam::000000000000:user/a", {"sts:ExternalId": "7f1c"}),
    ),
    "another account": (
        {"AWS": ROOT},
        None,
        *(f"arn:aws:iam::{VENDOR}:user/a", {"sts:ExternalId": "absent"}),
    ),
    "another account's role, in a network": (
        {"AWS": f"arn:aws:iam::{VENDOR}:role/ci/runner"},
        {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        f"arn:aws:iam::{VENDOR}:role/ci/runner",
        {"aws:SourceIp": "203.0.113.0", "sts:ExternalId": "absent"},
    ),
    "another account, recently with MFA": (
        {"AWS": VENDOR},
        {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}},
        f"arn:aws:iam::{VENDOR}:user/a",
        {"aws:MultiFactorAuthAge": "3599", "sts:ExternalId": "absent"},
    ),
    "a service": (
        {"Service": "events.amazonaws.com"},
        None,
        "events.amazonaws.com",
        {
            "aws:SourceAccount": "000000000000",
            "aws:SourceArn": "arn:aws:events:us-east-1:000000000000:iamkit",
        },
    ),
    "a service for another account": (
        {"Service": "sns.amazonaws.com"},
        {"StringEquals": {"aws:SourceAccount": VENDOR}},
        "sns.amazonaws.com",
        {
            "aws:SourceAccount": VENDOR,
            "aws:SourceArn": f"arn:aws:sns:us-east-1:{VENDOR}:iamkit",
        },
    ),
    "a provider for any audience": (
        {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/Okta"},
        None,
        *("Okta", {"saml:aud": "iamkit-stranger"}),
    ),
    "any repository": (
        {"Federated": GITHUB_ARN},
        {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}},
        GITHUB,
        {f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:sub": "iamkit-stranger"},
    ),
    "a branch of any repository": (
        {"Federated": GITHUB_ARN},
        {
            "StringLike": {f"{GITHUB}:sub": "*:ref:refs/heads/main"},
            "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"},
        },
        GITHUB,
        {f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:sub": ":ref:refs/heads/main"},
    ),
}


@pytest.mark.parametrize(("principal", "condition", "caller", "context"), CASES.values(), ids=CASES)
def test_a_caller_and_what_it_sends(
    principal: Any, condition: Any, caller: str, context: dict[str, str], tmp_path: Path
) -> None:
    (row,) = witnessed(opened(tmp_path, [allow(principal, condition)]))
    witness = row["witness"]
    assert (witness["caller"], witness["context"]) == (caller, context)
    assert witness["effect"] == "Allowed"


@pytest.mark.parametrize("condition", MET.values(), ids=MET)
def test_a_stranger_who_meets(condition: Any, tmp_path: Path) -> None:
    (row,) = witnessed(opened(tmp_path, [allow("*", condition)]))
    assert row["witness"]["effect"] == "Allowed"


def test_where_no_stranger_comes_in_none_is_shown(tmp_path: Path) -> None:
    made = opened(tmp_path, *([allow("*", condition)] for condition in NOT_MET.values()))
    assert {row["problem"] for row in witnessed(made)} <= {"no external id", "unknown source"}


@pytest.mark.parametrize(("url", "text"), STRANGERS_SUBJECTS.values(), ids=STRANGERS_SUBJECTS)
def test_a_token_of_a_stranger_s(url: str, text: str, tmp_path: Path) -> None:
    claim = "aud" if url == "accounts.google.com" else "sub"
    provider = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{url}"}
    statement = allow(provider, {"StringLike": {f"{url}:{claim}": text}})
    (row,) = witnessed(opened(tmp_path, [statement]))
    assert row["witness"]["effect"] == "Allowed"


def test_another_organization(tmp_path: Path) -> None:
    asked = {"StringEquals": {"aws:PrincipalOrgID": "o-zzzzzzzzzz"}}
    ours = {"Organization": {"Id": "o-a1b2c3d4e5", "MasterAccountId": ACCOUNT}}
    (row,) = witnessed(opened(tmp_path, [allow("*", asked)], organization=ours))
    assert row["problem"] == "another organization"
    assert row["witness"]["context"] == {"aws:PrincipalOrgID": "o-zzzzzzzzzz"}
    assert row["witness"]["effect"] == "Allowed"


def test_what_nobody_can_settle_is_unknown(tmp_path: Path) -> None:
    odd = {"StringEquals": {"aws:PrincipalTag/a": "${aws:PrincipalTag/b}-${aws:PrincipalTag/c}"}}
    (row,) = witnessed(opened(tmp_path, [allow("*", odd)]))
    assert row["witness"]["effect"] == "Unknown"


def test_alike_roles_have_the_same_caller_and_their_own_resource(tmp_path: Path) -> None:
    first, second = witnessed(opened(tmp_path, [allow("*")], [allow("*")]))
    assert first["witness"] == {**second["witness"], "resource": first["role_arn"]}
    assert first["role_arn"] != second["role_arn"]


PRINCIPALS = st.sampled_from(
    [
        *("*", {"AWS": ROOT}, {"AWS": f"arn:aws:iam::{VENDOR}:user/x"}),
        *({"AWS": f"arn:aws:iam::{VENDOR}:role/deploy"}, {"Service": "sns.amazonaws.com"}),
    ]
)
POLICIES = st.builds(
    lambda principal, allowed, denied: [allow(principal, allowed), *map(denial, denied)],
    PRINCIPALS,
    st.none() | conditions_of(),
    st.lists(conditions_of(), max_size=2),
)
OF_GITHUB = st.builds(lambda asked: [allow({"Federated": GITHUB_ARN}, asked)], CONDITIONS)


@examples(0.3)
@given(st.lists(POLICIES | OF_GITHUB, min_size=10, max_size=10))
def test_each_caller_put_back_is_admitted(found: list[list[Any]]) -> None:
    with TemporaryDirectory() as folder:
        witnessed(opened(Path(folder), *found))


def without_mfa(made: Account) -> list[dict[str, Any]]:
    """The roles that somebody assumes without MFA, each of whose callers is asked again."""
    found = made.mfa_enforcement.to_dict("records")
    for row in found:
        if row["witness"] is None or "caller" not in row["witness"]:
            continue
        context = RequestContext(carried(row["witness"]), ABSENT)
        assert context.get("aws:MultiFactorAuthPresent") in (ABSENT, "false")
        table = trust_policy.entries(made.trust, made.roles)
        admitting = map(
            TrustEntry.of, trust_policy.rows(table[table["role_arn"].eq(row["principal_arn"])])
        )
        answers = {entry.admits(context, CallerKind.PERSON) for entry in admitting}
        assert row["witness"]["effect"] == "Unknown" or True in answers, row["witness"]
    return found


[ALL] = inline(EVERYTHING)
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


@pytest.mark.parametrize(
    ("statements", "caller"),
    [
        ([allow({"AWS": ROOT})], f"arn:aws:iam::{VENDOR}:user/a"),
        ([allow({"AWS": f"{ARN}user/x"}, MFA), allow({"AWS": f"{ARN}user/y"})], f"{ARN}user/y"),
        ([allow("*"), denial({"Bool": {"aws:MultiFactorAuthPresent": "false"}})], None),
        ([allow({"AWS": f"{ARN}user/x"}, MFA)], ""),
    ],
)
def test_who_assumes_a_role_without_mfa(
    statements: list[Any], caller: str | None, tmp_path: Path
) -> None:
    trust = {"Version": "2012-10-17", "Statement": statements}
    made = account(tmp_path, details(roles=[role("r", trust, RolePolicyList=[ALL])]))
    (row,) = without_mfa(made)
    if caller == "":
        assert (row["verdict"], row["witness"]) == ("enforced", None)
    else:
        assert caller in (None, row["witness"]["caller"])
        assert row["witness"]["effect"] == "Allowed"


@examples(0.15)
@given(st.lists(POLICIES, min_size=10, max_size=10))
def test_each_caller_without_mfa_put_back_is_admitted(found: list[list[Any]]) -> None:
    roles = [
        role(f"r{at}", document(*statements), RolePolicyList=[ALL])
        for at, statements in enumerate(found)
    ]
    with TemporaryDirectory() as folder:
        without_mfa(account(Path(folder), details(roles=roles)))
