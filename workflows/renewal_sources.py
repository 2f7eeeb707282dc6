"""What a renewal is made of: its six sources, what each is asked, and whom an event is about."""

from collections.abc import Collection
from datetime import date, timedelta

from activities.crm import CrmActivities
from activities.finance import FinanceActivities
from activities.success import SuccessActivities
from activities.support import SupportActivities
from activities.usage import UsageActivities
from canonical.gathering import RenewalSource
from canonical.renewal_messages import (
    ContractQuestion,
    RenewalQuestion,
    RenewalStart,
    TakeSnapshot,
)
from canonical.risk_messages import AccountQuestion
from workflows.sources import Question, Sources

HISTORY = timedelta(days=365)

EVERYTHING = frozenset(RenewalSource)
SIGNALS = EVERYTHING - {RenewalSource.TERMS}
# Who says how a renewal ended.
OUTCOME = frozenset({RenewalSource.TERMS, RenewalSource.DEAL})
# Whom an event makes us ask, by the noun in its type; of another noun, everybody. Whoever ends a
# contract may do so because a deal has replaced it.
ABOUT = {
    "contract": OUTCOME,
    "opportunity": frozenset({RenewalSource.DEAL}),
    "invoice": frozenset({RenewalSource.INVOICES}),
    "payment": frozenset({RenewalSource.INVOICES}),
    "case": frozenset({RenewalSource.INCIDENTS}),
    "implementation": frozenset({RenewalSource.TASKS}),
    "milestone": frozenset({RenewalSource.TASKS}),
}


def due_by_calendar(window_of: date | None, today: date) -> frozenset[RenewalSource]:
    """Whom a look asks that only the calendar calls for, by the renewal whose window is open.

    Everybody when a window opens, also whether the contract still ends then; amendments are told
    after that, and found by the daily reconcile. Past the renewal only its outcome is wanted, which
    is the deal's and the contract's.
    """
    if window_of is None:
        return EVERYTHING
    return OUTCOME if today > window_of else SIGNALS


def questions(
    wanted: Collection[RenewalSource],
    start: RenewalStart,
    account_id: str,
    renews_on: date | None,
    today: date,
) -> dict[RenewalSource, Question]:
    """What these sources are asked; without a date there is no deal to ask for."""
    contract = ContractQuestion(contract_id=start.contract_id)
    account = AccountQuestion(account_id=account_id, today=today, since=today - HISTORY)
    known = {
        RenewalSource.TERMS: Question(FinanceActivities.contract, contract, [start.connection]),
        RenewalSource.INCIDENTS: Question(SupportActivities.incidents, account, [start.support]),
        RenewalSource.ADOPTION: Question(UsageActivities.adoption, account, [start.usage]),
        RenewalSource.TASKS: Question(SuccessActivities.onboarding_tasks, account, [start.success]),
        RenewalSource.INVOICES: Question(FinanceActivities.invoices, account, start.sources),
    }
    if renews_on is not None:
        deal = RenewalQuestion(
            account_id=account_id, opportunity_id=start.opportunity_id, renews_on=renews_on
        )
        known[RenewalSource.DEAL] = Question(CrmActivities.renewal_opportunity, deal, [start.crm])
    return {
        source: known[source] for source in RenewalSource if source in known and source in wanted
    }


def with_answers(request: TakeSnapshot, sources: Sources[RenewalSource]) -> TakeSnapshot:
    """A snapshot to be taken, with what everybody said when they were asked last."""
    invoices = sources.all_said(RenewalSource.INVOICES)
    return request.model_copy(
        update={
            "adoption_asked_on": sources.asked_on.get(RenewalSource.ADOPTION),
            "terms_known": RenewalSource.TERMS not in sources.silent,
            "invoices": [said for said in invoices.values() if said is not None],
            "sources_away": [n for n in request.start.sources if invoices.get(n) is None],
            "incidents": sources.said(RenewalSource.INCIDENTS),
            "adoption": sources.said(RenewalSource.ADOPTION),
            "tasks": sources.said(RenewalSource.TASKS),
            "opportunity": sources.said(RenewalSource.DEAL),
        }
    )
