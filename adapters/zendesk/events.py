"""What changed in Zendesk: the incremental ticket export, and the ticket itself read again.

The export leaves out the last minute and may tell a ticket again whose own `updated_at` did not
move (Zendesk's system updates); the event id absorbs both.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from adapters.http import Answer, HttpClient
from adapters.zendesk.auth import authentication
from adapters.zendesk.errors import ZENDESK_ERRORS
from adapters.zendesk.pace import pace_of
from adapters.zendesk.tickets import (
    SOLVED,
    Escalation,
    Ticket,
    from_zendesk_change,
    from_zendesk_ticket,
    is_deleted,
    moment_of,
    version_of,
)
from canonical.connections import Connection
from canonical.errors import CursorExpired, Malformed, Misconfigured, NotFound
from canonical.facts import CaseFacts
from canonical.inbound import Channel, InboundEvent
from canonical.ports import ChangePage

TICKETS = "tickets"
EXPORT = "/api/v2/incremental/tickets/cursor"
PAGE_SIZE = 1000
PAGES_MAX = 1000
EXCLUDED_SECONDS = 60
# Our clock and theirs may differ by so much before the export refuses or skips anything.
CLOCK_SECONDS = 15
# Zendesk does not document how it refuses a cursor; any of these, to a cursor, means that.
REFUSED_CURSOR = (400, 404, 410, 422)


@dataclass(frozen=True)
class _Exported:
    answer: Answer
    tickets: list[Ticket]
    after: str
    ended: bool


class ZendeskEvents:
    """The tickets of one Zendesk account as a source of events."""

    def __init__(
        self, client: HttpClient, escalation: Escalation, *, page_size: int = PAGE_SIZE
    ) -> None:
        self._client = client
        self._escalation = escalation
        self._page_size = page_size

    @classmethod
    def from_connection(cls, connection: Connection, *, page_size: int = PAGE_SIZE) -> Self:
        """Build it from a connection; raises Misconfigured when a setting or secret is missing."""
        client = HttpClient(connection, authentication(connection), ZENDESK_ERRORS)
        return cls(client, Escalation.from_connection(connection), page_size=page_size)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def streams(self) -> list[str]:
        """Tickets only."""
        return [TICKETS]

    def start(self, stream: str, since: datetime) -> str:
        """A cursor of our own, which the first poll exchanges for one of Zendesk's."""
        _check(stream)
        return f"start:{int(since.timestamp())}"

    async def changes(self, stream: str, cursor: str) -> ChangePage:
        """The next page of the export; raises CursorExpired when Zendesk refuses the cursor."""
        _check(stream)
        pace_of(self._client.connection).take(time.monotonic())
        now = self._client.clock()
        exported = await self._export(cursor, now)
        events = [self._hint(exported, ticket, Channel.POLL) for ticket in exported.tickets]
        return ChangePage(
            events=events,
            cursor=f"cursor:{exported.after}" if exported.after else cursor,
            read_up_to=_read_up_to(exported, now),
            more=not exported.ended,
        )

    async def backfill(
        self, stream: str, since: datetime, until: datetime
    ) -> AsyncIterator[InboundEvent]:
        """A hint for each ticket last changed in the window; waits for its turn between pages."""
        _check(stream)
        async for exported, ticket in self._window(since, until):
            yield self._hint(exported, ticket, Channel.BACKFILL)

    async def census(self, stream: str, since: datetime, until: datetime) -> dict[str, str]:
        """The tickets last changed in the window; deleted ones are not counted."""
        _check(stream)
        found: dict[str, str] = {}
        async for exported, ticket in self._window(since, until):
            if not is_deleted(ticket):
                event = self._hint(exported, ticket, Channel.POLL)
                found[event.subject] = max(event.version, found.get(event.subject, ""))
        return found

    async def read(self, event: InboundEvent) -> CaseFacts:
        """The ticket as it is now, with its organization's CRM account."""
        answer = await self._get(f"/api/v2/tickets/{event.subject}")
        ticket = _record(answer, "ticket")
        account_id = await self._account(ticket.get("organization_id"))
        solved = ticket.get("status") in SOLVED
        solved_at = await self._solved_at(event.subject) if solved else None
        try:
            return from_zendesk_ticket(ticket, account_id, solved_at, self._escalation)
        except (KeyError, TypeError, ValueError):
            raise answer.unreadable("not a ticket") from None

    async def _account(self, organization_id: Any) -> str:
        if not organization_id:
            return ""
        try:
            answer = await self._get(f"/api/v2/organizations/{int(organization_id)}")
        except NotFound:
            return ""
        return str(_record(answer, "organization").get("external_id") or "")

    async def _solved_at(self, ticket_id: str) -> datetime | None:
        try:
            answer = await self._get(f"/api/v2/tickets/{ticket_id}/metrics")
            stated = _record(answer, "ticket_metric").get("solved_at")
            return moment_of(stated) if stated else None
        except NotFound:
            return None
        except ValueError:
            raise answer.unreadable("not a ticket's metrics") from None

    async def _window(
        self, since: datetime, until: datetime
    ) -> AsyncIterator[tuple[_Exported, Ticket]]:
        cursor = self.start(TICKETS, since)
        first, last = version_of(since.astimezone(UTC)), version_of(until.astimezone(UTC))
        for _ in range(PAGES_MAX):
            await pace_of(self._client.connection).turn()
            exported = await self._export(cursor, self._client.clock())
            for ticket in exported.tickets:
                if first <= version_of(_changed_at(exported, ticket)) <= last:
                    yield exported, ticket
            # What comes after the window was changed after it, which the feed tells.
            if exported.ended or (exported.tickets and _export_time(exported) > until):
                return
            cursor = f"cursor:{exported.after}"
        raise Malformed(f"the ticket export has more than {PAGES_MAX} pages")

    async def _export(self, cursor: str, now: datetime) -> _Exported:
        kind, _, place = cursor.partition(":")
        if kind not in ("start", "cursor") or not place or (kind == "start" and not _whole(place)):
            raise CursorExpired("this is no cursor of the ticket export", about=TICKETS)
        params: dict[str, str | int] = {"per_page": self._page_size}
        if kind == "start":
            latest = int(now.timestamp()) - EXCLUDED_SECONDS - CLOCK_SECONDS
            params["start_time"] = max(min(int(place), latest), 1)
        else:
            params["cursor"] = place
        expected = REFUSED_CURSOR if kind == "cursor" else ()
        answer = await self._get(EXPORT, params=params, expect=expected)
        if not answer.ok:
            raise CursorExpired("Zendesk no longer takes the export's cursor", about=TICKETS)
        return _exported(answer, place)

    async def _get(
        self, path: str, params: dict[str, str | int] | None = None, expect: tuple[int, ...] = ()
    ) -> Answer:
        return await self._client.request("GET", path, write=False, params=params, expect=expect)

    def _hint(self, exported: _Exported, ticket: Ticket, channel: Channel) -> InboundEvent:
        try:
            connection, now = self._client.connection, self._client.clock()
            return from_zendesk_change(ticket, connection, now, channel)
        except (KeyError, TypeError, ValueError):
            raise exported.answer.unreadable("not a ticket export") from None


def _exported(answer: Answer, place: str) -> _Exported:
    body = answer.json
    tickets = body.get("tickets") if isinstance(body, dict) else None
    ended = body.get("end_of_stream") if isinstance(body, dict) else None
    if not isinstance(tickets, list) or not isinstance(ended, bool):
        raise answer.unreadable("not a ticket export")
    after = str(body.get("after_cursor") or "")
    if not ended and (after in ("", place) or not tickets):
        raise answer.unreadable("an export that does not go on")
    return _Exported(answer, tickets, after, ended)


def _read_up_to(exported: _Exported, now: datetime) -> datetime:
    if exported.ended:
        return now - timedelta(seconds=EXCLUDED_SECONDS + CLOCK_SECONDS)
    return _export_time(exported)


def _export_time(exported: _Exported) -> datetime:
    """Up to when a page tells: exports are in the order of `generated_timestamp`."""
    last = exported.tickets[-1]
    stamp = last.get("generated_timestamp") if isinstance(last, dict) else None
    if isinstance(stamp, int):
        return datetime.fromtimestamp(stamp, UTC)
    return _changed_at(exported, last)


def _changed_at(exported: _Exported, ticket: Ticket) -> datetime:
    try:
        return moment_of(ticket["updated_at"])
    except (KeyError, TypeError, ValueError):
        raise exported.answer.unreadable("not a ticket export") from None


def _record(answer: Answer, noun: str) -> dict[str, Any]:
    body = answer.json
    record = body.get(noun) if isinstance(body, dict) else None
    if not isinstance(record, dict):
        raise answer.unreadable(f"without {noun}")
    return record


def _check(stream: str) -> None:
    if stream != TICKETS:
        raise Misconfigured(f"Zendesk has no stream {stream!r}; there is {TICKETS}", about=stream)


def _whole(text: str) -> bool:
    return text.lstrip("-").isdecimal()
