"""Views of Globex's renewal, and its history, for reports."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from canonical.renewal import ForecastCategory, ReadinessState, RenewalOutcome
from domain.reports.renewal_history import RenewalHistory, View
from tests.domain.portfolio import GLOBEX

RENEWS = date(2026, 12, 31)


def view(days_before: int, **facts: Any) -> View:
    """A view so many days before the renewal: ready, all known."""
    at = datetime.combine(RENEWS - timedelta(days=days_before), datetime.min.time(), UTC)
    given = {"taken_at": at, "state": ReadinessState.READY, "forecast": ForecastCategory.COMMIT}
    return View.model_validate(given | facts)


def decided(days_before: int, outcome: RenewalOutcome) -> View:
    """The view that tells the outcome."""
    closed, category = ReadinessState.CLOSED, ForecastCategory.CLOSED
    return view(days_before, state=closed, forecast=category, outcome=outcome)


def history(*views: View, **facts: Any) -> RenewalHistory:
    """Globex's renewal of 2026."""
    given = {"connection": "stripe-us", "contract_id": "sub_globex", "account_id": GLOBEX}
    given |= {"renews_on": RENEWS, "views": list(views)}
    return RenewalHistory.model_validate(given | facts)
