"""A renewal over days: one contract that is signed, used, amended and renewed, dated."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from canonical.events import OutboxEvent
from canonical.facts import Kind
from canonical.messages import Progress
from canonical.renewal import ReadinessSnapshot
from canonical.renewal_messages import RenewalEnded, renewal_id
from governance.catalogue import SHIPPED
from ledger.events import read_events
from simulators.warehouse import write_usage
from tests.stories.portfolio import Portfolio
from tests.stories.renewal_contracts import BillingContract, ErpContract
from tests.world import World, eventually, line, world
from tieline.rehearsal.credentials import Credentials

MORNING = time(6, 0, tzinfo=UTC)
A_MINUTE = timedelta(minutes=1)
# What comes in at once is looked at together, a few minutes after the look before.
A_WHILE = timedelta(minutes=6)
WINDOW = timedelta(days=90)


@dataclass
class Renewal:
    """One contract of Globex's, its clock, and what the systems show of it."""

    tieline: World
    clocks: WorkflowEnvironment
    warehouse: Path
    portfolio: Portfolio
    kind: type[BillingContract] | type[ErpContract]
    passed: timedelta = field(default_factory=timedelta)

    async def signed(self, months: int = 12) -> None:
        """Globex signs, pays, is onboarded and works with the product: all is well, and the clock
        of the contract runs."""
        tieline = self.tieline
        self.deal = tieline.deal("Globex", line("GTX-PRO", "12000.00"))
        await tieline.fulfilled(self.deal)
        self.contract = self.kind(tieline)
        for invoice in tieline.billing.account.invoices.held():
            tieline.billing.happen(invoice["id"], "pay")
        (onboarding,) = tieline.success.state()["call_to_action"]
        tieline.success.cockpit.change(onboarding, status="Closed Success")
        self.used_until(self.today + timedelta(days=900))
        if self.kind is ErpContract:
            await self.portfolio.begin_renewal(self.contract.id, "erp", self.deal)
        await self.portfolio.standing(self.process, "waiting", "window_open")
        await self.portfolio.hear(self.contract.connection, Kind.CONTRACT, self.contract.id)

    def used_until(self, day: date) -> None:
        """Usage is known up to a day: eight of ten users work, every third day."""
        account, days = self.tieline.account("Globex"), (day - self.today).days
        rows = [
            (account, f"user-{user}", (self.today + timedelta(days=away)).isoformat())
            for away in range(days, -400, -3)
            for user in range(8)
        ]
        # In place, since whoever reads keeps the file open.
        with closing(sqlite3.connect(self.warehouse)) as warehouse, warehouse:
            warehouse.execute("DELETE FROM daily_usage")
            warehouse.executemany("INSERT INTO daily_usage VALUES (?, ?, ?)", rows)
            warehouse.execute("INSERT OR REPLACE INTO seats VALUES (?, 10)", (account,))

    def warehouse_is(self, there: bool) -> None:
        """The warehouse answers, or it does not."""
        name, other = ("daily_usage", "moved") if there else ("moved", "daily_usage")
        with closing(sqlite3.connect(self.warehouse)) as warehouse, warehouse:
            warehouse.execute(f"ALTER TABLE {other} RENAME TO {name}")

    def renewal_deal(self, **fields: Any) -> str:
        """Sales opens a deal for the renewal."""
        given = {"StageName": "Negotiation/Review", "Amount": "12000.00", "Type": "Renewal"}
        return self.tieline.crm.add(
            "Opportunity",
            Name="Globex - renewal",
            AccountId=self.tieline.account("Globex"),
            Renews_Opportunity__c=self.deal,
            **given | fields,
        )

    def won(self, deal: str) -> None:
        """The customer has signed the renewal."""
        self._closed(deal, "Closed Won")

    def lost(self, deal: str) -> None:
        """The customer will not renew."""
        self._closed(deal, "Closed Lost")

    def _closed(self, deal: str, stage: str) -> None:
        self.tieline.crm.store.update("Opportunity", deal, {"StageName": stage})

    @property
    def process(self) -> WorkflowHandle[Any, RenewalEnded]:
        """The contract's clock, whichever run of it."""
        return self.tieline.client.get_workflow_handle(
            renewal_id(self.contract.connection, self.contract.id), result_type=RenewalEnded
        )

    @property
    def today(self) -> date:
        """The day it is in the story."""
        return (datetime.now(UTC) + self.passed).date()

    async def renews_on(self) -> date:
        """The day on which the contract renews, as its clock read it at first."""
        progress = await self.process.query("progress", result_type=Progress)
        (read,) = [step for step in progress.steps if step.name == "read_terms"]
        return date.fromisoformat(read.reference.removeprefix("until "))

    async def until(self, moment: datetime) -> None:
        """Let the time pass, for the contract and for every system, until a moment."""
        now = await self.clocks.get_current_time(self.process)
        assert moment > now, f"{moment} is past: it is {now}"
        await self.passing(moment - now)

    async def looked_on(self, day: date) -> None:
        """Let the time pass until somebody has looked at a day's morning."""
        await self.until(datetime.combine(day, MORNING) + A_WHILE)

    async def passing(self, while_: timedelta) -> None:
        """Let the time pass."""
        self.passed += while_
        await self.portfolio.passing(while_, self.process)

    async def told(self, kind: Kind, subject: str, connection: str) -> None:
        """A system tells of a record, and what has to be looked at for it is looked at."""
        before = await self._heard()
        await self.portfolio.hear(connection, kind, subject)
        await eventually(lambda: self._heard_more_than(before))
        await self.passing(A_WHILE)

    async def look_again(self) -> None:
        """Something happened of which nobody knows what it means: everybody is asked."""
        await self.process.signal("business_event", {"id": "again", "type": "somebody.called"})
        await self.passing(A_WHILE)

    async def amended(self) -> None:
        """The contract's owner tells that it was amended."""
        await self.told(Kind.CONTRACT, self.contract.id, self.contract.connection)

    async def _heard(self) -> int:
        history = await self.process.fetch_history()
        return sum(1 for event in history.events if event.HasField(SIGNALED))

    async def _heard_more_than(self, before: int) -> bool:
        return await self._heard() > before

    async def standing(self, stage: str) -> None:
        """Wait until the clock stands somewhere."""
        await self.portfolio.standing(self.process, stage)

    async def stage(self) -> str:
        """Where the clock stands."""
        return (await self.process.query("progress", result_type=Progress)).stage

    async def windows(self) -> list[OutboxEvent]:
        """The windows that were told to have opened, in order."""
        events = await read_events(self.tieline.house.database, limit=1000)
        return [event for event in events if event.type == "renewal.window_opened"]

    async def opened(self) -> list[date]:
        """For which renewals a window was opened."""
        return [date.fromisoformat(event.body["renews_on"]) for event in await self.windows()]

    async def views(self) -> list[ReadinessSnapshot]:
        """Every view that was taken of the renewal, oldest first."""
        return await self.portfolio.views()

    async def views_with(self, name: str, state: str) -> list[ReadinessSnapshot]:
        """The views in which a source says something, once there is one."""

        async def found() -> list[ReadinessSnapshot]:
            return [view for view in await self.views() if state_of(view, name) == state]

        views: list[ReadinessSnapshot] = await eventually(found)
        return views

    async def crm_shows(self, state: str) -> None:
        """Wait until the CRM shows a state."""
        await eventually(lambda: self.opportunity["Renewal_Readiness__c"] == state)

    async def activities(self) -> Counter[str]:
        """What the present run has asked and told others, by activity."""
        history = await self.process.fetch_history()
        begun = "activity_task_scheduled_event_attributes"
        return Counter(
            event.activity_task_scheduled_event_attributes.activity_type.name
            for event in history.events
            if event.HasField(begun)
        )

    async def shown(self) -> ReadinessSnapshot:
        """The newest view, once customer success and the CRM show it, the same one."""
        return await self.seen(lambda _: True)

    async def seen(self, wanted: Callable[[ReadinessSnapshot], bool]) -> ReadinessSnapshot:
        """As `shown`, once what both show is a view that is wanted."""

        async def found() -> ReadinessSnapshot | None:
            one, other = (
                self.company["Readiness_Snapshot__gc"],
                self.opportunity["Readiness_Snapshot__c"],
            )
            views = await self.views() if one == other else []
            return next((v for v in views if v.snapshot_id == one and wanted(v)), None)

        view: ReadinessSnapshot = await eventually(found)
        return view

    @property
    def company(self) -> dict[str, Any]:
        """The account as customer success shows it."""
        (company,) = self.tieline.success.state()["Company"].values()
        return defaultdict(lambda: None, company)

    @property
    def opportunity(self) -> dict[str, Any]:
        """The deal as the CRM shows it."""
        return defaultdict(lambda: None, self.tieline.opportunity(self.deal))


def state_of(view: ReadinessSnapshot, name: str) -> str:
    """What one source says in a view."""
    (signal,) = [one for one in view.signals if one.name == name]
    return signal.state.value


def led_by(folder: Path, preset: str) -> Path:
    """A catalogue of that preset."""
    catalogue = folder / "catalogue"
    catalogue.mkdir()
    systems = (SHIPPED / "systems.toml").read_text()
    assert 'preset = "billing-led"' in systems
    led = systems.replace('preset = "billing-led"', f'preset = "{preset}"')
    (catalogue / "systems.toml").write_text(led)
    return catalogue


SIGNALED = "workflow_execution_signaled_event_attributes"


@asynccontextmanager
async def renewal_world(
    folder: Path,
    clocks: WorkflowEnvironment,
    credentials: Credentials,
    kind: type[BillingContract] | type[ErpContract] = BillingContract,
) -> AsyncIterator[Renewal]:
    """A world with a warehouse, whose days pass when the story says so."""
    warehouse, url = folder / "warehouse.db", folder / "warehouse-url"
    write_usage(warehouse, [], datetime.now(UTC).date())
    url.write_text(f"sqlite:///{warehouse}")
    url.chmod(0o600)
    usage = {
        "url": f"file:{url}",
        "table": "daily_usage",
        "columns": {"account": "account_id", "user": "user_id", "day": "day"},
        "seats": {"table": "seats", "account": "account_id", "licensed": "licensed"},
    }
    led = led_by(folder, kind.preset)
    with clocks.with_time_skipping_disabled():
        async with world(folder, clocks.client, credentials, usage=usage, catalogue=led) as built:
            yield Renewal(built, clocks, warehouse, Portfolio(built, clocks), kind)
