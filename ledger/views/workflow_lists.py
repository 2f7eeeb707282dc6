"""Where orders stand, and what is at risk after them, read for the four lists (R141)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from canonical.desk import CaseState
from canonical.renewal import ReadinessState
from canonical.risk import RiskLevel
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
from ledger.models.portfolio import risks
from ledger.views.orders import QUOTE_TO_CASH
from ledger.views.pages import read_with
from ledger.views.positions import positions_of
from ledger.views.renewal_histories import upcoming_renewals

ROWS_PER_PAGE = 500
SERIOUS = (RiskLevel.HIGH, RiskLevel.CRITICAL)


@dataclass(frozen=True)
class WorkflowLists:
    """The lists as of a moment; completed orders are those since `since`."""

    since: datetime
    as_of: datetime
    lists: list[WorkflowList]


async def workflow_lists(
    db: Database, catalogue: Catalogue, since: datetime, now: datetime, rows_max: int
) -> WorkflowLists:
    """Orders by how they stand, then accounts and renewals at risk."""
    minutes = catalogue.processes.processes[QUOTE_TO_CASH].objective_minutes
    orders = await _orders(db)
    lists = order_lists(orders, timedelta(minutes=minutes), since, now, rows_max)
    lists.append(at_risk_list("accounts_at_risk", await _accounts(db, catalogue, now), rows_max))
    lists.append(at_risk_list("renewals_at_risk", await _renewals(db, catalogue, now), rows_max))
    return WorkflowLists(since=since, as_of=now, lists=lists)


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


async def _accounts(db: Database, catalogue: Catalogue, now: datetime) -> list[Listed]:
    """Accounts that are late by their own invoices; a parent's risk of its subsidiaries is theirs,
    so that no money is counted twice."""
    rules = catalogue.definitions.risk_rules()
    found: list[Listed] = []
    last = ""
    while rows := await read_with(db, _risky, last):
        kept = await positions_of(db, [row.account_id for row in rows])
        for row in rows:
            own = own_assessment(kept[row.account_id], rules, now.date())
            if own.level in SERIOUS:
                found.append(_account(row, own.overdue, f"{own.level}, {own.oldest_days} days"))
        last = rows[-1].account_id
    return found


def _account(row: Any, overdue: list[Any], why: str) -> Listed:
    return Listed(
        workflow_id=row.workflow_id,
        account=row.account_name or row.account_id,
        money=overdue,
        since=row.updated_at,
        why=why,
    )


def _risky(connection: Connection, after: str) -> list[Any]:
    wanted = (
        select(risks.c.account_id, risks.c.account_name, risks.c.workflow_id, risks.c.updated_at)
        .where(risks.c.account_id > after, risks.c.level != RiskLevel.NONE.value)
        .order_by(risks.c.account_id)
        .limit(ROWS_PER_PAGE)
    )
    return list(connection.execute(wanted).all())


async def _renewals(db: Database, catalogue: Catalogue, now: datetime) -> list[Listed]:
    """Open renewals that are blocked; their money is the renewing deal's, else the order's."""
    until = now.date() + timedelta(days=max(catalogue.definitions.renewal.windows_days))
    blocked = ReadinessState.BLOCKED.value
    return [
        Listed(
            workflow_id=one.workflow_id,
            account=one.account_id,
            money=[amount for amount in [one.renewal_amount or one.order_value] if amount],
            since=one.looked_at,
            why=f"blocked, renews on {one.renews_on}",
        )
        for one in await upcoming_renewals(db, until)
        if one.state == blocked
    ]
