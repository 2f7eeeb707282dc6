"""The records held: one table a type, found by internal or external id."""

import itertools
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from simulators.netsuite.errors import NetSuiteRefusal, user_error
from simulators.netsuite.schema import RECORD_TYPES, canonical_type

Record = dict[str, Any]

EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]+")
FIRST_INTERNAL_ID = 1001


class Records:
    """Every table, kept with its indexes; `changed` collects what the SQL mirror has not seen."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.tables: dict[str, dict[str, Record]] = {name: {} for name in RECORD_TYPES}
        self.by_external: dict[tuple[str, str], str] = {}
        self.by_entity_id: dict[str, str] = {}
        self.dependents: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        self.changed: dict[tuple[str, str], None] = {}
        self._ids = itertools.count(FIRST_INTERNAL_ID)

    def table(self, record_type: str) -> dict[str, Record]:
        """The table of a type; raises NetSuiteRefusal for a type that does not exist."""
        found = self.tables.get(canonical_type(record_type))
        if found is None:
            raise NetSuiteRefusal(404, "NOT_FOUND", f"Record type '{record_type}' does not exist.")
        return found

    def find(self, record_type: str, key: str) -> Record | None:
        """The record under an internal id or `eid:` key, if there is one."""
        table = self.table(record_type)
        if key.startswith("eid:"):
            key = self.by_external.get((canonical_type(record_type), key[4:]), "")
        return table.get(key)

    def get(self, record_type: str, key: str) -> Record:
        """The record under a key; raises NetSuiteRefusal 404 when there is none."""
        found = self.find(record_type, key)
        if found is None:
            raise NetSuiteRefusal(404)
        return found

    def timestamp(self) -> str:
        """The present moment as NetSuite writes it."""
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def check_external_id(self, record_type: str, external_id: Any, own_id: str | None) -> None:
        """Raise NetSuiteRefusal for characters NetSuite cannot parse or an id already taken."""
        if not isinstance(external_id, str) or not EXTERNAL_ID.fullmatch(external_id):
            detail = (
                f"Invalid external ID '{external_id}'. Use letters, digits, underscores and "
                "hyphens only."
            )
            raise NetSuiteRefusal(400, "INVALID_VALUE", detail, "externalId")
        holder = self.by_external.get((record_type, external_id))
        if holder is not None and holder != own_id:
            raise user_error(
                f"This record already exists: external ID '{external_id}'.", "externalId"
            )

    def put(self, record_type: str, record: Record, internal_id: str | None = None) -> Record:
        """Write a whole record, giving it an internal id when it has none."""
        record_type = canonical_type(record_type)
        own_id = record.get("id") or internal_id or str(next(self._ids))
        stamp = self.timestamp()
        record.setdefault("createdDate", stamp)
        record.update(id=own_id, lastModifiedDate=stamp)
        before = self.tables[record_type].get(own_id)
        if before:
            self._unindex(record_type, before)
        self.tables[record_type][own_id] = record
        if external_id := record.get("externalId"):
            self.by_external[record_type, external_id] = own_id
        if record_type == "customer":
            self.by_entity_id[record.setdefault("entityId", f"CUST{own_id}").lower()] = own_id
        for parent in parents(record):
            self.dependents[parent].add((record_type, own_id))
        self.changed[record_type, own_id] = None
        return record

    def touch(self, record_type: str, record: Record) -> None:
        """Note that a record was changed in place."""
        record["lastModifiedDate"] = self.timestamp()
        self.changed[record_type, record["id"]] = None

    def remove(self, record_type: str, record: Record) -> None:
        """Delete a record; raises NetSuiteRefusal while a transaction depends on it."""
        record_type = canonical_type(record_type)
        if self.dependents.get((record_type, record["id"])):
            raise user_error("This record cannot be deleted because it has dependent records.")
        del self.tables[record_type][record["id"]]
        self._unindex(record_type, record)
        self.changed[record_type, record["id"]] = None

    def _unindex(self, record_type: str, record: Record) -> None:
        if external_id := record.get("externalId"):
            self.by_external.pop((record_type, external_id), None)
        if record_type == "customer":
            self.by_entity_id.pop(record["entityId"].lower(), None)
        for parent in parents(record):
            self.dependents[parent].discard((record_type, record["id"]))


def parents(record: Record) -> list[tuple[str, str]]:
    """The records this transaction stands on: its customer, its source and what it pays."""
    found = []
    for field, kind in (("entity", "customer"), ("customer", "customer")):
        if field in record:
            found.append((kind, record[field]["id"]))
    source = record.get("createdFrom")
    if source and "recordType" in source:
        found.append((source["recordType"], source["id"]))
    found.extend(("invoice", line["doc"]["id"]) for line in record.get("apply", ()))
    return found
