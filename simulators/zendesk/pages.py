"""Zendesk's two paginations: cursors (`page[size]`) and offsets (`page`, `per_page`)."""

import base64
import bisect
from typing import Any

from starlette.requests import Request

from simulators.zendesk.errors import ZendeskRefusal
from simulators.zendesk.store import Record, Table

SIZE_MAX = 100
EXPORT_SIZE_MAX = 1000
OFFSET_ROWS_MAX = 10_000


def table_page(request: Request, noun: str, table: Table) -> dict[str, Any]:
    """A page of a whole table, by cursor when `page[size]` or `page[after]` asks for it."""
    query = request.query_params
    if "page[size]" not in query and "page[after]" not in query:
        return offset_page(request, noun, [], table)
    size = _number(query.get("page[size]", "100"), "page[size]")
    start = 0
    if after := query.get("page[after]"):
        start = bisect.bisect_right(table.order, _decoded(after))
    keys = table.order[start : start + min(size, SIZE_MAX)]
    more = start + len(keys) < len(table.order)
    cursor = _encoded(keys[-1]) if keys else None
    following = request.url.include_query_params(**{"page[after]": cursor}) if more else None
    return {
        noun: [table.records[key] for key in keys],
        "meta": {"has_more": more, "after_cursor": cursor, "before_cursor": None},
        "links": {"next": str(following) if following else None, "prev": None},
    }


def cursor_page(request: Request, noun: str, records: list[Record]) -> dict[str, Any]:
    """A page of found records by cursor; what is found later does not shift what was shown."""
    query = request.query_params
    size = min(_number(query.get("page[size]", "100"), "page[size]"), EXPORT_SIZE_MAX)
    after = _decoded(query["page[after]"]) if query.get("page[after]") else 0
    rest = sorted((r for r in records if r["id"] > after), key=lambda record: int(record["id"]))
    shown, more = rest[:size], len(rest) > size
    cursor = _encoded(shown[-1]["id"]) if shown else None
    following = request.url.include_query_params(**{"page[after]": cursor}) if more else None
    return {
        noun: shown,
        "meta": {"has_more": more, "after_cursor": cursor, "before_cursor": None},
        "links": {"next": str(following) if following else None, "prev": None},
        "facets": None,
    }


def offset_page(
    request: Request, noun: str, records: list[Record], table: Table | None = None
) -> dict[str, Any]:
    """A numbered page of records (or of a table), refused beyond ten thousand rows."""
    query = request.query_params
    page = _number(query.get("page", "1"), "page")
    size = min(_number(query.get("per_page", "100"), "per_page"), SIZE_MAX)
    if page * size > OFFSET_ROWS_MAX:
        detail = "Your request exceeds the pagination depth. Use cursor pagination instead."
        raise ZendeskRefusal(400, "InvalidPaginationDepth", detail)
    start = (page - 1) * size
    if table is not None:
        found = [table.records[key] for key in table.order[start : start + size]]
        total = len(table.order)
    else:
        found, total = records[start : start + size], len(records)
    after = request.url.include_query_params(page=page + 1) if start + size < total else None
    before = request.url.include_query_params(page=page - 1) if page > 1 else None
    return {
        noun: found, "count": total, "next_page": str(after) if after else None,
        "previous_page": str(before) if before else None,
    }  # fmt: skip


def _number(text: str, name: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ZendeskRefusal(400, "InvalidValue", f"{name} must be a positive number")
    return int(text)


def _encoded(key: int) -> str:
    return base64.urlsafe_b64encode(f"id:{key}".encode()).decode()


def _decoded(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor).decode().removeprefix("id:"))
    except ValueError:
        raise ZendeskRefusal(400, "InvalidCursor", "page[after] is not valid") from None
