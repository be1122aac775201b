"""The AWS managed policies that are known by name, and where they come from."""

from iamkit.tables import aws_managed
from tests.tables.administrative_policies import administrative_policies, embedded


def test_the_embedded_list_is_what_its_source_gives() -> None:
    """It names the version of moto, so an update of that makes this fail, too."""
    said = "run `python -m tests.tables.administrative_policies`"
    assert administrative_policies() == embedded(), said


def test_what_gives_administration_or_near_it_is_known() -> None:
    for name in ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess"):
        arn = f"arn:aws:iam::aws:policy/{name}"
        assert aws_managed.document(arn) is not None
        assert aws_managed.version(arn)
