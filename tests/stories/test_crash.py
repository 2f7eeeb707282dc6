"""Worker processes die without a word (`kill -9`), and every order is still written once."""

import asyncio
import contextlib
from collections import Counter
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflowservice.v1 import ResetStickyTaskQueueRequest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from canonical.connections import Role
from canonical.effects import EffectState
from canonical.ids import quote_to_cash_id
from ledger.audit import verify
from ledger.models.effects import scope_leases
from ledger.views.effects import EffectLine, effects_of
from simulators.kernel import Simulator
from tests.world import World, eventually, line, world
from tieline.children import child, tieline_command
from tieline.rehearsal.credentials import Credentials
from tieline.rehearsal.survey import survey

ORDERS = 50
CUSTOMERS = 25
LATENCY_SECONDS = 0.1
# What one order leaves in each system, by the kind of record.
PER_ORDER = (
    (Role.CRM, "write_back"),
    (Role.BILLING, "subscription"),
    (Role.ERP, "sales_order"),
    (Role.SUCCESS, "onboarding"),
)
PER_CUSTOMER = (
    (Role.BILLING, "customer"),
    (Role.ERP, "customer"),
    (Role.SUPPORT, "organization"),
    (Role.SUCCESS, "company"),
)


@pytest.mark.timeout(360)  # three worker processes, one after the other
async def test_fifty_orders_outlive_two_killed_workers_and_none_is_written_twice(
    tmp_path: Path, client: Client, server: str, credentials: Credentials
) -> None:
    """What a worker was writing when it died is looked up by the next one before it writes."""
    async with world(
        tmp_path,
        client,
        credentials,
        temporal_address=server,
        latency_seconds=LATENCY_SECONDS,
        run_workers=False,
    ) as tieline:
        # Given fifty orders of twenty-five customers, all at once
        deals = [
            tieline.deal(f"Customer {n % CUSTOMERS}", line("GTX-PRO", f"{1200 + n}.00"))
            for n in range(ORDERS)
        ]
        await asyncio.gather(*(tieline.start(deal) for deal in deals))

        # When two workers, one after the other, are killed while the ERP is writing for them
        in_doubt = await _killed_while_writing(tieline, orders=5)
        in_doubt |= await _killed_while_writing(tieline, orders=25)
        assert len(in_doubt) >= 2

        # And a third one is left to it
        async with _worker(tieline):
            async with asyncio.timeout(180):
                results = await asyncio.gather(*(tieline.process(d).result() for d in deals))

        # Then every order is complete, and every write is proven, the doubtful ones included
        assert Counter(result["stage"] for result in results) == {"completed": ORDERS}
        written = await _written(tieline)
        assert {effect.state for effect in written.values()} == {EffectState.CONFIRMED}
        assert min(written[key].attempts for key in in_doubt) >= 2

        # And the systems themselves have each record once, to the order and the customer
        adapters = tieline.house.adapters
        seen = await survey({c.role: adapters[n] for n, c in tieline.settings.connections.items()})
        assert seen.duplicates() == []
        for role, kind in PER_ORDER:
            assert set(seen.of(role, kind)) == set(deals), (role, kind)
        for role, kind in PER_CUSTOMER:
            assert set(seen.of(role, kind)) == set(tieline.accounts.values()), (role, kind)
        assert seen.booked(Role.BILLING) == seen.booked(Role.ERP) == seen.won_value()

        # And the record of it all is whole
        report = await verify(tieline.house.database)
        assert report.ok and report.rows >= len(written), report


def _worker(tieline: World) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    log = tieline.config.with_name("worker.log")
    return child(tieline_command(tieline.config, "worker"), log)


async def _written(tieline: World) -> dict[str, EffectLine]:
    database = tieline.house.database
    lines = await asyncio.gather(
        *(effects_of(database, quote_to_cash_id("crm", deal)) for deal in tieline.deals)
    )
    return {effect.key: effect for of_deal in lines for effect in of_deal}


async def _killed_while_writing(tieline: World, orders: int) -> set[str]:
    """Kill a worker, once so many orders are booked, while it waits for the ERP's answer to a
    write; the keys of what it had begun and not confirmed."""
    async with _worker(tieline) as process:
        await eventually(
            lambda: len(tieline.sales_orders()) >= orders and _is_writing(tieline.erp), seconds=120
        )
        process.kill()
        await process.wait()
    assert len(tieline.sales_orders()) < ORDERS
    written = await _written(tieline)
    await _let_time_pass(tieline)
    return {key for key, effect in written.items() if effect.state is not EffectState.CONFIRMED}


def _is_writing(vendor: Simulator) -> bool:
    return any(entry["status"] is None and entry["method"] == "PUT" for entry in vendor.log)


async def _let_time_pass(tieline: World) -> None:
    """What the two minutes bring in which nobody hears of the dead worker: its leases run out, and
    the server gives up its attempts (90 s) and its share of the workflow tasks (10 s)."""
    now = datetime.now(UTC)
    end = update(scope_leases).values(until=now)
    await tieline.house.database.run(lambda s: s.connection().execute(end))
    await asyncio.gather(*(_give_up(tieline, deal) for deal in tieline.deals))


async def _give_up(tieline: World, deal: str) -> None:
    described = (await tieline.process(deal).describe()).raw_description
    execution = described.workflow_execution_info.execution
    for activity in described.pending_activities:
        if activity.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
            attempt = tieline.client.get_async_activity_handle(
                workflow_id=execution.workflow_id,
                run_id=execution.run_id,
                activity_id=activity.activity_id,
            )
            await attempt.fail(ApplicationError("activity StartToClose timeout"))
    forget = ResetStickyTaskQueueRequest(namespace="default", execution=execution)
    with contextlib.suppress(RPCError):  # it has ended
        await tieline.client.workflow_service.reset_sticky_task_queue(forget)
