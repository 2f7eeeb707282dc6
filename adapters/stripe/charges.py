"""What a subscription charges beside its recurring items, kept as metadata; pure.

Stripe bills one-time items with the first invoice and then forgets that they belonged to the
subscription, and it knows no milestones. Both are written beside the subscription, so that what
was booked can be counted from the record itself. The amounts there are in our minor units, which
in two currencies are not Stripe's (`adapters.stripe.amounts`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from adapters.stripe.amounts import to_stripe_amount
from canonical.errors import UnsupportedTerms
from canonical.plan import OneTimeItem

VALUE_CHARACTERS_MAX = 500
PARTS_MAX = 20
PREFIX = "tieline_charges_"


def to_stripe_charges(items: Sequence[OneTimeItem], currency: str) -> dict[str, str]:
    """The items as compact JSON, cut at item boundaries to the size of a metadata value.

    Raises UnsupportedTerms when there are more than fit, or one that Stripe could never charge.
    """
    parts: list[list[list[Any]]] = []
    for item in items:
        to_stripe_amount(item.unit_amount_minor, currency, about=item.line_id)
        row = [item.line_id, item.product, item.quantity, item.unit_amount_minor, item.milestone]
        if parts and len(_json([*parts[-1], row])) <= VALUE_CHARACTERS_MAX:
            parts[-1].append(row)
        else:
            parts.append([row])
    if len(parts) > PARTS_MAX or any(len(_json(part)) > VALUE_CHARACTERS_MAX for part in parts):
        raise UnsupportedTerms(f"{len(items)} one-time and milestone charges are too many for one "
                               "subscription")  # fmt: skip
    return {f"{PREFIX}{place}": _json(part) for place, part in enumerate(parts)}


def from_stripe_charges(metadata: Mapping[str, str]) -> list[OneTimeItem]:
    """The items back; raises ValueError when the metadata were changed into something else."""
    found: list[OneTimeItem] = []
    for place in range(PARTS_MAX):
        text = metadata.get(f"{PREFIX}{place}")
        if text is None:
            break
        for line, product, quantity, unit, milestone in orjson.loads(text):
            found.append(
                OneTimeItem(
                    line_id=line,
                    product=product,
                    quantity=quantity,
                    unit_amount_minor=unit,
                    milestone=milestone,
                )
            )
    return found


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
