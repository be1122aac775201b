"""The numbers at the top of pages: of nobody, nothing is good; red is for what is grave."""

from pathlib import Path
from types import ModuleType

import pytest

from iamkit import Account, charts
from iamkit.badges import TONES
from iamkit.pages import (
    controls,
    credentials,
    escalation,
    identities,
    mfa,
    network,
    overview,
    permissions,
    summary,
    trust,
)
from tests.accounts import HEADER, ROOT, account
from tests.checks.test_well_run import opened


@pytest.mark.parametrize("page", [credentials, escalation, mfa, network, permissions, trust])
def test_where_there_is_nobody_nothing_is_good(page: ModuleType, tmp_path: Path) -> None:
    head = page.headline(account(tmp_path))
    assert isinstance(head, charts.Figures)
    coloured = {label: value for label, value, _, tone in head.items if tone != "plain"}
    assert coloured == ({"Root user": "MFA"} if page is mfa else {})


NAMES = {
    summary: "00-summary",
    mfa: "01-mfa",
    credentials: "02-credentials",
    network: "03-network",
    permissions: "04-permissions",
    escalation: "05-escalation",
    trust: "06-trust",
    controls: "07-controls",
    identities: "00-summary",
}


@pytest.fixture(scope="module")
def well_run(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return opened(tmp_path_factory.mktemp("well run"))


@pytest.mark.parametrize("page", NAMES)
@pytest.mark.parametrize("which", ["demo_account", "well_run"])
def test_a_number_is_red_only_where_a_check_of_high_severity_fails(
    page: ModuleType, which: str, request: pytest.FixtureRequest
) -> None:
    held: Account = request.getfixturevalue(which)
    head = page.headline(held)
    assert isinstance(head, charts.Figures)
    red = [label for label, _, _, tone in head.items if tone == "bad"]
    worst = {name: of["worst"] for name, of in overview.by_page(held).items()}
    if TONES.get(worst[NAMES[page]], "plain") != "bad":
        assert red == []


def test_in_a_well_run_account_no_number_is_red(well_run: Account) -> None:
    for page in NAMES:
        head = page.headline(well_run)
        assert isinstance(head, charts.Figures)
        assert [label for label, _, _, tone in head.items if tone == "bad"] == [], page


@pytest.mark.parametrize(
    ("root", "said"),
    [
        (ROOT, "The root user has MFA."),
        (ROOT.replace("not_supported,true", "not_supported,false"), "The root user has no MFA."),
    ],
)
def test_the_verdict_on_mfa_speaks_of_the_root_user(tmp_path: Path, root: str, said: str) -> None:
    rows = overview.practices(account(tmp_path, credential_report=f"{HEADER}\n{root}"))
    assert said in rows.set_index("practice").loc["MFA", "verdict"]
