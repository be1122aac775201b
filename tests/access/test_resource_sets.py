"""Sets of resources: which ARNs a pattern matches, found among those that begin alike."""

import pytest

from iamkit.access import Resources, members
from iamkit.policy import Pattern

OWN = "arn:aws:iam::111122223333:role/"
NAMES = ("app", "app-deploy", "team/app", "b:c/app", "role/app")
PATTERNS = (
    f"{OWN}app*",
    f"{OWN}*app",
    "arn:aws:iam::*:role/app*",
    "arn:aws:iam::*:role/*app",
    "arn:*:iam::1111?2223333:role/*/app",
    "arn:aws:iam::*:c/app",
    "arn:aws:iam::*:role/b:*",
    "arn:aws:iam::999999999999:role/*",
    "arn:aws:s3::*:role/app*",
    "arn:aws:iam::*:*:c/app",
    "*:role/app*",
    "arn:aws:*",
)


@pytest.mark.parametrize("names", [NAMES, tuple(each for each in NAMES if ":" not in each)])
@pytest.mark.parametrize("text", PATTERNS)
def test_a_pattern_matches_the_same_however_few_are_looked_at(
    text: str, names: tuple[str, ...]
) -> None:
    arns = tuple(OWN + name for name in names)
    roles = Resources(Pattern(f"{OWN}*"), arns, tuple({} for _ in arns))
    found = [arns[at] for at in members(roles.matching(Pattern(text)))]
    assert found == [arn for arn in arns if Pattern(text).matches(arn)]
