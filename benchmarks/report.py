"""What was measured, as one table or as JSON, with the goals beside it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.capacity import Capacity
from benchmarks.load import Variant

ALONE_RATIO_MAX = 1.8
EVENTS_MAX = 70
HISTORY_BYTES_MAX = 16 * 1024
ACTIONS_MAX = 15
WORKER_MB_MAX = 300
STORED_PER_SECOND_MIN = 300


@dataclass(frozen=True)
class Row:
    """A figure of both variants (or of Tieline alone), and whether it meets its goal."""

    figure: str
    tieline: float | None
    naive: float | None = None
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Measured:
    """Everything that one run of the benchmark found."""

    tieline: Variant
    naive: Variant
    path_calls: int
    path_ms: float
    capacity: Capacity
    stored_without_temporal: float
    stored_with_temporal: float
    in_flight: int


def rows_of(found: Measured) -> list[Row]:
    """The table's rows."""
    ours, theirs = found.tieline, found.naive
    at = f"{found.in_flight} in flight"
    ratio = ours.alone.percentile_ms(50) / found.path_ms
    loads = (("alone", ours.alone, theirs.alone), (at, ours.loaded, theirs.loaded))
    return [
        _at_least(f"orders/s, {at}", _rate(ours), _rate(theirs), "as many", _rate(theirs)),
        *(
            Row(f"latency p{p} ms, {load}", a.percentile_ms(p), b.percentile_ms(p))
            for load, a, b in loads
            for p in (50, 99)
        ),
        Row(f"longest chain of calls ({found.path_calls}), ms", found.path_ms),
        _at_most("latency alone / longest chain", ratio, None, ALONE_RATIO_MAX),
        Row(f"worker CPU ms/order, {at}", _cpu_ms(ours), _cpu_ms(theirs)),
        Row("worker memory peak MB", ours.peak_mb, theirs.peak_mb),
        _memory(found.capacity),
        _at_most("history events/order", ours.events, theirs.events, EVENTS_MAX),
        _at_most(
            "history bytes/order", ours.history_bytes, theirs.history_bytes, HISTORY_BYTES_MAX
        ),
        _at_most("Temporal actions/order", ours.actions, theirs.actions, ACTIONS_MAX),
        Row("HTTP calls/order", ours.http_calls, theirs.http_calls),
        _at_least(
            "webhooks stored/s, Temporal down", found.stored_without_temporal, None,
            f">= {STORED_PER_SECOND_MIN}", STORED_PER_SECOND_MIN,
        ),
        _at_least(
            "webhooks stored/s, starting processes", found.stored_with_temporal, None,
            f">= {STORED_PER_SECOND_MIN}", STORED_PER_SECOND_MIN,
        ),
    ]  # fmt: skip


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
        verdict = {True: "met", False: "not met", None: ""}[row.met]
        table.add_row(row.figure, _number(row.tieline), _number(row.naive), row.goal, verdict)
    Console(width=110).print(table)


def _rate(variant: Variant) -> float:
    return variant.loaded.orders / variant.loaded.seconds


def _cpu_ms(variant: Variant) -> float:
    return 1000 * variant.loaded.cpu_seconds / variant.loaded.orders


def _memory(found: Capacity) -> Row:
    # Less memory for fewer orders than were asked for would prove nothing.
    met = found.worker_peak_mb <= WORKER_MB_MAX if found.orders >= found.wanted else None
    figure = f"worker memory peak MB, {found.orders} orders open"
    return Row(figure, found.worker_peak_mb, None, f"<= {WORKER_MB_MAX}", met)


def _at_most(figure: str, ours: float | None, theirs: float | None, most: float) -> Row:
    met = None if ours is None else ours <= most
    return Row(figure, ours, theirs, f"<= {most:g}", met)


def _at_least(figure: str, ours: float, theirs: float | None, goal: str, least: float) -> Row:
    return Row(figure, ours, theirs, goal, ours >= least)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
