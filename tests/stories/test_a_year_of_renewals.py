"""A year of subscriptions, amended as they are in life: each window opens, once.

Terms are read from the billing simulator over HTTP; the other sources are not configured, so that
they are unknown by design and the year is about the clock alone. Each clock skips time by itself.
`TIELINE_YEAR_SUBSCRIPTIONS=100` lives the year of a hundred, in a tenth of the time.
"""

import asyncio
import contextlib
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from canonical.ids import PROCESS_QUEUE
from canonical.renewal_messages import RenewalStart, renewal_id
from ledger.events import read_events
from simulators.stripe.store import Obj
from tests.world import World, world
from tieline.rehearsal.credentials import Credentials

SUBSCRIPTIONS = int(os.environ.get("TIELINE_YEAR_SUBSCRIPTIONS", "1000"))
DAYS = 365
DAY = timedelta(days=1)
WINDOW_DAYS = 90
SEED = 4
# More at once are no faster, and on a small machine their workflow tasks come too late.
AT_ONCE = 40
YEAR_SECONDS_MAX = 900
# Windows open at six in the morning, UTC; amendments come in at noon.
NOON, EVENING = time(12, tzinfo=UTC), time(18, tzinfo=UTC)


@dataclass
class Contract:
    """A subscription's life, and the windows that have to open in it, calculated day by day."""

    id: str
    ends: date
    amendments: dict[date, date | None] = field(default_factory=dict)
    cancelled: bool = False

    def expected(self, first: date, last: date) -> list[datetime]:
        """When its windows open: in the morning, or at noon when it was moved there."""
        opened: list[datetime] = []
        is_open, ends = False, self.ends
        for number in range((last - first).days + 1):
            today = first + number * DAY
            for clock in (time(6, tzinfo=UTC), NOON):
                if clock is NOON and today in self.amendments:
                    moved = self.amendments[today]
                    if moved is None:
                        return opened
                    ends = moved
                left = (ends - today).days
                if left < 0 and not is_open and not (clock is NOON and today in self.amendments):
                    return opened
                if left <= WINDOW_DAYS and not is_open:
                    opened.append(datetime.combine(today, clock))
                is_open = left <= WINDOW_DAYS
                if left < 0:
                    return opened  # it has lapsed
        return opened


def lives(today: date, chance: random.Random) -> list[Contract]:
    """Contracts that end in the coming fifteen months; a third are moved once or twice,
    earlier, later or past, some to a common end, some are cancelled."""
    common = today + 300 * DAY
    made = []
    for number in range(SUBSCRIPTIONS):
        one = Contract(f"sub_{number:04}", today + chance.randint(95, 450) * DAY)
        days = sorted(chance.sample(range(5, DAYS - 5), chance.choice((1, 1, 2))))
        if number % 3 == 0:
            for day in days:
                moved = chance.choice(("earlier", "later", "past", "common"))
                on = today + day * DAY
                one.amendments[on] = {
                    "earlier": max(one.ends - chance.randint(10, 80) * DAY, on + DAY),
                    "later": max(one.ends, on) + chance.randint(10, 200) * DAY,
                    "past": on - chance.randint(1, 30) * DAY,
                    "common": max(common, on + DAY),
                }[moved]
        elif number % 10 == 1:
            one.amendments[today + days[0] * DAY] = None
        made.append(one)
    return made


@pytest.mark.timeout(YEAR_SECONDS_MAX + 60)
async def test_no_window_is_missed_in_a_year_and_none_opens_twice(
    tmp_path: Path, clocks: WorkflowEnvironment, credentials: Credentials
) -> None:
    """To the minute, by a calculation of its own."""
    with clocks.with_time_skipping_disabled():
        async with world(tmp_path, clocks.client, credentials) as tieline:
            # The year begins tomorrow, and the earliest of the windows opens days later.
            first = datetime.now(UTC).date() + DAY
            contracts = lives(first, random.Random(SEED))
            template = await subscribed(tieline)
            for one in contracts:
                sold(tieline, template, one)
            gate = asyncio.Semaphore(AT_ONCE)

            async def live(one: Contract) -> None:
                async with gate:
                    await lived(tieline, clocks, one, first)

            async with asyncio.timeout(YEAR_SECONDS_MAX):
                await asyncio.gather(*(live(one) for one in contracts))

            told = await all_windows(tieline)
            expected = {c.id: c.expected(first, first + DAYS * DAY) for c in contracts}
            assert {key: len(days) for key, days in told.items()} == {
                key: len(days) for key, days in expected.items() if days
            }
            late = [
                at - due
                for key, moments in told.items()
                for at, due in zip(moments, expected[key], strict=True)
            ]
            assert timedelta() <= min(late) <= max(late) < timedelta(minutes=1)
            assert len(late) > SUBSCRIPTIONS / 2


async def subscribed(tieline: World) -> Obj:
    """One subscription as an order makes it: what the others look like."""
    await tieline.fulfilled(tieline.deal("Globex"))
    (subscription,) = tieline.billing.account.subscriptions.held()
    return subscription


def sold(tieline: World, template: Obj, contract: Contract) -> None:
    """A subscription more."""
    tieline.billing.account.subscriptions.add(
        {**template, "id": contract.id, "cancel_at": after(contract.ends)}
    )


async def lived(
    tieline: World, clocks: WorkflowEnvironment, contract: Contract, first: date
) -> None:
    """Its clock is begun, and the year passes, from one amendment to the next."""
    clock: WorkflowHandle[Any, Any] = await tieline.client.start_workflow(
        "renewal-readiness",
        RenewalStart(contract_id=contract.id, connection="billing", opportunity_id=""),
        id=renewal_id("billing", contract.id),
        task_queue=PROCESS_QUEUE,
    )
    passed = datetime.now(UTC)
    for day, ends in sorted(contract.amendments.items()):
        noon = datetime.combine(day, NOON)
        if not await clocks.fast_forward(clock, noon - passed):
            return  # it has ended
        passed = noon
        await amended(tieline, clock, contract, ends)
    await clocks.fast_forward(clock, datetime.combine(first + DAYS * DAY, EVENING) - passed)


async def amended(
    tieline: World, clock: WorkflowHandle[Any, Any], contract: Contract, ends: date | None
) -> None:
    """Billing changes the contract, and its clock is told that it did."""
    held = tieline.billing.account.subscriptions.need(contract.id)
    if ends is None:
        held.update(status="canceled", ended_at=held["created"], canceled_at=held["created"])
    else:
        held.update(cancel_at=after(ends))
    with contextlib.suppress(RPCError):  # it has ended, as contracts do
        await clock.signal("business_event", {"id": "amended", "type": "contract.amended"})


async def all_windows(tieline: World) -> dict[str, list[datetime]]:
    """When the windows of each contract were told to have opened."""
    told: dict[str, list[datetime]] = {}
    after_position = 0
    while events := await read_events(tieline.house.database, after_position, limit=1000):
        after_position = events[-1].position
        for event in events:
            if event.type == "renewal.window_opened":
                told.setdefault(event.body["external_id"], []).append(event.occurred_at)
    assert max(Counter(m for days in told.values() for m in days).values()) < SUBSCRIPTIONS
    return told


def after(day: date) -> int:
    """The first moment that is not covered any more, as Stripe states an end."""
    return int(datetime.combine(day + DAY, time(), UTC).timestamp())
