"""What a renewal is made of: its six sources, what each is asked, and whom an event is about."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum

from activities.crm import CrmActivities
from activities.finance import FinanceActivities
from activities.success import SuccessActivities
from activities.support import SupportActivities
from activities.usage import UsageActivities
from canonical.renewal import ContractTerms, RenewalDates
from canonical.renewal_messages import (
    ContractQuestion,
    OpenWindow,
    RenewalQuestion,
    RenewalStart,
    TakeSnapshot,
)
from canonical.risk_messages import AccountQuestion
from workflows.sources import Question, Sources

HISTORY = timedelta(days=365)


class Source(StrEnum):
    """Who says something of a renewal."""

    TERMS = "the contract's terms"
    INCIDENTS = "incidents"
    ADOPTION = "adoption"
    TASKS = "onboarding tasks"
    DEAL = "the renewal's deal"
    INVOICES = "the year's invoices"


EVERYTHING = frozenset(Source)
SIGNALS = EVERYTHING - {Source.TERMS}
# Who says how a renewal ended.
OUTCOME = frozenset({Source.TERMS, Source.DEAL})
# Whom an event makes us ask, by the noun in its type; of another noun, everybody. Whoever ends a
# contract may do so because a deal has replaced it.
ABOUT = {
    "contract": OUTCOME,
    "opportunity": frozenset({Source.DEAL}),
    "invoice": frozenset({Source.INVOICES}),
    "payment": frozenset({Source.INVOICES}),
    "case": frozenset({Source.INCIDENTS}),
    "implementation": frozenset({Source.TASKS}),
    "milestone": frozenset({Source.TASKS}),
}


def questions(
    wanted: Iterable[Source],
    start: RenewalStart,
    terms: ContractTerms,
    dates: RenewalDates | None,
    today: date,
) -> dict[Source, Question]:
    """What these sources are asked; without dates there is no deal to ask for."""
    contract = ContractQuestion(contract_id=start.contract_id)
    account = AccountQuestion(account_id=terms.account_id, today=today, since=today - HISTORY)
    known = {
        Source.TERMS: Question(FinanceActivities.contract, contract, [start.connection]),
        Source.INCIDENTS: Question(SupportActivities.incidents, account, [start.support]),
        Source.ADOPTION: Question(UsageActivities.adoption, account, [start.usage]),
        Source.TASKS: Question(SuccessActivities.onboarding_tasks, account, [start.success]),
        Source.INVOICES: Question(FinanceActivities.invoices, account, start.sources),
    }
    if dates is not None:
        deal = RenewalQuestion(
            account_id=terms.account_id,
            opportunity_id=start.opportunity_id,
            renews_on=dates.renews_on,
        )
        known[Source.DEAL] = Question(CrmActivities.renewal_opportunity, deal, [start.crm])
    return {source: known[source] for source in wanted if source in known}


def as_said(
    sources: Sources[Source],
    start: RenewalStart,
    terms: ContractTerms,
    dates: RenewalDates,
    window: OpenWindow | None,
    at: datetime,
    today: date,
) -> TakeSnapshot:
    """What a snapshot is made of."""
    invoices = sources.all_said(Source.INVOICES)
    return TakeSnapshot(
        start=start,
        terms=terms,
        dates=dates,
        at=at,
        today=today,
        adoption_asked_on=sources.asked_on.get(Source.ADOPTION),
        window=window,
        terms_known=Source.TERMS not in sources.silent,
        invoices=[said for said in invoices.values() if said is not None],
        sources_away=[name for name in start.sources if invoices.get(name) is None],
        incidents=sources.said(Source.INCIDENTS),
        adoption=sources.said(Source.ADOPTION),
        tasks=sources.said(Source.TASKS),
        opportunity=sources.said(Source.DEAL),
    )
