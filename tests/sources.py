"""A system with memory that tells what changed in it, for stories of intake without a vendor."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from canonical.connections import Environment
from canonical.errors import CursorExpired, NotFound
from canonical.facts import AnyFacts, InvoiceFacts, InvoiceStatus
from canonical.inbound import InboundEvent
from canonical.money import Money
from canonical.ports.events import ChangePage

MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)


def usd(amount: str) -> Money:
    """Dollars."""
    return Money.of(amount, "USD")


def version(minute: int) -> str:
    """The change stamp of a minute of that morning."""
    return (MORNING + timedelta(minutes=minute)).isoformat()


def invoice(number: int = 1, minute: int = 0, *, paid: str = "0", **fields: object) -> InvoiceFacts:
    """Globex's invoice over 1,000.00, posted that morning, as it is at a minute."""
    total = usd("1000.00")
    facts = {
        "id": f"in_{number:04d}",
        "version": version(minute),
        "changed_at": MORNING + timedelta(minutes=minute),
        "account_id": "001GLOBEX",
        "opportunity_id": "006GLOBEX",
        "number": f"INV-{number}",
        "status": InvoiceStatus.PAID if usd(paid) == total else InvoiceStatus.OPEN,
        "total": total,
        "paid": usd(paid),
        "remaining": total - usd(paid),
        "due_on": datetime(2099, 1, 1, tzinfo=UTC).date(),
        "posted_at": MORNING,
    }
    return InvoiceFacts.model_validate(facts | fields)


@dataclass
class MemorySource:
    """Records, and the feed of their changes in pages of two; `error` is raised by every call, and
    `foreign` are the ids of records that are somebody else's."""

    name: str = "billing"
    records: dict[str, AnyFacts] = field(default_factory=dict)
    feed: list[InboundEvent] = field(default_factory=list)
    epoch: int = 0
    page_size: int = 2
    error: Exception | None = None
    broken: dict[str, Exception] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    reads: list[str] = field(default_factory=list)
    calls: int = 0

    def change(self, facts: AnyFacts, *, told: bool = True) -> InboundEvent:
        """A record changed; the hint of it, which the feed tells unless it is to be lost."""
        self.records[facts.id] = facts
        hint = self.hint(facts)
        if told:
            self.feed.append(hint)
        return hint

    def hint(self, facts: AnyFacts) -> InboundEvent:
        """What is told of a change."""
        return InboundEvent(
            source=self.name,
            event_id=f"{facts.id}:{facts.version}",
            type=f"{facts.kind}.changed",
            kind=facts.kind,
            subject=facts.id,
            version=facts.version,
            environment=Environment.TEST,
            body=b"{}",
            received_at=datetime.now(UTC),
        )

    def forget(self) -> None:
        """No cursor given so far is known any more."""
        self.epoch += 1

    def streams(self) -> list[str]:
        """One feed."""
        return ["changes"]

    def start(self, stream: str, since: datetime) -> str:
        """Where everything since then begins; a new beginning is known again."""
        before = sum(event.version < since.isoformat() for event in self.feed)
        return f"{self.epoch}:{before}"

    async def changes(self, stream: str, cursor: str) -> ChangePage:
        """Two changes a page."""
        self._serve()
        epoch, place = map(int, cursor.split(":"))
        if epoch < self.epoch:
            raise CursorExpired(f"cursor {cursor} is not known", about=stream)
        events = self.feed[place : place + self.page_size]
        place += len(events)
        return ChangePage(
            events=events,
            cursor=f"{epoch}:{place}",
            read_up_to=datetime.now(UTC),
            more=place < len(self.feed),
        )

    async def backfill(
        self, stream: str, since: datetime, until: datetime
    ) -> AsyncIterator[InboundEvent]:
        """A hint for each record."""
        self._serve()
        for facts in list(self.records.values()):
            yield self.hint(facts)

    async def census(self, stream: str, since: datetime, until: datetime) -> dict[str, str]:
        """Every record with its version."""
        self._serve()
        return {facts.id: facts.version for facts in self.records.values()}

    async def read(self, event: InboundEvent) -> AnyFacts | None:
        """The record as it is now; None for somebody else's."""
        self._serve()
        self.reads.append(event.subject)
        if event.subject in self.broken:
            raise self.broken[event.subject]
        if event.subject in self.foreign:
            return None
        if event.subject not in self.records:
            raise NotFound(f"{event.subject} is gone", about=event.subject)
        return self.records[event.subject]

    async def aclose(self) -> None:
        """Nothing to close."""

    def _serve(self) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error
