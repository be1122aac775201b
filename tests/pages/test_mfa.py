"""Who has MFA, and for whom it is enforced, as the page asks it."""

from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.pages import mfa
from iamkit.restrictions import MFA_ENFORCEMENT, NOT_APPLICABLE, MfaVerdict
from iamkit.results import MFA_VERDICTS
from iamkit.tables.schema import ACCESS_KEYS, CREDENTIALS, MFA_DEVICES, VIRTUAL_MFA_DEVICES
from tests.accounts import ARN, account, again, details, report, user
from tests.pages import checked, holding, numbers
from tests.policies import EVERYTHING, WITH_MFA, allow, deny, line, person, trusts, worker

ROOT = f"{ARN}root"
UNLESS_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Ann is safe, bo has no device, and cy has one and a key that works without it."""
    read = allow("s3:GetObject")
    users = [
        person("ann", EVERYTHING, deny("*", Condition=UNLESS_MFA)),
        person("bo", read),
        person("cy", EVERYTHING),
    ]
    roles = [
        worker("safe", trusts("user/ann", Condition=WITH_MFA), read),
        worker("open", trusts("user/cy"), read),
    ]
    lines = report(
        line("ann", password=True, mfa=True),
        line("bo", password=True),
        line("cy", keys=1, mfa=True),
    )
    folder = tmp_path_factory.mktemp("company")
    return account(folder, details(users, roles=roles), credential_report=lines)


def test_the_numbers_are_those_of_the_tables_below(company: Account) -> None:
    found = numbers(mfa.headline(company))
    assert found["MFA registered"] == ("50 %", "plain")
    assert found["No MFA device"] == ("1", "bad")
    assert found["MFA enforced"] == ("33 %", "plain")
    assert found[mfa.ADMINISTRATORS_ENFORCED] == ("50 %", "plain")
    assert found["Root user"] == ("MFA", "note"), "which kind of device it is, nothing says"
    shares = mfa.enforced_shares(company).set_index("of")
    assert shares.loc["users", ["part", "whole", "share"]].tolist() == [1, 3, "33 %"]


def test_without_a_credential_report_no_number_is_good(tmp_path: Path) -> None:
    found = numbers(mfa.headline(account(tmp_path, details([user("ann")]), credential_report=None)))
    for label in ("MFA registered", "No MFA device", "Root user"):
        assert found[label] == ("–", "note")


@pytest.mark.parametrize(("registered", "tone"), [(True, "good"), (None, "plain"), (False, "bad")])
def test_a_user_of_whom_nobody_knows_is_not_registered(registered: Any, tone: str) -> None:
    user = {"user_arn": f"{ARN}user/ann", "is_root": False, "password_enabled": True}
    held = holding(
        credentials=CREDENTIALS.rows({**user, "mfa_registered": registered}),
        mfa_enforcement=MFA_ENFORCEMENT.rows(),
        administrators=MFA_ENFORCEMENT.rows(),
        mfa_devices=MFA_DEVICES.rows(),
        audit=checked(),
    )
    assert mfa.all_registered(held) is (registered is True)
    assert numbers(mfa.headline(held))["No MFA device"][1] == tone


@pytest.mark.parametrize(
    ("device", "hardware", "tone"),
    [
        ("pass", "pass", "good"),
        ("pass", "fail", "bad"),
        ("fail", "not applicable", "bad"),
        ("pass", "not assessed", "note"),
        ("pass", "accepted", "plain"),
        ("not applicable", "not applicable", "plain"),
    ],
)
def test_the_root_users_mfa_has_the_colour_of_its_checks(
    device: str, hardware: str, tone: str
) -> None:
    audit = checked(root_without_mfa=device, root_without_hardware_mfa=hardware)
    assert mfa.root_tone(holding(audit=audit)) == tone


def test_console_users_without_a_device_are_listed_the_last_used_password_first() -> None:
    user = {"is_root": False, "password_enabled": True, "mfa_registered": False}
    rows = [("ann", "2026-01-01"), ("bo", "2026-09-01"), ("cy", None)]
    held = CREDENTIALS.rows(
        *({**user, "user_arn": n, "user_name": n, "password_used": used} for n, used in rows),
        {**user, "user_arn": "key", "user_name": "key", "password_enabled": False},
        {**user, "user_arn": "dee", "user_name": "dee", "mfa_registered": True},
        {**user, "user_arn": "root", "user_name": "root", "is_root": True},
    )
    found = mfa.without_device(holding(credentials=held, mfa_enforcement=MFA_ENFORCEMENT.rows()))
    assert found["user_name"].tolist() == ["bo", "ann", "cy"]


def test_users_are_counted_by_access_and_device(company: Account) -> None:
    found = mfa.by_access(company)
    assert found.loc["console"].to_dict() == {"has MFA": 1, "no MFA": 1}
    assert found.loc["programmatic"].to_dict() == {"has MFA": 1, "no MFA": 0}
    assert found.index.tolist() == ["console", "both", "programmatic", "none"]


def test_users_are_counted_by_verdict_the_best_first(company: Account) -> None:
    found = mfa.by_verdict(company)
    assert found.to_dict() == dict.fromkeys(MFA_VERDICTS, 0) | {"enforced": 1, "none": 2}
    assert list(found.index) == list(MFA_VERDICTS)


def test_every_verdict_is_shown_or_does_not_apply() -> None:
    assert {*MFA_VERDICTS, *NOT_APPLICABLE} == set(MfaVerdict)


def test_users_without_enforced_mfa_are_listed_the_riskiest_first(company: Account) -> None:
    found = mfa.not_enforced(company)
    assert found["name"].tolist() == ["cy", "bo"]
    assert found["mfa_registered"].tolist() == [True, False]
    assert found["covered"].tolist() == [0, 0]


def test_only_enforced_mfa_covers_all() -> None:
    row = {"kind": "user", "verdict": "partial", "covered": 0.9999, "principal_arn": "ann"}
    held = holding(mfa_enforcement=MFA_ENFORCEMENT.rows(row), credentials=CREDENTIALS.rows())
    assert mfa.not_enforced(held)["covered"].tolist() == [99]


def test_each_user_and_role_without_enforced_mfa_has_a_request(company: Account) -> None:
    found = mfa.requests(company).set_index("name")
    assert set(found.index) == {"bo", "cy", "open"}
    assert found.loc["bo", "request that is allowed"].startswith("s3:GetObject")
    assert found.loc["bo", "statement that decides"] == "statement 1 of own"


def test_a_statement_that_leaves_a_gap_says_for_how_many(company: Account) -> None:
    found = mfa.statements_that_leave_gaps(company)
    assert found[["policy_name", "users", "would_be"]].values.tolist() == [
        ["own", 1, 2],
        ["own", 1, 2],
    ]


def test_a_role_s_trust_policy_decides_whether_assuming_it_needs_mfa(company: Account) -> None:
    found = mfa.roles(company).set_index("name")["verdict"]
    assert found.to_dict() == {"safe": "enforced", "open": "none"}


def test_keys_are_old_by_the_settings_and_only_those_without_a_device_count() -> None:
    people = CREDENTIALS.rows(
        {"user_arn": "ann", "is_root": False, "mfa_registered": False},
        {"user_arn": "bo", "is_root": False, "mfa_registered": True},
        {"user_arn": ROOT, "is_root": True, "mfa_registered": False},
    )
    key = {"user_arn": "ann", "slot": 1, "is_root": False, "active": True, "age_days": 91}
    held = ACCESS_KEYS.rows(
        key,
        {**key, "slot": 2, "age_days": 400},
        {**key, "user_arn": "bo"},
        {**key, "user_arn": ROOT, "is_root": True},
    )
    found = mfa.old_keys_without_device(holding(credentials=people, access_keys=held))
    assert found[["user_arn", "slot"]].values.tolist() == [["ann", 2], ["ann", 1]]


def test_the_age_at_which_a_key_is_old_is_a_setting(company: Account) -> None:
    assert mfa.old_keys_without_device(again(company, max_key_age_days=30)).empty
    lone = again(company, max_key_age_days=30)
    lone.__dict__["credentials"] = company.credentials.assign(mfa_registered=False)
    assert mfa.old_keys_without_device(lone)["user_name"].tolist() == ["cy"]
    lone = again(company, max_key_age_days=90)
    lone.__dict__["credentials"] = company.credentials.assign(mfa_registered=False)
    assert mfa.old_keys_without_device(lone).empty


@pytest.mark.parametrize(
    ("registered", "virtual", "missing", "said"),
    [
        (False, False, "", ""),
        (True, True, "", "a virtual device"),
        (True, False, "", "a device that is not virtual: a hardware token or a passkey"),
        (True, False, "no list", "a device whose kind the evidence does not show"),
    ],
)
def test_the_root_user_s_device_is_called_what_the_evidence_says(
    registered: bool, virtual: bool, missing: str, said: str
) -> None:
    root = {"user_arn": ROOT, "is_root": True, "mfa_registered": registered}
    device = {"serial": "mine", "user_arn": ROOT, "is_root": True, "kind": "virtual"}
    devices = VIRTUAL_MFA_DEVICES.rows(*([device] if virtual else []))
    held = holding(missing, credentials=CREDENTIALS.rows(root), virtual_mfa_devices=devices)
    assert mfa.root_device(held) == said
