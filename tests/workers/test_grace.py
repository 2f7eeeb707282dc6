"""How long the process of an account's late payments is put off, by what is on record."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canonical.connections import Environment
from canonical.events import OutboxEvent
from ledger.database import Database
from tests.domain.portfolio import DUE, GLOBEX, GMBH, after, invoice, said
from tests.portfolio_ledger import BILLING, CATALOGUE, PortfolioLedger
from tieline.settings import Settings
from workers.beginnings import Beginnings
from workers.grace import grace_left

ERP = "erp"
CONNECTIONS: dict[str, Any] = {
    name: {"role": name, "vendor": vendor, "base_url": "https://vendor.example"}
    for name, vendor in ((BILLING, "stripe"), (ERP, "netsuite"))
}
TODAY = after(2)
NOW = datetime(TODAY.year, TODAY.month, TODAY.day, 9, tzinfo=UTC)


class Desk:
    """What is on record, and what the courier makes of it two days after an invoice was due."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.ledger = PortfolioLedger(db, lambda: NOW)

    async def begins(self, invoice_id: str = "in_1") -> datetime | None:
        """When the process begins that an overdue invoice starts; None for at once."""
        beginnings = Beginnings(Settings(connections=CONNECTIONS), CATALOGUE)
        overdue = OutboxEvent(
            id="1",
            position=1,
            type="invoice.overdue",
            subject=f"invoice/{invoice_id}",
            occurred_at=NOW,
            environment=Environment.TEST,
            body={"connection": BILLING, "external_id": invoice_id, "account_id": GLOBEX},
        )
        left = await grace_left(self.db, beginnings, overdue, NOW)
        return NOW + left if left is not None else None


@pytest.fixture
def desk(db: Database) -> Desk:
    """A desk with an empty record."""
    return Desk(db)


def morning(days: int) -> datetime:
    """The morning so many days after the due date."""
    return datetime(DUE.year, DUE.month, DUE.day, 6, tzinfo=UTC) + timedelta(days=days)


async def test_an_invoice_within_its_grace_begins_on_the_morning_after_it(desk: Desk) -> None:
    """The grace is five days; nobody would be told anything before."""
    await desk.ledger.invoiced(1)
    assert await desk.begins() == morning(6)


async def test_the_grace_is_that_of_its_terms(desk: Desk) -> None:
    """Ten days from net 45 on."""
    await desk.ledger.invoiced(1, posted_at=datetime(2026, 6, 20, tzinfo=UTC))
    assert await desk.begins() == morning(11)


async def test_of_several_the_first_that_is_past_its_grace_decides(desk: Desk) -> None:
    """Whichever of them the event is about."""
    await desk.ledger.invoiced(1)
    await desk.ledger.invoiced(2, due_on=after(-1))
    assert await desk.begins("in_1") == await desk.begins("in_2") == morning(5)


async def test_one_that_is_due_today_waits_as_well(desk: Desk) -> None:
    """Its owner tells that it is overdue at the moment at which it is due."""
    await desk.ledger.invoiced(1, due_on=TODAY, past_due=True)
    assert await desk.begins() == morning(8)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"due_on": after(-4)}, id="past its grace"),
        pytest.param({"paid": "12000", "disputed": True}, id="its payment is taken back"),
        pytest.param({"failed_payments": 1}, id="a payment of it failed"),
        pytest.param({"paid": "12000"}, id="it was paid meanwhile"),
        pytest.param({"due_on": None}, id="it has no due date"),
        pytest.param({"account_id": GMBH}, id="it is another account's by now"),
    ],
)
async def test_what_is_a_risk_or_no_matter_of_grace_begins_at_once(
    desk: Desk, facts: dict[str, Any]
) -> None:
    """Somebody is to be told now, or the first look ends it."""
    await desk.ledger.invoiced(1, **facts)
    assert await desk.begins() is None


async def test_another_invoice_that_is_late_begins_at_once(desk: Desk) -> None:
    """The account is what is watched over."""
    await desk.ledger.invoiced(1)
    await desk.ledger.invoiced(2, due_on=after(-30))
    assert await desk.begins() is None


async def test_an_invoice_that_is_not_on_record_begins_at_once(desk: Desk) -> None:
    """Nothing is known of its grace; neither is it where only another system's copy is known."""
    await desk.ledger.invoiced(2)
    await desk.ledger.reads(invoice(1, account_id=GLOBEX), ERP)
    assert await desk.begins() is None


async def test_a_copy_in_another_system_counts_for_nothing(desk: Desk) -> None:
    """It would be late, but it is not the owner's word."""
    await desk.ledger.invoiced(1)
    await desk.ledger.reads(invoice(7, account_id=GLOBEX, due_on=after(-60)), ERP)
    assert await desk.begins() == morning(6)


async def test_an_account_with_others_below_it_begins_at_once(desk: Desk) -> None:
    """What a subsidiary tells it would wait until it begins."""
    await desk.ledger.invoiced(1)
    await desk.ledger.assess(GMBH, said(account=GMBH, connection=BILLING))
    assert await desk.begins() is None
