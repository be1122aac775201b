"""
What the kit knows besides an account: actions, risks, escalation methods, frameworks, providers.

The knowledge itself is in `data/`, with sources.
"""

from iamkit.reference import actions, oidc_providers, rcp_services, service_deputies
from iamkit.reference.access_levels import LevelByKey, levels_by_key
from iamkit.reference.action_patterns import EVERY_ACTION, covered_actions, covers_action
from iamkit.reference.actions import (
    LEVELS,
    Bits,
    Catalog,
    Flags,
    load_catalog,
    popcount,
)
from iamkit.reference.escalation_methods import (
    NEEDS_NO_RESOURCE,
    NEW_PRINCIPALS,
    AttackTechnique,
    EscalationMethod,
    attack_techniques,
    attack_version,
    escalation_methods,
    taken_as_given,
)
from iamkit.reference.files import FOLDER, json_schema, read_data
from iamkit.reference.frameworks import CONTROL, chosen_controls, is_newest, load_controls
from iamkit.reference.lint_facts import lint_facts
from iamkit.reference.platform_roles import PlatformRole, platform_roles
from iamkit.reference.risks import risks
from iamkit.reference.saml import sign_in_audience

__all__ = [
    "CONTROL",
    "EVERY_ACTION",
    "FOLDER",
    "LEVELS",
    "NEEDS_NO_RESOURCE",
    "NEW_PRINCIPALS",
    "AttackTechnique",
    "Bits",
    "Catalog",
    "EscalationMethod",
    "Flags",
    "LevelByKey",
    "PlatformRole",
    "actions",
    "attack_techniques",
    "attack_version",
    "chosen_controls",
    "covered_actions",
    "covers_action",
    "escalation_methods",
    "is_newest",
    "json_schema",
    "levels_by_key",
    "lint_facts",
    "load_catalog",
    "load_controls",
    "oidc_providers",
    "platform_roles",
    "popcount",
    "rcp_services",
    "read_data",
    "risks",
    "service_deputies",
    "sign_in_audience",
    "taken_as_given",
]
