"""Calendar months as contracts count them: from a day to the day before the same day later."""

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

DAY = timedelta(days=1)
# Contract dates outside of these years are typing errors, and date arithmetic stays in range.
YEAR_MIN, YEAR_MAX = 1970, 2200


def midnight(day: date) -> datetime:
    """When a day begins, UTC."""
    return datetime.combine(day, time.min, UTC)


def add_months(start: date, months: int) -> date:
    """The same day so many months later, or the last day of a shorter month."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(start.day, last))


def last_day(start: date, months: int) -> date:
    """The last day of a period of so many months."""
    return add_months(start, months) - DAY


def whole_months(start: date, end: date) -> int | None:
    """How many whole months `start` to `end` (both included) are; None when they are not whole."""
    months = (end.year - start.year) * 12 + end.month - start.month
    return next((n for n in (months, months + 1) if n > 0 and last_day(start, n) == end), None)


def days_by_month(start: date, end: date) -> Iterator[tuple[str, int]]:
    """Each calendar month (`YYYY-MM`) from start to end, both included, with its days in it."""
    first = start
    while first <= end:
        last = min(end, first.replace(day=calendar.monthrange(first.year, first.month)[1]))
        yield f"{first:%Y-%m}", (last - first).days + 1
        first = last + DAY
