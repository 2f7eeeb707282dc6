"""Exact amounts: decimals in major units, rounded to the currency's own minor unit."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

EXPONENTS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "ISK": 0, "BHD": 3, "KWD": 3, "JOD": 3,
             "OMR": 3, "TND": 3}  # fmt: skip


def exponent(symbol: str) -> int:
    """Digits after the point in a currency."""
    return EXPONENTS.get(symbol, 2)


def to_decimal(value: Any) -> Decimal:
    """A JSON number as the decimal its shortest text names; raises TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(f"not a number: {value!r}")
    return Decimal(str(value))


def rounded(value: Decimal, digits: int) -> Decimal:
    """The value in whole minor units."""
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def spread(total: Decimal, weights: list[int], digits: int) -> list[Decimal]:
    """Split a total by weights so that the parts add up exactly; the last takes the remainder."""
    whole = sum(weights)
    parts = [rounded(total * weight / whole, digits) for weight in weights[:-1]]
    return [*parts, total - sum(parts, Decimal(0))]


def days_by_month(start: date, end: date) -> dict[str, int]:
    """How many days of a term (both ends counted) fall into each calendar month."""
    days: dict[str, int] = {}
    while start <= end:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        last = min(end, following - timedelta(days=1))
        days[f"{start:%Y-%m}"] = (last - start).days + 1
        start = following
    return days
