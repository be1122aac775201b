"""Thresholds: checked, documented, and overridden in one order."""

from pathlib import Path

import pytest

from iamkit import settings
from iamkit.errors import SettingsError
from iamkit.settings import Settings


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text("max_key_age_days: 60\n")
    assert settings.read(path) == Settings(max_key_age_days=60)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text("# nothing yet\n")
    assert settings.read(path) == Settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_key_age: 60", "did you mean max_key_age_days"),
        ("colour: blue", "there is no setting 'colour'; there are approved_networks"),
        ("approved_networks: [10.0.0.0/33]", "approved_networks is a list of CIDRs"),
        ("approved_networks: 10.0.0.1/8", "approved_networks is a list of CIDRs"),
        ("unused_days: forty", "unused_days is a number of days from 1 to 36500, not 'forty'"),
        ("unused_days: 0", "not 0"),
        ("unused_days: true", "not True"),
        ("unused_days: 4.5", "not 4.5"),
        ("[1, 2]", "should hold lines such as"),
        ("a: [", "is not YAML"),
    ],
)
def test_what_does_not_fit_is_named_with_its_file(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "iamkit.yml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings.read(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yml cannot be read"):
        settings.read(tmp_path / "nowhere.yml")


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
    assert settings.read(path).approved_networks == ("203.0.113.0/24", "2001:db8::/32")
