"""Times on the command line: read as they are typed, shown as people say them."""

from datetime import UTC, datetime

from canonical.errors import Misconfigured


def moment(option: str, text: str) -> datetime | None:
    """A date or time as typed, in UTC unless it says otherwise; raises Misconfigured."""
    if not text:
        return None
    try:
        typed = datetime.fromisoformat(text)
    except ValueError:
        raise Misconfigured(
            f"{option}: {text!r} is no date or time; write 2026-11-20 or 2026-11-20T09:30"
        ) from None
    return typed if typed.tzinfo else typed.replace(tzinfo=UTC)


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
