"""The known methods to gain permissions as they are read, and their prerequisites in words."""

import re

import pytest

from iamkit.escalation.callers import KIND
from iamkit.escalation.targets import NOT_IN_EVIDENCE
from iamkit.reference.escalation_methods import (
    NEEDS_NO_RESOURCE,
    EscalationMethod,
    attack_techniques,
    attack_version,
    escalation_methods,
    taken_as_given,
)
from iamkit.reference.files import read_data

DATA = read_data("escalation.yaml")
METHODS = escalation_methods()


def test_each_entry_is_read_as_it_is_written() -> None:
    assert list(METHODS) == [entry["id"] for entry in DATA["methods"]]
    for entry, method in zip(DATA["methods"], METHODS.values(), strict=True):
        for name in ("id", "name", "category", "reach", "target", "caller", "gains", "trust"):
            assert getattr(method, name) == entry[name]
        assert (method.services, method.prerequisites) == (
            entry["services"],
            entry["prerequisites"],
        )
        written = [(each["action"], each["resource"]) for each in entry["permissions"]]
        assert list(method.permissions.items()) == written
        assert method.resources == {on for _, on in written}


WANTING = {
    "an own resource": ("iam-010", "a group that the caller is in"),
    "a target that may do more": ("iam-012", "a role that has more permissions than the caller"),
    "a target that is given everything": ("iam-019", "a role"),
    "a target that the caller may enter": ("iam-014", "a role that the caller may assume"),
    "a target that names the caller": (
        "put-into-trusting-role",
        "a role whose trust policy names the caller",
    ),
    "both, in one sentence": (
        "sts-001",
        "a role that the caller may assume and that has more permissions than the caller",
    ),
    "the service that a role trusts, and what else it needs": (
        "ec2-001",
        "a role that trusts ec2.amazonaws.com and that has more permissions than the caller; "
        "an instance profile has the role",
    ),
    "either of two services": (
        "datapipeline-001",
        "a role that trusts datapipeline.amazonaws.com or elasticmapreduce.amazonaws.com "
        "and that has more permissions than the caller",
    ),
    "whom the role trusts, where a need says it": (
        "cloudformation-003",
        "a role that has more permissions than the caller; "
        "a role that trusts CloudFormation may assume the execution role",
    ),
    "the user once": (
        "iam-004",
        "a user that has more permissions than the caller; it has no console password; "
        "it has no MFA device, or the caller may deactivate it",
    ),
    "what has the role, with its article": (
        "ec2instanceconnect-003",
        "an instance that has a role; it is running; "
        "it accepts EC2 Instance Connect, and the network allows SSH",
    ),
    "where the policy is that denies": (
        "delete-role-policy",
        "the caller's role; one of its inline policies denies something that another policy allows",
    ),
    "of a group, it says so already": (
        "delete-group-policy",
        "a group that the caller is in; "
        "one of its inline policies denies something that another policy allows",
    ),
    "the caller's boundary once": (
        "rewrite-own-boundary",
        "the customer policy that is the caller's permissions boundary",
    ),
    "the caller's boundary": ("iam-022", "the caller has a permissions boundary"),
    "a target of another account, which the need says": (
        "assume-root",
        "the account is the management account, or IAM's delegated administrator, "
        "and root sessions are enabled",
    ),
    "nothing but what a boundary takes away": (
        "iam-007",
        "no permissions boundary, or one that allows more",
    ),
    "nothing that is given": (
        "apprunner-001",
        "a role that trusts tasks.apprunner.amazonaws.com "
        "and that has more permissions than the caller",
    ),
}


@pytest.mark.parametrize("case", WANTING)
def test_a_way_says_what_it_wants(case: str) -> None:
    name, expected = WANTING[case]
    assert METHODS[name].prerequisite_text == expected


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_prerequisite_reads_well(method: EscalationMethod) -> None:
    parts = method.prerequisite_text.split("; ")
    assert all(parts), "something is wanted, and nothing is empty"
    assert len(parts) == len(set(parts)), "nothing is said twice"
    nouns = re.findall(r"\bthe (?:user|project|function|instance)\b", method.prerequisite_text)
    assert len(nouns) == len(set(nouns)), "the same thing is named once"
    assert not re.search(r"\ba [aeio]|\ban [^aeioAE]| {2}| $|\.$", method.prerequisite_text), (
        "English"
    )
    assert " has more permissions than the caller and " not in method.prerequisite_text
    assert all(
        DATA["prerequisites"][each]["means"] not in method.prerequisite_text
        for each in taken_as_given()
    )


def test_what_is_there_already_is_what_the_caller_does_not_make() -> None:
    method = METHODS["lambda-001"]
    assert method.actions_on_existing == ["iam:PassRole"]
    assert {on for method in METHODS.values() for on in method.resources} >= NEEDS_NO_RESOURCE


# ── The techniques of MITRE ATT&CK ─────────────────────────────────────────────────────────────


def test_every_technique_that_a_method_names_is_described_and_none_besides() -> None:
    named = [each for method in METHODS.values() for each in method.techniques]
    assert set(named) == set(attack_techniques())
    assert re.fullmatch(r"\d+\.\d", attack_version())
    assert all(len(set(method.techniques)) == len(method.techniques) for method in METHODS.values())


# Calls that ATT&CK's own descriptions name as examples, and the techniques that they describe.
DESCRIBED = {
    "T1098.001": {"iam:CreateAccessKey", "iam:CreateLoginProfile"},
    "T1098.003": {"iam:CreatePolicyVersion", "iam:AttachUserPolicy"},
    "T1548.005": {"iam:PassRole"},
}


@pytest.mark.parametrize("technique", DESCRIBED)
def test_calls_that_attack_names_are_the_techniques_that_it_describes(technique: str) -> None:
    for method in METHODS.values():
        # Where a limit is rewritten, no permission is added to an identity.
        if method.category != "remove a limit" and DESCRIBED[technique] & set(method.permissions):
            assert technique in method.techniques, method.id


@pytest.mark.parametrize(
    ("method", "techniques"),
    [
        ("iam-012", ["T1098.003", "T1548.005"]),
        ("lambda-001", ["T1548.005", "T1648"]),
        ("register-own-mfa", ["T1098.005"]),
        ("make-user-put", ["T1136.003", "T1098.003", "T1098.001"]),
        ("update-saml-provider", ["T1484.002", "T1606.002"]),
        ("ssm-002", ["T1651", "T1552.005"]),
    ],
)
def test_techniques_come_in_the_order_of_the_calls(method: str, techniques: list[str]) -> None:
    assert METHODS[method].techniques == techniques


# ── Every word of the data is known to the code ────────────────────────────────────────────────


def test_every_resource_is_looked_for_or_nowhere_in_the_evidence() -> None:
    assert set(DATA["resources"]) == set(KIND) | NOT_IN_EVIDENCE
    assert not set(KIND) & NOT_IN_EVIDENCE
    own = {name for name in DATA["resources"] if name.startswith("own ")}
    assert own == {name for name in KIND if name.startswith("own ")}
