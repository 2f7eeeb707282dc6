"""The semantic definitions by name, and what one says of a case (R26, R121)."""

from collections.abc import Mapping
from typing import Any

from canonical.orders import Fact

# Every definition that this release can evaluate, with its versions, oldest first; a test holds
# the registry of `domain.definitions` to it.
VERSIONS: dict[str, tuple[int, ...]] = {
    "invoice_delinquent": (1, 2),
    "invoice_collection_status": (1,),
    "account_financial_status": (1,),
    "customer_health": (1,),
    "renewal_date": (1,),
    "renewal_readiness": (1,),
    "renewal_eligibility": (1,),
    "active_customer": (1,),
    "implementation_complete": (1,),
    "account_hierarchy": (1,),
    "subscription_entitlement_state": (1,),
    "order_activation": (1,),
    "revenue_status": (1,),
}


class Verdict(Fact):
    """What one version of a definition says, why, and from which inputs; all of it JSON-ready.

    `definition` is `name@version`; `result` holds what is more than one word: dates, roles, scores.
    """

    definition: str
    value: str
    reasons: list[str] = []
    result: dict[str, Any] = {}
    inputs: dict[str, Any] = {}


def in_force(name: str, versions: Mapping[str, int]) -> str:
    """`name@version` by the versions in force; the newest where they do not name it."""
    return named(name, versions.get(name, VERSIONS[name][-1]))


def named(name: str, version: int) -> str:
    """How a report states the definition that it used."""
    return f"{name}@{version}"
