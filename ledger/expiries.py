"""Lost places as concerns: a feed forgot where we were, or lost events; nobody has looked since."""

from collections.abc import Sequence
from datetime import datetime

import orjson
from sqlalchemy import select
from sqlmodel import Session

from canonical.feeds import Cursor
from canonical.intake import Concern, ConcernKind
from ledger.episodes import Sighting, seen
from ledger.feeds import EXPIRED
from ledger.models.evidence import audit_rows


def expiries(session: Session, places: Sequence[Cursor]) -> list[Sighting]:
    """One sighting for each feed that lost our place since somebody last looked at that.

    The gaps were filled, and each stands all the same until somebody has seen it, since nobody can
    say what else was lost.
    """
    lost = {f"{place.connection}/{place.stream}": place for place in places if place.expired_at}
    known = seen(session, ConcernKind.CURSOR_EXPIRED, list(lost)) if lost else {}
    found = [_sighting(session, about, one, known.get(about)) for about, one in lost.items()]
    return [sighting for sighting in found if sighting is not None]


def _sighting(
    session: Session, about: str, place: Cursor, seen_until: datetime | None
) -> Sighting | None:
    last = place.expired_at
    if last is None or (seen_until is not None and last <= seen_until):
        return None
    gaps = _gaps(session, place, seen_until)
    gap_from = min(gaps, default=place.gap_from)
    begins = f"{gap_from:%Y-%m-%d %H:%M}Z" if gap_from else "an unknown time"
    often = f" {len(gaps)} times, last at {last:%Y-%m-%d %H:%M}Z" if len(gaps) > 1 else ""
    concern = Concern(
        id=f"{ConcernKind.CURSOR_EXPIRED}/{about}",
        kind=ConcernKind.CURSOR_EXPIRED,
        about=about,
        message=f"{about} forgot our place{often}; what changed since {begins} was read from the "
        "records instead. Deletions in between are not seen.",
        connection=place.connection,
        stream=place.stream,
        since=gap_from,
        until=last,
    )
    # To the second, unless what somebody has seen was told in that very second.
    second = last.replace(microsecond=0)
    told_apart = seen_until is None or seen_until < second
    return Sighting(concern, begins=second if told_apart else last, seen=seen_until)


def _gaps(session: Session, place: Cursor, seen_until: datetime | None) -> list[datetime]:
    """Where each gap begins that nobody has seen: the place itself only knows of the last one."""
    statement = select(audit_rows.c.body).where(
        audit_rows.c.subject == place.connection, audit_rows.c.action == EXPIRED
    )
    if seen_until is not None:
        statement = statement.where(audit_rows.c.at > seen_until)
    bodies = [orjson.loads(body) for body in session.connection().execute(statement).scalars()]
    return [
        datetime.fromisoformat(body["gap_from"])
        for body in bodies
        if body["stream"] == place.stream
    ]
