"""Changes of the account's own settings: contacts, an analyzer, central management of root."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

from iamkit.errors import ChangeError
from iamkit.evidence import requests
from iamkit.results.change import Change, change
from iamkit.results.changed_evidence import ChangedEvidence
from iamkit.values import as_dict, as_list

CONTACTS: Final = ("SECURITY", "OPERATIONS", "BILLING")
ANALYZERS: Final = requests.by_call("access-analyzer:ListAnalyzers")
FEATURES: Final = requests.by_call("iam:ListOrganizationsFeatures")
CONTACT: Final = requests.by_call("account:GetContactInformation")
ROOT_CREDENTIALS: Final = "RootCredentialsManagement"


@change
class PutContactInformation(Change):
    """Set the account's contact information."""

    name: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        evidence.replace(CONTACT, {"ContactInformation": {"FullName": self.name}})

    def __str__(self) -> str:
        """See `Change`."""
        return "Set the account's contact information"


@change
class PutAlternateContact(Change):
    """Set an alternate contact of the account: security, operations or billing."""

    kind: str = field(metadata={"among": CONTACTS})
    email: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        contact = {"AlternateContactType": self.kind, "EmailAddress": self.email}
        asked = requests.named(f"{self.kind.lower()}_contact")
        evidence.replace(asked, {"AlternateContact": contact})

    def __str__(self) -> str:
        """See `Change`."""
        return f"Set the account's {self.kind.lower()} contact"


@change
class CreateAnalyzer(Change):
    """Make an analyzer of external access in the Region that was asked; it is active."""

    name: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        listed = as_list(as_dict(evidence.answer(ANALYZERS.file)).get("analyzers"))
        if evidence.answer(ANALYZERS.file) is None:
            raise ChangeError(
                "the evidence does not list analyzers; collect access-analyzer:ListAnalyzers"
            )
        if any(as_dict(each).get("name") == self.name for each in listed):
            raise ChangeError(f"there is an analyzer {self.name} already (ConflictException)")
        partition = evidence.prefix.split(":")[1]
        arn = (
            f"arn:{partition}:access-analyzer:us-east-1:{evidence.account_id}:analyzer/{self.name}"
        )
        made: dict[str, Any] = {"arn": arn, "name": self.name, "type": "ACCOUNT"}
        evidence.replace(ANALYZERS, {"analyzers": [*listed, {**made, "status": "ACTIVE"}]})

    def __str__(self) -> str:
        """See `Change`."""
        return f"Make analyzer {self.name}"


@change
class EnableOrganizationsRootCredentialsManagement(Change):
    """Enable central management of root credentials; the management account can do so."""

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        said = as_dict(as_dict(evidence.answer(requests.ORGANIZATION.file)).get("Organization"))
        if said.get("MasterAccountId") != evidence.account_id:
            raise ChangeError(
                "only the management account of an organization can enable it "
                "(CallerIsNotManagementAccount)"
            )
        answer = as_dict(evidence.answer(FEATURES.file))
        enabled = dict.fromkeys([*as_list(answer.get("EnabledFeatures")), ROOT_CREDENTIALS])
        evidence.replace(
            FEATURES, {"OrganizationId": said.get("Id"), "EnabledFeatures": list(enabled)}
        )

    def __str__(self) -> str:
        """See `Change`."""
        return "Enable central management of root credentials"
