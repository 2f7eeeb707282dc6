"""What was measured of a portfolio, as one table or as JSON, with the goals beside it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.portfolio_year import YEAR_DAYS, Year
from benchmarks.report import VERDICTS, number

ACTIONS_MAX = 60
HISTORY_EVENTS_MAX = 4096
# What a subscription may cost in the largest portfolio against the smallest.
GROWTH_MAX = 1.2
# A process that looks daily, by what a look takes at the least: a timer and an activity.
DAILY_POLL_ACTIONS = 2 * YEAR_DAYS + 1

# How many days late invoices were paid, and a year of each size.
Lateness = tuple[int, Sequence[Year]]


@dataclass(frozen=True)
class Row:
    """A figure at each size, how a subscription's share grows, and whether the goal is met."""

    figure: str
    at: list[float]
    growth: float | None = None
    goal: str = ""
    met: bool | None = None


def rows_of(years: Sequence[Year]) -> list[Row]:
    """The table's rows."""
    actions = [year.histories.actions for year in years]
    longest = [float(year.histories.longest) for year in years]
    return [
        Row("events handled/s", [year.per_second for year in years]),
        Row(
            "actions/subscription and year", actions, _growth(actions), f"<= {ACTIONS_MAX}",
            max(actions) <= ACTIONS_MAX,
        ),
        Row("  by the server's own count", [year.own_actions_told for year in years]),
        Row("  of the one with most", [float(y.histories.actions_most) for y in years]),
        Row("  with its share of a daily reconcile", [year.shared_actions for year in years]),
        *_kinds(years),
        Row("  beside: a look a day, reckoned", [float(DAILY_POLL_ACTIONS)] * len(years)),
        _grows("history events/subscription and year", [y.histories.events for y in years]),
        _grows("history KB/subscription and year", [y.histories.kilobytes for y in years]),
        Row(
            "longest history, events", longest, None, f"<= {HISTORY_EVENTS_MAX}",
            max(longest) <= HISTORY_EVENTS_MAX,
        ),
        _grows("worker CPU ms/subscription and year", [year.cpu_ms for year in years]),
        _grows("wall ms/subscription and year", [year.wall_ms for year in years]),
        Row("worker MB, all clocks started", [year.open_mb for year in years]),
        Row("worker MB at most", [year.peak_mb for year in years]),
        Row("seconds in all", [year.wall_seconds for year in years]),
        Row("  handling events", [year.handling_seconds for year in years]),
        Row("  moving clocks, with what falls due", [year.moving_seconds for year in years]),
    ]  # fmt: skip


def show(found: Sequence[Lateness], *, as_json: bool) -> None:
    """Print a table, or a JSON object of a list, for each lateness that has years."""
    told = [(days, years) for days, years in found if years]
    if as_json:
        print(json.dumps([_as_json(days, years) for days, years in told], indent=2))
        return
    console = Console(width=118)
    for days, years in told:
        console.print(_table(days, years))
        for year in years:
            ended = ", ".join(f"{count:,} {how}" for how, count in year.outcomes.items())
            console.print(f"{year.subscriptions:,}: {ended}")


def _as_json(days: int, years: Sequence[Year]) -> dict[str, object]:
    return {
        "title": _title(days),
        "days_late": days,
        "subscriptions": [year.subscriptions for year in years],
        "rows": [asdict(row) for row in rows_of(years)],
        "outcomes": [year.outcomes for year in years],
    }


def _table(days: int, years: Sequence[Year]) -> Table:
    table = Table(title=_title(days))
    table.add_column("subscriptions")
    for heading in (*(f"{year.subscriptions:,}" for year in years), "growth", "goal", ""):
        table.add_column(heading, justify="right")
    for row in rows_of(years):
        growth = "" if row.growth is None else f"{row.growth:.2f}"
        cells = [number(value) for value in row.at]
        table.add_row(row.figure, *cells, growth, row.goal, VERDICTS[row.met])
    return table


def _title(days: int) -> str:
    return f"A year of subscriptions: 12 invoices each, 2 of them paid {days} days late"


def _kinds(years: Sequence[Year]) -> list[Row]:
    by_kind = [year.histories.by_kind for year in years]
    return [
        Row(f"  {process}: {kind}", [one.get(process, {}).get(kind, 0.0) for one in by_kind])
        for process, kinds in by_kind[-1].items()
        for kind in kinds
    ]


def _grows(figure: str, at: list[float]) -> Row:
    growth = _growth(at)
    met = None if growth is None else growth <= GROWTH_MAX
    return Row(figure, at, growth, f"growth <= {GROWTH_MAX:g}", met)


def _growth(at: list[float]) -> float | None:
    return at[-1] / at[0] if len(at) > 1 and at[0] else None
