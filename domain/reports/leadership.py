"""What leaders look at: onboardings on time, activation by the rules, renewals that show today's
payments; and cases that were opened before their process was due (R27, R150)."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from canonical.orders import Fact
from canonical.risk import FinancialStatus
from domain.reports.figures import Share, Spread, share, spread

UNKNOWN = FinancialStatus.UNKNOWN.value


class OrderProgress(Fact):
    """When an order's steps were proven done; None for one that is not. Cancelled orders are not
    among these."""

    accepted_at: datetime
    activated_at: datetime | None = None
    booked_at: datetime | None = None
    onboarding_at: datetime | None = None


class OnboardingLaunch(Fact):
    """Whether onboardings launched within so many hours after the order was accepted.

    `on_time` is of those launched or due by now; `not_launched` are due and have not; `not_due` are
    left out.
    """

    limit_hours: int
    orders: int
    on_time: Share
    late: int
    not_launched: int
    not_due: int
    to_launch: Spread


class BillingActivation(Fact):
    """Whether activations in billing follow the rules that are on record of an order.

    The rules: the subscription is active within so many minutes after the order was accepted (the
    catalogue's expectation; None where there is none), and nothing is booked in the ERP before.
    """

    limit_minutes: int | None
    orders: int
    by_the_rules: Share
    late: int
    not_activated: int
    booked_before: int
    not_due: int


class PaymentsShown(Fact):
    """What a renewal's newest view says of payments, and what is on record today: financial status
    and level of the account's own invoices."""

    shown_status: str
    shown_level: str
    status: str
    level: str


class RenewalsReflectPayments(Fact):
    """Whether open renewals show the payments as they are now; what is not known on either side
    does not count as shown."""

    renewals: int
    reflected: Share
    differ: int
    unknown: int


class OpenedCase(Fact):
    """A case of a process that has an objective: when it was opened, when the process began."""

    process: str
    started_at: datetime
    opened_at: datetime


class CasesBeforeDue(Fact):
    """How long before the objective of their process cases were opened (`before_due` is over those
    that were); `in_time` is how many were opened before it had passed."""

    cases: int
    in_time: Share
    before_due: Spread


def onboarding_launch(
    orders: Iterable[OrderProgress], limit_hours: int, now: datetime
) -> OnboardingLaunch:
    """Launches against the limit; an order that is not due yet is not judged."""
    limit = timedelta(hours=limit_hours)
    given = list(orders)
    took = [o.onboarding_at - o.accepted_at for o in given if o.onboarding_at is not None]
    late = sum(one > limit for one in took)
    waiting = [o for o in given if o.onboarding_at is None]
    due = sum(now - o.accepted_at > limit for o in waiting)
    return OnboardingLaunch(
        limit_hours=limit_hours,
        orders=len(given),
        on_time=share(len(took) - late, len(took) + due),
        late=late,
        not_launched=due,
        not_due=len(waiting) - due,
        to_launch=spread(one.total_seconds() for one in took),
    )


def billing_activation(
    orders: Iterable[OrderProgress], limit: timedelta | None, now: datetime
) -> BillingActivation:
    """Activations against the expectation and the order of steps."""
    given = list(orders)
    late = absent = early = good = 0
    for order in given:
        booked_before = _booked_before(order)
        took = (order.activated_at or now) - order.accepted_at
        too_long = limit is not None and took > limit
        early += booked_before
        late += too_long and order.activated_at is not None
        absent += too_long and order.activated_at is None
        good += order.activated_at is not None and not too_long and not booked_before
    judged = sum(o.activated_at is not None or _booked_before(o) for o in given)
    judged += sum(_is_absent(o, limit, now) and not _booked_before(o) for o in given)
    return BillingActivation(
        limit_minutes=None if limit is None else int(limit.total_seconds()) // 60,
        orders=len(given),
        by_the_rules=share(good, judged),
        late=late,
        not_activated=absent,
        booked_before=early,
        not_due=len(given) - judged,
    )


def _booked_before(order: OrderProgress) -> bool:
    booked, activated = order.booked_at, order.activated_at
    return booked is not None and (activated is None or booked < activated)


def _is_absent(order: OrderProgress, limit: timedelta | None, now: datetime) -> bool:
    return limit is not None and order.activated_at is None and now - order.accepted_at > limit


def renewals_reflect_payments(renewals: Iterable[PaymentsShown]) -> RenewalsReflectPayments:
    """Views against today's record."""
    given = list(renewals)
    known = [one for one in given if not {one.shown_status, one.status} & {UNKNOWN, ""}]
    same = sum((o.shown_status, o.shown_level) == (o.status, o.level) for o in known)
    return RenewalsReflectPayments(
        renewals=len(given),
        reflected=share(same, len(given)),
        differ=len(known) - same,
        unknown=len(given) - len(known),
    )


def cases_before_due(
    cases: Iterable[OpenedCase], objectives: Mapping[str, timedelta]
) -> CasesBeforeDue:
    """Cases against the objectives of their processes; of a process without one, none counts."""
    before = [
        (case.started_at + objectives[case.process] - case.opened_at).total_seconds()
        for case in cases
        if case.process in objectives
    ]
    in_time = [seconds for seconds in before if seconds > 0]
    return CasesBeforeDue(
        cases=len(before),
        in_time=share(len(in_time), len(before)),
        before_due=spread(in_time),
    )
