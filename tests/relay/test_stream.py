"""JetStream has every event once by its id, in order, whoever dies in between."""

import re
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import hypothesis
import orjson
import pytest
import trustme
from hypothesis import strategies as st
from nats.js.client import JetStreamContext

from adapters.nats import JetStream, StreamPlace, subject_of
from canonical.errors import Busy, Misconfigured, Unauthorized, Unavailable
from canonical.events import NO_LEGAL_ENTITY
from governance.asyncapi import asyncapi
from governance.catalogue import load_catalogue
from ledger.database import Database
from ledger.relay import DeliveryState, SqlRelay
from ledger.scopes import Lease
from ledger.views.outbox import list_deliveries, list_relays
from tests.relay.broker import Broker, ids_in_stream, reader, running_broker
from tests.relay.events import ids, posted, relaying, settings, until, write
from tieline.devserver import free_port
from workers.relay_targets import StreamTarget

GARBLED = "-----BEGIN NATS USER JWT-----\nguess-me\n------END NATS USER JWT------\n"


def place(broker: Broker, **changes: object) -> StreamPlace:
    """The stream, with a short memory for duplicates."""
    return StreamPlace(**{"url": broker.url, "duplicate_window_seconds": 60.0, **changes})  # type: ignore[arg-type]


async def moved_to(db: Database, position: int) -> bool:
    """Whether the only relay there is has got so far."""
    return [relay.position for relay in await list_relays(db)] == [position]


async def test_events_are_in_the_stream_as_cloud_events_in_their_order(
    db: Database, url: str, broker: Broker
) -> None:
    """The subject tells environment, type and legal entity; the body is the CloudEvent."""
    outbox = await write(
        db,
        posted(1),
        posted(2, type="payment.received", legal_entity="Globex GmbH & Co. KG"),
        posted(3, legal_entity=""),
    )

    async with relaying(settings(url, relay={"nats": {"url": broker.url}})):
        await until(lambda: moved_to(db, 3))

    assert await ids_in_stream(broker) == ids(3)
    async with reader(broker) as js:
        messages = [await js.get_msg("TIELINE", seq=n, direct=True) for n in (1, 2, 3)]
    assert [message.subject for message in messages] == [
        "tieline.test.invoice.posted.GLOBEX-US",
        "tieline.test.payment.received.Globex_GmbH___Co__KG",
        "tieline.test.invoice.posted._",
    ]
    assert orjson.loads(messages[0].data or b"") == outbox[0].cloud_event()
    assert (messages[0].headers or {})["Content-Type"] == "application/cloudevents+json"


@pytest.mark.parametrize("entity", ["", "GLOBEX-US"])
def test_subjects_are_those_of_the_asyncapi_document(entity: str) -> None:
    """A consumer that reads the document finds the events."""
    event = posted(1, legal_entity=entity)
    address = asyncapi(load_catalogue())["channels"]["invoice.posted"]["address"]

    said = address.format(environment="test", legalEntity=entity or NO_LEGAL_ENTITY)

    assert subject_of("tieline", event) == said


async def test_a_hostile_type_cannot_leave_its_place_in_the_subject() -> None:
    """Wildcards, spaces and empty tokens are none of NATS's any more."""
    event = posted(1, type="invoice..> posted", legal_entity="*")

    assert subject_of("tieline", event) == "tieline.test.invoice._.__posted._"


@hypothesis.settings(deadline=None)
@hypothesis.given(entity=st.text(max_size=20))
def test_a_subject_has_five_plain_levels(entity: str) -> None:
    """No legal entity adds a level or a wildcard to it."""
    levels = subject_of("tieline", posted(1, legal_entity=entity)).split(".")

    assert levels[:4] == ["tieline", "test", "invoice", "posted"]
    assert re.fullmatch(r"[A-Za-z0-9_-]+", levels[4])
    assert len(levels) == 5
    assert subject_of("tieline", posted(1, legal_entity="US01")).endswith(".US01")


@pytest.mark.parametrize("window_seconds", [60.0, 0.1])
async def test_a_relay_that_dies_before_it_saves_its_position_publishes_nothing_twice(
    db: Database, broker: Broker, window_seconds: float
) -> None:
    """The server drops what it remembers; beyond its memory the end of the stream is read."""
    outbox = await write(db, *(posted(number) for number in range(1, 31)))
    where = place(broker, duplicate_window_seconds=window_seconds)
    first = JetStream(where)
    await first.publish(outbox[:20])
    await first.aclose()  # and its position was never saved

    if window_seconds < 1:
        async with reader(broker) as js:
            await until(lambda: forgotten(js, ids(1)[0]))
    second = JetStream(where)
    target = StreamTarget(db, SqlRelay(db, "nats", Lease("second", 30)), second, 100, 0.1)
    await target.relay.begin()
    step = await target.step(0, None)  # type: ignore[arg-type]
    await second.aclose()

    found = [name for name in await ids_in_stream(broker) if not name.startswith("probe")]
    assert step.position == 30
    assert found == ids(30)


async def forgotten(js: JetStreamContext, event_id: str) -> bool:
    """Whether the server took a message of one id a second time, so that its window is over."""
    ack = await js.publish("tieline.probe", b"", headers={"Nats-Msg-Id": f"probe-{event_id}"})
    return not ack.duplicate and ack.seq > 21


async def test_a_broker_that_is_killed_in_the_middle_loses_and_doubles_nothing(
    db: Database, url: str, broker: Broker
) -> None:
    """The relay waits for it, and publishes again what was not acknowledged."""
    await write(db, *(posted(number) for number in range(1, 151)))
    chosen = settings(url, relay={"batch": 10, "nats": {"url": broker.url}})

    async with relaying(chosen):
        await until(lambda: has_moved(db, 20))
        broker.kill()
        await write(db, *(posted(number) for number in range(151, 201)))
        await until(lambda: is_failing_or_done(db))
        await broker.start()
        await until(lambda: moved_to(db, 200))

    assert await ids_in_stream(broker) == ids(200)
    (relay,) = await list_relays(db)
    assert (relay.behind, relay.error, relay.failing_since) == (0, "", None)


async def has_moved(db: Database, position: int) -> bool:
    """Whether the relay has got so far, or further."""
    return any(relay.position >= position for relay in await list_relays(db))


async def is_failing_or_done(db: Database) -> bool:
    """Whether the relay says what holds it up."""
    (relay,) = await list_relays(db)
    return relay.failing_since is not None and relay.error.startswith("NATS, ")


async def test_of_two_relays_one_works_and_the_other_takes_over(
    db: Database, url: str, broker: Broker
) -> None:
    """They share a lease; what the first one has done the second one does not repeat."""
    chosen = settings(url, relay={"nats": {"url": broker.url}})
    await write(db, *(posted(number) for number in range(1, 51)))

    async with AsyncExitStack() as first:
        await first.enter_async_context(relaying(chosen))
        await until(lambda: moved_to(db, 50))
        async with relaying(chosen):
            with pytest.raises(Busy):
                await SqlRelay(db, "nats", Lease("a third one", 30)).begin()
            await first.aclose()
            await write(db, *(posted(number) for number in range(51, 81)))
            await until(lambda: moved_to(db, 80))

    assert await ids_in_stream(broker) == ids(80)


async def test_a_relay_that_lost_its_lease_cannot_move_the_position(db: Database) -> None:
    """It was away too long, and another one took over."""
    await write(db, posted(1), posted(2))
    slow, other = (SqlRelay(db, "nats", Lease(name, 30)) for name in ("slow", "other"))
    await slow.begin()
    later = slow.clock() + timedelta(seconds=31)
    other.clock = lambda: later
    await other.begin()

    slow.clock = lambda: later
    with pytest.raises(Busy):
        await slow.advance(2)

    assert (await other.begin()).position == 0


async def test_an_event_too_large_for_the_stream_is_set_aside_and_holds_up_nothing(
    db: Database, url: str, broker: Broker
) -> None:
    """It is in the dead letter with its cause."""
    await write(db, posted(1), posted(2, body={"number": "9" * 1_100_000}), posted(3))

    async with relaying(settings(url, relay={"nats": {"url": broker.url}})):
        await until(lambda: moved_to(db, 3))

    assert await ids_in_stream(broker) == ["ev-00001", "ev-00003"]
    (dead,) = await list_deliveries(db)
    assert (dead.event_id, dead.state, dead.cause) == ("ev-00002", DeliveryState.DEAD, "Rejected")
    assert "maximum payload exceeded" in dead.error


async def test_the_stream_is_made_and_brought_up_to_date_without_losing_what_an_operator_set(
    db: Database, broker: Broker
) -> None:
    """Retention and duplicate window follow the settings; a size limit stays."""
    outbox = await write(db, posted(1))
    first = JetStream(place(broker, retention_seconds=7 * 86_400.0))
    await first.publish(outbox)
    await first.aclose()
    async with reader(broker) as js:
        made = (await js.stream_info("TIELINE")).config
        await js.update_stream(made, max_bytes=50_000_000)

    second = JetStream(place(broker, retention_seconds=86_400.0, duplicate_window_seconds=120.0))
    await second.publish(outbox)
    await second.aclose()

    async with reader(broker) as js:
        info = await js.stream_info("TIELINE")
    assert (made.max_age, made.subjects) == (7 * 86_400.0, ["tieline.>"])
    assert (info.config.max_age, info.config.duplicate_window) == (86_400.0, 120.0)
    assert (info.config.max_bytes, info.state.messages) == (50_000_000, 1)


async def test_a_stream_that_somebody_removed_is_made_again(db: Database, broker: Broker) -> None:
    """The first publication fails as unavailable, the next one makes the stream."""
    outbox = await write(db, posted(1))
    stream = JetStream(place(broker))
    await stream.publish(outbox)
    async with reader(broker) as js:
        await js.delete_stream("TIELINE")

    with pytest.raises(Unavailable):
        await stream.publish(outbox)
    await stream.publish(outbox)
    await stream.aclose()

    assert await ids_in_stream(broker) == ids(1)


async def test_a_subject_that_another_stream_has_is_a_misconfiguration(
    db: Database, broker: Broker
) -> None:
    """It is said, and no event is set aside for it."""
    outbox = await write(db, posted(1))
    async with reader(broker) as js:
        await js.add_stream(name="OTHER", subjects=["tieline.>"])

    stream = JetStream(place(broker))
    with pytest.raises(Misconfigured, match="overlap"):
        await stream.publish(outbox)
    await stream.aclose()


async def test_wrong_credentials_and_no_server_are_told_apart(db: Database, tmp_path: Path) -> None:
    """Neither sentence has the credentials in it."""
    outbox = await write(db, posted(1))
    async with running_broker(
        tmp_path / "guarded", "--user", "relay", "--pass", "s3cret"
    ) as guarded:
        right = JetStream(place(guarded, credentials="relay:s3cret"))
        await right.publish(outbox)
        await right.aclose()
        for wrong in ("relay:guess-me", "", "a-token", GARBLED):
            stream = JetStream(place(guarded, credentials=wrong))
            with pytest.raises(Unauthorized) as refused:
                await stream.publish(outbox)
            assert "guess-me" not in str(refused.value)

    nowhere = JetStream(StreamPlace(url=f"nats://127.0.0.1:{free_port()}"))
    with pytest.raises(Unavailable, match="no servers available"):
        await nowhere.publish(outbox)


async def test_tls_is_verified_against_the_system_s_authorities(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of an authority that is not among them is refused."""
    outbox = await write(db, posted(1))
    authority, stranger = trustme.CA(), trustme.CA()
    files = {name: tmp_path / f"{name}.pem" for name in ("ours", "strange", "key", "cert")}
    authority.cert_pem.write_to_path(files["ours"])
    stranger.cert_pem.write_to_path(files["strange"])
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(files["key"])
    certificate.cert_chain_pems[0].write_to_path(files["cert"])
    tls = ("--tls", f"--tlscert={files['cert']}", f"--tlskey={files['key']}")
    async with running_broker(tmp_path / "guarded", *tls) as guarded:
        where = guarded.url.replace("nats://", "tls://")
        monkeypatch.setenv("SSL_CERT_FILE", str(files["ours"]))
        trusting = JetStream(StreamPlace(where))
        await trusting.publish(outbox)
        await trusting.aclose()
        monkeypatch.setenv("SSL_CERT_FILE", str(files["strange"]))
        with pytest.raises(Misconfigured, match="not trusted"):
            await JetStream(StreamPlace(where)).publish(outbox)
