"""Change feeds: our place in each, kept in the transaction that stores what was read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session

from canonical.connections import Polling
from canonical.feeds import Count, Cursor
from canonical.inbound import InboundEvent, Refusal
from canonical.ports.events import ChangePage
from ledger import audit
from ledger.clock import Clock, utc_now
from ledger.database import Database
from ledger.inbox import PriorityOf, refuse, store
from ledger.models.inbox import inbox
from ledger.models.intake import counts, cursors
from ledger.upserts import Upsert

EXAMPLES_MAX = 20
ERROR_CHARACTERS_MAX = 300
SUBJECTS_PER_QUERY = 500
EXPIRED = "cursor.expired"  # as the audit has it

_PLACE = Upsert(
    cursors,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[cursors.c.connection, cursors.c.stream],
        set_={
            "cursor": insert.excluded.cursor,
            "read_up_to": insert.excluded.read_up_to,
            "polled_at": insert.excluded.polled_at,
            "stored": cursors.c.stored + insert.excluded.stored,
            "error": "",
        },
    ),
)
_BEGIN = Upsert(
    cursors,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[cursors.c.connection, cursors.c.stream],
        set_={
            "heard_since": func.coalesce(cursors.c.heard_since, insert.excluded.heard_since),
        },
    ).returning(*cursors.c),
)
_COUNT = Upsert(
    counts,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[counts.c.connection, counts.c.stream, counts.c.since],
        set_={
            name: insert.excluded[name]
            for name in ("until", "told", "missing", "examples", "counted_at")
        },
    ),
)


class Feeds:
    """The places in all change feeds, and what was counted of them."""

    def __init__(
        self, db: Database, *, clock: Clock = utc_now, priority_of: PriorityOf | None = None
    ) -> None:
        self._db = db
        self._clock = clock
        self._priority_of = priority_of

    async def cursor(self, connection: str, stream: str) -> Cursor | None:
        """Our place in a feed; None before the first poll."""
        statement = select(cursors).where(
            cursors.c.connection == connection, cursors.c.stream == stream
        )
        row = await self._db.read(lambda s: s.connection().execute(statement).first())
        return Cursor.model_validate(dict(row._mapping)) if row else None

    async def cursors(self) -> list[Cursor]:
        """Our places in all feeds."""
        statement = select(cursors).order_by(cursors.c.connection, cursors.c.stream)
        rows = await self._db.read(lambda s: s.connection().execute(statement).all())
        return [Cursor.model_validate(dict(row._mapping)) for row in rows]

    async def listened(self, connection: str, stream: str) -> Cursor:
        """Our place in a bus that somebody listens to; the first time it begins now, on record from
        before anything is heard."""
        now = self._clock()
        place: dict[str, Any] = {"connection": connection, "stream": stream, "cursor": ""}
        place |= {"read_up_to": now, "polled_at": now, "stored": 0, "error": ""}
        row = await self._db.run(lambda s: _BEGIN.run(s, place | {"heard_since": now}).one())
        return Cursor.model_validate(dict(row._mapping))

    async def keep(self, connection: str, stream: str, page: ChangePage) -> int:
        """Store a page and our place after it, both or neither; how many events were new."""
        now = self._clock()

        def work(session: Session) -> int:
            new = _store(session, page.events, self._priority_of)
            place: dict[str, Any] = {"connection": connection, "stream": stream}
            place |= {"cursor": page.cursor}
            place |= {"read_up_to": page.read_up_to, "polled_at": now, "stored": new, "error": ""}
            _PLACE.run(session, place)
            return new

        return await self._db.run(work)

    async def store(self, events: Sequence[InboundEvent]) -> int:
        """Store events that no cursor follows from (a backfill's); how many were new."""
        return await self._db.run(lambda s: _store(s, events, self._priority_of))

    async def refuse(self, refusal: Refusal) -> None:
        """Note what was not let in."""
        await self._db.run(lambda s: refuse(s, refusal))

    async def failed(self, connection: str, stream: str, error: str) -> None:
        """The feed could not be read; our place stays."""
        await self._change(connection, stream, error=error[:ERROR_CHARACTERS_MAX])

    async def expired(self, connection: str, stream: str, gap_from: datetime) -> None:
        """The feed forgot our place: on record, with where the gap begins, until someone looks."""
        now = self._clock()

        def work(session: Session) -> None:
            body = {"stream": stream, "gap_from": gap_from.isoformat()}
            audit.append(session, "tieline", EXPIRED, connection, body, now)
            _change(session, connection, stream, expired_at=now, gap_from=gap_from)

        await self._db.run(work)

    async def missing(self, connection: str, census: Mapping[str, str]) -> dict[str, str]:
        """What of a census the inbox has not, with that version or a later one."""
        subjects = list(census)
        known: dict[str, str] = {}
        for start in range(0, len(subjects), SUBJECTS_PER_QUERY):
            chunk = subjects[start : start + SUBJECTS_PER_QUERY]
            known |= await self._db.read(_newest_of(connection, chunk))
        return {s: v for s, v in census.items() if s not in known or known[s] < v}

    async def counted(
        self,
        connection: str,
        stream: str,
        since: datetime,
        until: datetime,
        told: int,
        missing: Mapping[str, str],
    ) -> None:
        """Keep the outcome of a count; the same window again replaces it."""
        row: dict[str, Any] = {"connection": connection, "stream": stream}
        row |= {"since": since, "until": until}
        row |= {"told": told, "missing": len(missing), "counted_at": self._clock()}
        row |= {"examples": sorted(missing)[:EXAMPLES_MAX]}
        await self._db.run(lambda s: _COUNT.run(s, row))

    async def last_count(self, connection: str, stream: str) -> Count | None:
        """The newest window that was counted."""
        statement = (
            select(counts)
            .where(counts.c.connection == connection, counts.c.stream == stream)
            .order_by(counts.c.until.desc())
            .limit(1)
        )
        row = await self._db.read(lambda s: s.connection().execute(statement).first())
        return Count.model_validate(dict(row._mapping)) if row else None

    async def mismatches(self, since: datetime) -> list[Count]:
        """The windows counted since then of which something is missing."""
        statement = (
            select(counts)
            .where(counts.c.missing > 0, counts.c.counted_at >= since)
            .order_by(counts.c.counted_at)
        )
        rows = await self._db.read(lambda s: s.connection().execute(statement).all())
        return [Count.model_validate(dict(row._mapping)) for row in rows]

    async def _change(self, connection: str, stream: str, **values: object) -> None:
        await self._db.run(lambda s: _change(s, connection, stream, **values))


def _store(session: Session, events: Sequence[InboundEvent], priority_of: PriorityOf | None) -> int:
    return sum(store(session, event, priority_of).new for event in events)


def _newest_of(connection: str, subjects: Sequence[str]) -> Callable[[Session], dict[str, str]]:
    statement = (
        select(inbox.c.subject, func.max(inbox.c.version))
        .where(inbox.c.source == connection, inbox.c.subject.in_(subjects))
        .group_by(inbox.c.subject)
    )
    return lambda session: {row[0]: row[1] for row in session.connection().execute(statement)}


def _change(session: Session, connection: str, stream: str, **values: object) -> None:
    of_feed = (cursors.c.connection == connection) & (cursors.c.stream == stream)
    session.connection().execute(update(cursors).where(of_feed).values(**values))


def is_behind(cursor: Cursor, now: datetime, polling: Polling | None) -> bool:
    """Whether a feed was not read for so long that somebody has to know.

    A poll of a quiet feed moves `read_up_to` too, and a quiet bus says that it is: an old one means
    that nothing reads it, whatever the health of the processes says. A connection that left the
    settings is not expected to be read, nor is a feed that is neither polled any more nor heard.
    """
    if polling is None or not (polling.every_seconds or cursor.heard_since):
        return False
    return now - cursor.read_up_to > timedelta(seconds=polling.behind_seconds)


def never_polled(places: Iterable[Cursor], polling: Mapping[str, Polling]) -> list[str]:
    """The sources that are to be polled and never were; to listen to one is not to poll it."""
    polled = {place.connection for place in places if place.heard_since is None}
    return [name for name, one in polling.items() if one.every_seconds and name not in polled]
