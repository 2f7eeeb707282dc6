"""The org's closed-won callout: a signed HTTP message in Standard Webhooks form."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import orjson
from standardwebhooks import Webhook

from simulators.sending import Message, Mishaps, WebhookSender

if TYPE_CHECKING:
    from simulators.salesforce.simulator import SalesforceSimulator

EVENT_TYPE = "opportunity.closed_won"


@dataclass(frozen=True)
class ClosedWon:
    """One callout: its id and body are the same for the same version of the deal."""

    id: str
    body: bytes

    def headers(self, secret: str, now: datetime | None = None) -> dict[str, str]:
        """The three webhook headers, signed for a sending at this moment."""
        moment = now or datetime.now(UTC)
        return {
            "content-type": "application/json",
            "webhook-id": self.id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(self.id, moment, self.body.decode()),
        }


def closed_won_event(record: dict[str, Any], organization_id: str) -> ClosedWon:
    """The callout for an opportunity as it stands."""
    changed = record["SystemModstamp"]
    body = {
        "type": EVENT_TYPE,
        "timestamp": changed.replace("+0000", "Z"),
        "data": {
            "opportunity_id": record["Id"],
            "organization_id": organization_id,
            "system_modstamp": changed,
            "environment": "test",
        },
    }
    return ClosedWon(f"sf:{record['Id']}:{changed}", orjson.dumps(body))


class CalloutSender:
    """Sends callouts to one address, a few at a time; use it as an async context manager."""

    def __init__(
        self,
        simulator: "SalesforceSimulator",
        url: str,
        secret: str,
        *,
        concurrency: int = 8,
        attempts: int = 4,
        pause_seconds: float = 0.2,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self.simulator = simulator
        self.url = url
        self.secret = secret
        self._sender = WebhookSender(
            url, concurrency=concurrency, attempts=attempts, pause_seconds=pause_seconds,
            client=client,
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._sender.__aexit__(kind, error, trace)

    async def close(
        self, opportunity_ids: Sequence[str], mishaps: Mishaps | None = None
    ) -> list[int]:
        """Win these deals and send their callouts; the status of each sending, in order."""
        return await self.send([self.simulator.close_won(i) for i in opportunity_ids], mishaps)

    async def send(self, events: Sequence[ClosedWon], mishaps: Mishaps | None = None) -> list[int]:
        """Send each event; answers the HTTP status of each sending, 0 when no connection could be
        made."""
        messages = [Message(e.id, e.body, partial(e.headers, self.secret)) for e in events]
        return await self._sender.send(messages, mishaps)
