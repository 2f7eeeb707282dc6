"""Times on the command line: read as they are typed, shown as people say them."""

import re
from datetime import UTC, datetime, timedelta

from canonical.errors import Misconfigured

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(option: str, text: str, now: datetime | None = None) -> datetime | None:
    """`2026-11-03`, `2026-11-03T09:30Z` (UTC where it says nothing) or `36h` ago; None for nothing.

    Raises Misconfigured naming the option.
    """
    if not text:
        return None
    if ago := _AGO.fullmatch(text):
        return (now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Misconfigured(
            f"{option}: {text!r} is no time; give one (2026-11-03T09:30Z) or an age (36h)"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def shown(at: datetime | None) -> str:
    """A time to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}Z" if at else ""


def lasting(seconds: float | None) -> str:
    """A duration in its two largest units."""
    if seconds is None:
        return ""
    left = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        number, left = divmod(left, size)
        if number or (unit == "s" and not parts):
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])
