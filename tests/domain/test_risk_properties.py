"""The risk of late payments, whatever the facts: what holds of every assessment."""

import random
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.money import Money
from canonical.risk import (
    AccountInvoices,
    CollectionStatus,
    FinancialStatus,
    RiskAssessment,
    RiskLevel,
)
from domain.definitions.invoice_delinquent import is_delinquent
from domain.receivables import at_stake
from domain.risk import LEVELS, assess
from tests.domain.portfolio import GLOBEX, GMBH, RULES, after, invoice, risk_of, said

NONE = RiskLevel.NONE
DAYS = st.integers(-10, 80).map(after)


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
        failed_payments=draw(st.integers(0, 2)),
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


@given(
    st.lists(st.tuples(st.lists(invoices(), max_size=4), st.booleans(), DAYS), max_size=5),
    st.lists(invoices(), max_size=4),
    DAYS,
)
def test_however_often_and_late_it_was_read_the_last_read_alone_decides(
    reads: list[tuple[list[InvoiceFacts], bool, date]], last: list[InvoiceFacts], today: date
) -> None:
    """What was assessed before, and while finance was away, is forgotten once it answers."""
    before: RiskAssessment | None = None
    for found, known, day in reads:
        heard = said(*(found if known else []), known=known)
        before = assess(GLOBEX, [heard], [], RULES, day, before=before)

    told = assess(GLOBEX, [said(*last)], [], RULES, today, before=before)

    assert told == risk_of(*last, on=today)


@given(st.lists(invoices(), max_size=5), DAYS, st.integers(0, 60))
def test_what_is_not_paid_never_gets_better_with_age(
    found: list[InvoiceFacts], today: date, days: int
) -> None:
    """Neither level nor score nor the money that is overdue falls by waiting."""
    young, old = risk_of(*found, on=today), risk_of(*found, on=today + timedelta(days=days))

    assert LEVELS.index(old.level) >= LEVELS.index(young.level)
    assert old.score >= young.score
    assert old.oldest_days >= young.oldest_days
    owed = {one.currency: one.amount_minor for one in old.overdue}
    assert all(owed[one.currency] >= one.amount_minor for one in young.overdue)


@given(st.lists(invoices(), max_size=6, unique_by=lambda one: one.id), DAYS)
def test_overdue_and_disputed_money_is_that_of_the_facts(
    found: list[InvoiceFacts], today: date
) -> None:
    """Counted from the invoices themselves; nothing is in both sums."""
    risk = risk_of(*found, on=today)
    late = {one.id for one in found if is_delinquent(one, RULES, today)}
    held = {one.invoice_id for one in risk.invoices if one.status is CollectionStatus.DISPUTED}

    assert not late & held
    for ids, sums in ((late, risk.overdue), (held, risk.disputed)):
        counted: dict[str, int] = {}
        for amount in (at_stake(one) for one in found if one.id in ids):
            counted[amount.currency] = counted.get(amount.currency, 0) + amount.amount_minor
        assert {one.currency: one.amount_minor for one in sums} == counted
