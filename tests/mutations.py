"""
Damage to saved answers, as disks, editors, shells and proxies do it; a seed always does the same.

A mutation of `MEANINGLESS` leaves something that says nothing in place of what was there, so
nothing may pass afterwards that did not before. What `OTHERS` leave may be evidence of another
account.

`make fuzz` runs this module: it tries as many mutations as one asks for, and prints what is wrong.
"""

import copy
import csv
import io
import json
import random
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from iamkit import Account
from iamkit.checks.registry import Status
from iamkit.errors import IamkitError
from iamkit.evidence import cli_files
from iamkit.evidence.requests import REPORT
from iamkit.evidence.responses import Response
from tests import removals
from tests.accounts import (
    ACCOUNT,
    ARN,
    AS_OF,
    HEADER,
    ROOT,
    details,
    group,
    of_answers,
    policy,
    role,
    user,
)

Files = dict[str, bytes]
Mutation = Callable[[random.Random, Files], str]  # damages one file; says how

SINCE = "2024-05-01T12:00:00+00:00"
LINE = (
    "{0}," + ARN + "user/{0}," + f"{SINCE},true,2025-01-01T12:00:00+00:00,{SINCE},N/A,{{1}},"
    "true,2024-05-01T12:00:00+00:00,2025-01-01T12:00:00+00:00,eu-central-1,s3,"
    f"false,N/A,N/A,N/A,N/A,true,{SINCE},false,N/A"
)
ALL = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
READ = {"Version": "2012-10-17", "Statement": [{"Sid": "Read", "Effect": "Allow",
        "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::logs/*"}]}  # fmt: skip
GUARD = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"},
    {"Effect": "Deny", "NotAction": ["iam:ListMFADevices", "iam:EnableMFADevice"], "Resource": "*",
     "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}},
    {"Effect": "Deny", "Action": "*", "Resource": "*",
     "Condition": {"NotIpAddress": {"aws:SourceIp": ["198.51.100.0/24"]}}}]}  # fmt: skip
VENDOR = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
          "Principal": {"AWS": "arn:aws:iam::999988887777:root"}, "Action": "sts:AssumeRole",
          "Condition": {"StringEquals": {"sts:ExternalId": "x-1"}}}]}  # fmt: skip
OIDC = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Federated": f"{ARN}oidc-provider/token.actions.githubusercontent.com"},
        "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:us/it:ref:refs/heads/main"}}}],
        }  # fmt: skip


def _attached(*names: str) -> dict[str, Any]:
    found = [{"PolicyName": name, "PolicyArn": f"{ARN}policy/{name}"} for name in names]
    return {"AttachedManagedPolicies": found}


def files() -> Files:
    """Saved files of a small account with one of everything, damaged nowhere."""
    lists = details(
        [
            user("ann", GroupList=["Ops"], Tags=[{"Key": "team", "Value": "ops"}]),
            user("bob", **_attached("Guard"), PermissionsBoundary={
                "PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": f"{ARN}policy/Guard"}),
            user("eve", UserPolicyList=[{"PolicyName": "own", "PolicyDocument": READ}]),
        ],
        [group("Ops", **_attached("Owner"))],
        [
            role("vendor", VENDOR, **_attached("Guard"), RoleLastUsed={
                "LastUsedDate": "2026-10-01T00:00:00+00:00", "Region": "eu-central-1"}),
            role("deploy", OIDC, RolePolicyList=[{"PolicyName": "p", "PolicyDocument": ALL}]),
        ],
        [policy("Owner", ALL, AttachmentCount=1), policy("Guard", GUARD, AttachmentCount=2)],
    )  # fmt: skip
    answers: dict[str, Any] = {
        "details.json": lists,
        "summary.json": {"SummaryMap": {"Users": 3, "Groups": 1, "Roles": 2, "Policies": 2,
                         "AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0}},
        "password-policy.json": {"PasswordPolicy": {
            "MinimumPasswordLength": 14, "RequireSymbols": True, "RequireNumbers": True,
            "RequireUppercaseCharacters": True, "RequireLowercaseCharacters": True,
            "AllowUsersToChangePassword": True, "MaxPasswordAge": 90,
            "PasswordReusePrevention": 24}},
        "aliases.json": {"AccountAliases": ["example"]},
        "mfa.json": {"MFADevices": [{"UserName": "bob", "SerialNumber": f"{ARN}mfa/bob",
                                     "EnableDate": SINCE}]},
        "virtual.json": {"VirtualMFADevices": [
            {"SerialNumber": f"{ARN}mfa/root", "User": {"UserId": ACCOUNT, "Arn": f"{ARN}root",
             "CreateDate": SINCE}, "EnableDate": SINCE}]},
        "services.json": {"ServiceSpecificCredentials": [
            {"UserName": "eve", "Status": "Active", "ServiceUserName": "eve-at-1",
             "CreateDate": SINCE, "ServiceSpecificCredentialId": "ACCA5XKD2QWEMT7BNHYRV",
             "ServiceName": "codecommit.amazonaws.com"}]},
        "certificates.json": {"ServerCertificateMetadataList": [
            {"Path": "/", "ServerCertificateName": "shop", "ServerCertificateId": "ASCAXXXX",
             "UploadDate": SINCE, "Expiration": "2025-11-30T10:52:00+00:00",
             "Arn": f"{ARN}server-certificate/shop"}]},
        "saml.json": {"SAMLProviderList": [{"Arn": f"{ARN}saml-provider/Okta",
                      "ValidUntil": "2034-02-21T07:34:14+00:00", "CreateDate": SINCE}]},
        "oidc.json": {"OpenIDConnectProviderList": [
            {"Arn": f"{ARN}oidc-provider/token.actions.githubusercontent.com"}]},
        "organization.json": {"Organization": {"Id": "o-abcdefghij",
            "MasterAccountId": "999900001111", "FeatureSet": "ALL",
            "MasterAccountArn": "arn:aws:organizations::999900001111:account/o-abcdefghij/9"}},
        "analyzers.json": {"analyzers": [{"arn": "arn:aws:access-analyzer:us-east-1:012345678901:"
            "analyzer/a", "name": "a", "type": "ACCOUNT", "status": "ACTIVE"}]},
    }  # fmt: skip
    lines = [HEADER, ROOT, LINE.format("ann", "false"), LINE.format("bob", "true")]
    lines.append(LINE.format("eve", "false"))
    made = {name: json.dumps(answer, indent=1).encode() for name, answer in answers.items()}
    return made | {"report.csv": ("\n".join(lines) + "\n").encode()}


# What says nothing in any place: of no type, or a text that is no name, number or time.
ODD: Final[tuple[Any, ...]] = (
    *(None, [], {}, "", " ", "\x00", "\u202e\u2066", "\ud800", "=1+1", "N/A", -1, 0.5, [[]]),
    *(10**30, -(10**30), float("inf"), float("nan"), {"": ""}, [None], "x" * 5000, "<script>"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "1600-01-01", "2300-01-01T00:00:00Z"),
    *("2026-11-01T00:00:00+99:99", "%7B%22", "arn:aws:iam::0", "arn:aws:iam::999:user/x", "é" * 9),
)


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each part of a JSON value, its whole included."""
    yield path
    if isinstance(value, dict):
        for name, each in value.items():
            yield from nodes(each, (*path, name))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from nodes(each, (*path, at))


def valued(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The path of each part of a JSON value, and the part."""
    for each in nodes(value, path):
        part = value
        for step in each[len(path) :]:
            part = part[step]
        yield each, part


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of a JSON value with another part at a path."""
    if not path:
        return new
    made = copy.copy(value)
    made[path[0]] = replaced(made[path[0]], path[1:], new)
    return made


def _any_json(draws: random.Random, given: Files) -> tuple[str, Any]:
    name = draws.choice(sorted(name for name in given if name.endswith(".json")))
    if draws.random() < 0.5:
        name = "details.json"
    return name, json.loads(given[name])


def odd_value(draws: random.Random, given: Files) -> str:
    """A value of JSON, or one within, is odd."""
    name, value = _any_json(draws, given)
    path, odd = draws.choice([*nodes(value)]), draws.choice(ODD)
    given[name] = json.dumps(replaced(value, path, odd)).encode()
    return f"{'.'.join(map(str, path))} of {name} is {odd!r:.50}"


def twice(draws: random.Random, given: Files) -> str:
    """An object names a member twice."""
    name, value = _any_json(draws, given)
    objects = [path for path in nodes(value) if path and isinstance(path[-1], str)]
    path = draws.choice(objects)
    text = json.dumps(replaced(value, path, "\x01"))
    again = f"{json.dumps(path[-1])}: "
    old = f'{again}"\\u0001"'
    given[name] = text.replace(old, f"{again}null, {again}0", 1).encode()
    return f"{'.'.join(map(str, path))} of {name} is there twice"


def deep(draws: random.Random, given: Files) -> str:
    """JSON is nested as deep as no answer is."""
    name, value = _any_json(draws, given)
    path, depth = draws.choice([*nodes(value)]), draws.choice((60, 900, 100_000))
    opening, closing = draws.choice((("[", "]"), ('{"a":', "}")))
    text = json.dumps(replaced(value, path, "\x01"))
    given[name] = text.replace('"\\u0001"', f"{opening * depth}0{closing * depth}", 1).encode()
    return f"{'.'.join(map(str, path))} of {name} is nested {depth} deep"


def long_number(draws: random.Random, given: Files) -> str:
    """A number has thousands of digits."""
    name, value = _any_json(draws, given)
    path = draws.choice([*nodes(value)])
    text = json.dumps(replaced(value, path, "\x01"))
    given[name] = text.replace('"\\u0001"', "9" * draws.choice((400, 5000)), 1).encode()
    return f"{'.'.join(map(str, path))} of {name} has thousands of digits"


def odd_cell(draws: random.Random, given: Files) -> str:
    """A cell of the credential report is odd."""
    lines = [*csv.reader(io.StringIO(given["report.csv"].decode()))]
    line = draws.randrange(len(lines))
    at, odd = draws.randrange(len(lines[0])), str(draws.choice(ODD))
    where = f"{lines[0][at]} of {lines[line][0]}"
    lines[line][at] = odd
    _write(given, lines)
    return f"{where} is {odd!r:.50}"


def cut_line(draws: random.Random, given: Files) -> str:
    """A line of the credential report is cut, or longer than its header."""
    lines = [*csv.reader(io.StringIO(given["report.csv"].decode()))]
    line, at = draws.randrange(1, len(lines)), draws.randrange(1, len(lines[0]))
    longer = draws.random() < 0.3
    lines[line] = [*lines[line], "more"] if longer else lines[line][:at]
    _write(given, lines)
    return f"the line of {lines[line][0]} is {'longer' if longer else f'cut at {at}'}"


def cut_column(draws: random.Random, given: Files) -> str:
    """A column of the credential report is missing, or has another name."""
    lines = [*csv.reader(io.StringIO(given["report.csv"].decode()))]
    at = draws.randrange(len(lines[0]))
    name = lines[0][at]
    if draws.random() < 0.5:
        lines[0][at] = draws.choice(("", "x", lines[0][at - 1], name.upper()))
    else:
        lines = [line[:at] + line[at + 1 :] for line in lines]
    _write(given, lines)
    return f"the column {name} is gone"


def _write(given: Files, lines: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    given["report.csv"] = text.getvalue().encode("utf-8", "surrogatepass")


def cut_file(draws: random.Random, given: Files) -> str:
    """A file ends in the middle, or is empty."""
    name = draws.choice(sorted(given))
    at = draws.choice((0, draws.randrange(len(given[name]))))
    given[name] = given[name][:at]
    return f"{name} is cut at {at}"


def reencoded(draws: random.Random, given: Files) -> str:
    """A file is in another encoding than it says, or in one that nobody expects."""
    name = draws.choice(sorted(given))
    text = given[name].decode()
    made = draws.choice((
        text.encode("utf-16"), text.encode("utf-16")[:-1], text.encode("utf-16-le"),
        text.encode("utf-32"), b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16") + b"\x00",
        text.replace("\n", "\r").encode(), text.replace("\n", "\r\n").encode(),
        text.replace(",", ";").encode(), text.encode("utf-7"), b"\xff" + text.encode(),
        b"\x00" * 3 + text.encode(), text.encode() + b"\x1a", text.replace("\n", "\n\n").encode(),
    ))  # fmt: skip
    given[name] = made
    return f"{name} begins with {made[:12]!r}"


def portal(draws: random.Random, given: Files) -> str:
    """A file holds what a proxy said."""
    name = draws.choice(sorted(given))
    given[name] = draws.choice((
        b"<!DOCTYPE html><html><body>Sign in to the guest network</body></html>",
        b'{"message": "forbidden"}', b"An error occurred (AccessDenied)", b"null", b"[]", b"{}",
        b'""', b"0", b"user,arn", b"\n", b"user,arn,\n", b"[null]", b"[[]]",
    ))  # fmt: skip
    return f"{name} holds {given[name][:20]!r}"


def bytes_changed(draws: random.Random, given: Files) -> str:
    """Some bytes of a file are others, gone or there again."""
    name = draws.choice(sorted(given))
    content = bytearray(given[name])
    for _ in range(draws.randint(1, 4)):
        at, length = draws.randrange(len(content)), draws.choice((1, 1, 2, 40))
        new = draws.choice(
            (b"", content[at : at + length] * 2, draws.randbytes(length), b'"', b",")
        )
        content[at : at + length] = new
    given[name] = bytes(content)
    return f"bytes of {name} changed"


def entry_twice(draws: random.Random, given: Files) -> str:
    """An entry of a list is there twice, the second time with an odd member."""
    name, value = _any_json(draws, given)
    lists = [path for path in nodes(value) if path and isinstance(path[-1], int)]
    if not lists:
        return odd_value(draws, given)
    path = draws.choice(lists)
    listed = value
    for step in path[:-1]:
        listed = listed[step]
    again = copy.deepcopy(listed[path[-1]])
    if isinstance(again, dict) and again:
        again[draws.choice(sorted(again))] = draws.choice(ODD)
    listed.insert(draws.randrange(len(listed) + 1), again)
    given[name] = json.dumps(value).encode()
    return f"{'.'.join(map(str, path))} of {name} is there twice"


def line_twice(draws: random.Random, given: Files) -> str:
    """A line of the credential report is there twice, the second time with an odd cell."""
    lines = [*csv.reader(io.StringIO(given["report.csv"].decode()))]
    again = list(draws.choice(lines))
    again[draws.randrange(1, len(again))] = str(draws.choice(ODD))
    lines.insert(draws.randrange(1, len(lines) + 1), again)
    _write(given, lines)
    return f"the line of {again[0]} is there twice"


MEANINGLESS: Final[tuple[Mutation, ...]] = (
    *(odd_value, odd_value, odd_value, twice, deep, long_number, odd_cell, odd_cell, cut_line),
    *(cut_column, cut_file, reencoded, portal),
)
OTHERS: Final[tuple[Mutation, ...]] = (bytes_changed, entry_twice, line_twice)


def mutated(seed: int) -> tuple[str, Files, bool]:
    """What is damaged, the files, and whether what is left there says nothing."""
    draws = random.Random(seed)
    given = files()
    meaningless = draws.random() < 0.8
    mutation = draws.choice(MEANINGLESS if meaningless else OTHERS)
    said = mutation(draws, given)
    return f"{seed}: {mutation.__name__}: {said}", given, meaningless


def passed(before: Account, after: Account) -> list[tuple[str, str]]:
    """
    Checks, and subjects, that did not pass before the damage, and do after it.

    Of a subject whose name the damage took, no row can speak: then the check must not pass.
    """
    status = after.audit.results.set_index("check")["status"]
    well = status.isin([Status.PASS, Status.NOT_APPLICABLE])
    there = {after.account_id, *after.principals["principal_arn"], *after.policies["policy_arn"]}
    there |= {*after.credentials["user_arn"]}
    # What is told under a name where the damage took the ARN is told.
    told = {*after.audit.findings[["check", "name"]].itertuples(index=False, name=None)}
    return [
        (check, subject)
        for check, subject in removals.passed(before, after)
        if (not subject or subject in there or well[check])
        and (check, subject.rpartition("/")[2]) not in told
    ]


def account_of(given: Files) -> Account:
    """The account of saved files. Raises `IamkitError` where they are refused."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in given.items():
            Path(folder, name).write_bytes(content)
        return of_answers(*cli_files.responses_in(Path(folder), as_of=AS_OF))


@cache
def undamaged() -> Account:
    return account_of(files())


# What a terminal would act on, or show in another order.
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def wrong(seed: int) -> str:
    """What is wrong with how the damage of a seed is taken; empty: it is refused, or nothing."""
    said, given, meaningless = mutated(seed)
    found = _judged(lambda: account_of(given), _named(given), meaningless=meaningless)
    return f"{said}: {found}" if found else ""


def wrong_answer(seed: int) -> str:
    """
    The same of an answer of AWS in which a value is odd, as `iamkit collect` takes it.

    botocore sees to it that each value has its type, so an odd one has the same. Such an answer
    may be evidence of another account, so something may pass that did not before.
    """
    draws = random.Random(seed)
    answers = list(undamaged_answers())
    asked = [n for n, of in enumerate(answers) if isinstance(of.content, dict)]
    at = draws.choice([n for n in asked if answers[n].request != REPORT])
    path, old = draws.choice([*valued(answers[at].content)][1:])
    odd = draws.choice([each for each in ODD if type(each) is type(old)] or [old])
    answers[at] = replace(answers[at], content=replaced(answers[at].content, path, odd))
    found = _judged(lambda: of_answers(answers, source="aws"), set(), meaningless=False)
    said = f"{'.'.join(map(str, path))} of {answers[at].request.call} is {odd!r:.50}"
    return f"answer {seed}: {said}: {found}" if found else ""


@cache
def undamaged_answers() -> tuple[Response, ...]:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files().items():
            Path(folder, name).write_bytes(content)
        return tuple(cli_files.responses_in(Path(folder), as_of=AS_OF)[0])


def _judged(make: Callable[[], Account], named: set[str], *, meaningless: bool) -> str:
    """What is wrong with an account of damaged evidence, in which these ARNs are to be found."""
    try:
        account = make()
        for table in Account.tables():
            getattr(account, table)
        account.permissions.summary()
    except IamkitError as error:
        text = str(error)
        clear = len(text) < 500 and not CONTROL.search(text)
        return "" if clear else f"the error is not one clear line: {text!r:.200}"
    except Exception as error:  # whatever it is, a user would see a traceback
        return f"{type(error).__name__}: {error}"
    broken = account.audit.results["error"].dropna().tolist()
    if broken:
        return f"a check broke: {broken[0]}"
    lost = named - {*account.principals["principal_arn"], *account.policies["policy_arn"]}
    if lost:
        return f"no row for {sorted(lost)}"
    better = passed(undamaged(), account) if meaningless else []
    return f"passes now: {better[:3]}" if better else ""


def _named(given: Files) -> set[str]:
    """The ARNs of the entries of the details that are still whole enough to have one."""
    try:
        lists = json.loads(given["details.json"])
    except (RecursionError, ValueError):
        return set()
    lists = lists[0] if isinstance(lists, list) and lists else lists
    found = lists.items() if isinstance(lists, dict) else ()
    entries = (each for name, value in found if name in details() for each in value or ())
    arns = (each.get("Arn") for each in entries if isinstance(each, dict))
    return {arn for arn in arns if isinstance(arn, str) and arn.startswith(ARN)}


def main() -> None:
    """
    Try as many mutations as the first argument says, from the seed of the second.

    Each fourth is of an answer of AWS, the others are of saved files.
    """
    number = int(sys.argv[1]) if sys.argv[1:] else 100_000
    first = int(sys.argv[2]) if sys.argv[2:] else 0
    found = 0
    for seed in range(first, first + number):
        if problem := (wrong_answer if seed % 4 == 3 else wrong)(seed):
            found += 1
            print(ascii(problem)[1:-1], flush=True)
        done = seed - first + 1
        if done % (10 if sys.stderr.isatty() else 1000) == 0:
            end = "\r" if sys.stderr.isatty() else "\n"
            print(f"{done} of {number}, {found} wrong", file=sys.stderr, end=end)
    print(f"{number} mutations, {found} wrong")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
