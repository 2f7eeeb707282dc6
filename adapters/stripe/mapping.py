"""From plans to Stripe's parameters, and from Stripe's records to what was booked; pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from adapters.stripe.amounts import from_stripe_amount, to_stripe_amount
from adapters.stripe.charges import from_stripe_charges, to_stripe_charges
from adapters.stripe.taxes import TAX_ID_TYPES
from canonical.effects import Stamp
from canonical.errors import UnsupportedTerms
from canonical.money import Money
from canonical.plan import CustomerSpec, OneTimeItem, Phase, PricedItem, SubscriptionSpec

Record = dict[str, Any]

ITEMS_MAX = 20
INTERVAL_MONTHS_MAX = 36
MONTHS = {"month": 1, "year": 12}

ACCOUNT, KEY, CORRELATION = "tieline_account", "tieline_key", "tieline_correlation"
LEGAL_ENTITY = "tieline_legal_entity"
OPPORTUNITY, TOTAL, TERM = "tieline_opportunity", "tieline_total_minor", "tieline_months"
# What people put there themselves, where it was agreed.
NOTICE_DAYS, CO_TERM = "tieline_notice_days", "tieline_co_term_on"


def to_stripe_customer(customer: CustomerSpec, stamp: Stamp, *, new: bool) -> Record:
    """Parameters of a customer; a tax id goes in on creation only, since updates take none."""
    tax_type = TAX_ID_TYPES.get(customer.country)
    params: Record = {
        "name": customer.name,
        "email": customer.email or None,
        "address": {
            "line1": customer.street,
            "city": customer.city,
            "state": customer.state,
            "postal_code": customer.postal_code,
            "country": customer.country,
        },
        "metadata": _stamped(stamp)
        | {
            ACCOUNT: customer.account_id,
            LEGAL_ENTITY: customer.legal_entity,
            "tieline_tax_id": customer.tax_id,
        },
    }
    if new and customer.tax_id and tax_type:
        params["tax_id_data"] = [{"type": tax_type, "value": customer.tax_id}]
    return params


def to_stripe_subscription(spec: SubscriptionSpec, customer_id: str, stamp: Stamp) -> Record:
    """Parameters of a subscription with one phase that begins today or has begun.

    Stripe anchors the billing of a backdated subscription on the day it is made; without proration
    it then charges whole intervals only, which add up to the order.
    """
    (phase,) = spec.phases
    return {
        "customer": customer_id,
        "currency": spec.currency.lower(),
        "collection_method": "send_invoice",
        "days_until_due": spec.days_until_due,
        "backdate_start_date": _timestamp(phase.starts_on),
        "proration_behavior": "none",
        "items": _items(phase, spec.currency),
        "add_invoice_items": _invoice_items(spec),
        "metadata": to_stripe_metadata(spec, stamp),
    }


def to_stripe_schedule(spec: SubscriptionSpec, customer_id: str, stamp: Stamp) -> Record:
    """Parameters of a subscription schedule: a ramp, or a single phase that begins later.

    The metadata stand on every phase too, because a phase gives its metadata to the subscription.
    """
    metadata = to_stripe_metadata(spec, stamp)
    phases: list[Record] = [
        {
            "items": _items(phase, spec.currency),
            "currency": spec.currency.lower(),
            "duration": {"interval": "month", "interval_count": phase.months},
            "proration_behavior": "none",
            "metadata": metadata,
        }
        for phase in spec.phases
    ]
    phases[0]["add_invoice_items"] = _invoice_items(spec)
    # Each further phase bills whole intervals from its own start, wherever the one before it was.
    for phase in phases[1:]:
        phase["billing_cycle_anchor"] = "phase_start"
    return {
        "customer": customer_id,
        "start_date": _timestamp(spec.phases[0].starts_on),
        "end_behavior": "release",
        "default_settings": {
            "collection_method": "send_invoice",
            "invoice_settings": {"days_until_due": spec.days_until_due},
        },
        "phases": phases,
        "metadata": metadata,
    }


def require_billable_start(spec: SubscriptionSpec, today: date) -> None:
    """Refuse a subscription whose first interval is over already: Stripe, asked not to prorate,
    would leave it unbilled. Raises UnsupportedTerms."""
    if not spec.phases or not all(phase.items for phase in spec.phases):
        raise UnsupportedTerms(
            "an order without recurring items makes no subscription", about=spec.opportunity_id
        )
    first = spec.phases[0]
    start = first.starts_on
    elapsed = (today.year - start.year) * 12 + today.month - start.month - (today.day < start.day)
    interval = min(item.interval_months for item in first.items)
    if elapsed >= interval:
        raise UnsupportedTerms(
            f"the subscription began on {start}, and its first {interval} months are over: "
            "Stripe would not bill them",
            about=spec.opportunity_id,
        )


def to_stripe_metadata(spec: SubscriptionSpec, stamp: Stamp) -> dict[str, str]:
    """What the subscription carries of us (R144), and what it charges beside its items."""
    return (
        _stamped(stamp)
        | {
            ACCOUNT: spec.account_id,
            OPPORTUNITY: spec.opportunity_id,
            TOTAL: str(spec.total.amount_minor),
            TERM: str(sum(phase.months for phase in spec.phases)),
            "tieline_po_number": spec.po_number,
        }
        | to_stripe_charges(spec.one_time, spec.currency)
    )


def subscription_total(subscription: Record) -> Money:
    """What a subscription charges over its term: items by their intervals, and charges beside.

    Raises LookupError, TypeError or ValueError when the record is not one of ours.
    """
    metadata = subscription["metadata"]
    items = subscription["items"]["data"]
    return _recurring(items, int(metadata[TERM])) + _beside(metadata, subscription["currency"])


def schedule_total(schedule: Record) -> Money:
    """The same of a schedule whose prices are expanded, phase by phase."""
    phases = schedule["phases"]
    total = _beside(schedule["metadata"], phases[0]["currency"])
    for phase in phases:
        total += _recurring(phase["items"], _phase_months(phase))
    return total


def contract_value(record: Record) -> Money | None:
    """What a subscription or schedule charges over its term; None where it is not ours or does not
    add up any more."""
    if TERM not in (record["metadata"] or {}):
        return None
    schedule = schedule_of(record)
    try:
        return schedule_total(schedule) if schedule else subscription_total(record)
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return None


def schedule_of(record: Record) -> Record | None:
    """A subscription's schedule with its phases, or the schedule itself; None where none is."""
    if record["object"] == "subscription_schedule":
        return record
    schedule = record.get("schedule")
    return dict(schedule) if isinstance(schedule, Mapping) and schedule["phases"] else None


def _recurring(items: Sequence[Record], months: int) -> Money:
    charged: list[Money] = []
    for item in items:
        price = item["price"]
        recurring = price["recurring"]
        interval = MONTHS[recurring["interval"]] * int(recurring["interval_count"])
        if months % interval:
            raise ValueError(f"{months} months are not whole intervals of {interval}")
        each = from_stripe_amount(price["unit_amount"], price["currency"])
        charged.append(each * (int(item["quantity"]) * (months // interval)))
    return Money.total(charged, charged[0].currency)


def _beside(metadata: Mapping[str, str], currency: str) -> Money:
    minor = sum(i.unit_amount_minor * i.quantity for i in from_stripe_charges(metadata))
    return Money(amount_minor=minor, currency=currency.upper())


def _phase_months(phase: Record) -> int:
    start = datetime.fromtimestamp(phase["start_date"], UTC)
    end = datetime.fromtimestamp(phase["end_date"], UTC)
    return (end.year - start.year) * 12 + end.month - start.month


def _items(phase: Phase, currency: str) -> list[Record]:
    if len(phase.items) > ITEMS_MAX:
        raise UnsupportedTerms(f"Stripe takes {ITEMS_MAX} items, the order has {len(phase.items)}")
    return [_item(item, currency) for item in phase.items]


def _item(item: PricedItem, currency: str) -> Record:
    if item.interval_months > INTERVAL_MONTHS_MAX:
        raise UnsupportedTerms(f"Stripe bills at least every {INTERVAL_MONTHS_MAX} months",
                               about=item.line_id)  # fmt: skip
    return {
        "price_data": {
            "currency": currency.lower(),
            "product": item.product,
            "unit_amount": to_stripe_amount(item.unit_amount_minor, currency, about=item.line_id),
            "recurring": {"interval": "month", "interval_count": item.interval_months},
        },
        "quantity": item.quantity,
        "metadata": {"tieline_line": item.line_id},
    }


def _invoice_items(spec: SubscriptionSpec) -> list[Record] | None:
    now = [item for item in spec.one_time if not item.milestone]
    if len(now) > ITEMS_MAX:
        raise UnsupportedTerms(f"Stripe takes {ITEMS_MAX} one-time items, the order has {len(now)}")
    return [_invoice_item(item, spec.currency) for item in now] or None


def _invoice_item(item: OneTimeItem, currency: str) -> Record:
    return {
        "price_data": {
            "currency": currency.lower(),
            "product": item.product,
            "unit_amount": to_stripe_amount(item.unit_amount_minor, currency, about=item.line_id),
        },
        "quantity": item.quantity,
        "metadata": {"tieline_line": item.line_id},
    }


def _stamped(stamp: Stamp) -> dict[str, str]:
    return {KEY: stamp.key, CORRELATION: stamp.correlation_id}


def _timestamp(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
