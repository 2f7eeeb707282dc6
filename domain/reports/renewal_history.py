"""A renewal as the ledger saw it over time, which forecast, retention and indicators share.

Equal views are kept once, so that a renewal whose view did not change between two windows has one
view for both; and a view that returns to an earlier content is not seen again.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

from canonical.money import Money
from canonical.orders import Fact
from canonical.renewal import (
    ForecastCategory,
    ReadinessSnapshot,
    ReadinessState,
    RenewalOutcome,
    Signal,
    SignalState,
)
from domain.readiness import BILLING, CRM
from domain.reports.figures import Sums, less, sums


class Basis(StrEnum):
    """Whose value it is that was up for renewal: the contract's own, or that of its order."""

    CONTRACT = "contract"
    ORDER = "order"
    UNKNOWN = "unknown"


class View(Fact):
    """One snapshot of a renewal, as far as figures need it; `unknown` names silent signals.

    `value` is what the contract was worth by the read of `terms_read_at`, which is None where
    nothing was read of the term that is to renew; such a read may have stated no value.
    """

    taken_at: datetime
    state: ReadinessState
    forecast: ForecastCategory
    unknown: list[str] = []
    outcome: RenewalOutcome | None = None
    payment_status: str = ""
    payment_level: str = ""
    renewal_amount: Money | None = None
    value: Money | None = None
    terms_read_at: datetime | None = None


class RenewalHistory(Fact):
    """One renewal of a contract: its views in order, how it ended, and what it is about.

    `contract_value` is what the contract itself was worth, as its owner stated it when it was read
    last before the view that decided, or the newest one; `order_value` is that of the order which
    brought the contract, where Tieline has booked it; `renewal_amount` is the CRM's amount of the
    deal that renews it. Each may be unknown.
    """

    connection: str
    contract_id: str
    account_id: str
    opportunity_id: str = ""
    renews_on: date
    views: list[View]
    outcome: RenewalOutcome | None = None
    order_value: Money | None = None

    @property
    def contract_value(self) -> Money | None:
        """By the newest read of the terms within the term; unknown where that stated no value."""
        reads = [(view.terms_read_at, view.value) for view in self.views]
        dated = [(at, value) for at, value in reads if at is not None]
        return max(dated, key=lambda read: read[0])[1] if dated else None

    @property
    def value(self) -> Money | None:
        """What was up for renewal: what the contract was worth, else its order."""
        return self.contract_value or self.order_value

    @property
    def basis(self) -> Basis:
        """Whose value that is."""
        if self.contract_value is not None:
            return Basis.CONTRACT
        return Basis.ORDER if self.order_value is not None else Basis.UNKNOWN

    @property
    def change(self) -> Money | None:
        """The renewing deal less what it renews; None unless both are known in one currency."""
        return less(self.renewal_amount, self.value)

    @property
    def renewal_amount(self) -> Money | None:
        """The newest amount that the CRM stated."""
        told = (view.renewal_amount for view in reversed(self.views))
        return next((amount for amount in told if amount is not None), None)


class RenewalGroup(Fact):
    """Renewals of one outcome or size: how many, and their amounts by currency.

    `value` is what was up for renewal, `by_order` in how many cases that is the order's because no
    value of the contract's own was kept; `order_value` adds up the orders of all of them.
    """

    name: str
    renewals: int
    value: Sums
    by_order: int
    order_value: Sums
    renewal_amount: Sums


def renewal_group(name: str, members: Sequence[RenewalHistory]) -> RenewalGroup:
    """A group of renewals with its sums."""
    return RenewalGroup(
        name=name,
        renewals=len(members),
        value=sums(one.value for one in members),
        by_order=sum(one.basis is Basis.ORDER for one in members),
        order_value=sums(one.order_value for one in members),
        renewal_amount=sums(one.renewal_amount for one in members),
    )


def view_of(
    taken: ReadinessSnapshot, value: Money | None = None, terms_read_at: datetime | None = None
) -> View:
    """What figures need of a snapshot, and of what was kept beside it."""
    named = {signal.name: signal for signal in taken.signals}
    payments = _facts(named.get(BILLING))
    amount = _facts(named.get(CRM)).get("amount")
    return View(
        taken_at=taken.taken_at,
        state=taken.state,
        forecast=taken.forecast,
        unknown=[s.name for s in taken.signals if s.state is SignalState.UNKNOWN],
        outcome=taken.outcome,
        payment_status=payments.get("status", ""),
        payment_level=payments.get("level", ""),
        renewal_amount=Money.model_validate(amount) if amount else None,
        value=value,
        terms_read_at=terms_read_at,
    )


def _facts(signal: Signal | None) -> dict[str, object]:
    return signal.facts if signal is not None else {}


def view_at(
    history: RenewalHistory, window: int, windows: Sequence[int], today: date
) -> View | None:
    """The view that stood when a window (days before the renewal) opened; None where it has not
    opened yet, where nobody looked before the next one, or where it was decided by then.

    The first of that day; else the newest before it, which then still stood; else the first after.
    """
    opens = history.renews_on - timedelta(days=window)
    if opens > today:
        return None
    smaller = max((other for other in windows if other < window), default=0)
    ends = history.renews_on - timedelta(days=smaller)
    views = history.views
    found = next((view for view in views if view.taken_at.date() == opens), None)
    found = found or next((v for v in reversed(views) if v.taken_at.date() < opens), None)
    found = found or next((v for v in views if opens < v.taken_at.date() < ends), None)
    return found if found is not None and found.outcome is None else None
