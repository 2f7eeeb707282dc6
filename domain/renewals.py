"""A renewal over time: its window, next look, outcome, and the snapshot of it (R76, R78)."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import count

from canonical.definitions import in_force
from canonical.ids import digest
from canonical.money import Money
from canonical.renewal import (
    ContractTerms,
    ForecastCategory,
    ReadinessRules,
    ReadinessSnapshot,
    ReadinessState,
    RenewalDates,
    RenewalOpportunity,
    RenewalOutcome,
    Signal,
)
from domain.calendar import DAY, last_day, whole_months
from domain.definitions.renewal_date import renewal_dates
from domain.definitions.renewal_readiness import Renewal, readiness

SNAPSHOT_CHARACTERS = 24
# What a contract renews for whose own term is not a number of months.
TERM_MONTHS = 12
DEFINITIONS = ("renewal_date", "renewal_readiness")


def dates_of(terms: ContractTerms, rules: ReadinessRules) -> RenewalDates | None:
    """The renewal and notice dates of a contract; None for one that states no end (R114)."""
    return renewal_dates(terms, rules.notice_days)


def in_next_term(terms: ContractTerms, renewed_on: date | None) -> ContractTerms:
    """A contract in the term that follows a renewal: with the end that it states beyond it, or, if
    it renews by itself, as many of its own terms later; else without an end."""
    dates = renewal_dates(terms, 0)
    if renewed_on is None or dates is None or dates.renews_on > renewed_on:
        return terms
    end = terms.ends_on
    if end is None or end <= renewed_on:
        end = _renewed_beyond(terms, dates.renews_on, renewed_on) if terms.auto_renews else None
    return terms.model_copy(update={"ends_on": end, "co_term_on": None})


def _renewed_beyond(terms: ContractTerms, end: date, renewed_on: date) -> date:
    starts_on = terms.starts_on
    months = (whole_months(starts_on, end) if starts_on else None) or TERM_MONTHS
    terms_passed = ((renewed_on - end).days // 31) // months
    later = (last_day(end + DAY, months * n) for n in count(terms_passed + 1))
    return next(day for day in later if day > renewed_on)


def opens_on(dates: RenewalDates, windows: Sequence[int]) -> date:
    """The day on which the window opens: the earliest of the windows."""
    return dates.renews_on - timedelta(days=max(windows))


def window_days(dates: RenewalDates, today: date, windows: Sequence[int]) -> int | None:
    """The window that a day lies in (90, 60 or 30; the last one also past the renewal date); None
    before the first."""
    left = (dates.renews_on - today).days
    return min((window for window in windows if left <= window), default=None)


def next_look(dates: RenewalDates, today: date, windows: Sequence[int]) -> date | None:
    """The next day on which time alone calls for a look: the opening of a window, or the day after
    the renewal date, which tells whether it lapsed; None when that is past."""
    days = [dates.renews_on - timedelta(days=window) for window in windows]
    days.append(dates.renews_on + DAY)
    return min((day for day in days if day > today), default=None)


def outcome_of(
    terms: ContractTerms,
    opportunity: RenewalOpportunity | None,
    today: date,
    *,
    renews_on: date | None = None,
) -> RenewalOutcome | None:
    """How a renewal ended; None while it has not, and while the CRM is not known.

    `renews_on` is the date that the renewal was about, where the contract may by now state the next
    one: a contract that runs beyond it has renewed. A deal that is won decides before anything
    else, since the contract that it replaces is often cancelled.
    """
    if opportunity is None:
        return None
    dates = renewal_dates(terms, 0)
    stated = dates.renews_on if dates else None
    about = renews_on or stated
    closed = bool(opportunity.opportunity_id) and opportunity.is_closed
    if closed and opportunity.is_won:
        return _won(terms.value, opportunity.amount)
    past = about is not None and today > about
    if not terms.active:
        return RenewalOutcome.LAPSED if past else RenewalOutcome.CANCELLED
    if closed:
        return RenewalOutcome.LOST
    if about is None or not past:
        return None
    goes_on = terms.auto_renews or (stated is not None and stated > about)
    return RenewalOutcome.WON if goes_on else RenewalOutcome.LAPSED


def _won(value: Money | None, amount: Money | None) -> RenewalOutcome:
    """Smaller only where both amounts are known in one currency."""
    if value is None or amount is None or value.currency != amount.currency:
        return RenewalOutcome.WON
    smaller = amount.amount_minor < value.amount_minor
    return RenewalOutcome.DOWNSIZED if smaller else RenewalOutcome.WON


def is_of_term(terms: ContractTerms, renews_on: date, renewed_on: date | None) -> bool:
    """Whether what was read of a contract is about the term that renews on a day: it was read after
    the renewal before (`renewed_on`), and neither the day was past nor a later end stated by then.
    """
    if terms.as_of is None:
        return False
    dates = renewal_dates(terms, 0)
    stated_until = dates.renews_on if dates else renews_on
    read_on = terms.as_of.date()
    begun = renewed_on is None or read_on > renewed_on
    return begun and read_on <= renews_on and stated_until <= renews_on


def snapshot(
    terms: ContractTerms,
    dates: RenewalDates,
    signals: Sequence[Signal],
    rules: ReadinessRules,
    taken_at: datetime,
    *,
    opportunity_id: str = "",
    outcome: RenewalOutcome | None = None,
) -> ReadinessSnapshot:
    """One view of a renewal for everybody; its id follows from what is said, not from when."""
    ordered = sorted(signals, key=lambda one: one.name)
    decided = readiness(Renewal.model_construct(signals=ordered, outcome=outcome))
    taken = ReadinessSnapshot(
        snapshot_id="",
        contract_id=terms.contract_id,
        connection=terms.connection,
        account_id=terms.account_id,
        opportunity_id=opportunity_id or terms.opportunity_id,
        taken_at=taken_at,
        dates=dates,
        state=ReadinessState(decided.value),
        forecast=ForecastCategory(decided.result["forecast"]),
        blocking=decided.reasons,
        signals=ordered,
        outcome=outcome,
        version=" ".join(in_force(name, rules.versions) for name in DEFINITIONS),
    )
    return taken.model_copy(update={"snapshot_id": snapshot_id(taken)})


def snapshot_id(taken: ReadinessSnapshot) -> str:
    """Equal views have one id, whenever their sources were read."""
    content = taken.model_dump(mode="json", exclude={"snapshot_id", "taken_at"})
    for signal in content["signals"]:
        del signal["as_of"]
    return f"rs-{digest(content)[:SNAPSHOT_CHARACTERS]}"
