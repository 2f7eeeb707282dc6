"""Signed callouts a second that the real `tieline webhooks` process stores and answers."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from standardwebhooks.webhooks import Webhook

from tieline.children import child, tieline_command
from tieline.devserver import LOOPBACK, free_port

CONNECTIONS = 16
READY_SECONDS = 60.0
PATIENCE_SECONDS = 120.0
RESEND_SECONDS = 0.5
WARM_UP = 200


async def stored_per_second(url: str, secret: str, events: int) -> float:
    """Post so many different events over 16 connections until each is stored.

    Raises RuntimeError for one that is refused, TimeoutError when it takes more than two minutes.
    """
    await _post_all(url, _messages(url, secret, WARM_UP, "warm"))
    messages = _messages(url, secret, events, "full")
    began = time.perf_counter()
    await _post_all(url, messages)
    return events / (time.perf_counter() - began)


async def stored_per_second_without_temporal(
    config: Path, folder: Path, secret: str, events: int
) -> float:
    """The same against a process whose Temporal does not answer and whose ledger is its own."""
    port = free_port()
    overrides = {
        "TIELINE_TEMPORAL__ADDRESS": f"{LOOPBACK}:{free_port()}",
        "TIELINE_LEDGER_URL": f"sqlite:///{folder / 'intake.db'}",
        "TIELINE_WEBHOOKS__PORT": str(port),
    }
    environment = ["env", *(f"{name}={value}" for name, value in overrides.items())]
    command = [*environment, *tieline_command(config, "webhooks")]
    async with child(command, folder / "logs" / "intake.log"):
        await _listening(port)
        return await stored_per_second(f"http://{LOOPBACK}:{port}", secret, events)


def _messages(url: str, secret: str, events: int, kind: str) -> list[bytes]:
    """Whole HTTP requests, signed beforehand so that signing is not what is measured."""
    signer, now = Webhook(secret), datetime.now(UTC)
    host = urlsplit(url).netloc
    made = []
    for number in range(events):
        event_id = f"msg_{kind}_{number:06d}"
        deal = f"006{'W' if kind == 'warm' else 'X'}{number:011d}"
        body = json.dumps(
            {
                "type": "opportunity.closed_won",
                "timestamp": now.isoformat(),
                "data": {"opportunity_id": deal, "environment": "test"},
            }
        )
        head = (
            f"POST /webhooks/crm HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nwebhook-id: {event_id}\r\n"
            f"webhook-timestamp: {int(now.timestamp())}\r\n"
            f"webhook-signature: {signer.sign(event_id, now, body)}\r\n\r\n"
        )
        made.append(f"{head}{body}".encode())
    return made


async def _post_all(url: str, messages: list[bytes]) -> None:
    waiting = messages[::-1]
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as senders:
        for _ in range(CONNECTIONS):
            senders.create_task(_sender(url, waiting))


async def _sender(url: str, waiting: list[bytes]) -> None:
    """Post what waits over one connection; what was not stored is sent again, as the CRM would."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    while waiting:
        message = waiting.pop()
        writer.write(message)
        try:
            status = await _answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            status = 503
        if status == 503:
            waiting.append(message)
            await asyncio.sleep(RESEND_SECONDS)
        elif status != 202:
            raise RuntimeError(f"a callout was answered {status}")
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    length = next(
        int(line.partition(":")[2])
        for line in head.splitlines()
        if line.lower().startswith("content-length:")
    )
    await reader.readexactly(length)
    return int(head.split(" ", 2)[1])


async def _listening(port: int) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection(LOOPBACK, port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
