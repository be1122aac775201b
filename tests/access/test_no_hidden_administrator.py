"""No administration by a request that a slow search finds, but by those who are said to have it."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.access import SELF_PROMOTION
from iamkit.policy import ABSENT, UNKNOWN, PolicyLayers, RequestContext, decide
from tests.accounts import ACCOUNT, ARN, account, details, group, policy
from tests.examples import examples
from tests.policies import (
    ADMINISTRATOR,
    EVERYTHING,
    allow,
    attached,
    bounded,
    controlled,
    document,
    inline,
    person,
    tagged,
    trusts,
    worker,
)
from tests.restrictions.test_attackers import (
    CHOICES,
    CREDENTIALS,
    INSIDE,
    IP,
    OFFICE,
    OUTSIDE,
    REGION,
    TESTS,
    VPCE,
    VPN,
)

TEAM, TAG = "aws:PrincipalTag/team", "aws:ResourceTag/team"
OWN = f"{ARN}user/${{aws:username}}"

# ── Every request, decided one by one ────────────────────────────────────────────────────────────

DIRECT = {
    "aws:SecureTransport": "true",
    "aws:ViaAWSService": "false",
    "aws:PrincipalAccount": ACCOUNT,
    "aws:ResourceAccount": ACCOUNT,
}
SESSION = CREDENTIALS["session"][0]
SIGNED = {
    "user": [each for how in ("key", "password", "mfa") for each in CREDENTIALS[how]],
    "role": [SESSION, {"aws:TokenIssueTime": SESSION["aws:TokenIssueTime"]}],
}
TAGS: list[dict[str, Any]] = [{TAG: each} for each in ("red", "blue", ABSENT)]
RESOURCES = [
    f"{ARN}{each}"
    for each in ("user/ann", "user/bob", "user/else", "role/work", "group/team", "policy/held")
]
# An action of each kind that the policies here tell apart, on resources that they tell apart.
PROBES = [
    *((action, each) for action in ("iam:CreateUser", *SELF_PROMOTION) for each in RESOURCES),
    *((action, "arn:aws:s3:::iamkit") for action in ("s3:DeleteBucket", "s3:GetObject")),
    *((action, "*") for action in ("ec2:RunInstances", "sts:AssumeRole")),
]


def requests(made: Account, arn: str, layers: PolicyLayers) -> Iterator[RequestContext]:
    """Every request of a principal, less those that its policies do not tell apart."""
    kind = "user" if ":user/" in arn else "role"
    known = made.callers.caller(arn).values
    own = {key: value for key, value in known.items() if value is not UNKNOWN}
    tested = (
        key for each in layers.statements for key in (*each.condition_keys, *each.resource_keys)
    )
    keys = sorted({*tested, REGION.lower()})
    seen = set()
    for parts in product(SIGNED[kind], [*OUTSIDE, *INSIDE], CHOICES, TAGS):
        values = {key: value for part in parts for key, value in part.items()}
        found = RequestContext({**DIRECT, **own, **values})
        if (asked := found.answers(keys)) not in seen:
            seen.add(asked)
            yield found


def may(layers: PolicyLayers, action: str, resource: str, context: RequestContext) -> bool:
    """Whether a call is allowed; IAM is called in one region, and a policy is chosen to attach."""
    if action.startswith("iam:"):
        given = ADMINISTRATOR if action.startswith("iam:Attach") else ABSENT
        context = context.but({REGION: "us-east-1", "iam:PolicyARN": given})
    return bool(decide(action, resource, context, **layers._asdict()))


def everything(layers: PolicyLayers, context: RequestContext) -> bool:
    return all(may(layers, action, resource, context) for action, resource in PROBES)


def promotes(made: Account, arn: str, layers: PolicyLayers, context: RequestContext) -> bool:
    """Whether one call to IAM gives a principal every permission, its boundary limiting nothing."""
    mine = made.policy_assignments.query("principal_arn == @arn")["policy_arn"]
    own = {
        "user": [arn] if ":user/" in arn else [],
        "role": [arn] if ":role/" in arn else [],
        "group": made.memberships.query("user_arn == @arn")["group_arn"].tolist(),
        "policy": [each for each in mine if f"{ACCOUNT}:policy/" in each],
    }
    calls = ((action, each) for action, kind in SELF_PROMOTION.items() for each in own[kind])
    if not any(may(layers, action, each, context) for action, each in calls):
        return False
    return layers.boundary is None or everything(PolicyLayers(layers.boundary), context)


def search(made: Account) -> None:
    """Whoever is an administrator by some request is one of the possible administrators."""
    said = set(made.possible_administrators["principal_arn"])
    for arn in made.permissions.principals["principal_arn"]:
        if arn in said:
            continue
        layers = made.callers.layers(arn)
        for context in requests(made, arn, layers):
            assert not everything(layers, context), (arn, context)
            assert not promotes(made, arn, layers, context), (arn, context)


# ── Accounts ─────────────────────────────────────────────────────────────────────────────────────

FURTHER = st.sampled_from(
    [
        *({"StringEquals": {TEAM: "ops"}}, {"StringNotEquals": {TEAM: "ops"}}),
        *({"StringEquals": {TAG: "red"}}, {"StringNotEqualsIfExists": {TAG: "red"}}),
        *({"StringEquals": {TAG: f"${{{TEAM}}}"}}, {"StringEquals": {"aws:username": "ann"}}),
        *({"ArnLike": {"aws:PrincipalArn": f"{ARN}role/*"}}, {"Null": {TEAM: "true"}}),
        {"ArnEquals": {"iam:PolicyARN": ADMINISTRATOR}},
        {"ArnNotEqualsIfExists": {"iam:PolicyARN": f"{ARN}policy/held"}},
    ]
)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for test in draw(st.lists(TESTS | FURTHER, max_size=3)):
        for operator, block in test.items():
            found[operator] = {**found.get(operator, {}), **block}
    return found


ACTIONS = [
    *({"Action": each} for each in ("*", "*", "*", "iam:*", "iam:*", "s3:*", "iam:Put*")),
    *({"Action": each} for each in SELF_PROMOTION),
    *({"NotAction": "s3:*"}, {"NotAction": "iam:*"}, {"Action": ["s3:*", "ec2:*", "sts:*"]}),
]
COVERED = ["*", "*", "*", OWN, f"{ARN}user/ann", f"{ARN}role/w*", f"{ARN}group/team"]


@st.composite
def statements(draw: st.DrawFn, effects: tuple[str, ...] = ("Allow", "Deny")) -> dict[str, Any]:
    asked = draw(conditions())
    return {
        "Effect": draw(st.sampled_from(effects)),
        "Resource": draw(st.sampled_from([*COVERED, f"{ARN}policy/held"])),
        **draw(st.sampled_from(ACTIONS)),
        **({"Condition": asked} if asked else {}),
    }


FEW = st.lists(statements(), max_size=2)
SOME = st.builds(lambda first, more: [first, *more], statements(effects=("Allow",)), FEW)
LIMITS = st.builds(
    lambda first, more: [first, *more], st.sampled_from([EVERYTHING, allow("iam:*")]) | SOME, FEW
)
BOUNDS = st.sampled_from([{}, {}, bounded("edge"), bounded("open")])
COMPANIES = st.fixed_dictionaries(
    {
        **dict.fromkeys(("ann", "team", "work", "held"), SOME),
        "bob": FEW,
        "edge": LIMITS,
        "scp": st.none() | LIMITS,
        "bounds": st.tuples(BOUNDS, BOUNDS),
        "tags": st.sampled_from([{}, {"team": "ops"}]),
    }
)


def opened(folder: Path, found: dict[str, Any]) -> Account:
    """Two users, one in a group, and a role, with these policies, boundaries and SCPs."""
    of_ann, of_work = found["bounds"]
    held = {"AttachedManagedPolicies": attached("held")}
    tags = tagged(**found["tags"])
    customer = {"held": found["held"], "edge": found["edge"], "open": [EVERYTHING]}
    made = account(
        folder,
        details(
            [
                person("ann", *found["ann"], GroupList=["team"], **of_ann, **tags),
                person("bob", *found["bob"], **held),
            ],
            [group("team", GroupPolicyList=inline(*found["team"]))],
            [worker("work", trusts("root"), *found["work"], **of_work, **tags)],
            [policy(name, document(*each)) for name, each in customer.items()],
        ),
    )
    return made if found["scp"] is None else controlled(made, document(*found["scp"]))


@examples(1)
@given(COMPANIES)
def test_nobody_else_is_an_administrator_by_any_request(found: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        search(opened(Path(folder), found))


# ── What the search has found ────────────────────────────────────────────────────────────────────

ATTACHING = {"ArnEquals": {"iam:PolicyARN": ADMINISTRATOR}}
RED = {"StringEquals": {TAG: "red"}}
FOUND: dict[str, list[dict[str, Any]]] = {
    "what attaches one policy is denied, what puts one is not": [
        {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": ATTACHING},
    ],
    "one policy may not be attached, another that gives as much may": [
        allow("iam:AttachUserPolicy", OWN),
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": ATTACHING},
    ],
    "from a network that others do not name, on resources with a tag": [
        allow("*", Condition={"IpAddress": {IP: VPN}, **RED})
    ],
    "through an endpoint, on resources with a tag": [
        allow("*", Condition={"StringEquals": {VPCE: "vpce-1", TAG: "red"}})
    ],
}


@pytest.mark.parametrize("statements", FOUND.values(), ids=FOUND)
def test_who_is_an_administrator_all_the_same(statements: list[Any], tmp_path: Path) -> None:
    others = [person(f"o{n}", allow("s3:*", Condition={"IpAddress": {IP: OFFICE}})) for n in (1, 2)]
    made = account(tmp_path, details([person("ann", *statements), *others]))
    assert set(made.possible_administrators["name"]) == {"ann"}
    search(made)
