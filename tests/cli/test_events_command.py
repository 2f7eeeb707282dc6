"""The stream is read, explained and replayed from the command line."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from sqlalchemy import select

from canonical.events import OutboxEvent
from canonical.ports import Delivery
from ledger.database import Database
from ledger.migrate import upgrade
from ledger.models.evidence import audit_rows
from ledger.relay import Attempted, SqlRelay
from ledger.scopes import Lease
from tests.cli.terminal import Said, awaited
from tests.relay.broker import ids_in_stream, running_broker
from tests.relay.events import ids, posted, relaying, secret_file, until, write
from tests.relay.hub import Hub, listening
from tieline.children import child, tieline_command
from tieline.configure import load_settings


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """A ledger with three invoices and a case."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(url)
    database = Database.open(url)
    case = posted(4, type="case.escalated", subject="case/9", causation_id="ev-00001")
    await write(database, posted(1), posted(2), posted(3), case)
    yield database
    await database.close()


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """The finance hub; `config` subscribes it."""
    hub = Hub()
    async with listening(hub) as url:
        (tmp_path / "hub-url").write_text(url)
        yield hub


@pytest.fixture
def config(tmp_path: Path, db: Database, hub: Hub) -> Path:
    """Settings with the finance hub as a subscriber of invoices."""
    file = tmp_path / "tieline.toml"
    file.write_text(
        f"ledger_url = '{db.url}'\n"
        "[relay]\npoll_seconds = 0.02\n"
        "[subscribers.finance-hub]\n"
        f"url = '{(tmp_path / 'hub-url').read_text()}'\n"
        f"secret = '{secret_file(tmp_path)}'\n"
        "types = ['invoice.*']\n"
        "allow_private = true\n"
    )
    return file


async def audited(db: Database) -> list[tuple[str, str, str, dict[str, object]]]:
    """Who did what to what, and the body of it."""
    columns = (audit_rows.c.actor, audit_rows.c.action, audit_rows.c.subject, audit_rows.c.body)
    rows = await db.read(lambda s: s.connection().execute(select(*columns)).all())
    return [(row[0], row[1], row[2], orjson.loads(row[3])) for row in rows]


async def given_up(db: Database, *numbers: int) -> list[OutboxEvent]:
    """The hub had the first four events, but for these."""
    events = await write(db)
    relay = SqlRelay(db, "finance-hub", Lease("relay", 1), clock=lambda: events[0].occurred_at)
    await relay.begin()
    failed = Delivery(status=500, cause="http_500", error="the endpoint answered 500")
    await relay.advance(4, [Attempted(e, 12, failed) for e in events if e.position in numbers])
    await relay.release()
    return events


async def run(config: Path, *arguments: str) -> Said:
    """A command with these settings."""
    return await awaited("--config", config, *arguments)


async def test_the_newest_events_are_shown_oldest_first(config: Path) -> None:
    """For people with their place and id, for scripts as CloudEvents."""
    said = await run(config, "events", "tail", "--limit", "3")
    invoices = await run(config, "events", "tail", "--type", "invoice.*", "--since", "2026-03-02")
    script = await awaited("--config", config, "--json", "events", "tail", "--subject", "case/9")

    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["2", "3", "4"]
    assert "ev-00004" in said.out and "case.escalated" in said.out
    assert "case.escalated" not in invoices.out and "ev-00003" in invoices.out
    (event,) = script.json
    assert (event["specversion"], event["id"]) == ("1.0", "ev-00004")


async def test_a_time_that_is_none_is_named(config: Path) -> None:
    """With what would be one."""
    said = await run(config, "events", "tail", "--since", "yesterday")

    assert (said.code, "is no time; give one" in said.refusal) == (2, True)


async def test_following_tells_what_comes(config: Path, db: Database, tmp_path: Path) -> None:
    """One CloudEvent a line, as it is written."""
    log = tmp_path / "tail.log"
    command = tieline_command(config, "--json", "events", "tail", "--follow", "--limit", "1")

    async with child(command, log):
        await until(lambda: lines(log, 1))
        await write(db, posted(5))
        await until(lambda: lines(log, 2))

    assert [orjson.loads(line)["id"] for line in log.read_bytes().splitlines()[:2]] == [
        "ev-00004",
        "ev-00005",
    ]


async def lines(file: Path, count: int) -> bool:
    """Whether a file has so many lines."""
    return file.exists() and len(file.read_bytes().splitlines()) >= count


async def test_one_event_is_explained(config: Path, db: Database) -> None:
    """What led to it, what holds it up, and what is in it."""
    await given_up(db, 2)

    said = await run(config, "events", "show", "ev-00004")
    held = await awaited("--config", config, "--json", "events", "show", "ev-00002")
    unknown = await run(config, "events", "show", "ev-404")

    assert "led to it" in said.out and "ev-00001" in said.out
    assert held.json["event"]["data"] == {"number": "INV-2"}
    assert [line["cause"] for line in held.json["deliveries"]] == ["http_500"]
    assert unknown.refusal == "NotFound: there is no event ev-404"


async def test_targets_and_what_they_did_not_take_are_listed(config: Path, db: Database) -> None:
    """With their backlog."""
    await given_up(db, 2, 3)
    await write(db, posted(5))

    said = await run(config, "events", "deliveries", "--dead")
    script = await awaited("--config", config, "--json", "events", "deliveries")

    assert said.out.count("http_500") == 2
    (relay,) = script.json["relays"]
    assert (relay["position"], relay["behind"], relay["dead"]) == (4, 1, 2)
    assert [line["event_id"] for line in script.json["deliveries"]] == ["ev-00003", "ev-00002"]


async def test_a_replay_is_previewed_and_nothing_is_sent(
    config: Path, db: Database, hub: Hub
) -> None:
    """Count, types, first and last, as far as the subscriber may have them."""
    said = await run(config, "events", "replay", "--to", "finance-hub", "--type", "*")

    assert said.out.splitlines() == [
        "3 events to finance-hub",
        "        3  invoice.posted",
        "  from 2026-03-02 12:01:00Z to 2026-03-02 12:03:00Z",
        "Nothing was sent; --yes and --reason send them.",
    ]
    assert (hub.bodies, await audited(db)) == ([], [])


async def test_a_replay_of_dead_letters_is_sent_and_on_record(
    config: Path, db: Database, hub: Hub
) -> None:
    """Under their own ids, with who and why in the audit."""
    await given_up(db, 2, 3)
    words = [
        "events",
        "replay",
        "--to",
        "finance-hub",
        "--dead",
        "--cause",
        "http_500",
        "--yes",
        "--by",
        "Ada",
    ]

    said = await awaited(
        "--config", config, "--json", *words, "--reason", "hub repaired", "--rate", "1000"
    )
    again = await run(config, *words, "--reason", "once more")

    assert said.json["replayed"] == {"sent": 2, "dropped": 0, "failed": {}}
    assert hub.taken == ["ev-00002", "ev-00003"]
    assert again.out.splitlines()[0] == "0 events to finance-hub"
    ((actor, action, subject, body),) = await audited(db)
    assert (actor, action, subject) == ("Ada", "events.replayed", "relay/finance-hub")
    assert (body["reason"], body["events"]) == ("hub repaired", 2)
    assert body["selection"]["dead"] is True  # type: ignore[index]


async def test_a_replay_that_fails_is_parked_and_ends_with_one(
    config: Path, db: Database, hub: Hub
) -> None:
    """The relay tries it again; a script sees that it has not arrived."""
    hub.answer = lambda *_: 503
    words = ("events", "replay", "--to", "finance-hub", "--id", "ev-00001", "--yes")

    said = await run(config, *words, "--reason", "Initech asks for it")

    assert said.code == 1
    assert "failed 1 http_503" in said.out
    listed = await awaited("--config", config, "--json", "events", "deliveries")
    assert [line["state"] for line in listed.json["deliveries"]] == ["pending"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--to", "finance-hub"], "say what to replay"),
        (["--to", "archive", "--id", "ev-1"], "no target is called 'archive'"),
        (["--to", "finance-hub", "--id", "ev-1", "--yes"], "--reason says why"),
        (["--to", "finance-hub", "--id", "ev-1", "--force-new-id"], "is for nats"),
    ],
)
async def test_a_replay_that_is_not_thought_through_is_refused(
    config: Path, words: list[str], sentence: str
) -> None:
    """In one sentence, before anything is done."""
    said = await run(config, "events", "replay", *words)

    assert (said.code, sentence in said.refusal) == (2, True)


async def test_a_replay_into_nats_says_what_the_server_drops(
    config: Path, db: Database, tmp_path: Path
) -> None:
    """And sends it all the same under another message id when that is asked for."""
    async with running_broker(tmp_path / "nats") as broker:
        config.write_text(f"{config.read_text()}[relay.nats]\nurl = '{broker.url}'\n")
        async with relaying(load_settings(config)):
            await until(lambda: stored(broker, 4))
        words = ("events", "replay", "--to", "nats", "--id", "ev-00001", "--yes", "--reason", "x")

        dropped = await run(config, *words)
        forced = await run(config, *words, "--force-new-id")
        found = await ids_in_stream(broker)

    assert "Sent 0, dropped as duplicates 1, failed 0." in dropped.out
    assert "within the last 3600 s; --force-new-id" in dropped.out
    assert "Sent 1, dropped as duplicates 0, failed 0." in forced.out
    assert found[:4] == ids(4)
    assert len(found) == 5 and found[4].startswith("ev-00001/")


async def stored(broker: object, count: int) -> bool:
    """Whether the stream has so many messages."""
    with contextlib.suppress(Exception):  # it may not be made yet
        return len(await ids_in_stream(broker)) >= count  # type: ignore[arg-type]
    return False


async def test_a_subscriber_that_stopped_is_resumed_by_somebody(config: Path, db: Database) -> None:
    """Who says so and why."""
    await given_up(db)
    relay = SqlRelay(db, "finance-hub", Lease("relay", 1))
    await relay.stop("the endpoint answered 410: it wants no more events")

    stopped = await run(config, "events", "deliveries")
    words = ("events", "resume", "finance-hub", "--by", "Ada", "--reason", "back again")
    said = await run(config, *words)

    assert "stopped" in stopped.out
    assert said.out == "finance-hub goes on.\n"
    assert (await run(config, *words)).out == "finance-hub was not stopped.\n"
    assert [row[:2] for row in await audited(db)] == [("Ada", "relay.resumed")]


async def test_the_relay_command_delivers_until_it_is_stopped(
    config: Path, hub: Hub, tmp_path: Path
) -> None:
    """As a process of its own, which ends well when it is asked to."""
    async with child(tieline_command(config, "relay"), tmp_path / "relay.log") as process:
        await until(lambda: taken(hub, 3))
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0

    assert sorted(hub.taken) == ids(3)


async def taken(hub: Hub, count: int) -> bool:
    """Whether the hub has so many."""
    return len(hub.taken) >= count
