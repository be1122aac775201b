"""The run file: what it takes, and how it says what it does not take."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from iamkit import settings_files
from iamkit.cli import main
from iamkit.errors import SettingsError
from iamkit.fleet import read, read_all

ROLE = "arn:aws:iam::111122223333:role/audit"


def written(folder: Path, text: str) -> Path:
    path = folder / "iamkit.yaml"
    path.write_text(text)
    return path


def test_the_example_of_a_new_file_is_one_that_is_taken(tmp_path: Path) -> None:
    lines = settings_files.template().splitlines()
    first = lines.index("# What `iamkit run` does every month.")
    last = lines.index("# How accounts are judged, by every command.")
    kept, inside = [], False
    for line in lines[first:last]:
        starts = line.startswith(tuple(f"# {name}:" for name in settings_files.RUN))
        inside = starts or (inside and line.startswith("#   "))
        kept += [line[2:]] if inside else []
    file = read(written(tmp_path, "\n".join(kept)))
    assert [each.name for each in file.accounts] == [
        "production",
        "sandbox",
        "this-account",
        "offline",
    ]
    assert file.accounts[0].account == "111122223333", "as its role says"
    assert file.accounts[2].environment
    assert file.accounts[3].files == tmp_path / "saved-answers"
    assert file.organization is not None
    assert file.organization.exclude == ("666677778888", "/Workloads/Sandboxes", "tag:audit=no")
    assert file.reports == tmp_path / "reports"
    assert (file.keep_months, file.keep) == (24, ("2026-01",))
    assert (file.fail_on, file.fail_on_new) == ("critical", "high")
    assert file.announce == ("python3", "send_mail.py", "security@example.com")
    assert settings_files.read(file.path, "111122223333").max_key_age_days == 30
    assert settings_files.read(file.path, "444455556666").max_key_age_days == 90


def test_an_account_of_the_organization_needs_no_way_of_its_own(tmp_path: Path) -> None:
    text = "organization: {role_name: /a/b, include: /x}\naccounts: [{account: '111122223333'}]"
    file = read(written(tmp_path, text))
    assert not file.accounts[0].has_way
    assert file.organization is not None
    assert file.organization.include == ("/x",)
    assert file.organization.role_arn("444455556666", "aws-us-gov") == (
        "arn:aws-us-gov:iam::444455556666:role/a/b"
    )


def test_what_a_file_leaves_out_keeps_everything_and_fails_on_nothing(tmp_path: Path) -> None:
    file = read(written(tmp_path, "accounts: [{profile: audit}]"))
    assert (file.keep_months, file.fail_on, file.require, file.announce) == (0, None, (), ())
    assert file.accounts[0].name == "audit"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accounts: audit", "line 1: accounts is a list"),
        ("accounts:\n- audit", "line 2: an account is lines such as profile: audit"),
        ("accounts:\n- profil: audit", "line 2: an account has no 'profil'; did you mean profile?"),
        (
            "accounts:\n- name: a",
            "line 2: an account needs one of profile, role_arn, environment, files, demo",
        ),
        ("accounts:\n- {files: a, profile: b}", "line 2: files takes the place of profile"),
        ("accounts:\n- {demo: true, role_arn: " + ROLE + "}", "demo takes the place of role_arn"),
        ("accounts:\n- role_arn: audit", "line 2: role_arn is no ARN of a role: 'audit'"),
        ("accounts:\n- {profile: a, external_id: b}", "external_id goes with role_arn"),
        ("accounts:\n- {profile: a, account: 111122223333}", "account is twelve digits in quotes"),
        ("accounts:\n- {role_arn: " + ROLE + ", account: '444455556666'}", "another account than"),
        ("accounts:\n- {profile: a, settings: {unused_days: 9}}", "needs its id, such as account:"),
        ("accounts:\n- {profile: a, settings: 9}", "settings of an account are lines"),
        ("accounts:\n- {profile: a, last_accessed: often}", "last_accessed is true or false"),
        ("accounts:\n- {profile: 7}", "profile is text, not 7; quote it"),
        ("accounts:\n- profile: a\n- profile: a", "two accounts have the name a"),
        ("keep_months: soon", "line 1: keep_months is a number of months up to 1200"),
        ("keep_months: true", "keep_months is a number of months"),
        ("keep: [last]", "line 1: keep is a list of months such as 2026-01"),
        ("fail_on: hihg", "line 1: fail_on is a severity, not 'hihg'; did you mean high?"),
        ("require: [credential_repor]", "did you mean credential_report?"),
        ('announce: "mail \'x"', "line 1: announce is no command"),
        ("announce: [1]", "announce is a command and its arguments, as texts"),
        ("reports: ftp://host/x", "is no address of storage; one begins with s3://"),
        ("reports: 7", "reports is a folder, not 7"),
        ("reports: ~nobody-of-this-name/x", "the home of a user that is not known here"),
        ('reports: "a\\0b"', "reports is no name of a folder"),
        ('accounts:\n- files: "a\\0b"', "line 2: files is text, not"),
        ("keep: [2026-13]", "line 1: keep is a list of months such as 2026-01"),
        ("keep: [2026-00]", "keep is a list of months"),
        ("keep: [2026-01-01T250000Z]", "keep is a list of months"),
        ("announce: ['']", "line 1: announce is no command: ['']"),
        ("accounts:\n- {files: a, region: b}", "line 2: region is for asking AWS, which files"),
        ("accounts:\n- {demo: true, last_accessed: true}", "last_accessed is for asking AWS"),
        ("accounts:\n- {environment: true, profile: b}", "environment takes the place of profile"),
        ("accounts:\n- {environment: true, role_arn: " + ROLE + "}", "the place of role_arn"),
        ("accounts:\n- environment: please", "line 2: environment is true or false"),
        ("organization: ours", "line 1: organization is lines such as role_name: audit"),
        ("organization: {profile: a}", "organization needs role_name"),
        ("organization: {role: a}", "has no 'role'; "),
        ("organization: {role_name: 'a:b'}", "role_name is the name of a role, the same in each"),
        ("organization: {role_name: 7}", "role_name is text, not 7; quote it"),
        ("organization: {role_name: a, last_accessed: 1}", "last_accessed is true or false"),
        ("organization: {role_name: a, include: [111122223333]}", "include lists account ids in"),
        ("organization: {role_name: a, exclude: 'tag:'}", "not 'tag:'"),
        ("organization: {role_name: a, exclude: Sandboxes}", "paths such as /Workloads"),
        ("organization: {role_name: a}\naccounts: [{name: b}]", "line 2: an account needs one of"),
        ("accounts: [{account: '111122223333'}]", "an account needs one of profile, role_arn"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(written(tmp_path, text))
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"settings file {tmp_path / 'iamkit.yaml'}: line ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accounts:\n\t- demo: true", "is not YAML: line 2: it is indented with a tab"),
        ("accounts: []\nkeep: [2026-02-31]", "line 2: '2026-02-31': day is out of range"),
        ("accounts:\n- demo: true\n keep: 1", "is not YAML: line 3: "),
    ],
)
def test_what_is_no_yaml_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read(written(tmp_path, text))


def test_two_entries_for_one_account_are_one_mistake_in_the_line_of_the_second(
    tmp_path: Path,
) -> None:
    text = f"accounts:\n- role_arn: {ROLE}\n- demo: true\n- role_arn: {ROLE}er\n"
    _, problems = read_all(written(tmp_path, text))
    [said] = map(str, problems)
    assert "line 4: two accounts have the account 111122223333, the other in line 2" in said


def test_what_is_kept_is_named_by_a_month_a_day_or_the_time_that_pages_show(tmp_path: Path) -> None:
    text = "keep: [2026-01, 2026-02-03, 2026-01-01T06:00:00Z, '2026-01-02T06:00:00Z']"
    assert read(written(tmp_path, text)).keep == (
        "2026-01",
        "2026-02-03",
        "2026-01-01T060000Z",
        "2026-01-02T060000Z",
    )


def test_a_home_is_a_home_in_files_as_in_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    file = read(written(tmp_path, "reports: ~/out\naccounts:\n- files: ~/saved"))
    assert (file.reports, file.accounts[0].files) == (
        tmp_path / "ann/out",
        tmp_path / "ann/saved",
    )


def test_the_credentials_of_the_environment_need_nothing_else(tmp_path: Path) -> None:
    [entry] = read(written(tmp_path, "accounts:\n- environment: true")).accounts
    assert (entry.name, entry.environment, entry.profile) == ("environment", True, None)


def test_settings_check_names_every_mistake_of_all_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(
        tmp_path,
        "unused_days: soon\n"
        "fail_on: sometimes\n"
        "accounts:\n"
        f"- role_arn: {ROLE}\n"
        "  settings:\n"
        "    max_key_age_dayz: 3\n"
        "    accepted:\n"
        "    - check: root_used\n",
    )
    ended = CliRunner().invoke(main, ["settings", "check"])
    assert ended.exit_code == 2
    for said in (
        "line 1: unused_days is a number of days",
        "line 2: fail_on is a severity",
        "line 6: there is no setting 'max_key_age_dayz'; did you mean max_key_age_days?",
        "accepted, line 8: an accepted risk needs",
        "has 4 mistakes",
    ):
        assert said in ended.stderr


def test_own_settings_win_and_own_acceptances_are_added(tmp_path: Path) -> None:
    risk = {"owner": "ann", "reason": "r", "expires": "2030-01-01", "subject": "*"}
    text = yaml.safe_dump(
        {
            "approved_networks": ["203.0.113.0/24"],
            "accepted": [{"check": "root_used", **risk}],
            "accounts": [
                {
                    "role_arn": ROLE,
                    "settings": {
                        "approved_networks": ["198.51.100.0/24"],
                        "accepted": [{"check": "old_access_key", **risk}],
                    },
                }
            ],
        }
    ).replace("'2030-01-01'", "2030-01-01")
    path = written(tmp_path, text)
    own = settings_files.read(path, "111122223333")
    assert own.approved_networks == ("198.51.100.0/24",)
    assert [each.check for each in own.accepted] == ["root_used", "old_access_key"]
    for other in ("444455556666", None):
        found = settings_files.read(path, other)
        assert found.approved_networks == ("203.0.113.0/24",)
        assert [each.check for each in found.accepted] == ["root_used"]


def test_a_role_of_another_part_of_aws_is_taken(tmp_path: Path) -> None:
    file, problems = read_all(
        written(tmp_path, "accounts:\n- role_arn: arn:aws-us-gov:iam::111122223333:role/x/audit")
    )
    assert problems == []
    assert file.accounts[0].account == "111122223333"
