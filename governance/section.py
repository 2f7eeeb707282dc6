"""The base of every table of the catalogue, and the few value types they share."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from canonical.money import CurrencyCode, Money

RoleName = Annotated[str, Field(pattern=r"^[a-z][a-z-]{1,39}$")]
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class Section(BaseModel):
    """Base of a table: immutable, and a key that is not known is refused, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _payable(amounts: dict[str, Decimal]) -> dict[str, Decimal]:
    for currency, amount in amounts.items():
        Money.of(amount, currency)
    return amounts


# Major units by currency, as a person writes them; `minor` converts at the rim.
Amounts = Annotated[dict[CurrencyCode, Annotated[Decimal, Field(ge=0)]], AfterValidator(_payable)]


def minor(amounts: dict[str, Decimal], currency: str) -> int | None:
    """The amount of one currency in its minor unit; None when it is not listed."""
    amount = amounts.get(currency)
    return None if amount is None else Money.of(amount, currency).amount_minor
