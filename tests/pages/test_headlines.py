"""The numbers at the top of pages: of nobody, nothing is good and nothing is bad."""

from pathlib import Path
from types import ModuleType

import pytest

from iamkit import charts
from iamkit.pages import credentials, escalation, mfa, network, permissions, trust
from tests.accounts import account


@pytest.mark.parametrize("page", [credentials, escalation, mfa, network, permissions, trust])
def test_where_there_is_nobody_nothing_is_good(page: ModuleType, tmp_path: Path) -> None:
    head = page.headline(account(tmp_path))
    assert isinstance(head, charts.Figures)
    coloured = {label: value for label, value, _, tone in head.items if tone != "plain"}
    assert coloured == ({"Root user": "MFA"} if page is mfa else {})
