"""What was measured of intake, as one table or as JSON, with the goals beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table

from benchmarks.backlog import MARKS, Cleared
from benchmarks.handing_on import HandedOn
from benchmarks.receiving import CONNECTIONS, Received
from benchmarks.relay import Relayed
from benchmarks.report import VERDICTS, number

RATIO_MIN = 0.6
MEMORY_GROWTH_MAX = 1.1
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Row:
    """A figure of ours, the same of the bare counterpart, and whether it meets its goal."""

    figure: str
    tieline: float | None
    bare: float | None = None
    goal: str = ""
    met: bool | None = None
    ratio: float | None = None


@dataclass
class Measured:
    """What one run found; None, or nothing, for a phase that failed or was left out."""

    received: Mapping[str, Received | None] = field(default_factory=dict)
    handed_on: HandedOn | None = None
    relayed: Relayed | None = None
    cleared: Cleared | None = None


def rows_of(found: Measured, hints: int) -> list[Row]:
    """The table's rows."""
    rows = [row for name, one in found.received.items() for row in _stored(NAMES[name], one)]
    handed, relayed = found.handed_on, found.relayed
    rows += [
        Row("quote-to-cash started/s, no worker", handed and handed.starts_per_second),
        Row("takers nudged/s, one after another", handed and handed.nudges_per_second),
        Row(
            "events relayed to JetStream/s (bare: published only)",
            relayed and relayed.relayed_per_second,
            relayed and relayed.raw_per_second,
            ratio=relayed and relayed.ratio,
        ),
    ]
    return rows + _backlog(found.cleared, hints)


def _stored(ledger: str, found: Received | None) -> list[Row]:
    rows = []
    for connections in CONNECTIONS:
        ours = found.ours[connections] if found else None
        bare = found.bare[connections] if found else None
        where = f"{ledger}, {connections} connection{'s' if connections > 1 else ''}"
        rates = ours and ours.per_second, bare and bare.per_second
        ratio = rates[0] / rates[1] if rates[0] and rates[1] else None
        met = None if ratio is None else ratio >= RATIO_MIN
        rows.append(Row(f"stored/s, {where}", *rates, f">= {RATIO_MIN:.0%} of bare", met, ratio))
        rows += [
            Row(
                f"  p{percent} ms of the 2xx",
                ours and ours.percentile_ms(percent),
                bare and bare.percentile_ms(percent),
            )
            for percent in (50, 99)
        ]
        rows.append(Row("  server CPU ms/event", ours and ours.cpu_ms, bare and bare.cpu_ms))
    return rows


def _backlog(found: Cleared | None, hints: int) -> list[Row]:
    told = f"backlog of {hints:,} hints"
    memory = found.worker_mb if found else {}
    first, last = memory.get(MARKS[0]), memory.get(MARKS[-1])
    flat = last <= MEMORY_GROWTH_MAX * first if first and last else None
    most = f"<= {MEMORY_GROWTH_MAX:g} x first"
    return [
        Row(f"{told}: cleared, s", found and found.seconds),
        Row("  hints/s", found and found.hints / found.seconds),
        Row("  vendor calls/hint", found and found.calls / found.hints),
        Row(f"  left at {MARKS[0]:.0%}, s", found and found.left_seconds),
        Row("  the same as `tieline inbox backlog` foretold", found and found.estimated_seconds),
        *(Row(f"  worker MB at {mark:.0%}", memory.get(mark)) for mark in MARKS[:-1]),
        Row(f"  worker MB at {MARKS[-1]:.0%}", last, None, most, flat),
    ]


def show(rows: Sequence[Row], title: str, *, as_json: bool) -> None:
    """Print the rows."""
    if as_json:
        print(json.dumps({"title": title, "rows": [asdict(row) for row in rows]}, indent=2))
        return
    table = Table(title=title)
    table.add_column("intake")
    for heading in ("Tieline", "bare", "ratio", "goal", ""):
        table.add_column(heading, justify="right")
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.0%}"
        verdict = VERDICTS[row.met]
        table.add_row(row.figure, number(row.tieline), number(row.bare), ratio, row.goal, verdict)
    Console(width=118).print(table)
