"""
Groups of AWS's global condition keys: who calls, from where, with which credential.

Names of keys are in lower case here, as `conditions.keys` gives them; where a page shows a context,
they are as AWS writes them.

Source: IAM User Guide, "AWS global condition context keys".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from iamkit.policy.context import ABSENT, UNKNOWN, RequestContext, Value

MFA_KEYS: Final = ("aws:multifactorauthpresent", "aws:multifactorauthage")
SOURCE_IP_KEYS: Final = ("aws:sourceip",)
PRINCIPAL_TAG: Final = "aws:principaltag/"  # then the tag, in lower case

# Keys that only a request through a VPC endpoint has; such a request has no aws:SourceIp.
ENDPOINT_KEY_NAMES: Final = (
    *("aws:SourceVpc", "aws:SourceVpce", "aws:SourceVpcArn", "aws:VpcSourceIp"),
    *("aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths"),
)
ENDPOINT_KEYS: Final = tuple(key.lower() for key in ENDPOINT_KEY_NAMES)

# Keys of the caller, which an Allow tests to say whom it is for.
CALLER_KEY: Final = re.compile(
    r"aws:principal(orgid|orgpaths|tag/.+)|aws:sourceidentity|aws:federatedprovider|sts:externalid"
)

# Keys that no list can hold: those that end in a tag's name, and those of identity providers.
TAG_OR_PROVIDER_KEY: Final = re.compile(
    r"aws:(principal|resource|request)tag/.+|(?!aws:)[a-z0-9-]+:[a-z-]*tag/.+"
    r"|saml:.+|[^:]*[./][^:]*:.+",
    re.DOTALL,
)


def _mfa(present: Value, age: Value) -> Mapping[str, Value]:
    return {"aws:MultiFactorAuthPresent": present, "aws:MultiFactorAuthAge": age}


# What the keys about MFA hold, by credential: a long-term access key, a session of a password
# alone, and a session with MFA that is a minute old.
OF_ACCESS_KEY: Final = _mfa(ABSENT, ABSENT)
OF_PASSWORD: Final = _mfa("false", ABSENT)
OF_MFA_SESSION: Final = _mfa("true", "60")

# Requests with each of these credentials of which nothing else is known.
KEY: Final = RequestContext(OF_ACCESS_KEY, UNKNOWN)
PASSWORD: Final = RequestContext(OF_PASSWORD, UNKNOWN)
PROTECTED: Final = RequestContext(OF_MFA_SESSION, UNKNOWN)
