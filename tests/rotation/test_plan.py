"""The plan of an account, from evidence alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from iamkit.errors import RotationError
from iamkit.rotation import as_json, hindrances, plan, text
from iamkit.rotation.entry import Entry, written
from iamkit.rotation.plan import ROTATION
from tests import accounts
from tests.accounts import AS_OF, account, again, details, report, user


def line(name: str, *keys: tuple[str, str, str], account_arn: str = accounts.ARN) -> str:
    """A user of the credential report, with (active, made, used) of each key."""
    slots = [*keys, *[("false", "N/A", "N/A")] * (2 - len(keys))]
    said = ",".join(f"{active},{made},{used},us-east-1,s3" for active, made, used in slots)
    begin = f"{name},{account_arn}user/{name},2024-05-01T12:00:00+00:00,false,N/A,N/A,N/A,false"
    return f"{begin},{said},false,N/A,false,N/A"


OLD = ("true", "2026-06-01T00:00:00+00:00", "2026-10-31T00:00:00+00:00")
UNKNOWN = ("true", "N/A", "2026-10-31T00:00:00+00:00")
GONE = ("false", "2026-01-01T00:00:00+00:00", "2026-05-01T00:00:00+00:00")


def deny(condition: dict) -> dict:
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"UserPolicyList": [{"PolicyName": "deny", "PolicyDocument": policy}]}


MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
NETWORK = {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}


def test_each_key_has_one_row(tmp_path: Path):
    root = accounts.ROOT.replace("true,false,N/A", "true,true,2020-01-01T00:00:00+00:00", 1)
    lines = [accounts.HEADER, root, line("ana", OLD), line("bo", UNKNOWN), line("cy", GONE, OLD)]
    made = plan(account(tmp_path, details([user("ana")]), credential_report="\n".join(lines)))
    assert list(made.columns) == ROTATION.names
    said = {(row.user_name, row.slot): (row.step, row.state) for row in made.itertuples()}
    assert said == {
        ("ana", 1): ("make the second key", "due"),
        ("cy", 1): ("delete the inactive key", "later"),
        ("cy", 2): ("make the second key", "waits"),
        ("<root_account>", 1): ("delete the root user's key", "manual"),
        ("bo", 1): ("find out its age and use", "not known"),
    }
    assert made["state"].tolist() == ["due", "later", "waits", "manual", "not known"]
    shown = text(made)
    assert "Due (1)\n\n  ana  key 1: make the second key, due since 2026-08-30\n" in shown
    assert "Manual (1)\n" in shown
    assert json.loads(as_json(made))[0]["due"] == "2026-08-30T00:00:00+00:00"


def test_settings_say_when(tmp_path: Path):
    made = account(tmp_path, details([user("ana")]), credential_report=report(line("ana", OLD)))
    assert plan(again(made, max_key_age_days=300))["state"].tolist() == ["later"]
    assert plan(again(made, unused_days=1))["step"].tolist() == ["deactivate the unused key"]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (None, ""),
        (MFA, "ana can fetch its new key only with MFA (aws sts get-session-token)."),
        (NETWORK, "ana can fetch its new key only from its allowed networks."),
        ({}, "ana is denied to read secrets: it may not be able to fetch its new key."),
        (
            {**MFA, "NotIpAddressIfExists": NETWORK["NotIpAddress"]},
            "ana can fetch its new key only with MFA, or from its allowed networks.",
        ),
    ],
)
def test_who_cannot_fetch_a_key_is_named(tmp_path: Path, condition: dict | None, said: str):
    members = {} if condition is None else deny(condition)
    made = account(
        tmp_path, details([user("ana", **members)]), credential_report=report(line("ana", OLD))
    )
    made = again(made, approved_networks=["203.0.113.0/24"])
    found = plan(made)
    assert found["step"].tolist() == ["make the second key"]
    assert found["hindrance"].fillna("").tolist() == [said]
    assert list(hindrances(made).values()) == ([said] if said else [])


def test_a_user_that_is_not_in_the_evidence_is_not_known(tmp_path: Path):
    made = account(tmp_path, details([user("bo")]), credential_report=report(line("ana", OLD)))
    assert "is not known" in plan(made)["hindrance"].tolist()[0]


def test_without_the_credential_report_there_is_no_plan(tmp_path: Path):
    with pytest.raises(RotationError, match="planned for: passwords, access keys and MFA of"):
        plan(account(tmp_path, details([user("ana")]), credential_report=None))


def test_an_account_without_keys(tmp_path: Path):
    made = plan(account(tmp_path, details(), credential_report=report()))
    assert made.empty
    assert text(made) == "There are no access keys.\n"
    assert as_json(made) == "[]\n"


class Journal:
    """A journal that speaks of one rotation."""

    def read(self, user: str) -> Entry:
        times = dict.fromkeys(("intent", "created", "stored", "read_back", "notified"), MADE)
        return Entry(old="AKIAOLD", new="AKIANEW", new_created=MADE, **times)


MADE = written(AS_OF.replace(month=10, day=10))


def test_a_key_of_the_journal_is_known_by_when_it_was_made(tmp_path: Path):
    quiet = (*OLD[:2], "2026-10-12T00:00:00+00:00")
    new = ("true", MADE, "2026-10-31T00:00:00+00:00")
    made = account(
        tmp_path, details([user("ana")]), credential_report=report(line("ana", quiet, new))
    )
    assert plan(made, Journal())["step"].tolist()[0] == "deactivate the first"
    assert plan(made)["step"].tolist()[0] == "keep one of the two keys"


def test_who_has_to_be_told_of_a_key_is_said_with_the_command(tmp_path: Path):
    class Untold:
        def read(self, user: str) -> Entry:
            return replace(Journal().read(user), notified="", not_told=MADE)

    made = account(
        tmp_path, details([user("ana")]),
        credential_report=report(line("ana", OLD, ("true", MADE, "N/A"))),
    )  # fmt: skip
    why = plan(made, Untold()).set_index("step")["why"]["see it in use"]
    assert "nobody was told: tell its user: aws secretsmanager get-secret-value" in why
    assert "--secret-id iamkit/access-keys/ana/key" in why
    why = plan(made, Journal()).set_index("step")["why"]["see it in use"]
    assert "told" not in why


def test_nothing_in_a_name_acts_on_a_terminal(tmp_path: Path):
    name = "ana\x1b[31m"
    made = account(tmp_path, details([user(name)]), credential_report=report(line(name, OLD)))
    assert "\x1b" not in text(plan(made))
