"""A year of a portfolio of subscriptions: what it costs of Temporal and of a worker, at sizes.

Every subscription has a clock (`renewal-readiness`), started from `contract.activated` as the
courier does it, and twelve invoices, whose events the courier takes from the outbox to the
processes. Two are late, and each of these is an `invoice-risk-to-health` of its own: paid within
its grace, it troubles nobody; paid later, people see it become a risk, and then end. The daily
reconcile, which serves all subscriptions, is counted as of every day of the year. Time is skipped
on a development server; the simulators and the courier share this process, the worker has one of
its own. Actions are counted as Temporal Cloud bills them, from the histories; see
`benchmarks/portfolio_histories.py`.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.phases import Phases, progress, stoppable
from benchmarks.portfolio_report import Lateness, show
from benchmarks.portfolio_stand import standing
from benchmarks.portfolio_year import Life, Year
from tieline.rehearsal.credentials import Credentials, make_credentials

SIZES = (500, 1000, 2000)
# Paid only when the account is at high risk, soon after the grace, and within it.
DAYS_LATE = (20, 8, 3)
YEAR_SECONDS_MAX = 7200.0
EXAMPLES = """\
examples:
  uv run python benchmarks/portfolio.py
  TMPDIR=/dev/shm uv run python benchmarks/portfolio.py     # without waiting for a disk
  uv run python benchmarks/portfolio.py --subscriptions 100 200
  TIELINE_WORKER__CACHED_MAX=2000 uv run python benchmarks/portfolio.py   # not all in memory
  uv run python benchmarks/portfolio.py --days-late 8 --json > portfolio.json
"""


async def measure(options: argparse.Namespace, folder: Path, phases: Phases) -> list[Lateness]:
    """A year of each size in this folder, and further ones of the smallest size with later
    payments; a year that fails is left out."""
    credentials = make_credentials(folder / "credentials")
    sizes = sorted(set(options.subscriptions))
    found: list[Lateness] = []
    for days in dict.fromkeys(options.days_late):
        years = [
            await phases.run(
                f"a year of {size} subscriptions that pay {days} days late",
                _year(folder / f"{size}-{days}", credentials, size, days),
            )
            for size in (sizes[:1] if found else sizes)
        ]
        found.append((days, [year for year in years if year is not None]))
    return found


async def _year(folder: Path, credentials: Credentials, size: int, days_late: int) -> Year:
    async with standing(folder, credentials, size) as stand, asyncio.timeout(YEAR_SECONDS_MAX):
        year = await Life(stand, days_late).live()
    # Told at once: the years to come take long, and may fail.
    progress(
        f"{size} subscriptions: {year.histories.actions:.0f} actions, {year.wall_ms:.0f} ms each,"
        f" {year.per_second:.0f} events/s, worker at most {year.peak_mb:.0f} MB"
    )
    return year


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--subscriptions", type=_whole(1, 100_000), nargs="+", default=list(SIZES), metavar="N",
        help="how many, at each size (default: 500 1000 2000)",
    )  # fmt: skip
    add(
        "--days-late", type=_whole(2, 23), nargs="+", default=list(DAYS_LATE), metavar="DAYS",
        help="how long after it was due a late invoice is paid; the first at each size, others at "
        "the smallest (default: 20 8 3)",
    )  # fmt: skip
    add("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return read


def main() -> None:
    """Measure and print."""
    options, phases = arguments(), Phases()
    with tempfile.TemporaryDirectory(prefix="tieline-bench-") as folder:
        found = asyncio.run(stoppable(measure(options, Path(folder), phases)))
    show(found, as_json=options.json)
    sys.stdout.flush()
    # Temporal's client may crash in its native threads while Python shuts down.
    os._exit(1 if phases.failed else 0)


if __name__ == "__main__":
    main()
