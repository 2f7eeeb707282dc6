"""How current a report is: when it was made, how old its sources are, what it lacks (R21, R22).

A report is `stale` when a source is older than the limit that the catalogue declares for it, and
`incomplete` when something that it counts on was never read, or is not known.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from canonical.orders import Fact

SECONDS_PER_HOUR = 3600


class Age(StrEnum):
    """Whether a source is recent enough for a report."""

    FRESH = "fresh"
    STALE = "stale"
    NEVER_READ = "never_read"


class SourceAge(Fact):
    """What a report rests on, as of when; `as_of` is None for what was never read."""

    source: str
    as_of: datetime | None
    age_seconds: int | None
    limit_hours: int
    state: Age


class Freshness(Fact):
    """When a report was made (`as_of`), its oldest source, and why it may not be relied on."""

    as_of: datetime
    oldest: datetime | None
    oldest_age_seconds: int | None
    stale: bool
    incomplete: bool
    because: list[str] = []
    sources: list[SourceAge] = []


def source_age(source: str, as_of: datetime | None, limit_hours: int, now: datetime) -> SourceAge:
    """The age of one source against its limit; a clock that runs ahead of ours is not negative."""
    if as_of is None:
        state, seconds = Age.NEVER_READ, None
    else:
        seconds = max(0, int((now - as_of).total_seconds()))
        state = Age.STALE if seconds > limit_hours * SECONDS_PER_HOUR else Age.FRESH
    return SourceAge(
        source=source, as_of=as_of, age_seconds=seconds, limit_hours=limit_hours, state=state
    )


def ages(
    sources: Mapping[str, datetime | None], limit_hours: int, now: datetime
) -> list[SourceAge]:
    """The ages of several sources with one limit, in the order of their names."""
    return [source_age(name, sources[name], limit_hours, now) for name in sorted(sources)]


def freshness(
    sources: Iterable[SourceAge], now: datetime, missing: Iterable[str] = ()
) -> Freshness:
    """How current a report is; `missing` says in sentences what it could not know."""
    given = list(sources)
    never = [f"{one.source} was never read" for one in given if one.state is Age.NEVER_READ]
    lacks = [*missing, *never]
    if not given:
        lacks.append("no system that it would rest on is known")
    old = [
        f"{one.source} is older than {one.limit_hours} hours"
        for one in given
        if one.state is Age.STALE
    ]
    known = [one.as_of for one in given if one.as_of is not None]
    oldest = min(known, default=None)
    seconds = None if oldest is None else max(0, int((now - oldest).total_seconds()))
    return Freshness(
        as_of=now,
        oldest=oldest,
        oldest_age_seconds=seconds,
        stale=bool(old),
        incomplete=bool(lacks),
        because=[*old, *lacks],
        sources=given,
    )
