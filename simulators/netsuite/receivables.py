"""Reads an accounts receivable file: one line an invoice, whatever its columns are called.

The names of the public data sets are understood, and so are their dates (ISO, slashes either way
round, digits alone). A line that makes no invoice is reported and left out.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from simulators.netsuite.money import exponent

LINES_MAX = 200_000
BAD_LINES_MAX = 1_000
NAMES = {
    "invoice": "invoice invoiceno invoicenumber invoiceid invoicenum docid documentnumber",
    "customer": "customer customerid customerno customernumber custnumber custno account accountid",
    "invoiced_on": "invoicedate invoiced issued issuedate issuedon postingdate documentcreatedate"
    " dateofinvoice",
    "due_on": "duedate due dueon dueindate datedue",
    "amount": "amount invoiceamount total totalopenamount amountdue invoicetotal",
    "currency": "currency invoicecurrency currencycode",
    "disputed": "disputed dispute isdisputed indispute",
    "settled_on": "settleddate settled settledon cleardate paiddate paymentdate datepaid paidon",
}
OPTIONAL = frozenset({"currency", "disputed", "settled_on"})
CURRENCY = "USD"
YES, NO = frozenset({"yes", "y", "true", "t", "1"}), frozenset({"no", "n", "false", "f", "0", ""})
PLAIN = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y%m%d")
SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/\d{4}")
MONTH_FIRST, DAY_FIRST = "%m/%d/%Y", "%d/%m/%Y"


class ReceivablesError(ValueError):
    """A file that cannot be read at all; the message says why."""


@dataclass(frozen=True)
class BadLine:
    """A line that was left out, by its number in the file (the header is 1), and why."""

    line: int
    why: str


@dataclass(frozen=True)
class Receivable:
    """One invoice of the file; `settled_on` is None while nobody has paid."""

    invoice: str
    customer: str
    invoiced_on: date
    due_on: date
    amount: Decimal
    currency: str
    disputed: bool
    settled_on: date | None


@dataclass
class Read:
    """What a file holds: invoices, and the lines that are none (the first thousand of them)."""

    receivables: list[Receivable] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    bad_count: int = 0

    def refuse(self, line: int, why: str) -> None:
        """Leave a line out."""
        self.bad_count += 1
        if len(self.bad) < BAD_LINES_MAX:
            self.bad.append(BadLine(line, why))


def read_receivables(text: str, currencies: Iterable[str]) -> Read:
    """The invoices of a file; raises ReceivablesError for one without the columns that are needed
    or with more than 200,000 lines."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=_delimiter(text))
    columns = _columns(next(reader, []))
    known, found, seen = frozenset(currencies), Read(), set[str]()
    rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    if len(rows) > LINES_MAX:
        raise ReceivablesError(f"more than {LINES_MAX} lines")
    pattern = _slashed([row for _, row in rows], columns)
    for line, row in rows:
        cells = {name: row[at].strip() if at < len(row) else "" for name, at in columns.items()}
        try:
            one = _receivable(cells, known, pattern)
        except ValueError as error:
            found.refuse(line, str(error))
            continue
        if one.invoice in seen:
            found.refuse(line, f"invoice {one.invoice} is there already")
            continue
        seen.add(one.invoice)
        found.receivables.append(one)
    return found


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _columns(header: list[str]) -> dict[str, int]:
    places = {re.sub(r"[^a-z]", "", name.lower()): at for at, name in enumerate(header)}
    found: dict[str, int] = {}
    for name, synonyms in NAMES.items():
        at = next((places[one] for one in synonyms.split() if one in places), None)
        if at is not None:
            found[name] = at
    missing = [name.replace("_on", " date") for name in NAMES if name not in {*found, *OPTIONAL}]
    if missing:
        raise ReceivablesError(f"no column for {', '.join(missing)}")
    return found


def _slashed(rows: list[list[str]], columns: Mapping[str, int]) -> str:
    """Whether 4/6/2013 is in April or June: what any date of the file rules out, else in April."""
    dates = [columns[name] for name in ("invoiced_on", "due_on", "settled_on") if name in columns]
    for row in rows:
        for at in dates:
            found = SLASHED.match(row[at].strip()) if at < len(row) else None
            if found and int(found[1]) > 12:
                return DAY_FIRST
    return MONTH_FIRST


def _receivable(cells: Mapping[str, str], currencies: frozenset[str], slashed: str) -> Receivable:
    def day(name: str) -> date:
        return _day(cells[name], slashed, name.replace("_on", " date"))

    currency = (cells.get("currency") or CURRENCY).upper()
    if currency not in currencies:
        raise ValueError(f"the account has no currency {currency}")
    invoiced_on, due_on = day("invoiced_on"), day("due_on")
    settled_on = day("settled_on") if cells.get("settled_on") else None
    if settled_on and settled_on < invoiced_on:
        raise ValueError("it is settled before it is invoiced")
    return Receivable(
        invoice=_named(cells["invoice"], "invoice"),
        customer=_named(cells["customer"], "customer"),
        invoiced_on=invoiced_on,
        due_on=due_on,
        amount=_amount(cells["amount"], currency),
        currency=currency,
        disputed=_flag(cells.get("disputed", "")),
        settled_on=settled_on,
    )


def _named(text: str, what: str) -> str:
    # The public sets give numbers as 1930438491.0 where a spreadsheet had its hands on them.
    name = re.sub(r"[^A-Za-z0-9_-]", "_", text.removesuffix(".0"))
    if not name:
        raise ValueError(f"no {what}")
    return name


def _day(text: str, slashed: str, what: str) -> date:
    text = re.sub(r"[T ]\d.*$", "", text.removesuffix(".0"))
    for pattern in (*PLAIN, slashed):
        if found := _parsed(text, pattern):
            return found
    raise ValueError(f"{text[:20]!r} is no {what}")


def _parsed(text: str, pattern: str) -> date | None:
    try:
        return datetime.strptime(text, pattern).date()
    except ValueError:
        return None


def _amount(text: str, currency: str) -> Decimal:
    try:
        amount = Decimal(re.sub(r"[^\d.\-]", "", text))
    except InvalidOperation:
        raise ValueError(f"{text[:20]!r} is no amount") from None
    if amount <= 0:
        raise ValueError("the amount is not above zero")
    if amount != round(amount, exponent(currency)):
        raise ValueError(f"the amount has more decimals than {currency}")
    return amount


def _flag(text: str) -> bool:
    if text.lower() in YES | NO:
        return text.lower() in YES
    raise ValueError(f"{text[:20]!r} says neither yes nor no to the dispute")
