"""Who can make a request: the same as asking for each one by itself, and never fewer."""

import random
import re
from pathlib import Path

import pandas as pd
import pytest

from iamkit import Account
from iamkit.access import DEFAULT_CONTEXTS
from iamkit.errors import SettingsError
from tests.accounts import ARN, account, policy, role, user

BUCKET = "arn:aws:s3:::reports"
KEY = f"{BUCKET}/q1.csv"
TRUST = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
         "Principal": {"Service": "ec2.amazonaws.com"}}}  # fmt: skip


def inline(*statements: dict, kind: str = "User") -> dict:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return {f"{kind}PolicyList": [{"PolicyName": "own", "PolicyDocument": document}]}


def allow(action: str, resource: object = "*", **more: object) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return account(
        tmp_path_factory.mktemp("people"),
        {
            "UserDetailList": [
                user("all", **inline(allow("s3:*"))),
                user("one", **inline(allow("s3:GetObject", f"{BUCKET}/*"))),
                user("other", **inline(allow("s3:GetObject", "arn:aws:s3:::else/*"))),
                user("own", **inline(allow("s3:GetObject", f"{BUCKET}/${{aws:username}}/*"))),
                user("denied", **inline(allow("s3:*"), allow("s3:Get*") | {"Effect": "Deny"})),
                user(
                    "mfa",
                    **inline(
                        allow(
                            "s3:GetObject",
                            Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}},
                        )
                    ),
                ),
                user(
                    "tagged",
                    **inline(
                        allow(
                            "s3:GetObject",
                            Condition={"StringEquals": {"aws:ResourceTag/team": "a"}},
                        )
                    ),
                ),
                user("nobody"),
            ],
            "RoleDetailList": [
                role("reader", TRUST, **inline(allow("s3:GetObject", KEY), kind="Role")),
                role("target", TRUST),
            ],
            "Policies": [
                policy("unused", {"Version": "2012-10-17", "Statement": [allow("s3:GetObject")]})
            ],
        },
    )


def extents(answer: pd.DataFrame) -> dict[str, str]:
    return dict(zip(answer["name"], answer["extent"], strict=True))


def test_of_a_resource_those_are_named_whose_request_is_allowed(people: Account) -> None:
    found = extents(people.who_can("s3:GetObject", KEY))
    assert found == {
        "<root_account>": "allowed",
        "all": "allowed",
        "one": "allowed",
        "reader": "allowed",
        "mfa": "allowed",
        "tagged": "possibly allowed",
    }


def test_of_anything_those_count_who_can_on_some_resource(people: Account) -> None:
    found = extents(people.who_can("s3:GetObject"))
    assert found["one"] == found["other"] == found["own"] == "allowed on some resource"
    assert found["reader"] == "allowed on some resource"
    assert found["all"] == found["mfa"] == "allowed"
    assert found["tagged"] == "possibly allowed"
    assert {"denied", "nobody", "target"}.isdisjoint(found)


def test_only_in_the_context_that_is_asked_for(people: Account) -> None:
    assert "mfa" not in extents(people.who_can("s3:GetObject", KEY, "stolen-key"))
    assert "mfa" not in extents(people.who_can("s3:GetObject", context="stolen-key"))
    [row] = people.who_can("s3:GetObject", KEY).query("name == 'mfa'").itertuples()
    assert row.contexts == ["mfa-outside", "mfa-inside"]
    assert "statement 1 of own" in row.because


def test_it_agrees_with_asking_for_each_one(people: Account) -> None:
    draws = random.Random(3)
    actions = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "iam:PassRole", "s3:getobject"]
    for _ in range(12):
        action = draws.choice(actions)
        resource = draws.choice(
            [KEY, f"{BUCKET}/own/x", "arn:aws:s3:::else/y", f"{ARN}role/reader"]
        )
        context = draws.choice(DEFAULT_CONTEXTS)
        found = extents(people.who_can(action, resource, context))
        for name in people.principals.query("kind != 'group'")["name"]:
            decision = people.can(name, action, resource, context)
            expected = "allowed" if decision else "possibly allowed" if decision.possible else None
            assert found.get(name) == expected, (name, action, resource, context)


def test_a_user_whose_policies_are_not_shown_possibly_can(tmp_path: Path) -> None:
    from tests.results.months import line

    given = account(
        tmp_path,
        {"UserDetailList": [user("ann")]},
        credential_report="\n".join([_report(), line("ann"), line("unseen")]),
    )
    for resource in ("*", KEY):
        assert extents(given.who_can("s3:GetObject", resource))["unseen"] == "possibly allowed"


def _report() -> str:
    from tests.accounts import report

    return report()


def test_who_can_pass_a_role_and_which_policies_grant_an_action(people: Account) -> None:
    assert extents(people.who_can_pass("target")) == {"<root_account>": "allowed"}
    granting = people.granting("s3:GetObject")
    assert "unused" in set(granting["policy_name"]), "in use or not"
    assert "denied" in [name for names in granting["holders"] for name in names]
    [row] = granting.query("policy_name == 'unused'").itertuples()
    assert (row.statement, row.resources, row.holders) == ("statement 1", ["*"], [])


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (lambda of: of.who_can("s3:GetObjekt"), "did you mean s3:GetObject"),
        (lambda of: of.who_can("s3:GetObject", "reports"), "did you mean arn:aws:s3:::reports"),
        (lambda of: of.who_can("s3:GetObject", context="stolen"), "there is no context 'stolen'"),
        (lambda of: of.who_can_pass("targt"), "no role has the name 'targt'; did you mean target?"),
        (lambda of: of.granting("s3:GetObjekt"), "did you mean s3:GetObject"),
        (lambda of: of.identity("nobodyy"), "did you mean nobody?"),
        (lambda of: of.describe("identites"), "did you mean identities?"),
    ],
)
def test_a_misspelt_question_is_never_an_empty_answer(
    people: Account, question: object, said: str
) -> None:
    with pytest.raises(SettingsError, match=r".") as caught:
        question(people)
    assert said in str(caught.value)


def test_everything_about_one_identity_is_there(people: Account, demo_account: Account) -> None:
    facts = people.identity("reader").set_index("fact")["value"]
    assert facts["ARN"] == f"{ARN}role/reader"
    assert facts["inline policy"] == "own"
    assert facts["service"].startswith("ec2.amazonaws.com")
    for name in demo_account.identities["name"].head(12):
        shown = demo_account.identity(name)
        assert not shown["value"].eq("").any()
        findings = demo_account.audit.findings.query("name == @name and status == 'fail'")
        assert len(shown.query("about == 'findings'")) >= len(findings)


def test_answers_show_their_texts_whole_and_harmless(people: Account) -> None:
    answer = people.why("one", "s3:GetObject", KEY)
    assert answer["why"].str.len().max() > 60
    for text in (repr(answer), answer._repr_html_()):
        assert "…" not in text
        assert "..." not in text
        assert "statement 1 of own" in " ".join(text.split())
    hostile = answer.assign(why="<script>alert(1)</script>")
    assert "<script>" not in hostile._repr_html_()
    assert len(repr(people.describe()).splitlines()) < 2 * len(people.describe())


def test_an_account_shows_on_a_screen_what_can_be_asked_of_it(people: Account) -> None:
    shown = repr(people)
    assert len(shown.splitlines()) <= 24
    assert max(map(len, shown.splitlines())) <= 120
    for name in re.findall(r"account\.(\w+)", shown):
        assert hasattr(people, name), name
    assert "who_can" in people._repr_html_()
