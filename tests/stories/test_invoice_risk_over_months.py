"""An account that is late for months: its history stays short, and no event is lost."""

import asyncio

from canonical.messages import BusinessEvent, CompensationPlan
from tests.stories.invoices import (
    InBilling,
    calls_about_payment,
    company,
    flag,
    is_untouched,
    level,
    outage,
    seen,
    won,
)
from tests.stories.portfolio import Portfolio
from tests.world import eventually, line


async def test_a_long_history_is_renewed_and_nothing_is_told_twice(forgetful: Portfolio) -> None:
    """The new run knows what was shown, how bad it was, and what is to be undone."""
    # Given Globex at risk, customer success away, and event after event
    invoices, tieline = InBilling(forgetful), forgetful.tieline
    invoice = await invoices.late(await won(forgetful), days=20)
    process = forgetful.risk(tieline.account("Globex"))
    await seen(forgetful, "high")
    await eventually(lambda: calls_about_payment(forgetful))
    first = (await process.describe()).run_id

    # When its history is long
    async def renewed() -> bool:
        await process.signal("business_event", BusinessEvent(type="invoice.adjusted"))
        return (await process.describe()).run_id != first

    await eventually(renewed)
    await forgetful.standing(process, "high")

    # Then a person still sees what a cancellation would undo
    async def planned() -> bool:
        plan = await process.query("compensation_plan", result_type=CompensationPlan)
        return len(plan.lines) == 2

    await eventually(planned)

    # And the payment ends what the first run began
    await invoices.pay(invoice)
    assert (await process.result()).worst == "high"
    assert (level(forgetful), flag(forgetful)) == ("", "")
    assert len(calls_about_payment(forgetful, closed=True)) == 1
    assert calls_about_payment(forgetful) == []


async def test_a_showing_under_way_outlives_its_run(forgetful: Portfolio) -> None:
    """Customer success is away over several runs; what is over by then leaves no trace."""
    invoices, tieline = InBilling(forgetful), forgetful.tieline
    deal = await won(forgetful)
    away = outage(tieline.success)
    invoice = await invoices.late(deal, days=20)
    process = forgetful.risk(tieline.account("Globex"))
    await eventually(lambda: flag(forgetful) == "high" and away.hits)
    first = (await process.describe()).run_id

    async def renewed() -> bool:
        await process.signal("business_event", BusinessEvent(type="invoice.adjusted"))
        return (await process.describe()).run_id != first

    await eventually(renewed)
    await invoices.pay(invoice)
    await eventually(lambda: flag(forgetful) == "")
    tieline.success.faults.clear()

    assert (await process.result()).worst == "high"
    assert is_untouched(forgetful)


async def test_an_event_that_comes_while_the_process_looks_is_looked_at(
    portfolio: Portfolio,
) -> None:
    """The second invoice was not late when it was read, and is when the first one is paid."""
    invoices, tieline = InBilling(portfolio), portfolio.tieline
    first = await won(portfolio)
    second = tieline.deal("Globex", line("GTX-PRO", "8400.00"))
    await tieline.fulfilled(second)
    paid = await invoices.late(first, days=20)
    process = portfolio.risk(tieline.account("Globex"))
    await seen(portfolio, "high")

    # Given a look that has read finance and takes its time to be kept
    book, keep = tieline.house.book, asyncio.Event()
    assess, begun = book.assess, asyncio.Event()

    async def slowly(*given: object) -> object:
        begun.set()
        await keep.wait()
        return await assess(*given)  # type: ignore[arg-type]

    book.assess = slowly  # type: ignore[method-assign, assignment]
    await invoices.pay(paid)
    await begun.wait()

    # When the other invoice falls late in the meantime
    late = await invoices.late(second, days=20, tell=False)
    await process.signal("business_event", BusinessEvent(type="invoice.overdue"))
    keep.set()

    # Then the process does not end without having seen it
    await eventually(lambda: company(portfolio)["Overdue_Amount__gc"] == "8,400.00 USD")
    await invoices.pay(late)
    assert (await process.result()).worst == "high"
    assert (level(portfolio), flag(portfolio)) == ("", "")
