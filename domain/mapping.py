"""Maps the lines of an order to the products of the catalogue (R62)."""

from typing import NamedTuple

from canonical.errors import UnmappedProduct, UnsupportedTerms
from canonical.orders import Charge, CommercialOrder, OrderLine
from governance.products import Product, Products, RevenueRule


class MappedLine(NamedTuple):
    """A line with its product, and how it is charged and recognized."""

    line: OrderLine
    product: Product
    charge: Charge
    revenue: RevenueRule
    milestone: str

    @property
    def quantity(self) -> int:
        """The quantity, known to be whole."""
        return int(self.line.quantity)


def map_lines(order: CommercialOrder, products: Products) -> list[MappedLine]:
    """Every line with its product; a charge stated on the deal wins over the product's own.

    Raises UnmappedProduct for a code that is unknown or no longer sold, UnsupportedTerms for a
    milestone charge that names no milestone.
    """
    return [_mapped(line, order, products) for line in order.lines]


def _mapped(line: OrderLine, order: CommercialOrder, products: Products) -> MappedLine:
    product = products.find(line.product_code)
    if product is None or not line.product_active:
        raise _unmapped(line, order, products, inactive=product is not None)
    charge = line.charge or product.charge
    revenue = product.revenue_rule(charge)
    milestone = line.milestone or product.milestone
    waits = charge is Charge.MILESTONE or revenue == "milestone"
    if waits and not milestone:
        raise UnsupportedTerms(
            f"{line.product_code} is charged by milestone, but names none",
            about=order.opportunity_id,
            details={"line": line.id, "product_code": line.product_code},
        )
    return MappedLine(line, product, charge, revenue, milestone if waits else "")


def _unmapped(
    line: OrderLine, order: CommercialOrder, products: Products, *, inactive: bool
) -> UnmappedProduct:
    what = (
        f"the product {line.product_code} is no longer sold; amend the order to its successor"
        if inactive
        else f"the catalogue has no product {line.product_code!r}; add it or an alias to "
        "products.toml, or amend the order"
    )
    unknown = {other.product_code for other in order.lines if not products.find(other.product_code)}
    return UnmappedProduct(
        what,
        about=line.product_code,
        details={
            "line": line.id,
            "product_code": line.product_code,
            "product_name": line.name,
            "inactive": inactive,
            "line_total": line.total.model_dump(),
            "unknown_codes": sorted(unknown),
        },
    )
