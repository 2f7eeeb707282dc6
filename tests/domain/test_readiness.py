"""The five signals of a renewal, the state they make, and the renewal over time."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.money import Money
from canonical.renewal import (
    ForecastCategory,
    ReadinessSnapshot,
    ReadinessState,
    RenewalOutcome,
    Signal,
    SignalState,
)
from canonical.risk import RiskAssessment
from domain.definitions.renewal_readiness import Renewal, readiness
from domain.readiness import (
    NAMES,
    billing_signal,
    crm_signal,
    implementation_signal,
    support_signal,
    unknown_signal,
    usage_signal,
)
from domain.renewals import (
    dates_of,
    is_of_term,
    next_look,
    opens_on,
    outcome_of,
    snapshot,
    window_days,
)
from domain.risk import assess
from tests.domain.portfolio import (
    GLOBEX,
    NOON,
    READINESS,
    RENEWS,
    RULES,
    adoption,
    after,
    deal,
    incidents,
    invoice,
    onboarding,
    risk_of,
    said,
    terms,
)

GREEN, AMBER = SignalState.GREEN, SignalState.AMBER
RED, UNKNOWN = SignalState.RED, SignalState.UNKNOWN
TODAY = NOON.date()
WINDOWS = READINESS.windows_days
# From best to worst: a renewal must not move to the left when a signal gets worse.
STATES = [
    ReadinessState.READY,
    ReadinessState.AT_RISK,
    ReadinessState.UNKNOWN,
    ReadinessState.BLOCKED,
]


def billing(risk: RiskAssessment) -> Signal:
    """What billing says, by an assessment."""
    return billing_signal(risk, "stripe-us", NOON, READINESS)


def test_billing_is_red_when_invoices_are_late_and_unknown_when_a_source_is_away() -> None:
    """What is known to be bad stays so, whatever else is not known."""
    away = [said(known=False), said(connection="netsuite-de")]
    late_and_away = [said(known=False), said(invoice(), connection="netsuite-de")]

    assert billing(risk_of(invoice(paid="12000"), on=after(20))).state is GREEN
    assert billing(risk_of(invoice(), on=after(3))).state is AMBER
    assert billing(risk_of(invoice(), on=after(6))).state is AMBER
    assert billing(risk_of(invoice(disputed=True), on=after(6))).state is AMBER
    assert billing(risk_of(invoice(), on=after(20))).state is RED
    assert billing(assess(GLOBEX, away, [], RULES, TODAY)).state is UNKNOWN
    assert billing(assess(GLOBEX, late_and_away, [], RULES, after(20))).state is RED


def test_a_signal_names_its_source_owner_time_and_definition() -> None:
    """So that whoever doubts it knows whom to ask (R21, R121)."""
    signal = billing(risk_of(invoice(), on=after(20)))

    assert (signal.name, signal.source, signal.owner) == ("billing", "stripe-us", "finance-ops")
    assert (signal.as_of, signal.definition) == (NOON, "account_financial_status@1")
    assert signal.facts["overdue"] == [{"amount_minor": 1_200_000, "currency": "USD"}]
    assert signal.reasons == [
        "INV-1: late, 12,000.00 USD unpaid, due on 2026-08-15, serious from 2026-09-29 on"
    ]


SUPPORT: list[tuple[dict[str, Any], SignalState, list[str]]] = [
    ({}, GREEN, []),
    ({"open_by_severity": {"low": 3}, "opened": 3}, GREEN, []),
    ({"open_by_severity": {"high": 1}}, AMBER, ["1 open of severity high"]),
    ({"escalated": 2}, AMBER, ["2 escalated in the window"]),
    ({"breached": 1}, AMBER, ["1 broke the service level in the window"]),
    ({"open_by_severity": {"urgent": 2, "high": 1}}, RED,
     ["2 open of severity urgent", "1 open of severity high"]),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "state", "reasons"), SUPPORT)
def test_support_is_judged_by_open_cases_and_what_the_window_brought(
    facts: dict[str, Any], state: SignalState, reasons: list[str]
) -> None:
    """An urgent case that is open is red."""
    signal = support_signal(incidents(**facts), "zendesk", READINESS)

    assert (signal.state, signal.reasons) == (state, reasons)


USAGE: list[tuple[dict[str, Any], SignalState, list[str]]] = [
    ({}, GREEN, []),
    ({"active_users": 50, "active_users_before": 50}, GREEN, []),
    ({"active_users": 49, "active_users_before": 50}, AMBER, ["49 of 100 users are active"]),
    ({"active_users": 70, "active_users_before": 100}, AMBER,
     ["70 users are active, after 100 in the 30 days before"]),
    ({"active_users": 19}, RED, ["19 of 100 users are active"]),
    ({"active_users": 0}, RED, ["nobody uses it"]),
    ({"as_of": None}, UNKNOWN, ["no usage is known"]),
    ({"as_of": NOON - timedelta(days=15)}, UNKNOWN,
     ["usage is stale: the newest is of 2026-07-17"]),
    ({"as_of": NOON - timedelta(days=14)}, GREEN, []),
    ({"licensed_users": 0}, UNKNOWN, ["no licensed users are known"]),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "state", "reasons"), USAGE)
def test_usage_is_judged_by_share_and_fall_and_stale_usage_is_unknown(
    facts: dict[str, Any], state: SignalState, reasons: list[str]
) -> None:
    """Thirty days against the thirty before."""
    signal = usage_signal(adoption(**facts), "warehouse", READINESS, TODAY)

    assert (signal.state, signal.reasons) == (state, reasons)


def test_an_implementation_that_nobody_knows_of_is_unknown() -> None:
    """Red when a task is overdue, amber while one is open."""
    cases: list[tuple[dict[str, Any], SignalState]] = [
        ({}, GREEN),
        ({"completed": False}, UNKNOWN),
        ({"open_tasks": ["training"]}, AMBER),
        ({"open_tasks": ["training"], "overdue_tasks": ["go-live"]}, RED),
    ]

    for facts, state in cases:
        assert implementation_signal(onboarding(**facts), "gainsight", READINESS).state is state


CRM: list[tuple[dict[str, Any], date, SignalState]] = [
    ({}, date(2026, 10, 2), GREEN),
    ({"opportunity_id": ""}, date(2026, 10, 2), AMBER),
    ({"opportunity_id": ""}, date(2026, 12, 1), RED),
    ({"close_on": date(2027, 1, 15)}, date(2026, 10, 2), AMBER),
    ({"close_on": date(2026, 11, 1)}, date(2026, 11, 2), AMBER),
    ({"is_closed": True, "is_won": True}, date(2026, 12, 20), GREEN),
    ({"is_closed": True}, date(2026, 12, 20), RED),
]


@pytest.mark.parametrize(("facts", "today", "state"), CRM)
def test_the_crm_is_judged_by_its_renewal_opportunity(
    facts: dict[str, Any], today: date, state: SignalState
) -> None:
    """None at all is amber first, and red in the last window."""
    assert crm_signal(deal(**facts), "crm", READINESS, RENEWS, today).state is state


# What five sources may say.
SIGNALS = st.builds(
    lambda states: [
        unknown_signal(name, "it does not answer", name, READINESS)
        if state is UNKNOWN
        else Signal(name=name, source=name, owner="csm", state=state, as_of=NOON, definition="d@1")
        for name, state in zip(NAMES, states, strict=True)
    ],
    st.lists(st.sampled_from(SignalState), min_size=5, max_size=5),
)


def place(signals: list[Signal]) -> int:
    """How bad the state is that these signals make."""
    return STATES.index(ReadinessState(readiness(Renewal(signals=signals)).value))


@given(SIGNALS, st.sampled_from(NAMES))
def test_a_source_that_goes_silent_is_never_taken_for_green(
    signals: list[Signal], name: str
) -> None:
    """Whether it says that it is unknown, or says nothing."""
    others = [one for one in signals if one.name != name]
    silent = [*others, unknown_signal(name, "it does not answer", name, READINESS)]

    for heard in (others, silent):
        decided = readiness(Renewal(signals=heard))
        assert decided.value in (ReadinessState.UNKNOWN, ReadinessState.BLOCKED)
        assert decided.result["forecast"] == ForecastCategory.PIPELINE
        assert any(reason.startswith(f"{name}: ") for reason in decided.reasons)


@given(SIGNALS, st.sampled_from(NAMES))
def test_a_signal_that_turns_red_never_improves_a_renewal(signals: list[Signal], name: str) -> None:
    """It blocks it, whatever the others say."""
    worse = [one.model_copy(update={"state": RED}) if one.name == name else one for one in signals]

    assert place(worse) == len(STATES) - 1 >= place(signals)


@given(SIGNALS, st.permutations(range(5)))
def test_a_snapshot_has_an_id_of_its_content(signals: list[Signal], order: list[int]) -> None:
    """Equal views have one id, in whatever order and whenever their sources were read."""
    dates = dates_of(terms(), READINESS)
    assert dates is not None
    later = [
        one.model_copy(update={"as_of": one.as_of and one.as_of + timedelta(hours=3)})
        for one in (signals[place] for place in order)
    ]

    first = snapshot(terms(), dates, signals, READINESS, NOON)
    second = snapshot(terms(), dates, later, READINESS, NOON + timedelta(days=1))
    other = snapshot(terms(), dates, signals, READINESS, NOON, outcome=RenewalOutcome.LOST)

    assert first.snapshot_id == second.snapshot_id != other.snapshot_id
    assert isinstance(first, ReadinessSnapshot) and first.snapshot_id.startswith("rs-")
    assert first.version == "renewal_date@1 renewal_readiness@1"
    assert (other.state, other.forecast) == (ReadinessState.CLOSED, ForecastCategory.OMITTED)


def test_what_a_contract_is_worth_is_no_part_of_a_view() -> None:
    """An amendment of the price alone leaves the view that others have, and its id."""
    dates = dates_of(terms(), READINESS)
    assert dates is not None
    amounts = [None, Money.of("120000", "USD"), Money.of("130000", "USD")]
    worth = [snapshot(terms(value=one), dates, [], READINESS, NOON) for one in amounts]

    assert len({one.snapshot_id for one in worth}) == 1


@pytest.mark.parametrize(
    ("is_of_it", "read_on", "facts", "renewed_on"),
    [
        (True, date(2026, 10, 2), {}, None),
        (True, RENEWS, {}, None),
        (False, RENEWS + timedelta(days=1), {}, None),
        (False, date(2026, 10, 2), {"ends_on": date(2027, 12, 31)}, None),
        (True, date(2026, 10, 2), {"ends_on": date(2025, 12, 31)}, date(2025, 12, 31)),
        (False, date(2025, 12, 31), {}, date(2025, 12, 31)),
        (True, date(2026, 10, 2), {"ends_on": None}, None),
    ],
)
def test_a_read_is_of_a_term_that_neither_has_ended_nor_was_prolonged(
    is_of_it: bool, read_on: date, facts: dict[str, Any], renewed_on: date | None
) -> None:
    """Nor of one before the last renewal; and when it was read has to be known."""
    read = terms(**facts, as_of=datetime.combine(read_on, time(6), UTC))

    assert is_of_term(read, RENEWS, renewed_on) is is_of_it
    assert not is_of_term(terms(**facts), RENEWS, renewed_on)


def test_a_renewal_is_looked_at_when_a_window_opens_and_on_the_day_after() -> None:
    """Ninety, sixty and thirty days before, and once it is over."""
    dates = dates_of(terms(), READINESS)
    assert dates is not None

    days, day = [], date(2026, 1, 1)
    while (found := next_look(dates, day, WINDOWS)) is not None:
        days.append(found)
        day = found

    assert opens_on(dates, WINDOWS) == days[0] == date(2026, 10, 2)
    assert days == [date(2026, 10, 2), date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
    assert [window_days(dates, day, WINDOWS) for day in days] == [90, 60, 30, 30]
    assert window_days(dates, date(2026, 10, 1), WINDOWS) is None


LAST, PAST = RENEWS, RENEWS + timedelta(days=1)
WON: dict[str, Any] = {"is_closed": True, "is_won": True}
OUTCOMES: list[tuple[str, dict[str, Any], dict[str, Any], date, RenewalOutcome | None]] = [
    ("on its way", {}, {}, LAST, None),
    ("won", {}, WON, date(2026, 12, 1), RenewalOutcome.WON),
    ("won for more", {}, WON | {"amount": Money.of("150000", "USD")}, LAST, RenewalOutcome.WON),
    ("won for less", {}, WON | {"amount": Money.of("119999.99", "USD")}, LAST,
     RenewalOutcome.DOWNSIZED),
    ("won in another currency", {}, WON | {"amount": Money.of("1", "EUR")}, LAST,
     RenewalOutcome.WON),
    ("won, the old contract cancelled", {"active": False}, WON, LAST, RenewalOutcome.WON),
    ("lost", {}, {"is_closed": True}, date(2026, 12, 1), RenewalOutcome.LOST),
    ("cancelled inside the window", {"active": False}, {}, date(2026, 11, 1),
     RenewalOutcome.CANCELLED),
    ("over, nobody decided", {}, {}, PAST, RenewalOutcome.LAPSED),
    ("over and ended", {"active": False}, {"opportunity_id": ""}, PAST, RenewalOutcome.LAPSED),
    ("goes on by itself", {"auto_renews": True}, {}, PAST, RenewalOutcome.WON),
    ("not over yet, renewing by itself", {"auto_renews": True}, {}, LAST, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("contract", "opportunity", "today", "outcome"),
    [row[1:] for row in OUTCOMES],
    ids=[row[0] for row in OUTCOMES],
)
def test_a_renewal_ends_by_its_deal_its_contract_or_its_date(
    contract: dict[str, Any],
    opportunity: dict[str, Any],
    today: date,
    outcome: RenewalOutcome | None,
) -> None:
    """A deal that is won decides before the contract, and the contract before the date."""
    assert outcome_of(terms(**contract), deal(**opportunity), today) is outcome


def test_a_renewal_does_not_end_while_nobody_knows_its_deal() -> None:
    """A contract that was cancelled may have been replaced by what the CRM calls won."""
    assert outcome_of(terms(active=False), None, PAST) is None


def test_a_contract_that_states_a_later_end_has_renewed() -> None:
    """Billing has moved on to the next year before anybody looked."""
    moved = terms(ends_on=date(2027, 12, 31))

    assert outcome_of(moved, deal(), PAST, renews_on=RENEWS) is RenewalOutcome.WON
    assert outcome_of(moved, deal(), LAST, renews_on=RENEWS) is None
    assert outcome_of(moved, deal(), PAST) is None
