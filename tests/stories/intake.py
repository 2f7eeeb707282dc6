"""The webhook receiver as a process of its own, and what senders, good and bad, post to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
from standardwebhooks import Webhook

from simulators.salesforce.callout import ClosedWon, closed_won_event
from tests.world import World, eventually
from tieline.children import child, tieline_command
from tieline.rehearsal.credentials import Credentials

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Intake:
    """A running receiver, and the secret that genuine messages are signed with."""

    process: asyncio.subprocess.Process
    http: httpx.AsyncClient
    secret: str
    log: Path

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """Send a message as the CRM's callout does."""
        return await self.http.post("/webhooks/crm", content=body, headers=headers)

    async def deliver(self, event: ClosedWon) -> httpx.Response:
        """Send a genuine message, signed now."""
        return await self.post(event.body, event.headers(self.secret))

    async def die(self) -> None:
        """End as a machine does that loses its power."""
        self.process.kill()
        await self.process.wait()

    async def health(self) -> dict[str, Any]:
        """What the receiver says of itself."""
        answer: dict[str, Any] = (await self.http.get("/health")).json()
        return answer


@asynccontextmanager
async def receiving(tieline: World, credentials: Credentials) -> AsyncIterator[Intake]:
    """`tieline webhooks`, reachable, with the CRM's callouts pointed at it."""
    port = tieline.settings.webhooks.port
    log = tieline.config.with_name("webhooks.log")
    secret = credentials.webhook_secret.read_text()
    tieline.crm.callout_url = f"http://{LOOPBACK}:{port}/webhooks/crm"
    async with (
        child(tieline_command(tieline.config, "webhooks"), log) as process,
        httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", timeout=20) as http,
    ):
        await eventually(lambda: accepts(port))
        yield Intake(process, http, secret, log)


async def close_in_the_crm(tieline: World, *deals: str) -> dict[str, Any]:
    """A sales person closes deals; the CRM says what became of its callouts."""
    async with httpx.AsyncClient(base_url=tieline.settings.connections["crm"].url) as crm:
        answer = await crm.post("/_sim/close", json={"opportunity_ids": deals})
    sent: dict[str, Any] = answer.json()
    return sent


def callout(tieline: World, deal: str) -> ClosedWon:
    """The message of a deal as it stands in the CRM; another version is another message."""
    return closed_won_event(tieline.opportunity(deal), tieline.crm.organization_id)


def signed(
    body: bytes, secret: str, *, at: datetime | None = None, event_id: str = "msg_mallory"
) -> dict[str, str]:
    """The headers of any body, signed with any secret at any time."""
    moment = at or datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, moment, body.decode()),
    }


def closed_won(deal: str, kind: str = "opportunity.closed_won", **data: Any) -> bytes:
    """The body of a closed-won message, or of one of another type with the same facts."""
    facts = {"opportunity_id": deal, "environment": "test"} | data
    at = datetime.now(UTC).isoformat()
    return orjson.dumps({"type": kind, "timestamp": at, "data": facts})


async def accepts(port: int) -> bool:
    """Whether somebody listens at a port."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True
