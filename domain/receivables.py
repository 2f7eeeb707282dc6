"""What is owed on an invoice and since when: the arithmetic that the definitions share (R116)."""

from datetime import date, timedelta

from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.money import Money
from canonical.risk import RiskRules

OPEN = (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE)


def is_open(invoice: InvoiceFacts) -> bool:
    """Whether something of it is still to be paid."""
    return invoice.status in OPEN and invoice.remaining.amount_minor > 0


def is_taken_back(invoice: InvoiceFacts) -> bool:
    """Whether it was paid, and that payment is disputed (a chargeback)."""
    settled = invoice.status is InvoiceStatus.PAID or not is_open(invoice)
    return invoice.disputed and settled and invoice.paid.amount_minor > 0


def at_stake(invoice: InvoiceFacts) -> Money:
    """What remains to be paid; of a payment that is disputed, what was paid."""
    return invoice.paid if is_taken_back(invoice) else invoice.remaining


def days_overdue(invoice: InvoiceFacts, today: date) -> int:
    """Days since the due date; 0 on that day, before it and without one."""
    return max(0, (today - invoice.due_on).days) if invoice.due_on else 0


def grace_days(invoice: InvoiceFacts, rules: RiskRules) -> int:
    """The grace of the longest listed terms that the invoice's days to pay reach, else of all."""
    reached = {
        int(terms.removeprefix("net-")): days for terms, days in rules.grace_days_by_terms.items()
    }
    to_pay = _days_to_pay(invoice)
    longest = max((net for net in reached if to_pay is not None and net <= to_pay), default=None)
    return rules.grace_days if longest is None else reached[longest]


def _days_to_pay(invoice: InvoiceFacts) -> int | None:
    if invoice.due_on is None or invoice.posted_at is None:
        return None
    return (invoice.due_on - invoice.posted_at.date()).days


def is_tolerated(invoice: InvoiceFacts, rules: RiskRules) -> bool:
    """Whether payments or credits have left no more than the tolerance of its currency."""
    remaining, total = invoice.remaining, invoice.total
    limit = rules.tolerance_minor.get(remaining.currency, 0)
    return remaining.amount_minor < total.amount_minor and remaining.amount_minor <= limit


def boundaries(invoice: InvoiceFacts, rules: RiskRules) -> list[date]:
    """The days on which its stage changes while nothing is paid: overdue, late, serious."""
    if invoice.due_on is None:
        return []
    first = grace_days(invoice, rules) + 1
    days = (first, max(first, rules.late_days), max(first, rules.serious_days))
    return [invoice.due_on + timedelta(days=after) for after in days]
