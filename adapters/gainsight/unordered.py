"""Every row of a list that has pages but no order.

Such pages may show one record twice and another not at all, but together they have as many rows as
there are records: the list is read until as many different ones have been seen.
"""

from collections.abc import AsyncIterator, Callable

from adapters.gainsight.mapping import Record
from canonical.errors import Unavailable

PASSES_MAX = 30


async def every_row(read: Callable[[], AsyncIterator[Record]], what: str) -> list[Record]:
    """All records of a list, each once, by reading all its pages as often as it takes.

    Raises Unavailable when the list changes all the while.
    """
    seen: dict[str, Record] = {}
    for _ in range(PASSES_MAX):
        rows = [row async for row in read()]
        seen |= {str(row.get("Gsid")): row for row in rows}
        if len(seen) >= len(rows):
            return list(seen.values())
    raise Unavailable(f"Gainsight's list {what} does not hold still", about=what)
