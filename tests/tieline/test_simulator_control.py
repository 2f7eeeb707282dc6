"""A rehearsal's hand on the simulators: time, invoices and portfolios."""

from datetime import date

from simulators.netsuite import NetSuiteSimulator
from simulators.serve import serving
from simulators.stripe import StripeSimulator, customers, invoices
from simulators.stripe.store import Call
from tieline.rehearsal.control import SimulatorControl

CSV = """invoice,customer,invoice date,due date,amount,currency,disputed,settled date
G-1,001Globex,2026-01-02,2026-02-01,1200.50,USD,no,2026-02-20
G-2,001Globex,2026-01-09,2026-02-08,80,USD,yes,
"""
DAY_SECONDS = 86_400


async def test_a_portfolio_is_loaded_and_lived_through_from_outside() -> None:
    """Overdue on the day that is taken for today, paid three days later."""
    simulator = NetSuiteSimulator()
    async with serving({"netsuite": simulator}) as urls:
        erp = SimulatorControl(urls["netsuite"])
        report = await erp.load_receivables(CSV, date(2026, 2, 17))
        await erp.advance(4 * DAY_SECONDS)
        await erp.book("dispute", invoice="eid:inv-G-2", disputed=False)
        paid = await erp.book("pay", invoice="eid:inv-G-2")
        state = await erp.state()
        await erp.aclose()

    assert (report["overdue"], report["disputed"]) == (2, 1)
    assert {one["tranId"]: one["status"]["refName"] for one in state["invoice"].values()} == {
        "G-1": "Paid In Full", "G-2": "Paid In Full",
    }  # fmt: skip
    assert paid in state["customerPayment"]


async def test_an_invoice_of_billing_is_credited_and_paid_from_outside() -> None:
    """A credit note takes 200.00 off, and a payment settles the rest."""
    simulator = StripeSimulator()
    customer = customers.create(simulator.account, Call((), {"name": "Globex"}))["id"]
    item = {"customer": customer, "currency": "usd", "amount": "120000"}
    invoices.create_item(simulator.account, Call((), item))
    draft = invoices.create(simulator.account, Call((), {
        "customer": customer, "collection_method": "send_invoice", "days_until_due": "30",
        "pending_invoice_items_behavior": "include",
    }))  # fmt: skip
    invoice = str(invoices.finalize(simulator.account, Call((), {}), draft)["id"])
    async with serving({"stripe": simulator}) as urls:
        billing = SimulatorControl(urls["stripe"])
        await billing.happen(invoice, "credit", amount=20_000)
        await billing.happen(invoice, "pay")
        state = await billing.state()
        await billing.aclose()

    (held,) = state["invoices"]
    assert (held["status"], held["total"], held["amount_paid"]) == ("paid", 120_000, 100_000)
    assert "credit_note.created" in {event["type"] for event in state["events"]}
