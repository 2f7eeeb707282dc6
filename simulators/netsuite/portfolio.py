"""A portfolio of receivables that is lived through: invoices are posted and paid on their days.

The file's days are moved as one, so that its day `as_of` is the account's today: whoever uses the
account keeps the real clock. What lies before has happened when the file is loaded, each record
with the stamps of its own day; what lies ahead happens as the clock is advanced.
"""

import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Protocol

from simulators.netsuite.clerk import Clerk
from simulators.netsuite.receivables import BadLine, Read, Receivable
from simulators.netsuite.records import Record

ITEM = "RECEIVABLE"
# In Pacific time, which the account keeps, all of these are on the same day as in UTC.
POSTED_AT, PAID_AT = time_of_day(16), time_of_day(18)

Act = Callable[[], None]


class Account(Protocol):
    """What a portfolio needs of the account that it is in."""

    moved_seconds: float
    clerk: Clerk

    def now(self) -> float: ...


@dataclass
class Report:
    """What was loaded: how it stands on the day `as_of` of the file, which is `today`."""

    customers: int = 0
    invoices: int = 0
    open: int = 0
    overdue: int = 0
    disputed: int = 0
    paid: int = 0
    ahead: int = 0
    as_of: str = ""
    today: str = ""
    bad: list[BadLine] = field(default_factory=list)
    bad_count: int = 0


class Portfolio:
    """What is still to happen in an account, the earliest first."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.ahead: list[tuple[float, int, Act]] = []
        self._order = itertools.count()

    def load(self, read: Read, as_of: date | None) -> Report:
        """Take in a file's invoices; without a day, the one of its newest invoice is today."""
        report = Report(bad=read.bad, bad_count=read.bad_count)
        if not read.receivables:
            return report
        today = datetime.fromtimestamp(self.account.now(), UTC).date()
        as_of = as_of or max(one.invoiced_on for one in read.receivables)
        moved = today - as_of
        self._customers(read.receivables)
        for one in read.receivables:
            self._expect(one, moved)
        self.live_until(self.account.now())
        report.as_of, report.today = as_of.isoformat(), today.isoformat()
        report.customers = len({one.customer for one in read.receivables})
        report.invoices = len(read.receivables)
        for one in read.receivables:
            self._count(report, one, today, moved)
        return report

    def live_until(self, moment: float) -> None:
        """Let everything happen that is due up to a moment, each at its own time."""
        present = self.account.moved_seconds
        try:
            while self.ahead and self.ahead[0][0] <= moment:
                at, _, act = heapq.heappop(self.ahead)
                self.account.moved_seconds = at - time.time()
                act()
        finally:
            self.account.moved_seconds = present

    def _expect(self, one: Receivable, moved: timedelta) -> None:
        self._at(one.invoiced_on + moved, POSTED_AT, lambda: self._post(one, moved))
        if one.settled_on:
            self._at(one.settled_on + moved, PAID_AT, lambda: self._settle(one))

    def _at(self, day: date, hour: time_of_day, act: Act) -> None:
        moment = datetime.combine(day, hour, UTC).timestamp()
        heapq.heappush(self.ahead, (moment, next(self._order), act))

    def _customers(self, receivables: list[Receivable]) -> None:
        """A customer each, as Tieline would have made it: its external id is the account's."""
        books = self.account.clerk.books
        if books.records.find("item", f"eid:{ITEM}") is None:
            books.save("serviceSaleItem", None, {"externalId": ITEM, "displayName": "Receivable"})
        subsidiary = next(iter(books.records.tables["subsidiary"]))
        for one in receivables:
            if books.records.find("customer", f"eid:{one.customer}") is None:
                body = {
                    "externalId": one.customer, "companyName": one.customer,
                    "subsidiary": {"id": subsidiary},
                    "currency": {"id": self._currency(one.currency)},
                    "custentity_tieline_key": f"receivables/{one.customer}",
                }  # fmt: skip
                books.save("customer", None, body, strict=True)

    def _post(self, one: Receivable, moved: timedelta) -> None:
        body: Record = {
            "externalId": _external_id(one), "tranId": one.invoice,
            "entity": {"externalId": one.customer},
            "currency": {"id": self._currency(one.currency)},
            "tranDate": (one.invoiced_on + moved).isoformat(),
            "dueDate": (one.due_on + moved).isoformat(),
            "item": {"items": [{"item": {"externalId": ITEM}, "quantity": 1,
                                "amount": one.amount}]},
            "custbody_tieline_disputed": one.disputed,
        }  # fmt: skip
        self.account.clerk.books.save("invoice", None, body, strict=True)

    def _settle(self, one: Receivable) -> None:
        """It is paid in full; a dispute is over by then."""
        key, clerk = f"eid:{_external_id(one)}", self.account.clerk
        held = clerk.books.records.find("invoice", key)
        if held is None or not held["amountRemaining"]:
            return  # somebody was here before
        if held.get("custbody_tieline_disputed"):
            clerk.dispute(key, False)
        clerk.pay(key)

    def _currency(self, code: str) -> str:
        held = self.account.clerk.books.records.tables["currency"]
        return next(key for key, record in held.items() if record["symbol"] == code)

    def _count(self, report: Report, one: Receivable, today: date, moved: timedelta) -> None:
        held = self.account.clerk.books.records.find("invoice", f"eid:{_external_id(one)}")
        if held is None:
            report.ahead += 1
        elif not held["amountRemaining"]:
            report.paid += 1
        else:
            report.open += 1
            report.overdue += one.due_on + moved < today
            report.disputed += one.disputed


def _external_id(one: Receivable) -> str:
    return f"inv-{one.invoice}"
