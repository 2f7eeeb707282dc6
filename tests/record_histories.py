"""Records the histories that the replay test holds the workflows to.

Run `python -m tests.record_histories` from the repository's root, and commit `tests/histories/`. A
history of a released version is never recorded again but kept beside the new one: processes that
began under it may still be running.
"""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.testing import TimeSkipper

from canonical.desk import Action, ExceptionCase
from canonical.messages import BusinessEvent
from tests.stories.alarms import Alarms, watched
from tests.stories.evidence import all_done, ask_to_cancel, plan_shown
from tests.world import World, awaiting_payment, eventually, line, world
from tieline.devserver import dev_server
from tieline.rehearsal.credentials import Credentials, make_credentials
from tieline.settings import Settings
from tieline.temporal import plugin

HISTORIES = Path(__file__).parent / "histories"
CORRECTION = {"products": {"GTXPRO": "GTX-PRO"}}
POSTED = BusinessEvent(
    id="evt_invoice_1", type="invoice.posted", at=datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
)
PAID = BusinessEvent(
    id="evt_payment_1", type="payment.received", at=datetime(2026, 12, 1, 16, 5, tzinfo=UTC)
)

Story = Callable[[World], Awaitable[str]]


async def happy_path(tieline: World) -> str:
    """A deal with a subscription and services goes through."""
    services = line("IMPLEMENTATION", "2500.00")
    deal = tieline.deal("Globex", line("GTX-PRO", "12000.00", 10), services)
    await tieline.fulfilled(deal)
    return deal


async def billing_exception_amended(tieline: World) -> str:
    """Billing refuses the customer; a person corrects the country."""
    tieline.billing.faults.arm(
        kind="reject", method="POST", path="/v1/customers$", times=-1,
        code="customer_tax_location_invalid", body="country%5D=IE",
    )  # fmt: skip
    tieline.account("Initech", BillingCountry="Ireland")
    deal = tieline.deal("Initech", line("GTX-PRO", "8400.00"))
    await tieline.start(deal)
    case = await tieline.case(deal, "activate_subscription")
    await tieline.decide(case, Action.AMEND, amendment={"country": "Germany"})
    await tieline.result(deal)
    return deal


async def two_approvals(tieline: World) -> str:
    """A correction that needs two people, and is refused the second time Ada says it."""
    deal = tieline.deal("Umbrella", line("GTXPRO", "48000.00", 40))
    await tieline.start(deal)
    case = await tieline.case(deal, "accept_order")
    for actor in ("Ada", "Ada", "Grace"):
        await tieline.decide(case, Action.AMEND, actor, amendment=CORRECTION)
    await tieline.result(deal)
    return deal


async def cancellation(patient: World) -> str:
    """A fulfilled order is called off before it is invoiced, and undone."""
    deal = patient.deal("Hooli", line("GTX-PRO", "8400.00"))
    await patient.start(deal)
    await eventually(lambda: all_done(patient, deal))
    await ask_to_cancel(patient, deal, await plan_shown(patient, deal))
    await patient.result(deal)
    return deal


async def milestones_by_signals(patient: World) -> str:
    """An order that is complete when it is paid; its events come twice."""
    deal = patient.deal("Stark", line("GTX-PRO", "8400.00"))
    await patient.start(deal)
    await eventually(lambda: all_done(patient, deal))
    for event in (POSTED, POSTED, PAID):
        await patient.process(deal).signal("business_event", event)
    await patient.result(deal)
    return deal


async def escalation(tieline: World) -> str:
    """Nobody decides for a day and a half; then somebody does."""
    deal = tieline.deal("Wayne", line("GTXPRO", "8400.00"))
    await tieline.start(deal)
    case = await tieline.case(deal, "accept_order")
    skipper = TimeSkipper(tieline.client)
    await skipper.fast_forward(tieline.process(deal), timedelta(hours=36))
    await tieline.decide(case, Action.AMEND, amendment=CORRECTION)
    await skipper.fast_forward(tieline.process(deal))
    return deal


async def healed(alarms: Alarms) -> ExceptionCase:
    """A feed that stood still for two hours is read again after a look in vain."""
    case = await _behind(alarms)
    skipper = TimeSkipper(alarms.tieline.client)
    await skipper.fast_forward(alarms.alarm(case), timedelta(minutes=20))
    await alarms.read()
    await skipper.fast_forward(alarms.alarm(case), timedelta(hours=1))
    return case


async def skipped(alarms: Alarms) -> ExceptionCase:
    """Somebody retries in vain, and then says that it may stand still."""
    await alarms.tieline.decide(await _behind(alarms), Action.RETRY)
    again = await alarms.case(after=1)
    await alarms.tieline.decide(again, Action.SKIP, reason="looked")
    return again


async def cancelled(alarms: Alarms) -> ExceptionCase:
    """The alarm itself is called off in Temporal."""
    case = await _behind(alarms)
    await alarms.alarm(case).cancel()
    return case


async def _behind(alarms: Alarms) -> ExceptionCase:
    await alarms.read(timedelta(hours=2))
    await alarms.watch()
    return await alarms.case()


STORIES: list[Story] = [happy_path, billing_exception_amended, two_approvals, escalation]
PATIENT_STORIES: list[Story] = [cancellation, milestones_by_signals]
ALARM_STORIES: list[Callable[[Alarms], Awaitable[ExceptionCase]]] = [healed, skipped, cancelled]


async def record(folder: Path, client: Client, credentials: Credentials) -> None:
    """Tell each story in a world, and keep its history."""
    for stories, catalogue in ((STORIES, None), (PATIENT_STORIES, awaiting_payment(folder))):
        async with world(folder, client, credentials, catalogue=catalogue) as tieline:
            for story in stories:
                deal = await story(tieline)
                history = await tieline.process(deal).fetch_history()
                keep(getattr(story, "__name__", "story"), history.to_json_dict())
    for alarm_story in ALARM_STORIES:
        idle = world(folder, client, credentials, run_workers=False)
        async with idle as built, watched(built) as alarms:
            alarm = alarms.alarm(await alarm_story(alarms))
            await alarm.result()
            name = f"alarms/{getattr(alarm_story, '__name__', 'story')}"
            keep(name, (await alarm.fetch_history()).to_json_dict())


def keep(name: str, history: dict[str, Any]) -> None:
    """Write a history to its file, without what names the machine that recorded it."""
    file = HISTORIES / f"{name}.json"
    file.write_text(json.dumps(_without_stack_traces(history), indent=1) + "\n")
    print(f"{file.name}: {len(history['events'])} events")


def _without_stack_traces(value: Any) -> Any:
    """They name files of the machine that recorded, and replay does not need them."""
    if isinstance(value, dict):
        return {k: _without_stack_traces(v) for k, v in value.items() if k != "stackTrace"}
    return [_without_stack_traces(one) for one in value] if isinstance(value, list) else value


async def main() -> None:
    """Record all of them on a server of their own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        credentials = make_credentials(folder / "credentials")
        async with dev_server(folder / "temporal.db") as server:
            client = await Client.connect(
                server.address, plugins=[plugin(Settings())], identity="recorder"
            )
            await record(folder, client, credentials)


if __name__ == "__main__":
    asyncio.run(main())
