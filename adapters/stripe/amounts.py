"""Money and Stripe's amounts: minor units as ISO 4217 has them, with two exceptions; pure.

Stripe takes the ariary without decimals where ISO 4217 gives it two, and keeps two decimals on the
Icelandic krona, which ISO 4217 gives none. Of currencies with three decimals it takes no amount
whose last digit is not 0.
"""

from canonical.errors import UnsupportedTerms
from canonical.money import Money, exponent

STRIPE_DECIMALS = {"MGA": 0, "ISK": 2}
ISO_DECIMALS = {"MGA": 2, "ISK": 0}
# Stripe's partners settle no thousandths.
STEP_OF_THREE_DECIMALS = 10


def from_stripe_amount(amount: int, currency: str) -> Money:
    """Money from an amount of Stripe's.

    Raises TypeError or ValueError for what is no amount in that currency.
    """
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise TypeError("an amount is a whole number")
    code = currency.upper()
    minor = _rescaled(amount, ISO_DECIMALS.get(code, 0) - STRIPE_DECIMALS.get(code, 0))
    if minor is None:
        raise ValueError(f"{amount} is not a whole number of {code}")
    return Money(amount_minor=minor, currency=code)


def to_stripe_amount(amount_minor: int, currency: str, *, about: str = "") -> int:
    """Stripe's amount for ours; raises UnsupportedTerms, about a line, for one it does not take."""
    shift = STRIPE_DECIMALS.get(currency, 0) - ISO_DECIMALS.get(currency, 0)
    amount = _rescaled(amount_minor, shift)
    if amount is None or (exponent(currency) == 3 and amount % STEP_OF_THREE_DECIMALS):
        money = Money(amount_minor=amount_minor, currency=currency)
        raise UnsupportedTerms(f"Stripe takes no price of {money}", about=about)
    return amount


def _rescaled(amount: int, shift: int) -> int | None:
    """The amount with so many more (or fewer) decimals; None when that would lose something."""
    if shift >= 0:
        return amount * int(10**shift)
    whole, rest = divmod(amount, int(10**-shift))
    return None if rest else whole
