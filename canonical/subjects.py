"""What is known of an account from other systems: the newest read of each of its records."""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from canonical.facts import AnyFacts
from canonical.orders import Fact

T = TypeVar("T")


class KnownRecord(Fact):
    """One record as it was last read, when, and of which connection."""

    connection: str
    facts: AnyFacts
    recorded_at: datetime


class AccountRecords(Fact):
    """Every record that names an account; `cut` is true when there are more than were read."""

    account_id: str
    records: list[KnownRecord]
    cut: bool = False

    def of(self, kind: type[T]) -> Iterator[tuple[KnownRecord, T]]:
        """The records of one kind with their facts, in the order of reading."""
        for record in self.records:
            if isinstance(record.facts, kind):
                yield record, record.facts
