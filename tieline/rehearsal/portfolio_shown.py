"""What should be shown of a portfolio by the definitions, and what is, read from the systems."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from canonical.facts import InvoiceFacts
from canonical.risk import AccountInvoices, RiskAssessment, RiskLevel, RiskRules
from domain.receivables import days_overdue, is_open
from domain.risk import assess

ERP = "erp"


@dataclass(frozen=True)
class Shown:
    """What customer success and support show of an account; money as customer success says it.

    `calls_ever` has the closed calls too.
    """

    level: str = ""
    score: int = 0
    overdue: str = ""
    flag: str = ""
    tags: tuple[str, ...] = ()
    calls: int = 0
    calls_ever: int = 0


class Ought:
    """What a pure function of the ERP's invoices says of every account, day by day.

    A spell is a stretch of looks at each of which an account was late: one call to action is due
    for it, and no more.
    """

    def __init__(self, accounts: Iterable[str], rules: RiskRules) -> None:
        self._rules = rules
        self.invoices: dict[str, list[InvoiceFacts]] = {account: [] for account in accounts}
        self.found: dict[str, RiskAssessment] = {}
        self.spells: dict[str, int] = dict.fromkeys(self.invoices, 0)
        self._late: set[str] = set()

    def look(self, today: date) -> None:
        """Judge every account by its invoices as they were last read."""
        for account, invoices in self.invoices.items():
            found = self._assess(account, invoices, today)
            self.found[account] = found
            if not found.late_accounts:
                self._late.discard(account)
            elif account not in self._late:
                self._late.add(account)
                self.spells[account] += 1

    def _assess(self, account: str, invoices: list[InvoiceFacts], today: date) -> RiskAssessment:
        at = datetime.combine(today, time.min, UTC)
        said = AccountInvoices(account_id=account, connection=ERP, as_of=at, invoices=invoices)
        return assess(account, [said], [], self._rules, today)

    def shown(self, account: str) -> Shown:
        """What an account ought to be shown as."""
        found = self.found[account]
        if found.level is RiskLevel.NONE:
            return Shown()
        value = f"payment_risk_{found.level}"
        return Shown(
            level=found.level.value,
            score=found.score,
            overdue="; ".join(map(str, found.overdue)),
            flag=value,
            tags=(value,),
            calls=1 if found.late_accounts else 0,
        )

    def open_and_overdue(self, today: date) -> tuple[int, int]:
        """How many invoices are open, and how many of them are past their due date."""
        standing = [one for many in self.invoices.values() for one in many if is_open(one)]
        return len(standing), sum(days_overdue(one, today) > 0 for one in standing)


@dataclass
class Systems:
    """What two systems hold, by account id."""

    success: Mapping[str, Any]
    support: Mapping[str, Any]
    companies: dict[str, dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.companies = {
            str(one.get("SFDC_Account_Id__gc")): one for one in self.success["Company"].values()
        }

    def shown(self) -> dict[str, Shown]:
        """What is shown of each account that either system knows."""
        organizations = {one["external_id"]: one for one in self.support["organizations"]}
        calls: defaultdict[str, list[bool]] = defaultdict(list)
        for call in self.success["call_to_action"].values():
            if call.get("Risk_Ref__gc"):
                calls[call["CompanyId"]].append(bool(call["IsClosed"]))
        return {
            account: _shown(
                self.companies.get(account, {}),
                organizations.get(account, {}),
                calls[self.companies.get(account, {}).get("Gsid", "")],
            )
            for account in {*self.companies, *organizations}
        }


def differences(ought: Ought, shown: Mapping[str, Shown]) -> dict[str, str]:
    """Every account that is not shown as it ought to be, or had more calls than there were spells
    of late payments, and how."""
    wrong: dict[str, str] = {}
    for account in ought.invoices:
        seen, wanted = shown.get(account, Shown()), ought.shown(account)
        told = [
            f"{name} {_said(getattr(seen, name))} instead of {_said(getattr(wanted, name))}"
            for name in ("level", "score", "overdue", "flag", "tags", "calls")
            if getattr(seen, name) != getattr(wanted, name)
        ]
        if seen.calls_ever > ought.spells[account]:
            told.append(f"{seen.calls_ever} calls in {ought.spells[account]} spells")
        if told:
            wrong[account] = ", ".join(told)
    return wrong


def _shown(company: Mapping[str, Any], served: Mapping[str, Any], closed: Sequence[bool]) -> Shown:
    fields = served.get("organization_fields") or {}
    tags = [tag for tag in served.get("tags") or [] if tag.startswith("payment_risk")]
    return Shown(
        level=company.get("Risk_Level__gc") or "",
        score=int(company.get("Risk_Score__gc") or 0),
        overdue=company.get("Overdue_Amount__gc") or "",
        flag=fields.get("payment_risk") or "",
        tags=tuple(tags),
        calls=sum(not one for one in closed),
        calls_ever=len(closed),
    )


def _said(value: Any) -> str:
    return str(value) if value or value == 0 else "none"
