"""The Pub/Sub API of a simulated org over gRPC on loopback: Subscribe, GetSchema, GetTopic."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from simulators.salesforce.avro import encoded, schema_id, schema_json
from simulators.salesforce.eventbus import TOPICS, Published, UnknownReplayId, replay_id
from simulators.salesforce.pubsub_messages import message
from simulators.salesforce.simulator import SalesforceSimulator

KEEPALIVE_SECONDS = 270.0
NUM_REQUESTED_MAX = 100
_CODES = "sfdc.platform.eventbus.grpc."

FetchRequest, FetchResponse = message("FetchRequest"), message("FetchResponse")
SchemaRequest, SchemaInfo = message("SchemaRequest"), message("SchemaInfo")
TopicRequest, TopicInfo = message("TopicRequest"), message("TopicInfo")


@dataclass
class StreamFaults:
    """What goes wrong on streams: every event twice, a break after so many events (once), nothing
    sent at all, or no right to subscribe."""

    duplicate: bool = False
    drop_after: int | None = None
    silent: bool = False
    forbidden: bool = False


class PubSubServer:
    """Serves the bus of an org to whoever has one of its tokens."""

    def __init__(
        self, org: SalesforceSimulator, *, keepalive_seconds: float = KEEPALIVE_SECONDS
    ) -> None:
        self.org = org
        self.keepalive_seconds = keepalive_seconds
        self.faults = StreamFaults()
        self.fetch_requests: list[Any] = []
        self.schemas_told = 0

    def handlers(self) -> grpc.GenericRpcHandler:
        """The service's methods, for a gRPC server."""
        return grpc.method_handlers_generic_handler(
            "eventbus.v1.PubSub",
            {
                "Subscribe": grpc.stream_stream_rpc_method_handler(
                    self.subscribe, FetchRequest.FromString, FetchResponse.SerializeToString
                ),
                "GetSchema": grpc.unary_unary_rpc_method_handler(
                    self.get_schema, SchemaRequest.FromString, SchemaInfo.SerializeToString
                ),
                "GetTopic": grpc.unary_unary_rpc_method_handler(
                    self.get_topic, TopicRequest.FromString, TopicInfo.SerializeToString
                ),
            },
        )

    async def get_topic(self, request: Any, context: Any) -> Any:
        """What a topic is, and which schema its next events have."""
        await self._admit(context)
        if request.topic_name not in TOPICS:
            await _refuse(context, grpc.StatusCode.NOT_FOUND, "topic.not.found")
        return TopicInfo(
            topic_name=request.topic_name, tenant_guid=self.org.organization_id,
            can_publish=request.topic_name.startswith("/event/"),
            can_subscribe=not self.faults.forbidden,
            schema_id=schema_id(request.topic_name), rpc_id=_rpc_id(),
        )  # fmt: skip

    async def get_schema(self, request: Any, context: Any) -> Any:
        """A schema by the id that events name."""
        await self._admit(context)
        self.schemas_told += 1
        for topic in TOPICS:
            if schema_id(topic) == request.schema_id:
                return SchemaInfo(
                    schema_json=schema_json(topic), schema_id=request.schema_id, rpc_id=_rpc_id()
                )
        return await _refuse(context, grpc.StatusCode.NOT_FOUND, "schema.fetch.failed")

    async def subscribe(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """The events of a topic, never more than were asked for."""
        # Read first: a client whose write meets the end of the stream never sees the reason.
        first = await anext(requests)
        await self._admit(context)
        await self._check(first, context)
        try:
            place = self.org.bus.start(first.topic_name, first.replay_preset, first.replay_id)
        except UnknownReplayId:
            code = "subscription.fetch.replayid.corrupted"
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, code)
        demand = _Demand(self, first)
        reading = asyncio.create_task(demand.read(requests, context))
        try:
            async for answer in self._answers(first.topic_name, place, demand, context):
                yield answer
        finally:
            reading.cancel()

    async def _answers(
        self, topic: str, place: int, demand: "_Demand", context: Any
    ) -> AsyncIterator[Any]:
        bus, sent = self.org.bus, 0
        with bus.waiting() as published:
            demand.changed = published
            while demand.pending or not demand.closed:
                published.clear()
                events = [event for event in bus.kept(topic) if event.place > place]
                events = [] if self.faults.silent else events[: demand.pending]
                if not events:
                    if await _timed_out(published, self.keepalive_seconds):
                        yield self._answer(topic, [], bus.tip(topic), demand)
                    continue
                left = None if self.faults.drop_after is None else self.faults.drop_after - sent
                sending = events if left is None else events[: max(left, 0)]
                if sending:
                    place, sent = sending[-1].place, sent + len(sending)
                    demand.pending -= len(sending)
                    yield self._answer(topic, sending, place, demand)
                if len(sending) < len(events):
                    self.faults.drop_after = None
                    await _refuse(context, grpc.StatusCode.UNAVAILABLE, "service.unavailable")

    def _answer(self, topic: str, events: list[Published], place: int, demand: "_Demand") -> Any:
        answer = FetchResponse(
            latest_replay_id=replay_id(place), rpc_id=_rpc_id(),
            pending_num_requested=demand.pending,
        )  # fmt: skip
        for event in events:
            for _ in range(2 if self.faults.duplicate else 1):
                told = answer.events.add(replay_id=replay_id(event.place))
                told.event.id = event.uuid
                told.event.schema_id = schema_id(topic)
                told.event.payload = encoded(topic, event)
        return answer

    async def _admit(self, context: Any) -> None:
        given = dict(context.invocation_metadata())
        good = self.org.tokens.accepts(f"Bearer {given.get('accesstoken', '')}")
        ours = str(given.get("tenantid", ""))[:15] == self.org.organization_id[:15]
        if not (good and ours and given.get("instanceurl")):
            await _refuse(context, grpc.StatusCode.UNAUTHENTICATED, "service.auth.error")

    async def _check(self, request: Any, context: Any) -> None:
        if request.topic_name not in TOPICS:
            await _refuse(context, grpc.StatusCode.NOT_FOUND, "topic.not.found")
        if not 0 < request.num_requested <= NUM_REQUESTED_MAX:
            code = "subscription.fetch.requested.events.invalid"
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, code)


class _Demand:
    """How many events a subscriber still takes."""

    def __init__(self, server: PubSubServer, first: Any) -> None:
        self.pending = first.num_requested
        self.closed = False
        self.changed = asyncio.Event()
        self._server = server
        server.fetch_requests.append(first)

    async def read(self, requests: AsyncIterator[Any], context: Any) -> None:
        """Add what further requests ask for."""
        with contextlib.suppress(grpc.RpcError, asyncio.CancelledError):
            async for request in requests:
                self._server.fetch_requests.append(request)
                self.pending += request.num_requested
                self.changed.set()
        self.closed = True
        self.changed.set()


@contextlib.asynccontextmanager
async def serving_pubsub(server: PubSubServer, port: int = 0) -> AsyncIterator[str]:
    """Serve on loopback (a free port by default); yields `host:port`."""
    listening = grpc.aio.server()
    listening.add_generic_rpc_handlers((server.handlers(),))
    bound = listening.add_insecure_port(f"127.0.0.1:{port}")
    await listening.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        await listening.stop(grace=0)


async def _timed_out(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return True
    return False


async def _refuse(context: Any, status: grpc.StatusCode, code: str) -> Any:
    rpc = _rpc_id()
    trailers = (("error-code", _CODES + code), ("rpc-id", rpc))
    await context.abort(status, f"the request was refused. rpcId: {rpc}", trailers)


def _rpc_id() -> str:
    return str(uuid.uuid4())
