"""From Stripe's invoices and subscriptions to what we decide from; pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, TypeVar

import orjson

from adapters.stripe.amounts import from_stripe_amount
from adapters.stripe.hints import version_of
from adapters.stripe.mapping import (
    ACCOUNT,
    CO_TERM,
    LEGAL_ENTITY,
    NOTICE_DAYS,
    OPPORTUNITY,
    Record,
    contract_value,
)
from canonical.errors import Malformed
from canonical.facts import ContractFacts, InvoiceFacts, InvoiceStatus

T = TypeVar("T")

INVOICE_STAMPS = ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
SUBSCRIPTION_STAMPS = ("created", "canceled_at", "ended_at")


def from_stripe_invoice(
    invoice: Record, *, known_at: datetime, changed_at: datetime, disputed: bool = False
) -> InvoiceFacts:
    """An invoice whose customer is expanded, and which is at least as new as `known_at`.

    Raises Malformed when a needed field is gone.
    """

    def read() -> InvoiceFacts:
        currency, transitions = invoice["currency"], invoice["status_transitions"]
        due = _moment(invoice["due_date"] or _charged_at(invoice))
        return InvoiceFacts(
            **_origin(invoice, known_at, changed_at, _subscription_details(invoice)),
            number=invoice["number"] or "",
            contract_id=id_of(_subscription_details(invoice).get("subscription")),
            status=InvoiceStatus(invoice["status"]),
            total=from_stripe_amount(invoice["total"], currency),
            paid=from_stripe_amount(invoice["amount_paid"], currency),
            remaining=from_stripe_amount(invoice["amount_remaining"], currency),
            due_on=due.date() if due else None,
            posted_at=_moment(transitions["finalized_at"]),
            paid_at=_moment(transitions["paid_at"]),
            disputed=disputed,
            failed_payments=_failed_payments(invoice),
            # Stripe tells of an overdue invoice once, at the moment that it is due.
            past_due=due is not None and due <= known_at,
        )

    return understood(read, invoice)


def from_stripe_subscription(
    subscription: Record, *, known_at: datetime, changed_at: datetime
) -> ContractFacts:
    """A subscription whose customer, schedule and prices are expanded; as `from_stripe_invoice`."""

    def read() -> ContractFacts:
        ended = subscription["ended_at"]
        if subscription["status"] == "canceled":
            ended = ended or subscription["canceled_at"]
        return ContractFacts(
            **_origin(subscription, known_at, changed_at, subscription),
            status=subscription["status"],
            terms_digest=terms_digest(subscription),
            value=contract_value(subscription),
            started_at=_moment(subscription["start_date"]),
            ended_at=_moment(ended),
        )

    return understood(read, subscription)


def terms_digest(subscription: Record) -> str:
    """Identifies what is delivered at which price, whatever order Stripe tells it in.

    With a schedule these are its phases, all of them: moving on to the next one was agreed and
    amends nothing. What was agreed of the contract's end counts where somebody has said it. Raises
    KeyError or TypeError when a needed field is gone.
    """
    schedule = subscription["schedule"]
    terms: Any
    if isinstance(schedule, Mapping) and schedule["phases"]:
        terms = [
            [phase["start_date"], phase["end_date"], _items(phase["items"])]
            for phase in schedule["phases"]
        ]
    else:
        terms = [[None, subscription["cancel_at"], _items(subscription["items"]["data"])]]
    said = [subscription["currency"], terms]
    agreed = {name: value for name, value in _end_agreed(subscription).items() if value}
    return sha256(orjson.dumps([*said, agreed] if agreed else said)).hexdigest()


def _end_agreed(subscription: Record) -> dict[str, Any]:
    """What moves a renewal's clock and is neither a price nor a phase."""
    schedule, stamped = subscription["schedule"], dict(subscription.get("metadata") or {})
    scheduled = isinstance(schedule, Mapping) and bool(schedule["phases"])
    return {
        "notice_days": stamped.get(NOTICE_DAYS),
        "co_term": stamped.get(CO_TERM),
        "cancel_at": subscription.get("cancel_at") if scheduled else None,
        "cancels": scheduled and schedule.get("end_behavior") == "cancel",
    }


def newest_stamp(record: Record) -> datetime:
    """The newest moment that an invoice or subscription itself tells of.

    Raises Malformed when a needed field is gone.
    """

    def read() -> datetime:
        if record["object"] == "invoice":
            stamps = [record["created"]]
            stamps += [record["status_transitions"].get(name) for name in INVOICE_STAMPS]
        else:
            stamps = [record.get(name) for name in SUBSCRIPTION_STAMPS]
        return datetime.fromtimestamp(max(stamp for stamp in stamps if stamp), UTC)

    return understood(read, record)


def made_at(record: Record) -> datetime:
    """When a record was made; raises Malformed when it does not say so."""
    return understood(lambda: datetime.fromtimestamp(record["created"], UTC), record)


def _charged_at(invoice: Record) -> int | None:
    """When an invoice fell due that is charged and not sent: finalized, once charging was tried."""
    if invoice["collection_method"] != "charge_automatically" or not invoice["attempted"]:
        return None
    finalized: int | None = invoice["status_transitions"]["finalized_at"]
    return finalized


def _failed_payments(invoice: Record) -> int:
    """Of an invoice that is open still, every attempt to collect it has failed."""
    is_open = invoice["status"] == InvoiceStatus.OPEN
    return int(invoice["attempt_count"]) if is_open and invoice["attempted"] else 0


def _items(items: Sequence[Record]) -> list[list[Any]]:
    return sorted([*_price(item["price"]), str(item.get("quantity") or 0)] for item in items)


def _price(price: Record) -> list[str]:
    """What a price says; by its id alone only where that is no single amount (tiers)."""
    each = price["unit_amount_decimal"] or price["unit_amount"]
    if each is None:
        return [price["id"]]
    recurring = price["recurring"] or {}
    every = f"{recurring.get('interval_count', 0)} {recurring.get('interval', '')}"
    return [id_of(price["product"]), price["currency"], f"{Decimal(each).normalize():f}", every]


def _origin(
    record: Record, known_at: datetime, changed_at: datetime, subscribed: Mapping[str, Any]
) -> dict[str, Any]:
    customer = record["customer"]
    stamped = dict(customer.get("metadata") or {}) if isinstance(customer, Mapping) else {}
    stamped |= dict(subscribed.get("metadata") or {}) | dict(record.get("metadata") or {})
    return {
        "id": record["id"],
        "version": version_of(known_at),
        "changed_at": changed_at,
        "account_id": stamped.get(ACCOUNT, ""),
        "opportunity_id": stamped.get(OPPORTUNITY, ""),
        "legal_entity": stamped.get(LEGAL_ENTITY, ""),
    }


def _subscription_details(invoice: Record) -> Mapping[str, Any]:
    parent = invoice.get("parent") or {}
    return parent.get("subscription_details") or {}


def id_of(reference: Any) -> str:
    """Of a reference, which is an id, an expanded record or nothing; empty for nothing."""
    if reference is None:
        return ""
    return str(reference["id"] if isinstance(reference, Mapping) else reference)


def _moment(stamp: int | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC)


def understood(read: Callable[[], T], record: Record) -> T:
    """What is read of a record; raises Malformed when a needed field is gone."""
    try:
        return read()
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError, OSError) as error:
        raise Malformed(
            f"Stripe's {record.get('object')} {record.get('id')} cannot be understood: "
            f"{type(error).__name__}"
        ) from None
