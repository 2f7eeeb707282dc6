"""Replays of what came in: chosen, made due again at a rate, and on record with who and why (R127).

A replay never repeats an effect: it makes an event due again, and what follows is decided anew from
the record as it is now, under the same ids and keys.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field
from sqlalchemy import bindparam, func, select, update
from sqlmodel import Session

from canonical.desk import REASON_CHARACTERS_MAX, Action, Attempt, CaseState, Resolution
from canonical.facts import Kind
from canonical.orders import Fact
from ledger import audit
from ledger.case_records import from_row, keep_attempt
from ledger.clock import Clock, utc_now
from ledger.database import Database
from ledger.inbox import InboxState, settle
from ledger.models.desk import cases
from ledger.models.evidence import events
from ledger.models.inbox import inbox
from ledger.models.intake import subjects
from ledger.views.inbox import SUMMARY, EventFilter, InboxLine, audit_subject

REPLAYED_MAX = 10_000
ROWS_PER_TRANSACTION = 100
SUBJECTS_PER_QUERY = 500
RATE_DEFAULT = 10.0
OPEN_CASES_MAX = 100


class ReplayMode(StrEnum):
    """From where an event is replayed."""

    REDELIVER = "redeliver"  # as if it had just come in
    FAILED_STEP = "failed-step"  # from where it failed
    START = "start"  # from the beginning, whatever is known by now
    EDITED = "edited"  # as another event, with corrected fields


class ReplayOrder(Fact):
    """What a person asks for; `rate` is how many a second."""

    mode: ReplayMode
    actor: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=REASON_CHARACTERS_MAX)
    selection: EventFilter
    rate: float = Field(default=RATE_DEFAULT, gt=0)


class Choice(Fact):
    """The events that a selection finds, the oldest first; `total` counts those beyond the limit
    too, and `by_cause` all of them."""

    events: list[InboxLine]
    total: int
    by_cause: dict[str, int]


_DUE = (
    update(inbox)
    .where(inbox.c.id == bindparam("of_id"), inbox.c.state == bindparam("of_state"))
    .values(state="pending", due_at=bindparam("of_due"), attempts=0, cause="", settled_at=None)
)
_FORGET_VERSION = (
    update(subjects)
    .where(
        subjects.c.connection == bindparam("of_connection"),
        subjects.c.kind == bindparam("of_kind"),
        subjects.c.subject_id == bindparam("of_subject"),
    )
    .values(version="")
)


class Replays:
    """Replays over a ledger."""

    def __init__(self, db: Database, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def choose(self, selection: EventFilter, limit: int = REPLAYED_MAX) -> Choice:
        """The events that a replay would concern."""
        wanted = selection.matching()
        chosen = select(*SUMMARY).where(*wanted).order_by(inbox.c.id).limit(limit)
        causes = (
            select(inbox.c.cause, func.count().label("number"))
            .where(*wanted)
            .group_by(inbox.c.cause)
            .order_by(func.count().desc(), inbox.c.cause)
        )
        rows, counted = await self._db.read(
            lambda s: (s.connection().execute(chosen).all(), s.connection().execute(causes).all())
        )
        by_cause = {row.cause: row.number for row in counted}
        found = [InboxLine.model_validate(row) for row in rows]
        return Choice(events=found, total=sum(by_cause.values()), by_cause=by_cause)

    async def told(self, lines: Sequence[InboxLine]) -> dict[int, list[str]]:
        """The types of canonical events that were told of each event's record, by its number."""
        wanted = sorted({f"{line.kind}/{line.subject}" for line in lines})
        known: dict[tuple[str, str], list[str]] = {}
        for start in range(0, len(wanted), SUBJECTS_PER_QUERY):
            statement = (
                select(events.c.source, events.c.subject, events.c.type)
                .where(events.c.subject.in_(wanted[start : start + SUBJECTS_PER_QUERY]))
                .group_by(events.c.source, events.c.subject, events.c.type)
                .order_by(func.min(events.c.position))
            )
            for row in await self._db.read(_rows_of(statement)):
                known.setdefault((row.source, row.subject), []).append(row.type)
        return {
            line.id: known.get((line.source, f"{line.kind}/{line.subject}"), []) for line in lines
        }

    async def known(self, lines: Sequence[InboxLine]) -> dict[int, str]:
        """The version that is known of each event's record, by the event's number."""
        wanted = sorted({line.subject for line in lines})
        found: dict[tuple[str, str, str], str] = {}
        for start in range(0, len(wanted), SUBJECTS_PER_QUERY):
            chunk = wanted[start : start + SUBJECTS_PER_QUERY]
            statement = select(subjects).where(subjects.c.subject_id.in_(chunk))
            for row in await self._db.read(_rows_of(statement)):
                found[row.connection, row.kind, row.subject_id] = row.version
        return {line.id: found.get((line.source, line.kind, line.subject), "") for line in lines}

    async def make_due(
        self, order: ReplayOrder, lines: Sequence[InboxLine], *, offset: int = 0
    ) -> int:
        """Make events due again, `order.rate` a second, the first one `offset` places from now.

        From the start, a record's known version is forgotten, so that whatever is read next counts;
        what was known of it is kept, so that nothing is told twice. One whose state changed since
        it was chosen is left alone. Returns how many are due.
        """
        now, done = self._clock(), 0
        for start in range(0, len(lines), ROWS_PER_TRANSACTION):
            chunk = lines[start : start + ROWS_PER_TRANSACTION]
            first = offset + start
            dues = [now + timedelta(seconds=(first + n) / order.rate) for n in range(len(chunk))]
            pairs = list(zip(chunk, dues, strict=True))
            done += await self._db.run(lambda s, p=pairs: _make_due(s, order, p, now))  # type: ignore[misc]
        return done

    async def intend(self, order: ReplayOrder, lines: Sequence[InboxLine], will: str) -> None:
        """Put on record what is about to be asked of the events' process, before it is asked."""
        now = self._clock()

        def work(session: Session) -> None:
            for line in lines:
                _note(session, order, line, now, will=will)

        await self._db.run(work)

    async def ended(
        self, order: ReplayOrder, lines: Sequence[InboxLine], workflow_id: str, outcome: str,
        *, done: bool,
    ) -> None:  # fmt: skip
        """What became of it; an event whose process goes on is done with."""
        now = self._clock()
        settled = {"state": InboxState.DISPATCHED.value, "workflow_id": workflow_id}
        settled |= {"error": "", "cause": ""}

        def work(session: Session) -> None:
            for line in lines:
                if done and line.state in (InboxState.DEAD, InboxState.PENDING):
                    settle(session, line.id, **settled, settled_at=now)
            for line in lines:
                body = {"mode": order.mode, "done": done, "outcome": outcome}
                subject = audit_subject(line.source, line.event_id)
                audit.append(session, order.actor, "inbox.replay_ended", subject, body, now)

        await self._db.run(work)

    async def close_superseded(self, order: ReplayOrder, case_ids: Sequence[str]) -> None:
        """Close cases that a process will open again, if at all, under new ids."""
        now = self._clock()
        still_open = (
            select(cases)
            .where(cases.c.case_id.in_(case_ids), cases.c.state != CaseState.RESOLVED.value)
            .limit(OPEN_CASES_MAX)
        )

        def work(session: Session) -> None:
            for row in session.connection().execute(still_open).mappings().all():
                keep_attempt(session, _superseded(row, order), now)

        await self._db.run(work)


def is_deal(line: InboxLine) -> bool:
    """Whether an event starts a process; the others are hints, whose record is read again."""
    return line.kind == Kind.OPPORTUNITY.value


def _make_due(
    session: Session,
    order: ReplayOrder,
    pairs: Sequence[tuple[InboxLine, datetime]],
    now: datetime,
) -> int:
    connection = session.connection()
    changed: list[tuple[InboxLine, datetime]] = []
    for line, due in pairs:
        given = {"of_id": line.id, "of_state": line.state.value, "of_due": due}
        if connection.execute(_DUE, given).rowcount:
            changed.append((line, due))
    if order.mode is ReplayMode.START:
        for record in sorted({(li.source, li.kind, li.subject) for li, _ in changed}):
            names = ("of_connection", "of_kind", "of_subject")
            connection.execute(_FORGET_VERSION, dict(zip(names, record, strict=True)))
    # Last, since the audit's head stays locked until the commit.
    for line, due in changed:
        _note(session, order, line, now, due_at=due.isoformat())
    return len(changed)


def _note(
    session: Session, order: ReplayOrder, line: InboxLine, now: datetime, **more: Any
) -> None:
    selection = order.selection.model_dump(mode="json", exclude_defaults=True)
    body: dict[str, Any] = {"mode": order.mode, "reason": order.reason, "selection": selection}
    body |= {"state": line.state.value, "cause": line.cause} | more
    subject = audit_subject(line.source, line.event_id)
    audit.append(session, order.actor, "inbox.replayed", subject, body, now)


def _superseded(row: Any, order: ReplayOrder) -> Attempt:
    case = from_row(row).case
    return Attempt(
        case_id=case.case_id,
        process=case.process,
        resolution=Resolution(
            case_id=case.case_id,
            action=Action.RETRY,
            actor=order.actor,
            reason=order.reason,
            evidence_digest=case.evidence_digest,
        ),
        accepted=True,
        outcome=f"the process is replayed ({order.mode})",
        state=CaseState.RESOLVED,
    )


def _rows_of(statement: Any) -> Any:
    return lambda session: session.connection().execute(statement).all()
