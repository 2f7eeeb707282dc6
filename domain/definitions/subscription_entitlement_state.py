"""Whether a subscription entitles to service and support now (R51, R123)."""

from datetime import date
from enum import StrEnum

from canonical.facts import ContractFacts
from canonical.orders import Fact
from domain.definitions.contracts import ContractStatuses, Standing, standing
from domain.definitions.definition import Decision, Definition, Example
from domain.definitions.samples import contract


class Entitlement(StrEnum):
    """What a subscription entitles to."""

    ENTITLED = "entitled"
    SUSPENDED = "suspended"
    PENDING = "pending"
    ENDED = "ended"


class SubscriptionOnDay(Fact):
    """A subscription on a day, and what systems' words for it mean."""

    contract: ContractFacts
    today: date
    statuses: ContractStatuses = ContractStatuses()


STATES = {
    Standing.RUNS: Entitlement.ENTITLED,
    Standing.RESTS: Entitlement.SUSPENDED,
    Standing.PENDING: Entitlement.PENDING,
    Standing.ENDED: Entitlement.ENDED,
}


def entitlement_state(given: SubscriptionOnDay) -> Decision:
    """The state; late payment alone takes nothing away until billing suspends."""
    contract = given.contract
    state = STATES[standing(contract, given.statuses, given.today)]
    dates = [f"{said} {at.date()}" for said, at in
             (("from", contract.started_at), ("until", contract.ended_at)) if at]  # fmt: skip
    return Decision(state, [" ".join([f"{contract.id} is {contract.status},", *dates]).rstrip(",")])


def _of(
    name: str, given: ContractFacts, value: Entitlement, reason: str
) -> Example[SubscriptionOnDay]:
    inputs = SubscriptionOnDay(contract=given, today=date(2026, 8, 1))
    return Example(name, inputs, value, (reason,))


SUBSCRIPTION_ENTITLEMENT_STATE = Definition(
    name="subscription_entitlement_state",
    version=1,
    meaning="A subscription entitles while it runs, late payment included; it is suspended while "
    "billing holds it, and ends by its date or cancellation.",
    requirements=(51, 123),
    inputs=SubscriptionOnDay,
    outcomes=Entitlement,
    decide=entitlement_state,
    examples=(
        _of("it runs", contract(), Entitlement.ENTITLED, "sub_globex is active, from 2026-01-01"),
        _of("a payment is late", contract("past_due"), Entitlement.ENTITLED,
            "sub_globex is past_due, from 2026-01-01"),
        _of("billing has given up on a payment", contract("unpaid"), Entitlement.SUSPENDED,
            "sub_globex is unpaid, from 2026-01-01"),
        _of("it begins next month", contract(started_at="2026-09-01T00:00:00Z"),
            Entitlement.PENDING, "sub_globex is active, from 2026-09-01"),
        _of("its order awaits approval", contract("pending", started_at=None),
            Entitlement.PENDING, "sub_globex is pending"),
        _of("it ended yesterday", contract(ended_at="2026-07-31T00:00:00Z"), Entitlement.ENDED,
            "sub_globex is active, from 2026-01-01 until 2026-07-31"),
        _of("a status that nobody has listed", contract("closed"), Entitlement.ENDED,
            "sub_globex is closed, from 2026-01-01"),
    ),
    parameters=(
        "customers.active_statuses",
        "customers.suspended_statuses",
        "customers.pending_statuses",
    ),
)  # fmt: skip
