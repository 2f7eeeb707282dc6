"""Who is a customer now, whatever each system calls it (R113)."""

from datetime import date
from enum import StrEnum

from canonical.facts import ContractFacts
from canonical.orders import Fact
from domain.definitions.contracts import ContractStatuses, Standing, has_begun, standing
from domain.definitions.definition import Decision, Definition, Example
from domain.definitions.samples import contract


class Customer(StrEnum):
    """Whether an account is a customer."""

    ACTIVE = "active"
    COMING = "coming"
    FORMER = "former"
    NEVER = "never"


class Contracts(Fact):
    """All contracts that are known of an account, and what systems' words for them mean."""

    contracts: list[ContractFacts]
    today: date
    statuses: ContractStatuses = ContractStatuses()


def customer(given: Contracts) -> Decision:
    """Active by any contract that runs or rests; else by what its contracts have come to."""
    standings = {
        one.id: standing(one, given.statuses, given.today)
        for one in sorted(given.contracts, key=lambda c: c.id)
    }
    running = [i for i, s in standings.items() if s in (Standing.RUNS, Standing.RESTS)]
    if running:
        return Decision(Customer.ACTIVE, [f"{one} is in force" for one in running])
    coming = [i for i, s in standings.items() if s is Standing.PENDING]
    if coming:
        return Decision(Customer.COMING, [f"{one} has not begun" for one in coming])
    began = [one for one in given.contracts if has_begun(one, given.statuses, given.today)]
    if began:
        return Decision(Customer.FORMER, [f"{one} has ended" for one in standings])
    return Decision(Customer.NEVER, ["no contract ever began"])


_TODAY = date(2026, 8, 1)


def _of(name: str, value: Customer, *contracts: ContractFacts, reason: str) -> Example[Contracts]:
    given = Contracts(contracts=list(contracts), today=_TODAY)
    return Example(name, given, value, (reason,))


ACTIVE_CUSTOMER = Definition(
    name="active_customer",
    version=1,
    meaning="An account with at least one contract in force: begun and not ended, also while it "
    "is unpaid or paused.",
    requirements=(113,),
    inputs=Contracts,
    outcomes=Customer,
    decide=customer,
    examples=(
        _of("a running subscription", Customer.ACTIVE, contract(),
            reason="sub_globex is in force"),
        _of("suspended for want of payment", Customer.ACTIVE, contract("unpaid"),
            reason="sub_globex is in force"),
        _of("one ended, one runs", Customer.ACTIVE, contract("canceled", id="sub_2025"),
            contract(), reason="sub_globex is in force"),
        _of("begins next month", Customer.COMING, contract(started_at="2026-09-01T00:00:00Z"),
            reason="sub_globex has not begun"),
        _of("cancelled", Customer.FORMER, contract("canceled"), reason="sub_globex has ended"),
        _of("running in name, ended in July", Customer.FORMER,
            contract(ended_at="2026-07-31T00:00:00Z"), reason="sub_globex has ended"),
        _of("no contract", Customer.NEVER, reason="no contract ever began"),
    ),
    parameters=(
        "customers.active_statuses",
        "customers.suspended_statuses",
        "customers.pending_statuses",
    ),
)  # fmt: skip
