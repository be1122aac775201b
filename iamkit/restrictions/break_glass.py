"""
Break-glass identities: users and roles kept for emergencies, and whether they are fit for it.

The settings name them, or a tag `break-glass` does. Being named excuses nobody: only one whom
policies make use MFA, and who, as a user, has a hardware token or a passkey, is taken as kept for
emergencies. Then it is as it should be that nobody uses it, and its use is what is reported.

Source: AWS Security Reference Architecture and IAM User Guide, "Plan emergency access".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from iamkit.policy import Pattern
from iamkit.restrictions.mfa_statements import MfaVerdict
from iamkit.settings import Settings
from iamkit.table import TEXT, TIME, TRUTH, Column, Table

TAG: Final = "break-glass"
NO: Final = ("false", "no", "0", "off")  # values of the tag that say that it is none
HARDWARE: Final = ("hardware", "passkey")  # kinds of `mfa_devices` that cannot be copied

BREAK_GLASS: Final = Table(
    name="break_glass",
    row="one user or role that is kept for emergencies",
    key=("principal_arn",),
    columns=(
        Column("principal_arn", TEXT, "user or role"),
        Column("kind", TEXT, "user or role", values=("user", "role")),
        Column("name", TEXT, "its name"),
        Column("said_by", TEXT, "the settings or its tag"),
        Column("ready", TRUTH, "MFA is enforced and, of a user, a device that cannot be copied"),
        Column("lacks", TEXT, "what is missing for this; missing value: nothing"),
        Column("last_used", TIME, "latest use of any credential, or of the role"),
    ),
)


def break_glass(
    principals: pd.DataFrame,
    mfa_devices: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    settings: Settings,
) -> pd.DataFrame:
    """Return who is kept for emergencies. Rows: see `BREAK_GLASS`."""
    verdicts = dict(zip(mfa_enforcement["principal_arn"], mfa_enforcement["verdict"], strict=True))
    strong = frozenset(mfa_devices.loc[mfa_devices["kind"].isin(HARDWARE), "user_arn"])
    patterns = [Pattern(each) for each in settings.break_glass]
    found = []
    for who in _actors(principals):
        names = (who.name, who.principal_arn)
        named = any(each.matches(text) for each in patterns for text in names)
        if not named and not _tagged(who.tags):
            continue
        lacks = "; ".join(_lacking(who, verdicts, strong))
        found.append(
            {
                "principal_arn": who.principal_arn,
                "kind": who.kind,
                "name": who.name,
                "said_by": "the settings" if named else "its tag",
                "ready": not lacks,
                "lacks": lacks or None,
                "last_used": who.last_used,
            }
        )
    return BREAK_GLASS.rows(*found)


def _actors(principals: pd.DataFrame) -> Iterator[Any]:
    yield from principals[principals["kind"].isin(["user", "role"])].itertuples()


def _tagged(tags: Any) -> bool:
    """Whether tags say that their bearer is kept for emergencies."""
    if not isinstance(tags, dict):
        return False
    said = [str(value).lower() for key, value in tags.items() if str(key).lower() == TAG]
    return bool(said) and said[0] not in NO


def _lacking(who: Any, verdicts: dict[str, str], strong: frozenset[str]) -> Iterator[str]:
    if verdicts.get(who.principal_arn) != MfaVerdict.ENFORCED:
        yield "policies do not require MFA"
    if who.kind == "user" and who.principal_arn not in strong:
        yield "it has no hardware token or passkey"
