"""What a database's error means to us; its text, which may quote data, goes no further."""

from sqlalchemy.exc import SQLAlchemyError

from canonical.errors import Misconfigured, TielineError, Unauthorized, Unavailable

# SQLSTATE by its beginning: the longest that fits decides.
STATES: dict[str, tuple[type[TielineError], str]] = {
    "42501": (Unauthorized, "its user may not read the table"),
    "28": (Unauthorized, "its credentials are refused"),
    "42": (Misconfigured, "a table or column is not as declared"),
    "3F": (Misconfigured, "there is no such schema"),
    "3D": (Misconfigured, "there is no such database"),
    "22": (Misconfigured, "a column holds other values than declared"),
    "57014": (Unavailable, "the question took too long"),
}
# SQLite has no such states, and PostgreSQL tells none while connecting.
PHRASES: tuple[tuple[str, type[TielineError], str], ...] = (
    ("authentication failed", Unauthorized, "its credentials are refused"),
    ("no such table", Misconfigured, "a table or column is not as declared"),
    ("no such column", Misconfigured, "a table or column is not as declared"),
    ("not a database", Misconfigured, "its file is no SQLite database"),
    ("interrupted", Unavailable, "the question took too long"),
    ("unable to open", Unavailable, "its file cannot be opened"),
)


def canonical_error(error: SQLAlchemyError, about: str) -> TielineError:
    """The error to raise instead."""
    cause = getattr(error, "orig", None)
    state = str(getattr(cause, "sqlstate", None) or "")
    fitting = [start for start in STATES if state.startswith(start)]
    if fitting:
        kind, what = STATES[max(fitting, key=len)]
        return kind(f"usage {about}: {what}", about=about)
    text = str(cause or "").lower()
    for phrase, kind, what in PHRASES:
        if phrase in text:
            return kind(f"usage {about}: {what}", about=about)
    return Unavailable(f"usage {about}: the database does not answer", about=about)
