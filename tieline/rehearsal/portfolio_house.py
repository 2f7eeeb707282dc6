"""Everything that a portfolio is lived through on: a server whose time is skipped, the simulators
and a worker, in the preset in which the ERP owns invoices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from canonical.connections import Role
from canonical.effects import Stamp
from canonical.ids import correlation_id
from canonical.money import Money
from canonical.plan import EntitlementSpec, OnboardingSpec
from canonical.ports import ErpPort, SuccessPort, SupportPort
from governance.catalogue import SHIPPED, Catalogue, load_catalogue
from ledger.database import Database
from ledger.migrate import upgrade
from tieline.children import spawn, tieline_command
from tieline.configure import load_settings
from tieline.devserver import LOOPBACK, free_port
from tieline.rehearsal.configuration import rehearsal_toml
from tieline.rehearsal.control import SimulatorControl
from tieline.rehearsal.credentials import make_credentials
from tieline.rehearsal.house import House, listening
from tieline.rehearsal.portfolio_file import PortfolioFile
from tieline.rehearsal.portfolio_poll import polling
from tieline.rehearsal.skipping import Clock, skipping_server
from tieline.rehearsal.survey import ports
from tieline.rehearsal.vendors import VENDORS
from tieline.temporal import connect

PRESET = "erp-led"
RELAY_POLL_SECONDS = 0.05
AT_ONCE = 10
DAY_SECONDS = 86_400


@dataclass
class PortfolioHouse:
    """What runs, and how it is asked and moved on."""

    house: House
    clock: Clock
    catalogue: Catalogue
    database: Database
    erp: ErpPort
    success: SuccessPort
    support: SupportPort
    controls: dict[str, SimulatorControl]

    async def pass_time(self, by: timedelta) -> None:
        """Let time pass for the processes, and then for the vendors: what a process looks at
        meanwhile is as it was before."""
        await self.clock.move(by)
        vendors = (self.controls[name] for name in ("netsuite", "zendesk", "gainsight"))
        await asyncio.gather(*(vendor.advance(by.total_seconds()) for vendor in vendors))


def erp_led(folder: Path) -> Path:
    """A catalogue that is the shipped one, but for its preset; the folder is made."""
    folder.mkdir(parents=True)
    shipped = (SHIPPED / "systems.toml").read_text()
    chosen = f'preset = "{load_catalogue().systems.preset}"'
    (folder / "systems.toml").write_text(shipped.replace(chosen, f'preset = "{PRESET}"', 1))
    return folder


@asynccontextmanager
async def portfolio_house(
    folder: Path, catalogue_folder: Path, portfolio: PortfolioFile
) -> AsyncIterator[PortfolioHouse]:
    """Run it until the block ends, the file's customers known to CRM, success and support."""
    catalogue = load_catalogue(catalogue_folder)
    entity = next(iter(catalogue.regions.legal_entities.values()))
    portfolio.write_export(folder / "crm", entity.country)
    credentials = make_credentials(folder / "credentials")
    numbers = {vendor: free_port() for vendor in VENDORS}
    urls = {vendor: f"http://{LOOPBACK}:{port}" for vendor, port in numbers.items()}
    config, logs = folder / "tieline.toml", folder / "logs"
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(skipping_server(logs / "temporal.log"))
        config.write_text(
            rehearsal_toml(
                credentials,
                catalogue,
                urls,
                ledger_url=f"sqlite:///{folder / 'ledger.db'}",
                temporal_address=address,
                ui_url=f"http://{address}",
                webhooks_port=free_port(),
                catalogue_folder=catalogue_folder,
                lookback_seconds=portfolio.lookback_days() * DAY_SECONDS,
                relay_poll_seconds=RELAY_POLL_SECONDS,
            )
        )
        settings = load_settings(config)
        upgrade(settings.ledger_url)
        standing = House(config, settings, address, "", "", logs, urls)
        stack.push_async_callback(standing.stop)
        commands = {
            "simulate": [
                "simulate",
                f"--folder={folder / 'credentials'}",
                f"--ports={','.join(str(numbers[vendor]) for vendor in VENDORS)}",
                f"--catalogue={catalogue_folder}",
                f"--crm-export={folder / 'crm'}",
            ],
            # This server has no schedules: polls are started by whoever moves its clock.
            "worker": ["worker", "--no-schedules"],
        }
        for name, arguments in commands.items():
            command = tieline_command(config, *arguments)
            standing.children[name] = await spawn(command, standing.log(name))
        await listening(standing, list(numbers.values()))
        database = Database.open(settings.ledger_url)
        stack.push_async_callback(database.close)
        controls = {name: SimulatorControl(url) for name, url in urls.items()}
        for control in controls.values():
            stack.push_async_callback(control.aclose)
        opened = await stack.enter_async_context(ports(settings))
        client = await connect(settings)
        await stack.enter_async_context(polling(client))
        built = PortfolioHouse(
            standing,
            Clock(client),
            catalogue,
            database,
            opened[Role.ERP],  # type: ignore[arg-type]
            opened[Role.SUCCESS],  # type: ignore[arg-type]
            opened[Role.SUPPORT],  # type: ignore[arg-type]
            controls,
        )
        await _introduce(built, portfolio)
        yield built


async def _introduce(built: PortfolioHouse, portfolio: PortfolioFile) -> None:
    """Let customer success and support know the customers, as an order of each would have."""
    gate = asyncio.Semaphore(AT_ONCE)
    entity = next(iter(built.catalogue.regions.legal_entities))
    tier = built.catalogue.terms.support.tiers[0]

    async def introduce(customer: str, account: str) -> None:
        about = {"opportunity_id": f"receivables-{account}", "account_id": account}
        key = f"receivables/{account}"
        stamp = Stamp(key=key, token=account.lower(), correlation_id=correlation_id(key))
        entitlement = EntitlementSpec(**about, name=customer, tier=tier, ends_on=portfolio.last)
        onboarding = OnboardingSpec(
            **about, name=customer, legal_entity=entity, tier=tier, order_name=customer,
            due_on=portfolio.first, total=Money.zero("USD"),
        )  # fmt: skip
        async with gate:
            await built.support.put_entitlement(entitlement, stamp)
            await built.success.put_company(onboarding, None, stamp)

    await asyncio.gather(*(introduce(*one) for one in portfolio.accounts.items()))
