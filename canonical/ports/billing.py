"""Billing: customers and subscriptions."""

from datetime import date
from typing import Protocol

from canonical.effects import ExternalRef, Stamp
from canonical.facts import InvoiceFacts
from canonical.plan import CustomerSpec, SubscriptionSpec
from canonical.ports.port import Port
from canonical.renewal import ContractTerms


class BillingPort(Port, Protocol):
    """The system of record of subscriptions and invoices in the billing-led preset."""

    async def put_customer(
        self, customer: CustomerSpec, known_id: str | None, stamp: Stamp
    ) -> ExternalRef:
        """Create the customer, or bring the known one up to date."""
        ...

    async def find_customer(self, account_id: str) -> ExternalRef | None:
        """The customer that carries this account id; read-after-write consistent. Raises
        DuplicateRecord when there are several."""
        ...

    async def create_subscription(
        self, spec: SubscriptionSpec, customer_id: str, stamp: Stamp
    ) -> ExternalRef:
        """Activate the subscription with all its phases, one-time and milestone charges."""
        ...

    async def find_subscription(self, customer_id: str, stamp: Stamp) -> ExternalRef | None:
        """The customer's subscription stamped with this key, cancelled ones left out."""
        ...

    async def cancel_subscription(self, ref: ExternalRef, stamp: Stamp) -> None:
        """Cancel at once, without proration; harmless when it is cancelled already."""
        ...

    async def invoices(self, account_id: str, since: date) -> list[InvoiceFacts]:
        """The account's invoices posted since a day, and every older one that is still open or of
        which a payment is disputed; drafts left out, credits deducted, oldest first. An account
        that is not known has none."""
        ...

    async def contract(self, contract_id: str) -> ContractTerms:
        """The dates and standing of a contract of ours; raises NotFound when it is gone."""
        ...
