"""Moments in SuiteQL: shown in the account's own zone and format unless the query asks otherwise.

Moments are kept as `YYYY-MM-DD~HH:MM:SS` in the account's zone: text that sorts, that compares with
a date, and that no answer may show as it is.
"""

import re
from datetime import datetime, timedelta

ZONE_HOURS = -8  # Pacific, as accounts are set up unless somebody changes it
KEPT = re.compile(r"\d{4}-\d\d-\d\d~\d\d:\d\d:\d\d")
FIELDS = (
    ("YYYY", "%Y"), ("HH24", "%H"), ("MM", "%m"), ("DD", "%d"), ("MI", "%M"), ("SS", "%S"),
)  # fmt: skip
KEPT_FORMAT = "%Y-%m-%d~%H:%M:%S"


def kept(stamp: str) -> str:
    """A record's UTC stamp (`2026-11-25T10:00:00Z`) as the mirror keeps it."""
    moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")
    return (moment + timedelta(hours=ZONE_HOURS)).strftime(KEPT_FORMAT)


def shown(value: str) -> str:
    """A kept moment in the account's date format, which has no time of day."""
    moment = datetime.strptime(value, KEPT_FORMAT)
    return f"{moment.month}/{moment.day}/{moment.year}"


def sys_extract_utc(value: str | None) -> str | None:
    """The same moment in UTC."""
    if value is None:
        return None
    moment = datetime.strptime(value, KEPT_FORMAT)
    return (moment - timedelta(hours=ZONE_HOURS)).strftime(KEPT_FORMAT)


def to_char(value: object, pattern: str = "") -> str | None:
    """A date or moment in a format of Oracle's; other values as their text."""
    if value is None:
        return None
    text = str(value)
    if not pattern or not re.match(r"\d{4}-\d\d-\d\d", text):
        return text
    moment = datetime.strptime(text, KEPT_FORMAT if "~" in text else "%Y-%m-%d")
    return moment.strftime(_python_format(pattern))


def to_timestamp(value: str | None, pattern: str) -> str | None:
    """A text in a format of Oracle's as a moment; raises ValueError when it does not fit."""
    if value is None:
        return None
    return datetime.strptime(value, _python_format(pattern)).strftime(KEPT_FORMAT)


def to_date(value: str | None, pattern: str = "") -> str | None:
    """A text as a date; the American way of writing one is understood without a format."""
    if value is not None and pattern and "YYYY-MM-DD" in pattern:
        return value[:10]
    parts = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", value or "")
    return f"{parts[3]}-{int(parts[1]):02d}-{int(parts[2]):02d}" if parts else value


def trunc(value: str | None) -> str | None:
    """The day of a moment, in the account's zone."""
    return None if value is None else value[:10]


def _python_format(pattern: str) -> str:
    # Quoted parts of a pattern stand for themselves.
    pieces = re.split(r'"([^"]*)"', pattern)
    for place in range(0, len(pieces), 2):
        for theirs, ours in FIELDS:
            pieces[place] = pieces[place].replace(theirs, ours)
    return "".join(pieces)
