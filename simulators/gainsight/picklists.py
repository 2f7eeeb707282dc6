"""The names a CTA's type, reason, status and priority may have, and their ids."""

from collections.abc import Mapping, Sequence
from typing import Any

from simulators.gainsight.store import Tenant

PICKLISTS: dict[str, tuple[str, ...]] = {
    "CTA_STATUS": ("New", "Work In Progress", "Closed Success", "Closed No Action"),
    "CTA_PRIORITY": ("High", "Medium", "Low"),
    "CTA_TYPE": ("Risk", "Opportunity", "Lifecycle", "Activity"),
    "CTA_REASON": (
        "Onboarding", "Handover", "Kickoff", "Renewal", "Expansion", "Billing", "Payment Overdue",
        "Adoption", "Product Risk", "Support Risk", "Churn", "Offboarding", "Other",
    ),
}  # fmt: skip


class Picklists:
    """Resolves a picklist value given by name or by id."""

    def __init__(self, tenant: Tenant, given: Mapping[str, Sequence[str]]) -> None:
        self.items: dict[str, list[dict[str, Any]]] = {}
        self.known: dict[tuple[str, str], dict[str, Any]] = {}
        for category, names in {**PICKLISTS, **given}.items():
            for name in names:
                item: dict[str, Any] = {"gsid": tenant.gsid("1I00"), "name": name, "active": True}
                self.items.setdefault(category, []).append(item)
                self.known[category, name.lower()] = item
                self.known[category, item["gsid"].lower()] = item

    def find(self, category: str, value: Any) -> dict[str, Any] | None:
        """The item a value names, if there is one."""
        return self.known.get((category, str(value).lower()))
