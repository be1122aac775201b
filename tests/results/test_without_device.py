"""MFA that is enforced for a user without a device is explained wherever both are shown."""

import pytest

from iamkit import Account
from iamkit.pages import identities, mfa, summary
from iamkit.results import NO_DEVICE_YET, enforced_without_device, why_both

ELENA = "elena.petrova"


def test_everything_about_a_user_says_what_follows(demo_account: Account) -> None:
    facts = demo_account.identity(ELENA)
    about = dict(zip(facts["fact"], facts["value"], strict=True))
    assert about["MFA registered"] == "no"
    assert about["what follows"] == why_both("console", registers=True)
    assert "what follows" not in demo_account.identity("aisha.rahman")["fact"].tolist()


def test_all_whom_it_is_true_of_have_the_sentence(demo_account: Account) -> None:
    found = demo_account.identities
    those = found[enforced_without_device(found)]
    assert ELENA in set(those["name"])
    folds = {each["title"]: each for each in identities.described(demo_account)}
    for name in set(those["name"]) & set(folds):
        assert NO_DEVICE_YET in folds[name]["note"]
        said = [each["text"] for each in folds[name]["parts"] if each.get("label") == "MFA:"]
        assert len(said) == 1
        assert said[0].startswith("MFA is enforced, and there is no MFA device")
    others = set(folds) - set(those["name"])
    assert others
    assert not [name for name in others if NO_DEVICE_YET in folds[name]["note"]]


def test_tables_do_not_set_the_two_beside_each_other(demo_account: Account) -> None:
    first = summary.identities_first(demo_account).set_index("name")
    assert first.loc[ELENA, "enforced"] == NO_DEVICE_YET
    without = mfa.without_device(demo_account).set_index("user_name")
    assert without.loc[ELENA, "enforced"] == NO_DEVICE_YET


def test_the_finding_says_it_too(demo_account: Account) -> None:
    rows = demo_account.audit.findings.query("check == 'administrator_without_mfa'")
    (detail,) = rows.loc[rows["name"].eq(ELENA), "detail"]
    assert detail.endswith("so until one is registered only what that needs is allowed")


@pytest.mark.parametrize(
    ("access", "who"),
    [("console", "the password"), ("programmatic", "an access key"), (None, "its credentials")],
)
def test_who_could_register_a_device_is_who_has_a_credential(access: str | None, who: str) -> None:
    assert f"Anyone who has {who} can register" in why_both(access, registers=True)
