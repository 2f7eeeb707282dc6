"""Revenue plans in NetSuite's words as our revenue lines (R65); pure."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from canonical.errors import Malformed
from canonical.money import Money
from canonical.plan import RevenueLine, RevenuePeriod

ON_HOLD = "ONHOLD"

Row = dict[str, str]


def from_netsuite_revenue(rows: Iterable[Row], currency: str) -> list[RevenueLine]:
    """The revenue planned by order line, from rows of `suiteql.revenue_query`.

    SuiteQL gives every value as text and leaves nulls out. A line whose plan is on hold names its
    milestone; raises Malformed for an amount finer than the currency's minor unit.
    """
    by_line: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_line[row.get("lineid", "")].append(row)
    return [_line(line_id, of_line, currency) for line_id, of_line in by_line.items()]


def _line(line_id: str, rows: list[Row], currency: str) -> RevenueLine:
    months: defaultdict[str, Money] = defaultdict(lambda: Money.zero(currency))
    total = Money.zero(currency)
    held_for = ""
    for row in rows:
        if "amount" not in row:
            continue
        amount = _money(row["amount"], currency)
        total += amount
        if row.get("status") == ON_HOLD:
            held_for = row.get("milestone", "") or "hold"
        else:
            months[row.get("period", "")] += amount
    periods = [
        RevenuePeriod(month=month, amount_minor=amount.amount_minor)
        for month, amount in sorted(months.items())
    ]
    return RevenueLine(line_id=line_id, amount=total, held_for=held_for, periods=periods)


def _money(amount: str, currency: str) -> Money:
    try:
        return Money.of(Decimal(amount), currency)
    except (ValueError, ArithmeticError) as error:
        raise Malformed(f"NetSuite plans revenue we cannot book: {error}") from None
