"""
Settings files: where one is found, what it says, a new one in which everything is explained.

`iamkit.yaml`, or `iamkit.yml`, in the working folder is taken by every command that judges an
account; the variable `IAMKIT_SETTINGS` names another, and `--settings` wins over both. The same
file lists the accounts that `iamkit run` audits; settings that an account has of its own hold for
it in every command.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iamkit.errors import SettingsError
from iamkit.settings import Settings, acceptance
from iamkit.values import instead
from iamkit.yaml_file import YamlFile, opened

if TYPE_CHECKING:
    import pandas as pd

NAMES: Final = ("iamkit.yaml", "iamkit.yml")
VARIABLE: Final = "IAMKIT_SETTINGS"
WIDTH: Final = 98

# What the file says besides settings, for `iamkit run`: see `fleet.run_file`.
RUN: Final[Mapping[str, tuple[str, str]]] = {
    "accounts": (
        "accounts that `iamkit run` audits: by an AWS profile, a role, the credentials of the "
        "environment, or a folder of files that the AWS CLI saved; `settings` hold for that "
        "account alone, and its `accepted` count in addition",
        """
  - name: production
    role_arn: arn:aws:iam::111122223333:role/audit
    external_id: our-audits
    region: eu-central-1
    settings:
      max_key_age_days: 30
  - name: sandbox
    account: "444455556666"
    profile: sandbox
    last_accessed: true
  - name: this-account
    environment: true
  - name: offline
    files: saved-answers""",
    ),
    "organization": (
        "an AWS organization whose accounts `iamkit run` audits, new ones included: `profile` is "
        "of the management account or of a delegated administrator, `role_name` the role to assume "
        "in each other account; `include` and `exclude` name accounts, organizational units by id "
        "or by path, and tags; an account that is in `accounts`, too, keeps what is said there; "
        "`team_tag` is a tag of accounts by which the page over all accounts groups findings, too",
        """
  profile: management
  role_name: iamkit-audit
  external_id: our-audits
  include: [/Workloads, ou-ab12-c3d4e5f6]
  exclude: ["666677778888", /Workloads/Sandboxes, "tag:audit=no"]
  team_tag: team""",
    ),
    "reports": (
        "folder of all evidence and reports, from where this file is; or object storage, such as "
        "s3://bucket/prefix, gs://bucket/prefix or az://container/prefix: `address`, and for S3 "
        "`profile`, `region` and `kms_key`, see docs/organization.md",
        "reports",
    ),
    "keep_months": ("audits older than this number of months are deleted; 0: none is", "24"),
    "keep": (
        "audits that are never deleted, such as a baseline: a month, or a time",
        '["2026-01"]',
    ),
    "fail_on": ("exit code 1 if a finding is as severe, or more", "critical"),
    "fail_on_new": ("exit code 1 if a finding that was not there before is as severe", "high"),
    "require": (
        "exit code 3 if this evidence is missing in an account",
        "[credential_report, authorization_details]",
    ),
    "announce": (
        "command that is run at the end, with the results as JSON on its standard input",
        "[python3, send_mail.py, security@example.com]",
    ),
    "paths": (
        "true: the page over all accounts says who in one account can become administrator in "
        "another; each account is loaded several times for that, one after the other",
        "true",
    ),
    "pdf": ("true: each report is also printed as one PDF, where a Chromium is found", "true"),
}

# What a new file shows for settings whose default is empty.
EXAMPLES: Final[Mapping[str, str]] = {
    "break_glass": "[emergency-1, emergency-2]",
    "approved_networks": "[203.0.113.0/24]",
    "known_accounts": '["123456789012"]',
    "frameworks": "[CIS AWS Foundations Benchmark, SOC 2]",
    "own_checks": "[our_checks.py]",
    "accepted": """
  - check: root_used
    subject: "*"
    owner: ann@example.com
    reason: the yearly test of the emergency access
    expires: 2027-06-30
    ticket: SEC-12""",
}


def found(folder: Path, environment: Mapping[str, str] = os.environ) -> Path | None:
    """
    Return the settings file to use where none is named, if there is one.

    Raises `SettingsError` if the variable names no file, or if both names are in the folder.
    """
    named = environment.get(VARIABLE)
    if named:
        if not Path(named).is_file():
            raise SettingsError(f"{VARIABLE} names {named}, which is no file; correct or unset it")
        return Path(named)
    there = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(there) > 1:
        raise SettingsError(f"{folder} has both {' and '.join(NAMES)}; remove one of them")
    return there[0] if there else None


def reports(
    folder: Path, environment: Mapping[str, str] = os.environ
) -> Path | tuple[str, Mapping[str, Any]] | None:
    """
    Return where `iamkit run` keeps the audits, by the settings file that is found; None without.

    That is a folder, or an address of object storage with what the file says of its use. A file
    with a mistake names none: the commands that use it say what is wrong.
    """
    with suppress(SettingsError, OSError, ValueError, TypeError, RuntimeError):
        if (path := found(folder, environment)) is None:
            return None
        content = opened(path).content
        asked = content.get("accounts") or content.get("organization")
        named: Any = content.get("reports") or ("reports" if asked else None)
        if named is None:
            return None
        if isinstance(named, Mapping) or "://" in str(named):
            options = dict(named) if isinstance(named, Mapping) else {"address": str(named)}
            return str(options.pop("address")), options
        where = path.absolute().parent / Path(str(named)).expanduser()
        return where if where.is_dir() else None
    return None


def contents_of(path: Path) -> dict[str, bytes]:
    """
    Return a settings file and the files of own checks that it names, for all or for one account.

    By name from the folder of the file. Checks elsewhere are left out: another machine
    that uses the settings needs them at the same place.
    """
    file, folder = opened(path), path.absolute().parent
    named = [file.content.get("own_checks"), *(own.get("own_checks") for _, own in _own(file))]
    listed = [each for given in named for each in (given if isinstance(given, list) else [given])]
    found = {path.name: path.read_bytes()}
    for each in listed:
        with suppress(ValueError, OSError, TypeError):
            beside = folder / str(each)
            found[beside.relative_to(folder).as_posix()] = beside.read_bytes()
    return found


def read(path: Path, account_id: str | None = None) -> Settings:
    """
    Return the settings that a YAML file holds; those it leaves out keep their defaults.

    Those that the file gives to one account by itself win for that account; what it accepts is
    accepted in addition. Files named in `own_checks` are looked for beside the file.

    Raises `SettingsError`, with the line, if it cannot be read, is no mapping, or a setting does
    not fit.
    """
    file = opened(path)
    found, problems = _read(file, Settings(), file.content, ())
    for where, own in _own(file):
        if account_id and account_of(file.content["accounts"][where[1]]) == account_id:
            found, further = _read(file, found, own, where)
            problems += further
    if problems:
        raise problems[0]
    return found


def read_all(path: Path) -> tuple[Settings, list[SettingsError]]:
    """
    Return the settings of a YAML file that fit, and an error for each that does not.

    The errors are also of the settings that single accounts have; what is returned leaves these
    out. Raises `SettingsError` if the file cannot be read or is no mapping.
    """
    file = opened(path)
    found, problems = _read(file, Settings(), file.content, ())
    for where, own in _own(file):
        problems += _read(file, found, own, where)[1]
    return found, problems


def account_of(entry: Mapping[str, Any]) -> str | None:
    """
    Return the id of the account that an entry of `accounts` is about, if it says.

    >>> account_of({"role_arn": "arn:aws:iam::111122223333:role/audit"})
    '111122223333'
    """
    named = entry.get("account")
    arn = str(entry.get("role_arn") or "").split(":")
    return named if isinstance(named, str) else arn[4] if len(arn) > 5 else None


def _own(file: YamlFile) -> list[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """The settings that single accounts have, and where they stand."""
    entries = file.content.get("accounts")
    return [
        (("accounts", number, "settings"), entry["settings"])
        for number, entry in enumerate(entries if isinstance(entries, list) else ())
        if isinstance(entry, Mapping) and isinstance(entry.get("settings"), Mapping)
    ]


def _read(
    file: YamlFile, base: Settings, content: Mapping[str, Any], where: tuple[str | int, ...]
) -> tuple[Settings, list[SettingsError]]:
    """`base` with the settings of a part of a file, and what does not fit."""
    found, problems = base, []
    known = (*Settings.names(), *(() if where else RUN))
    for key, value in content.items():
        name = str(key)
        if name in RUN and not where:
            continue
        try:
            if name not in Settings.names():
                raise SettingsError(
                    f"there is no setting {name[:60]!r}; {instead(name, sorted(known))}"
                )
            if name == "accepted" and isinstance(value, list):
                lines = (file.line(*where, name, number) for number in range(len(value)))
                value = [acceptance(*entry) for entry in zip(value, lines, strict=True)]
            if name == "accepted" and where:
                value = (*base.accepted, *Settings().with_overrides(accepted=value).accepted)
            found = found.with_overrides(**{name: value})
        except SettingsError as error:
            problems.append(file.error(error, *where, name))
    if "own_checks" not in content:
        return found, problems
    beside = tuple(file.path.absolute().parent / each for each in found.own_checks)
    for each in beside:
        if not each.is_file():
            said = f"own_checks names {each}, which is no file; correct the name or remove it"
            problems.append(file.error(said, *where, "own_checks"))
    return replace(found, own_checks=beside), problems


def template() -> str:
    """Return a settings file with every setting as a comment: meaning, unit, source and default."""
    parts = [
        "# Settings of iamkit. Remove the # before a setting to change it; what stays a comment",
        "# has its default. `iamkit settings check` says what is wrong with this file.",
        "",
        "# What `iamkit run` does every month.",
    ]
    for name, (meaning, example) in RUN.items():
        parts += ["", *_commented(f"{meaning[0].upper()}{meaning[1:]}.")]
        parts += [f"# {line}".rstrip() for line in f"{name}: {example}".splitlines()]
    parts += ["", "# How accounts are judged, by every command."]
    for entry in fields(Settings):
        facts = entry.metadata
        said = f"{facts['meaning']} ({facts['unit']}). Source: {facts['source']}."
        parts += ["", *_commented(said)]
        text = f"{entry.name}: {EXAMPLES.get(entry.name) or _yaml(entry.default)}"
        parts += [f"# {line}".rstrip() for line in text.splitlines()]
    return "\n".join(parts) + "\n"


def _commented(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ")


def _yaml(value: object) -> str:
    """
    A default as YAML.

    >>> _yaml(90), _yaml(("iam:GetUser",))
    ('90', '[iam:GetUser]')
    """
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else str(value)


def in_force(file: Path | None, given: Mapping[str, str]) -> pd.DataFrame:
    """
    Return every setting that is in force: `setting`, `value`, `default` and `from`.

    `given` are settings of a command line, as texts, which win over the file. Raises
    `SettingsError` for what does not fit.
    """
    import pandas as pd

    ours = read(file) if file else Settings()
    shown = ours.describe()
    differs = [getattr(ours, name) != getattr(Settings(), name) for name in shown["setting"]]
    where = pd.Series(["default"] * len(shown)).mask(pd.Series(differs), str(file))
    return shown.assign(**{"from": where.mask(shown["setting"].isin(list(given)), "-p")})[
        ["setting", "value", "default", "from"]
    ]
