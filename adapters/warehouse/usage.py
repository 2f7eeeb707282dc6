"""The usage port over a warehouse: questions of one account, answered in numbers, never rows."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from sqlalchemy import Engine, Row, Select, inspect
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from adapters.http import resolve, utc_now
from adapters.warehouse.engines import CONNECT_TIMEOUT_SECONDS, POOL_SIZE, read_only_engine
from adapters.warehouse.errors import canonical_error
from adapters.warehouse.queries import Questions, Window, moment_of, split
from canonical.errors import Misconfigured, Unavailable
from canonical.renewal import AdoptionFacts
from canonical.usage import UsageSource

T = TypeVar("T")


class WarehouseUsage:
    """One declared table or view; it is only read (R83). `clock` is for tests."""

    def __init__(
        self, source: UsageSource, engine: Engine, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._source = source
        self.engine = engine
        self.clock = clock
        self._questions = Questions(source)
        self._threads = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix=f"usage-{source.name}")
        self._verified = False

    @classmethod
    def from_source(cls, source: UsageSource) -> Self:
        """Build it from the settings; raises Misconfigured when the URL is missing or wrong."""
        url = resolve(source.url)
        return cls(source, read_only_engine(url, source.name, source.timeout_seconds))

    async def aclose(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()

    async def check(self) -> str:
        """Prove that the table has the declared columns, can be read, and is up to date.

        Raises Misconfigured naming the column, Unauthorized, and Unavailable for a stale table.
        """
        today = self.clock().astimezone(UTC).date()
        newest = self._moment((await self._ask(self._questions.newest(Window(today))))[0])
        if newest is None:
            raise Unavailable(f"{self._what} holds no usage yet", about=self._source.name)
        if (today - newest.date()).days > self._source.stale_days:
            raise Unavailable(
                f"the newest usage in {self._what} is of {newest.date()}, more than "
                f"{self._source.stale_days} days ago",
                about=self._source.name,
            )
        return f"Usage in {self._what} is known up to {newest.date()}"

    async def adoption(self, account_id: str, until: datetime) -> AdoptionFacts:
        """Users in the thirty days before the day of `until`, and in the thirty before those.

        `as_of` is how far the table goes, so that an account that has stopped is told from a table
        that has; None for an account without any usage. Raises as `check` does, but judges no age.
        """
        window = Window(until.astimezone(UTC).date())
        row = await self._ask(self._questions.adoption(account_id, window))
        return AdoptionFacts(
            account_id=account_id,
            as_of=self._moment(row.newest) if row.known else None,
            active_users=int(row.active),
            licensed_users=int(row.licensed or 0),
            active_users_before=int(row.before),
        )

    @property
    def _what(self) -> str:
        return f"{self._source.table} of {self._source.name}"

    async def _ask(self, statement: Select[Any]) -> Row[Any]:
        def ask() -> Row[Any]:
            if not self._verified:
                self._verify()
            with self.engine.begin() as connection:
                return connection.execute(statement).one()

        return await self._in_thread(ask)

    async def _in_thread(self, ask: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        # The database gives up first; this is for one that does not answer at all.
        patience = 2 * self._source.timeout_seconds + CONNECT_TIMEOUT_SECONDS
        try:
            async with asyncio.timeout(patience):
                return await loop.run_in_executor(self._threads, ask)
        except TimeoutError:
            raise Unavailable(
                f"usage {self._source.name}: no answer in {patience:.0f} s",
                about=self._source.name,
            ) from None
        except SQLAlchemyError as error:
            raise canonical_error(error, self._source.name) from None

    def _verify(self) -> None:
        # Once is enough, and needed: SQLite takes a quoted name that is no column for a text.
        source = self._source
        self._has(source.table, source.columns.names)
        if source.seats is not None:
            self._has(source.seats.table, source.seats.names)
        self._verified = True

    def _has(self, name: str, declared: list[str]) -> None:
        schema, bare = split(name)
        try:
            columns = inspect(self.engine).get_columns(bare, schema)
        except NoSuchTableError:
            raise Misconfigured(
                f"usage {self._source.name}: there is no table {name}", about=self._source.name
            ) from None
        found = [str(each["name"]) for each in columns]
        missing = [each for each in declared if each not in found]
        if missing:
            raise Misconfigured(
                f"usage {self._source.name}: the table {name} has no column "
                f"{', '.join(missing)}; it has {', '.join(sorted(found))}",
                about=self._source.name,
            )

    def _moment(self, value: Any) -> datetime | None:
        try:
            return moment_of(value)
        except ValueError:
            raise Misconfigured(
                f"usage {self._source.name}: the column {self._source.columns.at} holds neither "
                "days nor times",
                about=self._source.name,
            ) from None
