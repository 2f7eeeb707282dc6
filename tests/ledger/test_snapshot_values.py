"""What contracts were worth at each view of their renewals, on both databases."""

from datetime import date, timedelta
from typing import Any

from alembic import command
from sqlalchemy import create_engine, select, text

from canonical.money import Money
from domain.reports.expansion import Size, size_of
from domain.reports.renewal_history import RenewalHistory
from ledger.database import parse
from ledger.migrate import config
from ledger.models.portfolio import snapshots
from ledger.views import reports
from ledger.views.renewal_histories import renewal_histories
from tests.domain.portfolio import RENEWS, deal
from tests.ledger.clocks import Clock
from tests.portfolio_ledger import BILLING, CATALOGUE, PortfolioLedger, days_before

YEAR = (date(2026, 1, 1), date(2026, 12, 31))
ORDERED, GROWN = Money.of("120000", "USD"), Money.of("150000", "USD")
DAY = timedelta(days=1)


async def decided(office: PortfolioLedger, **terms_facts: Any) -> RenewalHistory:
    """The renewal is won for 150,000.00 USD; what is on record of it."""
    won = deal(is_closed=True, is_won=True, amount=GROWN, as_of=office.clock())
    await office.look(terms_facts=terms_facts, opportunity=won)
    (found,) = await renewal_histories(office.db, *YEAR)
    return found


async def test_a_renewal_that_is_over_is_compared_with_what_the_contract_was_worth(
    office: PortfolioLedger, clock: Clock
) -> None:
    """The order came to 120,000.00; by the day of the decision the contract came to 150,000.00. The
    next term's value, read afterwards, changes nothing of it."""
    await office.orders()
    clock.now = days_before(90)
    await office.look()
    clock.now = days_before(20)
    found = await decided(office, value=GROWN)
    clock.now = days_before(-1)
    later = {"ends_on": date(2027, 12, 31), "value": Money.of("180000", "USD")}
    await office.plan(renewed_on=RENEWS, **later)

    assert (found.contract_value, found.order_value) == (GROWN, ORDERED)
    (again,) = await renewal_histories(office.db, *YEAR)
    assert size_of(again) is Size.EQUAL
    retained = (await reports.retention(office.db, CATALOGUE, [], *YEAR, clock())).body
    (kept,) = retained.by_outcome
    assert (kept.value.amounts, kept.order_value.amounts, kept.by_order) == ([GROWN], [ORDERED], 0)
    assert retained.change.amounts == [Money.zero("USD")]


async def test_a_view_that_is_seen_again_is_one_view_with_the_newest_value(
    office: PortfolioLedger, clock: Clock
) -> None:
    """An amendment of the price alone makes no other view; a read that is older, as a repeated
    activity brings it, takes nothing back."""
    clock.now = days_before(90)
    first = await office.look()
    clock.now = days_before(60)
    again = await office.look(terms_facts={"value": GROWN})
    late = await office.look(terms_facts={"value": ORDERED, "as_of": days_before(90)})

    (found,) = await renewal_histories(office.db, *YEAR)
    assert first == again == late
    assert [(one.value, one.terms_read_at) for one in found.views] == [(GROWN, days_before(60))]


async def test_what_is_read_of_the_next_term_is_no_value_of_the_one_that_renews(
    office: PortfolioLedger, clock: Clock
) -> None:
    """The contract goes on by itself, and by then states its next end and price."""
    clock.now = days_before(90)
    await office.look()
    clock.now = days_before(-1)
    dates = {"renews_on": RENEWS, "decided_by": "contract_end"}
    ahead = {"ends_on": date(2027, 12, 31), "value": GROWN}
    await office.look(terms_facts=ahead, dates=dates)

    (found,) = await renewal_histories(office.db, *YEAR)
    assert (len(found.views), found.outcome, found.contract_value) == (2, "won", ORDERED)


async def test_a_contract_whose_owner_states_no_value_is_compared_with_its_order(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Not with what it was worth before: that is no longer so."""
    await office.orders()
    clock.now = days_before(90)
    await office.look()
    clock.now = days_before(20)
    found = await decided(office, value=None)

    assert (found.contract_value, found.value) == (None, ORDERED)
    assert size_of(found) is Size.LARGER_THAN_ORDER
    expanded = (
        await reports.expansion(office.db, CATALOGUE, [], *YEAR, clock(), owners=[BILLING])
    ).body
    assert [(one.name, one.by_order) for one in expanded.renewals_by_size] == [
        ("larger_than_order", 1)
    ]


async def test_a_view_of_before_has_no_value_until_it_is_seen_again(
    office: PortfolioLedger, clock: Clock
) -> None:
    """What was never kept is not made up."""
    clock.now = days_before(90)
    seen = await office.look()
    unkept = {"value_minor": None, "value_currency": None, "terms_read_at": None}
    await office.db.run(lambda s: s.connection().execute(snapshots.update().values(**unkept)))

    (before,) = await renewal_histories(office.db, *YEAR)
    clock.now += DAY
    again = await office.look()
    (after,) = await renewal_histories(office.db, *YEAR)

    assert (before.contract_value, after.contract_value) == (None, ORDERED)
    assert seen == again


def test_views_outlive_the_migration_and_the_way_back(empty_url: str) -> None:
    """Without a value, which nobody knows any more."""
    insert = (
        "INSERT INTO snapshots (snapshot_id, connection, contract_id, account_id, body, taken_at) "
        "VALUES ('rs-1', 'x', 'x', 'x', '{}', '2026-03-02 09:00:00+00:00')"
    )
    engine = create_engine(parse(empty_url))
    with engine.begin() as connection:
        command.upgrade(config(connection), "0008")
        connection.execute(text(insert))
        command.upgrade(config(connection), "0009")
        kept = connection.execute(select(snapshots)).mappings().all()
        command.downgrade(config(connection), "0008")
        left = connection.execute(text("SELECT * FROM snapshots")).mappings().all()
    engine.dispose()

    assert [(row["snapshot_id"], row["value_minor"], row["terms_read_at"]) for row in kept] == [
        ("rs-1", None, None)
    ]
    assert [(row["snapshot_id"], "value_minor" in row) for row in left] == [("rs-1", False)]
