"""Delivers one event to one subscriber, and says how it was taken."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import orjson
from pydantic import HttpUrl

from adapters.http.answer import Answer
from adapters.http.errors import retry_after
from adapters.http.transport import Transport
from adapters.signed.standard import secret_problem, signed_headers
from adapters.webhooks.addresses import public_address
from canonical.connections import Environment, Limits
from canonical.errors import Misconfigured, Rejected, TielineError
from canonical.events import OutboxEvent
from canonical.ports.stream import Delivery

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
GONE = 410
# A refusal (4xx) that another moment may lift.
PASSING = frozenset({408, 409, 425, 429})


@dataclass(frozen=True)
class Subscriber:
    """Who gets events, and where."""

    name: str
    url: str
    secret: str = field(repr=False)
    environment: Environment = Environment.TEST
    allow_private: bool = False
    timeout_seconds: float = 10.0
    concurrent: int = 8

    @property
    def base_url(self) -> HttpUrl:
        """Where it is."""
        return HttpUrl(self.url)

    @property
    def limits(self) -> Limits:
        """How long one delivery may take, and how many there are at once."""
        return Limits(timeout_seconds=self.timeout_seconds, concurrent_requests=self.concurrent)


class WebhookEndpoint:
    """A subscriber's endpoint; raises Misconfigured for a secret or URL that cannot serve."""

    def __init__(
        self,
        subscriber: Subscriber,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if problem := secret_problem(subscriber.secret):
            raise Misconfigured(f"subscribers.{subscriber.name}.secret: {problem}")
        self.subscriber = subscriber
        self._clock = clock
        self._transport = Transport(subscriber, subscriber.name)
        parts = urlsplit(subscriber.url)
        self._host, self._authority = parts.hostname or "", parts.netloc
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._secure = parts.scheme == "https"
        self._rest = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    async def deliver(self, event: OutboxEvent) -> Delivery:
        """Send the event; every failure is told, none is raised."""
        try:
            if event.environment is Environment.LIVE and not self._secure:
                raise Misconfigured("an event of the live environment needs https")
            return _judged(await self._post(event))
        except TielineError as error:
            # Refused here, before anything was sent: what resolves into our network, or no https.
            lasting = isinstance(error, Rejected | Misconfigured)
            return Delivery(cause=error.cause, error=str(error), lasting=lasting)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _post(self, event: OutboxEvent) -> Answer:
        address = await public_address(
            self._host, self._port, allow_private=self.subscriber.allow_private
        )
        scheme = "https" if self._secure else "http"
        body = orjson.dumps(event.cloud_event())
        headers = signed_headers(self.subscriber.secret, event.id, body, self._clock())
        request = self._transport.request(
            "POST",
            f"{scheme}://{address}:{self._port}{self._rest}",
            None,
            body,
            headers | {"Content-Type": CONTENT_TYPE, "Host": self._authority},
            tls_name=self._host if self._secure else None,
        )
        return await self._transport.send(request, write=True)


def _judged(answer: Answer) -> Delivery:
    if answer.ok:
        return Delivery(status=answer.status)
    return Delivery(
        status=answer.status,
        cause=f"http_{answer.status}",
        error=f"the endpoint answered {answer.status}",
        gone=answer.status == GONE,
        lasting=400 <= answer.status < 500 and answer.status not in PASSING,
        retry_after_seconds=retry_after(answer.headers.get("retry-after", "")),
    )
