"""A simulated org with its event bus, and a ledger that is told what happens there."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.salesforce.pubsub.subscriber import CLOSED_WON_TOPIC
from canonical.connections import Connection
from canonical.feeds import Cursor
from ledger.database import Database
from ledger.feeds import Feeds
from ledger.migrate import upgrade
from ledger.views.inbox import ROWS_MAX, InboxLine, list_events
from simulators.salesforce import SalesforceSimulator
from simulators.salesforce.pubsub import PubSubServer, serving_pubsub
from simulators.serve import serving
from tieline.settings import Settings

CONSUMER_KEY, CLIENT_SECRET = "3MVG9.tieline", "canary-client-secret-77"
THREE_DAYS_SECONDS = 72 * 3600


class Hours:
    """The org's clock, which can be set forward."""

    ahead_seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_seconds


@dataclass
class Org:
    """An org with its bus, and what our ledger has of it."""

    crm: SalesforceSimulator
    bus: PubSubServer
    clock: Hours
    settings: Settings
    db: Database

    def win(self, name: str = "Globex") -> str:
        """A deal is won, and the bus tells of it."""
        deal = self.crm.add(
            "Opportunity", Name=name, StageName="Negotiation", CloseDate="2026-11-20"
        )
        self.crm.close_won(deal)
        return deal

    def win_quietly(self) -> str:
        """A deal is won, of which the bus says nothing."""
        return self.crm.add(
            "Opportunity", Name="Initech", StageName="Closed Won", CloseDate="2026-11-20"
        )

    def forget(self) -> None:
        """Three days pass on the bus."""
        self.clock.ahead_seconds += THREE_DAYS_SECONDS + 60

    async def lines(self) -> dict[str, InboxLine]:
        """What is in the inbox, by deal."""
        return {line.subject: line for line in await list_events(self.db, limit=ROWS_MAX)}

    async def place(self, topic: str = CLOSED_WON_TOPIC) -> Cursor:
        """Our place on a topic."""
        found = await Feeds(self.db).cursor("crm", topic)
        assert found is not None
        return found

    def has(self, *deals: str) -> Callable[[], Awaitable[bool]]:
        """Whether the inbox has hints of these deals and of no others."""

        async def look() -> bool:
            return set(await self.lines()) == set(deals)

        return look

    def write_settings(self, file: Path, **changes: str) -> Path:
        """The settings as a file, for a process; with other options or another `base_url`."""
        crm = self.settings.connections["crm"]
        base_url = changes.pop("base_url", crm.url)
        tables = {"secrets": crm.secrets, "options": crm.options | changes}
        lines = [
            f"ledger_url = {json.dumps(self.settings.ledger_url)}",
            '[connections.crm]\nrole = "crm"\nvendor = "salesforce"',
            f"base_url = {json.dumps(base_url)}",
        ]
        for name, table in tables.items():
            lines += [f"[connections.crm.{name}]"]
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        file.write_text("\n".join(lines) + "\n")
        return file


@asynccontextmanager
async def org_in(folder: Path) -> AsyncIterator[Org]:
    """An org that nobody listens to yet; its ledger is in this folder."""
    (folder / "client-secret").write_text(CLIENT_SECRET)
    clock, url = Hours(), f"sqlite:///{folder / 'ledger.db'}"
    crm = SalesforceSimulator(
        connected_apps={CONSUMER_KEY: {"secret": CLIENT_SECRET}},
        token_seconds=10 * THREE_DAYS_SECONDS,
        clock=clock,
    )
    bus = PubSubServer(crm)
    upgrade(url)
    db = Database.open(url)
    async with serving({"org": crm}) as urls, serving_pubsub(bus) as endpoint:
        connection = Connection(
            name="crm", role="crm", vendor="salesforce", base_url=urls["org"],
            secrets={"client_secret": f"file:{folder / 'client-secret'}"},
            options={"consumer_key": CONSUMER_KEY, "pubsub_endpoint": endpoint},
        )  # fmt: skip
        yield Org(crm, bus, clock, Settings(ledger_url=url, connections={"crm": connection}), db)
    await db.close()
