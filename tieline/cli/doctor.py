"""`tieline doctor`: is everything that a process needs there, and if not, what to do."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import typer
from rich.text import Text
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from adapters.registry import connect as connect_vendor
from adapters.warehouse import WarehouseUsage
from canonical.connections import Connection, task_queue
from canonical.errors import Misconfigured, TielineError, Unavailable
from canonical.ids import PROCESS_QUEUE
from canonical.usage import UsageSource
from canonical.visibility import SEARCH_ATTRIBUTES
from governance.catalogue import load_catalogue
from ledger.database import Database
from ledger.migrate import is_current
from tieline.cli.doctor_events import bus, has_bus, of_temporal, of_the_ledger
from tieline.cli.finding import Finding, checked
from tieline.cli.output import context_of, out, print_table, show
from tieline.settings import Settings
from tieline.temporal import connect


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tieline --json doctor")(doctor)


def doctor(context: typer.Context) -> None:
    """Check catalogue, ledger, vendors, feeds, relay, Temporal, workers; exit 1 if one fails.

    What fails says what to do.
    """
    shared = context_of(context)
    findings = asyncio.run(_examine(shared.settings()))
    show(shared, [vars(finding) for finding in findings], lambda: _render(findings))
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def _render(findings: list[Finding]) -> None:
    print_table(
        ["", "check", "finding"],
        [("ok" if f.good else Text("!!", "red"), f.check, f.says) for f in findings],
    )
    bad = sum(not finding.good for finding in findings)
    out.print(f"{bad} of {len(findings)} checks failed." if bad else "All is well.")


async def _examine(settings: Settings) -> list[Finding]:
    return [finding async for finding in _findings(settings)]


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    yield await checked("catalogue", partial(_catalogue, settings))
    ledger = await checked("ledger", partial(_ledger, settings))
    yield ledger
    if not settings.connections:
        yield Finding("connections", False, "none; add [connections.NAME] tables to tieline.toml")
    for connection in settings.connections.values():
        yield await checked(f"{connection.role} {connection.name}", partial(_vendor, connection))
        if has_bus(connection):
            yield await checked(f"bus {connection.name}", partial(bus, connection))
    for source in settings.usage.values():
        yield await checked(f"usage {source.name}", partial(_usage, source))
    yield Finding("payload encryption", True, "on" if settings.payload_keys else "off")
    if ledger.good:
        async for finding in of_the_ledger(settings):
            yield finding
    try:
        client = await connect(settings)
    except TielineError as error:
        yield Finding("temporal", False, str(error))
        return
    yield Finding("temporal", True, f"{settings.temporal.address} answers")
    yield await checked("search attributes", partial(_search_attributes, client))
    queues = {"processes": PROCESS_QUEUE}
    queues |= {name: task_queue(name) for name in settings.polling}
    for name, queue in queues.items():
        yield await checked(f"worker {name}", partial(_pollers, client, queue))
    async for finding in of_temporal(client, settings):
        yield finding


async def _catalogue(settings: Settings) -> str:
    catalogue = load_catalogue(settings.catalogue)
    return f"version {catalogue.version}, {len(catalogue.products.products)} products"


async def _ledger(settings: Settings) -> str:
    database = Database.open(settings.ledger_url)
    await database.close()
    if not await asyncio.to_thread(is_current, settings.ledger_url):
        raise Misconfigured(
            "its tables are not those of this version; start `tieline worker` once, which "
            "brings them up to date"
        )
    return "answers, tables up to date"


async def _vendor(connection: Connection) -> str:
    adapter = connect_vendor(connection)
    try:
        return await adapter.check()
    finally:
        await adapter.aclose()


async def _usage(source: UsageSource) -> str:
    usage = WarehouseUsage.from_source(source)
    try:
        return await usage.check()
    finally:
        await usage.aclose()


async def _search_attributes(client: Client) -> str:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = await client.operator_service.list_search_attributes(request)
    missing = [name for name in SEARCH_ATTRIBUTES if name not in known.custom_attributes]
    if missing:
        commands = "; ".join(
            f"temporal operator search-attribute create --name {name} "
            f"--type {SEARCH_ATTRIBUTES[name]}"
            for name in missing
        )
        raise Misconfigured(
            f"{', '.join(missing)} missing, and processes would hang; run: {commands}"
        )
    return "registered"


async def _pollers(client: Client, queue: str) -> str:
    kind = "WORKFLOW" if queue == PROCESS_QUEUE else "ACTIVITY"
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.Value(f"TASK_QUEUE_TYPE_{kind}"),
        )
    )
    if not described.pollers:
        raise Unavailable(f"nobody serves the queue {queue}; start `tieline worker`")
    return f"{len(described.pollers)} pollers"
