"""
One policy and one request: documents, conditions, patterns, and how AWS decides.

Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference".
"""

from iamkit.policy import conditions
from iamkit.policy.cidr import WIDE, Network, networks, private_networks
from iamkit.policy.conditions import Truth
from iamkit.policy.context import ABSENT, UNKNOWN, Mark, RequestContext, value_text
from iamkit.policy.context_keys import (
    CALLER,
    ENDPOINT,
    ENDPOINT_KEYS,
    FREE,
    INTERNET,
    KEY,
    MFA,
    PASSWORD,
    PROTECTED,
)
from iamkit.policy.decision import Decision, decide
from iamkit.policy.document import read_document, statement_rows, trust_row
from iamkit.policy.evaluation import (
    ANYWHERE,
    CERTAIN,
    POSSIBLE,
    STRENGTHS,
    Outcomes,
    PolicyEvaluator,
)
from iamkit.policy.key_test import KeyTest
from iamkit.policy.model import Policy, PolicyLayers, Statement, called, widest
from iamkit.policy.patterns import WILD, Pattern, resolve, variable_keys

__all__ = [
    "ABSENT",
    "ANYWHERE",
    "CALLER",
    "CERTAIN",
    "ENDPOINT",
    "ENDPOINT_KEYS",
    "FREE",
    "INTERNET",
    "KEY",
    "MFA",
    "PASSWORD",
    "POSSIBLE",
    "PROTECTED",
    "STRENGTHS",
    "UNKNOWN",
    "WIDE",
    "WILD",
    "Decision",
    "KeyTest",
    "Mark",
    "Network",
    "Outcomes",
    "Pattern",
    "Policy",
    "PolicyEvaluator",
    "PolicyLayers",
    "RequestContext",
    "Statement",
    "Truth",
    "called",
    "conditions",
    "decide",
    "networks",
    "private_networks",
    "read_document",
    "resolve",
    "statement_rows",
    "trust_row",
    "value_text",
    "variable_keys",
    "widest",
]
