"""Sending the account's events to an event destination: signed, as snapshots or thin."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from simulators.sending import Message, Mishaps, WebhookSender
from simulators.stripe.store import Told

USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
_SENT_TOGETHER_MAX = 100
_URLS = {
    "invoice": "/v1/invoices", "subscription": "/v1/subscriptions", "customer": "/v1/customers",
    "subscription_schedule": "/v1/subscription_schedules", "dispute": "/v1/disputes",
}  # fmt: skip


@dataclass
class Destination:
    """Where events go; without a URL the account has none. `automatic` sends each at once."""

    url: str = ""
    secret: str = ""
    thin: bool = False
    automatic: bool = False


def signature(secret: str, body: bytes, moment: datetime) -> str:
    """The value of `Stripe-Signature` for a sending at this moment."""
    stamp = str(int(moment.timestamp()))
    signed = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256)
    return f"t={stamp},v1={signed.hexdigest()}"


def message(told: Told, destination: Destination) -> Message:
    """An event as a webhook to a destination."""
    body = thin(told) if destination.thin else orjson.dumps(told.event(), None, orjson.OPT_INDENT_2)

    def headers(moment: datetime) -> dict[str, str]:
        return {
            "content-type": "application/json; charset=utf-8",
            "user-agent": USER_AGENT,
            "stripe-signature": signature(destination.secret, body, moment),
        }

    return Message(told.id, body, headers)


def thin(told: Told) -> bytes:
    """The event without its object, with an id of its own, as API v2 tells it."""
    event: dict[str, Any] = told.event()
    obj = event["data"]["object"]
    url = f"{_URLS.get(obj['object'], '/v1/' + obj['object'] + 's')}/{obj['id']}"
    created = datetime.fromtimestamp(told.created, UTC)
    return orjson.dumps({
        "id": told.id.replace("evt_", "evt_test_", 1), "object": "v2.core.event",
        "type": f"v1.{told.type}", "livemode": False,
        "created": created.strftime("%Y-%m-%dT%H:%M:%S.246Z"), "context": None, "reason": None,
        "related_object": {"id": obj["id"], "type": obj["object"], "url": url},
    })  # fmt: skip


class Deliveries:
    """The sending of events to a destination; `remembered` gives those the account still has."""

    def __init__(self, destination: Destination, remembered: Callable[[], list[Told]]) -> None:
        self.destination = destination
        self._remembered = remembered
        self._sending: asyncio.Task[None] | None = None

    async def deliver(self, mishaps: Mishaps | None = None) -> list[int]:
        """Send what was not delivered yet; the HTTP status of each sending, 0 for no connection."""
        return await self._send([told for told in self._remembered() if told.pending], mishaps)

    def heard(self) -> None:
        """There is a new event: send it at once when that is asked for."""
        if not (self.destination.automatic and self.destination.url):
            return
        if self._sending is None or self._sending.done():
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # not being served yet: it goes out with the next one
            self._sending = loop.create_task(self._send_fresh())

    async def _send_fresh(self) -> None:
        # Each once: what fails waits for a delivery that is asked for, as Stripe's retries take
        # hours.
        while fresh := [t for t in self._remembered() if t.pending and not t.attempts]:
            await self._send(fresh[:_SENT_TOGETHER_MAX])

    async def _send(self, events: Sequence[Told], mishaps: Mishaps | None = None) -> list[int]:
        by_id = {told.id: told for told in events}
        messages = [message(told, self.destination) for told in events]
        sent = mishaps.applied(messages) if mishaps else messages
        async with WebhookSender(self.destination.url) as sender:
            statuses = await sender.send(sent)
        for one, status in zip(sent, statuses, strict=True):
            by_id[one.id].attempts += 1
            if 200 <= status < 300:
                by_id[one.id].pending = False
        return statuses
