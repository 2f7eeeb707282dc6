"""What happens to an account's invoices, in billing or in the ERP: each change is told as it is."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from temporalio.client import WorkflowHandle

from canonical.facts import Kind
from canonical.messages import Progress
from canonical.money import Money
from simulators.faults import Fault
from simulators.kernel import Simulator
from tests.stories.portfolio import Portfolio
from tests.world import eventually

DAY_SECONDS = 86_400
OUTAGE_SECONDS = 3600.0


class Invoices(Protocol):
    """The owner of invoices, by the ownership preset; `tell` says so, or leaves it unsaid."""

    async def late(self, deal: str, *, days: int, net: int = 0, tell: bool = True) -> str:
        """A deal's invoice has been due for so many days, `net` days after it was posted."""
        ...

    async def pay(self, invoice: str, amount: str = "", *, tell: bool = True) -> None:
        """All that is open of it is paid, or an amount."""
        ...

    async def credit(self, invoice: str, amount: str) -> None:
        """So much of it is credited."""
        ...

    async def dispute(self, invoice: str, *, settled: bool = False) -> None:
        """The customer disputes it, or gives in."""
        ...

    async def renewal(self, deal: str) -> WorkflowHandle[Any, Any]:
        """The clock of the contract that a deal brought."""
        ...

    def fall_silent(self) -> Fault:
        """It does not say what an account owes, until its faults are cleared."""
        ...

    @property
    def system(self) -> Any:
        """Its simulator."""
        ...


@dataclass
class InBilling:
    """Invoices as Stripe has them."""

    portfolio: Portfolio

    @property
    def system(self) -> Any:
        """Stripe."""
        return self.portfolio.tieline.billing

    async def late(self, deal: str, *, days: int, net: int = 0, tell: bool = True) -> str:
        """The invoice is there since the deal was activated."""
        billing = self.portfolio.tieline.billing
        (invoice,) = [
            one
            for one in billing.account.invoices.held()
            if one["parent"]["subscription_details"]["metadata"].get("tieline_opportunity") == deal
        ]
        invoice["due_date"] = int(billing.now()) - days * DAY_SECONDS
        posted = invoice["due_date"] - net * DAY_SECONDS
        invoice["status_transitions"]["finalized_at"] = posted
        if days > 0:
            billing.happen(invoice["id"], "overdue")
        await self._told(invoice["id"], tell)
        return str(invoice["id"])

    async def pay(self, invoice: str, amount: str = "", *, tell: bool = True) -> None:
        """By card or transfer."""
        given = {"amount": _minor(amount)} if amount else {}
        self.portfolio.tieline.billing.happen(invoice, "pay", **given)
        await self._told(invoice, tell)

    async def credit(self, invoice: str, amount: str) -> None:
        """By a credit note."""
        self.portfolio.tieline.billing.happen(invoice, "credit", amount=_minor(amount))
        await self._told(invoice)

    async def dispute(self, invoice: str, *, settled: bool = False) -> None:
        """The bank disputes its newest payment."""
        status = {"status": "won"} if settled else {}
        self.portfolio.tieline.billing.happen(invoice, "dispute", **status)
        await self._told(invoice)

    async def renewal(self, deal: str) -> WorkflowHandle[Any, Any]:
        """It begins with the subscription's activation."""
        (subscription,) = self.portfolio.tieline.subscriptions("active")
        return self.portfolio.renewal(subscription["id"])

    def fall_silent(self) -> Fault:
        """The list of a customer's invoices fails; one invoice can still be read."""
        return outage(self.system, path="/v1/invoices$")

    async def _told(self, invoice: str, tell: bool = True) -> None:
        if tell:
            await self.portfolio.hear("billing", Kind.INVOICE, invoice)


@dataclass
class InErp:
    """Invoices as NetSuite has them, made by a clerk."""

    portfolio: Portfolio

    @property
    def system(self) -> Any:
        """NetSuite."""
        return self.portfolio.tieline.erp

    async def late(self, deal: str, *, days: int, net: int = 0, tell: bool = True) -> str:
        """The clerk invoices the deal's sales order."""
        erp = self.portfolio.tieline.erp
        today = datetime.fromtimestamp(erp.now(), UTC).date()
        due: date = today - timedelta(days=days)
        dated = due - timedelta(days=net)
        # It is made on the day of its date, so that its stamps agree with its terms.
        present = erp.moved_seconds
        erp.moved_seconds -= (today - dated).days * DAY_SECONDS
        invoice: str = erp.clerk.invoice(
            f"eid:so-{deal}", dueDate=due.isoformat(), tranDate=dated.isoformat()
        )
        erp.moved_seconds = present
        await self._told(invoice, tell)
        return invoice

    async def pay(self, invoice: str, amount: str = "", *, tell: bool = True) -> None:
        """The clerk receives the payment."""
        self.portfolio.tieline.erp.clerk.pay(invoice, float(amount) if amount else None)
        await self._told(invoice, tell)

    async def credit(self, invoice: str, amount: str) -> None:
        """By a credit memo."""
        self.portfolio.tieline.erp.clerk.credit(invoice, float(amount))
        await self._told(invoice)

    async def dispute(self, invoice: str, *, settled: bool = False) -> None:
        """The clerk notes it."""
        self.portfolio.tieline.erp.clerk.dispute(invoice, not settled)
        await self._told(invoice)

    async def renewal(self, deal: str) -> WorkflowHandle[Any, Any]:
        """Nobody tells of a sales order that it is active: somebody has to find it."""
        (order,) = self.portfolio.tieline.sales_orders()
        await self.portfolio.begin_renewal(str(order["id"]), "erp", deal)
        return self.portfolio.renewal(str(order["id"]), "erp")

    def fall_silent(self) -> Fault:
        """The questions about a customer fail; those about one invoice are answered."""
        return outage(self.system, path="suiteql", body="c.externalid = ")

    async def _told(self, invoice: str, tell: bool = True) -> None:
        if tell:
            await self.portfolio.hear("erp", Kind.INVOICE, invoice)


def outage(system: Simulator, **where: str) -> Fault:
    """A system does not answer, until its faults are cleared; `hits` counts who asked."""
    fault: Fault = system.faults.arm(kind="outage", seconds=OUTAGE_SECONDS, **where)
    return fault


def _minor(amount: str) -> int:
    return Money.of(amount, "USD").amount_minor


# What people see ---------------------------------------------------------------------------------


def company(portfolio: Portfolio, name: str = "Globex") -> dict[str, Any]:
    """An account as customer success shows it."""
    companies = portfolio.tieline.success.state()["Company"].values()
    return next(one for one in companies if one["Name"] == name)


def level(portfolio: Portfolio, name: str = "Globex") -> str:
    """The level of an account's risk as customer success shows it; empty for none."""
    return str(company(portfolio, name).get("Risk_Level__gc") or "")


def flag(portfolio: Portfolio, name: str = "Globex") -> str:
    """The level of an account's risk as support shows it; empty for none."""
    organizations = portfolio.tieline.support.state()["organizations"]
    fields = next(one for one in organizations if one["name"] == name)["organization_fields"]
    return str(fields.get("payment_risk") or "").removeprefix("payment_risk_")


def calls_about_payment(portfolio: Portfolio, *, closed: bool = False) -> list[dict[str, Any]]:
    """The CSM's calls about late payments."""
    calls = portfolio.tieline.success.state()["call_to_action"].values()
    late = [one for one in calls if one["Name"].startswith("Late payments")]
    return [one for one in late if one["IsClosed"] is closed]


async def won(portfolio: Portfolio, name: str = "Globex", **fields: Any) -> str:
    """A deal that is done in every system."""
    deal = portfolio.tieline.deal(name, **fields)
    await portfolio.tieline.fulfilled(deal)
    return deal


async def seen(portfolio: Portfolio, wanted: str, name: str = "Globex") -> None:
    """Wait until customer success and support both show a level; empty for none."""
    await eventually(lambda: (level(portfolio, name), flag(portfolio, name)) == (wanted, wanted))


def is_untouched(portfolio: Portfolio, name: str = "Globex") -> bool:
    """Whether nothing of a risk was ever written anywhere."""
    calls = calls_about_payment(portfolio) + calls_about_payment(portfolio, closed=True)
    return (
        "Risk_Level__gc" not in company(portfolio, name) and not flag(portfolio, name) and not calls
    )


async def all_shown(process: WorkflowHandle[Any, Any]) -> bool:
    """Whether both systems are up to date: what is shown is what there would be to undo."""
    steps = (await process.query("progress", result_type=Progress)).steps
    return len(steps) == 2 and all(step.state == "done" for step in steps)
