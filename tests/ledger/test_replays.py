"""What came in is replayed on purpose: at a rate, on record, and without a second effect."""

from collections import Counter
from datetime import timedelta
from typing import Any

import orjson
import pytest

from activities.intake import FAILURES_MAX, IntakeActivities
from canonical.desk import CaseState
from canonical.errors import Conflict, Malformed, Misconfigured, NotFound
from canonical.inbound import InboundEvent
from canonical.intake import ConnectionRef
from ledger.audit import verify
from ledger.database import Database
from ledger.desk import SqlDesk
from ledger.edits import Edit, Edits
from ledger.events import read_events
from ledger.inbox import Inbox, InboxState
from ledger.records import Records
from ledger.replays import ReplayMode, ReplayOrder, Replays
from ledger.views.cases import show_case
from ledger.views.inbox import EventFilter, InboxDetail, InboxLine, list_events, show_event
from tests.intake_source import MemorySource, invoice
from tests.ledger.clocks import Clock
from tests.ledger.test_desk import Policy, unmapped

BILLING = ConnectionRef(connection="billing")
GLOBEX = "0015g00000Glob1AAB"


class House:
    """One connection's intake on one ledger, taken in by hand."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db, self.clock = db, clock
        self.source = MemorySource()
        self.inbox = Inbox(db, clock=clock)
        self.replays = Replays(db, clock=clock)
        self.edits = Edits(db, clock=clock)
        records = Records(db, clock=clock)
        self.intake = IntakeActivities(self.source, "billing", self.inbox, records)

    async def hear(self, hint: InboundEvent) -> int:
        """A hint comes in."""
        return (await self.inbox.store(hint)).id

    async def take_in(self) -> None:
        """Take in what is due."""
        while (await self.intake.take_in(BILLING)).left:
            pass

    async def seen(self, stored_id: int) -> InboxDetail:
        """An event in full."""
        detail = await show_event(self.db, stored_id)
        assert detail is not None
        return detail

    async def set_aside(self, hint: InboundEvent, cause: str = "Malformed") -> int:
        """A hint came in and was set aside."""
        stored = await self.hear(hint)
        await self.inbox.failed(stored, "no amount", self.clock.now, dead=True, cause=cause)
        return stored

    async def replay(self, mode: ReplayMode, rate: float = 10, **narrowed: Any) -> int:
        """Grace replays what is selected; how many are due."""
        order = asked(mode, rate, **narrowed)
        chosen = await self.replays.choose(order.selection)
        return await self.replays.make_due(order, chosen.events)


def asked(mode: ReplayMode, rate: float = 10, **narrowed: Any) -> ReplayOrder:
    """What Grace asks for."""
    selection = EventFilter(**{"state": InboxState.DEAD} | narrowed)
    return ReplayOrder(
        mode=mode, actor="Grace", reason="the adapter is repaired", selection=selection, rate=rate
    )


@pytest.fixture
def house(db: Database, clock: Clock) -> House:
    """A ledger of each kind, and billing."""
    return House(db, clock)


async def told(db: Database) -> Counter[str]:
    """How often each type of event was told."""
    return Counter(event.type for event in await read_events(db, limit=1000))


@pytest.mark.parametrize("mode", [ReplayMode.REDELIVER, ReplayMode.START, ReplayMode.FAILED_STEP])
async def test_the_same_hint_replayed_ten_times_has_one_effect(
    house: House, mode: ReplayMode
) -> None:
    """The record is read each time; its invoice was posted, and paid, once."""
    stored = await house.hear(house.source.change(invoice(at=house.clock.now, paid=1_200_000)))
    await house.take_in()
    before = await told(house.db)

    for _ in range(10):
        assert await house.replay(mode, state=InboxState.RECORDED, ids=[stored]) == 1
        house.clock.advance(1)
        await house.take_in()

    assert before == {"invoice.posted": 1, "payment.received": 1}
    assert await told(house.db) == before
    assert len(house.source.reads) == 11
    assert (await house.seen(stored)).state is InboxState.RECORDED


async def test_a_dead_letter_is_taken_in_once_its_cause_is_repaired(house: House) -> None:
    """Poison is set aside after five tries of its own, holds nothing up, and is replayed."""
    # Given an invoice that cannot be understood, and another one
    hint = house.source.change(invoice("in_initech", at=house.clock.now))
    house.source.broken["in_initech"] = Malformed("there is no amount")
    poison = await house.hear(hint)
    other = await house.hear(house.source.change(invoice(at=house.clock.now)))
    for _ in range(FAILURES_MAX):
        await house.take_in()
        house.clock.now = max(house.clock.now, (await house.seen(poison)).due_at)
    dead = await house.seen(poison)
    assert (dead.state, dead.cause) == (InboxState.DEAD, "Malformed")
    assert (await house.seen(other)).state is InboxState.RECORDED

    # When it is repaired and replayed by its cause
    house.source.broken.clear()
    assert await house.replay(ReplayMode.REDELIVER, cause="Malformed") == 1
    due = await house.seen(poison)
    assert (due.state, due.attempts, due.cause) == (InboxState.PENDING, 0, "")
    house.clock.advance(1)
    await house.take_in()

    # Then it is recorded, and the audit tells who, why, how and what was selected
    done = await house.seen(poison)
    assert (done.state, [event.type for event in done.told]) == (
        InboxState.RECORDED,
        ["invoice.posted"],
    )
    (replay,) = done.replays
    assert (replay.actor, replay.action) == ("Grace", "inbox.replayed")
    body = orjson.loads(replay.body)
    assert (body["mode"], body["reason"]) == ("redeliver", "the adapter is repaired")
    assert body["selection"] == {"state": "dead", "cause": "Malformed"}
    assert (await verify(house.db)).ok


async def test_a_stale_hint_that_is_replayed_has_no_effect(house: House) -> None:
    """The newer version of its record is known: it is not even read again."""
    old = house.source.change(invoice(at=house.clock.now))
    house.clock.advance(60)
    new = house.source.change(invoice(at=house.clock.now, paid=1_200_000))
    await house.hear(new)
    await house.take_in()
    late = await house.hear(old)
    await house.take_in()
    assert (await house.seen(late)).state is InboxState.STALE
    before, reads = await told(house.db), len(house.source.reads)

    await house.replay(ReplayMode.REDELIVER, state=InboxState.STALE, ids=[late])
    house.clock.advance(1)
    await house.take_in()

    assert (await house.seen(late)).state is InboxState.STALE
    assert (await told(house.db), len(house.source.reads)) == (before, reads)


async def test_from_the_start_even_a_stale_hint_reads_its_record_and_tells_nothing_twice(
    house: House,
) -> None:
    """What was known of the record is kept, so only what is new is told."""
    old = house.source.change(invoice(at=house.clock.now))
    house.clock.advance(60)
    await house.hear(house.source.change(invoice(at=house.clock.now, paid=400_000)))
    await house.take_in()
    late = await house.hear(old)
    await house.take_in()
    assert (await house.seen(late)).state is InboxState.STALE
    before, reads = await told(house.db), len(house.source.reads)

    # The payment of which no hint came is found
    house.source.records["in_globex"] = invoice(at=house.clock.now, paid=1_200_000)
    await house.replay(ReplayMode.START, state=InboxState.STALE, ids=[late])
    house.clock.advance(1)
    await house.take_in()

    assert len(house.source.reads) == reads + 1
    assert await told(house.db) == before + Counter({"payment.received": 1})
    assert (await house.seen(late)).state is InboxState.RECORDED


async def test_a_thousand_dead_letters_are_replayed_at_the_rate_that_was_asked_for(
    house: House,
) -> None:
    """Fifty a second: twenty seconds in all, and no second has more; each is on record."""
    for number in range(1000):
        await house.set_aside(house.source.change(invoice(f"in_{number}", at=house.clock.now)))

    assert await house.replay(ReplayMode.REDELIVER, rate=50, source="billing") == 1000

    house.clock.advance(-0.001)
    due_each_second = []
    for _ in range(21):
        due_each_second.append(len(await house.inbox.pending(1000)))
        house.clock.advance(1)
    assert due_each_second == [0, *[50] * 20]
    report = await verify(house.db)
    assert (report.ok, report.rows) == (True, 1000)


async def test_what_changed_since_it_was_chosen_is_left_alone(house: House) -> None:
    """Two people replay the same dead letters at the same moment: each goes once."""
    await house.set_aside(house.source.change(invoice(at=house.clock.now)))
    order = asked(ReplayMode.REDELIVER, cause="Malformed")
    chosen = (await house.replays.choose(order.selection)).events

    assert await house.replays.make_due(order, chosen) == 1
    assert await house.replays.make_due(order, chosen) == 0

    assert (await verify(house.db)).rows == 1


async def test_events_are_selected_by_all_that_narrows_them_down(house: House) -> None:
    """By id, cause, source, kind, record, account and time, all of which have to hold."""
    # Given an invoice of Globex that was read once, then a hint of it that was set aside
    await house.hear(house.source.change(invoice(at=house.clock.now)))
    await house.take_in()
    house.clock.advance(3600)
    globex = await house.set_aside(house.source.change(invoice(at=house.clock.now)))
    initech = await house.set_aside(
        house.source.change(invoice("in_initech", at=house.clock.now + timedelta(hours=1))),
        "NotFound",
    )

    async def found(**narrowed: Any) -> list[int]:
        chosen = await house.replays.choose(asked(ReplayMode.START, **narrowed).selection)
        assert chosen.total == len(chosen.events)
        return [line.id for line in chosen.events]

    assert await found() == [globex, initech]
    assert await found(ids=[initech]) == [initech]
    assert await found(cause="NotFound") == [initech]
    assert await found(kind="invoice", subject="in_globex") == [globex]
    assert await found(account=GLOBEX) == [globex]
    assert await found(since=house.clock.now + timedelta(minutes=1)) == [initech]
    assert await found(until=house.clock.now + timedelta(minutes=1)) == [globex]
    assert await found(source="erp") == []
    everything = await house.replays.choose(EventFilter(state=InboxState.DEAD), limit=1)
    assert (everything.total, len(everything.events)) == (2, 1)
    assert everything.by_cause == {"Malformed": 1, "NotFound": 1}
    assert not EventFilter(state=InboxState.DEAD).names_something


async def test_a_preview_knows_what_was_told_and_which_version_is_known(house: House) -> None:
    """So that a person sees what would be new."""
    await house.hear(house.source.change(invoice(at=house.clock.now)))
    await house.take_in()
    lines: list[InboxLine] = await list_events(house.db)

    assert list((await house.replays.told(lines)).values()) == [["invoice.posted"]]
    assert list((await house.replays.known(lines)).values()) == [lines[0].version]


async def test_an_edited_event_is_stored_beside_the_dead_one_that_it_replaces(
    house: House,
) -> None:
    """The old one stays as it was, with a note; the new one is taken in like any other."""
    # Given a hint that names a record which does not exist
    wrong = house.source.change(invoice("in_typo", at=house.clock.now))
    del house.source.records["in_typo"]
    dead = await house.set_aside(wrong, "NotFound")
    house.source.change(invoice(at=house.clock.now))
    edit = Edit(subject="in_globex", body={"id": "in_globex"})

    # When the correction is looked at, and then made
    preview = await house.edits.preview(dead, edit)
    assert preview.changes["subject"] == ("in_typo", "in_globex")
    assert preview.changes["body"][1].startswith("18 bytes, sha256 ")
    assert (await told(house.db), len(await list_events(house.db))) == (Counter(), 1)
    made = await house.edits.replay(asked(ReplayMode.EDITED, ids=[dead]), dead, edit)
    await house.take_in()

    # Then both are there, and the audit has what was changed
    new, old = await house.seen(made.stored_id), await house.seen(dead)
    assert (new.event_id, new.state) == (f"{wrong.event_id}#edited-1", InboxState.RECORDED)
    assert (old.state, old.cause) == (InboxState.DEAD, "NotFound")
    assert old.error == f"no amount; replaced by {wrong.event_id}#edited-1"
    (row,) = old.replays
    assert orjson.loads(row.body)["changes"]["subject"] == ["in_typo", "in_globex"]
    assert await told(house.db) == {"invoice.posted": 1}


async def test_the_same_correction_ten_times_has_one_effect(house: House) -> None:
    """Ten events, one invoice that was posted."""
    house.source.change(invoice(at=house.clock.now))
    dead = await house.set_aside(house.source.change(invoice("in_typo", at=house.clock.now)))

    for number in range(1, 11):
        order = asked(ReplayMode.EDITED, ids=[dead])
        made = await house.edits.replay(order, dead, Edit(subject="in_globex"))
        assert made.event_id.endswith(f"#edited-{number}")
        await house.take_in()

    assert await told(house.db) == {"invoice.posted": 1}
    assert (await house.seen(dead)).error.count("replaced by") == 1


async def test_a_correction_of_a_correction_is_numbered_after_the_first_event(
    house: House,
) -> None:
    """Names do not grow with each try."""
    hint = house.source.change(invoice(at=house.clock.now))
    dead = await house.set_aside(hint)
    order = asked(ReplayMode.EDITED, ids=[dead])
    first = await house.edits.replay(order, dead, Edit(version="1"))
    await house.inbox.failed(first.stored_id, "gone", house.clock.now, dead=True, cause="NotFound")

    second = await house.edits.replay(order, first.stored_id, Edit(version="2"))

    assert second.event_id == f"{hint.event_id}#edited-2"


async def test_what_makes_no_event_is_refused(house: House) -> None:
    """Nor is an event edited that is not dead, or not there."""
    dead = await house.set_aside(house.source.change(invoice(at=house.clock.now)))
    long = house.source.change(invoice("in_" + "9" * 200, at=house.clock.now))
    too_long = await house.set_aside(long)
    alive = await house.hear(house.source.change(invoice("in_1", at=house.clock.now)))

    with pytest.raises(Misconfigured, match=r"^the correction makes no event: kind: "):
        await house.edits.preview(dead, Edit(kind=None))
    with pytest.raises(Conflict, match="pending; only a dead one is edited"):
        await house.edits.preview(alive, Edit(version="1"))
    with pytest.raises(NotFound):
        await house.edits.preview(10_000, Edit(version="1"))
    with pytest.raises(ValueError, match="nothing is corrected"):
        Edit()
    assert (await house.edits.preview(too_long, Edit(version="1"))).event_id


async def test_what_temporal_is_asked_is_on_record_before_and_after(house: House) -> None:
    """An event whose process goes on is done with; the cases it left behind are closed."""
    # Given a dead event of a deal, whose process waits for a person
    desk = SqlDesk(house.db, Policy(), clock=house.clock)
    case = await desk.open_case(unmapped())
    dead = await house.set_aside(house.source.change(invoice(at=house.clock.now)))
    order = asked(ReplayMode.START, ids=[dead])
    lines = (await house.replays.choose(order.selection)).events
    process = case.process.workflow_id

    # When a replay is intended, refused, intended again, and done
    await house.replays.intend(order, lines, "begins again")
    await house.replays.ended(order, lines, process, "Temporal refused", done=False)
    assert (await house.seen(dead)).state is InboxState.DEAD
    await house.replays.intend(order, lines, "begins again")
    for _ in range(2):
        await house.replays.close_superseded(order, [case.case_id])
    await house.replays.ended(order, lines, process, "begins again as run 2", done=True)

    # Then the event is done with, and the case is closed once, in Grace's name
    seen = await house.seen(dead)
    assert (seen.state, seen.workflow_id, seen.cause) == (InboxState.DISPATCHED, process, "")
    assert [row.action for row in seen.replays] == ["inbox.replayed", "inbox.replay_ended"] * 2
    closed = await show_case(house.db, case.case_id)
    assert closed is not None and closed.state is CaseState.RESOLVED
    assert [(one.actor, one.outcome) for one in closed.attempts] == [
        ("Grace", "the process is replayed (start)")
    ]
    assert (await verify(house.db)).ok
