"""Paging through a vendor's list, with a bound."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from canonical.errors import Malformed

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list, and the cursor of the next one; None at the end."""

    items: Sequence[T]
    next: str | None = None


async def paged(
    fetch: Callable[[str | None], Awaitable[Page[T]]], *, pages_max: int, what: str
) -> AsyncIterator[T]:
    """Every item of a list; `fetch` gets None for the first page and then each page's cursor.

    Raises Malformed when a cursor repeats or the list has more than `pages_max` pages: a list cut
    short must never pass for a whole one.
    """
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(pages_max):
        page = await fetch(cursor)
        for item in page.items:
            yield item
        cursor = page.next
        if cursor is None:
            return
        if cursor in seen:
            raise Malformed(f"paging {what}: the vendor repeats a cursor")
        seen.add(cursor)
    raise Malformed(f"paging {what}: more than {pages_max} pages")
