"""A whole Tieline for a story: five simulators, a ledger, workers and a Temporal server, for real.

Everything is reached over loopback as in production; only processes are tasks of one event loop.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from canonical.desk import Action, ExceptionCase, Resolution, ResolutionOutcome
from canonical.ids import PROCESS_QUEUE, quote_to_cash_id
from canonical.messages import Progress, QuoteToCashInput, QuoteToCashResult
from governance.catalogue import SHIPPED, load_catalogue
from simulators.gainsight import GainsightSimulator
from simulators.netsuite import NetSuiteSimulator
from simulators.salesforce import SalesforceSimulator
from simulators.serve import serving
from simulators.stripe import StripeSimulator
from simulators.zendesk import ZendeskSimulator
from starters.launch import Started, start_process
from tieline.configure import load_settings
from tieline.rehearsal.configuration import rehearsal_toml
from tieline.rehearsal.credentials import Credentials
from tieline.rehearsal.vendors import make_simulators
from tieline.settings import Settings
from tieline.temporal import plugin
from workers.composition import Composition, composition
from workers.courier import run_courier
from workers.run import workers_of

PATIENCE_SECONDS = 120.0

# Each world has a CRM org of its own, so that worlds which share a server do not share deals.
_orgs = count(1)


def this_month() -> str:
    """The first day of this month: a deal of that day is billed, whenever the tests run."""
    return datetime.now(UTC).date().replace(day=1).isoformat()


@dataclass
class World:
    """What a story can see and do."""

    settings: Settings
    config: Path
    client: Client
    house: Composition
    crm: SalesforceSimulator
    billing: StripeSimulator
    erp: NetSuiteSimulator
    support: ZendeskSimulator
    success: GainsightSimulator
    accounts: dict[str, str] = field(default_factory=dict)
    deals: list[str] = field(default_factory=list)

    def account(self, name: str, **fields: Any) -> str:
        """An account of the CRM; the same name is the same account."""
        if name not in self.accounts:
            given = {"BillingCountry": "United States"} | fields
            self.accounts[name] = self.crm.add("Account", Name=name, **given)
        return self.accounts[name]

    def deal(
        self,
        account: str = "Globex",
        *lines: dict[str, Any],
        amount: str | None = None,
        won: bool = True,
        **fields: Any,
    ) -> str:
        """A deal with its lines (default: GTX-PRO for 12,000.00 a year), closed-won by default."""
        rows = list(lines) or [line("GTX-PRO", "12000.00")]
        total = amount or f"{sum(float(row['TotalPrice']) for row in rows):.2f}"
        opportunity = self.crm.add(
            "Opportunity",
            **{
                "Name": f"{account} - new business",
                "AccountId": self.account(account),
                "StageName": "Closed Won" if won else "Negotiation/Review",
                "Amount": total,
                "CloseDate": this_month(),
            }
            | fields,
        )
        for row in rows:
            self.crm.add("OpportunityLineItem", OpportunityId=opportunity, **row)
        self.deals.append(opportunity)
        return opportunity

    async def start(self, opportunity: str) -> Started:
        """Start quote-to-cash as the command does."""
        return await start_process(
            self.client,
            "quote-to-cash",
            QuoteToCashInput(crm="crm", opportunity_id=opportunity),
            workflow_id=quote_to_cash_id("crm", opportunity),
            task_queue=PROCESS_QUEUE,
            stage="accepting",
        )

    def process(self, opportunity: str) -> WorkflowHandle[Any, Any]:
        """The handle of a deal's process."""
        return self.client.get_workflow_handle(quote_to_cash_id("crm", opportunity))

    async def result(self, opportunity: str) -> QuoteToCashResult:
        """How the deal's process ended."""
        handle = self.client.get_workflow_handle(
            quote_to_cash_id("crm", opportunity), result_type=QuoteToCashResult
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await handle.result()

    async def fulfilled(self, opportunity: str) -> QuoteToCashResult:
        """Start a deal and see it completed."""
        await self.start(opportunity)
        result = await self.result(opportunity)
        assert result.stage == "completed", result
        return result

    async def progress(self, opportunity: str) -> Progress:
        """Where the deal's process stands."""
        return await self.process(opportunity).query("progress", result_type=Progress)

    async def case(self, opportunity: str, step: str = "") -> ExceptionCase:
        """The deal's open case, once there is one (at a step)."""

        async def found() -> ExceptionCase | None:
            cases = (await self.progress(opportunity)).cases
            return next((case for case in cases if step in ("", case.step)), None)

        return await eventually(found)

    async def decide(
        self, case: ExceptionCase, action: Action, actor: str = "Ada", **fields: Any
    ) -> ResolutionOutcome:
        """A person's decision on a case, made on the evidence the case shows."""
        resolution = Resolution(
            case_id=case.case_id,
            action=action,
            actor=actor,
            evidence_digest=fields.pop("evidence_digest", case.evidence_digest),
            **{"reason": "as agreed"} | fields,
        )
        handle = self.client.get_workflow_handle(case.process.workflow_id)
        return await handle.execute_update(
            "resolve_exception", resolution, result_type=ResolutionOutcome
        )

    async def abandon(self) -> None:
        """End what still runs, or the next world's workers would go on with it."""
        known = [quote_to_cash_id("crm", opportunity) for opportunity in self.deals]
        # There may be no server any more, or one without lists.
        with contextlib.suppress(RPCError, RuntimeError):
            running = self.client.list_workflows("ExecutionStatus = 'Running'")
            known += [one.id async for one in running]
        for workflow_id in known:
            with contextlib.suppress(RPCError, RuntimeError):  # it has ended
                await self.client.get_workflow_handle(workflow_id).terminate("the story is over")

    def subscriptions(self, *statuses: str) -> list[dict[str, Any]]:
        """Billing's subscriptions, of these statuses or all."""
        found = self.billing.state()["subscriptions"]
        return [s for s in found if not statuses or s["status"] in statuses]

    def sales_orders(self) -> list[dict[str, Any]]:
        """The ERP's sales orders."""
        return list(self.erp.state().get("salesOrder", {}).values())

    def opportunity(self, opportunity: str) -> dict[str, Any]:
        """The CRM's own record of the deal."""
        return self.crm.record("Opportunity", opportunity)


def line(code: str, total: str, quantity: int = 1, **fields: Any) -> dict[str, Any]:
    """A deal line: `total` for `quantity` pieces."""
    return {
        "ProductCode": code,
        "Quantity": quantity,
        "UnitPrice": f"{float(total) / quantity:.2f}",
        "TotalPrice": total,
    } | fields


async def eventually(look: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """What `look` finds, looked for until it is there; fails after `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"not seen within {seconds:.0f} s: {look}")


@asynccontextmanager
async def world(
    folder: Path,
    client: Client,
    credentials: Credentials,
    *,
    ledger_url: str = "",
    temporal_address: str = "127.0.0.1:7233",
    latency_seconds: float = 0.0,
    catalogue: Path | None = None,
    run_workers: bool = True,
    webhooks_port: int = 0,
    usage: dict[str, Any] | None = None,
    **worker_options: Any,
) -> AsyncIterator[World]:
    """A fresh world; the client's namespace may be shared, since deals have ids of their own."""
    catalogue_now = load_catalogue(catalogue)
    simulators = make_simulators(credentials, catalogue_now, latency_seconds=latency_seconds)
    crm = simulators["salesforce"]
    assert isinstance(crm, SalesforceSimulator)
    crm.seed = next(_orgs)
    crm.reset()
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(serving(simulators))
        config = folder / "tieline.toml"
        config.write_text(
            rehearsal_toml(
                credentials,
                catalogue_now,
                urls,
                ledger_url=ledger_url or f"sqlite:///{folder / 'ledger.db'}",
                temporal_address=temporal_address,
                ui_url="http://127.0.0.1:8233",
                webhooks_port=webhooks_port,
                catalogue_folder=catalogue,
                usage=usage,
            )
        )
        settings = load_settings(config)
        house = await stack.enter_async_context(composition(settings))
        if run_workers:
            await stack.enter_async_context(working(client, house, **worker_options))
        by_role = dict(
            zip(("crm", "billing", "erp", "support", "success"), simulators.values(), strict=True)
        )
        built = World(settings=settings, config=config, client=client, house=house, **by_role)  # type: ignore[arg-type]
        stack.push_async_callback(built.abandon)
        yield built


@asynccontextmanager
async def working(client: Client, house: Composition, **options: Any) -> AsyncIterator[None]:
    """All workers of a house, until the block ends."""
    async with AsyncExitStack() as stack:
        for worker in workers_of(client, house, list(house.settings.connections.values())):
            await stack.enter_async_context(worker)
        stop = asyncio.Event()
        courier = asyncio.create_task(
            run_courier(client, house.settings, house.database, house.catalogue.current(), stop)
        )
        try:
            yield
        finally:
            stop.set()
            await courier


def awaiting_payment(folder: Path) -> Path:
    """A catalogue that calls an order complete only when it is paid."""
    catalogue = folder / "catalogue"
    catalogue.mkdir()
    policies = (SHIPPED / "policies.toml").read_text()
    assert "await_payment = false" in policies
    waits = policies.replace("await_payment = false", "await_payment = true")
    (catalogue / "policies.toml").write_text(waits)
    return catalogue


def erp_led(folder: Path) -> Path:
    """A catalogue in which the ERP owns invoices."""
    catalogue = folder / "catalogue"
    catalogue.mkdir()
    systems = (SHIPPED / "systems.toml").read_text()
    assert 'preset = "billing-led"' in systems
    owned = systems.replace('preset = "billing-led"', 'preset = "erp-led"')
    (catalogue / "systems.toml").write_text(owned)
    return catalogue


def plugged(client_config: dict[str, Any], settings: Settings | None = None) -> dict[str, Any]:
    """Client options with our plugin."""
    with contextlib.suppress(KeyError):
        client_config.pop("plugins")
    return client_config | {"plugins": [plugin(settings or Settings())]}
