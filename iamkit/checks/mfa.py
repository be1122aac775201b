"""
MFA: policies and trust policies that do not require it.

A registered device protects only if policies require MFA, so `mfa_devices` has checks of its own.
`account.mfa_enforcement` has the verdicts on enforcement; the checks combine them with the
credentials that exist. A user that is only in the credential report has no verdict and is not
assessed.
"""

from __future__ import annotations

import pandas as pd

from iamkit.checks.facts import of_platforms
from iamkit.checks.mfa_steps import (
    ASK,
    DENY,
    IF_EXISTS,
    ONLY_DEVICES,
    deny_step,
    if_exists_step,
    only_devices_step,
    trust_step,
)
from iamkit.checks.populations import (
    not_for_people,
    with_active_keys,
    with_credentials,
    with_password,
    with_possible,
)
from iamkit.checks.registry import check
from iamkit.checks.wording import GUIDE, POLICIES_MISSING, UNSURE, status, unseen
from iamkit.restrictions import NOT_APPLICABLE, MfaRequirement, MfaVerdict
from iamkit.trust import GENUINE, IMPOSTOR

DEMAND = (
    f"{GUIDE}reference_policies_examples_aws_my-sec-creds-self-manage.html (AWS: Allows "
    "MFA-authenticated IAM users to manage their own credentials on the Security credentials page)"
)


@check(
    severity="high",
    title="Policies do not require MFA for the console password",
    impact=(
        "Whether MFA is asked for is left to each user: one without a device, or who removes it, "
        "works with a password alone. A stolen password of such a user is enough."
    ),
    among="console users",
    remedy=DENY,
    source=DEMAND,
    errs=(
        "towards reporting: a Deny with an unknown condition does not count, and SCPs that are not "
        "in the evidence count as allowing everything"
    ),
)
def password_without_enforced_mfa(
    credentials: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    incomplete: pd.DataFrame | None = None,
    access_keys: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Console users for whom policies allow more without MFA than registering a device.

    A registered device is not enough: without a policy that requires MFA, a session that began
    before the device was registered, or after it was removed, still works. Users without
    permissions beyond the minimum pass. If users can only change their own password, which requires
    the old one, the severity is low.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> from iamkit.tables import schema
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> report = schema.CREDENTIALS.rows(
    ...     dict(user_arn=arn, is_root=False, password_enabled=True))
    >>> verdicts = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="none", password="not required",
    ...          why="Nothing asks for MFA."))
    >>> password_without_enforced_mfa(report, verdicts).detail.tolist()
    ['Nothing asks for MFA.']
    """
    users = with_password(credentials)
    users = _with_verdicts(users, mfa_enforcement, incomplete)
    failing = users["password"].ne(MfaRequirement.REQUIRED) & ~users["verdict"].isin(NOT_APPLICABLE)
    found = _rows(users, failing)
    of_own = mfa_enforcement["worst"].map(lambda left: left == ["iam:ChangePassword"])
    mild = found["subject"].isin(mfa_enforcement.loc[of_own.astype("bool"), "principal_arn"])
    return found.assign(
        next_step=deny_step(found["subject"], credentials, access_keys),
        severity=mild.map({True: "low", False: "high"}),
    )


@check(
    severity="high",
    title="MFA is enforced for console sign-in but not for access keys",
    impact=(
        "MFA protects the sign-in page only. A key copied from a laptop or a repository does the "
        "same things from anywhere, without a code."
    ),
    among="users with active keys",
    remedy=IF_EXISTS,
    source=DEMAND,
    errs="towards reporting: a Deny with an unknown condition does not count",
)
def key_escapes_mfa(
    access_keys: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    incomplete: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users whose policies require MFA for the console, while their access key works without MFA.

    A request signed with a long-term key does not contain aws:MultiFactorAuthPresent, so a Deny
    with `Bool` does not apply to it. If MFA is required for neither credential,
    `password_without_enforced_mfa` and `mfa_can_be_removed` report it.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> from iamkit.tables import schema
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> keys = schema.ACCESS_KEYS.rows(dict(user_arn=arn, slot=2, is_root=False, active=True))
    >>> verdicts = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="console only", why="It says Bool."))
    >>> key_escapes_mfa(keys, verdicts).detail.tolist()
    ['It says Bool.']
    """
    users = with_active_keys(access_keys).drop_duplicates("user_arn")
    users = _with_verdicts(users, mfa_enforcement, incomplete)
    found = _rows(users, users["verdict"].eq(MfaVerdict.CONSOLE_ONLY))
    return found.assign(next_step=if_exists_step(found["subject"], access_keys))


@check(
    severity="high",
    title="A user can remove or bypass the MFA requirement without MFA",
    impact=(
        "An attacker with the password or key makes the one call that removes the need for MFA, "
        "and then has all permissions. The rule delays an attack by a minute."
    ),
    among="users with credentials",
    remedy=ONLY_DEVICES,
    source=DEMAND,
    errs="towards silence: only actions that are certainly allowed without MFA count",
)
def mfa_can_be_removed(
    credentials: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    access_keys: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users who need MFA for some actions, but can remove that requirement without MFA.

    `mfa_enforcement.BYPASSES` lists the actions that remove it: deactivating the device, creating
    credentials, changing policies. A Deny that excepts iam:DeactivateMFADevice or
    iam:CreateAccessKey is not complete.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> from iamkit.tables import schema
    >>> arn = "arn:aws:iam::111122223333:user/ana"
    >>> report = schema.CREDENTIALS.rows(
    ...     dict(user_arn=arn, is_root=False, password_enabled=True, keys_active=0))
    >>> verdicts = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="bypassable", why="It leaves iam:CreateAccessKey out."))
    >>> mfa_can_be_removed(report, verdicts).detail.tolist()
    ['It leaves iam:CreateAccessKey out.']
    """
    users = with_credentials(credentials)
    users = _with_verdicts(users, mfa_enforcement)
    found = _rows(users, users["verdict"].eq(MfaVerdict.BYPASSABLE))
    return found.assign(next_step=only_devices_step(found["subject"], access_keys))


@check(
    severity="medium",
    title="An administrator role may be assumed without MFA",
    impact=(
        "An access key of anyone who may assume this role is enough to administer the account. A "
        "stolen key brings no MFA code, and here it needs none."
    ),
    among="administrator roles that people assume",
    remedy=ASK,
    source=f"{GUIDE}id_credentials_mfa_configure-api-require.html",
    errs=(
        "towards reporting: a trusted role counts like a trusted user, and a condition on an "
        "unknown value does not count as requiring MFA"
    ),
)
def administrative_role_without_mfa(
    administrators: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    possible_administrators: pd.DataFrame | None = None,
    trusted_principals: pd.DataFrame | None = None,
    platform_roles: pd.DataFrame | None = None,
    users: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Administrator roles that AWS principals may assume without MFA.

    MFA is expected only if people can assume the role directly. Roles for services and federated
    identities pass: the identity provider enforces the MFA of its users. Roles that only named
    roles may assume pass, because sessions of roles contain no MFA information. Roles that trust
    this whole account pass if it has no users. Roles of platforms pass, because a requirement for
    MFA would break them.

    >>> from iamkit.restrictions import MFA_ENFORCEMENT
    >>> arn = "arn:aws:iam::111122223333:role/admin"
    >>> admins = pd.DataFrame([[arn, "role", "admin", "everything"]],
    ...                       columns=["principal_arn", "kind", "name", "admin"])
    >>> verdicts = MFA_ENFORCEMENT.rows(
    ...     dict(principal_arn=arn, verdict="none", statement="statement 1", why="It admits all."))
    >>> administrative_role_without_mfa(admins, verdicts).detail.tolist()
    ['It admits all.']
    """
    asked = with_possible(administrators, possible_administrators)
    roles = asked.loc[asked["kind"] == "role", ["principal_arn"]]
    without = None
    if trusted_principals is not None:  # of the others MFA is asked
        without = trusted_principals[trusted_principals["mfa"].ne(other=True).fillna(value=True)]
    others = not_for_people(trusted_principals, users, without)
    beside = of_platforms(platform_roles, GENUINE, IMPOSTOR)  # of these, see the check of its name
    roles = roles[~roles["principal_arn"].isin(others | beside)]
    roles = _with_verdicts(roles.rename(columns={"principal_arn": "user_arn"}), mfa_enforcement)
    roles["verdict"] = roles["verdict"].mask(roles["statement"].isna() & ~_fine(roles))
    found = _rows(roles, ~_fine(roles), "its trust policy cannot be read")
    unsure = ~found["subject"].isin(administrators["principal_arn"])
    return found.assign(
        next_step=trust_step(found["subject"], trusted_principals),
        status=found["status"].mask(unsure, "not assessed"),
        detail=found["detail"].mask(unsure, found["detail"] + " " + UNSURE.capitalize() + "."),
    )


def _with_verdicts(
    principals: pd.DataFrame,
    mfa_enforcement: pd.DataFrame,
    incomplete: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Add the verdicts on enforcement; missing where policies are not in the evidence.

    `unseen` says why one may rest on such policies alone.
    """
    verdicts = mfa_enforcement[["principal_arn", "verdict", "password", "statement", "why"]]
    found = principals[["user_arn"]].merge(
        verdicts, left_on="user_arn", right_on="principal_arn", how="left"
    )
    return found.assign(unseen=unseen(found["user_arn"], mfa_enforcement, incomplete))


def _fine(roles: pd.DataFrame) -> pd.Series[bool]:
    """Whether assuming each role needs MFA, or only services and federated identities may."""
    return roles["verdict"].isin([MfaVerdict.ENFORCED, *NOT_APPLICABLE])


def _rows(
    principals: pd.DataFrame,
    failing: pd.Series[bool],
    no_verdict: str = POLICIES_MISSING,
) -> pd.DataFrame:
    """Failing principals with the reason of their verdict, and those without a verdict."""
    hit = principals[failing | principals["verdict"].isna()]
    unknown = hit["verdict"].isna()
    detail = hit["why"].mask(unknown, no_verdict)
    return pd.DataFrame(
        {
            "subject": hit["user_arn"],
            "detail": detail.mask(hit["unseen"].notna(), hit["unseen"]),
            "status": status(~unknown & hit["unseen"].isna()),
        }
    )
