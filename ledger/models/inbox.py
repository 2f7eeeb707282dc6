"""What came in: events stored once, and refusals."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field

from ledger.models.base import Identity, LedgerModel, UtcDateTime, table_of


class InboxRow(LedgerModel, table=True):
    """One inbound event by (source, event id); `due_at` is also how long a dispatcher claims it.

    `cause` is the kind of error that set it aside; `account_id` is known once its record was read.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        Index(
            "ix_inbox_pending",
            "source",
            "priority",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_inbox_subject", "source", "subject", "version"),
        # Partial, so that storing what comes in does not pay for them.
        Index(
            "ix_inbox_dead",
            "cause",
            "received_at",
            sqlite_where=text("state = 'dead'"),
            postgresql_where=text("state = 'dead'"),
        ),
        Index(
            "ix_inbox_settled",
            "settled_at",
            "state",
            sqlite_where=text("settled_at IS NOT NULL"),
            postgresql_where=text("settled_at IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Identity)
    source: str
    event_id: str
    type: str
    kind: str
    subject: str
    version: str
    channel: str
    priority: int
    account_id: str = ""
    environment: str
    occurred_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    body: bytes
    state: str
    deliveries: int
    attempts: int
    due_at: datetime = Field(sa_type=UtcDateTime)
    workflow_id: str = ""
    cause: str = ""
    error: str = ""
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RefusalRow(LedgerModel, table=True):
    """One message that was not let in, without its body."""

    __tablename__ = "refusals"
    __table_args__ = (Index("ix_refusals_source", "source", "code"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=Identity)
    source: str
    code: str
    reason: str
    remote: str
    event_id: str
    body_digest: str
    body_bytes: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcDateTime)


class RefusalCount(LedgerModel, table=True):
    """How many were refused in all, also once rows are no longer kept."""

    __tablename__ = "refusal_counts"

    source: str = Field(primary_key=True)
    code: str = Field(primary_key=True)
    total: int = Field(sa_type=BigInteger)
    last_at: datetime = Field(sa_type=UtcDateTime)


inbox = table_of(InboxRow)
refusals = table_of(RefusalRow)
refusal_counts = table_of(RefusalCount)
