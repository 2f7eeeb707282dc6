"""What renewal-readiness is started with, asks and is told; slim, since it is in histories."""

from datetime import date, datetime

from canonical.orders import Fact
from canonical.renewal import (
    AdoptionFacts,
    ContractTerms,
    ForecastCategory,
    IncidentFacts,
    OnboardingTasks,
    ReadinessState,
    RenewalDates,
    RenewalOpportunity,
    RenewalOutcome,
)
from canonical.risk import AccountInvoices


def renewal_id(connection: str, contract_id: str) -> str:
    """The workflow id of a contract's renewal."""
    return f"renewal-readiness/{connection}/{contract_id}"


class OpenWindow(Fact):
    """A renewal window that is open: since when, for which date it was opened, and which dates it
    is about by now."""

    since: datetime
    opened_for: date
    dates: RenewalDates


class RenewalPlan(Fact):
    """When a contract renews, when to look next, and whether the window is open by now; without
    dates there is nothing to renew, for now or, when the contract is `over`, for good."""

    dates: RenewalDates | None = None
    next_look: date | None = None
    window_open: bool = False
    over: bool = False
    eligibility: str = ""


class RenewalMemory(Fact):
    """What a run of the process leaves to the next one.

    `newest` is the snapshot of the account's renewal that others should see, `shown` the one that
    each of them has; `terms` are those that were read last, unless they are to be read anew, and
    `plan` is what was decided by them and is on record; `renewed_on` is the day of the last renewal
    that was decided, and `outcome` is how.
    """

    account_id: str = ""
    terms: ContractTerms | None = None
    plan: RenewalPlan | None = None
    window: OpenWindow | None = None
    newest: str = ""
    shown: dict[str, str] = {}
    renewed_on: date | None = None
    outcome: RenewalOutcome | None = None


class RenewalStart(Fact):
    """Starts renewal-readiness for a contract: where its signals come from, and what an earlier run
    of the same process remembers."""

    contract_id: str
    connection: str
    opportunity_id: str
    sources: list[str] = []
    crm: str = ""
    success: str = ""
    support: str = ""
    usage: str = ""
    memory: RenewalMemory = RenewalMemory()


class RenewalEnded(Fact):
    """How a renewal ended."""

    stage: str
    contract_id: str
    outcome: RenewalOutcome | None = None


class ContractQuestion(Fact):
    """Asks about a contract."""

    contract_id: str


class RenewalQuestion(Fact):
    """Asks the CRM for the deal that renews a contract."""

    account_id: str
    opportunity_id: str
    renews_on: date


class PlanRenewal(Fact):
    """Decide a contract's renewal dates by the catalogue of this moment; of the term that follows
    `renewed_on`, where a renewal was decided already. A contract that ends while its window is
    `in_window` still has that renewal to be decided."""

    terms: ContractTerms
    today: date
    opportunity_id: str = ""
    renewed_on: date | None = None
    in_window: bool = False


class TakeSnapshot(Fact):
    """What the five sources said of a renewal; None where one did not answer.

    `sources_away` are the owners of invoices that did not. Usage that was not asked for now was
    known on the day `adoption_asked_on`, and is as stale as it was then. `today` is the process's
    day, that of `at` unless it is named. Without a `window` none is told to be open. Nothing is
    decided on `terms` that are not `terms_known` any more, because their owner is away.
    """

    start: RenewalStart
    terms: ContractTerms
    dates: RenewalDates
    at: datetime
    today: date | None = None
    adoption_asked_on: date | None = None
    window: OpenWindow | None = None
    terms_known: bool = True
    invoices: list[AccountInvoices] = []
    incidents: IncidentFacts | None = None
    adoption: AdoptionFacts | None = None
    tasks: OnboardingTasks | None = None
    opportunity: RenewalOpportunity | None = None
    sources_away: list[str] = []


class TakenSnapshot(Fact):
    """What a snapshot found, slim: the whole of it is in the ledger. `troubled` names the signals
    that are not green."""

    snapshot_id: str
    state: ReadinessState
    forecast: ForecastCategory
    blocking: list[str] = []
    unknown: list[str] = []
    troubled: list[str] = []
    outcome: RenewalOutcome | None = None
    next_look: date | None = None
    new: bool = False


class ShowReadiness(Fact):
    """Show the newest snapshot of a contract's renewal."""

    contract_id: str
    connection: str
    account_id: str
    snapshot_id: str
