"""Product usage is read from a warehouse, and nothing is ever written there."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from adapters.warehouse import WarehouseUsage
from canonical.errors import Misconfigured, Unauthorized, Unavailable
from canonical.usage import UsageSource
from tests.adapters.contracts.port import GLOBEX, HOOLI
from tests.adapters.warehouse.conftest import (
    TODAY,
    URL_VARIABLE,
    Warehouse,
    as_reader,
    execute,
)

Connect = Callable[..., WarehouseUsage]
DAY = timedelta(days=1)
YESTERDAY = TODAY - DAY
END_OF_TODAY = datetime.combine(TODAY, time.max, UTC)


async def test_active_users_are_counted_once_in_each_thirty_days(
    warehouse: Warehouse, connect: Connect
) -> None:
    """Ann and Bob now, Ann, Bob and Cid in the thirty days before; ten are paid for."""
    warehouse.sell(GLOBEX, 10)
    for on in (YESTERDAY, TODAY - 30 * DAY):
        warehouse.use(GLOBEX, "ann", "bob", on=on)
    for on in (TODAY - 31 * DAY, TODAY - 60 * DAY):
        warehouse.use(GLOBEX, "ann", "bob", "cid", on=on)
    warehouse.use(GLOBEX, "dee", on=TODAY - 61 * DAY)
    warehouse.use(HOOLI, "gavin", on=YESTERDAY)

    told = await connect().adoption(GLOBEX, END_OF_TODAY)

    assert (told.active_users, told.active_users_before, told.licensed_users) == (2, 3, 10)
    assert told.as_of == datetime.combine(YESTERDAY, time(), UTC)


async def test_the_present_day_does_not_count_yet(warehouse: Warehouse, connect: Connect) -> None:
    """A day that is loaded in part would look like a fall; what comes later is not known."""
    warehouse.use(GLOBEX, "ann", on=YESTERDAY)
    warehouse.use(GLOBEX, "bob", on=TODAY)
    warehouse.use(GLOBEX, "cid", on=TODAY + DAY)

    told = await connect().adoption(GLOBEX, END_OF_TODAY)

    assert told.active_users == 1
    assert told.as_of == datetime.combine(TODAY, time(), UTC)


async def test_usage_may_be_told_by_the_moment(warehouse: Warehouse, connect: Connect) -> None:
    """A column of timestamps does as well as one of days."""
    warehouse.use(GLOBEX, "ann", "bob", on=YESTERDAY)
    warehouse.use(GLOBEX, "ann", on=TODAY - 31 * DAY)
    columns = {"account": "account_id", "user": "user_id", "timestamp": "at"}
    port = connect(columns=columns)

    told = await port.adoption(GLOBEX, END_OF_TODAY)

    assert (told.active_users, told.active_users_before) == (2, 1)
    assert told.as_of == datetime.combine(YESTERDAY, time(12), UTC)
    assert "2026-11-24" in await port.check()


async def test_a_view_does_as_well_as_a_table(warehouse: Warehouse, connect: Connect) -> None:
    """The warehouse decides what is shown."""
    warehouse.use(GLOBEX, "ann", on=YESTERDAY)
    warehouse.run("CREATE VIEW shown AS SELECT * FROM daily_usage")

    port = connect(table="shown")

    assert "shown of warehouse" in await port.check()
    assert (await port.adoption(GLOBEX, END_OF_TODAY)).active_users == 1


async def test_a_schema_may_be_named(warehouse: Warehouse, connect: Connect) -> None:
    """As `analytics.daily_usage`; a SQLite file has the schema main."""
    warehouse.use(GLOBEX, "ann", on=YESTERDAY)
    schema = "main" if warehouse.backend == "sqlite" else "public"

    told = await connect(table=f"{schema}.daily_usage").adoption(GLOBEX, END_OF_TODAY)

    assert told.active_users == 1


async def test_an_account_that_stopped_is_told_from_a_table_that_did(
    warehouse: Warehouse, connect: Connect
) -> None:
    """Globex worked in summer only: nobody is active, and that is known up to yesterday."""
    warehouse.use(GLOBEX, "ann", on=TODAY - 150 * DAY)
    warehouse.use(HOOLI, "gavin", on=YESTERDAY)

    told = await connect().adoption(GLOBEX, END_OF_TODAY)

    assert (told.active_users, told.active_users_before) == (0, 0)
    assert told.as_of == datetime.combine(YESTERDAY, time(), UTC)


async def test_an_unknown_account_has_no_usage_and_no_time(
    warehouse: Warehouse, connect: Connect
) -> None:
    """Whether it uses nothing or is called otherwise there, nobody can say."""
    warehouse.use(HOOLI, "gavin", on=YESTERDAY)

    told = await connect().adoption(GLOBEX, END_OF_TODAY)

    assert (told.account_id, told.as_of, told.active_users) == (GLOBEX, None, 0)
    assert told.licensed_users == 0


async def test_an_empty_table_says_nothing_of_anybody(connect: Connect) -> None:
    """It has no time up to which it is known, and does not pass its check."""
    port = connect()

    assert (await port.adoption(GLOBEX, END_OF_TODAY)).as_of is None
    with pytest.raises(Unavailable, match="daily_usage of warehouse holds no usage yet"):
        await port.check()


async def test_a_stale_table_says_how_old_it_is(warehouse: Warehouse, connect: Connect) -> None:
    """The check fails after `stale_days`; the facts state their time, for whoever judges them."""
    warehouse.use(GLOBEX, "ann", on=TODAY - 8 * DAY)

    with pytest.raises(Unavailable, match="is of 2026-11-17, more than 7 days ago"):
        await connect().check()

    assert "2026-11-17" in await connect(stale_days=8).check()
    told = await connect().adoption(GLOBEX, END_OF_TODAY)
    assert told.as_of == datetime.combine(TODAY - 8 * DAY, time(), UTC)


async def test_without_seats_nothing_is_licensed(warehouse: Warehouse, connect: Connect) -> None:
    """Zero says that it is not known."""
    warehouse.use(GLOBEX, "ann", on=YESTERDAY)

    told = await connect(seats=None).adoption(GLOBEX, END_OF_TODAY)

    assert (told.active_users, told.licensed_users) == (1, 0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"columns": {"account": "account_id", "user": "usr", "day": "day"}},
         "usage warehouse: the table daily_usage has no column usr; it has account_id, at, day, "
         "user_id"),
        ({"columns": {"account": "Account", "user": "user_id", "day": "day"}},
         "usage warehouse: the table daily_usage has no column Account; it has account_id, at, "
         "day, user_id"),
        ({"seats": {"table": "seats", "account": "account_id", "licensed": "seats"}},
         "usage warehouse: the table seats has no column seats; it has account_id, licensed"),
        ({"table": "usage_daily"}, "usage warehouse: there is no table usage_daily"),
    ],
)  # fmt: skip
async def test_a_wrong_name_is_said_in_one_sentence(
    connect: Connect, changes: dict[str, Any], sentence: str
) -> None:
    """Whoever declared it sees what there is instead, at the check and at the first question."""
    port = connect(**changes)

    with pytest.raises(Misconfigured) as checked:
        await port.check()
    with pytest.raises(Misconfigured) as asked:
        await port.adoption(GLOBEX, END_OF_TODAY)

    assert str(checked.value) == str(asked.value) == sentence


async def test_a_column_that_holds_no_days_is_named(warehouse: Warehouse, connect: Connect) -> None:
    """A number of seconds, or a name, is no day."""
    if warehouse.backend == "sqlite":
        warehouse.run("INSERT INTO daily_usage VALUES ('a', 'u', '1', '1')")
    columns = {"account": "account_id", "user": "user_id", "day": "day"}
    wrong = {**columns, "day": "user_id"} if warehouse.backend == "postgresql" else columns

    with pytest.raises(Misconfigured):
        await connect(columns=wrong).check()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO daily_usage (account_id) VALUES ('0015g00000GLOBEXAA')",
        "DELETE FROM daily_usage",
        "CREATE TABLE ours (id INTEGER)",
        "DROP TABLE seats",
    ],
)
async def test_no_write_is_possible_even_for_an_owner(
    warehouse: Warehouse, connect: Connect, statement: str
) -> None:
    """The connection itself refuses, whatever the user may do."""
    warehouse.use(GLOBEX, "ann", on=YESTERDAY)
    engine = connect().engine

    with pytest.raises(SQLAlchemyError, match=r"read-?only"), engine.begin() as connection:
        connection.execute(text(statement))

    assert warehouse.count() == 1
    assert (await connect().adoption(GLOBEX, END_OF_TODAY)).active_users == 1


async def test_what_a_reader_may_do_is_enough(
    warehouse: Warehouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SELECT on the two tables is all that is asked for; without it, the refusal says so."""
    warehouse.use(GLOBEX, "ann", on=YESTERDAY)
    if warehouse.backend == "sqlite":
        file = warehouse.engine.url.database
        assert file is not None
        warehouse.engine.dispose()
        Path(file).chmod(0o400)
        assert (await connect().adoption(GLOBEX, END_OF_TODAY)).active_users == 1
        return
    execute(warehouse.url, "DROP ROLE IF EXISTS usage_reader", "CREATE ROLE usage_reader LOGIN")
    monkeypatch.setenv(URL_VARIABLE, as_reader(warehouse.url, "usage_reader"))
    with pytest.raises(Unauthorized, match="may not read the table"):
        await connect().check()

    execute(warehouse.url, "GRANT SELECT ON daily_usage, seats TO usage_reader")

    assert (await connect().adoption(GLOBEX, END_OF_TODAY)).active_users == 1
    execute(warehouse.url, "DROP OWNED BY usage_reader", "DROP ROLE usage_reader")


async def test_a_question_that_takes_too_long_is_given_up(
    warehouse: Warehouse, connect: Connect
) -> None:
    """By the database itself, so that nothing goes on there."""
    counting = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) "
        "SELECT 'a' AS account_id, 'u' AS user_id, max(i) AS at, '2026-11-24' AS day FROM n"
    )
    if warehouse.backend == "postgresql":
        counting = counting.replace("'2026-11-24'", "DATE '2026-11-24'")
    warehouse.run(f"CREATE VIEW endless AS {counting}")
    port = connect(table="endless", timeout_seconds=0.3, seats=None)

    with pytest.raises(Unavailable, match="took too long"):
        await port.adoption(GLOBEX, END_OF_TODAY)


async def test_questions_do_not_hold_the_event_loop(warehouse: Warehouse, connect: Connect) -> None:
    """While the database works, everything else goes on; many may be asked at once."""
    warehouse.use(GLOBEX, "ann", on=YESTERDAY)
    port = connect()
    await port.check()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    told = await asyncio.gather(*(port.adoption(GLOBEX, END_OF_TODAY) for _ in range(20)))
    counting.cancel()

    assert [facts.active_users for facts in told] == [1] * 20
    assert turns > 1


async def test_an_account_id_is_a_value_and_never_a_statement(
    warehouse: Warehouse, connect: Connect
) -> None:
    """What looks like SQL is an account that nobody knows."""
    warehouse.use(GLOBEX, "ann", on=YESTERDAY)

    told = await connect().adoption("' OR '1'='1", END_OF_TODAY)

    assert (told.active_users, told.as_of) == (0, None)


async def test_a_database_that_is_away_is_unavailable_and_its_url_stays_secret(
    warehouse: Warehouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither host nor password is in what is said."""
    away = {
        "sqlite": "sqlite:////nowhere/canary.db",
        "postgresql": "postgresql://canary:canary-77@127.0.0.1:1/canary",
    }
    monkeypatch.setenv(URL_VARIABLE, away[warehouse.backend])

    with pytest.raises(Unavailable) as caught:
        await connect().adoption(GLOBEX, END_OF_TODAY)

    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", ["mysql://u:canary-77@db/usage", "canary-77", "sqlite://"])
def test_another_kind_of_database_is_misconfigured(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Only for these two is it known how to forbid a write and end a question."""
    monkeypatch.setenv("USAGE", url)
    source = {"name": "warehouse", "url": "env:USAGE", "table": "t"}
    columns = {"account": "a", "user": "u", "day": "d"}

    with pytest.raises(Misconfigured) as caught:
        WarehouseUsage.from_source(UsageSource(**source, columns=columns))

    assert "canary-77" not in str(caught.value)
