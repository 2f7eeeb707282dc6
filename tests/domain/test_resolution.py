"""Decisions on exception cases: what counts, what is refused, and when two people are needed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from canonical.desk import Action, CaseState, ExceptionCase, Failure, Resolution
from canonical.effects import ProcessRef
from domain.resolution import judge
from tests.domain.orders import usd


def case(approvals: int = 1, **changes: Any) -> ExceptionCase:
    """A deal of Globex held for an unmapped product."""
    stated: dict[str, Any] = {
        "case_id": "case-1",
        "process": ProcessRef(process="quote-to-cash", workflow_id="w", correlation_id="tl-1"),
        "step": "accept_order",
        "gates": True,
        "failure": Failure(
            cause="UnmappedProduct", cause_key="UnmappedProduct:GTXPRO", message="unknown"
        ),
        "held": usd(14000),
        "owner": "finance-ops",
        "deadline": datetime(2025, 3, 16, tzinfo=UTC),
        "actions": [Action.RETRY, Action.AMEND, Action.CANCEL],
        "approvals_required": approvals,
        "evidence_digest": "e1",
    }
    return ExceptionCase.model_validate(stated | changes)


def decide(action: Action = Action.AMEND, actor: str = "ada", **changes: Any) -> Resolution:
    """A decision of Ada's: GTXPRO means GTX-PRO."""
    amendment = {"products": {"GTXPRO": "GTX-PRO"}} if action is Action.AMEND else {}
    stated = {
        "case_id": "case-1",
        "action": action,
        "actor": actor,
        "reason": "the same product",
        "amendment": amendment,
        "evidence_digest": "e1",
    }
    return Resolution.model_validate(stated | changes)


@pytest.mark.parametrize("action", [Action.RETRY, Action.AMEND, Action.CANCEL])
def test_one_person_resolves_a_small_case(action: Action) -> None:
    """Below the threshold nobody else is asked."""
    outcome = judge(case(), [], decide(action))

    assert (outcome.accepted, outcome.state) == (True, CaseState.RESOLVED)


@pytest.mark.parametrize(
    ("resolution", "why"),
    [
        (decide(Action.SKIP), "skip is not among retry, amend, cancel"),
        (decide(evidence_digest="e0"), "the facts have changed"),
        (decide(case_id="case-2"), "about case case-2"),
        (decide(amendment={}), "has to say what is corrected"),
        (decide(reason="  "), "amend needs a reason"),
        (decide(Action.CANCEL, reason=""), "cancel needs a reason"),
        (decide(Action.CANCEL, amendment={"country": "KR"}), "cannot carry an amendment"),
        (decide(actor=" "), "who made it"),
    ],
)
def test_a_decision_that_does_not_count_is_refused_with_the_reason(
    resolution: Resolution, why: str
) -> None:
    """The case stays open, and the person reads what to do."""
    outcome = judge(case(), [], resolution)

    assert (outcome.accepted, outcome.state) == (False, CaseState.OPEN)
    assert why in outcome.outcome


def test_skipping_where_policy_allows_it_needs_a_reason() -> None:
    """A follow step may be skipped, not silently."""
    follow = case(actions=[Action.RETRY, Action.SKIP])

    assert judge(follow, [], decide(Action.SKIP)).state is CaseState.RESOLVED
    assert not judge(follow, [], decide(Action.SKIP, reason="")).accepted


def test_a_retry_needs_no_reason_and_one_person_whatever_the_amount() -> None:
    """It changes no facts, and sets aside a proposal that still waits."""
    outcome = judge(case(2), [decide()], decide(Action.RETRY, "bob", reason=""))

    assert outcome.state is CaseState.RESOLVED


def test_a_large_case_waits_for_a_second_person() -> None:
    """Four eyes: the same proposal, by somebody else."""
    first = judge(case(2), [], decide(actor="ada"))
    second = judge(case(2), [decide(actor="ada")], decide(actor="bob"))

    assert (first.accepted, first.state) == (True, CaseState.AWAITING_APPROVAL)
    assert (second.accepted, second.state) == (True, CaseState.RESOLVED)


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (decide(actor="Ada "), "another person has to approve"),
        (decide(Action.CANCEL, "bob"), "ada proposed amend"),
        (decide(actor="bob", amendment={"country": "KR"}), "another amendment"),
    ],
)
def test_the_second_person_approves_exactly_what_the_first_proposed(
    second: Resolution, why: str
) -> None:
    """Anything else is refused, and the first proposal still waits."""
    outcome = judge(case(2), [decide(actor="ada")], second)

    assert (outcome.accepted, outcome.state) == (False, CaseState.AWAITING_APPROVAL)
    assert why in outcome.outcome


def test_an_approval_expires_when_the_facts_change() -> None:
    """The count starts again on the new evidence."""
    stale = decide(actor="ada")

    outcome = judge(
        case(2, evidence_digest="e2"), [stale], decide(actor="bob", evidence_digest="e2")
    )

    assert outcome.state is CaseState.AWAITING_APPROVAL
