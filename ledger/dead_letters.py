"""Dead letters as concerns: what came in or was to go out, was given up, and nobody has seen to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session

from canonical.intake import Concern, ConcernKind
from ledger.edits import REPLACED_BY
from ledger.episodes import Sighting, seen
from ledger.inbox import InboxState
from ledger.models.inbox import inbox
from ledger.models.relay import deliveries
from ledger.relay import DeliveryState

CAUSES_MAX = 5


@dataclass(frozen=True)
class _Way:
    """A direction: whose letters they are, which of them are dead, and how that is said."""

    name: str
    whose: ColumnElement[str]
    dead: Sequence[ColumnElement[bool]]
    cause: ColumnElement[str]
    settled_at: ColumnElement[datetime]
    says: str

    def about(self, whose: str) -> str:
        """What a concern is about."""
        return f"{self.name}/{whose}"


_WAYS = [
    _Way(
        "inbox",
        inbox.c.source,
        # One that was replaced by a corrected event stays dead, and nothing is left to be done.
        [inbox.c.state == InboxState.DEAD.value, ~inbox.c.error.contains(REPLACED_BY)],
        inbox.c.cause,
        inbox.c.settled_at,
        "{number} of what {whose} told could not be taken in",
    ),
    _Way(
        "relay",
        deliveries.c.subscriber,
        [deliveries.c.state == DeliveryState.DEAD.value],
        deliveries.c.cause,
        deliveries.c.settled_at,
        "{number} of the events for {whose} were not taken and are given up",
    ),
]


def dead_letters(session: Session) -> list[Sighting]:
    """One sighting for each source and each target that has dead letters which nobody has replayed
    or, by skipping the case, let be."""
    return [sighting for way in _WAYS for sighting in _of(session, way)]


def _of(session: Session, way: _Way) -> list[Sighting]:
    named = select(way.whose).where(*way.dead).distinct().order_by(way.whose)
    whose = list(session.connection().execute(named).scalars())
    if not whose:
        return []
    known = seen(session, ConcernKind.DEAD_LETTERS, [way.about(one) for one in whose])
    sightings = [_sighting(session, way, one, known.get(way.about(one))) for one in whose]
    return [one for one in sightings if one is not None]


def _sighting(
    session: Session, way: _Way, whose: str, seen_until: datetime | None
) -> Sighting | None:
    statement = (
        select(
            way.cause,
            func.count(),
            func.min(way.settled_at),
            func.max(way.settled_at),
        )
        .where(way.whose == whose, *way.dead)
        .group_by(way.cause)
        .order_by(func.count().desc(), way.cause)
    )
    if seen_until is not None:
        statement = statement.where(way.settled_at > seen_until)
    rows = session.connection().execute(statement).all()
    if not rows:
        return None
    oldest, newest = min(row[2] for row in rows), max(row[3] for row in rows)
    says = way.says.format(number=sum(row[1] for row in rows), whose=whose)
    causes = ", ".join(
        f"{cause or 'no cause'} ({number})" for cause, number, *_ in rows[:CAUSES_MAX]
    )
    concern = Concern(
        id=f"{ConcernKind.DEAD_LETTERS}/{way.about(whose)}",
        kind=ConcernKind.DEAD_LETTERS,
        about=way.about(whose),
        message=f"{says} since {oldest:%Y-%m-%d %H:%M}Z: {causes}",
        connection=whose if way.name == "inbox" else "",
        since=oldest,
        until=newest,
    )
    return Sighting(concern, begins=oldest, seen=seen_until)
