"""The risk of late payments: a pure function of facts, rules and day."""

import random
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.money import Money
from canonical.risk import (
    AccountInvoices,
    CollectionStatus,
    FinancialStatus,
    RenewalPriority,
    RiskLevel,
)
from domain.risk import LEVELS, assess
from tests.domain.portfolio import DUE, GLOBEX, GMBH, RULES, after, invoice, risk_of, said

NONE, WATCH = RiskLevel.NONE, RiskLevel.WATCH
HIGH, CRITICAL = RiskLevel.HIGH, RiskLevel.CRITICAL
DAYS = st.integers(-10, 80).map(after)

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


def test_many_late_invoices_are_told_in_few_reasons() -> None:
    """The worst ten by name, the others as a number."""
    risk = risk_of(*(invoice(n, total="10") for n in range(1, 15)), on=after(20))

    assert len(risk.reasons) == 11
    assert risk.reasons[-1] == "and 4 more invoices"
    assert risk.score == 74


@st.composite
def invoices(draw: st.DrawFn) -> InvoiceFacts:
    """An invoice in any standing, two currencies, several versions of each."""
    currency = draw(st.sampled_from(["USD", "EUR", "JPY"]))
    total = draw(st.integers(1, 20_000_000))
    paid = draw(st.integers(0, total))
    left = draw(st.integers(0, total - paid))
    due = draw(st.none() | st.integers(-40, 40).map(after))

    def money(minor: int) -> Money:
        return Money(amount_minor=minor, currency=currency)

    return invoice(
        draw(st.integers(1, 5)),
        draw(st.integers(1, 4)),
        total=str(money(total).decimal),
        currency=currency,
        paid=str(money(paid).decimal),
        remaining=money(left),
        due_on=due,
        status=draw(st.sampled_from(InvoiceStatus)),
        disputed=draw(st.booleans()),
    )


ANSWERS = st.lists(
    st.builds(
        lambda found, account, connection, minutes, known: said(
            *found, account=account, connection=connection, known=known, minutes=minutes
        ),
        st.lists(invoices(), max_size=4),
        st.sampled_from([GLOBEX, GMBH]),
        st.sampled_from(["stripe-us", "netsuite-de"]),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=6,
)


@given(ANSWERS, DAYS, st.randoms(use_true_random=False))
def test_order_and_repetition_of_the_facts_change_nothing(
    answers: list[AccountInvoices], today: date, chance: random.Random
) -> None:
    """The same facts give the same assessment, to the last reason."""
    shuffled = [*answers, *chance.choices(answers, k=len(answers))] if answers else []
    chance.shuffle(shuffled)
    shuffled = [
        one.model_copy(update={"invoices": chance.sample(one.invoices, len(one.invoices))})
        for one in shuffled
    ]

    assert assess(GLOBEX, shuffled, [], RULES, today) == assess(GLOBEX, answers, [], RULES, today)


@given(st.lists(invoices(), max_size=6), DAYS)
def test_a_fact_that_comes_late_changes_nothing_once_a_newer_one_is_known(
    found: list[InvoiceFacts], today: date
) -> None:
    """Only the newest version of each invoice counts, whichever answer it came in."""
    fresh = [invoice(n, 9) for n in range(1, 6)]

    late = assess(GLOBEX, [said(*fresh), said(*found, minutes=3)], [], RULES, today)

    assert late == assess(GLOBEX, [said(*fresh)], [], RULES, today)


@given(st.lists(invoices(), max_size=6, unique_by=lambda one: one.id), DAYS)
def test_sums_are_by_currency_and_lose_nothing(found: list[InvoiceFacts], today: date) -> None:
    """What is overdue is the remainders of the delinquent invoices, each currency for itself."""
    risk = risk_of(*found, on=today)

    for currency in ("USD", "EUR", "JPY"):
        owed = [r.remaining for r in risk.invoices
                if r.delinquent and r.remaining.currency == currency]  # fmt: skip
        summed = [one for one in risk.overdue if one.currency == currency]
        assert summed == ([Money.total(owed, currency)] if owed else [])
    assert [one.currency for one in risk.overdue] == sorted({o.currency for o in risk.overdue})


@given(st.lists(invoices(), max_size=5), DAYS)
def test_nothing_changes_before_the_day_that_the_assessment_names(
    found: list[InvoiceFacts], today: date
) -> None:
    """Level, score, priority and money stay until `changes_on`, so a timer can wait for it."""
    risk = risk_of(*found, on=today)
    last = (risk.changes_on or today + timedelta(days=120)) - timedelta(days=1)

    for day in (today + (last - today) / 2, last):
        later = risk_of(*found, on=max(day, today))
        assert (later.level, later.score) == (risk.level, risk.score)
        assert (later.overdue, later.reasons) == (risk.overdue, risk.reasons)


@given(st.lists(invoices(), max_size=5), DAYS)
def test_the_score_never_contradicts_the_level(found: list[InvoiceFacts], today: date) -> None:
    """Twenty-five points a level, and none without a risk."""
    risk = risk_of(*found, on=today)

    assert risk.score // 25 == LEVELS.index(risk.level)
    assert (risk.level is NONE) == (risk.score == 0)
    settled = (CollectionStatus.PAID, CollectionStatus.VOID)
    assert all(one.status not in settled for one in risk.invoices)


@given(ANSWERS, DAYS, st.lists(invoices(), max_size=4), DAYS)
def test_the_level_does_not_fall_while_a_source_is_away(
    answers: list[AccountInvoices], today: date, earlier: list[InvoiceFacts], day: date
) -> None:
    """And the status is unknown."""
    before = risk_of(*earlier, on=day)
    away = said(connection="tryton-sg", known=False)

    risk = assess(GLOBEX, [*answers, away], [], RULES, today, before=before)

    assert risk.status is FinancialStatus.UNKNOWN
    assert LEVELS.index(risk.level) >= LEVELS.index(before.level)
