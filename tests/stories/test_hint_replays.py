"""Hints are replayed through the receiver, a taker and billing itself, and tell nothing twice."""

from ledger.inbox import InboxState
from ledger.replays import Replays
from ledger.views.inbox import EventFilter, list_events, show_event
from tests.cli.terminal import awaited
from tests.stories.evidence import calls
from tests.stories.intake import Intake
from tests.stories.test_what_comes_in import intake, invoiced, tieline, told
from tests.world import World, eventually

__all__ = ["intake", "tieline"]

BILLING = EventFilter(source="billing", kind="invoice")


async def _settled(tieline: World) -> bool:
    lines = await list_events(tieline.house.database, narrowed=BILLING, limit=1000)
    return bool(lines) and all(line.state is not InboxState.PENDING for line in lines)


async def test_a_payment_that_is_replayed_ten_times_is_one_payment(
    tieline: World, intake: Intake
) -> None:
    """Billing is asked again each time, and nothing is told or written a second time."""
    # Given an order whose payment was told
    deal = tieline.deal("Globex")
    invoice = await invoiced(tieline, deal)
    tieline.billing.happen(invoice, "pay")
    assert set(await tieline.billing.deliver()) == {202}
    await eventually(lambda: told(tieline, "payment.received"))
    await eventually(lambda: _settled(tieline))
    before, written = await told(tieline), len(calls(tieline.billing, "POST", "/v1/"))
    reads = len(calls(tieline.billing, "GET", invoice))
    recorded = [
        state
        for state in (InboxState.RECORDED, InboxState.STALE)
        if (await Replays(tieline.house.database).choose(_in(state))).total
    ]

    # When every hint of it is replayed from the start, ten times
    for _ in range(10):
        for state in recorded:
            said = await awaited(
                "--config", tieline.config, "inbox", "replay", "--mode", "start",
                "--source", "billing", "--kind", "invoice", "--state", state.value,
                "--yes", "--by", "Grace", "--reason", "told twice", "--rate", "100",
            )  # fmt: skip
            # What was stale is recorded now, so there may be none in that state any more.
            assert said.code == 0 or said.err.startswith("NotFound: nothing that is"), said
        await eventually(lambda: _settled(tieline))

    # Then billing was asked, and that is all
    assert len(calls(tieline.billing, "GET", invoice)) >= reads + 10
    assert await told(tieline) == before
    assert len(calls(tieline.billing, "POST", "/v1/")) == written
    assert len(tieline.subscriptions()) == len(tieline.sales_orders()) == 1
    lines = await list_events(tieline.house.database, narrowed=BILLING)
    assert lines
    detail = await show_event(tieline.house.database, lines[0].id)
    assert detail is not None
    assert {row.actor for row in detail.replays} == {"Grace"}


def _in(state: InboxState) -> EventFilter:
    return BILLING.model_copy(update={"state": state})
