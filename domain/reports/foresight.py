"""How good a forecast was, and how long before a renewal trouble was seen (R27, R82)."""

from collections.abc import Iterable, Sequence
from datetime import date

from canonical.orders import Fact
from canonical.renewal import ForecastCategory, ReadinessState, RenewalOutcome
from domain.reports.figures import Lead, Share, lead, share
from domain.reports.renewal_history import RenewalHistory, View, view_at
from domain.reports.retention import KEPT

# These two count on the renewal; pipeline and omitted do not.
EXPECTED = (ForecastCategory.COMMIT, ForecastCategory.BEST_CASE)
TROUBLED = (ReadinessState.BLOCKED, ReadinessState.AT_RISK)
ENDED = (RenewalOutcome.LOST, RenewalOutcome.CANCELLED, RenewalOutcome.LAPSED)


class CategoryOutcome(Fact):
    """What became of the renewals that stood in one forecast category; `renewed` of how many."""

    forecast: str
    renewed: Share


class WindowAccuracy(Fact):
    """One window, in days before the renewal.

    `complete` is the share of its views in which no signal was unknown, decided or not. `accurate`
    is the share of decided renewals of which the forecast came true: `commit` and `best_case`
    expect a renewal (also a smaller one), the other categories do not.
    """

    window_days: int
    complete: Share
    accurate: Share
    by_forecast: list[CategoryOutcome]


class ForecastAccuracy(Fact):
    """The windows, the earliest first (R82)."""

    renewals: int
    windows: list[WindowAccuracy]


class RenewalWarning(Fact):
    """How early trouble with a renewal was seen (R27).

    `blocked_before` is from the first view that was blocked (a red signal) to the renewal's date;
    `ended_with_warning` is how many of the renewals that were lost, lapsed or cancelled had a view
    that was at risk or blocked on an earlier day than the one that told the outcome, and before the
    renewal's date.
    """

    blocked_before: Lead
    ended_with_warning: Share


def forecast_accuracy(
    histories: Iterable[RenewalHistory], windows: Sequence[int], today: date
) -> ForecastAccuracy:
    """The views at each window against what became of the renewals."""
    given = list(histories)
    found = []
    for window in sorted(windows, reverse=True):
        seen = [(h, view_at(h, window, windows, today)) for h in given]
        found.append(_window(window, [(h, view) for h, view in seen if view is not None]))
    return ForecastAccuracy(renewals=len(given), windows=found)


def _window(window: int, seen: Sequence[tuple[RenewalHistory, View]]) -> WindowAccuracy:
    decided = [(view.forecast, h.outcome in KEPT) for h, view in seen if h.outcome is not None]
    right = sum((forecast in EXPECTED) == renewed for forecast, renewed in decided)
    by_forecast = []
    for category in ForecastCategory:
        of = [renewed for forecast, renewed in decided if forecast is category]
        if of:
            by_forecast.append(CategoryOutcome(forecast=category, renewed=share(sum(of), len(of))))
    return WindowAccuracy(
        window_days=window,
        complete=share(sum(not view.unknown for _, view in seen), len(seen)),
        accurate=share(right, len(decided)),
        by_forecast=by_forecast,
    )


def renewal_warning(histories: Iterable[RenewalHistory]) -> RenewalWarning:
    """When trouble was first seen, by the views of each renewal."""
    given = list(histories)
    blocked = [
        (history.renews_on - first.taken_at.date()).days
        for history in given
        if (first := _first(history, (ReadinessState.BLOCKED,))) is not None
    ]
    ended = [history for history in given if history.outcome in ENDED]
    warned = sum(_was_warned(history) for history in ended)
    return RenewalWarning(
        blocked_before=lead(blocked), ended_with_warning=share(warned, len(ended))
    )


def _first(history: RenewalHistory, states: Sequence[ReadinessState]) -> View | None:
    return next((view for view in history.views if view.state in states), None)


def _was_warned(history: RenewalHistory) -> bool:
    seen = _first(history, TROUBLED)
    if seen is None:
        return False
    told = next((v.taken_at.date() for v in history.views if v.outcome is not None), None)
    effect = min(history.renews_on, told or history.renews_on)
    return seen.taken_at.date() < effect
