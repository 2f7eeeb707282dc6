"""Subscriptions: created with their first invoice, amended, canceled; and previewed invoices."""

from simulators.stripe.billing import (
    ITEM_FIELDS,
    add_item,
    begin_billing,
    item_charge,
    make_subscription,
    one_currency,
    put_items,
    read_automatic_tax,
    read_item,
    read_items,
    read_one_time,
)
from simulators.stripe.errors import StripeError, missing_param, missing_resource
from simulators.stripe.forms import (
    Params,
    check_names,
    choice,
    flag,
    integer,
    mapping,
    merge_metadata,
    rows,
)
from simulators.stripe.invoices import (
    COLLECTION_METHODS,
    days_until_due,
    finalize,
    hold,
    hold_item,
    take_pending,
)
from simulators.stripe.lines import Charge, amount_of, build_invoice
from simulators.stripe.lists import PAGING, page, search
from simulators.stripe.routing import Endpoint
from simulators.stripe.store import Account, Call, Obj

_BOTH = frozenset({
    "add_invoice_items", "automatic_tax", "billing_cycle_anchor", "billing_thresholds",
    "cancel_at", "cancel_at_period_end", "collection_method", "days_until_due",
    "default_payment_method", "default_source", "default_tax_rates", "description", "discounts",
    "expand", "invoice_settings", "items", "metadata", "off_session", "on_behalf_of",
    "payment_behavior", "payment_settings", "pending_invoice_item_interval", "proration_behavior",
    "trial_end", "trial_settings",
})  # fmt: skip
_CREATE = _BOTH | {"backdate_start_date", "billing_cycle_anchor_config", "billing_mode", "currency",
                   "customer", "trial_period_days"}  # fmt: skip
_UPDATE = _BOTH | {"cancellation_details", "pause_collection", "proration_date"}
_PRORATIONS = ("always_invoice", "create_prorations", "none")
_BEHAVIORS = (
    "allow_incomplete",
    "default_incomplete",
    "error_if_incomplete",
    "pending_if_incomplete",
)
_STATUSES = ("active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due",
             "paused", "trialing", "unpaid")  # fmt: skip
_DAY_SECONDS = 86_400


def create(account: Account, call: Call) -> Obj:
    """A subscription and its first invoice."""
    params = call.params
    customer = account.customers.need(params["customer"], "customer")
    items = read_items(account, params)
    one_time = read_one_time(account, params)
    method = choice(params, "collection_method", COLLECTION_METHODS, "charge_automatically")
    days = days_until_due(call, method)
    if method == "send_invoice" and days is None:
        raise missing_param("days_until_due")
    prorate = choice(params, "proration_behavior", _PRORATIONS, "create_prorations") != "none"
    behavior = choice(params, "payment_behavior", _BEHAVIORS, "allow_incomplete")
    payment = params.get("default_payment_method")
    payment = payment or customer["invoice_settings"]["default_payment_method"]
    now, trial_end = account.now(), _trial_end(account, params)
    charged = method == "charge_automatically" and not trial_end
    if charged and not payment and behavior != "default_incomplete":
        raise StripeError(
            "This customer has no attached payment source or default payment method. Please "
            "consider adding a default payment method.", code="resource_missing",
        )  # fmt: skip
    anchor = integer(params, "billing_cycle_anchor")
    if anchor is not None and anchor < now:
        raise StripeError(
            "billing_cycle_anchor cannot be in the past", param="billing_cycle_anchor"
        )
    incomplete = charged and (not payment or behavior == "default_incomplete")
    status = "trialing" if trial_end else "incomplete" if incomplete else "active"
    subscription = make_subscription(
        account, customer, items, anchor=anchor or trial_end,
        start=integer(params, "backdate_start_date"),
        automatic_tax=read_automatic_tax(params, customer),
        cancel_at=integer(params, "cancel_at"), collection_method=method, days_until_due=days,
        cancel_at_period_end=flag(params, "cancel_at_period_end"),
        default_payment_method=params.get("default_payment_method") or None,
        description=params.get("description") or None, metadata=merge_metadata({}, params),
        status=status, trial_end=trial_end, trial_start=now if trial_end else None,
    )  # fmt: skip
    return begin_billing(account, call, subscription, customer, one_time, prorate=prorate,
                         paid=charged and not incomplete)  # fmt: skip


def retrieve(account: Account, call: Call) -> Obj:
    """A subscription, canceled or not."""
    return account.subscriptions.need(call.path_ids[0])


def update(account: Account, call: Call) -> Obj:
    """A subscription with changed fields and items; the difference is prorated."""
    subscription, params = account.subscriptions.need(call.path_ids[0]), call.params
    if subscription["status"] == "canceled" and set(params) - {
        "cancellation_details", "expand", "metadata"
    }:  # fmt: skip
        raise StripeError(
            "A canceled subscription can only update its cancellation_details and metadata."
        )
    customer = account.customers.need(subscription["customer"], "customer")
    changes: Obj = {"metadata": merge_metadata(subscription["metadata"], params)}
    method = choice(params, "collection_method", COLLECTION_METHODS,
                    subscription["collection_method"])  # fmt: skip
    changes["collection_method"] = method
    if "days_until_due" in params:
        changes["days_until_due"] = days_until_due(call, method)
    if "cancel_at_period_end" in params:
        ends = changes["cancel_at_period_end"] = flag(params, "cancel_at_period_end")
        changes["cancel_at"] = _period_end(subscription) if ends else None
        changes["canceled_at"] = account.now() if ends else None
    if "cancel_at" in params:
        changes["cancel_at"] = integer(params, "cancel_at")
    for name in ("description", "default_payment_method", "pause_collection"):
        if name in params:
            changes[name] = params[name] or None
    if "automatic_tax" in params:
        changes["automatic_tax"] = read_automatic_tax(params, customer)
    behavior = choice(params, "proration_behavior", _PRORATIONS, "create_prorations")
    one_time = read_one_time(account, params)
    items, charges = changed_items(account, subscription, params)
    previous = {name: subscription[name] for name, new in changes.items()
                if subscription[name] != new}  # fmt: skip
    subscription.update(changes)
    if items is not None:
        previous["items"] = {"data": list(subscription["items"]["data"])}
        put_items(account, subscription, items)
    if behavior == "none":
        charges = []
    now = account.now()
    charges += [Charge(amount_of(x["price"], x["quantity"]), "", now, now, x["price"],
                       x["quantity"], subscription["id"]) for x in one_time]  # fmt: skip
    _bill_change(account, call, subscription, customer, charges, behavior)
    account.tell(call, "customer.subscription.updated", subscription, previous)
    return subscription


def changed_items(
    account: Account, subscription: Obj, params: Params
) -> tuple[list[Obj] | None, list[Charge]]:
    """The items after a change, and the credit and debit for the rest of the period."""
    held = {item["id"]: item for item in subscription["items"]["data"]}
    changed, charges = dict(held), []
    for number, row in enumerate(rows(params, "items")):
        where = f"items[{number}]"
        check_names(row, ITEM_FIELDS | {"id", "deleted", "clear_usage"}, (), where)
        old = held.get(row.get("id", ""))
        if row.get("id") and old is None:
            raise missing_resource("subscription_item", row["id"], f"{where}[id]")
        if old is not None:
            charges.append(_rest(account, subscription, old, -1))
        if old is not None and flag(row, "deleted"):
            del changed[old["id"]]
            continue
        if old is None:
            new = add_item(account, subscription, read_item(account, row, where))
        else:
            new = _changed_item(account, old, row, where)
        changed[new["id"]] = new
        charges.append(_rest(account, subscription, new, 1))
    if not rows(params, "items"):
        return None, []
    one_currency(list(changed.values()), "items")
    return list(changed.values()), charges


def _changed_item(account: Account, old: Obj, row: Params, where: str) -> Obj:
    metadata = merge_metadata(old["metadata"], row)
    if row.get("price") or row.get("price_data"):
        read = read_item(account, {"quantity": old["quantity"], **row}, where)
        return {**old, **read, "metadata": metadata}
    # The price it has stays, also one that was made in passing and takes no new items.
    quantity = integer(row, "quantity", f"{where}[quantity]")
    kept = old["quantity"] if quantity is None else quantity
    return {**old, "quantity": kept, "metadata": metadata}


def _rest(account: Account, subscription: Obj, item: Obj, sign: int) -> Charge:
    begin, end = item["current_period_start"], item["current_period_end"]
    now = min(max(account.now(), begin), end)
    amount = amount_of(item["price"], item["quantity"]) * (end - now) / max(1, end - begin)
    return item_charge(subscription, item, sign * round(amount), now, end, True)


def _bill_change(
    account: Account, call: Call, subscription: Obj, customer: Obj, charges: list[Charge],
    behavior: str,
) -> None:  # fmt: skip
    charges = [charge for charge in charges if charge.amount]
    if not charges:
        return
    if behavior != "always_invoice":
        for charge in charges:
            hold_item(account, call, charge, customer["id"], subscription["currency"])
        return
    charges += take_pending(account, customer["id"], subscription["currency"], subscription["id"])
    invoice = build_invoice(account, customer, subscription["currency"], charges,
                            reason="subscription_update", subscription=subscription)  # fmt: skip
    subscription["latest_invoice"] = invoice["id"]
    finalize(account, call, hold(account, call, invoice))


def cancel(account: Account, call: Call) -> Obj:
    """A subscription ended now; one that has ended already is as if it were not there."""
    subscription = account.subscriptions.need(call.path_ids[0])
    if subscription["status"] == "canceled":
        raise missing_resource("subscription", subscription["id"])
    details = mapping(call.params, "cancellation_details")
    return end(account, call, subscription, details)


def end(account: Account, call: Call, subscription: Obj, details: Params | None = None) -> Obj:
    """End a subscription now and say so."""
    now = account.now()
    subscription.update(status="canceled", canceled_at=now, ended_at=now)
    subscription["cancellation_details"] = {
        **subscription["cancellation_details"], "reason": "cancellation_requested",
        **(details or {}),
    }  # fmt: skip
    account.tell(call, "customer.subscription.deleted", subscription)
    return subscription


def list_(account: Account, call: Call) -> Obj:
    """Subscriptions by customer, price, status and time; canceled ones only when asked for."""
    status = choice(call.params, "status", _STATUSES, "") if call.params.get("status") else ""
    price = call.params.get("price")

    def keep(subscription: Obj) -> bool:
        held = subscription["status"]
        if price and price not in {i["price"]["id"] for i in subscription["items"]["data"]}:
            return False
        if status in ("", "all"):
            return status == "all" or held != "canceled"
        return held in ("canceled", "incomplete_expired") if status == "ended" else held == status

    return page(account.subscriptions, call.params, "/v1/subscriptions", index="customer",
                equal=("collection_method",), keep=keep)  # fmt: skip


def search_(account: Account, call: Call) -> Obj:
    """Subscriptions the search index knows of."""
    return search(account, account.subscriptions, call.params, "/v1/subscriptions/search")


def _trial_end(account: Account, params: Params) -> int | None:
    days = integer(params, "trial_period_days")
    if params.get("trial_end") == "now":
        return None
    return account.now() + days * _DAY_SECONDS if days else integer(params, "trial_end")


def _period_end(subscription: Obj) -> int:
    return int(max(item["current_period_end"] for item in subscription["items"]["data"]))


ENDPOINTS = {
    "POST subscriptions": Endpoint(create, _CREATE, ("customer",)),
    "GET subscriptions": Endpoint(list_, PAGING | {
        "collection_method", "created", "customer", "price", "status"}),
    "GET subscriptions/search": Endpoint(
        search_, {"query", "limit", "page", "expand"}, ("query",)),
    "GET subscriptions/*": Endpoint(retrieve, {"expand"}),
    "POST subscriptions/*": Endpoint(update, _UPDATE),
    "DELETE subscriptions/*": Endpoint(
        cancel, {"cancellation_details", "expand", "invoice_now", "prorate"}),
}  # fmt: skip
