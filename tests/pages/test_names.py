"""Principals by name, where a table has their ARNs."""

from pathlib import Path

from iamkit.pages import names
from tests.accounts import ARN, account, details, role, user


def test_a_principal_is_named_by_its_arn_and_anything_else_as_it_is(tmp_path: Path) -> None:
    made = account(tmp_path, details([user("ann")], roles=[role("ops", {})]))
    assert names.names(made)[f"{ARN}user/ann"] == "ann"
    assert names.name_of(made, f"{ARN}role/ops") == "ops"
    assert names.name_of(made, "cy") == "cy"
    assert names.name_of(made, "") == ""
