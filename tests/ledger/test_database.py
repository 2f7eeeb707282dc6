"""The ledger's database: whole transactions, clear sentences, tables that match the models."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlmodel import Session

from canonical.errors import Misconfigured, Unavailable
from ledger.database import Database
from ledger.engines import parse
from ledger.inbox import Inbox
from ledger.migrate import config, is_current, upgrade
from ledger.models import metadata

INSERT = "INSERT INTO evidence (digest, body, kept_at) VALUES ('{}', '{{}}', '2026-03-02 09:00:00')"


def keep(digest: str, *, fail: bool = False) -> object:
    """A transaction that keeps a body, and may fail after it did."""

    def work(session: Session) -> str:
        session.connection().execute(text(INSERT.format(digest)))
        if fail:
            raise LookupError(digest)
        return digest

    return work


async def test_transactions_that_share_a_commit_fail_alone(db: Database) -> None:
    """One of many concurrent ones raises; the others stand."""
    works = [keep(f"d{number}", fail=number == 3) for number in range(8)]

    outcomes = await asyncio.gather(*(db.run(work) for work in works), return_exceptions=True)

    assert isinstance(outcomes[3], LookupError)
    kept = await db.read(
        lambda s: s.connection().execute(text("SELECT count(*) FROM evidence")).scalar_one()
    )
    assert kept == 7


async def test_a_transaction_runs_to_its_end_when_its_caller_is_cancelled(db: Database) -> None:
    """What was asked for is not left half done."""
    task = asyncio.create_task(db.run(keep("d1")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await db.close()

    again = Database.open(db.url.render_as_string(hide_password=False))
    statement = text("SELECT digest FROM evidence")
    assert await again.read(lambda s: s.connection().execute(statement).scalars().all()) == ["d1"]
    await again.close()


async def test_two_processes_write_to_one_ledger(db: Database, url: str) -> None:
    """Each waits for the other's lock instead of failing."""
    other = Database.open(url)

    await asyncio.gather(
        *(db.run(keep(f"a{number}")) for number in range(20)),
        *(other.run(keep(f"b{number}")) for number in range(20)),
    )

    statement = text("SELECT count(*) FROM evidence")
    assert await db.read(lambda s: s.connection().execute(statement).scalar_one()) == 40
    await other.close()


def test_migrations_lead_from_nothing_to_the_models(empty_url: str) -> None:
    """Applied twice, they leave exactly the tables that the program declares."""
    assert not is_current(empty_url)
    upgrade(empty_url)
    upgrade(empty_url)

    assert is_current(empty_url)
    engine = create_engine(parse(empty_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_bus_that_was_heard_before_is_watched_after_the_migration_and_a_polled_feed_stays_one(
    empty_url: str,
) -> None:
    """Which of its places are of a bus was never written down; only a bus's begin with a slash."""
    insert = (
        "INSERT INTO cursors (connection, stream, cursor, read_up_to, polled_at, stored, error) "
        "VALUES ('crm', :stream, '7', '2026-03-02 09:00:00+00:00', '2026-03-02 09:01:00+00:00', "
        "1, '')"
    )
    engine = create_engine(parse(empty_url))
    with engine.begin() as connection:
        command.upgrade(config(connection), "0004")
        for stream in ("/event/Order_Closed_Won__e", "opportunities"):
            connection.execute(text(insert), {"stream": stream})
        command.upgrade(config(connection), "head")
        heard = connection.execute(
            text("SELECT stream, heard_since = polled_at FROM cursors ORDER BY stream")
        ).all()
        command.downgrade(config(connection), "0004")
    engine.dispose()

    assert [(stream, since and bool(since)) for stream, since in heard] == [
        ("/event/Order_Closed_Won__e", True),
        ("opportunities", None),
    ]


def test_a_clock_of_before_has_no_value_and_outlives_the_way_back(empty_url: str) -> None:
    """What its contract is worth is known again when the contract is read."""
    names = (
        "connection, contract_id, account_id, opportunity_id, legal_entity, decided_by, state, "
        "forecast, outcome, snapshot_id, terms_version, workflow_id, updated_at"
    )
    given = ", ".join(["'x'"] * 12 + ["'2026-03-02 09:00:00+00:00'"])
    engine = create_engine(parse(empty_url))
    with engine.begin() as connection:
        command.upgrade(config(connection), "0007")
        connection.execute(text(f"INSERT INTO renewals ({names}) VALUES ({given})"))
        command.upgrade(config(connection), "0008")
        valued = connection.execute(text("SELECT value_minor, value_currency FROM renewals")).all()
        command.downgrade(config(connection), "0007")
        left = connection.execute(text("SELECT * FROM renewals")).mappings().all()
    engine.dispose()

    assert valued == [(None, None)]
    assert [(row["contract_id"], "value_minor" in row) for row in left] == [("x", False)]


async def test_several_workers_may_migrate_at_the_same_moment(empty_url: str) -> None:
    """They take turns, and the later ones find nothing to do."""
    await asyncio.gather(*(asyncio.to_thread(upgrade, empty_url) for _ in range(2)))

    assert is_current(empty_url)


async def test_a_ledger_without_tables_says_what_to_do(empty_url: str) -> None:
    """One sentence, instead of a driver's traceback."""
    database = Database.open(empty_url)

    with pytest.raises(Misconfigured, match="apply its migrations"):
        await Inbox(database).pending(1)

    await database.close()


def test_a_server_that_does_not_listen_is_unavailable_and_keeps_its_password() -> None:
    """The sentence names the place, never the credentials."""
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1/tieline\) does not answer") as error:
        Database.open("postgresql://ledger:s3cret@127.0.0.1:1/tieline")

    assert "s3cret" not in str(error.value)


def test_a_database_that_does_not_exist_is_a_setting_to_repair(empty_url: str) -> None:
    """A wrong name is not an outage."""
    if empty_url.startswith("sqlite"):
        wrong = "sqlite:////proc/nowhere/ledger.db"
    else:
        wrong = parse(empty_url).set(database="nowhere").render_as_string(hide_password=False)

    with pytest.raises(Misconfigured, match="cannot be opened"):
        Database.open(wrong)


def test_a_file_that_is_not_a_database_is_a_setting_to_repair(tmp_path: Path) -> None:
    """Somebody pointed the ledger at a spreadsheet."""
    path = tmp_path / "orders.csv"
    path.write_text("id,name\n" * 200)

    with pytest.raises(Misconfigured, match="cannot be opened"):
        Database.open(f"sqlite:///{path}")


@pytest.mark.parametrize("url", ["mysql://root@localhost/tieline", "sqlite://", "nonsense"])
def test_only_files_and_postgres_can_be_ledgers(url: str) -> None:
    """An in-memory ledger would forget what it promised to keep."""
    with pytest.raises(Misconfigured):
        Database.open(url)
