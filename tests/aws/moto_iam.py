"""
moto's IAM, corrected where its answers differ from AWS's.

A collector tested against plain moto learns the wrong service: a credential report without the
root user, policies without names, one page of authorization details whatever the size of the
account. `IamAsAws` overrides the operations an audit calls and leaves the others to moto; `apply`
makes moto dispatch to it.

Written against moto 5.2.5. Source: IAM API Reference.
"""

from collections import Counter
from datetime import timedelta
from functools import cache, wraps
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.iam import models as iam
from moto.iam import urls
from moto.iam.exceptions import DeleteConflictException, IAMException, NoSuchEntity, ValidationError
from moto.iam.responses import IamResponse
from moto.moto_api._internal import mock_random
from moto.organizations.exceptions import AWSOrganizationsNotInUseException
from moto.organizations.models import organizations_backends
from moto.sts.responses import TokenResponse

from tests.aws import documents
from tests.aws.account import Facts, LastAccessedJob, Report, clock, facts
from tests.aws.documents import present

CALLER = "assumed-role/security-audit/auditor"
ID_PREFIXES = {iam.User: "AIDA", iam.Group: "AGPA", iam.Policy: "ANPA", iam.InstanceProfile: "AIPA"}
ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
REPORT_LIFETIME = timedelta(hours=4)


@cache
def apply() -> None:
    """Make moto answer as AWS does, for the rest of the process."""
    iam.utcnow = clock
    iam.load_iam_aws_managed_policies = lambda: True
    iam.IAMBackend._init_aws_policies = _once_per_account(iam.IAMBackend._init_aws_policies)
    urls.url_paths["{0}/$"] = IamAsAws.dispatch
    TokenResponse.get_caller_identity = _caller_identity(TokenResponse.get_caller_identity)
    for model, prefix in ID_PREFIXES.items():
        model.__init__ = _with_id_prefix(model.__init__, prefix)


def _once_per_account(load):
    """Load AWS's 1,500 managed policies into its main partition, not into all six."""

    @wraps(load)
    def load_into_aws(self):
        return load(self) if self.region_name == "aws" else []

    return load_into_aws


def _with_id_prefix(init, prefix):
    """Ids carry their kind: a trust policy names a deleted user by an id that begins AIDA."""

    @wraps(init)
    def init_with_prefix(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.id = prefix + "".join(mock_random.choices(ID_LETTERS, k=17))

    return init_with_prefix


def _caller_identity(original):
    """A caller without a key of the account is a role session, not `arn:aws:sts::…:user/moto`."""

    @wraps(original)
    def get_caller_identity(self):
        identity = original(self).result
        if identity["Arn"].endswith(":user/moto"):
            identity["Arn"] = f"arn:aws:sts::{self.current_account}:{CALLER}"
            identity["UserId"] = "AROAEXAMPLEEXAMPLE234:auditor"
        return ActionResult(identity)

    return get_caller_identity


class IamAsAws(IamResponse):
    """The IAM operations an audit calls, each answered as AWS answers it."""

    @property
    def facts(self) -> Facts:
        """What moto does not know about the account that is asked."""
        return facts(self.current_account)

    def _page(self, entries: list[Any], scope: str = "") -> tuple[list[Any], dict[str, Any]]:
        """One page of the entries, and the members that say whether more follow."""
        size = self.facts.page_size or self._get_int_param("MaxItems", 100)
        marker_scope, _, offset = self._get_param("Marker", f"{scope}:0").rpartition(":")
        if marker_scope != scope or not offset.isdigit():
            raise ValidationError("Invalid Marker.")
        end = int(offset) + size
        more = end < len(entries)
        paging = {"IsTruncated": more} | ({"Marker": f"{scope}:{end}"} if more else {})
        return entries[int(offset) : end], paging

    # Credential report

    def generate_credential_report(self) -> ActionResult:
        """STARTED, then INPROGRESS, then COMPLETE until the report is four hours old."""
        report = self.facts.report
        if report and report.polls_left:
            report.polls_left -= 1
            return ActionResult({"State": "INPROGRESS"})
        if report and clock.now - report.generated < REPORT_LIFETIME:
            return ActionResult({"State": "COMPLETE"})
        content = documents.credential_report(self.backend, self.facts.root)
        self.facts.report = Report(clock.now, content, self.facts.report_polls)
        why = "No report exists. Starting a new report generation task"
        return ActionResult({"State": "STARTED", "Description": why})

    def get_credential_report(self) -> ActionResult:
        """The cached report; not present, in progress and expired are three errors."""
        report = self.facts.report
        if not report:
            raise IAMException("ReportNotPresent", "No report is present, generate one first")
        if report.polls_left:
            report.polls_left -= 1
            raise IAMException("ReportInProgress", "The report is still being generated")
        if clock.now - report.generated >= REPORT_LIFETIME:
            raise IAMException("ReportExpired", "The report has expired, generate a new one")
        answer = {"ReportFormat": "text/csv", "GeneratedTime": report.generated}
        return ActionResult(answer | {"Content": report.content})

    # Account

    def get_account_authorization_details(self) -> ActionResult:
        """Pages over users, roles, groups and policies, in this order."""
        kinds = sorted(self._get_param("Filter", []))
        entries = [
            *(("UserDetailList", user) for user in self._details("User")),
            *(("RoleDetailList", role) for role in self._details("Role")),
            *(("GroupDetailList", group) for group in self._details("Group")),
            *(("Policies", policy) for policy in self._policy_details(kinds)),
        ]
        page, answer = self._page(entries, scope=",".join(kinds))
        for member in ("UserDetailList", "RoleDetailList", "GroupDetailList", "Policies"):
            answer[member] = [entry for kind, entry in page if kind == member]
        return ActionResult(answer)

    def _details(self, kind: str) -> list[dict[str, Any]]:
        """The users, roles or groups, unless the request filters them out."""
        if kind not in self._get_param("Filter", [kind]):
            return []
        entities = {"User": "users", "Role": "roles", "Group": "groups"}[kind]
        detail = getattr(documents, f"{kind.lower()}_detail")
        return [detail(entity) for entity in getattr(self.backend, entities).values()]

    def _policy_details(self, kinds: list[str]) -> list[dict[str, Any]]:
        """Every customer managed policy, and those of AWS that are in use."""
        principals = [*self.backend.users.values(), *self.backend.roles.values()]
        boundaries = Counter(getattr(p, "permissions_boundary_arn", None) for p in principals)
        in_use = [
            policy
            for policy in self.backend.managed_policies.values()
            if not isinstance(policy, iam.AWSManagedPolicy)
            or policy.attachment_count
            or boundaries[policy.arn]
        ]
        return [
            documents.policy_detail(policy, boundaries[policy.arn])
            for policy in in_use
            if not kinds or f"{_owner(policy)}ManagedPolicy" in kinds
        ]

    def get_account_summary(self) -> ActionResult:
        """moto's counts, with the root user and every kind of MFA device among them."""
        root, users = self.facts.root, self.backend.users.values()
        in_use = [serial for user in users for serial in user.mfa_devices]
        in_use += [root.mfa_serial] if root.mfa_serial else []
        return ActionResult(
            {
                "SummaryMap": self.backend.account_summary.summary_map
                | {
                    "AccountMFAEnabled": int(bool(root.mfa_serial)),
                    "AccountAccessKeysPresent": int(bool(root.access_keys)),
                    "AccountPasswordPresent": int(root.password_enabled != "false"),
                    "MFADevices": len({*in_use, *self.backend.virtual_mfa_devices}),
                    "MFADevicesInUse": len(in_use),
                }
            }
        )

    def get_account_password_policy(self) -> ActionResult:
        """The policy without the members that are not set; moto sends them as zero."""
        policy = self.backend.get_account_password_policy()
        ages = present(MaxPasswordAge=policy.max_password_age or None)
        return ActionResult(
            {
                "PasswordPolicy": {
                    "MinimumPasswordLength": policy.minimum_password_length,
                    "RequireSymbols": policy.require_symbols,
                    "RequireNumbers": policy.require_numbers,
                    "RequireUppercaseCharacters": policy.require_uppercase_characters,
                    "RequireLowercaseCharacters": policy.require_lowercase_characters,
                    "AllowUsersToChangePassword": policy.allow_users_to_change_password,
                    "ExpirePasswords": bool(ages),
                    **(ages and {**ages, "HardExpiry": policy.hard_expiry}),
                    **present(PasswordReusePrevention=policy.password_reuse_prevention or None),
                }
            }
        )

    def list_organizations_features(self) -> ActionResult:
        """Which central root controls the organization has turned on."""
        organizations = organizations_backends[self.current_account][self.partition]
        try:
            organization = organizations.describe_organization()["Organization"]
        except AWSOrganizationsNotInUseException:
            message = "The request was rejected because no organization is associated"
            raise IAMException("OrganizationNotFoundException", message) from None
        features = self.facts.organizations_features
        return ActionResult({"OrganizationId": organization["Id"], "EnabledFeatures": features})

    # Credentials

    def list_mfa_devices(self) -> ActionResult:
        """A user's devices of every kind; a caller who is not a user has none."""
        name = self._get_param("UserName")
        devices = self.backend.get_user(name).mfa_devices.values() if name else []
        page, answer = self._page([documents.mfa_device(device, name) for device in devices])
        return ActionResult(answer | {"MFADevices": page})

    def list_virtual_mfa_devices(self) -> ActionResult:
        """Root's device has no UserName, an unassigned one still carries its seed."""
        status = self._get_param("AssignmentStatus", "Any")
        root = self.facts.root
        devices = self.backend.virtual_mfa_devices.values()
        devices = [documents.virtual_mfa_device(device) for device in devices]
        if root.mfa_serial and ":mfa/" in root.mfa_serial:
            devices.insert(0, documents.root_mfa_device(root, self.current_account))
        if status != "Any":
            devices = [d for d in devices if ("User" in d) == (status == "Assigned")]
        page, answer = self._page(devices)
        return ActionResult(answer | {"VirtualMFADevices": page})

    def list_service_specific_credentials(self) -> ActionResult:
        """One user's, or with AllUsers the account's."""
        name, everyone = self._get_param("UserName"), self._get_bool_param("AllUsers", False)
        credentials = self.facts.service_specific_credentials
        page, answer = self._page([c for c in credentials if everyone or c["UserName"] == name])
        return ActionResult(answer | {"ServiceSpecificCredentials": page})

    def list_server_certificates(self) -> ActionResult:
        """Certificates with dates of their own; moto gives all the same two."""
        certificates = [
            {
                "ServerCertificateName": certificate.cert_name,
                "ServerCertificateId": f"ASCA{identifier.upper()[:17]}",
                "Path": certificate.path,
                "Arn": certificate.arn,
                "UploadDate": getattr(certificate, "upload_date", clock.now),
                "Expiration": getattr(certificate, "expiration", clock.now + timedelta(days=365)),
            }
            for identifier, certificate in self.backend.certificates.items()
        ]
        page, answer = self._page(certificates)
        return ActionResult(answer | {"ServerCertificateMetadataList": page})

    # Service last accessed

    def generate_service_last_accessed_details(self) -> ActionResult:
        """Start a job about one principal."""
        granularity = self._get_param("Granularity", "SERVICE_LEVEL")
        polls = self.facts.last_accessed_polls
        job = LastAccessedJob(self._get_param("Arn"), granularity, clock.now, polls)
        job_id = str(mock_random.uuid4())
        self.facts.last_accessed_jobs[job_id] = job
        return ActionResult({"JobId": job_id})

    def get_service_last_accessed_details(self) -> ActionResult:
        """The job's state, and once it is COMPLETED what it found."""
        job = self.facts.last_accessed_jobs.get(self._get_param("JobId"))
        if not job:
            raise NoSuchEntity("The job cannot be found.")
        if job.polls_left:
            job.polls_left -= 1
            # AWS leaves out the members its model calls required until the job is done.
            return ActionResult({"JobStatus": "IN_PROGRESS", "JobCreationDate": job.created})
        services = self.facts.last_accessed.get(job.arn, [])
        if job.granularity == "SERVICE_LEVEL":
            actions = "TrackedActionsLastAccessed"
            services = [{k: v for k, v in s.items() if k != actions} for s in services]
        page, answer = self._page(services)
        answer |= {"JobCreationDate": job.created, "JobCompletionDate": job.created}
        answer |= {"JobStatus": "COMPLETED", "JobType": job.granularity}
        return ActionResult(answer | {"ServicesLastAccessed": page})

    # Users: what the operations above have to know

    def create_user(self) -> ActionResult:
        """Create a user and keep the boundary, which moto drops."""
        answer = super().create_user()
        self.put_user_permissions_boundary()
        return answer

    def put_user_permissions_boundary(self) -> ActionResult:
        """Set the boundary of a user."""
        user = self.backend.get_user(self._get_param("UserName"))
        user.permissions_boundary_arn = self._get_param("PermissionsBoundary")
        return EmptyResult()

    delete_user_permissions_boundary = put_user_permissions_boundary

    def create_login_profile(self) -> ActionResult:
        """Give a user a password and remember when."""
        answer = super().create_login_profile()
        self.backend.get_user(self._get_param("UserName")).password_last_changed = clock.now
        return answer

    def update_login_profile(self) -> ActionResult:
        """Change a user's password and remember when."""
        answer = super().update_login_profile()
        self.backend.get_user(self._get_param("UserName")).password_last_changed = clock.now
        return answer

    def delete_user(self) -> ActionResult:
        """Refuse while the user has credentials or groups, as AWS does."""
        user = self.backend.get_user(self._get_param("UserName"))
        if user.password or user.access_keys or user.mfa_devices or user.group_list:
            raise DeleteConflictException("Cannot delete entity, must delete credentials first.")
        return super().delete_user()


def _owner(policy: iam.ManagedPolicy) -> str:
    return "AWS" if isinstance(policy, iam.AWSManagedPolicy) else "Local"
