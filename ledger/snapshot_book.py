"""Every view of a renewal that was taken, and what others are shown of the newest (R76)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlmodel import Session

from canonical.connections import Environment
from canonical.effects import ProcessRef
from canonical.events import CanonicalEvent, RenewalWindowOpened
from canonical.portfolio import ReadinessUpdate
from canonical.renewal import ReadinessSnapshot
from canonical.renewal_messages import OpenWindow, TakeSnapshot
from domain.renewals import is_of_term
from ledger import audit
from ledger.clocks import keep_seen, read_of
from ledger.events import append_event, event_of
from ledger.models.portfolio import renewals, snapshots
from ledger.upserts import Upsert

_WORTH = ("value_minor", "value_currency", "terms_read_at")
_KEEP = Upsert(snapshots, lambda insert: insert.on_conflict_do_nothing())
# A clock names the view that was seen last; the most urgent is the next that has no outcome.
_SHOWN = (
    select(snapshots.c.body)
    .join(renewals, renewals.c.snapshot_id == snapshots.c.snapshot_id)
    .order_by(renewals.c.outcome, renewals.c.renews_on)
    .limit(1)
)


def keep_snapshot(
    session: Session,
    request: TakeSnapshot,
    taken: ReadinessSnapshot,
    next_look: date | None,
    process: ProcessRef,
    environment: Environment,
    now: datetime,
) -> bool:
    """Keep a view under its id, tell of a window that it opens, and move the contract's clock on;
    whether the view was new."""
    contract = f"{taken.connection}/{taken.contract_id}"
    row: dict[str, Any] = {"snapshot_id": taken.snapshot_id, "connection": taken.connection}
    row |= {"contract_id": taken.contract_id, "account_id": taken.account_id}
    body = taken.model_dump(mode="json")
    worth = _worth(request, taken)
    kept = _KEEP.run(session, row | {"body": body, "taken_at": taken.taken_at} | worth)
    window = request.window
    opened = window is not None and append_event(
        session, _opened(taken, window, request.terms.legal_entity, process, environment)
    )
    keep_seen(session, request, taken, next_look, process, now)
    new = bool(kept.rowcount == 1)
    if new:
        said = {"state": taken.state, "forecast": taken.forecast, "opened": opened}
        said |= {"snapshot": taken.snapshot_id}
        audit.append(session, process.workflow_id, "renewal.seen", contract, said, now)
    else:
        _revalue(session, taken.snapshot_id, worth)
    return new


def _worth(request: TakeSnapshot, taken: ReadinessSnapshot) -> dict[str, Any]:
    """What the contract is worth in the term that the view is about; nothing of another term's."""
    terms, renewed_on = request.terms, request.start.memory.renewed_on
    known = is_of_term(terms, taken.dates.renews_on, renewed_on)
    read = read_of(terms) if known else {}
    return {name: read.get(name) for name in _WORTH}


def _revalue(session: Session, snapshot_id: str, worth: dict[str, Any]) -> None:
    """A view that is seen again is the same view, but its contract may be worth something else."""
    read_at = worth["terms_read_at"]
    if read_at is None:
        return
    is_older = or_(snapshots.c.terms_read_at.is_(None), snapshots.c.terms_read_at < read_at)
    seen = update(snapshots).where(snapshots.c.snapshot_id == snapshot_id, is_older)
    session.connection().execute(seen.values(**worth))


def shown_of_account(session: Session, account_id: str) -> ReadinessUpdate | None:
    """What the account's most urgent renewal looks like now."""
    return _shown(session, renewals.c.account_id == account_id)


def shown_of_contract(
    session: Session, connection: str, contract_id: str
) -> ReadinessUpdate | None:
    """What a contract's renewal looks like now."""
    of_contract = renewals.c.contract_id == contract_id
    return _shown(session, of_contract, renewals.c.connection == connection)


def _shown(session: Session, *wanted: ColumnElement[bool]) -> ReadinessUpdate | None:
    body: Any = session.connection().execute(_SHOWN.where(*wanted)).scalar()
    return update_of(ReadinessSnapshot.model_validate(body)) if body else None


def update_of(taken: ReadinessSnapshot) -> ReadinessUpdate:
    """What others are shown of a view."""
    return ReadinessUpdate(
        account_id=taken.account_id,
        opportunity_id=taken.opportunity_id,
        contract_id=taken.contract_id,
        snapshot_id=taken.snapshot_id,
        renews_on=taken.dates.renews_on,
        state=taken.state,
        forecast=taken.forecast,
        blocking=taken.blocking,
    )


def _opened(
    taken: ReadinessSnapshot,
    window: OpenWindow,
    legal_entity: str,
    process: ProcessRef,
    environment: Environment,
) -> CanonicalEvent:
    # By the date for which it opened: one that moves while it is open does not open again.
    data = RenewalWindowOpened(
        connection=taken.connection,
        external_id=taken.contract_id,
        renews_on=window.opened_for,
        account_id=taken.account_id,
    )
    return event_of(
        data,
        f"{taken.connection}/{taken.contract_id}/{window.opened_for}",
        source=process.process,
        subject=f"contract/{taken.contract_id}",
        occurred_at=window.since,
        correlation_id=process.correlation_id,
        legal_entity=legal_entity,
        environment=environment,
    )
