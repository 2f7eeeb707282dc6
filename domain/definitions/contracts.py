"""What systems' words for the standing of a contract mean (R113, R123)."""

from datetime import date
from enum import StrEnum

from canonical.facts import ContractFacts
from canonical.orders import Fact
from governance.definitions import Definitions


class Standing(StrEnum):
    """Whether a contract is in force on a day."""

    PENDING = "pending"
    RUNS = "runs"
    RESTS = "rests"
    ENDED = "ended"


class ContractStatuses(Fact):
    """Vendors' statuses by what they mean; whatever is in no list has ended."""

    active: list[str] = ["active", "past_due", "trialing"]
    suspended: list[str] = ["unpaid", "paused"]
    pending: list[str] = ["pending", "incomplete", "scheduled"]


def statuses_of(definitions: Definitions) -> ContractStatuses:
    """What the catalogue says that systems' words mean."""
    customers = definitions.customers
    return ContractStatuses(
        active=customers.active_statuses,
        suspended=customers.suspended_statuses,
        pending=customers.pending_statuses,
    )


def standing(contract: ContractFacts, statuses: ContractStatuses, today: date) -> Standing:
    """By status, and by its own dates where they say that it has ended or not begun."""
    ended = contract.ended_at is not None and contract.ended_at.date() <= today
    if ended or has_ended(contract.status, statuses):
        return Standing.ENDED
    coming = contract.started_at is not None and contract.started_at.date() > today
    if coming or contract.status in statuses.pending:
        return Standing.PENDING
    return Standing.RESTS if contract.status in statuses.suspended else Standing.RUNS


def has_ended(status: str, statuses: ContractStatuses) -> bool:
    """Whether a status is that of a contract which is over: it is in none of the lists."""
    return status not in {*statuses.active, *statuses.suspended, *statuses.pending}


def has_begun(contract: ContractFacts, statuses: ContractStatuses, today: date) -> bool:
    """Whether it ever was in force."""
    began = contract.started_at is None or contract.started_at.date() <= today
    return began and contract.status not in statuses.pending
