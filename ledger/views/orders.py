"""Orders that quote-to-cash carried out: what they are worth, and when their steps were done."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select

from canonical.milestones import Milestone
from canonical.money import Money
from domain.reports.leadership import OrderProgress
from domain.reports.workflows import CANCELLED
from ledger.case_records import money
from ledger.database import Database
from ledger.models.desk import milestones, processes
from ledger.models.effects import effects
from ledger.views.pages import read_all

QUOTE_TO_CASH = "quote-to-cash"
UNDONE_STAGES = CANCELLED
IDS_PER_QUERY = 500
ORDERS_PER_PAGE = 500


def begun_orders(since: datetime, after: str, limit: int, *columns: ColumnElement[Any]) -> Any:
    """Selects a page of the orders begun since a time that were not cancelled: the workflow's id,
    which is beyond `after`, and these columns of its process."""
    return (
        select(processes.c.workflow_id, *columns)
        .where(
            processes.c.process == QUOTE_TO_CASH,
            processes.c.started_at >= since,
            processes.c.workflow_id > after,
            processes.c.stage.not_in(UNDONE_STAGES),
        )
        .order_by(processes.c.workflow_id)
        .limit(limit)
    )


def order_values(connection: Connection, opportunity_ids: Iterable[str]) -> dict[str, Money]:
    """What these deals' orders are worth, where Tieline carried them out and they stand."""
    wanted = sorted(set(opportunity_ids) - {""})
    found: dict[str, Money] = {}
    for start in range(0, len(wanted), IDS_PER_QUERY):
        statement = (
            select(processes.c.business_id, processes.c.value_minor, processes.c.value_currency)
            .where(
                processes.c.process == QUOTE_TO_CASH,
                processes.c.business_id.in_(wanted[start : start + IDS_PER_QUERY]),
                processes.c.stage.not_in(UNDONE_STAGES),
                processes.c.value_minor.is_not(None),
            )
            .order_by(processes.c.workflow_id)
        )
        for row in connection.execute(statement):
            value = money(row.value_minor, row.value_currency)
            if value is not None:
                found[row.business_id] = value
    return found


async def order_progress(db: Database, since: datetime) -> list[OrderProgress]:
    """Every order accepted since then that was not cancelled, in pages."""
    return await read_all(db, _page, since)


def _page(connection: Connection, since: datetime, after: str) -> list[tuple[str, OrderProgress]]:
    activated = milestones.alias("activated")
    statement = (
        select(milestones.c.workflow_id, milestones.c.at, activated.c.at.label("activated_at"))
        .join(processes, processes.c.workflow_id == milestones.c.workflow_id)
        .outerjoin(
            activated,
            and_(
                activated.c.workflow_id == milestones.c.workflow_id,
                activated.c.milestone == Milestone.SUBSCRIPTION_ACTIVATED.value,
            ),
        )
        .where(
            milestones.c.process == QUOTE_TO_CASH,
            milestones.c.milestone == Milestone.ORDER_ACCEPTED.value,
            milestones.c.at >= since,
            milestones.c.workflow_id > after,
            processes.c.stage.not_in(UNDONE_STAGES),
        )
        .order_by(milestones.c.workflow_id)
        .limit(ORDERS_PER_PAGE)
    )
    rows = connection.execute(statement).all()
    done = _confirmed(connection, [row.workflow_id for row in rows])
    return [
        (
            row.workflow_id,
            OrderProgress(
                accepted_at=row.at,
                activated_at=row.activated_at,
                booked_at=done.get((row.workflow_id, "sales_order")),
                onboarding_at=done.get((row.workflow_id, "onboarding")),
            ),
        )
        for row in rows
    ]


def _confirmed(connection: Connection, workflow_ids: list[str]) -> dict[tuple[str, str], Any]:
    """When the order was booked and its onboarding opened, by process and kind."""
    statement = (
        select(effects.c.workflow_id, effects.c.kind, effects.c.confirmed_at)
        .where(
            effects.c.workflow_id.in_(workflow_ids),
            effects.c.kind.in_(("sales_order", "onboarding")),
            effects.c.confirmed_at.is_not(None),
        )
        .order_by(effects.c.confirmed_at.desc())
    )
    return {(row.workflow_id, row.kind): row.confirmed_at for row in connection.execute(statement)}
