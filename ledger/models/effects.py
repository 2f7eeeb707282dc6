"""Effects, the leases that serialise their writers, and the identity crosswalk."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlmodel import Field

from ledger.models.base import Identity, LedgerModel, UtcDateTime, table_of


class EffectRow(LedgerModel, table=True):
    """One write by its business key (`canonical.effects.EffectState` in `state`).

    `attempts` counts attempts and fences: only the newest may record an outcome. `settled` says
    that the last attempt's outcome is known; `ever_unknown` that some attempt's once was not.
    """

    __tablename__ = "effects"
    __table_args__ = (
        Index("ix_effects_subject", "connection", "kind", "subject_kind", "subject_id"),
        Index("ix_effects_workflow_id", "workflow_id"),
        Index(
            "ix_effects_unknown",
            "unknown_since",
            sqlite_where=text("unknown_since IS NOT NULL"),
            postgresql_where=text("unknown_since IS NOT NULL"),
        ),
    )

    key: str = Field(primary_key=True)
    connection: str
    kind: str
    subject_kind: str
    subject_id: str
    scope: str
    legal_entity: str
    milestone: str
    process: str
    workflow_id: str
    correlation_id: str
    request: Any = Field(sa_type=JSON)
    request_digest: str
    state: str
    attempts: int
    settled: bool
    ever_unknown: bool
    refusals: int
    unknown_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    external_id: str | None = None
    detail: Any = Field(default=None, sa_type=JSON, nullable=True)
    error: str = ""
    reserved_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ScopeLease(LedgerModel, table=True):
    """Who may write in a scope, and until when; no row means nobody does."""

    __tablename__ = "scope_leases"

    scope: str = Field(primary_key=True)
    owner: str
    until: datetime = Field(sa_type=UtcDateTime)


class CrosswalkRow(LedgerModel, table=True):
    """What a vendor called one of our subjects, from when to when; one row each is current."""

    __tablename__ = "crosswalk"
    __table_args__ = (
        Index(
            "ix_crosswalk_current",
            "connection",
            "kind",
            "subject_kind",
            "subject_id",
            unique=True,
            sqlite_where=text("valid_to IS NULL"),
            postgresql_where=text("valid_to IS NULL"),
        ),
        Index("ix_crosswalk_external", "connection", "kind", "external_id"),
        Index("ix_crosswalk_subject", "subject_kind", "subject_id"),
        Index("ix_crosswalk_effect_key", "effect_key"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Identity)
    connection: str
    kind: str
    subject_kind: str
    subject_id: str
    external_id: str
    effect_key: str
    valid_from: datetime = Field(sa_type=UtcDateTime)
    valid_to: datetime | None = Field(default=None, sa_type=UtcDateTime)


effects = table_of(EffectRow)
scope_leases = table_of(ScopeLease)
crosswalk = table_of(CrosswalkRow)
