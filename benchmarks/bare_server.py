"""The least that a durable webhook receiver can be, to hold ours against.

The same web framework and server settings, the same reading of the body, one JSON parse, one INSERT
into an equal table, committed before the answer. No signature, no duplicates, no priority.

Run as `python -m benchmarks.bare_server LEDGER_URL PORT`.
"""

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import psycopg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ledger.migrate import upgrade
from starters.webhooks.body import read_body
from starters.webhooks.serve import CONNECTIONS_MAX, KEEP_ALIVE_SECONDS, listening, settle_memory
from tieline.devserver import LOOPBACK

BODY_BYTES_MAX = 262_144
POSTGRES_CONNECTIONS_MAX = 8
COLUMNS = (
    "source", "event_id", "type", "kind", "subject", "version", "channel", "priority",
    "account_id", "environment", "occurred_at", "received_at", "body", "state", "deliveries",
    "attempts", "due_at", "workflow_id", "cause", "error",
)  # fmt: skip

Values = Sequence[Any]
Insert = Callable[[Values], Awaitable[None]]


def sqlite_insert(path: str) -> Insert:
    """One connection in a thread of its own, as durable as the ledger's."""
    thread = ThreadPoolExecutor(1)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    statement = f"INSERT INTO inbox ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"

    async def insert(values: Values) -> None:
        # Without a transaction of its own a statement is one.
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(thread, connection.execute, statement, values)

    return insert


async def postgres_insert(url: str) -> Insert:
    """As many connections as the ledger has, over the driver's own asyncio."""
    free: asyncio.Queue[psycopg.AsyncConnection[Any]] = asyncio.Queue()
    for _ in range(POSTGRES_CONNECTIONS_MAX):
        free.put_nowait(await psycopg.AsyncConnection.connect(url, autocommit=True))
    holders = ", ".join(["%s"] * len(COLUMNS))
    statement = f"INSERT INTO inbox ({', '.join(COLUMNS)}) VALUES ({holders})"

    async def insert(values: Values) -> None:
        connection = await free.get()
        try:
            await connection.execute(statement, values)
        finally:
            free.put_nowait(connection)

    return insert


def bare_app(insert: Insert, *, texts: bool) -> Starlette:
    """`POST /webhooks/{source}`; `texts` for a database that keeps times as texts."""

    async def receive(request: Request) -> Response:
        body = await read_body(request, BODY_BYTES_MAX)
        event: Any = orjson.loads(body)
        now: Any = datetime.now(UTC)
        if texts:
            now = now.strftime("%Y-%m-%d %H:%M:%S.%f")
        event_id = request.headers.get("webhook-id") or event["id"]
        about = event["data"].get("opportunity_id") or event["data"]["object"]["id"]
        source = request.path_params["source"]
        values = (
            source, event_id, event["type"], "record", about, "", "webhook", 3, "", "test", now,
            now, body, "pending", 1, 0, now, "", "", "",
        )  # fmt: skip
        await insert(values)
        return JSONResponse({"stored": True}, status_code=202)

    return Starlette(routes=[Route("/webhooks/{source}", receive, methods=["POST"])])


async def serve(url: str, port: int) -> None:
    """Serve until SIGTERM."""
    upgrade(url)
    is_sqlite = url.startswith("sqlite")
    insert = sqlite_insert(urlsplit(url).path[1:]) if is_sqlite else await postgres_insert(url)
    server = uvicorn.Server(
        uvicorn.Config(
            bare_app(insert, texts=is_sqlite),
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            lifespan="off",
        )
    )
    settle_memory()
    with listening(LOOPBACK, port) as listener:
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
