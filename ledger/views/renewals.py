"""Renewals as people ask for them: which come up, and what is known of one (R76, R78)."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import RowMapping, or_, select
from sqlmodel import Session

from canonical.errors import Misconfigured, NotFound
from canonical.money import Money
from canonical.renewal import ReadinessSnapshot, SignalState
from ledger.case_records import money
from ledger.clocks import WAITING
from ledger.database import Database
from ledger.models.desk import processes
from ledger.models.portfolio import renewals, risks, snapshots

ROWS_MAX = 1000


class RenewalLine(BaseModel):
    """One contract's renewal; before its window opens it has no snapshot and no forecast.

    `value` is what the contract is worth by the newest read of its terms, None where that is not
    known. `as_of` is when its clock looked or planned last; `unknown` names the signals that the
    newest view of it lacks (R21).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    connection: str
    contract_id: str
    account_id: str
    account_name: str | None = ""
    opportunity_id: str
    renews_on: date | None
    next_look: date | None
    state: str
    forecast: str
    outcome: str
    snapshot_id: str
    value: Money | None
    as_of: datetime
    unknown: list[str]


class RenewalDetail(BaseModel):
    """One renewal in full, with the newest view of it; `stage` is its process's."""

    model_config = ConfigDict(frozen=True)

    line: RenewalLine
    legal_entity: str
    decided_by: str
    notice_on: date | None
    renewed_on: date | None
    terms_version: str
    terms_read_at: datetime | None
    opened_at: datetime | None
    closed_at: datetime | None
    updated_at: datetime
    workflow_id: str
    stage: str
    snapshot: ReadinessSnapshot | None


async def list_renewals(
    db: Database,
    *,
    state: str = "",
    account_id: str = "",
    until: date | None = None,
    limit: int = 100,
) -> list[RenewalLine]:
    """Renewals that match every filter given, the next one first; those without a day go last.

    `until` leaves out what has its outcome, renews later, or never.
    """
    statement = (
        select(renewals, risks.c.account_name, snapshots.c.body)
        .outerjoin(risks, risks.c.account_id == renewals.c.account_id)
        .outerjoin(snapshots, snapshots.c.snapshot_id == renewals.c.snapshot_id)
        .order_by(
            renewals.c.renews_on.is_(None),
            renewals.c.renews_on,
            renewals.c.connection,
            renewals.c.contract_id,
        )
    )
    if state:
        statement = statement.where(renewals.c.state == state)
    if account_id:
        statement = statement.where(renewals.c.account_id == account_id)
    if until is not None:
        statement = statement.where(renewals.c.renews_on <= until, renewals.c.outcome == "")
    bounded = statement.limit(min(limit, ROWS_MAX))
    rows = await db.read(lambda s: s.connection().execute(bounded).mappings().all())
    return [_line(row, _snapshot(row["body"])) for row in rows]


async def show_renewal(db: Database, contract: str) -> RenewalDetail:
    """A contract's renewal, by its id or by `connection/id`.

    Raises NotFound, and Misconfigured when several connections have a contract of this id.
    """
    return await db.read(lambda session: _show(session, contract))


def _show(session: Session, contract: str) -> RenewalDetail:
    named = renewals.c.connection + "/" + renewals.c.contract_id
    wanted = (
        select(renewals, risks.c.account_name, processes.c.stage)
        .outerjoin(risks, risks.c.account_id == renewals.c.account_id)
        .outerjoin(processes, processes.c.workflow_id == renewals.c.workflow_id)
        .where(or_(renewals.c.contract_id == contract, named == contract))
        .order_by(renewals.c.connection)
        .limit(ROWS_MAX)
    )
    rows = session.connection().execute(wanted).mappings().all()
    if not rows:
        raise NotFound(
            f"no renewal clock of contract {contract} is on record; `tieline renewals list` has "
            "those that are, and the daily renewal-reconcile begins what is missing",
            about=contract,
        )
    if len(rows) > 1:
        names = ", ".join(f"{row['connection']}/{contract}" for row in rows)
        raise Misconfigured(f"there are several contracts {contract}; name one: {names}")
    row = rows[0]
    body = session.connection().execute(
        select(snapshots.c.body).where(snapshots.c.snapshot_id == row["snapshot_id"])
    )
    seen = _snapshot(body.scalar())
    return RenewalDetail(
        line=_line(row, seen),
        snapshot=seen,
        **{name: row[name] for name in RenewalDetail.model_fields if name in renewals.c},
        stage=row["stage"] or "",
    )


def _snapshot(body: Any) -> ReadinessSnapshot | None:
    return ReadinessSnapshot.model_validate(body) if body else None


def _line(row: RowMapping, seen: ReadinessSnapshot | None) -> RenewalLine:
    # A clock that waits still has the view of the term before.
    signals = seen.signals if seen and row["state"] != WAITING else []
    said = {
        "value": money(row["value_minor"], row["value_currency"]),
        "as_of": row["updated_at"],
        "unknown": [one.name for one in signals if one.state is SignalState.UNKNOWN],
    }
    return RenewalLine.model_validate(dict(row) | said)
