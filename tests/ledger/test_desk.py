"""An exception is a case with an owner, the money it holds and a deadline."""

from datetime import timedelta

import pytest

from canonical.desk import (
    Action,
    Attempt,
    CaseOpening,
    CaseState,
    Failure,
    ProcessRecord,
    Resolution,
)
from canonical.errors import NotFound
from canonical.milestones import Milestone
from canonical.money import Money
from ledger.audit import verify
from ledger.database import Database
from ledger.desk import SqlDesk
from ledger.views.cases import group_cases, list_cases, show_case
from ledger.views.processes import count_stages, funnel, list_processes, milestones_of
from tests.ledger.clocks import Clock
from tests.ledger.vendor import process


class Policy:
    """Finance operations answers within a day, then the controller within half a day."""

    def owner_of(self, cause: str, step: str) -> str:
        """The first owner."""
        return "finance-ops"

    def escalation_owner(self, cause: str, step: str, level: int) -> str:
        """The controller, then the CFO."""
        return ["controller", "cfo"][min(level, 2) - 1]

    def deadline(self, cause: str, step: str, level: int) -> timedelta:
        """Shorter at every level."""
        return timedelta(hours=24 / (level + 1))

    def actions_for(self, cause: str, step: str, gates: bool) -> list[Action]:
        """A gate cannot be skipped."""
        return [action for action in Action if not (gates and action is Action.SKIP)]

    def approvals_required(self, held: Money | None) -> int:
        """Two from 10,000.00 on."""
        return 2 if held and held.amount_minor >= 1_000_000 else 1


def unmapped(
    deal: str = "006GLOBEX", *, code: str = "GTXPRO", minor: int = 1_200_000
) -> CaseOpening:
    """A deal with a product that the catalogue cannot place."""
    return CaseOpening(
        case_id=f"{deal}/plan/1",
        process=process(deal),
        step="plan",
        gates=True,
        failure=Failure(
            cause="UnmappedProduct",
            cause_key=f"UnmappedProduct:{code}",
            message=f"{code} is not in the catalogue",
            details={"product": code, "lines": [1, 2]},
        ),
        account_id="0015gGLOBEX",
        account_name="Globex",
        legal_entity="US01",
        held=Money(amount_minor=minor, currency="USD"),
        facts_digest="facts-1",
    )


@pytest.fixture
def desk(db: Database, clock: Clock) -> SqlDesk:
    """The desk on Monday morning."""
    return SqlDesk(db, Policy(), clock=clock)


def decision(desk_digest: str, *, accepted: bool, state: CaseState, actor: str = "ada") -> Attempt:
    """A decision to try the plan again."""
    resolution = Resolution(
        case_id=unmapped().case_id,
        action=Action.RETRY,
        actor=actor,
        reason="mapped it",
        evidence_digest=desk_digest,
    )
    outcome = "accepted" if accepted else "the evidence changed"
    return Attempt(
        case_id=resolution.case_id,
        process=process(),
        resolution=resolution,
        accepted=accepted,
        outcome=outcome,
        state=state,
    )


async def test_a_case_has_owner_deadline_and_policy(desk: SqlDesk, clock: Clock) -> None:
    """What the catalogue decides is filled in when the case is filed."""
    case = await desk.open_case(unmapped())

    assert (case.owner, case.approvals_required) == ("finance-ops", 2)
    assert case.deadline == clock.now + timedelta(hours=24)
    assert Action.SKIP not in case.actions


async def test_a_case_is_filed_once(db: Database, desk: SqlDesk, clock: Clock) -> None:
    """A repeated activity gets the case that was filed, with its first deadline."""
    first = await desk.open_case(unmapped())
    clock.advance(600)

    assert await desk.open_case(unmapped()) == first
    assert len(await list_cases(db)) == 1


async def test_escalating_to_a_level_twice_changes_nothing(desk: SqlDesk, clock: Clock) -> None:
    """The activity may be repeated after its answer was lost."""
    case = await desk.open_case(unmapped())
    clock.advance(24 * 3600)

    first = await desk.escalate(case.case_id, level=1)
    clock.advance(5)
    again = await desk.escalate(case.case_id, level=1)
    second = await desk.escalate(case.case_id)

    assert (first.owner, first.escalations) == ("controller", 1)
    assert again == first
    assert (second.owner, second.escalations) == ("cfo", 2)


async def test_deadlines_count_from_the_process_time_not_from_ours(
    db: Database, desk: SqlDesk, clock: Clock
) -> None:
    """The process waits by its own clock, which may stand elsewhere than the ledger's."""
    failed_at = clock.now + timedelta(days=40)
    case = await desk.open_case(unmapped().model_copy(update={"opened_at": failed_at}))

    late = await desk.escalate(case.case_id, level=1, at=case.deadline + timedelta(minutes=1))

    assert case.deadline == failed_at + timedelta(hours=24)
    assert late.deadline == case.deadline + timedelta(hours=12, minutes=1)
    (filed,) = await list_cases(db)
    assert (filed.case, filed.opened_at) == (late, failed_at)


async def test_new_facts_void_the_approvals_given_so_far(db: Database, desk: SqlDesk) -> None:
    """The evidence digest changes and a case that awaited approval is open again."""
    case = await desk.open_case(unmapped())
    await desk.record_attempt(
        decision(case.evidence_digest, accepted=True, state=CaseState.AWAITING_APPROVAL)
    )

    revised = await desk.revise(case.case_id, "facts-2")

    assert revised.evidence_digest != case.evidence_digest
    (filed,) = await list_cases(db, state=CaseState.OPEN)
    assert filed.case == revised
    assert await desk.revise(case.case_id, "facts-2") == revised


async def test_every_decision_is_kept_and_an_accepted_final_one_closes_the_case(
    db: Database, desk: SqlDesk, clock: Clock
) -> None:
    """Refused attempts stay visible; a repeated report of one decision is kept once."""
    case = await desk.open_case(unmapped())
    await desk.record_attempt(decision("stale", accepted=False, state=CaseState.OPEN, actor="bob"))
    final = decision(case.evidence_digest, accepted=True, state=CaseState.RESOLVED)
    await desk.record_attempt(final)
    await desk.record_attempt(final)
    await desk.record_attempt(decision("stale", accepted=False, state=CaseState.OPEN))

    detail = await show_case(db, case.case_id)

    assert detail is not None
    assert (detail.state, detail.closed_at) == (CaseState.RESOLVED, clock.now)
    made = [(attempt.actor, attempt.accepted) for attempt in detail.attempts]
    assert made == [("bob", False), ("ada", True), ("ada", False)]
    assert (await verify(db)).rows == 4


async def test_a_case_that_was_never_filed_is_not_found(desk: SqlDesk, db: Database) -> None:
    """Not a silent success."""
    with pytest.raises(NotFound):
        await desk.escalate("nobody/1")
    assert await show_case(db, "nobody/1") is None


async def test_cases_are_grouped_by_their_remedy_with_the_money_they_hold(
    db: Database, desk: SqlDesk
) -> None:
    """Two deals wait for GTXPRO, one for another product."""
    await desk.open_case(unmapped("006A", minor=100))
    euros = Money(amount_minor=7, currency="EUR")
    await desk.open_case(unmapped("006B").model_copy(update={"held": euros}))
    await desk.open_case(unmapped("006C", code="GTK500").model_copy(update={"held": None}))

    first, second = await group_cases(db)

    assert (first.cause_key, first.count) == ("UnmappedProduct:GTXPRO", 2)
    assert first.held == [euros, Money(amount_minor=100, currency="USD")]
    assert (second.count, second.held) == (1, [])
    assert len(await list_cases(db, cause_key="UnmappedProduct:GTXPRO", owner="finance-ops")) == 2
    assert await list_cases(db, account_id="0015gOTHER") == []


async def test_processes_and_milestones_make_the_executives_view(
    db: Database, desk: SqlDesk, clock: Clock
) -> None:
    """Stages with their value, the funnel, and the first time a milestone was reached."""
    value = Money(amount_minor=1_200_000, currency="USD")
    for deal, stages in (("006A", ["accepted", "active"]), ("006B", ["accepted"])):
        for stage in stages:
            await desk.record_process(
                ProcessRecord(
                    process=process(deal),
                    business_id=deal,
                    stage=stage,
                    account_id="0015gGLOBEX",
                    account_name="Globex",
                    value=value,
                )
            )
        await desk.record_milestone(process(deal), Milestone.ORDER_ACCEPTED, deal, clock.now)
    later = clock.now + timedelta(hours=1)
    await desk.record_milestone(process("006A"), Milestone.ORDER_ACCEPTED, "006A", later)

    assert [(s.stage, s.count, s.value) for s in await count_stages(db)] == [
        ("accepted", 1, [value]),
        ("active", 1, [value]),
    ]
    (active,) = await list_processes(db, stage="active")
    assert (active.business_id, active.value, active.process) == ("006A", value, process("006A"))
    (reached,) = await milestones_of(db, process("006A").workflow_id)
    assert reached.at == clock.now
    counts = {step.milestone: step.count for step in await funnel(db, "quote-to-cash")}
    assert counts[Milestone.ORDER_ACCEPTED] == 2
    assert counts[Milestone.INVOICE_POSTED] == 0


async def test_evidence_is_kept_once_under_its_digest(desk: SqlDesk) -> None:
    """Equal bodies have one digest, whoever brings them."""
    value = Money(amount_minor=5, currency="USD")

    first = await desk.keep_evidence([value, {"note": "signed"}])
    again = await desk.keep_evidence([{"amount_minor": 5, "currency": "USD"}])

    assert again == first[:1]
    assert await desk.keep_evidence([]) == []
