"""Where processes stand, and how far they came: stages, milestones, the funnel (R69, R143)."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select

from canonical.effects import ProcessRef
from canonical.milestones import Milestone
from canonical.money import Money
from ledger.case_records import money
from ledger.database import Database
from ledger.models.desk import milestones, processes

ROWS_MAX = 1000


class ProcessLine(BaseModel):
    """One process and where it stands."""

    model_config = ConfigDict(frozen=True)

    process: ProcessRef
    business_id: str
    stage: str
    account_id: str
    account_name: str
    legal_entity: str
    value: Money | None
    reason: str
    started_at: datetime
    updated_at: datetime


class StageCount(BaseModel):
    """How many processes of a kind are in a stage, and their value by currency."""

    model_config = ConfigDict(frozen=True)

    process: str
    stage: str
    count: int
    value: list[Money]


class ReachedMilestone(BaseModel):
    """When a process reached a milestone."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    milestone: Milestone
    business_id: str
    at: datetime


class FunnelStep(BaseModel):
    """How many processes reached a milestone."""

    model_config = ConfigDict(frozen=True)

    milestone: Milestone
    count: int


async def list_processes(
    db: Database,
    *,
    process: str | None = None,
    stage: str | None = None,
    account_id: str | None = None,
    business_id: str | None = None,
    limit: int = 100,
) -> list[ProcessLine]:
    """Processes that match every filter given, the last changed first."""
    wanted = {
        processes.c.process: process,
        processes.c.stage: stage,
        processes.c.account_id: account_id,
        processes.c.business_id: business_id,
    }
    statement = select(processes).order_by(processes.c.updated_at.desc(), processes.c.workflow_id)
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(column == value)
    bounded = statement.limit(min(limit, ROWS_MAX))
    rows = await db.read(lambda s: s.connection().execute(bounded).mappings().all())
    return [
        ProcessLine(
            **{name: row[name] for name in ProcessLine.model_fields if name in _COLUMNS},
            process=ProcessRef.model_validate(dict(row)),
            value=money(row["value_minor"], row["value_currency"]),
        )
        for row in rows
    ]


_COLUMNS = {column.name for column in processes.c} - {"process"}


async def count_stages(db: Database) -> list[StageCount]:
    """How many processes are in each stage, and what they are worth."""
    statement = (
        select(
            processes.c.process,
            processes.c.stage,
            processes.c.value_currency,
            func.count().label("number"),
            func.sum(processes.c.value_minor).label("minor"),
        )
        .group_by(processes.c.process, processes.c.stage, processes.c.value_currency)
        .order_by(processes.c.process, processes.c.stage, processes.c.value_currency)
    )
    rows = await db.read(lambda s: s.connection().execute(statement).all())
    by_stage: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        by_stage.setdefault((row.process, row.stage), []).append(row)
    return [_count(process, stage, rows) for (process, stage), rows in by_stage.items()]


def _count(process: str, stage: str, rows: list[Any]) -> StageCount:
    sums = [money(None if r.minor is None else int(r.minor), r.value_currency) for r in rows]
    number = sum(row.number for row in rows)
    value = [amount for amount in sums if amount is not None]
    return StageCount(process=process, stage=stage, count=number, value=value)


async def milestones_of(db: Database, workflow_id: str) -> list[ReachedMilestone]:
    """What a process reached, in the order it did."""
    statement = (
        select(milestones)
        .where(milestones.c.workflow_id == workflow_id)
        .order_by(milestones.c.at, milestones.c.milestone)
    )
    rows = await db.read(lambda s: s.connection().execute(statement).all())
    return [ReachedMilestone.model_validate(row) for row in rows]


async def funnel(db: Database, process: str | None = None) -> list[FunnelStep]:
    """How many processes reached each milestone, in the order of the business."""
    statement = select(milestones.c.milestone, func.count().label("number"))
    statement = statement.group_by(milestones.c.milestone)
    if process is not None:
        statement = statement.where(milestones.c.process == process)
    rows = await db.read(lambda s: s.connection().execute(statement).all())
    counts = {row.milestone: row.number for row in rows}
    return [FunnelStep(milestone=step, count=counts.get(step.value, 0)) for step in Milestone]


async def stage_of(db: Database, workflow_id: str) -> str:
    """The stage of one process; empty while the ledger does not know it."""
    statement = select(processes.c.stage).where(processes.c.workflow_id == workflow_id)
    return await db.read(lambda s: s.connection().execute(statement).scalar()) or ""
