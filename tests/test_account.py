"""The account as a notebook meets it."""

from pathlib import Path

import iamkit
from iamkit.access.contexts import CONTEXTS
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


def test_the_door_offers_what_a_notebook_uses() -> None:
    assert set(iamkit.__all__) == {"Account", "IamkitError", "check", "load"}
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
