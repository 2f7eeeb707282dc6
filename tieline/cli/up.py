"""`tieline up`: everything on one machine, in processes of their own."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tieline.cli.output import Context, context_of, err, out
from tieline.cli.signals import until_stopped
from tieline.rehearsal.demo import SAMPLE
from tieline.rehearsal.house import house, rehearsal_house

FOLDER = Path(".tieline")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tieline up")(up)


def up(
    context: typer.Context,
    folder: Annotated[Path, typer.Option(help="Where state and logs are kept.")] = FOLDER,
    crm_export: Annotated[
        Path,
        typer.Option(
            help="The deals of a rehearsal: a Salesforce data export.",
            show_default="a sample",
            exists=True,
            file_okay=False,
        ),
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
        else rehearsal_house(folder / "rehearsal", crm_export=crm_export, talkative=True)
    )
    async with running as standing:
        out.print(f"Temporal    {standing.temporal_address}   Web UI {standing.ui_url}")
        out.print(f"webhooks    {standing.webhooks_url}")
        for vendor, url in standing.vendor_urls.items():
            out.print(f"{vendor:<11} {url}")
        out.print(f"settings    {standing.config}   logs {standing.logs}")
        err.print("Ctrl-C stops everything.", style="dim")
        await standing.watch(until_stopped())
