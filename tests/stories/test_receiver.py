"""Deals come in as signed messages: each once, none lost, and nothing that is not genuine."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from canonical.ids import quote_to_cash_id
from ledger.inbox import InboxState
from ledger.views.inbox import count_refusals, list_events, list_refusals
from tests.stories.intake import Intake, callout, close_in_the_crm, closed_won, receiving, signed
from tests.world import World, eventually, line, working, world
from tieline.devserver import dev_server, free_port
from tieline.rehearsal.credentials import Credentials
from tieline.settings import Settings
from tieline.temporal import plugin

STRANGER = "whsec_" + base64.b64encode(b"mallory signs with this key ....").decode()


@pytest.fixture
async def tieline(
    tmp_path: Path, client: Client, server: str, credentials: Credentials
) -> AsyncIterator[World]:
    """A world whose receiver has a port."""
    async with world(
        tmp_path, client, credentials, temporal_address=server, webhooks_port=free_port()
    ) as built:
        yield built


@pytest.fixture
async def intake(tieline: World, credentials: Credentials) -> AsyncIterator[Intake]:
    """The receiver, as a process of its own."""
    async with receiving(tieline, credentials) as running:
        yield running


async def test_a_deal_closed_in_the_crm_is_fulfilled_without_another_word(
    tieline: World, intake: Intake
) -> None:
    """From the sales person's click to five systems, by the CRM's own signed callout."""
    # Given a deal that is still negotiated
    deal = tieline.deal("Globex", line("GTX-PRO", "12000.00"), won=False)

    # When it is closed in the CRM, which then sends its callout
    sent = await close_in_the_crm(tieline, deal)

    # Then the callout is taken in, and the deal is fulfilled
    assert sent == {"sent": 1, "accepted": 1, "statuses": [202]}
    await eventually(lambda: tieline.opportunity(deal)["Activation_Status__c"] == "Active")
    assert (await tieline.result(deal)).stage == "completed"
    (event,) = await list_events(tieline.house.database)
    assert (event.state, event.subject) == (InboxState.DISPATCHED, deal)
    assert event.workflow_id == quote_to_cash_id("crm", deal)


async def test_a_message_that_comes_five_times_and_late_starts_its_order_once(
    tieline: World, intake: Intake
) -> None:
    """Senders repeat themselves, and an old message may overtake a new one."""
    # Given a deal that was won, and then got its order number: two versions, two messages
    deal = tieline.deal("Initech", line("GTX-PRO", "8400.00"))
    first = callout(tieline, deal)
    await asyncio.sleep(1)  # the CRM's change stamps have whole seconds
    tieline.crm.store.update("Opportunity", deal, {"PO_Number__c": "PO-4711"})
    second = callout(tieline, deal)
    assert first.id != second.id

    # When the newer one comes first, five times at once, and then the older one, five times
    newer = await asyncio.gather(*(intake.deliver(second) for _ in range(5)))
    older = await asyncio.gather(*(intake.deliver(first) for _ in range(5)))

    # Then each is stored once, both mean the one process, and there is one of everything
    assert {answer.status_code for answer in newer + older} == {202}
    assert sum(not answer.json()["duplicate"] for answer in newer + older) == 2
    await eventually(lambda: _all_dispatched(tieline, 2))
    assert (await tieline.result(deal)).stage == "completed"
    events = await list_events(tieline.house.database)
    assert {event.workflow_id for event in events} == {quote_to_cash_id("crm", deal)}
    assert [event.deliveries for event in events] == [5, 5]
    assert len(tieline.subscriptions()) == len(tieline.sales_orders()) == 1


async def test_what_is_not_genuine_starts_nothing_and_is_on_record(
    tieline: World, intake: Intake
) -> None:
    """Forged, stale, replayed, oversized, malformed: each refused with a reason of its own."""
    deal = tieline.deal("Umbrella", line("GTX-PRO", "8400.00"))
    body, secret = closed_won(deal), intake.secret
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    live = closed_won(deal, environment="live")
    lost = closed_won(deal, "opportunity.closed_lost")
    large = closed_won(deal, padding="x" * 300_000)
    attacks = {
        "bad_signature": (401, body, signed(body, STRANGER)),
        "stale": (401, body, signed(body, secret, at=hour_ago)),
        "missing_header": (401, body, {"content-type": "application/json"}),
        "malformed": (400, b"deal won!", signed(b"deal won!", secret)),
        "wrong_environment": (400, live, signed(live, secret)),
        "unknown_type": (400, lost, signed(lost, secret)),
        "too_large": (413, large, signed(large, secret)),
        "content_type": (415, body, signed(body, secret) | {"content-type": "text/html"}),
    }

    # When each is sent, and a genuine message once more with another deal in its body
    for code, (status, sent, headers) in attacks.items():
        answer = await intake.post(sent, headers)
        assert (answer.status_code, answer.json()["error"]) == (status, code)
        assert len(answer.json()["message"]) > 10
    other = closed_won(tieline.deal("Hooli"))
    altered = await intake.post(other, signed(body, secret))
    assert (altered.status_code, altered.json()["error"]) == (401, "bad_signature")

    # Then nothing was let in and nothing started
    assert await list_events(tieline.house.database) == []
    with pytest.raises(RPCError, match="not found"):
        await tieline.process(deal).describe()
    assert not tieline.crm.log

    # And the ledger has each refusal, with the sender's address but not the body
    refusals = await list_refusals(tieline.house.database)
    assert {refusal.code for refusal in refusals} == set(attacks)
    assert {refusal.remote for refusal in refusals} == {"127.0.0.1"}
    totals = {total.code: total.total for total in await count_refusals(tieline.house.database)}
    assert totals == dict.fromkeys(attacks, 1) | {"bad_signature": 2}
    assert secret not in intake.log.read_text()


async def test_deals_won_while_temporal_is_down_outlive_the_receiver_that_took_them_in(
    tmp_path: Path, credentials: Credentials
) -> None:
    """Stored is stored: the CRM is told 202, and need not send again."""
    # Given no Temporal server at all
    port = free_port()
    address, plugins = f"127.0.0.1:{port}", [plugin(Settings())]
    client = await Client.connect(address, lazy=True, plugins=plugins)
    async with (
        AsyncExitStack() as temporal,
        world(
            tmp_path,
            client,
            credentials,
            temporal_address=address,
            run_workers=False,
            webhooks_port=free_port(),
        ) as tieline,
    ):
        # When two deals are closed, the callouts are answered, and wait
        deals = [tieline.deal(name, won=False) for name in ("Stark", "Wayne", "Wonka")]
        async with receiving(tieline, credentials) as intake:
            sent = await close_in_the_crm(tieline, *deals[:2])
            assert sent["statuses"] == [202, 202]
            waiting = await eventually(lambda: _waits(intake))
            assert (waiting["intake"], waiting["pending"]) == ("ok", 2)

            # And then the receiver is killed
            await intake.die()

        # And when a third one is closed with another receiver in its place
        async with receiving(tieline, credentials) as intake:
            assert (await close_in_the_crm(tieline, deals[2]))["statuses"] == [202]
            assert (await eventually(lambda: _waits(intake)))["pending"] == 3

            # Then each deal is fulfilled, once, when Temporal is back
            await temporal.enter_async_context(dev_server(tmp_path / "temporal.db", port=port))
            await eventually(lambda: _all_dispatched(tieline, 3))
            async with working(await Client.connect(address, plugins=plugins), tieline.house):
                results = await asyncio.gather(*(tieline.result(deal) for deal in deals))
            assert {result.stage for result in results} == {"completed"}
            assert len(tieline.subscriptions()) == len(tieline.sales_orders()) == 3
            assert (await intake.health())["pending"] == 0


async def _all_dispatched(tieline: World, events: int) -> bool:
    found = await list_events(tieline.house.database, state=InboxState.DISPATCHED)
    return len(found) == events


async def _waits(intake: Intake) -> dict[str, object] | None:
    health = await intake.health()
    return health if health["dispatch"] == "waiting" else None
