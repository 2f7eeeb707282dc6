"""A hint is followed by one read, and what happened between two reads is told exactly once."""

import random
from datetime import date, timedelta

import pytest

from canonical.effects import ProcessRef
from canonical.facts import InvoiceStatus
from canonical.inbound import PendingEvent
from canonical.milestones import Milestone
from governance.source import CatalogueSource
from ledger.database import Database
from ledger.desk import ProcessRecord, SqlDesk
from ledger.events import read_events
from ledger.inbox import Inbox, InboxState
from ledger.records import Records
from ledger.views.inbox import list_events
from ledger.views.processes import milestones_of
from tests.sources import MORNING, MemorySource, invoice, usd, version


async def pended(db: Database, source: MemorySource, *facts: object) -> list[PendingEvent]:
    """These changes as hints, stored and claimed."""
    inbox = Inbox(db)
    for one in facts:
        await inbox.store(source.change(one))  # type: ignore[arg-type]
    return await inbox.pending(100, source=source.name)


async def told(db: Database) -> list[tuple[str, str]]:
    """Type and subject of every event in the outbox."""
    return [(event.type, event.subject) for event in await read_events(db, limit=1000)]


async def test_a_read_tells_what_happened_since_the_one_before(db: Database) -> None:
    """Posted at first sight; then half paid, then paid in full."""
    source, records = MemorySource(), Records(db)
    first, half, full = await pended(
        db, source, invoice(1, 0), invoice(1, 5, paid="400.00"), invoice(1, 9, paid="1000.00")
    )

    await records.take(first, invoice(1, 0))
    await records.take(half, invoice(1, 5, paid="400.00"))
    await records.take(full, invoice(1, 9, paid="1000.00"))

    events = await read_events(db)
    assert [event.type for event in events] == [
        "invoice.posted",
        "payment.received",
        "payment.received",
    ]
    posted, partly, fully = (event.body for event in events)
    assert posted["total"] == usd("1000.00").model_dump()
    assert (partly["paid"]["amount_minor"], partly["in_full"]) == (40_000, False)
    assert (fully["remaining"]["amount_minor"], fully["in_full"]) == (0, True)


async def test_a_read_that_skipped_versions_tells_all_of_it_at_once(db: Database) -> None:
    """The hint of the posting was lost: the payment's hint tells both, in order."""
    source, records = MemorySource(), Records(db)
    (paid,) = await pended(db, source, invoice(1, 9, paid="1000.00"))

    await records.take(paid, invoice(1, 9, paid="1000.00"))

    assert await told(db) == [
        ("invoice.posted", "invoice/in_0001"),
        ("payment.received", "invoice/in_0001"),
    ]


async def test_an_invoice_that_nobody_changed_falls_overdue_once_its_day_has_passed(
    db: Database,
) -> None:
    """The hint has the version that is known: equal is not old, and the day is another one."""
    source, inbox = MemorySource(), Inbox(db)
    owed = invoice(1, 0, due_on=date(2026, 4, 1))
    hints = [
        source.hint(owed).model_copy(update={"event_id": f"in_0001:{what}"})
        for what in ("posted", "overdue:2026-04-01", "seen again")
    ]
    for hint in hints:
        await inbox.store(hint)
    posted, overdue, again = await inbox.pending(100, source=source.name)
    await Records(db, clock=lambda: MORNING).take(posted, owed)
    later = Records(db, clock=lambda: MORNING + timedelta(days=31))

    await later.take(overdue, owed)
    await later.take(again, owed)

    assert [kind for kind, _ in await told(db)] == ["invoice.posted", "invoice.overdue"]


async def test_an_older_read_has_no_effect(db: Database) -> None:
    """A replica that lags behind must not bring back what was paid."""
    source, records = MemorySource(), Records(db)
    newer, older = await pended(
        db, source, invoice(1, 9, paid="1000.00"), invoice(1, 3, paid="400.00")
    )
    await records.take(newer, invoice(1, 9, paid="1000.00"))

    taken = await records.take(older, invoice(1, 3, paid="400.00"))

    assert taken.state == InboxState.STALE
    assert len(await told(db)) == 2
    assert await records.versions("billing", [older]) == {older.id: version(9)}
    states = {line.event_id: line.state for line in await list_events(db)}
    assert states[older.event_id] is InboxState.STALE


@pytest.mark.parametrize("seed", range(5))
async def test_duplicates_and_disorder_of_hints_change_nothing_that_is_told(
    db: Database, seed: int
) -> None:
    """Whatever order the hints come in, each read sees the record as it is then."""
    source, records = MemorySource(), Records(db)
    story = [
        invoice(1, 0),
        invoice(1, 5, paid="400.00"),
        invoice(1, 7, paid="1000.00"),
        invoice(2, 1),
        invoice(2, 8, status=InvoiceStatus.VOID),
    ]
    hints = await pended(db, source, *story)
    shuffled = hints * 2
    random.Random(seed).shuffle(shuffled)

    for hint in shuffled:
        await records.take(hint, await source.read(hint))

    assert sorted(await told(db)) == [
        ("invoice.posted", "invoice/in_0001"),
        ("invoice.posted", "invoice/in_0002"),
        ("payment.received", "invoice/in_0001"),
    ]


async def test_an_event_reaches_the_milestone_of_its_deal_even_after_its_process(
    db: Database,
) -> None:
    """The order is complete when the customer is served; money comes later (R143)."""
    process = ProcessRef(
        process="quote-to-cash",
        workflow_id="quote-to-cash/crm/006GLOBEX",
        correlation_id="tl-globex",
    )
    desk = SqlDesk(db, CatalogueSource())
    await desk.record_process(
        ProcessRecord(process=process, business_id="006GLOBEX", stage="completed")
    )
    source, records = MemorySource(), Records(db)
    (paid,) = await pended(db, source, invoice(1, 9, paid="1000.00"))

    await records.take(paid, invoice(1, 9, paid="1000.00", paid_at=MORNING))

    reached = {line.milestone for line in await milestones_of(db, process.workflow_id)}
    assert reached == {Milestone.INVOICE_POSTED, Milestone.PAYMENT_MATCHED}
