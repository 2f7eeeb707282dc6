"""What support says of one customer, in a bounded number of calls; nothing of it is kept.

Two queries of the search export (`GET /api/v2/search/export`, 100 requests a minute, pages of 100)
list what is open and what has changed since; an index that lags by minutes answers them. Breached
service levels are metric events, which Zendesk lists for the whole account or for a single ticket
(`GET /api/v2/tickets/{id}?include=metric_events`): the most urgent changed tickets are asked, at
most as many as the option `sla_tickets_max` says.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from adapters.http import HttpClient, Page, paged
from adapters.zendesk.tickets import Escalation, Ticket, moment_of
from canonical.connections import Connection
from canonical.errors import Malformed, Misconfigured, NotFound
from canonical.renewal import IncidentFacts

SEARCH_EXPORT = "/api/v2/search/export"
TICKETS = "/api/v2/tickets"
PAGE_SIZE = 100
PAGES_MAX = 20
SLA_TICKETS_MAX = 25
URGENCY = ("urgent", "high", "normal", "low")


def sla_tickets_max(connection: Connection) -> int:
    """Of how many tickets the metric events are asked for, 0 for none; option `sla_tickets_max`.

    Raises Misconfigured when it is not a number up to a hundred.
    """
    stated = connection.options.get("sla_tickets_max", str(SLA_TICKETS_MAX))
    if not stated.isdecimal() or int(stated) > 100:
        raise Misconfigured(f"sla_tickets_max is {stated!r}", about=connection.name)
    return int(stated)


class Incidents:
    """The tickets of one organization: at most 2 x 20 pages and `sla_tickets_max` tickets."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._escalation = Escalation.from_connection(client.connection)
        self._sla_tickets_max = sla_tickets_max(client.connection)

    async def facts(self, account_id: str, organization_id: str, since: datetime) -> IncidentFacts:
        """Open tickets by priority ("" without one), and what happened since then.

        `opened` were created since; `escalated` changed since and carry the mark now; `breached`
        missed a target since. Raises Malformed for more than 2,000 tickets in a query.
        """
        at = self._client.clock()
        of_customer = f"organization:{organization_id}"
        stamp = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        standing, changed = await asyncio.gather(
            self._search(f"{of_customer} status<solved"),
            self._search(f"{of_customer} updated>={stamp}"),
        )
        try:
            return IncidentFacts(
                account_id=account_id,
                as_of=at,
                open_by_severity=dict(Counter(str(t["priority"] or "") for t in standing)),
                opened=sum(moment_of(t["created_at"]) >= since for t in changed),
                escalated=sum(self._escalation.holds(t) for t in changed),
                breached=await self._breached(changed, since, at),
            )
        except (KeyError, TypeError, ValueError):
            raise Malformed("a ticket of Zendesk's search lacks a field") from None

    async def _search(self, query: str) -> list[Ticket]:
        async def fetch(cursor: str | None) -> Page[Ticket]:
            params: dict[str, str | int] = {
                "query": query, "filter[type]": "ticket", "page[size]": PAGE_SIZE,
            }  # fmt: skip
            if cursor:
                params["page[after]"] = cursor
            answer = await self._client.request("GET", SEARCH_EXPORT, write=False, params=params)
            body = answer.json
            results = body.get("results") if isinstance(body, dict) else None
            if not isinstance(results, list):
                raise answer.unreadable("not a list of tickets")
            meta = body.get("meta") or {}
            return Page(results, meta.get("after_cursor") if meta.get("has_more") else None)

        found = paged(fetch, pages_max=PAGES_MAX, what="tickets of an organization")
        # The index may show a ticket on two pages when it changes in between.
        return list({ticket["id"]: ticket async for ticket in found}.values())

    async def _breached(self, changed: list[Ticket], since: datetime, until: datetime) -> int:
        urgent_first = sorted(changed, key=_urgency)[: self._sla_tickets_max]
        asked = await asyncio.gather(*(self._breaches(ticket["id"]) for ticket in urgent_first))
        return sum(any(since <= at <= until for at in breaches) for breaches in asked)

    async def _breaches(self, ticket_id: int) -> list[datetime]:
        try:
            answer = await self._client.request(
                "GET",
                f"{TICKETS}/{int(ticket_id)}",
                write=False,
                params={"include": "metric_events"},
            )
        except NotFound:
            return []  # deleted since the index learnt of it
        body = answer.json
        told = body.get("metric_events") or (body.get("ticket") or {}).get("metric_events")
        return [
            moment_of(event["time"])
            for event in _events(told)
            if event.get("type") == "breach" and not event.get("deleted")
        ]


def _urgency(ticket: Ticket) -> tuple[int, int]:
    priority = ticket.get("priority")
    rank = URGENCY.index(priority) if priority in URGENCY else len(URGENCY)
    return rank, -int(ticket["id"])


def _events(told: Any) -> Iterator[dict[str, Any]]:
    """The events, which come as a list or grouped by metric; nothing where they are not told."""
    lists = told.values() if isinstance(told, dict) else [told]
    for events in lists:
        yield from events if isinstance(events, list) else []
