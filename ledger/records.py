"""Records of other systems: each read is compared with the one before, and what happened is told.

One transaction keeps the read, the events that follow from it, the milestones that they reach and
the fate of the hint, so that an event that was taken in has exactly one effect.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session

from canonical.connections import Environment
from canonical.effects import ProcessRef
from canonical.events import CanonicalEvent
from canonical.facts import FACTS, AnyFacts
from canonical.feeds import Taken
from canonical.ids import correlation_id
from canonical.inbound import PendingEvent
from canonical.milestones import Milestone
from domain.occurrences import Occurrence, occurrences
from ledger import audit, milestones
from ledger.clock import Clock, utc_now
from ledger.database import Database
from ledger.events import append_event, event_of
from ledger.inbox import InboxState, settle
from ledger.models.desk import processes
from ledger.models.intake import subjects
from ledger.upserts import Upsert

ACTOR = "tieline/intake"
MILESTONES: Mapping[str, Milestone] = {
    "invoice.posted": Milestone.INVOICE_POSTED,
    "payment.received": Milestone.PAYMENT_MATCHED,
}

_KNOWN = (
    select(subjects)
    .where(
        subjects.c.connection == bindparam("of_connection"),
        subjects.c.kind == bindparam("of_kind"),
        subjects.c.subject_id == bindparam("of_subject"),
    )
    .with_for_update()
)
_PUT = Upsert(
    subjects,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[subjects.c.connection, subjects.c.kind, subjects.c.subject_id],
        set_={
            name: insert.excluded[name]
            for name in ("version", "account_id", "facts", "changed_at", "recorded_at")
        },
    ),
)
_OF_DEAL = select(processes.c.process, processes.c.workflow_id).where(
    processes.c.business_id == bindparam("of_business")
)


class Records:
    """The newest read of every record, over a ledger."""

    def __init__(self, db: Database, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def versions(self, connection: str, hints: Collection[PendingEvent]) -> dict[int, str]:
        """The known version of each hint's record, by the hint's id; unknown records left out."""
        wanted = {hint.subject for hint in hints}
        statement = select(subjects.c.kind, subjects.c.subject_id, subjects.c.version).where(
            subjects.c.connection == connection, subjects.c.subject_id.in_(wanted)
        )
        rows = await self._db.read(lambda s: s.connection().execute(statement).all())
        known = {(row.kind, row.subject_id): row.version for row in rows}
        return {
            hint.id: known[hint.kind, hint.subject]
            for hint in hints
            if (hint.kind, hint.subject) in known
        }

    async def stale(self, hint: PendingEvent, known: str) -> None:
        """A newer version of the record is known already: the hint is on record, without effect."""
        why = f"version {hint.version} is older than {known}, which is known"
        await self._unread(hint, InboxState.STALE, why)

    async def ignore(self, hint: PendingEvent) -> None:
        """Its record is none of ours: the hint is on record, and nothing follows."""
        await self._unread(hint, InboxState.IGNORED, "its record is none of ours")

    async def _unread(self, hint: PendingEvent, state: InboxState, why: str) -> None:
        values = {"state": state.value, "error": why, "cause": "", "settled_at": self._clock()}
        await self._db.run(lambda s: settle(s, hint.id, **values))

    async def take(self, hint: PendingEvent, facts: AnyFacts, *others: PendingEvent) -> Taken:
        """Keep a read and tell what happened since the one before; other hints of the same record
        are answered by the same read."""
        now = self._clock()
        return await self._db.run(lambda s: _take(s, [hint, *others], facts, now))


def _take(session: Session, hints: Sequence[PendingEvent], facts: AnyFacts, now: datetime) -> Taken:
    hint = hints[0]
    key = {"of_connection": hint.source, "of_kind": facts.kind.value, "of_subject": facts.id}
    known = session.connection().execute(_KNOWN, key).first()
    if known is not None and known.version > facts.version:
        why = f"read version {facts.version}, older than {known.version}, which is known"
        _settle(session, hints, facts, InboxState.STALE, now, why)
        return Taken(state=InboxState.STALE)
    before = FACTS.validate_python(known.facts) if known else None
    told = occurrences(hint.source, before, facts, now.date())
    events = [_event(hint, facts, occurrence) for occurrence in told]
    new = [event for event in events if append_event(session, event)]
    for event in new:
        _reach(session, facts.opportunity_id, event)
    if new:
        body = {"event_id": hint.event_id, "version": facts.version, "events": [e.id for e in new]}
        subject = f"{hint.source}/{facts.kind}/{facts.id}"
        audit.append(session, ACTOR, "record.read", subject, body, now)
    put_record(session, hint.source, facts, now)
    _settle(session, hints, facts, InboxState.RECORDED, now)
    return Taken(state=InboxState.RECORDED, events=[event.id for event in new])


def put_record(session: Session, connection: str, facts: AnyFacts, now: datetime) -> None:
    """Keep a read as the newest of its record, whatever it was before; nothing follows from it."""
    row: dict[str, Any] = {
        "connection": connection,
        "kind": facts.kind.value,
        "subject_id": facts.id,
        "version": facts.version,
        "account_id": facts.account_id,
        "facts": facts.model_dump(mode="json"),
        "changed_at": facts.changed_at,
        "recorded_at": now,
    }
    _PUT.run(session, row)


def _settle(
    session: Session,
    hints: Sequence[PendingEvent],
    facts: AnyFacts,
    state: InboxState,
    now: datetime,
    why: str = "",
) -> None:
    values = {"state": state.value, "account_id": facts.account_id, "error": why, "cause": ""}
    for hint in hints:
        settle(session, hint.id, **values, settled_at=now)


def _event(hint: PendingEvent, facts: AnyFacts, occurrence: Occurrence) -> CanonicalEvent:
    cause = f"{hint.source}/{facts.kind}/{facts.id}/{occurrence.once}"
    return event_of(
        occurrence.data,
        cause,
        source=hint.source,
        subject=f"{facts.kind}/{facts.id}",
        occurred_at=occurrence.occurred_at,
        correlation_id=correlation_id(cause),
        caused_by=f"{hint.source}/{hint.event_id}",
        legal_entity=facts.legal_entity,
        environment=Environment(hint.environment),
    )


def _reach(session: Session, opportunity_id: str, event: CanonicalEvent) -> None:
    """The milestone that an event reaches in the process of its deal, running or ended (R143)."""
    milestone = MILESTONES.get(event.type)
    if milestone is None or not opportunity_id or event.body.get("in_full") is False:
        return
    rows = session.connection().execute(_OF_DEAL, {"of_business": opportunity_id}).all()
    for row in rows:
        process = ProcessRef(
            process=row.process,
            workflow_id=row.workflow_id,
            correlation_id=correlation_id(row.workflow_id),
        )
        milestones.reach(session, process, milestone, opportunity_id, event.occurred_at)
