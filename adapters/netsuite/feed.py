"""The change feed in SuiteQL: which transactions changed, in order, from a place on.

Three traps decide its form. A date column comes in the account's zone and format, without its time,
unless the query asks for a format; offsets shift while records change, so that pages go on from the
last row and not by number; and a transaction may become visible after a later one, so that each
poll looks back a little.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import orjson

from adapters.http import HttpClient
from adapters.netsuite.changes import INTERNAL_ID, STAMP, moment
from adapters.netsuite.suiteql import PATH, Row
from canonical.errors import CursorExpired, Malformed

ORACLE_STAMP = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
PAGES_MAX = 1000

# The plain condition on the day lets an index serve; a day of slack covers every time zone.
CHANGES = """
SELECT DISTINCT t.id AS id, t.type AS type,
       TO_CHAR(SYS_EXTRACT_UTC(t.lastmodifieddate), '{stamp}') AS changed,
       NVL(l.previousdoc, 0) AS invoice
FROM transaction t
LEFT JOIN nexttransactionlinelink l ON l.nextdoc = t.id AND l.linktype = 'Payment'
     AND t.type IN ('CustPymt', 'CustCred')
WHERE t.type IN ('CustInvc', 'SalesOrd', 'CustPymt', 'CustCred')
  AND (t.type IN ('CustInvc', 'SalesOrd') OR l.previousdoc IS NOT NULL)
  AND t.lastmodifieddate >= TO_DATE('{day}', 'YYYY-MM-DD')
  AND (SYS_EXTRACT_UTC(t.lastmodifieddate) > TO_TIMESTAMP('{after}', '{stamp}')
       OR (SYS_EXTRACT_UTC(t.lastmodifieddate) = TO_TIMESTAMP('{after}', '{stamp}')
           AND (t.id > {id} OR (t.id = {id} AND NVL(l.previousdoc, 0) > {invoice}))))
  {until}
ORDER BY changed, t.id, invoice
"""
UNTIL = "AND SYS_EXTRACT_UTC(t.lastmodifieddate) < TO_TIMESTAMP('{until}', '{stamp}')"


@dataclass(frozen=True)
class Place:
    """Where a reading of the feed stands: after this row. `resting` says that the feed had ended
    there, so that the next reading looks back a little before it."""

    after: str
    id: int = 0
    invoice: int = 0
    resting: bool = False

    @classmethod
    def before(cls, since: datetime) -> Self:
        """Before everything that changed in or after this second."""
        return cls(stamp_of(since - timedelta(seconds=1)), id=10**18)

    @classmethod
    def after_row(cls, row: Row) -> Self:
        """After a row of the feed."""
        return cls(row["changed"], int(row["id"]), int(row.get("invoice", "0")))

    @classmethod
    def parse(cls, cursor: str) -> Self:
        """A place from its text; raises CursorExpired for a text that is none of ours."""
        try:
            after, internal_id, invoice, resting = orjson.loads(cursor)
            place = cls(str(after), int(internal_id), int(invoice), bool(resting))
            moment(place.after)
        except (orjson.JSONDecodeError, TypeError, ValueError):
            raise CursorExpired("this is no place in NetSuite's changes") from None
        return place

    def text(self) -> str:
        """The place as a cursor."""
        return orjson.dumps([self.after, self.id, self.invoice, self.resting]).decode()

    def back(self, seconds: int) -> "Place":
        """So many seconds earlier, before every row of that second."""
        return Place.before(moment(self.after) - timedelta(seconds=seconds))


@dataclass(frozen=True)
class FeedPage:
    """Some rows of the feed, whether there are more, and NetSuite's own time when it answered."""

    rows: list[Row]
    more: bool
    answered_at: datetime


def stamp_of(time: datetime) -> str:
    """A time as NetSuite's stamp in UTC, the fraction of the second cut off."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def changes_query(place: Place, until: datetime | None = None) -> str:
    """The changes after a place, and before a time if one is given."""
    end = UNTIL.format(until=stamp_of(until), stamp=ORACLE_STAMP) if until else ""
    day = (moment(place.after) - timedelta(days=1)).date().isoformat()
    query = CHANGES.format(
        stamp=ORACLE_STAMP, after=place.after, day=day, id=place.id, invoice=place.invoice,
        until=end,
    )  # fmt: skip
    return " ".join(query.split())


async def page(
    client: HttpClient, place: Place, rows_max: int, until: datetime | None = None
) -> FeedPage:
    """The next rows after a place, at most so many; raises Malformed for what is no such page."""
    return await first_page(client, changes_query(place, until), rows_max)


async def first_page(client: HttpClient, query: str, rows_max: int) -> FeedPage:
    """The first rows of a query that tells changes; raises Malformed for what is no such page."""
    answer = await client.request(
        "POST",
        PATH,
        write=False,
        params={"limit": rows_max, "offset": 0},
        json={"q": query},
        headers={"Prefer": "transient"},
    )
    try:
        rows = [_texts(row) for row in answer.json["items"]]
        more = bool(answer.json.get("hasMore"))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise answer.unreadable("not a SuiteQL page") from None
    if not all(_whole(row) for row in rows):
        raise Malformed("NetSuite tells a change without id or time")
    return FeedPage(rows, more and bool(rows), _answered_at(answer.headers.get("date"), client))


async def window(
    client: HttpClient, since: datetime, until: datetime, rows_max: int
) -> AsyncIterator[Row]:
    """Every change of a window, page by page; raises Malformed past the bound of pages."""
    place = Place.before(since)
    for _ in range(PAGES_MAX):
        found = await page(client, place, rows_max, until)
        for row in found.rows:
            yield row
        if not found.more:
            return
        place = Place.after_row(found.rows[-1])
    raise Malformed(f"more than {PAGES_MAX} pages of NetSuite changes in one window")


def _texts(row: dict[str, Any]) -> Row:
    return {k: str(v) for k, v in row.items() if v is not None and k != "links"}


def _whole(row: Row) -> bool:
    numbers = (row.get("id", ""), row.get("invoice", "0"))
    return bool(
        STAMP.fullmatch(row.get("changed", ""))
        and INTERNAL_ID.fullmatch(numbers[0])
        and (numbers[1] == "0" or INTERNAL_ID.fullmatch(numbers[1]))
    )


def _answered_at(stated: str | None, client: HttpClient) -> datetime:
    # Our clock may differ from theirs; what is read up to is said in theirs.
    try:
        return datetime.strptime(stated or "", "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return client.clock()
