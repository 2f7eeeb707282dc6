"""Turns the recurring lines of an order into the phases of a subscription, sums preserved (R58)."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from canonical.errors import UnsupportedTerms
from canonical.orders import Charge, CommercialOrder
from canonical.plan import Derivation, OneTimeItem, Phase, PricedItem
from domain.calendar import add_months, last_day, whole_months
from domain.mapping import MappedLine
from governance.terms import Terms

TERM_MONTHS_MAX = 120
# The longest interval that Stripe Billing charges for (three years).
INTERVAL_MONTHS_MAX = 36
YEAR_MONTHS = 12


class Segment(NamedTuple):
    """A stretch of service: so many whole months from a day."""

    starts_on: date
    months: int

    @property
    def ends_on(self) -> date:
        """The last day of service."""
        return last_day(self.starts_on, self.months)


class Schedule(NamedTuple):
    """When each recurring line runs (by line id), and which of that the catalogue supplied."""

    segments: dict[str, Segment]
    derivations: list[Derivation]

    @property
    def starts_on(self) -> date:
        """The first day of the subscription."""
        return min(segment.starts_on for segment in self.segments.values())

    @property
    def ends_on(self) -> date:
        """The last day of the subscription."""
        return max(segment.ends_on for segment in self.segments.values())


def schedule(
    order: CommercialOrder, lines: Sequence[MappedLine], terms: Terms, today: date | None = None
) -> Schedule:
    """The service segment of each recurring line: its own dates, else the order's, else the
    catalogue's, which do not reach back further than it allows from `today`. Raises
    UnsupportedTerms for what cannot be billed as stated."""
    recurring = [mapped.line for mapped in lines if mapped.charge is Charge.RECURRING]
    if not recurring:
        raise UnsupportedTerms(
            f"{order.name!r} has no recurring line, so there is no subscription to activate",
            about=order.opportunity_id,
        )
    derived: list[Derivation] = []
    start, months = order.starts_on, order.term_months
    if start is None and not all(line.starts_on for line in recurring):
        start, rule = _default_start(order, terms, today)
        derived.append(_by("starts_on", start.isoformat(), rule))
    if months is None and not all(line.ends_on for line in recurring):
        months = terms.term_months
        derived.append(_by("term_months", str(months), "terms.term_months"))
    segments = {
        line.id: _segment(order, line.starts_on or start, line.ends_on, months)
        for line in recurring
    }
    return Schedule(segments, derived)


def _default_start(order: CommercialOrder, terms: Terms, today: date | None) -> tuple[date, str]:
    if terms.start == "stated":
        raise UnsupportedTerms(
            f"{order.name!r} states no start date, and terms.toml asks for one",
            about=order.opportunity_id,
        )
    if today is not None and order.closed_on < today - timedelta(days=terms.backdate_days_max):
        return today, "terms.backdate_days_max"
    return order.closed_on, "terms.start"


def _segment(
    order: CommercialOrder, start: date | None, end: date | None, months: int | None
) -> Segment:
    assert start is not None
    counted = months if end is None else whole_months(start, end)
    if counted is None or not 0 < counted <= TERM_MONTHS_MAX:
        stated = f"{start} to {end}" if end else f"{months} months"
        raise UnsupportedTerms(
            f"a term of {stated} cannot be billed, only 1 to {TERM_MONTHS_MAX} whole months",
            about=order.opportunity_id,
            details={"starts_on": start.isoformat(), "term": stated},
        )
    return Segment(start, counted)


def phases(order: CommercialOrder, lines: Sequence[MappedLine], when: Schedule) -> list[Phase]:
    """Lines of one segment make a phase; a ramp is phases that follow each other without a gap."""
    grouped: dict[Segment, list[MappedLine]] = {}
    for mapped in lines:
        if (segment := when.segments.get(mapped.line.id)) is not None:
            grouped.setdefault(segment, []).append(mapped)
    ordered = sorted(grouped)
    for before, after in pairwise(ordered):
        if add_months(before.starts_on, before.months) != after.starts_on:
            raise UnsupportedTerms(
                f"service from {before.starts_on} to {before.ends_on} and from {after.starts_on} "
                f"to {after.ends_on} neither coincide nor follow each other",
                about=order.opportunity_id,
                details={"segments": [f"{s.starts_on}/{s.ends_on}" for s in ordered]},
            )
    return [_phase(order, segment, grouped[segment]) for segment in ordered]


def _phase(order: CommercialOrder, segment: Segment, lines: list[MappedLine]) -> Phase:
    interval = _interval(order, segment, lines)
    times = segment.months // interval
    items = [
        PricedItem(
            line_id=mapped.line.id,
            product=mapped.product.billing_product,
            quantity=mapped.quantity,
            unit_amount_minor=mapped.line.unit_price.amount_minor // times,
            interval_months=interval,
        )
        for mapped in lines
    ]
    return Phase(starts_on=segment.starts_on, months=segment.months, items=items)


def _interval(order: CommercialOrder, segment: Segment, lines: list[MappedLine]) -> int:
    """Yearly when every price divides by the years to the minor unit, else the whole segment.

    One interval for the whole phase: a subscription's items are billed together.
    """
    years, rest = divmod(segment.months, YEAR_MONTHS)
    if not rest and all(mapped.line.unit_price.amount_minor % years == 0 for mapped in lines):
        return YEAR_MONTHS
    if segment.months > INTERVAL_MONTHS_MAX:
        raise UnsupportedTerms(
            f"{segment.months} months cannot be billed yearly to the minor unit, and at once only "
            f"up to {INTERVAL_MONTHS_MAX} months",
            about=order.opportunity_id,
            details={"term_months": segment.months, "lines": [m.line.id for m in lines]},
        )
    return segment.months


def one_time_items(lines: Sequence[MappedLine]) -> list[OneTimeItem]:
    """The charges made once: with the first invoice, or on a milestone."""
    return [
        OneTimeItem(
            line_id=mapped.line.id,
            product=mapped.product.billing_product,
            quantity=mapped.quantity,
            unit_amount_minor=mapped.line.unit_price.amount_minor,
            milestone=mapped.milestone if mapped.charge is Charge.MILESTONE else "",
        )
        for mapped in lines
        if mapped.charge is not Charge.RECURRING
    ]


def _by(field: str, value: str, rule: str) -> Derivation:
    return Derivation(field=field, value=value, rule=rule)
