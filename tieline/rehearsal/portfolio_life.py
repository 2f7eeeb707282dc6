"""A portfolio of receivables, lived through day by day: what Tieline does, and whether it should.

The days begin at noon, in UTC: the ERP's own day, that of its server in Pacific time, is then the
same, and the processes have looked at their accounts in the morning.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from canonical.risk import RiskLevel
from ledger.database import Database
from ledger.inbox import Inbox
from ledger.views.cases import group_cases
from ledger.views.outbox import list_relays
from tieline.rehearsal.demo import Unexpected
from tieline.rehearsal.portfolio_file import PortfolioFile
from tieline.rehearsal.portfolio_house import AT_ONCE, PortfolioHouse
from tieline.rehearsal.portfolio_poll import poll
from tieline.rehearsal.portfolio_shown import ERP, Ought, Shown, Systems, differences

NOON_HOUR = 12
ONE_DAY = timedelta(days=1)
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.02
TOLD_MAX = 5
COURIER = "processes"
LEVELS = [level.value for level in RiskLevel]
AT_RISK = LEVELS[1:]

Tell = Callable[["Day"], None]


@dataclass
class Day:
    """How the portfolio stands at the end of a day of the file: its invoices, the accounts that are
    shown at risk by level, and the calls to action that are open."""

    day: date
    open: int
    overdue: int
    levels: dict[str, int]
    calls: int


@dataclass
class AccountLine:
    """An account at the end, and the most serious level that a day ended with."""

    customer: str
    account_id: str
    level: str
    at_most: str
    overdue: str
    calls: int


@dataclass
class Lived:
    """What a portfolio's life came to; `spells` counts stretches of late payments of an account."""

    first: date
    last: date
    invoices: int
    left_out: int
    days: list[Day] = field(default_factory=list)
    accounts: list[AccountLine] = field(default_factory=list)
    calls: int = 0
    spells: int = 0

    def levels(self) -> dict[str, tuple[int, int]]:
        """How many accounts are at each level now, and how many were there at most."""
        now, most = (
            Counter(getattr(a, name) for a in self.accounts) for name in ("level", "at_most")
        )
        return {level: (now[level], most[level]) for level in LEVELS}


class Life:
    """The portfolio, as it is lived."""

    def __init__(self, built: PortfolioHouse, portfolio: PortfolioFile) -> None:
        self._on = built
        self._portfolio = portfolio
        self._changing = portfolio.changing()
        rules = built.catalogue.definitions.risk_rules()
        self._ought = Ought(portfolio.accounts.values(), rules)
        self._names = {account: name for name, account in portfolio.accounts.items()}
        self._at_most: dict[str, str] = dict.fromkeys(self._names, LEVELS[0])

    async def live(self, tell: Tell) -> Lived:
        """Live through every day; raises Unexpected as soon as one of them ends otherwise than the
        definitions say."""
        portfolio = self._portfolio
        lived = Lived(
            portfolio.first, portfolio.last, len(portfolio.read.receivables),
            portfolio.read.bad_count,
        )  # fmt: skip
        await self._begin()
        shown: Mapping[str, Shown] = {}
        for number in range(portfolio.days + 1):
            if number:
                await self._on.pass_time(ONE_DAY)
                # In the morning the processes saw this day, and nothing yet of what happened on it.
                self._ought.look(await self._today())
            day = portfolio.first + number * ONE_DAY
            shown = await self._one_day(day, self._changing.get(day, ()))
            lived.days.append(await self._standing(day, shown))
            tell(lived.days[-1])
        await self._read_again()
        await self._agreed(portfolio.last)
        self._close(lived, shown)
        return lived

    async def _begin(self) -> None:
        """Noon, and the ERP has the invoices of the file."""
        now = await self._on.clock.now()
        noon = datetime.combine(now.date(), datetime.min.time(), UTC) + timedelta(hours=NOON_HOUR)
        await self._on.pass_time(noon - now if noon > now else noon + ONE_DAY - now)
        erp = self._on.controls["netsuite"]
        report = await erp.load_receivables(self._portfolio.erp_csv(), self._portfolio.first)
        if report["today"] != (await self._today()).isoformat() or report["bad_count"]:
            raise Unexpected(f"the ERP took the file otherwise than it was meant: {report}")

    async def _one_day(self, day: date, changed: Collection[str]) -> Mapping[str, Shown]:
        """Poll the ERP as its schedule would, and see everybody told of what follows."""
        await poll(self._on.clock.client, ERP, day)
        await _taken_in(self._on.database)
        await self._read(changed)
        self._ought.look(await self._today())
        return await self._agreed(day)

    async def _today(self) -> date:
        return (await self._on.clock.now()).date()

    async def _read(self, accounts: Collection[str]) -> None:
        gate, today = asyncio.Semaphore(AT_ONCE), await self._today()

        async def read(account: str) -> None:
            async with gate:
                self._ought.invoices[account] = await self._on.erp.invoices(account, today)

        await asyncio.gather(*(read(account) for account in accounts))

    async def _read_again(self) -> None:
        """At the end every account is read, so that no change is missed that the file lacks."""
        await self._read(list(self._ought.invoices))
        self._ought.look(await self._today())

    async def _agreed(self, day: date) -> Mapping[str, Shown]:
        """What is shown, once it is what ought to be; raises Unexpected after a minute."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            success, support = await asyncio.gather(
                self._on.controls["gainsight"].state(), self._on.controls["zendesk"].state()
            )
            shown = Systems(success, support).shown()
            wrong = differences(self._ought, shown)
            if not wrong:
                return shown
            if time.monotonic() > until:
                raise Unexpected(await self._said(day, wrong))
            await asyncio.sleep(POLL_SECONDS)

    async def _said(self, day: date, wrong: Mapping[str, str]) -> str:
        told = [f"{self._names[account]}: {how}" for account, how in sorted(wrong.items())]
        more = f" and {len(told) - TOLD_MAX} more" if len(told) > TOLD_MAX else ""
        held = [f"{one.count} {one.cause_key}" for one in await group_cases(self._on.database)]
        cases = f"; open cases: {', '.join(held)}" if held else ""
        return (
            f"on {day} {len(told)} accounts are not shown as the ERP's invoices say: "
            f"{'; '.join(told[:TOLD_MAX])}{more}{cases}"
        )

    async def _standing(self, day: date, shown: Mapping[str, Shown]) -> Day:
        levels = Counter(one.level for one in shown.values() if one.level)
        for account in self._at_most:
            seen = shown.get(account, Shown()).level or LEVELS[0]
            self._at_most[account] = max(self._at_most[account], seen, key=LEVELS.index)
        standing, overdue = self._ought.open_and_overdue(await self._today())
        by_level = {level: levels[level] for level in AT_RISK}
        return Day(day, standing, overdue, by_level, sum(one.calls for one in shown.values()))

    def _close(self, lived: Lived, shown: Mapping[str, Shown]) -> None:
        for customer, account in self._portfolio.accounts.items():
            seen = shown.get(account, Shown())
            line = AccountLine(
                customer=customer,
                account_id=account,
                level=seen.level or LEVELS[0],
                at_most=self._at_most[account],
                overdue=seen.overdue,
                calls=seen.calls_ever,
            )
            lived.accounts.append(line)
        lived.calls = sum(one.calls for one in lived.accounts)
        lived.spells = sum(self._ought.spells.values())


async def _taken_in(database: Database) -> None:
    """Wait until nothing that was told waits, in the inbox or for a process; raises Unexpected
    after a minute."""
    inbox, until = Inbox(database), time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        backlog = await inbox.backlog()
        if backlog.dead:
            raise Unexpected(f"{backlog.dead} hints could not be taken in")
        couriers = [one for one in await list_relays(database) if one.name == COURIER]
        relayed = all(not one.behind and not one.pending for one in couriers)
        if not backlog.pending and couriers and relayed:
            return
        await asyncio.sleep(POLL_SECONDS)
    raise Unexpected(f"{backlog.pending} hints are not taken in after {PATIENCE_SECONDS:.0f} s")
