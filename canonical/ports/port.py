"""What every port can be asked, whatever its role."""

from collections.abc import AsyncIterator
from typing import Protocol

from canonical.money import Money
from canonical.orders import Fact


class RecordSummary(Fact):
    """One record of ours in a vendor's system: for counting and for finding duplicates.

    `business_id` is the id of ours it carries: an account for customers, organizations and
    companies; an opportunity for subscriptions, orders, onboardings and write-backs.
    """

    kind: str
    id: str
    business_id: str
    status: str = ""


class Booking(RecordSummary):
    """A record that carries the value of an order: subscription, sales order or won opportunity."""

    amount: Money


class Port(Protocol):
    """Common to all roles. Every method raises the errors of `canonical.errors` and no others."""

    async def check(self) -> str:
        """Prove that the connection works with one cheap read; says in one line what answered."""
        ...

    def records(self) -> AsyncIterator[RecordSummary]:
        """Every record of ours that stands in the system, paged through to the end."""
        ...
