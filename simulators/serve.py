"""Serve simulators on loopback ports: inside a running event loop, or as a process of their own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any

import uvicorn

from simulators.kernel import Simulator


def listening_socket(port: int = 0, host: str = "127.0.0.1") -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises OSError when the port is taken."""
    # Named, since asyncio turns the Nagle delay off only for sockets that say they are TCP.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


@contextlib.asynccontextmanager
async def serving(
    simulators: Mapping[str, Simulator], ports: Mapping[str, int] | None = None, **tls: Any
) -> AsyncIterator[dict[str, str]]:
    """Serve each simulator on its port (free ones by default); yields the base URL of each by name.

    `tls` passes `ssl_certfile` and `ssl_keyfile` through to the server.
    """
    scheme = "https" if tls else "http"
    servers: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []
    urls: dict[str, str] = {}
    try:
        for name, simulator in simulators.items():
            bound = listening_socket((ports or {}).get(name, 0))
            urls[name] = f"{scheme}://127.0.0.1:{bound.getsockname()[1]}"
            config = uvicorn.Config(
                simulator.app(), log_level="critical", access_log=False, lifespan="off",
                date_header=False, timeout_graceful_shutdown=1, **tls,
            )  # fmt: skip
            server = uvicorn.Server(config)
            # The process that serves owns the signals; a simulator in it must not take them over.
            server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
            servers.append((server, asyncio.create_task(server.serve(sockets=[bound]))))
        while not all(server.started for server, _ in servers):  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.005)
        yield urls
    finally:
        for server, _ in servers:
            server.should_exit = True
        for _, task in servers:
            await task
