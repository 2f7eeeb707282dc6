"""From implementation to billing: whether what is delivered is invoiced, and what leaks (R80).

Invoices name their order and not its charges, so that amounts are compared by order: what is
delivered and due by its terms, with all that is invoiced of the order.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from canonical.money import Money
from canonical.orders import Fact
from domain.calendar import midnight
from domain.reports.figures import Share, by_currency, share
from domain.reports.order_delivery import BillableCharge, DeliveredOrder


class BilledAfterDelivery(Fact):
    """Whether orders whose implementation was completed in a period were invoiced in time.

    In time is a first invoice of the order within `limit_days` after the implementation, or after
    the first day of the terms where that is later; one from before counts. `not_due` have time
    left; `unknown` have none in time, and may have one that cannot be attributed.
    """

    limit_days: int
    completed: int
    in_time: Share
    late: int
    not_billed: int
    not_due: int
    unknown: int


class Leakage(Fact):
    """What was delivered and due more than `limit_days` ago and is not invoiced now.

    `leaking` is of those of the `delivered` orders of which it is known, `leaked` their money by
    currency, `oldest_days` for how long the oldest of it could have been invoiced. Beside it, in no
    order: `nameless_implementations` are complete and name no order on record, `nameless_invoices`
    name neither an order nor an account.
    """

    limit_days: int
    delivered: int
    leaking: Share
    leaked: list[Money]
    oldest_days: int | None
    unknown: int
    nameless_implementations: int
    nameless_invoices: int


class _Judgement(NamedTuple):
    """What of an order leaks, if anything, and since when."""

    leaked: Money
    since: datetime


def billed_after_delivery(
    orders: Iterable[DeliveredOrder], since: datetime, limit_days: int, now: datetime
) -> BilledAfterDelivery:
    """Invoices against the limit, of the orders completed since a time."""
    limit = timedelta(days=limit_days)
    counts = dict.fromkeys(("in_time", "late", "not_billed", "not_due", "unknown"), 0)
    given = [
        one for one in orders if one.delivery.complete_at and one.delivery.complete_at >= since
    ]
    for order in given:
        counts[_timing(order, limit, now)] += 1
    met = counts.pop("in_time")
    return BilledAfterDelivery(
        limit_days=limit_days,
        completed=len(given),
        in_time=share(met, met + counts["late"] + counts["not_billed"]),
        **counts,
    )


def _timing(order: DeliveredOrder, limit: timedelta, now: datetime) -> str:
    ready = [order.ready_at(one) for one in order.charges or [] if not one.milestone]
    begins = min((at for at in ready if at is not None), default=order.delivery.complete_at)
    assert begins is not None, "only completed orders are judged"
    posted = [one.posted_at for one in order.invoices if one.amount.amount_minor > 0]
    first = min(posted, default=None)
    if first is not None and first <= begins + limit:
        return "in_time"
    if now <= begins + limit:
        return "not_due"
    if order.unattributed:
        return "unknown"
    return "not_billed" if first is None else "late"


def leakage(
    orders: Iterable[DeliveredOrder],
    limit_days: int,
    now: datetime,
    *,
    nameless_implementations: int = 0,
    nameless_invoices: int = 0,
) -> Leakage:
    """What leaks now, of all orders with something delivered and due before the limit."""
    until = now - timedelta(days=limit_days)
    due = [one for one in orders if _is_delivered(one, until)]
    judged = [one for one in (_judge(order, until) for order in due) if one is not None]
    leaks = [one for one in judged if one.leaked.amount_minor > 0]
    oldest = min((one.since for one in leaks), default=None)
    return Leakage(
        limit_days=limit_days,
        delivered=len(due),
        leaking=share(len(leaks), len(judged)),
        leaked=by_currency(one.leaked for one in leaks),
        oldest_days=None if oldest is None else (now - oldest).days,
        unknown=len(due) - len(judged),
        nameless_implementations=nameless_implementations,
        nameless_invoices=nameless_invoices,
    )


def _is_delivered(order: DeliveredOrder, until: datetime) -> bool:
    if order.charges is None and order.value is None:
        return order.delivery.complete_at is not None and order.delivery.complete_at <= until
    return bool(_delivered(order, until))


def _judge(order: DeliveredOrder, until: datetime) -> _Judgement | None:
    """What leaks of an order with something delivered; None where that is not known.

    It is known where it is the same however its invoices are counted: two systems may tell of one
    invoice, or each of its own. Nothing leaks where that is so at worst.
    """
    delivered = _delivered(order, until)
    if not delivered:
        return None
    currency = delivered[0][1].currency
    if any(one.amount.currency != currency for one in order.invoices):
        return None
    by_source: dict[str, int] = {}
    for one in order.invoices:
        by_source[one.connection] = by_source.get(one.connection, 0) + one.amount.amount_minor
    worst = _uncovered(order, delivered, max(by_source.values(), default=0), until)
    best = _uncovered(order, delivered, sum(by_source.values()), until)
    if worst == 0:
        return _Judgement(Money.zero(currency), until)
    # Without terms it is known only that an order of which nothing is invoiced leaks as a whole.
    begun = order.charges is None and bool(by_source)
    if order.unattributed or begun or worst != best:
        return None
    return _Judgement(Money(amount_minor=worst, currency=currency), _since(delivered, worst))


def _charges(order: DeliveredOrder) -> Sequence[BillableCharge]:
    """By its terms; an order without them is one charge of its value, due with its delivery."""
    if order.charges is not None:
        return order.charges
    return [BillableCharge(amount=order.value)] if order.value else []


def _delivered(order: DeliveredOrder, until: datetime) -> list[tuple[datetime, Money]]:
    """What was delivered and due by then, and when it came to be both, the oldest first."""
    ready = [(order.ready_at(one), one.amount) for one in _charges(order)]
    found = [(at, amount) for at, amount in ready if at and at <= until and amount.amount_minor > 0]
    return sorted(found, key=lambda one: one[0])


def _uncovered(
    order: DeliveredOrder,
    delivered: Sequence[tuple[datetime, Money]],
    invoiced: int,
    until: datetime,
) -> int:
    """How much of what is delivered no invoice can be for, in minor units.

    Invoices are also for what was due by then and is not delivered yet, which comes first.
    """
    ahead = 0
    for charge in _charges(order):
        ready_at = order.ready_at(charge)
        if (
            charge.due_on
            and midnight(charge.due_on) <= until
            and (not ready_at or ready_at > until)
        ):
            ahead += charge.amount.amount_minor
    owed = sum(amount.amount_minor for _, amount in delivered)
    return min(owed, max(0, owed + ahead - invoiced))


def _since(delivered: Sequence[tuple[datetime, Money]], leaked: int) -> datetime:
    """Since when the oldest of what leaks could be invoiced: invoices are for the oldest first."""
    for at, amount in reversed(delivered):
        leaked -= amount.amount_minor
        if leaked <= 0:
            return at
    return delivered[0][0]
