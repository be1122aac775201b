"""
Every table of an account: what one row is, its key, and what each column means.

Loaders end with `TABLE.conform(frame)`, tests begin with `TABLE.rows(...)` and the method
notebook prints `TABLE.describe()`, so documentation, validation and fixtures cannot disagree.

Words used throughout: a column ending in `_arn` holds an ARN; a time is a UTC timestamp and `NaT`
where there is none; where *why* there is none matters, the column beside it says so
(`password_use`, `use`). Lists and policy documents stay Python objects, exactly as AWS wrote them.
"""

from __future__ import annotations

from typing import Final

from iamkit.table import COUNT, OBJECT, TEXT, TIME, TRUTH, Column, Table

__all__ = [
    "ACCESS_KEYS",
    "ANALYZERS",
    "ATTACHMENTS",
    "CONTACTS",
    "CREDENTIALS",
    "GAPS",
    "GROUPS",
    "IDENTITY_PROVIDERS",
    "INCOMPLETE",
    "LAST_ACCESSED",
    "MEMBERSHIPS",
    "MFA_DEVICES",
    "ORGANIZATION",
    "ORGANIZATION_ACCOUNTS",
    "PASSWORD_POLICY",
    "POLICIES",
    "POLICY_ASSIGNMENTS",
    "POLICY_OLD_VERSIONS",
    "POLICY_VERSIONS",
    "PRINCIPALS",
    "REPORT_ONLY",
    "ROLES",
    "ROOT_MANAGEMENT",
    "SERVER_CERTIFICATES",
    "SERVICE_CREDENTIALS",
    "STATEMENTS",
    "SUMMARY",
    "TABLES",
    "TRUST",
    "USERS",
    "VIRTUAL_MFA_DEVICES",
]

# Ends the ARN of the policy that stands for all that somebody may hold who is not shown.
UNSHOWN: Final = "#*"

REPORT_ONLY: Final = "credential report only"  # of a user whose policies nobody knows

USERS: Final = Table(
    name="users",
    row="one IAM user; the root user is in `principals` and `credentials` only",
    key=("user_arn",),
    columns=(
        Column("user_arn", TEXT, "ARN of the user"),
        Column("user_name", TEXT, "name"),
        Column("user_id", TEXT, "AIDA… identifier; missing if only the credential report has it"),
        Column("path", TEXT, "path, / by default"),
        Column("created", TIME, "CreateDate"),
        Column("groups", OBJECT, "list of the names of the user's groups"),
        Column("boundary_arn", TEXT, "managed policy set as permissions boundary"),
        Column("tags", OBJECT, "tags, each with its value"),
        Column(
            "evidence",
            TEXT,
            "both, authorization details only, or credential report only",
            values=(
                "both",
                "authorization details only",
                REPORT_ONLY,
            ),
        ),
    ),
)

GROUPS: Final = Table(
    name="groups",
    row="one IAM group",
    key=("group_arn",),
    columns=(
        Column("group_arn", TEXT, "ARN of the group"),
        Column("group_name", TEXT, "name"),
        Column("group_id", TEXT, "AGPA… identifier"),
        Column("path", TEXT, "path, / by default"),
        Column("created", TIME, "CreateDate"),
        Column("members", COUNT, "number of users in it"),
    ),
)

ROLES: Final = Table(
    name="roles",
    row="one IAM role",
    key=("role_arn",),
    columns=(
        Column("role_arn", TEXT, "ARN of the role"),
        Column("role_name", TEXT, "name"),
        Column("role_id", TEXT, "AROA… identifier"),
        Column("path", TEXT, "path, / by default"),
        Column("created", TIME, "CreateDate"),
        Column("boundary_arn", TEXT, "managed policy set as permissions boundary"),
        Column("tags", OBJECT, "tags, each with its value"),
        Column("last_used", TIME, "RoleLastUsed; missing if not within AWS's tracking period"),
        Column("last_used_region", TEXT, "region of that use"),
        Column(
            "service_linked", TRUTH, "a service-linked role: an AWS service made and manages it"
        ),
        Column("instance_profiles", OBJECT, "list of the names of its instance profiles"),
    ),
)

PRINCIPALS: Final = Table(
    name="principals",
    row="one identity of the account: the root user, a user, a group or a role",
    key=("principal_arn",),
    columns=(
        Column("principal_arn", TEXT, "ARN"),
        Column(
            "kind",
            TEXT,
            "root, user, group or role",
            values=(
                "root",
                "user",
                "group",
                "role",
            ),
        ),
        Column("name", TEXT, "name; <root_account> for the root user"),
        Column("id", TEXT, "unique identifier (AIDA…, AGPA…, AROA…)"),
        Column("path", TEXT, "path, / by default"),
        Column("created", TIME, "time of its creation"),
        Column("last_used", TIME, "latest use of any credential, or of the role"),
        Column("boundary_arn", TEXT, "managed policy set as permissions boundary"),
        Column("tags", OBJECT, "tags, each with its value"),
    ),
)

CREDENTIALS: Final = Table(
    name="credentials",
    row="one user, or the root user, as the credential report describes it",
    key=("user_arn",),
    columns=(
        Column("user_arn", TEXT, "ARN of the user or of the root user"),
        Column("user_name", TEXT, "name; <root_account> for the root user"),
        Column("is_root", TRUTH, "the account's root user"),
        Column("created", TIME, "user_creation_time"),
        Column(
            "password_enabled",
            TRUTH,
            "can sign in to the console; missing: the report does not say",
        ),
        Column(
            "password_use",
            TEXT,
            "used, never used, not tracked (none since tracking began on 2014-10-20), "
            "no password, or not known",
            values=(
                "used",
                "never used",
                "not tracked",
                "no password",
                "not known",
            ),
        ),
        Column(
            "password_used", TIME, "password_last_used, to five minutes", label="Password last used"
        ),
        Column("password_changed", TIME, "password_last_changed"),
        Column("password_age_days", COUNT, "whole days since it was changed; missing: not known"),
        Column(
            "password_idle_days",
            COUNT,
            "whole days since an enabled password was used or, if it was never used, changed",
        ),
        Column("password_rotates", TIME, "password_next_rotation; missing without an expiry rule"),
        Column("mfa_registered", TRUTH, "an MFA device is registered"),
        Column("certificates_active", COUNT, "active X.509 signing certificates, 0 to 2"),
        Column("keys_active", COUNT, "active access keys, 0 to 2", label="Active keys"),
        Column(
            "access",
            TEXT,
            "console (password), programmatic (access keys), both or none; missing: the report "
            "does not say",
            values=(
                "console",
                "programmatic",
                "both",
                "none",
            ),
        ),
        Column(
            "last_used", TIME, "latest use of the password and both keys; missing: no use on record"
        ),
    ),
)

ACCESS_KEYS: Final = Table(
    name="access_keys",
    row="one access key slot of one user; the credential report has two per user",
    key=("user_arn", "slot"),
    columns=(
        Column("user_arn", TEXT, "ARN of the user or of the root user"),
        Column("user_name", TEXT, "name"),
        Column("is_root", TRUTH, "a key of the root user"),
        Column("slot", COUNT, "1 or 2"),
        Column("exists", TRUTH, "there is an access key in the slot, active or not"),
        Column("active", TRUTH, "access_key_N_active"),
        Column("rotated", TIME, "access_key_N_last_rotated: when the key was made"),
        Column("age_days", COUNT, "whole days since then; missing: not known"),
        Column(
            "use",
            TEXT,
            "used, never used, not tracked (none since tracking began on 2015-04-22) or no key",
            values=(
                "used",
                "never used",
                "not tracked",
                "no key",
            ),
        ),
        Column("used", TIME, "access_key_N_last_used_date, to fifteen minutes"),
        Column("idle_days", COUNT, "whole days since it was used or, if it was never used, made"),
        Column("used_region", TEXT, "region of that use", label="Region of last use"),
        Column("used_service", TEXT, "service of that use", label="Service of last use"),
    ),
)

MFA_DEVICES: Final = Table(
    name="mfa_devices",
    row=(
        "one MFA device; an unassigned device has no user; root's device is listed only if it is "
        "virtual"
    ),
    key=("serial",),
    columns=(
        Column("serial", TEXT, "serial number, an ARN for virtual devices and passkeys"),
        Column("user_arn", TEXT, "ARN of the user or of the root user"),
        Column("user_name", TEXT, "name"),
        Column("is_root", TRUTH, "a device of the root user"),
        Column(
            "kind",
            TEXT,
            "virtual, hardware (TOTP), passkey (FIDO) or unknown, by serial",
            values=(
                "virtual",
                "hardware",
                "passkey",
                "unknown",
            ),
        ),
        Column("enabled", TIME, "EnableDate"),
    ),
)

VIRTUAL_MFA_DEVICES: Final = Table(
    name="virtual_mfa_devices",
    row="one virtual MFA device; an unassigned device has no user",
    key=("serial",),
    columns=MFA_DEVICES.columns,
)

POLICIES: Final = Table(
    name="policies",
    row="one managed policy, or one inline policy of one principal",
    key=("policy_arn",),
    columns=(
        Column(
            "policy_arn",
            TEXT,
            "ARN; for an inline policy OWNER_ARN#NAME, which only this kit uses",
        ),
        Column("policy_name", TEXT, "name"),
        Column(
            "kind",
            TEXT,
            "aws (managed by AWS), customer or inline",
            values=(
                "aws",
                "customer",
                "inline",
            ),
        ),
        Column("path", TEXT, "path, / by default; missing for inline policies"),
        Column("owner_arn", TEXT, "principal that an inline policy belongs to"),
        Column("version_id", TEXT, "default version"),
        Column("versions", COUNT, "number of versions that AWS keeps, at most five"),
        Column("attached", COUNT, "number of principals it is attached to, as AWS counts them"),
        Column(
            "bounding",
            COUNT,
            "number of principals it is the permissions boundary of, as AWS counts them",
        ),
        Column("created", TIME, "CreateDate"),
        Column("updated", TIME, "UpdateDate"),
        Column("problem", TEXT, "why its document cannot be read as a policy; missing: it can"),
    ),
)

POLICY_VERSIONS: Final = Table(
    name="policy_versions",
    row="the default version of one policy",
    key=("policy_arn",),
    columns=(
        Column("policy_arn", TEXT, "policy"),
        Column("version_id", TEXT, "default version; missing for inline policies"),
        Column("created", TIME, "time of creation of this version; missing for inline policies"),
        Column("document", OBJECT, "the document as AWS gave it; text if it is no JSON object"),
    ),
)

POLICY_OLD_VERSIONS: Final = Table(
    name="policy_old_versions",
    row="one version of a managed policy that is kept but is not the default version",
    key=("policy_arn", "version_id"),
    columns=(
        Column("policy_arn", TEXT, "policy"),
        Column("version_id", TEXT, "version, such as v2"),
        Column("created", TIME, "when this version was made"),
        Column("document", OBJECT, "the document as AWS gave it; text if it is no JSON object"),
        Column("problem", TEXT, "why it cannot be read as a policy; missing: it can"),
    ),
)

ATTACHMENTS: Final = Table(
    name="attachments",
    row="one policy on one principal",
    key=("principal_arn", "policy_arn", "how"),
    columns=(
        Column("principal_arn", TEXT, "user, group or role"),
        Column("policy_arn", TEXT, "policy"),
        Column(
            "how",
            TEXT,
            "attached, inline or boundary",
            values=(
                "attached",
                "inline",
                "boundary",
            ),
        ),
    ),
)

MEMBERSHIPS: Final = Table(
    name="memberships",
    row="one user in one group",
    key=("user_arn", "group_arn"),
    columns=(
        Column("user_arn", TEXT, "user"),
        Column("group_arn", TEXT, "group"),
    ),
)

POLICY_ASSIGNMENTS: Final = Table(
    name="policy_assignments",
    row="one policy that gives permissions to one user, group or role, directly or through a group",
    key=("principal_arn", "policy_arn", "via_arn"),
    columns=(
        Column("principal_arn", TEXT, "user, group or role"),
        Column("policy_arn", TEXT, "policy"),
        Column("via_arn", TEXT, "group through which a user has it; missing: directly"),
    ),
)

STATEMENTS: Final = Table(
    name="statements",
    row="one statement of the default version of one policy",
    key=("policy_arn", "number"),
    columns=(
        Column("policy_arn", TEXT, "policy"),
        Column("number", COUNT, "position of the statement, from 1"),
        Column("sid", TEXT, "Sid"),
        Column("effect", TEXT, "Allow or Deny; as written otherwise"),
        Column("actions", OBJECT, "list of Action patterns; empty if there is none"),
        Column("not_actions", OBJECT, "list of NotAction patterns", label="NotAction"),
        Column("resources", OBJECT, "list of Resource patterns"),
        Column("not_resources", OBJECT, "list of NotResource patterns"),
        Column("conditions", OBJECT, "Condition as written; {} if there is none"),
        Column("conditional", TRUTH, "there is a Condition"),
        Column("any_action", TRUTH, "an Action pattern is * or *:*"),
        Column("any_resource", TRUTH, "a Resource pattern is *"),
        Column("problem", TEXT, "why it cannot be read as a statement; missing: it can"),
    ),
)

TRUST: Final = Table(
    name="trust",
    row="one principal named by one statement of one role's trust policy",
    key=("role_arn", "number", "principal_type", "principal"),
    columns=(
        Column("role_arn", TEXT, "role"),
        Column("number", COUNT, "position of the statement, from 1"),
        Column("sid", TEXT, "Sid"),
        Column("effect", TEXT, "Allow or Deny; as written otherwise"),
        Column("principal_type", TEXT, "AWS, Service, Federated, CanonicalUser, or * for anyone"),
        Column("principal", TEXT, "principal as written: ARN, account id, service, provider or *"),
        Column("account_id", TEXT, "account id of an AWS principal, if it names one"),
        Column("negated", TRUTH, "the statement says NotPrincipal"),
        Column("actions", OBJECT, "list of Action patterns; empty if there is none"),
        Column("not_actions", OBJECT, "list of NotAction patterns", label="NotAction"),
        Column("conditions", OBJECT, "Condition as written; {} if there is none"),
        Column("conditional", TRUTH, "there is a Condition"),
        Column("variables", TRUTH, "policy variables are replaced, because Version is 2012-10-17"),
        Column("problem", TEXT, "why the statement cannot be read; missing: it can"),
    ),
)

LAST_ACCESSED: Final = Table(
    name="last_accessed",
    row="one service that one principal's policies allow, and when it was last used",
    key=("principal_arn", "service"),
    columns=(
        Column("principal_arn", TEXT, "user, group or role"),
        Column("service", TEXT, "prefix, such as s3"),
        Column("service_name", TEXT, "name, such as Amazon S3"),
        Column("last_used", TIME, "LastAuthenticated; missing: not within AWS's tracking period"),
        Column(
            "actions_used",
            OBJECT,
            "list of the actions that AWS tracks and that were used within the tracking period; "
            "missing: AWS did not say",
        ),
        Column("actions_unused", OBJECT, "list of the others that AWS tracks; missing: the same"),
    ),
)

PASSWORD_POLICY: Final = Table(
    name="password_policy",
    row="one rule of the account's password policy",
    key=("rule",),
    columns=(
        Column("rule", TEXT, "AWS's name for it"),
        Column("value", OBJECT, "number, or yes or no; missing: not set"),
        Column(
            "origin",
            TEXT,
            "account, or AWS default where the account has no policy",
            values=(
                "account",
                "AWS default",
            ),
        ),
        Column("meaning", TEXT, "the rule in words"),
    ),
)

SUMMARY: Final = Table(
    name="summary",
    row="one counter or quota of GetAccountSummary",
    key=("name",),
    columns=(
        Column("name", TEXT, "AWS's name for it"),
        Column("value", COUNT, "its value"),
    ),
)

SERVICE_CREDENTIALS: Final = Table(
    name="service_credentials",
    row="one service-specific credential of a user; it is not in the credential report",
    key=("credential_id",),
    columns=(
        Column("user_arn", TEXT, "ARN of the user; missing if the user is not in the evidence"),
        Column("user_name", TEXT, "name"),
        Column("service", TEXT, "service, such as codecommit.amazonaws.com"),
        Column("credential_id", TEXT, "ACCA… identifier, which is not secret"),
        Column("active", TRUTH, "works: not inactive and not expired; missing: AWS does not say"),
        Column("created", TIME, "CreateDate"),
        Column("age_days", COUNT, "whole days since then; missing: not known"),
        Column("expires", TIME, "ExpirationDate; missing: never"),
    ),
)

SERVER_CERTIFICATES: Final = Table(
    name="server_certificates",
    row="one TLS certificate that IAM stores",
    key=("certificate_arn",),
    columns=(
        Column("certificate_arn", TEXT, "ARN of the certificate"),
        Column("name", TEXT, "name"),
        Column("uploaded", TIME, "UploadDate"),
        Column("expires", TIME, "Expiration; missing: not known"),
        Column("expired", TRUTH, "expired at the time of the evidence; missing: not known"),
    ),
)

IDENTITY_PROVIDERS: Final = Table(
    name="identity_providers",
    row="one SAML or OpenID Connect provider of the account",
    key=("provider_arn",),
    columns=(
        Column("provider_arn", TEXT, "ARN of the provider"),
        Column(
            "kind",
            TEXT,
            "SAML or OIDC",
            values=(
                "SAML",
                "OIDC",
            ),
        ),
        Column("name", TEXT, "name of a SAML provider; an OIDC provider's URL, without https://"),
        Column("created", TIME, "CreateDate; missing: not known"),
        Column("expires", TIME, "end of validity of a SAML provider's metadata; missing for OIDC"),
        Column(
            "client_ids",
            OBJECT,
            "list of an OIDC provider's audiences; missing: SAML, or not known",
        ),
        Column("thumbprints", COUNT, "an OIDC provider's thumbprints; missing: SAML, or not known"),
    ),
)

CONTACTS: Final = Table(
    name="contacts",
    row="one kind of contact of the account",
    key=("kind",),
    columns=(
        Column(
            "kind",
            TEXT,
            "account (the primary contact), security, operations or billing",
            values=(
                "account",
                "security",
                "operations",
                "billing",
            ),
        ),
        Column("present", TRUTH, "the contact is set; missing: the answer cannot be read"),
        Column("email", TEXT, "e-mail address of the security contact; the others are not shown"),
    ),
)

ANALYZERS: Final = Table(
    name="analyzers",
    row="one IAM Access Analyzer in the Region that was examined",
    key=("analyzer_arn",),
    columns=(
        Column("analyzer_arn", TEXT, "ARN of the analyzer"),
        Column("name", TEXT, "name"),
        Column(
            "type",
            TEXT,
            "ACCOUNT or ORGANIZATION (external access), or either with _UNUSED_ACCESS or "
            "_INTERNAL_ACCESS",
        ),
        Column("status", TEXT, "ACTIVE, CREATING, DISABLED or FAILED"),
        Column("region", TEXT, "Region that it monitors"),
    ),
)

ORGANIZATION: Final = Table(
    name="organization",
    row="the organization of the account; no row: it belongs to none",
    key=("organization_id",),
    columns=(
        Column("organization_id", TEXT, "o-… identifier"),
        Column("management_account_id", TEXT, "the organization's management account"),
        Column("is_management", TRUTH, "this account is the management account"),
        Column("features", TEXT, "ALL, or CONSOLIDATED_BILLING (no control policies)"),
    ),
)

ORGANIZATION_ACCOUNTS: Final = Table(
    name="organization_accounts",
    row=(
        "one account of the organization; only the management account or a delegated administrator "
        "may list them"
    ),
    key=("account_id",),
    columns=(
        Column("account_id", TEXT, "twelve digits"),
        Column("name", TEXT, "name"),
        Column("state", TEXT, "ACTIVE, SUSPENDED, PENDING_CLOSURE, …"),
        Column("joined", TIME, "JoinedTimestamp"),
    ),
)

ROOT_MANAGEMENT: Final = Table(
    name="root_management",
    row="one feature of central root access for member accounts",
    key=("feature",),
    columns=(
        Column("feature", TEXT, "RootCredentialsManagement or RootSessions"),
        Column("enabled", TRUTH, "it is enabled; always false outside an organization"),
    ),
)

GAPS: Final = Table(
    name="gaps",
    row="one piece of evidence that is missing or incomplete",
    key=("call", "code", "message", "meaning"),
    columns=(
        Column("call", TEXT, "the AWS API call that is missing"),
        Column("code", TEXT, "AWS's error code, or a code of this kit"),
        Column("message", TEXT, "message of AWS or of this kit"),
        Column("meaning", TEXT, "what is not known without it"),
    ),
)

INCOMPLETE: Final = Table(
    name="incomplete",
    row="one missing fact about one subject, which makes verdicts about the subject unsafe",
    key=("subject", "source", "reason"),
    columns=(
        Column("subject", TEXT, "ARN of a user, group, role, policy or of the root user"),
        Column(
            "kind",
            TEXT,
            "root, user, group, role or policy",
            values=("root", "user", "group", "role", "policy"),
        ),
        Column("source", TEXT, "the AWS API call, or the table, in which the fact is missing"),
        Column("reason", TEXT, "what is missing"),
    ),
)

TABLES: Final = (
    PRINCIPALS,
    USERS,
    GROUPS,
    ROLES,
    MEMBERSHIPS,
    CREDENTIALS,
    ACCESS_KEYS,
    MFA_DEVICES,
    VIRTUAL_MFA_DEVICES,
    POLICIES,
    POLICY_VERSIONS,
    POLICY_OLD_VERSIONS,
    ATTACHMENTS,
    POLICY_ASSIGNMENTS,
    STATEMENTS,
    TRUST,
    LAST_ACCESSED,
    PASSWORD_POLICY,
    SUMMARY,
    SERVICE_CREDENTIALS,
    SERVER_CERTIFICATES,
    IDENTITY_PROVIDERS,
    CONTACTS,
    ANALYZERS,
    ORGANIZATION,
    ORGANIZATION_ACCOUNTS,
    ROOT_MANAGEMENT,
    GAPS,
    INCOMPLETE,
)
