"""
What it means that MFA is enforced for a user who has no MFA device.

The two do not contradict each other: *enforced* is what policies say, and a device is what the user
has. Without a device, the policies leave the user what registering one needs, and nothing else.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.restrictions import MfaVerdict

NO_DEVICE_YET: Final = "enforced, no device yet"
REGISTERING: Final = "register-own-mfa"  # the escalation method
_CREDENTIALS: Final = {
    "console": "the password",
    "programmatic": "an access key",
    "both": "the password or an access key",
}


def enforced_without_device(identities: pd.DataFrame) -> pd.Series[Any]:
    """Return for each identity whether MFA is enforced and it surely has no device."""
    enforced = identities["mfa_enforced"].eq(MfaVerdict.ENFORCED)
    return enforced & identities["mfa_registered"].eq(other=False).fillna(value=False)


def why_both(access: Any, *, registers: bool) -> str:
    """
    Return what follows for a user for whom MFA is enforced and who has no device, in sentences.

    `access` is the kind of access, as in `identities`; `registers`: whether its policies surely let
    it register a device without MFA.

    >>> why_both("console", registers=False)
    ... # doctest: +NORMALIZE_WHITESPACE
    'MFA is enforced, and there is no MFA device yet: until one is registered, the policies allow
    only what registering one needs.'
    >>> why_both("none", registers=True).split(": ")[1]
    'without a password and an active access key, nobody can use the user.'
    """
    if access == "none":
        return (
            "MFA is enforced, and there is no MFA device: without a password and an active access "
            "key, nobody can use the user."
        )
    said = (
        "MFA is enforced, and there is no MFA device yet: until one is registered, the policies "
        "allow only what registering one needs."
    )
    if not registers:
        return said
    held = _CREDENTIALS.get(access, "its credentials")
    then = "can register a device, and then do all that the policies allow."
    return f"{said} Anyone who has {held} {then}"
