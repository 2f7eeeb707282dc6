"""The daily reconcile: no contract on record is without a clock, or with one that is wrong."""

import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle

from canonical.clocks import RECONCILE, Reconciled, ReconcileStart
from canonical.desk import Action
from canonical.errors import NotFound
from canonical.facts import ContractFacts
from canonical.ids import PROCESS_QUEUE
from canonical.messages import Progress
from canonical.renewal_messages import renewal_id
from ledger import audit
from ledger.inbox import Inbox
from ledger.records import Records
from ledger.views.cases import list_cases
from ledger.views.renewals import RenewalDetail, show_renewal
from starters.schedules import keep_schedules, planned
from tests.intake_source import MemorySource
from tests.world import World, eventually, world
from tieline.rehearsal.credentials import Credentials
from workers.run import workers_of

_runs = count(1)


@dataclass
class Contract:
    """Globex's subscription in billing, of which no event ever reached a clock."""

    tieline: World
    id: str
    deal: str

    @property
    def clock(self) -> WorkflowHandle[Any, Any]:
        """The process that is its clock."""
        return self.tieline.client.get_workflow_handle(renewal_id("billing", self.id))

    async def detail(self) -> RenewalDetail | None:
        """The clock as it is on record."""
        try:
            return await show_renewal(self.tieline.house.database, self.id)
        except NotFound:
            return None

    async def renewing(self, day: date) -> RenewalDetail:
        """The clock once it waits for a renewal on this day."""

        async def seen() -> RenewalDetail | None:
            found = await self.detail()
            return found if found and found.line.renews_on == day else None

        detail: RenewalDetail = await eventually(seen)
        return detail

    async def ends(self, day: date, credentials: Credentials) -> None:
        """Somebody agrees on another end, in billing itself."""
        connection = self.tieline.settings.connections["billing"]
        over = datetime.combine(day + timedelta(days=1), time(), UTC)
        key = credentials.billing_key.read_text().strip()
        async with httpx.AsyncClient(base_url=str(connection.base_url)) as http:
            answer = await http.post(
                f"/v1/subscriptions/{self.id}",
                data={"cancel_at": str(int(over.timestamp()))},
                headers={"Authorization": f"Bearer {key}"},
            )
        assert answer.status_code == 200, answer.text

    async def recorded(self, version: str) -> None:
        """Intake reads the contract."""
        facts = ContractFacts(
            id=self.id,
            version=version,
            changed_at=datetime.now(UTC),
            opportunity_id=self.deal,
            legal_entity="US01",
            status="active",
            terms_digest=version,
        )
        database = self.tieline.house.database
        told = facts.model_copy(update={"id": self.id[:40]})
        await Inbox(database).store(MemorySource().change(told))
        (hint,) = await Inbox(database).pending(1, source="billing")
        await Records(database).take(hint, facts)


@pytest.fixture
async def tieline(
    tmp_path: Path, client: Client, server: str, credentials: Credentials
) -> AsyncIterator[World]:
    """A world in which nobody takes events to processes."""
    async with AsyncExitStack() as stack:
        built = await stack.enter_async_context(
            world(tmp_path, client, credentials, temporal_address=server, run_workers=False)
        )
        for worker in workers_of(client, built.house, list(built.settings.connections.values())):
            await stack.enter_async_context(worker)
        yield built


@pytest.fixture
async def contract(tieline: World) -> AsyncIterator[Contract]:
    """A contract of a deal that is active everywhere."""
    deal = tieline.deal("Globex")
    await tieline.fulfilled(deal)
    (subscription,) = tieline.subscriptions("active")
    made = Contract(tieline, subscription["id"], deal)
    yield made
    if (await made.detail()) is not None:
        await made.clock.terminate("the story is over")


async def reconcile(tieline: World) -> Reconciled:
    """What the schedule starts every day."""
    found: Reconciled = await tieline.client.execute_workflow(
        RECONCILE,
        ReconcileStart(),
        id=f"{RECONCILE}/{next(_runs)}",
        task_queue=PROCESS_QUEUE,
        result_type=Reconciled,
    )
    return found


async def audited(tieline: World) -> list[tuple[str, str, str]]:
    """What the audit says of clocks: the deed, whose, and why."""
    file = io.BytesIO()
    await audit.export(tieline.house.database, file)
    rows = map(orjson.loads, file.getvalue().splitlines())
    return [
        (row["action"], row["subject"], row["body"]["state"])
        for row in rows
        if row.get("action", "").startswith("renewal.clock_")
    ]


async def test_every_contract_on_record_comes_to_a_clock_that_is_right(
    tieline: World, contract: Contract, credentials: Credentials
) -> None:
    """Missing, moved without an event, ended by mistake: each is put right, once."""
    # Given nobody has heard of Globex's contract, nothing is done about it
    assert await reconcile(tieline) == Reconciled()

    # When intake has it on record, it gets a clock, and a second look finds nothing to do
    await contract.recorded("2026-01-01T00:00:00.000000+00:00")
    assert await reconcile(tieline) == Reconciled(looked_at=1, begun=1)
    first = await eventually(contract.detail)
    assert (first.line.state, first.line.opportunity_id) == ("waiting", contract.deal)
    assert await reconcile(tieline) == Reconciled(looked_at=1)

    # When billing is amended, and the event never comes, the clock is moved all the same
    moved_to = first.line.renews_on + timedelta(days=100)
    await contract.ends(moved_to, credentials)
    await contract.recorded("2099-01-01T00:00:00.000000+00:00")
    assert await reconcile(tieline) == Reconciled(looked_at=1, moved=1)
    moved = await contract.renewing(moved_to)
    assert moved.line.next_look == moved_to - timedelta(days=90)
    assert (await contract.clock.query("progress", result_type=Progress)).stage == "waiting"
    assert await reconcile(tieline) == Reconciled(looked_at=1)

    # When somebody terminates it, which the ledger does not see, it is begun again
    await contract.clock.terminate("by mistake")
    assert await reconcile(tieline) == Reconciled(looked_at=1, begun=1)
    described = await contract.clock.describe()
    assert described.status is WorkflowExecutionStatus.RUNNING
    assert await reconcile(tieline) == Reconciled(looked_at=1)

    # And each of it is in the audit, whose chain holds
    about = f"billing/{contract.id}"
    assert await audited(tieline) == [
        ("renewal.clock_begun", about, "missing"),
        ("renewal.clock_moved", about, "stale"),
        ("renewal.clock_begun", about, "stands"),
    ]
    assert (await audit.verify(tieline.house.database)).ok


async def test_a_clock_that_cannot_be_kept_is_a_case_that_a_person_closes(
    tieline: World, contract: Contract
) -> None:
    """The others are kept; the run says which one was not, and why."""
    # Given a contract whose id is longer than Temporal takes
    endless = Contract(tieline, "sub_" + "x" * 1000, "")
    await contract.recorded("2026-01-01T00:00:00.000000+00:00")
    await endless.recorded("2026-01-01T00:00:00.000000+00:00")

    # When clocks are reconciled
    found = await reconcile(tieline)
    await eventually(contract.detail)

    # Then one is begun, and the other is a case on the desk
    assert (found.looked_at, found.begun, found.failed) == (2, 1, 1)
    assert found.unkept[0].startswith(f"billing/{endless.id}: Temporal refused")
    (case,) = await eventually(lambda: list_cases(tieline.house.database))
    assert case.case.failure.cause == "ClockUnkept"
    assert f": billing/{endless.id[:40]}" in case.case.failure.message
    assert [deed for deed, _, _ in await audited(tieline)] == [
        "renewal.clock_begun",
        "renewal.clock_failed",
    ]

    # And another run adds no second case; who has looked closes it
    assert (await reconcile(tieline)).failed == 1
    assert len(await list_cases(tieline.house.database)) == 1
    outcome = await tieline.decide(case.case, Action.SKIP)
    assert outcome.accepted
    alarm = tieline.client.get_workflow_handle(case.case.process.workflow_id)
    assert (await alarm.result())["skipped"] is True


async def test_the_reconcile_comes_in_the_hour_before_the_looks(client: Client) -> None:
    """Whatever the jitter: at six it is too late to ask beforehand what the looks will ask."""
    (wanted,) = [one for one in planned({}) if one.schedule_id == RECONCILE]
    await keep_schedules(client, [wanted])
    handle = client.get_schedule_handle(RECONCILE)
    try:
        coming = (await handle.describe()).info.next_action_times
    finally:
        await handle.delete()

    assert len(coming) > 5
    assert {moment.astimezone(UTC).hour for moment in coming} == {5}
    assert all((moment.minute, moment.second) <= (10, 0) for moment in coming)
