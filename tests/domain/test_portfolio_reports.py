"""The four reports, from given facts: what counts, and what is left unsaid."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from canonical.money import Money
from canonical.renewal import RenewalOutcome
from canonical.risk import FinancialStatus, RiskLevel
from domain.definitions.contracts import ContractStatuses
from domain.reports.expansion import Amendment, Size, expansion_report, size_of
from domain.reports.forecast import NOT_FORECAST, UpcomingRenewal, forecast_report
from domain.reports.receivables import Position, own_assessment, receivables_report
from domain.reports.renewal_history import View
from domain.reports.retention import EndedContract, retention_report
from tests.domain.portfolio import GLOBEX, RULES, after, invoice, said
from tests.domain.views import RENEWS, history, view

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
STATUSES = ContractStatuses()
JANUARY, YEAREND = date(2026, 1, 1), date(2026, 12, 31)


def upcoming(**facts: Any) -> UpcomingRenewal:
    """A renewal that waits."""
    given = {"connection": "stripe-us", "contract_id": "sub_globex", "account_id": GLOBEX}
    given |= {"renews_on": RENEWS, "state": "waiting", "looked_at": NOW}
    return UpcomingRenewal.model_validate(given | facts)


def test_the_forecast_names_what_is_not_forecast_yet_and_counts_unknown_amounts() -> None:
    """A renewal without an amount is in the count, and in no sum."""
    ready = {"state": "ready", "forecast": "commit", "renewal_amount": Money.of("100", "USD")}
    found = forecast_report(
        [
            upcoming(),
            upcoming(**ready),
            upcoming(**ready | {"renewal_amount": Money.of("7", "EUR")}),
            upcoming(state="unknown", forecast="pipeline", unknown=["support"]),
        ],
        RENEWS,
        date(2027, 1, 1),
    )

    assert (found.renewals, found.past_their_date, found.with_unknown_signals) == (4, 4, 1)
    assert [one.name for one in found.by_forecast] == ["commit", NOT_FORECAST, "pipeline"]
    commit = found.by_forecast[0].renewal_amount
    assert commit.amounts == [Money.of("7", "EUR"), Money.of("100", "USD")]
    assert found.by_forecast[2].renewal_amount.unknown == 1


def test_receivables_are_summed_by_own_invoices_and_unknown_is_no_good_account() -> None:
    """An owner of invoices that did not answer leaves the status unknown, whatever is on record."""
    late = Position(account_id=GLOBEX, own=[said(invoice(1), invoice(2, currency="EUR"))])
    silent = Position(
        account_id="001Initech",
        own=[said(invoice(3, paid="12000"), account="001Initech")],
        assessed_status="unknown",
    )
    assessments = [own_assessment(one, RULES, after(20)) for one in (late, silent)]
    found = receivables_report(assessments)

    assert [one.status for one in assessments] == [
        FinancialStatus.DELINQUENT, FinancialStatus.UNKNOWN
    ]  # fmt: skip
    assert (found.accounts, found.unknown) == (2, 1)
    assert found.overdue == [Money.of("12000", "EUR"), Money.of("12000", "USD")]
    assert {one.name: one.accounts for one in found.by_status} == {"unknown": 1, "delinquent": 1}
    assert {one.name for one in found.by_level} == {RiskLevel.NONE.value, RiskLevel.HIGH.value}


def test_retention_counts_outcomes_and_leaves_the_undecided_out_of_the_rate() -> None:
    """A renewal at which nobody has looked is undecided, and worth what the forecast says of it."""
    outcomes = [RenewalOutcome.WON, RenewalOutcome.DOWNSIZED, RenewalOutcome.LOST, None]
    histories = [history(outcome=one, order_value=Money.of("10", "USD")) for one in outcomes]
    worth = Money.of("7", "USD")
    unseen = upcoming(contract_value=worth, by_order=True, order_value=worth)
    elsewhen = history(outcome=RenewalOutcome.LOST, renews_on=date(2027, 6, 30))
    ended = EndedContract(
        connection="stripe-us", contract_id="sub_1", account_id=GLOBEX, state="cancelled"
    )
    found = retention_report(
        [*histories, elsewhen], [unseen, upcoming()], [ended], JANUARY, YEAREND
    )

    assert (found.renewals, found.kept.met, found.kept.of, found.kept.percent) == (6, 2, 3, 66)
    counts = {one.name: one.renewals for one in found.by_outcome}
    assert counts == {"won": 1, "downsized": 1, "lost": 1, "undecided": 3}
    undecided = found.by_outcome[-1]
    assert (undecided.value.amounts, undecided.value.unknown) == ([Money.of("17", "USD")], 1)
    assert (undecided.order_value.known, undecided.by_order) == (2, 2)
    assert undecided.renewal_amount.unknown == 3
    assert found.ended_before_window == {"cancelled": 1}


def test_retention_of_an_empty_period_has_no_rate() -> None:
    """Nothing was decided, so nothing was kept or lost."""
    found = retention_report([], [], [], JANUARY, YEAREND)

    assert (found.renewals, found.kept.percent, found.by_outcome) == (0, None, [])


def test_a_renewal_is_larger_only_where_both_amounts_are_known_in_one_currency() -> None:
    """Downsized is the outcome, whatever the order was worth."""
    won, order = {"outcome": RenewalOutcome.WON}, {"order_value": Money.of("100", "USD")}

    def sized(amount: str, currency: str = "USD", **facts: Any) -> Size:
        renewed = view(10, renewal_amount=Money.of(amount, currency))
        return size_of(history(renewed, **won | order | facts))

    assert sized("120") is Size.LARGER_THAN_ORDER
    assert sized("100") is Size.EQUAL_TO_ORDER
    assert sized("90") is Size.SMALLER_THAN_ORDER
    assert sized("120", "EUR") is Size.UNKNOWN
    assert sized("120", order_value=None) is Size.UNKNOWN
    assert sized("120", outcome=RenewalOutcome.DOWNSIZED) is Size.DOWNSIZED


def test_a_renewal_is_compared_with_its_contract_and_else_with_its_order() -> None:
    """By the newest read within the term, also where that stated no value; and it is said which."""
    order, won = {"order_value": Money.of("100", "USD")}, {"outcome": RenewalOutcome.WON}

    def read(days_before: int, worth: str | None, **facts: Any) -> View:
        value = Money.of(worth, "USD") if worth else None
        at = datetime.combine(RENEWS - timedelta(days=days_before), datetime.min.time(), UTC)
        return view(days_before, value=value, terms_read_at=at, **facts)

    renewed = {"renewal_amount": Money.of("125", "USD")}
    grown = history(read(60, "120"), read(10, "130", **renewed), **won | order)
    returned = history(read(10, "120", **renewed), read(60, "130"), **won | order)
    unread = history(read(60, "125"), view(-1, **renewed), **won | order)
    unstated = history(read(60, "120"), read(10, None, **renewed), **won | order)
    nothing = history(view(10, **renewed), **won)

    assert [size_of(one) for one in (grown, returned, unread, unstated, nothing)] == [
        Size.SMALLER, Size.LARGER, Size.EQUAL, Size.LARGER_THAN_ORDER, Size.UNKNOWN
    ]  # fmt: skip
    found = retention_report([grown, unread, unstated, nothing], [upcoming()], [], JANUARY, YEAREND)
    kept, undecided = found.by_outcome
    assert (kept.value.amounts, kept.value.unknown) == ([Money.of("355", "USD")], 1)
    assert (kept.by_order, kept.order_value.amounts) == (1, [Money.of("300", "USD")])
    assert (found.change.amounts, found.change.unknown) == ([Money.of("20", "USD")], 1)
    assert (undecided.value.unknown, undecided.by_order) == (1, 0)


def test_amendments_are_told_by_month_with_the_contracts_they_are_about() -> None:
    """Two of one contract are one contract; what lies outside the period is left out."""

    def amended(day: date, status: str = "active", contract: str = "sub_globex") -> Amendment:
        at = datetime.combine(day, datetime.min.time(), UTC)
        return Amendment(connection="stripe-us", contract_id=contract, status=status, at=at)

    found = expansion_report(
        [
            amended(date(2026, 3, 1)), amended(date(2026, 3, 9)),
            amended(date(2026, 1, 31), "paused", "sub_2"), amended(date(2025, 12, 31)),
        ],
        [], STATUSES, JANUARY, YEAREND,
    )  # fmt: skip

    assert (found.amendments, found.amended_contracts) == (3, 2)
    assert [(m.month, m.amendments, m.contracts) for m in found.months] == [
        ("2026-01", 1, 1), ("2026-03", 2, 1)
    ]  # fmt: skip
    assert found.months[0].by_status == {"paused": 1}


def test_the_size_of_an_amendment_is_known_where_both_values_are_in_one_currency() -> None:
    """By month and over the period; what is not known is counted and in no sum."""

    def amended(month: int, before: Money | None, after: Money | None) -> Amendment:
        at = datetime(2026, month, 1, tzinfo=UTC)
        return Amendment(
            connection="stripe-us", contract_id="sub_globex", status="active",
            value_before=before, value=after, at=at,
        )  # fmt: skip

    year, more, euros = Money.of("100", "USD"), Money.of("130", "USD"), Money.of("90", "EUR")
    found = expansion_report(
        [
            amended(3, year, more), amended(3, more, Money.zero("USD")), amended(3, euros, year),
            amended(5, None, year), amended(5, year, None), amended(5, euros, Money.zero("EUR")),
        ],
        [], STATUSES, JANUARY, YEAREND,
    )  # fmt: skip

    march, may = found.months
    assert (march.change.amounts, march.change.unknown) == ([Money.of("-100", "USD")], 1)
    assert (may.change.amounts, may.change.unknown) == ([Money.of("-90", "EUR")], 2)
    assert found.change.amounts == [Money.of("-90", "EUR"), Money.of("-100", "USD")]
    assert (found.change.known, found.change.unknown) == (3, 3)


def test_the_end_of_a_contract_is_no_amendment_of_its_value() -> None:
    """It keeps the value that it had, or states none; told twice it is one contract that ended."""

    def told(day: int, status: str, worth: str | None = "100") -> Amendment:
        value = Money.of(worth, "USD") if worth else None
        return Amendment(
            connection="stripe-us", contract_id="sub_globex", status=status,
            value_before=Money.of("90", "USD"), value=value, at=datetime(2026, 3, day, tzinfo=UTC),
        )  # fmt: skip

    april = told(1, "closed").model_copy(update={"at": datetime(2026, 4, 1, tzinfo=UTC)})
    found = expansion_report(
        [told(1, "active"), told(2, "canceled"), told(3, "canceled", None), april],
        [], STATUSES, JANUARY, YEAREND,
    )  # fmt: skip

    assert (found.amendments, found.amended_contracts, found.ended_contracts) == (1, 1, 1)
    assert (found.change.amounts, found.change.known, found.change.unknown) == (
        [Money.of("10", "USD")], 1, 0
    )  # fmt: skip
    assert [(m.month, m.amendments, m.ended, m.by_status) for m in found.months] == [
        ("2026-03", 1, 1, {"active": 1}), ("2026-04", 0, 1, {})
    ]  # fmt: skip
