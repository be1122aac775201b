"""
Credentials for single services, certificates, and services that are allowed but not used.

The credential report contains signing certificates, but not the others. Each of them needs a
separate API call. Without its answer no check here passes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from iamkit.access import Permissions, risky_actions
from iamkit.checks.registry import check
from iamkit.checks.wording import GUIDE, ago, status
from iamkit.counts import counted
from iamkit.policy import POSSIBLE
from iamkit.settings import Settings
from iamkit.tables import without_service_linked
from iamkit.values import few

# IAM API, CreateServiceSpecificCredential: passwords of these services cannot be made to expire.
PASSWORDS_ONLY: Final = ("codecommit.amazonaws.com", "cassandra.amazonaws.com")
UNSEEN: Final = (
    "Deactivate it, wait to see if anything fails, then delete it: its use is not in the evidence."
)
NAMED: Final = 5  # services that a detail names


@check(
    severity="medium",
    title="A service-specific credential never expires",
    impact=(
        "A copy of this password or API key works for the service for ever. Nobody notices it "
        "among the access keys that are rotated."
    ),
    among="users with service credentials",
    remedy="Replace it with temporary credentials of a role, or with a key that expires.",
    source=f"{GUIDE}id_credentials_service-specific-creds.html",
)
def service_credential_without_expiry(service_credentials: pd.DataFrame) -> pd.DataFrame:
    """
    Active credentials for one service (Bedrock, CloudWatch, CodeCommit, …) without an expiry.

    The credential report leaves these out. Those for CodeCommit and Keyspaces cannot be made to
    expire; the step says what to do instead.

    >>> from iamkit.tables import SERVICE_CREDENTIALS
    >>> key = dict(user_arn="arn:aws:iam::111122223333:user/BedrockAPIKey-1", active=True,
    ...            service="bedrock.amazonaws.com", credential_id="ACCAEXAMPLE1", age_days=154)
    >>> service_credential_without_expiry(SERVICE_CREDENTIALS.rows(key)).detail.tolist()
    ['ACCAEXAMPLE1 for bedrock.amazonaws.com, made 154 days ago, never expires']
    """
    active = service_credentials["active"]
    rows = service_credentials[active.fillna(value=True) & service_credentials["expires"].isna()]
    name = rows["credential_id"].fillna("a credential") + " for " + rows["service"].fillna("?")
    password = rows["service"].isin(PASSWORDS_ONLY)
    return pd.DataFrame(
        {
            "subject": rows["user_arn"].fillna(rows["user_name"]),
            "detail": name + ", made " + ago(rows["age_days"]) + ", never expires",
            "status": status(rows["active"].notna()),
            "next_step": password.map(
                {
                    True: "Use temporary credentials of a role instead. " + UNSEEN,
                    False: "If a key is needed, make one that expires. " + UNSEEN,
                }
            ),
        }
    )


@check(
    severity="low",
    title="A user has an active signing certificate",
    impact=(
        "The certificate works like an access key that nobody rotates: anyone with its private "
        "key signs requests as the user. Old SOAP tools that need one are rare."
    ),
    among="users",
    remedy="Deactivate the certificate, wait to see if anything fails, then delete it.",
    source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadSigningCertificate.html",
)
def active_signing_certificate(credentials: pd.DataFrame) -> pd.DataFrame:
    """
    Users with active X.509 signing certificates, an old kind of credential that is easily
    overlooked.

    >>> from iamkit.tables import CREDENTIALS
    >>> ana = dict(user_arn="arn:aws:iam::111122223333:user/ana", is_root=False,
    ...            certificates_active=1)
    >>> active_signing_certificate(CREDENTIALS.rows(ana)).detail.tolist()
    ['active signing certificates: 1']
    """
    hit = credentials.query("not is_root and certificates_active > 0")
    said = "active signing certificates: " + hit["certificates_active"].astype("str")
    return pd.DataFrame({"subject": hit["user_arn"], "detail": said})


@check(
    severity="medium",
    title="An expired server certificate is still stored",
    impact=(
        "If a load balancer or distribution still uses it, browsers refuse the site. A person may "
        "also deploy the expired certificate by mistake."
    ),
    among="server certificates",
    remedy=(
        "Make sure that no load balancer uses it, then delete it. Let AWS Certificate Manager "
        "renew certificates."
    ),
    source=f"{GUIDE}id_credentials_server-certs_manage.html",
)
def expired_server_certificate(
    server_certificates: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    """
    TLS certificates stored in IAM that have expired; one without a date is not assessed.

    >>> from iamkit.tables import SERVER_CERTIFICATES
    >>> shop = dict(certificate_arn="arn:aws:iam::111122223333:server-certificate/shop",
    ...             expires="2025-12-01T06:00:00Z", expired=True)
    >>> now = pd.Timestamp("2026-11-01T06:00:00Z")
    >>> expired_server_certificate(SERVER_CERTIFICATES.rows(shop), now).detail.tolist()
    ['expired on 2025-12-01, 335 days ago']
    """
    hit = server_certificates[server_certificates["expired"].fillna(value=True)]
    known = hit["expired"].notna()
    days = (as_of - hit["expires"]).dt.days.astype("Int64")
    said = "expired on " + hit["expires"].dt.strftime("%Y-%m-%d") + ", " + ago(days)
    return pd.DataFrame(
        {
            "subject": hit["certificate_arn"],
            "detail": said.where(known, "when it expires is not known"),
            "status": status(known),
        }
    )


@check(
    severity="low",
    title="An identity has risky permissions for services that it does not use",
    impact=(
        "An attacker with these credentials uses the permissions that their owner does not. "
        "Taking them away costs the owner nothing and the attacker much."
    ),
    among="users and roles",
    remedy="Remove the unused services from its policies.",
    source=f"{GUIDE}access_policies_last-accessed.html",
    errs=(
        "towards reporting: a service that was allowed recently, or is needed once a year, counts "
        "as unused"
    ),
)
def stale_service_access(
    last_accessed: pd.DataFrame,
    permissions: Permissions,
    roles: pd.DataFrame,
    settings: Settings,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """
    Users and roles in use that have risky permissions in services unused for `unused_role_days`.

    Most identities may use services that they never use, so only important cases are reported. The
    identity is older than this number of days and has used another service since; other checks
    report identities that used none. In the unused service it may take an action of a class in
    `permissions.RISKY`, from inside the approved networks and with MFA. AWS records the last 400
    days.
    """
    people = permissions.principals
    limit = as_of - pd.Timedelta(days=settings.unused_role_days)
    recent = last_accessed["last_used"] > limit
    lively = people["principal_arn"].isin(last_accessed.loc[recent, "principal_arn"])
    judged = without_service_linked(people[lively & ~people["created"].gt(limit)], roles)
    risky = _risky_services(permissions, judged)
    stale = last_accessed[~recent].merge(risky, on=["principal_arn", "service"])
    services = stale.groupby("principal_arn", sort=False)["service"].agg(sorted)
    said = services.map(lambda names: few(names, NAMED))
    detail = f"not used for {counted(settings.unused_role_days, 'days')}: " + said.astype("str")
    return detail.rename("detail").rename_axis("subject").reset_index()


def _risky_services(permissions: Permissions, people: pd.DataFrame) -> pd.DataFrame:
    """Pairs `principal_arn`, `service`: who may do something risky where. Errs towards more."""
    risky = risky_actions(permissions.catalog)
    column = permissions.contexts.index("mfa-inside")
    alike, place = np.unique(permissions.index[people.index, column], return_inverse=True)
    held = permissions.by_service(permissions.rows[alike, POSSIBLE] & risky) > 0
    who, what = np.nonzero(held[place])
    return pd.DataFrame(
        {
            "principal_arn": people["principal_arn"].array[who],
            "service": pd.Series(permissions.services, dtype="str").array[what],
        }
    )
