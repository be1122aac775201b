"""
One policy and one request: documents, conditions, patterns, and how AWS decides.

Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference".
"""

from iamkit.policy import choices, cidr, conditions
from iamkit.policy.cidr import Network
from iamkit.policy.conditions import KeyTest, Truth
from iamkit.policy.context import ABSENT, UNKNOWN, Mark, RequestContext, Value, value_text
from iamkit.policy.context_keys import (
    CALLER_KEY,
    ENDPOINT_KEY_NAMES,
    ENDPOINT_KEYS,
    KEY,
    MFA_KEYS,
    OF_ACCESS_KEY,
    OF_MFA_SESSION,
    OF_PASSWORD,
    PASSWORD,
    PRINCIPAL_TAG,
    PROTECTED,
    SOURCE_IP_KEYS,
    TAG_OR_PROVIDER_KEY,
)
from iamkit.policy.decision import (
    Decision,
    certainly_allowed,
    certainly_stopped,
    decide,
    on_resource,
)
from iamkit.policy.dependencies import Dependencies, Profile
from iamkit.policy.document import read_document, statement_rows, trust_row
from iamkit.policy.effects import Cells, Effects, add
from iamkit.policy.evaluation import (
    ANYWHERE,
    CERTAIN,
    POSSIBLE,
    STRENGTHS,
    Arrivals,
    Outcomes,
    PolicyEvaluator,
    together,
)
from iamkit.policy.model import (
    DOUBT,
    VERSION,
    Policy,
    PolicyLayers,
    Statement,
    statement_name,
    widest,
)
from iamkit.policy.patterns import WILD, Pattern, resolve, variable_keys

__all__ = [
    "ABSENT",
    "ANYWHERE",
    "CALLER_KEY",
    "CERTAIN",
    "DOUBT",
    "ENDPOINT_KEYS",
    "ENDPOINT_KEY_NAMES",
    "KEY",
    "MFA_KEYS",
    "OF_ACCESS_KEY",
    "OF_MFA_SESSION",
    "OF_PASSWORD",
    "PASSWORD",
    "POSSIBLE",
    "PRINCIPAL_TAG",
    "PROTECTED",
    "SOURCE_IP_KEYS",
    "STRENGTHS",
    "TAG_OR_PROVIDER_KEY",
    "UNKNOWN",
    "VERSION",
    "WILD",
    "Arrivals",
    "Cells",
    "Decision",
    "Dependencies",
    "Effects",
    "KeyTest",
    "Mark",
    "Network",
    "Outcomes",
    "Pattern",
    "Policy",
    "PolicyEvaluator",
    "PolicyLayers",
    "Profile",
    "RequestContext",
    "Statement",
    "Truth",
    "Value",
    "add",
    "certainly_allowed",
    "certainly_stopped",
    "choices",
    "cidr",
    "conditions",
    "decide",
    "on_resource",
    "read_document",
    "resolve",
    "statement_name",
    "statement_rows",
    "together",
    "trust_row",
    "value_text",
    "variable_keys",
    "widest",
]
