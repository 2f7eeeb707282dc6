"""The judge goes by the catalogue: what it decides for the two processes of a portfolio."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from canonical.renewal import ReadinessState, RenewalOutcome, SignalState
from canonical.renewal_messages import PlanRenewal, RenewalStart, TakeSnapshot
from canonical.risk import RiskLevel
from domain.judge import CatalogueJudge
from domain.judging import Judge
from governance.catalogue import load_catalogue
from tests.domain.portfolio import (
    GLOBEX,
    adoption,
    after,
    deal,
    incidents,
    invoice,
    onboarding,
    said,
    terms,
)

JUDGE: Judge = CatalogueJudge(load_catalogue())
WINDOW_OPENS = datetime(2026, 10, 2, 6, tzinfo=UTC)
START = RenewalStart(
    contract_id="sub_globex",
    connection="stripe-us",
    opportunity_id="006Globex",
    sources=["stripe-us"],
    crm="crm",
    success="gainsight",
    support="zendesk",
    usage="warehouse",
)


def asked(**facts: Any) -> TakeSnapshot:
    """What five sources say of Globex's renewal, on the day its window opens."""
    plan = JUDGE.plan(PlanRenewal(terms=terms(), today=WINDOW_OPENS.date()))
    given = {
        "start": START,
        "terms": terms(),
        "dates": plan.dates,
        "at": WINDOW_OPENS,
        "invoices": [said(invoice(paid="12000"))],
        "incidents": incidents(),
        "adoption": adoption(as_of=WINDOW_OPENS),
        "tasks": onboarding(),
        "opportunity": deal(),
    }
    return TakeSnapshot.model_validate(given | facts)


def test_a_renewal_with_five_good_answers_is_ready() -> None:
    """Named by the deal that brought the contract, as everybody knows it."""
    taken = JUDGE.snapshot(asked())

    assert (taken.state, taken.blocking, taken.outcome) == (ReadinessState.READY, [], None)
    assert taken.opportunity_id == "006Globex"
    assert {signal.owner for signal in taken.signals} == {
        "finance-ops", "support-ops", "csm", "sales-ops"
    }  # fmt: skip


SILENT = [
    ("billing", {"invoices": [], "sources_away": ["stripe-us"]}),
    ("support", {"incidents": None}),
    ("usage", {"adoption": None}),
    ("implementation", {"tasks": None}),
    ("crm", {"opportunity": None}),
]


@pytest.mark.parametrize(("name", "facts"), SILENT, ids=[name for name, _ in SILENT])
def test_each_source_that_is_away_makes_the_renewal_unknown(
    name: str, facts: dict[str, Any]
) -> None:
    """And says which one it is."""
    taken = JUDGE.snapshot(asked(**facts))
    signal = next(one for one in taken.signals if one.name == name)

    assert (taken.state, signal.state) == (ReadinessState.UNKNOWN, SignalState.UNKNOWN)
    assert taken.blocking == [f"{name}: it does not answer"]


def test_a_source_that_is_not_configured_is_unknown_for_that_reason() -> None:
    """No warehouse is no good usage."""
    taken = JUDGE.snapshot(asked(start=START.model_copy(update={"usage": ""}), adoption=None))

    assert taken.blocking == ["usage: no connection is configured"]


def test_one_of_two_owners_of_invoices_being_away_leaves_billing_unknown() -> None:
    """Half of the truth is not taken for good."""
    start = START.model_copy(update={"sources": ["stripe-us", "netsuite-de"]})
    taken = JUDGE.snapshot(asked(start=start, sources_away=["netsuite-de"]))

    assert taken.state is ReadinessState.UNKNOWN
    assert taken.blocking == ["billing: netsuite-de does not answer: its invoices are not known"]


PLANS: list[tuple[str, dict[str, Any], date, bool, bool, str]] = [
    ("before the window", {}, date(2026, 10, 1), True, False, "not_yet"),
    ("in the window", {}, date(2026, 10, 2), True, True, "eligible"),
    ("past", {}, date(2027, 1, 1), True, True, "lapsed"),
    ("cancelled before", {"active": False}, date(2026, 6, 1), False, False, "cancelled"),
    (
        "cancelled on the day that it then ends",
        {"active": False, "ends_on": date(2026, 6, 1)},
        date(2026, 6, 1),
        False,
        False,
        "cancelled",
    ),
    ("ended unseen", {"active": False}, date(2027, 1, 1), False, False, "lapsed"),
    ("a trial", {"status": "trialing"}, date(2026, 11, 1), True, False, "excluded"),
    ("no end", {"ends_on": None}, date(2026, 11, 1), False, False, "excluded"),
]


@pytest.mark.parametrize(("contract", "today", "dated", "opened", "eligible"),
                         [row[1:] for row in PLANS], ids=[row[0] for row in PLANS])  # fmt: skip
def test_a_plan_says_whether_there_is_something_to_renew_and_whether_it_is_time(
    contract: dict[str, Any], today: date, dated: bool, opened: bool, eligible: str
) -> None:
    """Without dates a process has nothing to wait for."""
    plan = JUDGE.plan(PlanRenewal(terms=terms(**contract), today=today))

    assert (plan.dates is not None, plan.window_open) == (dated, opened)
    assert plan.eligibility == eligible


def test_a_contract_that_is_cancelled_in_its_window_still_has_that_renewal() -> None:
    """How it ended is to be decided, and shown."""
    cancelled, today = terms(active=False), date(2026, 11, 1)

    plan = JUDGE.plan(PlanRenewal(terms=cancelled, today=today, in_window=True))

    assert (plan.dates is not None, plan.window_open, plan.over) == (True, True, True)
    assert plan.eligibility == "cancelled"


def test_a_renewal_ends_without_a_crm_as_well() -> None:
    """Where there is none, there is no deal in it that one would have to know."""
    start = START.model_copy(update={"crm": ""})
    taken = JUDGE.snapshot(
        asked(start=start, terms=terms(active=False, status="canceled"), opportunity=None)
    )

    assert taken.outcome is RenewalOutcome.CANCELLED


def test_risk_goes_by_the_grace_of_the_catalogue() -> None:
    """Five days, then it is watched."""
    for days, level in ((5, RiskLevel.NONE), (6, RiskLevel.WATCH)):
        assert JUDGE.risk(GLOBEX, [said(invoice())], [], None, after(days)).level is level


NEXT_TERMS: list[tuple[str, dict[str, Any], date, date | None, date | None, bool]] = [
    ("renews by itself", {"auto_renews": True}, date(2027, 1, 1), date(2027, 12, 31),
     date(2027, 10, 2), False),
    ("states the next end", {"ends_on": date(2027, 6, 30)}, date(2027, 1, 1), date(2027, 6, 30),
     date(2027, 4, 1), False),
    ("is over a common end", {"co_term_on": date(2026, 12, 31), "ends_on": date(2027, 6, 30)},
     date(2027, 1, 1), date(2027, 6, 30), date(2027, 4, 1), False),
    ("runs to its end", {}, date(2026, 12, 31), None, date(2027, 1, 1), False),
    ("ran to its end", {}, date(2027, 1, 1), None, None, True),
    ("was cancelled", {"active": False}, date(2026, 12, 31), None, date(2027, 1, 1), True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("contract", "today", "renews_on", "looks", "over"),
    [row[1:] for row in NEXT_TERMS],
    ids=[row[0] for row in NEXT_TERMS],
)
def test_what_was_renewed_is_planned_by_its_next_term(
    contract: dict[str, Any], today: date, renews_on: date | None, looks: date | None, over: bool
) -> None:
    """After a renewal by the end of 2026 that was decided already."""
    request = PlanRenewal(terms=terms(**contract), today=today, renewed_on=date(2026, 12, 31))
    plan = JUDGE.plan(request)

    assert (plan.dates.renews_on if plan.dates else None) == renews_on
    assert (plan.next_look, plan.over) == (looks, over)
    assert not plan.window_open
