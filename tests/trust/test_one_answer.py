"""MFA, trust and escalation, asked about the same random trust policies: never two answers."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.escalation.allowed_resources import AllowedResources
from iamkit.policy import KEY, PASSWORD, PROTECTED, UNKNOWN, Pattern, RequestContext, conditions
from iamkit.trust import AssumableRoles
from tests.accounts import ACCOUNT, ARN, account, details
from tests.examples import examples
from tests.policies import allow, person, worker

VENDOR = "999988887777"
ROOT = f"{ARN}root"
ANN, BOB, APP = f"{ARN}user/ann", f"{ARN}user/bob", f"{ARN}role/app"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/at-work"
ASSUME = "sts:assumerole"
PRESENT = "aws:MultiFactorAuthPresent"
WAYS = {"key": KEY, "password": PASSWORD, "mfa": PROTECTED}

aws_names = st.sampled_from(
    [ACCOUNT, ROOT, ANN, BOB, APP, SESSION, VENDOR, f"arn:aws:iam::{VENDOR}:root"]
)
named = st.one_of(
    st.just("*"),
    st.just({"AWS": "*"}),
    st.lists(aws_names, min_size=1, max_size=3, unique=True).map(lambda names: {"AWS": names}),
    st.just({"Service": "ec2.amazonaws.com"}),
    aws_names.map(lambda name: {"AWS": name, "Service": "ec2.amazonaws.com"}),
)
action = st.sampled_from(
    [
        {"Action": "sts:AssumeRole"},
        {"Action": "sts:*"},
        {"Action": ["sts:TagSession", "sts:AssumeRole"]},
        {"Action": "sts:TagSession"},
        {"Action": "sts:AssumeRoleWithSAML"},
        {"NotAction": "sts:TagSession"},
        {"NotAction": ["sts:AssumeRole"]},
    ]
)
condition = st.sampled_from(
    [
        {},
        {"Bool": {PRESENT: "true"}},
        {"Bool": {PRESENT: "false"}},
        {"BoolIfExists": {PRESENT: "true"}},
        {"BoolIfExists": {PRESENT: "false"}},
        {"Null": {PRESENT: "true"}},
        {"Null": {PRESENT: "false"}},
        {"NumericGreaterThan": {"aws:MultiFactorAuthAge": "3600"}},
        {"StringEquals": {"sts:ExternalId": "7f1c"}},
        {"StringEquals": {PRESENT: "${" + PRESENT + "}"}},
        {"StringEquals": {"sts:ExternalId": "7f1c"}, "Bool": {PRESENT: "true"}},
        {"StringEqual": {"no:operator": "x"}},
    ]
)


ASSUMING = {"Action": "sts:AssumeRole"}


@st.composite
def statements(draw: st.DrawFn, effects: tuple[str, ...] = ("Allow", "Deny")) -> dict[str, Any]:
    """A statement; half of them have the ordinary action, a third no condition."""
    whom = draw(st.sampled_from(["Principal", "Principal", "NotPrincipal"]))
    made = {
        "Effect": draw(st.sampled_from(effects)),
        whom: draw(named),
        **draw(st.one_of(st.just(ASSUMING), action)),
    }
    asked = draw(st.one_of(st.just({}), condition, condition))
    return made | ({"Condition": asked} if asked else {})


# An Allow, a Deny, and up to two more, in any order.
policies = st.builds(
    lambda version, first, denial, further: {
        "Version": version,
        "Statement": [*further[:1], first, denial, *further[1:]],
    },
    st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"]),
    statements(effects=("Allow",)),
    statements(effects=("Deny",)),
    st.lists(statements(), max_size=2),
)


def opened(folder: Path, *found: dict[str, Any]) -> Account:
    """Users and a role that may assume roles, and a role for each trust policy."""
    assumes = allow("sts:AssumeRole")
    service = {"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    own = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **service}]}
    roles = [worker(f"r{at}", each, allow("s3:GetObject")) for at, each in enumerate(found)]
    people = [person("ann", assumes), person("bob", assumes)]
    return account(folder, details(people, roles=[worker("app", own, assumes), *roles]))


# ── The obvious answer: each statement, for one caller ───────────────────────────────────────────


def about_assuming(statement: dict[str, Any]) -> bool:
    patterns = statement.get("Action", statement.get("NotAction"))
    texts = patterns if isinstance(patterns, list) else [patterns]
    hit = any(Pattern(text.lower()).matches(ASSUME) for text in texts)
    return hit if "Action" in statement else not hit


def aws(whom: Any) -> list[str]:
    """The AWS principals that a Principal or NotPrincipal names."""
    names = ["*"] if whom == "*" else whom.get("AWS", [])
    return names if isinstance(names, list) else [names]


def concerns(statement: dict[str, Any], arn: str, account_id: str) -> bool | None:
    """Whether a statement is about a caller; None where NotPrincipal leaves that in doubt."""
    mine = {arn, account_id, f"arn:aws:iam::{account_id}:root", "*"}
    if "Principal" in statement:
        return not mine.isdisjoint(aws(statement["Principal"]))
    names = aws(statement["NotPrincipal"])
    if statement["Effect"] == "Allow":
        return True  # the kit reads it as one for anyone
    if "*" in names:
        return False
    near = [name for name in names if name in mine or f":{account_id}:" in name]
    whole = [name for name in near if name == account_id or name.endswith(":root")]
    if arn in near and whole and ":user/" in arn:
        return False
    return None if near else True


def obvious(
    policy: dict[str, Any], arn: str, account_id: str, context: RequestContext
) -> bool | None:
    """Whether a trust policy admits a caller, its own name, its account or anyone being named."""
    variables = policy["Version"] == "2012-10-17"
    allowed: list[bool | None] = []
    denied: list[bool | None] = []
    for statement in policy["Statement"]:
        if not about_assuming(statement):
            continue
        holds = conditions.evaluate(statement.get("Condition", {}), context, variables=variables)
        whom = concerns(statement, arn, account_id)
        both = False if False in (holds, whom) else (None if None in (holds, whom) else True)
        (allowed if statement["Effect"] == "Allow" else denied).append(both)
    if True in denied or not {True, None} & set(allowed):
        return False
    return True if True in allowed and None not in denied else None


# ── What the kit says ────────────────────────────────────────────────────────────────────────────


def listed(made: Account, role: str) -> pd.DataFrame:
    """Rows of a role for AWS principals."""
    found = made.trusted_principals
    return found[found["role_name"].eq(role) & found["mfa"].notna()]


@pytest.mark.filterwarnings("ignore")
@examples(0.4)
@given(st.lists(policies, min_size=10, max_size=10))
def test_mfa_trust_and_escalation_agree(found: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        made = opened(Path(folder), *found)
        agree(made, found)


def agree(made: Account, found: list[dict[str, Any]]) -> None:
    """Compare the three answers with one another, and with the obvious one."""
    enforced = made.mfa_enforcement.set_index("name")
    principals = made.callers
    assumable = AssumableRoles(principals, AllowedResources(principals, []).resources["role"])
    for at, policy in enumerate(found):
        role = f"r{at}"
        rows, mfa = listed(made, role), enforced.loc[role]
        open_ = mfa["verdict"] != "not assumable by people"
        assert open_ == (len(rows) > 0), policy
        if open_:
            needed = {mfa["key"], mfa["password"]} == {"required"}
            assert needed == (mfa["verdict"] == "enforced") == bool(rows["mfa"].all()), policy
        for arn in (ANN, BOB, APP):
            for way, context in WAYS.items():
                said = escalation(assumable, arn, role, context)
                # Of a session's name, escalation says perhaps; the slow answer knows of none.
                expected = obvious(policy, arn, ACCOUNT, context)
                if arn != APP or SESSION not in str(policy):
                    assert said is expected, (policy, arn, way)
                if said is not False:
                    assert len(rows), (policy, arn, way)
                    if way != "mfa":
                        assert not rows["mfa"].all(), (policy, arn, way)
                        assert mfa[way] != "required", (policy, arn, way)
        stranger(made, policy, role, mfa)


def stranger(made: Account, policy: dict[str, Any], role: str, mfa: Any) -> None:
    """Somebody of another account who may come without MFA is told of by both pages."""
    for way in ("key", "password"):
        context = WAYS[way]
        if obvious(policy, f"arn:aws:iam::{VENDOR}:user/x", VENDOR, context) is not False:
            assert mfa[way] != "required", (policy, way)
            assert not listed(made, role)["mfa"].all(), (policy, way)


def escalation(
    assumable: AssumableRoles, arn: str, role: str, context: RequestContext
) -> bool | None:
    """Whether the account's own roles admit an identity, in the words of `AssumableRoles`."""
    at = 1 << assumable.roles.number[f"{ARN}role/{role}"]
    answers = assumable.roles_admitting(arn, RequestContext(dict(context.values), UNKNOWN))
    if any(each.certain & at for each in answers):
        return True
    return None if any(each.possible & at for each in answers) else False


# ── Where the three disagreed ────────────────────────────────────────────────────────────────────


def entry(effect: str, whom: Any, **members: Any) -> dict[str, Any]:
    who = {} if "NotPrincipal" in members else {"Principal": {"AWS": whom} if whom != "*" else "*"}
    about = {} if "NotAction" in members else {"Action": "sts:AssumeRole"}
    return {"Effect": effect, **who, **about, **members}


WITHOUT = {"BoolIfExists": {PRESENT: "false"}}
WITH = {"Bool": {PRESENT: "true"}}
# A trust policy; the verdict on MFA; the column mfa of each row.
ONCE_TWO_ANSWERS: dict[str, tuple[list[dict[str, Any]], str, list[bool]]] = {
    "all actions but tagging are denied without MFA": (
        [entry("Allow", ROOT), entry("Deny", "*", NotAction="sts:TagSession", Condition=WITHOUT)],
        *("enforced", [True]),
    ),
    "all but another account are denied": (
        [
            entry("Allow", ROOT),
            entry("Deny", None, NotPrincipal={"AWS": VENDOR}, Condition=WITHOUT),
        ],
        *("enforced", [True]),
    ),
    "strangers are denied without MFA, a user whom it names is not": (
        [
            entry("Allow", "*"),
            entry("Deny", None, NotPrincipal={"AWS": [ANN, ROOT]}, Condition=WITHOUT),
        ],
        *("none", [False]),
    ),
    "a session is named, and its role denied": (
        [entry("Allow", SESSION), entry("Deny", APP)],
        *("not assumable by people", []),
    ),
    "all that is allowed is not for AWS principals": (
        [entry("Allow", ROOT, Action="sts:AssumeRoleWithSAML")],
        *("not assumable by people", []),
    ),
    "all is allowed but assuming": (
        [entry("Allow", ROOT, NotAction="sts:AssumeRole")],
        *("not assumable by people", []),
    ),
    "assuming is denied to anyone, another way of coming is not": (
        [entry("Allow", "*", Action="sts:*"), entry("Deny", "*", Condition=WITHOUT)],
        *("enforced", [True]),
    ),
    "what MFA opens, MFA closes": (
        [entry("Allow", ROOT, Condition=WITH), entry("Deny", "*", Condition=WITH)],
        *("not assumable by people", []),
    ),
    "only MFA of more than an hour ago is asked for": (
        [
            entry(
                "Allow", ROOT, Condition={"NumericGreaterThan": {"aws:MultiFactorAuthAge": "3600"}}
            )
        ],
        *("enforced", [True]),
    ),
}


@pytest.mark.parametrize("case", ONCE_TWO_ANSWERS)
def test_there_is_one_answer_where(case: str, tmp_path: Path) -> None:
    found, verdict, mfa = ONCE_TWO_ANSWERS[case]
    policy = {"Version": "2012-10-17", "Statement": found}
    made = opened(tmp_path, policy)
    assert made.mfa_enforcement.set_index("name").loc["r0", "verdict"] == verdict
    assert listed(made, "r0")["mfa"].tolist() == mfa
    agree(made, [policy])


def test_in_a_version_without_variables_they_are_text(tmp_path: Path) -> None:
    """An older Version compares with the dollar sign itself, which no MFA page may overlook."""
    own = {"StringEquals": {"aws:MultiFactorAuthPresent": "${aws:MultiFactorAuthPresent}"}}
    found = {"Version": "2008-10-17", "Statement": [entry("Allow", ROOT, Condition=own)]}
    made = opened(tmp_path, found)
    assert made.mfa_enforcement.set_index("name").loc["r0", "verdict"] == "not assumable by people"
    assert listed(made, "r0").empty
