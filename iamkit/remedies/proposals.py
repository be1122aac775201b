"""
What could be changed: proposals that end findings, without a decision that only a person can take.

Many findings need one, such as which resources somebody's work needs: of these the check's own next
step says what to decide. Proposals are grouped, as one change often ends many findings, and each is
tried before it is offered (`proof`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final
from weakref import WeakKeyDictionary

from iamkit.account import Account
from iamkit.errors import IamkitError, one_line
from iamkit.remedies.account_settings import account_settings
from iamkit.remedies.credentials import password_rules, unused_keys, unused_passwords
from iamkit.remedies.escalation import end_paths
from iamkit.remedies.least_access import unused_permissions
from iamkit.remedies.policies import (
    empty_groups,
    into_groups,
    keys_without_mfa,
    old_versions,
    open_networks,
    shell_without_files,
    unattached,
    unused_roles,
)
from iamkit.remedies.proposal import Proposal, fitted
from iamkit.remedies.restrictions import enforce_mfa, restrict_networks
from iamkit.remedies.tokens import assertions_for_aws, token_subjects
from iamkit.remedies.trust import (
    deleted_principals,
    external_ids,
    mfa_for_roles,
    services_for_others,
)

Builder = Callable[[Account], Proposal | Iterable[Proposal] | None]

# Of each account, once: several pages and files ask, and to fit hundreds of changes takes long.
_MADE: Final[WeakKeyDictionary[Account, tuple[Proposal, ...]]] = WeakKeyDictionary()


def proposals(account: Account) -> list[Proposal]:
    """
    Return the proposals for an account; those that nobody needs are left out.

    Where evidence is so damaged that one cannot be made, it says so (`lacking`), and the others are
    made all the same.
    """
    if account not in _MADE:
        made = chain.from_iterable(_built(account, build) for build in _BUILDERS)
        _MADE[account] = tuple(each for each in made if each.changes or each.lacking)
    return [*_MADE[account]]


def _built(account: Account, build: Builder) -> list[Proposal]:
    try:
        found = build(account)
        made = [found] if isinstance(found, Proposal) else [*(found or ())]
        return [fitted(account, each) for each in made]
    except Exception as error:  # whatever it is, it must not cost the report
        title = str(build.__doc__).partition(".")[0].strip()
        said = one_line(error)
        if not isinstance(error, IamkitError):
            said = f"iamkit failed: {type(error).__name__}: {said}"
        return [Proposal(build.__name__, title, "", (), lacking=said)]


_BUILDERS: Final[tuple[Builder, ...]] = (
    enforce_mfa,
    restrict_networks,
    keys_without_mfa,
    open_networks,
    unused_keys,
    unused_passwords,
    unused_permissions,
    password_rules,
    mfa_for_roles,
    services_for_others,
    deleted_principals,
    external_ids,
    token_subjects,
    assertions_for_aws,
    old_versions,
    unattached,
    into_groups,
    empty_groups,
    unused_roles,
    shell_without_files,
    end_paths,
    account_settings,
)
