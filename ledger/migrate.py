"""Brings a ledger's tables to the version this program needs (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from ledger.engines import parse, postgres_engine, sqlite_engine
from ledger.faults import explained

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 7_454_696  # one migration at a time; the number only has to be ours


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, on an open connection."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def _engine(url: str) -> Engine:
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        return sqlite_engine(parsed, begin="BEGIN IMMEDIATE", pool_size=1)
    return postgres_engine(parsed, pool_size=1)


def upgrade(url: str) -> None:
    """Apply what is missing, in one transaction; safe to call again, and from several processes.

    Raises Misconfigured or Unavailable when the database cannot be used.
    """
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
            command.upgrade(config(connection), "head")
    except SQLAlchemyError as error:
        raise explained(error, parse(url)) or error from error
    finally:
        engine.dispose()


def is_current(url: str) -> bool:
    """Whether the ledger has the tables this program needs."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            applied = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        raise explained(error, parse(url)) or error from error
    finally:
        engine.dispose()
    return applied == ScriptDirectory.from_config(config()).get_current_head()
