"""
What every AWS managed policy allows: iamkit beside py-iam-expand and policy-sentry, in one run.

The policies are those that moto ships: their Allow statements' Action and NotAction, without
resources and conditions. All three start with their lists read; iamkit's caches of patterns are
empty. The other two are installed into an environment of their own, `benchmarks/.venv-peers`.

They do not compute quite the same. iamkit makes a bit row per policy. The others make a list of
names per statement; the union per policy is taken here, outside the clock. policy-sentry does not
match a service in another case (`Discovery:*`), as IAM does. Its `expand`
hands back a pattern without `*` as it is, without looking it up, which takes no time, and a dead
wildcard too; it has no NotAction, so those statements are left out of its input. Sets are compared
over the actions that both lists know, so that the lists' ages play no part.
"""

import json
import re
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np
from company import say
from moto.iam.aws_managed_policies import aws_managed_policies_data

from iamkit.reference import actions as catalog
from iamkit.reference import load_catalog

PEERS = Path(__file__).parent / ".venv-peers"
Policy = list[tuple[list[str], list[str] | None]]  # per statement: Action, NotAction

# Runs in the peers' environment, once for each of them.
PEER = """
import importlib.metadata, json, sys, time

name, policies = sys.argv[1], json.load(sys.stdin)
if name == "py-iam-expand":
    from py_iam_expand.actions import InvalidActionHandling, expand_actions, invert_actions
    drop = InvalidActionHandling.REMOVE
    known = expand_actions("*", drop)
    def allowed(actions, not_actions):
        if not_actions is not None:
            return invert_actions(not_actions, drop)
        return expand_actions(actions, drop)
else:
    from policy_sentry.analysis.expand import expand
    from policy_sentry.querying.all import get_all_actions
    known = get_all_actions()
    def allowed(actions, not_actions):
        return expand(actions)

start = time.perf_counter()
sets = [[allowed(*statement) for statement in policy] for policy in policies]
seconds = time.perf_counter() - start
sets = [sorted({action.lower() for one in policy for action in one}) for policy in sets]
known = sorted({action.lower() for action in known})
version = importlib.metadata.version(name)
json.dump({"version": version, "seconds": seconds, "known": known, "sets": sets}, sys.stdout)
"""


def managed_policies() -> dict[str, Policy]:
    """The Allow statements of every policy by its name."""

    def listed(value: Any) -> list[Any]:
        return value if isinstance(value, list) else [value]

    return {
        name: [
            (
                listed(statement.get("Action", [])),
                listed(statement["NotAction"]) if "NotAction" in statement else None,
            )
            for statement in listed(policy["Document"]["Statement"])
            if statement["Effect"] == "Allow"
        ]
        for name, policy in json.loads(aws_managed_policies_data).items()
    }


def rows(actions: catalog.Catalog, policies: list[Policy]) -> catalog.Bits:
    """One bit row per policy."""
    table = np.zeros((len(policies), actions.words), np.uint64)
    for row, policy in zip(table, policies, strict=True):
        row |= actions.bits(pattern for named, _ in policy for pattern in named)
        for _, excluded in policy:
            if excluded is not None:
                row |= actions.mask() & ~actions.bits(excluded)
    return table


def cold(policies: list[Policy]) -> float:
    """Seconds for all rows by a catalog that has met no pattern yet."""
    loaded = load_catalog()
    actions = catalog.Catalog(loaded.listed, loaded.source)
    catalog._glob.cache_clear()
    re.purge()
    start = time.perf_counter()
    rows(actions, policies)
    return time.perf_counter() - start


def peer(name: str, policies: list[Policy]) -> dict[str, Any]:
    """What a peer answers, from a process of its own."""
    done = subprocess.run(
        [PEERS / "bin" / "python", "-c", PEER, name],
        input=json.dumps(policies), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def compare(actions: catalog.Catalog, policies: dict[str, Policy], name: str) -> None:
    """Print a peer's time as a ratio, and where its sets differ from ours."""
    given = dict(policies)
    if name == "policy-sentry":
        given = {
            key: [statement for statement in policy if statement[1] is None]
            for key, policy in policies.items()
        }
    seconds = min(cold(list(given.values())) for _ in range(5))
    answer = peer(name, list(given.values()))
    say(
        f"{name + ' ' + answer['version']:<22} {answer['seconds'] / seconds:6.1f} times as long "
        f"({answer['seconds']:.2f} s; iamkit {seconds * 1e3:.0f} ms on the same input)"
    )
    both = {action.lower() for action in actions.names(actions.mask())} & set(answer["known"])
    say(f"  compared over {len(both):,} actions; it knows {len(answer['known']):,}")
    different = []
    ours = rows(actions, list(given.values()))
    for key, row, theirs in zip(given, ours, answer["sets"], strict=True):
        mine = {action.lower() for action in actions.names(row)} & both
        only_mine, only_theirs = sorted(mine - set(theirs)), sorted(set(theirs) & both - mine)
        if only_mine or only_theirs:
            different.append((key, only_mine, only_theirs))
    say(f"  {len(different)} of {len(given):,} policies differ")
    for key, mine, theirs in different[:5]:
        say(f"    {key}: {len(mine)} only here {mine[:2]}, {len(theirs)} only there {theirs[:2]}")


if not (PEERS / "done").exists():
    venv.EnvBuilder(with_pip=True, clear=True).create(PEERS)
    install = [PEERS / "bin" / "python", "-m", "pip", "install", "-qq"]
    subprocess.run([*install, "py-iam-expand", "policy-sentry"], check=True, stdout=sys.stderr)
    (PEERS / "done").touch()

start = time.perf_counter()
actions = load_catalog()
loading = time.perf_counter() - start
policies = managed_policies()
patterns = [
    pattern
    for policy in policies.values()
    for named, excluded in policy
    for pattern in [*named, *(excluded or [])]
]
times = sorted(cold(list(policies.values())) for _ in range(5))
start = time.perf_counter()
extended = actions.including(patterns)
extending = time.perf_counter() - start
say(
    f"{len(policies):,} policies with {len(patterns):,} patterns, {len(set(patterns)):,} of them "
    f"distinct; {actions}, loaded in {loading * 1e3:.0f} ms"
)
say(f"{'iamkit':<22}    1.0 ({times[0] * 1e3:.0f} to {times[-1] * 1e3:.0f} ms in 5 runs)")
say(
    f"  and {extending / times[0]:.1f} to give a row to the {extended.size - actions.size} actions "
    "and wildcards that the list does not know"
)
for name in ("py-iam-expand", "policy-sentry"):
    compare(actions, policies, name)
