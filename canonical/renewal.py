"""Renewal readiness: what is known of a renewal, from whom, and what follows (R76-R83)."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from canonical.money import Money
from canonical.orders import Fact


class ContractTerms(Fact):
    """A contract's dates as its owner states them; a date that it does not state is None.

    `ends_on` is the last day of service. `active` until it is cancelled or closed: also before it
    has begun, and while it runs on after its end. `as_of` is when its owner was asked.
    """

    contract_id: str
    connection: str
    account_id: str
    opportunity_id: str = ""
    legal_entity: str = ""
    status: str
    active: bool
    starts_on: date | None = None
    ends_on: date | None = None
    co_term_on: date | None = None
    notice_days: int | None = None
    auto_renews: bool = False
    value: Money | None = None
    version: str = ""
    as_of: datetime | None = None


class IncidentFacts(Fact):
    """What support says of an account: open cases by severity, and what the window brought."""

    account_id: str
    as_of: datetime
    open_by_severity: dict[str, int] = {}
    opened: int = 0
    escalated: int = 0
    breached: int = 0


class AdoptionFacts(Fact):
    """How much of what it bought an account uses; `as_of` is the newest usage that is known."""

    account_id: str
    as_of: datetime | None
    active_users: int = 0
    licensed_users: int = 0
    active_users_before: int = 0


class OnboardingTasks(Fact):
    """What of an account's implementation is still open in customer success."""

    account_id: str
    as_of: datetime
    open_tasks: list[str] = []
    overdue_tasks: list[str] = []
    completed: bool = False


class RenewalOpportunity(Fact):
    """The deal in which a contract is to be renewed, as the CRM states it."""

    account_id: str
    as_of: datetime
    opportunity_id: str = ""
    stage: str = ""
    is_closed: bool = False
    is_won: bool = False
    amount: Money | None = None
    close_on: date | None = None


class SignalState(StrEnum):
    """What one source says of a renewal; `unknown` is never taken for green."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    UNKNOWN = "unknown"


class Signal(Fact):
    """What one source says, when it knew it, and by which definition it was judged (R21, R121)."""

    name: str
    source: str
    owner: str
    state: SignalState
    as_of: datetime | None
    definition: str
    reasons: list[str] = []
    facts: dict[str, Any] = {}


class ReadinessState(StrEnum):
    """Whether a renewal can go ahead (R119)."""

    READY = "ready"
    AT_RISK = "at_risk"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    CLOSED = "closed"


class ForecastCategory(StrEnum):
    """How sure the renewal's revenue is."""

    COMMIT = "commit"
    BEST_CASE = "best_case"
    PIPELINE = "pipeline"
    OMITTED = "omitted"
    CLOSED = "closed"


class RenewalOutcome(StrEnum):
    """How a renewal ended."""

    WON = "won"
    DOWNSIZED = "downsized"
    LOST = "lost"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"


class RenewalDates(Fact):
    """The day a contract renews and which date decided it, and the last day to give notice."""

    renews_on: date
    decided_by: str
    notice_on: date | None = None


class ReadinessSnapshot(Fact):
    """One view of a renewal for everybody: CSM, finance and revenue operations (R78).

    `snapshot_id` follows from the content, so equal views have one id.
    """

    snapshot_id: str
    contract_id: str
    connection: str
    account_id: str
    opportunity_id: str = ""
    taken_at: datetime
    dates: RenewalDates
    state: ReadinessState
    forecast: ForecastCategory
    blocking: list[str] = []
    signals: list[Signal] = []
    outcome: RenewalOutcome | None = None
    version: str = ""


class ReadinessRules(Fact):
    """What the business has decided of renewals and their signals.

    Days are calendar days, shares are percent. `versions` is that of `canonical.risk.RiskRules`;
    `owners` has the role that answers for each signal.
    """

    windows_days: list[int] = [90, 60, 30]
    notice_days: int = 30
    usage_stale_days: int = 14
    usage_amber_percent: int = 50
    usage_red_percent: int = 20
    usage_drop_percent: int = 30
    severities_red: list[str] = ["urgent"]
    severities_amber: list[str] = ["high"]
    excluded_statuses: list[str] = []
    owners: dict[str, str] = {}
    versions: dict[str, int] = {}
