"""Disputes: the customer's bank takes a payment back, asks about it, or gives it back."""

from simulators.stripe.errors import StripeError
from simulators.stripe.lists import PAGING, page
from simulators.stripe.routing import Endpoint
from simulators.stripe.store import Account, Call, Obj

CLOSED = frozenset({"won", "lost", "warning_closed", "prevented"})
_DAY_SECONDS = 86_400
_DAYS_TO_ANSWER = 14
_FEE = 1_500
_EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy",
    "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
    "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature",
    "duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id",
    "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address",
    "shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number",
    "uncategorized_file", "uncategorized_text",
)  # fmt: skip


def dispute_invoice(
    account: Account, call: Call, invoice: Obj, status: str = "needs_response"
) -> Obj:
    """The newest payment of an invoice is disputed, or its dispute moves on to a status."""
    payments = account.invoice_payments.with_value("invoice", invoice["id"])
    if not payments:
        raise StripeError("This invoice has no payment that could be disputed.")
    newest = payments[-1]
    intent = newest["payment"]["payment_intent"]
    known = account.disputes.with_value("payment_intent", intent)
    if known and known[-1]["status"] not in CLOSED:
        return move_on(account, call, known[-1], status)
    return dispute_payment(account, call, intent, newest["amount_paid"], newest["currency"], status)


def dispute_payment(
    account: Account, call: Call, intent: str, amount: int, currency: str,
    status: str = "needs_response",
) -> Obj:  # fmt: skip
    """A payment is disputed, whatever it was made for; unless the bank only asks (`warning_...`),
    the money is gone at once."""
    asks, now = status.startswith("warning_"), account.now()
    charge = intent.replace("pi_", "ch_")
    made = account.disputes.add({
        "id": account.ids.next("du"), "object": "dispute", "amount": amount,
        "balance_transactions": [], "charge": charge, "created": now, "currency": currency,
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now + _DAYS_TO_ANSWER * _DAY_SECONDS, "enhanced_eligibility": {},
            "has_evidence": False, "past_due": False, "submission_count": 0,
        },
        "is_charge_refundable": asks, "livemode": False, "metadata": {},
        "network_reason_code": "10.4", "payment_intent": intent,
        "payment_method_details": {
            "card": {
                "brand": "visa", "case_type": "inquiry" if asks else "chargeback",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": "fraudulent", "status": status,
    })  # fmt: skip
    account.tell(call, "charge.dispute.created", made)
    if not asks:
        _moves_money(account, made, -amount, _FEE, f"Chargeback withdrawal for {charge}")
        account.tell(call, "charge.dispute.funds_withdrawn", made)
    return made


def move_on(account: Account, call: Call, dispute: Obj, status: str) -> Obj:
    """A dispute has another status; with one of the last it is closed, and if it is won the money
    comes back."""
    previous = {"status": dispute["status"]}
    dispute["status"] = status
    if status not in CLOSED:
        account.tell(call, "charge.dispute.updated", dispute, previous)
        return dispute
    account.tell(call, "charge.dispute.closed", dispute, previous)
    if status == "won" and dispute["balance_transactions"]:
        about = f"Chargeback reversal for {dispute['charge']}"
        _moves_money(account, dispute, dispute["amount"], 0, about)
        account.tell(call, "charge.dispute.funds_reinstated", dispute)
    return dispute


def _moves_money(account: Account, dispute: Obj, amount: int, fee: int, about: str) -> None:
    now, currency = account.now(), dispute["currency"]
    kept = {"application": None, "currency": currency, "description": "Dispute fee"}
    moved = {
        "id": account.ids.next("txn"), "object": "balance_transaction", "amount": amount,
        "available_on": now, "created": now, "currency": currency, "description": about,
        "exchange_rate": None, "fee": fee,
        "fee_details": [{**kept, "amount": fee, "type": "stripe_fee"}] if fee else [],
        "net": amount - fee, "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
        "source": dispute["id"], "status": "available", "type": "adjustment",
    }  # fmt: skip
    dispute["balance_transactions"] = [*dispute["balance_transactions"], moved]


def retrieve(account: Account, call: Call) -> Obj:
    """A dispute."""
    return account.disputes.need(call.path_ids[0])


def list_(account: Account, call: Call) -> Obj:
    """Disputes by payment and time."""
    return page(account.disputes, call.params, "/v1/disputes", index="payment_intent",
                equal=("charge",))  # fmt: skip


ENDPOINTS = {
    "GET disputes": Endpoint(list_, PAGING | {"charge", "created", "payment_intent"}),
    "GET disputes/*": Endpoint(retrieve, {"expand"}),
}
