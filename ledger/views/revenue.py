"""What is on record of orders' revenue: milestones, and until when it is planned (R120)."""

from collections import defaultdict
from datetime import date, datetime

from sqlalchemy import Connection, or_, select

from canonical.desk import CaseState
from canonical.effects import EffectState
from canonical.errors import RevenueMismatch
from canonical.milestones import Milestone
from canonical.plan import SalesOrderSpec
from domain.reports.revenue import KnownRevenue
from ledger.case_records import money
from ledger.database import Database
from ledger.models.desk import cases, milestones, processes
from ledger.models.effects import effects
from ledger.views.orders import ORDERS_PER_PAGE, begun_orders
from ledger.views.pages import read_all


async def known_revenue(db: Database, since: datetime) -> list[KnownRevenue]:
    """Every order begun since then that was not cancelled, in pages."""
    return await read_all(db, _page, since)


def _page(connection: Connection, since: datetime, after: str) -> list[tuple[str, KnownRevenue]]:
    value = (processes.c.value_minor, processes.c.value_currency)
    statement = begun_orders(since, after, ORDERS_PER_PAGE, *value)
    rows = connection.execute(statement).all()
    wanted = [row.workflow_id for row in rows]
    reached, planned = _reached(connection, wanted), _planned(connection, wanted)
    return [
        (
            row.workflow_id,
            KnownRevenue(
                value=money(row.value_minor, row.value_currency),
                milestones=reached.get(row.workflow_id, []),
                recognized_until=planned.get(row.workflow_id),
            ),
        )
        for row in rows
    ]


def _reached(connection: Connection, workflow_ids: list[str]) -> dict[str, list[Milestone]]:
    statement = select(milestones.c.workflow_id, milestones.c.milestone).where(
        milestones.c.workflow_id.in_(workflow_ids)
    )
    found: dict[str, list[Milestone]] = defaultdict(list)
    for row in connection.execute(statement):
        found[row.workflow_id].append(Milestone(row.milestone))
    return found


def _planned(connection: Connection, workflow_ids: list[str]) -> dict[str, date | None]:
    """Until when the ERP plans revenue of the orders that stand in it."""
    statement = select(effects.c.workflow_id, effects.c.request).where(
        effects.c.workflow_id.in_(workflow_ids),
        effects.c.kind == "sales_order",
        effects.c.state == EffectState.CONFIRMED.value,
    )
    doubted = _doubted(connection, workflow_ids)
    return {
        row.workflow_id: _last_day(SalesOrderSpec.model_validate(row.request))
        for row in connection.execute(statement)
        if row.workflow_id not in doubted
    }


def _doubted(connection: Connection, workflow_ids: list[str]) -> set[str]:
    """Orders whose revenue schedule differed in the ERP, or is still to be proven there."""
    is_open = (cases.c.step == "book_order") & (cases.c.state != CaseState.RESOLVED.value)
    statement = select(cases.c.workflow_id).where(
        cases.c.workflow_id.in_(workflow_ids),
        or_(cases.c.cause == RevenueMismatch.__name__, is_open),
    )
    return set(connection.execute(statement).scalars())


def _last_day(order: SalesOrderSpec) -> date | None:
    """The last day that any line is recognized on; None where one is held for a milestone, since
    nothing tells when it is released."""
    if any(line.milestone for line in order.lines):
        return None
    days = [line.ends_on or line.starts_on or order.ordered_on for line in order.lines]
    return max(days, default=None)
