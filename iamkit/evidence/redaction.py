"""
Evidence with pseudonyms for every name in it: the report of it can be shown to strangers.

Names are replaced here, in the evidence, before anything is made of it, so pages, charts, files and
sort orders agree, and no output can be forgotten. What is read as a name is told by where it
stands: a member of an answer or of a policy has its meaning. Of members that nobody listed here,
the value is replaced; only what is listed is kept: actions, effects, times, services, numbers, what
AWS itself named (its managed policies, service-linked roles, the roles of its landing zones).

The meaning of policies is kept as far as pseudonyms can: see `pseudonyms`. Where a pattern matches
other names than it did, `Redacted.unlike` says so.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from iamkit.arns import is_account
from iamkit.evidence.no_names import (
    CLAIMS,
    DOCUMENTS,
    KEPT,
    NAMED,
    PLAIN,
    RESOURCES,
    TAG_KEYS,
    TYPES,
)
from iamkit.evidence.pseudonyms import UNIQUE_ID, WILD, Pseudonyms, is_unique_id
from iamkit.evidence.snapshot import LAST_CHANGE, Snapshot
from iamkit.policy import Pattern
from iamkit.reference import oidc_providers, platform_roles

ADDRESS: Final = re.compile(r"\d{1,3}(\.\d{1,3}){3}(/\d+)?|[0-9a-fA-F:]*::?[0-9a-fA-F:]*(/\d+)?")
ACCEPTED: Final = ("owner", "reason", "ticket")  # what people write of a risk that they accept
SEPARATOR: Final = re.compile(r"([:/])(?![^{}]*\})")  # none of those within ${…}
OF_AWS: Final = ("AWSServiceRoleFor", "AWSReservedSSO_*")
SSO_ROLE: Final = re.compile(r"(AWSReservedSSO_)(.+)(_[0-9a-f]{16})")


@dataclass(frozen=True)
class Redacted:
    """A snapshot's manifest and files with pseudonyms, and the patterns that match other names."""

    manifest: dict[str, Any]
    files: dict[str, bytes]
    unlike: tuple[str, ...]


def redacted(snapshot: Snapshot, pseudonyms: Pseudonyms, also: tuple[str, ...] = ()) -> Redacted:
    """
    Return a snapshot's evidence with pseudonyms, which `pseudonyms` then knows.

    `also` are patterns of names from elsewhere, such as the settings, that shall go on matching.
    """
    trial = _Redaction(Pseudonyms(pseudonyms.key))
    trial.files(snapshot)
    pseudonyms.keep_comparable([*trial.patterns, *also])
    real = _Redaction(pseudonyms)
    files = real.files(snapshot)
    manifest = real.manifest(snapshot.manifest)
    return Redacted(manifest, files, tuple(sorted(real.unlike())))


def settings_with(pseudonyms: Pseudonyms, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of settings (`Settings.values`) with pseudonyms; thresholds stay."""
    of = _Redaction(pseudonyms)
    made = dict(values)
    made["accepted"] = [
        {
            **entry,
            "subject": of.subject(entry["subject"]),
            **{name: entry[name] and pseudonyms.name(entry[name], name) for name in ACCEPTED},
        }
        for entry in values["accepted"]
    ]
    for name in ("known_accounts", "break_glass"):
        made[name] = [of.subject(each) for each in values.get(name, [])]
    made["approved_networks"] = [pseudonyms.address(each) for each in values["approved_networks"]]
    return made


def arn_with(pseudonyms: Pseudonyms, text: str) -> str:
    """Return an ARN or an account's number with pseudonyms; anything else as it is."""
    if is_account(text):
        return pseudonyms.account(text)
    return _Redaction(pseudonyms).arn(text) if text.startswith("arn:") else text


class _Redaction:
    """One pass over the evidence."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._names = pseudonyms
        self.patterns: set[str] = set()
        self._seen: dict[str, str] = {}
        self._platforms = [re.compile(each.name) for each in platform_roles() if each.named]

    def files(self, snapshot: Snapshot) -> dict[str, bytes]:
        """Every file of the snapshot, with pseudonyms."""
        made = {}
        for name in sorted(snapshot.manifest["files"]):
            content = snapshot.bytes(name) or b""
            if name.endswith(".csv"):
                made[name] = self._report(content)
            else:
                value = self.value(json.loads(content), "")
                made[name] = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        return made

    def manifest(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The manifest, without its list of files, which are others now."""
        left_out = ("files", "format", "run", "seal")  # a run is named after an account
        made = {key: given[key] for key in given if key not in left_out}
        source = str(made.get("as_of_source", ""))
        if source.startswith(LAST_CHANGE):  # then comes the name of a file
            made["as_of_source"] = f"{LAST_CHANGE} a file"
        made["account_id"] = self._names.account(given["account_id"])
        made["alias"] = given.get("alias") and self._names.name(given["alias"], "alias")
        if given.get("caller_arn"):
            made["caller_arn"] = self.arn(given["caller_arn"])
        made["gaps"] = [
            each | {"message": self._message(each.get("message", ""))} for each in given["gaps"]
        ]
        made["calls"] = [
            {
                k: self._message(v) if k == "message" else self.arn(v) if k == "by" else v
                for k, v in each.items()
            }
            for each in given["calls"]
        ]
        return made | {"redacted": True}

    def unlike(self) -> set[str]:
        """The patterns whose pseudonym matches other names than they do."""
        found = set()
        for pattern in self.patterns:
            before, after = Pattern(pattern), Pattern(self._names.name(pattern, "name"))
            if any(before.matches(n) != after.matches(p) for n, p in self._seen.items()):
                found.add(pattern)
        return found

    # values by what they are a member of

    def value(self, value: Any, member: str) -> Any:
        """Any JSON value with pseudonyms; `member` is the name of what it is the value of."""
        if isinstance(value, list):
            return [self.value(each, member) for each in value]
        if isinstance(value, dict):
            return self._members(value)
        if not isinstance(value, str) or member in KEPT:
            return value
        if member in DOCUMENTS:
            return self._written(value)
        return self._text(value, member)

    def _members(self, value: dict[str, Any]) -> dict[str, Any]:
        arn = str(value.get("PolicyArn") or value.get("Arn") or "")
        if ":iam::aws:" in arn:  # it is AWS's, and the same for everybody
            return value
        if set(value) == {"Key", "Value"}:
            key, text = value["Key"], value["Value"]
            return {"Key": self._tag_key(key), "Value": self._value_of_tag(text)}
        made: dict[str, Any] = {}
        for name, each in value.items():
            if name in DOCUMENTS and isinstance(each, dict):
                made[name] = self.document(each)
            else:
                made[name] = self.value(each, name)
        return made

    def _text(self, text: str, member: str) -> str:
        """A text by the member that holds it, or by what it looks like."""
        if member in ("Path", "path"):
            return self._path(text)
        if text.startswith("arn:"):
            return self.arn(text)
        if is_account(text):
            return self._names.account(text)
        kind = NAMED.get(member)
        if kind == "role":
            return self._role(text)
        if kind:
            return self._named(text, kind)
        if text.isdigit():  # a post code or a serial number; counts are no texts
            return self._named(text, "number")
        if PLAIN.fullmatch(text) or not text.strip():
            return text
        return self._opaque(text)

    def _opaque(self, text: str) -> str:
        if UNIQUE_ID.fullmatch(text):
            return self._names.unique_id(text)
        if ADDRESS.fullmatch(text):
            return self._names.address(text)
        return self._named(text, "name")

    def _named(self, text: str, kind: str) -> str:
        if text.startswith(OF_AWS):
            return text
        if WILD.search(text):
            self.patterns.add(text)
            return self._names.name(text, kind)
        made = self._seen[text] = self._names.name(text, kind)
        return made

    def _role(self, text: str) -> str:
        found = SSO_ROLE.fullmatch(text)
        if found:
            return f"{found[1]}{self._named(found[2], 'set')}{found[3]}"
        if any(each.fullmatch(text) for each in self._platforms):
            return text
        return self._named(text, "role")

    def _path(self, path: str) -> str:
        parts = path.split("/")
        if "aws-service-role" in parts or "aws-reserved" in parts:
            return path
        return "/".join(
            each if not each or each in RESOURCES or is_host(each) else self._named(each, "path")
            for each in parts
        )

    def _tag_key(self, key: str) -> str:
        known = key in TAG_KEYS or key.startswith(("aws:", "${")) or "*" in key
        return key if known else self._named(key, "tag")

    def _value_of_tag(self, text: Any) -> Any:
        if not isinstance(text, str) or not text:
            return text
        if is_account(text):
            return self._names.account(text)
        if text.isdigit():  # such as a cost centre
            return self._named(text, "value")
        return text if PLAIN.fullmatch(text) else self._pieces(text, "value")

    def _pieces(self, text: str, kind: str) -> str:
        """A name, or several between colons and slashes, with words of claims between them."""
        if text.startswith("arn:"):
            return self.arn(text)
        if "://" in text or not SEPARATOR.search(text):
            return self._piece(text, kind)
        pieces = SEPARATOR.split(text)
        return "".join(
            each if each in (":", "/") or each in CLAIMS else self._piece(each, kind)
            for each in pieces
        )

    def _piece(self, text: str, kind: str) -> str:
        if is_unique_id(text):
            return self._id(text)
        if not text or PLAIN.fullmatch(text) or re.fullmatch(r"\$\{[^}]*\}|[*?]+", text):
            return text
        return self._named(text, kind)

    def _id(self, text: str) -> str:
        return self._names.account(text) if is_account(text) else self._names.unique_id(text)

    def subject(self, text: str) -> str:
        """A name, an ARN, an account or a pattern, as settings and parameters have it."""
        return text if text in ("*", "<root_account>", "root") else self._pieces(text, "name")

    # ARNs, policies and the credential report

    def arn(self, text: str) -> str:
        """An ARN, or a pattern of some, of the same shape; what is none is a name."""
        parts = text.split(":", 5)
        if len(parts) < 6 or parts[4] == "aws":
            return text if len(parts) >= 6 or WILD.fullmatch(text) else self._named(text, "name")
        *head, account, resource = parts
        account = self._names.account(account) if is_account(account) else account
        return ":".join([*head, account, self._resource(parts[2], resource)])

    def _resource(self, service: str, resource: str) -> str:
        if "/aws-service-role/" in f"/{resource}" or "/aws-reserved/" in f"/{resource}":
            *_, last = resource.rpartition("/")
            return resource.removesuffix(last) + self._role(last)
        pieces = SEPARATOR.split(resource)
        kind = pieces[0] if service in ("iam", "sts") and pieces[0] in RESOURCES else ""
        typed = len(pieces) > 1 and pieces[0] in TYPES
        named = 2 if kind == "assumed-role" else len(pieces) - 1
        made = []
        for at, each in enumerate(pieces):
            if each in (":", "/", "") or (at == 0 and (kind or typed)):
                made.append(each)
            elif kind == "oidc-provider":
                made.append(self._host(each))
            elif at == named and kind in ("role", "assumed-role"):
                made.append(self._role(each))
            elif each in RESOURCES:
                made.append(each)
            else:
                made.append(self._piece(each, (kind or "name") if at == named else "path"))
        return "".join(made)

    def _host(self, text: str) -> str:
        """A piece of an identity provider's address: those of public providers are known to all."""
        if is_host(text) or text == "id":
            return text
        return self._piece(text, "provider")

    def document(self, document: Any) -> Any:
        """A policy's document with pseudonyms; actions, effects and operators stay."""
        if isinstance(document, list):
            return [self.document(each) for each in document]
        if not isinstance(document, dict):
            return self.value(document, "Document")
        made: dict[str, Any] = {}
        for name, each in document.items():
            if name == "Statement":
                made[name] = self.document(each)
            elif name in ("Sid", "Id"):
                made[name] = self._names.sid(each) if isinstance(each, str) and each else each
            elif name in ("Resource", "NotResource"):
                made[name] = _each(each, self.arn)
            elif name in ("Principal", "NotPrincipal"):
                made[name] = self._principal(each)
            elif name == "Condition" and isinstance(each, dict):
                made[name] = {of: self._tests(tests) for of, tests in each.items()}
            else:
                made[name] = each if name in KEPT else self.value(each, name)
        return made

    def _principal(self, principal: Any) -> Any:
        if not isinstance(principal, dict):
            return principal if principal == "*" else _each(principal, self._caller)
        return {
            kind: who if kind == "Service" else _each(who, self._caller)
            for kind, who in principal.items()
        }

    def _caller(self, who: str) -> str:
        if who == "*" or (PLAIN.fullmatch(who) and not is_account(who)):
            return who
        if is_unique_id(who):
            return self._id(who)
        if who.startswith("arn:"):
            return self.arn(who)
        return "/".join(self._host(each) for each in who.split("/"))

    def _tests(self, tests: Any) -> Any:
        if not isinstance(tests, dict):
            return tests
        return {self._key(key): _each(values, self._tested(key)) for key, values in tests.items()}

    def _key(self, key: str) -> str:
        """A condition key: the key of a tag and the address of a provider are names."""
        before, slash, tag = key.partition("Tag/")
        if slash:
            return f"{before}{slash}{self._tag_key(tag)}"
        host, colon, claim = key.rpartition(":")
        if colon and "." in host:
            return f"{'/'.join(self._host(each) for each in host.split('/'))}:{claim}"
        return key

    def _tested(self, key: str) -> Callable[[str], str]:
        """How a value that a condition key is compared with is replaced."""
        asked = key.lower()
        if asked.endswith(("sourceip", "vpcsourceip")):
            return lambda text: text if WILD.search(text) else self._names.address(text)
        if asked.endswith(("createaction", "principaltype", "sessionmode", "tagkeys")):
            return self._tag_key if asked.endswith("tagkeys") else str
        if "tag/" in asked:
            return lambda text: str(self._value_of_tag(text))

        def name(text: str) -> str:
            if is_account(text):
                return self._names.account(text)
            return text if PLAIN.fullmatch(text) else self._pieces(text, "name")

        return name

    def _written(self, text: str) -> str:
        """A policy in a text, as some answers hold it."""
        try:
            found = json.loads(text if text.lstrip().startswith("{") else unquote(text))
        except (ValueError, RecursionError):
            return self._named(text, "text")
        return json.dumps(self.document(found), separators=(",", ":"))

    def _report(self, content: bytes) -> bytes:
        """The credential report: the first two columns name users."""
        rows = list(csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"))))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for number, row in enumerate(rows):
            if number and len(row) > 1:
                row[1] = self.arn(row[1])
                row[0] = row[0] if row[0].startswith("<") else self._named(row[0], "user")
            writer.writerow(row)
        return text.getvalue().encode("utf-8", "surrogateescape")

    def _message(self, text: str) -> str:
        text = re.sub(r"arn:[^\s\"',]+", lambda found: self.arn(found[0]), text)
        text = re.sub(r"\b\d{12}\b", lambda found: self._names.account(found[0]), text)
        return self._names.text(text)


def is_host(text: str) -> bool:
    """Whether a text is the address of a public identity provider or of AWS itself."""
    return text.endswith((".amazonaws.com", ".amazonaws.com.cn")) or (
        "." in text and oidc_providers.name(text) != text
    )


def _each(value: Any, make: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [make(each) if isinstance(each, str) else each for each in value]
    return make(value) if isinstance(value, str) else value
