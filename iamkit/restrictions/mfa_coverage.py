"""
How far MFA is enforced in the account, and the statements that leave it unenforced.

Both are made of the rows of `MFA_ENFORCEMENT`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pandas as pd

from iamkit.restrictions.mfa_statements import MfaVerdict
from iamkit.restrictions.verdicts import NOT_APPLICABLE
from iamkit.table import COUNT, OBJECT, TEXT, Column, Table

COVERAGE: Final = Table(
    name="coverage",
    row="one measure of how far MFA is enforced in the account",
    key=("of",),
    columns=(
        Column("of", TEXT, "users, administrators or permissions"),
        Column("part", COUNT, "numerator: those for which MFA is enforced"),
        Column("whole", COUNT, "denominator"),
        Column("share", "Float64", "part / whole, 0 to 1; missing: there are none"),
        Column("meaning", TEXT, "what is counted"),
    ),
)

MFA_GAPS: Final = Table(
    name="mfa_gaps",
    row="one statement that decides that MFA is not enforced, and one verdict it leads to",
    key=("policy_arn", "policy_name", "statement", "verdict"),
    columns=(
        Column("policy_arn", TEXT, "policy; missing: a service control policy"),
        Column("policy_name", TEXT, "its name"),
        Column("statement", TEXT, "name of the statement; missing: policy not in the evidence"),
        Column("verdict", TEXT, "verdict on these users"),
        Column("users", COUNT, "how many"),
        Column("who", OBJECT, "list of their names"),
        Column(
            "would_be",
            COUNT,
            "number of users with enforced MFA if the policy denied everything except the minimum "
            "without MFA, as in AWS's example",
        ),
    ),
)


def coverage(verdicts: pd.DataFrame, admins: Iterable[str]) -> pd.DataFrame:
    """
    Return how far MFA is enforced in the account, from `MFA_ENFORCEMENT` rows.

    Rows: see `COVERAGE`. `admins` are the ARNs of the administrators. Principals with nothing to
    protect, and roles that no AWS principal may assume, count neither in part nor in whole.
    """
    principals = verdicts[~verdicts["verdict"].isin(NOT_APPLICABLE)]
    users = principals[principals["kind"] == "user"]
    powerful = principals[principals["principal_arn"].isin(set(admins))]
    enforced = [int((each["verdict"] == MfaVerdict.ENFORCED).sum()) for each in (users, powerful)]
    allowed, without_mfa = (int(users[name].sum()) for name in ("actions", "actions_without_mfa"))
    counted = [
        (
            "users",
            enforced[0],
            len(users),
            "users with permissions beyond the self-service minimum",
        ),
        (
            "administrators",
            enforced[1],
            len(powerful),
            "users, and roles that AWS principals may assume",
        ),
        (
            "permissions",
            allowed - without_mfa,
            allowed,
            "permissions of users: one user and one action",
        ),
    ]
    rows = (dict(zip(("of", "part", "whole", "meaning"), row, strict=True)) for row in counted)
    made = COVERAGE.rows(*rows)
    return made.assign(share=made["part"] / made["whole"].replace(0, pd.NA))


def mfa_gaps(verdicts: pd.DataFrame) -> pd.DataFrame:
    """
    Return the statements that leave users without enforced MFA, from `MFA_ENFORCEMENT` rows.

    Rows: see `MFA_GAPS`. Those that decide most users come first.
    """
    users = verdicts[verdicts["kind"] == "user"]
    today = int((users["verdict"] == MfaVerdict.ENFORCED).sum())
    unprotected = users[~users["verdict"].isin([MfaVerdict.ENFORCED, *NOT_APPLICABLE])]
    statement = ["policy_arn", "policy_name", "statement"]
    grouped = unprotected.groupby([*statement, "verdict"], dropna=False)["name"]
    made = grouped.agg(users="size", who=list).reset_index()
    deciding = made.groupby(statement, dropna=False)["users"].transform("sum")
    made = made.assign(would_be=today + deciding)
    order = made.sort_values("users", ascending=False, kind="stable")
    return MFA_GAPS.conform(order)
