"""Edited replays: a dead event is stored once more, corrected, as an event of its own (R127)."""

import hashlib
import re
from datetime import datetime
from typing import Any

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import func, select
from sqlmodel import Session

from canonical.errors import Conflict, Misconfigured, NotFound
from canonical.facts import Kind
from canonical.inbound import InboundEvent
from canonical.orders import Fact
from ledger import audit
from ledger.clock import Clock, utc_now
from ledger.database import Database
from ledger.inbox import ERROR_CHARACTERS_MAX, InboxState, settle, store
from ledger.models.inbox import inbox
from ledger.replays import ReplayOrder
from ledger.views.inbox import audit_subject

MARK = "#edited-"
# A dead event with this note has been seen to: another one was stored in its place.
REPLACED_BY = "; replaced by "
EDITED_FIELDS = ("kind", "subject", "version", "occurred_at", "body")
_MARKED = re.compile(rf"{MARK}\d+$")


class Edit(BaseModel):
    """What is corrected of an event; what is not given stays. A `body` that is no text is kept as
    JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind | None = None
    subject: str | None = Field(default=None, min_length=1)
    version: str | None = None
    occurred_at: AwareDatetime | None = None
    body: Any = None

    @model_validator(mode="after")
    def _says_something(self) -> "Edit":
        if not self.model_fields_set:
            raise ValueError("nothing is corrected")
        return self


class Correction(Fact):
    """An event before and after; bodies only as size and digest."""

    stored_id: int
    replaces: str
    event_id: str
    changes: dict[str, tuple[str, str]]


class Edits:
    """Corrected events over a ledger."""

    def __init__(self, db: Database, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def preview(self, stored_id: int, edit: Edit) -> Correction:
        """What would be stored; raises NotFound, Conflict unless it is dead, and Misconfigured for
        a correction that makes no event."""
        return await self._db.read(lambda s: self._corrected(s, stored_id, edit)[1])

    async def replay(self, order: ReplayOrder, stored_id: int, edit: Edit) -> Correction:
        """Store the corrected event, due now; the old one stays dead, with a note of the new one.

        Raises as `preview` does.
        """
        return await self._db.run(lambda s: self._replay(s, order, stored_id, edit))

    def _replay(
        self, session: Session, order: ReplayOrder, stored_id: int, edit: Edit
    ) -> Correction:
        event, correction = self._corrected(session, stored_id, edit)
        stored = store(session, event)
        if not stored.new:
            raise Conflict(f"{event.event_id} is stored already", about=event.event_id)
        note = f"{REPLACED_BY}{event.event_id}"
        error = session.connection().execute(
            select(inbox.c.error).where(inbox.c.id == stored_id)
        ).scalar_one()  # fmt: skip
        kept = error.partition(REPLACED_BY)[0][: ERROR_CHARACTERS_MAX - len(note)]
        settle(session, stored_id, error=f"{kept}{note}")
        body: dict[str, Any] = {"mode": order.mode, "reason": order.reason}
        body["replaced_by"] = event.event_id
        body["selection"] = order.selection.model_dump(mode="json", exclude_defaults=True)
        body["changes"] = {name: list(pair) for name, pair in correction.changes.items()}
        subject = audit_subject(event.source, correction.replaces)
        audit.append(session, order.actor, "inbox.replayed", subject, body, self._clock())
        return correction.model_copy(update={"stored_id": stored.id})

    def _corrected(
        self, session: Session, stored_id: int, edit: Edit
    ) -> tuple[InboundEvent, Correction]:
        statement = select(inbox).where(inbox.c.id == stored_id).with_for_update()
        row = session.connection().execute(statement).first()
        if row is None:
            raise NotFound(f"there is no inbound event {stored_id}", about=str(stored_id))
        if row.state != InboxState.DEAD.value:
            raise Conflict(
                f"event {stored_id} is {row.state}; only a dead one is edited",
                about=str(stored_id),
            )
        was = {name: getattr(row, name) for name in InboundEvent.model_fields}
        number = _next_number(session, row.source, row.event_id)
        event = _event(was, edit, f"{_MARKED.sub('', row.event_id)}{MARK}{number}", self._clock())
        changes = {
            name: (_said(was[name]), _said(getattr(event, name)))
            for name in EDITED_FIELDS
            if was[name] != getattr(event, name)
        }
        correction = Correction(
            stored_id=stored_id, replaces=row.event_id, event_id=event.event_id, changes=changes
        )
        return event, correction


def _next_number(session: Session, source: str, event_id: str) -> int:
    begins = f"{_MARKED.sub('', event_id)}{MARK}"
    statement = select(func.count()).where(
        inbox.c.source == source, inbox.c.event_id.startswith(begins, autoescape=True)
    )
    return int(session.connection().execute(statement).scalar_one()) + 1


def _event(was: dict[str, Any], edit: Edit, event_id: str, now: datetime) -> InboundEvent:
    given = {name: getattr(edit, name) for name in edit.model_fields_set}
    if "kind" in given and given["kind"] is not None:
        given["kind"] = given["kind"].value
    if "body" in given and not isinstance(given["body"], str):
        given["body"] = orjson.dumps(given["body"])
    elif "body" in given:
        given["body"] = given["body"].encode()
    try:
        return InboundEvent.model_validate(was | given | {"event_id": event_id, "received_at": now})
    except ValidationError as error:
        raise Misconfigured(f"the correction makes no event: {problems(error)}") from None


def problems(error: ValidationError) -> str:
    """What is wrong with each field, without repeating what was given."""
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors()
    )


def _said(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()[:12]}"
    return value.isoformat() if isinstance(value, datetime) else str(value or "")
