"""Whether an invoice is delinquent: past its grace, undisputed, with something left (R116)."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.orders import Fact
from canonical.risk import RiskRules
from domain.definitions.definition import Decision, Definition, Example
from domain.definitions.samples import AFTER_GRACE, DUE, POSTED, RULES, WITHIN_GRACE, invoice
from domain.receivables import days_overdue, grace_days, is_open, is_tolerated

NAME = "invoice_delinquent"


class Delinquency(StrEnum):
    """Whether an invoice counts as not paid when it should have been."""

    DELINQUENT = "delinquent"
    NOT_DELINQUENT = "not_delinquent"


class InvoiceOnDay(Fact):
    """An invoice on a day, under the rules of the business."""

    invoice: InvoiceFacts
    today: date
    rules: RiskRules = RiskRules()


def _is_delinquent(given: InvoiceOnDay) -> Decision:
    invoice = given.invoice
    if not is_open(invoice):
        return _not("nothing is left to pay")
    if invoice.disputed:
        return _not("it is disputed")
    if invoice.status is InvoiceStatus.UNCOLLECTIBLE:
        return _yes(f"{invoice.remaining} was written off")
    if invoice.due_on is None:
        return _not("it has no due date")
    days, grace = days_overdue(invoice, given.today), grace_days(invoice, given.rules)
    if days == 0:
        return _not(f"it is due on {invoice.due_on}")
    if days <= grace:
        return _not(f"{days} of {grace} days of grace have passed")
    return _yes(f"{invoice.remaining} is unpaid {days} days after the due date, {grace} of grace")


def _is_delinquent_beyond_tolerance(given: InvoiceOnDay) -> Decision:
    invoice = given.invoice
    if is_open(invoice) and is_tolerated(invoice, given.rules):
        return _not(f"the {invoice.remaining} that is left is within the tolerance")
    return _is_delinquent(given)


def _yes(reason: str) -> Decision:
    return Decision(Delinquency.DELINQUENT, [reason])


def _not(reason: str) -> Decision:
    return Decision(Delinquency.NOT_DELINQUENT, [reason])


def _on(
    day: date, name: str, given: InvoiceFacts, value: Delinquency, reason: str
) -> Example[InvoiceOnDay]:
    return Example(name, InvoiceOnDay(invoice=given, today=day, rules=RULES), value, (reason,))


_DELINQUENT, _FINE = Delinquency.DELINQUENT, Delinquency.NOT_DELINQUENT
_COMMON = (
    _on(DUE, "on the due date", invoice(), _FINE, "it is due on 2026-08-15"),
    _on(WITHIN_GRACE, "on the last day of grace", invoice(), _FINE,
        "5 of 5 days of grace have passed"),
    _on(AFTER_GRACE, "on the day after the grace", invoice(), _DELINQUENT,
        "12,000.00 USD is unpaid 6 days after the due date, 5 of grace"),
    _on(AFTER_GRACE, "net 45 has a longer grace",
        invoice(posted_at=POSTED.replace(month=7, day=1)), _FINE,
        "6 of 10 days of grace have passed"),
    _on(AFTER_GRACE, "disputed", invoice(disputed=True), _FINE, "it is disputed"),
    _on(AFTER_GRACE, "partly paid", invoice(paid="5000"), _DELINQUENT,
        "7,000.00 USD is unpaid 6 days after the due date, 5 of grace"),
    _on(AFTER_GRACE, "credited in full", invoice(credited="12000"), _FINE,
        "nothing is left to pay"),
    _on(AFTER_GRACE, "paid", invoice(paid="12000", status=InvoiceStatus.PAID), _FINE,
        "nothing is left to pay"),
    _on(AFTER_GRACE, "withdrawn", invoice(status=InvoiceStatus.VOID), _FINE,
        "nothing is left to pay"),
    _on(DUE, "written off before it was due", invoice(status=InvoiceStatus.UNCOLLECTIBLE),
        _DELINQUENT, "12,000.00 USD was written off"),
    _on(AFTER_GRACE, "without a due date", invoice(due_on=None), _FINE, "it has no due date"),
)  # fmt: skip
_SHORT = invoice(paid="11997")

INVOICE_DELINQUENT_1 = Definition(
    name=NAME,
    version=1,
    meaning="An undisputed invoice has anything left to pay after its days of grace.",
    requirements=(116,),
    inputs=InvoiceOnDay,
    outcomes=Delinquency,
    decide=_is_delinquent,
    examples=(
        *_COMMON,
        _on(AFTER_GRACE, "a bank charge is missing", _SHORT, _DELINQUENT,
            "3.00 USD is unpaid 6 days after the due date, 5 of grace"),
    ),
    parameters=("payment.grace_days", "payment.grace_days_by_terms"),
)  # fmt: skip
INVOICE_DELINQUENT_2 = Definition(
    name=NAME,
    version=2,
    meaning="An undisputed invoice has more left to pay after its days of grace than what a "
    "partial payment may leave open.",
    requirements=(116,),
    inputs=InvoiceOnDay,
    outcomes=Delinquency,
    decide=_is_delinquent_beyond_tolerance,
    examples=(
        *_COMMON,
        _on(AFTER_GRACE, "a bank charge is missing", _SHORT, _FINE,
            "the 3.00 USD that is left is within the tolerance"),
        _on(AFTER_GRACE, "more than the tolerance is missing", invoice(paid="11994.99"),
            _DELINQUENT, "5.01 USD is unpaid 6 days after the due date, 5 of grace"),
    ),
    parameters=(*INVOICE_DELINQUENT_1.parameters, "payment.tolerance"),
)  # fmt: skip
_VERSIONS: Mapping[int, Definition[InvoiceOnDay]] = {
    1: INVOICE_DELINQUENT_1,
    2: INVOICE_DELINQUENT_2,
}


def is_delinquent(invoice: InvoiceFacts, rules: RiskRules, today: date) -> bool:
    """Whether it is delinquent by the version in force."""
    version = rules.versions.get(NAME, max(_VERSIONS))
    given = InvoiceOnDay.model_construct(invoice=invoice, today=today, rules=rules)
    return _VERSIONS[version].decide(given).value is Delinquency.DELINQUENT


def is_owed(invoice: InvoiceFacts, rules: RiskRules) -> bool:
    """Whether something is left to pay that counts by the version in force."""
    tolerant = rules.versions.get(NAME, max(_VERSIONS)) >= INVOICE_DELINQUENT_2.version
    return is_open(invoice) and not (tolerant and is_tolerated(invoice, rules))
