"""Finance as a source: invoices and contracts, from whichever system owns them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Protocol

from temporalio import activity

from activities.context import current_process
from canonical.book import PortfolioBook
from canonical.errors import Rejected
from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.renewal import ContractTerms
from canonical.renewal_messages import ContractQuestion
from canonical.risk import AccountInvoices
from canonical.risk_messages import AccountQuestion, AssessedRisk, AssessRisk

# What one answer in a history can carry (2 MB are refused; an invoice takes about 0.5 KB).
INVOICES_MAX = 2000
SETTLED = (InvoiceStatus.PAID, InvoiceStatus.VOID)


class FinancePort(Protocol):
    """What billing and ERP have in common: both may own invoices and contracts."""

    async def invoices(self, account_id: str, since: date) -> list[InvoiceFacts]:
        """As `BillingPort.invoices` and `ErpPort.invoices`."""
        ...

    async def contract(self, contract_id: str) -> ContractTerms:
        """As `BillingPort.contract` and `ErpPort.contract`."""
        ...


class FinanceActivities:
    """What processes ask of the owner of invoices and contracts; nothing is written there."""

    def __init__(self, port: FinancePort, connection: str, book: PortfolioBook) -> None:
        self._port = port
        self._connection = connection
        self._book = book

    @activity.defn(name="finance.invoices")
    async def invoices(self, question: AccountQuestion) -> AccountInvoices:
        """The account's invoices: all that are open, and those posted since a day (R76).

        Raises Rejected when more are open than an answer can carry: judging a part of them would
        make an account look better than it is.
        """
        found = await self._port.invoices(question.account_id, question.since)
        return AccountInvoices(
            account_id=question.account_id,
            connection=self._connection,
            as_of=datetime.now(UTC),
            invoices=what_is_owed_first(found, question.account_id),
        )

    @activity.defn(name="finance.assess_risk")
    async def assess_risk(self, request: AssessRisk) -> AssessedRisk:
        """Judge an account from its invoices here, and those that other owners told before (R75).

        Its invoices are kept in the ledger, and not copied into the process's history.
        """
        question = AccountQuestion(
            account_id=request.account_id, today=request.today, since=request.today
        )
        said = [*(request.sources or []), await self.invoices(question)]
        complete = request.model_copy(update={"sources": said})
        return await self._book.assess(complete, current_process())

    @activity.defn(name="finance.contract")
    async def contract(self, question: ContractQuestion) -> ContractTerms:
        """A contract's dates and standing, as of the moment of asking."""
        asked_at = datetime.now(UTC)
        terms = await self._port.contract(question.contract_id)
        return terms.model_copy(update={"as_of": asked_at})


def what_is_owed_first(found: Sequence[InvoiceFacts], account_id: str) -> list[InvoiceFacts]:
    """Every invoice that is not settled, and of those that are, the newest there is room for."""
    unsettled = [one for one in found if one.status not in SETTLED]
    if len(unsettled) > INVOICES_MAX:
        raise Rejected(
            f"account {account_id} has {len(unsettled)} open invoices, more than {INVOICES_MAX}",
            about=account_id,
        )
    settled = sorted((one for one in found if one.status in SETTLED), key=lambda i: i.changed_at)
    return unsettled + settled[len(settled) - min(len(settled), INVOICES_MAX - len(unsettled)) :]
