"""
What in an answer or a policy is no name of the account's, and stays when names are replaced.

Whatever is not listed here is taken for a name: `redaction` then replaces it.
"""

from __future__ import annotations

import re
from typing import Final

# Members of answers and policies that hold no name, in any answer.
KEPT: Final = frozenset(
    {
        "Action", "NotAction", "Effect", "Version", "VersionId", "DefaultVersionId", "Status",
        "State", "Service", "ServiceName", "ServiceNamespace", "Region", "LastUsedRegion", "Code",
        "PermissionsBoundaryType", "FeatureSet", "JoinedMethod", "EnabledFeatures", "JobStatus",
        "type", "status", "PolicyType", "TargetType", "Type", "JobType", "ReportFormat",
        "PrincipalType", "UserStatus",
    }
)  # fmt: skip
# Members that hold a name, and the kind of name.
NAMED: Final = {
    "UserName": "user", "GroupName": "group", "GroupList": "group", "RoleName": "role",
    "PolicyName": "policy", "InstanceProfileName": "profile", "ServerCertificateName": "cert",
    "AccountAliases": "alias", "Description": "text", "Email": "email", "Name": "name",
    "ServiceUserName": "login", "ServiceCredentialAlias": "login", "Value": "value",
    "PermissionSetName": "set",
}  # fmt: skip
DOCUMENTS: Final = (
    "Document",
    "PolicyDocument",
    "AssumeRolePolicyDocument",
    "Content",
    "InlinePolicy",
)
TAG_KEYS: Final = ("owner", "contact", "team", "Owner", "Contact", "Team")  # whose an identity is
PLAIN: Final = re.compile(  # no name, wherever it stands: a number, a time, a service, a Region
    r"true|false|[\d.]+|\d{4}-\d\d-\d\d.*|[\w.*-]+\.amazonaws\.com(\.cn)?\*?|[a-z]{2}(-[a-z]+)+-\d"
    r"|https://signin\.(aws\.amazon|amazonaws)\.(com|cn)(-[\w-]+)?(\.cn)?/saml|N/A|no_information"
    r"|not_supported|global|COMPLIANT|AWS_[A-Z_]+|urn:amazon:[\w:]+",
    re.IGNORECASE,
)
# What an ARN says between names: types of resources, and paths that AWS keeps for itself.
RESOURCES: Final = frozenset(
    {
        "user", "group", "role", "policy", "mfa", "root", "assumed-role", "federated-user",
        "instance-profile", "saml-provider", "oidc-provider", "server-certificate", "sms-mfa",
        "u2f", "aws-service-role", "service-role", "aws-reserved", "sso.amazonaws.com", "aws",
        "account", "organization", "ou", "analyzer",
    }
)  # fmt: skip
# Types of other services' resources, as their ARNs say them before a name.
TYPES: Final = frozenset(
    {
        "alias", "application", "cluster", "dashboard", "db",
        "deliverystream", "detector", "distribution", "document", "domain",
        "endpoint", "environment", "event-bus", "execution", "file-system",
        "function", "hostedzone", "image", "instance", "key",
        "layer", "listener", "loadbalancer", "log-group", "model",
        "network-interface", "parameter", "pipeline", "project", "queue",
        "repository", "restapis", "rule", "secret", "security-group",
        "service", "snapshot", "stack", "stateMachine", "stream",
        "subnet", "table", "targetgroup", "task", "task-definition",
        "topic", "userpool", "volume", "vpc", "vpc-endpoint",
        "workgroup",
    }
)  # fmt: skip
CLAIMS: Final = frozenset(  # what the subject of a token says between names
    {
        "repo", "ref", "refs", "heads", "tags", "environment", "pull_request", "project_path",
        "ref_type", "branch", "tag", "system", "serviceaccount", "organization", "project",
        "workspace", "run_phase", "plan", "apply", "main", "master", "job_workflow_ref",
    }
)  # fmt: skip
