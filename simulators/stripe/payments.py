"""What happens to an open invoice: paid, in part or whole, not paid, credited, overdue."""

from simulators.stripe.errors import StripeError
from simulators.stripe.forms import check_names, mapping
from simulators.stripe.lists import PAGING, page
from simulators.stripe.routing import Endpoint
from simulators.stripe.store import Account, Call, Obj

_MADE_WITH = ("payment_intent", "payment_record")


def settle(account: Account, call: Call, invoice: Obj, *, out_of_band: bool = False) -> Obj:
    """The invoice is paid in full; what still had to be paid becomes a payment."""
    rest = invoice["amount_remaining"]
    invoice.update(status="paid", amount_paid=invoice["amount_due"], amount_remaining=0,
                   attempted=True)  # fmt: skip
    invoice["status_transitions"]["paid_at"] = account.now()
    if rest and not out_of_band:
        _hold(account, call, invoice, rest)
    account.tell(call, "invoice.paid", invoice)
    account.tell(call, "invoice.payment_succeeded", invoice)
    return invoice


def pay_in_part(account: Account, call: Call, invoice: Obj, amount: int) -> Obj:
    """Some of an open invoice is paid; all that was left settles it."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise StripeError(f"You cannot pay an invoice with the status `{invoice['status']}`.")
    if amount >= invoice["amount_remaining"]:
        return settle(account, call, invoice)
    previous = {name: invoice[name] for name in ("amount_paid", "amount_remaining")}
    invoice["amount_paid"] += amount
    invoice["amount_remaining"] -= amount
    _hold(account, call, invoice, amount)
    account.tell(call, "invoice.updated", invoice, previous)
    return invoice


def fail(account: Account, call: Call, invoice: Obj) -> Obj:
    """A payment of an open invoice was attempted and refused."""
    invoice.update(attempted=True, attempt_count=invoice["attempt_count"] + 1)
    account.tell(call, "invoice.payment_failed", invoice)
    return invoice


def credit(account: Account, call: Call, invoice: Obj, amount: int) -> Obj:
    """A credit note takes from what is still to be paid; what it settles counts as paid."""
    if invoice["status"] != "open" or not 0 < amount <= invoice["amount_remaining"]:
        raise StripeError("You cannot credit more than what is still to be paid.", param="amount")
    previous = {name: invoice[name] for name in ("amount_due", "amount_remaining")}
    invoice["amount_due"] -= amount
    invoice["amount_remaining"] -= amount
    invoice["pre_payment_credit_notes_amount"] = (
        invoice.get("pre_payment_credit_notes_amount", 0) + amount
    )
    account.tell(call, "credit_note.created", {
        "id": account.ids.next("cn"), "object": "credit_note", "amount": amount,
        "created": account.now(), "currency": invoice["currency"],
        "customer": invoice["customer"], "invoice": invoice["id"], "livemode": False,
        "pre_payment_amount": amount, "post_payment_amount": 0, "status": "issued",
        "total": amount,
    })  # fmt: skip
    account.tell(call, "invoice.updated", invoice, previous)
    return invoice if invoice["amount_remaining"] else settle(account, call, invoice)


def tell_overdue(account: Account, call: Call) -> None:
    """Say of each sent invoice, once, that it is open past its due date."""
    for invoice in account.invoices.held():
        sent = invoice["status"] == "open" and invoice["collection_method"] == "send_invoice"
        due = invoice["due_date"]
        if sent and due and due < account.now() and not invoice.get("told_overdue"):
            invoice["told_overdue"] = True
            account.tell(call, "invoice.overdue", invoice)


def _hold(account: Account, call: Call, invoice: Obj, amount: int) -> None:
    now = account.now()
    payment = account.invoice_payments.add({
        "id": account.ids.next("inpay"), "object": "invoice_payment", "amount_paid": amount,
        "amount_requested": amount, "created": now, "currency": invoice["currency"],
        "invoice": invoice["id"], "is_default": True, "livemode": False,
        "payment": {"type": "payment_intent", "payment_intent": account.ids.next("pi")},
        "status": "paid", "status_transitions": {"canceled_at": None, "paid_at": now},
    })  # fmt: skip
    account.tell(call, "invoice_payment.paid", payment)


def list_payments(account: Account, call: Call) -> Obj:
    """Invoice payments by invoice, by status and by what they were made with."""
    made = mapping(call.params, "payment")
    if made:
        check_names(made, {"type", *_MADE_WITH}, ("type",), "payment")
        if made["type"] not in _MADE_WITH:
            words = " or ".join(_MADE_WITH)
            raise StripeError(
                f"Invalid payment[type]: must be one of {words}", param="payment[type]"
            )
    return page(
        account.invoice_payments, call.params, "/v1/invoice_payments", index="invoice",
        equal=("status",), keep=lambda one: made.items() <= one["payment"].items(),
    )  # fmt: skip


ENDPOINTS = {
    "GET invoice_payments": Endpoint(list_payments, PAGING | {
        "created", "invoice", "payment", "status"}),
}  # fmt: skip
