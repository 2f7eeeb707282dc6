"""Late invoices of several kinds, currencies and accounts are one risk, and one call."""

from datetime import timedelta

import pytest
from temporalio.worker import Replayer

from canonical.connections import Role
from canonical.facts import Kind
from canonical.ids import PROCESS_QUEUE
from canonical.messages import Progress
from canonical.risk_messages import AccountRisk, invoice_risk_id
from ledger.views.risks import show_risk
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
from tieline.settings import Settings
from tieline.temporal import plugin
from workers.registry import WORKFLOWS


async def test_two_late_invoices_are_one_call_and_a_small_history(invoices: Invoices) -> None:
    """The worst decides the level, the sum is shown, and each payment is seen."""
    # Given Globex with two deals, both late
    portfolio = invoices.portfolio
    account = portfolio.tieline.account("Globex")
    first, second = await won(portfolio), await won(portfolio)
    old = await invoices.late(first, days=20)
    young = await invoices.late(second, days=7)
    await eventually(lambda: company(portfolio).get("Overdue_Amount__gc") == "24,000.00 USD")
    await seen(portfolio, "high")
    assert len(await eventually(lambda: calls_about_payment(portfolio))) == 1

    # When the older one is paid, the younger one is still a risk, and the call stands
    await invoices.pay(old)
    await seen(portfolio, "watch")
    assert company(portfolio)["Overdue_Amount__gc"] == "12,000.00 USD"
    assert len(calls_about_payment(portfolio)) == 1

    # And when both are, it is over
    await invoices.pay(young)
    process = portfolio.risk(account)
    assert (await process.result()).worst == "high"
    assert (level(portfolio), flag(portfolio)) == ("", "")
    assert len(calls_about_payment(portfolio, closed=True)) == 1
    history = await process.fetch_history()
    kilobytes = sum(event.ByteSize() for event in history.events) / 1024
    assert (len(history.events) < 140, kilobytes < 48) == (True, True)
    await Replayer(workflows=WORKFLOWS, plugins=[plugin(Settings())]).replay_workflow(history)


async def test_two_currencies_of_two_legal_entities(invoices: Invoices) -> None:
    """Euros and dollars are told side by side and never added up."""
    portfolio = invoices.portfolio
    dollars = await won(portfolio)
    euros = await won(portfolio, CurrencyIsoCode="EUR", Legal_Entity__c="DE01")
    await invoices.late(dollars, days=7)
    paid_first = await invoices.late(euros, days=20)
    both = "12,000.00 EUR; 12,000.00 USD"
    await eventually(lambda: company(portfolio).get("Overdue_Amount__gc") == both)
    await seen(portfolio, "high")

    await invoices.pay(paid_first)

    await eventually(lambda: company(portfolio)["Overdue_Amount__gc"] == "12,000.00 USD")
    await seen(portfolio, "watch")


@pytest.mark.parametrize("owners", [["billing", "erp"], ["erp", "billing"]])
async def test_several_owners_of_invoices_are_judged_together(
    portfolio: Portfolio, owners: list[str]
) -> None:
    """The last of them judges and knows what the other says; while either is away, what it has
    billed does not get better, and it is asked again."""
    tieline, billed = portfolio.tieline, InBilling(portfolio)
    account = tieline.account("Globex")
    deal = await won(portfolio)
    settings = tieline.settings
    (crm,), (success,), (support,) = (
        settings.connections_of(role) for role in (Role.CRM, Role.SUCCESS, Role.SUPPORT)
    )
    invoice = await billed.late(deal, days=20, tell=False)
    start = AccountRisk(
        account_id=account, cause="an audit", sources=owners,
        crm=crm.name, success=success.name, support=support.name,
    )  # fmt: skip
    process = await tieline.client.start_workflow(
        "invoice-risk-to-health", start, id=invoice_risk_id(account), task_queue=PROCESS_QUEUE
    )
    await seen(portfolio, "high")

    # Paid, while nobody can ask whether it is
    silence = billed.fall_silent()
    await billed.pay(invoice, tell=False)
    await process.signal("business_event", {"id": "1", "type": "payment.received"})
    await eventually(lambda: silence.hits)
    await portfolio.clocks.fast_forward(process, timedelta(minutes=30))
    await eventually(lambda: "billing does not answer" in company(portfolio)["Risk_Reasons__gc"])
    assert (level(portfolio), flag(portfolio)) == ("high", "high")

    # And once billing answers
    billed.system.faults.clear()
    await portfolio.clocks.fast_forward(process, timedelta(hours=2))
    assert (await portfolio.risk(account).result()).worst == "high"
    assert (level(portfolio), flag(portfolio)) == ("", "")
    known = await show_risk(tieline.house.database, account)
    assert (known.assessment.status, known.stage) == ("good", "completed")


async def test_a_parent_whose_subsidiary_is_late(invoices: Invoices) -> None:
    """The parent is at risk with it, and nobody is called twice."""
    # Given Globex, its subsidiary Globex GmbH, and a holding above them that never bought anything
    portfolio = invoices.portfolio
    tieline = portfolio.tieline
    holding = tieline.account("Globex Holding")
    parent = tieline.account("Globex", ParentId=holding)
    tieline.account("Globex GmbH", ParentId=parent)
    await won(portfolio)
    below = await won(portfolio, "Globex GmbH")

    # When the subsidiary is late
    invoice = await invoices.late(below, days=20)

    # Then both are shown at risk, and one CSM is called
    await seen(portfolio, "high", "Globex GmbH")
    await seen(portfolio, "high")
    assert "of " in company(portfolio)["Risk_Reasons__gc"]
    (call,) = await eventually(lambda: calls_about_payment(portfolio))
    assert call["CompanyId"] == company(portfolio, "Globex GmbH")["Gsid"]

    # And the holding is known at risk, which systems that do not know it need not be told
    await portfolio.standing(portfolio.risk(holding), "high")
    progress = await portfolio.risk(holding).query("progress", result_type=Progress)
    assert progress.cases == []

    # When the subsidiary pays, it is over for all three
    await invoices.pay(invoice)
    for account in (tieline.account("Globex GmbH"), parent, holding):
        assert (await portfolio.risk(account).result()).stage == "completed"
    assert (level(portfolio), flag(portfolio)) == ("", "")
    assert len(calls_about_payment(portfolio, closed=True)) == 1


async def test_what_a_subsidiary_tells_a_parent_that_is_put_off_waits_for_it(
    portfolio: Portfolio,
) -> None:
    """A signal does not begin a process that is put off, but it is not lost."""
    # Given Globex within its grace
    invoices, tieline = InBilling(portfolio), portfolio.tieline
    parent = tieline.account("Globex")
    tieline.account("Globex GmbH", ParentId=parent)
    own, below = await won(portfolio), await won(portfolio, "Globex GmbH")
    await invoices.late(own, days=2)
    process = portfolio.risk(parent)
    await portfolio.put_off(process)

    # When its subsidiary, which was never late before, is seen to be
    await invoices.late(below, days=20)
    await seen(portfolio, "high", "Globex GmbH")
    assert (level(portfolio), flag(portfolio)) == ("", "")

    # Then Globex is at risk with it once its own grace is over
    await portfolio.pass_days(4, process)
    await seen(portfolio, "high")


async def test_an_account_that_is_merged_hands_its_risk_over(invoices: Invoices) -> None:
    """The CRM merges Globex GmbH into Globex: the late invoice is Globex's, and so is the call."""
    # Given two accounts, one of them late
    portfolio = invoices.portfolio
    tieline = portfolio.tieline
    await won(portfolio)
    deal = await won(portfolio, "Globex GmbH")
    survivor, merged = tieline.account("Globex"), tieline.account("Globex GmbH")
    invoice = await invoices.late(deal, days=20)
    await seen(portfolio, "high", "Globex GmbH")
    await eventually(lambda: calls_about_payment(portfolio))

    # When they are merged, the next look two weeks later finds out
    tieline.crm.merge(survivor, merged)
    await portfolio.pass_days(14, portfolio.risk(merged))
    await invoices.pay(invoice, "2000.00")
    await seen(portfolio, "", "Globex GmbH")
    await seen(portfolio, "high")
    (call,) = await eventually(lambda: calls_about_payment(portfolio))
    assert call["CompanyId"] == company(portfolio)["Gsid"]
    assert company(portfolio)["Overdue_Amount__gc"] == "10,000.00 USD"
    assert len(calls_about_payment(portfolio, closed=True)) == 1

    # And the payment of what was once the other's invoice ends it
    await invoices.pay(invoice)
    for account in (merged, survivor):
        assert (await portfolio.risk(account).result()).worst == "high"
    assert (level(portfolio), flag(portfolio)) == ("", "")
    assert calls_about_payment(portfolio) == []


async def test_a_charge_that_fails_is_watched_before_anything_is_late(portfolio: Portfolio) -> None:
    """A refused card is news for the CSM; once it is late, it is a call."""
    # Given an invoice that is due in ten days
    invoices = InBilling(portfolio)
    deal = await won(portfolio)
    invoice = await invoices.late(deal, days=-10, net=30)
    assert is_untouched(portfolio)

    # When the customer's payment is refused
    invoices.system.happen(invoice, "fail")
    await portfolio.hear("billing", Kind.INVOICE, invoice)
    await seen(portfolio, "watch")
    assert "a payment of 12,000.00 USD failed" in company(portfolio)["Risk_Reasons__gc"]
    assert calls_about_payment(portfolio) == []

    # And when weeks later it is late, the CSM is called
    process = portfolio.risk(portfolio.tieline.account("Globex"))
    await portfolio.pass_days(17, process)
    assert await eventually(lambda: calls_about_payment(portfolio))
    assert level(portfolio) == "watch"

    # Until the next try succeeds
    await invoices.pay(invoice)
    assert (await process.result()).worst == "watch"
    assert (level(portfolio), flag(portfolio)) == ("", "")
