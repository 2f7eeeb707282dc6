"""What a replay of a deal does is decided by where its process stands, and done at a pace."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from canonical.connections import Environment
from canonical.inbound import InboundEvent
from ledger.audit import verify
from ledger.database import Database
from ledger.inbox import Inbox
from ledger.migrate import upgrade
from ledger.replays import ReplayMode, ReplayOrder
from ledger.views.inbox import EventFilter, InboxLine, list_events
from starters.foresee import DealStanding, Move, foresee
from starters.replay import DealReplays
from starters.reset import Walk
from tieline.devserver import free_port
from tieline.settings import Settings, Temporal
from tieline.temporal import connect

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DUE, RETRY, RESUME, RESTART, NOTHING = Move
FORESEEN = {
    # status, stage: redeliver, failed-step, start
    ("", ""): (DUE, DUE, DUE),
    ("running", "fulfilling"): (DUE, NOTHING, RESTART),
    ("running", "cancelling"): (DUE, NOTHING, NOTHING),
    ("completed", "completed"): (DUE, NOTHING, RESTART),
    ("completed", "cancelled"): (DUE, NOTHING, NOTHING),
    ("canceled", "fulfilling"): (DUE, NOTHING, RESTART),
    ("failed", "fulfilling"): (DUE, RESUME, RESTART),
    ("timed_out", "fulfilling"): (DUE, RESUME, RESTART),
    ("terminated", "exception"): (DUE, RESUME, RESTART),
    ("terminated", "cancelling"): (DUE, RESUME, NOTHING),
}


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """A fresh ledger."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(url)
    database = Database.open(url)
    yield database
    await database.close()


async def dead_deals(db: Database, number: int) -> list[InboxLine]:
    """So many deals whose events were set aside, and that have no process."""
    inbox = Inbox(db)
    for deal in range(number):
        stored = await inbox.store(
            InboundEvent(
                source="salesforce",
                event_id=f"msg-{deal}",
                type="opportunity.closed_won",
                kind="opportunity",
                subject=f"globex-{deal}",
                environment=Environment.TEST,
                body=b"{}",
                received_at=NOW,
            )
        )
        await inbox.failed(stored.id, "no such deal", NOW, dead=True, cause="NotFound")
    return await list_events(db)


def order(rate: float) -> ReplayOrder:
    """Grace begins deals again."""
    return ReplayOrder(
        mode=ReplayMode.START,
        actor="Grace",
        reason="the CRM was restored",
        selection=EventFilter(cause="NotFound"),
        rate=rate,
    )


@pytest.mark.parametrize(("standing", "moves"), FORESEEN.items(), ids=lambda of: "-".join(of))
def test_a_replay_follows_from_where_the_process_stands(
    standing: tuple[str, str], moves: tuple[Move, Move, Move]
) -> None:
    """Each mode, and each says what it does."""
    deal = DealStanding(workflow_id="quote-to-cash/crm/globex", status=standing[0])
    deal = deal.model_copy(update={"stage": standing[1]})

    foreseen = [
        foresee(mode, deal)
        for mode in (ReplayMode.REDELIVER, ReplayMode.FAILED_STEP, ReplayMode.START)
    ]

    assert tuple(one.move for one in foreseen) == moves
    assert all(one.says for one in foreseen)


def test_what_was_undone_in_one_system_does_not_begin_again() -> None:
    """Whatever the process says of itself."""
    deal = DealStanding(workflow_id="q", status="terminated", undone=["billing subscription"])

    assert foresee(ReplayMode.START, deal).move is NOTHING


def test_a_prolonged_workflow_task_counts_from_its_beginning() -> None:
    """What it did is on record with the last of its parts only."""
    walk = Walk("run-1")
    kinds = (
        "SCHEDULED", "STARTED", "COMPLETED",  # 1 to 3
        "OTHER", "SCHEDULED", "STARTED", "COMPLETED",  # 4 to 7, prolonged at once by
        "SCHEDULED", "STARTED", "COMPLETED",  # 8 to 10
    )  # fmt: skip
    for number, kind in enumerate(kinds, start=1):
        name = f"EVENT_TYPE_WORKFLOW_TASK_{kind}"
        other = EventType.EVENT_TYPE_TIMER_STARTED
        event = HistoryEvent(
            event_id=number, event_type=other if kind == "OTHER" else EventType.Value(name)
        )
        event.event_time.FromDatetime(NOW + timedelta(seconds=number))
        walk.take(event)

    assert walk.first is not None and walk.last is not None
    assert (walk.first.event_id, walk.first.at) == (3, NOW + timedelta(seconds=2))
    assert (walk.last.event_id, walk.last.at) == (10, NOW + timedelta(seconds=6))


async def test_temporal_is_asked_at_the_rate_that_was_asked_for(
    client: Client, db: Database
) -> None:
    """Thirty deals at a hundred a second take at least 0.29 seconds; each is on record."""
    deals = await dead_deals(db, 30)
    began = time.monotonic()

    ended = [one async for one in DealReplays(client, db).replay(order(100), deals)]

    assert time.monotonic() - began >= 0.29
    assert [one.move for one in ended] == [DUE] * 30
    assert all(one.done for one in ended)
    assert len(await Inbox(db).pending(100)) == 30
    assert (await verify(db)).rows == 30


async def test_once_temporal_does_not_answer_the_others_are_left_alone(db: Database) -> None:
    """Nothing is put on record that was not asked, and nothing waits for a thousand timeouts."""
    deals = await dead_deals(db, 100)
    nowhere = Settings(temporal=Temporal(address=f"127.0.0.1:{free_port()}"))
    client = await connect(nowhere, lazy=True)

    ended = [one async for one in DealReplays(client, db).replay(order(100), deals)]

    assert [one.done for one in ended] == [False] * 100
    assert all(one.outcome.startswith("Unavailable: ") for one in ended)
    assert (await verify(db)).rows == 0
    assert await Inbox(db).pending(100) == []
