"""NetSuite as a source of events: what changed, by SuiteQL, and the record as it is now."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Self

import orjson

from adapters.http import HttpClient
from adapters.netsuite import facts, feed, overdue, suiteql
from adapters.netsuite.auth import token_auth
from adapters.netsuite.changes import INTERNAL_ID, hint
from adapters.netsuite.contracts import from_netsuite_contract
from adapters.netsuite.errors import NETSUITE_ERRORS
from adapters.netsuite.feed import Place
from adapters.netsuite.overdue import DuePlace
from adapters.netsuite.settings import RECORD, NetSuiteSettings
from adapters.netsuite.suiteql import Row
from canonical.connections import Connection
from canonical.errors import Malformed, NotFound
from canonical.facts import AnyFacts, Kind
from canonical.inbound import BACKFILL_PRIORITY, NORMAL_PRIORITY, Channel, InboundEvent
from canonical.ports.events import ChangePage
from canonical.renewal import ContractTerms

STREAM = "transactions"
# How long a transaction may take to become visible after the time that it is stamped with.
OVERLAP_SECONDS = 120
# A second is told once it is over: two changes within one have the same stamp, so the same id.
SETTLE_SECONDS = 2


class NetSuiteEvents:
    """The transactions of one NetSuite account, and the invoices that fall overdue, which changes
    none; both feeds are queries, so that they forget nothing."""

    def __init__(
        self,
        client: HttpClient,
        settings: NetSuiteSettings,
        *,
        rows_max: int = suiteql.PAGE_ROWS,
        overlap_seconds: int = OVERLAP_SECONDS,
    ) -> None:
        self._client = client
        self._settings = settings
        self._rows_max = rows_max
        self._overlap_seconds = overlap_seconds

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Build it from a connection; raises Misconfigured when a setting or secret is missing."""
        client = HttpClient(connection, token_auth(connection), NETSUITE_ERRORS)
        return cls(client, NetSuiteSettings.from_connection(connection))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def streams(self) -> list[str]:
        """What changed: invoices, payments, credits, sales orders; and what fell overdue."""
        return [STREAM, overdue.STREAM]

    def start(self, stream: str, since: datetime) -> str:
        """The place before everything that changed, or fell overdue, at or after `since`."""
        if stream == overdue.STREAM:
            return DuePlace.before(since).text()
        return Place.before(since).text()

    async def changes(self, stream: str, cursor: str) -> ChangePage:
        """The next changes; at the end, what follows is read again from a little earlier."""
        if stream == overdue.STREAM:
            return await self._fallen_overdue(cursor)
        place = Place.parse(cursor)
        begin = place.back(self._overlap_seconds) if place.resting else place
        page = await feed.page(self._client, begin, self._rows_max)
        settled = page.answered_at - timedelta(seconds=SETTLE_SECONDS)
        told = [row for row in page.rows if row["changed"] <= feed.stamp_of(settled)]
        more = page.more and len(told) == len(page.rows)
        read_up_to = settled - timedelta(seconds=self._overlap_seconds)
        if more:
            end = Place.after_row(told[-1])
            read_up_to = min(read_up_to, datetime.fromisoformat(end.after))
        else:
            newest = max([place.after, *(row["changed"] for row in told)])
            end = Place(newest, resting=True)
        events = [self._hint(row, Channel.POLL, NORMAL_PRIORITY) for row in told]
        return ChangePage(events=events, cursor=end.text(), read_up_to=read_up_to, more=more)

    async def _fallen_overdue(self, cursor: str) -> ChangePage:
        """The next invoices that are past their due date, by that date and their id."""
        place = DuePlace.parse(cursor)
        page = await overdue.page(self._client, place, self._rows_max)
        events = [self._overdue(row, Channel.POLL, NORMAL_PRIORITY) for row in page.rows]
        end = DuePlace.after_row(page.rows[-1]) if page.rows else place
        read_up_to = min(page.answered_at, end.passed_at) if page.more else page.answered_at
        return ChangePage(events=events, cursor=end.text(), read_up_to=read_up_to, more=page.more)

    async def backfill(
        self, stream: str, since: datetime, until: datetime
    ) -> AsyncIterator[InboundEvent]:
        """A hint for each change of the window, under the ids that it would have had anyway."""
        if stream == overdue.STREAM:
            async for row in overdue.window(self._client, since, until, self._rows_max):
                yield self._overdue(row, Channel.BACKFILL, BACKFILL_PRIORITY)
            return
        async for row in feed.window(self._client, since, until, self._rows_max):
            yield self._hint(row, Channel.BACKFILL, BACKFILL_PRIORITY)

    async def census(self, stream: str, since: datetime, until: datetime) -> dict[str, str]:
        """Every invoice and sales order that changed in the window, payments and credits counted
        with their invoices, and its newest version; or every invoice that fell overdue in it.

        What changed after the window counts by its presence alone: the other feed tells of that.
        """
        newest: dict[str, str] = {}
        async for event in self.backfill(stream, since, until):
            newest[event.subject] = max(event.version, newest.get(event.subject, ""))
        if stream == overdue.STREAM:
            end = feed.stamp_of(until)
            return {subject: v if v < end else "" for subject, v in newest.items()}
        return newest

    async def read(self, event: InboundEvent) -> AnyFacts:
        """The invoice or sales order as it is now; raises NotFound when it is gone."""
        if not INTERNAL_ID.fullmatch(event.subject):
            raise Malformed("this is no internal id of NetSuite", about=event.subject[:40])
        if event.kind == Kind.INVOICE:
            header = await self._header(event.subject, facts.INVOICE)
            settled = await self._rows(facts.SETTLEMENTS, event.subject)
            return facts.invoice_facts(header, settled, self._settings)
        if event.kind == Kind.CONTRACT:
            header = await self._header(event.subject, facts.SALES_ORDER)
            lines = await self._rows(facts.LINES, event.subject)
            return facts.contract_facts(header, lines, self._settings, await self._terms(header))
        raise Malformed(f"NetSuite tells nothing of kind {event.kind!r}", about=event.subject)

    async def _terms(self, header: Row) -> ContractTerms:
        """What was agreed of the contract's end, from the record: SuiteQL knows fields that people
        may have added only where they have."""
        answer = await self._client.request(
            "GET",
            f"{RECORD}/salesOrder/{header['id']}",
            write=False,
            params={"expandSubResources": "true"},
        )
        if not isinstance(answer.exact, dict) or "id" not in answer.exact:
            raise answer.unreadable("not a record")
        name = self._client.connection.name
        return from_netsuite_contract(header, answer.exact, name, self._settings)

    async def _header(self, internal_id: str, kind: str) -> Row:
        for row in await self._rows(facts.HEADER, internal_id, type=kind):
            return row
        raise NotFound(f"NetSuite has no {kind} {internal_id}", about=internal_id)

    async def _rows(self, template: str, internal_id: str, **names: str) -> list[Row]:
        query = facts.question(template, self._settings, id=internal_id, **names)
        return [row async for row in suiteql.rows(self._client, query)]

    def _hint(self, row: Row, channel: Channel, priority: int) -> InboundEvent:
        connection = self._client.connection
        return hint(
            row,
            source=connection.name,
            environment=connection.environment,
            channel=channel,
            priority=priority,
            body=orjson.dumps(row, option=orjson.OPT_SORT_KEYS),
            now=self._client.clock(),
        )

    def _overdue(self, row: Row, channel: Channel, priority: int) -> InboundEvent:
        connection = self._client.connection
        return overdue.hint(
            row,
            source=connection.name,
            environment=connection.environment,
            channel=channel,
            priority=priority,
            body=orjson.dumps(row, option=orjson.OPT_SORT_KEYS),
            now=self._client.clock(),
        )
