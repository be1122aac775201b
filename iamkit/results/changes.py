"""
Changes of an account as values, and its evidence as it would be after them.

    from iamkit import changes

    ann = "arn:aws:iam::111122223333:user/ann"
    after = account.what_if(changes.DeactivateAccessKey(ann, 1))
    after.audit.findings

Nothing is written and AWS is not asked: a change alters a copy of the answers that the snapshot
holds as AWS would answer after it, and every table and verdict is made from them anew. So advice
can be tried before anybody follows it.

A change is named like the API call that makes it. Much of what AWS refuses is refused here as well,
with AWS's name of the error: what does not exist, what is still attached, what is AWS's, and what
exceeds a quota. Not known here: service control policies that forbid the call, and what else uses
a thing, such as a load balancer a certificate.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from iamkit.errors import ChangeError
from iamkit.evidence import Snapshot
from iamkit.results.account_changes import (
    CreateAnalyzer,
    EnableOrganizationsRootCredentialsManagement,
    PutAlternateContact,
    PutContactInformation,
)
from iamkit.results.change import Change
from iamkit.results.changed_evidence import ChangedEvidence
from iamkit.results.credential_changes import (
    ChangePassword,
    CreateAccessKey,
    DeactivateAccessKey,
    DeactivateMFADevice,
    DeactivateServiceSpecificCredential,
    DeactivateSigningCertificates,
    DeleteAccessKey,
    DeleteLoginProfile,
    DeleteServerCertificate,
    DeleteServiceSpecificCredential,
    EnableMFADevice,
)
from iamkit.results.policy_changes import (
    AttachPolicy,
    CreatePolicy,
    CreatePolicyVersion,
    DeleteInlinePolicy,
    DeletePermissionsBoundary,
    DeletePolicy,
    DeletePolicyVersion,
    DetachPolicy,
    PutInlinePolicy,
    PutPermissionsBoundary,
    UpdateAssumeRolePolicy,
)
from iamkit.results.principal_changes import (
    AddUserToGroup,
    CreateGroup,
    CreateRole,
    DeleteGroup,
    DeletePasswordPolicy,
    DeleteRole,
    DeleteUser,
    RemoveUserFromGroup,
    UpdatePasswordPolicy,
)
from iamkit.values import instead

__all__ = [
    "AddUserToGroup",
    "AttachPolicy",
    "Change",
    "ChangePassword",
    "CreateAccessKey",
    "CreateAnalyzer",
    "CreateGroup",
    "CreatePolicy",
    "CreatePolicyVersion",
    "CreateRole",
    "DeactivateAccessKey",
    "DeactivateMFADevice",
    "DeactivateServiceSpecificCredential",
    "DeactivateSigningCertificates",
    "DeleteAccessKey",
    "DeleteGroup",
    "DeleteInlinePolicy",
    "DeleteLoginProfile",
    "DeletePasswordPolicy",
    "DeletePermissionsBoundary",
    "DeletePolicy",
    "DeletePolicyVersion",
    "DeleteRole",
    "DeleteServerCertificate",
    "DeleteServiceSpecificCredential",
    "DeleteUser",
    "DetachPolicy",
    "EnableMFADevice",
    "EnableOrganizationsRootCredentialsManagement",
    "PutAlternateContact",
    "PutContactInformation",
    "PutInlinePolicy",
    "PutPermissionsBoundary",
    "RemoveUserFromGroup",
    "UpdateAssumeRolePolicy",
    "UpdatePasswordPolicy",
    "changed",
    "fitting",
]


def changed(original: Snapshot, *changes: Change) -> Snapshot:
    """
    Return the evidence as it would be after some changes, in their order; it is not written.

    Raises `ChangeError` for a change that AWS would refuse, or that is about what is not there.
    """
    evidence = ChangedEvidence(original)
    for change in changes:
        if not isinstance(change, Change):
            raise ChangeError(_no_change(change))
        change.apply(evidence)
    return evidence.snapshot(tuple(map(str, changes)))


def _no_change(given: object) -> str:
    """What is wrong with an argument that is no change, in words."""
    if isinstance(given, type) and issubclass(given, Change):
        return f"{given.__name__} is a kind of change: say of what, as in {given.__name__}(…)"
    if isinstance(given, list | tuple | set | frozenset):
        return "give the changes one by one: account.what_if(*several), not a list of them"
    hint = instead(given, [each for each in __all__ if each[0].isupper()], "")
    said = f"{str(given)[:60]!r} is no change; give values of iamkit.changes"
    return f"{said}; {hint}" if hint else f"{said}, such as changes.DeleteUser(arn)"


def fitting(
    original: Snapshot, parts: Iterable[tuple[Change, ...]]
) -> tuple[list[tuple[Change, ...]], list[tuple[Change, ChangeError]]]:
    """
    Return the parts that AWS would take, in their order, and of each other the change it refuses.

    The changes of a part are made together or not at all.
    """
    evidence = ChangedEvidence(original)
    kept: list[tuple[Change, ...]] = []
    refused: list[tuple[Change, ChangeError]] = []
    for part in parts:
        for number, change in enumerate(part):
            try:
                change.apply(evidence)
            except ChangeError as error:
                refused.append((change, error))
                if number:  # take back what was done of this part
                    evidence = ChangedEvidence(original)
                    for each in chain.from_iterable(kept):
                        each.apply(evidence)
                break
        else:
            kept.append(part)
    return kept, refused
