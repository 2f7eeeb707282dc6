"""The record service over HTTP: upsert, create, update, read, list, transform and delete."""

import re
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.netsuite.books import Books
from simulators.netsuite.errors import NetSuiteRefusal
from simulators.netsuite.money import to_decimal
from simulators.netsuite.records import Record, Records
from simulators.netsuite.schema import (
    GENERATED_TYPES,
    READ_ONLY_TYPES,
    RECORD_TYPES,
    canonical_type,
)

BASE = "/services/rest/record/v1"
LIMIT_MAX = 1000
MEDIA_TYPE = "application/vnd.oracle.resource+json; type=singular"
CONDITION = re.compile(r'\s*([\w.]+)\s+(IS|EQUAL)\s+(?:"([^"]*)"|(\S+))\s*', re.I)
INDEXED = {"externalid": "eid:{}", "id": "{}"}


class RecordApi:
    """The record endpoints."""

    def __init__(self, records: Records, books: Books) -> None:
        self.records = records
        self.books = books

    async def write_one(self, request: Request) -> Response:
        """PUT by external id, or PATCH by either id."""
        record_type, key = self._target(request)
        body = read_json(await request.body())
        replace = set(request.query_params.get("replace", "").split(",")) - {""}
        if request.method == "PATCH":
            existing: Record | None = self.records.get(record_type, key)
        else:
            external_id = key.removeprefix("eid:")
            existing = self.records.find(record_type, f"eid:{external_id}")
            own_id = existing["id"] if existing else None
            self.records.check_external_id(canonical_type(record_type), external_id, own_id)
            body = {**body, "externalId": external_id} if isinstance(body, dict) else body
            # A repeated PUT leaves the record as the first one did, its lines included.
            replace |= RECORD_TYPES[canonical_type(record_type)].sublists
        saved = self.books.save(
            record_type, existing, body, strict=is_strict(request), replace=replace
        )
        return written(record_type, saved)

    async def create(self, request: Request) -> Response:
        """POST: every call makes another record."""
        record_type, _ = self._target(request)
        body = read_json(await request.body())
        saved = self.books.save(record_type, None, body, strict=is_strict(request))
        return written(record_type, saved)

    async def transform(self, request: Request) -> Response:
        """POST /{type}/{id}/!transform/{target}."""
        record_type, key = self._target(request)
        target = request.path_params["target"]
        source = self.records.get(record_type, key)
        raw = await request.body()
        replace = set(request.query_params.get("replace", "").split(",")) - {""}
        made = self.books.transform(
            record_type, source, target, read_json(raw) if raw else {},
            strict=is_strict(request), replace=replace,
        )  # fmt: skip
        return written(target, made)

    async def delete(self, request: Request) -> Response:
        """DELETE by either id."""
        record_type, key = self._target(request)
        if canonical_type(record_type) in GENERATED_TYPES:
            raise NetSuiteRefusal(403)
        self.books.delete(record_type, self.records.get(record_type, key))
        return Response(status_code=204)

    async def show(self, request: Request) -> Response:
        """GET one record, sublists as links unless expanded."""
        record_type = request.path_params["type"]
        record = self.records.get(record_type, request.path_params["key"])
        query = request.query_params
        shown = shown_record(
            record_type, record, expand=query.get("expandSubResources") == "true",
            simple=query.get("simpleEnumFormat") == "true",
        )  # fmt: skip
        if fields := query.get("fields"):
            wanted = {"links", "id", *fields.split(",")}
            shown = {name: value for name, value in shown.items() if name in wanted}
        return Response(dumps(shown), media_type=MEDIA_TYPE)

    async def sublist(self, request: Request) -> Response:
        """GET one sublist of a record."""
        record_type, name = request.path_params["type"], request.path_params["sublist"]
        record = self.records.get(record_type, request.path_params["key"])
        if name not in RECORD_TYPES[canonical_type(record_type)].sublists:
            raise NetSuiteRefusal(404)
        return Response(dumps(shown_sublist(record.get(name, []))), media_type=MEDIA_TYPE)

    async def index(self, request: Request) -> Response:
        """GET a type's records: their ids only."""
        record_type = request.path_params["type"]
        limit, offset = page_of(request)
        found = self._matching(record_type, request.query_params.get("q", ""))
        page = found[offset : offset + limit]
        items = [
            {"links": [{"rel": "self", "href": f"{BASE}/{record_type}/{r['id']}"}], "id": r["id"]}
            for r in page
        ]
        return Response(dumps(listing(items, len(found), offset)), media_type=MEDIA_TYPE)

    def _target(self, request: Request) -> tuple[str, str]:
        record_type = request.path_params["type"]
        self.records.table(record_type)
        if record_type in READ_ONLY_TYPES:
            raise NetSuiteRefusal(403)
        return record_type, request.path_params.get("key", "")

    def _matching(self, record_type: str, query: str) -> list[Record]:
        table = self.records.table(record_type)
        conditions: list[tuple[str, str]] = []
        for text in re.split(r"\s+AND\s+", query.strip()) if query.strip() else []:
            parsed = CONDITION.fullmatch(text)
            if parsed is None:
                raise NetSuiteRefusal(400, "INVALID_PARAMETER", f"Invalid query '{query}'.")
            conditions.append((parsed[1], parsed[3] if parsed[3] is not None else parsed[4]))
        candidates: list[Record] = []
        for field, value in conditions:
            if field.lower() in INDEXED:
                found = self.records.find(record_type, INDEXED[field.lower()].format(value))
                candidates = [found] if found else []
                break
        else:
            candidates = list(table.values())
        return [r for r in candidates if all(_equal(r.get(f), v) for f, v in conditions)]

    def routes(self) -> list[Route]:
        """The record endpoints' routes, most specific first."""
        one = f"{BASE}/{{type}}/{{key}}"
        return [
            Route(f"{one}/!transform/{{target}}", self.transform, methods=["POST"]),
            Route(f"{one}/{{sublist}}", self.sublist, methods=["GET"]),
            Route(one, self.write_one, methods=["PUT", "PATCH"]),
            Route(one, self.show, methods=["GET"]),
            Route(one, self.delete, methods=["DELETE"]),
            Route(f"{BASE}/{{type}}", self.create, methods=["POST"]),
            Route(f"{BASE}/{{type}}", self.index, methods=["GET"]),
        ]


def read_json(raw: bytes) -> Any:
    """The request body; raises NetSuiteRefusal when it is not JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise NetSuiteRefusal(400, "INVALID_CONTENT", "Invalid JSON in the request body.") from None


def dumps(value: Any) -> bytes:
    """JSON with decimals as numbers."""
    return orjson.dumps(value, default=float)


def is_strict(request: Request) -> bool:
    """Whether unknown property names are refused; NetSuite's default only warns."""
    header = request.headers.get("x-netsuite-propertynamevalidation", "Warning")
    return header.lower() == "error"


def written(record_type: str, record: Record) -> Response:
    """204 with the record's place, which carries its internal id."""
    return Response(status_code=204, headers={"Location": f"{BASE}/{record_type}/{record['id']}"})


def page_of(request: Request) -> tuple[int, int]:
    """The limit and offset asked for; raises NetSuiteRefusal when they are out of bounds."""
    try:
        limit = int(request.query_params.get("limit", LIMIT_MAX))
        offset = int(request.query_params.get("offset", 0))
    except ValueError:
        limit, offset = 0, 0
    if not 0 < limit <= LIMIT_MAX or offset < 0 or offset % limit:
        detail = "Invalid limit or offset: the offset must be divisible by the limit."
        raise NetSuiteRefusal(400, "INVALID_PARAMETER", detail)
    return limit, offset


def listing(items: list[Any], total: int, offset: int) -> dict[str, Any]:
    """NetSuite's page of a collection."""
    return {
        "links": [], "count": len(items), "hasMore": offset + len(items) < total, "items": items,
        "offset": offset, "totalResults": total,
    }  # fmt: skip


def shown_record(record_type: str, record: Record, *, expand: bool, simple: bool) -> Record:
    """A record as GET gives it."""
    href = f"{BASE}/{record_type}/{record['id']}"
    shown: Record = {"links": [{"rel": "self", "href": href}]}
    spec = RECORD_TYPES[canonical_type(record_type)]
    for name, value in record.items():
        if name in spec.sublists:
            links = [{"rel": "self", "href": f"{href}/{name}"}]
            shown[name] = shown_sublist(value) if expand else {"links": links}
        elif simple and spec.fields.get(name) == "enum":
            shown[name] = value["id"]
        else:
            shown[name] = value
    return shown


def shown_sublist(lines: list[Record]) -> dict[str, Any]:
    """A sublist as GET gives it when expanded."""
    return {
        "links": [], "count": len(lines), "hasMore": False, "items": lines, "offset": 0,
        "totalResults": len(lines),
    }  # fmt: skip


def _equal(held: Any, wanted: str) -> bool:
    if isinstance(held, dict):
        held = held.get("id")
    if isinstance(held, bool):
        return str(held).lower() == wanted.lower()
    try:
        return held == wanted or to_decimal(held) == to_decimal(float(wanted))
    except (TypeError, ValueError):
        return False
