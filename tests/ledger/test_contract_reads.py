"""What contracts are worth by the reads of intake, which follow every change, on both databases."""

from datetime import timedelta

import pytest

from canonical.money import Money
from domain.reports.account_view import account_view
from domain.reports.blocks import Block
from ledger.database import Database
from tests.domain.portfolio import GLOBEX, RENEWS
from tests.ledger.clocks import Clock
from tests.portfolio_ledger import CATALOGUE, DEAL, PortfolioLedger, days_before

YEAR, MORE = Money.of("120000", "USD"), Money.of("150000", "USD")


@pytest.fixture
def office(db: Database, clock: Clock) -> PortfolioLedger:
    """An empty ledger, ninety days before Globex renews."""
    clock.now = days_before(90)
    return PortfolioLedger(db, clock)


async def worth(office: PortfolioLedger) -> Block:
    """What Globex's contracts are worth now."""
    file = await office.file(GLOBEX)
    view = account_view(file, CATALOGUE.definitions, office.clock())
    (block,) = [one for one in view.blocks if one.name == "contract_value"]
    return block


async def test_an_amended_contract_is_worth_what_the_read_that_told_it_stated(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Its clock need not have read it yet; once it has, its read is the newer one."""
    await office.contract(value=YEAR)
    await office.plan()
    clock.advance(60)
    await office.contract("v2", value=MORE)
    amended = await worth(office)
    clock.advance(60)
    await office.plan(version="v2", value=None)
    unstated = await worth(office)

    assert (amended.says, amended.completeness) == ("150,000.00 USD", "known")
    assert amended.facts["contracts"][0]["value_as_of"] == clock() - timedelta(seconds=60)
    assert (unstated.says, unstated.completeness) == ("unknown", "unknown")


async def test_a_contract_without_a_clock_is_worth_what_was_read_of_it(
    office: PortfolioLedger,
) -> None:
    """Its order, which brought another contract too, is then no measure of either."""
    await office.orders()
    await office.contract(value=Money.of("90000", "USD"))
    alone = await worth(office)
    await office.contract(id="sub_support", opportunity_id=DEAL)
    both = await worth(office)

    assert (alone.says, alone.completeness) == ("90,000.00 USD", "known")
    assert (both.says, both.facts["in_force"]) == ("unknown", [Money.of("90000", "USD")])
    assert both.reasons[0].startswith("billing/sub_support: neither a read of its terms nor")


async def test_what_was_read_before_a_term_ended_says_nothing_of_the_next(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Until a change or the clock makes somebody read it again."""
    await office.contract(value=YEAR)
    await office.plan()
    clock.now = days_before(0)
    last_day = await worth(office)
    clock.now = days_before(-1)
    over = await worth(office)
    await office.contract("v2", value=MORE)
    read = await worth(office)

    assert (last_day.says, over.says, read.says) == ("120,000.00 USD", "unknown", "150,000.00 USD")
    assert over.reasons == [
        f"billing/sub_globex: its term ended on {RENEWS}, its value since is not on record"
    ]
