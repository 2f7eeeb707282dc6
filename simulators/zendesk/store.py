"""Tables with unique indexes, and the search index that only learns of a change after a while."""

import bisect
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]


class Table:
    """Records of one kind by id, found by a few of their fields without a scan."""

    def __init__(self, first_id: int, indexed: tuple[str, ...]) -> None:
        self.records: dict[int, Record] = {}
        self.order: list[int] = []
        self.indexed = indexed
        self.index: dict[str, dict[str, list[int]]] = {f: defaultdict(list) for f in indexed}
        self._next_id = first_id

    def put(self, record: Record) -> Record:
        """Write a record, giving it the next id when it has none."""
        if "id" not in record:
            record["id"] = self._next_id
            self._next_id += 1
        key = record["id"]
        if key in self.records:
            self._unindex(self.records[key])
        else:
            bisect.insort(self.order, key)
        self.records[key] = record
        for field in self.indexed:
            if record.get(field) is not None:
                self.index[field][str(record[field]).lower()].append(key)
        return record

    def remove(self, key: int) -> None:
        """Delete a record."""
        self._unindex(self.records.pop(key))
        del self.order[bisect.bisect_left(self.order, key)]

    def by(self, field: str, value: Any) -> list[Record]:
        """The records with a value in an indexed field, whatever its case."""
        return [self.records[key] for key in self.index[field].get(str(value).lower(), ())]

    def one_by(self, field: str, value: Any) -> Record | None:
        """The first record with a value in an indexed field, if there is one."""
        return next(iter(self.by(field, value)), None) if value is not None else None

    def ordered(self) -> list[Record]:
        """Every record by id."""
        return [self.records[key] for key in self.order]

    def _unindex(self, record: Record) -> None:
        for field in self.indexed:
            if record.get(field) is not None:
                value = str(record[field]).lower()
                self.index[field][value].remove(record["id"])
                if not self.index[field][value]:
                    del self.index[field][value]


class SearchIndex:
    """What search answers from: a copy of every record as it was `lag_seconds` ago."""

    def __init__(
        self, now: Callable[[], float], lag_seconds: float, tables: dict[str, Table]
    ) -> None:
        self.now = now
        self.lag_seconds = lag_seconds
        self.tables = {
            kind: Table(0, table.indexed) if lag_seconds else table
            for kind, table in tables.items()
        }
        self.waiting: deque[tuple[float, str, int, Record | None]] = deque()

    def changed(self, kind: str, key: int, record: Record | None) -> None:
        """Note a written or (None) deleted record."""
        if self.lag_seconds:
            copy = dict(record) if record is not None else None
            self.waiting.append((self.now() + self.lag_seconds, kind, key, copy))

    def visible(self, kind: str) -> Table:
        """The records of a kind that search knows by now."""
        while self.waiting and self.waiting[0][0] <= self.now():
            _, changed, key, record = self.waiting.popleft()
            if record is not None:
                self.tables[changed].put(record)
            elif key in self.tables[changed].records:
                self.tables[changed].remove(key)
        return self.tables[kind]


class Account:
    """Everything the Zendesk account holds."""

    def __init__(self, now: Callable[[], float], search_lag_seconds: float) -> None:
        self.now = now
        self.organizations = Table(360_000_000_001, ("external_id", "name"))
        self.users = Table(380_000_000_001, ("external_id", "email", "organization_id"))
        self.tickets = Table(1, ("external_id", "organization_id", "requester_id"))
        self.memberships = Table(4_000_000_001, ("user_id", "organization_id"))
        self.organization_fields = Table(7_000_000_001, ("key",))
        self.sla_policies = Table(25_001, ())
        self.comments: dict[int, list[Record]] = defaultdict(list)
        self.jobs: dict[str, Record] = {}
        self.search = SearchIndex(now, search_lag_seconds, {
            "organization": self.organizations, "user": self.users, "ticket": self.tickets,
        })  # fmt: skip

    def timestamp(self) -> str:
        """The present moment as Zendesk writes it."""
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
