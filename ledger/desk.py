"""The exception desk in SQL: cases, every decision on them, milestones and process states."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import rfc8785
from pydantic_core import to_jsonable_python
from sqlmodel import Session

from canonical.connections import Environment
from canonical.desk import (
    Announcement,
    Attempt,
    CaseOpening,
    CaseState,
    DeskPolicy,
    ExceptionCase,
    ProcessRecord,
)
from canonical.effects import ProcessRef
from canonical.events import CanonicalEvent
from canonical.ids import digest
from canonical.milestones import Milestone
from ledger import audit, milestones
from ledger.case_records import (
    evidence_digest,
    file_case,
    keep_attempt,
    load_case,
    required_case,
    save_case,
)
from ledger.clock import Clock, utc_now
from ledger.database import Database
from ledger.events import append_event, event_of
from ledger.models.evidence import evidence
from ledger.standing import keep_standing
from ledger.upserts import Upsert

_KEEP_EVIDENCE = Upsert(evidence, lambda insert: insert.on_conflict_do_nothing())


class SqlDesk:
    """`canonical.desk.Desk` over a ledger, with the catalogue's policy."""

    def __init__(
        self,
        db: Database,
        policy: DeskPolicy,
        *,
        clock: Clock = utc_now,
        environment: Environment = Environment.TEST,
    ) -> None:
        self._db = db
        self._environment = environment
        self._policy = policy
        self._clock = clock

    async def open_case(self, opening: CaseOpening) -> ExceptionCase:
        """File a case, or return the one filed under this id."""
        return await self._db.run(lambda s: self._open(s, opening))

    async def escalate(
        self, case_id: str, level: int | None = None, at: datetime | None = None
    ) -> ExceptionCase:
        """Hand the case to the next owner with a new deadline; a level once made stays as it is.

        Raises NotFound for an unknown case.
        """
        return await self._db.run(lambda s: self._escalate(s, case_id, level, at))

    async def revise(self, case_id: str, facts_digest: str) -> ExceptionCase:
        """New facts: new evidence digest, and approvals given so far are void (R129)."""
        return await self._db.run(lambda s: self._revise(s, case_id, facts_digest))

    async def record_attempt(self, attempt: Attempt) -> None:
        """Keep a decision, refused ones too; an accepted final one closes the case."""
        await self._db.run(lambda s: keep_attempt(s, attempt, self._clock()))

    async def record_milestone(
        self,
        process: ProcessRef,
        milestone: Milestone,
        business_id: str,
        at: datetime,
        announcement: Announcement | None = None,
    ) -> None:
        """Note that a milestone was reached, and announce it; the first time counts."""
        event = self._event(process, milestone, at, announcement) if announcement else None

        def work(session: Session) -> None:
            milestones.reach(session, process, milestone, business_id, at)
            if event is not None:
                append_event(session, event)

        await self._db.run(work)

    def _event(
        self, process: ProcessRef, milestone: Milestone, at: datetime, told: Announcement
    ) -> CanonicalEvent:
        return event_of(
            told.data,
            f"{process.workflow_id}/{milestone}",
            source=process.process,
            subject=told.subject,
            occurred_at=at,
            correlation_id=process.correlation_id,
            legal_entity=told.legal_entity,
            environment=self._environment,
        )

    async def record_process(self, record: ProcessRecord) -> None:
        """Note where a process stands now."""
        await self._db.run(lambda s: keep_standing(s, record, self._clock()))

    async def keep_evidence(self, bodies: Sequence[Any]) -> list[str]:
        """Store bodies under their digests, each once; returns the digests in the same order."""
        plain = [to_jsonable_python(body) for body in bodies]
        rows = [
            {"digest": digest(body), "body": rfc8785.dumps(body).decode(), "kept_at": self._clock()}
            for body in plain
        ]
        if rows:
            await self._db.run(lambda s: _KEEP_EVIDENCE.run(s, rows))
        return [str(row["digest"]) for row in rows]

    def _open(self, session: Session, opening: CaseOpening) -> ExceptionCase:
        filed = load_case(session, opening.case_id)
        if filed is not None:
            return filed.case
        policy, cause, step = self._policy, opening.failure.cause, opening.step
        opened_at = opening.opened_at or self._clock()
        facts = {name: getattr(opening, name) for name in CaseOpening.model_fields}
        case = ExceptionCase(
            **facts | {"opened_at": opened_at},
            owner=policy.owner_of(cause, step),
            deadline=opened_at + policy.deadline(cause, step, 0),
            actions=policy.actions_for(cause, step, opening.gates),
            approvals_required=policy.approvals_required(opening.held),
            evidence_digest=evidence_digest(opening, opening.facts_digest),
        )
        if not file_case(session, case):
            return required_case(session, case.case_id).case
        self._audit(session, case, "case.opened", {"cause_key": case.failure.cause_key})
        return case

    def _escalate(
        self, session: Session, case_id: str, level: int | None, at: datetime | None
    ) -> ExceptionCase:
        filed = required_case(session, case_id)
        case, cause = filed.case, filed.case.failure.cause
        wanted = case.escalations + 1 if level is None else level
        if wanted <= case.escalations or filed.state is CaseState.RESOLVED:
            return case
        changes = {
            "owner": self._policy.escalation_owner(cause, case.step, wanted),
            "deadline": (at or self._clock()) + self._policy.deadline(cause, case.step, wanted),
            "escalations": wanted,
        }
        escalated = case.model_copy(update=changes)
        save_case(session, case_id, changes)
        self._audit(session, escalated, "case.escalated", {"level": wanted})
        return escalated

    def _revise(self, session: Session, case_id: str, facts_digest: str) -> ExceptionCase:
        filed = required_case(session, case_id)
        if filed.case.facts_digest == facts_digest:
            return filed.case
        bound = evidence_digest(filed.case, facts_digest)
        changes: dict[str, Any] = {"facts_digest": facts_digest, "evidence_digest": bound}
        revised = filed.case.model_copy(update=changes)
        if filed.state is CaseState.AWAITING_APPROVAL:
            changes["state"] = CaseState.OPEN.value
        save_case(session, case_id, changes)
        self._audit(session, revised, "case.revised", {"before": filed.case.evidence_digest})
        return revised

    def _audit(
        self, session: Session, case: ExceptionCase, action: str, body: dict[str, Any]
    ) -> None:
        body = body | {"owner": case.owner, "evidence_digest": case.evidence_digest}
        actor = case.process.workflow_id
        audit.append(session, actor, action, case.case_id, body, self._clock())
