"""
Groups of AWS's global condition keys: who calls, from where, with which credential.

Source: IAM User Guide, "AWS global condition context keys".
"""

from __future__ import annotations

import re
from typing import Final

from iamkit.policy.context import ABSENT, UNKNOWN, RequestContext

# Keys that only a request through a VPC endpoint has; such a request has no aws:SourceIp.
ENDPOINT_KEYS: Final = (
    *("aws:SourceVpc", "aws:SourceVpce", "aws:SourceVpcArn", "aws:VpcSourceIp"),
    *("aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths"),
)

# Condition keys that end in a tag's name, and those of identity providers.
FREE: Final = re.compile(
    r"aws:(principal|resource|request)tag/.+|(?!aws:)[a-z0-9-]+:[a-z-]*tag/.+"
    r"|saml:.+|[^:]*[./][^:]*:.+",
    re.DOTALL,
)

MFA: Final = ("aws:multifactorauthpresent", "aws:multifactorauthage")
INTERNET: Final = ("aws:sourceip",)
ENDPOINT: Final = tuple(key.lower() for key in ENDPOINT_KEYS)

CALLER: Final = re.compile(
    r"aws:principal(orgid|orgpaths|tag/.+)|aws:sourceidentity|aws:federatedprovider|sts:externalid"
)

# A long-term access key, a password without MFA, and a session with it.
KEY: Final = RequestContext({MFA[0]: ABSENT, MFA[1]: ABSENT}, UNKNOWN)
PASSWORD: Final = RequestContext({MFA[0]: "false", MFA[1]: ABSENT}, UNKNOWN)
PROTECTED: Final = RequestContext({MFA[0]: "true", MFA[1]: "60"}, UNKNOWN)
