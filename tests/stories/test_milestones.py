"""Five milestones of an order: three of the process's own making, two that events report."""

import asyncio
from datetime import UTC, datetime

from canonical.ids import quote_to_cash_id
from canonical.messages import BusinessEvent
from canonical.milestones import Milestone
from ledger.views.processes import ReachedMilestone, milestones_of
from tests.stories.evidence import calls
from tests.world import World, eventually

POSTED_AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
PAID_AT = datetime(2026, 12, 1, 16, 5, tzinfo=UTC)
INVOICE = BusinessEvent(id="evt_invoice_1", type="invoice.posted", at=POSTED_AT)
PAYMENT = BusinessEvent(id="evt_payment_1", type="payment.received", at=PAID_AT)


async def test_an_order_that_awaits_payment_reaches_five_milestones(patient: World) -> None:
    """Chapter by chapter: written everywhere, invoiced, paid, complete."""
    # October: everything is written, and the process waits for its money
    deal = patient.deal("Globex")
    await patient.start(deal)
    await eventually(lambda: patient.opportunity(deal)["Activation_Status__c"] == "Active")
    assert (await patient.progress(deal)).stage == "fulfilling"

    # 2 November: finance posts the invoice; the order is not complete by that
    await patient.process(deal).signal("business_event", INVOICE)
    await eventually(lambda: _has_reached(patient, deal, Milestone.INVOICE_POSTED))
    assert (await patient.progress(deal)).stage == "fulfilling"

    # 1 December: Globex pays
    await patient.process(deal).signal("business_event", PAYMENT)
    result = await patient.result(deal)

    # Five milestones, the reported ones at the time that the events give
    assert result.stage == "completed"
    reached = {milestone.milestone: milestone.at for milestone in await _reached(patient, deal)}
    assert set(reached) == set(Milestone)
    assert reached[Milestone.INVOICE_POSTED] == POSTED_AT
    assert reached[Milestone.PAYMENT_MATCHED] == PAID_AT


async def test_repeated_unknown_and_unreadable_events_change_nothing(patient: World) -> None:
    """Events are delivered more than once, and not all of them are ours: none does harm."""
    deal = patient.deal("Initech")
    await patient.start(deal)
    process = patient.process(deal)

    # Given the same posting five times, and once more under another id with a later time
    for _ in range(5):
        await process.signal("business_event", INVOICE)
    later = INVOICE.model_copy(update={"id": "evt_invoice_2", "at": PAID_AT})
    await process.signal("business_event", later)

    # And events that say nothing to this process, have no id, or cannot be read at all
    await process.signal("business_event", BusinessEvent(id="evt_9", type="churn.predicted"))
    await process.signal("business_event", BusinessEvent(type="payment.received"))
    await process.signal("business_event", "not an envelope")
    await process.signal("business_event", {"id": ["evt"], "at": "yesterday"})
    await process.signal("business_event")
    await process.signal("business_event", args=[PAYMENT, "and a second argument"])
    await process.signal("carrier_pigeon", "coo")

    # Then the posting counts once, at its first time, and the order still waits for its payment
    await eventually(lambda: patient.opportunity(deal)["Activation_Status__c"] == "Active")
    await eventually(lambda: _has_reached(patient, deal, Milestone.INVOICE_POSTED))
    progress = await patient.progress(deal)
    assert progress.milestones[Milestone.INVOICE_POSTED] == POSTED_AT
    assert Milestone.PAYMENT_MATCHED not in progress.milestones
    assert progress.stage == "fulfilling"

    # And it goes on as if nothing had been
    await process.signal("business_event", PAYMENT)
    assert (await patient.result(deal)).stage == "completed"
    posted = [m for m in await _reached(patient, deal) if m.milestone is Milestone.INVOICE_POSTED]
    assert [milestone.at for milestone in posted] == [POSTED_AT]


async def test_a_payment_that_comes_before_the_order_is_written_still_counts(
    patient: World,
) -> None:
    """A prepaid order is complete as soon as it is written, in whatever order its events come."""
    deal = patient.deal("Hooli")
    patient.billing.latency_seconds = 0.2

    await patient.start(deal)
    await asyncio.gather(
        patient.process(deal).signal("business_event", PAYMENT),
        patient.process(deal).signal("business_event", INVOICE),
    )

    assert not calls(patient.erp, "PUT", "salesOrder")
    result = await patient.result(deal)
    assert result.stage == "completed"
    assert len(patient.sales_orders()) == len(patient.subscriptions("active")) == 1
    assert len(await _reached(patient, deal)) == len(Milestone)


async def test_an_event_whose_time_has_no_offset_is_taken_as_utc(patient: World) -> None:
    """Some senders leave the offset out; the process must not stumble over it."""
    deal = patient.deal("Umbrella")
    await patient.start(deal)

    paid = {"id": "evt_1", "type": "payment.received", "at": "2026-12-01T16:05:00"}
    await patient.process(deal).signal("business_event", paid)

    assert (await patient.result(deal)).stage == "completed"
    reached = {milestone.milestone: milestone.at for milestone in await _reached(patient, deal)}
    assert reached[Milestone.PAYMENT_MATCHED] == PAID_AT


async def _reached(tieline: World, deal: str) -> list[ReachedMilestone]:
    return await milestones_of(tieline.house.database, quote_to_cash_id("crm", deal))


async def _has_reached(tieline: World, deal: str, milestone: Milestone) -> bool:
    return milestone in {found.milestone for found in await _reached(tieline, deal)}
