"""`products.toml`: what a product code of the CRM is in billing and ERP (R62, R104)."""

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from canonical.orders import Charge
from governance.section import Key, Section

ProductCode = Annotated[str, Field(min_length=1, max_length=80)]
RevenueRule = Literal["straight-line", "point-in-time", "milestone"]


class Product(Section):
    """One product: its ids in the other systems, and how it is charged and recognized."""

    name: str = Field(min_length=1)
    billing_product: str = Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")
    erp_item: str = Field(min_length=1, max_length=80)
    charge: Charge
    revenue: RevenueRule
    milestone: str = ""
    support_tier: Key | None = None
    aliases: list[ProductCode] = []

    @model_validator(mode="after")
    def _milestones_are_named(self) -> Self:
        by_milestone = Charge.MILESTONE is self.charge or self.revenue == "milestone"
        if by_milestone and not self.milestone:
            raise ValueError('a milestone charge or revenue rule needs milestone = "..."')
        if self.charge is Charge.RECURRING and self.revenue == "milestone":
            raise ValueError("a recurring charge cannot be recognized by milestone")
        return self

    def revenue_rule(self, charge: Charge) -> RevenueRule:
        """The product's own rule; for a charge other than its own, that charge's usual rule."""
        if charge is self.charge:
            return self.revenue
        usual: dict[Charge, RevenueRule] = {
            Charge.RECURRING: "straight-line",
            Charge.ONE_TIME: "point-in-time",
            Charge.MILESTONE: "milestone",
        }
        return usual[charge]


class Products(Section):
    """The product map; `revision` is raised by whoever edits it."""

    revision: int = Field(gt=0)
    products: dict[ProductCode, Product]

    @model_validator(mode="after")
    def _codes_are_unambiguous(self) -> Self:
        seen: dict[str, str] = {code: code for code in self.products}
        for code, product in self.products.items():
            for alias in product.aliases:
                if alias in seen:
                    raise ValueError(f"the code {alias!r} means both {seen[alias]} and {code}")
                seen[alias] = code
        return self

    @cached_property
    def _codes(self) -> dict[str, str]:
        aliases = {a: code for code, product in self.products.items() for a in product.aliases}
        return {code: code for code in self.products} | aliases

    def find(self, code: str) -> Product | None:
        """The product that a code or alias means, exactly as written; None when unknown."""
        found = self._codes.get(code)
        return None if found is None else self.products[found]
