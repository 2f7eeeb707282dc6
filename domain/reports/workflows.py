"""Orders and what follows from them in four lists: completed, delayed, failed, at risk (R141)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from canonical.errors import ERRORS, DuplicateRecord, InvalidOrder, NotFound
from canonical.money import Money
from canonical.orders import Fact
from domain.reports.figures import Sums, sums

COMPLETED, CANCELLED = "completed", ("cancelled", "cancelling")
# What is wrong with the data, rather than with a system or with a customer's standing.
DATA_QUALITY = (InvalidOrder, DuplicateRecord, NotFound)


class OrderStanding(Fact):
    """Where one order stands; `causes` are those of its open cases."""

    workflow_id: str
    account_id: str
    account_name: str = ""
    stage: str
    value: Money | None = None
    started_at: datetime
    updated_at: datetime
    causes: list[str] = []


class Listed(Fact):
    """One entry: a workflow, what its money is, since when and why it is in the list."""

    workflow_id: str
    account: str
    money: list[Money] = []
    since: datetime
    why: str


class WorkflowList(Fact):
    """One list: how many there are, their money by currency, and the first of them.

    `data_quality` is how many of these failed because of data (of failed orders only).
    """

    name: str
    number: int
    money: Sums
    rows: list[Listed]
    data_quality: int = 0


def order_lists(
    orders: Iterable[OrderStanding],
    objective: timedelta,
    since: datetime,
    now: datetime,
    rows_max: int,
) -> list[WorkflowList]:
    """Completed since a time; delayed: still running past the objective, and nobody was asked;
    failed: a case is open. An order that runs within its objective is in none of them."""
    running = [one for one in orders if one.stage not in CANCELLED]
    failed = [one for one in running if one.causes]
    going = [one for one in running if not one.causes]
    done = [one for one in going if one.stage == COMPLETED and one.updated_at >= since]
    late = [o for o in going if o.stage != COMPLETED and now - o.started_at > objective]
    lists = [
        _list(COMPLETED, done, rows_max, lambda one: (one.updated_at, one.stage)),
        _list("delayed", late, rows_max, lambda one: (one.started_at, one.stage)),
        _list("failed", failed, rows_max, lambda one: (one.started_at, ", ".join(one.causes))),
    ]
    bad = sum(any(_is_of_data(cause) for cause in one.causes) for one in failed)
    return [*lists[:2], lists[2].model_copy(update={"data_quality": bad})]


def _is_of_data(cause: str) -> bool:
    return issubclass(ERRORS.get(cause, object), DATA_QUALITY)


def at_risk_list(name: str, found: Sequence[Listed], rows_max: int) -> WorkflowList:
    """What is at risk of one kind, the oldest first."""
    known = [money for one in found for money in one.money]
    silent = sum(not one.money for one in found)
    added = sums(known)
    ordered = sorted(found, key=lambda one: (one.since, one.workflow_id))
    return WorkflowList(
        name=name,
        number=len(found),
        money=Sums(amounts=added.amounts, known=len(found) - silent, unknown=silent),
        rows=ordered[:rows_max],
    )


def _list(
    name: str,
    members: Sequence[OrderStanding],
    rows_max: int,
    told: Callable[[OrderStanding], tuple[datetime, str]],
) -> WorkflowList:
    ordered = sorted(members, key=lambda one: (told(one)[0], one.workflow_id))
    rows = [
        Listed(
            workflow_id=one.workflow_id,
            account=one.account_name or one.account_id,
            money=[one.value] if one.value else [],
            since=told(one)[0],
            why=told(one)[1],
        )
        for one in ordered[:rows_max]
    ]
    return WorkflowList(
        name=name, number=len(members), money=sums(one.value for one in members), rows=rows
    )
