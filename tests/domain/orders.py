"""Vivid orders, connections and plans that the tests of the domain are told with."""

from datetime import date
from decimal import Decimal
from typing import Any

from canonical.connections import Connection, Role
from canonical.money import Money
from canonical.orders import Account, CommercialOrder, OrderLine
from governance.catalogue import Catalogue, load_catalogue

CATALOGUE = load_catalogue()


def usd(amount: str | int) -> Money:
    """US dollars from major units."""
    return Money.of(amount, "USD")


def globex(**changes: Any) -> Account:
    """Globex of Berlin, which pays for itself."""
    stated = {"id": "001GLOBEX", "name": "Globex", "country": "Germany", "email": "ap@globex.test"}
    return Account.model_validate(stated | changes)


def line(
    code: str = "GTX-PRO", unit: str = "12000", quantity: Decimal | int = 1, **changes: Any
) -> OrderLine:
    """A line of a deal in dollars; its total is quantity times unit price."""
    stated: dict[str, Any] = {
        "id": f"00k-{code}",
        "product_code": code,
        "quantity": Decimal(quantity),
        "unit_price": usd(unit),
        "total": usd(unit) * int(quantity),
    }
    return OrderLine.model_validate(stated | changes)


def order(*lines: OrderLine, **changes: Any) -> CommercialOrder:
    """A deal of Globex, won on 15 March 2025; its amount is the sum of its lines."""
    of_deal = list(lines) or [line()]
    stated: dict[str, Any] = {
        "opportunity_id": "006GLOBEX",
        "name": "Globex - GTX Pro",
        "account_id": "001GLOBEX",
        "stage": "Closed Won",
        "is_won": True,
        "currency": "USD",
        "amount": Money.total((one.total for one in of_deal), of_deal[0].total.currency),
        "closed_on": date(2025, 3, 15),
        "version": "2025-03-15T10:00:00Z",
        "accounts": [globex()],
        "lines": of_deal,
    }
    return CommercialOrder.model_validate(stated | changes)


def connection(role: Role, name: str = "", **changes: Any) -> Connection:
    """A connection of a role that serves every legal entity."""
    stated = {"name": name or role.value, "role": role, "vendor": "acme", "base_url": "http://x/"}
    return Connection.model_validate(stated | changes)


CONNECTIONS = [connection(role) for role in Role]


def with_regions(**changes: Any) -> Catalogue:
    """The shipped catalogue with other regions."""
    return CATALOGUE.model_copy(update={"regions": CATALOGUE.regions.model_copy(update=changes)})
