"""What is on record of accounts' own invoices: each as it was read last, and whose it is (R22).

`owners` are the connections that own invoices: what another system tells of one is a copy, and
would count it twice. None takes what every connection told.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, true, tuple_, union

from canonical.facts import InvoiceFacts, Kind
from canonical.risk import AccountInvoices, FinancialStatus, RiskAssessment
from domain.reports.receivables import Position
from ledger.database import Database
from ledger.models.intake import subjects
from ledger.models.portfolio import risks
from ledger.views.pages import read_with

Owners = Collection[str] | None
ACCOUNTS_PER_PAGE = 200
IDS_PER_QUERY = 400
_INVOICE = (subjects.c.kind == Kind.INVOICE.value, subjects.c.account_id != "")


async def positions(db: Database, owners: Owners) -> AsyncIterator[Position]:
    """Every account of which invoices are known or that was assessed, in pages."""
    last = ""
    while page := await read_with(db, _page, owners, last):
        for position in page:
            yield position
        last = page[-1].account_id


async def positions_of(
    db: Database, owners: Owners, account_ids: Sequence[str]
) -> dict[str, Position]:
    """The positions of these accounts, by account."""
    wanted = sorted(set(account_ids))
    found: list[Position] = []
    for start in range(0, len(wanted), ACCOUNTS_PER_PAGE):
        chunk = wanted[start : start + ACCOUNTS_PER_PAGE]
        found += await read_with(db, read_positions, owners, chunk)
    return {one.account_id: one for one in found}


async def unowned_invoices(db: Database, owners: Owners) -> int:
    """How many invoices are known that name no account."""
    statement = select(func.count()).where(
        subjects.c.kind == Kind.INVOICE.value, subjects.c.account_id == "", _told_by(owners)
    )
    return int(await db.read(lambda s: s.connection().execute(statement).scalar_one()))


def _told_by(owners: Owners) -> ColumnElement[bool]:
    return true() if owners is None else subjects.c.connection.in_(owners)


def _page(connection: Connection, owners: Owners, after: str) -> list[Position]:
    of_invoices = select(subjects.c.account_id).where(
        *_INVOICE, _told_by(owners), subjects.c.account_id > after
    )
    assessed = select(risks.c.account_id).where(risks.c.account_id > after)
    both = union(of_invoices, assessed).subquery()
    wanted = select(both.c.account_id).order_by(both.c.account_id).limit(ACCOUNTS_PER_PAGE)
    return read_positions(connection, owners, list(connection.execute(wanted).scalars()))


def read_positions(
    connection: Connection, owners: Owners, account_ids: Sequence[str]
) -> list[Position]:
    """The positions of these accounts, in the same order.

    An invoice counts for the account that its record names; one that was only answered when the
    account was assessed, for that account.
    """
    wanted = select(risks).where(risks.c.account_id.in_(account_ids))
    assessed = {row.account_id: row for row in connection.execute(wanted)}
    answers = {account: _answers(row.invoices, owners) for account, row in assessed.items()}
    recorded = _on_record(connection, [one for many in answers.values() for one in many])
    read = _records(connection, owners, account_ids)
    found = []
    for account in account_ids:
        row = assessed.get(account)
        answered = [
            answer.model_copy(
                update={
                    "invoices": [
                        invoice
                        for invoice in answer.invoices
                        if (answer.connection, invoice.id) not in recorded
                    ]
                }
            )
            for answer in answers.get(account, [])
        ]
        own = [*answered, *read.get(account, [])]
        position = Position(
            account_id=account,
            account_name=row.account_name if row else "",
            own=own,
            assessed_status=_assessed_status(row, own) if row else "",
        )
        found.append(position)
    return found


def _assessed_status(row: Any, own: Sequence[AccountInvoices]) -> str:
    """That of the assessment; unknown where none of those that it asked owns invoices any more."""
    if row.invoices and not own:
        return FinancialStatus.UNKNOWN.value
    return RiskAssessment.model_validate(row.body).status.value


def _answers(kept: Sequence[Any], owners: Owners) -> list[AccountInvoices]:
    """What the owners of invoices answered; one that was asked under another preset is none now."""
    answers = [AccountInvoices.model_validate(one) for one in kept]
    return [one for one in answers if owners is None or one.connection in owners]


def _on_record(connection: Connection, answers: Sequence[AccountInvoices]) -> set[tuple[str, str]]:
    """Which of these invoices intake has read by itself, whoever's they are by now."""
    keys = sorted({(one.connection, invoice.id) for one in answers for invoice in one.invoices})
    place = tuple_(subjects.c.connection, subjects.c.subject_id)
    found: set[tuple[str, str]] = set()
    for start in range(0, len(keys), IDS_PER_QUERY):
        statement = select(subjects.c.connection, subjects.c.subject_id).where(
            *_INVOICE, place.in_(keys[start : start + IDS_PER_QUERY])
        )
        found |= {(row.connection, row.subject_id) for row in connection.execute(statement)}
    return found


def _records(
    connection: Connection, owners: Owners, account_ids: Sequence[str]
) -> dict[str, list[AccountInvoices]]:
    statement = (
        select(subjects)
        .where(*_INVOICE, _told_by(owners), subjects.c.account_id.in_(account_ids))
        .order_by(subjects.c.account_id, subjects.c.connection, subjects.c.subject_id)
    )
    found: dict[tuple[str, str], list[InvoiceFacts]] = {}
    read_at: dict[tuple[str, str], datetime] = {}
    for row in connection.execute(statement):
        key = (row.account_id, row.connection)
        found.setdefault(key, []).append(InvoiceFacts.model_validate(row.facts))
        read_at[key] = max(row.recorded_at, read_at.get(key, row.recorded_at))
    by_account: dict[str, list[AccountInvoices]] = {}
    for (account, source), invoices in found.items():
        by_account.setdefault(account, []).append(
            AccountInvoices(
                account_id=account,
                connection=source,
                as_of=read_at[account, source],
                invoices=invoices,
            )
        )
    return by_account
