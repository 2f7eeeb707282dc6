"""Wires one process: ledger, catalogue and adapters from settings, closed in reverse order."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client

from activities.clocks import ClockActivities
from activities.desk import DeskActivities
from activities.portfolio import PortfolioActivities
from activities.rounds import RoundActivities
from activities.usage import UsageActivities
from activities.watch import WatchActivities
from adapters.files import FileDrop
from adapters.registry import Adapter, connect, connect_events
from adapters.warehouse import WarehouseUsage
from canonical.connections import Connection, Polling
from canonical.gathering import RenewalSource
from canonical.inbound import Refusal
from canonical.orders import CommercialOrder, OrderAmendment
from canonical.plan import OrderPlan
from canonical.ports import EventsPort
from domain.definitions.contracts import statuses_of
from domain.judge import CatalogueJudge
from domain.planning import plan_order
from governance.catalogue import Catalogue
from governance.source import CatalogueSource
from ledger.answers import SqlAnswers
from ledger.clocks import SqlClocks
from ledger.database import Database
from ledger.desk import SqlDesk
from ledger.effects import SqlEffects
from ledger.feeds import Feeds
from ledger.inbox import Inbox
from ledger.looks import SqlLooks
from ledger.migrate import upgrade
from ledger.portfolio import SqlPortfolio
from ledger.records import Records
from ledger.watch import Expectation, SqlWatch
from tieline.settings import Settings
from workers.beginnings import Beginnings
from workers.clocks import TemporalClocks
from workers.registry import connection_activities, event_activities


@dataclass(frozen=True)
class Composition:
    """What a worker process works with."""

    settings: Settings
    database: Database
    catalogue: CatalogueSource
    effects: SqlEffects
    desk: SqlDesk
    adapters: dict[str, Adapter]
    sources: dict[str, EventsPort]
    watch: SqlWatch
    book: SqlPortfolio
    usage: dict[str, WarehouseUsage]

    def activities_of(self, connection: Connection) -> list[Callable[..., Any]]:
        """The activities that the connection's task queue serves."""
        served = connection_activities(
            connection,
            self.adapters[connection.name],
            effects=self.effects,
            desk=self.desk,
            planner=self.plan,
            tiers=lambda: self.catalogue.current().terms.support.tiers,
            book=self.book,
            answers=self.answers,
        )
        if connection.name in self.sources:
            served += self.events_of(connection.name, connection.poll)
        return served

    @property
    def answers(self) -> SqlAnswers:
        """What was asked in rounds."""
        return SqlAnswers(self.database)

    def events_of(self, source: str, polling: Polling) -> list[Callable[..., Any]]:
        """The activities of a source of events."""
        return event_activities(
            source,
            self.sources[source],
            polling,
            feeds=Feeds(
                self.database,
                priority_of=lambda kind: self.catalogue.current().events.priority_of(kind),
            ),
            hints=Inbox(self.database),
            records=Records(self.database),
            refused=lambda: _refused(self.sources[source]),
        )

    def usage_of(self, source: str) -> list[Callable[..., Any]]:
        """The activities of a source of product usage."""
        usage = UsageActivities(self.usage[source])
        return [
            usage.adoption,
            RoundActivities(self.answers, {RenewalSource.ADOPTION: usage.adoption}).gather,
        ]

    def desk_activities(self) -> list[Callable[..., Any]]:
        """The local activities of every process."""
        desk, watch = DeskActivities(self.desk), WatchActivities(self.watch)
        portfolio = PortfolioActivities(self.book, self.answers)
        return [
            portfolio.assess_risk,
            portfolio.plan_renewal,
            portfolio.take_snapshot,
            portfolio.answers,
            watch.concerns,
            watch.check,
            desk.open_case,
            desk.escalate,
            desk.revise,
            desk.record_attempt,
            desk.record_milestone,
            desk.record_process,
        ]

    def clock_activities(self, client: Client) -> list[Callable[..., Any]]:
        """The activities of the daily reconcile, which starts processes itself."""
        clocks = SqlClocks(self.database, lambda: statuses_of(self.catalogue.current().definitions))
        keeper = TemporalClocks(client, Beginnings(self.settings, self.catalogue.current()))
        activities = ClockActivities(clocks, keeper, SqlLooks(self.database))
        return [activities.reconcile, activities.due_looks]

    def plan(self, crm: str, order: CommercialOrder, amendment: OrderAmendment) -> OrderPlan:
        """An order from a CRM connection, by the catalogue of this moment."""
        return plan_order(
            order,
            self.catalogue.current(),
            self.settings.connections.values(),
            crm=crm,
            amendment=amendment,
            today=datetime.now(UTC).date(),
        )


@asynccontextmanager
async def composition(
    settings: Settings, connections: list[Connection] | None = None
) -> AsyncIterator[Composition]:
    """Open what the settings name; `connections` limits the adapters that are built.

    Raises Misconfigured for a setting, secret or catalogue entry that is wrong, Unavailable when
    the ledger cannot be reached.
    """
    async with AsyncExitStack() as stack:
        upgrade(settings.ledger_url)
        database = Database.open(settings.ledger_url)
        stack.push_async_callback(database.close)
        catalogue = CatalogueSource(settings.catalogue)
        adapters: dict[str, Adapter] = {}
        sources: dict[str, EventsPort] = {}
        for connection in connections or list(settings.connections.values()):
            adapter = connect(connection)
            stack.push_async_callback(adapter.aclose)
            adapters[connection.name] = adapter
            if events := connect_events(connection):
                stack.push_async_callback(events.aclose)
                sources[connection.name] = events
        for drop in settings.drops.values():
            sources[drop.name] = FileDrop(drop)
        usage: dict[str, WarehouseUsage] = {}
        for source in settings.usage.values():
            usage[source.name] = WarehouseUsage.from_source(source)
            stack.push_async_callback(usage[source.name].aclose)
        yield Composition(
            settings=settings,
            database=database,
            catalogue=catalogue,
            effects=SqlEffects(
                database,
                environments={c.name: c.environment for c in settings.connections.values()},
            ),
            desk=SqlDesk(database, catalogue, environment=settings.environment),
            adapters=adapters,
            sources=sources,
            usage=usage,
            book=SqlPortfolio(
                database,
                lambda: CatalogueJudge(catalogue.current()),
                environment=settings.environment,
            ),
            watch=SqlWatch(
                database,
                settings.polling,
                lambda: _expectations(catalogue.current()),
            ),
        )


def _refused(source: EventsPort) -> list[Refusal]:
    """Lines of files that were not let in; other sources refuse at their webhooks only."""
    lines = source.drain_rejected() if isinstance(source, FileDrop) else []
    return [
        Refusal(
            source=line.source,
            reason=f"{line.file}, line {line.line}: {line.reason}",
            code=line.code,
            remote=line.file,
            body_digest=line.body_digest,
            body_bytes=line.body_bytes,
            at=line.at,
        )
        for line in lines
    ]


def _expectations(catalogue: Catalogue) -> list[Expectation]:
    return [
        Expectation(
            name=name,
            process=expected.process,
            after=expected.after,
            then=expected.then,
            within=expected.within,
        )
        for name, expected in catalogue.expectations.expectations.items()
    ]
