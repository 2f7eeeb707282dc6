"""Orders through either variant, a number of them in flight, and what they cost."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import psutil
from temporalio.client import WorkflowHandle

from benchmarks.naive_workflow import NAIVE_QUEUE, NaiveQuoteToCash
from benchmarks.stand import Stand, cpu_seconds
from canonical.ids import PROCESS_QUEUE, quote_to_cash_id
from canonical.messages import QuoteToCashInput, QuoteToCashResult
from starters.launch import start_process

# A server that starves hands out a task and loses it: it is tried again after 90 seconds.
PATIENCE_SECONDS = 300.0

Handle = WorkflowHandle[Any, Any]


@dataclass
class Run:
    """Orders that were fulfilled together."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def add(self, other: "Run") -> None:
        """Take in another run of the same variant and load."""
        self.seconds += other.seconds
        self.cpu_seconds += other.cpu_seconds
        self.latencies += other.latencies

    @property
    def orders(self) -> int:
        """How many there were."""
        return len(self.latencies)

    @property
    def per_second(self) -> float | None:
        """How many a second; None without any, as in the other figures."""
        return self.orders / self.seconds if self.orders else None

    @property
    def cpu_ms(self) -> float | None:
        """The worker's processor time for one of them."""
        return 1000 * self.cpu_seconds / self.orders if self.orders else None

    def percentile_ms(self, percent: int) -> float | None:
        """The latency that so many percent of the orders did not exceed."""
        if self.orders < 2:
            return 1000 * self.latencies[0] if self.latencies else None
        return 1000 * quantiles(self.latencies, n=100, method="inclusive")[percent - 1]


@dataclass
class Variant:
    """One way of doing quote-to-cash, and what was measured of it."""

    name: str
    start: Callable[[str], Awaitable[Handle]]
    worker: psutil.Process
    alone: Run = field(default_factory=Run)
    loaded: Run = field(default_factory=Run)
    peak_mb: float | None = None
    events: float | None = None
    history_bytes: float | None = None
    actions: float | None = None
    http_calls: float | None = None

    async def run(self, orders: Sequence[str], in_flight: int) -> Run:
        """Fulfil the orders, so many at a time."""
        waiting = list(orders)[::-1]
        run = Run()

        async def lane() -> None:
            while waiting:
                run.latencies.append(await self._fulfil(waiting.pop()))

        cpu, began = cpu_seconds(self.worker), time.perf_counter()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(lane() for _ in range(in_flight)))
        run.seconds = time.perf_counter() - began
        run.cpu_seconds = cpu_seconds(self.worker) - cpu
        return run

    async def count(self, stand: Stand, orders: Sequence[str]) -> None:
        """What an order takes of Temporal and of the vendors."""
        calls, actions = await stand.http_calls(), await stand.actions()
        handles = [await self._finished(order) for order in orders]
        self.http_calls = (await stand.http_calls() - calls) / len(orders)
        after = await stand.actions()
        if actions is not None and after is not None:
            self.actions = (after - actions) / len(orders)
        described = [(await handle.describe()).raw_description for handle in handles]
        runs = [one.workflow_execution_info for one in described]
        self.events = sum(run.history_length for run in runs) / len(runs)
        self.history_bytes = sum(run.history_size_bytes for run in runs) / len(runs)

    async def _fulfil(self, order: str) -> float:
        began = time.perf_counter()
        await self._finished(order)
        return time.perf_counter() - began

    async def _finished(self, order: str) -> Handle:
        handle = await self.start(order)
        result = await handle.result()
        if isinstance(result, QuoteToCashResult) and result.stage != "completed":
            raise RuntimeError(f"{order} ended as {result}")
        return handle


def tieline_variant(stand: Stand) -> Variant:
    """Quote-to-cash with effects, audit and ledger, as shipped."""

    async def start(order: str) -> Handle:
        workflow_id = quote_to_cash_id("crm", order)
        await start_process(
            stand.tieline,
            "quote-to-cash",
            QuoteToCashInput(crm="crm", opportunity_id=order),
            workflow_id=workflow_id,
            task_queue=PROCESS_QUEUE,
            stage="accepting",
        )
        return stand.tieline.get_workflow_handle(workflow_id, result_type=QuoteToCashResult)

    return Variant("Tieline", start, stand.tieline_worker)


def naive_variant(stand: Stand) -> Variant:
    """One activity a call, in sequence."""

    async def start(order: str) -> Handle:
        return await stand.plain.start_workflow(
            NaiveQuoteToCash.run, order, id=f"naive/{order}", task_queue=NAIVE_QUEUE
        )

    return Variant("one activity a call", start, stand.naive_worker)
