"""Five months of a receivables file, lived through in skipped time by the command itself.

What is expected is calculated here, from the dates of the file and the documented table alone.
"""

import csv
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from tests.cli.terminal import tieline

BEGIN, MONTHS, DAY = date(2024, 1, 8), 5, timedelta(days=1)
LEVELS = ["none", "watch", "high", "critical"]
CRITICAL_OVER = 100_000


@dataclass(frozen=True)
class Invoice:
    """A line of the file."""

    number: str
    customer: str
    invoiced: date
    due: date
    amount: int
    currency: str
    disputed: bool = False
    settled: date | None = None

    def open_on(self, day: date, *, morning: bool = False) -> bool:
        """Whether it is posted and unpaid; both happen at noon of their days."""
        until = day - DAY if morning else day
        return self.invoiced <= until and (self.settled is None or self.settled > until)

    def level_on(self, day: date) -> str:
        """What it makes of its account while it is open."""
        days, net = (day - self.due).days, (self.due - self.invoiced).days
        if days <= (10 if net >= 45 else 5):
            return "none"
        if self.disputed or days < 15:
            return "watch"
        return "high" if days < 45 else "critical"


def level_of(invoices: list[Invoice], day: date, *, morning: bool = False) -> tuple[str, bool]:
    """An account's level on a day, and whether it is late (a dispute is watched, and not late)."""
    standing = [(i, i.level_on(day)) for i in invoices if i.open_on(day, morning=morning)]
    owed: defaultdict[str, int] = defaultdict(int)
    for one, level in standing:
        if level != "none" and not one.disputed:
            owed[one.currency] += one.amount
    if any(total > CRITICAL_OVER for total in owed.values()):
        return "critical", True
    return max((level for _, level in standing), key=LEVELS.index, default="none"), bool(owed)


def life_of(invoices: list[Invoice], days: list[date]) -> tuple[str, str, int]:
    """An account's last level, the most serious that a day ended with, and its calls to action: one
    for each stretch of being late."""
    ended: list[str] = []
    calls, before = 0, False
    for day in days:
        if day != days[0]:
            _, late = level_of(invoices, day, morning=True)
            calls, before = calls + (late and not before), late
        level, late = level_of(invoices, day)
        calls, before = calls + (late and not before), late
        ended.append(level)
    return ended[-1], max(ended, key=LEVELS.index), calls


# How many days after its due date each month's invoice is paid (None: never), the days to pay, and
# the months that are disputed. None is late again while another is within its grace.
HABITS: dict[str, tuple[list[int | None], int, set[int]]] = {
    "Globex": ([-5, 0, 3, -1, 2], 30, set()),
    "Initech": ([0, 4, -2, 5, 1], 14, set()),
    "Umbrella": ([-3, -3, -8, -2, -1], 45, set()),
    "Hooli": ([1, 0, 2, 0, 3], 30, set()),
    "Stark": ([-1, 25, -10, -5, -5], 30, set()),
    "Wayne": ([-1, 50, -20, -20, -20], 14, set()),
    "Tyrell": ([12, -10, -10, -3, -1], 45, set()),
    "Cyberdyne": ([9, -4, -5, None, -5], 14, set()),
    "Wonka": ([-2, None, None, None, None], 30, set()),
    "Soylent": ([-2, -2, None, None, None], 14, set()),
    "Acme": ([-2, 40, -6, -6, -6], 30, {1}),
    "Vandelay": ([-2, -2, None, -6, -6], 30, {2}),
}


def portfolio() -> Iterator[Invoice]:
    """Twelve customers, an invoice a month each."""
    chance = random.Random(5)
    for number, (customer, (late, net, disputed)) in enumerate(HABITS.items()):
        for month in range(MONTHS):
            invoiced = BEGIN + timedelta(days=30 * month + number)
            due, paid = invoiced + timedelta(days=net), late[month]
            settled = None if paid is None else max(invoiced, due + timedelta(days=paid))
            yield Invoice(
                number=f"{customer}-{month}",
                customer=customer,
                invoiced=invoiced,
                due=due,
                amount=60_000 if customer == "Wonka" else chance.randrange(500, 20_000),
                currency="EUR" if number % 2 else "USD",
                disputed=month in disputed,
                settled=settled,
            )


def written(file: Path, invoices: list[Invoice]) -> Path:
    """The file as somebody exported it."""
    columns = ["invoice", "customer", "invoice date", "due date", "amount", "currency", "disputed"]
    with file.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow([*columns, "settled date"])
        for one in invoices:
            said = [one.number, one.customer, one.invoiced, one.due, f"{one.amount}.00"]
            rows.writerow([*said, one.currency, "yes" if one.disputed else "no", one.settled or ""])
    return file


def test_every_account_ends_as_the_dates_of_its_invoices_say(tmp_path: Path) -> None:
    """Levels on the last day, the worst of all days, and a call to action for each late stretch."""
    invoices = list(portfolio())
    accounts: defaultdict[str, list[Invoice]] = defaultdict(list)
    for one in invoices:
        accounts[one.customer].append(one)
    last = BEGIN + timedelta(days=30 * MONTHS)
    days = [BEGIN + timedelta(days=n) for n in range((last - BEGIN).days + 1)]
    wanted = {customer: life_of(many, days) for customer, many in accounts.items()}
    assert {level for level, _, _ in wanted.values()} == set(LEVELS)
    assert {at_most for _, at_most, _ in wanted.values()} == set(LEVELS)

    file = written(tmp_path / "ar.csv", invoices)
    given = ("--receivables", file, "--receivables-as-of", BEGIN.isoformat())
    said = tieline("--json", "demo", *given, "--days", str(len(days) - 1))

    assert said.code == 0, said.err
    report = said.json
    lived = {one["customer"]: one for one in report["accounts"]}
    assert {
        customer: (one["level"], one["at_most"], one["calls"]) for customer, one in lived.items()
    } == wanted
    assert (report["first"], report["last"]) == (BEGIN.isoformat(), last.isoformat())
    assert report["calls"] == report["spells"] == sum(calls for _, _, calls in wanted.values())
    assert [line["day"] for line in report["days"]] == [day.isoformat() for day in days]
    assert [line["open"] for line in report["days"]] == [
        sum(one.open_on(day) for one in invoices) for day in days
    ]
