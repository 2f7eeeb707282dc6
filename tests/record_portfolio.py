"""Records the histories of the processes that watch over accounts and contracts, for replay.

Run `python -m tests.record_portfolio` from the repository's root, and commit
`tests/histories/portfolio/`. As with `tests.record_histories`, a history of a released version is
never recorded again but kept beside the new one. Days are skipped, which replay does not mind.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle

from canonical.messages import CancelRequest, CompensationPlan
from tests.record_histories import keep
from tests.stories.conftest import serving_clocks
from tests.stories.invoices import InBilling, all_shown, flag, seen, won
from tests.stories.portfolio import Portfolio
from tests.stories.renewals import WINDOW, Renewal, renewal_world
from tests.stories.rounds import reconcile_of
from tests.world import eventually, world
from tieline.rehearsal.credentials import Credentials, make_credentials

DAY = timedelta(days=1)

Runs = dict[str, WorkflowHandle[Any, Any]]


async def risk_escalated_and_paid(portfolio: Portfolio) -> Runs:
    """In grace, then late, then seriously; and paid."""
    invoices = InBilling(portfolio)
    invoice = await invoices.late(await won(portfolio), days=2)
    process = portfolio.risk(portfolio.tieline.account("Globex"))
    await portfolio.put_off(process)
    for days, stage in ((4, "watch"), (10, "high"), (30, "critical")):
        await portfolio.pass_days(days, process)
        await seen(portfolio, stage)
    await invoices.pay(invoice)
    await process.result()
    return {"risk_escalated_and_paid": process}


async def risk_of_a_subsidiary(portfolio: Portfolio) -> Runs:
    """A parent is told by its subsidiary, and by it again when that has paid."""
    tieline, invoices = portfolio.tieline, InBilling(portfolio)
    await won(portfolio)
    parent = tieline.account("Globex")
    child = tieline.account("Globex GmbH", ParentId=parent)
    deal = await won(portfolio, "Globex GmbH")
    invoice = await invoices.late(deal, days=20)
    for account in (child, parent):
        await portfolio.standing(portfolio.risk(account), "high")
    await invoices.pay(invoice)
    runs = {"risk_of_a_subsidiary": child, "risk_of_a_parent": parent}
    found = {name: portfolio.risk(account) for name, account in runs.items()}
    for process in found.values():
        await process.result()
    return found


async def risk_while_the_owner_is_away(portfolio: Portfolio) -> Runs:
    """Billing says nothing for a day, and is asked again until it does."""
    invoices = InBilling(portfolio)
    invoice = await invoices.late(await won(portfolio), days=20)
    process = portfolio.risk(portfolio.tieline.account("Globex"))
    await seen(portfolio, "high")
    invoices.fall_silent()
    await invoices.pay(invoice)
    await portfolio.pass_days(1, process)
    invoices.system.faults.clear()
    await portfolio.pass_days(1, process)
    await process.result()
    return {"risk_while_the_owner_is_away": process}


async def risk_called_off(portfolio: Portfolio) -> Runs:
    """A person cancels, and what was shown is taken back."""
    await InBilling(portfolio).late(await won(portfolio), days=20)
    process = portfolio.risk(portfolio.tieline.account("Globex"))
    await seen(portfolio, "high")
    await eventually(lambda: all_shown(process))
    plan = await process.query("compensation_plan", result_type=CompensationPlan)
    request = CancelRequest(actor="Ada", reason="sold to a bank", plan_digest=plan.digest)
    await process.execute_update("request_cancellation", request)
    await process.result()
    return {"risk_called_off": process}


async def risk_with_a_case(portfolio: Portfolio) -> Runs:
    """The company is not there in customer success; the case closes itself with the payment."""
    invoices, tenant = InBilling(portfolio), portfolio.tieline.success.tenant
    deal = await won(portfolio)
    (held,) = tenant.tables["Company"].records.values()
    tenant.remove("Company", held["Gsid"])
    invoice = await invoices.late(deal, days=7)
    process = portfolio.risk(portfolio.tieline.account("Globex"))
    await portfolio.standing(process, "exception")
    await eventually(lambda: flag(portfolio) == "watch")
    await invoices.pay(invoice)
    await process.result()
    return {"risk_with_a_case": process}


async def renewal_won(renewal: Renewal) -> Runs:
    """A payment is missed and made in the window, the deal is won, and the next term begins."""
    renews_on, deal = await _window_open(renewal)
    await renewal.standing("window_open")
    first = await _run(renewal)
    for what in ("invoice.overdue", "payment.received"):
        await renewal.process.signal("business_event", {"id": what, "type": what})
        await renewal.passing(DAY)
    renewal.won(deal)
    await renewal.looked_on(renews_on - 30 * DAY)
    await renewal.standing("waiting")
    await renewal.seen(lambda view: view.outcome is not None)
    return {"renewal_won": first, "renewal_of_the_next_term": await _run(renewal)}


async def renewal_moved_and_cancelled(renewal: Renewal) -> Runs:
    """Support is away at first; the contract is to end in two years, and then is cancelled."""
    renewal.tieline.support.faults.arm(kind="outage", path="/api/v2/search", seconds=3600)
    renews_on, _ = await _window_open(renewal)
    await renewal.passing(DAY)
    await renewal.standing("window_open")
    renewal.tieline.support.faults.clear()
    await renewal.passing(DAY)
    renewal.contract.ends(renews_on + 365 * DAY)
    await renewal.amended()
    await renewal.standing("waiting")
    renewal.contract.cancelled()
    await renewal.amended()
    await renewal.process.result()
    return {"renewal_moved_and_cancelled": await _run(renewal)}


async def renewal_by_rounds(renewal: Renewal) -> Runs:
    """What its looks ask was asked before they came, by the daily reconcile; support was away."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    renewal.renewal_deal(CloseDate=(renews_on - 20 * DAY).isoformat())
    renewal.tieline.support.faults.arm(kind="outage", path="/api/v2/search", seconds=3600)
    reconcile = await reconcile_of(renewal, renews_on - WINDOW)
    renewal.tieline.support.faults.clear()
    await renewal.looked_on(renews_on - WINDOW)
    await renewal.standing("window_open")
    await reconcile_of(renewal, renews_on - WINDOW + 30 * DAY)
    await renewal.looked_on(renews_on - WINDOW + 30 * DAY)
    return {"renewal_by_rounds": await _run(renewal), "reconcile_with_a_round": reconcile}


async def _window_open(renewal: Renewal) -> tuple[date, str]:
    await renewal.signed()
    renews_on = await renewal.renews_on()
    deal = renewal.renewal_deal(CloseDate=(renews_on - 20 * DAY).isoformat())
    await renewal.looked_on(renews_on - WINDOW)
    return renews_on, deal


async def _run(renewal: Renewal) -> WorkflowHandle[Any, Any]:
    """The present run of a contract's clock."""
    run_id = (await renewal.process.describe()).run_id
    return renewal.tieline.client.get_workflow_handle(renewal.process.id, run_id=run_id)


RISKS: list[Callable[[Portfolio], Awaitable[Runs]]] = [
    risk_escalated_and_paid,
    risk_of_a_subsidiary,
    risk_while_the_owner_is_away,
    risk_called_off,
    risk_with_a_case,
]
RENEWALS: list[Callable[[Renewal], Awaitable[Runs]]] = [
    renewal_won,
    renewal_moved_and_cancelled,
    renewal_by_rounds,
]


async def record(folder: Path, credentials: Credentials) -> None:
    """Tell each story on a server of its own, and keep the histories of its processes."""
    for number, risk in enumerate(RISKS):
        place = folder / f"risk-{number}"
        place.mkdir()
        async with serving_clocks() as clocks:
            with clocks.with_time_skipping_disabled():
                async with world(place, clocks.client, credentials) as built:
                    await _keep(await risk(Portfolio(built, clocks)))
    for number, renewal in enumerate(RENEWALS):
        place = folder / f"renewal-{number}"
        place.mkdir()
        async with serving_clocks() as clocks, renewal_world(place, clocks, credentials) as told:
            await _keep(await renewal(told))


async def _keep(runs: Runs) -> None:
    for name, process in runs.items():
        keep(f"portfolio/{name}", (await process.fetch_history()).to_json_dict())


async def main() -> None:
    """Record all of them."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        await record(folder, make_credentials(folder / "credentials"))


if __name__ == "__main__":
    asyncio.run(main())
