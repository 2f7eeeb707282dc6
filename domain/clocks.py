"""Whether a contract's renewal clock is as it should be, by what is on record of both (R76)."""

from datetime import UTC, date, datetime, timedelta

from canonical.clocks import ClockState, RenewalClock
from canonical.facts import ContractFacts
from domain.definitions.contracts import ContractStatuses, Standing, standing

DAY = timedelta(days=1)
NEVER = datetime.min.replace(tzinfo=UTC)


def clock_state(
    contract: ContractFacts,
    recorded_at: datetime,
    clock: RenewalClock | None,
    statuses: ContractStatuses,
    today: date,
) -> ClockState:
    """What the clock of a contract needs that was last read at `recorded_at`.

    A clock that a person cancelled stays cancelled.
    """
    ended = standing(contract, statuses, today) is Standing.ENDED
    if clock is None:
        return ClockState.RESTS if ended else ClockState.MISSING
    if clock.cancelled:
        return ClockState.RESTS
    newer = is_newer(contract, recorded_at, clock)
    if clock.outcome:
        due = not ended and _goes_on(clock, newer=newer, today=today)
        return ClockState.NEXT_TERM if due else ClockState.RESTS
    if newer:
        return ClockState.STALE
    if clock.renews_on is None:
        return ClockState.RESTS  # there is nothing to renew, and nothing has changed since
    if clock.next_look is not None and clock.next_look < today - DAY:
        return ClockState.OVERDUE
    return ClockState.STANDS


def is_newer(contract: ContractFacts, recorded_at: datetime, clock: RenewalClock) -> bool:
    """Whether the contract has changed since the clock read it.

    Both version and time, since a system may stamp its events later than its records, and the same
    version may be read twice.
    """
    read_at = clock.terms_read_at or NEVER
    return recorded_at > read_at and contract.version > clock.terms_version


def _goes_on(clock: RenewalClock, *, newer: bool, today: date) -> bool:
    """Whether a contract that is in force has passed a decided renewal, and nobody has asked yet
    what it states since."""
    if clock.renews_on is None or today <= clock.renews_on:
        return False
    asked = (clock.terms_read_at or NEVER) > (clock.closed_at or NEVER)
    return newer or not asked
