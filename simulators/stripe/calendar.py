"""Billing periods: a timestamp moved by days, weeks, months or years."""

import calendar
from datetime import UTC, datetime

INTERVALS = ("day", "week", "month", "year")
_DAY_SECONDS = 86_400


def add_interval(start: int, interval: str, count: int) -> int:
    """The end of a period; a month's last day stays a last day."""
    if interval == "day":
        return start + count * _DAY_SECONDS
    if interval == "week":
        return start + 7 * count * _DAY_SECONDS
    moment = datetime.fromtimestamp(start, UTC)
    months = moment.year * 12 + moment.month - 1 + count * (12 if interval == "year" else 1)
    year, month = divmod(months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return int(moment.replace(year=year, month=month + 1, day=day).timestamp())
