"""Invoices and invoice items: drafted, finalized, paid, voided, previewed."""

from simulators.stripe.catalogue import price_of
from simulators.stripe.errors import StripeError, missing_param
from simulators.stripe.forms import check_names, choice, flag, integer, mapping, merge_metadata
from simulators.stripe.lines import Charge, add_lines, amount_of, build_invoice, pricing_of
from simulators.stripe.lists import PAGING, page
from simulators.stripe.payments import settle
from simulators.stripe.routing import Endpoint
from simulators.stripe.store import Account, Call, Obj

COLLECTION_METHODS = ("charge_automatically", "send_invoice")
_CREATE = frozenset({
    "auto_advance", "automatic_tax", "collection_method", "currency", "custom_fields", "customer",
    "days_until_due", "default_payment_method", "description", "due_date", "effective_at",
    "expand", "footer", "metadata", "number", "payment_settings", "pending_invoice_items_behavior",
    "rendering", "statement_descriptor", "subscription",
})  # fmt: skip
_ITEM = frozenset({
    "amount", "currency", "customer", "description", "discountable", "expand", "invoice",
    "metadata", "period", "price_data", "pricing", "quantity", "subscription", "tax_behavior",
    "tax_code", "unit_amount_decimal",
})  # fmt: skip


def create(account: Account, call: Call) -> Obj:
    """A draft, with the customer's pending items when asked for."""
    params = call.params
    customer = account.customers.need(params["customer"], "customer")
    subscription = None
    if params.get("subscription"):
        subscription = account.subscriptions.need(params["subscription"], "subscription")
    method = choice(params, "collection_method", COLLECTION_METHODS, "charge_automatically")
    settings: Obj = {"collection_method": method, "days_until_due": days_until_due(call, method)}
    behavior = choice(params, "pending_invoice_items_behavior", ("exclude", "include"), "exclude")
    metadata = merge_metadata({}, params)
    currency = (params.get("currency") or customer["currency"] or "usd").lower()
    pending = []
    if behavior == "include":
        pending = take_pending(account, customer["id"], currency, params.get("subscription"))
    invoice = build_invoice(account, customer, currency, pending, settings=settings,
                            subscription=subscription)  # fmt: skip
    invoice.update(metadata=metadata, description=params.get("description") or None,
                   auto_advance=flag(params, "auto_advance"))  # fmt: skip
    hold(account, call, invoice)
    return invoice


def days_until_due(call: Call, method: str) -> int | None:
    """The days a customer has; they belong to invoices that are sent, and only to those."""
    days = integer(call.params, "days_until_due")
    if days is not None and method != "send_invoice":
        raise StripeError(
            "`days_until_due` can only be set when `collection_method` is `send_invoice`.",
            param="days_until_due",
        )
    return days


def hold(account: Account, call: Call, invoice: Obj) -> Obj:
    """Keep a new draft and number the items that went into it."""
    for line in invoice["lines"]["data"]:
        details = line["parent"]["invoice_item_details"] or {}
        item = account.invoice_items.get(details.get("invoice_item"))
        if item is not None:
            item["invoice"] = invoice["id"]
    account.invoices.add(invoice)
    account.tell(call, "invoice.created", invoice)
    return invoice


def take_pending(
    account: Account, customer: str, currency: str, subscription: str | None
) -> list[Charge]:
    """The customer's items that wait for an invoice of this subscription."""
    return [
        Charge(item["amount"], item["description"] or "", item["period"]["start"],
               item["period"]["end"], account.prices.get(item["price_id"]), item["quantity"],
               item["subscription_id"], None, item["id"], item["proration"], item["metadata"])
        for item in account.invoice_items.with_value("customer", customer)
        if item["invoice"] is None and item["currency"] == currency
        and item["subscription_id"] in (None, subscription)
    ]  # fmt: skip


def finalize(account: Account, call: Call, invoice: Obj) -> Obj:
    """A draft becomes open and gets its number; nothing to pay is paid at once."""
    customer = account.customers.get(invoice["customer"])
    if customer is not None:
        sequence = customer["next_invoice_sequence"]
        invoice["number"] = f"{customer['invoice_prefix']}-{sequence:04d}"
        customer["next_invoice_sequence"] = sequence + 1
    now = account.now()
    invoice.update(status="open", effective_at=now,
                   hosted_invoice_url=f"https://invoice.stripe.com/i/{invoice['id']}")  # fmt: skip
    invoice["status_transitions"]["finalized_at"] = now
    account.tell(call, "invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        settle(account, call, invoice)
    return invoice


def finalize_due(account: Account) -> None:
    """Finalize the drafts whose time has come; a subscription that has ended keeps its draft."""
    while account.drafts and account.drafts[0]["automatically_finalizes_at"] <= account.now():
        invoice = account.drafts.popleft()
        subscription = account.subscriptions.get(invoice["subscription_key"])
        if invoice["status"] == "draft" and subscription and subscription["status"] != "canceled":
            finalize(account, Call((), {}), invoice)


def _move(account: Account, call: Call, verb: str, allowed: tuple[str, ...]) -> Obj:
    invoice = account.invoices.need(call.path_ids[0])
    if invoice["status"] not in allowed:
        raise StripeError(
            f"You cannot {verb} an invoice with the status `{invoice['status']}`.",
            code="invoice_not_editable" if verb == "finalize" else None,
        )
    return invoice


def finalize_(account: Account, call: Call) -> Obj:
    """`/finalize`."""
    return finalize(account, call, _move(account, call, "finalize", ("draft",)))


def send(account: Account, call: Call) -> Obj:
    """`/send`: a draft is finalized on the way."""
    invoice = _move(account, call, "send", ("draft", "open"))
    if invoice["status"] == "draft":
        finalize(account, call, invoice)
    account.tell(call, "invoice.sent", invoice)
    return invoice


def pay(account: Account, call: Call) -> Obj:
    """`/pay`; also makes an incomplete subscription active."""
    invoice = _move(account, call, "pay", ("draft", "open", "uncollectible"))
    if invoice["status"] == "draft":
        finalize(account, call, invoice)
    if invoice["status"] != "paid":
        settle(account, call, invoice, out_of_band=flag(call.params, "paid_out_of_band"))
    subscription = account.subscriptions.get(invoice["subscription_key"])
    if subscription is not None and subscription["status"] == "incomplete":
        subscription["status"] = "active"
        account.tell(call, "customer.subscription.updated", subscription,
                     {"status": "incomplete"})  # fmt: skip
    return invoice


def void(account: Account, call: Call) -> Obj:
    """`/void`."""
    invoice = _move(account, call, "void", ("open", "uncollectible"))
    invoice.update(status="void")
    invoice["status_transitions"]["voided_at"] = account.now()
    account.tell(call, "invoice.voided", invoice)
    return invoice


def mark_uncollectible(account: Account, call: Call) -> Obj:
    """`/mark_uncollectible`: nobody expects the money any more."""
    invoice = _move(account, call, "mark uncollectible", ("open",))
    invoice.update(status="uncollectible")
    invoice["status_transitions"]["marked_uncollectible_at"] = account.now()
    account.tell(call, "invoice.marked_uncollectible", invoice)
    return invoice


def retrieve(account: Account, call: Call) -> Obj:
    """An invoice."""
    return account.invoices.need(call.path_ids[0])


def list_(account: Account, call: Call) -> Obj:
    """Invoices by customer, subscription, status, time and how they are collected."""
    params = dict(call.params)
    params["subscription_key"] = params.pop("subscription", "")
    index = "subscription_key" if params["subscription_key"] else "customer"
    return page(account.invoices, params, "/v1/invoices", index=index,
                equal=("customer", "status", "collection_method"))  # fmt: skip


def create_item(account: Account, call: Call) -> Obj:
    """An amount that waits for the next invoice, or joins a draft."""
    params = call.params
    customer = account.customers.need(params["customer"], "customer")
    metadata, row = merge_metadata({}, params), dict(params)
    pricing = mapping(params, "pricing")
    if pricing:
        check_names(pricing, {"price"}, ("price",), "pricing")
        row["price"] = pricing["price"]
    price, amount = None, integer(params, "amount")
    quantity = integer(params, "quantity") or 1
    if amount is None:
        if not row.get("price") and not row.get("price_data"):
            raise missing_param("amount")
        price = price_of(account, row, "pricing", "one_time")
        amount = amount_of(price, quantity)
    elif not params.get("currency"):
        raise missing_param("currency")
    if params.get("subscription"):
        account.subscriptions.need(params["subscription"], "subscription")
    invoice = None
    if params.get("invoice"):
        invoice = account.invoices.need(params["invoice"], "invoice")
        if invoice["status"] != "draft":
            raise StripeError("Invoice is no longer editable", code="invoice_not_editable",
                              param="invoice")  # fmt: skip
    currency = price["currency"] if price else str(params["currency"]).lower()
    period, now = mapping(params, "period"), account.now()
    item = hold_item(account, call, Charge(
        amount, params.get("description") or "", integer(period, "start") or now,
        integer(period, "end") or now, price, quantity, params.get("subscription") or None,
        metadata=metadata,
    ), customer["id"], currency)  # fmt: skip
    if invoice is not None:
        item["invoice"] = invoice["id"]
        charge = Charge(amount, item["description"] or "", item["period"]["start"],
                        item["period"]["end"], price, quantity, item["subscription_id"],
                        None, item["id"], False, metadata)  # fmt: skip
        add_lines(account, invoice, [charge])
    return item


def hold_item(account: Account, call: Call, charge: Charge, customer: str, currency: str) -> Obj:
    """Keep a charge as a pending invoice item."""
    parent = None
    if charge.subscription:
        details = {"subscription": charge.subscription, "subscription_item": None}
        parent = {"type": "subscription_details", "subscription_details": details}
    item = account.invoice_items.add({
        "id": account.ids.next("ii"), "object": "invoiceitem", "amount": charge.amount,
        "currency": currency, "customer": customer, "customer_account": None,
        "date": account.now(), "created": account.now(), "description": charge.description or None,
        "discountable": not charge.proration, "discounts": [], "invoice": None, "livemode": False,
        "metadata": charge.metadata or {}, "parent": parent,
        "period": {"start": charge.start, "end": charge.end}, "pricing": pricing_of(charge.price),
        "price_id": charge.price["id"] if charge.price else None, "proration": charge.proration,
        "quantity": charge.quantity or 1, "subscription_id": charge.subscription,
        "tax_rates": [], "test_clock": None,
    })  # fmt: skip
    account.tell(call, "invoiceitem.created", item)
    return item


def delete_item(account: Account, call: Call) -> Obj:
    """An item no more, as long as no invoice has been finalized with it."""
    item = account.invoice_items.need(call.path_ids[0])
    if item["invoice"] is not None:
        raise StripeError("Invoice item is attached to an invoice.", code="invoice_not_editable")
    account.invoice_items.remove(item["id"])
    account.tell(call, "invoiceitem.deleted", item)
    return {"id": item["id"], "object": "invoiceitem", "deleted": True}


def list_items(account: Account, call: Call) -> Obj:
    """Invoice items by customer, invoice and whether they still wait."""
    pending = call.params.get("pending")
    return page(account.invoice_items, call.params, "/v1/invoiceitems", index="customer",
                equal=("invoice",), keep=None if pending is None else
                lambda item: (item["invoice"] is None) == (pending == "true"))  # fmt: skip


def retrieve_item(account: Account, call: Call) -> Obj:
    """An invoice item."""
    return account.invoice_items.need(call.path_ids[0])


ENDPOINTS = {
    "POST invoices": Endpoint(create, _CREATE, ("customer",)),
    "GET invoices": Endpoint(list_, PAGING | {
        "collection_method", "created", "customer", "due_date", "status", "subscription"}),
    "GET invoices/*": Endpoint(retrieve, {"expand"}),
    "POST invoices/*/finalize": Endpoint(finalize_, {"auto_advance", "expand"}),
    "POST invoices/*/send": Endpoint(send, {"expand"}),
    "POST invoices/*/pay": Endpoint(
        pay, {"expand", "off_session", "paid_out_of_band", "payment_method"}),
    "POST invoices/*/mark_uncollectible": Endpoint(mark_uncollectible, {"expand"}),
    "POST invoices/*/void": Endpoint(void, {"expand"}),
    "POST invoiceitems": Endpoint(create_item, _ITEM, ("customer",)),
    "GET invoiceitems": Endpoint(list_items, PAGING | {
        "created", "customer", "invoice", "pending"}),
    "GET invoiceitems/*": Endpoint(retrieve_item, {"expand"}),
    "DELETE invoiceitems/*": Endpoint(delete_item),
}  # fmt: skip
