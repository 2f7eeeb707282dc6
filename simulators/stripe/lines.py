"""Invoices and their lines in the shape of the current API version."""

from dataclasses import dataclass
from typing import Any

from simulators.stripe.store import Account, Obj

_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Charge:
    """An amount for a period that an invoice will hold as a line."""

    amount: int
    description: str
    start: int
    end: int
    price: Obj | None = None
    quantity: int | None = None
    subscription: str | None = None
    subscription_item: str | None = None
    invoice_item: str | None = None
    proration: bool = False
    metadata: dict[str, str] | None = None


def amount_of(price: Obj, quantity: int) -> int:
    """What a quantity of a price costs, in minor units."""
    if price["unit_amount"] is not None:
        return int(price["unit_amount"]) * quantity
    return round(float(price["unit_amount_decimal"]) * quantity)


def pricing_of(price: Obj | None) -> Obj | None:
    """How a line or an invoice item names its price."""
    if price is None:
        return None
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details", "unit_amount_decimal": price["unit_amount_decimal"],
    }  # fmt: skip


def line_of(account: Account, invoice_id: str, currency: str, charge: Charge) -> Obj:
    """A charge as a line item."""
    details: Obj = {
        "invoice_item": charge.invoice_item, "proration": charge.proration,
        "proration_details": {"credited_items": None}, "subscription": charge.subscription,
    }  # fmt: skip
    parent: Obj = {"type": "subscription_item_details", "invoice_item_details": None,
                   "subscription_item_details": None}  # fmt: skip
    if charge.subscription_item:
        item = {**details, "subscription_item": charge.subscription_item}
        parent["subscription_item_details"] = item
    else:
        parent |= {"type": "invoice_item_details", "invoice_item_details": details}
    return {
        "id": account.ids.next("il"), "object": "line_item", "amount": charge.amount,
        "currency": currency, "description": charge.description, "discount_amounts": [],
        "discountable": not charge.proration, "discounts": [], "invoice": invoice_id,
        "livemode": False, "metadata": charge.metadata or {}, "parent": parent,
        "period": {"start": charge.start, "end": charge.end},
        "pretax_credit_amounts": [], "pricing": pricing_of(charge.price),
        "quantity": charge.quantity, "subtotal": charge.amount, "taxes": [],
    }  # fmt: skip


def build_invoice(
    account: Account, customer: Obj, currency: str, charges: list[Charge], *,
    reason: str = "manual", subscription: Obj | None = None, settings: Obj | None = None,
    invoice_id: str = "",
) -> Obj:  # fmt: skip
    """A draft invoice that is not held yet."""
    settings = settings or subscription or {}
    now, invoice_id = account.now(), invoice_id or account.ids.next("in")
    method = settings.get("collection_method") or "charge_automatically"
    due_days = settings.get("days_until_due")
    parent: Obj | None = None
    if subscription is not None:
        parent = {
            "type": "subscription_details", "quote_details": None,
            "subscription_details": {"metadata": dict(subscription["metadata"]),
                                     "subscription": subscription["id"]},
        }  # fmt: skip
    invoice: Obj = {
        "id": invoice_id, "object": "invoice", "account_country": "US", "amount_due": 0,
        "amount_overpaid": 0, "amount_paid": 0, "amount_remaining": 0, "amount_shipping": 0,
        "attempt_count": 0, "attempted": False, "auto_advance": subscription is not None,
        "automatic_tax": settings.get("automatic_tax") or {"enabled": False, "status": None},
        "billing_reason": reason, "collection_method": method, "created": now,
        "currency": currency, "customer": customer["id"], "customer_account": None,
        "customer_address": customer["address"], "customer_email": customer["email"],
        "customer_name": customer["name"], "description": None, "discounts": [],
        "due_date": now + due_days * _DAY_SECONDS if due_days is not None else None,
        "effective_at": None, "ending_balance": None, "footer": None, "hosted_invoice_url": None,
        "invoice_pdf": None, "livemode": False, "metadata": {}, "number": None,
        "parent": parent, "period_end": now, "period_start": now, "starting_balance": 0,
        "status": "draft",
        "status_transitions": dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
        ),
        "subtotal": 0, "test_clock": None, "total": 0, "total_discount_amounts": [],
        "total_taxes": [], "subscription_key": subscription["id"] if subscription else None,
        "lines": {"object": "list", "data": [], "has_more": False, "total_count": 0,
                  "url": f"/v1/invoices/{invoice_id}/lines"},
    }  # fmt: skip
    add_lines(account, invoice, charges)
    return invoice


def add_lines(account: Account, invoice: Obj, charges: list[Charge]) -> None:
    """Put charges on a draft and count it up again."""
    lines: list[Any] = invoice["lines"]["data"]
    lines += [line_of(account, invoice["id"], invoice["currency"], charge) for charge in charges]
    total = sum(line["amount"] for line in lines)
    due = max(0, total)
    invoice["lines"]["total_count"] = len(lines)
    invoice.update(subtotal=total, total=total, amount_due=due, amount_remaining=due)
