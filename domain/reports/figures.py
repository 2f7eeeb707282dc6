"""Figures that reports are made of: sums by currency, shares, spreads; nothing is "no data"."""

import statistics
from collections.abc import Iterable, Sequence

from canonical.money import Money
from canonical.orders import Fact


class Sums(Fact):
    """Amounts added up by currency, and of how many things the amount is known or not."""

    amounts: list[Money] = []
    known: int = 0
    unknown: int = 0


class Share(Fact):
    """How many of how many; `percent` is whole, rounded down, and None where there are none."""

    met: int
    of: int
    percent: int | None


class Spread(Fact):
    """A duration over several cases, in seconds; None where there are none."""

    count: int
    median_seconds: int | None = None
    p90_seconds: int | None = None


class Lead(Fact):
    """How long before something was due, in days; negative where it was too late.

    `p10_days` is what nine of ten had at least.
    """

    count: int
    median_days: int | None = None
    p10_days: int | None = None


def less(amount: Money | None, other: Money | None) -> Money | None:
    """The difference; None unless both are known in one currency."""
    if amount is None or other is None or amount.currency != other.currency:
        return None
    return amount - other


def by_currency(amounts: Iterable[Money]) -> list[Money]:
    """One sum a currency, in the order of their codes."""
    sums: dict[str, Money] = {}
    for amount in amounts:
        sums[amount.currency] = sums.get(amount.currency, Money.zero(amount.currency)) + amount
    return [sums[currency] for currency in sorted(sums)]


def sums(amounts: Iterable[Money | None]) -> Sums:
    """What is known added up, and what is not known counted."""
    given = list(amounts)
    known = [amount for amount in given if amount is not None]
    return Sums(amounts=by_currency(known), known=len(known), unknown=len(given) - len(known))


def together(first: Sums, second: Sums) -> Sums:
    """Both added up: amounts by currency, and of how many they are known."""
    return Sums(
        amounts=by_currency([*first.amounts, *second.amounts]),
        known=first.known + second.known,
        unknown=first.unknown + second.unknown,
    )


def share(met: int, of: int) -> Share:
    """A share; of nothing it is no percentage at all."""
    return Share(met=met, of=of, percent=100 * met // of if of else None)


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The nearest-rank percentile of values in rising order; raises IndexError for none."""
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(rank, 1) - 1]


def spread(seconds: Iterable[float]) -> Spread:
    """Median and ninetieth percentile of durations."""
    ordered = sorted(int(one) for one in seconds)
    if not ordered:
        return Spread(count=0)
    return Spread(
        count=len(ordered),
        median_seconds=int(statistics.median(ordered)),
        p90_seconds=percentile(ordered, 90),
    )


def lead(days: Iterable[int]) -> Lead:
    """Median and tenth percentile of lead times."""
    ordered = sorted(days)
    if not ordered:
        return Lead(count=0)
    return Lead(
        count=len(ordered),
        median_days=int(statistics.median(ordered)),
        p10_days=percentile(ordered, 10),
    )
