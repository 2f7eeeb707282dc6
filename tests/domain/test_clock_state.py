"""When a renewal clock is missing, wrong, or as it should be, by what is on record."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from canonical.clocks import ClockState, RenewalClock
from canonical.facts import ContractFacts
from canonical.renewal_messages import PlanRenewal
from domain.clocks import clock_state
from domain.definitions.contracts import ContractStatuses
from domain.judge import CatalogueJudge
from governance.catalogue import load_catalogue
from tests.domain.portfolio import RENEWS, terms

READ_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TODAY = date(2026, 3, 2)
LATER = timedelta(hours=1)


def contract(version: str = "v1", **facts: Any) -> ContractFacts:
    """Globex's contract on record."""
    given = {"id": "sub_globex", "changed_at": READ_AT, "status": "active", "terms_digest": "a1"}
    return ContractFacts.model_validate(given | {"version": version} | facts)


def clock(**facts: Any) -> RenewalClock:
    """Its clock, which goes by the first version."""
    given = {
        "connection": "stripe-us",
        "contract_id": "sub_globex",
        "renews_on": RENEWS,
        "next_look": date(2026, 10, 2),
        "terms_version": "v1",
        "terms_read_at": READ_AT,
    }
    return RenewalClock.model_validate(given | facts)


def state(
    facts: ContractFacts, known: RenewalClock | None, *, hours: int = 0, today: date = TODAY
) -> ClockState:
    """What the clock needs of a contract that was read so many hours after the clock did."""
    read_at = READ_AT + timedelta(hours=hours)
    return clock_state(facts, read_at, known, ContractStatuses(), today)


def test_a_contract_in_force_needs_a_clock_and_an_ended_one_does_not() -> None:
    """Also one that has not begun, or is not paid."""
    for status in ("active", "unpaid", "pending"):
        assert state(contract(status=status), None) is ClockState.MISSING
    assert state(contract(status="canceled"), None) is ClockState.RESTS
    assert state(contract(ended_at=READ_AT), None) is ClockState.RESTS


def test_a_clock_that_goes_by_what_is_on_record_stands() -> None:
    """As does one whose contract was only read again, or that read it after we did."""
    assert state(contract(), clock()) is ClockState.STANDS
    assert state(contract(), clock(), hours=1) is ClockState.STANDS
    assert state(contract("v2"), clock(), hours=-1) is ClockState.STANDS


def test_a_contract_that_has_changed_since_its_clock_read_it_makes_the_clock_stale() -> None:
    """Also by its cancellation, and where there was nothing to renew before."""
    assert state(contract("v2"), clock(), hours=1) is ClockState.STALE
    assert state(contract("v2", status="canceled"), clock(), hours=1) is ClockState.STALE
    assert state(contract("v2"), clock(renews_on=None), hours=1) is ClockState.STALE
    assert state(contract(), clock(renews_on=None), hours=1) is ClockState.RESTS


def test_a_clock_that_has_not_looked_for_more_than_a_day_is_overdue() -> None:
    """It looks in the morning of its day; the day after is not late yet."""
    for days, found in ((0, ClockState.STANDS), (1, ClockState.STANDS), (2, ClockState.OVERDUE)):
        on = date(2026, 10, 2) + timedelta(days=days)
        assert state(contract(), clock(), today=on) is found


def test_what_a_person_cancelled_stays_cancelled() -> None:
    """Whatever the contract becomes."""
    assert state(contract("v2"), clock(cancelled=True), hours=1) is ClockState.RESTS


CLOSED = {"outcome": "won", "closed_at": READ_AT + LATER}


@pytest.mark.parametrize(
    ("known", "hours", "today", "found"),
    [
        (CLOSED, 0, RENEWS, ClockState.RESTS),
        (CLOSED, 0, RENEWS + timedelta(days=1), ClockState.NEXT_TERM),
        (CLOSED | {"closed_at": READ_AT - LATER}, 0, date(2027, 3, 1), ClockState.RESTS),
        (CLOSED | {"closed_at": READ_AT - LATER}, 1, date(2027, 3, 1), ClockState.NEXT_TERM),
    ],
    ids=["until it renews", "from the day after", "asked already", "changed since"],
)
def test_a_contract_that_goes_on_past_a_decided_renewal_needs_a_clock_for_the_next_term(
    known: dict[str, Any], hours: int, today: date, found: ClockState
) -> None:
    """It is asked once what it states now, and again when it has changed."""
    facts = contract("v2" if hours else "v1")

    assert state(facts, clock(**known), hours=hours, today=today) is found
    assert state(contract(status="canceled"), clock(**known), today=today) is ClockState.RESTS


JUDGE = CatalogueJudge(load_catalogue())


def test_a_contract_that_was_forgotten_for_years_goes_on_from_its_present_term() -> None:
    """Not from one that is past."""
    asked = PlanRenewal(
        terms=terms(auto_renews=True), today=date(2029, 5, 1), renewed_on=date(2028, 12, 31)
    )

    plan = JUDGE.plan(asked)

    assert plan.dates is not None and plan.dates.renews_on == date(2029, 12, 31)
