"""Every version of every definition, and the one that is in force (R121)."""

from collections.abc import Mapping
from typing import Any

from canonical.definitions import VERSIONS
from canonical.errors import NotFound
from domain.definitions.account_financial_status import ACCOUNT_FINANCIAL_STATUS
from domain.definitions.account_hierarchy import ACCOUNT_HIERARCHY
from domain.definitions.active_customer import ACTIVE_CUSTOMER
from domain.definitions.customer_health import CUSTOMER_HEALTH
from domain.definitions.definition import Definition
from domain.definitions.implementation_complete import IMPLEMENTATION_COMPLETE
from domain.definitions.invoice_collection_status import INVOICE_COLLECTION_STATUS
from domain.definitions.invoice_delinquent import INVOICE_DELINQUENT_1, INVOICE_DELINQUENT_2
from domain.definitions.order_activation import ORDER_ACTIVATION
from domain.definitions.renewal_date import RENEWAL_DATE
from domain.definitions.renewal_eligibility import RENEWAL_ELIGIBILITY
from domain.definitions.renewal_readiness import RENEWAL_READINESS
from domain.definitions.revenue_status import REVENUE_STATUS
from domain.definitions.subscription_entitlement_state import SUBSCRIPTION_ENTITLEMENT_STATE

# A definition's inputs are its own; whoever takes one from here gives it what `inputs` says.
DEFINITIONS: Mapping[tuple[str, int], Definition[Any]] = {
    (one.name, one.version): one
    for one in (
        INVOICE_DELINQUENT_1,
        INVOICE_DELINQUENT_2,
        INVOICE_COLLECTION_STATUS,
        ACCOUNT_FINANCIAL_STATUS,
        CUSTOMER_HEALTH,
        RENEWAL_DATE,
        RENEWAL_READINESS,
        RENEWAL_ELIGIBILITY,
        ACTIVE_CUSTOMER,
        IMPLEMENTATION_COMPLETE,
        ACCOUNT_HIERARCHY,
        SUBSCRIPTION_ENTITLEMENT_STATE,
        ORDER_ACTIVATION,
        REVENUE_STATUS,
    )
}


def definition(name: str, version: int | None = None) -> Definition[Any]:
    """One version of a definition, the newest when none is given; raises NotFound."""
    versions = VERSIONS.get(name)
    if versions is None:
        raise NotFound(f"there is no definition {name!r}; there are {', '.join(VERSIONS)}")
    wanted = versions[-1] if version is None else version
    if wanted not in versions:
        told = ", ".join(map(str, versions))
        raise NotFound(f"{name} has no version {wanted}; it has {told}")
    return DEFINITIONS[name, wanted]
