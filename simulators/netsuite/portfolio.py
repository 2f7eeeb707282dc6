"""A portfolio of receivables that is lived through: invoices are posted and paid on their days.

The file's days are moved as one, so that its day `as_of` is the account's today: whoever uses the
account keeps the real clock. What lies before has happened when the file is loaded, each record
with the stamps of its own day; what lies ahead happens as the clock is advanced, at the time of day
at which the file was loaded, so that each whole day forward is a day of the file.
"""

import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from simulators.netsuite.clerk import Clerk
from simulators.netsuite.receivables import BadLine, Read, Receivable
from simulators.netsuite.records import Record

ITEM = "RECEIVABLE"
DAY_SECONDS = 86_400

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
        present = self.account.now()
        today = datetime.fromtimestamp(present, UTC).date()
        as_of = as_of or max(one.invoiced_on for one in read.receivables)
        moved = today - as_of
        self._customers(read.receivables)
        for one in read.receivables:
            for day, act in self._life(one, moved):
                moment = present + (day + moved - today).days * DAY_SECONDS
                heapq.heappush(self.ahead, (moment, next(self._order), act))
        self.live_until(present)
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

    def _life(self, one: Receivable, moved: timedelta) -> Iterator[tuple[date, Act]]:
        yield one.invoiced_on, lambda: self._post(one, moved)
        if one.settled_on:
            yield one.settled_on, lambda: self._settle(one)

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
