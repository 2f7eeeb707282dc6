"""What a database's complaint means to us: one clear sentence, without credentials."""

from sqlalchemy import URL, exc

from canonical.errors import Misconfigured, TielineError, Unavailable

RETRIED_STATES = {"40001", "40P01"}  # serialization failure, deadlock (PostgreSQL appendix A)
SCHEMA_STATES = {"42P01", "42703", "3F000"}  # no such table, column, schema
SCHEMA_WORDS = ("no such table", "no such column", "has no column named")
SETTING_WORDS = (
    "unable to open database file",
    "file is not a database",
    "authentication failed",
    "does not exist",
    "no password supplied",
    "could not translate host name",
    "name or service not known",
)


def ledger_name(url: URL) -> str:
    """The ledger as people may see it: no user, no password."""
    place = f"{url.host}:{url.port or 5432}/" if url.host else ""
    return f"{url.get_backend_name()} {place}{url.database or ''}"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def sql_state(error: exc.DBAPIError) -> str:
    """PostgreSQL's five-character condition, empty where there is none."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def is_retried(error: exc.DBAPIError) -> bool:
    """Whether the transaction was rolled back whole and may simply run again."""
    return sql_state(error) in RETRIED_STATES


def explained(error: exc.SQLAlchemyError, url: URL) -> TielineError | None:
    """Unavailable or Misconfigured when that is what the error says; None for anything else."""
    name = ledger_name(url)
    if isinstance(error, exc.TimeoutError):
        return Unavailable(f"The ledger ({name}) has no connection free.", about="ledger")
    if not isinstance(error, exc.DBAPIError):
        return None
    said = _first_line(error.orig or error)
    words = said.lower()
    if sql_state(error) in SCHEMA_STATES or any(word in words for word in SCHEMA_WORDS):
        return Misconfigured(
            f"The ledger ({name}) lacks a table or column: apply its migrations.", about="ledger"
        )
    if isinstance(error, exc.DatabaseError) and any(word in words for word in SETTING_WORDS):
        return Misconfigured(f"The ledger ({name}) cannot be opened: {said}", about="ledger")
    if isinstance(error, exc.OperationalError | exc.InterfaceError) or is_retried(error):
        return Unavailable(f"The ledger ({name}) does not answer: {said}", about="ledger")
    return None
