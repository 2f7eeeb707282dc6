"""The newest assessment of each account's payments, every view of a renewal that was shown, and
what was answered for the looks of a morning."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index
from sqlmodel import Field

from ledger.models.base import LedgerModel, UtcDateTime, table_of


class RiskRow(LedgerModel, table=True):
    """An account's newest assessment; `invoices` are its own, for whoever is above it."""

    __tablename__ = "risks"
    __table_args__ = (
        Index("ix_risks_parent_id", "parent_id"),
        Index("ix_risks_level", "level"),
    )

    account_id: str = Field(primary_key=True)
    account_name: str
    parent_id: str
    level: str
    score: int
    assessed_on: date
    changes_on: date | None = None
    digest: str
    body: Any = Field(sa_type=JSON)
    invoices: Any = Field(sa_type=JSON)
    workflow_id: str
    updated_at: datetime = Field(sa_type=UtcDateTime)


class RenewalRow(LedgerModel, table=True):
    """A contract's renewal clock: its dates, and the newest snapshot once there is one.

    `state` is `waiting` before the window, then the snapshot's; of a contract that has nothing to
    renew it is why. `terms_read_at` and `terms_version` say which read of the contract the clock
    goes by, and the value is the one that it stated: integer minor units, null where it stated
    none. `renewed_on` is the renewal before this one.
    """

    __tablename__ = "renewals"
    __table_args__ = (
        Index("ix_renewals_account_id", "account_id"),
        Index("ix_renewals_opportunity_id", "opportunity_id"),
        Index("ix_renewals_state", "state", "renews_on"),
        Index("ix_renewals_next_look", "next_look"),
    )

    connection: str = Field(primary_key=True)
    contract_id: str = Field(primary_key=True)
    account_id: str
    opportunity_id: str
    legal_entity: str
    renews_on: date | None = None
    decided_by: str
    notice_on: date | None = None
    next_look: date | None = None
    renewed_on: date | None = None
    state: str
    forecast: str
    outcome: str
    snapshot_id: str
    terms_version: str
    terms_read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    value_minor: int | None = Field(default=None, sa_type=BigInteger)
    value_currency: str | None = None
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    workflow_id: str
    updated_at: datetime = Field(sa_type=UtcDateTime)


class SnapshotRow(LedgerModel, table=True):
    """One view of a renewal under the id that follows from its content.

    What the contract was worth is kept beside it, since equal views of a contract that was amended
    are one view: by the newest read of its terms (`terms_read_at`) within the term that is to
    renew, in integer minor units; null where that read stated none, or where there was none.
    """

    __tablename__ = "snapshots"
    __table_args__ = (Index("ix_snapshots_contract", "connection", "contract_id", "taken_at"),)

    snapshot_id: str = Field(primary_key=True)
    connection: str
    contract_id: str
    account_id: str
    body: Any = Field(sa_type=JSON)
    taken_at: datetime = Field(sa_type=UtcDateTime)
    value_minor: int | None = Field(default=None, sa_type=BigInteger)
    value_currency: str | None = None
    terms_read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AnswerRow(LedgerModel, table=True):
    """What a connection answered to a question (the digest of it) that was asked for many renewals
    at once; `asked_at` is the asking process's time."""

    __tablename__ = "answers"
    __table_args__ = (Index("ix_answers_asked_at", "connection", "asked_at"),)

    connection: str = Field(primary_key=True)
    question: str = Field(primary_key=True)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    body: Any = Field(sa_type=JSON)


answers = table_of(AnswerRow)
risks = table_of(RiskRow)
renewals = table_of(RenewalRow)
snapshots = table_of(SnapshotRow)
