"""The reports over the ledger, each with how current it is (R22, R120).

`sources` are the connections that the report rests on by the settings; where it also counts what
others tell, those of which records were read are named as well, so that nothing in it goes without
an age.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

from canonical.definitions import in_force
from canonical.facts import Kind
from domain.calendar import DAY, midnight
from domain.definitions.contracts import statuses_of
from domain.reports.expansion import ExpansionReport, expansion_report
from domain.reports.forecast import ForecastReport, forecast_report
from domain.reports.freshness import Freshness, SourceAge, ages, freshness, source_age
from domain.reports.receivables import ReceivablesReport, own_assessment, receivables_report
from domain.reports.retention import RetentionReport, retention_report
from domain.reports.revenue import RevenueReport, revenue_report
from governance.catalogue import Catalogue
from ledger.clocks import WAITING
from ledger.database import Database
from ledger.views.positions import positions, unowned_invoices
from ledger.views.reactions import amendments
from ledger.views.renewal_histories import (
    ended_contracts,
    renewal_histories,
    upcoming_renewals,
)
from ledger.views.revenue import known_revenue
from ledger.views.sources import given_up, source_places, telling

T = TypeVar("T")
LOOKS = "looks at open renewals"
RENEWAL_DEFINITIONS = ("renewal_date", "renewal_eligibility", "renewal_readiness")


@dataclass(frozen=True)
class Report(Generic[T]):
    """A report, how current it is, and the definitions (`name@version`) that it rests on."""

    name: str
    freshness: Freshness
    definitions: list[str]
    body: T


async def forecast(
    db: Database, catalogue: Catalogue, sources: Iterable[str], until: date, now: datetime
) -> Report[ForecastReport]:
    """What is to renew until a day; incomplete where signals are unknown, stale where nobody has
    looked at an open renewal for too long."""
    limits = catalogue.reports.forecast
    given = await upcoming_renewals(db, until)
    body = forecast_report(given, until, now.date())
    opened = [one.looked_at for one in given if one.state != WAITING]
    looks = [source_age(LOOKS, min(opened), limits.look_hours, now)] if opened else []
    missing = []
    if body.with_unknown_signals:
        number = body.with_unknown_signals
        missing.append(f"renewals with a signal that is not known: {number}")
    age = await current(
        db,
        sources,
        Kind.CONTRACT,
        limits.source_hours,
        now,
        missing=missing,
        besides=looks,
    )
    return Report("forecast", age, _names(catalogue, *RENEWAL_DEFINITIONS), body)


async def billing(
    db: Database, catalogue: Catalogue, sources: Collection[str], now: datetime
) -> Report[ReceivablesReport]:
    """How accounts stand today with their own invoices, as `sources`, which own them, tell of them;
    by the definitions in force."""
    rules, today = catalogue.definitions.risk_rules(), now.date()
    found = []
    async for position in positions(db, sources):
        assessed = own_assessment(position, rules, today)
        # Sums are all that the report keeps of an account: there may be many.
        found.append(assessed.model_copy(update={"invoices": [], "reasons": []}))
    body = receivables_report(found)
    limit = catalogue.reports.billing.source_hours
    missing = []
    if body.unknown:
        missing.append(f"accounts whose payments are not known: {body.unknown}")
    if nameless := await unowned_invoices(db, sources):
        missing.append(f"invoices that name no account, and count for none: {nameless}")
    names = ("account_financial_status", "invoice_collection_status", "invoice_delinquent")
    age = await current(db, sources, None, limit, now, missing=missing)
    return Report("billing", age, _names(catalogue, *names), body)


async def expansion(
    db: Database,
    catalogue: Catalogue,
    sources: Iterable[str],
    since: date,
    until: date,
    now: datetime,
    *,
    owners: Collection[str],
) -> Report[ExpansionReport]:
    """When contracts were amended and by how much, as the `owners` of contracts tell it, and how
    renewals came out; of how many either is not known, its sums say."""
    told = await amendments(db, owners, midnight(since))
    histories = await renewal_histories(db, since, until)
    statuses = statuses_of(catalogue.definitions)
    body = expansion_report(told, histories, statuses, since, until)
    limit = catalogue.reports.expansion.source_hours
    missing = [] if owners else ["no connection owns contracts by the preset in force"]
    age = await current(db, sources, None, limit, now, missing=missing)
    return Report("expansion", age, _names(catalogue, "active_customer", "renewal_date"), body)


async def retention(
    db: Database,
    catalogue: Catalogue,
    sources: Iterable[str],
    since: date,
    until: date,
    now: datetime,
) -> Report[RetentionReport]:
    """What became of the renewals of a period."""
    histories = await renewal_histories(db, since, until)
    seen = {(one.connection, one.contract_id, one.renews_on) for one in histories}
    open_ones = [one for one in await upcoming_renewals(db, until) if one.renews_on >= since]
    never_seen = [
        one for one in open_ones if (one.connection, one.contract_id, one.renews_on) not in seen
    ]
    ended = await ended_contracts(db, midnight(since), midnight(until + DAY))
    body = retention_report(histories, never_seen, ended, since, until)
    limit = catalogue.reports.retention.source_hours
    past = sum(h.outcome is None and h.renews_on < now.date() for h in histories)
    past += sum(one.renews_on < now.date() for one in never_seen)
    missing = [f"renewals past their date without an outcome: {past}"] if past else []
    age = await current(db, sources, Kind.CONTRACT, limit, now, missing=missing)
    return Report("retention", age, _names(catalogue, *RENEWAL_DEFINITIONS), body)


async def revenue(
    db: Database, catalogue: Catalogue, sources: Iterable[str], since: datetime, now: datetime
) -> Report[RevenueReport]:
    """How far the revenue of the orders begun since a time has come."""
    versions = catalogue.definitions.versions
    body = revenue_report(await known_revenue(db, since), versions, now.date())
    limit = catalogue.reports.revenue.source_hours
    missing = []
    if number := body.recognition_unknown:
        missing.append(
            f"orders not paid of which it is not known until when revenue is planned: {number}"
        )
    age = await current(db, sources, Kind.INVOICE, limit, now, missing=missing)
    return Report("revenue", age, _names(catalogue, "revenue_status"), body)


async def current(
    db: Database,
    sources: Iterable[str],
    kind: Kind | None,
    limit_hours: int,
    now: datetime,
    *,
    missing: Iterable[str] = (),
    besides: Iterable[SourceAge] = (),
) -> Freshness:
    """How current what these connections say is, and all that tell of a kind of record, which is
    None where what others tell does not count."""
    names = {*sources, *(await telling(db, [kind.value] if kind else []))}
    aged = [*ages(await source_places(db, names), limit_hours, now), *besides]
    lost = [
        f"{name}: messages that were given up: {number}"
        for name, number in (await given_up(db, names)).items()
    ]
    return freshness(aged, now, [*missing, *lost])


def _names(catalogue: Catalogue, *names: str) -> list[str]:
    return [in_force(name, catalogue.definitions.versions) for name in names]
