"""The gRPC side of a subscription: bytes in, flow control, and what the end of a stream means."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import grpc
import grpc.aio

from adapters.salesforce.pubsub.contract import (
    CUSTOM,
    EARLIEST,
    SERVICE,
    FetchRequest,
    FetchResponse,
    SchemaInfo,
    SchemaRequest,
    TopicInfo,
    TopicRequest,
)
from adapters.salesforce.pubsub.errors import ERROR_CODE_TRAILER, judged
from canonical.errors import TielineError, Unavailable

MESSAGE_BYTES_MAX = 8 * 1024 * 1024
Proof = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Received:
    """One event as it came: its id, its schema's id, its Avro bytes and its place."""

    id: str
    schema_id: str
    payload: bytes
    replay_id: bytes


@dataclass(frozen=True)
class Fetched:
    """One answer of the stream; without events it only says that the stream lives, and where."""

    events: list[Received]
    latest_replay_id: bytes


class Wire:
    """One channel to a Pub/Sub endpoint (`host:port`); only a loopback one may go without TLS."""

    def __init__(self, endpoint: str, *, may_be_plain: bool, timeout_seconds: float) -> None:
        plain = may_be_plain and _loopback(endpoint)
        options = [("grpc.max_receive_message_length", MESSAGE_BYTES_MAX)]
        if plain:
            # Proxies of the environment are for the vendor, not for a simulator beside us.
            options.append(("grpc.enable_http_proxy", 0))
            self._channel = grpc.aio.insecure_channel(endpoint, options)
        else:
            proof = grpc.ssl_channel_credentials()
            self._channel = grpc.aio.secure_channel(endpoint, proof, options)
        self._endpoint = endpoint
        self._timeout_seconds = timeout_seconds
        self._subscribe: Any = self._channel.stream_stream(
            f"{SERVICE}/Subscribe", FetchRequest.SerializeToString, FetchResponse.FromString
        )
        self._get_schema: Any = self._channel.unary_unary(
            f"{SERVICE}/GetSchema", SchemaRequest.SerializeToString, SchemaInfo.FromString
        )
        self._get_topic: Any = self._channel.unary_unary(
            f"{SERVICE}/GetTopic", TopicRequest.SerializeToString, TopicInfo.FromString
        )

    async def admit(self, topic: str, proof: Proof) -> None:
        """Make sure that we may subscribe to a topic; raises Unauthorized or Misconfigured.

        Asked apart, since a stream that is refused before our first request has gone out is told by
        gRPC as an internal error, without the reason.
        """
        request = TopicRequest(topic_name=topic)
        try:
            answer = await self._get_topic(request, metadata=proof, timeout=self._timeout_seconds)
        except grpc.aio.AioRpcError as error:
            raise self._judged(error, topic) from None
        if not answer.can_subscribe:
            raise judged("PERMISSION_DENIED", "", topic)

    async def schema(self, schema_id: str, proof: Proof) -> str:
        """An Avro schema as JSON."""
        request = SchemaRequest(schema_id=schema_id)
        try:
            answer = await self._get_schema(request, metadata=proof, timeout=self._timeout_seconds)
        except grpc.aio.AioRpcError as error:
            raise self._judged(error, "schema") from None
        return str(answer.schema_json)

    async def fetches(
        self, topic: str, replay_id: bytes, proof: Proof, *, at_once: int, silence_seconds: float
    ) -> AsyncGenerator[Fetched, None]:
        """What comes after a replay id (empty: all that is kept), until the stream ends.

        The next `at_once` events are only asked for when those before have been taken. Raises
        Unavailable when nothing is heard for `silence_seconds`.
        """
        await self.admit(topic, proof)
        call = self._subscribe(metadata=proof)
        preset = CUSTOM if replay_id else EARLIEST
        wanted = FetchRequest(
            topic_name=topic, replay_preset=preset, replay_id=replay_id, num_requested=at_once
        )
        try:
            while True:
                if wanted is not None:
                    # A stream that has ended says why when it is read.
                    with suppress(asyncio.InvalidStateError):
                        await call.write(wanted)
                answer = await _heard(call, topic, silence_seconds)
                yield _fetched(answer)
                spent = answer.pending_num_requested <= 0
                wanted = FetchRequest(topic_name=topic, num_requested=at_once) if spent else None
        except grpc.aio.AioRpcError as error:
            raise self._judged(error, topic) from None
        finally:
            call.cancel()

    async def aclose(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def _judged(self, error: grpc.aio.AioRpcError, topic: str) -> TielineError:
        trailers = error.trailing_metadata() or ()
        code = next((str(value) for key, value in trailers if key == ERROR_CODE_TRAILER), "")
        if error.code() is grpc.StatusCode.UNAVAILABLE and not code:
            # It is not Salesforce that says so: nobody is there, or the way there is cut off.
            text = f"Salesforce {topic}: no connection to {self._endpoint}"
            return Unavailable(text, about=topic)
        return judged(error.code().name, code, topic)


async def _heard(call: Any, topic: str, silence_seconds: float) -> Any:
    try:
        async with asyncio.timeout(silence_seconds):
            answer = await call.read()
    except TimeoutError:
        text = f"Salesforce {topic}: the stream is silent for {silence_seconds:g} s"
        raise Unavailable(text, about=topic) from None
    if answer is grpc.aio.EOF:
        raise judged("OK", "", topic)
    return answer


def _fetched(answer: Any) -> Fetched:
    events = [
        Received(item.event.id, item.event.schema_id, item.event.payload, item.replay_id)
        for item in answer.events
    ]
    return Fetched(events, answer.latest_replay_id)


def _loopback(endpoint: str) -> bool:
    host = endpoint.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
