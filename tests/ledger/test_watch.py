"""The watch: a concern is one case, from when it began to when it healed or somebody saw to it."""

from datetime import timedelta

import pytest

from activities.watch import WatchActivities
from canonical.connections import Polling
from canonical.desk import Action, Attempt, CaseOpening, CaseState, Failure, Resolution
from canonical.effects import ProcessRef
from canonical.errors import TielineError
from canonical.intake import ALARM, Concern, ConcernKind, alarm_id
from canonical.ports import Delivery
from canonical.ports.events import ChangePage
from governance.source import CatalogueSource
from ledger.database import Database
from ledger.desk import SqlDesk
from ledger.edits import Edit, Edits
from ledger.events import read_events
from ledger.feeds import Feeds
from ledger.inbox import Inbox
from ledger.relay import Attempted, SqlRelay, note_replay
from ledger.replays import ReplayMode
from ledger.scopes import Lease
from ledger.watch import SqlWatch
from tests.intake_source import invoice
from tests.ledger.clocks import Clock
from tests.ledger.test_relay import posted, write
from tests.ledger.test_replays import House, asked

POLLED = {"billing": Polling(every_seconds=60, behind_seconds=600)}
HEARD = {"crm": Polling()}
TOPIC = "/event/Order_Closed_Won__e"


class Desk:
    """The watch, and the desk on which its alarms open cases and people skip them."""

    def __init__(self, db: Database, polling: dict[str, Polling], clock: Clock) -> None:
        self.watch = SqlWatch(db, polling, lambda: [], clock=clock)
        self._desk = SqlDesk(db, CatalogueSource(), clock=clock)
        self._cases = 0

    async def concern(self) -> Concern:
        """The one concern there is."""
        (concern,) = await self.watch.concerns()
        return concern

    async def opens(self, concern: Concern) -> CaseOpening:
        """The alarm of a concern looks, and opens a case about what it finds."""
        with pytest.raises(TielineError) as raised:
            await WatchActivities(self.watch).check(concern)
        found, workflow_id = raised.value, alarm_id(concern)
        self._cases += 1
        opening = CaseOpening(
            case_id=f"{workflow_id}/watch_intake/{self._cases}",
            process=ProcessRef(process=ALARM, workflow_id=workflow_id, correlation_id="tl"),
            step="watch_intake",
            gates=False,
            failure=Failure(
                cause=found.cause,
                cause_key=found.cause_key,
                message=str(found),
                details=found.details,
            ),
        )
        await self._desk.open_case(opening)
        return opening

    async def decides(self, case: CaseOpening, action: Action) -> None:
        """Grace decides a case."""
        resolution = Resolution(
            case_id=case.case_id, action=action, actor="Grace", reason="looked", evidence_digest="e"
        )
        attempt = Attempt(
            case_id=case.case_id,
            process=case.process,
            resolution=resolution,
            accepted=True,
            outcome="accepted",
            state=CaseState.RESOLVED,
        )
        await self._desk.record_attempt(attempt)

    async def skips(self, concern: Concern) -> None:
        """The alarm opens a case, and Grace has looked."""
        await self.decides(await self.opens(concern), Action.SKIP)


async def test_a_long_backlog_that_is_being_read_is_one_concern_until_it_is_read(
    db: Database, clock: Clock
) -> None:
    """The place moves on at each watch, and is late all the while; late again is another."""
    feeds, desk = Feeds(db, clock=clock), Desk(db, POLLED, clock)

    async def read(ago: timedelta) -> None:
        page = ChangePage(events=[], cursor="1", read_up_to=clock.now - ago)
        await feeds.keep("billing", "events", page)

    ids = set()
    for hours in range(9, 0, -1):
        await read(timedelta(hours=hours))
        ids.add((await desk.concern()).id)
        clock.advance(300)
    assert len(ids) == 1

    await read(timedelta())
    assert await desk.watch.concerns() == []
    clock.advance(601)
    again = await desk.concern()
    assert again.id not in ids
    assert again.kind is ConcernKind.CURSOR_BEHIND


async def test_a_backlog_that_somebody_has_skipped_raises_no_other_alarm_while_it_is_read(
    db: Database, clock: Clock
) -> None:
    """The same concern has the same id, and an alarm of an id is raised once."""
    feeds, desk = Feeds(db, clock=clock), Desk(db, POLLED, clock)
    page = ChangePage(events=[], cursor="1", read_up_to=clock.now - timedelta(hours=9))
    await feeds.keep("billing", "events", page)
    first = await desk.concern()

    await desk.skips(first)
    page = ChangePage(events=[], cursor="2", read_up_to=clock.now - timedelta(hours=8))
    await feeds.keep("billing", "events", page)

    assert (await desk.concern()).id == first.id


async def test_a_poll_that_is_declared_and_never_ran_is_a_concern(
    db: Database, clock: Clock
) -> None:
    """Once it is as late as any other; that its bus is heard is no poll. One poll heals it."""
    # Given billing is to be polled every minute, and only its bus was ever heard
    feeds, desk = Feeds(db, clock=clock), Desk(db, POLLED | {"erp": Polling()}, clock)
    await feeds.listened("billing", TOPIC)
    assert await desk.watch.concerns() == []

    # When nothing polls it for more than ten minutes, although it is heard all the while
    clock.advance(601)
    await feeds.keep("billing", TOPIC, ChangePage(events=[], cursor="7", read_up_to=clock.now))

    # Then it is one concern
    concern = await desk.concern()
    assert (concern.kind, concern.about) == (ConcernKind.CURSOR_BEHIND, "billing")
    assert concern.message == "billing is to be polled every 60 s, and never was"
    clock.advance(300)
    assert (await desk.concern()).id == concern.id

    # When it is polled
    await feeds.keep("billing", TOPIC, ChangePage(events=[], cursor="8", read_up_to=clock.now))
    await feeds.keep("billing", "events", ChangePage(events=[], cursor="1", read_up_to=clock.now))
    assert await desk.watch.still(concern) is None


async def test_overflows_of_a_feed_are_one_concern_until_somebody_has_looked(
    db: Database, clock: Clock
) -> None:
    """A skip answers for what its case told: a gap that came afterwards is told in another."""
    feeds, desk = Feeds(db, clock=clock), Desk(db, HEARD, clock)

    async def overflow() -> None:
        await feeds.listened("crm", TOPIC)
        await feeds.expired("crm", TOPIC, clock.now - timedelta(hours=1))
        clock.advance(60)
        await feeds.keep("crm", TOPIC, ChangePage(events=[], cursor="7", read_up_to=clock.now))

    # Given three overflows, of which the alarm was raised at the first
    await overflow()
    first = await desk.concern()
    for _ in range(2):
        await overflow()
        assert (await desk.concern()).id == first.id

    # When the case is opened, it tells of all three, from where the first gap begins
    case = await desk.opens(first)
    assert "forgot our place 3 times, last at 2026-03-02 09:02Z" in case.failure.message
    assert "what changed since 2026-03-02 08:00Z" in case.failure.message

    # When a retry only looks again, it is the same; once it was skipped, only a fourth is another
    await desk.decides(case, Action.RETRY)
    assert await desk.watch.still(first) is not None
    case = await desk.opens(first)
    await overflow()
    await desk.decides(case, Action.SKIP)
    assert await desk.watch.still(first) is None
    second = await desk.concern()
    assert second.id != first.id
    assert "what changed since 2026-03-02 08:03Z" in second.message
    await desk.skips(second)
    assert await desk.watch.concerns() == []


async def test_a_place_that_is_lost_again_in_the_very_second_it_was_seen_to_is_another_concern(
    db: Database, clock: Clock
) -> None:
    """An alarm is raised once under its id, so that the second one would never be told."""
    feeds, desk = Feeds(db, clock=clock), Desk(db, HEARD, clock)
    await feeds.listened("crm", TOPIC)
    await feeds.expired("crm", TOPIC, clock.now)
    first = await desk.concern()
    await desk.skips(first)

    clock.advance(0.25)
    await feeds.expired("crm", TOPIC, clock.now)

    second = await desk.concern()
    assert second.id != first.id
    assert (await desk.concern()).id == second.id


async def test_a_forgotten_place_that_nobody_has_seen_stays_a_concern_however_old_it_is(
    db: Database, clock: Clock
) -> None:
    """Sixteen days behind a green health check were the field's worst failure."""
    feeds, desk = Feeds(db, clock=clock), Desk(db, HEARD, clock)
    await feeds.listened("crm", TOPIC)
    await feeds.expired("crm", TOPIC, clock.now)

    clock.advance(16 * 86_400)
    await feeds.keep("crm", TOPIC, ChangePage(events=[], cursor="7", read_up_to=clock.now))

    assert (await desk.concern()).kind is ConcernKind.CURSOR_EXPIRED


async def test_dead_letters_of_a_source_are_one_concern_that_heals_with_their_replay(
    db: Database, clock: Clock
) -> None:
    """However many there are, and while one is left; other sources have their own."""
    house, desk = House(db, clock), Desk(db, {}, clock)
    letters = []
    for number in range(3):
        hint = house.source.change(invoice(f"in_{number}", at=clock.now))
        letters.append(await house.set_aside(hint, "Malformed" if number else "NotFound"))
        clock.advance(300)
        concern = await desk.concern()
    ids = {concern.id, (await desk.concern()).id}
    assert (concern.kind, concern.about) == (ConcernKind.DEAD_LETTERS, "inbox/billing")
    assert concern.message == (
        "3 of what billing told could not be taken in since 2026-03-02 09:00Z: "
        "Malformed (2), NotFound (1)"
    )

    # When the first two are replayed, it is the same concern still
    for stored in letters[:2]:
        await house.replay(ReplayMode.REDELIVER, ids=[stored])
    ids.add((await desk.concern()).id)
    assert len(ids) == 1

    # When the last is replayed as another event, nothing is left to be done, though it stays dead
    order = asked(ReplayMode.EDITED, ids=[letters[2]])
    await Edits(db, clock=clock).replay(order, letters[2], Edit(subject="in_9"))
    assert await desk.watch.still(concern) is None

    # When one dies again, that is another concern
    await Inbox(db, clock=clock).failed(letters[0], "no amount", clock.now, dead=True, cause="X")
    assert (await desk.concern()).id not in ids


async def test_dead_letters_that_somebody_lets_be_are_told_no_more_and_later_ones_are(
    db: Database, clock: Clock
) -> None:
    """The record was deleted for good: its hint stays dead, and must not hide the next one."""
    house, desk = House(db, clock), Desk(db, {}, clock)
    await house.set_aside(house.source.change(invoice("in_1", at=clock.now)), "NotFound")
    first = await desk.concern()

    await desk.skips(first)
    assert await desk.watch.concerns() == []

    clock.advance(0.5)
    await house.set_aside(house.source.change(invoice("in_2", at=clock.now)))
    second = await desk.concern()
    assert second.id != first.id
    assert second.message.startswith("1 of what billing told")
    assert second.message.endswith("Malformed (1)")


async def test_what_a_target_did_not_take_is_one_concern_for_each_target(
    db: Database, clock: Clock
) -> None:
    """A target is a subscriber, the stream, or the processes that wait; a replay heals it."""
    desk = Desk(db, {}, clock)
    await write(db, posted(clock, 1), posted(clock, 2))
    events = await read_events(db)
    refused = Delivery(status=500, cause="http_500", error="answered 500")
    for name in ("finance-hub", "processes"):
        relay = SqlRelay(db, name, Lease("test", 30.0), clock=clock)
        await relay.begin()
        await relay.advance(
            events[-1].position, [Attempted(event, 12, refused) for event in events]
        )

    hub, processes = await desk.watch.concerns()
    assert (hub.about, processes.about) == ("relay/finance-hub", "relay/processes")
    assert hub.message == (
        "2 of the events for finance-hub were not taken and are given up since "
        "2026-03-02 09:00Z: http_500 (2)"
    )

    for event in events:
        assert await desk.watch.still(hub) is not None
        await note_replay(db, "finance-hub", Attempted(event, 13, Delivery()), clock=clock)
    assert await desk.watch.still(hub) is None
    assert (await desk.concern()).id == processes.id
