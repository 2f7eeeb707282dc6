"""The exception desk as people see it: a list, groups with one remedy, one case in full."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select
from sqlmodel import Session

from canonical.desk import Action, CaseState
from canonical.money import Money
from ledger.case_records import FiledCase, from_row, money
from ledger.database import Database
from ledger.models.desk import case_attempts, cases

ROWS_MAX = 1000


class CaseGroup(BaseModel):
    """Open cases that one remedy resolves, and the money they hold by currency."""

    model_config = ConfigDict(frozen=True)

    cause_key: str
    count: int
    held: list[Money]
    oldest: datetime
    next_deadline: datetime


class RecordedAttempt(BaseModel):
    """A decision on a case, and what was made of it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    actor: str
    action: Action
    reason: str
    amendment: dict[str, Any]
    evidence_digest: str
    accepted: bool
    outcome: str
    state: CaseState
    at: datetime


class CaseDetail(FiledCase):
    """One case with every decision on it, refused ones included."""

    attempts: list[RecordedAttempt]


async def list_cases(
    db: Database,
    *,
    state: CaseState | None = None,
    cause_key: str | None = None,
    account_id: str | None = None,
    owner: str | None = None,
    workflow_id: str | None = None,
    limit: int = 100,
) -> list[FiledCase]:
    """Cases that match every filter given, the most urgent first."""
    wanted = {
        cases.c.state: state.value if state else None,
        cases.c.cause_key: cause_key,
        cases.c.account_id: account_id,
        cases.c.owner: owner,
        cases.c.workflow_id: workflow_id,
    }
    statement = select(cases).order_by(cases.c.deadline, cases.c.case_id)
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(column == value)
    bounded = statement.limit(min(limit, ROWS_MAX))
    rows = await db.read(lambda s: s.connection().execute(bounded).mappings().all())
    return [from_row(row) for row in rows]


async def group_cases(db: Database) -> list[CaseGroup]:
    """Cases that are not resolved, by cause key; the largest group first."""
    statement = (
        select(
            cases.c.cause_key,
            cases.c.held_currency,
            func.count().label("number"),
            func.sum(cases.c.held_minor).label("minor"),
            func.min(cases.c.opened_at).label("oldest"),
            func.min(cases.c.deadline).label("next_deadline"),
        )
        .where(cases.c.state != CaseState.RESOLVED.value)
        .group_by(cases.c.cause_key, cases.c.held_currency)
        .order_by(cases.c.cause_key, cases.c.held_currency)
    )
    rows = await db.read(lambda s: s.connection().execute(statement).all())
    by_key: dict[str, list[Any]] = {}
    for row in rows:
        by_key.setdefault(row.cause_key, []).append(row)
    groups = [_group(key, members) for key, members in by_key.items()]
    return sorted(groups, key=lambda group: (-group.count, group.cause_key))


def _group(cause_key: str, rows: list[Any]) -> CaseGroup:
    # PostgreSQL sums to a Decimal, whole because its parts are.
    sums = [money(None if r.minor is None else int(r.minor), r.held_currency) for r in rows]
    return CaseGroup(
        cause_key=cause_key,
        count=sum(row.number for row in rows),
        held=[amount for amount in sums if amount is not None],
        oldest=min(row.oldest for row in rows),
        next_deadline=min(row.next_deadline for row in rows),
    )


async def show_case(db: Database, case_id: str) -> CaseDetail | None:
    """One case in full; None when there is none under this id."""
    return await db.read(lambda session: _show(session, case_id))


def _show(session: Session, case_id: str) -> CaseDetail | None:
    connection = session.connection()
    one = select(cases).where(cases.c.case_id == case_id)
    row = connection.execute(one).mappings().first()
    if row is None:
        return None
    made = (
        select(case_attempts)
        .where(case_attempts.c.case_id == case_id)
        .order_by(case_attempts.c.id)
        .limit(ROWS_MAX)
    )
    attempts = [RecordedAttempt.model_validate(each) for each in connection.execute(made)]
    filed = from_row(row)
    return CaseDetail(
        case=filed.case,
        state=filed.state,
        opened_at=filed.opened_at,
        closed_at=filed.closed_at,
        attempts=attempts,
    )
