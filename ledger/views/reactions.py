"""What overdue invoices, calls to action and cases are on record, for the indicators (R27, R81)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from canonical.effects import EffectState
from canonical.facts import InvoiceFacts, InvoiceStatus, Kind
from domain.receivables import is_open
from domain.reports.expansion import Amendment
from domain.reports.leadership import OpenedCase
from domain.reports.reaction import OverdueInvoice, RiskCall
from ledger.database import Database
from ledger.models.desk import cases, processes
from ledger.models.effects import effects
from ledger.models.evidence import events
from ledger.models.intake import subjects
from ledger.views.pages import read_with

ROWS_PER_PAGE = 500
RISK_CALL = "risk_call"
STANDING = (EffectState.CONFIRMED.value, EffectState.UNDONE.value)


async def overdue_invoices(
    db: Database, owners: Collection[str], since: datetime
) -> list[OverdueInvoice]:
    """Every invoice of which an owner of invoices told that it is overdue since a time, in pages;
    what another system tells of one is a copy."""
    found: list[OverdueInvoice] = []
    position = 0
    while rows := await read_with(db, _events, "invoice.overdue", owners, since, position):
        settled = await read_with(db, _settled, rows)
        found += [
            OverdueInvoice(
                account_id=row.body.get("account_id", ""),
                at=row.occurred_at,
                settled_at=settled.get((row.body["connection"], row.body["external_id"])),
            )
            for row in rows
        ]
        position = rows[-1].position
    return found


async def amendments(db: Database, owners: Collection[str], since: datetime) -> list[Amendment]:
    """Every amendment of a contract that an owner of contracts told of since a time, in pages; what
    another system tells of it is a copy."""
    found: list[Amendment] = []
    position = 0
    while rows := await read_with(db, _events, "contract.amended", owners, since, position):
        found += [
            Amendment(
                connection=row.body["connection"],
                contract_id=row.body["external_id"],
                account_id=row.body.get("account_id", ""),
                status=row.body["status"],
                value=row.body.get("value"),
                value_before=row.body.get("value_before"),
                at=row.occurred_at,
            )
            for row in rows
        ]
        position = rows[-1].position
    return found


def _events(
    connection: Connection, kind: str, owners: Collection[str], since: datetime, position: int
) -> list[Any]:
    statement = (
        select(events.c.position, events.c.occurred_at, events.c.body)
        .where(
            events.c.type == kind,
            events.c.position > position,
            events.c.occurred_at >= since,
            events.c.body["connection"].as_string().in_(owners),
        )
        .order_by(events.c.position)
        .limit(ROWS_PER_PAGE)
    )
    return list(connection.execute(statement).all())


def _settled(connection: Connection, rows: list[Any]) -> dict[tuple[str, str], datetime]:
    """When these invoices were settled, by their newest read; those with something left are not."""
    statement = select(subjects).where(
        subjects.c.kind == Kind.INVOICE.value,
        subjects.c.subject_id.in_([row.body["external_id"] for row in rows]),
    )
    found: dict[tuple[str, str], datetime] = {}
    for row in connection.execute(statement):
        invoice = InvoiceFacts.model_validate(row.facts)
        if not is_open(invoice) and invoice.status is not InvoiceStatus.DRAFT:
            found[row.connection, invoice.id] = invoice.paid_at or invoice.changed_at
    return found


async def risk_calls(db: Database) -> list[RiskCall]:
    """Every call to action that was made, open or closed by now, in pages."""
    found: list[RiskCall] = []
    key = ""
    while rows := await read_with(db, _calls, key):
        found += [
            RiskCall(account_id=row.subject_id, opened_at=row.confirmed_at, closed_at=row.undone_at)
            for row in rows
        ]
        key = rows[-1].key
    return found


def _calls(connection: Connection, key: str) -> list[Any]:
    statement = (
        select(effects.c.key, effects.c.subject_id, effects.c.confirmed_at, effects.c.undone_at)
        .where(
            effects.c.kind == RISK_CALL,
            effects.c.state.in_(STANDING),
            effects.c.confirmed_at.is_not(None),
            effects.c.key > key,
        )
        .order_by(effects.c.key)
        .limit(ROWS_PER_PAGE)
    )
    return list(connection.execute(statement).all())


async def opened_cases(db: Database, since: datetime) -> list[OpenedCase]:
    """Every case that was opened since a time, with its process, in pages."""
    found: list[OpenedCase] = []
    case_id = ""
    while rows := await read_with(db, _cases, since, case_id):
        found += [
            OpenedCase(process=row.process, started_at=row.started_at, opened_at=row.opened_at)
            for row in rows
        ]
        case_id = rows[-1].case_id
    return found


def _cases(connection: Connection, since: datetime, case_id: str) -> list[Any]:
    statement = (
        select(cases.c.case_id, cases.c.process, cases.c.opened_at, processes.c.started_at)
        .join(processes, processes.c.workflow_id == cases.c.workflow_id)
        .where(cases.c.case_id > case_id, cases.c.opened_at >= since)
        .order_by(cases.c.case_id)
        .limit(ROWS_PER_PAGE)
    )
    return list(connection.execute(statement).all())
