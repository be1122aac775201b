"""One concrete caller who assumes a role without MFA, for each role that admits one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from iamkit.table import objects
from iamkit.tables import AccountTables
from iamkit.trust.inbound import home_of
from iamkit.trust.mfa_statements import MfaStatement
from iamkit.trust.witnesses import WITHOUT_MFA, TrustWitnesses


def with_callers(
    verdicts: pd.DataFrame, trusting: Mapping[str, Iterable[MfaStatement]], account: AccountTables
) -> pd.DataFrame:
    """
    Return verdicts on MFA whose witness against a role says who assumes it, and what it sends.

    `verdicts` has `principal_arn` and `witness`, and `trusting` the statements by role. Where
    nobody is found, as of a statement that cannot be read, the witness stays as it is.
    """
    witnesses = TrustWitnesses(home_of(account), account.as_of)
    pairs = zip(verdicts["principal_arn"], verdicts["witness"], strict=True)
    found = (
        _caller(arn, trusting[arn], witnesses) or witness
        if isinstance(witness, dict) and arn in trusting
        else witness
        for arn, witness in pairs
    )
    return verdicts.assign(witness=objects(found, verdicts.index))


def _caller(
    role_arn: str, statements: Iterable[MfaStatement], witnesses: TrustWitnesses
) -> dict[str, Any] | None:
    """A caller whom a statement admits for certain or, without one, perhaps."""
    doubtful: dict[str, Any] | None = None
    for each in statements:
        if each.entry is None or {each.admits["key"], each.admits["password"]} == {False}:
            continue
        found = witnesses.against(role_arn, each.entry, WITHOUT_MFA)
        if found is not None and found["effect"] == "Allowed":
            return found
        doubtful = doubtful or found
    return doubtful
