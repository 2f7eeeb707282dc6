"""What invoice-risk-to-health is started with, asks and is told; slim, since it is in histories."""

from datetime import date

from canonical.money import Money
from canonical.orders import Fact
from canonical.portfolio import AccountFamily
from canonical.risk import AccountInvoices, FinancialStatus, RiskLevel


def invoice_risk_id(account_id: str) -> str:
    """The workflow id of an account's invoice risk."""
    return f"invoice-risk-to-health/{account_id}"


class AccountRisk(Fact):
    """Starts invoice-risk-to-health for an account: `cause` is the event that began it, `sources`
    are the connections that own its invoices (by the ownership preset).

    `shown` and `worst` are what an earlier run of the same process remembers.
    """

    account_id: str
    cause: str
    sources: list[str] = []
    crm: str = ""
    success: str = ""
    support: str = ""
    shown: dict[str, str] = {}
    worst: RiskLevel = RiskLevel.NONE


class RiskEnded(Fact):
    """How an account's risk ended, and how serious it had become."""

    stage: str
    account_id: str
    worst: RiskLevel = RiskLevel.NONE


class AccountQuestion(Fact):
    """Asks something about an account, as of the process's own day."""

    account_id: str
    today: date
    since: date


class AssessRisk(Fact):
    """Assess an account from what the owners of its invoices said; the assessment is kept.

    Without `sources` they said what is on record; `family` is None where the CRM's was read before
    in this episode.
    """

    account_id: str
    cause: str
    today: date
    sources: list[AccountInvoices] | None = None
    family: AccountFamily | None = None


class AssessedRisk(Fact):
    """What an assessment found, slim: the whole of it is in the ledger.

    `open` says that something is late, disputed or within its grace; `digest` identifies what
    others are shown of it.
    """

    level: RiskLevel = RiskLevel.NONE
    status: FinancialStatus = FinancialStatus.UNKNOWN
    score: int = 0
    held: Money | None = None
    open: bool = False
    known: bool = True
    changes_on: date | None = None
    parent_id: str = ""
    account_name: str = ""
    digest: str = ""


class ShowRisk(Fact):
    """Show the newest assessment of an account; `digest` only tells one showing from another."""

    account_id: str
    cause: str
    digest: str


class ShownRisk(Fact):
    """What a system shows now, which may be newer than what was asked for."""

    level: RiskLevel
    digest: str
    record_id: str = ""
    call_id: str = ""
