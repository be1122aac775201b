"""Responses of an organization are handed on as JSON: each comes back as the one that it was."""

import json

import pytest

from iamkit.evidence import requests
from iamkit.evidence.responses import Response, ResponseStatus, of_plain, plain

HANDED_ON = (
    requests.CONTROL_POLICIES,
    requests.RESOURCE_POLICIES,
    requests.IDENTITY_CENTER,
    requests.ACCOUNT_ACCESS,
)


@pytest.mark.parametrize("request_", HANDED_ON, ids=lambda each: each.file)
def test_it_comes_back_as_it_was(request_: requests.Request) -> None:
    given = Response(request_, ResponseStatus.OK, {"x": [1]}, by="arn:aws:iam::111122223333:root")
    assert of_plain(json.loads(json.dumps(plain(given)))) == given
