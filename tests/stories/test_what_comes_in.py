"""Invoices, payments and cases come in over every channel: each has its effect once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
)

from canonical.intake import taker_id
from canonical.milestones import Milestone
from ledger.events import read_events
from ledger.feeds import Feeds
from ledger.inbox import InboxState
from ledger.views.inbox import list_events
from ledger.views.processes import milestones_of
from simulators.sending import Mishaps
from starters.schedules import keep_schedules, planned
from starters.webhooks.handover import NudgeTaker
from tests.stories.intake import Intake, receiving
from tests.world import World, awaiting_payment, eventually, world
from tieline.devserver import free_port
from tieline.rehearsal.credentials import Credentials

FAST = {"every_seconds": 1}


@pytest.fixture
async def tieline(
    tmp_path: Path, client: Client, server: str, credentials: Credentials
) -> AsyncIterator[World]:
    """A world whose receiver has a port, and whose orders are complete when they are paid."""
    catalogue = awaiting_payment(tmp_path)
    async with world(
        tmp_path,
        client,
        credentials,
        temporal_address=server,
        webhooks_port=free_port(),
        catalogue=catalogue,
    ) as built:
        yield built


@pytest.fixture
async def intake(tieline: World, credentials: Credentials) -> AsyncIterator[Intake]:
    """The receiver, as a process of its own, that billing sends its events to."""
    tieline.billing.destination.url = (
        f"http://127.0.0.1:{tieline.settings.webhooks.port}/webhooks/billing"
    )
    tieline.billing.destination.secret = credentials.webhook_secret.read_text()
    async with receiving(tieline, credentials) as running:
        yield running


async def invoiced(tieline: World, deal: str) -> str:
    """The invoice of a deal that is active everywhere."""
    await tieline.start(deal)
    await eventually(lambda: tieline.opportunity(deal)["Activation_Status__c"] == "Active")
    (invoice,) = [
        invoice
        for invoice in tieline.billing.state()["invoices"]
        if invoice["parent"]["subscription_details"]["metadata"].get("tieline_opportunity") == deal
    ]
    return str(invoice["id"])


async def told(tieline: World, *types: str) -> list[str]:
    """The types of the events of the outbox, of these or all."""
    events = await read_events(tieline.house.database, limit=1000)
    return [event.type for event in events if not types or event.type in types]


async def test_a_payment_that_billing_tells_of_completes_the_order(
    tieline: World, intake: Intake
) -> None:
    """From Stripe's signed webhook, through a read of the invoice, to the process that waits."""
    # Given an order that is active everywhere and waits for its money
    deal = tieline.deal("Globex")
    invoice = await invoiced(tieline, deal)

    # When Globex pays, and billing says so
    tieline.billing.happen(invoice, "pay")
    assert set(await tieline.billing.deliver()) == {202}

    # Then what happened is told once, in order, and the order is complete
    assert (await tieline.result(deal)).stage == "completed"
    assert await told(tieline, "invoice.posted", "payment.received") == [
        "invoice.posted",
        "payment.received",
    ]
    reached = await milestones_of(tieline.house.database, f"quote-to-cash/crm/{deal}")
    assert {line.milestone for line in reached} == set(Milestone)


async def test_duplicates_disorder_and_late_messages_have_one_effect(
    tieline: World, intake: Intake
) -> None:
    """The payment's message overtakes the posting's, and everything comes twice."""
    deal = tieline.deal("Initech")
    invoice = await invoiced(tieline, deal)
    tieline.billing.happen(invoice, "pay", amount=100_000)
    tieline.billing.happen(invoice, "pay")

    await tieline.billing.deliver(Mishaps(duplicate=1.0, reorder=0.8, late=0.3, seed=7))

    assert (await tieline.result(deal)).stage == "completed"
    await eventually(lambda: _settled(tieline))
    payments = [
        event.body["paid"]["amount_minor"]
        for event in await read_events(tieline.house.database, limit=1000)
        if event.type == "payment.received"
    ]
    assert payments[-1:] == [1_200_000]
    assert len(payments) == len(set(payments)) <= 2
    assert await told(tieline, "invoice.posted") == ["invoice.posted"]


async def test_what_no_webhook_told_is_found_by_the_poll(tieline: World, client: Client) -> None:
    """Nobody listens for Stripe's webhooks; the schedule asks for what was not delivered."""
    # Given a destination that nothing listens at
    tieline.billing.destination.url = f"http://127.0.0.1:{free_port()}/webhooks/billing"
    deal = tieline.deal("Umbrella")
    invoice = await invoiced(tieline, deal)
    tieline.billing.happen(invoice, "pay")

    # When billing is polled every second
    polled = {"billing": tieline.settings.connections["billing"].poll.model_copy(update=FAST)}
    await keep_schedules(client, planned(polled))
    try:
        # Then the order is complete all the same
        assert (await tieline.result(deal)).stage == "completed"
        place = await Feeds(tieline.house.database).cursor("billing", "events")
        assert place is not None
        assert place.stored > 0
        lines = await list_events(tieline.house.database, limit=1000)
        assert {line.source for line in lines} == {"billing"}
    finally:
        off = {"billing": polled["billing"].model_copy(update={"every_seconds": 0})}
        await keep_schedules(client, planned(off)[:1])


async def test_one_poll_after_another_never_overlap_and_stay_as_planned(
    tieline: World, client: Client
) -> None:
    """Keeping the schedules again changes nothing, and a connection that is not polled has none."""
    polled = {"support": tieline.settings.connections["support"].poll.model_copy(update=FAST)}

    await keep_schedules(client, planned(polled))
    await keep_schedules(client, planned(polled))

    handle = client.get_schedule_handle("event-poll/support")
    described = await eventually(lambda: _has_run(handle))
    assert described.schedule.policy.overlap.name == "SKIP"
    off = {"support": polled["support"].model_copy(update={"every_seconds": 0})}
    await keep_schedules(client, planned(off))
    with pytest.raises(Exception, match="not found"):
        await handle.describe()


async def test_the_poll_of_a_connection_that_left_the_settings_is_removed_and_nobody_elses(
    tieline: World, client: Client
) -> None:
    """It would go on asking for a connection that no worker knows; what is not ours stays."""
    # Given polls of two connections, and a schedule of somebody else whose name begins as ours do
    polled = {
        name: tieline.settings.connections[name].poll.model_copy(update={"every_seconds": 3600})
        for name in ("support", "success")
    }
    await keep_schedules(client, planned(polled))
    foreign = await client.create_schedule(
        "event-poll/of-the-warehouse",
        Schedule(
            action=ScheduleActionStartWorkflow(
                "event-poll", id="event-poll/of-the-warehouse", task_queue="warehouse"
            ),
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(days=30))]),
        ),
    )
    listed = {"event-poll/support", "event-poll/success", foreign.id}
    await eventually(lambda: _lists(client, listed))

    # When success leaves the settings
    left = {"support": polled["support"]}
    try:
        assert await keep_schedules(client, planned(left)) == ["event-poll/success"]

        # Then its poll is gone, once, and the others are there
        with pytest.raises(Exception, match="not found"):
            await client.get_schedule_handle("event-poll/success").describe()
        assert await keep_schedules(client, planned(left)) == []
        await client.get_schedule_handle("event-poll/support").describe()
        await foreign.describe()
    finally:
        await foreign.delete()

    # When the other is not polled any more, it is said too
    off = {"support": polled["support"].model_copy(update={"every_seconds": 0})}
    assert await keep_schedules(client, planned(off)) == ["event-poll/support"]


async def _lists(client: Client, wanted: set[str]) -> bool:
    return wanted <= {one.id async for one in await client.list_schedules()}


async def test_a_taker_that_is_woken_often_runs_once_and_ends(
    tieline: World, client: Client
) -> None:
    """A burst of wakes is one workflow; with nothing left it closes; the next wake starts it."""
    nudge = NudgeTaker(client)
    await asyncio.gather(*(nudge("billing") for _ in range(20)))

    handle = client.get_workflow_handle(taker_id("billing"))
    await handle.result()
    assert (await handle.describe()).history_length < 60
    await nudge("billing")
    await client.get_workflow_handle(taker_id("billing")).result()


async def _settled(tieline: World) -> bool:
    lines = await list_events(tieline.house.database, limit=1000)
    return bool(lines) and all(line.state is not InboxState.PENDING for line in lines)


async def _has_run(handle: Any) -> Any:
    described = await handle.describe()
    return described if described.info.num_actions >= 2 else None
