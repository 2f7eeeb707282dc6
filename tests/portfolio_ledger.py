"""A ledger as a portfolio leaves it: orders, invoices, assessments, renewals, calls and cases."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from canonical.desk import CaseOpening, Failure, ProcessRecord
from canonical.effects import Effect, ExternalRef, ProcessRef, Stamp, Subject
from canonical.facts import AnyFacts, ContractFacts, OnboardingFacts, TaskFacts
from canonical.ids import effect_key
from canonical.milestones import Milestone
from canonical.money import Money
from canonical.orders import Account
from canonical.portfolio import AccountFamily
from canonical.renewal_messages import OpenWindow, PlanRenewal, RenewalStart, TakeSnapshot
from canonical.risk import AccountInvoices
from canonical.risk_messages import AssessRisk
from domain.judge import CatalogueJudge
from domain.reports.account_file import AccountFile
from governance.catalogue import load_catalogue
from ledger.database import Database
from ledger.desk import SqlDesk
from ledger.effects import SqlEffects
from ledger.inbox import Inbox
from ledger.portfolio import SqlPortfolio
from ledger.records import Records
from ledger.views.accounts import account_file
from tests.domain.portfolio import (
    GLOBEX,
    GMBH,
    RENEWS,
    adoption,
    deal,
    incidents,
    invoice,
    onboarding,
    terms,
)
from tests.sources import MemorySource

CATALOGUE = load_catalogue()
BILLING = "billing"
OWNERS = (BILLING, "netsuite-de")
DEAL = "006Globex"


class PortfolioLedger:
    """Fills a ledger through the parts that fill a real one, on a clock of the test's."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self.db, self.clock = db, clock
        judge = CatalogueJudge(CATALOGUE)
        self.book = SqlPortfolio(db, lambda: judge, clock=clock)
        self.desk = SqlDesk(db, CATALOGUE.policies, clock=clock)
        self.effects = SqlEffects(db, clock=clock)

    async def file(self, account: str = GLOBEX, *owners: str) -> AccountFile:
        """What is on record of an account, whose contracts and invoices these connections own."""
        names = owners or OWNERS
        return await account_file(self.db, account, contract_owners=names, invoice_owners=names)

    async def reads(self, facts: AnyFacts, source: str = BILLING) -> None:
        """Intake reads a record."""
        now = self.clock()
        change = MemorySource(name=source).change(facts)
        await Inbox(self.db).store(change.model_copy(update={"received_at": now}))
        (hint,) = await Inbox(self.db).pending(10, now, source=source)
        await Records(self.db, clock=self.clock).take(hint, facts)

    async def invoiced(self, number: int, **facts: Any) -> None:
        """Intake reads an invoice of Globex."""
        given = {"account_id": GLOBEX, "opportunity_id": DEAL, "version_": 1} | facts
        await self.reads(invoice(number, given.pop("version_"), **given))

    async def contract(self, version: str = "v1", **facts: Any) -> None:
        """Intake reads Globex's contract."""
        given = {"id": "sub_globex", "version": version, "changed_at": self.clock()}
        given |= {"status": "active", "terms_digest": version, "account_id": GLOBEX}
        await self.reads(ContractFacts.model_validate(given | {"opportunity_id": DEAL} | facts))

    async def implements(self, *, completed: bool, **facts: Any) -> None:
        """Intake reads Globex's onboarding with its one task."""
        common = {"version": "v1", "changed_at": self.clock(), "account_id": GLOBEX}
        common |= {"completed": completed, "status": "Closed" if completed else "Open"} | facts
        await self.reads(OnboardingFacts.model_validate(common | {"id": "1P02"}), "gainsight")
        task = TaskFacts.model_validate(common | {"id": "1S01", "name": "go-live"})
        await self.reads(task, "gainsight")

    async def onboarded(self, **facts: Any) -> None:
        """Intake reads an onboarding without tasks."""
        await self.reads(OnboardingFacts.model_validate(facts), "gainsight")

    async def orders(self, deal_id: str = DEAL, stage: str = "completed") -> ProcessRef:
        """Quote-to-cash accepts an order of Globex, 120,000.00 USD."""
        process = order(deal_id)
        value = Money.of("120000", "USD")
        await self.desk.record_process(
            ProcessRecord(
                process=process, business_id=deal_id, stage=stage, account_id=GLOBEX,
                account_name="Globex", legal_entity="US01", value=value,
            )
        )  # fmt: skip
        accepted = Milestone.ORDER_ACCEPTED
        await self.desk.record_milestone(process, accepted, deal_id, self.clock())
        return process

    async def writes(self, kind: str, subject: Subject, process: ProcessRef, **more: Any) -> str:
        """A write that stands; its key."""
        key = effect_key("gainsight", kind, subject.id, *more.pop("parts", ()))
        request = more.pop("request", {"id": subject.id})

        async def write(stamp: Stamp) -> ExternalRef:
            return ExternalRef(id=f"ext-{subject.id}")

        async def probe(stamp: Stamp) -> ExternalRef | None:
            return None

        effect = Effect(
            key=key, connection="gainsight", kind=kind, subject=subject, request=request,
            scope=key, process=process, **more,
        )  # fmt: skip
        await self.effects.once(effect, write, probe)
        return key

    async def step(self, kind: str, process: ProcessRef, deal_id: str = DEAL, **more: Any) -> None:
        """A step of an order stands in a system."""
        await self.writes(kind, Subject(kind="opportunity", id=deal_id), process, **more)

    async def calls(self, account: str = GLOBEX) -> str:
        """Customer success has a call to action; the key of it."""
        subject = Subject(kind="account", id=account)
        return await self.writes("risk_call", subject, risk(account), parts=("ev-1", "1"))

    async def assess(
        self, account: str, *answers: AccountInvoices, today: date | None = None
    ) -> None:
        """An account is assessed by what the owners of its invoices answered."""
        accounts = [
            Account(id=GLOBEX, name="Globex"),
            Account(id=GMBH, name="Globex GmbH", parent_id=GLOBEX),
        ]
        request = AssessRisk(
            account_id=account,
            cause="ev-1",
            today=today or self.clock().date(),
            sources=list(answers),
            family=AccountFamily(account_id=account, accounts=accounts),
        )
        await self.book.assess(request, risk(account))

    async def plan(self, **facts: Any) -> None:
        """The contract's clock reads its terms."""
        today = facts.pop("today", None) or self.clock().date()
        renewed_on = facts.pop("renewed_on", None)
        read = terms(**{"connection": BILLING, "version": "v1", "as_of": self.clock()} | facts)
        request = PlanRenewal(
            terms=read, today=today, opportunity_id=read.opportunity_id, renewed_on=renewed_on
        )
        await self.book.plan(request, renewal(read.contract_id))

    async def look(self, **facts: Any) -> str:
        """The clock looks at Globex's renewal now; all five sources are well unless they are given
        otherwise. The id of the snapshot."""
        at = self.clock()
        about = facts.pop("terms_facts", {})
        read = terms(**{"connection": BILLING, "version": "v1", "as_of": at} | about)
        assert read.ends_on is not None
        dates = {"renews_on": read.ends_on, "decided_by": "contract_end"}
        start = RenewalStart(
            contract_id=read.contract_id, connection=BILLING, opportunity_id=read.opportunity_id,
            sources=[BILLING], crm="crm", success="gainsight", support="zendesk", usage="usage",
        )  # fmt: skip
        given = {
            "start": start, "terms": read, "dates": dates, "at": at,
            "window": OpenWindow.model_validate(
                {"since": at, "opened_for": read.ends_on, "dates": dates}
            ),
            "invoices": [AccountInvoices(account_id=GLOBEX, connection=BILLING, as_of=at)],
            "incidents": incidents(as_of=at), "adoption": adoption(as_of=at),
            "tasks": onboarding(as_of=at), "opportunity": deal(as_of=at),
        }  # fmt: skip
        request = TakeSnapshot.model_validate(given | facts)
        return (await self.book.snapshot(request, renewal(read.contract_id))).snapshot_id

    async def case(self, process: ProcessRef) -> None:
        """An exception is opened now."""
        failure = Failure(cause="CreditHold", cause_key="CreditHold", message="held")
        opening = CaseOpening(
            case_id=f"{process.workflow_id}/1", process=process, step="book_order", gates=True,
            failure=failure, opened_at=self.clock(),
        )  # fmt: skip
        await self.desk.open_case(opening)


def order(deal_id: str) -> ProcessRef:
    """Quote-to-cash of a deal."""
    workflow_id = f"quote-to-cash/crm/{deal_id}"
    return ProcessRef(process="quote-to-cash", workflow_id=workflow_id, correlation_id="c1")


def risk(account: str) -> ProcessRef:
    """Invoice risk of an account."""
    workflow_id = f"invoice-risk-to-health/{account}"
    return ProcessRef(
        process="invoice-risk-to-health", workflow_id=workflow_id, correlation_id="c2"
    )


def renewal(contract_id: str) -> ProcessRef:
    """Renewal readiness of a contract."""
    workflow_id = f"renewal-readiness/{BILLING}/{contract_id}"
    return ProcessRef(process="renewal-readiness", workflow_id=workflow_id, correlation_id="c3")


def days_before(days: int, renews_on: date = RENEWS) -> datetime:
    """Six in the morning, so many days before the renewal."""
    return datetime.combine(renews_on - timedelta(days=days), time(6), UTC)


def at_noon(day: date) -> datetime:
    """Noon, UTC."""
    return datetime.combine(day, time(12), UTC)
