"""How far an order has become a served customer (R51, R124)."""

from enum import StrEnum

from canonical.milestones import Milestone
from canonical.orders import Fact
from domain.definitions.definition import Decision, Definition, Example


class Activation(StrEnum):
    """Where an order stands between acceptance and service."""

    NOT_ACCEPTED = "not_accepted"
    ACCEPTED = "accepted"
    BILLED_ONLY = "billed_only"
    SERVED_ONLY = "served_only"
    ACTIVATED = "activated"


class Reached(Fact):
    """The milestones that an order has reached, in any order."""

    milestones: list[Milestone] = []


def activation(given: Reached) -> Decision:
    """Activated when it is both billed and served; later milestones prove neither."""
    reached = set(given.milestones)
    billed = Milestone.SUBSCRIPTION_ACTIVATED in reached
    served = Milestone.ENTITLEMENT_PROVISIONED in reached
    if billed and served:
        return Decision(Activation.ACTIVATED, ["its subscription is active and support is set up"])
    if billed:
        return Decision(Activation.BILLED_ONLY, ["its subscription is active, support waits"])
    if served:
        return Decision(Activation.SERVED_ONLY, ["support is set up, its subscription waits"])
    if Milestone.ORDER_ACCEPTED in reached:
        return Decision(Activation.ACCEPTED, ["neither subscription nor support is set up"])
    return Decision(Activation.NOT_ACCEPTED, ["the order has not been accepted"])


_ACCEPTED, _ACTIVE = Milestone.ORDER_ACCEPTED, Milestone.SUBSCRIPTION_ACTIVATED
_PROVISIONED = Milestone.ENTITLEMENT_PROVISIONED


def _of(name: str, value: Activation, reason: str, *reached: Milestone) -> Example[Reached]:
    return Example(name, Reached(milestones=list(reached)), value, (reason,))


ORDER_ACTIVATION = Definition(
    name="order_activation",
    version=1,
    meaning="An order is activated when its subscription is active in billing and its entitlement "
    "is provisioned in support.",
    requirements=(51, 124),
    inputs=Reached,
    outcomes=Activation,
    decide=activation,
    examples=(
        _of("nothing yet", Activation.NOT_ACCEPTED, "the order has not been accepted"),
        _of("accepted", Activation.ACCEPTED, "neither subscription nor support is set up",
            _ACCEPTED),
        _of("support is away", Activation.BILLED_ONLY,
            "its subscription is active, support waits", _ACCEPTED, _ACTIVE),
        _of("billing has refused", Activation.SERVED_ONLY,
            "support is set up, its subscription waits", _ACCEPTED, _PROVISIONED),
        _of("both", Activation.ACTIVATED, "its subscription is active and support is set up",
            _PROVISIONED, _ACTIVE, _ACCEPTED),
    ),
)  # fmt: skip
