"""Whoever is away holds nobody, is told the newest when back, and nothing that is over."""

from datetime import timedelta
from typing import Any

from canonical.desk import Action, CaseState
from canonical.messages import CancelRequest, CompensationPlan, Progress
from ledger.views.risks import show_risk
from tests.stories.evidence import calls
from tests.stories.invoices import (
    InBilling,
    Invoices,
    all_shown,
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
from tests.world import eventually


async def test_a_week_without_customer_success_holds_nobody(invoices: Invoices) -> None:
    """Support follows day by day; customer success is told the newest once it is back."""
    # Monday: Gainsight is down, and Globex is late
    portfolio = invoices.portfolio
    tieline = portfolio.tieline
    deal = await won(portfolio)
    outage(tieline.success)
    asked = len(calls(tieline.success))
    invoice = await invoices.late(deal, days=12)
    process = portfolio.risk(tieline.account("Globex"))
    await eventually(lambda: flag(portfolio) == "watch")

    # Thursday: it is worse, and a part is paid
    await portfolio.pass_days(3, process)
    await eventually(lambda: flag(portfolio) == "high")
    await invoices.pay(invoice, "5000.00")

    # A week later it is back: told once, of how things are now
    await portfolio.pass_days(4, process)
    assert "Risk_Level__gc" not in company(portfolio)
    assert (await progress(portfolio)).cases == []
    tieline.success.faults.clear()
    await portfolio.clocks.fast_forward(process, timedelta(hours=2))
    await seen(portfolio, "high")
    assert company(portfolio)["Overdue_Amount__gc"] == "7,000.00 USD"
    (call,) = await eventually(lambda: calls_about_payment(portfolio))
    assert call["Name"] == "Late payments: 7,000.00 USD"
    assert len(calls(tieline.success)) - asked < 250


async def test_what_was_over_before_customer_success_came_back_leaves_no_trace_there(
    invoices: Invoices,
) -> None:
    """Support was told, and told that it is over; customer success has nothing to be told."""
    portfolio = invoices.portfolio
    tieline = portfolio.tieline
    deal = await won(portfolio)
    outage(tieline.success)
    invoice = await invoices.late(deal, days=20)
    process = portfolio.risk(tieline.account("Globex"))
    await eventually(lambda: flag(portfolio) == "high")

    # When Globex pays on the third day, support's flag is taken back at once
    await portfolio.pass_days(3, process)
    await invoices.pay(invoice)
    await eventually(lambda: flag(portfolio) == "")
    assert (await progress(portfolio)).stage == "none"

    # Then the process ends with the outage
    tieline.success.faults.clear()
    await portfolio.clocks.fast_forward(process, timedelta(hours=2))
    assert (await process.result()).worst == "high"
    assert is_untouched(portfolio)


async def test_while_finance_is_away_nothing_gets_better(invoices: Invoices) -> None:
    """Not known is not paid: the level stays, and finance is asked again."""
    portfolio = invoices.portfolio
    tieline = portfolio.tieline
    deal = await won(portfolio)
    invoice = await invoices.late(deal, days=20)
    process = portfolio.risk(tieline.account("Globex"))
    await seen(portfolio, "high")

    # When Globex pays while nobody can be asked what it owes
    silence = invoices.fall_silent()
    await invoices.pay(invoice)
    await eventually(lambda: silence.hits)
    await portfolio.clocks.fast_forward(process, timedelta(minutes=30))
    await eventually(lambda: "does not answer" in company(portfolio)["Risk_Reasons__gc"])
    assert (level(portfolio), flag(portfolio)) == ("high", "high")
    assert len(calls_about_payment(portfolio)) == 1

    # Then it is found out as soon as finance answers, without any further event
    invoices.system.faults.clear()
    await portfolio.clocks.fast_forward(process, timedelta(hours=2))
    assert (await process.result()).worst == "high"
    assert (level(portfolio), flag(portfolio)) == ("", "")


async def test_while_the_crm_is_away_an_account_is_at_risk_without_its_family(
    portfolio: Portfolio,
) -> None:
    """Its CSM is called at once; the CRM is asked again until it says whose account that is."""
    # Given Globex, late while nobody can say who stands above and below it
    invoices, tieline = InBilling(portfolio), portfolio.tieline
    account = tieline.account("Globex")
    deal = await won(portfolio)
    silence = outage(tieline.crm)
    await invoices.late(deal, days=20)
    await eventually(lambda: silence.hits)
    await portfolio.clocks.fast_forward(portfolio.risk(account), timedelta(minutes=30))
    await seen(portfolio, "high")
    assert len(await eventually(lambda: calls_about_payment(portfolio))) == 1
    assert (await show_risk(tieline.house.database, account)).account_name == ""

    # Then it is asked within the hour after it is back, without any further event
    tieline.crm.faults.clear()
    await portfolio.clocks.fast_forward(portfolio.risk(account), timedelta(hours=2))

    async def named() -> bool:
        return (await show_risk(tieline.house.database, account)).account_name == "Globex"

    assert await eventually(named)


async def test_a_company_that_is_not_there_is_a_case_that_holds_nobody(
    portfolio: Portfolio,
) -> None:
    """Support is told; the CSM makes the company, says so, and sees the risk."""
    # Given Globex, whose company somebody has deleted
    invoices, tieline = InBilling(portfolio), portfolio.tieline
    deal = await won(portfolio)
    company_of = forgotten(portfolio)
    await invoices.late(deal, days=7)
    process = portfolio.risk(tieline.account("Globex"))
    case = await eventually(lambda: open_case(portfolio))
    assert (case.step, case.failure.cause, str(case.held)) == (
        "show_risk", "NotFound", "12,000.00 USD",
    )  # fmt: skip
    await eventually(lambda: flag(portfolio) == "watch")
    assert await portfolio.stage(process) == "exception"

    # Then the days pass, and support sees them
    await portfolio.pass_days(9, process)
    await eventually(lambda: flag(portfolio) == "high")

    # And when the company is there again, a person tries again: it shows the newest
    tieline.success.tenant.put("Company", company_of)
    assert (await tieline.decide(case, Action.RETRY)).state is CaseState.RESOLVED
    await seen(portfolio, "high")
    await portfolio.standing(process, "high")


async def test_a_case_about_what_is_over_closes_itself(portfolio: Portfolio) -> None:
    """Globex pays: there is nothing left to show, so nobody has to decide."""
    invoices, tieline = InBilling(portfolio), portfolio.tieline
    deal = await won(portfolio)
    forgotten(portfolio)
    invoice = await invoices.late(deal, days=7)
    await eventually(lambda: open_case(portfolio))
    await eventually(lambda: flag(portfolio) == "watch")

    await invoices.pay(invoice)

    ended = await portfolio.risk(tieline.account("Globex")).result()
    assert (ended.stage, flag(portfolio)) == ("completed", "")
    assert (await progress(portfolio)).cases == []


async def test_a_person_cancels_and_nothing_is_claimed_any_more(portfolio: Portfolio) -> None:
    """What was shown is taken back, as the plan said; a later event begins anew."""
    invoices, tieline = InBilling(portfolio), portfolio.tieline
    deal = await won(portfolio)
    invoice = await invoices.late(deal, days=20)
    process = portfolio.risk(tieline.account("Globex"))
    await seen(portfolio, "high")
    await eventually(lambda: all_shown(process))

    plan = await process.query("compensation_plan", result_type=CompensationPlan)
    assert {line.undo for line in plan.lines} == {
        "take the risk off the company, close the call",
        "take the flag off the organization",
    }
    request = CancelRequest(actor="Ada", reason="sold to a bank", plan_digest=plan.digest)
    await process.execute_update("request_cancellation", request)

    assert (await process.result()).stage == "cancelled"
    assert (level(portfolio), flag(portfolio)) == ("", "")
    assert calls_about_payment(portfolio) == []
    kept = await tieline.house.book.risk(tieline.account("Globex"))
    assert kept is not None
    assert kept.update.level == "none"

    # And when a payment is taken back, Globex is a risk again
    await invoices.pay(invoice, "2000.00")
    await invoices.dispute(invoice)
    await seen(portfolio, "watch")


async def progress(portfolio: Portfolio) -> Progress:
    """Where Globex's risk stands."""
    process = portfolio.risk(portfolio.tieline.account("Globex"))
    return await process.query("progress", result_type=Progress)


async def open_case(portfolio: Portfolio) -> Any:
    """The open case of Globex's risk, if there is one."""
    await portfolio.standing(portfolio.risk(portfolio.tieline.account("Globex")))
    return next(iter((await progress(portfolio)).cases), None)


def forgotten(portfolio: Portfolio) -> dict[str, Any]:
    """Globex's company, which is there no more."""
    tenant = portfolio.tieline.success.tenant
    (held,) = tenant.tables["Company"].records.values()
    tenant.remove("Company", held["Gsid"])
    return dict(held)
