"""Renewal clocks on record: planned, seen, and held against the contracts, on both databases."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from canonical.clocks import ClockDeed, ClockPlace, ClockState, ContractClock, KeptClock
from canonical.connections import Environment
from canonical.effects import ProcessRef
from canonical.events import CanonicalEvent
from canonical.facts import ContractFacts
from canonical.money import Money
from canonical.renewal import ContractTerms
from canonical.renewal_messages import (
    OpenWindow,
    PlanRenewal,
    RenewalPlan,
    RenewalStart,
    TakeSnapshot,
)
from canonical.risk import AccountInvoices
from domain.definitions.contracts import ContractStatuses
from domain.judge import CatalogueJudge
from governance.catalogue import load_catalogue
from ledger.audit import verify
from ledger.clocks import SqlClocks
from ledger.database import Database
from ledger.desk import ProcessRecord, SqlDesk
from ledger.events import append_event
from ledger.inbox import Inbox
from ledger.payments import is_payment_awaited
from ledger.portfolio import SqlPortfolio
from ledger.records import Records
from ledger.views.renewals import list_renewals, show_renewal
from tests.domain.portfolio import GLOBEX, RENEWS, adoption, deal, incidents, onboarding, terms
from tests.ledger.clocks import Clock
from tests.sources import MemorySource

JUDGE = CatalogueJudge(load_catalogue())
SOURCE = "billing"
HOUR = timedelta(hours=1)


def process(contract_id: str = "sub_globex") -> ProcessRef:
    """The contract's clock."""
    workflow_id = f"renewal-readiness/{SOURCE}/{contract_id}"
    return ProcessRef(process="renewal-readiness", workflow_id=workflow_id, correlation_id="c1")


class Office:
    """A portfolio's book and the clocks of a ledger, on a clock of their own."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db, self.clock = db, clock
        self.book = SqlPortfolio(db, lambda: JUDGE, clock=clock)
        self.clocks = SqlClocks(db, ContractStatuses, clock=clock)

    def terms(self, **facts: Any) -> ContractTerms:
        """Globex's contract, read now."""
        return terms(**{"connection": SOURCE, "version": "v1", "as_of": self.clock()} | facts)

    async def plan(self, today: date | None = None, **facts: Any) -> RenewalPlan:
        """The clock reads its contract."""
        renewed_on = facts.pop("renewed_on", None)
        read = self.terms(**facts)
        request = PlanRenewal(
            terms=read,
            today=today or self.clock().date(),
            opportunity_id=read.opportunity_id,
            renewed_on=renewed_on,
        )
        return await self.book.plan(request, process(read.contract_id))

    async def look(self, at: datetime, plan: RenewalPlan, **facts: Any) -> str:
        """The clock looks at its renewal; the id of what it saw."""
        start = RenewalStart(
            contract_id="sub_globex", connection=SOURCE, opportunity_id="006Globex",
            crm="crm", success="gainsight", support="zendesk", sources=[SOURCE],
        )  # fmt: skip
        assert plan.dates is not None
        window = OpenWindow(since=at, opened_for=plan.dates.renews_on, dates=plan.dates)
        given = {
            "start": start, "window": window, "terms": self.terms(), "dates": plan.dates, "at": at,
            "incidents": incidents(), "adoption": adoption(), "tasks": onboarding(),
            "opportunity": deal(),
        }  # fmt: skip
        request = TakeSnapshot.model_validate(given | facts)
        return (await self.book.snapshot(request, process())).snapshot_id

    async def read(self, number: str = "sub_globex", version: str = "v1", **facts: Any) -> None:
        """Billing's contract, as intake read it."""
        given = {"id": number, "version": version, "changed_at": self.clock(), "status": "active"}
        given |= {"terms_digest": version, "account_id": GLOBEX, "opportunity_id": "006Globex"}
        contract = ContractFacts.model_validate(given | {"legal_entity": "US01"} | facts)
        await Inbox(self.db).store(MemorySource().change(contract))
        (hint,) = await Inbox(self.db).pending(10, source=SOURCE)
        await Records(self.db, clock=self.clock).take(hint, contract)

    async def found(self) -> list[tuple[str, str]]:
        """The contracts whose clocks should run, and what they need."""
        page = await self.clocks.page([SOURCE], ClockPlace())
        return [(one.contract_id, one.state.value) for one in page.contracts]


@pytest.fixture
def office(db: Database, clock: Clock) -> Office:
    """On Monday morning, 2 March 2026."""
    return Office(db, clock)


async def test_a_clock_is_on_record_before_its_window_opens(office: Office) -> None:
    """With the day it renews, which date decided it, the last day for notice and the next look."""
    await office.plan(notice_days=60)

    detail = await show_renewal(office.db, "sub_globex")
    assert (detail.line.state, detail.line.renews_on) == ("waiting", RENEWS)
    assert (detail.line.next_look, detail.notice_on) == (date(2026, 10, 2), date(2026, 11, 1))
    assert (detail.decided_by, detail.terms_version) == ("contract_end", "v1")
    assert detail.workflow_id == process().workflow_id
    assert (detail.snapshot, detail.line.forecast, detail.line.outcome) == (None, "", "")
    assert await office.book.readiness(GLOBEX) is None


async def test_a_contract_without_an_end_is_on_record_with_the_reason(office: Office) -> None:
    """It has a clock that waits for nothing, and is not taken for one that has none."""
    await office.plan(ends_on=None)

    detail = await show_renewal(office.db, "sub_globex")
    assert (detail.line.state, detail.line.renews_on) == ("excluded", None)


async def test_a_look_keeps_the_dates_and_an_amendment_keeps_what_was_seen(
    office: Office,
) -> None:
    """The same renewal goes on; one on another day begins anew."""
    opens = datetime(2026, 10, 2, 6, tzinfo=office.clock().tzinfo)
    plan = await office.plan(opens.date())
    seen = await office.look(opens, plan)
    looked = await show_renewal(office.db, "sub_globex")

    office.clock.advance(3600)
    await office.plan(opens.date(), version="v2")
    amended = await show_renewal(office.db, "sub_globex")
    assert (looked.line.next_look, looked.decided_by) == (date(2026, 11, 1), "contract_end")
    assert (looked.line.snapshot_id, looked.opened_at) == (seen, opens)
    assert amended.snapshot is not None and amended.snapshot.snapshot_id == seen
    assert (amended.opened_at, amended.terms_version) == (opens, "v2")

    await office.plan(opens.date(), ends_on=date(2027, 12, 31))
    moved = await show_renewal(office.db, "sub_globex")
    assert (moved.line.state, moved.line.snapshot_id, moved.opened_at) == ("waiting", seen, None)
    assert moved.line.renews_on == date(2027, 12, 31)
    assert (await verify(office.db)).ok


async def test_a_clock_keeps_what_its_contract_is_worth_with_every_read(office: Office) -> None:
    """Planned, amended, looked at again, and stated no more."""

    async def worth() -> tuple[Money | None, datetime | None]:
        (line,) = await list_renewals(office.db)
        detail = await show_renewal(office.db, "sub_globex")
        assert detail.line == line
        return line.value, detail.terms_read_at

    opens = datetime(2026, 10, 2, 6, tzinfo=office.clock().tzinfo)
    await office.plan(opens.date())
    planned, first = await worth(), office.clock()
    office.clock.advance(3600)
    plan = await office.plan(opens.date(), version="v2", value=Money.of("9000000000", "EUR"))
    amended, second = await worth(), office.clock()
    office.clock.advance(3600)
    await office.look(opens, plan, terms=office.terms(value=Money.of("80000", "EUR")))
    looked, third = await worth(), office.clock()
    await office.plan(opens.date(), value=None)

    assert planned == (Money.of("120000", "USD"), first)
    assert amended == (Money.of("9000000000", "EUR"), second)
    assert looked == (Money.of("80000", "EUR"), third)
    assert await worth() == (None, third)


async def test_a_decided_renewal_stays_so_when_nothing_follows_it(office: Office) -> None:
    """It is marked as asked; a next term takes its place, and is told apart from it."""
    day_after = datetime(2027, 1, 1, 6, tzinfo=office.clock().tzinfo)
    plan = await office.plan(day_after.date())
    await office.look(day_after, plan, terms=office.terms(auto_renews=True))
    won = await show_renewal(office.db, "sub_globex")
    await office.read()
    office.clock.now = day_after
    assert await office.found() == [("sub_globex", "next_term")]

    office.clock.advance(3600)
    await office.plan(renewed_on=RENEWS)
    asked = await show_renewal(office.db, "sub_globex")
    nothing = await office.found()
    await office.plan(renewed_on=RENEWS, auto_renews=True)
    following = await show_renewal(office.db, "sub_globex")

    assert (won.line.outcome, won.closed_at is not None) == ("won", True)
    assert (asked.line.outcome, asked.line.renews_on) == ("won", RENEWS)
    assert nothing == []
    assert (following.line.outcome, following.line.state) == ("", "waiting")
    assert following.line.renews_on == date(2027, 12, 31)
    assert await office.found() == [("sub_globex", "stands")]


async def test_contracts_are_held_against_their_clocks(office: Office) -> None:
    """Missing, then standing, then overtaken by an amendment that nobody told it of."""
    await office.read()
    missing = await office.found()
    office.clock.advance(60)
    await office.plan()
    standing = await office.found()
    office.clock.advance(60)
    await office.read(version="v2")
    stale = await office.found()
    office.clock.advance(60)
    await office.plan(version="v2")

    assert missing == [("sub_globex", "missing")]
    assert standing == await office.found() == [("sub_globex", "stands")]
    assert stale == [("sub_globex", "stale")]
    office.clock.now = datetime(2026, 10, 4, 12, tzinfo=office.clock().tzinfo)
    assert await office.found() == [("sub_globex", "overdue")]


async def test_a_contract_that_was_given_another_id_keeps_its_clock(office: Office) -> None:
    """A schedule becomes a subscription of the same deal; a second one of it has its own clock."""
    await office.plan(contract_id="sub_sched_globex")
    await office.read("sub_begun")
    begun = await office.found()
    office.clock.advance(60)
    await office.read("sub_begun", version="v2")
    amended = await office.found()
    await office.read("sub_sched_globex", version="v2")

    assert begun == [("sub_sched_globex", "stands")]
    assert amended == [("sub_sched_globex", "stale")]
    assert await office.found() == [("sub_begun", "missing"), ("sub_sched_globex", "stale")]


async def test_a_clock_that_a_person_cancelled_is_left_alone(office: Office) -> None:
    """Its process is on record as cancelled."""
    await office.plan()
    await office.read(version="v9")
    record = ProcessRecord(process=process(), business_id="sub_globex", stage="cancelled")
    await SqlDesk(office.db, load_catalogue()).record_process(record)  # type: ignore[arg-type]

    assert await office.found() == []


async def test_contracts_are_looked_at_page_by_page_of_the_owners_only(office: Office) -> None:
    """Each once; the ones of other connections not at all."""
    for number in range(5):
        await office.read(f"sub_{number}", opportunity_id=f"006{number}")
    place: ClockPlace | None = ClockPlace()
    pages: list[list[str]] = []
    while place is not None:
        page = await office.clocks.page([SOURCE], place, limit=2)
        pages.append([one.contract_id for one in page.contracts])
        place = page.after

    assert pages == [["sub_0", "sub_1"], ["sub_2", "sub_3"], ["sub_4"]]
    assert (await office.clocks.page(["erp"], ClockPlace())).looked_at == 0
    first = (await office.clocks.page([SOURCE], ClockPlace(), limit=1)).contracts[0]
    assert (first.opportunity_id, first.legal_entity) == ("0060", "US01")


async def test_what_was_done_about_clocks_is_in_the_audit(office: Office) -> None:
    """Nothing for a page on which nothing was done."""
    contract = ContractClock(connection=SOURCE, contract_id="sub_1", state=ClockState.MISSING)
    await office.clocks.record([])
    await office.clocks.record([KeptClock(contract=contract, deed=ClockDeed.BEGUN)])

    report = await verify(office.db)
    assert (report.rows, report.ok) == (1, True)


async def test_renewals_are_listed_by_state_account_and_day(office: Office) -> None:
    """Those that renew first go first."""
    await office.plan()
    await office.plan(contract_id="sub_late", ends_on=date(2027, 6, 30))
    await office.plan(contract_id="sub_none", ends_on=None)

    everything = await list_renewals(office.db)
    soon = await list_renewals(office.db, until=date(2026, 12, 31))
    excluded = await list_renewals(office.db, state="excluded")

    assert [one.contract_id for one in everything] == ["sub_globex", "sub_late", "sub_none"]
    assert [one.contract_id for one in soon] == ["sub_globex"]
    assert [one.contract_id for one in excluded] == ["sub_none"]
    assert await list_renewals(office.db, account_id="001Nobody") == []


async def test_a_payment_is_news_only_where_something_was_in_trouble(office: Office) -> None:
    """Of its invoice, by what was told, or of the renewal, by what was seen of its payments."""
    db, renewal, invoice = office.db, process().workflow_id, "invoice/in_1"
    opens = datetime(2026, 10, 2, 6, tzinfo=office.clock().tzinfo)
    plan = await office.plan(opens.date())
    assert await is_payment_awaited(db, renewal, invoice)  # nothing was seen yet

    good = AccountInvoices(account_id=GLOBEX, connection=SOURCE, as_of=opens)
    await office.look(opens, plan, invoices=[good])
    assert not await is_payment_awaited(db, renewal, invoice)

    await db.run(lambda session: append_event(session, overdue(invoice, opens)))
    assert await is_payment_awaited(db, renewal, invoice)
    assert not await is_payment_awaited(db, renewal, "invoice/in_2")

    await office.look(opens + HOUR, plan, sources_away=[SOURCE])
    assert await is_payment_awaited(db, renewal, "invoice/in_2")


def overdue(invoice: str, at: datetime) -> CanonicalEvent:
    """An invoice was not paid by its due date."""
    return CanonicalEvent(
        id=f"ev-{invoice}",
        type="invoice.overdue",
        version=1,
        source=SOURCE,
        subject=invoice,
        occurred_at=at,
        environment=Environment.TEST,
        body={},
    )
