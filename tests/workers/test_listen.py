"""A listener to an org's event bus: its place is kept, losses are bridged, breaks are outlived."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

import workers.listen
from adapters.salesforce.pubsub.subscriber import CHANGES_TOPIC, CLOSED_WON_TOPIC
from canonical.errors import Misconfigured, Unauthorized
from canonical.inbound import BACKFILL_PRIORITY, Channel
from ledger.models.evidence import audit_rows
from ledger.watch import SqlWatch
from tests.listened_org import Org, org_in
from tests.world import eventually
from workers.listen import run_listener

SOON_SECONDS = 20.0


@pytest.fixture
async def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Org]:
    """An org that nobody listens to yet."""
    monkeypatch.setattr(workers.listen, "BACKOFF_SECONDS_MIN", 0.02)
    async with org_in(tmp_path) as built:
        yield built


@asynccontextmanager
async def listening(org: Org, **options: str) -> AsyncIterator["asyncio.Task[None]"]:
    """A listener, until the block ends; fails if it ended by itself."""
    known = org.settings.connections["crm"]
    connection = known.model_copy(update={"options": known.options | options})
    settings = org.settings.model_copy(update={"connections": {"crm": connection}})
    stop = asyncio.Event()
    task = asyncio.create_task(run_listener(settings, "crm", stop))
    try:
        yield task
    finally:
        stop.set()
        async with asyncio.timeout(SOON_SECONDS):
            await task


async def test_what_the_bus_tells_is_stored_and_the_next_listener_goes_on_behind_it(
    org: Org,
) -> None:
    """What was won while nobody listened is told to the next one; nothing is told again."""
    first = org.win()
    async with listening(org):
        await eventually(org.has(first), SOON_SECONDS)
        second = org.win()
        await eventually(org.has(first, second), SOON_SECONDS)

    third = org.win()
    async with listening(org):
        await eventually(org.has(first, second, third), SOON_SECONDS)

    lines = (await org.lines()).values()
    assert {(line.channel, line.deliveries) for line in lines} == {(Channel.STREAM, 1)}
    assert (await org.place()).stored == 3


async def test_duplicates_of_the_bus_are_stored_once(org: Org) -> None:
    """Each event comes twice."""
    org.bus.faults.duplicate = True
    deals = [org.win() for _ in range(3)]

    async with listening(org):
        await eventually(org.has(*deals), SOON_SECONDS)

    assert {line.deliveries for line in (await org.lines()).values()} == {2}


async def test_a_stream_that_breaks_off_is_taken_up_where_it_was(org: Org) -> None:
    """Why it was not heard is said at its place, until it is heard again."""
    org.bus.faults.drop_after = 2
    deals = [org.win() for _ in range(5)]

    async with listening(org):
        await eventually(org.has(*deals), SOON_SECONDS)

    place = await org.place()
    assert (place.stored, place.error) == (5, "")
    asked = [request.replay_id for request in org.bus.fetch_requests if request.topic_name]
    assert len(set(asked)) >= 2, "it began again at the beginning"


async def test_an_event_that_nobody_can_read_is_kept_and_holds_up_nothing(org: Org) -> None:
    """It names no deal; what follows it is stored."""
    org.crm.bus.publish(CLOSED_WON_TOPIC, {"Opportunity_Id__c": "006"}, garbled=True)
    deal = org.win()

    async with listening(org):
        await eventually(org.has("", deal), SOON_SECONDS)

    assert (await org.lines())[""].type == "opportunity.unreadable"


async def test_a_place_that_the_bus_forgot_is_bridged_from_the_records(org: Org) -> None:
    """What was won in the gap comes from the records; the bus is heard on from then."""
    # Given a listener that has heard of a deal, and then is away for more than three days
    first = org.win()
    async with listening(org):
        await eventually(org.has(first), SOON_SECONDS)
    missed = org.win_quietly()
    org.forget()

    # When it listens again, and another deal is won
    async with listening(org):
        await eventually(org.has(first, missed), SOON_SECONDS)
        await eventually(lambda: _heard_on(org), SOON_SECONDS)
        last = org.win()
        await eventually(org.has(first, missed, last), SOON_SECONDS)

    # Then the gap is on record, and what it held is less urgent than what is told
    place, lines = await org.place(), await org.lines()
    assert place.expired_at is not None and place.gap_from is not None
    assert (lines[missed].channel, lines[missed].priority) == (Channel.BACKFILL, BACKFILL_PRIORITY)
    assert lines[last].channel == Channel.STREAM


async def test_an_outage_while_a_gap_is_filled_ends_no_listener(org: Org) -> None:
    """It tries again, and the gap stays one."""
    first = org.win()
    async with listening(org):
        await eventually(org.has(first), SOON_SECONDS)
    missed = org.win_quietly()
    org.forget()
    org.crm.faults.arm(kind="error_before", path=".*/query.*", status=503, times=3)

    async with listening(org) as listener:
        await eventually(org.has(first, missed), SOON_SECONDS)
        assert not listener.done()

    assert not [fault for fault in org.crm.faults.armed if fault.hits < fault.times]
    audited = await org.db.read(_expiries)
    assert audited == 1


async def test_more_changes_than_the_bus_can_name_are_read_and_the_bus_is_heard_on(
    org: Org,
) -> None:
    """Of an overflow the bus says only that there was one."""
    first, quiet = org.win(), org.win_quietly()
    org.crm.bus.change([], "GAP_OVERFLOW")
    last = org.win()

    async with listening(org, pubsub_topic=CHANGES_TOPIC):
        await eventually(org.has(first, quiet, last), SOON_SECONDS)

    lines = await org.lines()
    assert lines[quiet].channel == Channel.BACKFILL
    assert (await org.place(CHANGES_TOPIC)).cursor


async def test_a_right_that_is_missing_ends_a_new_listener_but_not_one_that_has_heard(
    org: Org,
) -> None:
    """At the start a person is there to read it; weeks later it waits, and says why."""
    org.bus.faults.forbidden = True
    with pytest.raises(Unauthorized):
        await run_listener(org.settings, "crm", asyncio.Event())

    org.bus.faults.forbidden = False
    first = org.win()
    async with listening(org):
        await eventually(org.has(first), SOON_SECONDS)
        org.bus.faults.forbidden, org.bus.faults.drop_after = True, 0
        second = org.win()
        await eventually(lambda: _said(org, "may not subscribe"), SOON_SECONDS)
        org.bus.faults.forbidden = False
        await eventually(org.has(first, second), SOON_SECONDS)

    assert (await org.place()).error == ""


async def test_a_first_listener_says_since_when_it_listens_before_it_has_heard_anything(
    org: Org,
) -> None:
    """Else nobody would miss one that never hears anything: it would have no place to be late."""
    # Given a right that is missing from the first day
    org.bus.faults.forbidden = True
    with pytest.raises(Unauthorized):
        await run_listener(org.settings, "crm", asyncio.Event())
    begun = await org.place()

    # Then since when, and why it hears nothing, is on record, and the watch tells of it an hour on
    assert begun.heard_since is not None
    assert (begun.read_up_to, begun.stored) == (begun.heard_since, 0)
    assert "may not subscribe" in begun.error
    assert [await _concerns(org, minutes) for minutes in (59, 61)] == [[], [begun.stream]]

    # When the right is given, since when it listens stays as it was
    org.bus.faults.forbidden = False
    first = org.win()
    async with listening(org):
        await eventually(org.has(first), SOON_SECONDS)
    assert (await org.place()).heard_since == begun.heard_since


async def test_an_overflow_before_anything_was_heard_is_a_gap_as_old_as_what_the_bus_keeps(
    org: Org,
) -> None:
    """It is on record like any other, though there was no place to lose."""
    quiet = org.win_quietly()
    org.crm.bus.change([], "GAP_OVERFLOW")
    async with listening(org, pubsub_topic=CHANGES_TOPIC):
        await eventually(org.has(quiet), SOON_SECONDS)

    place = await org.place(CHANGES_TOPIC)
    assert place.expired_at is not None and place.heard_since is not None
    assert place.gap_from == place.heard_since - timedelta(days=3)
    assert await org.db.read(_expiries) == 1


async def test_a_connection_that_nobody_knows_is_misconfigured(org: Org) -> None:
    """Its name was mistyped."""
    with pytest.raises(Misconfigured, match="no connection crmm"):
        await run_listener(org.settings, "crmm", asyncio.Event())


async def _concerns(org: Org, minutes: int) -> list[str]:
    later = datetime.now(UTC) + timedelta(minutes=minutes)
    watch = SqlWatch(org.db, org.settings.polling, lambda: [], clock=lambda: later)
    return [concern.stream for concern in await watch.concerns()]


async def _heard_on(org: Org) -> bool:
    place = await org.place()
    return place.expired_at is not None and place.polled_at > place.expired_at


async def _said(org: Org, why: str) -> bool:
    return why in (await org.place()).error


def _expiries(session: Any) -> int:
    statement = select(func.count()).where(audit_rows.c.action == "cursor.expired")
    return int(session.connection().execute(statement).scalar_one())
