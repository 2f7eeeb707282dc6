"""A source of events with memory: records that change, each change told as a hint."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from canonical.connections import Environment
from canonical.errors import CursorExpired, NotFound
from canonical.facts import AnyFacts, InvoiceFacts, InvoiceStatus, Kind
from canonical.inbound import Channel, InboundEvent
from canonical.money import Money
from canonical.ports.events import ChangePage

STREAM = "invoices"
PAGE_EVENTS_MAX = 100


@dataclass
class MemorySource:
    """Keeps the records of one connection and a feed of their changes; `broken` is what a read of
    a record raises, by its id, and `reads` counts them."""

    name: str = "billing"
    records: dict[str, AnyFacts] = field(default_factory=dict)
    feed: list[InboundEvent] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    forgotten: int = 0

    def change(self, facts: AnyFacts) -> InboundEvent:
        """A record is as it is now; returns the hint that tells of it."""
        self.records[facts.id] = facts
        hint = InboundEvent(
            source=self.name,
            event_id=f"{facts.kind}/{facts.id}/{facts.version}",
            type=f"{facts.kind}.changed",
            kind=facts.kind.value,
            subject=facts.id,
            version=facts.version,
            channel=Channel.POLL,
            occurred_at=facts.changed_at,
            environment=Environment.TEST,
            body=b'{"id": "%s"}' % facts.id.encode(),
            received_at=facts.changed_at,
        )
        self.feed.append(hint)
        return hint

    def streams(self) -> list[str]:
        """One feed."""
        return [STREAM]

    def start(self, stream: str, since: datetime) -> str:
        """The place of the first change at or after a time."""
        return str(sum((hint.occurred_at or since) < since for hint in self.feed))

    async def changes(self, stream: str, cursor: str) -> ChangePage:
        """The next page; a place before what is still kept has expired."""
        place = int(cursor)
        if place < self.forgotten:
            raise CursorExpired("the feed does not go back so far", about=stream)
        page = self.feed[place : place + PAGE_EVENTS_MAX]
        after = place + len(page)
        return ChangePage(
            events=page,
            cursor=str(after),
            read_up_to=datetime.now(UTC),
            more=after < len(self.feed),
        )

    async def backfill(
        self, stream: str, since: datetime, until: datetime
    ) -> AsyncIterator[InboundEvent]:
        """A hint for each record that changed in the window."""
        for hint in self.feed:
            if hint.occurred_at is not None and since <= hint.occurred_at < until:
                yield hint

    async def census(self, stream: str, since: datetime, until: datetime) -> dict[str, str]:
        """The newest version of each record that changed in the window."""
        return {
            one.id: one.version for one in self.records.values() if since <= one.changed_at < until
        }

    async def read(self, event: InboundEvent) -> AnyFacts:
        """The record as it is now."""
        self.reads.append(event.subject)
        if event.subject in self.broken:
            raise self.broken[event.subject]
        if event.subject not in self.records:
            raise NotFound(f"there is no {event.kind} {event.subject}", about=event.subject)
        return self.records[event.subject]

    async def aclose(self) -> None:
        """Nothing is open."""


def invoice(
    number: str = "in_globex", *, at: datetime, paid: int = 0, total: int = 1_200_000
) -> InvoiceFacts:
    """Globex's invoice over 12,000.00, posted, and paid as far as said (minor units)."""
    usd = "USD"
    return InvoiceFacts(
        kind=Kind.INVOICE,
        id=number,
        version=at.isoformat(timespec="microseconds"),
        changed_at=at,
        account_id="0015g00000Glob1AAB",
        legal_entity="US01",
        status=InvoiceStatus.PAID if paid == total else InvoiceStatus.OPEN,
        total=Money(amount_minor=total, currency=usd),
        paid=Money(amount_minor=paid, currency=usd),
        remaining=Money(amount_minor=total - paid, currency=usd),
        posted_at=at,
        paid_at=at if paid else None,
    )
