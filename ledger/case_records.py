"""Exception cases and attempts as rows, each function within the caller's transaction."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_jsonable_python
from sqlalchemy import RowMapping, bindparam, insert, select, update
from sqlmodel import Session

from canonical.desk import Action, Attempt, CaseOpening, CaseState, ExceptionCase, Failure
from canonical.effects import ProcessRef
from canonical.errors import NotFound
from canonical.ids import digest
from canonical.money import Money
from ledger import audit
from ledger.models.desk import case_attempts, cases
from ledger.upserts import Upsert

_LOAD = select(cases).where(cases.c.case_id == bindparam("of_case")).with_for_update()
_FILE = Upsert(cases, lambda insert: insert.on_conflict_do_nothing().returning(cases.c.case_id))
_SAVE = update(cases).where(cases.c.case_id == bindparam("of_case"))
_KEEP_ATTEMPT = insert(case_attempts)
_SAME_ATTEMPT = select(case_attempts.c.id).where(
    case_attempts.c.case_id == bindparam("of_case"),
    case_attempts.c.digest == bindparam("of_digest"),
)


class FiledCase(BaseModel):
    """A case with what the desk alone knows of it."""

    model_config = ConfigDict(frozen=True)

    case: ExceptionCase
    state: CaseState
    opened_at: datetime
    closed_at: datetime | None


def evidence_digest(opening: CaseOpening, facts_digest: str) -> str:
    """What approvals bind to: the case, its cause, the facts and the money it holds."""
    bound = {
        "case_id": opening.case_id,
        "cause_key": opening.failure.cause_key,
        "step": opening.step,
        "facts_digest": facts_digest,
        "held": opening.held,
        "details": opening.failure.details,
    }
    return digest(to_jsonable_python(bound))


def money(minor: int | None, currency: str | None) -> Money | None:
    """An amount from its two columns."""
    if minor is None or currency is None:
        return None
    return Money(amount_minor=minor, currency=currency)


def from_row(row: RowMapping) -> FiledCase:
    """A case from its row."""
    case = ExceptionCase(
        case_id=row["case_id"],
        process=ProcessRef.model_validate(dict(row)),
        step=row["step"],
        gates=row["gates"],
        failure=Failure.model_validate(dict(row)),
        account_id=row["account_id"],
        account_name=row["account_name"],
        legal_entity=row["legal_entity"],
        held=money(row["held_minor"], row["held_currency"]),
        facts_digest=row["facts_digest"],
        opened_at=row["opened_at"],
        owner=row["owner"],
        deadline=row["deadline"],
        actions=[Action(action) for action in row["actions"]],
        approvals_required=row["approvals_required"],
        evidence_digest=row["evidence_digest"],
        escalations=row["escalations"],
    )
    return FiledCase(
        case=case,
        state=CaseState(row["state"]),
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
    )


def load_case(session: Session, case_id: str) -> FiledCase | None:
    """A case, locked until the transaction ends."""
    row = session.connection().execute(_LOAD, {"of_case": case_id}).mappings().first()
    return from_row(row) if row else None


def required_case(session: Session, case_id: str) -> FiledCase:
    """A case that must be there; raises NotFound."""
    filed = load_case(session, case_id)
    if filed is None:
        raise NotFound(f"There is no case {case_id}.", about=case_id)
    return filed


def file_case(session: Session, case: ExceptionCase) -> bool:
    """Insert a new case; False when another process filed it first."""
    nested = {"process", "failure", "held", "deadline", "opened_at"}
    row = case.model_dump(mode="json", exclude=nested)
    row |= case.process.model_dump() | case.failure.model_dump(mode="json")
    row |= {"deadline": case.deadline, "opened_at": case.opened_at, "state": CaseState.OPEN.value}
    row["held_minor"] = case.held.amount_minor if case.held else None
    row["held_currency"] = case.held.currency if case.held else None
    return _FILE.run(session, row).first() is not None


def save_case(session: Session, case_id: str, changes: dict[str, Any]) -> None:
    """Change columns of a case."""
    session.connection().execute(_SAVE, {"of_case": case_id} | changes)


def keep_attempt(session: Session, attempt: Attempt, now: datetime) -> None:
    """Keep a decision and, when it was accepted, move the case; raises NotFound.

    The same accepted decision is kept once, since an activity may report it twice.
    """
    filed = required_case(session, attempt.case_id)
    identity = digest(attempt)
    connection = session.connection()
    same = {"of_case": attempt.case_id, "of_digest": identity}
    if attempt.accepted and connection.execute(_SAME_ATTEMPT, same).first() is not None:
        return
    resolution = attempt.resolution
    row = resolution.model_dump(mode="json") | {"case_id": attempt.case_id, "at": now}
    row |= {"accepted": attempt.accepted, "outcome": attempt.outcome, "digest": identity}
    connection.execute(_KEEP_ATTEMPT, row | {"state": attempt.state.value})
    if attempt.accepted and filed.state is not CaseState.RESOLVED:
        closed_at = now if attempt.state is CaseState.RESOLVED else None
        changes = {"state": attempt.state.value, "closed_at": closed_at}
        save_case(session, attempt.case_id, changes)
    said = "accepted" if attempt.accepted else "refused"
    body = {"attempt": identity, "decision": said, "outcome": attempt.outcome}
    body |= {"evidence_digest": resolution.evidence_digest, "reason": resolution.reason}
    action = f"case.{resolution.action.value}"
    audit.append(session, resolution.actor, action, attempt.case_id, body, now)
