"""Effects as people see them: what a process wrote, and what may stand without proof."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from canonical.effects import EffectState
from ledger.database import Database
from ledger.models.effects import effects

ROWS_MAX = 1000


class EffectLine(BaseModel):
    """One write and what is known of it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    key: str
    connection: str
    kind: str
    subject_kind: str
    subject_id: str
    workflow_id: str
    correlation_id: str
    state: EffectState
    attempts: int
    external_id: str | None
    error: str
    reserved_at: datetime
    confirmed_at: datetime | None
    undone_at: datetime | None
    unknown_since: datetime | None


class UnknownEffect(EffectLine):
    """A write whose outcome is not known, and for how long."""

    age: timedelta


async def effects_of(db: Database, workflow_id: str) -> list[EffectLine]:
    """Every write of a process, in the order it was first reserved."""
    statement = (
        select(effects)
        .where(effects.c.workflow_id == workflow_id)
        .order_by(effects.c.reserved_at, effects.c.key)
        .limit(ROWS_MAX)
    )
    rows = await db.read(lambda s: s.connection().execute(statement).all())
    return [EffectLine.model_validate(row) for row in rows]


async def unknown_effects(db: Database, now: datetime, limit: int = 100) -> list[UnknownEffect]:
    """Writes that may stand without proof, the oldest doubt first."""
    statement = (
        select(effects)
        .where(effects.c.unknown_since.is_not(None))
        .order_by(effects.c.unknown_since, effects.c.key)
        .limit(min(limit, ROWS_MAX))
    )
    rows = await db.read(lambda s: s.connection().execute(statement).all())
    return [UnknownEffect(**row._mapping, age=now - row.unknown_since) for row in rows]
