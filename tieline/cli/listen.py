"""`tieline listen`: a connection's event bus, heard until Ctrl-C."""

import asyncio
from typing import Annotated

import typer

from adapters.http.redaction import RedactingFilter
from tieline.cli.output import context_of
from tieline.cli.signals import stop_event
from tieline.settings import Settings
from tieline.telemetry import set_up_logging, set_up_tracing
from workers.listen import run_listener


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tieline listen --connection salesforce")(listen)


def listen(
    context: typer.Context,
    connection: Annotated[str, typer.Option(help="The connection whose bus is heard.")],
) -> None:
    """Hear what a connection's event bus tells (Salesforce's Pub/Sub API) until Ctrl-C.

    Our place is kept; what the bus has lost is read from the records. Needs the extra
    `tieline[salesforce-pubsub]`.
    """
    asyncio.run(_listen(context_of(context).settings(), connection))


async def _listen(settings: Settings, connection: str) -> None:
    set_up_logging(settings.log, [RedactingFilter()])
    set_up_tracing("tieline-listen")
    await run_listener(settings, connection, stop_event())
