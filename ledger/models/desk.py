"""Processes, their milestones, exception cases and every decision on them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index
from sqlmodel import Field

from ledger.models.base import Identity, LedgerModel, UtcDateTime, table_of


class ProcessRow(LedgerModel, table=True):
    """Where one process stands now."""

    __tablename__ = "processes"
    __table_args__ = (
        Index("ix_processes_stage", "process", "stage"),
        Index("ix_processes_account_id", "account_id"),
        Index("ix_processes_business_id", "business_id"),
    )

    workflow_id: str = Field(primary_key=True)
    process: str
    correlation_id: str
    business_id: str
    stage: str
    account_id: str
    account_name: str
    legal_entity: str
    value_minor: int | None = Field(default=None, sa_type=BigInteger)
    value_currency: str | None = None
    reason: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class MilestoneRow(LedgerModel, table=True):
    """When a process first reached a milestone (R69, R143)."""

    __tablename__ = "milestones"
    __table_args__ = (Index("ix_milestones_milestone", "process", "milestone", "at"),)

    workflow_id: str = Field(primary_key=True)
    milestone: str = Field(primary_key=True)
    process: str
    correlation_id: str
    business_id: str
    at: datetime = Field(sa_type=UtcDateTime)


class CaseRow(LedgerModel, table=True):
    """One exception with its owner, its deadline and the money it holds."""

    __tablename__ = "cases"
    __table_args__ = (
        Index("ix_cases_state", "state", "deadline"),
        Index("ix_cases_cause_key", "cause_key"),
        Index("ix_cases_workflow_id", "workflow_id"),
    )

    case_id: str = Field(primary_key=True)
    process: str
    workflow_id: str
    correlation_id: str
    step: str
    gates: bool
    cause: str
    cause_key: str
    message: str
    details: Any = Field(sa_type=JSON)
    account_id: str
    account_name: str
    legal_entity: str
    held_minor: int | None = Field(default=None, sa_type=BigInteger)
    held_currency: str | None = None
    facts_digest: str
    owner: str
    deadline: datetime = Field(sa_type=UtcDateTime)
    actions: Any = Field(sa_type=JSON)
    approvals_required: int
    evidence_digest: str
    escalations: int
    state: str
    opened_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AttemptRow(LedgerModel, table=True):
    """One decision on a case as it was received, accepted or refused."""

    __tablename__ = "case_attempts"
    __table_args__ = (Index("ix_case_attempts_case_id", "case_id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=Identity)
    case_id: str = Field(foreign_key="cases.case_id")
    actor: str
    action: str
    reason: str
    amendment: Any = Field(sa_type=JSON)
    evidence_digest: str
    accepted: bool
    outcome: str
    state: str
    digest: str
    at: datetime = Field(sa_type=UtcDateTime)


processes = table_of(ProcessRow)
milestones = table_of(MilestoneRow)
cases = table_of(CaseRow)
case_attempts = table_of(AttemptRow)
