"""`tieline webhooks`: the receiver and its dispatcher."""

import asyncio

import typer

from adapters.http.redaction import RedactingFilter
from governance.source import CatalogueSource
from ledger.database import Database
from ledger.inbox import Inbox
from ledger.migrate import upgrade
from starters.webhooks.serve import serve_webhooks
from starters.webhooks.sources import webhook_sources
from tieline.cli.output import context_of, out
from tieline.settings import Settings
from tieline.telemetry import set_up_logging, set_up_tracing
from tieline.temporal import connect


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tieline --config prod.toml webhooks")(webhooks)


def webhooks(context: typer.Context) -> None:
    """Receive signed webhooks, store them and start processes until Ctrl-C.

    With Temporal down, events are stored and answered 2xx, and start their process later.
    """
    settings = context_of(context).settings()
    webhook_sources(settings)  # what cannot be verified is said before anything is begun
    asyncio.run(_webhooks(settings))


async def _webhooks(settings: Settings) -> None:
    set_up_logging(settings.log, [RedactingFilter()])
    catalogue = CatalogueSource(settings.catalogue)
    upgrade(settings.ledger_url)
    database = Database.open(settings.ledger_url)
    try:
        interceptors = set_up_tracing("tieline-webhooks")
        client = await connect(settings, interceptors=interceptors, lazy=True)
        await serve_webhooks(
            settings,
            client,
            Inbox(database, priority_of=lambda kind: catalogue.current().events.priority_of(kind)),
            started=lambda url: out.print(f"webhooks at {url}/webhooks/{{source}}"),
        )
    finally:
        await database.close()
