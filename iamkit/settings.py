"""
The settings of an organization: thresholds, networks, and the risks that it accepts.

A YAML file holds them (`settings_files`), and a notebook's parameter of the same name wins over it.
A wrong name or value is an error, because a threshold that is silently ignored is worse than none.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iamkit.errors import SettingsError
from iamkit.values import instead, json_of

if TYPE_CHECKING:
    import pandas as pd

# What AWS's own example leaves open without MFA, so that a user can enrol a device: IAM User Guide,
# "AWS: Allows MFA-authenticated IAM users to manage their own credentials on the Security
# credentials page", statement DenyAllExceptListedIfNoMFA.
SELF_SERVICE: Final = (
    "iam:CreateVirtualMFADevice",
    "iam:EnableMFADevice",
    "iam:GetUser",
    "iam:GetMFADevice",
    "iam:ListMFADevices",
    "iam:ListVirtualMFADevices",
    "iam:ResyncMFADevice",
    "sts:GetSessionToken",
)

WHOSE: Final = ("nobody", "administrators", "everyone")


@dataclass(frozen=True)
class Acceptance:
    """
    A risk that somebody accepts: findings of one check about some subjects, until a day.

    `subject` is an ARN or a name; `*` and `?` stand for any characters. `line` is where the
    settings file says so, from 1.
    """

    check: str
    subject: str
    owner: str
    reason: str
    expires: dt.date
    ticket: str = ""
    line: int | None = None


def shortened(value: Any) -> str:
    """
    Return a value as an error shows it: on one line, and not for longer than a line.

    >>> shortened("x" * 100)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    """
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:51]}…"


def acceptance(entry: Any, line: int | None) -> Acceptance:
    """Return one entry of `accepted`. Raises `SettingsError` with its line."""
    at = f"accepted, line {line}" if line else "accepted"
    if not isinstance(entry, Mapping):
        raise SettingsError(
            f"{at}: an entry is lines such as check: root_used, not {shortened(entry)}"
        )
    known = [each.name for each in fields(Acceptance) if each.name != "line"]
    for name in entry:
        if name not in known:
            raise SettingsError(
                f"{at}: there is no {shortened(name)}; {instead(name, sorted(known))}"
            )
    for name in known:
        value = entry.get(name)
        if name == "ticket" and value is None:
            continue
        if value is None or not str(value).strip():
            raise SettingsError(
                f"{at}: an accepted risk needs {name!r}: who accepts what, why, and until when"
            )
    expires = entry["expires"]
    if isinstance(expires, dt.datetime) or not isinstance(expires, dt.date):
        raise SettingsError(
            f"{at}: 'expires' is a day such as 2027-06-30, not {shortened(expires)}"
        )
    texts = {name: str(entry.get(name) or "").strip() for name in known if name != "expires"}
    return Acceptance(expires=expires, line=line, **texts)


def _days(name: str, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= 36500:
        raise SettingsError(
            f"{name} is a number of days from 1 to 36500, not {shortened(value)} "
            f"({type(value).__name__})"
        )
    return value


def _number(name: str, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= 100_000:
        raise SettingsError(f"{name} is a number from 1 to 100000, not {shortened(value)}")
    return value


def _limit(name: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 10_000_000:
        raise SettingsError(
            f"{name} is a number from 1 to 10000000, or 0 for no limit, not {value!r}"
        )
    return value


def _names(name: str, value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(each, str) and each.strip() for each in given):
        raise SettingsError(f"{name} is a list of names or ARNs, not {shortened(value)}")
    return tuple(given)


def _titles(name: str, value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(each, str) and each.strip() for each in given):
        raise SettingsError(f"{name} is a list of names such as SOC 2, not {shortened(value)}")
    return tuple(given)


def _networks(name: str, value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    for network in given:
        # `ip_network` takes numbers for addresses, and zones, which no policy can name.
        if not isinstance(network, str) or "%" in network:
            raise SettingsError(
                f"{name} is a list of CIDRs such as 203.0.113.0/24, not {shortened(network)}"
            )
        try:
            prefix = ipaddress.ip_network(network).prefixlen
        except ValueError as error:
            raise SettingsError(
                f"{name} is a list of CIDRs such as 203.0.113.0/24: {error}"
            ) from error
        if prefix < 2:
            raise SettingsError(f"{name} has {network}, which is half of all addresses or more")
    return tuple(given)


def _actions(name: str, value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    # A wildcard would let through more than whoever writes it sees.
    if not all(isinstance(each, str) and re.fullmatch(r"[\w-]+:\w+", each) for each in given):
        raise SettingsError(
            f"{name} is a list of actions such as iam:GetUser, not {shortened(value)}"
        )
    return tuple(given)


def _accounts(name: str, value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    for each in given:
        if not (isinstance(each, str) and len(each) == 12 and each.isdecimal()):
            raise SettingsError(
                f"{name} is a list of account ids, twelve digits in quotes, not {shortened(each)}"
            )
    return tuple(given)


def _whose(name: str, value: Any) -> str:
    if value not in WHOSE:
        near = instead(value, WHOSE, "write it so")
        raise SettingsError(f"{name} is one of {', '.join(WHOSE)}, not {shortened(value)}; {near}")
    return str(value)


def _paths(name: str, value: Any) -> tuple[Path, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(each, str | Path) and str(each).strip() for each in given):
        raise SettingsError(f"{name} is a list of Python files, not {shortened(value)}")
    return tuple(Path(each) for each in given)


def _accepted(name: str, value: Any) -> tuple[Acceptance, ...]:
    if not isinstance(value, list | tuple):
        raise SettingsError(f"{name} is a list of entries that begin with - check: …")
    return tuple(each if isinstance(each, Acceptance) else acceptance(each, None) for each in value)


def _setting(
    default: Any, fit: Callable[[str, Any], Any], unit: str, meaning: str, source: str
) -> Any:
    facts = {"fit": fit, "unit": unit, "meaning": meaning, "source": source}
    return field(default=default, metadata=facts)


@dataclass(frozen=True)
class Settings:
    """The thresholds in force; `settings_files.read` and `with_overrides` check values."""

    max_key_age_days: int = _setting(
        90,
        _days,
        "days",
        meaning="an active access key older than this is old",
        source="CIS AWS Foundations 7.0, 2.12",
    )
    max_password_age_days: int = _setting(
        90,
        _days,
        "days",
        meaning="a console password that was not changed for more days is old",
        source="PCI DSS 4.0.1, 8.3.9",
    )
    unused_days: int = _setting(
        45,
        _days,
        "days",
        meaning="a credential that was not used for this number of days is unused",
        source="CIS AWS Foundations 7.0, 2.11",
    )
    key_wait_days: int = _setting(
        7,
        _days,
        "days",
        meaning=(
            "when an access key is rotated, the old one must be silent for this number of days "
            "before it is deactivated, and inactive for as many before it is deleted"
        ),
        source="IAM User Guide, Update access keys, which says: several days",
    )
    unused_role_days: int = _setting(
        180,
        _days,
        "days",
        meaning=(
            "a role that was not used for this number of days is unused; AWS records the last 400 "
            "days"
        ),
        source="IAM User Guide, Security best practices: regularly review and remove unused roles",
    )
    root_quiet_days: int = _setting(
        30,
        _days,
        "days",
        meaning="the root user should not have been used for this number of days",
        source="CIS AWS Foundations 7.0, 2.7, which says: not for daily tasks",
    )
    max_administrators: int = _setting(
        5,
        _number,
        "users and roles",
        meaning="more administrators than this number fail, not counting roles of platforms",
        source="your decision; AWS recommends few administrators and gives no number",
    )
    break_glass: tuple[str, ...] = _setting(
        (),
        _names,
        "names or ARNs",
        meaning="users and roles kept for emergencies, in addition to those with a tag break-glass",
        source="your decision",
    )
    hardware_mfa: str = _setting(
        "administrators",
        _whose,
        "nobody, administrators or everyone",
        meaning="users whose MFA must be a hardware token or a passkey, besides the root user",
        source="IAM User Guide, Security best practices: phishing-resistant MFA wherever possible",
    )
    approved_networks: tuple[str, ...] = _setting(
        (),
        _networks,
        "CIDRs",
        meaning="networks from which requests are expected",
        source="your decision",
    )
    known_accounts: tuple[str, ...] = _setting(
        (),
        _accounts,
        "account ids",
        meaning="your own other accounts, which roles may trust",
        source="your decision",
    )
    self_service: tuple[str, ...] = _setting(
        SELF_SERVICE,
        _actions,
        "actions",
        meaning="actions that may be allowed without MFA, to register a device",
        source="IAM User Guide, AWS: Allows MFA-authenticated IAM users to manage their own "
        "credentials on the Security credentials page",
    )
    accepted: tuple[Acceptance, ...] = _setting(
        (),
        _accepted,
        "entries",
        meaning="accepted risks, each with an owner and a last day",
        source="your decision",
    )
    frameworks: tuple[str, ...] = _setting(
        (),
        _titles,
        "names such as SOC 2",
        meaning="frameworks whose controls the pages and files list; without a name, all of them",
        source="your decision",
    )
    own_checks: tuple[Path, ...] = _setting(
        (),
        _paths,
        "Python files",
        meaning="files with your own checks, which run together with iamkit's",
        source="your decision",
    )
    max_check_seconds: int = _setting(
        300,
        _limit,
        "seconds; 0: no limit",
        meaning="a check of your own that runs longer is stopped and not assessed; not on Windows",
        source="yours to say",
    )
    max_cell_seconds: int = _setting(
        3600,
        _limit,
        "seconds; 0: no limit",
        meaning="a cell of a report's notebook that runs longer is stopped, and its page says so",
        source="yours to say",
    )
    max_kernel_mib: int = _setting(
        0,
        _limit,
        "MiB; 0: no limit",
        meaning="the memory that each notebook of a report may take, the audited account included; "
        "on Linux only",
        source="yours to say; it depends on the account's size and on the machine",
    )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all settings."""
        return tuple(entry.name for entry in fields(cls))

    def with_overrides(self, **values: Any) -> Settings:
        """
        Return these settings with `values` in their place; None leaves a setting as it is.

        Raises `SettingsError` for an unknown name or a value that does not fit.

        >>> Settings().with_overrides(unused_days=30).unused_days
        30
        """
        known = {entry.name: entry.metadata["fit"] for entry in fields(self)}
        for name in values:
            if name not in known:
                raise SettingsError(
                    f"there is no setting {shortened(name)}; {instead(name, sorted(known))}"
                )
        fitted = {
            name: known[name](name, value) for name, value in values.items() if value is not None
        }
        changed: Settings = replace(self, **fitted)
        return changed

    def values(self) -> dict[str, Any]:
        """Return each setting as JSON and YAML can hold it; of files and of risks, what counts."""
        return {entry.name: _plain(getattr(self, entry.name)) for entry in fields(self)}

    def describe(self) -> pd.DataFrame:
        """One row per setting: `setting`, `value`, `default`, `meaning`, `source`."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "setting": entry.name,
                    "value": _shown(getattr(self, entry.name)),
                    "default": _shown(entry.default),
                    "meaning": f"{entry.metadata['meaning']} ({entry.metadata['unit']})",
                    "source": entry.metadata["source"],
                }
                for entry in fields(self)
            ]
        )


# The variable by which a report gives thresholds to all of its notebooks, as a JSON object: each
# opens the account by itself, and not each has a parameter for each threshold.
FOR_ALL_NOTEBOOKS: Final = "IAMKIT_THRESHOLDS"


def for_all_notebooks() -> dict[str, Any]:
    """Return the thresholds of the report that this process is a notebook of; none elsewhere."""
    try:
        return dict(json_of(os.environ.get(FOR_ALL_NOTEBOOKS) or "{}"))
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{FOR_ALL_NOTEBOOKS} is no JSON object ({error}); unset it") from error


def restored(values: Mapping[str, Any]) -> Settings:
    """
    Return the settings that `Settings.values` described, with which an earlier audit was made.

    Own checks are left out: only the names of their files are known. So are names that this version
    does not have. Raises `SettingsError` for a value that does not fit.

    >>> restored(Settings(unused_days=30).values()).unused_days
    30
    """
    known = {name: values[name] for name in Settings.names() if name in values}
    known.pop("own_checks", None)
    accepted = [
        {**entry, "expires": dt.date.fromisoformat(entry["expires"])}
        for entry in known.pop("accepted", ())
    ]
    lines = [entry.pop("line", None) for entry in accepted]
    risks = [acceptance(entry, line) for entry, line in zip(accepted, lines, strict=True)]
    return replace(Settings().with_overrides(**known), accepted=tuple(risks))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Acceptance):
        said = {each.name: getattr(value, each.name) for each in fields(value)}
        return {**said, "expires": value.expires.isoformat()}
    return value.name if isinstance(value, Path) else value


def _shown(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    if any(isinstance(each, Acceptance) for each in value):
        return f"{len(value)} accepted"
    return ", ".join(each.name if isinstance(each, Path) else each for each in value) or "none"
