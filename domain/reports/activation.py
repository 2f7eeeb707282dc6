"""From closed-won to activation: how long a won deal waits for its subscription (R79)."""

from collections.abc import Iterable
from datetime import datetime

from canonical.orders import Fact
from domain.reports.figures import Spread, spread


class WonOrder(Fact):
    """When a deal was won, as the CRM told it; when its order was accepted and its subscription
    activated, None for what has not happened. Cancelled orders are not among these."""

    won_at: datetime
    accepted_at: datetime | None = None
    activated_at: datetime | None = None


class ClosedWonToActivation(Fact):
    """How long it took from the won deal to the active subscription, whoever held it up.

    `to_activation` and `from_acceptance` are over the orders activated by now, the second without
    the time until the order was accepted. `not_accepted` and `not_activated` (accepted, and no
    subscription yet) wait; `oldest_seconds` is for how long the oldest of them does.
    """

    orders: int
    to_activation: Spread
    from_acceptance: Spread
    not_accepted: int
    not_activated: int
    oldest_seconds: int | None


def closed_won_to_activation(orders: Iterable[WonOrder], now: datetime) -> ClosedWonToActivation:
    """The time to activation; what waits is counted beside it, and in no duration."""
    given = list(orders)
    waiting = [one for one in given if one.activated_at is None]
    oldest = min((one.won_at for one in waiting), default=None)
    active = [(one, one.activated_at) for one in given if one.activated_at is not None]
    return ClosedWonToActivation(
        orders=len(given),
        to_activation=spread((at - one.won_at).total_seconds() for one, at in active),
        from_acceptance=spread(
            (at - one.accepted_at).total_seconds() for one, at in active if one.accepted_at
        ),
        not_accepted=sum(one.accepted_at is None for one in waiting),
        not_activated=sum(one.accepted_at is not None for one in waiting),
        oldest_seconds=None if oldest is None else int((now - oldest).total_seconds()),
    )
