"""Expansion timing: when contracts changed, and which renewals came out larger or smaller (R22).

Only what is on record: that a contract was amended or ended, when, and by how much an amendment
changed it where both reads stated a value; and of renewals the outcome, with the renewing deal
beside what it renews.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum

from canonical.money import Money
from canonical.orders import Fact
from canonical.renewal import RenewalOutcome
from domain.definitions.contracts import ContractStatuses, has_ended
from domain.reports.figures import Sums, less, sums
from domain.reports.renewal_history import Basis, RenewalGroup, RenewalHistory, renewal_group
from domain.reports.retention import KEPT


class Size(StrEnum):
    """How a renewing deal compares with what it renews.

    `downsized` is the outcome, by the contract's own value at that time. The others compare with
    the contract's own value, and with the order that brought it where none was kept, in one
    currency; `unknown` is where either amount is.
    """

    DOWNSIZED = "downsized"
    SMALLER = "smaller_than_contract"
    EQUAL = "equal_to_contract"
    LARGER = "larger_than_contract"
    SMALLER_THAN_ORDER = "smaller_than_order"
    EQUAL_TO_ORDER = "equal_to_order"
    LARGER_THAN_ORDER = "larger_than_order"
    UNKNOWN = "unknown"


# Smaller, equal and larger, by whose value it is that the renewing deal is compared with.
SIZES = {
    Basis.CONTRACT: (Size.SMALLER, Size.EQUAL, Size.LARGER),
    Basis.ORDER: (Size.SMALLER_THAN_ORDER, Size.EQUAL_TO_ORDER, Size.LARGER_THAN_ORDER),
}


class Amendment(Fact):
    """A change of what a contract delivers, of its price or of its standing.

    `value` and `value_before` are those of the whole term, as the owner of contracts states them
    after and before it; None where it stated none.
    """

    connection: str
    contract_id: str
    account_id: str = ""
    status: str
    value: Money | None = None
    value_before: Money | None = None
    at: datetime

    @property
    def change(self) -> Money | None:
        """How much more the contract is worth; None unless both are known in one currency."""
        return less(self.value, self.value_before)


class AmendedMonth(Fact):
    """The amendments of a calendar month (`YYYY-MM`, UTC), by the standing they left behind, and
    what those of which it is known have changed of contracts' values; beside them, the number of
    contracts that `ended`."""

    month: str
    amendments: int
    contracts: int
    ended: int
    by_status: dict[str, int]
    change: Sums


class ExpansionReport(Fact):
    """Amendments by month and what they changed, and the renewals that were kept, by size.

    A change that leaves a contract ended is no amendment: it keeps the value that it had, and is
    in `ended_contracts` alone.
    """

    since: date
    until: date
    amendments: int
    amended_contracts: int
    ended_contracts: int
    change: Sums
    months: list[AmendedMonth]
    renewals_by_size: list[RenewalGroup]


def expansion_report(
    amendments: Iterable[Amendment],
    histories: Iterable[RenewalHistory],
    statuses: ContractStatuses,
    since: date,
    until: date,
) -> ExpansionReport:
    """The report over a period, both days included; `statuses` say which standing is an end."""
    told = [one for one in amendments if since <= one.at.date() <= until]
    lasting = [one for one in told if not has_ended(one.status, statuses)]
    ends = [one for one in told if has_ended(one.status, statuses)]
    kept = [h for h in histories if since <= h.renews_on <= until and h.outcome in KEPT]
    months = sorted({_month_of(one) for one in told})
    sized = [(size.value, [h for h in kept if size_of(h) is size]) for size in Size]
    return ExpansionReport(
        since=since,
        until=until,
        amendments=len(lasting),
        amended_contracts=_contracts(lasting),
        ended_contracts=_contracts(ends),
        change=sums(one.change for one in lasting),
        months=[_month(month, lasting, ends) for month in months],
        renewals_by_size=[renewal_group(name, members) for name, members in sized if members],
    )


def size_of(history: RenewalHistory) -> Size:
    """How large a renewal came out, as far as it is on record."""
    if history.outcome is RenewalOutcome.DOWNSIZED:
        return Size.DOWNSIZED
    if (change := history.change) is None:
        return Size.UNKNOWN
    smaller, equal, larger = SIZES[history.basis]
    if change.amount_minor == 0:
        return equal
    return larger if change.amount_minor > 0 else smaller


def _month_of(amendment: Amendment) -> str:
    return f"{amendment.at:%Y-%m}"


def _month(month: str, told: Sequence[Amendment], ends: Sequence[Amendment]) -> AmendedMonth:
    members = [one for one in told if _month_of(one) == month]
    statuses: dict[str, int] = {}
    for one in members:
        statuses[one.status] = statuses.get(one.status, 0) + 1
    return AmendedMonth(
        month=month,
        amendments=len(members),
        contracts=_contracts(members),
        ended=_contracts(one for one in ends if _month_of(one) == month),
        by_status=dict(sorted(statuses.items())),
        change=sums(one.change for one in members),
    )


def _contracts(amendments: Iterable[Amendment]) -> int:
    return len({(one.connection, one.contract_id) for one in amendments})
