"""What a caller chooses, and tags, providers and trust that it changes: paths of one account."""

from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from tests.accounts import ARN, account, details, policy, report
from tests.policies import (
    EVERYTHING,
    allow,
    bounded,
    controlled,
    deny,
    document,
    line,
    person,
    tagged,
    trusts,
    worker,
)

ASSUME, TAGS, IDENTITY = "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"
ROOT: Any = "root"
ROLES = f"{ARN}role/*"
ME = f"{ARN}user/${{aws:username}}"
ONLY = "ForAllValues:StringEquals"
CERTAIN, PERHAPS, NO = "certain", "perhaps", "no"


def made(folder: Path, *entries: Any, statements: Any = (), policies: Any = ()) -> Account:
    """An account in which ann has a key and these statements, beside these users and roles."""
    users = [person("ann", *statements), *(each for each in entries if "UserName" in each)]
    users = users[1:] if any(each["UserName"] == "ann" for each in users[1:]) else users
    roles = [each for each in entries if "RoleName" in each]
    contents = details(users, roles=roles, policies=list(policies))
    return account(folder, contents, credential_report=report(line("ann", keys=1)))


def rises(opened: Account, who: str = "ann") -> str:
    """Whether one becomes administrator: for certain, perhaps or not."""
    rows = opened.admin_paths.query("name == @who and context == 'stolen-key'")
    if rows["steps"].notna().any():
        return CERTAIN
    return PERHAPS if rows["possible_steps"].notna().any() else NO


def methods(opened: Account, who: str = "ann") -> set[str]:
    return set(opened.escalations.query("name == @who and status == 'proven'")["method"])


def asks(key: str, *values: str, operator: str = "StringEquals") -> dict[str, Any]:
    return {operator: {key: list(values) if len(values) > 1 else values[0]}}


def if_tagged(tag: str = "level", value: str = "admin", **members: Any) -> dict[str, Any]:
    """Everything, for who has a tag."""
    return allow("*", Condition=asks(f"aws:PrincipalTag/{tag}", value), **members)


def trusting(actions: Any, **members: Any) -> dict[str, Any]:
    return trusts(ROOT, **{"Action": actions, **members})


# ── Session tags ───────────────────────────────────────────────────────────────────────────────

PASSES = [allow([ASSUME, TAGS], ROLES)]
BY_NAME = trusts("user/ann", Action=[ASSUME, TAGS])
# ann's statements, the role, whether she becomes administrator.
SESSIONS: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "that the account may tag": (
        PASSES,
        worker("r", trusting([ASSUME, TAGS]), if_tagged()),
        CERTAIN,
    ),
    "that a wildcard lets tag": (PASSES, worker("r", trusting("sts:*"), if_tagged()), CERTAIN),
    "that she may not tag": (
        [allow(ASSUME, ROLES)],
        worker("r", trusting([ASSUME, TAGS]), if_tagged()),
        PERHAPS,  # others may start the role with tags: errs towards perhaps
    ),
    "whose trust lets no tags in": (PASSES, worker("r", trusting(ASSUME), if_tagged()), NO),
    "that names her": ([], worker("r", BY_NAME, if_tagged()), CERTAIN),
    "with a tag of its own, which is overridden": (
        PASSES,
        worker("r", trusting([ASSUME, TAGS]), if_tagged(), **tagged(level="none")),
        CERTAIN,
    ),
    "that denies everything unless a tag is right": (
        PASSES,
        worker(
            "r",
            trusting([ASSUME, TAGS]),
            EVERYTHING,
            deny("*", Condition=asks("aws:PrincipalTag/level", "ad*", operator="StringNotLike")),
        ),
        CERTAIN,
    ),
    "whose trust asks for another value of the tag": (
        PASSES,
        worker(
            "r",
            trusting([ASSUME, TAGS], Condition=asks("aws:RequestTag/level", "user", "guest")),
            if_tagged(),
        ),
        PERHAPS,  # others may start the role with tags: errs towards perhaps
    ),
    "whose trust asks for that value of the tag": (
        PASSES,
        worker(
            "r",
            trusting([ASSUME, TAGS], Condition=asks("aws:RequestTag/level", "user", "admin")),
            if_tagged(),
        ),
        CERTAIN,
    ),
    "that she is denied to tag so": (
        [*PASSES, deny(TAGS, Condition=asks("aws:RequestTag/level", "admin"))],
        worker("r", trusting([ASSUME, TAGS]), if_tagged()),
        PERHAPS,  # others may start the role with tags: errs towards perhaps
    ),
    "that two tags have to suit": (
        PASSES,
        worker(
            "r",
            trusting([ASSUME, TAGS]),
            allow(
                "*",
                Condition={
                    "StringEquals": {"aws:PrincipalTag/a": "1", "aws:PrincipalTag/b": "2"},
                },
            ),
        ),
        CERTAIN,
    ),
    "that gives everything for a tag to none": (
        PASSES,
        worker(
            "r", trusting([ASSUME, TAGS]), allow("s3:*", Condition=asks("aws:PrincipalTag/a", "1"))
        ),
        NO,
    ),
}


@pytest.mark.parametrize("case", SESSIONS)
def test_a_role(tmp_path: Path, case: str) -> None:
    statements, role, expected = SESSIONS[case]
    opened = made(tmp_path, role, statements=statements)
    assert rises(opened) == expected
    assert ("session-tags" in methods(opened)) is (expected == CERTAIN or "to none" in case)


@pytest.mark.parametrize(("actions", "expected"), [([ASSUME, TAGS], PERHAPS), (ASSUME, NO)])
def test_nobody_knows_the_tags_of_a_session_that_others_start(
    tmp_path: Path, actions: Any, expected: str
) -> None:
    outside = trusts("arn:aws:iam::999988887777:root", Action=actions)
    assert rises(made(tmp_path, worker("r", outside, if_tagged())), "r") == expected


# ── What the caller chooses ────────────────────────────────────────────────────────────────────

MAY = [allow([ASSUME, IDENTITY, TAGS], ROLES)]
# ann's statements, the administrator's trust policy, whether she becomes it.
CHOSEN: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "a session name": (
        MAY,
        trusting(ASSUME, Condition=asks("sts:RoleSessionName", "deploy")),
        CERTAIN,
    ),
    "a pattern of session names": (
        MAY,
        trusting(ASSUME, Condition=asks("sts:RoleSessionName", "ci-*", operator="StringLike")),
        CERTAIN,
    ),
    "her own name": (
        MAY,
        trusting(ASSUME, Condition=asks("sts:RoleSessionName", "${aws:username}")),
        CERTAIN,
    ),
    "a name that her policy forbids": (
        [*MAY, deny(ASSUME, Condition=asks("sts:RoleSessionName", "deploy"))],
        trusting(ASSUME, Condition=asks("sts:RoleSessionName", "deploy")),
        NO,
    ),
    "two names at once": (
        [allow(ASSUME, ROLES, Condition=asks("sts:RoleSessionName", "ann"))],
        trusting(ASSUME, Condition=asks("sts:RoleSessionName", "deploy")),
        NO,
    ),
    "a source identity": (
        MAY,
        trusting([ASSUME, IDENTITY], Condition=asks("sts:SourceIdentity", "boss")),
        CERTAIN,
    ),
    "a source identity that she may not set": (
        [allow(ASSUME, ROLES)],
        trusting([ASSUME, IDENTITY], Condition=asks("sts:SourceIdentity", "boss")),
        NO,
    ),
    "a source identity that the trust lets nobody set": (
        MAY,
        trusting(ASSUME, Condition=asks("sts:SourceIdentity", "boss")),
        NO,
    ),
    "a request tag": (
        MAY,
        trusting([ASSUME, TAGS], Condition=asks("aws:RequestTag/project", "x")),
        CERTAIN,
    ),
    "a request tag that she may not pass": (
        [allow(ASSUME, ROLES)],
        trusting([ASSUME, TAGS], Condition=asks("aws:RequestTag/project", "x")),
        NO,
    ),
    "a user agent": (MAY, trusting(ASSUME, Condition=asks("aws:UserAgent", "console")), CERTAIN),
    "a Region": (
        MAY,
        trusting(ASSUME, Condition=asks("aws:RequestedRegion", "eu-west-1")),
        CERTAIN,
    ),
    "an external id, which is a secret": (
        MAY,
        trusting(ASSUME, Condition=asks("sts:ExternalId", "8f3a")),
        PERHAPS,
    ),
    "the organization, which nobody knows here": (
        MAY,
        trusting(ASSUME, Condition=asks("aws:PrincipalOrgID", "o-1")),
        PERHAPS,
    ),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_a_trust_policy_that_asks_for(tmp_path: Path, case: str) -> None:
    statements, trust, expected = CHOSEN[case]
    assert (
        rises(made(tmp_path, worker("adm", trust, EVERYTHING), statements=statements)) == expected
    )


def unless(*regions: str) -> dict[str, Any]:
    return deny("*", Condition=asks("aws:RequestedRegion", *regions, operator="StringNotEquals"))


# Statements, and what ann is by them.
ADMINISTRATORS: dict[str, tuple[list[Any], bool]] = {
    "in Regions with IAM's": ([EVERYTHING, unless("eu-west-1", "us-east-1")], True),
    "in one Region without IAM": ([EVERYTHING, unless("eu-west-1")], False),
    "where the Region is allowed": (
        [allow("*", Condition=asks("aws:RequestedRegion", "us-*", operator="StringLike"))],
        True,
    ),
    "by one call to IAM": (
        [allow("iam:PutUserPolicy", ME, Condition=asks("aws:RequestedRegion", "us-east-1"))],
        True,
    ),
    "by one call to IAM from where it is not": (
        [allow("iam:PutUserPolicy", ME, Condition=asks("aws:RequestedRegion", "eu-west-1"))],
        False,
    ),
    "with a user agent": ([allow("*", Condition=asks("aws:UserAgent", "ops"))], True),
    "on the account's own resources": (
        [
            EVERYTHING,
            deny(
                "*", Condition=asks("aws:ResourceAccount", ARN[13:25], operator="StringNotEquals")
            ),
        ],
        True,
    ),
    "on another account's resources": (
        [allow("*", Condition=asks("aws:ResourceAccount", "999988887777"))],
        False,
    ),
    "with a tag that most calls do not have": (
        [allow("*", Condition=asks("aws:RequestTag/team", "ops"))],
        False,
    ),
    "with a session name, which most calls do not have": (
        [allow("*", Condition=asks("sts:RoleSessionName", "ops"))],
        False,
    ),
    "with a key that nobody chooses": (
        [allow("*", Condition=asks("ec2:InstanceType", "t3.nano"))],
        False,
    ),
}


@pytest.mark.parametrize("case", ADMINISTRATORS)
def test_an_administrator(tmp_path: Path, case: str) -> None:
    statements, expected = ADMINISTRATORS[case]
    opened = made(tmp_path, statements=statements)
    assert ("ann" in set(opened.administrators["name"])) is expected


@pytest.mark.parametrize(("organization", "expected"), [("o-1", True), ("o-2", False)])
def test_the_organization_comes_from_the_evidence(
    tmp_path: Path, organization: str, expected: bool
) -> None:
    written = allow("*", Condition=asks("aws:PrincipalOrgID", organization))
    other = deny("*", Condition=asks("aws:ResourceOrgID", organization, operator="StringNotEquals"))
    contents = details([person("ann", written), person("bob", EVERYTHING, other)])
    answer = {"Organization": {"Id": "o-1", "MasterAccountId": "999999999999"}}
    opened = account(
        tmp_path, contents, credential_report=report(line("ann", keys=1)), organization=answer
    )
    assert set(opened.administrators["name"]) == ({"ann", "bob"} if expected else set())


# ── Tags that are changed ──────────────────────────────────────────────────────────────────────

SELF = allow("iam:TagUser", ME)
UNTAGGED = asks("aws:PrincipalTag/limited", "true", operator="Null")
TAGGED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "a tag": ([SELF, if_tagged()], {}, CERTAIN),
    "a tag in the place of another": ([SELF, if_tagged()], tagged(level="user"), CERTAIN),
    "a tag that a denial asks for": (
        [SELF, EVERYTHING, deny("s3:*", Condition=UNTAGGED), deny("iam:P*", Condition=UNTAGGED)],
        {},
        CERTAIN,
    ),
    "a tag that it may not choose": (
        [allow("iam:TagUser", ME, Condition=asks("aws:RequestTag/level", "user")), if_tagged()],
        {},
        NO,
    ),
    "a tag of another key only": (
        [
            allow("iam:TagUser", ME, Condition=asks("aws:TagKeys", "team", operator=ONLY)),
            if_tagged(),
        ],
        {},
        NO,
    ),
    "a tag of others only": ([allow("iam:TagUser", f"{ARN}user/bob"), if_tagged()], {}, NO),
    "a tag, by which it writes its own policy": (
        [
            SELF,
            allow("iam:PutUserPolicy", ME, Condition=asks("aws:PrincipalTag/level", "admin")),
        ],
        {},
        CERTAIN,
    ),
    "no tag but none any more": (
        [
            allow("iam:UntagUser", ME),
            EVERYTHING,
            deny(["s3:*", "iam:Put*", "iam:Create*", "iam:Att*", "iam:Add*", "iam:Upd*", "sts:*"],
                 Condition=asks("aws:PrincipalTag/limited", "true")),
        ],
        tagged(limited="true"),
        CERTAIN,
    ),
    "a tag that it cannot remove": (
        [if_tagged(), allow("s3:*")],
        tagged(level="user"),
        NO,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAGGED)
def test_a_user_gives_itself(tmp_path: Path, case: str) -> None:
    statements, members, expected = TAGGED[case]
    opened = made(tmp_path, person("ann", *statements, **members))
    assert rises(opened) == expected
    assert bool(methods(opened) & {"tag-own-user", "untag-own-user"}) is (expected == CERTAIN)


def test_a_tag_opens_a_role(tmp_path: Path) -> None:
    trust = trusting(ASSUME, Condition=asks("aws:PrincipalTag/team", "ops"))
    role = worker("adm", trust, EVERYTHING)
    assert rises(made(tmp_path, role, statements=[SELF, allow(ASSUME, ROLES)])) == CERTAIN


def test_without_the_tag_call_the_role_stays_shut(tmp_path: Path) -> None:
    trust = trusting(ASSUME, Condition=asks("aws:PrincipalTag/team", "ops"))
    opened = made(tmp_path, worker("adm", trust, EVERYTHING), statements=[allow(ASSUME, ROLES)])
    assert rises(opened) == NO


def test_who_may_tag_itself_and_gains_nothing_by_it_has_no_path(tmp_path: Path) -> None:
    opened = made(tmp_path, statements=[SELF, allow("s3:*")])
    assert methods(opened) == set()
    assert opened.escalations.query("method == 'tag-own-user'").empty


@pytest.mark.parametrize("trust", [trusting(ASSUME), trusts("user/ann")], ids=["account", "name"])
@pytest.mark.parametrize("value", ["admin", "user"])
def test_a_role_is_tagged_and_assumed(tmp_path: Path, trust: Any, value: str) -> None:
    wanted = asks("aws:RequestTag/level", value)
    may = [allow("iam:TagRole", ROLES, Condition=wanted), allow(ASSUME, ROLES)]
    opened = made(tmp_path, worker("r", trust, if_tagged()), statements=may)
    assert rises(opened) == (CERTAIN if value == "admin" else NO)


def test_a_role_loses_the_tag_that_limits_it(tmp_path: Path) -> None:
    limit = deny(["iam:*", "s3:*"], Condition=asks("aws:PrincipalTag/limited", "true"))
    role = worker("r", trusting(ASSUME), EVERYTHING, limit, **tagged(limited="true"))
    may = [allow(ASSUME, ROLES)]
    assert rises(made(tmp_path, role, statements=[*may, allow("iam:UntagRole")])) == CERTAIN


def test_a_control_policy_that_asks_for_a_tag_is_met_by_it(tmp_path: Path) -> None:
    contents = details([person("ann", SELF, EVERYTHING)])
    opened = account(tmp_path, contents, credential_report=report(line("ann", keys=1)))
    others = asks("aws:PrincipalTag/level", "admin", operator="StringNotEquals")
    denied = {"Effect": "Deny", "NotAction": "iam:TagUser", "Resource": "*", "Condition": others}
    assert rises(controlled(opened, document(EVERYTHING, denied))) == CERTAIN


# ── Providers ──────────────────────────────────────────────────────────────────────────────────

PROVIDER = f"{ARN}saml-provider/x"
AUD = asks("SAML:aud", "https://signin.aws.amazon.com/saml")


def saml(**members: Any) -> dict[str, Any]:
    who = {"Federated": PROVIDER}
    given = {"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRoleWithSAML", **members}
    return worker("viasaml", document(given), EVERYTHING)


SAML: dict[str, tuple[Any, dict[str, Any], bool]] = {
    "of any audience": ("*", saml(), True),
    "of AWS's audience": (PROVIDER, saml(Condition=AUD), True),
    "with attributes, which the signer writes": (
        "*",
        saml(Condition={"StringEquals": {**AUD["StringEquals"], "SAML:sub": "boss"}}),
        True,
    ),
    "which it may not change": (f"{ARN}saml-provider/y", saml(Condition=AUD), False),
    "whose role only services enter": (
        "*",
        worker("r", trusts("ec2.amazonaws.com"), EVERYTHING),
        False,
    ),
    "which only MFA enters": (
        "*",
        saml(Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
        False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SAML)
def test_a_saml_provider(tmp_path: Path, case: str) -> None:
    resources, role, expected = SAML[case]
    opened = made(tmp_path, role, statements=[allow("iam:UpdateSAMLProvider", resources)])
    assert ("update-saml-provider" in methods(opened)) is expected
    assert (rises(opened) == CERTAIN) is expected


def test_a_saml_provider_serves_only_the_place_that_its_role_admits(tmp_path: Path) -> None:
    office = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    opened = made(
        tmp_path, saml(Condition=office), statements=[allow("iam:UpdateSAMLProvider", "*")]
    )
    paths = opened.graph.available.paths
    ann = f"{ARN}user/ann"
    assert not paths(ann, "stolen-key")
    assert [path.method.id for path in paths(ann, "key-inside")] == ["update-saml-provider"]


@pytest.mark.parametrize(
    ("action", "method"),
    [
        ("iam:UpdateOpenIDConnectProviderThumbprint", "openid-thumbprint"),
        ("iam:AddClientIDToOpenIDConnectProvider", "openid-client"),
        ("rolesanywhere:UpdateTrustAnchor", "rolesanywhere-anchor"),
        (["eks:CreateAccessEntry", "eks:AssociateAccessPolicy"], "eks-access-entry"),
        ("eks:AssociateAccessPolicy", "eks-access-policy"),
        (["eks:CreatePodIdentityAssociation", "iam:PassRole"], "eks-pod-identity"),
    ],
)
def test_what_the_evidence_does_not_show_needs_a_target(
    tmp_path: Path, action: Any, method: str
) -> None:
    opened = made(tmp_path, statements=[allow(action)])
    rows = opened.escalations.query("method == @method")
    assert rows["status"].tolist() == ["needs a target"]


def test_certificates_of_ones_own_are_trusted_with_a_passed_role(tmp_path: Path) -> None:
    calls = ["iam:PassRole", "rolesanywhere:CreateTrustAnchor", "rolesanywhere:CreateProfile"]
    service = trusts("rolesanywhere.amazonaws.com", Action=[ASSUME, TAGS, IDENTITY])
    role = worker("adm", service, EVERYTHING)
    assert rises(made(tmp_path, role, statements=[allow(calls)])) == CERTAIN


# ── Boundaries ─────────────────────────────────────────────────────────────────────────────────

LIMITS: dict[str, Any] = {
    "leaves it out": (allow("s3:*"), CERTAIN),
    "denies it": (deny(ASSUME), NO),
    "denies others": (deny(ASSUME, f"{ARN}role/other"), CERTAIN),
}


def under(limit: Any, trust: Any, *statements: Any) -> list[Any]:
    """Ann under a boundary, with a role that is administrator."""
    ann = person("ann", *statements, **bounded("limit"))
    return [ann, worker("adm", trust, EVERYTHING)]


@pytest.mark.parametrize("case", LIMITS)
def test_a_trust_policy_names_a_user_whose_boundary(tmp_path: Path, case: str) -> None:
    limit, expected = LIMITS[case]
    entries = under(limit, trusts("user/ann"))
    written = [policy("limit", document(allow("s3:*"), limit))]
    assert rises(made(tmp_path, *entries, policies=written)) == expected


def test_a_boundary_limits_what_a_trust_policy_grants_to_the_account(tmp_path: Path) -> None:
    entries = under(None, trusting(ASSUME), allow(ASSUME))
    opened = made(tmp_path, *entries, policies=[policy("limit", document(allow("s3:*")))])
    assert rises(opened) == NO


def test_a_boundary_limits_what_a_trust_policy_grants_to_a_role(tmp_path: Path) -> None:
    job = worker("job", trusts("user/ann"), **bounded("limit"))
    target = worker("adm", trusts("role/job"), EVERYTHING)
    opened = made(tmp_path, job, target, policies=[policy("limit", document(allow("s3:*")))])
    assert rises(opened, "job") == NO


def test_a_control_policy_limits_what_a_trust_policy_grants(tmp_path: Path) -> None:
    opened = made(tmp_path, worker("adm", trusts("user/ann"), EVERYTHING))
    assert rises(opened) == CERTAIN
    assert rises(controlled(opened, document(allow("s3:*")))) == NO


def test_a_user_under_a_boundary_rewrites_a_trust_policy(tmp_path: Path) -> None:
    change = "iam:UpdateAssumeRolePolicy"
    entries = under(None, trusts("ec2.amazonaws.com"), allow(change))
    opened = made(tmp_path, *entries, policies=[policy("limit", document(allow(change)))])
    assert rises(opened) == CERTAIN


# ── Tags of others ─────────────────────────────────────────────────────────────────────────────

OPS = asks("aws:ResourceTag/team", "ops")


@pytest.mark.parametrize(
    ("may", "expected"),
    [
        ([allow("iam:TagUser")], CERTAIN),
        ([allow("iam:TagUser", ME)], NO),
        ([allow("iam:TagUser", Condition=asks("aws:RequestTag/team", "web"))], NO),
        ([allow("iam:TagUser", Condition=asks("aws:RequestTag/team", "ops"))], CERTAIN),
        ([], NO),
    ],
)
def test_another_user_is_given_the_tag_that_a_condition_asks_for(
    tmp_path: Path, may: list[Any], expected: str
) -> None:
    may = [*may, allow("iam:CreateAccessKey", Condition=OPS)]
    boss = person("boss", EVERYTHING)
    contents = details([person("ann", *may), boss])
    lines = report(line("ann", keys=1), line("boss", keys=0))
    opened = account(tmp_path, contents, credential_report=lines)
    assert rises(opened) == expected
    assert ("retag-user" in methods(opened)) is (expected == CERTAIN)


@pytest.mark.parametrize("tag", ["ops", "web"])
def test_a_role_is_given_the_tag_that_a_condition_asks_for(tmp_path: Path, tag: str) -> None:
    may = [allow("iam:TagRole", Condition=asks("aws:RequestTag/team", tag))]
    may += [allow(ASSUME, ROLES, Condition=asks("iam:ResourceTag/team", "ops"))]
    opened = made(tmp_path, worker("adm", trusting(ASSUME), EVERYTHING), statements=may)
    assert rises(opened) == (CERTAIN if tag == "ops" else NO)


def test_tagging_is_no_path_where_the_role_is_open_without(tmp_path: Path) -> None:
    may = [allow("iam:TagRole"), allow(ASSUME, ROLES)]
    opened = made(tmp_path, worker("adm", trusting(ASSUME), EVERYTHING), statements=may)
    assert "retag-role" not in methods(opened)
