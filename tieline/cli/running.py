"""`tieline worker`, `webhooks` and `up`: the processes that serve."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from adapters.http.redaction import RedactingFilter
from canonical.connections import Role
from ledger.database import Database
from ledger.inbox import Inbox
from ledger.migrate import upgrade
from starters.webhooks.serve import serve_webhooks
from tieline.cli.output import Context, context_of, err, out
from tieline.cli.signals import stop_event, until_stopped
from tieline.rehearsal.demo import SAMPLE
from tieline.rehearsal.house import house, rehearsal_house
from tieline.settings import Settings
from tieline.telemetry import set_up_logging, set_up_tracing
from tieline.temporal import connect
from workers.run import run_workers

FOLDER = Path(".tieline")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: tieline worker --role erp --no-workflows")(worker)
    app.command(epilog="Example: tieline --config prod.toml webhooks")(webhooks)
    app.command(epilog="Example: tieline up")(up)


def worker(
    context: typer.Context,
    role: Annotated[
        list[Role] | None,
        typer.Option(help="Serve only connections of this role; repeat for several."),
    ] = None,
    workflows: Annotated[bool, typer.Option(help="Also run the processes' workflow tasks.")] = True,
) -> None:
    """Run workflows and the activities of the configured connections until Ctrl-C."""
    settings = context_of(context).settings()
    chosen = {"roles": role or settings.worker.roles, "workflows": workflows}
    settings = settings.model_copy(update={"worker": settings.worker.model_copy(update=chosen)})
    asyncio.run(_worker(settings))


async def _worker(settings: Settings) -> None:
    set_up_logging(settings.log, [RedactingFilter()])
    client = await connect(settings, interceptors=set_up_tracing("tieline-worker"))
    await run_workers(client, settings, stop_event())


def webhooks(context: typer.Context) -> None:
    """Receive signed webhooks, store them and start processes until Ctrl-C.

    With Temporal down, events are stored and answered 2xx, and start their process later.
    """
    asyncio.run(_webhooks(context_of(context).settings()))


async def _webhooks(settings: Settings) -> None:
    set_up_logging(settings.log, [RedactingFilter()])
    upgrade(settings.ledger_url)
    database = Database.open(settings.ledger_url)
    try:
        interceptors = set_up_tracing("tieline-webhooks")
        client = await connect(settings, interceptors=interceptors, lazy=True)
        await serve_webhooks(
            settings,
            client,
            Inbox(database),
            started=lambda url: out.print(f"webhooks at {url}/webhooks/{{source}}"),
        )
    finally:
        await database.close()


def up(
    context: typer.Context,
    folder: Annotated[Path, typer.Option(help="Where state and logs are kept.")] = FOLDER,
    crm_export: Annotated[
        Path, typer.Option(help="The deals of a rehearsal: a Salesforce data export.")
    ] = SAMPLE,
) -> None:
    """Run everything on this machine until Ctrl-C: Temporal, webhooks and a worker.

    Without a tieline.toml the vendors are simulators too: close deals there by POST /_sim/close.
    """
    asyncio.run(_up(context_of(context), folder, crm_export))


async def _up(context: Context, folder: Path, crm_export: Path) -> None:
    settings = context.settings()
    running = (
        house(settings, context.file, folder)
        if settings.connections
        else rehearsal_house(folder / "rehearsal", crm_export=crm_export)
    )
    async with running as standing:
        out.print(f"Temporal    {standing.temporal_address}   Web UI {standing.ui_url}")
        out.print(f"webhooks    {standing.webhooks_url}")
        for vendor, url in standing.vendor_urls.items():
            out.print(f"{vendor:<11} {url}")
        out.print(f"settings    {standing.config}   logs {standing.logs}")
        err.print("Ctrl-C stops everything.", style="dim")
        await standing.watch(until_stopped())
