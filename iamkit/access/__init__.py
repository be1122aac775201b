"""
Who is who in an account, how each can arrive, and what each can do.

Contexts, principals, administrators, effective permissions, and what each policy grants by itself.
"""

from iamkit.access import contexts, permissions
from iamkit.access.admin_witnesses import with_witnesses
from iamkit.access.administrators import (
    ADMINISTRATORS,
    EVERYTHING,
    SELF_PROMOTION,
    THROUGH_IAM,
    administrators,
)
from iamkit.access.attack_requests import AttackRequest, AttackRequests, Plan, Source
from iamkit.access.attackers import Attackers, Case
from iamkit.access.choosing import ChoosingEvaluator
from iamkit.access.contexts import (
    ARRIVAL_KEYS,
    BY_CREDENTIAL,
    BY_PLACE,
    CONTEXTS,
    DEFAULT_CONTEXTS,
    ISSUED,
    WITHOUT_MFA,
    Credential,
    Place,
    context_of,
    with_mfa,
)
from iamkit.access.internet_parts import InternetParts, divide
from iamkit.access.permissions import (
    CHUNK,
    COLUMNS,
    RISKY,
    Permissions,
    changes_most,
    changing,
    effective,
    risky_actions,
)
from iamkit.access.policy_grants import POLICY_GRANTS, administrative, policy_grants
from iamkit.access.possible_administrators import (
    POSSIBLE_ADMINISTRATORS,
    possible_administrators,
)
from iamkit.access.principals import Principals
from iamkit.access.questions import Question, actor, ask, evaluated
from iamkit.access.resource_sets import (
    BOUNDARY,
    KINDS,
    NOWHERE,
    Resources,
    ResourceSet,
    certainly,
    members,
    union,
)
from iamkit.access.who_can import GRANTING, MAYBE, WHO_CAN, granting, role_arn, who_can
from iamkit.access.witnesses import Witness, Witnesses

__all__ = [
    "ADMINISTRATORS",
    "ARRIVAL_KEYS",
    "BOUNDARY",
    "BY_CREDENTIAL",
    "BY_PLACE",
    "CHUNK",
    "COLUMNS",
    "CONTEXTS",
    "DEFAULT_CONTEXTS",
    "EVERYTHING",
    "GRANTING",
    "ISSUED",
    "KINDS",
    "MAYBE",
    "NOWHERE",
    "POLICY_GRANTS",
    "POSSIBLE_ADMINISTRATORS",
    "RISKY",
    "SELF_PROMOTION",
    "THROUGH_IAM",
    "WHO_CAN",
    "WITHOUT_MFA",
    "AttackRequest",
    "AttackRequests",
    "Attackers",
    "Case",
    "ChoosingEvaluator",
    "Credential",
    "InternetParts",
    "Permissions",
    "Place",
    "Plan",
    "Principals",
    "Question",
    "ResourceSet",
    "Resources",
    "Source",
    "Witness",
    "Witnesses",
    "actor",
    "administrative",
    "administrators",
    "ask",
    "certainly",
    "changes_most",
    "changing",
    "context_of",
    "contexts",
    "divide",
    "effective",
    "evaluated",
    "granting",
    "members",
    "permissions",
    "policy_grants",
    "possible_administrators",
    "risky_actions",
    "role_arn",
    "union",
    "who_can",
    "with_mfa",
    "with_witnesses",
]
