"""Listings of risks and renewals with how current they are, by the limits of the reports (R21)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

from canonical.facts import Kind
from canonical.risk import RiskLevel
from domain.reports.freshness import Freshness, source_age
from governance.catalogue import Catalogue
from ledger.clocks import WAITING
from ledger.database import Database
from ledger.views.renewals import RenewalLine, list_renewals
from ledger.views.reports import LOOKS, current
from ledger.views.risks import RiskLine, list_risks

T = TypeVar("T")


@dataclass(frozen=True)
class Listing(Generic[T]):
    """Rows of the ledger, and how current what they rest on is."""

    freshness: Freshness
    rows: Sequence[T]


async def risk_listing(
    db: Database,
    catalogue: Catalogue,
    sources: Iterable[str],
    now: datetime,
    *,
    level: RiskLevel | None = None,
    limit: int = 100,
) -> Listing[RiskLine]:
    """Accounts at risk; incomplete where an owner of invoices did not answer for one of them."""
    rows = await list_risks(db, level=level, limit=limit)
    missing = [
        f"{name} did not answer when it was asked for the invoices of accounts listed: {number}"
        for name, number in _counted(rows)
    ]
    hours = catalogue.reports.billing.source_hours
    return Listing(await current(db, sources, Kind.INVOICE, hours, now, missing=missing), rows)


async def renewal_listing(
    db: Database,
    catalogue: Catalogue,
    sources: Iterable[str],
    now: datetime,
    *,
    state: str = "",
    account_id: str = "",
    until: date | None = None,
    limit: int = 100,
) -> Listing[RenewalLine]:
    """Renewals; incomplete where a signal of one of them is not known, stale where nobody has
    looked at an open one for too long."""
    limits = catalogue.reports.forecast
    rows = await list_renewals(db, state=state, account_id=account_id, until=until, limit=limit)
    looked = [one.as_of for one in rows if one.snapshot_id and _is_open(one)]
    looks = [source_age(LOOKS, min(looked), limits.look_hours, now)] if looked else []
    missing = [
        f"renewals listed of which {name} is not known: {number}" for name, number in _counted(rows)
    ]
    found = await current(
        db, sources, Kind.CONTRACT, limits.source_hours, now, missing=missing, besides=looks
    )
    return Listing(found, rows)


def _counted(rows: Iterable[RiskLine | RenewalLine]) -> list[tuple[str, int]]:
    """Of how many rows each source is not known, in the order of their names."""
    return sorted(Counter(name for row in rows for name in row.unknown).items())


def _is_open(renewal: RenewalLine) -> bool:
    return renewal.state != WAITING and not renewal.outcome
