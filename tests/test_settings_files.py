"""Settings files as a user meets them: found, written, checked and shown."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from iamkit import settings, settings_files
from iamkit.cli import main
from iamkit.errors import SettingsError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(settings_files.VARIABLE, raising=False)
    return tmp_path


def test_a_new_file_changes_nothing_and_names_every_setting() -> None:
    assert CliRunner().invoke(main, ["settings", "init"]).exit_code == 0
    assert settings_files.read(Path("iamkit.yaml")) == settings.Settings()
    text = Path("iamkit.yaml").read_text()
    for name in settings.Settings.names():
        assert f"\n# {name}:" in text


def test_what_the_comments_hold_is_taken_when_they_are_none() -> None:
    """Each example and default is one that fits."""
    lines = settings_files.template().splitlines()
    starts = tuple(f"# {name}:" for name in settings.Settings.names())
    kept, inside = [], False
    for line in lines:
        inside = line.startswith(starts) or (inside and line.startswith("#   "))
        if inside:
            kept.append(line[2:])
    content = yaml.safe_load("\n".join(kept))
    assert set(content) == set(settings.Settings.names())
    Path("our_checks.py").write_text("")
    Path("all.yaml").write_text("\n".join(kept))
    assert settings_files.read(Path("all.yaml")).accepted[0].check == "root_used"


def test_a_file_that_is_there_is_not_written_over() -> None:
    Path("iamkit.yaml").write_text("unused_days: 30\n")
    ended = CliRunner().invoke(main, ["settings", "init"])
    assert ended.exit_code == 2
    assert "is there already" in ended.stderr
    assert Path("iamkit.yaml").read_text() == "unused_days: 30\n"


def test_every_mistake_is_told_with_its_line() -> None:
    Path("iamkit.yaml").write_text("max_key_age_day: 3\nunused_days: soon\nroot_quiet_days: 9\n")
    ended = CliRunner().invoke(main, ["settings", "check"])
    assert ended.exit_code == 2
    assert "line 1: there is no setting 'max_key_age_day'; did you mean max_key_age_days?" in (
        ended.stderr
    )
    assert "line 2: unused_days is a number of days" in ended.stderr
    assert "2 mistakes" in ended.stderr


def test_an_accepted_check_that_does_not_exist_is_a_mistake() -> None:
    Path("iamkit.yaml").write_text(
        "accepted:\n- {check: root_usedd, subject: x, owner: me, reason: y, expires: 2030-01-01}\n"
    )
    ended = CliRunner().invoke(main, ["settings", "check"])
    assert ended.exit_code == 2
    assert "root_used" in ended.stderr


def test_what_is_in_force_says_where_it_comes_from() -> None:
    Path("iamkit.yml").write_text("unused_days: 30\n")
    ended = CliRunner().invoke(main, ["settings", "show"])
    assert f"unused_days: 30  ({Path.cwd() / 'iamkit.yml'})" in ended.stdout
    assert "max_key_age_days: 90  (default)" in ended.stdout


def test_the_variable_names_another(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    Path("iamkit.yaml").write_text("unused_days: 30\n")
    Path("other.yaml").write_text("unused_days: 7\n")
    monkeypatch.setenv(settings_files.VARIABLE, "other.yaml")
    assert settings_files.found(here) == Path("other.yaml")
    monkeypatch.setenv(settings_files.VARIABLE, "gone.yaml")
    with pytest.raises(SettingsError, match=r"gone\.yaml, which is no file"):
        settings_files.found(here)


def test_two_files_are_one_too_many(here: Path) -> None:
    for name in settings_files.NAMES:
        Path(name).write_text("")
    with pytest.raises(SettingsError, match=r"both iamkit\.yaml and iamkit\.yml"):
        settings_files.found(here)


def test_the_help_lists_every_command_by_what_it_is_for() -> None:
    text = CliRunner().invoke(main, ["--help"]).stdout
    for name in main.commands:
        assert f"\n  {name} " in text
    assert "..." not in text.partition("Options:")[2]
    assert "\b" not in CliRunner().invoke(main, ["collect", "--help"]).stdout
