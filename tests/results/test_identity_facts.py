"""Everything about one identity."""

from pathlib import Path

from tests.accounts import HEADER, ROOT, account, details, user


def test_what_the_evidence_lacks_of_an_identity_is_among_its_facts(tmp_path: Path) -> None:
    # The authorization details name ann; the credential report has no row for her.
    found = account(tmp_path, details(users=[user("ann")]), credential_report=f"{HEADER}\n{ROOT}")
    facts = found.identity("ann").set_index("fact")["value"]
    reasons = found.incomplete.query("subject.str.endswith('user/ann')")["reason"]
    assert list(reasons) == [facts["what the evidence lacks"]]
    assert "credential report" in facts["what the evidence lacks"]
    for unknown in ("password", "MFA registered", "access keys"):
        assert facts[unknown] == "not known"


def test_facts_are_words_and_no_python(tmp_path: Path) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": everything}
    ann = user("ann", UserPolicyList=[{"PolicyName": "own", "PolicyDocument": document}])
    facts = account(tmp_path, details(users=[ann])).identity("ann")
    assert "one request that is allowed" in set(facts["fact"])
    assert not facts["value"].str.contains(r"^[{\[]").any()
