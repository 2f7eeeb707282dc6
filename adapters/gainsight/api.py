"""Gainsight's envelope and its two query languages over the HTTP kit."""

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from adapters.gainsight.errors import GAINSIGHT_ERRORS, failures
from adapters.gainsight.mapping import Record
from adapters.gainsight.window import seconds_left, window_of
from adapters.http import Answer, HttpClient, Page, error_for, paged
from canonical.errors import Misconfigured, NotFound, RateLimited

OBJECTS = "/v1/data/objects"
CTA = "/v2/cockpit/cta"
TASK = "/v2/cockpit/task"
PICKLISTS = "/v2/cockpit/admin/picklist/lite"
OBJECT_ROWS_MAX = 5000
CTA_ROWS_MAX = 1000
PAGES_MAX = 1000
PICKLIST_SECONDS = 600.0


class GainsightApi:
    """Asks one tenant, within its minute, and opens the envelope of each answer."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._picklists: dict[str, frozenset[str]] = {}
        self._picklists_until = 0.0

    def clock(self) -> datetime:
        """The time by the client's clock."""
        return self._client.clock()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        write: bool = False,
        params: dict[str, str | int] | None = None,
        correlation_id: str = "",
    ) -> Any:
        """The `data` of an answer; raises what an envelope with `result: false`, or one that
        failed in part, stands for."""
        now = self._client.clock
        window_of(self._client.connection).take(now())
        try:
            answer = await self._client.request(
                method, path, write=write, params=params, json=body, correlation_id=correlation_id
            )
            return _opened(answer)
        except RateLimited as limited:
            # No header says so, but the window is a minute of the clock.
            if limited.retry_after_seconds is None:
                limited.retry_after_seconds = seconds_left(now())
            raise

    async def query(
        self, name: str, select: list[str], where: Record, *, limit: int, correlation_id: str = ""
    ) -> list[Record]:
        """The first records of an object that meet a where-clause; finding none is no error."""
        body = {"select": select, "where": where, "limit": limit, "offset": 0}
        path = f"{OBJECTS}/query/{name}"
        try:
            return rows_of(await self.ask("POST", path, body, correlation_id=correlation_id))
        except NotFound:
            return []

    def every(self, name: str, select: list[str], where: Record) -> AsyncIterator[Record]:
        """Every record of an object that meets a where-clause."""

        async def fetch(cursor: str | None) -> Page[Record]:
            offset = int(cursor or 0)
            body = {
                "select": select, "where": where, "orderBy": {"Gsid": "asc"},
                "limit": OBJECT_ROWS_MAX, "offset": offset,
            }  # fmt: skip
            try:
                found = rows_of(await self.ask("POST", f"{OBJECTS}/query/{name}", body))
            except NotFound:
                found = []
            whole = len(found) == OBJECT_ROWS_MAX
            return Page(found, str(offset + OBJECT_ROWS_MAX) if whole else None)

        return paged(fetch, pages_max=PAGES_MAX, what=name)

    def ctas(
        self, select: list[str], where: Record, correlation_id: str = ""
    ) -> AsyncIterator[Record]:
        """Every call to action that meets a where-clause."""
        return self.listed(CTA, select, where, correlation_id)

    def listed(
        self, path: str, select: list[str], where: Record, correlation_id: str = ""
    ) -> AsyncIterator[Record]:
        """Every row of a cockpit list, calls to action or tasks, that meets a where-clause."""

        async def fetch(cursor: str | None) -> Page[Record]:
            number = int(cursor or 1)
            found = await self.cockpit_page(
                path, select, where, number=number, correlation_id=correlation_id
            )
            return Page(found, str(number + 1) if len(found) == CTA_ROWS_MAX else None)

        return paged(fetch, pages_max=PAGES_MAX, what=path)

    async def cockpit_page(
        self, path: str, select: list[str], where: Record, *,
        number: int = 1, size: int = CTA_ROWS_MAX, correlation_id: str = "",
    ) -> list[Record]:  # fmt: skip
        """One numbered page of calls to action or tasks; in which order, Gainsight leaves open."""
        body = {"select": select, "where": where, "pageSize": size, "pageNumber": number}
        try:
            answer = await self.ask("POST", f"{path}/list", body, correlation_id=correlation_id)
            return rows_of(answer)
        except NotFound:
            return []

    async def require_names(self, names: dict[str, list[str]]) -> None:
        """Raise Misconfigured, naming it, for a picklist name that the tenant does not have."""
        if time.monotonic() >= self._picklists_until:
            params: dict[str, str | int] = {"category": ",".join(names), "et": "COMPANY"}
            data = await self.ask("GET", PICKLISTS, params=params)
            self._picklists = {category: _active(data, category) for category in names}
            self._picklists_until = time.monotonic() + PICKLIST_SECONDS
        for category, wanted in names.items():
            for name in wanted:
                if name not in self._picklists.get(category, frozenset()):
                    raise Misconfigured(
                        f"Gainsight's picklist {category} has no {name!r}",
                        about=f"{category}/{name}",
                    )


def rows_of(data: Any) -> list[Record]:
    """The records of an answer, which come bare or under `records`."""
    found = data.get("records") if isinstance(data, dict) else data
    return [record for record in found or [] if isinstance(record, dict)]


def _active(data: Any, category: str) -> frozenset[str]:
    items = data.get(category) if isinstance(data, dict) else None
    return frozenset(str(item.get("name")) for item in items or [] if item.get("active", True))


def _opened(answer: Answer) -> Any:
    body = answer.json
    if not isinstance(body, dict) or "result" not in body:
        raise answer.unreadable("not Gainsight's envelope")
    if body["result"] is not True or failures(body):
        raise error_for(answer, GAINSIGHT_ERRORS)
    return body.get("data")
