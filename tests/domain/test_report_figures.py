"""Figures and freshness: nothing is "no data", money is never mixed, what is old is said to be."""

from datetime import UTC, datetime, timedelta

import pytest

from canonical.money import Money
from domain.reports.figures import lead, percentile, share, spread, sums
from domain.reports.freshness import Age, ages, freshness, source_age

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_sums_are_by_currency_and_count_what_is_not_known() -> None:
    """Dollars and yen are two sums; an amount that nobody stated is none of them."""
    found = sums([Money.of("10", "USD"), None, Money.of("500", "JPY"), Money.of("2.50", "USD")])

    assert found.amounts == [Money.of("500", "JPY"), Money.of("12.50", "USD")]
    assert (found.known, found.unknown) == (3, 1)


def test_a_share_of_nothing_is_no_percentage() -> None:
    """Neither 0 % nor 100 %; and what is not all is never rounded up to it."""
    assert share(0, 0).percent is None
    assert share(999, 1000).percent == 99
    assert share(3, 3).percent == 100


def test_a_spread_of_nothing_has_neither_median_nor_percentile() -> None:
    """The count says so."""
    assert spread([]).model_dump() == {"count": 0, "median_seconds": None, "p90_seconds": None}
    assert lead([]).median_days is None


@pytest.mark.parametrize(
    ("values", "median", "p90"),
    [([60.0], 60, 60), ([10.0, 20.0], 15, 20), ([float(n) for n in range(1, 11)], 5, 9)],
)
def test_a_spread_has_median_and_nearest_rank(values: list[float], median: int, p90: int) -> None:
    """A percentile is always one of the cases."""
    found = spread(reversed(values))

    assert (found.count, found.median_seconds, found.p90_seconds) == (len(values), median, p90)


def test_lead_times_are_told_by_what_nine_of_ten_had_at_least() -> None:
    """Too late is negative."""
    found = lead([30, -2, 60, 90, 10, 20, 40, 50, 70, 80])

    assert (found.count, found.median_days, found.p10_days) == (10, 45, -2)
    assert percentile([1, 2, 3], 100) == 3


def test_a_source_is_fresh_up_to_its_limit_then_stale() -> None:
    """On the second; a clock that runs ahead of ours makes no negative age."""
    assert source_age("billing", NOW - 24 * HOUR, 24, NOW).state is Age.FRESH
    stale = source_age("billing", NOW - 24 * HOUR - timedelta(seconds=1), 24, NOW)
    assert (stale.state, stale.age_seconds) == (Age.STALE, 86_401)
    assert source_age("billing", NOW + HOUR, 24, NOW).age_seconds == 0


def test_a_report_is_as_old_as_its_oldest_source() -> None:
    """And says which is too old."""
    found = freshness(ages({"crm": NOW, "billing": NOW - 30 * HOUR}, 24, NOW), NOW)

    assert found.oldest == NOW - 30 * HOUR
    assert found.oldest_age_seconds == 30 * 3600
    assert (found.stale, found.incomplete) == (True, False)
    assert found.because == ["billing is older than 24 hours"]


def test_a_report_that_lacks_something_is_incomplete() -> None:
    """A source that was never read, a fact that is not known, or no source at all."""
    never = freshness(ages({"crm": None}, 24, NOW), NOW)
    lacking = freshness(ages({"crm": NOW}, 24, NOW), NOW, ["2 renewals are not known"])
    nothing = freshness([], NOW)

    assert (never.stale, never.incomplete, never.oldest) == (False, True, None)
    assert never.because == ["crm was never read"]
    assert lacking.because == ["2 renewals are not known"]
    assert nothing.incomplete
