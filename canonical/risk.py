"""The risk that unpaid invoices are to a customer relationship (R75, R81, R116, R122)."""

from datetime import date, datetime
from enum import StrEnum

from canonical.facts import InvoiceFacts
from canonical.money import Money
from canonical.orders import Fact


class CollectionStatus(StrEnum):
    """Where the collection of one invoice stands (R124), the least serious first."""

    VOID = "void"
    PAID = "paid"
    NOT_DUE = "not_due"
    IN_GRACE = "in_grace"
    PAYMENT_FAILED = "payment_failed"
    DISPUTED = "disputed"
    OVERDUE = "overdue"
    LATE = "late"
    SERIOUS = "serious"
    UNCOLLECTIBLE = "uncollectible"


class FinancialStatus(StrEnum):
    """How an account stands with its payments (R122), the least serious first."""

    UNKNOWN = "unknown"
    GOOD = "good"
    IN_DISPUTE = "in_dispute"
    PAST_DUE = "past_due"
    DELINQUENT = "delinquent"


class RiskLevel(StrEnum):
    """How much an account's payments endanger the relationship; `none` leaves no trace anywhere."""

    NONE = "none"
    WATCH = "watch"
    HIGH = "high"
    CRITICAL = "critical"


class RenewalPriority(StrEnum):
    """How urgently a renewal needs attention."""

    NORMAL = "normal"
    RAISED = "raised"
    URGENT = "urgent"


class InvoiceRisk(Fact):
    """One invoice in an assessment: its status and why, its age in days past due (0 before)."""

    invoice_id: str
    connection: str
    number: str = ""
    legal_entity: str = ""
    status: CollectionStatus
    delinquent: bool
    days_overdue: int = 0
    remaining: Money
    due_on: date | None = None
    reason: str = ""


class AccountInvoices(Fact):
    """What the owner of invoices says of one account now; `known` is False while it is away."""

    account_id: str
    connection: str
    as_of: datetime
    invoices: list[InvoiceFacts] = []
    known: bool = True


class RiskAssessment(Fact):
    """The risk of an account on a day: a pure function of the facts, the rules and the day.

    `overdue` and `disputed` are sums by currency, subsidiaries included. `changes_on` is the next
    day on which the passing of time alone changes something; None when nothing is open. `version`
    names the definitions that were used. `absorbed` are the accounts that were merged into this one
    and are late or watched as its own; what of this one is `merged_into` another is shown there.
    """

    account_id: str
    as_of: date
    level: RiskLevel
    status: FinancialStatus
    score: int
    renewal_priority: RenewalPriority
    reasons: list[str] = []
    overdue: list[Money] = []
    disputed: list[Money] = []
    oldest_days: int = 0
    invoices: list[InvoiceRisk] = []
    late_accounts: list[str] = []
    absorbed: list[str] = []
    merged_into: str = ""
    changes_on: date | None = None
    version: str = ""


class RiskRules(Fact):
    """What the business has decided of late payment; part of the definitions' version.

    `grace_days_by_terms` has the grace of invoices with so many days to pay: the key is `net-45`.
    `versions` has the definitions in force, by name; the newest is meant where one is not named.
    """

    grace_days: int = 5
    grace_days_by_terms: dict[str, int] = {}
    late_days: int = 15
    serious_days: int = 45
    tolerance_minor: dict[str, int] = {}
    critical_over_minor: dict[str, int] = {}
    versions: dict[str, int] = {}
