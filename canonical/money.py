"""Money: integer minor units and an ISO 4217 currency; `Decimal` only at the rim."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Annotated

import iso4217
from pydantic import AfterValidator, BaseModel, ConfigDict


@lru_cache
def exponent(currency: str) -> int:
    """How many decimals a currency has (USD 2, JPY 0, BHD 3); raises ValueError when unknown."""
    try:
        digits = iso4217.Currency(currency).exponent
    except ValueError:
        raise ValueError(f"{currency!r} is not an ISO 4217 currency code") from None
    if digits is None:
        raise ValueError(f"{currency} has no minor unit and cannot be invoiced")
    return int(digits)


def _known(currency: str) -> str:
    exponent(currency)
    return currency


CurrencyCode = Annotated[str, AfterValidator(_known)]


class Money(BaseModel):
    """An amount in the minor unit of its currency (12,000.00 USD is 1200000)."""

    model_config = ConfigDict(frozen=True)

    amount_minor: int
    currency: CurrencyCode

    @classmethod
    def of(cls, amount: Decimal | str | int, currency: str) -> "Money":
        """Money from major units; raises ValueError for more decimals than the currency has."""
        scaled = Decimal(amount).scaleb(exponent(currency))
        if scaled != scaled.to_integral_value():
            raise ValueError(
                f"{amount} {currency} has more than {exponent(currency)} decimal places"
            )
        return cls(amount_minor=int(scaled), currency=currency)

    @classmethod
    def zero(cls, currency: str) -> "Money":
        """Nothing, in a currency."""
        return cls(amount_minor=0, currency=currency)

    @classmethod
    def total(cls, amounts: Iterable["Money"], currency: str) -> "Money":
        """The sum; raises ValueError when one amount is in another currency."""
        total = cls.zero(currency)
        for amount in amounts:
            total += amount
        return total

    @property
    def decimal(self) -> Decimal:
        """The amount in major units."""
        return Decimal(self.amount_minor).scaleb(-exponent(self.currency))

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(amount_minor=self.amount_minor + other.amount_minor, currency=self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return self + Money(amount_minor=-other.amount_minor, currency=other.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(amount_minor=self.amount_minor * times, currency=self.currency)

    def __str__(self) -> str:
        return f"{self.decimal:,} {self.currency}"

    def allocate(self, weights: Sequence[int]) -> list["Money"]:
        """Split by weights without losing a minor unit; the last share takes the rounding rest.

        Raises ValueError when there are no weights or they sum to nothing.
        """
        whole = sum(weights)
        if whole <= 0:
            raise ValueError("weights must sum to more than zero")
        shares: list[Money] = []
        given = seen = 0
        for weight in weights:
            # Rounding the running total, not each share, keeps every share within one minor unit.
            seen += weight
            upto = int((Decimal(self.amount_minor) * seen / whole).to_integral_value(ROUND_HALF_UP))
            shares.append(Money(amount_minor=upto - given, currency=self.currency))
            given = upto
        return shares
