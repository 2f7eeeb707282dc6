"""Where the collection of one invoice stands (R124); its stages are days after the due date."""

from datetime import date

from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.risk import CollectionStatus
from domain.definitions.definition import Decision, Definition, Example
from domain.definitions.invoice_delinquent import InvoiceOnDay, is_owed
from domain.definitions.samples import (
    AFTER_GRACE,
    DUE,
    LATE,
    RULES,
    SERIOUS,
    WITHIN_GRACE,
    invoice,
)
from domain.receivables import at_stake, boundaries, days_overdue, is_open, is_taken_back

# While nothing is late yet, a payment that was tried and refused is news.
PATIENT = (CollectionStatus.NOT_DUE, CollectionStatus.IN_GRACE)


def collection_status(given: InvoiceOnDay) -> Decision:
    """The status, for reasons that stay the same until it changes."""
    invoice = given.invoice
    if invoice.status is InvoiceStatus.VOID:
        return Decision(CollectionStatus.VOID, ["withdrawn"])
    if is_taken_back(invoice):
        paid = f"the {at_stake(invoice)} that was paid is disputed"
        return Decision(CollectionStatus.DISPUTED, [paid])
    if invoice.status is InvoiceStatus.DRAFT:
        return Decision(CollectionStatus.NOT_DUE, ["a draft"])
    if not is_open(invoice):
        return Decision(CollectionStatus.PAID, ["nothing is left to pay"])
    if not is_owed(invoice, given.rules):
        left = f"the {invoice.remaining} that is left is within the tolerance"
        return Decision(CollectionStatus.PAID, [left])
    if invoice.disputed:
        return Decision(CollectionStatus.DISPUTED, [f"{invoice.remaining} is disputed"])
    if invoice.status is InvoiceStatus.UNCOLLECTIBLE:
        return Decision(CollectionStatus.UNCOLLECTIBLE, [f"{invoice.remaining} was written off"])
    found = _by_days(given)
    if invoice.failed_payments and found.value in PATIENT:
        how_often = "a payment" if invoice.failed_payments == 1 else "payments"
        why = f"{how_often} of {invoice.remaining} failed, {_when(given, found)}"
        return Decision(CollectionStatus.PAYMENT_FAILED, [why])
    return found


def _when(given: InvoiceOnDay, found: Decision) -> str:
    """In the same words on the due date and after it: nothing changes between them."""
    due = given.invoice.due_on
    return (
        f"due on {due}, overdue from {boundaries(given.invoice, given.rules)[0]} on"
        if due
        else (found.reasons[0])
    )


def _by_days(given: InvoiceOnDay) -> Decision:
    invoice, today = given.invoice, given.today
    due, open_now = invoice.due_on, f"{invoice.remaining} unpaid"
    if due is None:
        return Decision(CollectionStatus.NOT_DUE, ["it has no due date"])
    if days_overdue(invoice, today) == 0:
        return Decision(CollectionStatus.NOT_DUE, [f"due on {due}"])
    overdue, late, serious = boundaries(invoice, given.rules)
    if today < overdue:
        return Decision(CollectionStatus.IN_GRACE, [f"due on {due}, overdue from {overdue} on"])
    if today >= serious:
        return Decision(CollectionStatus.SERIOUS, [f"{open_now}, due on {due}"])
    if today >= late:
        why = f"{open_now}, due on {due}, serious from {serious} on"
        return Decision(CollectionStatus.LATE, [why])
    return Decision(CollectionStatus.OVERDUE, [f"{open_now}, due on {due}, late from {late} on"])


def _on(
    day: date, name: str, given: InvoiceFacts, value: CollectionStatus, reason: str
) -> Example[InvoiceOnDay]:
    return Example(name, InvoiceOnDay(invoice=given, today=day, rules=RULES), value, (reason,))


INVOICE_COLLECTION_STATUS = Definition(
    name="invoice_collection_status",
    version=1,
    meaning="How far an invoice is from being paid as agreed: its stage by days after the due "
    "date, unless it is disputed, written off, settled or withdrawn; before it is overdue, whether "
    "a payment of it failed.",
    requirements=(124,),
    inputs=InvoiceOnDay,
    outcomes=CollectionStatus,
    decide=collection_status,
    examples=(
        _on(DUE, "on the due date", invoice(), CollectionStatus.NOT_DUE, "due on 2026-08-15"),
        _on(WITHIN_GRACE, "within the grace", invoice(), CollectionStatus.IN_GRACE,
            "due on 2026-08-15, overdue from 2026-08-21 on"),
        _on(WITHIN_GRACE, "within the grace, and its payment was refused",
            invoice(failed_payments=1), CollectionStatus.PAYMENT_FAILED,
            "a payment of 12,000.00 USD failed, due on 2026-08-15, overdue from 2026-08-21 on"),
        _on(AFTER_GRACE, "after the grace", invoice(), CollectionStatus.OVERDUE,
            "12,000.00 USD unpaid, due on 2026-08-15, late from 2026-08-30 on"),
        _on(LATE, "fifteen days after", invoice(paid="2000"), CollectionStatus.LATE,
            "10,000.00 USD unpaid, due on 2026-08-15, serious from 2026-09-29 on"),
        _on(SERIOUS, "forty-five days after", invoice(), CollectionStatus.SERIOUS,
            "12,000.00 USD unpaid, due on 2026-08-15"),
        _on(SERIOUS, "disputed, however old", invoice(disputed=True), CollectionStatus.DISPUTED,
            "12,000.00 USD is disputed"),
        _on(LATE, "a payment that the bank is asked to take back",
            invoice(paid="12000", status=InvoiceStatus.PAID, disputed=True),
            CollectionStatus.DISPUTED, "the 12,000.00 USD that was paid is disputed"),
        _on(LATE, "paid", invoice(paid="12000", status=InvoiceStatus.PAID), CollectionStatus.PAID,
            "nothing is left to pay"),
        _on(LATE, "partly paid, the rest credited", invoice(paid="2000", credited="10000"),
            CollectionStatus.PAID, "nothing is left to pay"),
        _on(LATE, "a bank charge is missing", invoice(paid="11997"), CollectionStatus.PAID,
            "the 3.00 USD that is left is within the tolerance"),
        _on(LATE, "withdrawn", invoice(status=InvoiceStatus.VOID), CollectionStatus.VOID,
            "withdrawn"),
        _on(DUE, "written off", invoice(status=InvoiceStatus.UNCOLLECTIBLE),
            CollectionStatus.UNCOLLECTIBLE, "12,000.00 USD was written off"),
        _on(LATE, "without a due date", invoice(due_on=None), CollectionStatus.NOT_DUE,
            "it has no due date"),
        _on(LATE, "a draft", invoice(status=InvoiceStatus.DRAFT), CollectionStatus.NOT_DUE,
            "a draft"),
    ),
    parameters=(
        "payment.grace_days",
        "payment.grace_days_by_terms",
        "payment.late_days",
        "payment.serious_days",
        "payment.tolerance",
    ),
)  # fmt: skip
