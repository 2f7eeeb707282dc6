"""The lines of the ERP's sales order, with the dates that revenue is recognized over (R65)."""

from collections.abc import Sequence
from datetime import date

from canonical.errors import UnsupportedTerms
from canonical.orders import CommercialOrder
from canonical.plan import SalesOrderLine
from domain.mapping import MappedLine
from domain.subscription import Schedule, Segment


def sales_order_lines(
    order: CommercialOrder, lines: Sequence[MappedLine], when: Schedule
) -> list[SalesOrderLine]:
    """Every line: recurring over its segment, one-time on its day, milestone charges held.

    Raises UnsupportedTerms when a one-time line ends before it starts.
    """
    return [_line(order, mapped, when) for mapped in lines]


def _line(order: CommercialOrder, mapped: MappedLine, when: Schedule) -> SalesOrderLine:
    starts_on, ends_on = _recognition(order, mapped, when)
    return SalesOrderLine(
        line_id=mapped.line.id,
        item=mapped.product.erp_item,
        quantity=mapped.quantity,
        amount=mapped.line.total,
        charge=mapped.charge,
        starts_on=starts_on,
        ends_on=ends_on,
        milestone=mapped.milestone,
    )


def _recognition(
    order: CommercialOrder, mapped: MappedLine, when: Schedule
) -> tuple[date | None, date | None]:
    if mapped.milestone:
        return None, None
    segment: Segment | None = when.segments.get(mapped.line.id)
    start = segment.starts_on if segment else mapped.line.starts_on or when.starts_on
    if mapped.revenue == "point-in-time":
        return start, start
    end = segment.ends_on if segment else mapped.line.ends_on or when.ends_on
    if end < start:
        raise UnsupportedTerms(
            f"{mapped.line.product_code} is to be recognized from {start} to {end}",
            about=order.opportunity_id,
            details={"line": mapped.line.id},
        )
    return start, end
