"""Invoices that fall overdue: time alone makes them so, so that no change of a record tells it.

The account's own day decides, by the date of its server (Pacific), which is never ahead of UTC:
whoever reads the invoice then finds it overdue in UTC too.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

import orjson

from adapters.http import HttpClient
from adapters.netsuite.changes import INTERNAL_ID, STAMP, event_id
from adapters.netsuite.feed import ORACLE_STAMP, PAGES_MAX, FeedPage, first_page
from adapters.netsuite.suiteql import Row
from canonical.connections import Environment
from canonical.errors import CursorExpired, Malformed
from canonical.facts import Kind
from canonical.inbound import Channel, InboundEvent

STREAM = "overdue"
TYPE = "record.overdue"
DAY = re.compile(r"\d{4}-\d\d-\d\d")
# The account's day may begin up to a day after that of UTC.
ZONES = timedelta(days=1)

OVERDUE = """
SELECT t.id AS id, TO_CHAR(t.duedate, 'YYYY-MM-DD') AS due,
       TO_CHAR(SYS_EXTRACT_UTC(t.lastmodifieddate), '{stamp}') AS changed,
       TO_CHAR(SYS_EXTRACT_UTC(MAX(p.lastmodifieddate)), '{stamp}') AS settled
FROM transaction t
LEFT JOIN nexttransactionlinelink l ON l.previousdoc = t.id AND l.linktype = 'Payment'
LEFT JOIN transaction p ON p.id = l.nextdoc
WHERE t.type = 'CustInvc' AND t.status IN ('A', 'CustInvc:A') AND t.foreignamountunpaid > 0
  AND t.duedate < TRUNC(SYSDATE)
  AND (t.duedate > TO_DATE('{day}', 'YYYY-MM-DD')
       OR (t.duedate = TO_DATE('{day}', 'YYYY-MM-DD') AND t.id > {id}))
  {until}
GROUP BY t.id, t.duedate, t.lastmodifieddate
ORDER BY t.duedate, t.id
"""
UNTIL = "AND t.duedate < TO_DATE('{until}', 'YYYY-MM-DD')"


@dataclass(frozen=True)
class DuePlace:
    """Where a reading stands: after this invoice among those of one due date."""

    due: str
    id: int = 0

    @classmethod
    def before(cls, since: datetime) -> Self:
        """Before everything that fell overdue at or after a moment, and up to a day more."""
        return cls((since.astimezone(UTC).date() - ZONES - timedelta(days=1)).isoformat())

    @classmethod
    def after_row(cls, row: Row) -> Self:
        """After a row of the feed."""
        return cls(row["due"], int(row["id"]))

    @classmethod
    def parse(cls, cursor: str) -> Self:
        """A place from its text; raises CursorExpired for a text that is none of ours."""
        try:
            due, internal_id = orjson.loads(cursor)
            return cls(date.fromisoformat(due).isoformat(), int(internal_id))
        except (orjson.JSONDecodeError, TypeError, ValueError):
            raise CursorExpired("this is no place among NetSuite's overdue invoices") from None

    def text(self) -> str:
        """The place as a cursor."""
        return orjson.dumps([self.due, self.id]).decode()

    @property
    def passed_at(self) -> datetime:
        """When the due date had passed, in UTC."""
        return _end_of(self.due)


def overdue_query(place: DuePlace, until: date | None = None) -> str:
    """The overdue invoices after a place, and due before a day if one is given."""
    end = UNTIL.format(until=until.isoformat()) if until else ""
    query = OVERDUE.format(stamp=ORACLE_STAMP, day=place.due, id=place.id, until=end)
    return " ".join(query.split())


async def page(
    client: HttpClient, place: DuePlace, rows_max: int, until: date | None = None
) -> FeedPage:
    """The next rows after a place; raises Malformed for a row without what identifies it."""
    found = await first_page(client, overdue_query(place, until), rows_max)
    if not all(_whole(row) for row in found.rows):
        raise Malformed("NetSuite tells an overdue invoice without its due date")
    return found


async def window(
    client: HttpClient, since: datetime, until: datetime, rows_max: int
) -> AsyncIterator[Row]:
    """What fell overdue in a window, and up to a day before it; raises Malformed past the bound of
    pages."""
    place, end = DuePlace.before(since), until.astimezone(UTC).date()
    for _ in range(PAGES_MAX):
        found = await page(client, place, rows_max, end)
        for row in found.rows:
            yield row
        if not found.more:
            return
        place = DuePlace.after_row(found.rows[-1])
    raise Malformed(f"more than {PAGES_MAX} pages of overdue NetSuite invoices in one window")


def hint(
    row: Row,
    *,
    source: str,
    environment: Environment,
    channel: Channel,
    priority: int,
    body: bytes,
    now: datetime,
) -> InboundEvent:
    """A row as an event: one an invoice and due date, of the version that the invoice has."""
    return InboundEvent(
        source=source,
        event_id=event_id("invoice", row["id"], STREAM, row["due"]),
        type=TYPE,
        kind=Kind.INVOICE,
        subject=row["id"],
        # A payment counts as a change of the invoice, as in its facts.
        version=max(row["changed"], row.get("settled", "")),
        channel=channel,
        priority=priority,
        occurred_at=_end_of(row["due"]),
        environment=environment,
        body=body,
        received_at=now,
    )


def _whole(row: Row) -> bool:
    settled = row.get("settled")
    return bool(
        INTERNAL_ID.fullmatch(row["id"])
        and DAY.fullmatch(row.get("due", ""))
        and (settled is None or STAMP.fullmatch(settled))
    )


def _end_of(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.max, UTC).replace(microsecond=0)
