"""Each check of the kit says why it matters, in words of its own."""

import re

import pytest

from iamkit import Account
from iamkit.checks.registry import CHECKS
from iamkit.pages import explained

KIT = {name: each for name, each in CHECKS.items() if each.find.__module__.startswith("iamkit.")}


@pytest.mark.parametrize("name", sorted(KIT))
def test_a_check_says_in_one_or_two_sentences_why_it_matters(name: str) -> None:
    said = KIT[name].impact
    sentences = re.split(r"(?<=[.?!])\s+", said)
    assert 1 <= len(sentences) <= 2
    assert all(each[0].isupper() or each.startswith("iam:") for each in sentences)
    assert said.endswith(".")
    assert len(said.split()) >= 12


def test_no_two_checks_say_the_same() -> None:
    said = [sentence for each in KIT.values() for sentence in each.impact.split(". ")]
    assert len(said) == len(set(said))


def test_the_page_says_it(demo_account: Account) -> None:
    (fold,) = [
        each
        for each in explained.explained(demo_account, "03-network")
        if each["title"] == CHECKS["network_list_open"].title
    ]
    (why,) = [part["text"] for part in fold["parts"] if part.get("label") == "Why it matters:"]
    assert why.startswith(CHECKS["network_list_open"].impact)
