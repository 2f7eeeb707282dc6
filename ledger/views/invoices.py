"""Every invoice that is on record, as it was read or answered last (R80)."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select, tuple_

from canonical.facts import InvoiceFacts, InvoiceStatus, Kind
from domain.reports.disputes import DisputeSign, InvoiceKey
from ledger.database import Database
from ledger.models.evidence import events
from ledger.models.intake import subjects
from ledger.views.pages import read_with
from ledger.views.positions import positions

ROWS_PER_PAGE = 500
_PLACE = (subjects.c.connection, subjects.c.subject_id)


async def known_invoices(db: Database) -> dict[InvoiceKey, InvoiceFacts]:
    """Each by connection and id, whether or not it names an account, in pages; those of every
    connection, so that one which two systems tell of is there twice."""
    found: dict[InvoiceKey, InvoiceFacts] = {}
    async for position in positions(db, None):
        for answer in position.own:
            for invoice in answer.invoices:
                key = (answer.connection, invoice.id)
                known = found.get(key)
                if known is None or known.version < invoice.version:
                    found[key] = invoice
    place = ("", "")
    while rows := await read_with(db, _nameless, place):
        place = (rows[-1].connection, rows[-1].subject_id)
        for row in rows:
            found[row.connection, row.subject_id] = InvoiceFacts.model_validate(row.facts)
    return found


def _nameless(connection: Connection, place: tuple[str, str]) -> list[Any]:
    statement = (
        select(*_PLACE, subjects.c.facts)
        .where(
            subjects.c.kind == Kind.INVOICE.value,
            subjects.c.account_id == "",
            tuple_(*_PLACE) > place,
        )
        .order_by(*_PLACE)
        .limit(ROWS_PER_PAGE)
    )
    return list(connection.execute(statement).all())


async def dispute_signs(db: Database, owners: Collection[str]) -> list[DisputeSign]:
    """What the owners of invoices ever told of disputes, in pages: one that began long ago may end
    in the period."""
    found: list[DisputeSign] = []
    position = 0
    while rows := await read_with(db, _adjusted, owners, position):
        found += [_sign(row) for row in rows]
        position = rows[-1].position
    return found


def _sign(row: Any) -> DisputeSign:
    withdrawn = row.body["status"] == InvoiceStatus.VOID.value
    return DisputeSign(
        connection=row.body["connection"],
        invoice_id=row.body["external_id"],
        at=row.occurred_at,
        disputed=row.body["disputed"] and not withdrawn,
    )


def _adjusted(connection: Connection, owners: Collection[str], position: int) -> list[Any]:
    statement = (
        select(events.c.position, events.c.occurred_at, events.c.body)
        .where(
            events.c.type == "invoice.adjusted",
            events.c.position > position,
            events.c.body["connection"].as_string().in_(owners),
        )
        .order_by(events.c.position)
        .limit(ROWS_PER_PAGE)
    )
    return list(connection.execute(statement).all())
