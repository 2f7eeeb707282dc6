"""How far canonical events have gone, and those that a subscriber did not take at once."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field

from ledger.models.base import LedgerModel, UtcDateTime, table_of

GIVEN = {"autoincrement": False}


class RelayRow(LedgerModel, table=True):
    """How far one target has got: everything up to `position` is there or in `deliveries`.

    `error` is what holds it up since `failing_since`; `stopped_at`: it asked for no more.
    """

    __tablename__ = "relays"

    name: str = Field(primary_key=True)
    position: int = Field(sa_type=BigInteger)
    moved_at: datetime = Field(sa_type=UtcDateTime)
    error: str = ""
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DeliveryRow(LedgerModel, table=True):
    """One event that a target did not take at its first attempt."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index(
            "ix_deliveries_pending",
            "subscriber",
            "due_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_deliveries_state", "state", "subscriber"),
        Index("ix_deliveries_event_id", "event_id"),
    )

    subscriber: str = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs=GIVEN)
    event_id: str
    type: str
    state: str
    attempts: int
    parked_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    last_status: int | None = None
    cause: str
    error: str
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


relays = table_of(RelayRow)
deliveries = table_of(DeliveryRow)
