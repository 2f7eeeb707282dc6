"""The two questions that are asked of a warehouse; both are a single SELECT, summed up there."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Date,
    Select,
    String,
    TableClause,
    and_,
    column,
    distinct,
    exists,
    func,
    null,
    select,
    table,
    type_coerce,
)

from canonical.usage import UsageSource

WINDOW = timedelta(days=30)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """The thirty days before a day, and the thirty before those; the day itself is in neither."""

    today: date

    @property
    def tomorrow(self) -> date:
        """Where what is known ends."""
        return self.today + DAY

    @property
    def now(self) -> tuple[date, date]:
        """The later thirty days; the second day is not in it."""
        return self.today - WINDOW, self.today

    @property
    def before(self) -> tuple[date, date]:
        """The earlier thirty days."""
        return self.today - 2 * WINDOW, self.today - WINDOW


def split(name: str) -> tuple[str | None, str]:
    """Schema and name of a table."""
    schema, _, bare = name.rpartition(".")
    return schema or None, bare


class Questions:
    """The statements for one declared table."""

    def __init__(self, source: UsageSource) -> None:
        self._source = source
        columns = source.columns
        # Days are bound as dates whatever the column is: text, date and timestamp all compare so.
        day = column(columns.at, Date)
        usage = _table(source.table, column(columns.account), column(columns.user), day)
        self._account: ColumnElement[Any] = usage.c[columns.account]
        self._user: ColumnElement[Any] = usage.c[columns.user]
        self._at: ColumnElement[date] = usage.c[columns.at]

    def newest(self, window: Window) -> Select[Any]:
        """The newest usage of anybody up to today."""
        return select(type_coerce(func.max(self._at), String)).where(self._at < window.tomorrow)

    def adoption(self, account_id: str, window: Window) -> Select[Any]:
        """`newest`, whether the account is `known`, `active` and `before` users, and `licensed`."""
        of_account = self._account == account_id
        known = exists().where(of_account, self._at < window.tomorrow)
        return select(
            self.newest(window).scalar_subquery().label("newest"),
            known.label("known"),
            self._users(of_account, *window.now).label("active"),
            self._users(of_account, *window.before).label("before"),
            self._licensed(account_id).label("licensed"),
        )

    def _users(self, of_account: ColumnElement[bool], first: date, end: date) -> Any:
        within = and_(of_account, self._at >= first, self._at < end)
        return select(func.count(distinct(self._user))).where(within).scalar_subquery()

    def _licensed(self, account_id: str) -> ColumnElement[Any]:
        seats = self._source.seats
        if seats is None:
            return null()
        held = _table(seats.table, column(seats.account), column(seats.licensed))
        total = func.sum(held.c[seats.licensed])
        return select(total).where(held.c[seats.account] == account_id).scalar_subquery()


def _table(name: str, *columns: ColumnClause[Any]) -> TableClause:
    schema, bare = split(name)
    return table(bare, *columns, schema=schema)


def moment_of(value: Any) -> datetime | None:
    """The newest usage as a moment, a day as its beginning; raises ValueError for neither."""
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ValueError("neither a day nor a time")
