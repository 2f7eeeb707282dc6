"""The payment risk of accounts as people ask for it: who is in arrears, and why (R75, R81)."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row, select

from canonical.errors import NotFound
from canonical.money import Money
from canonical.risk import AccountInvoices, RiskAssessment, RiskLevel
from ledger.database import Database
from ledger.models.desk import processes
from ledger.models.portfolio import risks

ROWS_MAX = 1000


class RiskLine(BaseModel):
    """An account's newest assessment in a line.

    `as_of` is when the owners of its own invoices were asked, the one that was asked first;
    `unknown` names those that did not answer, so that what they know is missing (R21).
    """

    model_config = ConfigDict(frozen=True)

    account_id: str
    account_name: str
    level: RiskLevel
    status: str
    score: int
    renewal_priority: str
    overdue: list[Money]
    oldest_days: int
    assessed_on: date
    as_of: datetime | None
    unknown: list[str]


class RiskDetail(BaseModel):
    """An account's newest assessment in full; `stage` is its process's."""

    model_config = ConfigDict(frozen=True)

    account_name: str
    parent_id: str
    assessment: RiskAssessment
    updated_at: datetime
    workflow_id: str
    stage: str


async def list_risks(
    db: Database, *, level: RiskLevel | None = None, limit: int = 100
) -> list[RiskLine]:
    """Accounts at risk, the highest score first; those at no risk only when asked for."""
    statement = select(risks).order_by(risks.c.score.desc(), risks.c.account_id)
    if level is None:
        statement = statement.where(risks.c.level != RiskLevel.NONE.value)
    else:
        statement = statement.where(risks.c.level == level.value)
    bounded = statement.limit(min(limit, ROWS_MAX))
    rows = await db.read(lambda s: s.connection().execute(bounded).all())
    return [_line(row) for row in rows]


def _line(row: Row[Any]) -> RiskLine:
    found = RiskAssessment.model_validate(row.body)
    answers = [AccountInvoices.model_validate(one) for one in row.invoices]
    return RiskLine(
        account_id=row.account_id,
        account_name=row.account_name,
        level=found.level,
        status=found.status.value,
        score=found.score,
        renewal_priority=found.renewal_priority.value,
        overdue=found.overdue,
        oldest_days=found.oldest_days,
        assessed_on=row.assessed_on,
        as_of=min((one.as_of for one in answers), default=None),
        unknown=sorted({one.connection for one in answers if not one.known}),
    )


async def show_risk(db: Database, account_id: str) -> RiskDetail:
    """An account's newest assessment; raises NotFound when it was never assessed."""
    wanted = (
        select(risks, processes.c.stage)
        .outerjoin(processes, processes.c.workflow_id == risks.c.workflow_id)
        .where(risks.c.account_id == account_id)
    )
    row = await db.read(lambda s: s.connection().execute(wanted).first())
    if row is None:
        raise NotFound(
            f"account {account_id} was never assessed: none of its invoices was past its grace "
            "since Tieline knows them; `tieline accounts show` has what is on record of it",
            about=account_id,
        )
    return RiskDetail(
        account_name=row.account_name,
        parent_id=row.parent_id,
        assessment=RiskAssessment.model_validate(row.body),
        updated_at=row.updated_at,
        workflow_id=row.workflow_id,
        stage=row.stage or "",
    )
