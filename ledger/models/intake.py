"""What is known of other systems' records, and how far each of their change feeds was read."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from ledger.models.base import LedgerModel, UtcDateTime, table_of


class SubjectRow(LedgerModel, table=True):
    """A record of another system as it was last read; `version` orders the reads."""

    __tablename__ = "subjects"
    __table_args__ = (Index("ix_subjects_account_id", "account_id"),)

    connection: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    subject_id: str = Field(primary_key=True)
    version: str
    account_id: str
    facts: Any = Field(sa_type=JSON)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class CursorRow(LedgerModel, table=True):
    """Our place in one change feed: everything up to `read_up_to` (the source's time) is stored.

    `expired_at` is when the feed last forgot our place; the gap was then filled from the records,
    `gap_from` on. `heard_since` is since when a bus is listened to here; a polled feed has none.
    """

    __tablename__ = "cursors"

    connection: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    cursor: str
    read_up_to: datetime = Field(sa_type=UtcDateTime)
    polled_at: datetime = Field(sa_type=UtcDateTime)
    stored: int
    error: str = ""
    expired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    gap_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    heard_since: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CountRow(LedgerModel, table=True):
    """What a system told of a window, and how much of it the inbox had: the newest count of each.

    `missing` is what the inbox lacked when it was counted.
    """

    __tablename__ = "counts"
    __table_args__ = (Index("ix_counts_missing", "missing"),)

    connection: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    since: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    told: int
    missing: int
    examples: Any = Field(sa_type=JSON)
    counted_at: datetime = Field(sa_type=UtcDateTime)


class StandingConcernRow(LedgerModel, table=True):
    """Since when a concern of the watch stands, until it has healed: it is one case so long."""

    __tablename__ = "standing_concerns"

    kind: str = Field(primary_key=True)
    about: str = Field(primary_key=True)
    since: datetime = Field(sa_type=UtcDateTime)


subjects = table_of(SubjectRow)
cursors = table_of(CursorRow)
counts = table_of(CountRow)
standing_concerns = table_of(StandingConcernRow)
