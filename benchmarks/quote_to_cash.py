"""Quote-to-cash as Tieline does it beside one activity a vendor call, measured in one run.

Both run against the same Temporal server and the same simulated vendors, in turns, since a machine
is never equally busy for long; ratios say more than absolute numbers.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.capacity import open_orders
from benchmarks.critical_path import chain_seconds
from benchmarks.deals import write_export
from benchmarks.load import Variant, naive_variant, tieline_variant
from benchmarks.phases import Phases, progress, stoppable
from benchmarks.report import Measured, rows_of, show
from benchmarks.stand import Stand, peak_mb, standing
from benchmarks.webhook_load import stored_per_second, stored_per_second_without_temporal
from tieline.children import stop

LATENCY_MS = 20
WARM_UP = 20
COUNTED = 5
CHAINS = 11
ROUNDS = 2
EXAMPLES = """\
examples:
  uv run python benchmarks/quote_to_cash.py
  uv run python benchmarks/quote_to_cash.py --orders 400 --in-flight 50
  uv run python benchmarks/quote_to_cash.py --json > quote_to_cash.json
"""


class Deals:
    """Hands out the export's deals, each once for each variant."""

    def __init__(self, ids: list[str]) -> None:
        self._ids = ids

    def take(self, count: int) -> list[str]:
        """The next ones."""
        taken, self._ids = self._ids[:count], self._ids[count:]
        return taken


async def measure(options: argparse.Namespace, folder: Path, phases: Phases) -> Measured:
    """Run everything in this folder."""
    needed = 2 * (WARM_UP + COUNTED + ROUNDS * (options.alone + options.orders))
    ids = write_export(folder / "export", needed + ROUNDS * CHAINS + options.open)
    deals = Deals(ids)
    progress("start")
    async with standing(folder / "house", folder / "export", LATENCY_MS) as stand:
        variants = (tieline_variant(stand), naive_variant(stand))
        found = Measured(*variants, options.in_flight)
        for variant in variants:
            await variant.run(deals.take(WARM_UP), WARM_UP)
        for number in range(ROUNDS):
            await phases.run(
                f"round {number + 1} of {ROUNDS}", _round(stand, found, deals, options)
            )
        await phases.run("what an order takes", _count(stand, variants, deals))
        opening = open_orders(stand, variants[0], deals.take(options.open))
        found.capacity = await phases.run(f"{options.open} orders open", opening)
        await _intake(stand, folder, options.events, phases, found)
        return found


async def _round(stand: Stand, found: Measured, deals: Deals, options: argparse.Namespace) -> None:
    variants = (found.tieline, found.naive)
    for variant in variants:
        variant.alone.add(await variant.run(deals.take(options.alone), 1))
    found.chain.latencies += await chain_seconds(stand.house.settings, deals.take(CHAINS))
    for variant in variants:
        variant.loaded.add(await variant.run(deals.take(options.orders), options.in_flight))


async def _count(stand: Stand, variants: tuple[Variant, Variant], deals: Deals) -> None:
    for variant in variants:
        variant.peak_mb = peak_mb(variant.worker)
        await variant.count(stand, deals.take(COUNTED))


async def _intake(stand: Stand, folder: Path, events: int, phases: Phases, found: Measured) -> None:
    house = stand.house
    await stop(house.children["worker"])
    secret = (house.config.parent / "credentials" / "webhook-secret").read_text()
    found.stored_without_temporal = await phases.run(
        f"{events} webhooks, Temporal down",
        stored_per_second_without_temporal(house.config, folder / "intake", secret, events),
    )
    found.stored_with_temporal = await phases.run(
        f"{events} webhooks, starting processes",
        stored_per_second(house.webhooks_url, secret, events),
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--orders", type=int, default=100, help="orders a round and variant, of two rounds")
    add("--in-flight", type=int, default=30, help="how many of them at the same time")
    add("--alone", type=int, default=15, help="orders a round and variant, one at a time")
    add("--open", type=int, default=1000, help="orders open at once when memory is measured")
    add("--events", type=int, default=1500, help="webhook events of each kind")
    add("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    options, phases = arguments(), Phases()
    with tempfile.TemporaryDirectory(prefix="tieline-bench-") as folder:
        found = asyncio.run(stoppable(measure(options, Path(folder), phases)))
    title = (
        f"Quote-to-cash of a new customer: {2 * options.orders} orders a variant, "
        f"{options.in_flight} in flight, {LATENCY_MS} ms a vendor call"
    )
    show(rows_of(found), title, as_json=options.json)
    sys.stdout.flush()
    # Temporal's client may crash in its native threads while Python shuts down.
    os._exit(1 if phases.failed else 0)


if __name__ == "__main__":
    main()
