"""A year of every subscription, day by day along one calendar, and what was measured of it.

Twelve invoices fall due thirty days after they were posted. Ten are paid five days early; the third
and the ninth are late: overdue is told the day after, the grace is over after six days, and they
are paid so many days after that they were due. The ninth is paid after the renewal's window has
opened, the third long before. The renewal's deal is won a few days before the contract ends, and
seen the day after that.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import select

from benchmarks.phases import progress
from benchmarks.portfolio_clocks import side_by_side
from benchmarks.portfolio_histories import Histories, Kept, read
from benchmarks.portfolio_stand import Stand
from benchmarks.portfolio_vendors import BILLING, MONTHS, TERMS_DAYS, Subscription
from benchmarks.stand import actions_told, cpu_seconds, peak_mb
from canonical.clocks import RECONCILE, Reconciled, ReconcileStart
from canonical.events import (
    TYPES,
    CanonicalEvent,
    ContractActivated,
    EventData,
    InvoiceOverdue,
    InvoicePosted,
    PaymentReceived,
)
from canonical.ids import PROCESS_QUEUE
from canonical.money import Money
from canonical.renewal import RenewalOutcome
from canonical.renewal_messages import renewal_id
from canonical.risk_messages import RiskEnded, invoice_risk_id
from ledger.models.portfolio import snapshots

LATE_MONTHS = (2, 8)
EARLY_DAYS = 5
# The day after the grace of the shipped catalogue, counted from the due date.
GRACE_OVER_DAYS = 6
MONTH_DAYS = 30
YEAR_DAYS = 365
# The windows of the shipped catalogue before a contract's last day, and the day after it.
LOOKS = (274, 304, 334, YEAR_DAYS)
WON_DAY = 360
COUNTED_MAX = 200
# The daily reconcile: when it comes, a day on which no renewal is looked at, and what Temporal
# Cloud bills of a schedule each time that it fires, beside the start.
RECONCILE_HOURS = 5
QUIET_DAY = 100
SCHEDULE_ACTIONS = 2
# How a clock is moved; nobody does that in production.
MOVING = "grpc_UpdateWorkflowExecutionOptions"

Obj = dict[str, Any]


@dataclass
class Year:
    """What one portfolio's year took."""

    subscriptions: int
    events: int = 0
    handling_seconds: float = 0.0
    moving_seconds: float = 0.0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    open_mb: float = 0.0
    peak_mb: float = 0.0
    histories: Histories = field(default_factory=Histories)
    actions_told: float | None = None
    reconciles: float = 0.0
    reconciles_run: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    @property
    def shared_actions(self) -> float:
        """Actions a subscription, with its share of the daily reconciles of a year."""
        return self.histories.actions + self.reconciles

    @property
    def own_actions_told(self) -> float:
        """Actions of a subscription's own processes, by the server's count of all that ran."""
        return ((self.actions_told or 0.0) - self.reconciles_run) / self.subscriptions

    @property
    def per_second(self) -> float:
        """Events handled a second, to the last thing that followed from them."""
        return self.events / self.handling_seconds

    @property
    def cpu_ms(self) -> float:
        """The worker's processor time for a subscription."""
        return 1000 * self.cpu_seconds / self.subscriptions

    @property
    def wall_ms(self) -> float:
        """How long a subscription's year took by the wall's clock."""
        return 1000 * self.wall_seconds / self.subscriptions


class Life:
    """The year of a portfolio on a stand."""

    def __init__(self, stand: Stand, days_late: int) -> None:
        self.stand, self.vendors, self.clocks = stand, stand.vendors, stand.clocks
        self.subscriptions = stand.vendors.subscriptions
        self.year = Year(len(self.subscriptions))
        self.days_late = days_late
        self._at_risk = False
        self._reconciled: dict[int, Kept] = {}

    async def live(self) -> Year:
        """From the first contract's start to the last renewal's outcome."""
        year, began, cpu = self.year, time.perf_counter(), cpu_seconds(self.stand.worker)
        await self._activate()
        year.open_mb = float(self.stand.worker.memory_info().rss) / 1e6
        for day, steps in sorted(self._calendar().items()):
            await self._day(day, steps)
        year.wall_seconds = time.perf_counter() - began
        year.cpu_seconds = cpu_seconds(self.stand.worker) - cpu
        year.peak_mb = peak_mb(self.stand.worker)
        await self._check_ended()
        await self._count()
        async with httpx.AsyncClient(trust_env=False) as http:
            year.actions_told = await actions_told(http, leaving_out=MOVING)
        return year

    def _calendar(self) -> dict[int, list["_Happening"]]:
        days: dict[int, list[_Happening]] = defaultdict(list)
        for month in range(MONTHS):
            due = month * MONTH_DAYS + TERMS_DAYS
            days[month * MONTH_DAYS].append(_Happening("post", month))
            if month in LATE_MONTHS:
                days[due + 1].append(_Happening("overdue", month))
                days[due + GRACE_OVER_DAYS].append(_Happening("begin"))
                days[due + self.days_late].append(_Happening("pay", month))
            else:
                days[due - EARLY_DAYS].append(_Happening("pay", month))
        days[WON_DAY].append(_Happening("win"))
        for day in LOOKS:
            days[day].append(_Happening("look"))
        days[QUIET_DAY].append(_Happening("reconcile"))
        return days

    async def _activate(self) -> None:
        """Every contract begins, and its clock with it."""
        progress(f"  {len(self.subscriptions)} clocks")
        made = [
            self._event(one, f"contract/{one.contract_id}", one.contract_id, ContractActivated(
                opportunity_id=one.opportunity_id, connection=BILLING,
                external_id=one.contract_id,
            ))
            for one in self.subscriptions
        ]  # fmt: skip
        self.clocks.began(self._renewals)
        await self.stand.record([self.vendors.read_contract(one) for one in self.subscriptions])
        await self._hand(made, self._renewals)

    async def _day(self, day: int, happenings: Sequence["_Happening"]) -> None:
        if any(one.what in ("look", "reconcile") for one in happenings):
            await self._reconcile(day)
        self.clocks.calendar.turn_to(day)
        self.vendors.turned()
        for one in happenings:
            if one.what == "look":
                await self._move(self._renewals)
            elif one.what == "reconcile":
                continue
            elif one.what == "begin":  # what was put off for as long as the grace
                await self._move(self._risks)
            elif one.what == "win":
                for subscription in self.subscriptions:
                    self.vendors.win_renewal(subscription)
            else:
                await self._invoices(day, one)

    async def _reconcile(self, day: int) -> None:
        """What the schedule starts every day, on the days that matter and one that does not."""
        self.clocks.calendar.turn_to(day, hours=RECONCILE_HOURS)
        began, workflow_id = time.perf_counter(), f"{RECONCILE}/{day}"
        reconciled = await self.clocks.courier_client.execute_workflow(
            RECONCILE, ReconcileStart(), id=workflow_id, task_queue=PROCESS_QUEUE,
            result_type=Reconciled,
        )  # fmt: skip
        self.year.moving_seconds += time.perf_counter() - began
        if reconciled.failed or reconciled.gathered.unanswered:
            raise RuntimeError(f"the reconcile of day {day} came to {reconciled}")
        self._reconciled[day] = await read(self.stand.client, [workflow_id])

    async def _invoices(self, day: int, happening: "_Happening") -> None:
        """The same happens to an invoice of every subscription."""
        progress(f"  day {day}: {happening.what} {happening.month + 1} of {MONTHS}")
        touched: list[str] = []
        if happening.what != "post" and day >= min(LOOKS):
            touched += self._renewals
            await self._move(self._renewals)
        if happening.what == "pay" and self._at_risk:
            touched += self._risks
            await self._move(self._risks)
        if happening.what == "overdue":
            touched += self._risks
            self.clocks.began(self._risks)
            self._at_risk = True
        make = {"post": self._posted, "pay": self._paid, "overdue": self._overdue}
        events = [make[happening.what](one, happening.month) for one in self.subscriptions]
        await self.stand.record(
            [self.vendors.read(one, happening.month) for one in self.subscriptions]
        )
        await self._hand(events, touched)
        if happening.what == "pay" and happening.month in LATE_MONTHS:
            self._at_risk = False

    async def _move(self, processes: Sequence[str]) -> None:
        began = time.perf_counter()
        await self.clocks.catch_up(processes)
        await self.clocks.at_rest(processes)
        self.year.moving_seconds += time.perf_counter() - began

    async def _hand(self, events: Sequence[CanonicalEvent], touched: Sequence[str]) -> None:
        began = time.perf_counter()
        await self.stand.tell(events)
        await self.clocks.at_rest(touched)
        self.year.handling_seconds += time.perf_counter() - began
        self.year.events += len(events)

    async def _check_ended(self) -> None:
        """Every renewal is won, and no risk is left; or the year was another than is told."""
        client = self.stand.client

        async def worst(workflow_id: str) -> str:
            handle = client.get_workflow_handle(workflow_id, result_type=RiskEnded)
            ended = await handle.result()
            return f"risk {ended.stage}, at worst {ended.worst}"

        # A clock goes on with the next term: what became of this one is in the ledger.
        decided = select(snapshots.c.body["outcome"].as_string())
        decided = decided.where(snapshots.c.body["outcome"].as_string().is_not(None))
        rows = await self.stand.database.read(lambda s: s.connection().execute(decided).all())
        found = [f"renewal {row[0]}" for row in rows]
        if found != [f"renewal {RenewalOutcome.WON}"] * len(self.subscriptions):
            raise RuntimeError(f"{len(self.subscriptions)} renewals ended as {Counter(found)}")
        found += await side_by_side(worst, self._risks)
        self.year.outcomes = {one: found.count(one) for one in sorted(set(found))}

    async def _count(self) -> None:
        """Read the histories, of many subscriptions those of some, evenly spread."""
        step = max(1, len(self.subscriptions) // COUNTED_MAX)
        some = dict(list(zip(self._renewals, self._risks, strict=True))[::step])
        client = self.stand.client
        kept = await side_by_side(lambda one: read(client, (one, some[one])), some)
        self.year.histories.kept = kept
        took = {day: one.actions.total() for day, one in self._reconciled.items()}
        quiet_days = YEAR_DAYS - len(LOOKS)
        of_all = sum(took[day] for day in LOOKS) + quiet_days * took[QUIET_DAY]
        self.year.reconciles_run = sum(took.values())
        self.year.reconciles = (of_all + YEAR_DAYS * SCHEDULE_ACTIONS) / len(self.subscriptions)

    @property
    def _renewals(self) -> list[str]:
        return [renewal_id(BILLING, one.contract_id) for one in self.subscriptions]

    @property
    def _risks(self) -> list[str]:
        return [invoice_risk_id(one.account_id) for one in self.subscriptions]

    def _posted(self, one: Subscription, month: int) -> CanonicalEvent:
        invoice = self.vendors.post(one, month)
        said = InvoicePosted(
            **_of(one, invoice), total=_usd(invoice["total"]),
            remaining=_usd(invoice["amount_remaining"]),
        )  # fmt: skip
        return self._event(one, f"invoice/{invoice['id']}", f"{invoice['id']}/posted", said)

    def _overdue(self, one: Subscription, month: int) -> CanonicalEvent:
        invoice = one.invoices[month]
        due_on = self.clocks.calendar.at(month * MONTH_DAYS + TERMS_DAYS).date()
        said = InvoiceOverdue(
            **_of(one, invoice), remaining=_usd(invoice["amount_remaining"]), due_on=due_on
        )
        return self._event(one, f"invoice/{invoice['id']}", f"{invoice['id']}/overdue", said)

    def _paid(self, one: Subscription, month: int) -> CanonicalEvent:
        invoice = self.vendors.pay(one, month)
        said = PaymentReceived(
            **_of(one, invoice), paid=_usd(invoice["amount_paid"]), remaining=_usd(0), in_full=True
        )
        return self._event(one, f"invoice/{invoice['id']}", f"{invoice['id']}/paid", said)

    def _event(
        self, one: Subscription, subject: str, cause: str, said: EventData
    ) -> CanonicalEvent:
        kind, version = TYPES[type(said)]
        return CanonicalEvent(
            id=f"ev-{kind}-{cause}",
            type=kind,
            version=version,
            source=BILLING,
            subject=subject,
            occurred_at=self.clocks.calendar.now(),
            environment=self.stand.settings.environment,
            body=said.model_dump(mode="json"),
        )


@dataclass(frozen=True)
class _Happening:
    what: str
    month: int = -1


def _of(one: Subscription, invoice: Obj) -> dict[str, Any]:
    return {
        "connection": BILLING,
        "external_id": invoice["id"],
        "account_id": one.account_id,
        "opportunity_id": one.opportunity_id,
    }


def _usd(amount_minor: int) -> Money:
    return Money(amount_minor=amount_minor, currency="USD")
