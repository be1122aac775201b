"""Evidence with pseudonyms: no name is left, and what the kit says of it is the same."""

import ipaddress
import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.errors import WriteError
from iamkit.evidence import pseudonyms, redaction
from iamkit.evidence import snapshot as snapshots
from iamkit.evidence.pseudonyms import Pseudonyms
from iamkit.policy import Pattern
from tests.accounts import ACCOUNT, account, details, group, policy, report, role, user
from tests.policies import line

KEY = b"k" * 32
NAMES = (
    "alice bobby ops-deploy Wheel Crown secret-bucket acme paris 4711 203.0.113 Eiffel hq@ jewel "
    "division Visitors AIDAALICE AROAOPS 887766 554433"
)


def redact(made: Account, names: Pseudonyms | None = None) -> tuple[Account, redaction.Redacted]:
    """The account with pseudonyms, and what its evidence became."""
    found = redaction.redacted(made.snapshot, names or Pseudonyms(KEY))
    opened = snapshots.in_memory(found.manifest, found.files, made.snapshot.path)
    return Account(opened, made.settings), found


def statement(**members: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*"} | members]}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """An account with a name in every place that a name can stand in."""
    arn = f"arn:aws:iam::{ACCOUNT}"
    tags = [
        {"Key": "Eiffel", "Value": "jewel"},
        {"Key": "cost", "Value": "887766"},
        {"Key": "owner", "Value": "hq@acme.example"},
    ]
    written = statement(
        Sid="CrownJewels",
        Resource=[
            "arn:aws:s3:::secret-bucket/paris/*",
            f"arn:aws:lambda:eu-west-3:{ACCOUNT}:function:jewel-*",
            f"{arn}:role/eng/ops-*",
            f"{arn}:user/${{aws:username}}",
        ],
        Condition={
            "StringEquals": {
                "aws:PrincipalTag/Eiffel": "jewel",
                "aws:PrincipalAccount": "471147114711",
                "aws:PrincipalOrgID": "o-acme4711",
            },
            "ArnLike": {"aws:PrincipalArn": f"{arn}:user/division/*"},
            "IpAddress": {"aws:SourceIp": ["203.0.113.64/28", "0.0.0.0/0"]},
            "Bool": {"aws:MultiFactorAuthPresent": "true"},
        },
    )
    github = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": f"{arn}:oidc-provider/token.actions.githubusercontent.com"},
        "Condition": {
            "StringLike": {
                "token.actions.githubusercontent.com:sub": "repo:acme/jewel:ref:refs/heads/main",
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            }
        },
    }
    stranger = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": ["471147114711", "arn:aws:iam::471147114711:role/Crown"]},
        "Condition": {"StringEquals": {"sts:ExternalId": "acme-4711"}},
    }
    managed = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    contents = details(
        users=[
            user("alice", Path="/division/paris/", Tags=tags, GroupList=["Wheel"],
                 UserPolicyList=[{"PolicyName": "Crown-inline", "PolicyDocument": written}],
                 Arn=f"{arn}:user/division/paris/alice"),
            user("bobby", AttachedManagedPolicies=[
                {"PolicyName": "ReadOnlyAccess", "PolicyArn": managed}]),
        ],
        groups=[group("Wheel", AttachedManagedPolicies=[
            {"PolicyName": "Crown", "PolicyArn": f"{arn}:policy/Crown"}])],
        roles=[
            role("ops-deploy", statement() | {"Statement": [github]}, Description="In paris"),
            role("Visitors", {"Statement": [stranger]}),
        ],
        policies=[policy("Crown", written)],
    )  # fmt: skip
    given_lines = report(line("alice", password=True), line("bobby", keys=1)).replace(
        "user/alice", "user/division/paris/alice"
    )
    contact = {"ContactInformation": {"FullName": "Crown", "PostalCode": "554433", "City": "paris"}}
    folder = tmp_path_factory.mktemp("named")
    return account(folder, contents, credential_report=given_lines, contact_information=contact)


def test_no_name_is_left_in_any_file(named: Account) -> None:
    _, found = redact(named)
    text = b"\n".join(found.files.values()).decode() + json.dumps(found.manifest)
    for name in [*NAMES.split(), ACCOUNT]:
        assert name not in text, name
    for kept in ("ReadOnlyAccess", "token.actions.githubusercontent.com", "0.0.0.0/0", "owner"):
        assert kept in text
    assert '"repo:name-' in text.replace("value-", "name-")
    assert "${aws:username}" in text
    assert found.unlike == ()


def test_the_name_of_a_run_is_left_out(named: Account) -> None:
    """A run's mark holds what its file calls the account."""
    marked = {**named.snapshot.manifest, "run": "2026-11-01T060000Z Louvre"}
    found = redaction.redacted(replace(named.snapshot, manifest=marked), Pseudonyms(KEY))
    assert "Louvre" not in json.dumps(found.manifest)


@pytest.mark.parametrize("which", ["named", "demo_account"])
def test_what_the_kit_says_is_the_same(which: str, request: pytest.FixtureRequest) -> None:
    made: Account = request.getfixturevalue(which)
    after, found = redact(made)
    columns = ["status", "severity", "failing", "accepted", "unknown", "noted", "total"]
    before_results = made.audit.results.set_index("check")[columns]
    assert after.audit.results.set_index("check")[columns].equals(before_results)
    for column in ("verdict", "privilege", "admin_steps", "mfa_enforced", "network_restriction"):
        one, other = (each.identities[column].value_counts(dropna=False) for each in (made, after))
        assert one.to_dict() == other.to_dict(), column
    assert found.unlike == ()


def test_the_same_key_gives_the_same_evidence_and_another_one_other(named: Account) -> None:
    files = [redact(named, Pseudonyms(key))[1].files for key in (KEY, KEY, b"x" * 32)]
    assert files[0] == files[1]
    assert files[0]["authorization_details.json"] != files[2]["authorization_details.json"]


def test_a_pattern_whose_pseudonym_matches_otherwise_is_told(tmp_path: Path) -> None:
    written = statement(Resource=f"arn:aws:iam::{ACCOUNT}:user/*lic*")
    contents = details(users=[user("alice")], policies=[policy("P", written)])
    (tmp_path / "odd").mkdir()
    _, found = redact(account(tmp_path / "odd", contents))
    assert found.unlike == ("*lic*",)


def test_patterns_match_the_pseudonyms_of_what_they_match() -> None:
    names = Pseudonyms(KEY)
    patterns = ["ops-*", "ops-db-*", "*-admin", "ops-*-admin", "o*"]
    names.keep_comparable(patterns)
    given_names = ["ops-a", "ops-db-b", "x-admin", "ops-c-admin", "other", "plain", "ops-"]
    for pattern in patterns:
        after = Pattern(names.name(pattern, "role"))
        for each in given_names:
            expected = Pattern(pattern).matches(each)
            assert after.matches(names.name(each, "role")) == expected, (pattern, each)


PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
networks = st.builds(
    lambda number, bits: ipaddress.ip_network((number >> (32 - bits) << (32 - bits), bits)),
    st.integers(0, 2**32 - 1),
    st.integers(8, 32),
)


@given(networks, networks)
def test_networks_keep_their_size_and_what_they_contain(
    one: ipaddress.IPv4Network, other: ipaddress.IPv4Network
) -> None:
    names = Pseudonyms(KEY)
    first, second = (ipaddress.IPv4Network(names.address(str(each))) for each in (one, other))
    assert first.prefixlen == one.prefixlen
    ranges = [ipaddress.IPv4Network(text) for text in PRIVATE]
    assert any(map(first.subnet_of, ranges)) == any(map(one.subnet_of, ranges))
    assert first.overlaps(second) == one.overlaps(other)


def test_ids_keep_their_shape() -> None:
    names = Pseudonyms(KEY)
    assert names.unique_id("AKIAIOSFODNN7EXAMPLE")[:4] == "AKIA"
    assert len(names.unique_id("AKIAIOSFODNN7EXAMPLE")) == 20
    assert names.account(ACCOUNT) != ACCOUNT
    assert len(names.account(ACCOUNT)) == 12
    assert names.sid("Crown").isalnum()
    assert names.name("ana", "user") == names.name("ana", "role") != "ana", (
        "one name, one pseudonym"
    )


def test_the_mapping_is_for_its_owner_only_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "mapping.json"
    first = pseudonyms.read(path)
    made = first.name("ana", "user")
    pseudonyms.write(path, first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = pseudonyms.read(path)
    assert again.name("ana", "user") == made
    assert again.name("bo", "user") == first.name("bo", "user"), "the key is kept, too"
    path.write_text("{}")
    with pytest.raises(WriteError, match="is no mapping that `iamkit report --redact` wrote"):
        pseudonyms.read(path)
