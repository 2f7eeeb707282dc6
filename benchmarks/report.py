"""What was measured, as one table or as JSON, with the goals beside it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table

from benchmarks.capacity import Capacity
from benchmarks.critical_path import CALLS
from benchmarks.load import Run, Variant

ALONE_RATIO_MAX = 1.8
EVENTS_MAX = 70
HISTORY_BYTES_MAX = 16 * 1024
ACTIONS_MAX = 15
WORKER_MB_MAX = 300
STORED_PER_SECOND_MIN = 300
VERDICTS = {True: "met", False: "not met", None: ""}


@dataclass(frozen=True)
class Row:
    """A figure of both variants (or of Tieline alone), and whether it meets its goal."""

    figure: str
    tieline: float | None
    naive: float | None = None
    goal: str = ""
    met: bool | None = None


@dataclass
class Measured:
    """What one run of the benchmark found; None, or nothing, for a phase that failed."""

    tieline: Variant
    naive: Variant
    in_flight: int
    chain: Run = field(default_factory=Run)
    capacity: Capacity | None = None
    stored_without_temporal: float | None = None
    stored_with_temporal: float | None = None


def rows_of(found: Measured) -> list[Row]:
    """The table's rows."""
    ours, theirs = found.tieline, found.naive
    at = f"{found.in_flight} in flight"
    loads = (("alone", ours.alone, theirs.alone), (at, ours.loaded, theirs.loaded))
    rates = ours.loaded.per_second, theirs.loaded.per_second
    return [
        _at_least(f"orders/s, {at}", *rates, "as many", rates[1]),
        *(
            Row(f"latency p{p} ms, {load}", a.percentile_ms(p), b.percentile_ms(p))
            for load, a, b in loads
            for p in (50, 99)
        ),
        *_chain(found),
        Row(f"worker CPU ms/order, {at}", ours.loaded.cpu_ms, theirs.loaded.cpu_ms),
        Row("worker memory peak MB", ours.peak_mb, theirs.peak_mb),
        _memory(found.capacity),
        _at_most("history events/order", ours.events, theirs.events, EVENTS_MAX),
        _at_most(
            "history bytes/order", ours.history_bytes, theirs.history_bytes, HISTORY_BYTES_MAX
        ),
        _at_most("Temporal actions/order", ours.actions, theirs.actions, ACTIONS_MAX),
        Row("HTTP calls/order", ours.http_calls, theirs.http_calls),
        _stored("Temporal down", found.stored_without_temporal),
        _stored("starting processes", found.stored_with_temporal),
    ]


def show(rows: Sequence[Row], title: str, *, as_json: bool) -> None:
    """Print the rows."""
    if as_json:
        print(json.dumps({"title": title, "rows": [asdict(row) for row in rows]}, indent=2))
        return
    table = Table(title=title)
    table.add_column("per variant")
    for heading in ("Tieline", "one activity a call", "goal", ""):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.figure, number(row.tieline), number(row.naive), row.goal, VERDICTS[row.met]
        )
    Console(width=110).print(table)


def _chain(found: Measured) -> list[Row]:
    latency, chain = found.tieline.alone.percentile_ms(50), found.chain.percentile_ms(50)
    ratio = latency / chain if latency and chain else None
    return [
        Row(f"longest chain of calls ({CALLS}), ms", chain),
        _at_most("latency alone / longest chain", ratio, None, ALONE_RATIO_MAX),
    ]


def _memory(found: Capacity | None) -> Row:
    goal = f"<= {WORKER_MB_MAX}"
    if found is None:
        return Row("worker memory peak MB, orders open", None, None, goal)
    # Less memory for fewer orders than were asked for would prove nothing.
    met = found.worker_peak_mb <= WORKER_MB_MAX if found.orders >= found.wanted else None
    figure = f"worker memory peak MB, {found.orders} orders open"
    return Row(figure, found.worker_peak_mb, None, goal, met)


def _stored(when: str, per_second: float | None) -> Row:
    least = STORED_PER_SECOND_MIN
    return _at_least(f"webhooks stored/s, {when}", per_second, None, f">= {least}", least)


def _at_most(figure: str, ours: float | None, theirs: float | None, most: float) -> Row:
    met = None if ours is None else ours <= most
    return Row(figure, ours, theirs, f"<= {most:g}", met)


def _at_least(
    figure: str, ours: float | None, theirs: float | None, goal: str, least: float | None
) -> Row:
    met = None if ours is None or least is None else ours >= least
    return Row(figure, ours, theirs, goal, met)


def number(value: float | None) -> str:
    """A figure as a cell; nothing for one that was not found."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
