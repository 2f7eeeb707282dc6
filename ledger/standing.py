"""Where each process stands: the rows that lists and counts are made from."""

from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlmodel import Session

from canonical.desk import CaseState, ProcessRecord
from ledger.models.desk import cases, processes
from ledger.upserts import Upsert

_KEPT_AT_START = {"workflow_id", "started_at"}
_PUT = Upsert(
    processes,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[processes.c.workflow_id],
        set_={c.name: insert.excluded[c.name] for c in processes.c if c.name not in _KEPT_AT_START},
    ),
)


def keep_standing(session: Session, record: ProcessRecord, now: datetime) -> None:
    """Note where a process stands now."""
    value = record.value
    row: dict[str, Any] = record.model_dump(mode="json", exclude={"process", "value"})
    row |= record.process.model_dump() | {"started_at": now, "updated_at": now}
    row |= {"value_minor": value.amount_minor if value else None}
    row |= {"value_currency": value.currency if value else None}
    _PUT.run(session, row)


def has_open_case(session: Session, workflow_id: str) -> bool:
    """Whether a person is to decide something of a process."""
    is_open = cases.c.state != CaseState.RESOLVED.value
    waiting = exists().where(cases.c.workflow_id == workflow_id, is_open)
    return bool(session.connection().execute(select(waiting)).scalar())
