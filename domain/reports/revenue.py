"""Orders by how far their revenue has come, from booked to paid (R120)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date

from canonical.milestones import Milestone
from canonical.money import Money
from canonical.orders import Fact
from domain.definitions.registry import definition
from domain.definitions.revenue_status import OrderRevenue, Revenue
from domain.reports.figures import Sums, sums

NAME = "revenue_status"


class KnownRevenue(Fact):
    """What is on record of an order's revenue; `recognized_until` is the last day that the ERP
    plans revenue for, None where that is not known."""

    value: Money | None = None
    milestones: list[Milestone] = []
    recognized_until: date | None = None


class RevenueGroup(Fact):
    """The orders of one status with their values; of how many each step before it is not proven."""

    status: Revenue
    orders: int
    value: Sums
    not_proven: dict[str, int] = {}


class RevenueReport(Fact):
    """Orders by the furthest step that is proven.

    `invoiced` and `paid` are by the order's first invoice. `recognition_unknown` of those that are
    not paid may be recognized without being shown so: until when their revenue is planned is not
    known.
    """

    orders: int
    by_status: list[RevenueGroup]
    recognition_unknown: int


def revenue_report(
    orders: Iterable[KnownRevenue], versions: Mapping[str, int], today: date
) -> RevenueReport:
    """Every order by the version of the definition that is in force."""
    given = list(orders)
    decide = definition(NAME, versions.get(NAME)).decide
    unplanned = 0
    values: dict[Revenue, list[Money | None]] = {}
    lacking: dict[Revenue, Counter[str]] = {}
    for one in given:
        decision = decide(
            OrderRevenue(
                milestones=one.milestones, recognized_until=one.recognized_until, today=today
            )
        )
        status = Revenue(decision.value)
        unplanned += one.recognized_until is None and status is not Revenue.PAID
        values.setdefault(status, []).append(one.value)
        if status is not Revenue.NONE:
            lacking.setdefault(status, Counter()).update(decision.reasons)
    return RevenueReport(
        orders=len(given),
        by_status=[
            RevenueGroup(
                status=status,
                orders=len(values[status]),
                value=sums(values[status]),
                not_proven=dict(sorted(lacking.get(status, Counter()).items())),
            )
            for status in Revenue
            if status in values
        ],
        recognition_unknown=unplanned,
    )
