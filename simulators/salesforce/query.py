"""`/query` and `/queryAll`: runs a parsed query and pages its answer behind a locator."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from simulators.salesforce.conditions import candidates, compile_condition, getter, resolve
from simulators.salesforce.errors import SalesforceError, not_found
from simulators.salesforce.schema import OBJECTS, ObjectType, find_object
from simulators.salesforce.soql import Select, malformed, parse
from simulators.salesforce.store import Record, Store

OFFSET_MAX = 2000
OPEN_LOCATORS_MAX = 200

Render = Callable[[Record], Record]


@dataclass(frozen=True)
class _Cursor:
    rows: list[Record]
    render: Render


class Queries:
    """Runs queries over a store; keeps the rows of answers that take more than one page."""

    def __init__(self, store: Store, page_size: int) -> None:
        self.store = store
        self.page_size = page_size
        self.cursors: OrderedDict[str, _Cursor] = OrderedDict()

    def run(self, text: str, version: str, *, deleted: bool = False) -> dict[str, Any]:
        """The first page of a query's answer."""
        select = parse(text)
        source = find_object(select.source)
        if source is None:
            message = f"sObject type '{select.source}' is not supported."
            raise SalesforceError(400, "INVALID_TYPE", message)
        rows = self._rows(select, source, deleted)
        if select.count:
            return {"totalSize": len(rows), "done": True, "records": []}
        cursor = _Cursor(rows, self._renderer(select, source, version))
        if len(rows) <= self.page_size:
            return _page(cursor, 0, len(rows), None)
        locator = self.store.ids.next("01g")
        self.cursors[locator] = cursor
        while len(self.cursors) > OPEN_LOCATORS_MAX:
            self.cursors.popitem(last=False)
        return self._next_page(locator, 0, version)

    def more(self, locator: str, version: str) -> dict[str, Any]:
        """A following page, by the `{locator}-{offset}` of `nextRecordsUrl`."""
        name, _, offset = locator.rpartition("-")
        if name not in self.cursors or not offset.isdigit():
            raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._next_page(name, int(offset), version)

    def _next_page(self, locator: str, start: int, version: str) -> dict[str, Any]:
        cursor = self.cursors[locator]
        end = start + self.page_size
        url = f"/services/data/v{version}/query/{locator}-{end}"
        return _page(cursor, start, end, url if end < len(cursor.rows) else None)

    def _rows(self, select: Select, source: ObjectType, deleted: bool = False) -> list[Record]:
        table = self.store.tables[source.name]
        rows = list(candidates(select.where, source, self.store))
        if deleted:
            rows += table.deleted.values()
        return _selected(rows, select, source, self.store)

    def _renderer(self, select: Select, source: ObjectType, version: str) -> Render:
        if not select.fields and not select.children:
            raise malformed("unexpected token: 'FROM'")
        own: list[tuple[str, str]] = []
        nested: dict[str, list[tuple[str, ...]]] = {}
        for path in select.fields:
            steps, found = resolve(path, source)
            if not steps:
                own.append((found.name, found.name))
            else:
                nested.setdefault(steps[0].name, []).append(path[-len(steps) :])
        parents: list[tuple[str, str, str, Render]] = []
        for key, paths in nested.items():
            step = source.fields[key]
            inner = self._renderer(Select("", tuple(paths)), OBJECTS[step.refers_to], version)
            parents.append((step.relationship, key, step.refers_to, inner))
        children = [self._child(child, source, version) for child in select.children]
        base, tables = f"/services/data/v{version}/sobjects/{source.name}/", self.store.tables

        def render(record: Record) -> Record:
            answer: Record = {"attributes": {"type": source.name, "url": base + record["Id"]}}
            for name, key in own:
                answer[name] = record[key]
            for relationship, key, object_name, parent_render in parents:
                parent = tables[object_name].live.get(record[key]) if record[key] else None
                answer[relationship] = parent_render(parent) if parent else None
            for name, child_render in children:
                answer[name] = child_render(record)
            return answer

        return render

    def _child(
        self, select: Select, source: ObjectType, version: str
    ) -> tuple[str, Callable[[Record], Record | None]]:
        known = {name.lower(): name for name in source.children}
        relationship = known.get(select.source.lower())
        if relationship is None:
            message = (
                f"Didn't understand relationship '{select.source}' in FROM part of query call."
            )
            raise SalesforceError(400, "INVALID_TYPE", message)
        child_name, key = source.children[relationship]
        child, table = OBJECTS[child_name], self.store.tables[child_name]
        render_one = self._renderer(select, child, version)
        _selected([], select, child, self.store)  # names are checked even when no row comes

        def render(record: Record) -> Record | None:
            rows = _selected(table.where(key, record["Id"]), select, child, self.store)
            if not rows:
                return None
            return {"totalSize": len(rows), "done": True, "records": [render_one(r) for r in rows]}

        return relationship, render


def _selected(rows: list[Record], select: Select, source: ObjectType, store: Store) -> list[Record]:
    if select.offset > OFFSET_MAX:
        raise SalesforceError(
            400, "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {OFFSET_MAX}"
        )
    if select.where is not None:
        test = compile_condition(select.where, source, store)
        rows = [row for row in rows if test(row)]
    for order in reversed(select.order):
        read, found = getter(order.path, source, store)
        key = _as_is if found.type == "id" else _sort_key
        empty = [row for row in rows if read(row) is None]
        filled = [row for row in rows if read(row) is not None]
        filled.sort(key=lambda row, of=key, read=read: of(read(row)), reverse=order.descending)  # type: ignore[misc]
        rows = filled + empty if order.nulls_last else empty + filled
    end = None if select.limit is None else select.offset + select.limit
    return list(islice(rows, select.offset, end))


def _as_is(value: Any) -> Any:
    return value  # two ids differ by case alone


def _sort_key(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _page(cursor: _Cursor, start: int, end: int, next_url: str | None) -> dict[str, Any]:
    records = [cursor.render(row) for row in cursor.rows[start:end]]
    if start and not records:
        raise not_found()
    page = {"totalSize": len(cursor.rows), "done": next_url is None, "records": records}
    return page if next_url is None else {**page, "nextRecordsUrl": next_url}
