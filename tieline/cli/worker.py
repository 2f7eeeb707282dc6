"""`tieline worker`: runs processes and their activities."""

import asyncio
from typing import Annotated

import typer

from adapters.http.redaction import RedactingFilter
from canonical.connections import Role
from starters.schedules import keep_schedules, planned
from tieline.cli.output import Context, context_of, out, show
from tieline.cli.signals import stop_event
from tieline.settings import Settings
from tieline.telemetry import set_up_logging, set_up_tracing
from tieline.temporal import connect
from workers.run import run_workers, served_connections


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tieline worker --role erp --no-workflows")(worker)


def worker(
    context: typer.Context,
    role: Annotated[
        list[Role] | None,
        typer.Option(help="Serve only connections of this role; repeat for several."),
    ] = None,
    workflows: Annotated[bool, typer.Option(help="Also run the processes' workflow tasks.")] = True,
    schedules: Annotated[
        bool, typer.Option(help="Also keep the schedules of polls and of the watch over them.")
    ] = True,
) -> None:
    """Run workflows and the activities of the configured connections until Ctrl-C."""
    shared = context_of(context)
    settings = shared.settings()
    chosen = {"roles": role or settings.worker.roles, "workflows": workflows}
    settings = settings.model_copy(update={"worker": settings.worker.model_copy(update=chosen)})
    served_connections(settings)
    asyncio.run(_worker(shared, settings, schedules))


async def _worker(shared: Context, settings: Settings, schedules: bool) -> None:
    set_up_logging(settings.log, [RedactingFilter()])
    client = await connect(settings, interceptors=set_up_tracing("tieline-worker"))
    # From here on a signal is an order to stop, also one that comes before the workers run.
    stop = stop_event()
    if settings.worker.workflows and schedules:
        removed = await keep_schedules(client, planned(settings.polling))
        show(shared, {"removed_schedules": removed}, lambda: _say(removed))
    await run_workers(client, settings, stop)


def _say(removed: list[str]) -> None:
    for schedule_id in removed:
        out.print(f"removed the schedule {schedule_id}: the settings poll no such source any more")
