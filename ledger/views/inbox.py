"""The inbox as people see it: events by what narrows them down, one in full, and refusals."""

import hashlib
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlmodel import Session

from canonical.events import OutboxEvent
from canonical.ids import correlation_id
from canonical.orders import Fact
from ledger.database import Database
from ledger.inbox import InboxState
from ledger.models.desk import processes
from ledger.models.evidence import audit_rows, events
from ledger.models.inbox import inbox, refusal_counts, refusals
from ledger.models.intake import subjects

ROWS_MAX = 1000
BODY_CHARACTERS_MAX = 1_048_576
SUMMARY = [column for column in inbox.c if column.name != "body"]


class EventFilter(Fact):
    """What narrows inbound events down; `since` and `until` are about when they were received.

    `account` is the CRM's id of the account: of the record that was read, or of the deal.
    """

    ids: list[int] = []
    state: InboxState | None = None
    source: str = ""
    kind: str = ""
    subject: str = ""
    cause: str = ""
    account: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def names_something(self) -> bool:
        """Whether anything but a state narrows it down."""
        return any(value for name, value in self if name != "state")

    def matching(self) -> list[ColumnElement[bool]]:
        """The filter as conditions on the inbox, all of which have to hold."""
        wanted: list[ColumnElement[bool]] = []
        if self.ids:
            wanted.append(inbox.c.id.in_(self.ids))
        for name in ("state", "source", "kind", "subject", "cause"):
            if value := getattr(self, name):
                wanted.append(inbox.c[name] == str(value))
        if self.account:
            wanted.append(_of_account(self.account))
        if self.since is not None:
            wanted.append(inbox.c.received_at >= self.since)
        if self.until is not None:
            wanted.append(inbox.c.received_at < self.until)
        return wanted


class InboxLine(BaseModel):
    """One inbound event, without its body."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: int
    source: str
    event_id: str
    type: str
    kind: str
    subject: str
    version: str
    channel: str
    priority: int
    account_id: str
    environment: str
    occurred_at: datetime | None
    received_at: datetime
    state: InboxState
    deliveries: int
    attempts: int
    due_at: datetime
    settled_at: datetime | None
    workflow_id: str
    cause: str
    error: str


class NewestRead(BaseModel):
    """What the record that an event is about was when it was last read."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    version: str
    changed_at: datetime
    recorded_at: datetime
    facts: dict[str, Any]


class EventProcess(BaseModel):
    """The process that an event started, as the ledger has it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    workflow_id: str
    stage: str
    account_name: str
    reason: str
    started_at: datetime
    updated_at: datetime


class Replayed(BaseModel):
    """Who had an event replayed, and when."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    at: datetime
    actor: str
    action: str
    body: str


class InboxDetail(InboxLine):
    """One inbound event with all that followed from it; the body only when it was asked for."""

    body_bytes: int
    body_digest: str
    body: str | None = None
    record: NewestRead | None = None
    told: list[OutboxEvent] = []
    process: EventProcess | None = None
    replays: list[Replayed] = []


class RefusalLine(BaseModel):
    """One message that was not let in."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    source: str
    code: str
    reason: str
    remote: str
    event_id: str
    body_digest: str
    body_bytes: int
    at: datetime


class RefusalTotal(BaseModel):
    """How many messages of a source were refused for one reason."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    source: str
    code: str
    total: int
    last_at: datetime


async def list_events(
    db: Database,
    *,
    state: InboxState | None = None,
    narrowed: EventFilter | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[InboxLine]:
    """Inbound events, the newest first; `before` one of them goes on after a page."""
    wanted = narrowed or EventFilter(state=state)
    statement = select(*SUMMARY).where(*wanted.matching()).order_by(inbox.c.id.desc())
    if before is not None:
        statement = statement.where(inbox.c.id < before)
    bounded = statement.limit(min(limit, ROWS_MAX))
    rows = await db.read(lambda s: s.connection().execute(bounded).all())
    return [InboxLine.model_validate(row) for row in rows]


async def show_event(
    db: Database, stored_id: int, *, with_body: bool = False
) -> InboxDetail | None:
    """One inbound event in full; None when there is none under this number."""
    return await db.read(lambda session: _show(session, stored_id, with_body))


async def list_refusals(db: Database, limit: int = 100) -> list[RefusalLine]:
    """Refusals that were kept, the newest first."""
    statement = select(refusals).order_by(refusals.c.id.desc()).limit(min(limit, ROWS_MAX))
    rows = await db.read(lambda s: s.connection().execute(statement).all())
    return [RefusalLine.model_validate(row) for row in rows]


async def count_refusals(db: Database) -> list[RefusalTotal]:
    """How many were refused by source and code, also those no longer kept."""
    statement = select(refusal_counts).order_by(refusal_counts.c.total.desc()).limit(ROWS_MAX)
    rows = await db.read(lambda s: s.connection().execute(statement).all())
    return [RefusalTotal.model_validate(row) for row in rows]


def audit_subject(source: str, event_id: str) -> str:
    """How the audit names an inbound event."""
    return f"{source}/{event_id}"


def _of_account(account: str) -> ColumnElement[bool]:
    # An event that was set aside was not read: its account is that of an earlier read, or the
    # account of the deal's process.
    record = and_(
        subjects.c.connection == inbox.c.source,
        subjects.c.kind == inbox.c.kind,
        subjects.c.subject_id == inbox.c.subject,
        subjects.c.account_id == account,
    )
    deal = and_(processes.c.business_id == inbox.c.subject, processes.c.account_id == account)
    return or_(
        inbox.c.account_id == account,
        exists().where(record),
        and_(inbox.c.subject != "", exists().where(deal)),
    )


def _show(session: Session, stored_id: int, with_body: bool) -> InboxDetail | None:
    connection = session.connection()
    row = connection.execute(select(inbox).where(inbox.c.id == stored_id)).first()
    if row is None:
        return None
    read = connection.execute(
        select(subjects).where(
            subjects.c.connection == row.source,
            subjects.c.kind == row.kind,
            subjects.c.subject_id == row.subject,
        )
    ).first()
    process = connection.execute(
        select(processes).where(processes.c.workflow_id == row.workflow_id)
    ).first()
    replays = connection.execute(
        select(audit_rows)
        .where(
            audit_rows.c.subject == audit_subject(row.source, row.event_id),
            audit_rows.c.action.like("inbox.%"),
        )
        .order_by(audit_rows.c.seq)
        .limit(ROWS_MAX)
    )
    text = row.body.decode(errors="replace")[:BODY_CHARACTERS_MAX]
    return InboxDetail(
        **InboxLine.model_validate(row).model_dump(),
        body_bytes=len(row.body),
        body_digest=hashlib.sha256(row.body).hexdigest(),
        body=text if with_body else None,
        record=NewestRead.model_validate(read) if read else None,
        told=_told(session, row),
        process=EventProcess.model_validate(process) if process else None,
        replays=[Replayed.model_validate(each) for each in replays],
    )


def _told(session: Session, row: Any) -> list[OutboxEvent]:
    """The canonical events of the event's record, or of the process that it started."""
    of_record = and_(events.c.subject == f"{row.kind}/{row.subject}", events.c.source == row.source)
    of_process = events.c.correlation_id == correlation_id(row.workflow_id)
    wanted = or_(of_record, of_process) if row.workflow_id else of_record
    statement = select(events).where(wanted).order_by(events.c.position).limit(ROWS_MAX)
    found = session.connection().execute(statement)
    return [OutboxEvent.model_validate(dict(each._mapping)) for each in found]
