"""What undoing an order would do, and the money it releases, before anyone approves it (R68)."""

from collections.abc import Sequence

from canonical.errors import CurrencyMismatch
from canonical.ids import digest
from canonical.messages import CompensationPlan, UndoLine


def compensation_plan(done: Sequence[UndoLine]) -> CompensationPlan:
    """The undo of what was done, last step first; the digest is what a person approves.

    Steps past their point of no return stay in the plan, so that they are seen, but release
    nothing. Raises CurrencyMismatch when the steps are not in one currency.
    """
    lines = list(reversed(done))
    amounts = [line.releases for line in lines if line.releases and not line.point_of_no_return]
    currencies = sorted({amount.currency for amount in amounts})
    if len(currencies) > 1:
        raise CurrencyMismatch(f"the undo would release money in {' and '.join(currencies)}")
    # Billing and ERP carry the same order: what is released is the order's value, once.
    releases = max(amounts, key=lambda amount: amount.amount_minor, default=None)
    return CompensationPlan(
        lines=lines,
        releases=releases,
        digest=digest([line.model_dump(mode="json") for line in lines]),
    )


def points_of_no_return(plan: CompensationPlan) -> list[UndoLine]:
    """The steps that a cancellation can no longer undo."""
    return [line for line in plan.lines if line.point_of_no_return]
