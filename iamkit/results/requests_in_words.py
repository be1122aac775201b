"""
Requests and the statements that decide on them, in words: what tables hold as data.

Notebooks reach all of it through `charts`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit.policy import DOUBT
from iamkit.values import as_dict

ABSENT: Final = "absent"
UNKNOWN: Final = "unknown"

# Values that say so much of how a request is made that the key need not be named, by key in lower
# case; an empty text is left out, as every request carries it.
_SAID: Final[Mapping[tuple[str, str], str]] = {
    ("aws:multifactorauthpresent", ABSENT): "signed with an access key",
    ("aws:multifactorauthpresent", "false"): "in a session without MFA",
    ("aws:multifactorauthpresent", "absent or false"): "without MFA",
    ("aws:multifactorauthpresent", "true"): "with MFA",
    ("aws:multifactorauthage", ABSENT): "without MFA",
    ("aws:tokenissuetime", ABSENT): "",
    ("aws:viaawsservice", "false"): "",
    ("aws:securetransport", "true"): "",
    ("aws:securetransport", "false"): "without TLS",
    ("aws:sourceip", ABSENT): "through a VPC endpoint",
    ("aws:principalisawsservice", "false"): "",
    ("aws:principalisawsservice", "true"): "",
    ("saml:aud", ABSENT): "for no audience",
    ("sts:externalid", ABSENT): "without an external id",
}

# How a sentence says the value of a key, by key in lower case.
_WITH: Final[Mapping[str, str]] = {
    "aws:multifactorauthage": "used {} seconds ago",
    "aws:tokenissuetime": "in a session that began at {}",
    "aws:currenttime": "at {}",
    "aws:epochtime": "at {} seconds since 1970",
    "aws:sourceip": "from the address {}",
    "aws:vpcsourceip": "from the private address {}",
    "aws:sourcevpc": "from {}",
    "aws:sourcevpce": "through {}",
    "aws:requestedregion": "to {}",
    "aws:useragent": "with the user agent “{}”",
    "aws:referer": "with the referer “{}”",
    "aws:sourcearn": "on behalf of {}",
    "aws:sourceaccount": "for account {}",
    "saml:aud": "for the audience “{}”",
    "sts:externalid": "with the external id “{}”",
}

_CLAIM: Final = "claim "  # how a key begins that is a claim of the caller's token

# What somebody comes with who is no identity of AWS.
_COMES_WITH: Final[Mapping[str, str]] = {
    "sts:assumerolewithwebidentity": "a token of ",
    "sts:assumerolewithsaml": "an assertion of ",
}

# Absent keys of endpoints, of a service's source and of an organization say what is usual.
_USUAL: Final = re.compile(
    r"aws:(sourcevpc|vpc|calledvia|source(account|arn|org)|principal(org|service)|username)"
)
_MFA: Final = "aws:multifactorauthpresent"

# Keys that the caller's ARN says already.
_OF_CALLER: Final = frozenset(
    ("aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:userid")
)


def request(witness: Any) -> str | None:
    """
    A request that a table holds as a witness, in words; None for none.

    >>> request({"action": "s3:GetObject", "resource": "*", "effect": "Allowed",
    ...          "context": {"aws:SourceIp": "45.0.66.66", "aws:SecureTransport": "true"}})
    's3:GetObject, from the address 45.0.66.66'
    """
    found = as_dict(witness)
    if not found:
        return None
    resource = found.get("resource")
    asked = str(found.get("action"))
    asked += "" if resource in (None, "*") else f" on {resource}"
    by = [f"by {_who(found)}"] if isinstance(found.get("caller"), str) else []
    said = ", ".join([asked, *by, *filter(None, _carried(found))])
    certain, values = found.get("effect") == "Allowed", {*as_dict(found.get("context")).values()}
    if certain and values <= {UNKNOWN}:
        said += ", in any request context"
    if isinstance(found.get("assumed"), str):
        said = f"as role {found['assumed'].rpartition('/')[2]}, which it assumes first: {said}"
    return said if certain else f"possible: {said}"


def statement(row: Mapping[Any, Any]) -> str | None:
    """
    The statement that decides in a row of a verdict, and the policy it is of; None for none.

    >>> statement({"statement": "statement 2", "policy_name": "Admins"})
    'statement 2 of Admins'
    >>> statement({"policy_arn": "arn:aws:iam::111122223333:role/dev", "policy_name": "dev"})
    'the trust policy of dev'
    >>> statement({"policy_arn": "arn:aws:iam::111122223333:role/dev#own", "policy_name": "own"})
    'own'
    """
    said = (row.get("statement"), row.get("policy_name"))
    named = [each for each in said if isinstance(each, str)]
    arn = str(row.get("policy_arn"))
    if named and ":role/" in arn and "#" not in arn:  # that would be an inline policy of the role
        named[-1] = f"the trust policy of {named[-1]}"
    return " of ".join(named) or None


def with_requests(frame: pd.DataFrame) -> pd.DataFrame:
    """
    The frame with what a reader has to see of each verdict, in words, as two more columns.

    They are `statement that decides`, of its columns `policy_arn`, `policy_name` and `statement`,
    or of its lists `statements`, and `request that is allowed`, of its `witness`.
    """
    if "statements" in frame:
        decides = [" and ".join(each) or None for each in frame["statements"]]
    else:
        rows = frame[["policy_arn", "policy_name", "statement"]].to_dict("records")
        decides = list(map(statement, rows))
    found = pd.Series([request(each) for each in frame["witness"]], frame.index, dtype="str")
    said = pd.Series(decides, frame.index, dtype="str")
    return frame.assign(**{"statement that decides": said, "request that is allowed": found})


def caller(witness: Any) -> str | None:
    """
    The caller of a request that a table holds as a witness, in words; None for none.

    >>> caller({"action": "sts:AssumeRoleWithWebIdentity", "caller": "gitlab.com",
    ...         "context": {"gitlab.com:sub": "project_path:any/thing"}, "effect": "Allowed"})
    'a token of gitlab.com, whose sub is “project_path:any/thing”'
    """
    found = as_dict(witness)
    if not found:
        return None
    said = ", ".join([_who(found), *filter(None, _carried(found))])
    return said if found.get("effect") == "Allowed" else f"possible: {said}"


def _who(found: Mapping[str, Any]) -> str:
    """The caller of a request; what somebody comes with who is no identity of AWS."""
    comes_with = _COMES_WITH.get(str(found.get("action")).lower(), "")
    return f"{comes_with}{found.get('caller')}"


def _carried(found: Mapping[str, Any]) -> list[str]:
    """What a request carries, a key a phrase; an empty one says what every request does."""
    context = as_dict(found.get("context"))
    certain, by = found.get("effect") == "Allowed", found.get("caller")
    keys = {key.lower(): value for key, value in context.items()}
    endpoints = ("aws:sourcevpc", "aws:sourcevpce")
    told = {*(_OF_CALLER if by else ())}  # by others
    if by and keys.get(_MFA) == ABSENT:  # a role's session has none either
        context = {key: value for key, value in context.items() if key.lower() != _MFA}
        context["aws:MultiFactorAuthAge"] = ABSENT
    if f":{keys.get('aws:sourceaccount')}:" in str(keys.get("aws:sourcearn")):
        told.add("aws:sourceaccount")
    elif _MFA in keys and keys.get("aws:multifactorauthage") == ABSENT:
        told.add("aws:multifactorauthage")
    if any(keys.get(each, ABSENT) not in (ABSENT, UNKNOWN) for each in endpoints):
        told.add("aws:sourceip")
    return [
        _phrase(_claim(key, by), str(value), certain=certain)
        for key, value in context.items()
        if key.lower() not in told
    ]


def _claim(key: str, provider: Any) -> str:
    """A key, or the claim that it is of the provider's token."""
    start = f"{provider}:".lower()
    return f"{_CLAIM}{key[len(start) :]}" if key.lower().startswith(start) else key


def _phrase(key: str, value: str, *, certain: bool) -> str:
    """What one key of a request says; empty if it need not be said."""
    lower = key.lower()
    if (lower, value) in _SAID:
        return _SAID[lower, value]
    if lower == DOUBT:
        return "" if certain else "if the policies that cannot be read allow it"
    if value == UNKNOWN:  # of a request that is allowed, it makes no difference
        return "" if certain else f"if {key.removeprefix(_CLAIM)} has a suitable value"
    if value == ABSENT:
        return "" if _USUAL.match(lower) else f"without {key.removeprefix(_CLAIM)}"
    if key.startswith(_CLAIM):
        return f"whose {key.removeprefix(_CLAIM)} is “{value}”"
    if lower in _WITH:
        return _WITH[lower].format(value)
    return f"with {key} “{value}”"
