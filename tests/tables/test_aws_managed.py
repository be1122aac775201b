"""The AWS managed policies that are known by name, and where they come from."""

from importlib.metadata import version

import pytest

from iamkit.tables import aws_managed
from tests.tables.administrative_policies import administrative_policies, embedded


def test_the_embedded_list_is_what_its_source_gives() -> None:
    if f"moto {version('moto')}," not in embedded()["source"]:
        pytest.skip("the embedded list is of another moto")
    assert administrative_policies() == embedded()


def test_what_gives_administration_or_near_it_is_known() -> None:
    for name in ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess"):
        arn = f"arn:aws:iam::aws:policy/{name}"
        assert aws_managed.document(arn) is not None
        assert aws_managed.version(arn)
