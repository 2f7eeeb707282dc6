"""`tieline relay`: canonical events out of the outbox."""

import asyncio

import typer

from adapters.http.redaction import RedactingFilter
from tieline.cli.output import context_of, err
from tieline.cli.signals import stop_event
from tieline.settings import Settings
from tieline.telemetry import set_up_logging
from workers.relay import run_relay


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tieline --config prod.toml relay")(relay)


def relay(context: typer.Context) -> None:
    """Relay canonical events to NATS JetStream and to subscribers until Ctrl-C.

    A second one stands by, and takes over when the first one ends. Without relay.nats and without
    subscribers the outbox is the stream: see `tieline events tail`.
    """
    settings = context_of(context).settings()
    asyncio.run(_relay(settings))


async def _relay(settings: Settings) -> None:
    set_up_logging(settings.log, [RedactingFilter()])
    if settings.relay_targets:
        err.print(f"relay to {', '.join(settings.relay_targets)}; Ctrl-C stops", style="dim")
    await run_relay(settings, stop_event())
