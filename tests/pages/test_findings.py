"""Results of single checks: what passes is not shown as something to mend."""

import pytest

from iamkit.pages import findings
from tests.pages import checked, holding


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("fail", ["The root user has no MFA", "high", "Do it."]),
        ("not assessed", ["The root user has no MFA", "high", "Do it."]),
        ("pass", ["Not found: the root user has no MFA", None, None]),
        ("not applicable", ["Not found: the root user has no MFA", None, None]),
    ],
)
def test_what_holds_has_no_severity_and_no_remedy(status: str, shown: list[str | None]) -> None:
    made = checked(root_without_mfa=status, password_policy_short="fail")
    results = made.results.assign(title="The root user has no MFA", remedy="Do it.")
    found = findings.checks_of(holding(audit=made._replace(results=results)), "root")
    assert len(found) == 1
    row = found.iloc[0]
    values = [row["title"], row["severity"], row["remedy"]]
    assert [None if value != value else value for value in values] == shown
    assert row["status"] == status
