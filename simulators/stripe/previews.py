"""`/invoices/create_preview`: what an invoice would be, with nothing of it kept."""

from simulators.stripe.billing import first_charges, make_subscription, read_items
from simulators.stripe.forms import mapping, rows
from simulators.stripe.lines import build_invoice
from simulators.stripe.routing import Endpoint
from simulators.stripe.store import Account, Call, Obj
from simulators.stripe.subscriptions import changed_items


def create_preview(account: Account, call: Call) -> Obj:
    """The invoice that would come of these details; nothing of it is kept."""
    params = call.params
    customer = account.customers.need(params.get("customer"), "customer")
    details = mapping(params, "subscription_details")
    at = "subscription_details[items]"
    if params.get("schedule_details"):
        phases = rows(mapping(params, "schedule_details"), "phases")
        details, at = (phases or [{}])[0], "schedule_details[phases][0][items]"
    if params.get("subscription"):
        held = account.subscriptions.need(params["subscription"], "subscription")
        _, charges = changed_items(account, held, details)
        invoice = build_invoice(account, customer, held["currency"], charges,
                                reason="upcoming", subscription=held)  # fmt: skip
    else:
        preview = make_subscription(account, customer, read_items(account, details, at))
        charges = first_charges(account, preview, [], True)
        invoice = build_invoice(account, customer, preview["currency"], charges,
                                reason="upcoming")  # fmt: skip
    invoice["id"] = account.ids.next("upcoming_in")
    return invoice


ENDPOINTS = {
    "POST invoices/create_preview": Endpoint(create_preview, {
        "automatic_tax", "currency", "customer", "customer_details", "expand", "invoice_items",
        "preview_mode", "schedule_details", "subscription", "subscription_details"}),
}  # fmt: skip
