"""Lists by day of modification: the only way to page that Gainsight's cockpit leaves.

The lists have pages but no documented order, and their dates are filtered by whole days, of which
the last may or may not be included and whose time zone is not stated. So each window is wider than
needed by a day on either side, is halved while it fills a page, and what a single day has beyond a
page is read until all of it has been seen.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta

from adapters.gainsight.api import CTA_ROWS_MAX, GainsightApi
from adapters.gainsight.mapping import Record
from adapters.gainsight.unordered import every_row
from canonical.errors import Malformed

SPAN_DAYS = 7
PAGES_MAX = 100
DAY = timedelta(days=1)


def windows(since: date, until: date) -> Iterator[tuple[date, date]]:
    """Spans of days that cover all from `since` to `until`, each beginning where one ended."""
    first, end = since - DAY, until + 2 * DAY
    while first < end:
        last = min(first + SPAN_DAYS * DAY, end)
        yield first, last
        first = last


class ModifiedList:
    """The records of one list, cockpit calls to action or tasks, by when they were modified.

    `conditions` narrow the list; their aliases are their own, and not Z.
    """

    def __init__(
        self, api: GainsightApi, path: str, select: list[str], conditions: list[Record],
        *, rows_max: int = CTA_ROWS_MAX,
    ) -> None:  # fmt: skip
        self._api = api
        self._path = path
        self._select = select
        self._conditions = conditions
        self._rows_max = rows_max

    async def between(self, first: date, last: date) -> list[Record]:
        """Every record of a span of days, in no order and some of them twice."""
        found = await self._page(first, last, 1)
        if len(found) < self._rows_max:
            return found
        days = (last - first).days
        if days > 1:
            middle = first + (days // 2) * DAY
            return [*await self.between(first, middle), *await self.between(middle, last)]
        return await every_row(lambda: self._pass(first, last), self._path)

    async def _pass(self, first: date, last: date) -> AsyncIterator[Record]:
        for number in range(1, PAGES_MAX + 1):
            rows = await self._page(first, last, number)
            for row in rows:
                yield row
            if len(rows) < self._rows_max:
                return
        raise Malformed(f"Gainsight's list {self._path} has more than {PAGES_MAX} pages a day")

    async def _page(self, first: date, last: date, number: int) -> list[Record]:
        modified = {
            "fieldName": "ModifiedDate",
            "value": [first.isoformat(), last.isoformat()],
            "alias": "Z",
            "operator": "BTW",
        }
        conditions = [*self._conditions, modified]
        where = {
            "conditions": conditions,
            "expression": " AND ".join(each["alias"] for each in conditions),
        }
        return await self._api.cockpit_page(
            self._path, self._select, where, number=number, size=self._rows_max
        )
