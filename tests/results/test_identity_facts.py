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
