"""When deals were won, their orders accepted and their subscriptions activated (R79)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, tuple_

from canonical.milestones import Milestone
from domain.reports.activation import WonOrder
from ledger.database import Database
from ledger.models.desk import milestones, processes
from ledger.models.inbox import inbox
from ledger.views.orders import begun_orders
from ledger.views.pages import read_all

# Fewer than elsewhere: where the CRM told of them is asked for by three values each.
ORDERS_PER_PAGE = 300
REACHED = (Milestone.ORDER_ACCEPTED.value, Milestone.SUBSCRIPTION_ACTIVATED.value)


async def won_orders(db: Database, since: datetime) -> list[WonOrder]:
    """Every order whose deal was won since then and that was not cancelled, in pages."""
    return [one for one in await read_all(db, _page, since) if one.won_at >= since]


def _page(connection: Connection, since: datetime, after: str) -> list[tuple[str, WonOrder]]:
    # No deal is won after its process began.
    statement = begun_orders(
        since, after, ORDERS_PER_PAGE, processes.c.business_id, processes.c.started_at
    )
    rows = connection.execute(statement).all()
    told = _told(connection, {row.workflow_id: row.business_id for row in rows})
    reached = _reached(connection, [row.workflow_id for row in rows])
    return [
        (
            row.workflow_id,
            WonOrder(
                won_at=min(told.get(row.workflow_id, row.started_at), row.started_at),
                accepted_at=reached.get((row.workflow_id, Milestone.ORDER_ACCEPTED)),
                activated_at=reached.get((row.workflow_id, Milestone.SUBSCRIPTION_ACTIVATED)),
            ),
        )
        for row in rows
    ]


def _told(connection: Connection, deals: dict[str, str]) -> dict[str, datetime]:
    """When the CRM says that each deal was won, by the first hint that led to its process; one that
    was started by hand has none."""
    # The connection that tells of a deal is the second part of its process's id.
    places = [(workflow_id.split("/")[1], deal) for workflow_id, deal in deals.items()]
    statement = (
        select(inbox.c.workflow_id, inbox.c.occurred_at, inbox.c.received_at)
        .where(tuple_(inbox.c.source, inbox.c.subject).in_(places), inbox.c.workflow_id.in_(deals))
        .order_by(inbox.c.id)
    )
    found: dict[str, datetime] = {}
    for row in connection.execute(statement):
        at = row.occurred_at or row.received_at
        found[row.workflow_id] = min(at, found.get(row.workflow_id, at))
    return found


def _reached(connection: Connection, workflow_ids: list[str]) -> dict[tuple[str, str], Any]:
    statement = select(milestones.c.workflow_id, milestones.c.milestone, milestones.c.at).where(
        milestones.c.workflow_id.in_(workflow_ids), milestones.c.milestone.in_(REACHED)
    )
    return {(row.workflow_id, row.milestone): row.at for row in connection.execute(statement)}
