"""Accounts by how they stand with their payments: level, status, overdue and disputed (R22, R122).

Each account counts for its own invoices alone, so that sums over accounts count nothing twice; the
risk that is shown of a parent (`tieline risk`) adds its subsidiaries'.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from canonical.money import Money
from canonical.orders import Fact
from canonical.risk import AccountInvoices, FinancialStatus, RiskAssessment, RiskLevel, RiskRules
from domain.reports.figures import by_currency
from domain.risk import assess


class Position(Fact):
    """What is on record of an account's own invoices.

    `own` is the newest read of each invoice and what the owners of invoices answered last;
    `assessed_status` is the status of the newest assessment, empty where there never was one.
    """

    account_id: str
    account_name: str = ""
    own: list[AccountInvoices] = []
    assessed_status: str = ""


class ReceivablesGroup(Fact):
    """Accounts of one level or status: how many, and what they owe late or dispute by currency."""

    name: str
    accounts: int
    overdue: list[Money]
    disputed: list[Money]


class ReceivablesReport(Fact):
    """All accounts that invoices are known of, by level of risk and by financial status."""

    accounts: int
    unknown: int
    by_level: list[ReceivablesGroup]
    by_status: list[ReceivablesGroup]
    overdue: list[Money]
    disputed: list[Money]
    definitions: list[str] = []


def own_assessment(position: Position, rules: RiskRules, today: date) -> RiskAssessment:
    """The risk of an account by its own invoices on a day; its status is unknown while an owner of
    invoices did not answer when it was last asked."""
    found = assess(position.account_id, position.own, [], rules, today)
    if position.assessed_status != FinancialStatus.UNKNOWN.value:
        return found
    return found.model_copy(update={"status": FinancialStatus.UNKNOWN})


def receivables_report(assessments: Iterable[RiskAssessment]) -> ReceivablesReport:
    """The report over accounts' own assessments."""
    given = list(assessments)
    levels = [(level.value, [a for a in given if a.level is level]) for level in RiskLevel]
    statuses = [(one.value, [a for a in given if a.status is one]) for one in FinancialStatus]
    return ReceivablesReport(
        accounts=len(given),
        unknown=sum(a.status is FinancialStatus.UNKNOWN for a in given),
        by_level=[_group(name, members) for name, members in levels if members],
        by_status=[_group(name, members) for name, members in statuses if members],
        overdue=by_currency(m for a in given for m in a.overdue),
        disputed=by_currency(m for a in given for m in a.disputed),
        definitions=sorted({name for a in given for name in a.version.split()}),
    )


def _group(name: str, members: Sequence[RiskAssessment]) -> ReceivablesGroup:
    return ReceivablesGroup(
        name=name,
        accounts=len(members),
        overdue=by_currency(m for a in members for m in a.overdue),
        disputed=by_currency(m for a in members for m in a.disputed),
    )
