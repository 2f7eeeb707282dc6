"""Combines the support entitlements of one account's deals into the one it has (R66)."""

from collections.abc import Sequence
from datetime import date

from canonical.errors import Conflict, Misconfigured
from canonical.plan import EntitlementSpec


def combine(
    entitlements: Sequence[EntitlementSpec], tiers: Sequence[str], today: date | None = None
) -> EntitlementSpec | None:
    """The highest tier and the latest end of all that is in force; None when nothing is.

    `tiers` are lowest first. With `today`, what ended before it does not count. Raises
    Misconfigured for a tier that is not listed, Conflict for entitlements of several accounts.
    """
    if len({e.account_id for e in entitlements}) > 1:
        raise Conflict("entitlements of several accounts cannot be combined")
    for entitlement in entitlements:
        if entitlement.tier not in tiers:
            raise Misconfigured(
                f"the support tier {entitlement.tier!r} is not in terms.toml; add it to "
                "support.tiers while an account still has it",
                about=entitlement.tier,
            )
    in_force = [e for e in entitlements if today is None or e.ends_on >= today]
    if not in_force:
        return None
    # The opportunity id breaks ties, so that the result does not depend on the order of deals.
    best = max(in_force, key=lambda e: (tiers.index(e.tier), e.ends_on, e.opportunity_id))
    return best.model_copy(update={"ends_on": max(e.ends_on for e in in_force)})
