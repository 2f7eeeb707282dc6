"""What changed in Gainsight: our onboardings and their tasks, asked for by time of modification.

Gainsight has no feed. A poll reads the days around its place, takes what was modified after it and
goes on from there; it looks back a little each time, because lists may learn of a change late. The
event id absorbs what is told again.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, Self

from adapters.gainsight.api import CTA, TASK, GainsightApi
from adapters.gainsight.auth import authentication
from adapters.gainsight.changes import (
    CTA_CHANGE_FIELDS,
    OWNER_FIELDS,
    TASK_CHANGE_FIELDS,
    Completion,
    from_gainsight_change,
    from_gainsight_onboarding,
    from_gainsight_task,
    moment_of,
    version_of,
)
from adapters.gainsight.errors import GAINSIGHT_ERRORS
from adapters.gainsight.mapping import REFERENCE_FIELD, Record, where
from adapters.gainsight.modified import ModifiedList, windows
from adapters.http import HttpClient
from canonical.connections import Connection
from canonical.errors import CursorExpired, Malformed, Misconfigured, NotFound
from canonical.facts import AnyFacts, Kind
from canonical.inbound import Channel, InboundEvent
from canonical.ports import ChangePage

CTAS, TASKS = "ctas", "tasks"
NOUNS = {CTAS: "cta", TASKS: "task"}
PAGE_SIZE = 500
OVERLAP = timedelta(minutes=5)
# No list learns of a change so late; an idle stream's place moves on, so its window stays short.
IDLE = timedelta(days=1)
CTAS_AT_ONCE = 100
OURS: Record = {"fieldName": REFERENCE_FIELD, "alias": "A", "value": [], "operator": "IS_NOT_NULL"}


@dataclass(frozen=True)
class _Place:
    """Where a sweep is: told up to (`version`, `gsid`), having begun at `floor`."""

    floor: str
    version: str
    gsid: str = ""

    @classmethod
    def at(cls, cursor: str) -> Self:
        """Raises CursorExpired for what is no cursor of ours."""
        try:
            floor, version, gsid = cursor.split("|")
            return cls(version_of(moment_of(floor)), version_of(moment_of(version)), gsid)
        except (ValueError, OverflowError, OSError):
            raise CursorExpired("this is no cursor of Gainsight's lists") from None

    @property
    def position(self) -> tuple[str, str]:
        """What was told last, in the order of telling."""
        return self.version, self.gsid

    def __str__(self) -> str:
        return f"{self.floor}|{self.version}|{self.gsid}"

    def swept(self, newest: str) -> "_Place":
        """Where the next sweep begins after one that saw nothing after `newest`."""
        floor = max(self.floor, version_of(moment_of(newest) - OVERLAP))
        return _Place(floor, floor)


class _Hint(NamedTuple):
    event: InboundEvent
    cta: str


class GainsightEvents:
    """The onboardings and tasks of one Gainsight tenant as a source of events."""

    def __init__(
        self, client: HttpClient, completion: Completion, *, page_size: int = PAGE_SIZE
    ) -> None:
        self._client = client
        self._api = GainsightApi(client)
        self._completion = completion
        self._page_size = page_size
        self._lists = {
            CTAS: ModifiedList(self._api, CTA, CTA_CHANGE_FIELDS, [OURS]),
            TASKS: ModifiedList(self._api, TASK, TASK_CHANGE_FIELDS, []),
        }

    @classmethod
    def from_connection(cls, connection: Connection, *, page_size: int = PAGE_SIZE) -> Self:
        """Build it from a connection; raises Misconfigured when a setting or secret is missing."""
        client = HttpClient(connection, authentication(connection), GAINSIGHT_ERRORS)
        return cls(client, Completion.from_connection(connection), page_size=page_size)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()

    def streams(self) -> list[str]:
        """Onboardings (calls to action) and their tasks."""
        return [CTAS, TASKS]

    def start(self, stream: str, since: datetime) -> str:
        """The place just before everything that was modified at `since`."""
        _check(stream)
        version = version_of(since.astimezone(UTC))
        return str(_Place(version, version))

    async def changes(self, stream: str, cursor: str) -> ChangePage:
        """The next changes in the order of their modification."""
        _check(stream)
        place, now = _Place.at(cursor), self._client.clock()
        since, newest = moment_of(place.version).date(), version_of(now - IDLE)
        *_, (_, end) = spans = list(windows(since, max(since, now.date())))
        for first, last in spans:
            found = await self._hints(stream, first, last, Channel.POLL)
            newest = max([newest, *(hint.event.version for hint in found)])
            after = [h for h in found if (h.event.version, h.event.subject) > place.position]
            fresh = await self._ours(stream, after)
            if fresh:
                break
        events = fresh[: self._page_size]
        if len(fresh) > len(events) or (events and last < end):
            last_told = events[-1]
            here = _Place(place.floor, last_told.version, last_told.subject)
            up_to = moment_of(last_told.version)
            return ChangePage(events=events, cursor=str(here), read_up_to=up_to, more=True)
        return ChangePage(events=events, cursor=str(place.swept(newest)), read_up_to=now - OVERLAP)

    async def backfill(
        self, stream: str, since: datetime, until: datetime
    ) -> AsyncIterator[InboundEvent]:
        """A hint for each record last modified in the window."""
        async for event in self._window(stream, since, until, Channel.BACKFILL):
            yield event

    async def census(self, stream: str, since: datetime, until: datetime) -> dict[str, str]:
        """The records last modified in the window."""
        found: dict[str, str] = {}
        async for event in self._window(stream, since, until, Channel.POLL):
            found[event.subject] = max(event.version, found.get(event.subject, ""))
        return found

    async def read(self, event: InboundEvent) -> AnyFacts | None:
        """The onboarding or task as it is now; None for what belongs to no onboarding that we
        opened. Raises NotFound for what was deleted."""
        task: Record = {}
        if event.kind == Kind.TASK:
            task = await self._one(TASK, TASK_CHANGE_FIELDS, event.subject)
        cta = await self._one(CTA, CTA_CHANGE_FIELDS, str(task.get("CTAId") or event.subject))
        if not cta.get(REFERENCE_FIELD):
            return None
        owner = await self._owner(str(cta.get("CompanyId") or ""))
        try:
            if task:
                return from_gainsight_task(task, cta, owner, self._completion)
            return from_gainsight_onboarding(cta, owner, self._completion)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise Malformed(f"Gainsight's {event.type} {event.subject} lacks a field") from None

    async def _one(self, path: str, select: list[str], gsid: str) -> Record:
        found = await self._api.cockpit_page(path, select, where("fieldName", Gsid=gsid))
        if not found:
            raise NotFound(f"Gainsight has no {path.rpartition('/')[2]} {gsid}", about=gsid)
        return found[0]

    async def _owner(self, company_id: str) -> Record:
        same = where("name", Gsid=company_id)
        found = await self._api.query("Company", OWNER_FIELDS, same, limit=1) if company_id else []
        return found[0] if found else {}

    async def _window(
        self, stream: str, since: datetime, until: datetime, channel: Channel
    ) -> AsyncIterator[InboundEvent]:
        _check(stream)
        begin, end = since.astimezone(UTC), until.astimezone(UTC)
        told: set[str] = set()
        for first, last in windows(begin.date(), end.date()):
            found = await self._hints(stream, first, last, channel)
            within = [h for h in found if version_of(begin) <= h.event.version <= version_of(end)]
            fresh = [hint for hint in within if hint.event.event_id not in told]
            told |= {hint.event.event_id for hint in fresh}
            for event in await self._ours(stream, fresh):
                yield event

    async def _hints(self, stream: str, first: date, last: date, channel: Channel) -> list[_Hint]:
        """What was modified in a span of days, in order and once each."""
        connection, now = self._client.connection, self._client.clock()
        found: dict[str, _Hint] = {}
        for row in await self._lists[stream].between(first, last):
            try:
                event = from_gainsight_change(NOUNS[stream], row, connection, now, channel)
            except (KeyError, TypeError, ValueError, OverflowError):
                raise Malformed(f"Gainsight's list of {stream} lacks a field") from None
            found[event.event_id] = _Hint(event, str(row.get("CTAId") or ""))
        return sorted(found.values(), key=lambda hint: (hint.event.version, hint.event.subject))

    async def _ours(self, stream: str, hints: list[_Hint]) -> list[InboundEvent]:
        """The hints of our onboardings: tasks are told by their call to action."""
        if stream == CTAS:
            return [hint.event for hint in hints]
        asked = sorted({hint.cta for hint in hints if hint.cta})
        ours: set[str] = set()
        for start in range(0, len(asked), CTAS_AT_ONCE):
            several = asked[start : start + CTAS_AT_ONCE]
            among = {"fieldName": "Gsid", "alias": "B", "value": several, "operator": "IN"}
            clause = {"conditions": [OURS, among], "expression": "A AND B"}
            rows = await self._api.cockpit_page(CTA, ["Gsid"], clause)
            ours |= {str(row.get("Gsid")) for row in rows}
        return [hint.event for hint in hints if hint.cta in ours]


def _check(stream: str) -> None:
    if stream not in NOUNS:
        known = ", ".join(NOUNS)
        raise Misconfigured(f"Gainsight has no stream {stream!r}; there are {known}", about=stream)
