"""When processes first reached their business milestones (R69, R143)."""

from datetime import datetime

from sqlmodel import Session

from canonical.effects import ProcessRef
from ledger.models.desk import milestones
from ledger.upserts import Upsert

_INSERT = Upsert(milestones, lambda insert: insert.on_conflict_do_nothing())


def reach(
    session: Session, process: ProcessRef, milestone: str, business_id: str, at: datetime
) -> None:
    """Note a milestone; the first time counts."""
    row = {"workflow_id": process.workflow_id, "milestone": milestone, "at": at}
    row |= {"process": process.process, "correlation_id": process.correlation_id}
    _INSERT.run(session, row | {"business_id": business_id})
