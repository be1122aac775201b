"""Whether MFA is enforced: the verdict, the statement that decides, and what that says to do."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.access import principals as callers
from iamkit.access.permissions import Permissions, effective
from iamkit.account import Account
from iamkit.errors import SettingsError
from iamkit.policy.model import Policy
from iamkit.restrictions.mfa_coverage import coverage, mfa_gaps
from iamkit.restrictions.mfa_enforcement import MFA_ENFORCEMENT, VERDICTS
from iamkit.restrictions.mfa_enforcement import mfa_enforcement as judged_with
from iamkit.restrictions.mfa_reach import BYPASSES, TAG_BYPASSES, definitions
from iamkit.settings import SELF_SERVICE, Settings
from iamkit.trust import mfa_statements
from tests.accounts import ACCOUNT, ARN, again, details, group, policy, role, user
from tests.accounts import account as imported
from tests.examples import examples

PRESENT = "aws:MultiFactorAuthPresent"
NO_MFA = {"BoolIfExists": {PRESENT: "false"}}
BOOL = {"Bool": {PRESENT: "false"}}
WITH_MFA = {"Bool": {PRESENT: "true"}}
AWAY = {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
TAGGED = {"StringEquals": {"aws:ResourceTag/team": "x"}}


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def deny_all_but(*left: str, condition: Any = NO_MFA, **more: Any) -> dict[str, Any]:
    """AWS's own denial without MFA, with other actions left open or on another condition."""
    kept = {"Effect": "Deny", "NotAction": [*SELF_SERVICE, *left], "Resource": "*"}
    return {"Sid": "DenyAllExceptListedIfNoMFA", **kept, "Condition": condition, **more}


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def inline(name: str, *statements: Any) -> list[dict[str, Any]]:
    return [{"PolicyName": name, "PolicyDocument": document(*statements)}]


def attached(name: str) -> list[dict[str, str]]:
    return [{"PolicyName": name, "PolicyArn": f"{ARN}policy/{name}"}]


def mfa_enforcement(made: Account, permissions: Permissions | None = None) -> pd.DataFrame:
    """The verdicts, with what the trust policies say."""
    return judged_with(made, mfa_statements(made.trust, made.roles), permissions)


def of(folder: Path, contents: dict[str, Any]) -> pd.DataFrame:
    made = imported(folder, contents)
    judged = mfa_enforcement(made, effective(made))
    assert list(judged.columns) == MFA_ENFORCEMENT.names
    return judged


def ana(folder: Path, *statements: Any, **members: Any) -> pd.Series:
    """The row of a user with these statements in a policy of her own."""
    ana = user("ana", UserPolicyList=inline("own", *statements), **members)
    row: pd.Series = of(folder, details([ana])).iloc[0]
    return row


def bounded(folder: Path, *statements: Any) -> pd.Series:
    """The row of a user who may use S3, within a boundary of these statements."""
    boundary = {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": f"{ARN}policy/edge",
    }
    own = inline("own", allow("s3:Get*"), allow("s3:Put*"))
    ana = user("ana", UserPolicyList=own, PermissionsBoundary=boundary)
    edge = policy("edge", document(*statements))
    row: pd.Series = of(folder, details([ana], policies=[edge])).iloc[0]
    return row


def states(row: pd.Series) -> tuple[str, str, str]:
    return row["verdict"], row["key"], row["password"]


# --- the variants that a verdict must tell apart


def test_awss_own_example_enforces_mfa(tmp_path: Path) -> None:
    row = ana(tmp_path, allow("*"), deny_all_but())
    assert states(row) == ("enforced", "required", "required")
    assert (row["policy_name"], row["statement"]) == (
        "own",
        "statement “DenyAllExceptListedIfNoMFA”",
    )
    assert row["policy_arn"] == f"{ARN}user/ana#own"
    assert (row["covered"], row["actions_without_mfa"], row["worst"]) == (1, 0, [])
    assert pd.isna(row["place"])


def test_bool_instead_of_bool_if_exists_lets_access_keys_pass(tmp_path: Path) -> None:
    row = ana(tmp_path, allow("*"), deny_all_but(condition=BOOL))
    assert states(row) == ("console only", "not required", "required")
    assert row["statement"] == "statement “DenyAllExceptListedIfNoMFA”"
    assert '"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}' in row["why"]
    assert "does not restrict access keys" in row["why"]
    assert (row["covered"], row["place"]) == (0, "anywhere")
    assert row["actions_without_mfa"] == row["actions"] > 20_000


def test_where_only_some_services_are_covered_the_rest_is_open(tmp_path: Path) -> None:
    covered = deny("ec2:*", Condition=NO_MFA, Sid="NoEc2WithoutMFA")
    row = ana(tmp_path, allow(["ec2:StopInstances", "s3:GetObject", "sqs:SendMessage"]), covered)
    assert states(row) == ("partial", "partly required", "partly required")
    assert (row["statement"], row["actions_without_mfa"]) == ("statement “NoEc2WithoutMFA”", 2)
    assert row["covered"] == pytest.approx(1 / 3)
    assert row["worst"] == ["s3:GetObject", "sqs:SendMessage"], "riskiest first"
    assert row["without_mfa_by_risk"]["data exfiltration"] == 1
    assert row["risky_without_mfa"] == 1


def test_a_carve_out_that_lets_mfa_be_removed_can_be_escaped(tmp_path: Path) -> None:
    left = ("iam:DeactivateMFADevice", "iam:CreateAccessKey")
    row = ana(tmp_path, allow("*"), deny_all_but(*left))
    assert states(row) == ("bypassable", "partly required", "partly required")
    assert row["bypasses"] == sorted(left)
    assert row["statement"] == "statement “DenyAllExceptListedIfNoMFA”"
    assert "list only the actions to register a device in NotAction" in row["why"]
    assert row["actions_without_mfa"] == 2


def test_a_denial_through_a_group_counts(tmp_path: Path) -> None:
    ana = user("ana", UserPolicyList=inline("own", allow("s3:*")), GroupList=["staff"])
    staff = group("staff", AttachedManagedPolicies=attached("require-mfa"))
    guard = policy("require-mfa", document(deny_all_but()))
    row = of(tmp_path, details([ana], [staff], policies=[guard])).iloc[0]
    assert states(row) == ("enforced", "required", "required")
    assert row["policy_arn"] == f"{ARN}policy/require-mfa"


def test_a_boundary_that_cuts_everything_off_leaves_nothing_to_protect(tmp_path: Path) -> None:
    row = bounded(tmp_path, allow("iam:GetUser"))
    assert states(row) == ("nothing to protect", "required", "required")
    assert (row["policy_name"], row["actions"]) == ("edge", 0)
    assert pd.isna(row["statement"]), "it is what the boundary does not say"
    assert pd.isna(row["covered"])


# --- other ways to ask, and to fail to


def test_without_any_condition_nothing_is_enforced(tmp_path: Path) -> None:
    row = ana(tmp_path, allow("s3:GetBucketPolicy"), allow("s3:*", Sid="Wide"))
    assert states(row) == ("none", "not required", "not required")
    assert (row["policy_name"], row["statement"]) == ("own", "statement “Wide”"), "it allows most"


def test_a_user_without_policies_has_nothing_to_protect(tmp_path: Path) -> None:
    row = of(tmp_path, details([user("ana")])).iloc[0]
    assert states(row) == ("nothing to protect", "required", "required")
    assert pd.isna(row["policy_name"])


def test_what_enrolling_needs_may_stay_open(tmp_path: Path) -> None:
    assert ana(tmp_path, allow(list(SELF_SERVICE)))["verdict"] == "nothing to protect"


def test_the_minimum_is_for_an_organization_to_say(tmp_path: Path) -> None:
    ana = user("ana", UserPolicyList=inline("own", allow("*"), deny_all_but("iam:ChangePassword")))
    made = imported(tmp_path, details([ana]))
    wider = [*SELF_SERVICE, "iam:ChangePassword"]
    opened = again(made, self_service=wider)
    assert mfa_enforcement(made)["verdict"].tolist() == ["partial"]
    assert mfa_enforcement(opened)["verdict"].tolist() == ["enforced"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"Null": {PRESENT: "true"}}, "none"),  # a key becomes a session
        ({"StringEquals": {PRESENT: "false"}}, "console only"),
        ({"StringNotEquals": {PRESENT: "true"}}, "enforced"),
        ({"NumericGreaterThanIfExists": {"aws:MultiFactorAuthAge": "3600"}}, "enforced"),
        ({"Null": {"aws:MultiFactorAuthAge": "true"}}, "enforced"),
        ({"Bool": {PRESENT: "no"}}, "none"),
        (NO_MFA | TAGGED, "partial"),
        (TAGGED, "none"),
    ],
    ids=str,
)
def test_a_denial_is_worth_what_its_condition_catches(
    tmp_path: Path, condition: dict[str, Any], expected: str
) -> None:
    denial = deny_all_but(condition=condition)
    assert ana(tmp_path, allow(["s3:*", "iam:GetUser"]), denial)["verdict"] == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (WITH_MFA, "enforced"),
        ({"BoolIfExists": {PRESENT: "true"}}, "console only"),
        ({"Null": {PRESENT: "false"}}, "none"),  # a key becomes a session
        ({"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}, "enforced"),
        (WITH_MFA | TAGGED, "enforced"),
        (TAGGED, "none"),
    ],
    ids=str,
)
def test_an_allow_is_worth_what_its_condition_lets_in(
    tmp_path: Path, condition: dict[str, Any], expected: str
) -> None:
    row = ana(tmp_path, allow("s3:*", Condition=condition, Sid="Read"))
    assert row["verdict"] == expected
    assert row["statement"] == "statement “Read”"


def test_two_half_denials_make_a_whole_one(tmp_path: Path) -> None:
    keys = deny_all_but(condition={"Null": {PRESENT: "true"}}, Sid="Keys")
    row = ana(tmp_path, allow("s3:*"), keys, deny_all_but(condition=BOOL, Sid="Passwords"))
    assert row["verdict"] == "enforced"


def test_a_denial_on_some_resources_leaves_the_others(tmp_path: Path) -> None:
    some = deny("*", "arn:aws:s3:::vault/*", Condition=NO_MFA, Sid="Vault")
    row = ana(tmp_path, some, allow("s3:GetObject", Sid="Read"))
    assert (row["verdict"], row["statement"]) == ("none", "statement “Read”")


def test_what_is_only_perhaps_left_open_is_no_accusation_of_escape(tmp_path: Path) -> None:
    row = ana(tmp_path, allow("iam:*"), deny_all_but(condition=NO_MFA | TAGGED))
    assert states(row) == ("partial", "partly required", "partly required")
    assert row["bypasses"] == []
    assert row["actions_without_mfa"] > 100, "numbers err towards open"
    assert "only if its other conditions hold" in row["why"]


def test_an_allow_that_needs_mfa_beside_one_that_does_not_is_a_hole(tmp_path: Path) -> None:
    conditioned = allow("s3:*", Condition=WITH_MFA, Sid="IfMFA")
    row = ana(tmp_path, conditioned, allow("ec2:StopInstances"))
    assert states(row) == ("partial", "partly required", "partly required")
    assert row["statement"] == "statement “IfMFA”"
    assert "not for every action" in row["why"]


def test_of_two_statements_the_one_with_the_hole_decides(tmp_path: Path) -> None:
    whole = deny("ec2:*", Condition=NO_MFA, Sid="Whole")
    half = deny("s3:*", Condition=BOOL, Sid="Half")
    row = ana(tmp_path, allow(["ec2:*", "s3:*"]), whole, half)
    assert states(row) == ("console only", "partly required", "required")
    assert row["statement"] == "statement “Half”"
    assert 'write "BoolIfExists"' in row["why"]


def test_mending_one_statement_is_not_proposed_where_it_is_not_enough(tmp_path: Path) -> None:
    slipping = allow("s3:*", Condition={"BoolIfExists": {PRESENT: "true"}}, Sid="IfMFA")
    row = ana(tmp_path, slipping, allow("ec2:StopInstances"))
    assert states(row) == ("partial", "not required", "partly required")
    assert row["statement"] == "statement “IfMFA”"
    assert "deny all except the self-service minimum" in row["why"]


def test_a_boundary_is_not_blamed_for_what_the_user_was_given(tmp_path: Path) -> None:
    row = bounded(tmp_path, allow("*"))
    assert (row["verdict"], row["policy_name"]) == ("none", "own")


def test_a_boundary_can_enforce(tmp_path: Path) -> None:
    row = bounded(tmp_path, allow("*", Condition=WITH_MFA, Sid="OnlyWithMFA"))
    assert row["verdict"] == "enforced"
    assert (row["policy_arn"], row["statement"]) == (f"{ARN}policy/edge", "statement “OnlyWithMFA”")


def test_a_service_control_policy_can_enforce(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Policy("FullAWSAccess", document(allow("*")))
    guard = Policy("MFA", document(allow("*"), deny_all_but()))
    monkeypatch.setattr(callers, "service_control_policies", lambda account: ((full,), (guard,)))
    row = ana(tmp_path, allow("s3:*"))
    assert row["verdict"] == "enforced"
    assert (row["policy_name"], row["statement"]) == (
        "MFA",
        "statement “DenyAllExceptListedIfNoMFA”",
    )
    assert pd.isna(row["policy_arn"]), "the evidence does not say an SCP's ARN"


def test_a_policy_that_is_not_in_the_evidence_closes_nothing(tmp_path: Path) -> None:
    row = of(tmp_path, details([user("ana", AttachedManagedPolicies=attached("lost"))])).iloc[0]
    assert row["verdict"] == "none"
    assert row["why"].startswith("Lost, which is not in the evidence,")
    assert pd.isna(row["statement"])


# --- networks


def test_a_fence_is_no_mfa(tmp_path: Path) -> None:
    row = ana(tmp_path, allow("s3:*"), deny("*", Condition=AWAY))
    assert states(row) == ("none", "not required", "not required")
    assert row["place"] == "inside only"
    assert "from inside the approved networks" in row["why"]


def test_mfa_that_is_asked_for_only_outside_is_partial(tmp_path: Path) -> None:
    row = ana(tmp_path, allow("s3:*"), deny_all_but(condition=NO_MFA | AWAY))
    assert states(row) == ("partial", "partly required", "partly required")
    assert (row["place"], row["covered"]) == ("inside only", 0)


def test_a_fence_and_mfa_inside_it_is_enforced(tmp_path: Path) -> None:
    row = ana(tmp_path, allow("s3:*"), deny("*", Condition=AWAY), deny_all_but())
    assert states(row) == ("enforced", "required", "required")
    assert row["statement"] == "statement “DenyAllExceptListedIfNoMFA”"


# --- roles


def trusting(*statements: Any) -> dict[str, Any]:
    return document(
        *(
            {
                "Effect": "Allow",
                **({} if "NotAction" in each else {"Action": "sts:AssumeRole"}),
                **each,
            }
            for each in statements
        )
    )


ROOT = {"Principal": {"AWS": f"{ARN}root"}}
OTHER = {"Principal": {"AWS": "arn:aws:iam::999988887777:root"}}
LAMBDA = {"Principal": {"Service": "lambda.amazonaws.com"}}
SAML = {"Principal": {"Federated": f"{ARN}saml-provider/Okta"}, "Action": "sts:AssumeRoleWithSAML"}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([ROOT], ("none", "not required", "not required")),
        ([ROOT | {"Condition": WITH_MFA}], ("enforced", "required", "required")),
        ([ROOT | {"Condition": WITH_MFA}, LAMBDA], ("enforced", "required", "required")),
        (
            [ROOT | {"Condition": WITH_MFA}, OTHER],
            ("partial", "partly required", "partly required"),
        ),
        (
            [ROOT | {"Condition": {"BoolIfExists": {PRESENT: "true"}}}],
            ("partial", "not required", "required"),
        ),
        ([ROOT | {"Condition": WITH_MFA | TAGGED}], ("enforced", "required", "required")),
        ([ROOT | {"Condition": TAGGED}], ("none", "not required", "not required")),
        ([{"Principal": "*"}], ("none", "not required", "not required")),
        (
            [{"Principal": {"AWS": "*"}, "Condition": WITH_MFA}],
            ("enforced", "required", "required"),
        ),
        ([LAMBDA, SAML], ("not assumable by people", "required", "required")),
        (
            [ROOT | {"Action": "sts:TagSession"}],
            ("not assumable by people", "required", "required"),
        ),
        ([ROOT | {"Action": "sts:*"}], ("none", "not required", "not required")),
        (
            [ROOT, {"Effect": "Deny", "Principal": "*", "Condition": NO_MFA}],
            ("enforced", "required", "required"),
        ),
        (
            [ROOT, {"Effect": "Deny", "Principal": "*", "Condition": BOOL}],
            ("partial", "not required", "required"),
        ),
        (
            [ROOT, {"Effect": "Deny", "Principal": "*", "Condition": NO_MFA | TAGGED}],
            ("partial", "partly required", "partly required"),
        ),
        (
            [ROOT, OTHER | {"Effect": "Deny", "Condition": NO_MFA}],
            ("none", "not required", "not required"),
        ),
        (
            [
                {"Principal": {"AWS": f"{ARN}user/ana"}},
                {"Effect": "Deny", "Principal": {"AWS": ACCOUNT}, "Condition": NO_MFA},
            ],
            ("enforced", "required", "required"),
        ),
        (
            [ROOT, {"Effect": "Deny", "Principal": "*"}],
            ("not assumable by people", "required", "required"),
        ),
        ([{"NotPrincipal": {"AWS": f"{ARN}user/bo"}}], ("none", "not required", "not required")),
        (
            [{"NotPrincipal": {"Service": "ec2.amazonaws.com"}}],
            ("none", "not required", "not required"),
        ),
        (
            [ROOT, {"Effect": "Deny", "NotPrincipal": ROOT["Principal"], "Condition": NO_MFA}],
            ("none", "not required", "not required"),
        ),
        (
            [ROOT, {"Effect": "Deny", "Principal": "*", "Condition": NO_MFA, "Action": []}],
            ("none", "not required", "not required"),
        ),
        ([ROOT | {"Condition": "unreadable"}], ("partial", "partly required", "partly required")),
    ],
)
def test_a_roles_door_is_its_trust_policy(
    tmp_path: Path, statements: list[Any], expected: tuple[str, str, str]
) -> None:
    held = {"RolePolicyList": inline("own", allow("s3:GetObject"))}
    row = of(tmp_path, details(roles=[role("ops", trusting(*statements), **held)])).iloc[0]
    assert states(row) == expected
    shut = expected[0] in ("enforced", "not assumable by people")
    assert (row["actions"], row["actions_without_mfa"]) == (1, 0 if shut else 1)
    assert pd.isna(row["place"])


@pytest.mark.parametrize("condition", [{}, {"Condition": NO_MFA}], ids=["always", "without MFA"])
@pytest.mark.parametrize("named", [f"{ARN}user/bo", f"{ARN}root", ACCOUNT])
def test_denying_the_one_whom_not_principal_leaves_out_denies_nobody_else(
    tmp_path: Path, named: str, condition: dict[str, Any]
) -> None:
    """An Allow with NotPrincipal admits all but those it names, whom the Deny is about."""
    others = {"NotPrincipal": {"AWS": named}}
    denial = {"Effect": "Deny", "Principal": {"AWS": named}, **condition}
    held = {"RolePolicyList": inline("own", allow("s3:GetObject"))}
    row = of(tmp_path, details(roles=[role("ops", trusting(others, denial), **held)])).iloc[0]
    assert states(row) == ("none", "not required", "not required")


TAGS = "sts:TagSession"
WRITER = {"Principal": {"AWS": "arn:aws:iam::999988887777:user/writer"}}
DENIES = {"Effect": "Deny", "Condition": NO_MFA}
NOT_ASSUMABLE = ("not assumable by people", "required", "required")
ENFORCED = ("enforced", "required", "required")
NONE = ("none", "not required", "not required")
TRUSTS: dict[str, tuple[list[Any], tuple[str, str, str]]] = {
    "an Allow of several actions": ([ROOT | {"Action": [TAGS, "sts:AssumeRole"]}], NONE),
    "a Deny of several actions": (
        [ROOT, DENIES | {"Principal": "*", "Action": [TAGS, "sts:AssumeRole"]}],
        ENFORCED,
    ),
    "a Deny of something else": ([ROOT, DENIES | {"Principal": "*", "Action": TAGS}], NONE),
    "a Deny of all but something else": (
        [ROOT, {"Effect": "Deny", "Principal": "*", "NotAction": TAGS, "Condition": NO_MFA}],
        ENFORCED,
    ),
    "a Deny of all but assuming": (
        [
            ROOT,
            {
                "Effect": "Deny",
                "Principal": "*",
                "NotAction": "sts:AssumeRole",
                "Condition": NO_MFA,
            },
        ],
        NONE,
    ),
    "a Deny of the principal's account": ([WRITER, OTHER | DENIES], ENFORCED),
    "a Deny of another account": ([WRITER, ROOT | DENIES], NONE),
    "a Deny of one of an account": ([OTHER, WRITER | DENIES], NONE),
    "an Allow that never holds": (
        [ROOT | {"Condition": {"StringEqual": {"a:b": "c"}}}],
        NOT_ASSUMABLE,
    ),
    "an Allow that never holds beside one that asks for MFA": (
        [OTHER | {"Condition": {"StringEqual": {"a:b": "c"}}}, ROOT | {"Condition": WITH_MFA}],
        ENFORCED,
    ),
    "a statement that nobody can read, for a service": (
        [LAMBDA | {"Condition": "unreadable"}],
        NOT_ASSUMABLE,
    ),
    "a Deny that nobody can read": (
        [ROOT, ROOT | {"Effect": "Deny", "Condition": "unreadable"}],
        NONE,
    ),
    "a statement that nobody can read, and a Deny for anyone": (
        [ROOT | {"Condition": "unreadable"}, DENIES | {"Principal": "*"}],
        ENFORCED,
    ),
}


@pytest.mark.parametrize("case", TRUSTS)
def test_assuming_a_role_is_judged_by(case: str, tmp_path: Path) -> None:
    statements, expected = TRUSTS[case]
    held = {"RolePolicyList": inline("own", allow("s3:GetObject"))}
    row = of(tmp_path, details(roles=[role("ops", trusting(*statements), **held)])).iloc[0]
    assert states(row) == expected


def test_a_role_of_aws_s_own_is_not_assumable_by_people(tmp_path: Path) -> None:
    own = {"RolePolicyList": inline("own", allow("s3:GetObject"))}
    linked = {"Path": "/aws-service-role/x.amazonaws.com/"}
    made = details(roles=[role("linked", trusting({"Principal": "*"}), **own, **linked)])
    rows = of(tmp_path, made)
    assert rows["verdict"].isin(["not assumable by people"]).all()


def test_denying_everyone_closes_an_allow_with_not_principal_too(tmp_path: Path) -> None:
    others = {"NotPrincipal": {"AWS": f"{ARN}user/bo"}}
    denial = {"Effect": "Deny", "Principal": "*", "Condition": NO_MFA}
    held = {"RolePolicyList": inline("own", allow("s3:GetObject"))}
    row = of(tmp_path, details(roles=[role("ops", trusting(others, denial), **held)])).iloc[0]
    assert states(row) == ("enforced", "required", "required")


def test_the_statement_of_a_trust_policy_that_decides_is_named(tmp_path: Path) -> None:
    guarded = ROOT | {"Condition": WITH_MFA, "Sid": "Guarded"}
    denial = {"Effect": "Deny", "Principal": "*", "Condition": BOOL, "Sid": "Halfway"}
    held = {"RolePolicyList": inline("own", allow("s3:GetObject"))}
    documents = {
        "guarded": trusting(guarded),
        "halfway": trusting(ROOT, denial),
        "second": trusting(guarded, OTHER),
    }
    roles = [role(name, trust, **held) for name, trust in documents.items()]
    rows = of(tmp_path, details(roles=roles)).set_index("name")
    assert rows["statement"].to_dict() == {
        "guarded": "statement “Guarded”",
        "halfway": "statement “Halfway”",
        "second": "statement 2",
    }
    assert rows.loc["guarded", "policy_arn"] == f"{ARN}role/guarded"
    assert "arn:aws:iam::999988887777:root" in rows.loc["second", "why"]


def test_a_trust_policy_that_cannot_be_read_reassures_nobody(tmp_path: Path) -> None:
    held = {"RolePolicyList": inline("own", allow("s3:GetObject"))}
    row = of(tmp_path, details(roles=[role("ops", "no policy", **held)])).iloc[0]
    assert row["verdict"] == "partial"
    assert row["why"] == "The trust policy cannot be read."


def test_a_role_that_may_do_nothing_has_nothing_to_protect(tmp_path: Path) -> None:
    row = of(tmp_path, details(roles=[role("ops", trusting(ROOT))])).iloc[0]
    assert row["verdict"] == "nothing to protect"


def test_behind_an_open_door_lies_what_a_session_may_do(tmp_path: Path) -> None:
    own = inline("own", allow(["iam:CreateAccessKey", "s3:GetObject"]), deny_all_but("s3:*"))
    ops = role("ops", trusting(ROOT), RolePolicyList=own)
    row = of(tmp_path, details(roles=[ops])).iloc[0]
    assert row["verdict"] == "none"
    assert (row["worst"], row["bypasses"]) == (["s3:GetObject"], []), "sessions carry no MFA"


# --- the account


def company(half: dict[str, Any] = BOOL) -> dict[str, Any]:
    """Two enforced users, three with the Bool hole, one without anything, one empty, two roles."""
    policies = [
        policy("good", document(allow("s3:*"), deny_all_but())),
        policy("half", document(allow("s3:*"), deny_all_but(condition=half))),
        policy("bare", document(allow("s3:*"))),
    ]
    has = {"ana": "good", "bo": "good", "cy": "half", "di": "half", "ed": "half", "fay": "bare"}
    users = [user(name, AttachedManagedPolicies=attached(held)) for name, held in has.items()]
    roles = [
        role(
            "ops", trusting(ROOT | {"Condition": WITH_MFA}), RolePolicyList=inline("x", allow("*"))
        ),
        role("fn", trusting(LAMBDA), RolePolicyList=inline("x", allow("*"))),
    ]
    return details([*users, user("gus")], roles=roles, policies=policies)


@pytest.fixture
def mixed(tmp_path: Path) -> pd.DataFrame:
    return of(tmp_path, company())


def test_coverage_counts_those_with_something_to_protect(mixed: pd.DataFrame) -> None:
    admins = [f"{ARN}user/ana", f"{ARN}user/fay", f"{ARN}role/ops", f"{ARN}role/fn"]
    made = coverage(mixed, pd.Series(admins)).set_index("of")
    assert made.loc["users", ["part", "whole"]].tolist() == [2, 6], "gus has nothing"
    assert made.loc["users", "share"] == pytest.approx(1 / 3)
    assert made.loc["administrators", ["part", "whole"]].tolist() == [2, 3], "fn is a service's"
    assert made.loc["permissions", "share"] == pytest.approx(1 / 3)


def test_coverage_of_nobody_is_missing(mixed: pd.DataFrame) -> None:
    assert pd.isna(coverage(mixed, []).set_index("of").loc["administrators", "share"])


def test_holes_say_what_mending_a_statement_is_worth(mixed: pd.DataFrame) -> None:
    made = mfa_gaps(mixed)
    assert made[["policy_name", "verdict", "users", "would_be"]].to_numpy().tolist() == [
        ["half", "console only", 3, 5],
        ["bare", "none", 1, 3],
    ]
    assert made["who"].tolist() == [["cy", "di", "ed"], ["fay"]]


def test_a_mended_statement_is_worth_what_was_said(tmp_path: Path) -> None:
    mended = of(tmp_path, company(half=NO_MFA))
    assert (mended.query("kind == 'user'")["verdict"] == "enforced").sum() == 5


def test_an_account_without_identities_has_empty_tables(tmp_path: Path) -> None:
    none = of(tmp_path, details())
    assert (len(none), len(mfa_gaps(none))) == (0, 0)
    assert coverage(none, [])["whole"].tolist() == [0, 0, 0]


def test_rows_are_those_of_the_permissions(tmp_path: Path) -> None:
    roles = [role("zoe", trusting(ROOT)), role("abe", trusting(LAMBDA))]
    made = imported(tmp_path, details([user("mia"), user("bo")], roles=roles))
    held = effective(made)
    rows = mfa_enforcement(made, held)
    assert rows["principal_arn"].tolist() == held.principals["principal_arn"].tolist()
    with pytest.raises(SettingsError, match="mfa-inside"):
        mfa_enforcement(made, effective(made, ["stolen-key"]))


def unless(operator: str, **tags: str) -> dict[str, Any]:
    """Without MFA, and as these tags of the user are."""
    return {**NO_MFA, operator: {f"aws:PrincipalTag/{tag}": value for tag, value in tags.items()}}


MARKED = [{"Key": "mfa", "Value": "required"}]
EXEMPT = unless("StringNotEquals", **{"mfa-exempt": "yes"})
ONLY_MARKED = unless("StringEquals", mfa="required")
GIVEN = allow("s3:*", Condition={"StringEquals": {"aws:PrincipalTag/Team": "ops"}})


@pytest.mark.parametrize(
    ("statements", "tags", "bypasses"),
    [
        pytest.param(
            (allow("*"), deny_all_but("iam:TagUser", condition=EXEMPT)),
            [],
            ["iam:TagUser"],
            id="a tag that exempts",
        ),
        pytest.param(
            (allow("*"), deny_all_but("iam:UntagUser", condition=EXEMPT)),
            [],
            [],
            id="one that nobody loses by removing it",
        ),
        pytest.param(
            (allow("*"), deny_all_but("iam:TagUser", "iam:UntagUser", condition=ONLY_MARKED)),
            MARKED,
            ["iam:TagUser", "iam:UntagUser"],
            id="a tag that marks those who need MFA",
        ),
        pytest.param(
            (allow("*"), deny_all_but("iam:TagUser")), [], [], id="a denial that asks for no tag"
        ),
        pytest.param(
            (allow("*", Condition=WITH_MFA), allow("iam:TagUser"), GIVEN),
            [],
            ["iam:TagUser"],
            id="a tag that gives what MFA gives",
        ),
        pytest.param(
            (allow("ec2:*", Condition=WITH_MFA), allow("iam:TagUser"), GIVEN),
            [],
            [],
            id="a tag that gives something else",
        ),
    ],
)
def test_changing_a_tag_that_policies_ask_for_bypasses_mfa(
    statements: Any, tags: Any, bypasses: list[str], tmp_path: Path
) -> None:
    row = ana(tmp_path, *statements, Tags=tags)
    assert row["bypasses"] == bypasses
    assert row["verdict"] == ("bypassable" if bypasses else "partial")


def test_of_two_with_the_same_policies_the_one_whom_no_tag_frees_bypasses_nothing(
    tmp_path: Path,
) -> None:
    statements = (allow("*"), deny_all_but("iam:TagUser", condition=EXEMPT))
    shared = [policy("own", document(*statements))]
    exempt = [{"Key": "mfa-exempt", "Value": "yes"}]
    people = [
        user(name, Tags=tags, AttachedManagedPolicies=attached("own"))
        for name, tags in (("ana", []), ("bo", exempt))
    ]
    rows = of(tmp_path, details(people, policies=shared)).set_index("name")
    assert rows["verdict"].to_dict() == {"ana": "bypassable", "bo": "none"}


def test_what_the_verdicts_look_for_is_listed() -> None:
    listed = definitions(Settings())
    assert list(dict.fromkeys(listed["group"])) == [
        "self-service minimum",
        *BYPASSES,
        *TAG_BYPASSES,
    ]
    assert set(listed.query("group == 'self-service minimum'")["pattern"]) == set(SELF_SERVICE)


def test_the_demo_company_is_judged_as_it_was_made(demo_account: Account) -> None:
    rows = demo_account.mfa_enforcement.set_index("name")
    expected = {
        "kwame.boateng": ("console only", "RequireMFA-Support"),
        "mei.chen": ("bypassable", "RequireMFA-DataScience"),
        "hugo.bernard": ("partial", "FinanceReportsIfMFA"),
        "elena.petrova": ("enforced", "RequireMFA"),
        "ingrid.larsen": ("none", "AdminFromOffice"),
        "dmitri.volkov": ("none", "AdministratorAccess"),
        "break-glass-admin": ("enforced", "break-glass-admin"),
        "ops-deployer": ("none", "ops-deployer"),
    }
    expected |= dict.fromkeys(
        ["lena.fischer", "tomoko.sato", "ravi.kumar", "jose.garcia", "zoe.nguyen"],
        ("enforced", "RequireMFA"),
    )
    found = {name: (rows.loc[name, "verdict"], rows.loc[name, "policy_name"]) for name in expected}
    assert found == expected
    assert rows.loc["mei.chen", "bypasses"] == ["iam:CreateAccessKey", "iam:DeactivateMFADevice"]
    assert rows.loc["ingrid.larsen", "place"] == "inside only"
    assert rows.loc["web-app", "verdict"] == "not assumable by people"
    assert set(rows["verdict"]) <= set(VERDICTS)


# --- any small policies, against a slow and obvious judge


ACTIONS = ("s3:GetObject", "ec2:StopInstances", "iam:GetUser", "iam:CreateAccessKey")
# They stand for all actions that no statement names: a key's session calls all but IAM's.
OTHERS = ("iam:PutUserPolicy", "sqs:SendMessage")

conditions = st.sampled_from(
    [
        *({}, {}, NO_MFA, BOOL, WITH_MFA, {"BoolIfExists": {PRESENT: "true"}}, AWAY),
        *(NO_MFA | AWAY, {"Null": {PRESENT: "true"}}, {"Null": {PRESENT: "false"}}),
    ]
)
elements = st.one_of(
    st.fixed_dictionaries({"Action": st.lists(st.sampled_from((*ACTIONS, "*")), min_size=1)}),
    st.fixed_dictionaries({"NotAction": st.lists(st.sampled_from(ACTIONS), min_size=1)}),
)


@st.composite
def statements(draw: Any, effects: tuple[str, ...] = ("Allow", "Allow", "Deny")) -> dict[str, Any]:
    effect, condition = draw(st.sampled_from(effects)), draw(conditions)
    return {"Effect": effect, **draw(elements), "Resource": "*", "Condition": condition}


documents = st.lists(statements(), min_size=1, max_size=4)
slowly = examples(0.25)


def several(**policies: list[dict[str, Any]]) -> tuple[Account, pd.DataFrame]:
    """An account with a user for each policy, and their rows by name."""
    users = [user(name, UserPolicyList=inline("own", *found)) for name, found in policies.items()]
    with TemporaryDirectory() as folder:
        made = imported(Path(folder), details(users))
        return made, mfa_enforcement(made, made.permissions).set_index("name")


def obvious(made: Account, name: str) -> tuple[str, str, str]:
    """The verdict on a user and the states of both ways, one request at a time, with sets."""
    beyond = {*ACTIONS, *OTHERS} - set(SELF_SERVICE)

    def by(context: str) -> set[str]:
        return {action for action in beyond if made.can(name, action, context=context)}

    def does(context: str) -> set[str]:
        if "key" not in context:
            return by(context)
        session = by(context.replace("key", "password"))  # sts:GetSessionToken, closed to IAM
        return by(context) | {action for action in session if not action.startswith("iam:")}

    found = {}
    left: set[str] = set()
    for way in ("key", "password"):
        places = [(does(f"stolen-{way}"), does("mfa-outside"))]
        places += [(does(f"{way}-inside"), does("mfa-inside"))]
        open_ = set.union(*(without for without, _ in places))
        covered = any(with_mfa - without for without, with_mfa in places)
        found[way] = ("partly required" if covered else "not required") if open_ else "required"
        left |= open_
    key, password = found["key"], found["password"]
    if not left | does("mfa-outside") | does("mfa-inside"):
        verdict = "nothing to protect"
    elif "required" in (key, password):
        verdict = f"{'keys' if key == 'required' else 'console'} only"
        verdict = "enforced" if key == password else verdict
    elif key == password == "not required":
        verdict = "none"
    else:
        verdict = "bypassable" if left & {"iam:CreateAccessKey", "iam:PutUserPolicy"} else "partial"
    return verdict, key, password


@slowly
@given(documents)
def test_the_verdict_is_what_single_requests_add_up_to(document: list[dict[str, Any]]) -> None:
    made, rows = several(ana=document)
    assert states(rows.loc["ana"]) == obvious(made, "ana")


@slowly
@given(documents, statements(effects=("Deny",)), st.integers(0, 3))
def test_denying_more_or_allowing_less_opens_nothing(
    document: list[dict[str, Any]], denial: dict[str, Any], at: int
) -> None:
    allows = [each for each in document if each["Effect"] == "Allow"]
    dropped = [each for each in document if not allows or each is not allows[at % len(allows)]]
    made, rows = several(ana=document, denied=[*document, denial], less=dropped)
    for context in ("stolen-key", "key-inside", "stolen-password", "password-inside"):
        possible = made.permissions.bits("possible", context)
        assert not (possible[1:] & ~possible[0]).any(), context
    for way in ("key", "password"):
        if rows.loc["ana", way] == "required":
            assert rows[way].tolist() == ["required"] * 3
    assert rows["actions_without_mfa"].max() == rows.loc["ana", "actions_without_mfa"]


@slowly
@given(documents)
def test_awss_denial_mends_any_policy_and_one_that_may_not_apply_mends_none(
    document: list[dict[str, Any]],
) -> None:
    perhaps = deny_all_but(condition=NO_MFA | TAGGED)
    _, rows = several(
        ana=document, mended=[*document, deny_all_but()], perhaps=[*document, perhaps]
    )
    assert rows.loc["mended", "verdict"] in ("enforced", "nothing to protect")
    for way in ("key", "password"):
        closed = rows[way] == "required"
        assert closed["perhaps"] == closed["ana"], "an unknown condition closes nothing"
