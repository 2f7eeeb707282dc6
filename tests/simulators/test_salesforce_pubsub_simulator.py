"""The simulated event bus, spoken to as the vendor's contract says, by gRPC alone."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from simulators.salesforce import SalesforceSimulator
from simulators.salesforce.eventbus import (
    CHANGES_TOPIC,
    CLOSED_WON_TOPIC,
    OVERFLOW_RECORD,
    EventBus,
    UnknownReplayId,
    replay_id,
)
from simulators.salesforce.pubsub import (
    FetchRequest,
    FetchResponse,
    PubSubServer,
    SchemaInfo,
    SchemaRequest,
    TopicInfo,
    TopicRequest,
    serving_pubsub,
)

LATEST, EARLIEST, CUSTOM = 0, 1, 2


class Caller:
    """A client with a token of the org."""

    def __init__(self, channel: grpc.aio.Channel, org: SalesforceSimulator) -> None:
        self.channel = channel
        self.proof = {
            "accesstoken": org.issue_token(),
            "instanceurl": "https://acme.my.salesforce.com",
            "tenantid": org.organization_id,
        }

    def subscribe(self) -> Any:
        """A stream."""
        method = self.channel.stream_stream(
            "/eventbus.v1.PubSub/Subscribe", FetchRequest.SerializeToString,
            FetchResponse.FromString,
        )  # fmt: skip
        return method(metadata=tuple(self.proof.items()))

    async def ask(self, name: str, request: Any, answer: Any) -> Any:
        """One question, one answer."""
        method = self.channel.unary_unary(
            f"/eventbus.v1.PubSub/{name}", type(request).SerializeToString, answer.FromString
        )
        return await method(request, metadata=tuple(self.proof.items()))

    async def first(self, **request: Any) -> Any:
        """The first answer of a stream."""
        call = self.subscribe()
        await call.write(FetchRequest(**{"topic_name": CLOSED_WON_TOPIC} | request))
        answer = await call.read()
        call.cancel()
        return answer


@pytest.fixture
def org() -> SalesforceSimulator:
    """An org."""
    return SalesforceSimulator()


@pytest.fixture
async def server(org: SalesforceSimulator) -> PubSubServer:
    """Its event bus, which says every 20 ms that it lives."""
    return PubSubServer(org, keepalive_seconds=0.02)


@pytest.fixture
async def caller(org: SalesforceSimulator, server: PubSubServer) -> AsyncIterator[Caller]:
    """A client of it."""
    async with (
        serving_pubsub(server) as endpoint,
        grpc.aio.insecure_channel(endpoint) as channel,
    ):
        yield Caller(channel, org)


def deal(org: SalesforceSimulator) -> str:
    """A deal that is negotiated."""
    return org.add("Opportunity", Name="Initech", StageName="Negotiation", CloseDate="2026-11-20")


def win(org: SalesforceSimulator, number: int) -> None:
    """So many deals."""
    for _ in range(number):
        org.close_won(deal(org))


async def test_a_topic_names_its_schema_and_the_schema_is_avro(caller: Caller) -> None:
    """As GetTopic and GetSchema say."""
    topic = await caller.ask("GetTopic", TopicRequest(topic_name=CLOSED_WON_TOPIC), TopicInfo)
    schema = await caller.ask("GetSchema", SchemaRequest(schema_id=topic.schema_id), SchemaInfo)

    assert topic.can_subscribe
    assert schema.schema_id == topic.schema_id
    assert "Opportunity_Id__c" in schema.schema_json


@pytest.mark.parametrize("name", ["accesstoken", "tenantid", "instanceurl"])
async def test_each_of_the_three_headers_is_needed(caller: Caller, name: str) -> None:
    """Otherwise the caller is not authenticated."""
    del caller.proof[name]

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await caller.first(replay_preset=EARLIEST, num_requested=1)

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"topic_name": "/event/No__e", "num_requested": 1}, "NOT_FOUND", "topic.not.found"),
        ({"num_requested": 0}, "INVALID_ARGUMENT", "fetch.requested.events.invalid"),
        ({"num_requested": 101}, "INVALID_ARGUMENT", "fetch.requested.events.invalid"),
        (
            {"num_requested": 1, "replay_preset": CUSTOM, "replay_id": b"x"},
            "INVALID_ARGUMENT", "fetch.replayid.corrupted",
        ),
    ],
)  # fmt: skip
async def test_a_bad_request_is_refused_with_the_vendors_code(
    caller: Caller, request_: dict[str, Any], status: str, code: str
) -> None:
    """In the trailer `error-code`."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await caller.first(**request_)

    trailers = dict(refused.value.trailing_metadata())
    assert refused.value.code().name == status
    assert trailers["error-code"].endswith(code)


async def test_the_tip_tells_nothing_of_the_past(org: SalesforceSimulator, caller: Caller) -> None:
    """LATEST is the preset when none is given."""
    win(org, 2)

    answer = await caller.first(num_requested=5)

    assert list(answer.events) == []
    assert answer.latest_replay_id == replay_id(org.bus.tip(CLOSED_WON_TOPIC))
    assert answer.pending_num_requested == 5


async def test_no_more_comes_than_was_asked_for(org: SalesforceSimulator, caller: Caller) -> None:
    """The next comes with the next request."""
    win(org, 3)
    call = caller.subscribe()
    await call.write(FetchRequest(topic_name=CLOSED_WON_TOPIC, replay_preset=1, num_requested=2))

    first = await call.read()
    await asyncio.sleep(0.03)
    await call.write(FetchRequest(topic_name=CLOSED_WON_TOPIC, num_requested=2))
    answers = [await call.read()]
    while not answers[-1].events:
        answers.append(await call.read())
    call.cancel()

    assert (len(first.events), first.pending_num_requested) == (2, 0)
    assert (len(answers[-1].events), answers[-1].pending_num_requested) == (1, 1)


async def test_a_deal_won_twice_is_announced_once(org: SalesforceSimulator, caller: Caller) -> None:
    """A later change of it is another version."""
    globex = deal(org)
    org.close_won(globex)
    org.close_won(globex)
    org.store.update("Opportunity", globex, {"Amount": 7.0})
    org.close_won(globex)

    assert len(org.bus.kept(CLOSED_WON_TOPIC)) == 2
    assert len(org.bus.kept(CHANGES_TOPIC)) == 2


def test_after_three_days_an_event_and_its_replay_id_are_gone() -> None:
    """By the org's own clock."""
    now = [time.time()]
    bus = EventBus(lambda: now[0], "005")
    old = bus.publish(CLOSED_WON_TOPIC, {})
    now[0] += 71 * 3600
    young = bus.publish(CLOSED_WON_TOPIC, {})
    assert bus.start(CLOSED_WON_TOPIC, CUSTOM, replay_id(old.place)) == old.place

    now[0] += 2 * 3600

    assert bus.kept(CLOSED_WON_TOPIC) == [young]
    assert bus.start(CLOSED_WON_TOPIC, CUSTOM, replay_id(young.place)) == young.place
    with pytest.raises(UnknownReplayId):
        bus.start(CLOSED_WON_TOPIC, CUSTOM, replay_id(old.place))


def test_an_overflow_names_no_record() -> None:
    """Its record id is the empty one."""
    published = EventBus(time.time, "005").change(["006"], "GAP_OVERFLOW")

    header = published.fields["ChangeEventHeader"]
    assert header["recordIds"] == [OVERFLOW_RECORD]


def test_a_reset_org_has_an_empty_bus(org: SalesforceSimulator) -> None:
    """As it has no records."""
    win(org, 1)
    org.reset()

    assert org.bus.kept(CLOSED_WON_TOPIC) == []
