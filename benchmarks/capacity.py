"""The worker's memory with many orders open at once, because billing, ERP and support are down.

They ask not to be called again for half an hour, so that what is measured is waiting, not retrying:
longer than this measurement takes, and shorter than the patience after which a step becomes a case.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.load import Variant
from benchmarks.stand import Stand, peak_mb
from canonical.visibility import STAGE

OUTAGE_SECONDS = 1800
DOWN = ("stripe", "netsuite", "zendesk")
STARTS_IN_FLIGHT = 30
PATIENCE_SECONDS = 600.0
POLL_SECONDS = 1.0
RUNNING = "WorkflowType = 'quote-to-cash' AND ExecutionStatus = 'Running'"
WAITING = f"{RUNNING} AND {STAGE} = 'fulfilling'"


@dataclass(frozen=True)
class Capacity:
    """How many orders of how many waited, and the most memory that the worker then held."""

    orders: int
    wanted: int
    worker_peak_mb: float
    seconds: float


async def open_orders(stand: Stand, variant: Variant, orders: Sequence[str]) -> Capacity:
    """Start the orders with three systems in an outage, and look once all are accepted and wait."""
    outage = {"kind": "outage", "seconds": OUTAGE_SECONDS, "retry_after": OUTAGE_SECONDS}
    for vendor in DOWN:
        await stand.control(vendor, "POST", "faults", outage)
    began = time.perf_counter()
    gate = asyncio.Semaphore(STARTS_IN_FLIGHT)

    async def start(order: str) -> None:
        async with gate:
            await variant.start(order)

    await asyncio.gather(*(start(order) for order in orders))
    waiting = 0
    while waiting < len(orders) and time.perf_counter() - began < PATIENCE_SECONDS:
        await asyncio.sleep(POLL_SECONDS)
        waiting = (await stand.tieline.count_workflows(WAITING)).count
    return Capacity(waiting, len(orders), peak_mb(variant.worker), time.perf_counter() - began)
