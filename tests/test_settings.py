"""Thresholds: checked, documented, and overridden in one order."""

import datetime as dt
from pathlib import Path

import pytest

from iamkit import settings_files
from iamkit.errors import SettingsError
from iamkit.settings import Acceptance, Settings


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text("max_key_age_days: 60\n")
    assert settings_files.read(path) == Settings(max_key_age_days=60)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text("# nothing yet\n")
    assert settings_files.read(path) == Settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_key_age: 60", "did you mean max_key_age_days"),
        ("colour: blue", "there is no setting 'colour'; there are accepted"),
        ("approved_networks: [10.0.0.0/33]", "approved_networks is a list of CIDRs"),
        ("approved_networks: 10.0.0.1/8", "approved_networks is a list of CIDRs"),
        ("approved_networks: [true]", "not True"),
        ("approved_networks: [16909060]", "not 16909060"),
        ("approved_networks: ['fe80::1%eth0']", "not 'fe80::1%eth0'"),
        ("unused_days: forty", "unused_days is a number of days from 1 to 36500, not 'forty'"),
        ("unused_days: 0", "not 0"),
        ("unused_days: true", "not True"),
        ("unused_days: 4.5", "not 4.5"),
        ("hardware_mfa: everybody", "not 'everybody'; did you mean everyone?"),
        ("[1, 2]", "should hold lines such as"),
        ("a: [", "is not YAML"),
        ("self_service: all", "self_service is a list of actions such as iam:GetUser"),
        ("known_accounts: [111122223333]", "twelve digits in quotes, not 111122223333"),
        ("own_checks: [1]", "own_checks is a list of Python files"),
        ("accepted: root_used", "accepted is a list of entries"),
        ("accepted: [root_used]", "accepted, line 1: an entry is lines such as"),
    ],
)
def test_what_does_not_fit_is_named_with_its_file(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings_files.read(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("unused_days: 30\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        ("unused_days: 30\n".encode("utf-16-be"), "is not YAML"),
        ("﻿unused_days: 30\n".encode("utf-16-be"), "is UTF-16 text; save it as UTF-8"),
        ("break_glass: [josé]\n".encode("latin-1"), "is not UTF-8 text ("),
    ],
)
def test_text_in_another_encoding_says_how_to_save_it(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        settings_files.read(path)
    assert f"settings file {path} {says}" in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_bytes("unused_days: 30\n".encode("utf-8-sig"))
    assert settings_files.read(path).unused_days == 30


def test_one_value_stands_for_a_list_of_one() -> None:
    given = Settings().with_overrides(self_service="iam:GetUser", known_accounts="111122223333")
    assert (given.self_service, given.known_accounts) == (("iam:GetUser",), ("111122223333",))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yml cannot be read"):
        settings_files.read(tmp_path / "nowhere.yml")


def test_none_leaves_a_setting_as_it_is() -> None:
    given = Settings(unused_days=30, approved_networks=("203.0.113.0/24",))
    assert given.with_overrides(unused_days=None, approved_networks=None) == given


def test_every_setting_says_what_it_means_and_where_it_comes_from() -> None:
    described = Settings().describe()
    assert described["meaning"].str.len().min() > 10
    assert described["source"].str.len().min() > 5


def test_approved_networks_are_cidrs(tmp_path: Path) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text("approved_networks: [203.0.113.0/24, '2001:db8::/32']\n")
    assert settings_files.read(path).approved_networks == ("203.0.113.0/24", "2001:db8::/32")


RISK = """
accepted:
- check: root_used
  subject: "*"
  owner: Ana
  reason: Yearly recovery drill.
  expires: 2027-06-30
  ticket: SEC-12
- check: old_access_key
  subject: svc-*
  owner: Ben
  reason: Rotated by the vendor.
  expires: 2027-01-31
"""


def test_accepted_risks_know_their_line(tmp_path: Path) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text(RISK)
    first, second = settings_files.read(path).accepted
    assert first == Acceptance(
        *("root_used", "*", "Ana", "Yearly recovery drill.", dt.date(2027, 6, 30)),
        ticket="SEC-12",
        line=3,
    )
    assert (second.ticket, second.line) == ("", 9)


@pytest.mark.parametrize("name", ["check", "subject", "owner", "reason", "expires"])
def test_a_risk_accepted_by_nobody_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "iamkit.yml"
    kept = [line for line in RISK.splitlines() if not line.startswith(f"  {name}:")]
    if name == "check":
        kept = RISK.replace("- check: old_access_key\n  subject", "- subject").splitlines()
    path.write_text("\n".join(kept))
    with pytest.raises(SettingsError, match=rf"accepted, line (3|9): .* needs '{name}'"):
        settings_files.read(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("expires: soon", "'expires' is a day such as 2027-06-30, not 'soon'"),
        ("expires: 2027-06-30T10:00:00Z", "'expires' is a day"),
        ("until: 2027-06-30", "there is no 'until'; there are check"),
        ("owners: Ana", "did you mean owner?"),
    ],
)
def test_an_entry_that_does_not_fit_is_named_with_its_line(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text(f"accepted:\n- check: a\n  subject: b\n  owner: c\n  reason: d\n  {text}\n")
    with pytest.raises(SettingsError) as caught:
        settings_files.read(path)
    assert says in str(caught.value)
    assert "line 2" in str(caught.value)


def test_what_does_not_fit_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text("# ours\nunused_days: 30\nhardware_mfa: some\n")
    with pytest.raises(SettingsError, match="line 3: hardware_mfa is one of nobody"):
        settings_files.read(path)


def test_own_checks_are_looked_for_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text("own_checks: [ours.py]\n")
    with pytest.raises(
        SettingsError, match=r"line 1: own_checks names .*ours\.py, which is no file"
    ):
        settings_files.read(path)
    (tmp_path / "ours.py").touch()
    assert settings_files.read(path).own_checks == (tmp_path / "ours.py",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("approved_networks: [0.0.0.0/0]", "is half of all addresses or more"),
        ("approved_networks: ['::/1']", "is half of all addresses or more"),
        ("self_service: ['iam:Creat*']", "is a list of actions such as iam:GetUser"),
        ("self_service: ['*:*']", "is a list of actions such as iam:GetUser"),
    ],
)
def test_what_would_let_everything_through_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=says):
        settings_files.read(path)


BOMB = "approved_networks:\n- &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"- &{after} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "its aliases stand for more than a million values"),
        ("approved_networks: &a [*a]\n", "it is nested too deep"),
        (f"approved_networks: {'[' * 3000}{']' * 3000}\n", "it is nested too deep"),
    ],
    ids=["aliases of aliases", "an alias in itself", "nesting"],
)
def test_what_would_fill_the_memory_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=says):
        settings_files.read(path)


def test_an_alias_stands_for_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text("approved_networks: &nets [203.0.113.0/24]\nbreak_glass: *nets\n")
    read = settings_files.read(path)
    assert read.break_glass == read.approved_networks == ("203.0.113.0/24",)


@pytest.mark.parametrize("name", Settings.names())
def test_a_long_value_is_shown_cut(tmp_path: Path, name: str) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text(f"{name}: [{{x: {'9' * 5000}}}]\n")
    with pytest.raises(SettingsError) as caught:
        settings_files.read(path)
    assert len(str(caught.value).replace(str(path), "")) < 300
