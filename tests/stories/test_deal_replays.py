"""Deals are replayed from wherever a person says, and every system is left as one run leaves it."""

from datetime import UTC, datetime
from typing import Any

from canonical.connections import Environment
from canonical.desk import Action, CaseState
from canonical.effects import EffectState
from canonical.ids import quote_to_cash_id
from canonical.inbound import InboundEvent
from ledger.audit import verify
from ledger.inbox import Inbox, InboxState
from ledger.replays import ReplayMode, ReplayOrder
from ledger.views.cases import list_cases
from ledger.views.inbox import EventFilter, InboxLine, show_event
from simulators.kernel import Simulator
from starters.foresee import Move
from starters.replay import DealReplayed, DealReplays
from tests.stories.evidence import (
    NOTHING,
    ask_to_cancel,
    complete_but_for_payment,
    effect_states,
    filed,
    plan_shown,
    standing,
)
from tests.world import World, eventually, line

WRITES = ("POST", "PUT", "PATCH", "DELETE")
REASON = "Globex was told twice that nothing is done twice"


def vendors(tieline: World) -> list[Simulator]:
    """All five."""
    return [tieline.crm, tieline.billing, tieline.erp, tieline.support, tieline.success]


def writes(tieline: World) -> int:
    """How many writing calls the five systems have seen; asking for a token is none."""
    return sum(
        entry["method"] in WRITES and "oauth" not in entry["path"] and "query" not in entry["path"]
        for vendor in vendors(tieline)
        for entry in vendor.log
    )


def records(tieline: World) -> list[dict[str, Any]]:
    """Everything that stands in the five systems; how often the CRM was asked is no record."""
    counters = {"api_requests", "tokens"}
    return [
        {name: kept for name, kept in vendor.state().items() if name not in counters}
        for vendor in vendors(tieline)
    ]


async def told(tieline: World, deal: str, *, dead: bool = False) -> InboxLine:
    """The inbox's event of a deal, which reached its process or was set aside."""
    now = datetime.now(UTC)
    inbox = Inbox(tieline.house.database)
    stored = await inbox.store(
        InboundEvent(
            source="crm",
            event_id=f"msg_{deal}",
            type="opportunity.closed_won",
            kind="opportunity",
            subject=deal,
            environment=Environment.TEST,
            body=b"{}",
            received_at=now,
        )
    )
    if dead:
        await inbox.failed(stored.id, "no such deal", now, dead=True, cause="NotFound")
    else:
        await inbox.dispatched(stored.id, quote_to_cash_id("crm", deal))
    detail = await show_event(tieline.house.database, stored.id)
    assert detail is not None
    return detail


async def replayed(tieline: World, mode: ReplayMode, *lines: InboxLine) -> list[DealReplayed]:
    """Grace replays the deals of these events."""
    order = ReplayOrder(
        mode=mode,
        actor="Grace",
        reason=REASON,
        selection=EventFilter(ids=[one.id for one in lines]),
        rate=100,
    )
    deals = DealReplays(tieline.client, tieline.house.database)
    return [ended async for ended in deals.replay(order, lines)]


async def test_a_deal_that_begins_again_ten_times_is_written_once(tieline: World) -> None:
    """Each run asks the ledger what stands, and every system is left untouched."""
    # Given a deal that is complete
    deal = tieline.deal("Globex", line("GTX-PRO", "12000.00"))
    await tieline.fulfilled(deal)
    event = await told(tieline, deal)
    stood, written = records(tieline), writes(tieline)

    # When it begins again ten times
    runs = set()
    for _ in range(10):
        (ended,) = await replayed(tieline, ReplayMode.START, event)
        assert (ended.move, ended.done) == (Move.RESTART, True), ended
        runs.add(ended.outcome)
        assert (await tieline.result(deal)).stage == "completed"

    # Then there were ten runs, and nothing was written
    assert len(runs) == 10
    assert writes(tieline) == written
    assert records(tieline) == stood
    assert set((await effect_states(tieline, deal)).values()) == {EffectState.CONFIRMED}

    # And the audit tells who and why, each time
    rows = (await show_event(tieline.house.database, event.id)).replays  # type: ignore[union-attr]
    assert [row.action for row in rows] == ["inbox.replayed", "inbox.replay_ended"] * 10
    assert {row.actor for row in rows} == {"Grace"}
    assert all(REASON in row.body for row in rows[::2])
    assert (await verify(tieline.house.database)).ok


async def test_a_deal_that_is_reset_while_it_is_written_stands_once(tieline: World) -> None:
    """Ten resets in a row, none of which waits for the run before."""
    deal = tieline.deal("Initech", line("GTX-PRO", "8400.00"))
    event = await told(tieline, deal)
    await tieline.start(deal)
    await eventually(lambda: tieline.subscriptions())

    for _ in range(10):
        (ended,) = await replayed(tieline, ReplayMode.START, event)
        assert ended.move is Move.RESTART, ended

    assert (await tieline.result(deal)).stage == "completed"
    assert standing(tieline) == {
        "subscriptions": 1, "orders": 1, "entitlements": 1, "onboardings": 1
    }  # fmt: skip
    assert len(tieline.subscriptions()) == len(tieline.sales_orders()) == 1
    assert set((await effect_states(tieline, deal)).values()) == {EffectState.CONFIRMED}


async def test_the_open_case_of_a_dead_deal_is_retried_at_its_step(tieline: World) -> None:
    """Finance has opened the period; nobody has to find the case."""
    # Given a deal that waits for a person at the ERP, and its event set aside
    tieline.erp.faults.arm(kind="reject", method="PUT", path="/salesOrder/", times=1)
    deal = tieline.deal("Hooli", line("GTX-PRO", "8400.00"))
    event = await told(tieline, deal, dead=True)
    await tieline.start(deal)
    case = await tieline.case(deal, "book_order")

    # When it is replayed from the failed step
    (ended,) = await replayed(tieline, ReplayMode.FAILED_STEP, event)

    # Then the case is decided in Grace's name, the deal completes, and the event is done with
    assert (ended.move, ended.done, ended.outcome) == (Move.RETRY, True, "accepted: retry")
    assert (await tieline.result(deal)).stage == "completed"
    (attempt,) = (await filed(tieline, case.case_id)).attempts
    assert (attempt.actor, attempt.action, attempt.reason) == ("Grace", Action.RETRY, REASON)
    seen = await show_event(tieline.house.database, event.id)
    assert seen is not None
    assert (seen.state, seen.cause) == (InboxState.DISPATCHED, "")
    assert seen.workflow_id == quote_to_cash_id("crm", deal)
    assert len(tieline.subscriptions()) == len(tieline.sales_orders()) == 1

    # And once more does nothing, since nothing is open
    (again,) = await replayed(tieline, ReplayMode.FAILED_STEP, event)
    assert (again.move, again.done) == (Move.NOTHING, False)


async def test_a_terminated_deal_goes_on_from_its_last_task_with_its_case_opened_anew(
    tieline: World,
) -> None:
    """Somebody terminated it by mistake: nothing that was done is done again."""
    # Given a deal that was terminated while it waited for a person
    tieline.erp.faults.arm(kind="reject", method="PUT", path="/salesOrder/", times=2)
    deal = tieline.deal("Umbrella", line("GTX-PRO", "8400.00"))
    event = await told(tieline, deal)
    await tieline.start(deal)
    old = await tieline.case(deal, "book_order")
    await tieline.process(deal).terminate("by mistake")

    # When its event is delivered again, nothing starts; from the failed step, it goes on
    subscriptions = tieline.subscriptions()
    (ended,) = await replayed(tieline, ReplayMode.FAILED_STEP, event)
    assert (ended.move, ended.done) == (Move.RESUME, True), ended
    case = await tieline.case(deal, "book_order")

    # Then only the new case is on the desk, and deciding it completes the deal
    on_desk = await list_cases(
        tieline.house.database, state=CaseState.OPEN, workflow_id=quote_to_cash_id("crm", deal)
    )
    assert [one.case.case_id for one in on_desk] == [case.case_id]
    if case.case_id != old.case_id:
        assert (await filed(tieline, old.case_id)).state is CaseState.RESOLVED
    assert (await tieline.decide(case, Action.RETRY)).accepted
    if (await tieline.progress(deal)).stage != "completed":
        await eventually(lambda: _done_or_asks(tieline, deal))
        for again in (await tieline.progress(deal)).cases:
            assert (await tieline.decide(again, Action.RETRY)).accepted
    assert (await tieline.result(deal)).stage == "completed"
    assert tieline.subscriptions() == subscriptions
    assert len(tieline.sales_orders()) == 1


async def _done_or_asks(tieline: World, deal: str) -> bool:
    progress = await tieline.progress(deal)
    return progress.stage == "completed" or bool(progress.cases)


async def test_a_waiting_deal_that_begins_again_leaves_no_case_of_its_old_run(
    tieline: World,
) -> None:
    """The desk shows what waits, not what waited once."""
    deal = tieline.deal("Vehement", line("GTXPRO", "8400.00"))
    event = await told(tieline, deal)
    await tieline.start(deal)
    old = await tieline.case(deal)

    (ended,) = await replayed(tieline, ReplayMode.START, event)
    assert ended.done, ended
    new = await tieline.case(deal)

    assert new.case_id != old.case_id
    closed = await filed(tieline, old.case_id)
    assert (closed.state, closed.attempts[-1].actor) == (CaseState.RESOLVED, "Grace")
    assert (await filed(tieline, new.case_id)).state is CaseState.OPEN
    mapped = {"products": {"GTXPRO": "GTX-PRO"}}
    assert (await tieline.decide(new, Action.AMEND, amendment=mapped)).accepted
    assert (await tieline.result(deal)).stage == "completed"


async def test_a_deal_that_was_undone_does_not_begin_again(patient: World) -> None:
    """What a customer was released from is not written by a replay."""
    deal = await complete_but_for_payment(patient)
    event = await told(patient, deal)
    await ask_to_cancel(patient, deal, await plan_shown(patient, deal))
    assert (await patient.result(deal)).stage == "cancelled"

    for mode in (ReplayMode.START, ReplayMode.FAILED_STEP):
        (ended,) = await replayed(patient, mode, event)
        assert (ended.move, ended.done) == (Move.NOTHING, False)

    assert standing(patient) == NOTHING


async def test_a_payment_that_was_told_is_not_forgotten_by_a_reset(patient: World) -> None:
    """Business events that came after the point are told to the new run."""
    deal = await complete_but_for_payment(patient, "Wonka")
    event = await told(patient, deal)
    paid = {"id": "evt_1", "type": "payment.received", "at": datetime.now(UTC).isoformat()}
    await patient.process(deal).signal("business_event", paid)
    assert (await patient.result(deal)).stage == "completed"

    (ended,) = await replayed(patient, ReplayMode.START, event)

    assert ended.done, ended
    assert (await patient.result(deal)).stage == "completed"


async def test_a_dead_deal_without_a_process_is_due_again_from_wherever(tieline: World) -> None:
    """There is nothing to take back: the dispatcher starts it."""
    deal = tieline.deal("Soylent", line("GTX-PRO", "8400.00"))
    event = await told(tieline, deal, dead=True)

    (ended,) = await replayed(tieline, ReplayMode.START, event)

    assert (ended.move, ended.done) == (Move.DUE, True)
    (due,) = await Inbox(tieline.house.database).pending(10)
    assert (due.id, due.attempts) == (event.id, 1)


async def test_several_events_of_one_deal_reset_it_once(tieline: World) -> None:
    """Five messages about a deal are one process."""
    deal = tieline.deal("Stark", line("GTX-PRO", "8400.00"))
    await tieline.fulfilled(deal)
    first = await told(tieline, deal)
    inbox = Inbox(tieline.house.database)
    other = await inbox.store(
        InboundEvent(
            source="crm", event_id="msg_2", type="opportunity.closed_won", kind="opportunity",
            subject=deal, environment=Environment.TEST, body=b"{}", received_at=datetime.now(UTC),
        )
    )  # fmt: skip
    second = await show_event(tieline.house.database, other.id)
    assert second is not None

    ended = await replayed(tieline, ReplayMode.START, first, second)

    assert [sorted(one.events) for one in ended] == [sorted([first.id, second.id])]
    assert (await tieline.result(deal)).stage == "completed"
