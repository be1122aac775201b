"""The verdicts on networks, and those of either kind that leave nothing to restrict."""

from __future__ import annotations

from typing import Final

RESTRICTED: Final = "restricted"
PARTLY_RESTRICTED: Final = "partly restricted"
UNRESTRICTED: Final = "unrestricted"

NOTHING_TO_PROTECT: Final = "nothing to protect"
NOT_FOR_PEOPLE: Final = "not assumable by people"
NOT_APPLICABLE: Final = (NOTHING_TO_PROTECT, NOT_FOR_PEOPLE)

NETWORK_VERDICTS: Final = (RESTRICTED, PARTLY_RESTRICTED, UNRESTRICTED, NOTHING_TO_PROTECT)
