"""Listings of risks and renewals over both ledgers: how old, and what they lack."""

from datetime import timedelta

import pytest

from canonical.ports.events import ChangePage
from ledger.database import Database
from ledger.feeds import Feeds
from ledger.views.listings import renewal_listing, risk_listing
from ledger.views.reports import LOOKS
from tests.domain.portfolio import GLOBEX, RENEWS, deal, invoice, said
from tests.ledger.clocks import Clock
from tests.portfolio_ledger import BILLING, CATALOGUE, PortfolioLedger, days_before

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def office(db: Database, clock: Clock) -> PortfolioLedger:
    """An empty ledger, ninety days before Globex renews."""
    clock.now = days_before(90)
    return PortfolioLedger(db, clock)


async def test_a_listing_whose_sources_were_read_lately_is_current(
    office: PortfolioLedger, clock: Clock
) -> None:
    """All that it rests on is known; a day and an hour later it is stale."""
    page = ChangePage(events=[], cursor="1", read_up_to=clock(), more=False)
    await Feeds(office.db, clock=clock).keep(BILLING, "invoices", page)
    await office.assess(GLOBEX, said(invoice(1), connection=BILLING))
    await office.look()

    risks = await risk_listing(office.db, CATALOGUE, [BILLING], clock() + HOUR)
    renewals = await renewal_listing(office.db, CATALOGUE, [BILLING], clock() + HOUR)
    later = await risk_listing(office.db, CATALOGUE, [BILLING], clock() + DAY + HOUR)

    for one in (risks, renewals):
        assert (len(one.rows), one.freshness.stale, one.freshness.incomplete) == (1, False, False)
    assert later.freshness.because == [f"{BILLING} is older than 24 hours"]


async def test_an_open_renewal_that_nobody_has_looked_at_makes_its_listing_stale(
    office: PortfolioLedger, clock: Clock
) -> None:
    """One that is decided, or that waits for its next term, need not be looked at."""
    await office.look()
    later = clock() + 40 * DAY
    before = await renewal_listing(office.db, CATALOGUE, [], later)
    await office.look(opportunity=deal(is_closed=True, is_won=True))
    decided = await renewal_listing(office.db, CATALOGUE, [], later)
    await office.plan(renewed_on=RENEWS, ends_on=RENEWS + 365 * DAY)
    waits = await renewal_listing(office.db, CATALOGUE, [], later)

    assert [(one.source, one.state) for one in before.freshness.sources] == [(LOOKS, "stale")]
    assert decided.freshness.sources == waits.freshness.sources == []


async def test_a_renewal_that_waits_lacks_nothing_of_the_term_before(
    office: PortfolioLedger,
) -> None:
    """Its clock still has that view, of which support was silent."""
    await office.look(incidents=None)
    silent = await renewal_listing(office.db, CATALOGUE, [BILLING], office.clock())
    await office.plan(renewed_on=RENEWS, ends_on=RENEWS + 365 * DAY)
    waits = await renewal_listing(office.db, CATALOGUE, [BILLING], office.clock())

    assert [one.unknown for one in (*silent.rows, *waits.rows)] == [["support"], []]
    assert "renewals listed of which support is not known: 1" in silent.freshness.because
    assert waits.freshness.because == [f"{BILLING} was never read"]
