"""
What each policy grants by itself.

Other policies, boundaries and service control policies may deny some of it; they are left out here.
The whole document counts, its denies included. Its conditions are evaluated for a caller who meets
those on how a request arrives: with MFA, over TLS, from a network or VPC endpoint that the policy
itself admits. Who the caller is, and every other key, is unknown. So full administration from the
office only is full administration, a Deny without MFA removes no escalation method, and an Allow
beside a Deny of the same grants nothing. What depends on an unknown key is not counted, which errs
towards less.

Source: IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access.administrators import SELF_PROMOTION
from iamkit.access.permissions import risky_actions
from iamkit.access.principals import Principals
from iamkit.policy import (
    CERTAIN,
    DOUBT,
    ENDPOINT_KEYS,
    SOURCE_IP_KEYS,
    UNKNOWN,
    WILD,
    KeyTest,
    Policy,
    PolicyEvaluator,
    PolicyLayers,
    RequestContext,
    Statement,
    decide,
)
from iamkit.reference import Bits, Catalog, Flags, escalation_methods
from iamkit.reference import actions as catalogs
from iamkit.table import COUNT, OBJECT, TEXT, TRUTH, Column, Table
from iamkit.tables import AccountTables
from iamkit.values import as_dict, listed

POLICY_GRANTS: Final = Table(
    name="policy_grants",
    row="one policy and what it grants by itself; missing values: its content is not known",
    key=("policy_arn",),
    columns=(
        Column("policy_arn", TEXT, "policy"),
        Column("policy_name", TEXT, "name"),
        Column(
            "kind",
            TEXT,
            "aws (managed by AWS), customer or inline",
            values=("aws", "customer", "inline"),
        ),
        Column(
            "unseen", TRUTH, "its document is not in the evidence, or a part of it cannot be read"
        ),
        Column("everything", TRUTH, "allows every action on every resource"),
        Column(
            "administrative",
            TRUTH,
            "allows everything, or everything but exceptions that its holder can remove",
        ),
        Column("conditional", TRUTH, "grants less to a caller without MFA or from outside"),
        Column(
            "full_services",
            OBJECT,
            "list of services with every action allowed on every resource",
        ),
        Column("escalations", OBJECT, "list of escalation methods, by their id in escalation.yaml"),
        Column("assumes_any_role", TRUTH, "allows assuming roles that it does not name one by one"),
        Column("reads_secrets", TRUTH, "allows reading every secret, or every parameter"),
        Column(
            "subscribes",
            TRUTH,
            "allows subscribing to AWS Marketplace products on every resource",
        ),
        Column(
            "actions",
            COUNT,
            "number of actions that it certainly allows, on at least one resource",
        ),
        Column("risky", COUNT, "number of these actions that are in a risk class"),
    ),
)

_IP: Final = SOURCE_IP_KEYS[0]
_NETWORK_KEYS: Final = frozenset((*SOURCE_IP_KEYS, *ENDPOINT_KEYS))
_ASSUME: Final = "sts:AssumeRole"

# What reads secrets in clear text, and a resource that stands for any: `~` is no region and no
# name, so a pattern that matches it matches all of them.
_SECRETS: Final = {
    "secretsmanager:GetSecretValue": "secretsmanager:~:{}:secret:~",
    "ssm:GetParameter": "ssm:~:{}:parameter/~",
    "ssm:GetParameters": "ssm:~:{}:parameter/~",
    "ssm:GetParametersByPath": "ssm:~:{}:parameter/~",
}


def policy_grants(account: AccountTables, callers: Principals) -> pd.DataFrame:
    """
    Evaluate every policy by itself. Rows: see `POLICY_GRANTS`, in the order of `policies`.

    An escalation method counts if all its actions are allowed, and those that use a resource, such
    as a role, on resources that are not named one by one (see `names_no_resource`). What an action
    on one named role gains depends on that role, so there this errs towards silence. Where one
    statement cannot be read, what the others grant is known, and nothing else. Equal documents are
    evaluated once.
    """
    table = account.policies
    numbers: dict[str, int] = {}
    distinct: list[Policy] = []
    which = []
    for policy in _written(account, callers):
        if policy is not None and policy.content not in numbers:
            numbers[policy.content] = len(distinct)
            distinct.append(policy)
        which.append(-1 if policy is None else numbers[policy.content])
    judged = _judged(distinct, callers).reindex(which).astype("object").set_axis(table.index)
    doubtful = [at < 0 or _is_doubtful(distinct[at]) for at in which]
    silent = judged.isna() | ~judged.map(bool)
    silent[["actions", "risky"]] = True  # there may be more
    judged = judged.mask(silent.mul(doubtful, axis=0), None)
    return POLICY_GRANTS.conform(table.assign(unseen=doubtful).join(judged))


def _is_doubtful(policy: Policy) -> bool:
    """Whether a statement of it cannot be read."""
    return any(DOUBT in each.condition_keys for each in policy.statements)


def administrative(documents: Iterable[Any], callers: Principals) -> list[bool]:
    """Whether each document, such as an old version, is administrative; see `POLICY_GRANTS`."""
    policies = [Policy("a version", as_dict(document)) for document in documents]
    answers: list[bool] = _judged(policies, callers)["administrative"].tolist()
    return answers


def names_no_resource(statement: Statement) -> bool:
    """
    Whether a statement does not name its resources one by one, but for their region.

    `arn:aws:iam::*:role/deploy` is a role of any account, `…:role/app-*` any that is called so, now
    or later.
    """
    names = (text.split(":", 4)[-1] for text in statement.resources)
    return statement.not_resources or any(map(WILD.search, names))


def _written(account: AccountTables, callers: Principals) -> Iterator[Policy | None]:
    """Each policy as its document says; None if that is not known."""
    known = {arn: policy for policy, arn in callers.policy_arns.items()}
    table = account.policies
    for arn, unreadable in zip(table["policy_arn"], table["problem"].notna(), strict=True):
        yield None if unreadable else known[arn]


def _judged(policies: Sequence[Policy], callers: Principals) -> pd.DataFrame:
    """Columns of `POLICY_GRANTS` from `everything` on, a row per policy."""
    catalog = callers.catalog
    best, stolen = (
        RequestContext(callers.arrival(name), UNKNOWN) for name in ("mfa-inside", "stolen-key")
    )
    cases = [(policy, _admitted(policy, best, stolen)) for policy in policies]
    certain, anywhere, least, unnamed = _rows(cases, stolen, callers.evaluator)
    everything = ~_any(catalog.every_listed & ~anywhere)
    secrets = catalog.bits(_SECRETS)
    any_secret, every_secret = _any(certain & secrets), _any(anywhere & secrets)
    return pd.DataFrame(
        {
            "everything": everything,
            "administrative": [
                bool(all_of_it or _lifts_exceptions(*each, callers))
                for all_of_it, each in zip(everything, cases, strict=True)
            ],
            "conditional": _any(certain & ~least),
            "full_services": _full_services(anywhere, catalog),
            "escalations": _escalations(certain, unnamed, catalog),
            "assumes_any_role": _any(unnamed & catalog.bits(_ASSUME)),
            "reads_secrets": [
                bool(every or (some and _reads_secrets(*each, callers)))
                for some, every, each in zip(any_secret, every_secret, cases, strict=True)
            ],
            "subscribes": _any(anywhere & catalog.bits("aws-marketplace:Subscribe")),
            "actions": catalogs.popcount(certain),
            "risky": catalogs.popcount(certain & risky_actions(catalog)),
        }
    )


def _rows(
    cases: Sequence[tuple[Policy, RequestContext]],
    stolen: RequestContext,
    evaluator: PolicyEvaluator,
) -> Bits:
    """
    Rows of each policy, shape (4, policies, words).

    The actions that it certainly allows; those on every resource; those certainly with a stolen
    key; and, of the actions that escalation methods use, those certainly on resources that it does
    not name one by one.
    """
    catalog = evaluator.catalog
    combine = cache(evaluator.combine)  # many policies say the same about other resources
    methods = escalation_methods().values()
    used = {action for method in methods for action in method.actions_on_existing}
    using = catalog.bits((_ASSUME, *used))
    made = np.empty((4, len(cases), catalog.words), dtype=catalogs.WORD)
    for at, (policy, context) in enumerate(cases):
        best, worst = evaluator.outcomes(PolicyLayers((policy,)), context, stolen)
        _, certain, anywhere = combine(best)
        least = combine(worst)[CERTAIN]
        unnamed = certain & using
        if unnamed.any():
            (left,) = evaluator.outcomes(PolicyLayers((_without_names(policy),)), context)
            unnamed = combine(left)[CERTAIN] & using
        made[:, at] = certain, anywhere, least, unnamed
    return made


def _without_names(policy: Policy) -> Policy:
    """A policy without the allows that name resources one by one: see `names_no_resource`."""
    named = {
        each.number for each in policy.statements if each.allows and not names_no_resource(each)
    }
    if not named:
        return policy
    document = as_dict(policy.document)
    kept = [raw for at, raw in enumerate(listed(document["Statement"]), 1) if at not in named]
    return Policy(policy.name, {**document, "Statement": kept})


def _any(rows: Bits) -> Flags:
    """Whether each row has any action."""
    return np.asarray(rows.any(axis=1))


def _admitted(policy: Policy, best: RequestContext, stolen: RequestContext) -> RequestContext:
    """
    The context of a caller from a network, or through a VPC endpoint, that the policy admits.

    That is the first network that an Allow requires or a Deny exempts. A policy that only lists
    networks to deny is evaluated for a caller from elsewhere.
    """
    about = [
        each for each in policy.statements if not _NETWORK_KEYS.isdisjoint(each.condition_keys)
    ]
    places: dict[str, Any] = {}
    for statement in about:
        for operator, block in statement.condition.items():
            for key, raw in as_dict(block).items():
                test = KeyTest.of(operator, key, raw)
                admits = ("not" not in test.name) == statement.allows
                if test.key in _NETWORK_KEYS and admits and test.values:
                    places.setdefault(test.key, test.values[0].partition("/")[0])
    return best.but({_IP: stolen.get(_IP), **places}) if about else best


def _lifts_exceptions(policy: Policy, context: RequestContext, callers: Principals) -> bool:
    """
    Whether a policy allows all but exceptions, and lets its holder attach a policy without any.

    Tried on a user, group, role and policy with a name that no exception is likely to be about.
    """
    if not any(_all_but(statement) for statement in policy.statements):
        return False
    prefix = f"{_prefix(callers)}iam::{callers.account.account_id}:"
    return any(
        decide(action, f"{prefix}{kind}/iamkit~any", context, identity=[policy])
        for action, kind in SELF_PROMOTION.items()
    )


def _all_but(statement: Statement) -> bool:
    wide = statement.not_actions or not {"*", "*:*"}.isdisjoint(statement.actions)
    return statement.allows and wide and "*" in statement.resources and not statement.not_resources


def _reads_secrets(policy: Policy, context: RequestContext, callers: Principals) -> bool:
    """Whether a policy reads every secret, or every parameter, of all regions."""
    return any(
        decide(
            action,
            _prefix(callers) + resource.format(callers.account.account_id),
            context,
            identity=[policy],
        )
        for action, resource in _SECRETS.items()
    )


def _prefix(callers: Principals) -> str:
    return f"arn:{callers.account.partition}:"


def _full_services(anywhere: Bits, catalog: Catalog) -> list[list[str]]:
    """Services whose every action each row has; a service that no list knows cannot be."""
    known = catalog.every_listed
    every = catalog.count_by_service(known[None, :])
    rows, which = _distinct(anywhere)
    full = (catalog.count_by_service(rows & known) == every) & (every > 0)
    services = np.array(catalog.services, dtype="object")
    names = [services[each].tolist() for each in full]
    return [names[number] for number in which]


def _escalations(certain: Bits, unnamed: Bits, catalog: Catalog) -> list[list[str]]:
    """Escalation methods that each row of `certain`, with its row of `unnamed`, allows."""
    rows, which = _distinct(np.hstack([certain, unnamed]))
    found: list[list[str]] = [[] for _ in rows]
    for name, method in escalation_methods().items():
        if not all(catalog.bits(action).any() for action in method.permissions):
            continue  # an action is newer than the list, and no policy names it
        if method.gains in ("session", "outside"):
            continue  # gains nothing in the account beyond what the holder was granted
        needed = np.hstack(
            [catalog.bits(method.permissions), catalog.bits(method.actions_on_existing)]
        )
        for at in np.flatnonzero(~_any(needed & ~rows)):
            found[at].append(name)
    return [found[number] for number in which]


def _distinct(rows: Bits) -> tuple[Bits, list[int]]:
    """The distinct rows, and for each row which of them it is."""
    numbers: dict[bytes, int] = {}
    which = [numbers.setdefault(row.tobytes(), len(numbers)) for row in rows]
    first = np.frombuffer(b"".join(numbers), dtype=rows.dtype)
    return first.reshape(len(numbers), rows.shape[1]), which
