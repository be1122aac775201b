"""Documents are read however a tool has encoded them."""

import json
from urllib.parse import quote, quote_plus

import pytest

from iamkit.policy import read_document

DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Sid": "a+b 100%25 é", "Effect": "Deny"}]}
TEXT = json.dumps(DOCUMENT, indent=1)


@pytest.mark.parametrize(
    "given",
    [
        TEXT,
        " \n\ufeff" + TEXT,
        quote(TEXT),
        quote("\n\t" + TEXT),
        "\n " + quote(TEXT).replace("%7B", "%7b").replace("%22", "%22"),
        quote_plus(TEXT),
        quote(quote(TEXT)),
        json.dumps(TEXT),
    ],
)
def test_however_it_is_encoded(given: str) -> None:
    assert read_document(given) == (DOCUMENT, None)


@pytest.mark.parametrize("given", ["", "%7", "{", "null", '{"Statement": 1, "Statement": 2}'])
def test_what_is_no_document_says_so(given: str) -> None:
    assert read_document(given)[1] == "its document is not JSON"


@pytest.mark.parametrize("statement", [None, "Allow", 1, True])
def test_a_statement_that_iam_stores_nowhere_is_damage(statement: object) -> None:
    said = "the Statement of its document is neither an object nor a list"
    assert read_document({"Version": "2012-10-17", "Statement": statement})[1] == said
