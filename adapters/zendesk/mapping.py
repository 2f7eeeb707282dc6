"""Entitlements in Zendesk's words, and back; pure."""

import re
from typing import Any

from canonical.effects import ExternalRef, Stamp
from canonical.plan import EntitlementSpec
from canonical.ports import RecordSummary

OUR_TAG = "tieline"
TIER_TAG_PREFIX = "tier_"

Organization = dict[str, Any]


def tier_value(tier: str) -> str:
    """A tier as Zendesk keeps dropdown values and tags: lower case, without spaces."""
    return re.sub(r"[^a-z0-9]+", "_", tier.lower()).strip("_")


def to_zendesk_organization(
    entitlement: EntitlementSpec, existing: Organization | None, stamp: Stamp
) -> Organization:
    """The organization of a create-or-update, matched by `external_id`.

    Tags replace the whole list, so they are merged with those of the existing organization;
    `domain_names` would too, and is left out.
    """
    return {
        "external_id": entitlement.account_id,
        "name": entitlement.name,
        "organization_fields": {
            "support_tier": tier_value(entitlement.tier),
            "entitlement_end": entitlement.ends_on.isoformat(),
            "sf_account_id": entitlement.account_id,
            "tieline_correlation": stamp.correlation_id,
        },
        "tags": entitled_tags(existing or {}, entitlement.tier),
    }


def to_zendesk_withdrawal(organization: Organization, stamp: Stamp) -> Organization:
    """The update that leaves an organization without tier and end date, its other tags kept."""
    return {
        "organization_fields": {
            "support_tier": None,
            "entitlement_end": None,
            "tieline_correlation": stamp.correlation_id,
        },
        "tags": entitled_tags(organization, ""),
    }


def entitled_tags(organization: Organization, tier: str) -> list[str]:
    """The organization's tags with ours for this tier (none when empty) and everybody else's."""
    kept = [tag for tag in organization.get("tags") or [] if not tag.startswith(TIER_TAG_PREFIX)]
    ours = [OUR_TAG, *([TIER_TAG_PREFIX + tier_value(tier)] if tier else [])]
    return [*(tag for tag in kept if tag != OUR_TAG), *ours]


def is_entitled(organization: Organization) -> bool:
    """Whether the organization shows a tier, by field or by tag."""
    tags = organization.get("tags") or []
    tagged = any(tag.startswith(TIER_TAG_PREFIX) for tag in tags)
    return tagged or bool(_fields(organization).get("support_tier"))


def shows(organization: Organization, entitlement: EntitlementSpec, stamp: Stamp) -> bool:
    """Whether the organization already shows exactly this tier, end date and correlation id."""
    return (
        shows_terms(organization, entitlement)
        and _fields(organization).get("tieline_correlation") == stamp.correlation_id
        and set(organization.get("tags") or [])
        == set(entitled_tags(organization, entitlement.tier))
    )


def shows_terms(organization: Organization, entitlement: EntitlementSpec) -> bool:
    """Whether tier and end date are these; Zendesk answers a date as a midnight timestamp."""
    fields = _fields(organization)
    end = str(fields.get("entitlement_end") or "")[:10]
    tier = fields.get("support_tier")
    return tier == tier_value(entitlement.tier) and end == entitlement.ends_on.isoformat()


def from_zendesk_organization(organization: Organization) -> ExternalRef:
    """An organization as our reference to it."""
    detail: dict[str, str | int] = {"external_id": str(organization.get("external_id") or "")}
    if tier := _fields(organization).get("support_tier"):
        detail["tier"] = str(tier)
    return ExternalRef(id=str(organization["id"]), detail=detail)


def from_zendesk_listing(organization: Organization) -> RecordSummary:
    """An organization for counting; its status is the tier it shows."""
    return RecordSummary(
        kind="organization",
        id=str(organization["id"]),
        business_id=str(organization.get("external_id") or ""),
        status=str(_fields(organization).get("support_tier") or ""),
    )


def is_ours(organization: Organization) -> bool:
    """Whether we wrote this organization."""
    return OUR_TAG in (organization.get("tags") or [])


def _fields(organization: Organization) -> dict[str, Any]:
    return organization.get("organization_fields") or {}
