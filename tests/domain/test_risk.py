"""The risk of late payments: a pure function of facts, rules and day."""

import pytest

from canonical.facts import InvoiceStatus
from canonical.money import Money
from canonical.risk import (
    FinancialStatus,
    RenewalPriority,
    RiskLevel,
)
from domain.risk import assess
from tests.domain.portfolio import DUE, GLOBEX, GMBH, RULES, after, invoice, risk_of, said

NONE, WATCH = RiskLevel.NONE, RiskLevel.WATCH
HIGH, CRITICAL = RiskLevel.HIGH, RiskLevel.CRITICAL

LEVELS_BY_DAY = [
    (0, NONE, FinancialStatus.GOOD, 6),
    (5, NONE, FinancialStatus.PAST_DUE, 6),
    (6, WATCH, FinancialStatus.DELINQUENT, 15),
    (14, WATCH, FinancialStatus.DELINQUENT, 15),
    (15, HIGH, FinancialStatus.DELINQUENT, 45),
    (44, HIGH, FinancialStatus.DELINQUENT, 45),
    (45, CRITICAL, FinancialStatus.DELINQUENT, None),
]


@pytest.mark.parametrize(("days", "level", "status", "changes"), LEVELS_BY_DAY)
def test_an_unpaid_invoice_gets_more_serious_on_the_days_that_the_rules_say(
    days: int, level: RiskLevel, status: FinancialStatus, changes: int | None
) -> None:
    """And the assessment says on which day it will next be another one."""
    risk = risk_of(invoice(), on=after(days))

    assert (risk.level, risk.status) == (level, status)
    assert risk.changes_on == (None if changes is None else after(changes))
    assert risk.oldest_days == (days if days > 5 else 0)


def test_a_payment_within_the_grace_leaves_no_trace() -> None:
    """Nor does an invoice that is not yet overdue."""
    for one in (invoice(), invoice(paid="12000")):
        risk = risk_of(one, on=after(5))

        assert (risk.level, risk.score, risk.reasons) == (NONE, 0, [])
        assert (risk.overdue, risk.late_accounts) == ([], [])
        assert risk.renewal_priority is RenewalPriority.NORMAL


def test_paying_crediting_and_withdrawing_take_the_risk_back() -> None:
    """Whatever closes an invoice, and nothing else is late."""
    late = risk_of(invoice(), on=after(20))
    credited = invoice(status=InvoiceStatus.OPEN, remaining=Money.zero("USD"))

    assert late.level is HIGH
    for closed in (invoice(paid="12000"), credited, invoice(status=InvoiceStatus.VOID)):
        assert risk_of(closed, on=after(20)).level is NONE
        assert risk_of(closed, on=after(20)).changes_on is None


def test_a_dispute_is_watched_and_never_gets_more_serious() -> None:
    """Excluded from delinquency, its money is told apart."""
    risk = risk_of(invoice(disputed=True), on=after(70))

    assert (risk.level, risk.status) == (WATCH, FinancialStatus.IN_DISPUTE)
    assert (risk.overdue, risk.disputed) == ([], [Money.of("12000", "USD")])
    assert risk.reasons == ["INV-1: disputed, 12,000.00 USD is disputed"]
    assert risk_of(invoice(disputed=True), on=after(5)).level is NONE


def test_a_payment_that_is_taken_back_is_watched_at_once() -> None:
    """A chargeback says of the relationship what a late payment says, before anything is due."""
    risk = risk_of(invoice(paid="12000", disputed=True, due_on=None), on=DUE)

    assert risk.level is WATCH
    assert risk.disputed == [Money.of("12000", "USD")]


def test_what_a_partial_payment_leaves_counts_above_the_tolerance() -> None:
    """3.00 USD is a bank charge, 7,000.00 USD is owed; under version 1 every cent is."""
    strict = RULES.model_copy(update={"versions": {"invoice_delinquent": 1}})
    charge = said(invoice(paid="11997"))

    assert risk_of(invoice(paid="11997"), on=after(20)).level is NONE
    assert risk_of(invoice(paid="11997"), on=after(20)).invoices == []
    assert risk_of(invoice(paid="5000"), on=after(20)).overdue == [Money.of("7000", "USD")]
    assert assess(GLOBEX, [charge], [], strict, after(20)).level is HIGH
    assert "invoice_delinquent@1" in assess(GLOBEX, [charge], [], strict, after(20)).version


def test_sums_are_by_currency_and_a_limit_is_that_of_its_currency() -> None:
    """60,000.00 EUR is over the limit for EUR; 60,000.00 USD is not over that for USD."""
    dollars, euros = invoice(1, total="60000"), invoice(2, total="60000", currency="EUR")

    both = risk_of(dollars, euros, on=after(6))

    assert both.overdue == [Money.of("60000", "EUR"), Money.of("60000", "USD")]
    assert both.level is CRITICAL
    assert both.reasons[-1] == "60,000.00 EUR delinquent in all is over the limit"
    assert both.renewal_priority is RenewalPriority.URGENT
    assert risk_of(dollars, on=after(6)).level is WATCH


def test_a_subsidiary_counts_for_its_parent() -> None:
    """By the ERP of another legal entity, and named."""
    below = said(
        invoice(9, currency="EUR", legal_entity="DE01"), account=GMBH, connection="netsuite-de"
    )

    risk = risk_of(invoice(paid="12000"), on=after(20), below=[below])

    assert (risk.level, risk.late_accounts) == (HIGH, [GMBH])
    assert risk.reasons[0].startswith(f"INV-9 of {GMBH}: late, 12,000.00 EUR unpaid")
    assert risk.invoices[0].connection == "netsuite-de"


def test_a_source_that_is_away_makes_the_status_unknown_and_keeps_the_level() -> None:
    """What was known before stands, with its money, until somebody can say that it is over."""
    late = risk_of(invoice(), on=after(20))
    away = said(known=False, minutes=5)

    kept = assess(GLOBEX, [away], [], RULES, after(21), before=late)
    again = assess(GLOBEX, [away], [], RULES, after(22), before=kept)
    back = assess(GLOBEX, [said(invoice(paid="12000"), minutes=9)], [], RULES, after(22),
                  before=again)  # fmt: skip

    assert (kept.level, kept.status) == (HIGH, FinancialStatus.UNKNOWN)
    assert (kept.score, kept.overdue, kept.as_of) == (late.score, late.overdue, after(21))
    assert kept.reasons[-1] == (
        "stripe-us does not answer: its invoices are not known; the level before stays"
    )
    assert again.reasons == kept.reasons
    assert (back.level, back.status) == (NONE, FinancialStatus.GOOD)


def test_while_a_source_is_away_the_level_may_still_rise() -> None:
    """By what the other source says."""
    watched = risk_of(invoice(), on=after(6))
    own = [said(known=False), said(invoice(5), connection="netsuite-de")]

    risen = assess(GLOBEX, own, [], RULES, after(50), before=watched)

    assert (risen.level, risen.status) == (CRITICAL, FinancialStatus.UNKNOWN)


def test_a_refused_payment_is_watched_until_its_invoice_is_late() -> None:
    """It is news before anything is overdue, and says when it will be."""
    tried = invoice(failed_payments=2)
    early, late = risk_of(tried, on=after(-5)), risk_of(tried, on=after(6))

    assert (early.level, early.overdue, early.changes_on) == (WATCH, [], after(6))
    assert early.status is FinancialStatus.PAST_DUE
    assert early.reasons == [
        "INV-1: payment failed, payments of 12,000.00 USD failed, due on 2026-08-15, "
        "overdue from 2026-08-21 on"
    ]
    assert (late.level, late.late_accounts) == (WATCH, [GLOBEX])
    assert risk_of(invoice(paid="12000", failed_payments=2), on=after(-5)).level is NONE


def test_many_late_invoices_are_told_in_few_reasons() -> None:
    """The worst ten by name, the others as a number."""
    risk = risk_of(*(invoice(n, total="10") for n in range(1, 15)), on=after(20))

    assert len(risk.reasons) == 11
    assert risk.reasons[-1] == "and 4 more invoices"
    assert risk.score == 74
