"""The revenue schedule that an order implies, and how the ERP's is compared with it (R65)."""

from collections.abc import Iterable
from typing import NamedTuple

from canonical.errors import RevenueMismatch, UnsupportedTerms
from canonical.plan import RevenueLine, RevenuePeriod, SalesOrderLine, SalesOrderSpec
from domain.calendar import days_by_month

MONTHS_MAX = 1200
ROUNDING_MINOR_MAX = 1
DIFFERENCES_TOLD_MAX = 20


class Difference(NamedTuple):
    """One disagreement: of a line (`month` empty) or of one of its months, in minor units."""

    line_id: str
    month: str
    expected: str
    actual: str


def revenue_schedule(order: SalesOrderSpec) -> list[RevenueLine]:
    """Each line straight-line by day over its calendar months; milestone lines are held.

    A line without an end date is recognized on its first day, one without dates on the order's.
    Raises UnsupportedTerms when a line ends before it starts or runs over `MONTHS_MAX` months.
    """
    schedule = [_line(line, order) for line in order.lines]
    planned = sum(p.amount_minor for line in schedule for p in line.periods)
    held = sum(line.amount.amount_minor for line in schedule if line.held_for)
    assert planned + held == order.total.amount_minor, "revenue schedule does not add up"
    return schedule


def _line(line: SalesOrderLine, order: SalesOrderSpec) -> RevenueLine:
    if line.milestone:
        return RevenueLine(line_id=line.line_id, amount=line.amount, held_for=line.milestone)
    start = line.starts_on or order.ordered_on
    end = line.ends_on or start
    if end < start or (end.year - start.year) * 12 > MONTHS_MAX:
        raise UnsupportedTerms(
            f"line {line.line_id} is recognized from {start} to {end}, which cannot be planned",
            about=order.opportunity_id,
            details={"line": line.line_id},
        )
    months = list(days_by_month(start, end))
    shares = line.amount.allocate([days for _, days in months])
    periods = [
        RevenuePeriod(month=month, amount_minor=share.amount_minor)
        for (month, _), share in zip(months, shares, strict=True)
    ]
    return RevenueLine(line_id=line.line_id, amount=line.amount, periods=periods)


def differences(expected: Iterable[RevenueLine], actual: Iterable[RevenueLine]) -> list[Difference]:
    """Where two schedules disagree, by line and month.

    Line totals and held status have to be equal; a month may differ by `ROUNDING_MINOR_MAX` and
    the last by as many minor units as there are months, since systems round differently. A line
    of no amount may be absent.
    """
    wanted, found = _by_line(expected), _by_line(actual)
    return [
        difference
        for line_id in sorted(wanted.keys() | found.keys())
        for difference in _compared(line_id, wanted.get(line_id), found.get(line_id))
    ]


def compare_schedules(expected: Iterable[RevenueLine], actual: Iterable[RevenueLine]) -> None:
    """Raise RevenueMismatch, with the differences as details, unless the schedules agree."""
    found = differences(expected, actual)
    if found:
        lines = sorted({difference.line_id for difference in found})
        raise RevenueMismatch(
            f"the ERP's revenue schedule differs from the order in {len(found)} places, "
            f"on lines {', '.join(lines[:DIFFERENCES_TOLD_MAX])}",
            details={"differences": [d._asdict() for d in found[:DIFFERENCES_TOLD_MAX]]},
        )


def _by_line(lines: Iterable[RevenueLine]) -> dict[str, list[RevenueLine]]:
    found: dict[str, list[RevenueLine]] = {}
    for line in lines:
        found.setdefault(line.line_id, []).append(line)
    return found


def _compared(
    line_id: str, wanted: list[RevenueLine] | None, found: list[RevenueLine] | None
) -> list[Difference]:
    totals = _total(wanted or []), _total(found or [])
    if totals[0] != totals[1]:
        return [Difference(line_id, "", *totals)]
    if not wanted or not found:
        return []
    if bool(wanted[0].held_for) != bool(found[0].held_for):
        return [Difference(line_id, "", _standing(wanted[0]), _standing(found[0]))]
    return _months(line_id, _by_month(wanted), _by_month(found))


def _months(line_id: str, wanted: dict[str, int], found: dict[str, int]) -> list[Difference]:
    months = sorted(wanted.keys() | found.keys())
    # A system that rounds each month by itself leaves the rests of all of them to the last.
    allowed = dict.fromkeys(months, ROUNDING_MINOR_MAX) | {m: len(months) for m in months[-1:]}
    return [
        Difference(line_id, month, str(wanted.get(month, 0)), str(found.get(month, 0)))
        for month in months
        if abs(wanted.get(month, 0) - found.get(month, 0)) > allowed[month]
    ]


def _by_month(lines: list[RevenueLine]) -> dict[str, int]:
    months: dict[str, int] = {}
    for line in lines:
        for period in line.periods:
            months[period.month] = months.get(period.month, 0) + period.amount_minor
    return months


def _total(lines: list[RevenueLine]) -> str:
    """What a line comes to: the amount it states, and what its months add up to unless held."""
    stated = sum(line.amount.amount_minor for line in lines)
    planned = sum(_by_month(lines).values())
    if not stated and not planned:
        return "0"
    currency = lines[0].amount.currency
    if any(line.held_for for line in lines) or planned == stated:
        return f"{stated} {currency}"
    return f"{stated} {currency}, planned {planned}"


def _standing(line: RevenueLine) -> str:
    return f"held for {line.held_for}" if line.held_for else "planned"
