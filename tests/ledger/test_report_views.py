"""Reports over both ledgers: what is on record, how old it is, what is missing."""

from datetime import date, timedelta

import pytest

from canonical.connections import Environment
from canonical.inbound import InboundEvent
from canonical.money import Money
from canonical.ports.events import ChangePage
from canonical.renewal import RenewalOutcome
from ledger.database import Database
from ledger.feeds import Feeds
from ledger.inbox import Inbox
from ledger.views import reports
from ledger.views.renewal_histories import renewal_histories
from ledger.views.sources import source_places
from ledger.views.workflow_lists import workflow_lists
from tests.domain.portfolio import DUE, GLOBEX, GMBH, RENEWS, deal, incidents, invoice, said
from tests.ledger.clocks import Clock
from tests.portfolio_ledger import BILLING, CATALOGUE, PortfolioLedger, at_noon, days_before
from tests.sources import MemorySource

YEAR = (date(2026, 1, 1), date(2026, 12, 31))
HOUR = timedelta(hours=1)


async def test_an_empty_ledger_reports_nothing_and_is_incomplete(
    office: PortfolioLedger, clock: Clock
) -> None:
    """No report of nothing looks current."""
    now = clock()
    made = [
        await reports.forecast(office.db, CATALOGUE, [], RENEWS, now),
        await reports.billing(office.db, CATALOGUE, ["stripe-us"], now),
        await reports.expansion(office.db, CATALOGUE, [], *YEAR, now, owners=[BILLING]),
        await reports.retention(office.db, CATALOGUE, [], *YEAR, now),
    ]

    assert [one.freshness.incomplete for one in made] == [True] * 4
    assert made[1].freshness.because == ["stripe-us was never read"]
    assert all(one.definitions for one in made)


async def test_a_source_is_as_old_as_its_place_or_what_still_waits(
    db: Database, clock: Clock
) -> None:
    """A feed that was read just now vouches for nothing that the inbox has not taken in."""
    feeds = Feeds(db, clock=clock)
    page = ChangePage(events=[], cursor="1", read_up_to=clock(), more=False)
    await feeds.keep(BILLING, "invoices", page.model_copy(update={"read_up_to": clock() - HOUR}))
    await feeds.keep(BILLING, "contracts", page)
    before = await source_places(db, [BILLING, "netsuite"])

    waiting = InboundEvent(
        source=BILLING, event_id="evt_1", type="invoice.paid", kind="invoice", subject="in_1",
        version="v1", environment=Environment.TEST, body=b"{}", received_at=clock() - 2 * HOUR,
    )  # fmt: skip
    await Inbox(db).store(waiting)
    after = await source_places(db, [BILLING])

    assert before == {BILLING: clock() - HOUR, "netsuite": None}
    assert after == {BILLING: clock() - 2 * HOUR}


async def test_the_forecast_has_states_categories_and_money_and_says_what_is_not_known(
    office: PortfolioLedger, clock: Clock
) -> None:
    """The contract came to 125,000.00 by now, whatever its order was worth; the CRM says 130,000.00
    of the renewal; support is away."""
    clock.now = days_before(90)
    worth = {"value": Money.of("125000", "USD")}
    await office.orders()
    await office.contract()
    await office.plan(**worth)
    await office.plan(contract_id="sub_next", ends_on=date(2027, 6, 30))
    soon = {"contract_id": "sub_soon", "opportunity_id": "", "value": None}
    await office.plan(**soon, ends_on=date(2026, 12, 1))
    renewing = deal(amount=Money.of("130000", "USD"), as_of=clock())
    await office.look(terms_facts=worth, incidents=None, opportunity=renewing)

    found = await reports.forecast(office.db, CATALOGUE, [BILLING], RENEWS, clock())

    body = found.body
    assert (body.renewals, body.with_unknown_signals) == (2, 1)
    assert [one.name for one in body.by_state] == ["unknown", "waiting"]
    unknown, waiting = body.by_state
    assert unknown.contract_value.amounts == [Money.of("125000", "USD")]
    assert unknown.renewal_amount.amounts == [Money.of("130000", "USD")]
    assert (waiting.contract_value.unknown, waiting.renewal_amount.unknown) == (1, 1)
    assert {one.name for one in body.by_forecast} == {"pipeline", "not_forecast"}
    assert found.freshness.incomplete and not found.freshness.stale
    assert "renewals with a signal that is not known: 1" in found.freshness.because


async def test_a_forecast_takes_no_amount_of_an_earlier_term(
    office: PortfolioLedger, clock: Clock
) -> None:
    """The order speaks for the first term only, and a read of before the renewal for the last."""
    await office.orders()

    async def amounts() -> list[Money]:
        found = await reports.forecast(office.db, CATALOGUE, [BILLING], RENEWS, clock())
        return found.body.by_state[0].contract_value.amounts

    clock.now = days_before(90)
    await office.plan(value=None)
    by_its_order = await amounts()
    await office.plan(value=None, renewed_on=days_before(365).date())
    renewed = await amounts()
    before = {"renewed_on": clock().date(), "as_of": clock()}
    await office.plan(**before)
    read_before = await amounts()
    await office.plan(**before | {"as_of": days_before(89), "value": Money.of("130000", "USD")})

    assert by_its_order == [Money.of("120000", "USD")]
    assert renewed == read_before == []
    assert await amounts() == [Money.of("130000", "USD")]


async def test_a_forecast_is_stale_when_nobody_has_looked_or_read_for_too_long(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Both limits are the catalogue's."""
    clock.now = days_before(90)
    await office.contract()
    await office.plan()
    await office.look()
    later = clock() + timedelta(days=40)

    now = await reports.forecast(office.db, CATALOGUE, [], RENEWS, clock() + HOUR)
    found = await reports.forecast(office.db, CATALOGUE, [], RENEWS, later)

    assert not now.freshness.stale and not now.freshness.incomplete
    stale = [one.source for one in found.freshness.sources if one.state == "stale"]
    assert reports.LOOKS in stale
    assert found.freshness.stale


async def test_billing_status_adds_up_each_invoice_once(
    office: PortfolioLedger, clock: Clock
) -> None:
    """A subsidiary's late invoice is its own, though it is shown of the parent too; an invoice that
    was only answered counts, and one that intake has read since counts as it was read."""
    clock.now = at_noon(DUE + timedelta(days=20))
    await office.assess(GMBH, said(invoice(1), account=GMBH, connection=BILLING))
    await office.assess(GLOBEX, said(invoice(2), connection=BILLING))
    await office.invoiced(2, version_=2, paid="2000")
    await office.invoiced(3, disputed=True, total="500", currency="EUR")

    found = (await reports.billing(office.db, CATALOGUE, [BILLING], clock())).body

    assert found.accounts == 2
    assert found.overdue == [Money.of("22000", "USD")]
    assert found.disputed == [Money.of("500", "EUR")]
    assert {one.name: one.accounts for one in found.by_status} == {"delinquent": 2}


async def test_billing_status_is_unknown_where_an_owner_of_invoices_did_not_answer(
    office: PortfolioLedger, clock: Clock
) -> None:
    """What is on record of it looks good, and is not shown so."""
    clock.now = at_noon(DUE)
    await office.invoiced(1, paid="12000")
    await office.assess(GLOBEX, said(connection="netsuite-de", known=False))

    found = await reports.billing(office.db, CATALOGUE, [BILLING, "netsuite-de"], clock())

    assert {one.name: one.accounts for one in found.body.by_status} == {"unknown": 1}
    assert "accounts whose payments are not known: 1" in found.freshness.because


async def test_an_invoice_without_an_account_makes_billing_status_incomplete(
    office: PortfolioLedger, clock: Clock
) -> None:
    """It counts for nobody, and somebody is told."""
    await office.invoiced(1, account_id="")

    found = await reports.billing(office.db, CATALOGUE, [BILLING], clock())

    assert found.body.accounts == 0
    assert "invoices that name no account, and count for none: 1" in found.freshness.because


async def test_what_was_given_up_makes_a_report_incomplete(
    office: PortfolioLedger, clock: Clock
) -> None:
    """It is in no figure, and nobody would miss it."""
    await office.invoiced(1)
    inbox = Inbox(office.db)
    await inbox.store(MemorySource(name=BILLING).hint(invoice(2)))
    (hint,) = await inbox.pending(10, source=BILLING)
    await inbox.failed(hint.id, "it is gone", clock(), dead=True, cause="NotFound")

    found = await reports.billing(office.db, CATALOGUE, [BILLING], clock())

    assert found.freshness.because == ["billing: messages that were given up: 1"]


async def test_workflows_are_listed_as_completed_delayed_failed_and_at_risk(
    office: PortfolioLedger, clock: Clock
) -> None:
    """One order each, with its money; a late account, and the renewal that it blocks."""
    clock.now = at_noon(DUE + timedelta(days=20))
    await office.orders("006Done")
    await office.orders("006Slow", stage="activating")
    await office.case(await office.orders("006Held", stage="waiting"))
    await office.orders("006Gone", stage="cancelled")
    await office.assess(GLOBEX, said(invoice(1), connection=BILLING))
    late = [said(invoice(1), connection=BILLING)]
    await office.look(terms_facts={"ends_on": clock().date() + timedelta(days=9)}, invoices=late)
    clock.advance(3 * 3600)
    await office.orders("006New", stage="activating")

    found = await workflow_lists(
        office.db, CATALOGUE, [BILLING], clock() - timedelta(days=1), clock(), 10
    )

    lists = {one.name: one for one in found.lists}
    assert {name: [row.workflow_id for row in one.rows] for name, one in lists.items()} == {
        "completed": ["quote-to-cash/crm/006Done"],
        "delayed": ["quote-to-cash/crm/006Slow"],
        "failed": ["quote-to-cash/crm/006Held"],
        "accounts_at_risk": [f"invoice-risk-to-health/{GLOBEX}"],
        "renewals_at_risk": [f"renewal-readiness/{BILLING}/sub_globex"],
    }
    assert lists["failed"].money.amounts == [Money.of("120000", "USD")]
    assert (lists["failed"].rows[0].why, lists["failed"].data_quality) == ("CreditHold", 0)
    assert lists["accounts_at_risk"].money.amounts == [Money.of("12000", "USD")]
    assert lists["renewals_at_risk"].money.amounts == [Money.of("120000", "USD")]


async def test_retention_and_expansion_tell_how_renewals_came_out(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Won for more than it was worth, lost, past its date, and cancelled before its window."""
    await office.orders()
    clock.now = days_before(90)
    await office.look()
    await office.look(terms_facts={"contract_id": "sub_lost", "opportunity_id": "006Lost"})
    clock.now = days_before(20)
    won = deal(is_closed=True, is_won=True, amount=Money.of("150000", "USD"), as_of=clock())
    await office.look(opportunity=won)
    lost = deal(is_closed=True, amount=Money.of("9000", "USD"), as_of=clock())
    await office.look(
        terms_facts={"contract_id": "sub_lost", "opportunity_id": "006Lost"}, opportunity=lost
    )
    await office.plan(contract_id="sub_waits", ends_on=date(2026, 12, 20))
    await office.plan(
        contract_id="sub_gone", status="canceled", active=False, ends_on=date(2027, 12, 31)
    )
    await office.contract()
    clock.advance(60)
    await office.contract("v2")

    retained = (await reports.retention(office.db, CATALOGUE, [], *YEAR, clock())).body
    expanded = (
        await reports.expansion(office.db, CATALOGUE, [], *YEAR, clock(), owners=[BILLING])
    ).body

    assert {one.name: one.renewals for one in retained.by_outcome} == {
        "won": 1, "lost": 1, "undecided": 1
    }  # fmt: skip
    assert (retained.kept.met, retained.kept.of) == (1, 2)
    forecast = await reports.forecast(office.db, CATALOGUE, [], YEAR[1], clock())
    undecided = retained.by_outcome[-1]
    (waiting,) = [one for one in forecast.body.by_state if one.name == "waiting"]
    assert undecided.value == waiting.contract_value
    assert undecided.value.amounts == [Money.of("120000", "USD")]
    assert retained.by_outcome[0].renewal_amount.amounts == [Money.of("150000", "USD")]
    assert retained.ended_before_window == {"cancelled": 1}
    assert [one.name for one in expanded.renewals_by_size] == ["larger_than_contract"]
    assert [(m.month, m.amendments) for m in expanded.months] == [("2026-12", 1)]


async def test_the_next_term_does_not_take_the_outcome_of_the_last_one_away(
    office: PortfolioLedger, clock: Clock
) -> None:
    """The clock is about the next renewal by then; the outcome is in the views."""
    clock.now = days_before(20)
    won = deal(is_closed=True, is_won=True, as_of=clock())
    await office.plan()
    await office.look(opportunity=won)
    clock.now = days_before(-1)
    await office.plan(renewed_on=RENEWS, ends_on=date(2027, 12, 31))

    (found,) = await renewal_histories(office.db, *YEAR)

    assert (found.renews_on, found.outcome) == (RENEWS, RenewalOutcome.WON)


async def test_a_renewal_whose_date_was_moved_is_counted_at_its_new_date_only(
    office: PortfolioLedger, clock: Clock
) -> None:
    """What never came is not undecided for ever."""
    clock.now = days_before(80)
    await office.plan()
    await office.look()
    await office.plan(ends_on=date(2027, 3, 31))

    assert await renewal_histories(office.db, *YEAR) == []
    retained = (await reports.retention(office.db, CATALOGUE, [], *YEAR, clock())).body
    assert retained.renewals == 0


async def test_renewals_of_many_pages_are_read_whole(
    office: PortfolioLedger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contract whose views lie on two pages is one renewal."""
    monkeypatch.setattr("ledger.views.renewal_histories.ROWS_PER_PAGE", 2)
    for number in range(3):
        named = {"contract_id": f"sub_{number}", "opportunity_id": ""}
        for days in (90, 60, 30):
            clock.now = days_before(days)
            busy = incidents(open_by_severity={"high": days}, as_of=clock())
            await office.look(terms_facts=named, incidents=busy)

    found = await renewal_histories(office.db, *YEAR)

    assert [(one.contract_id, len(one.views)) for one in found] == [
        ("sub_0", 3), ("sub_1", 3), ("sub_2", 3)
    ]  # fmt: skip
    assert (await reports.forecast(office.db, CATALOGUE, [], RENEWS, clock())).body.renewals == 3
