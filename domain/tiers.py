"""Which support tier an order brings (R66)."""

from collections.abc import Sequence

from canonical.errors import UnsupportedTerms
from canonical.orders import CommercialOrder
from canonical.plan import Derivation
from domain.mapping import MappedLine
from governance.terms import Terms


def support_tier(
    order: CommercialOrder, lines: Sequence[MappedLine], terms: Terms
) -> tuple[str, list[Derivation]]:
    """The stated tier; else the highest that products or amount bring; else the default.

    Raises UnsupportedTerms for a stated tier that the catalogue does not have.
    """
    support = terms.support
    if stated := order.support_tier.strip().lower():
        if stated not in support.tiers:
            raise UnsupportedTerms(
                f"the support tier {order.support_tier!r} is not one of {', '.join(support.tiers)}",
                about=order.opportunity_id,
                details={"support_tier": order.support_tier, "known": support.tiers},
            )
        return stated, []
    candidates = {support.default_tier: "terms.support.default_tier"}
    if by_amount := support.tier_for_amount(order.amount):
        candidates[by_amount] = "terms.support.tier_from"
    for mapped in lines:
        if mapped.product.support_tier:
            candidates[mapped.product.support_tier] = "products.support_tier"
    tier = max(candidates, key=support.rank)
    return tier, [Derivation(field="support_tier", value=tier, rule=candidates[tier])]
