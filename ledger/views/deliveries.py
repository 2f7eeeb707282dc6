"""Orders with something delivered, and the invoices that name them (R80)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, select, tuple_

from canonical.effects import EffectState
from canonical.facts import (
    FACTS,
    AnyFacts,
    ContractFacts,
    InvoiceFacts,
    Kind,
    OnboardingFacts,
    TaskFacts,
)
from canonical.milestones import Milestone
from canonical.plan import SubscriptionSpec
from domain.reports.disputes import InvoiceKey
from domain.reports.order_delivery import (
    DeliveredOrder,
    Delivery,
    OrderInvoice,
    charges_of,
    delivery_of,
    order_invoice,
)
from ledger.case_records import money
from ledger.database import Database
from ledger.models.desk import milestones, processes
from ledger.models.effects import effects
from ledger.models.intake import subjects
from ledger.views.orders import QUOTE_TO_CASH, UNDONE_STAGES
from ledger.views.pages import read_with

ROWS_PER_PAGE = 500
IDS_PER_QUERY = 500
SUBSCRIPTION = "subscription"
_KINDS = (Kind.CONTRACT.value, Kind.ONBOARDING.value, Kind.TASK.value)
_PLACE = (subjects.c.connection, subjects.c.kind, subjects.c.subject_id)


@dataclass
class Deliveries:
    """Orders with something delivered; complete implementations that name no order on record, and
    posted invoices that name neither an order nor an account."""

    orders: list[DeliveredOrder]
    nameless_implementations: int
    nameless_invoices: int


@dataclass
class _Told:
    """What other systems tell of one order; `ended_on` is the day on which its contract ended."""

    onboardings: list[OnboardingFacts] = field(default_factory=list)
    tasks: list[TaskFacts] = field(default_factory=list)
    ended_on: date | None = None


@dataclass
class _Records:
    """What is told by order, and which order a contract or onboarding is of."""

    by_deal: dict[str, _Told] = field(default_factory=lambda: defaultdict(_Told))
    deals: dict[tuple[str, str], str] = field(default_factory=dict)
    nameless: int = 0


@dataclass
class _Invoices:
    """Invoices by the order that they name; when the newest other one of an account was posted."""

    by_deal: dict[str, list[OrderInvoice]] = field(default_factory=lambda: defaultdict(list))
    others: dict[str, datetime] = field(default_factory=dict)
    nameless: int = 0


async def deliveries(
    db: Database, invoices: Mapping[InvoiceKey, InvoiceFacts], required: Sequence[str]
) -> Deliveries:
    """Every accepted order that was not cancelled and of which something is delivered."""
    records = await _records(db)
    attributed = _attributed(invoices, records)
    delivered = {
        deal: delivery_of(told.onboardings, told.tasks, required)
        for deal, told in records.by_deal.items()
    }
    wanted = sorted(deal for deal, one in delivered.items() if one.complete_at or one.reached)
    found: list[DeliveredOrder] = []
    foreign = {deal for deal in wanted if delivered[deal].complete_at}
    for start in range(0, len(wanted), IDS_PER_QUERY):
        rows = await read_with(db, _orders, wanted[start : start + IDS_PER_QUERY])
        foreign -= {row.business_id for row in rows}
        standing = [row for row in rows if row.accepted_at and row.stage not in UNDONE_STAGES]
        terms = await read_with(db, _terms, [row.workflow_id for row in standing])
        found += [
            _order(
                row,
                terms.get(row.workflow_id),
                records.by_deal[row.business_id].ended_on,
                delivered[row.business_id],
                attributed,
            )
            for row in standing
        ]
    if not invoices:
        # Nobody has told of any invoice yet: that none names an order says nothing of it.
        found = [one.model_copy(update={"unattributed": True}) for one in found]
    return Deliveries(found, records.nameless + len(foreign), attributed.nameless)


async def _records(db: Database) -> _Records:
    """Contracts, onboardings and their tasks, in pages; a connection's onboardings come before its
    tasks, which name their order by it where they do not name one."""
    found = _Records()
    place = ("", "", "")
    while rows := await read_with(db, _page, place):
        place = (rows[-1].connection, rows[-1].kind, rows[-1].subject_id)
        for row in rows:
            _keep(found, row.connection, FACTS.validate_python(row.facts))
    return found


def _page(connection: Connection, place: tuple[str, str, str]) -> list[Any]:
    statement = (
        select(*_PLACE, subjects.c.facts)
        .where(subjects.c.kind.in_(_KINDS), tuple_(*_PLACE) > place)
        .order_by(*_PLACE)
        .limit(ROWS_PER_PAGE)
    )
    return list(connection.execute(statement).all())


def _keep(found: _Records, connection: str, facts: AnyFacts) -> None:
    deal = facts.opportunity_id
    if isinstance(facts, TaskFacts):
        deal = deal or found.deals.get((connection, facts.onboarding_id), "")
    if not deal:
        found.nameless += isinstance(facts, OnboardingFacts) and facts.completed
        return
    found.deals[connection, facts.id] = deal
    match facts:
        case OnboardingFacts():
            found.by_deal[deal].onboardings.append(facts)
        case TaskFacts():
            found.by_deal[deal].tasks.append(facts)
        case ContractFacts(ended_at=datetime() as ended_at):
            known = found.by_deal[deal].ended_on or ended_at.date()
            found.by_deal[deal].ended_on = min(known, ended_at.date())


def _attributed(invoices: Mapping[InvoiceKey, InvoiceFacts], records: _Records) -> _Invoices:
    """Each invoice to the order that it names, or that its contract names."""
    found = _Invoices()
    for (connection, _), invoice in invoices.items():
        known = order_invoice(connection, invoice)
        deal = invoice.opportunity_id or records.deals.get((connection, invoice.contract_id), "")
        if known is not None and deal:
            found.by_deal[deal].append(known)
        elif known is not None and not invoice.account_id:
            found.nameless += 1
        elif known is not None:
            newest = found.others.get(invoice.account_id, known.posted_at)
            found.others[invoice.account_id] = max(newest, known.posted_at)
    return found


def _orders(connection: Connection, deals: list[str]) -> list[Any]:
    statement = (
        select(processes, milestones.c.at.label("accepted_at"))
        .outerjoin(
            milestones,
            and_(
                milestones.c.workflow_id == processes.c.workflow_id,
                milestones.c.milestone == Milestone.ORDER_ACCEPTED.value,
            ),
        )
        .where(processes.c.process == QUOTE_TO_CASH, processes.c.business_id.in_(deals))
        .order_by(processes.c.workflow_id)
    )
    return list(connection.execute(statement).all())


def _terms(connection: Connection, workflow_ids: list[str]) -> dict[str, SubscriptionSpec]:
    """What each order's subscription charges, as billing was asked for it last."""
    statement = (
        select(effects.c.workflow_id, effects.c.request)
        .where(
            effects.c.workflow_id.in_(workflow_ids),
            effects.c.kind == SUBSCRIPTION,
            effects.c.state != EffectState.UNDONE.value,
        )
        .order_by(effects.c.reserved_at)
    )
    rows = connection.execute(statement).all()
    return {row.workflow_id: SubscriptionSpec.model_validate(row.request) for row in rows}


def _order(
    row: Any,
    terms: SubscriptionSpec | None,
    ended_on: date | None,
    delivery: Delivery,
    attributed: _Invoices,
) -> DeliveredOrder:
    # The payer may be another account than the customer.
    accounts = {row.account_id, terms.account_id if terms else row.account_id}
    others = [attributed.others[one] for one in accounts if one in attributed.others]
    return DeliveredOrder(
        opportunity_id=row.business_id,
        value=money(row.value_minor, row.value_currency),
        delivery=delivery,
        charges=charges_of(terms, ended_on) if terms else None,
        invoices=attributed.by_deal.get(row.business_id, []),
        unattributed=any(posted_at >= row.accepted_at for posted_at in others),
    )
