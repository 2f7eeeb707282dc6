"""Which payments are news for a renewal: those of trouble that somebody may have seen."""

from typing import Any

from sqlalchemy import exists, select
from sqlmodel import Session

from canonical.renewal import SignalState
from domain.readiness import BILLING
from ledger.database import Database
from ledger.models.evidence import events
from ledger.models.portfolio import renewals, snapshots

TROUBLE = ("invoice.overdue", "invoice.adjusted")


async def is_payment_awaited(db: Database, workflow_id: str, invoice: str) -> bool:
    """Whether a payment can change what a renewal's process sees (R76).

    It can where the invoice (the subject of its events) was in trouble before, and where the newest
    view of the renewal has anything but good payments, or is not there yet.
    """
    return await db.read(lambda s: _was_in_trouble(s, invoice) or not _is_good(s, workflow_id))


def _was_in_trouble(session: Session, invoice: str) -> bool:
    told = exists().where(events.c.subject == invoice, events.c.type.in_(TROUBLE))
    return bool(session.connection().execute(select(told)).scalar())


def _is_good(session: Session, workflow_id: str) -> bool:
    wanted = (
        select(snapshots.c.body)
        .join(renewals, renewals.c.snapshot_id == snapshots.c.snapshot_id)
        .where(
            renewals.c.workflow_id == workflow_id,
            renewals.c.opened_at.is_not(None),
            renewals.c.closed_at.is_(None),
        )
    )
    body: Any = session.connection().execute(wanted).scalar()
    signals = body["signals"] if body else []
    return any(one["name"] == BILLING and one["state"] == SignalState.GREEN for one in signals)
