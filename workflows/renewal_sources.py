"""The sources of a renewal: what each said last, and which of them are to be asked again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from temporalio import workflow

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
from workflows.watching import ASK_AGAIN_MAX, asked_again_after

HISTORY = timedelta(days=365)
# Stale usage is asked for again less often than a source that is away: nobody tells when a
# warehouse is filled again.
ASK_STALE_MAX = timedelta(days=7)

Answer = Callable[..., Awaitable[Any]]


class Source(StrEnum):
    """What a renewal is made of."""

    TERMS = "terms"
    INVOICES = "invoices"
    INCIDENTS = "incidents"
    ADOPTION = "adoption"
    TASKS = "tasks"
    DEAL = "renewal deal"


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


class RenewalSources:
    """Asks whom there is reason to ask, side by side, and keeps what the others said before.

    Who does not answer is silent: what it said before does not count any more, apart from the
    terms, without which there would be no clock.
    """

    def __init__(self, start: RenewalStart, answer: Answer) -> None:
        self.silent: set[Source] = set()
        self._start = start
        self._answer = answer
        self._said: dict[Source, Any] = {}
        self._usage_asked_on: date | None = None
        self._deal_asked_for: date | None = None
        self.again_at: datetime | None = None
        self._again: frozenset[Source] = frozenset()
        self._asked_again = 0

    async def ask(
        self,
        wanted: Iterable[Source],
        terms: ContractTerms,
        dates: RenewalDates | None,
        today: date,
    ) -> None:
        """Ask some of them about an account and the renewal on a date."""
        asked = [source for source in Source if source in set(wanted)]
        if Source.ADOPTION in asked:
            self._usage_asked_on = today
        if Source.DEAL in asked:
            self._deal_asked_for = dates.renews_on if dates else None
        found = await asyncio.gather(*(self._ask(one, terms, dates, today) for one in asked))
        for source, said in zip(asked, found, strict=True):
            self._said[source] = said
            silent = said is None or (source is Source.INVOICES and None in said)
            (self.silent.add if silent and self._is_there(source) else self.silent.discard)(source)

    def plan_to_ask_again(self, *, stale: bool) -> None:
        """After a look: whom to ask again because they are silent or their usage is stale, and
        when: soon, then less and less often."""
        old = {Source.ADOPTION} if stale and self._start.usage else set()
        self._again = frozenset(self.silent | old)
        if not self._again:
            self.again_at, self._asked_again = None, 0
        elif self.again_at is None or self.again_at <= workflow.now():
            longest = ASK_AGAIN_MAX if self.silent else ASK_STALE_MAX
            self.again_at = workflow.now() + asked_again_after(self._asked_again, longest)
            self._asked_again += 1

    def ask_nobody_again(self) -> None:
        """Outside a window nobody has to answer."""
        self.again_at = None

    def asked_again_by(self, moment: datetime) -> frozenset[Source]:
        """Whom it is time to ask again."""
        due = self.again_at is not None and self.again_at <= moment
        return self._again if due else frozenset()

    @property
    def terms(self) -> ContractTerms | None:
        """What the contract's owner said when it was asked last."""
        terms: ContractTerms | None = self._said.get(Source.TERMS)
        return terms

    def deal_is_of_another_date(self, dates: RenewalDates) -> bool:
        """Whether the deal was asked for of another renewal: another date may be another deal's."""
        return self._deal_asked_for != dates.renews_on

    def as_said(
        self, terms: ContractTerms, dates: RenewalDates, today: date, window: OpenWindow | None
    ) -> TakeSnapshot:
        """What a snapshot is made of."""
        names = self._start.sources
        invoices = self._said.get(Source.INVOICES) or [None] * len(names)
        return TakeSnapshot(
            start=self._start,
            terms=terms,
            dates=dates,
            at=workflow.now(),
            today=today,
            adoption_asked_on=self._usage_asked_on,
            window=window,
            terms_known=Source.TERMS not in self.silent,
            invoices=[one for one in invoices if one is not None],
            sources_away=[n for n, one in zip(names, invoices, strict=True) if one is None],
            incidents=self._said.get(Source.INCIDENTS),
            adoption=self._said.get(Source.ADOPTION),
            tasks=self._said.get(Source.TASKS),
            opportunity=self._said.get(Source.DEAL),
        )

    def _is_there(self, source: Source) -> bool:
        """Whether a source is configured; one that is not is unknown, and stays so."""
        return bool(self._connection(source))

    def _connection(self, source: Source) -> str:
        start = self._start
        return {
            Source.TERMS: start.connection,
            Source.INVOICES: "".join(start.sources[:1]),
            Source.INCIDENTS: start.support,
            Source.ADOPTION: start.usage,
            Source.TASKS: start.success,
            Source.DEAL: start.crm,
        }[source]

    async def _ask(
        self, source: Source, terms: ContractTerms, dates: RenewalDates | None, today: date
    ) -> Any:
        account = AccountQuestion(account_id=terms.account_id, today=today, since=today - HISTORY)
        match source:
            case Source.TERMS:
                contract = ContractQuestion(contract_id=self._start.contract_id)
                return await self._say(source, FinanceActivities.contract, contract)
            case Source.INVOICES:
                asked = (self._invoices(name, account) for name in self._start.sources)
                return list(await asyncio.gather(*asked))
            case Source.INCIDENTS:
                return await self._say(source, SupportActivities.incidents, account)
            case Source.ADOPTION:
                return await self._say(source, UsageActivities.adoption, account)
            case Source.TASKS:
                return await self._say(source, SuccessActivities.onboarding_tasks, account)
            case Source.DEAL if dates is not None:
                deal = RenewalQuestion(
                    account_id=terms.account_id,
                    opportunity_id=self._start.opportunity_id,
                    renews_on=dates.renews_on,
                )
                return await self._say(source, CrmActivities.renewal_opportunity, deal)

    async def _invoices(self, connection: str, question: AccountQuestion) -> Any:
        return await self._answer(
            FinanceActivities.invoices,
            question,
            connection=connection,
            summary="read invoices for the renewal",
        )

    async def _say(self, source: Source, activity: Any, request: Any) -> Any:
        connection = self._connection(source)
        if not connection:
            return None
        return await self._answer(
            activity, request, connection=connection, summary=f"read {source} for the renewal"
        )
