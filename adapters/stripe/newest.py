"""When each record's newest event was made: Stripe's event list, read on from where it was."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime

from adapters.stripe.api import PAGE_SIZE, Record, StripeApi
from canonical.errors import NotFound
from canonical.inbound import InboundEvent

EVENTS = "/v1/events"
NEWEST_PAGES_MAX = 3
SUBJECTS_MAX = 20_000


class NewestEvents:
    """The newest events of an account by their record, some thousands of records back.

    Stripe's list cannot be asked for one record. Searching it for each read would cost pages of a
    hundred events a time; here each asking costs only what was told since the last one, and those
    who ask at the same time share it.
    """

    def __init__(
        self, api: StripeApi, types: Sequence[str], hint_of: Callable[[Record], InboundEvent]
    ) -> None:
        self._api = api
        self._types = types
        self._hint_of = hint_of
        self._known: OrderedDict[str, datetime] = OrderedDict()
        self._last = ""
        self._lock = asyncio.Lock()
        self._readings = 0

    async def of(self, subject: str) -> datetime | None:
        """When the newest event of a record was made, as the list says after this call began; None
        when it is not among those that were read."""
        seen = self._readings
        async with self._lock:
            if self._readings == seen:
                self._readings += 1
                await self._read_on()
        return self._known.get(subject)

    async def _read_on(self) -> None:
        """What was told since the last reading; after too much of it, or for the first time, only
        the newest few hundred: what is known of others still holds as the least."""
        for _ in range(NEWEST_PAGES_MAX if self._last else 0):
            try:
                page, more = await self._page(ending_before=self._last)
            except NotFound as missing:
                if missing.details.get("code") != "resource_missing":
                    raise  # the list itself is not there
                break  # our place is older than the list
            self._note(page)
            if not more:
                return
        await self._begin()

    async def _begin(self) -> None:
        after, newest = None, ""
        for _ in range(NEWEST_PAGES_MAX):
            page, more = await self._page(starting_after=after)
            newest = newest or (page[0]["id"] if page else "")
            self._note(page)
            if not more or not page:
                break
            after = page[-1]["id"]
        self._last = newest

    async def _page(self, **place: str | None) -> tuple[Sequence[Record], bool]:
        return await self._api.page(EVENTS, limit=PAGE_SIZE, types=self._types, **place)

    def _note(self, page: Sequence[Record]) -> None:
        for record in reversed(page):
            hint = self._hint_of(record)
            if hint.kind and hint.occurred_at:
                known = self._known.pop(hint.subject, hint.occurred_at)
                self._known[hint.subject] = max(known, hint.occurred_at)
        while len(self._known) > SUBJECTS_MAX:
            self._known.popitem(last=False)
        if page:
            self._last = page[0]["id"]
