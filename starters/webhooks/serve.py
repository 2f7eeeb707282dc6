"""Runs the receiver and its dispatcher until a signal, then lets what is under way finish."""

import gc
import socket
from collections.abc import Callable

import uvicorn
from temporalio.client import Client

from canonical.errors import Misconfigured
from starters.webhooks.app import webhook_app
from starters.webhooks.dispatch import Dispatcher
from starters.webhooks.handover import NudgeTaker, StartQuoteToCash
from starters.webhooks.inbox import Inbox
from starters.webhooks.sources import webhook_sources
from tieline.settings import Settings

SHUTDOWN_SECONDS = 10
KEEP_ALIVE_SECONDS = 5
CONNECTIONS_MAX = 1000


async def serve_webhooks(
    settings: Settings,
    client: Client,
    inbox: Inbox,
    *,
    started: Callable[[str], None] = lambda url: None,
) -> None:
    """Receive and dispatch until SIGINT or SIGTERM; `started` is told the URL once it listens.

    Pass a lazy client, so that events are stored also while Temporal is down. Raises Misconfigured
    for a source that cannot be verified or an address that is taken.
    """
    dispatcher = Dispatcher(
        inbox,
        StartQuoteToCash(client),
        NudgeTaker(client),
        starts_per_second={
            name: connection.limits.starts_per_second
            for name, connection in settings.connections.items()
        },
    )
    app = webhook_app(
        webhook_sources(settings),
        inbox,
        dispatcher,
        body_bytes_max=settings.webhooks.body_bytes_max,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            lifespan="off",
        )
    )
    with listening(settings.webhooks.host, settings.webhooks.port) as listener:
        host, port = listener.getsockname()[:2]
        started(f"http://{host}:{port}")
        settle_memory()
        async with dispatcher.running():
            await server.serve(sockets=[listener])


def settle_memory() -> None:
    """Let the collector leave alone what stands for as long as the process does.

    Going through all modules took it 110 ms every few thousand events, and every sender waited.
    """
    gc.collect()
    gc.freeze()


def listening(host: str, port: int) -> socket.socket:
    """A socket whose connections answer at once; raises Misconfigured for an address that is taken.

    asyncio turns Nagle's algorithm off only for sockets that name their protocol, which this one
    does not: the end of each answer would wait 40 ms for the sender's delayed acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=CONNECTIONS_MAX)
    except OSError as error:
        raise Misconfigured(
            f"webhooks: cannot listen at {host}:{port} ({error.strerror}); "
            "set webhooks.host and webhooks.port to a free address",
            about="webhooks.port",
        ) from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
