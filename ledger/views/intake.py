"""How intake stands: what waits and how fast it goes, and how far each change feed was read."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select

from canonical.connections import Polling
from canonical.feeds import Count, Cursor
from canonical.orders import Fact
from ledger.database import Database
from ledger.feeds import Feeds, is_behind, never_polled
from ledger.models.inbox import inbox

RATE_WINDOW = timedelta(minutes=5)
# A backlog that has just begun to clear is not judged by the time before it did.
PACE_WINDOW = timedelta(seconds=30)
# A handful done in the same moment is no pace yet.
PACE_SECONDS_MIN = 2.0


class Waiting(Fact):
    """Events of one source and priority that wait; `due` of them may be taken now."""

    source: str
    priority: int
    pending: int
    due: int
    oldest_seconds: float


class BacklogView(Fact):
    """What waits, how fast events are done with, and when nothing would be left at that pace.

    The pace is that of the last half minute, or of five minutes when nothing was done in it.
    `clearing_seconds` is None while something waits and nothing was done for five minutes.
    """

    waiting: list[Waiting]
    pending: int
    oldest_seconds: float
    per_second: float
    clearing_seconds: float | None
    dead: int


class FeedView(Fact):
    """One change feed: our place in it and its age, and the last count against it.

    `place` is None for a feed that was never read.
    """

    connection: str
    stream: str = ""
    place: Cursor | None = None
    age_seconds: float | None = None
    behind: bool = False
    last_count: Count | None = None


async def show_backlog(db: Database, now: datetime) -> BacklogView:
    """What waits in the inbox at this moment."""
    by_place = (
        select(
            inbox.c.source,
            inbox.c.priority,
            func.count().label("pending"),
            func.count().filter(inbox.c.due_at <= now).label("due"),
            func.min(inbox.c.received_at).label("oldest"),
        )
        .where(inbox.c.state == "pending")
        .group_by(inbox.c.source, inbox.c.priority)
        .order_by(inbox.c.priority, inbox.c.source)
    )
    recent = inbox.c.settled_at >= now - PACE_WINDOW
    done = select(
        func.count().label("in_all"),
        func.count().filter(recent).label("recently"),
        func.min(inbox.c.settled_at).filter(recent).label("since"),
    ).where(inbox.c.settled_at >= now - RATE_WINDOW, inbox.c.state != "ignored")
    dead = select(func.count()).where(inbox.c.state == "dead")
    rows, settled, set_aside = await db.read(
        lambda s: (
            s.connection().execute(by_place).all(),
            s.connection().execute(done).one(),
            s.connection().execute(dead).scalar_one(),
        )
    )
    waiting = [
        Waiting(
            source=row.source,
            priority=row.priority,
            pending=row.pending,
            due=row.due,
            oldest_seconds=max(0.0, (now - row.oldest).total_seconds()),
        )
        for row in rows
    ]
    pending = sum(one.pending for one in waiting)
    per_second = _per_second(settled, now)
    return BacklogView(
        waiting=waiting,
        pending=pending,
        oldest_seconds=max((one.oldest_seconds for one in waiting), default=0.0),
        per_second=per_second,
        clearing_seconds=_clearing_seconds(pending, per_second),
        dead=set_aside,
    )


def _per_second(settled: Row[Any], now: datetime) -> float:
    if not settled.recently:
        return float(settled.in_all / RATE_WINDOW.total_seconds())
    seconds = (now - settled.since).total_seconds()
    return float(settled.recently / max(seconds, PACE_SECONDS_MIN))


def _clearing_seconds(pending: int, per_second: float) -> float | None:
    if not pending:
        return 0.0
    return pending / per_second if per_second else None


async def show_feeds(db: Database, polling: Mapping[str, Polling], now: datetime) -> list[FeedView]:
    """Every change feed that was read, and every source that is to be polled and never was."""
    feeds = Feeds(db)
    places = await feeds.cursors()
    seen = [
        FeedView(
            connection=place.connection,
            stream=place.stream,
            place=place,
            age_seconds=(now - place.read_up_to).total_seconds(),
            behind=is_behind(place, now, polling.get(place.connection)),
            last_count=await feeds.last_count(place.connection, place.stream),
        )
        for place in places
    ]
    never = [FeedView(connection=name, behind=True) for name in never_polled(places, polling)]
    return [*seen, *never]
