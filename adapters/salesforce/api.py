"""The few resources of the Salesforce REST API that Tieline uses (v67.0, Summer '26)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import orjson

from adapters.http import Answer, HttpClient, Page, paged
from canonical.errors import Malformed, NotFound

VERSION = "v67.0"
BASE = f"/services/data/{VERSION}"
QUERY_PAGES_MAX = 1000
SUBREQUESTS_MAX = 25

Row = dict[str, Any]


@dataclass(frozen=True)
class Subrequest:
    """One part of a composite request; `path` is below the versioned base."""

    method: str
    path: str
    reference: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Batch:
    """The rows of one bounded query, and Salesforce's own time when it answered."""

    rows: list[Row]
    at: datetime


class SalesforceApi:
    """Salesforce's own nouns and verbs; every method raises the errors of `canonical.errors`."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def query(self, soql: str, *, deleted: bool = False) -> AsyncIterator[Row]:
        """Every record a SOQL query selects, following the server's own locators; `deleted` ones
        are among them only on demand."""
        path = f"{BASE}/queryAll" if deleted else f"{BASE}/query"

        async def page(locator: str | None) -> Page[Row]:
            params = {"q": soql} if locator is None else None
            answer = await self._client.request("GET", locator or path, params=params, write=False)
            return _page(answer)

        return paged(page, pages_max=QUERY_PAGES_MAX, what="a SOQL query")

    async def batch(self, soql: str) -> Batch:
        """All rows of a query that bounds them itself (`LIMIT`)."""
        answer = await self._client.request("GET", f"{BASE}/query", params={"q": soql}, write=False)
        page = _page(answer)
        rows = await self.more(answer.exact) if page.next else page.items
        return Batch(list(rows), self._at(answer))

    async def more(self, children: Row | None) -> list[Row]:
        """All rows of a child relationship, whose list may itself go on behind a locator."""
        if children is None:
            return []
        rows = list(children["records"])
        if children.get("done", True):
            return rows

        async def page(locator: str | None) -> Page[Row]:
            path = locator or str(children["nextRecordsUrl"])
            return _page(await self._client.request("GET", path, write=False))

        rows += [row async for row in paged(page, pages_max=QUERY_PAGES_MAX, what="child rows")]
        return rows

    async def record(self, kind: str, record_id: str, fields: Sequence[str]) -> Row | None:
        """Some fields of one record; None when there is no such record."""
        answer = await self._client.request(
            "GET", f"{BASE}/sobjects/{kind}/{quote(record_id, safe='')}",
            params={"fields": ",".join(fields)}, write=False, expect=(404,),
        )  # fmt: skip
        return None if answer.status == 404 else dict(answer.exact)

    async def update(
        self, kind: str, record_id: str, values: Mapping[str, Any], correlation_id: str = ""
    ) -> None:
        """Set fields of one record; the same call again changes nothing. Raises NotFound."""
        await self._client.request(
            "PATCH", f"{BASE}/sobjects/{kind}/{quote(record_id, safe='')}",
            json=dict(values), write=True, correlation_id=correlation_id,
        )  # fmt: skip

    async def upsert(
        self, kind: str, key: str, value: str, values: Mapping[str, Any], correlation_id: str = ""
    ) -> str:
        """Create or update the record with this external id; returns its record id.

        Raises DuplicateRecord when several records carry the external id.
        """
        path = f"{BASE}/sobjects/{kind}/{key}/{quote(value, safe='')}"
        answer = await self._client.request(
            "PATCH", path, json=dict(values), write=True, correlation_id=correlation_id
        )
        if answer.body:
            return str(answer.json["id"])
        # Up to v45 an update is answered without a body.
        row = await self._client.request("GET", path, params={"fields": "Id"}, write=False)
        return str(row.json["Id"])

    async def composite(
        self, requests: Sequence[Subrequest], correlation_id: str = ""
    ) -> dict[str, Any]:
        """Several writes in one transaction, all or none; bodies by reference.

        Raises the error of the first part that failed by itself.
        """
        if len(requests) > SUBREQUESTS_MAX:
            raise Malformed(f"a composite takes {SUBREQUESTS_MAX} subrequests")
        body = {
            "allOrNone": True,
            "compositeRequest": [
                {"method": r.method, "url": BASE + r.path, "referenceId": r.reference}
                | ({"body": dict(r.body)} if r.body is not None else {})
                for r in requests
            ],
        }
        answer = await self._client.request(
            "POST", f"{BASE}/composite", json=body, write=True, correlation_id=correlation_id
        )
        parts = answer.json["compositeResponse"]
        failed = [part for part in parts if part["httpStatusCode"] >= 300]
        if failed:
            raise self._client.error_for(_part(answer, _culprit(failed)))
        return {part["referenceId"]: part["body"] for part in parts}

    def _at(self, answer: Answer) -> datetime:
        try:
            return parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
        except ValueError:
            return self._client.clock()

    async def limits(self) -> Row:
        """What is left of the org's allowances."""
        answer = await self._client.request("GET", f"{BASE}/limits", write=False)
        return dict(answer.json)


def quoted(text: str) -> str:
    """A SOQL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _page(answer: Answer) -> Page[Row]:
    body = answer.exact
    if not isinstance(body, dict) or not isinstance(body.get("records"), list):
        raise Malformed("Salesforce answered a query without records")
    following = None if body.get("done", True) else body.get("nextRecordsUrl")
    if following is None and not body.get("done", True):
        raise Malformed("Salesforce says there is more, but not where")
    return Page(body["records"], following)


def _culprit(failed: list[Row]) -> Row:
    def halted(part: Row) -> bool:
        body = part.get("body")
        return isinstance(body, list) and all(
            e.get("errorCode") == "PROCESSING_HALTED" for e in body
        )

    return next((part for part in failed if not halted(part)), failed[0])


def _part(answer: Answer, part: Row) -> Answer:
    return replace(answer, status=int(part["httpStatusCode"]), body=orjson.dumps(part["body"]))


def missing(kind: str, record_id: str) -> NotFound:
    """The error for a record that should be there."""
    return NotFound(f"Salesforce has no {kind} {record_id}", about=record_id)
