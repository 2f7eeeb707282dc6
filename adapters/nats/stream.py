"""Publishes canonical events to JetStream: pipelined, acknowledged, each once by its id."""

import asyncio
from collections.abc import Mapping, Sequence

import orjson
from nats.aio.client import Client
from nats.js.api import PubAck
from nats.js.client import JetStreamContext
from nats.js.errors import NoStreamResponseError, NotFoundError

from adapters.nats.connecting import ANSWER_SECONDS, StreamPlace, connected, ensure_stream
from adapters.nats.errors import FAILURES, explained, is_refusal
from adapters.nats.subjects import subject_of
from canonical.errors import TielineError
from canonical.events import OutboxEvent

EVENTS_IN_FLIGHT_MAX = 1000
MESSAGE_ID = "Nats-Msg-Id"
CONTENT_TYPE = "application/cloudevents+json"
# How many of the newest messages are looked at for what an earlier attempt left there.
RECENT_MESSAGES = 2 * EVENTS_IN_FLIGHT_MAX
READS_AT_ONCE = 200


class JetStream:
    """One stream of one NATS server; connects when it is first used.

    The server drops an id that it has seen within the duplicate window. After an attempt of unknown
    outcome, by this process or one before it, the end of the stream is read as well: the window may
    have passed since.
    """

    def __init__(self, place: StreamPlace) -> None:
        self.place = place
        self._client: Client | None = None
        self._js: JetStreamContext | None = None
        self._doubtful = True

    async def open(self) -> None:
        """Connect, and make the stream or bring it up to date."""
        await self._stream()

    async def publish(self, events: Sequence[OutboxEvent]) -> Mapping[str, str]:
        """Put events into the stream, once each; answers which it will never take, and why."""
        refused: dict[str, str] = {}
        for start in range(0, len(events), EVENTS_IN_FLIGHT_MAX):
            refused |= await self._publish(events[start : start + EVENTS_IN_FLIGHT_MAX])
        return refused

    async def publish_again(self, event: OutboxEvent, suffix: str = "") -> bool:
        """Put an event in once more; False when the server dropped it as a duplicate."""
        js = await self._stream()
        try:
            return not (await self._send(js, event, suffix)).duplicate
        except FAILURES as error:
            raise self._failed(error) from None

    async def aclose(self) -> None:
        """Close the connection."""
        client, self._client, self._js = self._client, None, None
        if client is not None and not client.is_closed:
            await client.close()

    async def _publish(self, events: Sequence[OutboxEvent]) -> dict[str, str]:
        js = await self._stream()
        known = await self._recent_ids(js) if self._doubtful else frozenset()
        new = [event for event in events if event.id not in known]
        self._doubtful = True
        # Each task writes its message before it first waits, so the stream has the events' order.
        results = await asyncio.gather(
            *(self._send(js, event) for event in new), return_exceptions=True
        )
        refused: dict[str, str] = {}
        for event, result in zip(new, results, strict=True):
            if isinstance(result, FAILURES):
                if not is_refusal(result):
                    raise self._failed(result)
                refused[event.id] = str(explained(result, "publishing"))
            elif isinstance(result, BaseException):
                raise result
        self._doubtful = False
        return refused

    async def _send(self, js: JetStreamContext, event: OutboxEvent, suffix: str = "") -> PubAck:
        return await js.publish(
            subject_of(self.place.subject_prefix, event),
            orjson.dumps(event.cloud_event()),
            stream=self.place.stream,
            headers={MESSAGE_ID: event.id + suffix, "Content-Type": CONTENT_TYPE},
        )

    async def _stream(self) -> JetStreamContext:
        if self._js is None:
            if self._client is None or self._client.is_closed:
                self._client = await connected(self.place)
            js = self._client.jetstream(timeout=ANSWER_SECONDS)
            await ensure_stream(js, self.place)
            self._js = js
        return self._js

    def _failed(self, error: Exception) -> TielineError:
        if isinstance(error, NoStreamResponseError | NotFoundError) or (
            self._client is not None and self._client.is_closed
        ):
            self._js = None  # somebody removed the stream, or the connection: make it again
        return explained(error, "publishing")

    async def _recent_ids(self, js: JetStreamContext) -> frozenset[str]:
        """The ids of the newest messages in the stream."""
        try:
            state = (await js.stream_info(self.place.stream)).state
            first = max(state.first_seq, state.last_seq - RECENT_MESSAGES + 1, 1)
            found: set[str] = set()
            for start in range(first, state.last_seq + 1, READS_AT_ONCE):
                upto = min(start + READS_AT_ONCE, state.last_seq + 1)
                found.update(
                    await asyncio.gather(*(self._id_at(js, seq) for seq in range(start, upto)))
                )
        except FAILURES as error:
            raise self._failed(error) from None
        return frozenset(found)

    async def _id_at(self, js: JetStreamContext, sequence: int) -> str:
        try:
            message = await js.get_msg(self.place.stream, seq=sequence, direct=True)
        except NotFoundError:
            return ""  # deleted, or aged out meanwhile
        return str((message.headers or {}).get(MESSAGE_ID, ""))
