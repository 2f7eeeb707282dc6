"""What the definitions are asked about accounts, read from both ledgers as processes left them."""

from datetime import timedelta

import pytest

from canonical.money import Money
from domain.explaining import explain
from ledger.database import Database
from ledger.views.explained import known_of, known_of_all
from ledger.views.subjects import accounts
from tests.domain.portfolio import GLOBEX, GMBH, RENEWS, said
from tests.ledger.clocks import Clock
from tests.portfolio_ledger import BILLING, CATALOGUE, PortfolioLedger, days_before


@pytest.fixture
def office(db: Database, clock: Clock) -> PortfolioLedger:
    """An empty ledger, ninety days before Globex renews."""
    clock.now = days_before(90)
    return PortfolioLedger(db, clock)


async def values(office: PortfolioLedger, account: str = GLOBEX) -> dict[str, str]:
    """What each definition says of an account now."""
    known = await known_of(office.db, account)
    found = explain(known, CATALOGUE.definitions, office.clock().date())
    return {one.verdict.definition: one.verdict.value for one in found.said}


async def test_a_renewal_is_explained_from_its_clock_its_view_and_its_contract(
    office: PortfolioLedger, clock: Clock
) -> None:
    """On the day the window opens; the view has the usage that health counts."""
    await office.contract()
    await office.plan()
    planned = await known_of(office.db, GLOBEX)
    clock.advance(60)
    await office.look()
    looked = await known_of(office.db, GLOBEX)

    (waiting,), (kept,) = planned.renewals, looked.renewals
    assert (waiting.renews_on, waiting.decided_by, waiting.view) == (RENEWS, "contract_end", None)
    assert waiting.terms_read_at == days_before(90)
    assert waiting.value == Money.of("120000", "USD")
    assert kept.view is not None and kept.view.taken_at == clock()
    told = await values(office)
    assert told["renewal_date@1"] == "contract_end"
    assert told["renewal_eligibility@1"] == "eligible"
    assert told["renewal_readiness@1"] == "ready"


async def test_a_view_of_the_term_before_is_not_the_renewals(
    office: PortfolioLedger, clock: Clock
) -> None:
    """The clock keeps it until there is a newer one; adoption is still what was seen last."""
    await office.look()
    clock.advance(60)
    await office.plan(renewed_on=RENEWS, ends_on=RENEWS + timedelta(days=365))

    (kept,) = (await known_of(office.db, GLOBEX)).renewals

    assert kept.seen is not None
    assert kept.view is None


async def test_a_family_is_read_upwards_and_downwards_with_who_pays(
    office: PortfolioLedger,
) -> None:
    """Each account of the page has its own."""
    process = await office.orders()
    await office.step("subscription", process, request={"account_id": GLOBEX})
    await office.assess(GLOBEX, said(connection=BILLING))
    await office.assess(GMBH, said(account=GMBH, connection=BILLING))

    parent, child = await known_of_all(office.db, [GLOBEX, GMBH])

    assert parent.family.own is not None and parent.family.own.name == "Globex"
    assert [one.account_id for one in parent.family.below] == [GMBH]
    assert (parent.family.above, parent.family.bill_to_ids) == ([], [GLOBEX])
    assert parent.family.ordered_at == office.clock()
    assert [one.account_id for one in child.family.above] == [GLOBEX]
    assert (child.family.below, child.family.bill_to_ids) == ([], [])
    assert (await values(office))["account_hierarchy@1"] == "clear"
    assert "account_hierarchy@1" not in await values(office, GMBH)


async def test_accounts_are_listed_that_only_a_renewal_or_an_assessment_names(
    office: PortfolioLedger,
) -> None:
    """Each once, page by page."""
    await office.plan(account_id="001Renewing")
    await office.assess(GMBH, said(account=GMBH, connection=BILLING))
    await office.contract()

    first = await accounts(office.db, limit=2)
    second = await accounts(office.db, after=first[-1], limit=2)

    assert first + second == [GLOBEX, GMBH, "001Renewing"]


async def test_nothing_is_known_of_an_account_that_nobody_spoke_of(
    office: PortfolioLedger,
) -> None:
    """Neither records nor renewals nor a family."""
    assert (await known_of(office.db, "001Nobody")).is_empty
