"""Finance as a source: invoices and contracts, from whichever system owns them."""

from datetime import UTC, date, datetime
from typing import Protocol

from temporalio import activity

from canonical.facts import InvoiceFacts
from canonical.renewal import ContractTerms
from canonical.renewal_messages import ContractQuestion
from canonical.risk import AccountInvoices
from canonical.risk_messages import AccountQuestion

# More than a history can carry; an account with more is asked for fewer days.
INVOICES_MAX = 500


class FinancePort(Protocol):
    """What billing and ERP have in common: both may own invoices and contracts."""

    async def invoices(self, account_id: str, since: date) -> list[InvoiceFacts]:
        """As `BillingPort.invoices` and `ErpPort.invoices`."""
        ...

    async def contract(self, contract_id: str) -> ContractTerms:
        """As `BillingPort.contract` and `ErpPort.contract`."""
        ...


class FinanceActivities:
    """What processes ask of the owner of invoices and contracts; nothing is written."""

    def __init__(self, port: FinancePort, connection: str) -> None:
        self._port = port
        self._connection = connection

    @activity.defn(name="finance.invoices")
    async def invoices(self, question: AccountQuestion) -> AccountInvoices:
        """The account's invoices: all that are open, and those posted since a day (R76)."""
        found = await self._port.invoices(question.account_id, question.since)
        return AccountInvoices(
            account_id=question.account_id,
            connection=self._connection,
            as_of=datetime.now(UTC),
            invoices=found[-INVOICES_MAX:],
        )

    @activity.defn(name="finance.contract")
    async def contract(self, question: ContractQuestion) -> ContractTerms:
        """A contract's dates and standing."""
        return await self._port.contract(question.contract_id)
