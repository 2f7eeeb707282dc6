"""What is known of an account from other systems: the newest read of each of its records, its
renewals' clocks, and its family."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import TypeVar

from canonical.facts import AnyFacts
from canonical.money import Money
from canonical.orders import Fact
from canonical.renewal import ReadinessSnapshot

T = TypeVar("T")


class KnownRecord(Fact):
    """One record as it was last read, when, and of which connection."""

    connection: str
    facts: AnyFacts
    recorded_at: datetime


class RenewalOnRecord(Fact):
    """What a contract's renewal clock keeps of its terms, with the view that was seen last (R76).

    The dates are those that followed when the contract's owner was asked (`terms_read_at`), None
    where the clock keeps none; `decided_by` names the one that won. `state` is the clock's.
    """

    connection: str
    contract_id: str
    opportunity_id: str = ""
    legal_entity: str = ""
    renews_on: date | None = None
    decided_by: str = ""
    notice_on: date | None = None
    renewed_on: date | None = None
    state: str
    outcome: str = ""
    terms_version: str = ""
    terms_read_at: datetime | None = None
    value: Money | None = None
    seen: ReadinessSnapshot | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is something to renew that is not decided yet."""
        return not self.outcome and self.renews_on is not None

    @property
    def view(self) -> ReadinessSnapshot | None:
        """The newest view of this very renewal; a clock that waits still has the one before's."""
        seen = self.seen
        about = seen is not None and seen.outcome is None and seen.dates.renews_on == self.renews_on
        return seen if about else None


class AccountOnRecord(Fact):
    """An account as its own assessment found it in the CRM at `assessed_at` (R75).

    `name` is empty where the CRM never showed it; `parent_id` also where there is nobody above it
    that the CRM shows.
    """

    account_id: str
    name: str
    parent_id: str = ""
    merged_into: str = ""
    assessed_at: datetime


class FamilyOnRecord(Fact):
    """Who is above (the nearest first) and below an account, of those that were assessed (R117).

    `bill_to_ids` are the accounts that pay the orders which were carried out for it, as of
    `ordered_at`: None where there is no such order.
    """

    own: AccountOnRecord | None = None
    above: list[AccountOnRecord] = []
    below: list[AccountOnRecord] = []
    bill_to_ids: list[str] = []
    ordered_at: datetime | None = None


class AccountRecords(Fact):
    """Every record that names an account; `cut` is true when there are more than were read.

    `renewals` and `family` are only there where they were asked for.
    """

    account_id: str
    records: list[KnownRecord]
    cut: bool = False
    renewals: list[RenewalOnRecord] = []
    family: FamilyOnRecord = FamilyOnRecord()

    def of(self, kind: type[T]) -> Iterator[tuple[KnownRecord, T]]:
        """The records of one kind with their facts, in the order of reading."""
        for record in self.records:
            if isinstance(record.facts, kind):
                yield record, record.facts

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is on record."""
        family = self.family
        return not (self.records or self.renewals or family.own or family.bill_to_ids)
