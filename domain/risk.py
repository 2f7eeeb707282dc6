"""The risk that an account's unpaid invoices are: a pure function of facts, rules and day (R75).

Neither order nor repetition nor delay of the facts matters: of each invoice the newest version
counts, and of each source its newest answer says whether it is known.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from canonical.definitions import in_force
from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.money import Money
from canonical.risk import (
    AccountInvoices,
    CollectionStatus,
    FinancialStatus,
    InvoiceRisk,
    RenewalPriority,
    RiskAssessment,
    RiskLevel,
    RiskRules,
)
from domain.definitions.account_financial_status import Receivables, financial_status
from domain.definitions.invoice_collection_status import collection_status
from domain.definitions.invoice_delinquent import InvoiceOnDay, is_delinquent
from domain.receivables import at_stake, boundaries, days_overdue, grace_days, is_taken_back

REASONS_MAX = 10
LEVELS = list(RiskLevel)
STAGES = list(CollectionStatus)
PRIORITIES = {
    RiskLevel.NONE: RenewalPriority.NORMAL,
    RiskLevel.WATCH: RenewalPriority.RAISED,
    RiskLevel.HIGH: RenewalPriority.RAISED,
    RiskLevel.CRITICAL: RenewalPriority.URGENT,
}
# What one invoice alone makes of an account while it is delinquent.
LEVEL_OF = {
    CollectionStatus.OVERDUE: RiskLevel.WATCH,
    CollectionStatus.LATE: RiskLevel.HIGH,
    CollectionStatus.SERIOUS: RiskLevel.CRITICAL,
    CollectionStatus.UNCOLLECTIBLE: RiskLevel.CRITICAL,
}
# The score has a band a level (0, 25 to 49, 50 to 74, 75 to 99), so that it never contradicts it;
# within the band, each further invoice counts by its own level.
BAND, WITHIN_BAND_MAX = 25, 24
POINTS = {RiskLevel.NONE: 0, RiskLevel.WATCH: 3, RiskLevel.HIGH: 6, RiskLevel.CRITICAL: 12}
DEFINITIONS = ("account_financial_status", "invoice_collection_status", "invoice_delinquent")
SETTLED = (CollectionStatus.PAID, CollectionStatus.VOID)


class _Known(NamedTuple):
    account_id: str
    connection: str
    invoice: InvoiceFacts


class _Weighed(NamedTuple):
    known: _Known
    risk: InvoiceRisk
    level: RiskLevel


def assess(
    account_id: str,
    own: Sequence[AccountInvoices],
    subsidiaries: Sequence[AccountInvoices],
    rules: RiskRules,
    today: date,
    *,
    before: RiskAssessment | None = None,
) -> RiskAssessment:
    """The risk of an account with its subsidiaries on a day (R75, R81, R116, R122).

    While a source is not known the status is unknown, and the level does not fall below that of
    `before`, whose money and reasons then stand.
    """
    answers = [*own, *subsidiaries]
    unknown = _unknown(answers)
    weighed = sorted((_weigh(k, rules, today) for k in _newest(answers)), key=_gravity)
    overdue = _sums(one for one in weighed if one.risk.delinquent)
    level = _level(weighed, overdue, rules)
    if before is not None and unknown and LEVELS.index(before.level) > LEVELS.index(level):
        return _kept(before, unknown, weighed, rules, today)
    receivables = Receivables.model_construct(
        invoices=[one.known.invoice for one in weighed], unknown=unknown, today=today, rules=rules
    )
    status = FinancialStatus(financial_status(receivables).value)
    late = [one for one in weighed if one.risk.delinquent]
    disputed = _sums(one for one in weighed if one.risk.status is CollectionStatus.DISPUTED)
    return RiskAssessment(
        account_id=account_id,
        as_of=today,
        level=level,
        status=status,
        score=_score(level, weighed),
        renewal_priority=PRIORITIES[level],
        reasons=[*_reasons(account_id, weighed, overdue, rules), *_away(unknown)],
        overdue=overdue,
        disputed=disputed,
        oldest_days=max((one.risk.days_overdue for one in late), default=0),
        invoices=[one.risk for one in weighed if one.risk.status not in SETTLED],
        late_accounts=sorted({one.known.account_id for one in late}),
        changes_on=_changes_on(weighed, rules, today),
        version=" ".join(in_force(name, rules.versions) for name in DEFINITIONS),
    )


def _unknown(answers: Iterable[AccountInvoices]) -> list[str]:
    """The sources whose newest answer for an account is that they do not answer."""
    newest: dict[tuple[str, str], AccountInvoices] = {}
    # An answer beats a silence of the same moment.
    for one in sorted(answers, key=lambda a: (a.as_of, a.known)):
        newest[one.account_id, one.connection] = one
    return sorted({one.connection for one in newest.values() if not one.known})


def _newest(answers: Iterable[AccountInvoices]) -> list[_Known]:
    """Each invoice once, at its newest version, whoever's it then was."""
    found: dict[tuple[str, str], tuple[tuple[str, ...], _Known]] = {}
    for answer in answers:
        for invoice in answer.invoices:
            # The content decides between two reads that claim one version, so that order does not.
            content = (invoice.changed_at.isoformat(), invoice.model_dump_json(), answer.account_id)
            age = (invoice.version, *content)
            key = (answer.connection, invoice.id)
            if key not in found or age > found[key][0]:
                found[key] = (age, _Known(answer.account_id, answer.connection, invoice))
    return [known for _, known in found.values() if known.invoice.status is not InvoiceStatus.DRAFT]


def _weigh(known: _Known, rules: RiskRules, today: date) -> _Weighed:
    invoice = known.invoice
    status = collection_status(
        InvoiceOnDay.model_construct(invoice=invoice, today=today, rules=rules)
    )
    risk = InvoiceRisk(
        invoice_id=invoice.id,
        connection=known.connection,
        number=invoice.number,
        legal_entity=invoice.legal_entity,
        status=CollectionStatus(status.value),
        delinquent=is_delinquent(invoice, rules, today),
        days_overdue=days_overdue(invoice, today),
        remaining=invoice.remaining,
        due_on=invoice.due_on,
        reason=status.reasons[0],
    )
    return _Weighed(known, risk, _level_alone(invoice, risk, rules, today))


def _level_alone(
    invoice: InvoiceFacts, risk: InvoiceRisk, rules: RiskRules, today: date
) -> RiskLevel:
    if risk.delinquent:
        return LEVEL_OF.get(risk.status, RiskLevel.WATCH)
    if risk.status is CollectionStatus.PAYMENT_FAILED:
        return RiskLevel.WATCH
    if risk.status is not CollectionStatus.DISPUTED:
        return RiskLevel.NONE
    # A dispute is watched from when the invoice would be overdue, and never gets more serious.
    overdue = days_overdue(invoice, today) > grace_days(invoice, rules)
    return RiskLevel.WATCH if overdue or is_taken_back(invoice) else RiskLevel.NONE


def _gravity(one: _Weighed) -> tuple[int, int, date, str, str]:
    return (
        -LEVELS.index(one.level),
        -STAGES.index(one.risk.status),
        one.risk.due_on or date.max,
        one.risk.connection,
        one.risk.invoice_id,
    )


def _sums(weighed: Iterable[_Weighed]) -> list[Money]:
    """What is at stake, by currency, in the order of their codes."""
    sums: dict[str, Money] = {}
    for one in weighed:
        amount = at_stake(one.known.invoice)
        sums[amount.currency] = sums.get(amount.currency, Money.zero(amount.currency)) + amount
    return [sums[currency] for currency in sorted(sums)]


def _level(weighed: Sequence[_Weighed], overdue: Iterable[Money], rules: RiskRules) -> RiskLevel:
    """The worst of the invoices; critical as well where one currency's sum is over its limit."""
    if any(_is_over(amount, rules) for amount in overdue):
        return RiskLevel.CRITICAL
    return max((one.level for one in weighed), key=LEVELS.index, default=RiskLevel.NONE)


def _is_over(amount: Money, rules: RiskRules) -> bool:
    limit = rules.critical_over_minor.get(amount.currency)
    return limit is not None and amount.amount_minor > limit


def _score(level: RiskLevel, weighed: Sequence[_Weighed]) -> int:
    """0 to 99 by level and stages alone: what moves it is what `changes_on` waits for."""
    further = sum(POINTS[one.level] for one in weighed[1:])
    if level is RiskLevel.NONE:
        return 0
    return BAND * LEVELS.index(level) + min(WITHIN_BAND_MAX, further)


def _reasons(
    account_id: str, weighed: Iterable[_Weighed], overdue: Iterable[Money], rules: RiskRules
) -> list[str]:
    counting = [one for one in weighed if one.level is not RiskLevel.NONE]
    told = [_reason(account_id, one) for one in counting[:REASONS_MAX]]
    if len(counting) > REASONS_MAX:
        told.append(f"and {len(counting) - REASONS_MAX} more invoices")
    over = [amount for amount in overdue if _is_over(amount, rules)]
    return [*told, *(f"{amount} delinquent in all is over the limit" for amount in over)]


def _reason(account_id: str, one: _Weighed) -> str:
    name = one.risk.number or one.risk.invoice_id
    whose = "" if one.known.account_id == account_id else f" of {one.known.account_id}"
    return f"{name}{whose}: {one.risk.status.replace('_', ' ')}, {one.risk.reason}"


def _away(unknown: Iterable[str]) -> list[str]:
    return [f"{connection} does not answer: its invoices are not known" for connection in unknown]


def _kept(
    before: RiskAssessment,
    unknown: Sequence[str],
    weighed: Iterable[_Weighed],
    rules: RiskRules,
    today: date,
) -> RiskAssessment:
    away = [f"{said}; the level before stays" for said in _away(unknown)]
    # Reasons of an assessment that was itself kept are not said twice.
    said = [reason for reason in before.reasons if "does not answer" not in reason]
    return before.model_copy(
        update={
            "as_of": today,
            "status": FinancialStatus.UNKNOWN,
            "reasons": [*said, *away],
            "changes_on": _changes_on(weighed, rules, today),
        }
    )


def _changes_on(weighed: Iterable[_Weighed], rules: RiskRules, today: date) -> date | None:
    """The next day on which an invoice crosses the end of its grace, or becomes late or serious."""
    days = (
        next(
            (d for d in boundaries(one.known.invoice, rules) if _differs(one, rules, today, d)),
            None,
        )
        for one in weighed
    )
    return min((day for day in days if day is not None), default=None)


def _differs(one: _Weighed, rules: RiskRules, today: date, day: date) -> bool:
    then = _weigh(one.known, rules, day)
    now = (one.level, one.risk.delinquent)
    return day > today and (then.level, then.risk.delinquent) != now
