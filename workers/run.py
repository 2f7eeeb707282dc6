"""Runs Temporal workers: one for the processes, one for each connection's task queue."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.failures import FailureInterceptor
from canonical.connections import Connection, task_queue
from canonical.errors import Misconfigured
from canonical.ids import PROCESS_QUEUE
from tieline.settings import Settings
from workers.composition import Composition, composition
from workers.courier import run_courier
from workers.registry import WORKFLOWS

SHUTDOWN_GRACE = timedelta(seconds=30)
# Few polls, more where the server sees a backlog of activities. A task is handed to a waiting poll
# only if its start is on record within a second: with five polls on each of six queues a starving
# server misses that now and then, and the task is lost until its attempt times out.
ACTIVITY_POLLS = PollerBehaviorAutoscaling(minimum=1, maximum=5, initial=1)
WORKFLOW_POLLS = 2  # the least: one for the sticky queue, one for new processes
log = logging.getLogger(__name__)


def served_connections(settings: Settings) -> list[Connection]:
    """The connections this process serves, by its role filter; raises Misconfigured if none."""
    roles = settings.worker.roles
    served = [c for c in settings.connections.values() if not roles or c.role in roles]
    if not served:
        raise Misconfigured(
            "no connection to serve: add [connections.NAME] tables to tieline.toml"
            if not roles
            else f"no connection has one of the roles {', '.join(roles)}"
        )
    return served


def workers_of(client: Client, house: Composition, served: list[Connection]) -> list[Worker]:
    """The workers of one process, not started."""
    settings = house.settings
    built = [
        Worker(
            client,
            task_queue=task_queue(connection.name),
            activities=house.activities_of(connection),
            interceptors=[FailureInterceptor()],
            max_concurrent_activities=settings.worker.concurrent_max,
            activity_task_poller_behavior=ACTIVITY_POLLS,
            # Held by the server, so it is one limit for all worker processes (R137).
            max_task_queue_activities_per_second=connection.limits.requests_per_second,
            graceful_shutdown_timeout=SHUTDOWN_GRACE,
        )
        for connection in served
    ]
    if not settings.worker.roles:
        built += [
            _source_worker(client, drop.name, house.events_of(drop.name, drop.poll))
            for drop in settings.drops.values()
        ]
        built += [_source_worker(client, name, house.usage_of(name)) for name in settings.usage]
    if settings.worker.workflows:
        built.append(
            Worker(
                client,
                task_queue=PROCESS_QUEUE,
                workflows=WORKFLOWS,
                activities=[*house.desk_activities(), *house.clock_activities(client)],
                interceptors=[FailureInterceptor()],
                max_concurrent_local_activities=settings.worker.concurrent_max,
                max_concurrent_workflow_task_polls=WORKFLOW_POLLS,
                max_cached_workflows=settings.worker.cached_max,
                graceful_shutdown_timeout=SHUTDOWN_GRACE,
            )
        )
    return built


def _source_worker(client: Client, source: str, activities: list[Callable[..., Any]]) -> Worker:
    """What is only read, and has no limit that a server should hold: folders and warehouses."""
    return Worker(
        client,
        task_queue=task_queue(source),
        activities=activities,
        interceptors=[FailureInterceptor()],
        activity_task_poller_behavior=ACTIVITY_POLLS,
        graceful_shutdown_timeout=SHUTDOWN_GRACE,
    )


async def _courier(client: Client, house: Composition, stop: asyncio.Event) -> None:
    if house.settings.worker.workflows:
        catalogue = house.catalogue.current()
        await run_courier(client, house.settings, house.database, catalogue, stop)


async def run_workers(client: Client, settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then finish what is under way (up to 30 seconds).

    Also ends, by the error, when events are no longer taken to processes: nobody else would notice.
    """
    served = served_connections(settings)
    async with composition(settings, served) as house, AsyncExitStack() as stack:
        for worker in workers_of(client, house, served):
            await stack.enter_async_context(worker)
        log.info("worker serves %s", ", ".join(connection.name for connection in served))
        courier = asyncio.create_task(_courier(client, house, stop))
        courier.add_done_callback(
            lambda done: stop.set() if not done.cancelled() and done.exception() else None
        )
        await stop.wait()
        await courier
        log.info("worker stops: no new work is taken, what is under way is finished")
