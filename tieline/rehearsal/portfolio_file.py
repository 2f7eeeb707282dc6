"""A receivables file to be lived through: which days of it, and whose invoices they are.

The accounts of the CRM have record ids of Salesforce, which customers of a file seldom are: each
customer gets one, and is known by it in every system.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from canonical.errors import Misconfigured
from simulators.netsuite import ReceivablesError
from simulators.netsuite.receivables import Read, Receivable, read_receivables
from simulators.salesforce.ids import IdCounter, canonical_id
from tieline.rehearsal.receivables import BYTES_MAX

DAYS_DEFAULT = 180
DAYS_MAX = 1_100
CUSTOMERS_MAX = 1_000
# What is open already when the rehearsal begins is taken up from its due date on.
LOOKBACK_DAYS = 3
ERP_COLUMNS = (
    "invoice", "customer", "invoice date", "due date", "amount", "currency", "disputed",
    "settled date",
)  # fmt: skip
EXPORT_COLUMNS = {
    "Account": "Id,Name,BillingCountry",
    "Product2": "Id,Name",
    "PricebookEntry": "Id,Product2Id",
    "Opportunity": "Id,AccountId,Name",
    "OpportunityLineItem": "Id,OpportunityId",
}


@dataclass(frozen=True)
class PortfolioFile:
    """The invoices of a file, and its days from `first` on that are lived through, `days` of them.

    `accounts` has the account id of each customer.
    """

    read: Read
    first: date
    days: int
    accounts: dict[str, str]

    @property
    def last(self) -> date:
        """The last day that is lived through."""
        return self.first + timedelta(days=self.days)

    def changing(self) -> dict[date, set[str]]:
        """The account ids of which something happens, by the day of it; what lies before the first
        day stands on it."""
        found: defaultdict[date, set[str]] = defaultdict(set)
        for one in self.read.receivables:
            for day in (one.invoiced_on, one.settled_on):
                if day is not None:
                    found[max(day, self.first)].add(self.accounts[one.customer])
        return dict(found)

    def lookback_days(self) -> int:
        """How far back the first poll has to look for what is overdue on the first day."""
        overdue = [one.due_on for one in self.read.receivables if _is_overdue(one, self.first)]
        return (self.first - min(overdue, default=self.first)).days + LOOKBACK_DAYS

    def erp_csv(self) -> str:
        """The file for the ERP, its customers named by their account ids."""
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(ERP_COLUMNS)
        for one in self.read.receivables:
            settled = one.settled_on.isoformat() if one.settled_on else ""
            rows.writerow(
                [one.invoice, self.accounts[one.customer], one.invoiced_on.isoformat(),
                 one.due_on.isoformat(), one.amount, one.currency,
                 "yes" if one.disputed else "no", settled]
            )  # fmt: skip
        return text.getvalue()

    def write_export(self, folder: Path, country: str) -> None:
        """A data export of a CRM that has these customers as accounts, and nothing else."""
        folder.mkdir(parents=True)
        for name, columns in EXPORT_COLUMNS.items():
            with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                rows = csv.writer(file)
                rows.writerow(columns.split(","))
                if name == "Account":
                    rows.writerows((i, customer, country) for customer, i in self.accounts.items())


def open_portfolio(
    file: Path, currencies: Collection[str], as_of: date | None = None, days: int | None = None
) -> PortfolioFile:
    """The part of a file that begins with the day `as_of` and has so many days.

    Without a number it ends with the last day of which the file tells something, after 180 days at
    most; without a day it begins so many days before that one. Raises Misconfigured for a file that
    cannot be read or is too large, and for a day that is none of it.
    """
    found = _read(file, currencies)
    told = [day for one in found.receivables for day in (one.invoiced_on, one.settled_on) if day]
    begin, end = min(told), max(told)
    if as_of is not None and not begin <= as_of <= end:
        raise Misconfigured(
            f"--receivables-as-of: {as_of} is not among the days of the file, {begin} to {end}",
            about="receivables-as-of",
        )
    if days is None:
        days = min(DAYS_DEFAULT, max(1, (end - (as_of or begin)).days))
    first = as_of or max(begin, end - timedelta(days=days))
    return PortfolioFile(found, first, days, _accounts(found.receivables))


def _read(file: Path, currencies: Collection[str]) -> Read:
    try:
        if file.stat().st_size > BYTES_MAX:
            raise ReceivablesError(f"larger than {BYTES_MAX} bytes")
        found = read_receivables(file.read_text(encoding="utf-8-sig"), currencies)
        if not found.receivables:
            why = f": line {found.bad[0].line}: {found.bad[0].why}" if found.bad else ""
            raise ReceivablesError(f"no line of {file} is an invoice{why}")
    except (OSError, UnicodeDecodeError, ReceivablesError) as error:
        raise Misconfigured(f"--receivables: {error}", about="receivables") from error
    customers = len({one.customer for one in found.receivables})
    if customers > CUSTOMERS_MAX:
        raise Misconfigured(
            f"--receivables: {file} has {customers} customers; "
            f"at most {CUSTOMERS_MAX} can be lived through at once",
            about="receivables",
        )
    return found


def _accounts(receivables: list[Receivable]) -> dict[str, str]:
    """An account id for each customer: its own where that is one."""
    customers = sorted({one.customer for one in receivables})
    own = {one: found for one in customers if (found := canonical_id(one))}
    taken, ids = set(own.values()), IdCounter(seed=1)
    for customer in customers:
        while customer not in own:
            fresh = ids.next("001")
            if fresh not in taken:
                own[customer] = fresh
    return own


def _is_overdue(one: Receivable, day: date) -> bool:
    open_then = one.invoiced_on <= day and (one.settled_on is None or one.settled_on > day)
    return open_then and one.due_on < day
