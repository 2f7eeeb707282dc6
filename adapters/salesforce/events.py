"""Salesforce as a source of events: won opportunities, by a poll that forgets nothing."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Self

import orjson

from adapters.http import HttpClient, require_environment
from adapters.salesforce.api import Batch, Row, SalesforceApi, missing
from adapters.salesforce.errors import ERRORS
from adapters.salesforce.ids import id18
from adapters.salesforce.mapping import (
    from_salesforce_facts,
    moment_of,
    stamp_of,
    to_salesforce_stamp,
)
from adapters.salesforce.oauth import looks_live, salesforce_auth
from adapters.salesforce.place import Place
from adapters.salesforce.soql import changed_query, facts_query
from canonical.connections import Connection
from canonical.errors import Malformed, Misconfigured
from canonical.facts import AnyFacts, Kind
from canonical.inbound import BACKFILL_PRIORITY, NORMAL_PRIORITY, Channel, InboundEvent
from canonical.ports.events import ChangePage, EventsPort

OPPORTUNITIES = "opportunities"
CLOSED_WON = "opportunity.closed_won"
PAGE_ROWS = 500
WINDOW_PAGES_MAX = 2000


class SalesforceEvents(EventsPort):
    """Tells of every won opportunity that changed, under the id of the signed callout.

    `currency` is the org's only currency; empty for an org with several, whose records state it.
    """

    def __init__(
        self, client: HttpClient, *, currency: str = "", page_rows: int = PAGE_ROWS
    ) -> None:
        self._client = client
        self._api = SalesforceApi(client)
        self._currency = currency
        self._page_rows = page_rows

    @classmethod
    def from_connection(cls, connection: Connection, *, page_rows: int = PAGE_ROWS) -> Self:
        """Build it; raises Misconfigured when a setting is missing or the environment is wrong."""
        require_environment(connection, looks_live(connection))
        client = HttpClient(connection, salesforce_auth(connection), ERRORS)
        return cls(
            client, currency=connection.options.get("currency", ""), page_rows=page_rows
        )  # fmt: skip

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def streams(self) -> list[str]:
        """Only the opportunities."""
        return [OPPORTUNITIES]

    def start(self, stream: str, since: datetime) -> str:
        """The cursor from which everything that changed at or after `since` is told."""
        _known(stream)
        return Place.since(since).cursor

    async def changes(self, stream: str, cursor: str) -> ChangePage:
        """The next page; each pass tells the overlap of the one before again, under the same ids.

        Raises CursorExpired only for a cursor that is none: the query itself forgets nothing.
        """
        _known(stream)
        place = Place.read(cursor)
        batch = await self._batch(place)
        more = len(batch.rows) >= self._page_rows
        following = place.behind(batch.rows[-1], batch.at) if more else place.end(batch.at)
        return ChangePage(
            events=[self._event(row, Channel.POLL) for row in batch.rows],
            cursor=following.cursor,
            read_up_to=following.complete_to,
            more=more,
        )

    async def backfill(
        self, stream: str, since: datetime, until: datetime
    ) -> AsyncIterator[InboundEvent]:
        """A hint for each won opportunity whose last change lies in the window."""
        _known(stream)
        async for row in self._window(since, until):
            yield self._event(row, Channel.BACKFILL)

    async def census(self, stream: str, since: datetime, until: datetime) -> dict[str, str]:
        """Every won opportunity whose last change lies in the window, with that change's stamp.

        One that changed again after the window is not in it: Salesforce keeps one stamp a record.
        """
        _known(stream)
        return {_deal(row): stamp_of(row) async for row in self._window(since, until)}

    async def read(self, event: InboundEvent) -> AnyFacts:
        """The opportunity as it is now; raises NotFound when it is gone."""
        deal = id18(event.subject)
        if event.kind != Kind.OPPORTUNITY or deal is None:
            raise Malformed("this event names no opportunity", about=event.event_id)
        batch = await self._api.batch(facts_query(deal, multi_currency=not self._currency))
        if not batch.rows:
            raise missing("opportunity", deal)
        return from_salesforce_facts(batch.rows[0], self._currency)

    async def _window(self, since: datetime, until: datetime) -> AsyncIterator[Row]:
        place = Place.since(since)
        for _ in range(WINDOW_PAGES_MAX):
            batch = await self._batch(place, until)
            for row in batch.rows:
                yield row
            if len(batch.rows) < self._page_rows:
                return
            place = place.behind(batch.rows[-1], batch.at)
        raise Malformed(f"more than {WINDOW_PAGES_MAX * self._page_rows} deals changed in a window")

    async def _batch(self, place: Place, until: datetime | None = None) -> Batch:
        end = to_salesforce_stamp(until) if until else ""
        query = changed_query(_literal(place.at), _literal(end), place.after, self._page_rows)
        return await self._api.batch(query)

    def _event(self, row: Row, channel: Channel) -> InboundEvent:
        deal, stamp = _deal(row), stamp_of(row)
        connection = self._client.connection
        return InboundEvent(
            source=connection.name,
            event_id=f"sf:{deal}:{stamp}",
            type=CLOSED_WON,
            kind=Kind.OPPORTUNITY,
            subject=deal,
            version=stamp,
            channel=channel,
            priority=BACKFILL_PRIORITY if channel is Channel.BACKFILL else NORMAL_PRIORITY,
            occurred_at=moment_of(stamp),
            environment=connection.environment,
            body=orjson.dumps(row),
            received_at=self._client.clock(),
        )


def _known(stream: str) -> None:
    if stream != OPPORTUNITIES:
        raise Misconfigured(f"Salesforce has no stream {stream}", about=stream)


def _deal(row: Row) -> str:
    deal = id18(str(row.get("Id", "")))
    if deal is None:
        raise Malformed("Salesforce answered a changed opportunity without its id")
    return deal


def _literal(stamp: str) -> str:
    return stamp.replace("+0000", "Z")
