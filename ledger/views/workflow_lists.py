"""Where orders stand, and what is at risk after them, read for the four lists (R141)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Connection, select

from canonical.definitions import in_force
from canonical.desk import CaseState
from canonical.renewal import ReadinessState
from canonical.risk import FinancialStatus, RiskLevel
from canonical.risk_messages import invoice_risk_id
from domain.reports.receivables import own_assessment
from domain.reports.workflows import (
    CANCELLED,
    Listed,
    OrderStanding,
    WorkflowList,
    at_risk_list,
    order_lists,
)
from governance.catalogue import Catalogue
from ledger.case_records import money
from ledger.database import Database
from ledger.models.desk import cases, processes
from ledger.views.orders import QUOTE_TO_CASH
from ledger.views.pages import read_with
from ledger.views.positions import positions
from ledger.views.renewal_histories import upcoming_renewals

ROWS_PER_PAGE = 500
SERIOUS = (RiskLevel.HIGH, RiskLevel.CRITICAL)
DEFINITIONS = ("account_financial_status", "renewal_date", "renewal_readiness")
TROUBLED = (ReadinessState.BLOCKED.value, ReadinessState.UNKNOWN.value)


@dataclass(frozen=True)
class WorkflowLists:
    """The lists as of a moment; completed orders are those since `since`, and what is at risk is so
    by the `definitions` (`name@version`)."""

    since: datetime
    as_of: datetime
    definitions: list[str]
    lists: list[WorkflowList]


async def workflow_lists(
    db: Database,
    catalogue: Catalogue,
    owners: Collection[str],
    since: datetime,
    now: datetime,
    rows_max: int,
) -> WorkflowLists:
    """Orders by how they stand, then accounts (by the owners of invoices) and renewals at risk."""
    minutes = catalogue.processes.processes[QUOTE_TO_CASH].objective_minutes
    orders = await _orders(db)
    lists = order_lists(orders, timedelta(minutes=minutes), since, now, rows_max)
    accounts = await _accounts(db, catalogue, owners, now)
    lists.append(at_risk_list("accounts_at_risk", accounts, rows_max))
    lists.append(at_risk_list("renewals_at_risk", await _renewals(db, catalogue, now), rows_max))
    versions = catalogue.definitions.versions
    definitions = [in_force(name, versions) for name in DEFINITIONS]
    return WorkflowLists(since=since, as_of=now, definitions=definitions, lists=lists)


async def _orders(db: Database) -> list[OrderStanding]:
    found: list[OrderStanding] = []
    last = ""
    while page := await read_with(db, _page, last):
        found += page
        last = page[-1].workflow_id
    return found


def _page(connection: Connection, after: str) -> list[OrderStanding]:
    wanted = (
        select(processes)
        .where(
            processes.c.process == QUOTE_TO_CASH,
            processes.c.workflow_id > after,
            processes.c.stage.not_in(CANCELLED),
        )
        .order_by(processes.c.workflow_id)
        .limit(ROWS_PER_PAGE)
    )
    rows = connection.execute(wanted).all()
    causes = _causes(connection, [row.workflow_id for row in rows])
    return [
        OrderStanding(
            workflow_id=row.workflow_id,
            account_id=row.account_id,
            account_name=row.account_name,
            stage=row.stage,
            value=money(row.value_minor, row.value_currency),
            started_at=row.started_at,
            updated_at=row.updated_at,
            causes=causes.get(row.workflow_id, []),
        )
        for row in rows
    ]


def _causes(connection: Connection, workflow_ids: list[str]) -> dict[str, list[str]]:
    wanted = (
        select(cases.c.workflow_id, cases.c.cause)
        .where(cases.c.workflow_id.in_(workflow_ids), cases.c.state != CaseState.RESOLVED.value)
        .distinct()
        .order_by(cases.c.workflow_id, cases.c.cause)
    )
    found: dict[str, list[str]] = {}
    for row in connection.execute(wanted):
        found.setdefault(row.workflow_id, []).append(row.cause)
    return found


async def _accounts(
    db: Database, catalogue: Catalogue, owners: Collection[str], now: datetime
) -> list[Listed]:
    """Accounts that are late by their own invoices, or whose payments are not known; a parent's
    risk of its subsidiaries is theirs, so that no money is counted twice."""
    rules, today = catalogue.definitions.risk_rules(), now.date()
    found: list[Listed] = []
    async for position in positions(db, owners):
        own = own_assessment(position, rules, today)
        silent = own.status is FinancialStatus.UNKNOWN
        if own.level not in SERIOUS and not silent:
            continue
        oldest = datetime.combine(today - timedelta(days=own.oldest_days), time.min, UTC)
        entry = Listed(
            workflow_id=invoice_risk_id(own.account_id),
            account=position.account_name or own.account_id,
            money=own.overdue,
            since=oldest,
            why="payments are not known" if silent else f"{own.level}, {own.oldest_days} days",
        )
        found.append(entry)
    return found


async def _renewals(db: Database, catalogue: Catalogue, now: datetime) -> list[Listed]:
    """Open renewals that are blocked, or of which that is not known; their money is the renewing
    deal's, else what the contract is worth."""
    until = now.date() + timedelta(days=max(catalogue.definitions.renewal.windows_days))
    return [
        Listed(
            workflow_id=one.workflow_id,
            account=one.account_id,
            money=[amount for amount in [one.renewal_amount or one.contract_value] if amount],
            since=one.looked_at,
            why=f"{one.state}, renews on {one.renews_on}",
        )
        for one in await upcoming_renewals(db, until)
        if one.state in TROUBLED
    ]
