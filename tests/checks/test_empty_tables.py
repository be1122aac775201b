"""No check breaks on a table that is empty, or that holds one row only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest

from iamkit import Account
from iamkit.checks.registry import CHECKS, POPULATIONS, arguments
from iamkit.checks.run import run
from tests.accounts import ARN, AS_OF, HEADER, account, details, group, policy, report, role, user
from tests.examples import thorough

TABLES = [
    name
    for name, table in Account.tables().items()
    if name not in ("audit", "identities", "permissions", "graph", "callers", "gaps")
]
ROWS = 3 if thorough() else 1  # of each table, to be the only one
READ = {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}
NONE = ",".join(
    ["false", *["N/A"] * 3, "true", *(["false", *["N/A"] * 4] * 2), *["false", "N/A"] * 2]
)


@contextmanager
def holding(made: Account, table: str, rows: pd.DataFrame) -> Iterator[None]:
    """The account with other rows in one table, all other tables as they are."""
    kept = getattr(made, table)
    made.__dict__[table] = rows
    try:
        yield
    finally:
        made.__dict__[table] = kept


def errors(made: Account, names: Any = CHECKS) -> dict[str, str]:
    results = run(made, {name: CHECKS[name] for name in names}).results
    return dict(results.loc[results["error"].notna(), ["check", "error"]].to_numpy().tolist())


def users_of(table: str) -> list[str]:
    """Checks that ask for a table, or count among what it holds."""
    return [
        name
        for name, each in CHECKS.items()
        if table in (*arguments(each.find), *arguments(POPULATIONS[each.among]))
    ]


@pytest.mark.parametrize("table", list(filter(users_of, TABLES)))
def test_no_check_breaks_where_a_table_is_empty_or_has_one_row(
    table: str, demo_account: Account
) -> None:
    names = users_of(table)
    assert demo_account.audit.results["error"].isna().all()  # all that is derived is built
    whole = getattr(demo_account, table)
    cuts = [
        whole[:0],
        *(whole.iloc[[at]].reset_index(drop=True) for at in range(min(len(whole), ROWS))),
    ]
    for rows in cuts:
        with holding(demo_account, table, rows):
            broken = errors(demo_account, names)
        told = {each for each in broken.values() if "is not in the account" not in each}
        assert not told, (table, len(rows))


def test_harmless_old_versions_break_nothing(tmp_path: Any) -> None:
    """A healthy account: nothing is found, so what is found is empty, and no check minds."""
    versions = [
        {"Document": READ, "VersionId": f"v{number}", "IsDefaultVersion": number == 3}
        for number in (1, 2, 3)
    ]
    attached = [{"PolicyName": "Read", "PolicyArn": f"{ARN}policy/Read"}]
    made = account(
        tmp_path,
        details(
            users=[user("ann", GroupList=["Readers"])],
            groups=[group("Readers", AttachedManagedPolicies=attached)],
            roles=[role("app", {"Statement": []}, AttachedManagedPolicies=attached)],
            policies=[
                policy("Read", READ, DefaultVersionId="v3", PolicyVersionList=versions),
                policy("Other", READ, DefaultVersionId="v3", PolicyVersionList=versions),
            ],
        ),
        credential_report=report(f"ann,{ARN}user/ann,{AS_OF:%Y-%m-%dT%H:%M:%SZ},{NONE}"),
    )
    assert errors(made) == {}
    results = made.audit.results.set_index("check")
    assert results.loc["administrative_old_version", "status"] == "pass"


@pytest.mark.parametrize(
    "contents",
    [
        details(users=[user("ann")]),
        details(groups=[group("g")]),
        details(roles=[role("r", {"Statement": []})]),
        details(roles=[role("r", {"Statement": []}, Path="/aws-service-role/x.amazonaws.com/")]),
        details(users=[user("ann")], policies=[policy("p", READ)]),
    ],
    ids=["user", "group", "role", "service-linked role", "policy"],
)
@pytest.mark.parametrize("rows", [report(), HEADER], ids=["root only", "header only"])
def test_no_check_breaks_on_an_account_of_one_thing(
    contents: Any, rows: str | None, tmp_path: Any
) -> None:
    made = account(tmp_path, contents, credential_report=rows)
    assert errors(made) == {}
    for table in Account.tables():
        getattr(made, table)
