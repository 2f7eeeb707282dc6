"""The demonstration: seven deals, four of which do not go smoothly, and what follows them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client

from adapters.registry import Adapter
from canonical.connections import Role
from canonical.desk import Action, ExceptionCase, ResolutionOutcome
from canonical.errors import TielineError
from canonical.events import OutboxEvent
from canonical.ids import quote_to_cash_id
from canonical.messages import CancelRequest, CompensationPlan, Progress
from ledger.audit import AuditReport, verify
from ledger.database import Database
from ledger.events import EVENTS_PER_PAGE_MAX, read_events
from starters.decide import Decided, decide
from starters.talk import ask, tell
from tieline.rehearsal.control import SimulatorControl
from tieline.rehearsal.house import House, rehearsal_house
from tieline.rehearsal.survey import Survey, ports, survey
from tieline.temporal import connect

SAMPLE = Path(__file__).parent / "sample"
PATIENCE_SECONDS = 90.0
POLL_SECONDS = 0.1
T = TypeVar("T")


class Unexpected(TielineError):
    """The demonstration did not go as it should; the logs say more."""


@dataclass
class Stage:
    """What the demonstration plays on.

    `deals` has the deal of each account's name (the last one, where there are several), `accounts`
    the account id of each deal.
    """

    house: House
    client: Client
    controls: dict[str, SimulatorControl]
    adapters: dict[Role, Adapter]
    deals: dict[str, str]
    accounts: dict[str, str]

    async def until(self, account: str, what: str, seen: Callable[[Progress], bool]) -> Progress:
        """Wait until the deal of an account has come so far; raises Unexpected after 90 s."""
        return await self.standing(quote_to_cash_id("crm", self.deals[account]), what, seen)

    async def standing(
        self, workflow_id: str, what: str, seen: Callable[[Progress], bool]
    ) -> Progress:
        """Wait until a process has begun and come so far; raises Unexpected after 90 s."""

        async def look() -> Progress | None:
            now = await self._progress(workflow_id)
            return now if now is not None and seen(now) else None

        return await patiently(f"{workflow_id}: {what}", look)

    async def _progress(self, workflow_id: str) -> Progress | None:
        try:
            return await ask(self.client.get_workflow_handle(workflow_id), "progress", Progress)
        except TielineError:
            return None

    async def case(self, account: str) -> ExceptionCase:
        """The deal's exception, once it is open."""
        return (await self.until(account, "an exception", lambda p: bool(p.cases))).cases[0]

    async def decide(
        self, case: ExceptionCase, action: Action, actor: str, **fields: object
    ) -> Decided:
        """A person's decision."""
        decided = decide(self.client, [case], action, actor=actor, **fields)  # type: ignore[arg-type]
        return await anext(decided)

    async def compensation(self, account: str) -> CompensationPlan:
        """What cancelling the deal would undo."""
        handle = self.client.get_workflow_handle(quote_to_cash_id("crm", self.deals[account]))
        return await ask(handle, "compensation_plan", CompensationPlan)

    async def cancel(self, account: str, request: CancelRequest) -> ResolutionOutcome:
        """Ask to cancel the deal."""
        handle = self.client.get_workflow_handle(quote_to_cash_id("crm", self.deals[account]))
        return await tell(handle, "request_cancellation", request, ResolutionOutcome)

    async def invoice(self, account: str) -> str:
        """The first invoice of the account's deal in billing."""
        deal = self.deals[account]
        for invoice in (await self.controls["stripe"].state())["invoices"]:
            about = (invoice.get("parent") or {}).get("subscription_details") or {}
            if (about.get("metadata") or {}).get("tieline_opportunity") == deal:
                return str(invoice["id"])
        raise Unexpected(f"billing has no invoice of {account}")

    async def told(self, record: str, *types: str) -> list[OutboxEvent]:
        """The events of these types about a record, once there is one of each; raises Unexpected
        after 90 s."""
        database = Database.open(self.house.settings.ledger_url)

        async def look() -> list[OutboxEvent] | None:
            found = [
                event
                for event in await read_events(database, limit=EVENTS_PER_PAGE_MAX)
                if event.subject.endswith(f"/{record}") and event.type in types
            ]
            return found if {event.type for event in found} == set(types) else None

        try:
            return await patiently(f"{record}: {', '.join(types)}", look)
        finally:
            await database.close()

    async def survey(self) -> Survey:
        """What stands in all five systems now."""
        return await survey(self.adapters)

    async def audit(self) -> AuditReport:
        """Whether the record of it all is whole."""
        database = Database.open(self.house.settings.ledger_url)
        try:
            return await verify(database)
        finally:
            await database.close()


@asynccontextmanager
async def stage(
    folder: Path, *, crm_export: Path = SAMPLE, catalogue: Path | None = None
) -> AsyncIterator[Stage]:
    """Start everything, with the deals of an export in the CRM."""
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(
            rehearsal_house(
                folder,
                crm_export=crm_export,
                catalogue=catalogue,
                talkative=crm_export == SAMPLE,
            )
        )
        client = await connect(house.settings)
        controls = {name: SimulatorControl(url) for name, url in house.vendor_urls.items()}
        for control in controls.values():
            stack.push_async_callback(control.aclose)
        adapters = await stack.enter_async_context(ports(house.settings))
        held = (await controls["salesforce"].state())["records"]
        names = {account["Id"]: account["Name"] for account in held["Account"]}
        accounts = {deal["Id"]: deal["AccountId"] for deal in held["Opportunity"]}
        deals = {names.get(account, ""): deal for deal, account in accounts.items()}
        yield Stage(house, client, controls, adapters, deals, accounts)


async def patiently(what: str, look: Callable[[], Awaitable[T | None]]) -> T:
    """What `look` finds, asked for until it is there; raises Unexpected after 90 s."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        found = await look()
        if found is not None:
            return found
        await asyncio.sleep(POLL_SECONDS)
    raise Unexpected(f"not seen within {PATIENCE_SECONDS:.0f} s: {what}")
