"""The account as a notebook meets it."""

from functools import cached_property
from pathlib import Path

import pytest

import iamkit
from iamkit.access.contexts import CONTEXTS
from iamkit.errors import SettingsError
from iamkit.evidence import requests
from iamkit.tables import BuiltFrom, schema
from tests.accounts import account as small
from tests.accounts import details, policy, user


def test_can_reads_well_and_is_true_only_where_it_is_certain(demo_account: iamkit.Account) -> None:
    yes = demo_account.can("dmitri.volkov", "s3:GetObject", "arn:aws:s3:::x/y")
    assert yes
    assert repr(yes).startswith("Allowed: s3:GetObject on arn:aws:s3:::x/y is allowed by Allow")
    assert "AdministratorAccess" in yes.why
    no = demo_account.can("elena.petrova", "s3:GetObject", "arn:aws:s3:::x/y")
    assert not no
    assert "RequireMFA" in no.why
    assert demo_account.can("elena.petrova", "s3:GetObject", "*", "mfa-inside")


def test_why_answers_in_every_context(demo_account: iamkit.Account) -> None:
    made = demo_account.why("elena.petrova", "iam:CreateUser")
    assert made["context"].tolist() == list(CONTEXTS)
    effects = made.set_index("context")["effect"]
    assert effects["stolen-key"] == "ExplicitlyDenied"
    assert effects["mfa-inside"] == "Allowed"
    assert effects["any"] == "Unknown"


def test_the_package_exports_what_a_notebook_uses() -> None:
    public = {"Account", "IamkitError", "changes", "check", "load", "show_whole"}
    assert set(iamkit.__all__) == public
    assert all(hasattr(iamkit, name) for name in iamkit.__all__)


def test_lint_and_permissions_are_made_once(demo_account: iamkit.Account) -> None:
    assert demo_account.lint is demo_account.lint
    assert demo_account.permissions is demo_account.permissions


def test_an_account_still_shows_its_tables(demo_account: iamkit.Account, tmp_path: Path) -> None:
    assert "principals" in repr(demo_account)


def test_a_list_of_everything_leaves_the_others_an_address_outside(tmp_path: Path) -> None:
    """One policy admits both halves of the internet; Ann's own fence still has an outside."""
    halves = {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}
    office = {"aws:SourceIp": "203.0.113.0/24"}
    fences = {
        name: {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"NotIpAddress": networks},
        }
        for name, networks in (("halves", halves), ("office", office))
    }
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    own = {"PolicyName": "own", "PolicyDocument": {"Statement": [allow, fences["office"]]}}
    made = small(
        tmp_path,
        details(
            [user("ann", UserPolicyList=[own])],
            policies=[policy("halves", {"Statement": fences["halves"]})],
        ),
    )
    assert made.can("ann", "s3:ListBucket", "*", "stolen-key").effect == "ExplicitlyDenied"


def test_a_table_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no table 'fences'; there are access_keys, admin"):
        small(tmp_path).missing("users", "fences")


def test_every_table_is_built_from_tables_that_exist_and_from_calls_that_are_made() -> None:
    tables = iamkit.Account.tables()
    calls = {evidence.call for evidence in requests.REQUESTS}
    for name, table in tables.items():
        assert table.sources or name in ("gaps", "incomplete"), name
        for source in (*table.sources, *table.optional):
            assert source in (calls if ":" in source else tables), (name, source)
        assert table.definition is None or table.definition.name == name
    assert {table.name for table in schema.TABLES} <= set(tables)


def test_whatever_is_computed_once_is_declared() -> None:
    """No table is kept without a word on what it is built from."""
    for each in iamkit.Account.__mro__:
        for name, value in vars(each).items():
            if name == "history":  # made from other audits as well
                continue
            if isinstance(value, cached_property) and not name.startswith("_"):
                assert isinstance(value, BuiltFrom), name


def test_the_list_of_tables_builds_no_derived_one(tmp_path: Path) -> None:
    made = small(tmp_path, details([user("ann")]), credential_report=None)
    listed = made._contents().set_index("table")
    assert listed.loc["identities", "rows"] == "not built yet"
    assert listed.loc["identities", "missing"] == "evidence"
    assert "identities" not in vars(made)
    made.trusted_principals  # noqa: B018
    assert made._contents().set_index("table").loc["trusted_principals", "rows"] == "0"
