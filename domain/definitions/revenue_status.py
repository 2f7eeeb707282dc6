"""How far an order's revenue has come, from booked to paid (R26, R120)."""

from datetime import date
from enum import StrEnum

from canonical.milestones import Milestone
from canonical.orders import Fact
from domain.definitions.definition import Decision, Definition, Example


class Revenue(StrEnum):
    """The furthest that an order's revenue has come."""

    NONE = "none"
    BOOKED = "booked"
    ACTIVATED = "activated"
    INVOICED = "invoiced"
    RECOGNIZED = "recognized"
    PAID = "paid"


class OrderRevenue(Fact):
    """An order's milestones, and the last day that the ERP plans revenue for; None unknown."""

    milestones: list[Milestone] = []
    recognized_until: date | None = None
    today: date


def revenue_status(given: OrderRevenue) -> Decision:
    """Each step stands on its own proof: what is paid may not be recognized yet, and says so."""
    reached = set(given.milestones)
    until = given.recognized_until
    steps = {
        Revenue.BOOKED: Milestone.ORDER_ACCEPTED in reached,
        Revenue.ACTIVATED: Milestone.SUBSCRIPTION_ACTIVATED in reached,
        Revenue.INVOICED: Milestone.INVOICE_POSTED in reached,
        Revenue.RECOGNIZED: until is not None and until < given.today,
        Revenue.PAID: Milestone.PAYMENT_MATCHED in reached,
    }
    furthest = [step for step, proven in steps.items() if proven]
    if not furthest:
        return Decision(Revenue.NONE, ["the order has not been accepted"])
    place = list(steps).index(furthest[-1])
    skipped = [f"not {step}" for step in list(steps)[:place] if not steps[step]]
    return Decision(furthest[-1], skipped)


_BOOKED, _ACTIVE = Milestone.ORDER_ACCEPTED, Milestone.SUBSCRIPTION_ACTIVATED
_INVOICED, _PAID = Milestone.INVOICE_POSTED, Milestone.PAYMENT_MATCHED


def _of(
    name: str,
    value: Revenue,
    *milestones: Milestone,
    reasons: tuple[str, ...] = (),
    until: date | None = None,
) -> Example[OrderRevenue]:
    given = OrderRevenue(
        milestones=list(milestones), recognized_until=until, today=date(2027, 1, 1)
    )
    return Example(name, given, value, reasons)


REVENUE_STATUS = Definition(
    name="revenue_status",
    version=1,
    meaning="The furthest of booked, activated, invoiced, recognized and paid that is proven; the "
    "steps before it that are not are named.",
    requirements=(26, 120),
    inputs=OrderRevenue,
    outcomes=Revenue,
    decide=revenue_status,
    examples=(
        _of("nothing yet", Revenue.NONE, reasons=("the order has not been accepted",)),
        _of("booked", Revenue.BOOKED, _BOOKED),
        _of("activated", Revenue.ACTIVATED, _BOOKED, _ACTIVE),
        _of("invoiced", Revenue.INVOICED, _BOOKED, _ACTIVE, _INVOICED),
        _of("its year is over, its invoice unpaid", Revenue.RECOGNIZED, _BOOKED, _ACTIVE,
            _INVOICED, until=date(2026, 12, 31)),
        _of("paid in advance", Revenue.PAID, _BOOKED, _ACTIVE, _INVOICED, _PAID,
            reasons=("not recognized",), until=date(2027, 6, 30)),
        _of("paid, its year over", Revenue.PAID, _BOOKED, _ACTIVE, _INVOICED, _PAID,
            until=date(2026, 12, 31)),
        _of("paid before it was activated", Revenue.PAID, _BOOKED, _INVOICED, _PAID,
            reasons=("not activated", "not recognized")),
    ),
)  # fmt: skip
