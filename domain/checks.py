"""Whether an order is sound in itself: won, in one currency, and adding up to the minor unit."""

from datetime import date

from canonical.errors import (
    CurrencyMismatch,
    InvalidOrder,
    OrderNotWon,
    PriceMismatch,
    UnsupportedTerms,
)
from canonical.money import Money
from canonical.orders import CommercialOrder, OrderLine
from domain.calendar import YEAR_MAX, YEAR_MIN

LINES_MAX = 500
QUANTITY_MAX = 1_000_000_000


def check_order(order: CommercialOrder) -> None:
    """Raise the InvalidOrder kind that says what is wrong, in the order in which one asks:
    is it won, is there anything in it, in one currency, and does it add up?"""
    if not order.is_won:
        raise OrderNotWon(f"{order.name!r} is {order.stage}, not won", about=order.opportunity_id)
    if not order.lines or len(order.lines) > LINES_MAX:
        raise InvalidOrder(
            f"{order.name!r} has {len(order.lines)} lines; it needs 1 to {LINES_MAX}",
            about=order.opportunity_id,
        )
    if len({line.id for line in order.lines}) != len(order.lines):
        raise InvalidOrder(f"{order.name!r} has a line twice", about=order.opportunity_id)
    for line in order.lines:
        _check_currency(order, line)
        _check_line(line, order)
    _check_dates(order)
    booked = Money.total((line.total for line in order.lines), order.currency)
    if booked != order.amount:
        raise PriceMismatch(
            f"the lines add up to {booked}, the deal says {order.amount}",
            about=order.opportunity_id,
            details={"lines": str(booked), "amount": str(order.amount)},
        )


def _check_currency(order: CommercialOrder, line: OrderLine) -> None:
    stated = {order.amount.currency, line.unit_price.currency, line.total.currency}
    if stated != {order.currency}:
        raise CurrencyMismatch(
            f"{order.name!r} is in {order.currency}, but states {', '.join(sorted(stated))}",
            about=order.opportunity_id,
            details={"line": line.id, "currencies": sorted(stated)},
        )


def _check_line(line: OrderLine, order: CommercialOrder) -> None:
    details = {"line": line.id, "product_code": line.product_code, "quantity": str(line.quantity)}
    whole = line.quantity == line.quantity.to_integral_value()
    if not whole or not 0 < line.quantity <= QUANTITY_MAX:
        raise UnsupportedTerms(
            f"{line.product_code}: a quantity of {line.quantity} cannot be billed, only a positive "
            "whole number",
            about=order.opportunity_id,
            details=details,
        )
    if line.unit_price.amount_minor < 0:
        raise UnsupportedTerms(
            f"{line.product_code}: a price below zero ({line.unit_price}) cannot be billed",
            about=order.opportunity_id,
            details=details,
        )
    if line.unit_price * int(line.quantity) != line.total:
        raise PriceMismatch(
            f"{line.product_code}: {line.quantity} times {line.unit_price} is not {line.total}",
            about=order.opportunity_id,
            details=details | {"unit_price": str(line.unit_price), "total": str(line.total)},
        )


def _check_dates(order: CommercialOrder) -> None:
    dates: list[date | None] = [order.closed_on, order.starts_on]
    for line in order.lines:
        dates += [line.starts_on, line.ends_on]
    for stated in dates:
        if stated is not None and not YEAR_MIN <= stated.year <= YEAR_MAX:
            raise UnsupportedTerms(
                f"{order.name!r} states the date {stated}, which cannot be meant",
                about=order.opportunity_id,
                details={"date": stated.isoformat()},
            )
