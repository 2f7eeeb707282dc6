"""The payment risk of an account on its organization, in Zendesk's words, and back; pure.

The values of the dropdown are the tags, prefix and all: Zendesk keeps a dropdown's value as a tag,
so field and tag can never say two things, and a view or trigger may use either.
"""

from typing import Any

from adapters.zendesk.mapping import Organization
from canonical.risk import RiskLevel

RISK_FIELD = "payment_risk"
RISK_TAG_PREFIX = "payment_risk_"


def risk_value(level: RiskLevel) -> str | None:
    """A level as dropdown value and tag; None for no risk, which leaves no trace."""
    return None if level is RiskLevel.NONE else f"{RISK_TAG_PREFIX}{level.value}"


def to_zendesk_risk(organization: Organization, level: RiskLevel) -> dict[str, Any]:
    """The update that shows a level; fields that are not named stay, tags replace the list."""
    return {
        "organization_fields": {RISK_FIELD: risk_value(level)},
        "tags": risk_tags(organization, level),
    }


def risk_tags(organization: Organization, level: RiskLevel) -> list[str]:
    """The organization's tags with ours for this level and everybody else's."""
    value = risk_value(level)
    kept = [t for t in organization.get("tags") or [] if not t.startswith(RISK_TAG_PREFIX)]
    return [*kept, *([value] if value else [])]


def shows_risk(organization: Organization, level: RiskLevel) -> bool:
    """Whether field and tag of the organization show exactly this level."""
    tags = {t for t in organization.get("tags") or [] if t.startswith(RISK_TAG_PREFIX)}
    value = risk_value(level)
    shown = (organization.get("organization_fields") or {}).get(RISK_FIELD)
    return (shown or None) == value and tags == ({value} if value else set())
