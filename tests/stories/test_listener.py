"""`tieline listen` as a process: killed, ended, refused, forgotten; no deal is lost by it."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from canonical.inbound import BACKFILL_PRIORITY, Channel
from ledger.audit import verify
from ledger.inbox import Inbox
from ledger.models.evidence import audit_rows
from tests.listened_org import Org, org_in
from tests.world import eventually
from tieline.children import child, tieline_command

DEALS = 900
SOON_SECONDS = 10.0
PATIENCE_SECONDS = 120.0


@pytest.fixture
async def org(tmp_path: Path) -> AsyncIterator[Org]:
    """An org that nobody listens to yet."""
    async with org_in(tmp_path) as built:
        yield built


@asynccontextmanager
async def listener(org: Org, folder: Path, **changes: str) -> AsyncIterator["Process"]:
    """`tieline listen`, with other options where they are named, until the block ends."""
    config = org.write_settings(folder / "tieline.toml", **changes)
    log = folder / "listen.log"
    log.unlink(missing_ok=True)
    command = tieline_command(config, "listen", "--connection", "crm")
    async with child(command, log) as running:
        yield Process(running, log)


class Process:
    """A listener that runs, and what it has said so far."""

    def __init__(self, running: asyncio.subprocess.Process, log: Path) -> None:
        self._running = running
        self._log = log

    @property
    def said(self) -> str:
        """Its log, in one line."""
        return " ".join(self._log.read_text().split())

    async def die(self) -> None:
        """End as a machine does that loses its power."""
        self._running.kill()
        await self._running.wait()

    async def end(self) -> int:
        """End as a supervisor asks for it (SIGTERM), within seconds; its exit code."""
        self._running.terminate()
        async with asyncio.timeout(SOON_SECONDS):
            return await self._running.wait()

    async def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._running.wait()


async def test_a_listener_that_is_killed_again_and_again_loses_nothing_and_hears_nothing_twice(
    org: Org, tmp_path: Path
) -> None:
    """What a page told and our place behind it are one transaction, so no moment is a bad one."""
    # Given a bus that is full, and goes on telling
    deals = [org.win() for _ in range(DEALS)]

    # When two listeners, one after the other, are killed while they store
    for kept in (100, 400):
        async with listener(org, tmp_path) as process:
            await eventually(lambda kept=kept: _stored(org, kept), PATIENCE_SECONDS)
            await process.die()
        assert await _count(org) < len(deals), "it had stored everything before it was killed"
        deals += [org.win("Initech") for _ in range(10)]
    place = await org.place()

    # And a third one is left to it
    asked_before = len(org.bus.fetch_requests)
    async with listener(org, tmp_path):
        await eventually(lambda: _stored(org, len(deals)), PATIENCE_SECONDS)
        deals.append(org.win("Umbrella"))
        await eventually(lambda: _stored(org, len(deals)), PATIENCE_SECONDS)

    # Then it went on behind what was stored, and each deal is there, told once
    assert org.bus.fetch_requests[asked_before].replay_id == b64decode(place.cursor)
    lines = await org.lines()
    assert set(lines) == set(deals)
    assert {(line.channel, line.deliveries) for line in lines.values()} == {(Channel.STREAM, 1)}
    assert (await org.place()).stored == await _count(org) == len(deals)


async def test_a_listener_that_is_asked_to_end_keeps_its_place(org: Org, tmp_path: Path) -> None:
    """A deployment: nobody listens for a while, and then another one does."""
    first = org.win()
    async with listener(org, tmp_path) as process:
        await eventually(org.has(first), PATIENCE_SECONDS)

        assert await process.end() == 0

    assert "Traceback" not in process.said
    assert b64decode((await org.place()).cursor)
    second = org.win()
    async with listener(org, tmp_path):
        await eventually(org.has(first, second), PATIENCE_SECONDS)
    assert {line.deliveries for line in (await org.lines()).values()} == {1}


async def test_a_place_that_was_forgotten_while_nobody_listened_is_bridged(
    org: Org, tmp_path: Path
) -> None:
    """A listener was down for a long weekend: what the bus no longer has comes from the records."""
    # Given a listener that has heard of a deal, and then is killed
    first = org.win()
    async with listener(org, tmp_path) as process:
        await eventually(org.has(first), PATIENCE_SECONDS)
        await process.die()

    # When a deal is won that the bus forgets, and a new listener comes
    missed = org.win()
    org.forget()
    async with listener(org, tmp_path) as process:
        await eventually(org.has(first, missed), PATIENCE_SECONDS)
        last = org.win()
        await eventually(org.has(first, missed, last), PATIENCE_SECONDS)
        assert await process.end() == 0

    # Then the gap is said and on record, once, and closed
    assert "has lost our place; reading what changed since" in process.said
    place, lines = await org.place(), await org.lines()
    assert place.gap_from is not None and place.error == ""
    assert place.expired_at is not None and place.polled_at > place.expired_at
    assert (lines[missed].channel, lines[missed].priority) == (Channel.BACKFILL, BACKFILL_PRIORITY)
    assert lines[last].channel == Channel.STREAM
    assert await _expiries(org) == 1
    assert (await verify(org.db)).ok


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({"pubsub_topic": "/event/Order_Won__e"}, 2, "correct options.pubsub_topic, or deploy the"),
        ({"consumer_key": "3MVG9.stranger"}, 1, "correct the options and the secret of connection"),
        ({"organization_id": "00D000000000009AAA"}, 1, "correct options.organization_id"),
        ({"organization_id": "Globex"}, 2, "connection crm needs options.organization_id"),
        ({"pubsub_endpoint": "https://bus.example"}, 2, "give a host and a port, such as api.pub"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_a_new_listener_that_a_person_has_to_help_says_how_and_ends(
    org: Org, tmp_path: Path, changes: dict[str, str], code: int, sentence: str
) -> None:
    """One sentence, with what to correct."""
    async with listener(org, tmp_path, **changes) as process:
        assert await process.ended() == code

    assert sentence in process.said
    assert process.said.startswith(("Misconfigured: ", "Unauthorized: "))
    assert "Traceback" not in process.said


async def test_a_new_listener_without_the_right_to_subscribe_names_the_permission_set(
    org: Org, tmp_path: Path
) -> None:
    """The user exists, and lacks what the org's administrator assigns."""
    org.bus.faults.forbidden = True

    async with listener(org, tmp_path) as process:
        assert await process.ended() == 1

    assert process.said.startswith("Unauthorized: ")
    assert "assign it the permission set Tieline_Integration" in process.said


@pytest.mark.parametrize(
    ("away", "address", "sentence"),
    [
        ("base_url", "http://127.0.0.1:1", "Salesforce POST /services/oauth2/token: ConnectError"),
        ("pubsub_endpoint", "127.0.0.1:1", "no connection to 127.0.0.1:1"),
    ],
    ids=["org", "bus"],
)
async def test_a_new_listener_waits_for_what_does_not_answer_and_ends_when_asked(
    org: Org, tmp_path: Path, away: str, address: str, sentence: str
) -> None:
    """An outage is nothing that a person has to repair here."""
    async with listener(org, tmp_path, **{away: address}) as process:
        await eventually(lambda: "crm is not heard, again in 2 s" in process.said, PATIENCE_SECONDS)
        assert await process.end() == 0

    assert sentence in process.said
    assert "Traceback" not in process.said


async def _count(org: Org) -> int:
    return sum((await Inbox(org.db).counts()).values())


async def _stored(org: Org, events: int) -> bool:
    return await _count(org) >= events


async def _expiries(org: Org) -> int:
    statement = select(func.count()).where(audit_rows.c.action == "cursor.expired")
    return await org.db.read(lambda s: int(s.connection().execute(statement).scalar_one()))
