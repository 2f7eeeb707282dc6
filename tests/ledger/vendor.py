"""A billing vendor with a memory and faults, and the effects that the stories write to it."""

import asyncio
from collections import defaultdict

from canonical.effects import Effect, ExternalRef, ProcessRef, Stamp, Subject
from canonical.errors import CreditHold, Malformed, OutcomeUnknown, RateLimited, Unavailable
from canonical.milestones import Milestone


class Died(BaseException):
    """The process was killed in the middle of a call."""


FAULTS_BEFORE = {
    "refused": CreditHold("Globex is on credit hold"),
    "rate limited": RateLimited("slow down", retry_after_seconds=2),
    "unavailable": Unavailable("503 from the gateway"),
    "died before": Died(),
}
FAULTS_AFTER = {
    "answer lost": OutcomeUnknown("the connection was reset"),
    "answer garbled": Malformed("200 with half a body"),
    "cancelled": asyncio.CancelledError(),
    "died after": Died(),
    "bug": ZeroDivisionError(),
}
FAULTS = [*FAULTS_BEFORE, *FAULTS_AFTER]


class Vendor:
    """Keeps every record it was ever asked to create, by key; `standing` leaves out cancelled."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = defaultdict(list)
        self.cancelled: set[str] = set()
        self.fault = ""
        self.probe_fault: BaseException | None = None
        self.probes = 0
        self.writes = 0

    def standing(self, key: str) -> list[str]:
        """The records under a key that were not cancelled."""
        return [record for record in self.records[key] if record not in self.cancelled]

    async def write(self, stamp: Stamp) -> ExternalRef:
        """Create a record, or fail before or after it was created."""
        self.writes += 1
        fault, self.fault = self.fault, ""
        await asyncio.sleep(0)
        if fault in FAULTS_BEFORE:
            raise FAULTS_BEFORE[fault]
        record = f"sub_{stamp.key.rsplit('/', 1)[-1]}_{self.writes}"
        self.records[stamp.key].append(record)
        if fault in FAULTS_AFTER:
            raise FAULTS_AFTER[fault]
        return ExternalRef(id=record, detail={"status": "active"})

    async def probe(self, stamp: Stamp) -> ExternalRef | None:
        """Look a key up, or fail to."""
        self.probes += 1
        fault, self.probe_fault = self.probe_fault, None
        await asyncio.sleep(0)
        if fault is not None:
            raise fault
        found = self.standing(stamp.key)
        return ExternalRef(id=found[0]) if found else None

    async def cancel(self, ref: ExternalRef) -> None:
        """Cancel a record; harmless when it is cancelled already."""
        self.cancelled.add(ref.id)


def process(name: str = "006GLOBEX") -> ProcessRef:
    """The quote-to-cash of a deal."""
    workflow_id = f"quote-to-cash/acme/{name}"
    return ProcessRef(process="quote-to-cash", workflow_id=workflow_id, correlation_id=f"tl-{name}")


def subscription(
    deal: str = "006GLOBEX", *, seats: int = 40, scope: str | None = None, account: str = ""
) -> Effect:
    """Activate Globex's subscription, net 45."""
    return Effect(
        key=f"stripe-us/subscription/{deal}",
        connection="stripe-us",
        kind="subscription",
        subject=Subject(kind="opportunity", id=account or deal),
        request={"customer": "Globex", "days_until_due": 45, "seats": seats},
        scope=scope or f"stripe-us/subscription/{deal}",
        process=process(deal),
        legal_entity="US01",
        milestone=Milestone.SUBSCRIPTION_ACTIVATED,
    )
