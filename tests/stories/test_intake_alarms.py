"""What should have come in and has not: one case each, until it has come or a person says so."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from canonical.connections import Environment
from canonical.desk import Action, CaseState, ProcessRecord
from canonical.effects import ProcessRef
from canonical.facts import Kind
from canonical.inbound import Channel, InboundEvent
from canonical.intake import AlarmResult
from canonical.milestones import Milestone
from canonical.money import Money
from canonical.ports.events import ChangePage
from ledger.inbox import Inbox
from starters.decide import decide
from tests.stories.alarms import Alarms, watched
from tests.stories.evidence import filed
from tests.world import world
from tieline.rehearsal.credentials import Credentials

HEALED = AlarmResult(stage="completed", skipped=False)
SEEN = AlarmResult(stage="completed", skipped=True)


@pytest.fixture
async def alarms(
    tmp_path: Path, client: Client, server: str, credentials: Credentials
) -> AsyncIterator[Alarms]:
    """The watch over a world whose billing is polled every minute."""
    idle = world(tmp_path, client, credentials, temporal_address=server, run_workers=False)
    async with idle as built, watched(built) as ready:
        yield ready


@pytest.fixture
async def patient_alarms(
    tmp_path: Path, clocks: WorkflowEnvironment, credentials: Credentials
) -> AsyncIterator[Alarms]:
    """The same on a server whose workflows have clocks of their own."""
    with clocks.with_time_skipping_disabled():
        idle = world(tmp_path, clocks.client, credentials, run_workers=False)
        async with idle as built, watched(built) as ready:
            yield ready


async def late_order(alarms: Alarms, ago: timedelta) -> str:
    """Globex's order, accepted some time ago and not activated since; its process's id."""
    deal = f"006{uuid4().hex[:12].upper()}"
    process = ProcessRef(
        process="quote-to-cash", workflow_id=f"quote-to-cash/crm/{deal}", correlation_id="tl"
    )
    await alarms.tieline.house.desk.record_process(
        ProcessRecord(
            process=process,
            business_id=deal,
            stage="fulfilling",
            account_id="001GLOBEX",
            account_name="Globex",
            legal_entity="ACME-US",
            value=Money.of("8400.00", "USD"),
        )
    )
    accepted_at = datetime.now(UTC) - ago
    await alarms.tieline.house.desk.record_milestone(
        process, Milestone.ORDER_ACCEPTED, deal, accepted_at
    )
    return process.workflow_id


async def test_a_feed_that_nobody_reads_is_one_case_until_it_is_read_again(
    alarms: Alarms,
) -> None:
    """However often the watch looks; a retry before the feed moves on only asks again."""
    # Given billing's feed was last read two hours ago, because Stripe does not answer
    await alarms.read(timedelta(hours=2))
    await alarms.feeds.failed("billing", alarms.feed, "Stripe does not answer")

    # When the watch looks three times
    assert [await alarms.watch() for _ in range(3)] == [1, 1, 1]

    # Then the integration administrator has one case, and four hours for it
    case = await alarms.case()
    assert (case.failure.cause, case.owner) == ("CursorBehind", "integration-admin")
    assert case.failure.cause_key == f"CursorBehind:billing/{alarms.feed}"
    assert "Stripe does not answer" in case.failure.message
    assert case.opened_at is not None
    assert case.deadline - case.opened_at == timedelta(hours=4)
    assert (case.held, set(case.actions)) == (None, {Action.RETRY, Action.SKIP})

    # When somebody says it is repaired, and it is not: the case is there again
    await alarms.tieline.decide(case, Action.RETRY)
    again = await alarms.case(after=1)
    assert again.process == case.process

    # When the feed is read again, a retry ends the alarm
    await alarms.read()
    decided = await alarms.tieline.decide(again, Action.RETRY)
    assert decided.state is CaseState.RESOLVED
    assert await alarms.alarm(again).result() == HEALED
    assert await alarms.watch() == 0
    assert len(await alarms.cases()) == 2


async def test_an_order_that_is_never_activated_is_a_case_with_the_money_it_holds(
    alarms: Alarms,
) -> None:
    """Finance operations hears of it after an hour; a skip says that somebody has looked."""
    # Given one order accepted 61 minutes ago and one 59 minutes ago, neither activated
    late = await late_order(alarms, timedelta(minutes=61))
    await late_order(alarms, timedelta(minutes=59))

    # When the watch looks twice
    assert [await alarms.watch() for _ in range(2)] == [1, 1]

    # Then the late one is a case of finance operations, with its account and its money
    case = await alarms.case()
    assert (case.failure.cause, case.owner) == ("EventMissing", "finance-ops")
    assert (case.account_id, case.account_name, case.legal_entity) == (
        "001GLOBEX",
        "Globex",
        "ACME-US",
    )
    assert str(case.held) == "8,400.00 USD"
    assert case.failure.message.startswith(f"{late}: order accepted at ")
    assert "no subscription activated within 1:00:00" in case.failure.message

    # When Ada has looked and skips it, the alarm is over, and the same silence raises no other
    (decided,) = [
        one
        async for one in decide(
            alarms.tieline.client, [case], Action.SKIP, actor="Ada", reason="activated by hand"
        )
    ]
    assert decided.accepted, decided.outcome
    assert await alarms.alarm(case).result() == SEEN
    assert await alarms.watch() == 1
    (only,) = await alarms.cases()
    (attempt,) = (await filed(alarms.tieline, only.case.case_id)).attempts
    assert (attempt.actor, attempt.reason) == ("Ada", "activated by hand")


async def test_a_forgotten_place_is_a_case_until_somebody_has_seen_it(alarms: Alarms) -> None:
    """The gap was filled and the feed is read again, but nobody can say what was deleted in it."""
    # Given a feed that forgot our place, was bridged and is read again
    await alarms.read()
    await alarms.feeds.expired("billing", alarms.feed, datetime.now(UTC) - timedelta(hours=3))
    await alarms.read()

    # When the watch has raised it, a retry changes nothing
    assert await alarms.watch() == 1
    case = await alarms.case()
    assert (case.failure.cause, case.owner) == ("CursorBehind", "integration-admin")
    assert "Deletions in between are not seen" in case.failure.message
    await alarms.tieline.decide(case, Action.RETRY)
    again = await alarms.case(after=1)

    # Then a person's skip ends it, for good
    await alarms.tieline.decide(again, Action.SKIP, reason="compared the deletions")
    assert await alarms.alarm(again).result() == SEEN
    assert await alarms.watch() == 0
    assert len(await alarms.cases()) == 2

    # When it forgets our place once more, that is another case
    await alarms.feeds.expired("billing", alarms.feed, datetime.now(UTC))
    assert await alarms.watch() == 1
    assert (await alarms.case(after=2)).process != again.process


async def test_a_feed_that_forgot_our_place_is_a_case_even_where_nothing_is_polled(
    alarms: Alarms,
) -> None:
    """The CRM is heard over its event bus, and is asked nothing."""
    assert alarms.tieline.settings.connections["crm"].poll.every_seconds == 0
    bus = f"/event/{alarms.feed}"
    await alarms.feeds.keep("crm", bus, _quiet())
    await alarms.feeds.expired("crm", bus, datetime.now(UTC) - timedelta(hours=3))

    assert await alarms.watch() == 1

    case = await alarms.case()
    assert case.failure.message.startswith(f"crm/{bus} forgot our place")
    await alarms.tieline.decide(case, Action.SKIP)
    assert await alarms.alarm(case).result() == SEEN


async def test_dead_letters_are_a_case_until_they_are_replayed_or_somebody_lets_them_be(
    alarms: Alarms,
) -> None:
    """A skip answers for what its case told; what dies afterwards is another case."""
    # Given Stripe told of two invoices that nobody can read
    inbox = Inbox(alarms.tieline.house.database)

    async def dies() -> int:
        event = f"evt_{uuid4().hex}"
        stored = await inbox.store(hint(event, alarms.feed))
        await inbox.failed(stored.id, "no amount", datetime.now(UTC), dead=True, cause="Malformed")
        return stored.id

    letters = [await dies(), await dies()]

    # When the watch looks twice, the integration administrator has one case about both
    assert [await alarms.watch() for _ in range(2)] == [1, 1]
    case = await alarms.case()
    assert (case.failure.cause, case.owner) == ("DeadLetters", "integration-admin")
    assert case.failure.message.startswith(f"2 of what {alarms.feed} told could not be taken in")
    assert set(case.actions) == {Action.RETRY, Action.SKIP}

    # When one is replayed, a retry tells of the other; when that is let be, the alarm is over
    await inbox.requeue(letters[0])
    await alarms.tieline.decide(case, Action.RETRY)
    again = await alarms.case(after=1)
    assert again.failure.message.startswith("1 of what")
    await alarms.tieline.decide(again, Action.SKIP, reason="deleted for good")
    assert await alarms.alarm(again).result() == SEEN
    assert await alarms.watch() == 0

    # When another dies and is replayed, its own case heals
    third = await dies()
    assert await alarms.watch() == 1
    other = await alarms.case(after=2)
    assert other.process != again.process
    await inbox.requeue(third)
    await alarms.tieline.decide(other, Action.RETRY)
    assert await alarms.alarm(other).result() == HEALED


async def test_an_alarm_ends_by_itself_once_its_feed_moves_on(
    patient_alarms: Alarms, clocks: WorkflowEnvironment
) -> None:
    """Nobody has to close what has healed; the record says so, and not that a person did."""
    # Given an alarm about a feed that stood still for two hours
    await patient_alarms.read(timedelta(hours=2))
    await patient_alarms.watch()
    case = await patient_alarms.case()
    alarm = patient_alarms.alarm(case)

    # When twenty minutes pass and the feed still stands, the one case stays open
    await clocks.fast_forward(alarm, timedelta(minutes=20))
    assert [one.state for one in await patient_alarms.cases()] == [CaseState.OPEN]

    # When it is read again, the next look ends the alarm
    await patient_alarms.read()
    await clocks.fast_forward(alarm, timedelta(hours=1))
    assert await alarm.result() == HEALED
    (attempt,) = (await filed(patient_alarms.tieline, case.case_id)).attempts
    assert (attempt.actor, attempt.reason) == ("tieline", "it has healed")
    assert len(await patient_alarms.cases()) == 1


async def test_an_alarm_that_is_called_off_takes_its_case_off_the_desk_and_was_not_skipped(
    alarms: Alarms,
) -> None:
    """Its look ends with it: the closing of the case is not taken for somebody's decision."""
    await alarms.read(timedelta(hours=2))
    await alarms.watch()
    case = await alarms.case()

    await alarms.alarm(case).cancel()

    assert await alarms.alarm(case).result() == AlarmResult(stage="cancelled", skipped=False)
    (only,) = await alarms.cases()
    assert only.state is CaseState.RESOLVED
    (attempt,) = (await filed(alarms.tieline, case.case_id)).attempts
    assert (attempt.actor, attempt.reason) == ("tieline", "the process is being cancelled")


def hint(event_id: str, source: str) -> InboundEvent:
    """Something came in about an invoice."""
    return InboundEvent(
        source=source,
        event_id=event_id,
        type="invoice.paid",
        kind=Kind.INVOICE,
        subject=f"in_{event_id}",
        version="1",
        channel=Channel.WEBHOOK,
        environment=Environment.TEST,
        body=b"{}",
        received_at=datetime.now(UTC),
    )


def _quiet() -> ChangePage:
    return ChangePage(events=[], cursor="7", read_up_to=datetime.now(UTC))
