"""Renewal clocks: what is known of a contract's clock, and what a reconcile finds and does."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from canonical.gathering import Gathered, ScheduledLook
from canonical.orders import Fact
from canonical.renewal_messages import RenewalStart

# The schedule, and the workflow that it starts.
RECONCILE = "renewal-reconcile"


class ClockState(StrEnum):
    """What a contract's clock needs, by what is on record; `stands` when it should be running."""

    MISSING = "missing"
    STALE = "stale"
    OVERDUE = "overdue"
    NEXT_TERM = "next_term"
    STANDS = "stands"
    RESTS = "rests"


class RenewalClock(Fact):
    """A contract's clock as its process last kept it.

    `terms_read_at` and `terms_version` say which read of the contract it goes by; `cancelled` when
    a person ended it.
    """

    connection: str
    contract_id: str
    opportunity_id: str = ""
    renews_on: date | None = None
    next_look: date | None = None
    renewed_on: date | None = None
    outcome: str = ""
    terms_version: str = ""
    terms_read_at: datetime | None = None
    closed_at: datetime | None = None
    cancelled: bool = False


class ContractClock(Fact):
    """A contract on record, and what its clock needs; `contract_id` is the clock's, where the
    contract was given another id since. `renewed_on` is the renewal before, which was decided."""

    connection: str
    contract_id: str
    opportunity_id: str = ""
    legal_entity: str = ""
    state: ClockState
    renewed_on: date | None = None


class ClockPlace(Fact):
    """A place among the contracts on record; a page begins after it."""

    connection: str = ""
    contract_id: str = ""


class ClocksToKeep(Fact):
    """Asks for a page of contracts to be reconciled, on the day of the asking process."""

    after: ClockPlace
    day: date


class ClockPage(Fact):
    """The contracts of a page whose clocks should run, and where the next page begins."""

    contracts: list[ContractClock]
    looked_at: int
    after: ClockPlace | None = None


class ClockDeed(StrEnum):
    """What a reconcile did about a clock."""

    BEGUN = "begun"
    MOVED = "moved"
    FAILED = "failed"


class KeptClock(Fact):
    """A clock about which something was done, and why; `said` is why it could not be."""

    contract: ContractClock
    deed: ClockDeed
    said: str = ""


class ReconciledPage(Fact):
    """What a page came to; clocks that were as they should be are only counted. The last page says
    whether renewals are looked at on the day: `looks_due`."""

    looked_at: int
    kept: list[KeptClock] = []
    after: ClockPlace | None = None
    looks_due: bool = False


class Reconciled(Fact):
    """What a reconcile came to; `unkept` names the first of those that could not be kept, and
    `gathered` counts what was asked beforehand for the day's looks."""

    looked_at: int = 0
    begun: int = 0
    moved: int = 0
    failed: int = 0
    unkept: list[str] = []
    gathered: Gathered = Gathered()


class ReconcileStart(Fact):
    """Starts renewal-reconcile; a run that goes on begins where the one before it ended."""

    after: ClockPlace = ClockPlace()
    so_far: Reconciled = Reconciled()


class ClockBook(Protocol):
    """What the ledger knows of contracts and their clocks."""

    async def page(self, sources: Sequence[str], after: ClockPlace) -> ClockPage:
        """The contracts of these connections after a place, and what their clocks need."""
        ...

    async def record(self, kept: Sequence[KeptClock]) -> None:
        """Put on record what was done about clocks."""
        ...


class ClockKeeper(Protocol):
    """Starts and nudges the processes that are clocks.

    Raises a Transient error when nobody can be told now, any other when this clock cannot be kept.
    """

    async def begin(self, contract: ContractClock) -> bool:
        """Start a contract's clock; False when it runs already."""
        ...

    async def move(self, contract: ContractClock) -> None:
        """Have a clock read its contract again, and begin one that has ended."""
        ...

    def sources(self) -> list[str]:
        """The connections that own contracts, by the preset in force."""
        ...

    def start_of(self, look: ScheduledLook) -> RenewalStart:
        """Whom a renewal asks, by the settings in force."""
        ...
