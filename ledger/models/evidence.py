"""The audit chain, evidence bodies by digest, and canonical events for others to read."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index
from sqlmodel import Field

from ledger.models.base import Identity, LedgerModel, UtcDateTime, table_of

GIVEN = {"autoincrement": False}


class AuditRow(LedgerModel, table=True):
    """One thing that was done, chained to the one before; `body` is canonical JSON."""

    __tablename__ = "audit_rows"
    __table_args__ = (Index("ix_audit_rows_subject", "subject"),)

    seq: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str
    action: str
    subject: str
    body: str
    hash: str


class AuditHead(LedgerModel, table=True):
    """The chain's newest row: serialises writers, and tells when the tail was cut off."""

    __tablename__ = "audit_head"

    id: int = Field(primary_key=True, sa_column_kwargs=GIVEN)
    seq: int = Field(sa_type=BigInteger)
    hash: str


class EvidenceBody(LedgerModel, table=True):
    """A body that histories and audit rows name by digest; canonical JSON, kept once."""

    __tablename__ = "evidence"

    digest: str = Field(primary_key=True)
    body: str
    kept_at: datetime = Field(sa_type=UtcDateTime)


class EventRow(LedgerModel, table=True):
    """A canonical event, in the order of `position`; the outbox that relays read."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_subject", "subject"),
        Index("ix_events_correlation_id", "correlation_id"),
        Index("ix_events_type", "type", "position"),
    )

    position: int | None = Field(default=None, primary_key=True, sa_type=Identity)
    id: str = Field(unique=True)
    type: str
    version: int
    source: str
    subject: str
    occurred_at: datetime = Field(sa_type=UtcDateTime)
    correlation_id: str
    causation_id: str
    legal_entity: str
    environment: str
    body: Any = Field(sa_type=JSON)


audit_rows = table_of(AuditRow)
audit_head = table_of(AuditHead)
evidence = table_of(EvidenceBody)
events = table_of(EventRow)
