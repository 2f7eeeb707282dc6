"""ERP: customers, sales orders and revenue schedules."""

from datetime import date
from typing import Protocol

from canonical.effects import ExternalRef, Stamp
from canonical.facts import InvoiceFacts
from canonical.plan import CustomerSpec, RevenueLine, SalesOrderSpec
from canonical.ports.port import Port
from canonical.renewal import ContractTerms


class ErpPort(Port, Protocol):
    """The system of record of finance: it may refuse (closed period, credit hold)."""

    async def put_customer(
        self, customer: CustomerSpec, known_id: str | None, stamp: Stamp
    ) -> ExternalRef:
        """Create the customer in its legal entity, or bring the known one up to date."""
        ...

    async def find_customer(self, account_id: str) -> ExternalRef | None:
        """The customer that carries this account id."""
        ...

    async def put_sales_order(
        self, order: SalesOrderSpec, customer_id: str, subscription_id: str, stamp: Stamp
    ) -> ExternalRef:
        """Book the sales order, with the dates that revenue is recognized over."""
        ...

    async def find_sales_order(self, opportunity_id: str, stamp: Stamp) -> ExternalRef | None:
        """The open sales order of this opportunity, closed ones left out."""
        ...

    async def close_sales_order(self, ref: ExternalRef, stamp: Stamp) -> None:
        """Close every line, so that nothing is invoiced or recognized; harmless when closed."""
        ...

    async def revenue_schedule(self, order_id: str, currency: str) -> list[RevenueLine]:
        """The revenue the ERP plans for an order, by order line; empty while it has none yet."""
        ...

    async def invoices(self, account_id: str, since: date) -> list[InvoiceFacts]:
        """The account's invoices posted since a day, and every older one that is still open or of
        which a payment is disputed; drafts left out, credits deducted, oldest first. An account
        that is not known has none."""
        ...

    async def contract(self, contract_id: str) -> ContractTerms:
        """The dates and standing of a contract of ours; raises NotFound when it is gone."""
        ...
