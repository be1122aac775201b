"""
What a caller chooses in a request: condition keys cut into the classes that conditions tell apart.

The caller of an API picks the Region, the user agent, the name of a session, the tags it asks for.
Where a condition tests such a key, some value suits the caller best. `choices` returns every
combination that has to be tried: for each key one value per text that a condition names, one that
none names, and none at all. Calls to IAM are always made to one Region of the partition, so the
Region is not chosen there.

Errs towards no choice: past `MOST` combinations, a key is left unknown, and so is a value that
needs an unknown variable. A time of day, and the network, are no choices here.

Source: IAM User Guide, "AWS global condition context keys" (aws:RequestedRegion, aws:UserAgent,
aws:RequestTag, aws:TagKeys) and "IAM and AWS STS condition context keys" (sts:RoleSessionName).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from typing import Any, Final

from iamkit.policy.conditions import KeyTest, key_tests
from iamkit.policy.context import ABSENT, UNKNOWN, RequestContext, Value
from iamkit.policy.model import PolicyLayers, Statement
from iamkit.policy.patterns import Pattern, resolve
from iamkit.reference import load_catalog

MOST: Final = 64  # combinations of values that are tried
REGION: Final = "aws:requestedregion"
REQUEST_TAG: Final = "aws:requesttag/"
TAG_KEYS: Final = "aws:tagkeys"
SESSION_NAME: Final = "sts:rolesessionname"
SOURCE_IDENTITY: Final = "sts:sourceidentity"

# Keys whose value the caller of an API chooses, besides aws:RequestTag/….
CHOSEN: Final = frozenset(
    (
        *(REGION, "aws:useragent", "aws:referer", TAG_KEYS, SESSION_NAME),
        *("sts:durationseconds", "sts:transitivetagkeys"),
    )
)

# The caller chooses the resource as well. One of its own account is as good as any, so what such a
# resource has in common with the caller is known: the key that has the same value.
OF_RESOURCE: Final = {
    "aws:resourceaccount": "aws:principalaccount",
    "aws:resourceorgid": "aws:principalorgid",
}

HOME_REGION: Final = "iamkit:home-region"  # in a context: that of the account's partition

# The Region of IAM's calls, by partition, and others that exist.
HOME: Final = {"aws": "us-east-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}
REGIONS: Final = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3"),
    *("eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "ca-central-1"),
    *("ca-west-1", "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2"),
    *("ap-southeast-3", "ap-southeast-4", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
    *("ap-east-1", "sa-east-1", "me-south-1", "me-central-1", "af-south-1", "il-central-1"),
    *("mx-central-1", "us-gov-west-1", "us-gov-east-1", "cn-north-1", "cn-northwest-1"),
)
_OWN_REGIONS: Final = {"aws-us-gov": "us-gov-", "aws-cn": "cn-"}

# Services that are called in the partition's home Region only.
GLOBAL_SERVICES: Final = ("iam:*", "organizations:*", "account:*", "cloudfront:*", "route53:*")

_WORD: Final = "iamkit-chosen"
_ALWAYS: Final = (REGION, SESSION_NAME)  # no request goes without


def is_chosen(key: str) -> bool:
    """
    Whether the caller chooses a condition key, which is in lower case.

    >>> is_chosen("aws:requesttag/team"), is_chosen("aws:sourceip")
    (True, False)
    """
    return key in CHOSEN or key in OF_RESOURCE or key.startswith(REQUEST_TAG)


def carries(action: str, key: str) -> bool:
    """
    Whether requests for an action may have a chosen key: most calls have no tags to ask for.

    >>> carries("iam:CreateRole", "aws:requesttag/team"), carries("iam:PutRolePolicy", TAG_KEYS)
    (True, False)
    """
    return carried_by(_keys_by_action().get(action.lower(), ()), key)


def carried_by(keys: Iterable[str], key: str) -> bool:
    """Return whether requests may have a chosen key for an action that has `keys`."""
    if not key.startswith((REQUEST_TAG, TAG_KEYS, "sts:")):
        return True
    wanted = REQUEST_TAG if key.startswith(REQUEST_TAG) else key
    named = map(str.lower, keys)
    return wanted in (REQUEST_TAG if each.startswith(REQUEST_TAG) else each for each in named)


@cache
def _keys_by_action() -> dict[str, list[str]]:
    listed = load_catalog().listed
    keys = listed.condition_keys
    codes = zip(listed.actions, keys.codes, strict=True)
    return {action.lower(): keys.values[code] for action, code in codes}


def home_region(context: RequestContext) -> str:
    """Return the Region in which a caller's calls to IAM are made."""
    known = context.get(HOME_REGION)
    return known if isinstance(known, str) else HOME["aws"]


def choices(
    statements: Iterable[Statement], context: RequestContext, action: str = ""
) -> list[RequestContext]:
    """
    Return what a caller may choose where these statements test it and the context does not know it.

    Each is to be joined to the context. Empty: nothing is to be chosen. `action`, if one is asked
    about, tells calls to IAM, whose Region is known.
    """
    return chosen_values(tests_of(statements), context, action)


def tried(layers: PolicyLayers, context: RequestContext, action: str) -> list[RequestContext]:
    """Return the contexts in which a caller can make a call: this one, and with each choice."""
    statements = [
        each
        for _, policies in layers.named()
        for policy in policies
        for each in policy.statements
        if any(map(is_chosen, each.condition_keys))
    ]
    return [context, *map(context.joined, choices(statements, context, action))]


def condition_choices(
    conditions: Iterable[Any], context: RequestContext, also: Iterable[str] = ()
) -> list[RequestContext]:
    """
    Return what a caller may choose where these Conditions of trust policies test it.

    `also` are further keys, in lower case, that it chooses here.
    """
    return chosen_values(tests_in(conditions), context, also=frozenset(also))


def chosen_values(
    tests: Iterable[tuple[KeyTest, bool]],
    context: RequestContext,
    action: str = "",
    also: frozenset[str] = frozenset(),
) -> list[RequestContext]:
    """Return every combination of values for chosen keys; the boolean says if variables count."""
    by_key: dict[str, list[tuple[KeyTest, bool]]] = {}
    for test, variables in tests:
        if (is_chosen(test.key) or test.key in also) and context.get(test.key) is UNKNOWN:
            by_key.setdefault(test.key, []).append((test, variables))
    values: dict[str, list[Value]] = {}
    size = 1
    for key in sorted(by_key):
        found = _values(key, by_key[key], context, action)
        if found and size * len(found) <= MOST:
            values[key], size = found, size * len(found)
    made = (dict(zip(values, each, strict=True)) for each in product(*values.values()))
    return [RequestContext(each, UNKNOWN) for each in made if each and _can_be(each)]


def classes(key: str, tests: Iterable[tuple[KeyTest, bool]], context: RequestContext) -> list[str]:
    """Return one text per class of values that tests of a key tell apart."""
    return list(dict.fromkeys([*_named(key, tests, context), _WORD]))


def tests_of(statements: Iterable[Statement]) -> Iterator[tuple[KeyTest, bool]]:
    """Yield each test of each statement's Condition, and whether variables count in it."""
    for each in statements:
        for test in each.tests:
            yield test, each.variables


def tests_in(conditions: Iterable[Any]) -> Iterator[tuple[KeyTest, bool]]:
    """Yield each test of each Condition of a trust policy, with the same."""
    for each in conditions:
        for test in key_tests(each):
            yield test, True


def _values(
    key: str, tests: list[tuple[KeyTest, bool]], context: RequestContext, action: str
) -> list[Value]:
    if key == REGION:
        return list(_regions(tests, context, action))
    if action and not carries(action, key):
        return [ABSENT]
    if key in OF_RESOURCE:
        same = context.get(OF_RESOURCE[key])
        return [same] if isinstance(same, str) else []
    texts = [*_named(key, tests, context), _WORD]
    found: list[Value] = list(dict.fromkeys(texts))
    if key in (TAG_KEYS, "sts:transitivetagkeys"):
        found = [(text,) for text in dict.fromkeys(texts)]
        found += [tuple(dict.fromkeys(texts[:-1]))] if len(found) > 2 else []
    return found if key in _ALWAYS else [*found, ABSENT]


def _named(
    key: str, tests: Iterable[tuple[KeyTest, bool]], context: RequestContext
) -> Iterator[str]:
    """A value for each text that the tests name."""
    for test, variables in tests:
        if test.name == "null":
            continue
        globs = test.name.endswith("like") or test.name.startswith("arn")
        for text in test.values:
            pattern = resolve(text, context, variables=variables, wildcards=globs)
            if not isinstance(pattern, Pattern):
                continue
            value = pattern.filled(_WORD, "0")
            yield value
            if test.name.startswith("numeric") and value.lstrip("-").isdigit():
                yield from (str(int(value) - 1), str(int(value) + 1))


def _regions(
    tests: list[tuple[KeyTest, bool]], context: RequestContext, action: str
) -> Iterator[str]:
    home = home_region(context)
    yield home
    if action.lower().startswith("iam:"):
        return
    others = tuple(_OWN_REGIONS.values())
    own = next((each for each in others if home.startswith(each)), None)
    real = [
        each
        for each in REGIONS
        if (each.startswith(own) if own else not each.startswith(others)) and each != home
    ]
    named = set(_named(REGION, tests, context))
    patterns = [
        pattern
        for test, variables in tests
        for text in test.values
        if isinstance(pattern := resolve(text, context, variables=variables), Pattern)
    ]
    seen: set[tuple[bool, ...]] = set()
    for region in [*real, *sorted(named - {*real, home})]:
        answers = tuple(pattern.matches(region) for pattern in patterns)
        if answers not in seen and (region in REGIONS or "iamkit" not in region):
            seen.add(answers)
            yield region


def _can_be(chosen: dict[str, Value]) -> bool:
    """Whether a request can carry these values together: aws:TagKeys are the tags' own keys."""
    keys = chosen.get(TAG_KEYS)
    if keys is None:
        return True
    named = {each.lower() for each in keys} if isinstance(keys, tuple) else set()
    tags = {key.removeprefix(REQUEST_TAG): v for key, v in chosen.items() if REQUEST_TAG in key}
    return all((key in named) is (value is not ABSENT) for key, value in tags.items())
