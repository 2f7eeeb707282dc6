"""Revenue schedules: by day over months, held for milestones, compared to the minor unit."""

from datetime import date
from typing import Any

import pytest

from canonical.errors import RevenueMismatch, UnsupportedTerms
from canonical.orders import Charge
from canonical.plan import RevenueLine, RevenuePeriod, SalesOrderLine, SalesOrderSpec
from domain.calendar import add_months, last_day, whole_months
from domain.revenue import compare_schedules, differences, revenue_schedule
from tests.domain.orders import usd


def booked(amount: str = "365", **changes: Any) -> SalesOrderSpec:
    """A sales order of one line that runs for the year 2025."""
    stated = {
        "line_id": "1",
        "item": "GTX-PRO",
        "quantity": 1,
        "amount": usd(amount),
        "charge": Charge.RECURRING,
        "starts_on": date(2025, 1, 1),
        "ends_on": date(2025, 12, 31),
    }
    return SalesOrderSpec(
        opportunity_id="006",
        account_id="001",
        legal_entity="DE01",
        currency="USD",
        ordered_on=date(2025, 1, 1),
        lines=[SalesOrderLine.model_validate(stated | changes)],
        total=usd(amount),
    )


def moved(line: RevenueLine, minor: int) -> RevenueLine:
    """The line with some minor units moved from its first month to its second."""
    first, second, *rest = line.periods
    periods = [
        RevenuePeriod(month=first.month, amount_minor=first.amount_minor - minor),
        RevenuePeriod(month=second.month, amount_minor=second.amount_minor + minor),
        *rest,
    ]
    return line.model_copy(update={"periods": periods})


def test_a_recurring_line_is_recognized_by_day() -> None:
    """A dollar a day makes 31 in January and 28 in February (R65)."""
    (line,) = revenue_schedule(booked())

    months = {p.month: p.amount_minor for p in line.periods}
    assert len(months) == 12
    assert (months["2025-01"], months["2025-02"]) == (3100, 2800)


def test_a_start_in_the_middle_of_a_month_makes_thirteen_months() -> None:
    """The first and the last month carry their days only."""
    (line,) = revenue_schedule(booked(starts_on=date(2025, 3, 15), ends_on=date(2026, 3, 14)))

    assert [line.periods[0].month, line.periods[-1].month] == ["2025-03", "2026-03"]
    assert [line.periods[0].amount_minor, line.periods[-1].amount_minor] == [1700, 1400]


def test_a_one_time_line_is_recognized_on_its_day() -> None:
    """Start and end are one day."""
    (line,) = revenue_schedule(booked(ends_on=date(2025, 1, 1), charge=Charge.ONE_TIME))

    assert line.periods == [RevenuePeriod(month="2025-01", amount_minor=36500)]


def test_a_milestone_line_is_held() -> None:
    """Nothing is planned before go-live is reached."""
    (line,) = revenue_schedule(booked(milestone="go-live", charge=Charge.MILESTONE))

    assert (line.held_for, line.periods) == ("go-live", [])


def test_a_line_that_ends_before_it_starts_is_refused() -> None:
    """It cannot be planned."""
    with pytest.raises(UnsupportedTerms):
        revenue_schedule(booked(ends_on=date(2024, 12, 31)))


def test_a_month_may_differ_by_one_minor_unit_of_rounding() -> None:
    """Systems place the rounding rest in different months."""
    (line,) = revenue_schedule(booked("100"))

    compare_schedules([line], [moved(line, 1)])
    assert [d.month for d in differences([line], [moved(line, 2)])] == ["2025-01", "2025-02"]


def test_a_line_total_has_to_agree_to_the_minor_unit() -> None:
    """One cent is a mismatch, and so are months that do not add up to their line."""
    (line,) = revenue_schedule(booked())
    cheaper = line.model_copy(update={"amount": usd("364.99")})
    short = line.model_copy(update={"periods": line.periods[:-1]})

    for actual in (cheaper, short):
        with pytest.raises(RevenueMismatch) as refused:
            compare_schedules([line], [actual])
        assert refused.value.details["differences"][0]["line_id"] == "1"


def test_missing_and_extra_lines_are_differences_unless_they_are_worth_nothing() -> None:
    """An ERP plans nothing for a free line."""
    (line,) = revenue_schedule(booked())
    (free,) = revenue_schedule(booked("0"))

    assert differences([line], []) and differences([], [line])
    assert not differences([free], []) and not differences([], [free])


def test_a_line_that_is_held_on_one_side_only_is_a_difference() -> None:
    """Revenue released early is the error that matters most."""
    (held,) = revenue_schedule(booked(milestone="go-live"))
    (planned,) = revenue_schedule(booked())

    assert differences([held], [planned]) == [("1", "", "held for go-live", "planned")]
    assert not differences([held], [held.model_copy(update={"held_for": "ON HOLD"})])


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2025, 1, 1), 12, date(2025, 12, 31)),
        (date(2024, 2, 29), 12, date(2025, 2, 27)),
        (date(2025, 1, 31), 1, date(2025, 2, 27)),
        (date(2025, 12, 15), 1, date(2026, 1, 14)),
        (date(2025, 3, 31), 36, date(2028, 3, 30)),
    ],
)
def test_months_are_counted_from_a_day_to_the_day_before(
    start: date, months: int, end: date
) -> None:
    """Shorter months end on their last day, and counting back gives the same number."""
    assert last_day(start, months) == end
    assert whole_months(start, end) == months
    assert whole_months(start, end + (end - date.fromordinal(end.toordinal() - 1))) is None


def test_adding_months_keeps_the_day_where_it_can() -> None:
    """31 January plus one month is the last of February."""
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert add_months(date(2024, 11, 30), 3) == date(2025, 2, 28)
