"""An open case as the workflow holds it, and what a review of the facts says."""

from dataclasses import dataclass, field

from canonical.desk import ExceptionCase, Resolution

# The step name of a case that asks whether to cancel the whole process.
CANCELLATION = "cancel_order"


@dataclass
class Case:
    """A filed case, the approvals given on its present evidence, and the decision once made."""

    filed: ExceptionCase
    approvals: list[Resolution] = field(default_factory=list)
    decision: Resolution | None = None


@dataclass(frozen=True)
class Review:
    """What the facts are now, and why the proposed correction is refused (empty: it is good)."""

    facts_digest: str = ""
    refusal: str = ""
