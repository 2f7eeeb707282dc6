"""Intake from the receiver to the outbox's stream, beside the bare counterparts, in one run.

Stored events: the real `tieline webhooks` process beside a bare server with the same body reading,
one JSON parse and one INSERT, by turns, on SQLite and on PostgreSQL, both with commits that are
synced. Signed callouts of Salesforce and signed events of Stripe, half each; Temporal is down.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.backlog import cleared
from benchmarks.handing_on import handed_on
from benchmarks.intake_report import NAMES, Measured, rows_of, show
from benchmarks.phases import Phases, stoppable
from benchmarks.receiving import received
from benchmarks.relay import relayed_per_second
from tieline.rehearsal.credentials import make_credentials

PHASES = ("receive", "dispatch", "relay", "backlog")
EXAMPLES = """\
examples:
  uv run python benchmarks/intake.py
  uv run python benchmarks/intake.py --events 500 --rounds 2 --hints 2000
  uv run python benchmarks/intake.py --only receive --json > intake.json
"""


async def measure(options: argparse.Namespace, folder: Path, phases: Phases) -> Measured:
    """Run the phases that were asked for in this folder."""
    found, wanted = Measured(), options.only or PHASES
    credentials = make_credentials(folder / "credentials")
    if "receive" in wanted:
        found.received = {
            backend: await phases.run(
                f"{options.rounds} rounds of {options.events} webhooks on {name}",
                received(
                    backend,
                    folder / backend,
                    credentials,
                    events=options.events,
                    rounds=options.rounds,
                ),
            )
            for backend, name in NAMES.items()
        }
    if "dispatch" in wanted:
        found.handed_on = await phases.run(
            f"{options.starts} starts, {options.nudges} nudges",
            handed_on(
                folder / "dispatch", credentials, starts=options.starts, nudges=options.nudges
            ),
        )
    if "relay" in wanted:
        found.relayed = await phases.run(
            f"{options.relayed} events to JetStream, three rounds",
            relayed_per_second(_made(folder / "relay"), options.relayed),
        )
    if "backlog" in wanted:
        found.cleared = await phases.run(
            f"a backlog of {options.hints} hints",
            cleared(folder / "backlog", credentials, hints=options.hints),
        )
    return found


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    many = _at_least(2)
    add("--events", type=many, default=1500, help="webhooks a round and number of connections")
    add("--rounds", type=_at_least(1), default=4, help="rounds of each server, by turns")
    add("--starts", type=many, default=1000, help="processes that are started")
    add("--nudges", type=_at_least(1), default=500, help="nudges of a taker")
    add("--relayed", type=_at_least(1), default=5000, help="events a round to the stream")
    add("--hints", type=_at_least(40), default=20_000, help="the backlog, four to an invoice")
    add("--only", choices=PHASES, action="append", help="one phase; repeat for several")
    add("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def _at_least(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"a whole number from {least} on, not {text!r}")
        return int(text)

    return whole


def main() -> None:
    """Measure and print."""
    options, phases = arguments(), Phases()
    with tempfile.TemporaryDirectory(prefix="tieline-bench-") as folder:
        found = asyncio.run(stoppable(measure(options, Path(folder), phases)))
    title = (
        f"Intake: {options.rounds} rounds of {options.events} webhooks, half of Salesforce and "
        "half of Stripe"
    )
    show(rows_of(found, options.hints), title, as_json=options.json)
    sys.stdout.flush()
    # Temporal's client may crash in its native threads while Python shuts down.
    os._exit(1 if phases.failed else 0)


if __name__ == "__main__":
    main()
