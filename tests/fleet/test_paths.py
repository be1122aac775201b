"""Who in one account can become administrator in another: tables, and a slow search of requests."""

import json
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account, charts
from iamkit.escalation.graph import ARRIVALS
from iamkit.fleet.assumed_roles import Trusting, organization_of
from iamkit.fleet.joined_graph import AccountPart
from iamkit.fleet.paths import Graphs, account_paths, choke_points_between, paths_between
from iamkit.policy import UNKNOWN, RequestContext, conditions
from iamkit.trust import foreign_entries
from tests.accounts import ACCOUNT, account, details, report, role, user
from tests.examples import examples, thorough
from tests.policies import EVERYTHING, allow, deny, document, in_organization, inline

OURS = "o-ours123456"
NUMBERS = [str(number) * 12 for number in range(1, 7)]
ONE, TWO, THREE = NUMBERS[:3]


def arn(account_id: str, what: str) -> str:
    return f"arn:aws:iam::{account_id}:{what}"


def trusts(*principals: Any, **condition: Any) -> dict[str, Any]:
    first = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    return document(first | ({"Condition": condition} if condition else {}))


def made(
    folder: Path,
    account_id: str,
    users: dict[str, list[Any]],
    roles: dict[str, tuple[Any, list[Any]]],
    **options: Any,
) -> Account:
    """An account of an organization with these statements by user, and trust and those by role."""
    contents = details(
        [user(name, UserPolicyList=inline(*each)) for name, each in users.items()],
        roles=[
            role(name, trust, RolePolicyList=inline(*each)) for name, (trust, each) in roles.items()
        ],
    )
    whole = json.loads(json.dumps(contents).replace(ACCOUNT, account_id))
    (place := folder / account_id).mkdir()
    opened = account(place, whole, credential_report=report().replace(ACCOUNT, account_id))
    return in_organization(opened, **{"organization": OURS, "management": NUMBERS[-1]} | options)


def joined(accounts: list[Account], context: str) -> tuple[Graphs, pd.DataFrame]:
    """The graphs of accounts, and who can become administrator in another."""
    trusting = [
        Trusting(each.account_id, "aws", organization_of(each), tuple(foreign_entries(each)))
        for each in accounts
    ]
    place = "inside" if context.endswith("inside") else "outside"
    graphs = Graphs.of([AccountPart.of(each, place, trusting) for each in accounts], place)
    return graphs, paths_between(graphs, context, frozenset([NUMBERS[-1]]))


# ── Tables, on three accounts ────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> list[Account]:
    """From one account to the next, and to the management account, by roles that trust accounts."""
    folder, assume = tmp_path_factory.mktemp("chain"), allow("sts:AssumeRole")
    return [
        made(
            folder,
            ONE,
            {"ann": [assume], "bob": [], "eve": [assume, deny("sts:AssumeRole", arn(TWO, "*"))]},
            {"boss": (trusts(arn(ONE, "user/bob")), [EVERYTHING])},
        ),
        made(folder, TWO, {}, {"hub": (trusts(arn(ONE, "root")), [assume])}),
        made(
            folder,
            NUMBERS[-1],
            {},
            {"root": (trusts(arn(TWO, "role/hub")), [EVERYTHING])},
        ),
        made(folder, THREE, {"far": [assume]}, {"shut": (trusts(arn(ONE, "root")), [EVERYTHING])},
             rcps=[document(deny("sts:*", Principal="*"))]),
    ]  # fmt: skip


def test_paths_go_through_several_accounts(chain: list[Account]) -> None:
    _, paths = joined(chain, "stolen-key")
    found = {
        (row["name"], row["admin_account"]): (
            row["steps"],
            row["accounts"],
            bool(row["is_management"]),
        )
        for row in paths.to_dict("records")
    }
    whole = [ONE, TWO, NUMBERS[-1]]
    assert (
        found
        == {
            ("ann", NUMBERS[-1]): (2, whole, True),
            ("bob", NUMBERS[-1]): (3, whole, True),  # boss first, who can do everything
            ("boss", NUMBERS[-1]): (2, whole, True),
            ("hub", NUMBERS[-1]): (1, whole[1:], True),
        }
    ), "nobody becomes administrator of the account whose RCP denies it"
    row = paths.set_index("name").loc["ann"]
    assert row["route"] == [
        arn(ONE, "user/ann"),
        arn(TWO, "role/hub"),
        arn(NUMBERS[-1], "role/root"),
    ]
    assert row["how"] == ["sts:AssumeRole of another account"] * 2
    for row in paths.to_dict("records"):
        assert len(row["route"]) == row["steps"] + 1 == len(row["how"]) + 1


def test_the_compromise_of_an_account_reaches_others(chain: list[Account]) -> None:
    graphs, paths = joined(chain, "stolen-key")
    found = account_paths(graphs, paths, None).set_index("of_account")
    assert found["steps"].to_dict() == {ONE: 3, TWO: 2}
    assert found["identity_count"].to_dict() == {ONE: 3, TWO: 1}
    assert found["is_management"].isna().all(), "nobody said which it is"


def test_choke_points_are_tried_over_all_accounts(chain: list[Account]) -> None:
    graphs, paths = joined(chain, "stolen-key")
    found = choke_points_between(graphs.certain, paths, "stolen-key")
    first = found.iloc[0]
    assert (first["kind"], first["name"]) == ("identity", "root")
    assert (first["removed_count"], first["remaining_count"]) == (4, 0)


def test_the_paths_of_two_accounts_can_be_drawn(chain: list[Account]) -> None:
    _, paths = joined(chain, "stolen-key")
    rows = paths.query("of_account == @ONE and admin_account == @NUMBERS[-1]")
    boxes, links = charts.boxes_and_links(rows)
    assert boxes["members"].sum() == 3
    assert set(boxes["label"]) >= {"ann", "bob", "hub", "root"}
    assert len(links)


# ── A slow search over single requests ───────────────────────────────────────────────────────────

Truth = bool | None


def every(*truths: Truth) -> Truth:
    return False if False in truths else (None if None in truths else True)


def some(truths: list[Truth]) -> Truth:
    return True if True in truths else (None if None in truths else False)


class Organization:
    """Raw policies of accounts, and what each single request comes to."""

    def __init__(self, accounts: list[Account], drawn: dict[str, dict[str, Any]]) -> None:
        self.accounts = {each.account_id: each for each in accounts}
        self.drawn = drawn

    def people(self, account_id: str) -> list[str]:
        drawn = self.drawn[account_id]
        return [
            *(arn(account_id, f"user/{name}") for name in drawn["users"]),
            *(arn(account_id, f"role/{name}") for name in drawn["roles"]),
        ]

    def says(self, statements: list[Any], effect: str, role: str, sent: RequestContext) -> Truth:
        """Whether one statement of this effect holds for assuming a role."""
        return some([
            conditions.evaluate(each.get("Condition", {}), sent)
            for each in statements
            if each["Effect"] == effect
            and each["Action"] in ("*", "sts:AssumeRole")
            and each.get("Resource", "*") in ("*", role)
        ])  # fmt: skip

    def assumes(self, who: str, context: str, role: str) -> Truth:
        """Whether an identity assumes a role: both sides, SCPs and RCPs."""
        own, other = who.split(":")[4], role.split(":")[4]
        here, there = self.drawn[own], self.drawn[other]
        known = {"aws:ResourceAccount": other, "aws:ResourceOrgID": there["organization"],
                 "aws:ResourceOrgPaths": UNKNOWN}  # fmt: skip
        sent = self.accounts[own].callers.context(who, context).but(known)
        kind, name = who.split(":")[5].split("/")
        mine = here["users"][name] if kind == "user" else here["roles"][name][1]
        trust = there["roles"][role.rpartition("/")[2]][0]["Statement"]
        scps = [] if own == NUMBERS[-1] else here["scps"]
        rcps = [] if other == NUMBERS[-1] else there["rcps"]
        denied = [
            self.says(mine, "Deny", role, sent),
            self.says([each for one in scps for each in one["Statement"]], "Deny", role, sent),
            self.says(trust_of(trust, who, own), "Deny", role, sent),
            self.says([each for one in rcps for each in one["Statement"]], "Deny", role, sent),
        ]
        not_denied = every(*(None if each is None else not each for each in denied))
        by_name = self.says(trust_of(trust, who), "Allow", role, sent)
        by_account = self.says(trust_of(trust, None, own), "Allow", role, sent)
        permitted = self.says(mine, "Allow", role, sent)
        if own == other:
            return every(not_denied, some([by_name, every(by_account, permitted)]))
        return every(not_denied, some([by_name, by_account]), permitted)

    def onward(self, who: str, mode: str, place: int, *, possible: bool) -> list[tuple[str, str]]:
        """Whom one becomes by one request, and in which mode."""
        own, context = who.split(":")[4], ARRIVALS[mode][place]
        if self.is_admin(who, mode, place):
            found = [(each, "key") for each in self.people(own)]
        else:
            found = []
        for account_id, drawn in self.drawn.items():
            for name in drawn["roles"]:
                role = arn(account_id, f"role/{name}")
                answer = self.assumes(who, context, role)
                if answer or (possible and answer is None):
                    found.append((role, "key"))
        return found

    def is_admin(self, who: str, mode: str, place: int) -> bool:
        account_id, context = who.split(":")[4], ARRIVALS[mode][place]
        rows = self.accounts[account_id].permissions.summary()
        rows = rows[rows["principal_arn"].eq(who) & rows["context"].eq(context)]
        return bool(rows["admin"].ne("").any())

    def steps(self, who: str, mode: str, place: int, goal: str, *, possible: bool) -> int | None:
        """How many requests it takes to be administrator of an account."""
        level, seen, count = [(who, mode)], {(who, mode)}, 0
        while level:
            if any(
                one.split(":")[4] == goal and self.is_admin(one, how, place) for one, how in level
            ):
                return count
            following = [
                each
                for one, how in level
                for each in self.onward(one, how, place, possible=possible)
            ]
            level = [each for each in dict.fromkeys(following) if each not in seen]
            seen.update(level)
            count += 1
        return None


def trust_of(statements: list[Any], who: str | None, own: str | None = None) -> list[Any]:
    """The statements of a trust policy that name an identity or anyone, or its account."""
    names = {*([who, "*"] if who else []), *([arn(own, "root")] if own else [])}
    return [each for each in statements if not names.isdisjoint(each["Principal"]["AWS"])]


CONDITIONS = st.sampled_from(
    [
        *[{}] * 5,
        {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        {"StringEquals": {"aws:PrincipalOrgID": OURS}},
        {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": OURS}},
        {"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}},
        {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}},
        {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
    ]
)
SECRET = {"StringEquals": {"sts:ExternalId": "secret"}}


@st.composite
def organizations(draw: st.DrawFn, most: int) -> dict[str, dict[str, Any]]:
    """Accounts by number: users, roles with their trust, SCPs, RCPs and the organization."""
    numbers = [*NUMBERS[: draw(st.integers(1, most - 1))], NUMBERS[-1]]
    users = {each: ["ann", "bob"][: draw(st.integers(0, 2))] for each in numbers}
    roles = {each: ["a", "b", "c"][: draw(st.integers(1, 3))] for each in numbers}
    every_role = [arn(each, f"role/{name}") for each in numbers for name in roles[each]]
    everyone = [arn(each, f"user/{name}") for each in numbers for name in users[each]]
    named = st.sampled_from(["*", *(arn(each, "root") for each in numbers), *every_role, *everyone])
    where = st.sampled_from(["*", "*", *every_role])

    def one(effect: str, *more: Any) -> dict[str, Any]:
        made = {"Effect": effect, "Action": "sts:AssumeRole", "Resource": draw(where)}
        asked = draw(st.one_of(CONDITIONS, *more))
        return made | ({"Condition": asked} if asked else {})

    def identity() -> list[Any]:
        kinds = draw(st.lists(st.sampled_from(["Allow", "Allow", "Deny", "all"]), max_size=2))
        return [EVERYTHING if each == "all" else one(each) for each in kinds]

    def trust() -> dict[str, Any]:
        effects = ["Allow", *draw(st.lists(st.sampled_from(["Allow", "Deny"]), max_size=1))]
        made = []
        for effect in effects:
            each = one(effect, *([st.just(SECRET)] if effect == "Allow" else []))
            whom = draw(st.lists(named, min_size=1, max_size=2))
            made.append(
                {k: v for k, v in each.items() if k != "Resource"} | {"Principal": {"AWS": whom}}
            )
        return document(*made)

    def policies(**members: Any) -> list[Any]:
        count = draw(st.sampled_from([0, 0, 1]))
        return [document({**one("Deny"), **members}) for _ in range(count)]

    return {
        each: {
            "users": {name: identity() for name in users[each]},
            "roles": {name: (trust(), identity()) for name in roles[each]},
            "scps": policies(),
            "rcps": policies(Principal="*"),
            "organization": draw(st.sampled_from([OURS, OURS, "o-other12345"])),
        }
        for each in numbers
    }


def search(drawn: dict[str, dict[str, Any]]) -> int:
    """Compare the tables with the slow search; return how many paths there are."""
    with TemporaryDirectory() as folder:
        accounts = [made(Path(folder), each, **given) for each, given in drawn.items()]
    slow, count = Organization(accounts, drawn), 0
    for context in ("stolen-key", "mfa-inside"):
        mode, place = ("key", 0) if context == "stolen-key" else ("mfa", 1)
        _, paths = joined(accounts, context)
        found = {
            (row["principal_arn"], row["admin_account"]): (row["steps"], row["possible_steps"])
            for row in paths.astype({"steps": "object", "possible_steps": "object"}).to_dict(
                "records"
            )
        }
        for own, goal in permutations(drawn, 2):
            for who in slow.people(own):
                if mode == "mfa" and ":role/" in who:
                    continue
                expected = tuple(
                    slow.steps(who, mode, place, goal, possible=each) for each in (False, True)
                )
                said = found.pop((who, goal), (None, None))
                assert tuple(None if pd.isna(each) else each for each in said) == expected, (
                    who, goal, context, drawn
                )  # fmt: skip
                count += expected[1] is not None
        assert not found
    return count


@examples(0.2)
@given(organizations(most=6 if thorough() else 4))
def test_paths_are_those_of_a_slow_search_over_single_requests(
    drawn: dict[str, dict[str, Any]],
) -> None:
    search(drawn)
