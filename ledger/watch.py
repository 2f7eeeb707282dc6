"""What the ledger knows to be late, missing or given up, as concerns for somebody to look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session

from canonical.connections import Polling
from canonical.feeds import Count, Cursor
from canonical.intake import Concern, ConcernKind
from canonical.money import Money
from ledger.clock import Clock, utc_now
from ledger.database import Database
from ledger.dead_letters import dead_letters
from ledger.episodes import Sighting, placed
from ledger.expiries import expiries
from ledger.feeds import Feeds, is_behind, never_polled
from ledger.models.desk import milestones, processes

MISSING_MAX = 200
# What was counted longer ago was looked at, or will be found by the next count of its window.
COUNTS_WATCHED = timedelta(days=2)
# Older processes are not expected to move any more.
EXPECTED_WITHIN = timedelta(days=30)


@dataclass(frozen=True)
class Expectation:
    """What must follow a milestone of a process, and how soon."""

    name: str
    process: str
    after: str
    then: str
    within: timedelta


class SqlWatch:
    """`activities.watch.Watchbook` over a ledger, by the catalogue's expectations of the moment."""

    def __init__(
        self,
        db: Database,
        polling: Mapping[str, Polling],
        expectations: Callable[[], Sequence[Expectation]],
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._db = db
        self._polling = polling
        self._expectations = expectations
        self._feeds = Feeds(db, clock=clock)
        self._clock = clock

    async def concerns(self) -> list[Concern]:
        """Everything that is late or missing now, or was given up."""
        now = self._clock()
        places = await self._feeds.cursors()
        late = [self._behind(cursor) for cursor in places if self._is_behind(cursor, now)]
        late += [self._never(name, now) for name in never_polled(places, self._polling)]
        ours = [cursor for cursor in places if cursor.connection in self._polling]
        found = await self._db.run(
            lambda s: placed(s, [*late, *expiries(s, ours), *dead_letters(s)], now)
        )
        found += [_mismatch(count) for count in await self._feeds.mismatches(now - COUNTS_WATCHED)]
        for expected in self._expectations():
            found += await self._db.read(_missing(expected, now))
        return found

    async def still(self, concern: Concern) -> Concern | None:
        """A concern as it is now; None once it has healed, or somebody has seen to it.

        What the watch itself does not look for stands until a person has seen it: nobody but the
        daily reconcile knows whether a clock can be kept by now.
        """
        if concern.kind is ConcernKind.CLOCK_UNKEPT:
            return concern
        return next((other for other in await self.concerns() if other.id == concern.id), None)

    def _is_behind(self, cursor: Cursor, now: datetime) -> bool:
        return is_behind(cursor, now, self._polling.get(cursor.connection))

    def _behind(self, cursor: Cursor) -> Sighting:
        about = f"{cursor.connection}/{cursor.stream}"
        since = f"{cursor.read_up_to:%Y-%m-%d %H:%M}Z"
        concern = Concern(
            id=f"{ConcernKind.CURSOR_BEHIND}/{about}",
            kind=ConcernKind.CURSOR_BEHIND,
            about=about,
            message=f"{about} was last read up to {since}. {cursor.error}".strip(),
            connection=cursor.connection,
            stream=cursor.stream,
            since=cursor.read_up_to,
        )
        # While a backlog is read the place moves on, and it is the same concern all the same.
        return Sighting(concern, begins=cursor.read_up_to.replace(microsecond=0))

    def _never(self, connection: str, now: datetime) -> Sighting:
        polling = self._polling[connection]
        concern = Concern(
            id=f"{ConcernKind.CURSOR_BEHIND}/{connection}",
            kind=ConcernKind.CURSOR_BEHIND,
            about=connection,
            message=f"{connection} is to be polled every {polling.every_seconds} s, and never was",
            connection=connection,
        )
        patience = timedelta(seconds=polling.behind_seconds)
        return Sighting(concern, begins=now.replace(microsecond=0), patience=patience)


def _mismatch(count: Count) -> Concern:
    about = f"{count.connection}/{count.stream}"
    examples = ", ".join(count.examples[:3])
    return Concern(
        id=f"{ConcernKind.COUNT_MISMATCH}/{about}/{count.since:%Y%m%dT%H%M%S}",
        kind=ConcernKind.COUNT_MISMATCH,
        about=about,
        message=f"{about}: {count.missing} of {count.told} changes between "
        f"{count.since:%Y-%m-%d %H:%M}Z and {count.until:%H:%M}Z are not in the inbox ({examples})",
        connection=count.connection,
        stream=count.stream,
        since=count.since,
        until=count.until,
    )


def _missing(expected: Expectation, now: datetime) -> Callable[[Session], list[Concern]]:
    then = milestones.alias("then")
    statement = (
        select(processes, milestones.c.at)
        .join(
            milestones,
            (milestones.c.workflow_id == processes.c.workflow_id)
            & (milestones.c.process == expected.process)
            & (milestones.c.milestone == expected.after),
        )
        .outerjoin(
            then,
            (then.c.workflow_id == processes.c.workflow_id) & (then.c.milestone == expected.then),
        )
        .where(
            processes.c.process == expected.process,
            processes.c.stage.not_in(("cancelled", "cancelling")),
            milestones.c.at < now - expected.within,
            milestones.c.at > now - EXPECTED_WITHIN,
            then.c.workflow_id.is_(None),
        )
        .order_by(milestones.c.at)
        .limit(MISSING_MAX)
    )

    def work(session: Session) -> list[Concern]:
        found = []
        for row in session.connection().execute(statement):
            held = None
            if row.value_minor is not None and row.value_currency:
                held = Money(amount_minor=row.value_minor, currency=row.value_currency)
            wanted, after = expected.then.replace("_", " "), expected.after.replace("_", " ")
            found.append(
                Concern(
                    id=f"{ConcernKind.EVENT_MISSING}/{expected.name}/{row.workflow_id}",
                    kind=ConcernKind.EVENT_MISSING,
                    about=f"{expected.name}/{row.business_id}",
                    message=f"{row.workflow_id}: {after} at {row.at:%Y-%m-%d %H:%M}Z, and no "
                    f"{wanted} within {expected.within}",
                    expectation=expected.name,
                    workflow_id=row.workflow_id,
                    account_id=row.account_id,
                    account_name=row.account_name,
                    legal_entity=row.legal_entity,
                    held=held,
                )
            )
        return found

    return work
