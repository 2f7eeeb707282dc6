"""`reports.toml`: how old what a report rests on may be, and what indicators measure by (R22)."""

from typing import Annotated

from pydantic import Field

from governance.section import Section

Hours = Annotated[int, Field(gt=0, le=26_280)]
Days = Annotated[int, Field(gt=0, le=3660)]


class FreshnessLimit(Section):
    """How many hours ago a system's changes may have been read last before a report is stale."""

    source_hours: Hours


class ForecastLimit(FreshnessLimit):
    """The same, and how many hours ago an open renewal may have been looked at last."""

    look_hours: Hours


class Indicators(Section):
    """What the indicators measure by: the period that they look back on, and due times."""

    since_days: Days
    onboarding_launch_hours: Hours
    leakage_days: Days


class Reports(Section):
    """The reports' limits, and the indicators' measures."""

    forecast: ForecastLimit
    billing: FreshnessLimit
    expansion: FreshnessLimit
    retention: FreshnessLimit
    revenue: FreshnessLimit
    indicators: Indicators
