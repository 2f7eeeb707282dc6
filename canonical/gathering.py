"""What processes will ask on a morning, asked before for all of them: a question and its answer.

A look at a renewal asks up to six sources, each question an activity. Those that look by the
calendar are known beforehand, so their questions are put to each system together, an activity for
many accounts, and the answers are kept for as long as they are fresh.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from canonical.ids import digest
from canonical.orders import Fact
from canonical.renewal import (
    AdoptionFacts,
    ContractTerms,
    IncidentFacts,
    OnboardingTasks,
    RenewalOpportunity,
)
from canonical.renewal_messages import ContractQuestion, RenewalQuestion, RenewalStart
from canonical.risk import AccountInvoices
from canonical.risk_messages import AccountQuestion

# How many renewals are asked about together: what one connection answers within a few minutes.
LOOKS_PAGE = 100


class RenewalSource(StrEnum):
    """Who says something of a renewal, in the order in which they are asked."""

    TERMS = "the contract's terms"
    INCIDENTS = "incidents"
    ADOPTION = "adoption"
    TASKS = "onboarding tasks"
    DEAL = "the renewal's deal"
    INVOICES = "the year's invoices"


QUESTIONS: Mapping[RenewalSource, type[Fact]] = {
    RenewalSource.TERMS: ContractQuestion,
    RenewalSource.INCIDENTS: AccountQuestion,
    RenewalSource.ADOPTION: AccountQuestion,
    RenewalSource.TASKS: AccountQuestion,
    RenewalSource.DEAL: RenewalQuestion,
    RenewalSource.INVOICES: AccountQuestion,
}
ANSWERS: Mapping[RenewalSource, type[Fact]] = {
    RenewalSource.TERMS: ContractTerms,
    RenewalSource.INCIDENTS: IncidentFacts,
    RenewalSource.ADOPTION: AdoptionFacts,
    RenewalSource.TASKS: OnboardingTasks,
    RenewalSource.DEAL: RenewalOpportunity,
    RenewalSource.INVOICES: AccountInvoices,
}


class LooksPlace(Fact):
    """A place among the renewals that are looked at on a day; a page begins after it."""

    day: date
    connection: str = ""
    contract_id: str = ""


class ScheduledLook(Fact):
    """A renewal that is looked at on the day, as its clock has it on record. `seen` when its window
    was open before."""

    connection: str
    contract_id: str
    account_id: str
    opportunity_id: str = ""
    legal_entity: str = ""
    renews_on: date
    seen: bool


class DueLook(Fact):
    """A renewal that is looked at on the day, and whom it asks."""

    look: ScheduledLook
    start: RenewalStart


class LooksPage(Fact):
    """Some of the renewals that are looked at on the day, and where the next page begins."""

    looks: list[DueLook] = []
    after: LooksPlace | None = None


class LookBook(Protocol):
    """What the ledger knows of the looks that are due."""

    async def looks(self, after: LooksPlace) -> Sequence[ScheduledLook]:
        """The renewals that are looked at on the place's day, after it: `LOOKS_PAGE` at most."""
        ...


class Asked(Fact):
    """One question to one source; `request` is the `QUESTIONS` model of the source."""

    source: RenewalSource
    request: dict[str, Any]

    @property
    def digest(self) -> str:
        """Equal questions have equal digests."""
        return digest([self.source.value, self.request])


class Round(Fact):
    """Questions that are put to one connection together, at a moment of the asking process."""

    connection: str
    at: datetime
    asked: list[Asked]


class Gathered(Fact):
    """How many of a round's questions were answered."""

    answered: int = 0
    unanswered: int = 0


class KeptAnswer(Fact):
    """What a connection answered in a round; `body` is the `ANSWERS` model of the source."""

    asked: Asked
    body: dict[str, Any]


class AnswersWanted(Fact):
    """Asks for answers to questions about a connection's contract and its account, given after
    `since`; `asked` are the questions by the connection that they would be put to."""

    account_id: str
    connection: str
    contract_id: str
    since: datetime
    asked: dict[str, list[Asked]]


class GatheredAnswer(Fact):
    """An answer that is on record."""

    source: RenewalSource
    connection: str
    body: dict[str, Any]


class Answers(Fact):
    """The answers that are on record, of those that were wanted."""

    found: list[GatheredAnswer] = []


class AnswerBook(Protocol):
    """Keeps what was answered in rounds, for the processes that look later that morning."""

    async def keep(self, round_: Round, answers: Sequence[KeptAnswer]) -> None:
        """Keep the answers of a round, in place of those to the same questions before."""
        ...

    async def answers(self, wanted: AnswersWanted) -> Answers:
        """The answers on record; none where anything was read of the account or the contract since,
        because they may be about what was."""
        ...
