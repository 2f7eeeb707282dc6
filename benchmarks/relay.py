"""Canonical events a second from the outbox into JetStream, beside publishing the same bodies raw.

Both in one run against one real server with a file store: raw is nats-py with as many
acknowledgements awaited at once and nothing else; ours reads the ledger and saves its position too.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import nats
import orjson

from adapters.nats import JetStream, StreamPlace, subject_of
from canonical.connections import Environment
from canonical.events import CanonicalEvent, InvoicePosted, OutboxEvent
from canonical.money import Money
from ledger.clock import utc_now
from ledger.database import Database
from ledger.events import append_event, read_events
from ledger.migrate import upgrade
from ledger.relay import SqlRelay
from ledger.scopes import Lease
from ledger.views.outbox import Selection, select_events
from tests.relay.broker import running_broker
from workers.relay_targets import StreamTarget

WRITTEN_AT_ONCE = 500


@dataclass(frozen=True)
class Relayed:
    """Events a second, and how many bytes one is."""

    events: int
    body_bytes: int
    relayed_per_second: float
    raw_per_second: float

    @property
    def ratio(self) -> float:
        """Ours to raw."""
        return self.relayed_per_second / self.raw_per_second


async def relayed_per_second(
    folder: Path, events: int, *, ledger_url: str = "", batch: int = 500, rounds: int = 3
) -> Relayed:
    """Relay so many events, and publish their bodies raw, by turns; the best of each counts."""
    url = ledger_url or f"sqlite:///{folder / 'relay.db'}"
    upgrade(url)
    database = Database.open(url)
    try:
        first = await _fill(database, events)
        outbox = await _outbox(database, first)
        async with running_broker(folder / "nats") as broker:
            ours, raw = [], []
            for number in range(rounds):
                ours.append(await _relay(database, broker.url, first, events, batch, number))
                raw.append(await _raw(broker.url, outbox, batch, number))
    finally:
        await database.close()
    body_bytes = len(orjson.dumps(outbox[0].cloud_event()))
    return Relayed(events, body_bytes, max(ours), max(raw))


async def _fill(database: Database, events: int) -> int:
    """Write the events; the position before the first."""
    last = await select_events(database, Selection(), limit=1, newest=True)
    before = last[-1].position if last else 0
    for start in range(0, events, WRITTEN_AT_ONCE):
        some = [_event(before + n) for n in range(start, min(start + WRITTEN_AT_ONCE, events))]
        await database.run(lambda s, some=some: [append_event(s, event) for event in some])
    return before


def _event(number: int) -> CanonicalEvent:
    data = InvoicePosted(
        connection="stripe-us",
        external_id=f"in_{number:012d}",
        total=Money(amount_minor=1_200_000, currency="USD"),
        remaining=Money(amount_minor=1_200_000, currency="USD"),
        number=f"GLOBEX-{number:06d}",
        account_id="0015g00000GLOBEXAAA",
    )
    return CanonicalEvent(
        id=f"ev-{number:032d}",
        type="invoice.posted",
        source="stripe-us",
        subject=f"invoice/in_{number:012d}",
        occurred_at=utc_now(),
        correlation_id=f"globex-{number}",
        legal_entity="GLOBEX-US",
        environment=Environment.TEST,
        body=data.model_dump(mode="json"),
    )


async def _outbox(database: Database, after: int) -> list[OutboxEvent]:
    found: list[OutboxEvent] = []
    while page := await read_events(database, found[-1].position if found else after, 1000):
        found += page
    return found


async def _relay(
    database: Database, url: str, after: int, events: int, batch: int, number: int
) -> float:
    place = StreamPlace(url, stream=f"OURS{number}", subject_prefix=f"ours{number}")
    relay = SqlRelay(database, f"bench-{number}", Lease("bench", 600))
    publisher = JetStream(place)
    target = StreamTarget(database, relay, publisher, batch, 0.0)
    await relay.begin()
    await publisher.open()
    stop = asyncio.Event()
    began, position = time.perf_counter(), after
    while (step := await target.step(position, stop)).position != position:
        position = step.position
    took = time.perf_counter() - began
    await target.aclose()
    return events / took


async def _raw(url: str, outbox: Sequence[OutboxEvent], batch: int, number: int) -> float:
    messages = [
        (subject_of(f"raw{number}", event), orjson.dumps(event.cloud_event()), event.id)
        for event in outbox
    ]
    client = await nats.connect(url)
    js = client.jetstream()
    await js.add_stream(name=f"RAW{number}", subjects=[f"raw{number}.>"], duplicate_window=3600)
    began = time.perf_counter()
    for start in range(0, len(messages), batch):
        acks = [
            await js.publish_async(subject, body, headers={"Nats-Msg-Id": event_id})
            for subject, body, event_id in messages[start : start + batch]
        ]
        await asyncio.gather(*acks)
    took = time.perf_counter() - began
    await client.close()
    return len(messages) / took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5000, help="events a round")
    parser.add_argument("--batch", type=int, default=500, help="events under way at once")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, by turns; the best counts")
    parser.add_argument("--ledger-url", default="", help="a PostgreSQL ledger (default: SQLite)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a sentence")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tieline-bench-") as folder:
        found = asyncio.run(
            relayed_per_second(
                Path(folder),
                chosen.events,
                ledger_url=chosen.ledger_url,
                batch=chosen.batch,
                rounds=chosen.rounds,
            )
        )
    if chosen.json:
        print(json.dumps(asdict(found) | {"ratio": found.ratio}))
        return
    print(
        f"{found.events} events of {found.body_bytes} bytes: relayed "
        f"{found.relayed_per_second:,.0f} a second, raw {found.raw_per_second:,.0f}; "
        f"{found.ratio:.0%}"
    )


if __name__ == "__main__":
    main()
