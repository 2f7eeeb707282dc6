"""The webhook receiver as an ASGI app: raw bytes in, verified, stored once, answered 202.

Bad input is never our failure: it is answered 4xx and recorded. 503 means that the sender should
send again, because the ledger could not store.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from canonical.errors import TielineError
from canonical.inbound import InboundEvent, Refusal, WebhookRefused
from starters.webhooks.body import TooLarge, read_body
from starters.webhooks.inbox import Inbox
from starters.webhooks.openapi import openapi
from starters.webhooks.sources import Source

log = logging.getLogger(__name__)

CONTENT_TYPES = frozenset({"application/json"})
RETRY_AFTER_SECONDS = 5
EVENT_ID_CHARACTERS_MAX = 200
STORED = b'{"stored":true,"duplicate":false}'
REPEATED = b'{"stored":true,"duplicate":true}'
ID_HEADERS = ("webhook-id", "x-zendesk-webhook-invocation-id")

# Who did not prove to be the sender is unauthorized; any other refusal is a bad request.
UNPROVEN = frozenset({"missing_header", "bad_signature", "stale"})


class Wakeable(Protocol):
    """Who is told that an event was stored."""

    def wake(self) -> None:
        """There is something new to dispatch."""
        ...

    @property
    def reachable(self) -> bool:
        """Whether events can be handed on at present."""
        ...


@dataclass(frozen=True)
class _Refused(Exception):
    """How a message is turned away."""

    status: int
    code: str
    message: str


def webhook_app(
    sources: Mapping[str, Source],
    inbox: Inbox,
    dispatcher: Wakeable,
    *,
    body_bytes_max: int,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """`POST /webhooks/{source}` for these sources, `GET /health` and `GET /openapi.json`."""
    receiver = _Receiver(sources, inbox, dispatcher, body_bytes_max, clock)
    return Starlette(
        routes=[
            Route("/webhooks/{source}", receiver.receive, methods=["POST"]),
            Route("/health", receiver.health, methods=["GET"]),
            Route("/openapi.json", receiver.describe, methods=["GET"]),
        ]
    )


@dataclass(frozen=True)
class _Receiver:
    sources: Mapping[str, Source]
    inbox: Inbox
    dispatcher: Wakeable
    body_bytes_max: int
    clock: Callable[[], datetime]

    async def receive(self, request: Request) -> Response:
        """One message: 202 once it is stored, whether or not anything can be done with it yet."""
        source = self.sources.get(request.path_params["source"])
        if source is None:
            return _error(404, "unknown_source", "no source of this name is configured")
        body = b""
        try:
            headers = dict(request.headers)
            _check_content_type(headers)
            body = await self._body(request)
            event = _verified(source, body, headers, self.clock())
        except ClientDisconnect:
            return Response(status_code=400)
        except _Refused as refused:
            await self._record(source, request, body, refused)
            return _error(refused.status, refused.code, refused.message)
        try:
            stored = await self.inbox.store(event)
        except Exception as error:
            return _unavailable(error)
        self.dispatcher.wake()
        return Response(STORED if stored.new else REPEATED, 202, media_type="application/json")

    async def _body(self, request: Request) -> bytes:
        try:
            return await read_body(request, self.body_bytes_max)
        except TooLarge as error:
            message = f"at least {error.seen_bytes} bytes, {self.body_bytes_max} are allowed"
            raise _Refused(413, "too_large", message) from None
        except TimeoutError:
            raise _Refused(408, "too_slow", "the body did not arrive in time") from None

    async def _record(
        self, source: Source, request: Request, body: bytes, refused: _Refused
    ) -> None:
        """Note the refusal; that this fails changes nothing for the sender."""
        refusal = Refusal(
            source=source.connection,
            reason=refused.message,
            code=refused.code,
            remote=request.client.host if request.client else "",
            body_digest=hashlib.sha256(body).hexdigest() if body else "",
            body_bytes=len(body),
            event_id=_stated_id(request),
            at=self.clock(),
        )
        try:
            await self.inbox.refuse(refusal)
        except Exception as error:
            log.error("A refusal (%s) could not be recorded: %s", refused.code, _said(error))

    async def health(self, request: Request) -> Response:
        """Whether events are taken in, and what waits; 503 when the ledger does not answer."""
        try:
            backlog = await self.inbox.backlog(self.clock())
        except Exception as error:
            return _unavailable(error)
        return JSONResponse(
            {
                "intake": "ok",
                "dispatch": "ok" if self.dispatcher.reachable else "waiting",
                "pending": backlog.pending,
                "oldest_seconds": round(backlog.oldest_seconds, 1),
                "dead": backlog.dead,
            }
        )

    async def describe(self, request: Request) -> Response:
        """What may be posted where, and every answer."""
        return JSONResponse(openapi(self.sources, version("tieline")))


def _stated_id(request: Request) -> str:
    """The id that the sender gave its message, as far as it stands in a header."""
    stated = (request.headers.get(name, "") for name in ID_HEADERS)
    return next((value for value in stated if value), "")[:EVENT_ID_CHARACTERS_MAX]


def _check_content_type(headers: Mapping[str, str]) -> None:
    content_type = headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if content_type not in CONTENT_TYPES:
        raise _Refused(415, "content_type", "the content type must be application/json")


def _verified(
    source: Source, body: bytes, headers: Mapping[str, str], now: datetime
) -> InboundEvent:
    try:
        return source.event(body, headers, now)
    except WebhookRefused as refused:
        status = 401 if refused.code in UNPROVEN else 400
        raise _Refused(status, refused.code, str(refused)) from None
    except (ValueError, RecursionError):  # whatever a body can break, it breaks for its sender
        raise _Refused(400, "malformed", "the message cannot be read") from None


def _unavailable(error: Exception) -> Response:
    log.error("The ledger cannot serve the receiver: %s", _said(error))
    return _error(503, "unavailable", "not stored; send it again", RETRY_AFTER_SECONDS)


def _error(status: int, code: str, message: str, retry_after_seconds: int = 0) -> Response:
    headers = {"Retry-After": str(retry_after_seconds)} if retry_after_seconds else None
    return JSONResponse({"error": code, "message": message}, status_code=status, headers=headers)


def _said(error: Exception) -> str:
    """Our own errors in their words; of others only the kind, since they may quote anything."""
    return str(error) if isinstance(error, TielineError) else type(error).__name__
