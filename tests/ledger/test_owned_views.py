"""What two systems tell of is counted once, as its owner tells of it, over both ledgers."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from canonical.facts import ContractFacts
from canonical.money import Money
from domain.reports.account_view import account_view
from domain.reports.blocks import Block
from ledger.database import Database
from ledger.views import reports
from ledger.views.indicators import indicators
from ledger.views.workflow_lists import workflow_lists
from tests.domain.portfolio import DUE, GLOBEX, invoice, said
from tests.ledger.clocks import Clock
from tests.portfolio_ledger import BILLING, CATALOGUE, DEAL, PortfolioLedger

ERP, OTHER = "netsuite", "stripe-de"
SINCE = date(2026, 1, 1)
YEAR, MORE = Money.of("120000", "USD"), Money.of("150000", "USD")
OWED = Money.of("12000", "USD")


@pytest.fixture
def office(db: Database, clock: Clock) -> PortfolioLedger:
    """An empty ledger, twenty days after an invoice was due."""
    clock.now = datetime.combine(DUE + timedelta(days=20), time(12), UTC)
    return PortfolioLedger(db, clock)


async def blocks(office: PortfolioLedger, *owners: str) -> dict[str, Block]:
    """The view of Globex, by block."""
    file = await office.file(GLOBEX, *owners)
    view = account_view(file, CATALOGUE.definitions, office.clock())
    return {block.name: block for block in view.blocks}


async def contract(
    office: PortfolioLedger, source: str, value: Money | None, version: str = "v1"
) -> None:
    """A system tells of Globex's contract, under its own id."""
    facts = ContractFacts(
        id=f"{source}-1", version=version, changed_at=office.clock(), status="active",
        terms_digest=version, account_id=GLOBEX, opportunity_id=DEAL, value=value,
    )  # fmt: skip
    await office.reads(facts, source)


async def test_a_contract_that_billing_and_the_erp_tell_of_is_worth_what_its_owner_says(
    office: PortfolioLedger,
) -> None:
    """Under either preset; contracts of several owners, each of its legal entity, are all its."""
    await contract(office, BILLING, YEAR)
    await contract(office, ERP, Money.of("119000", "USD"))
    await contract(office, OTHER, Money.of("7000", "EUR"))

    by_billing = (await blocks(office, BILLING))["contract_value"]
    by_erp = (await blocks(office, ERP))["contract_value"]
    by_both = (await blocks(office, BILLING, OTHER))["contract_value"]

    assert (by_billing.says, by_billing.sources) == ("120,000.00 USD", [BILLING])
    assert [one["contract"] for one in by_billing.facts["contracts"]] == ["billing/billing-1"]
    assert (by_erp.says, by_erp.sources) == ("119,000.00 USD", [ERP])
    assert by_both.says == "7,000.00 EUR, 120,000.00 USD"


async def test_a_copy_does_not_take_the_order_of_its_contract_away(
    office: PortfolioLedger,
) -> None:
    """The owner states no value, so that the order is the measure, whatever the copy is worth."""
    await office.orders()
    await contract(office, BILLING, None)
    await contract(office, ERP, MORE)

    assert (await blocks(office, BILLING))["contract_value"].says == "120,000.00 USD"


async def test_a_contract_that_only_others_tell_of_is_not_known(office: PortfolioLedger) -> None:
    """A copy is no good substitute for what its owner never told."""
    await contract(office, ERP, YEAR)

    found = (await blocks(office, BILLING))["contract_value"]

    assert (found.says, found.completeness) == ("unknown", "never_read")
    assert "no owner of contracts told of one" in found.reasons[0]


async def test_an_amendment_that_two_systems_tell_of_is_one(
    office: PortfolioLedger, clock: Clock
) -> None:
    """With what it changed by its owner; one of another owner is its own."""
    for source in (BILLING, ERP, OTHER):
        await contract(office, source, YEAR)
    clock.advance(60)
    for source in (BILLING, ERP, OTHER):
        await contract(office, source, MORE, "v2")

    async def told(*owners: str) -> tuple[int, list[Money]]:
        found = await reports.expansion(
            office.db, CATALOGUE, owners, SINCE, clock().date(), clock(), owners=owners
        )
        return found.body.amendments, found.body.change.amounts

    assert await told(BILLING) == (1, [Money.of("30000", "USD")])
    assert await told(BILLING, OTHER) == (2, [Money.of("60000", "USD")])
    assert await told() == (0, [])


async def test_a_dispute_that_two_systems_tell_of_is_one_with_its_money(
    office: PortfolioLedger, clock: Clock
) -> None:
    """So is an invoice that is overdue; an invoice of another owner is its own."""
    for source in (BILLING, ERP, OTHER):
        facts = {"account_id": GLOBEX, "disputed": True, "posted_at": clock()}
        await office.reads(invoice(1, **facts), source)
        await office.reads(invoice(2, **facts | {"account_id": ""}), source)

    one = await indicators(office.db, CATALOGUE, [BILLING], SINCE, clock())
    two = await indicators(office.db, CATALOGUE, [BILLING, OTHER], SINCE, clock())

    assert (one.disputes.invoices, one.disputes.open_now) == (2, 2)
    assert one.disputes.open_money == [OWED + OWED]
    assert one.overdue_to_action.overdue == 2
    assert (two.disputes.open_now, two.disputes.disputed.of) == (4, 4)


async def test_what_an_account_owes_is_what_the_owner_of_invoices_tells(
    office: PortfolioLedger, clock: Clock
) -> None:
    """On its own page, in the report and in the list, also where the copy still is unpaid."""
    for source in (BILLING, ERP):
        await office.reads(invoice(1, account_id=GLOBEX), source)
    await office.reads(invoice(2, account_id="001Copied"), ERP)
    await office.reads(invoice(3, account_id=""), ERP)

    page = (await blocks(office, BILLING))["payment_status"]
    report = await reports.billing(office.db, CATALOGUE, [BILLING], clock())
    lists = await workflow_lists(office.db, CATALOGUE, [BILLING], clock(), clock(), 10)

    assert (page.facts["overdue"], page.sources) == ([OWED], [BILLING])
    assert (report.body.accounts, report.body.overdue) == (1, [OWED])
    assert not [one for one in report.freshness.because if "name no account" in one]
    at_risk = {one.name: one.money.amounts for one in lists.lists}
    assert at_risk["accounts_at_risk"] == [OWED]


async def test_an_account_that_only_another_system_answered_for_is_not_known(
    office: PortfolioLedger, clock: Clock
) -> None:
    """It was asked under another preset, and nothing is good by that."""
    await office.assess(GLOBEX, said(invoice(1, paid="12000"), connection=ERP))

    before = await reports.billing(office.db, CATALOGUE, [ERP], clock())
    after = await reports.billing(office.db, CATALOGUE, [BILLING], clock())

    assert (before.body.unknown, after.body.unknown) == (0, 1)
