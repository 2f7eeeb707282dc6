"""Late invoices are a risk that people see, until it is over; in both ownership presets."""

from datetime import UTC, datetime, time, timedelta

import pytest
from temporalio.service import RPCError

from canonical.facts import Kind
from tests.stories.invoices import (
    InBilling,
    Invoices,
    calls_about_payment,
    company,
    flag,
    is_untouched,
    level,
    seen,
    won,
)
from tests.stories.portfolio import Portfolio
from tests.world import eventually


def in_the_morning(days: int) -> datetime:
    """When things are looked at, so many days from today."""
    return datetime.combine(datetime.now(UTC) + timedelta(days=days), time(6), UTC)


async def test_overdue_escalated_paid(invoices: Invoices) -> None:
    """One invoice, from its first late day to its payment."""
    # Given Globex, whose invoice has been due for two days
    portfolio = invoices.portfolio
    deal = await won(portfolio)
    invoice = await invoices.late(deal, days=2)

    # That is within the grace: nobody looks before it is over, and nobody is told
    process = portfolio.risk(portfolio.tieline.account("Globex"))
    assert await portfolio.put_off(process) == in_the_morning(4)
    assert "Risk_Level__gc" not in company(portfolio)

    # Then the days pass, and the CSM is called once
    for days, stage in ((4, "watch"), (10, "high"), (30, "critical")):
        await portfolio.pass_days(days, process)
        await seen(portfolio, stage)
        assert await portfolio.stage(process) == stage
        assert len(calls_about_payment(portfolio)) == 1
    assert company(portfolio)["Overdue_Amount__gc"] == "12,000.00 USD"
    assert company(portfolio)["Renewal_Priority__gc"] == "urgent"

    # And when Globex pays, nothing of it is left but a closed call
    await invoices.pay(invoice)
    ended = await process.result()
    assert (ended.stage, ended.worst) == ("completed", "critical")
    assert (level(portfolio), flag(portfolio)) == ("", "")
    assert company(portfolio)["Overdue_Amount__gc"] is None
    assert len(calls_about_payment(portfolio, closed=True)) == 1
    assert calls_about_payment(portfolio) == []


async def test_paid_in_time(invoices: Invoices) -> None:
    """What is paid before it is due leaves no trace, and its renewal is none the worse for it."""
    # Given Globex, which has a contract for five months, and an invoice that is due in ten days
    portfolio = invoices.portfolio
    deal = await won(portfolio, Term_Months__c=5)
    invoice = await invoices.late(deal, days=-10, net=30)
    renewal = await invoices.renewal(deal)
    await portfolio.standing(renewal, "waiting")

    # When it pays, and then its due date passes, and two months
    await invoices.pay(invoice)
    await portfolio.pass_days(70, renewal)

    # Then the view of its renewal, whose window is open, calls payments good
    view, *_ = await eventually(portfolio.views)
    (payments,) = [signal for signal in view.signals if signal.name == "billing"]
    assert (payments.state, payments.facts["status"]) == ("green", "good")

    # And nobody ever watched over its payments, or was told of them
    told = await portfolio.told("payment.received", "invoice.overdue", "invoice.adjusted")
    assert told == ["payment.received"]
    await eventually(portfolio.all_delivered)
    with pytest.raises(RPCError, match="not found"):
        await portfolio.stage(portfolio.risk(portfolio.tieline.account("Globex")))
    assert is_untouched(portfolio)


async def test_paid_within_the_grace(invoices: Invoices) -> None:
    """A few days late is no risk: nobody ever hears of it, and the first look ends it."""
    portfolio = invoices.portfolio
    deal = await won(portfolio)
    invoice = await invoices.late(deal, days=2)
    process = portfolio.risk(portfolio.tieline.account("Globex"))
    assert await portfolio.put_off(process) == in_the_morning(4)

    await portfolio.pass_days(2, process)
    await invoices.pay(invoice)
    await eventually(portfolio.all_delivered)
    await portfolio.pass_days(2, process)

    assert (await process.result()).worst == "none"
    assert is_untouched(portfolio)


async def test_further_trouble_within_the_grace_is_looked_at_at_once(
    portfolio: Portfolio,
) -> None:
    """A refused card does not wait until the grace of the invoice is over."""
    invoices = InBilling(portfolio)
    deal = await won(portfolio)
    invoice = await invoices.late(deal, days=2)
    process = portfolio.risk(portfolio.tieline.account("Globex"))
    assert await portfolio.put_off(process) == in_the_morning(4)

    invoices.system.happen(invoice, "fail")
    await portfolio.hear("billing", Kind.INVOICE, invoice)

    await seen(portfolio, "watch")
    assert await portfolio.stage(process) == "watch"


async def test_net_45_has_ten_days_of_grace(invoices: Invoices) -> None:
    """Terms decide: on the seventh day nobody is told yet, on the eleventh they are."""
    portfolio = invoices.portfolio
    deal = await won(portfolio)
    await invoices.late(deal, days=7, net=45)
    process = portfolio.risk(portfolio.tieline.account("Globex"))
    assert await portfolio.put_off(process) == in_the_morning(4)
    assert is_untouched(portfolio)

    await portfolio.pass_days(4, process)

    await seen(portfolio, "watch")


async def test_a_payment_between_the_overdue_event_and_its_handling(invoices: Invoices) -> None:
    """It was overdue, and is not any more when somebody looks: no trace in customer success."""
    # Given an overdue invoice that its process cannot look at yet
    portfolio = invoices.portfolio
    deal = await won(portfolio)
    silence = invoices.fall_silent()
    invoice = await invoices.late(deal, days=20)
    process = portfolio.risk(portfolio.tieline.account("Globex"))
    await eventually(lambda: silence.hits)

    # When Globex pays before it can
    await invoices.pay(invoice, tell=False)
    invoices.system.faults.clear()
    await portfolio.clocks.fast_forward(process, timedelta(minutes=5))

    # Then there was nothing to tell
    assert (await process.result()).worst == "none"
    assert await portfolio.told("invoice.overdue")
    assert is_untouched(portfolio)


async def test_disputed_and_resolved(invoices: Invoices) -> None:
    """A dispute is watched and calls nobody; whoever is late again afterwards is called again."""
    # Given Globex, which has paid a part of a late invoice
    portfolio = invoices.portfolio
    deal = await won(portfolio)
    invoice = await invoices.late(deal, days=20)
    await invoices.pay(invoice, "2000.00")
    await seen(portfolio, "high")
    (first,) = await eventually(lambda: calls_about_payment(portfolio))

    # When it disputes the invoice
    await invoices.dispute(invoice)
    await seen(portfolio, "watch")
    await eventually(lambda: not calls_about_payment(portfolio))
    assert "disputed" in company(portfolio)["Risk_Reasons__gc"]
    assert company(portfolio)["Overdue_Amount__gc"] is None

    # And gives in, but does not pay
    await invoices.dispute(invoice, settled=True)
    await seen(portfolio, "high")
    (second,) = await eventually(lambda: calls_about_payment(portfolio))
    assert second["Gsid"] != first["Gsid"]

    # Until it does
    await invoices.pay(invoice)
    ended = await portfolio.risk(portfolio.tieline.account("Globex")).result()
    assert (ended.stage, level(portfolio), flag(portfolio)) == ("completed", "", "")
    assert len(calls_about_payment(portfolio, closed=True)) == 2

    # And the invoice was never taken for a contract to renew
    for connection in ("billing", "erp"):
        with pytest.raises(RPCError, match="not found"):
            await portfolio.stage(portfolio.renewal(invoice, connection))


async def test_a_payment_that_is_taken_back_is_a_risk_by_itself(invoices: Invoices) -> None:
    """Nothing was ever late: a chargeback alone begins the process."""
    portfolio = invoices.portfolio
    deal = await won(portfolio)
    invoice = await invoices.late(deal, days=-10, net=30)
    await invoices.pay(invoice)
    assert is_untouched(portfolio)

    await invoices.dispute(invoice)
    await seen(portfolio, "watch")
    assert calls_about_payment(portfolio) == []
    await invoices.dispute(invoice, settled=True)

    ended = await portfolio.risk(portfolio.tieline.account("Globex")).result()
    assert (ended.worst, level(portfolio), flag(portfolio)) == ("watch", "", "")


async def test_partially_paid(invoices: Invoices) -> None:
    """What is left counts, until it is no more than a bank charge."""
    portfolio = invoices.portfolio
    deal = await won(portfolio)
    invoice = await invoices.late(deal, days=20)
    await seen(portfolio, "high")

    await invoices.pay(invoice, "5000.00")
    await eventually(lambda: company(portfolio)["Overdue_Amount__gc"] == "7,000.00 USD")
    assert (level(portfolio), len(calls_about_payment(portfolio))) == ("high", 1)

    await invoices.pay(invoice, "6997.00")
    assert (await portfolio.risk(portfolio.tieline.account("Globex")).result()).worst == "high"
    assert (level(portfolio), flag(portfolio)) == ("", "")


async def test_credited(invoices: Invoices) -> None:
    """A credit memo takes from what is late; in full, it ends it like a payment."""
    portfolio = invoices.portfolio
    deal = await won(portfolio)
    invoice = await invoices.late(deal, days=20)
    await seen(portfolio, "high")

    await invoices.credit(invoice, "4000.00")
    await eventually(lambda: company(portfolio)["Overdue_Amount__gc"] == "8,000.00 USD")

    await invoices.credit(invoice, "8000.00")
    assert (await portfolio.risk(portfolio.tieline.account("Globex")).result()).worst == "high"
    assert (level(portfolio), flag(portfolio)) == ("", "")
    assert await portfolio.told("payment.received") == []
