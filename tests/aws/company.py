"""
A company's AWS account, years old, the same every time it is built.

`tests.aws.cast` says who is in it; `build` creates them through the API, then sets on moto's
objects what no API call can: when a password was used, which key is old. Everything is dated
relative to `as_of`, and nothing reads the machine's clock.
"""

from datetime import UTC, datetime, timedelta

import boto3
from moto.iam.models import AccessKey, AccessKeyLastUsed, SigningCertificate
from moto.organizations.models import organizations_backends

from tests.aws.account import ACCOUNT, backend, clock, facts
from tests.aws.cast import (
    CAST,
    CUSTOMER_POLICIES,
    GITHUB,
    GROUPS,
    MANAGEMENT_ACCOUNT,
    ROLES,
    S3_OF_TEAM,
    Key,
    User,
    allow,
    crowd,
    document,
)

AS_OF = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SEED = "NEVERSTORETHISSEED234567"  # of the unassigned virtual MFA device
QR_CODE = b"\x89PNG\r\n\x1a\nnever store this image"


def build(
    endpoint: str, users: int = 60, as_of: datetime = AS_OF, *, organization: bool = False
) -> None:
    """
    Fill the empty account behind the endpoint, as it is at `as_of`.

    With `organization` the account is a member, in an organizational unit, of an organization
    whose policies it may read as a delegated administrator.
    """
    company = _Company(endpoint, as_of)
    company.create_policies()
    company.create_groups()
    company.create_roles()
    for user in [*CAST, *crowd(users - len(CAST))][:users]:
        company.create_user(user)
    company.create_account_settings()
    company.create_root_user()
    company.record_service_use()
    if organization:
        company.join_organization()
    clock.now = as_of


class _Company:
    """Builds the account through its API, with the clock set to when each thing happened."""

    def __init__(self, endpoint: str, as_of: datetime) -> None:
        self.endpoint = endpoint
        self.as_of = as_of
        self.iam = self.client("iam")
        self.arns: dict[str, str] = {}

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def ago(self, days: int | None) -> datetime | None:
        """Return the time so many days before `as_of`."""
        return None if days is None else self.as_of - timedelta(days=days)

    def at(self, days: int) -> None:
        """Set the clock of the account: what is created next is so many days old."""
        clock.now = self.ago(days)

    def arn(self, policy: str) -> str:
        """Return the ARN of a customer managed policy, or else of one of AWS's."""
        return self.arns.get(policy, f"arn:aws:iam::aws:policy/{policy}")

    def create_policies(self) -> None:
        self.at(1600)
        for name, text in CUSTOMER_POLICIES.items():
            tags = [{"Key": "owner", "Value": "security"}]
            answer = self.iam.create_policy(PolicyName=name, PolicyDocument=text, Tags=tags)
            self.arns[name] = answer["Policy"]["Arn"]
        self.at(300)
        self.iam.create_policy_version(
            PolicyArn=self.arn("Unused"), PolicyDocument=S3_OF_TEAM, SetAsDefault=True
        )

    def create_groups(self) -> None:
        self.at(1550)
        for name, policies in GROUPS.items():
            self.iam.create_group(GroupName=name, Path="/teams/")
            for policy in policies:
                self.iam.attach_group_policy(GroupName=name, PolicyArn=self.arn(policy))
        self.iam.put_group_policy(
            GroupName="CI",
            PolicyName="deploy",
            PolicyDocument=document(allow("cloudformation:*", "s3:PutObject", "iam:PassRole")),
        )

    def create_roles(self) -> None:
        self.at(1000)
        self.iam.create_open_id_connect_provider(
            Url=f"https://{GITHUB}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
        )
        self.iam.create_saml_provider(Name="Directory", SAMLMetadataDocument="<x/>" * 250)
        for name, (trust_policy, policies, used) in ROLES.items():
            boundary = {"PermissionsBoundary": self.arn("DeveloperBoundary")}
            self.iam.create_role(
                RoleName=name,
                AssumeRolePolicyDocument=trust_policy,
                Tags=[{"Key": "team", "Value": "platform"}],
                **(boundary if name == "app-server" else {}),
            )
            for policy in policies:
                self.iam.attach_role_policy(RoleName=name, PolicyArn=self.arn(policy))
            role = backend().get_role(name)
            if used is not None:
                role.last_used, role.last_used_region = self.ago(used), "us-east-1"
        self.iam.put_role_policy(
            RoleName="order-lambda",
            PolicyName="orders",
            PolicyDocument=document(allow("dynamodb:*")),
        )
        self.iam.create_instance_profile(InstanceProfileName="app-server")
        self.iam.add_role_to_instance_profile(
            InstanceProfileName="app-server", RoleName="app-server"
        )
        self.iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")

    def create_user(self, user: User) -> None:
        name = user.name
        self.at(user.created)
        boundary = {"PermissionsBoundary": self.arn(user.boundary)} if user.boundary else {}
        tags = [{"Key": "cost-center", "Value": str(1000 + user.created)}]
        self.iam.create_user(UserName=name, Path=user.path, Tags=tags, **boundary)
        for group in user.groups:
            self.iam.add_user_to_group(GroupName=group, UserName=name)
        for policy in user.policies:
            self.iam.attach_user_policy(UserName=name, PolicyArn=self.arn(policy))
        for policy, text in user.inline.items():
            self.iam.put_user_policy(UserName=name, PolicyName=policy, PolicyDocument=text)
        if user.password is not None:
            self.at(user.password)
            self.iam.create_login_profile(UserName=name, Password="Example-Passw0rd!")
            backend().users[name].password_last_used = self.ago(user.signed_in)
        for kind in user.mfa:
            self.iam.enable_mfa_device(
                UserName=name,
                SerialNumber=self.mfa_serial(name, kind),
                AuthenticationCode1="123456",
                AuthenticationCode2="654321",
            )
        for key in user.keys:
            self.create_access_key(name, key)
        if user.certificate is not None:
            self.at(user.certificate)
            certificate = SigningCertificate("A1B2C3D4E5F6EXAMPLE", name, "")
            backend().users[name].signing_certificates[certificate.id] = certificate

    def mfa_serial(self, user: str, kind: str) -> str:
        """Return a serial number; its form is all that tells the kinds of device apart."""
        if kind == "totp":
            return f"GAHT{len(backend().users):08d}"
        if kind == "fido":
            return f"arn:aws:iam::{ACCOUNT}:u2f/user/{user}/passkey-EXAMPLE{len(user):02d}"
        device = self.iam.create_virtual_mfa_device(VirtualMFADeviceName=user)
        return device["VirtualMFADevice"]["SerialNumber"]

    def create_access_key(self, user: str, key: Key) -> None:
        self.at(key.created)
        answer = self.iam.create_access_key(UserName=user)["AccessKey"]
        made = backend().users[user].get_access_key_by_id(answer["AccessKeyId"])
        made.status = "Active" if key.active else "Inactive"
        if key.used is not None:
            # The report has no region for the services that are global.
            region = "N/A" if key.service == "s3" else "eu-west-1"
            made.last_used = AccessKeyLastUsed(self.ago(key.used), key.service, region)

    def create_account_settings(self) -> None:
        self.at(1500)
        self.iam.create_account_alias(AccountAlias="example-company")
        self.iam.update_account_password_policy(
            MinimumPasswordLength=8,
            RequireNumbers=True,
            MaxPasswordAge=90,
            AllowUsersToChangePassword=True,
        )
        self.iam.create_virtual_mfa_device(VirtualMFADeviceName="spare")
        spare = backend().virtual_mfa_devices[f"arn:aws:iam::{ACCOUNT}:mfa/spare"]
        spare.base32_string_seed, spare.qr_code_png = SEED, QR_CODE
        for name in ("www-expired", "www"):
            self.iam.upload_server_certificate(
                ServerCertificateName=name, CertificateBody="-", PrivateKey="-"
            )
        for certificate in backend().certificates.values():
            expired = 30 if certificate.cert_name == "www-expired" else -300
            certificate.upload_date = self.ago(expired + 365)
            certificate.expiration = self.ago(expired)
        facts().contact_information = {
            "FullName": "Example Company",
            "AddressLine1": "1 Example Street",
            "City": "Exampleton",
            "PostalCode": "12345",
            "CountryCode": "DE",
            "PhoneNumber": "+49 30 5550100",
        }
        for kind in ("SECURITY", "BILLING"):  # and nobody for OPERATIONS
            self.client("account").put_alternate_contact(
                AlternateContactType=kind,
                Name=f"{kind.title()} team",
                Title="Team",
                EmailAddress=f"{kind.lower()}@example.com",
                PhoneNumber="+49 30 5550199",
            )
        analyzer = {"name": "external", "type": "ACCOUNT", "status": "ACTIVE"}
        analyzer["arn"] = f"arn:aws:access-analyzer:us-east-1:{ACCOUNT}:analyzer/external"
        facts().analyzers["us-east-1"] = [analyzer | {"createdAt": "2024-02-01T08:00:00Z"}]

    def create_root_user(self) -> None:
        root = facts().root
        root.password_last_used, root.password_last_changed = self.ago(40), self.ago(1000)
        root.mfa_serial = f"arn:aws:iam::{ACCOUNT}:mfa/root-account-mfa-device"
        self.at(900)
        key = AccessKey(None, "AKIA", ACCOUNT)
        key.last_used = AccessKeyLastUsed(self.ago(400), "s3", "N/A")
        root.access_keys.append(key)

    def record_service_use(self) -> None:
        """Credentials of single services, and which services each principal has used."""
        for user, service, expires in (
            ("svc-mail", "codecommit.amazonaws.com", None),
            ("svc-ci", "bedrock.amazonaws.com", self.as_of + timedelta(days=20)),
        ):
            credential = {
                "UserName": user,
                "Status": "Active",
                "ServiceUserName": f"{user}-at-{ACCOUNT}",
                "CreateDate": self.ago(100),
                "ServiceSpecificCredentialId": f"ACCAEXAMPLE{len(service):010d}",
                "ServiceName": service,
            } | ({"ExpirationDate": expires} if expires else {})
            if user in backend().users:
                facts().service_specific_credentials.append(credential)
        for principal in [*backend().users.values(), *backend().roles.values()]:
            facts().last_accessed[principal.arn] = _services_used(principal.arn, self.ago(3))

    def join_organization(self) -> None:
        """Create an organization, then swap its two accounts: ours is the member."""
        organizations = self.client("organizations")
        organizations.create_organization(FeatureSet="ALL")
        root = organizations.list_roots()["Roots"][0]["Id"]
        organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
        unit = organizations.create_organizational_unit(ParentId=root, Name="workloads")
        unit_id = unit["OrganizationalUnit"]["Id"]
        request = organizations.create_account(AccountName="shop", Email="shop@example.com")
        member = request["CreateAccountStatus"]["AccountId"]
        organizations.move_account(
            AccountId=member, SourceParentId=root, DestinationParentId=unit_id
        )
        scp = organizations.create_policy(
            Name="StayInOrganization",
            Description="Nobody leaves and nobody acts as root",
            Type="SERVICE_CONTROL_POLICY",
            Content=document(
                {"Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"},
                {
                    "Effect": "Deny",
                    "Action": "*",
                    "Resource": "*",
                    "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}},
                },
            ),
        )
        organizations.attach_policy(PolicyId=scp["Policy"]["PolicySummary"]["Id"], TargetId=root)
        known = organizations_backends[ACCOUNT]["aws"]
        for named in (known.org, *known.ou, *known.accounts, *known.policies):
            named.master_account_id = MANAGEMENT_ACCOUNT
        known.get_account_by_id(ACCOUNT).id = MANAGEMENT_ACCOUNT
        known.get_account_by_id(member).id = ACCOUNT
        facts().organizations_features = ["RootCredentialsManagement"]


def _services_used(arn: str, when: datetime) -> list[dict]:
    listed = {
        "ActionName": "ListAllMyBuckets",
        "LastAccessedEntity": arn,
        "LastAccessedTime": when,
        "LastAccessedRegion": "us-east-1",
    }
    used = {
        "ServiceName": "Amazon S3",
        "ServiceNamespace": "s3",
        "LastAuthenticated": when,
        "LastAuthenticatedEntity": arn,
        "LastAuthenticatedRegion": "us-east-1",
        "TotalAuthenticatedEntities": 1,
        "TrackedActionsLastAccessed": [listed, {"ActionName": "CreateBucket"}],
    }
    unused = {"ServiceName": "Amazon EC2", "ServiceNamespace": "ec2"}
    return [used, unused | {"TotalAuthenticatedEntities": 0}]
