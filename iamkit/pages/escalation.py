"""The page on escalation: which identities can escalate their privileges, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.pages import counts
from iamkit.pages.names import chains, names
from iamkit.reference import attack_techniques

# What an identity arrives with, by request context.
ARRIVALS: Final[Mapping[str, str]] = {
    "stolen-key": "a stolen key or session",
    "key-inside": "a key or session, from inside",
    "stolen-password": "a stolen password",
    "password-inside": "a password, from inside",
    "mfa-outside": "MFA, from outside",
    "mfa-inside": "MFA, from inside",
}
_DISTANCES: Final = {0: "administrators", 1: "one step", 2: "two steps", 3: "more steps"}
_ELSEWHERE: Final = "administrators in another context"
_UNCERTAIN: Final = {True: "possible", False: "no path known"}


def headline(account: Account) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page: users and roles, by how they arrive."""
    able, maybe = becoming(account), _how_many(_perhaps_becoming(account))
    near = f"; {_how_many(able.query('steps == 1')):,} in one step" if len(able) else ""
    return charts.figures(
        missing=account.missing("escalations"),
        **{
            "Stolen key or session": _arriving(account, "can become administrator", "stolen-key"),
            "With a password": _arriving(
                account, "no MFA, stolen or used from inside", "stolen-password", "password-inside"
            ),
            "With MFA": _arriving(account, "can become administrator", "mfa-outside", "mfa-inside"),
            "In any context": charts.none_is_good(
                _how_many(able),
                f"users and roles can become administrator{near}",
                of=counts.users_and_roles(account),
            ),
            "Administrators by a step": charts.none_is_good(
                _how_many(_stepping_administrators(account)),
                "administrators, in a context in which they are none at first",
                of=len(account.administrators),
            ),
            # None is not good news: what the evidence does show is counted beside it.
            "Possible": (maybe, "depends on unknown conditions", "note" if maybe else "plain"),
        },
    )


def _arriving(account: Account, note: str, *contexts: str) -> object:
    """
    Return how many can become administrator in some contexts, of those who may arrive so.

    None is not good where an administrator of another context can.
    """
    found, those, beside = (
        _how_many(paths[paths["context"].isin(contexts)])
        for paths in (becoming(account), usable(account), _stepping_administrators(account))
    )
    return charts.none_is_good(found, note, of=0 if beside else those)


def _how_many(paths: pd.DataFrame) -> int:
    """Return how many users and roles there are in rows of several contexts."""
    return paths["principal_arn"].nunique()


def usable(account: Account) -> pd.DataFrame:
    """
    Return the users and roles in the contexts for which they have, or may have, a credential.

    All columns of `account.admin_paths`.
    """
    paths = account.admin_paths
    return paths[paths["has_credential"].fillna(value=True)]


def _is_administrator(account: Account, paths: pd.DataFrame) -> pd.Series[bool]:
    """Whether each row is about an administrator of any context; see `account.administrators`."""
    return paths["principal_arn"].isin(account.administrators["principal_arn"])


def becoming(account: Account) -> pd.DataFrame:
    """
    Return the identities that can become administrator and are none, the nearest first.

    An administrator of another context is one: see `administrators_by_steps`.
    """
    paths = usable(account).query("steps > 0")
    return paths[~_is_administrator(account, paths)].sort_values(["steps", "kind", "name"])


def _perhaps_becoming(account: Account) -> pd.DataFrame:
    """Return the identities that can only possibly become administrator, in any context."""
    paths = usable(account)
    unsure = paths[paths["steps"].isna() & paths["possible_steps"].notna()]
    beside = unsure["principal_arn"].isin(becoming(account)["principal_arn"])
    return unsure[~beside & ~_is_administrator(account, unsure)]


def by_distance(account: Account) -> pd.DataFrame:
    """
    Return how many users and roles are each number of steps away from administrator access.

    An administrator is one in each row: of this context, or of another one.
    """
    paths = usable(account)
    steps = paths["steps"].clip(upper=max(_DISTANCES)).astype("object").map(_DISTANCES)
    distance = steps.fillna(paths["possible_steps"].notna().map(_UNCERTAIN))
    elsewhere = _is_administrator(account, paths) & paths["steps"].ne(0).fillna(value=True)
    distance = distance.mask(elsewhere, _ELSEWHERE)
    found = counts.crossed(
        paths.assign(distance=distance, arrives_with=paths["context"].map(ARRIVALS)),
        "arrives_with",
        "distance",
        all_rows=ARRIVALS.values() if len(paths) else (),
        all_columns=[
            *dict.fromkeys((_DISTANCES[0], _ELSEWHERE, *_DISTANCES.values())),
            *_UNCERTAIN.values(),
        ],
    )
    return found.rename_axis(index="arrives_with", columns=None)


def who_becomes(account: Account) -> pd.DataFrame:
    """Return who can become administrator, the nearest first: steps, whom they become, and how."""
    return _ways(account, becoming(account))


def administrators_by_steps(account: Account) -> pd.DataFrame:
    """Return the administrators who need a step in another context than that of their own."""
    return _ways(account, _stepping_administrators(account))


def _stepping_administrators(account: Account) -> pd.DataFrame:
    paths = usable(account).query("steps > 0")
    mine = paths[_is_administrator(account, paths)]
    return mine.sort_values(["steps", "kind", "name"])


def _ways(account: Account, paths: pd.DataFrame) -> pd.DataFrame:
    """A row for each way of an identity: whom it becomes in the end, and its first method."""
    named = names(account)
    found = paths.assign(
        becomes=[named.get(route[-1], route[-1]) for route in paths["route"]],
        first_method=[how[0].partition(" (")[0] for how in paths["how"]],
    )
    return _with_arrivals(found, ["steps", "kind", "name", "becomes", "first_method"])[
        ["steps", "kind", "name", "arrives_with", "becomes", "first_method"]
    ]


def possible(account: Account) -> pd.DataFrame:
    """Return the identities that become administrator only if unknown conditions hold."""
    unsure = _perhaps_becoming(account)
    found = _with_arrivals(unsure, ["kind", "name"])
    steps = unsure.groupby(["kind", "name"])["possible_steps"].min().rename("steps_at_least")
    return found.join(steps, on=["kind", "name"]).sort_values(["kind", "name"])


def _with_arrivals(paths: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return a row for each combination of values, with all that it arrives with in one text."""
    arrives = paths.assign(arrives_with=paths["context"].map(ARRIVALS))
    return arrives.groupby(by, sort=False)["arrives_with"].agg("; ".join).reset_index()


def becoming_by_context(account: Account) -> pd.Series[int]:
    """Return how many can become administrator, by request context."""
    found = becoming(account).groupby("context")["principal_arn"].nunique()
    return found.reindex(list(ARRIVALS), fill_value=0)


def worst_context(account: Account) -> str:
    """Return the request context in which the most can become administrator."""
    return str(becoming_by_context(account).idxmax())


def in_context(account: Account, context: str) -> pd.DataFrame:
    """
    Return the rows of `usable` in one request context.

    Without those of administrators of other contexts, who need a step in this one.
    """
    paths = usable(account)
    elsewhere = _is_administrator(account, paths) & paths["steps"].gt(0).fillna(value=False)
    return paths[paths["context"].eq(context) & ~elsewhere]


def described(boxes: pd.DataFrame) -> pd.DataFrame:
    """Return the boxes of the diagram as a table to read; see `charts.boxes_and_links`."""
    several = boxes["names"].str.len() > 1
    words = {"label": "box", "members": "start_here", "through": "go_through"}
    found = boxes.assign(among_them=boxes["names"].where(several)).drop(columns="box")
    return found.rename(columns=words)[
        ["steps", "box", "kind", "start_here", "go_through", "among_them"]
    ]


def shortest_paths(account: Account, context: str) -> pd.DataFrame:
    """Return the shortest path of each identity in a context, the longest first."""
    found = in_context(account, context).query("steps > 0")
    found = found.sort_values(["steps", "name"], ascending=[False, True])
    return found.assign(
        onward=chains(found["route"].str[1:], names(account)), the_first_step=found["how"].str[0]
    )[["steps", "name", "onward", "the_first_step"]]


def changes(account: Account, context: str) -> pd.DataFrame:
    """Return what to change first, and how many identities lose administrator access."""
    found = account.choke_points(context)[["kind", "name", "removed_count", "remaining_count"]]
    return found.rename(columns={"removed_count": "removed", "remaining_count": "remaining"})


def proven(account: Account) -> pd.DataFrame:
    """
    Return the proven paths, without those of administrators, to administrator access first.

    All columns of `account.escalations`; `target` is the name of the target besides.
    """
    found = _others(account).query("status == 'proven'")
    oneself = found["target_arn"].eq(found["principal_arn"])
    target = found["target_arn"].str.rsplit("/", n=1).str[-1].mask(oneself, "itself")
    found = found.assign(target=target)
    return found.sort_values(["reaches_admin", "name"], ascending=[False, True])


def _others(account: Account) -> pd.DataFrame:
    """Return the rows of `account.escalations` without those of administrators."""
    found = account.escalations
    return found[~found["principal_arn"].isin(account.administrators["principal_arn"])]


def proven_by_category(account: Account) -> pd.DataFrame:
    """Return how many users and roles have a proven path, a category of methods a row."""
    once = proven(account).drop_duplicates(["category", "principal_arn"])
    found = counts.crossed(once, "category", "kind", all_columns=["user", "role"])
    return found.rename(columns={"user": "users", "role": "roles"})


def proven_by_method(account: Account) -> pd.DataFrame:
    """Return the methods and targets of proven paths, with how many identities have each."""
    by = ["method", "techniques", "target", "administrator"]
    words = {"description": "method", "reaches_admin": "administrator"}
    found = _with_techniques(proven(account)).drop(columns="method").rename(columns=words)
    found = counts.grouped(found, by)
    return found.sort_values(["administrator", "identities"], ascending=False)


def _with_techniques(paths: pd.DataFrame) -> pd.DataFrame:
    """Return paths with the techniques of each in one text, by which rows can be grouped."""
    return paths.assign(techniques=paths["techniques"].str.join(", ").astype("str"))


def techniques(account: Account) -> pd.DataFrame:
    """Return the techniques of MITRE ATT&CK of methods, and how many identities have one proven."""
    having = proven(account)[["principal_arn", "techniques"]].explode("techniques")
    identities = having.drop_duplicates()["techniques"].value_counts()
    named = [(each.id, each.name, each.taken_for) for each in attack_techniques().values()]
    found = pd.DataFrame(named, columns=["technique", "name", "taken_for"])
    return found.assign(identities=found["technique"].map(identities).fillna(0).astype("int64"))


def proven_by_identity(account: Account) -> pd.DataFrame:
    """Return each proven path with identity, method, target and statements."""
    found = proven(account)[["name", "description", "target", "statements"]]
    return found.rename(columns={"description": "method"})


def lacking_a_target(account: Account) -> pd.DataFrame:
    """Return the methods that need only a target, the most common first."""
    found = _others(account).query("status == 'needs a target'").drop(columns="method")
    words = {"description": "method", "prerequisite": "what_to_look_for"}
    by = ["category", "method", "techniques", "what_to_look_for"]
    made = counts.grouped(_with_techniques(found.rename(columns=words)), by)
    return made.sort_values(["identities", "method"], ascending=[False, True]).drop(
        columns="category"
    )


def example(account: Account) -> str:
    """Return the ARN of the first identity that can become administrator, if any; else empty."""
    return next(iter(becoming(account)["principal_arn"]), "")


def reach(account: Account, principal: str, context: str) -> pd.DataFrame:
    """Return the identities that a principal can become; no rows without a principal."""
    found = account.reach(principal, context) if principal else account.admin_paths.head(0)
    return found.assign(
        through=chains(found["route"].str[1:-1], names(account)), the_last_step=found["how"].str[-1]
    )[["steps", "kind", "name", "through", "the_last_step"]]
