"""Stripe's amounts as money: minor units as ISO 4217 has them, with two exceptions; pure.

Stripe takes the ariary without decimals where ISO 4217 gives it two, and keeps two decimals on the
Icelandic krona, which ISO 4217 gives none.
"""

from canonical.money import Money

STRIPE_DECIMALS = {"MGA": 0, "ISK": 2}
ISO_DECIMALS = {"MGA": 2, "ISK": 0}


def from_stripe_amount(amount: int, currency: str) -> Money:
    """Money from an amount of Stripe's.

    Raises TypeError or ValueError for what is no amount in that currency.
    """
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise TypeError("an amount is a whole number")
    code = currency.upper()
    shift = ISO_DECIMALS.get(code, 0) - STRIPE_DECIMALS.get(code, 0)
    if shift >= 0:
        return Money(amount_minor=amount * 10**shift, currency=code)
    minor, rest = divmod(amount, 10**-shift)
    if rest:
        raise ValueError(f"{amount} is not a whole number of {code}")
    return Money(amount_minor=minor, currency=code)
