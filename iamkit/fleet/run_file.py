"""
The run file: which accounts `iamkit run` audits every month, and what it does with the results.

It is the settings file (`settings_files`), with these lines beside the settings: one file says all.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from iamkit.arns import is_account
from iamkit.errors import IamkitError, SettingsError
from iamkit.evidence import requests
from iamkit.fleet.organization_rules import OrganizationRules
from iamkit.fleet.organization_rules import fit as organization_rules
from iamkit.settings import shortened
from iamkit.settings_files import account_of
from iamkit.storage import Storage, storage
from iamkit.values import instead
from iamkit.yaml_file import YamlFile, opened

SEVERITIES: Final = ("critical", "high", "medium", "low")
WAYS: Final = ("profile", "role_arn", "environment", "files", "demo")
ALONE: Final = ("files", "demo", "environment")  # ways that go with no other
OF_AWS: Final = ("region", "last_accessed")  # what only who asks AWS can need
MOMENTS: Final = ("%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H%M%SZ")  # of audits to keep


@dataclass(frozen=True)
class Entry:
    """
    An account of a run file, and the way to its evidence.

    `account` is its id, where the file says: evidence of another account is an error then.
    `environment` takes the credentials that boto3 finds by itself. The way of an entry that names
    none is that of the organization.
    """

    name: str
    account: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    region: str | None = None
    last_accessed: bool = False
    environment: bool = False
    files: Path | None = None
    demo: bool = False

    @property
    def has_way(self) -> bool:
        """Whether the file says where the evidence of this account is."""
        return any(getattr(self, name) for name in WAYS)


@dataclass(frozen=True)
class RunFile:
    """What a run file says; see `settings_files.RUN` for what each means."""

    path: Path
    accounts: tuple[Entry, ...]
    reports: Path | Storage
    organization: OrganizationRules | None = None
    keep_months: int = 0
    keep: tuple[str, ...] = ()
    fail_on: str | None = None
    fail_on_new: str | None = None
    require: tuple[str, ...] = ()
    announce: tuple[str, ...] = ()
    pdf: bool = False
    paths: bool = False


def read(path: Path) -> RunFile:
    """
    Return what a run file says.

    Raises `SettingsError`, with the line, for the first thing that does not fit.
    """
    found, problems = read_all(path)
    if problems:
        raise problems[0]
    return found


def read_all(path: Path) -> tuple[RunFile, list[SettingsError]]:
    """
    Return what fits of a run file, and an error for each thing that does not.

    Raises `SettingsError` if the file cannot be read or is no mapping. Settings are not looked at.
    """
    file = opened(path)
    problems: list[SettingsError] = []
    entries: dict[int, Entry] = {}
    given = file.content.get("accounts")
    if given is not None and not isinstance(given, list):
        problems.append(file.error("accounts is a list: each account begins with -", "accounts"))
    for number, each in enumerate(given if isinstance(given, list) else ()):
        try:
            entries[number] = _entry(each, path, bool(file.content.get("organization")))
        except SettingsError as error:
            problems.append(file.error(error, "accounts", number))
    problems += _twice(file, entries)
    values: dict[str, Any] = {"reports": path.parent / "reports"}
    for name, fit in _FITS.items():
        if file.content.get(name) is not None:
            try:
                values[name] = fit(name, file.content[name])
            except IamkitError as error:
                problems.append(file.error(error, name))
    if isinstance(values["reports"], Path):
        values["reports"] = path.parent / values["reports"]
    return RunFile(path, tuple(entries.values()), **values), problems


def _entry(given: Any, path: Path, has_organization: bool) -> Entry:
    if not isinstance(given, Mapping):
        raise SettingsError(f"an account is lines such as profile: audit, not {shortened(given)}")
    known = {each.name for each in fields(Entry)} | {"settings"}
    for name in given:
        if name not in known:
            raise SettingsError(
                f"an account has no {shortened(name)}; {instead(name, sorted(known))}"
            )
    values = {name: value for name, value in given.items() if value is not None}
    own = values.pop("settings", {})
    if not isinstance(own, Mapping):
        raise SettingsError("settings of an account are lines such as max_key_age_days: 30")
    for name in ("demo", "environment", "last_accessed"):
        if not isinstance(values.get(name, False), bool):
            raise SettingsError(f"{name} is true or false, not {shortened(values[name])}")
    for name in ("name", "profile", "role_arn", "external_id", "region", "files"):
        if name in values:
            _refuse_no_text(name, values[name])
    account = values.get("account", "")
    if account and not (isinstance(account, str) and is_account(account)):
        raise SettingsError(f"account is twelve digits in quotes, not {shortened(account)}")
    _refuse_ways(values, may_lack=has_organization and bool(account))
    account = account_of(values)
    if own and not account:
        raise SettingsError(
            "an account with settings of its own needs its id, such as account: "
            '"111122223333", so that every command finds them'
        )
    name = values.pop("name", None) or _name(values, account)
    if "files" in values:
        values["files"] = path.parent / _folder("files", values["files"])
    return Entry(**{**values, "name": name, "account": account})


def _refuse_no_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise SettingsError(f"{name} is text, not {shortened(value)}; quote it")
    if not value.strip() or "\0" in value:
        raise SettingsError(f"{name} is text, not {shortened(value)}; correct or remove it")


def _refuse_ways(values: Mapping[str, Any], *, may_lack: bool) -> None:
    """Raise `SettingsError` for ways to an account's evidence that are none, or exclude others."""
    ways = [name for name in WAYS if values.get(name)]
    if not ways and not may_lack:
        raise SettingsError(f"an account needs one of {', '.join(WAYS)}: where is its evidence?")
    alone = [name for name in ALONE if name in ways]
    if alone and len(ways) > 1:
        other = next(name for name in ways if name != alone[0])
        raise SettingsError(f"{alone[0]} takes the place of {other}; remove one of the two")
    useless = [name for name in OF_AWS if values.get(name) and ways[:1] in (["files"], ["demo"])]
    if useless:
        raise SettingsError(f"{useless[0]} is for asking AWS, which {ways[0]} does not; remove it")
    arn = values.get("role_arn")
    if arn and not re.fullmatch(r"arn:[\w-]+:iam::\d{12}:role/\S+", arn):
        raise SettingsError(f"role_arn is no ARN of a role: {shortened(arn)}")
    own = values.get("account")
    if arn and own and own != arn.split(":")[4]:
        raise SettingsError(f"role_arn is of another account than {own}")
    if values.get("external_id") and not arn:
        raise SettingsError("external_id goes with role_arn")


def _name(values: Mapping[str, Any], account: str | None) -> str:
    """What an account is called where the file does not say."""
    if values.get("demo"):
        return "demo"
    files = values.get("files")
    named = account or values.get("profile") or (files and (Path(files).name or files))
    return str(named or "environment")


def _twice(file: YamlFile, entries: Mapping[int, Entry]) -> list[SettingsError]:
    """An error for each entry whose account, or name, an earlier one has."""
    problems = []
    first: dict[tuple[str, str], int] = {}
    for number, entry in entries.items():
        known = [("account", entry.account), ("name", entry.name)]
        keys = [(of, value) for of, value in known if value]
        again = [key for key in keys if key in first]
        for key in keys:
            first.setdefault(key, number)
        if again:
            of, value = again[0]
            line = file.line("accounts", first[again[0]])
            said = f"two accounts have the {of} {value}, the other in line {line}"
            at = f"line {file.line('accounts', number)}: "
            problems.append(file.error(f"{at}{said}; remove or rename one"))
    return problems


def _folder(name: str, value: Any) -> Path:
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{name} is a folder, not {shortened(value)}")
    if "://" in value:
        raise SettingsError(f"{name} is a folder of this machine, not {shortened(value)}")
    if "\0" in value:
        raise SettingsError(f"{name} is no name of a folder: {shortened(value)}")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:  # the home of somebody who is not known here
        raise SettingsError(
            f"{name} is below the home of a user that is not known here: {shortened(value)}; "
            "write the whole path"
        ) from error


def _place(name: str, value: Any) -> Path | Storage:
    """A folder, or object storage: its address, or lines that say how it is used, too."""
    if isinstance(value, Mapping):
        address = value.get("address")
        if not isinstance(address, str):
            raise SettingsError(f"{name} needs address, such as s3://bucket/prefix")
        return storage(address, {key: each for key, each in value.items() if key != "address"})
    if isinstance(value, str) and "://" in value:
        return storage(value)
    return _folder(name, value)


def _months(name: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 1200:
        raise SettingsError(
            f"{name} is a number of months up to 1200, or 0 to keep all, not {shortened(value)}"
        )
    return value


def _moments(name: str, value: Any) -> tuple[str, ...]:
    return tuple(_moment(name, each) for each in (value if isinstance(value, list) else [value]))


def _moment(name: str, value: Any) -> str:
    """A month, a day or the time of an audit, as the folders of audits are named."""
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    text = str(value).replace("+00:00", "Z")
    text = text.replace(":", "") if "T" in text else text
    for form in MOMENTS:
        with suppress(ValueError):
            if datetime.strptime(text, form).replace(tzinfo=UTC).strftime(form) == text:
                return text
    raise SettingsError(
        f"{name} is a list of months such as 2026-01, or of audits such as 2026-01-01T060000Z, "
        f"not {shortened(value)}"
    )


def _severity(name: str, value: Any) -> str:
    if value not in SEVERITIES:
        near = instead(value, SEVERITIES)
        raise SettingsError(f"{name} is a severity, not {shortened(value)}; {near}")
    return str(value)


def _evidence(name: str, value: Any) -> tuple[str, ...]:
    given = [str(each) for each in (value if isinstance(value, list) else [value])]
    for each in given:
        requests.named(each)
    return tuple(given)


def _yes_or_no(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{name} is true or false, not {shortened(value)}")
    return value


def _command(name: str, value: Any) -> tuple[str, ...]:
    try:
        words = shlex.split(value) if isinstance(value, str) else value
    except ValueError as error:
        raise SettingsError(f"{name} is no command: {error}") from error
    if not (isinstance(words, list) and words and all(isinstance(word, str) for word in words)):
        raise SettingsError(f"{name} is a command and its arguments, as texts")
    if not words[0].strip() or any("\0" in word for word in words):
        raise SettingsError(f"{name} is no command: {shortened(value)}")
    return tuple(words)


_FITS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "organization": organization_rules,
    "reports": _place,
    "keep_months": _months,
    "keep": _moments,
    "fail_on": _severity,
    "fail_on_new": _severity,
    "require": _evidence,
    "announce": _command,
    "pdf": _yes_or_no,
    "paths": _yes_or_no,
}
