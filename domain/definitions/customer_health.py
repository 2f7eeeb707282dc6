"""How healthy a customer relationship is, as a score with named inputs and weights (R118)."""

from enum import StrEnum

from canonical.orders import Fact
from canonical.renewal import SignalState
from domain.definitions.definition import Decision, Definition, Example

POINTS = {SignalState.GREEN: 100, SignalState.AMBER: 50, SignalState.RED: 0}
# What is not known counts as fair at best, and never as better than the rest.
UNKNOWN_MAX = 50


class Health(StrEnum):
    """How a customer relationship stands."""

    HEALTHY = "healthy"
    FAIR = "fair"
    POOR = "poor"
    UNKNOWN = "unknown"


class HealthInputs(Fact):
    """What four sources say, their weights, and the bands of the score (all in percent)."""

    payments: SignalState = SignalState.UNKNOWN
    support: SignalState = SignalState.UNKNOWN
    adoption: SignalState = SignalState.UNKNOWN
    implementation: SignalState = SignalState.UNKNOWN
    weights: dict[str, int] = {
        "payments": 30,
        "support": 20,
        "adoption": 35,
        "implementation": 15,
    }
    healthy_from: int = 75
    fair_from: int = 50
    confidence_min_percent: int = 50


def health(given: HealthInputs) -> Decision:
    """The weighted score, and how much of its weight is known."""
    states = {name: SignalState(getattr(given, name)) for name in sorted(given.weights)}
    known = {name: POINTS[state] for name, state in states.items() if state in POINTS}
    whole, heard = sum(given.weights.values()), sum(given.weights[name] for name in known)
    earned = sum(given.weights[name] * points for name, points in known.items())
    # In whole numbers: the score is rounded down once, at the end.
    silent = min(UNKNOWN_MAX, earned // heard) if heard else 0
    score = (earned + (whole - heard) * silent) // whole
    confidence = 100 * heard // whole
    result = {"score": score, "confidence_percent": confidence}
    reasons = [f"{n} is {s}" for n, s in states.items() if s is not SignalState.GREEN]
    if confidence < given.confidence_min_percent:
        return Decision(Health.UNKNOWN, reasons, result)
    if score >= given.healthy_from:
        return Decision(Health.HEALTHY, reasons, result)
    band = Health.FAIR if score >= given.fair_from else Health.POOR
    return Decision(band, reasons, result)


def _of(name: str, value: Health, *reasons: str, **states: SignalState) -> Example[HealthInputs]:
    return Example(name, HealthInputs.model_validate(states), value, reasons)


_GREEN, _AMBER, _RED = SignalState.GREEN, SignalState.AMBER, SignalState.RED
_NOT_HEARD = SignalState.UNKNOWN

CUSTOMER_HEALTH = Definition(
    name="customer_health",
    version=1,
    meaning="A score of 0 to 100 from payments, support, adoption and implementation by weight; "
    "what is not known is named, lowers the confidence and never counts as good.",
    requirements=(26, 118),
    inputs=HealthInputs,
    outcomes=Health,
    decide=health,
    examples=(
        _of("all is well", Health.HEALTHY,
            payments=_GREEN, support=_GREEN, adoption=_GREEN, implementation=_GREEN),
        _of("invoices are late, a case is open, the product is little used", Health.POOR,
            "adoption is amber", "payments is red", "support is amber",
            payments=_RED, support=_AMBER, adoption=_AMBER, implementation=_GREEN),
        _of("the product is little used", Health.HEALTHY, "adoption is amber",
            payments=_GREEN, support=_GREEN, adoption=_AMBER, implementation=_GREEN),
        _of("usage is not known", Health.HEALTHY, "adoption is unknown",
            payments=_GREEN, support=_GREEN, adoption=_NOT_HEARD, implementation=_GREEN),
        _of("usage is not known and a case is open", Health.FAIR,
            "adoption is unknown", "support is amber",
            payments=_GREEN, support=_AMBER, adoption=_NOT_HEARD, implementation=_GREEN),
        _of("nothing but payments is known", Health.UNKNOWN,
            "adoption is unknown", "implementation is unknown", "support is unknown",
            payments=_GREEN),
        _of("nothing is known", Health.UNKNOWN, "adoption is unknown",
            "implementation is unknown", "payments is unknown", "support is unknown"),
    ),
    parameters=(
        "health.weights",
        "health.healthy_from",
        "health.fair_from",
        "health.confidence_min_percent",
    ),
)  # fmt: skip
