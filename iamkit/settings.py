"""
What an organization may decide for itself: thresholds, each with a default and its source.

One YAML file holds them, `iamkit report --settings FILE` reads it, and a notebook's parameter of
the same name wins over it. A name or value that does not fit is an error: a threshold that is
silently ignored is worse than none.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from iamkit.errors import SettingsError


def _days(default: int, meaning: str, source: str) -> Any:
    return field(default=default, metadata={"unit": "days", "meaning": meaning, "source": source})


@dataclass(frozen=True)
class Settings:
    """The thresholds in force. Build one with `read` or `with_overrides`, which check values."""

    max_key_age_days: int = _days(
        90, "an active access key older than this is old", "CIS AWS Foundations 7.0, 2.12"
    )
    max_password_age_days: int = _days(
        90, "a console password not changed for longer is old", "PCI DSS 4.0.1, 8.3.9"
    )
    unused_days: int = _days(
        45, "a credential not used for this long is unused", "CIS AWS Foundations 7.0, 2.11"
    )
    approved_networks: tuple[str, ...] = field(
        default=(),
        metadata={
            "unit": "CIDRs",
            "meaning": "networks that requests are meant to come from",
            "source": "yours to say",
        },
    )

    def with_overrides(self, **values: Any) -> Settings:
        """
        Return these settings with `values` in their place; None leaves a setting as it is.

        Raises `SettingsError` for an unknown name or a value that does not fit.

        >>> Settings().with_overrides(unused_days=30).unused_days
        30
        """
        known = {entry.name for entry in fields(self)}
        for name, value in values.items():
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"there are {_list(known)}"
                raise SettingsError(f"there is no setting {name!r}; {hint}")
            if value is None:
                continue
            if name == "approved_networks":
                _check_networks(value)
            elif type(value) is not int or not 1 <= value <= 36500:
                raise SettingsError(
                    f"{name} is a number of days from 1 to 36500, not {value!r} "
                    f"({type(value).__name__})"
                )
        given = {name: value for name, value in values.items() if value is not None}
        changed: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in given.items()
        }
        return replace(self, **changed)

    def describe(self) -> pd.DataFrame:
        """One row per setting: `setting`, `value`, `default`, `meaning`, `source`."""
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


def _shown(value: Any) -> Any:
    return (", ".join(value) or "none") if isinstance(value, tuple) else value


def read(path: Path) -> Settings:
    """
    Return the settings that a YAML file holds; those it leaves out keep their defaults.

    Raises `SettingsError` if it cannot be read, is no mapping, or a setting does not fit.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"settings file {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise SettingsError(f"settings file {path} is not YAML: {said}") from error
    if content is None:
        return Settings()
    if not isinstance(content, Mapping):
        raise SettingsError(f"settings file {path} should hold lines such as max_key_age_days: 60")
    try:
        return Settings().with_overrides(**{str(name): value for name, value in content.items()})
    except SettingsError as error:
        raise SettingsError(f"settings file {path}: {error}") from error


def _check_networks(value: Any) -> None:
    for network in value if isinstance(value, list | tuple) else [value]:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise SettingsError(
                f"approved_networks is a list of CIDRs such as 203.0.113.0/24: {error}"
            ) from error


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))
