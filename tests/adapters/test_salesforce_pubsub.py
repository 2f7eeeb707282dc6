"""The subscriber to Salesforce's event bus, against the simulated org over real gRPC."""

import sys
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import orjson
import pytest

from adapters.salesforce.events import SalesforceEvents
from adapters.salesforce.pubsub import SalesforcePubSub
from adapters.salesforce.pubsub.subscriber import CHANGES_TOPIC, CLOSED_WON_TOPIC
from adapters.salesforce.pubsub.wire import Wire
from canonical.connections import Connection, Environment
from canonical.errors import (
    CursorExpired,
    Malformed,
    Misconfigured,
    TielineError,
    Unauthorized,
    Unavailable,
)
from canonical.facts import Kind
from canonical.inbound import Channel, InboundEvent
from canonical.ports.events import ChangePage
from simulators.salesforce import SalesforceSimulator
from simulators.salesforce.pubsub import PubSubServer, serving_pubsub
from simulators.serve import serving

CONSUMER_KEY = "3MVG9.tieline"
CLIENT_SECRET = "canary-client-secret-77"
THREE_DAYS_SECONDS = 72 * 3600
PAGES_MAX = 50


class Hours:
    """The org's clock, which can be set forward."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_seconds


@pytest.fixture
def clock() -> Hours:
    """The org's clock."""
    return Hours()


@pytest.fixture
def org(clock: Hours, monkeypatch: pytest.MonkeyPatch) -> SalesforceSimulator:
    """An org whose connected app Tieline uses."""
    monkeypatch.setenv("SF_SECRET", CLIENT_SECRET)
    return SalesforceSimulator(
        connected_apps={CONSUMER_KEY: {"secret": CLIENT_SECRET}},
        token_seconds=10 * THREE_DAYS_SECONDS,
        clock=clock,
    )


@pytest.fixture
async def server(org: SalesforceSimulator) -> PubSubServer:
    """The org's event bus."""
    return PubSubServer(org)


@pytest.fixture
async def connection(org: SalesforceSimulator, server: PubSubServer) -> AsyncIterator[Connection]:
    """A connection to org and bus."""
    async with serving({"org": org}) as urls, serving_pubsub(server) as endpoint:
        yield Connection(
            name="main", role="crm", vendor="salesforce", base_url=urls["org"],
            secrets={"client_secret": "env:SF_SECRET"},
            options={"consumer_key": CONSUMER_KEY, "pubsub_endpoint": endpoint},
        )  # fmt: skip


def deal(org: SalesforceSimulator) -> str:
    """A deal with Globex that is still negotiated."""
    return org.add(
        "Opportunity", Name="Globex expansion", StageName="Negotiation", CloseDate="2026-11-20"
    )


def won_quietly(org: SalesforceSimulator) -> str:
    """A won deal of which the bus has said nothing."""
    return org.add(
        "Opportunity", Name="Initech renewal", StageName="Closed Won", CloseDate="2026-11-20"
    )


def win(org: SalesforceSimulator, number: int) -> list[str]:
    """So many deals, won one after the other; the ids of their callouts."""
    return [org.close_won(deal(org)).id for _ in range(number)]


async def heard(
    connection: Connection, number: int, cursor: str | None = None, **options: Any
) -> tuple[list[InboundEvent], list[ChangePage]]:
    """The first events after a cursor, and the pages that they came in."""
    subscriber = SalesforcePubSub.from_connection(connection, **options)
    events: list[InboundEvent] = []
    pages: list[ChangePage] = []
    try:
        async with aclosing(subscriber.listen(cursor)) as stream:
            while len(events) < number:
                pages.append(await anext(stream))
                events += pages[-1].events
                assert len(pages) < PAGES_MAX
    finally:
        await subscriber.aclose()
    return events, pages


async def refused(connection: Connection, cursor: str | None = None, **options: Any) -> Any:
    """What ends a stream from which nothing comes."""
    with pytest.raises(TielineError) as ended:
        await heard(connection, 1, cursor, **options)
    return ended.value


async def test_a_won_deal_is_told_under_the_id_of_its_callout(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """So that callout, poll and stream are one event in the inbox."""
    callout = org.close_won(deal(org))

    (event,), (page,) = await heard(connection, 1)

    assert event.event_id == callout.id
    assert event.type == "opportunity.closed_won"
    assert event.kind == Kind.OPPORTUNITY
    assert callout.id == f"sf:{event.subject}:{event.version}"
    assert (event.source, event.channel) == ("main", Channel.STREAM)
    assert event.environment is Environment.TEST
    assert event.occurred_at is not None
    assert page.read_up_to == event.occurred_at


async def test_the_poll_tells_the_same_event(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """And reads the record that the stream hints at."""
    win(org, 1)
    (streamed,), _ = await heard(connection, 1)
    poll = SalesforceEvents.from_connection(connection)

    since = streamed.received_at - timedelta(hours=1)
    page = await poll.changes("opportunities", poll.start("opportunities", since))
    facts = await poll.read(streamed)
    await poll.aclose()

    assert [event.event_id for event in page.events] == [streamed.event_id]
    assert [event.version for event in page.events] == [streamed.version]
    assert facts.version == streamed.version


async def test_no_more_is_asked_for_than_is_taken(
    org: SalesforceSimulator, server: PubSubServer, connection: Connection
) -> None:
    """Seven deals by two: a further request follows only when a page has been taken."""
    ids = win(org, 7)

    events, pages = await heard(connection, 7, at_once=2)

    assert [event.event_id for event in events] == ids
    assert max(len(page.events) for page in pages) == 2
    assert [request.num_requested for request in server.fetch_requests] == [2] * len(pages)


async def test_after_a_cursor_comes_what_came_since(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """The cursor of each page is the place behind its last event."""
    ids = win(org, 5)
    _, pages = await heard(connection, 5, at_once=2)

    events, _ = await heard(connection, 3, pages[0].cursor)

    assert [event.event_id for event in events] == ids[2:]


async def test_what_is_won_while_it_listens_is_told(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """The stream stays open."""
    win(org, 1)
    subscriber = SalesforcePubSub.from_connection(connection)
    async with aclosing(subscriber.listen(None)) as stream:
        await anext(stream)

        (later,) = win(org, 1)
        page = await anext(stream)

    await subscriber.aclose()
    assert [event.event_id for event in page.events] == [later]


async def test_a_stream_that_breaks_off_is_unavailable_and_loses_nothing(
    org: SalesforceSimulator, server: PubSubServer, connection: Connection
) -> None:
    """The caller connects again, from the last cursor it kept."""
    ids = win(org, 5)
    server.faults.drop_after = 3
    subscriber = SalesforcePubSub.from_connection(connection)
    pages: list[ChangePage] = []
    with pytest.raises(Unavailable):
        async for page in subscriber.listen(None):
            pages.append(page)
    await subscriber.aclose()

    events, _ = await heard(connection, 2, pages[-1].cursor)

    assert [e.event_id for page in pages for e in page.events] == ids[:3]
    assert [event.event_id for event in events] == ids[3:]


async def test_what_the_bus_tells_twice_has_the_same_id(
    org: SalesforceSimulator, server: PubSubServer, connection: Connection
) -> None:
    """At least once is what is promised."""
    ids = win(org, 2)
    server.faults.duplicate = True

    events, _ = await heard(connection, 4)

    assert [event.event_id for event in events] == [ids[0], ids[0], ids[1], ids[1]]


async def test_a_silent_stream_is_noticed(
    org: SalesforceSimulator, server: PubSubServer, connection: Connection
) -> None:
    """A half-open connection would otherwise be listened to for ever."""
    win(org, 1)
    server.faults.silent = True

    error = await refused(connection, silence_seconds=0.05)

    assert isinstance(error, Unavailable)
    assert "silent" in str(error)


async def test_an_idle_bus_says_that_it_lives_and_where(
    org: SalesforceSimulator, server: PubSubServer, connection: Connection
) -> None:
    """A page without events moves the cursor, so that it does not age behind an idle topic."""
    server.keepalive_seconds = 0.01
    subscriber = SalesforcePubSub.from_connection(connection, silence_seconds=5)
    async with aclosing(subscriber.listen(None)) as stream:
        page = await anext(stream)
    await subscriber.aclose()
    (later,) = win(org, 1)

    events, _ = await heard(connection, 1, page.cursor)

    assert page.events == []
    assert [event.event_id for event in events] == [later]


async def test_a_cursor_older_than_three_days_is_expired(
    org: SalesforceSimulator, clock: Hours, connection: Connection
) -> None:
    """Never silence: the gap is read from the records themselves."""
    win(org, 1)
    _, (page,) = await heard(connection, 1)
    clock.ahead_seconds = THREE_DAYS_SECONDS + 60
    (later,) = win(org, 1)

    error = await refused(connection, page.cursor)
    events, _ = await heard(connection, 1)

    assert isinstance(error, CursorExpired)
    assert "resume" not in error.details
    assert [event.event_id for event in events] == [later]


@pytest.mark.parametrize("cursor", ["not base64!", "AAAA", b64encode(bytes(8)).decode()])
async def test_a_cursor_that_the_bus_never_gave_is_expired(
    org: SalesforceSimulator, connection: Connection, cursor: str
) -> None:
    """Damaged, or of another org."""
    win(org, 1)

    assert isinstance(await refused(connection, cursor), CursorExpired)


async def test_an_expired_session_is_renewed_before_anything_is_told(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """A subscriber that starts again with yesterday's token gets a new one."""
    win(org, 1)
    subscriber = SalesforcePubSub.from_connection(connection)
    async with aclosing(subscriber.listen(None)) as stream:
        await anext(stream)
    org.expire_tokens()

    async with aclosing(subscriber.listen(None)) as stream:
        page = await anext(stream)

    await subscriber.aclose()
    assert len(page.events) == 1
    assert len(org.tokens.valid_until) == 1


async def test_an_org_that_is_not_ours_refuses(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """A new token is tried once, then it is a configuration fault."""
    options = connection.options | {"organization_id": "00D000000000999"}

    error = await refused(connection.model_copy(update={"options": options}))

    assert isinstance(error, Unauthorized)
    assert "canary" not in repr(error.details) + str(error)


async def test_an_unknown_topic_is_misconfigured(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """The event was not deployed."""
    error = await refused(connection, topic="/event/Order_Lost__e")

    assert isinstance(error, Misconfigured)
    assert error.about == "/event/Order_Lost__e"


async def test_a_topic_that_the_user_may_not_subscribe_to_is_unauthorized(
    org: SalesforceSimulator, server: PubSubServer, connection: Connection
) -> None:
    """Its permission set is missing; a new token is not asked for."""
    server.faults.forbidden = True

    error = await refused(connection)

    assert isinstance(error, Unauthorized)
    assert len(org.tokens.valid_until) == 1


async def test_a_request_that_the_bus_does_not_take_is_malformed(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """It takes a hundred at once at most."""
    assert isinstance(await refused(connection, at_once=101), Malformed)


async def test_nobody_there_is_unavailable(connection: Connection) -> None:
    """The endpoint is down."""
    options = connection.options | {"pubsub_endpoint": "127.0.0.1:1"}

    error = await refused(connection.model_copy(update={"options": options}))

    assert isinstance(error, Unavailable)


async def test_each_schema_is_asked_for_once(
    org: SalesforceSimulator, server: PubSubServer, connection: Connection
) -> None:
    """An id never changes its meaning."""
    win(org, 5)

    await heard(connection, 5, at_once=1)

    assert server.schemas_told == 1


async def test_an_event_without_our_id_has_the_one_of_the_bus(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """A flow of the org's own publishes the record's id alone."""
    globex = deal(org)
    published = org.bus.publish(CLOSED_WON_TOPIC, {"Opportunity_Id__c": globex[:15]})

    (event,), _ = await heard(connection, 1)

    assert event.event_id == published.uuid
    assert event.subject == globex
    assert event.version == ""


async def test_an_event_that_cannot_be_read_holds_up_nothing(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """It names no record, so the re-read sets it aside with its cause."""
    poison = org.bus.publish(CLOSED_WON_TOPIC, {}, garbled=True)
    empty = org.bus.publish(CLOSED_WON_TOPIC, {})
    (good,) = win(org, 1)

    events, _ = await heard(connection, 3)
    poll = SalesforceEvents.from_connection(connection)
    for event in events[:2]:
        with pytest.raises(Malformed):
            await poll.read(event)
    await poll.aclose()

    assert [event.event_id for event in events] == [poison.uuid, empty.uuid, good]
    assert b64decode(orjson.loads(events[0].body)["avro"]) == b"\xff"


async def test_what_was_received_is_kept_readable_and_to_the_byte(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """The fields for people, the Avro bytes as evidence."""
    win(org, 1)

    (event,), _ = await heard(connection, 1)

    body = orjson.loads(event.body)
    assert body["topic"] == CLOSED_WON_TOPIC
    assert body["event"]["Opportunity_Id__c"] == event.subject
    assert event.subject.encode() in b64decode(body["avro"])


async def changes(connection: Connection, number: int) -> Sequence[InboundEvent]:
    """The first hints of the change topic."""
    events, _ = await heard(connection, number, topic=CHANGES_TOPIC)
    return events


async def test_a_change_event_is_told_of_each_won_deal_in_it_as_the_poll_tells_it(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """A mass update of four deals in one transaction is one event; one of them is not won."""
    deals = [won_quietly(org) for _ in range(3)]
    org.bus.change([*deals, deal(org)], StageName="Closed Won")

    events = await changes(connection, 3)

    assert [event.subject for event in events] == deals
    assert {event.type for event in events} == {"opportunity.closed_won"}
    for event in events:
        assert event.version == org.record("Opportunity", event.subject)["SystemModstamp"]
        assert event.event_id == f"sf:{event.subject}:{event.version}"


async def test_changes_of_deals_that_are_not_won_move_the_cursor_only(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """A process is started for every deal that is hinted at."""
    org.bus.change([deal(org)], StageName="Negotiation")
    org.bus.change([won_quietly(org)])

    events, pages = await heard(connection, 1, topic=CHANGES_TOPIC, at_once=1)

    assert [len(page.events) for page in pages] == [0, 1]
    assert len(events) == 1


async def test_a_gap_event_has_the_whole_record_read(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """It says which record changed and nothing of what."""
    globex = won_quietly(org)
    org.bus.change([globex], "GAP_UPDATE")

    (event,) = await changes(connection, 1)

    assert (event.subject, event.kind) == (globex, Kind.OPPORTUNITY)


@pytest.mark.parametrize("change_type", ["DELETE", "GAP_DELETE"])
async def test_a_deletion_is_no_hint(
    org: SalesforceSimulator, connection: Connection, change_type: str
) -> None:
    """There is nothing left to read, and no query is spent on it."""
    gone, there = won_quietly(org), won_quietly(org)
    org.bus.change([gone], change_type)
    org.bus.change([there])

    events = await changes(connection, 1)

    assert [event.subject for event in events] == [there]


async def test_an_outage_of_the_records_ends_the_stream_before_its_cursor_moves(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """Nothing is passed over that could not be read."""
    org.bus.change([won_quietly(org)])
    org.faults.arm(kind="error_before", path="/query", status=503)

    error = await refused(connection, topic=CHANGES_TOPIC)

    assert isinstance(error, Unavailable)
    assert len(await changes(connection, 1)) == 1


@pytest.mark.parametrize(
    ("records", "change_type"), [([], "GAP_OVERFLOW"), (["006*"], "UPDATE")]
)  # fmt: skip
async def test_an_overflow_asks_for_a_backfill_and_says_where_to_go_on(
    org: SalesforceSimulator, connection: Connection, records: list[str], change_type: str
) -> None:
    """What came before it is told, and what comes after it by going on behind it."""
    before, after = won_quietly(org), won_quietly(org)
    org.bus.change([before])
    org.bus.change(records, change_type)
    org.bus.change([after])
    subscriber = SalesforcePubSub.from_connection(connection, topic=CHANGES_TOPIC)
    pages: list[ChangePage] = []

    with pytest.raises(CursorExpired) as lost:
        async for page in subscriber.listen(None):
            pages.append(page)
    await subscriber.aclose()
    events, _ = await heard(
        connection, 1, lost.value.details["resume"], topic=CHANGES_TOPIC
    )  # fmt: skip

    assert [event.subject for page in pages for event in page.events] == [before]
    assert [event.subject for event in events] == [after]


async def test_the_topic_can_be_configured(
    org: SalesforceSimulator, connection: Connection
) -> None:
    """For an org that captures changes, but has no flow of ours."""
    callout = org.close_won(deal(org))
    options = connection.options | {"pubsub_topic": CHANGES_TOPIC}

    (event,), _ = await heard(connection.model_copy(update={"options": options}), 1)

    assert event.event_id == callout.id


async def test_what_is_live_speaks_tls_even_on_loopback(connection: Connection) -> None:
    """The session's token never goes over the wire in the clear: a plain server gets nothing."""
    endpoint = connection.options["pubsub_endpoint"]
    wire = Wire(endpoint, may_be_plain=False, timeout_seconds=5)

    with pytest.raises(Unavailable):
        await wire.schema("any", (("accesstoken", "canary"),))

    await wire.aclose()


async def test_without_the_extra_it_says_what_to_install(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base installation has neither gRPC nor Avro."""
    monkeypatch.delitem(sys.modules, "adapters.salesforce.pubsub.wire", raising=False)
    monkeypatch.setitem(sys.modules, "grpc", None)

    with pytest.raises(Misconfigured, match=r"pip install 'tieline\[salesforce-pubsub\]'"):
        SalesforcePubSub.from_connection(connection)
