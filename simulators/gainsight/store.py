"""Tables indexed by every text field, and the copy of them that queries read some time later."""

import random
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

Record = dict[str, Any]

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
GSID_LENGTH = 36


class Table:
    """Records by Gsid, with an index from each field and text value to the records."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.index: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)

    def put(self, record: Record) -> None:
        """Write a record, replacing the one with its Gsid."""
        gsid = record["Gsid"]
        if gsid in self.records:
            self._unindex(self.records[gsid])
        self.records[gsid] = record
        for field, value in record.items():
            if isinstance(value, str):
                self.index[field, value][gsid] = None

    def remove(self, gsid: str) -> None:
        """Delete a record, if it is there."""
        if gsid in self.records:
            self._unindex(self.records.pop(gsid))

    def by(self, field: str, value: str) -> list[Record]:
        """The records with a text value in a field."""
        return [self.records[gsid] for gsid in self.index.get((field, value), ())]

    def _unindex(self, record: Record) -> None:
        for field, value in record.items():
            if isinstance(value, str):
                held = self.index[field, value]
                del held[record["Gsid"]]
                if not held:
                    del self.index[field, value]


class Tenant:
    """Everything the tenant holds, by object name, and what its queries can see of it."""

    def __init__(self, now: Callable[[], float], query_lag_seconds: float) -> None:
        self.now = now
        self.query_lag_seconds = query_lag_seconds
        self.tables: dict[str, Table] = defaultdict(Table)
        self.deleted: list[Record] = []
        self.changed: list[tuple[str, str, int]] = []
        self._chance = random.Random(1)  # noqa: S311  an order nobody promised, not security
        self._visible: dict[str, Table] = defaultdict(Table)
        self._waiting: deque[tuple[float, str, str, Record | None]] = deque()
        self._counts: dict[str, int] = defaultdict(int)

    def gsid(self, prefix: str) -> str:
        """The next id of a kind, 36 characters long."""
        self._counts[prefix] += 1
        number, text = self._counts[prefix], ""
        while number:
            number, digit = divmod(number, len(ALPHABET))
            text = ALPHABET[digit] + text
        return prefix + text.rjust(GSID_LENGTH - len(prefix), "0")

    def millis(self) -> int:
        """The present moment as Gainsight writes it."""
        return int(self.now() * 1000)

    def put(self, name: str, record: Record) -> Record:
        """Write a record of an object and stamp it."""
        stamp = self.millis()
        record.setdefault("CreatedDate", stamp)
        record["ModifiedDate"] = stamp
        self.tables[name].put(record)
        self._later(name, record["Gsid"], dict(record))
        self.changed.append((name, record["Gsid"], stamp))
        return record

    def shuffle(self, records: list[Record]) -> None:
        """Put records into an order of no meaning."""
        self._chance.shuffle(records)

    def remove(self, name: str, gsid: str) -> None:
        """Delete a record of an object; the delete log keeps its id."""
        self.tables[name].remove(gsid)
        self._later(name, gsid, None)
        self.deleted.append({"ObjectName": name, "RecordId": gsid, "DeletedDate": self.millis()})

    def visible(self, name: str) -> Table:
        """The records of an object that queries know by now."""
        if not self.query_lag_seconds:
            return self.tables[name]
        while self._waiting and self._waiting[0][0] <= self.now():
            _, changed, gsid, record = self._waiting.popleft()
            if record is None:
                self._visible[changed].remove(gsid)
            else:
                self._visible[changed].put(record)
        return self._visible[name]

    def _later(self, name: str, gsid: str, record: Record | None) -> None:
        if self.query_lag_seconds:
            self._waiting.append((self.now() + self.query_lag_seconds, name, gsid, record))
