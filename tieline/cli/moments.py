"""Moments as people type them."""

import re
from datetime import UTC, datetime, timedelta

from canonical.errors import Misconfigured

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(option: str, text: str, now: datetime) -> datetime | None:
    """`2026-11-03`, `2026-11-03T09:30Z` (UTC where it says nothing) or `36h` ago; None for nothing.

    Raises Misconfigured naming the option.
    """
    if not text:
        return None
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Misconfigured(f"{option}: give a time (2026-11-03T09:30Z) or an age (36h)") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
