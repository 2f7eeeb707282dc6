"""What subscriptions and schedules share: reading items, making a subscription and billing it."""

from typing import Any

from simulators.stripe.calendar import add_interval
from simulators.stripe.catalogue import price_of
from simulators.stripe.errors import MESSAGES, StripeError, missing_param
from simulators.stripe.forms import Params, check_names, integer, mapping, merge_metadata, rows
from simulators.stripe.invoices import finalize, hold, take_pending
from simulators.stripe.lines import Charge, amount_of, build_invoice
from simulators.stripe.payments import settle
from simulators.stripe.store import Account, Call, Obj

ITEM_FIELDS = frozenset({
    "billing_thresholds", "discounts", "metadata", "price", "price_data", "quantity", "tax_rates",
    "trial",
})  # fmt: skip


def read_items(account: Account, params: Params, at: str = "items") -> list[Obj]:
    """The items a subscription or phase is to have: price, quantity and metadata."""
    given = rows(params, "items", at)
    if not given:
        raise missing_param(at)
    items: list[Obj] = []
    for number, row in enumerate(given):
        where = f"{at}[{number}]"
        check_names(row, ITEM_FIELDS, (), where)
        items.append(read_item(account, row, where))
    one_currency(items, at)
    return items


def read_item(account: Account, row: Params, where: str, kind: str = "recurring") -> Obj:
    """One item's price, quantity and metadata."""
    quantity = integer(row, "quantity", f"{where}[quantity]")
    return {
        "price": price_of(account, row, where, kind),
        "quantity": 1 if quantity is None else quantity,
        "metadata": merge_metadata({}, row),
    }


def one_currency(items: list[Obj], at: str) -> None:
    """Refuse prices of several currencies on one subscription."""
    if len({item["price"]["currency"] for item in items}) > 1:
        message = "All prices on a subscription must have the same currency."
        raise StripeError(message, param=at)


def read_automatic_tax(params: Params, customer: Obj) -> Obj:
    """Automatic tax as asked for; it needs to know where the customer is."""
    enabled = str(mapping(params, "automatic_tax").get("enabled", "")).lower() == "true"
    if enabled and not (customer["address"] or {}).get("country"):
        code = "customer_tax_location_invalid"
        raise StripeError(MESSAGES[code], code=code)
    return {"enabled": enabled, "disabled_reason": None, "liability": None}


def make_subscription(
    account: Account, customer: Obj, items: list[Obj], *, anchor: int | None = None,
    start: int | None = None, **settings: Any,
) -> Obj:  # fmt: skip
    """A subscription whose first period begins now; `anchor` cuts that period short."""
    now, subscription_id = account.now(), account.ids.next("sub")
    subscription: Obj = {
        "id": subscription_id, "object": "subscription", "application": None,
        "application_fee_percent": None, "automatic_tax": {"enabled": False},
        "billing_cycle_anchor": anchor or now, "billing_mode": {"type": "flexible"},
        "billing_thresholds": None, "cancel_at": None, "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically", "created": now,
        "currency": items[0]["price"]["currency"], "customer": customer["id"],
        "customer_account": None, "days_until_due": None, "default_payment_method": None,
        "default_tax_rates": [], "description": None, "discounts": [], "ended_at": None,
        "items": {"object": "list", "data": [], "has_more": False, "total_count": 0,
                  "url": f"/v1/subscription_items?subscription={subscription_id}"},
        "latest_invoice": None, "livemode": False, "metadata": {},
        "next_pending_invoice_item_invoice": None, "pause_collection": None,
        "pending_setup_intent": None, "pending_update": None, "schedule": None,
        "start_date": start or now, "status": "active", "test_clock": None, "trial_end": None,
        "trial_start": None, **settings,
    }  # fmt: skip
    put_items(account, subscription, [_held_item(account, subscription, i) for i in items])
    return subscription


def _held_item(account: Account, subscription: Obj, item: Obj) -> Obj:
    now, recurring = account.now(), item["price"]["recurring"]
    begin = subscription["start_date"] if subscription["start_date"] > now else now
    end = add_interval(begin, recurring["interval"], recurring["interval_count"])
    for cut in (subscription["billing_cycle_anchor"], subscription["trial_end"]):
        if cut and cut > now:
            end = min(end, cut)
    return {
        "id": account.ids.next("si"), "object": "subscription_item", "billing_thresholds": None,
        "created": now, "current_period_end": end, "current_period_start": begin,
        "discounts": [], "metadata": item["metadata"], "price": item["price"],
        "quantity": item["quantity"], "subscription": subscription["id"], "tax_rates": [],
    }  # fmt: skip


def add_item(account: Account, subscription: Obj, item: Obj) -> Obj:
    """A further item on a subscription, not yet among its items."""
    return _held_item(account, subscription, item)


def put_items(account: Account, subscription: Obj, items: list[Obj]) -> None:
    """Give a subscription these items."""
    subscription["items"].update(data=items, total_count=len(items))
    subscription["currency"] = items[0]["price"]["currency"] if items else subscription["currency"]


def read_one_time(account: Account, params: Params, at: str = "") -> list[Obj]:
    """The one-time prices of `add_invoice_items[]`."""
    found: list[Obj] = []
    for number, row in enumerate(rows(params, "add_invoice_items")):
        where = f"{at}add_invoice_items[{number}]"
        check_names(row, {"discounts", "metadata", "period", "price", "price_data", "quantity",
                          "tax_rates"}, (), where)  # fmt: skip
        found.append(read_item(account, row, where, "one_time"))
    return found


def begin_billing(
    account: Account, call: Call, subscription: Obj, customer: Obj, one_time: list[Obj], *,
    prorate: bool = True, paid: bool = False,
) -> Obj:  # fmt: skip
    """Hold a new subscription and make its first invoice."""
    account.subscriptions.add(subscription)
    customer["currency"] = customer["currency"] or subscription["currency"]
    charges = first_charges(account, subscription, one_time, prorate)
    charges += take_pending(account, customer["id"], subscription["currency"], subscription["id"])
    invoice = build_invoice(account, customer, subscription["currency"], charges,
                            reason="subscription_create", subscription=subscription)  # fmt: skip
    subscription["latest_invoice"] = invoice["id"]
    hold(account, call, invoice)
    account.tell(call, "customer.subscription.created", subscription)
    if account.draft_seconds and invoice["collection_method"] == "send_invoice" and not paid:
        invoice["automatically_finalizes_at"] = account.now() + int(account.draft_seconds)
        account.drafts.append(invoice)
        return subscription
    finalize(account, call, invoice)
    if paid and invoice["status"] == "open":
        settle(account, call, invoice)
    return subscription


def first_charges(
    account: Account, subscription: Obj, one_time: list[Obj], prorate: bool
) -> list[Charge]:
    """What the first period costs: a short one by its share, a trial nothing, back time extra."""
    now, charges = account.now(), []
    for item in subscription["items"]["data"]:
        begin, end = item["current_period_start"], item["current_period_end"]
        recurring = item["price"]["recurring"]
        full = add_interval(begin, recurring["interval"], recurring["interval_count"])
        amount = amount_of(item["price"], item["quantity"])
        share = round(amount * (end - begin) / (full - begin)) if prorate else 0
        if subscription["status"] == "trialing":
            share = 0
        charges.append(
            item_charge(subscription, item, amount if end == full else share, begin, end)
        )
        if subscription["start_date"] < now and prorate:
            back = round(amount * (now - subscription["start_date"]) / (full - begin))
            charges.append(
                item_charge(subscription, item, back, subscription["start_date"], now, True)
            )
    for extra in one_time:
        amount = amount_of(extra["price"], extra["quantity"])
        charges.append(Charge(amount, "", now, now, extra["price"], extra["quantity"],
                              subscription["id"], metadata=extra["metadata"]))  # fmt: skip
    return charges


def item_charge(
    subscription: Obj, item: Obj, amount: int, begin: int, end: int, proration: bool = False
) -> Charge:
    """A charge for an item's time."""
    return Charge(amount, f"{item['quantity']} x {item['price']['product']}", begin, end,
                  item["price"], item["quantity"], subscription["id"], item["id"], None,
                  proration, dict(subscription["metadata"]))  # fmt: skip
