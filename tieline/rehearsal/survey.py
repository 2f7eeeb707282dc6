"""What stands in all five systems, read from the systems themselves through their ports."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from adapters.registry import Adapter, connect
from canonical.connections import Role
from canonical.errors import Misconfigured
from canonical.money import Money
from canonical.ports import Booking, CrmPort, RecordSummary
from tieline.settings import Settings


@dataclass
class Survey:
    """The records of ours in each system, by role."""

    won: list[Booking] = field(default_factory=list)
    records: dict[Role, list[RecordSummary]] = field(default_factory=dict)

    def of(self, role: Role, kind: str) -> dict[str, RecordSummary]:
        """The records of one kind, by the business id they carry."""
        return {r.business_id: r for r in self.records.get(role, []) if r.kind == kind}

    def duplicates(self) -> list[str]:
        """Every business id that has two records of one kind in one system."""
        counted = Counter(
            (role, r.kind, r.business_id) for role, rs in self.records.items() for r in rs
        )
        return [f"{role} {kind} of {of}: {n}" for (role, kind, of), n in counted.items() if n > 1]

    def booked(self, role: Role) -> dict[str, Money]:
        """The value booked in a system, by currency."""
        return totals(r for r in self.records.get(role, []) if isinstance(r, Booking))

    def won_value(self) -> dict[str, Money]:
        """The value of all closed-won deals, by currency."""
        return totals(self.won)


def totals(bookings: Iterable[Booking]) -> dict[str, Money]:
    """Sums by currency."""
    sums: dict[str, Money] = {}
    for booking in bookings:
        currency = booking.amount.currency
        sums[currency] = sums.get(currency, Money.zero(currency)) + booking.amount
    return sums


@asynccontextmanager
async def ports(settings: Settings) -> AsyncIterator[dict[Role, Adapter]]:
    """One adapter a role; raises Misconfigured where a role has several connections."""
    async with AsyncExitStack() as stack:
        opened: dict[Role, Adapter] = {}
        for connection in settings.connections.values():
            if connection.role in opened:
                raise Misconfigured(f"a rehearsal has one {connection.role} connection")
            adapter = connect(connection)
            stack.push_async_callback(adapter.aclose)
            opened[connection.role] = adapter
        yield opened


async def survey(opened: dict[Role, Adapter]) -> Survey:
    """Read every system to the end."""
    seen = Survey()
    crm = opened[Role.CRM]
    seen.won = [booking async for booking in won(crm)]
    for role, adapter in opened.items():
        seen.records[role] = [record async for record in adapter.records()]
    return seen


def won(crm: Adapter) -> AsyncIterator[Booking]:
    """The CRM's closed-won deals."""
    port: CrmPort = crm  # type: ignore[assignment]
    return port.won()
