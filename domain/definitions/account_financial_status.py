"""How an account stands with its payments, over all of its invoices (R122)."""

from datetime import date

from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.orders import Fact
from canonical.risk import CollectionStatus, FinancialStatus, RiskRules
from domain.definitions.definition import Decision, Definition, Example
from domain.definitions.invoice_collection_status import collection_status
from domain.definitions.invoice_delinquent import InvoiceOnDay, is_delinquent, is_owed
from domain.definitions.samples import AFTER_GRACE, RULES, WITHIN_GRACE, invoice
from domain.receivables import days_overdue


class Receivables(Fact):
    """All invoices of an account on a day; `unknown` names the sources that did not answer."""

    invoices: list[InvoiceFacts]
    unknown: list[str] = []
    today: date
    rules: RiskRules = RiskRules()


def financial_status(given: Receivables) -> Decision:
    """The most serious of what its invoices say; unknown while a source is away."""
    if given.unknown:
        away = ", ".join(sorted(given.unknown))
        return Decision(FinancialStatus.UNKNOWN, [f"not known: the invoices of {away}"])
    ranked = list(FinancialStatus)
    found = [_of_one(one, given) for one in given.invoices]
    worst = max((status for status, _ in found), key=ranked.index, default=FinancialStatus.GOOD)
    reasons = sorted(reason for status, reason in found if status is worst and reason)
    return Decision(worst, reasons or ["nothing is past due or disputed"])


def _of_one(invoice: InvoiceFacts, given: Receivables) -> tuple[FinancialStatus, str]:
    name = invoice.number or invoice.id
    on_day = InvoiceOnDay.model_construct(invoice=invoice, today=given.today, rules=given.rules)
    status = collection_status(on_day)
    told = f"{name}: {status.reasons[0]}"
    if is_delinquent(invoice, given.rules, given.today):
        return FinancialStatus.DELINQUENT, told
    if status.value is CollectionStatus.DISPUTED:
        return FinancialStatus.IN_DISPUTE, told
    failed = status.value is CollectionStatus.PAYMENT_FAILED
    if failed or (is_owed(invoice, given.rules) and days_overdue(invoice, given.today) > 0):
        return FinancialStatus.PAST_DUE, told
    return FinancialStatus.GOOD, ""


def _of(
    name: str,
    invoices: list[InvoiceFacts],
    value: FinancialStatus,
    reason: str,
    today: date = AFTER_GRACE,
    unknown: tuple[str, ...] = (),
) -> Example[Receivables]:
    given = Receivables(invoices=invoices, unknown=list(unknown), today=today, rules=RULES)
    return Example(name, given, value, (reason,))


_PAID = invoice(paid="12000", status=InvoiceStatus.PAID, id="in_6", number="INV-6")
_SUM = "12,000.00 USD"

ACCOUNT_FINANCIAL_STATUS = Definition(
    name="account_financial_status",
    version=1,
    meaning="The most serious thing that an account's invoices say: delinquent before past due "
    "before disputed; unknown while one source of invoices does not answer.",
    requirements=(51, 122),
    inputs=Receivables,
    outcomes=FinancialStatus,
    decide=financial_status,
    examples=(
        _of("no invoices", [], FinancialStatus.GOOD, "nothing is past due or disputed"),
        _of("all is paid", [_PAID], FinancialStatus.GOOD, "nothing is past due or disputed"),
        _of("within the grace", [_PAID, invoice()], FinancialStatus.PAST_DUE,
            "INV-7: due on 2026-08-15, overdue from 2026-08-21 on", WITHIN_GRACE),
        _of("after the grace", [_PAID, invoice()], FinancialStatus.DELINQUENT,
            f"INV-7: {_SUM} unpaid, due on 2026-08-15, late from 2026-08-30 on"),
        _of("disputed", [invoice(disputed=True)], FinancialStatus.IN_DISPUTE,
            f"INV-7: {_SUM} is disputed"),
        _of("one disputed, one delinquent",
            [invoice(disputed=True), invoice(id="in_8", number="INV-8")],
            FinancialStatus.DELINQUENT,
            f"INV-8: {_SUM} unpaid, due on 2026-08-15, late from 2026-08-30 on"),
        _of("a bank charge is missing", [invoice(paid="11997")], FinancialStatus.GOOD,
            "nothing is past due or disputed"),
        _of("the ERP of one legal entity is away", [_PAID], FinancialStatus.UNKNOWN,
            "not known: the invoices of netsuite-de", unknown=("netsuite-de",)),
    ),
    parameters=("payment.grace_days", "payment.grace_days_by_terms", "payment.tolerance"),
)  # fmt: skip
