"""A stand-in of a data warehouse: a SQLite file in which product usage and seats are found."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

TABLES = (
    "CREATE TABLE daily_usage (account_id TEXT NOT NULL, user_id TEXT NOT NULL, day TEXT NOT NULL)",
    "CREATE INDEX usage_by_account ON daily_usage (account_id, day)",
    "CREATE INDEX usage_by_day ON daily_usage (day)",
    "CREATE TABLE seats (account_id TEXT PRIMARY KEY, licensed INTEGER NOT NULL)",
)


def write_usage(
    file: Path, accounts: Iterable[str], today: date, *, users: int = 8, licensed: int = 10,
    days_before: int = 90, days_after: int = 400, every_days: int = 3,
) -> None:  # fmt: skip
    """Make the file anew: each account's `users` work every few days, and it pays for `licensed`.

    Usage is there for days to come too, so that a rehearsal whose time is skipped does not find
    its warehouse stale.
    """
    file.unlink(missing_ok=True)
    known = list(accounts)
    days = [
        (today + timedelta(days=away)).isoformat()
        for away in range(-days_before, days_after + 1, every_days)
    ]

    def usage() -> Iterator[tuple[str, str, str]]:
        for account in known:
            for number in range(users):
                yield from ((account, f"{account}-{number}", day) for day in days)

    with closing(sqlite3.connect(file)) as warehouse, warehouse:
        for table in TABLES:
            warehouse.execute(table)
        warehouse.executemany("INSERT INTO daily_usage VALUES (?, ?, ?)", usage())
        warehouse.executemany("INSERT INTO seats VALUES (?, ?)", [(a, licensed) for a in known])
