"""The org's records: created, changed and deleted with stamps, indexes and a way to roll back."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from simulators.salesforce.errors import SalesforceError, unknown_field
from simulators.salesforce.ids import IdCounter
from simulators.salesforce.schema import OBJECTS, Field, ObjectType, stage_flags
from simulators.salesforce.values import stamp, store_value

Record = dict[str, Any]
Restore = Callable[[], None]


class Table:
    """The records of one object, found by Id, by reference and by external id without a scan."""

    def __init__(self, object_type: ObjectType) -> None:
        self.type = object_type
        self.live: dict[str, Record] = {}
        self.deleted: dict[str, Record] = {}
        self.indexes: dict[str, dict[str, dict[str, None]]] = {
            f.name: {} for f in object_type.fields.values() if f.external_id or f.refers_to
        }

    def put(self, record: Record) -> None:
        """Hold a record, in the place of the one with its Id."""
        old = self.live.get(record["Id"])
        for name, index in self.indexes.items():
            before, after = (old or {}).get(name), record.get(name)
            if old is not None and before == after:
                continue
            if before is not None:
                index.get(index_key(before), {}).pop(record["Id"], None)
            if after is not None:
                index.setdefault(index_key(after), {})[record["Id"]] = None
        self.live[record["Id"]] = record

    def drop(self, record_id: str) -> Record:
        """Take a record out, from every index too."""
        record = self.live.pop(record_id)
        for name, index in self.indexes.items():
            if record.get(name) is not None:
                index.get(index_key(record[name]), {}).pop(record_id, None)
        return record

    def where(self, name: str, value: str) -> list[Record]:
        """The live records whose indexed field has this value."""
        return [self.live[i] for i in self.indexes[name].get(index_key(value), ())]


def index_key(value: str) -> str:
    """Text compares without case in Salesforce; ids differ from each other even then."""
    return value.casefold()


class Store:
    """Every table, the clock that stamps writes and the journal that undoes them."""

    def __init__(self, ids: IdCounter, clock: Callable[[], float], currency: str) -> None:
        self.ids = ids
        self.clock = clock
        self.currency = currency
        self.tables = {name: Table(o) for name, o in OBJECTS.items()}
        self._stamped_ms = 0
        self._journal: list[Restore] | None = None

    def stamp(self) -> str:
        """The moment of a write; never the same twice, so that it names a record's version."""
        self._stamped_ms = max(self._stamped_ms + 1, int(self.clock() * 1000))
        return stamp(self._stamped_ms / 1000)

    def insert(self, name: str, values: Record, *, trusted: bool = False) -> str:
        """Create a record; `trusted` (demo data, exports) may set system fields and skip rules."""
        table = self.tables[name]
        now = self.stamp()
        record: Record = dict.fromkeys(table.type.fields)
        record.update({f.name: False for f in table.type.fields.values() if f.type == "boolean"})
        record.update(CreatedDate=now, LastModifiedDate=now, SystemModstamp=now)
        if "CurrencyIsoCode" in record:
            record["CurrencyIsoCode"] = self.currency
        if "IsActive" in record:
            record["IsActive"] = True
        record.update({k: v for k, v in values.items() if v is not None})
        if name == "Opportunity":
            record.update(stage_flags(record["StageName"]))
        if not trusted:
            self._check(table, record, record)
        record["Id"] = record["Id"] or self.ids.next(table.type.prefix)
        table.put(record)
        self._undo(lambda: (table.drop(record["Id"]), None)[1])
        return str(record["Id"])

    def update(self, name: str, record_id: str, values: Record) -> None:
        """Change a record and bump its stamps."""
        table = self.tables[name]
        old = self.existing(name, record_id)
        now = self.stamp()
        record = {**old, **values, "LastModifiedDate": now, "SystemModstamp": now}
        if name == "Opportunity":
            record.update(stage_flags(record["StageName"]))
        self._check(table, values, record)
        table.put(record)
        self._undo(lambda: table.put(old))

    def delete(self, name: str, record_id: str) -> None:
        """Delete a record; an opportunity takes its lines along."""
        table = self.tables[name]
        self.existing(name, record_id)
        if name == "Opportunity":
            for line in self.tables["OpportunityLineItem"].where("OpportunityId", record_id):
                self.delete("OpportunityLineItem", line["Id"])
        record = table.drop(record_id)
        now = self.stamp()
        table.deleted[record_id] = {
            **record, "IsDeleted": True, "LastModifiedDate": now, "SystemModstamp": now
        }  # fmt: skip

        def restore() -> None:
            table.deleted.pop(record_id)
            table.put(record)

        self._undo(restore)

    def merge(self, survivor: str, merged: str) -> None:
        """Merge an account into another, which takes over its deals and subsidiaries."""
        table = self.tables["Account"]
        self.existing("Account", survivor)
        for name, field in (("Account", "ParentId"), ("Opportunity", "AccountId")):
            for record in self.tables[name].where(field, merged):
                if record["Id"] != survivor:
                    self.update(name, record["Id"], {field: survivor})
        self.delete("Account", merged)
        table.deleted[merged]["MasterRecordId"] = survivor

    def existing(self, name: str, record_id: str) -> Record:
        """A live record; raises 404 with the reason it is not there."""
        record = self.tables[name].live.get(record_id)
        if record is not None:
            return record
        if record_id in self.tables[name].deleted:
            raise SalesforceError(404, "ENTITY_IS_DELETED", "entity is deleted", ())
        raise SalesforceError(404, "NOT_FOUND", "The requested resource does not exist")

    @contextmanager
    def transaction(self) -> Iterator[Restore]:
        """Yields the call that undoes every write made inside so far."""
        outer = self._journal
        journal: list[Restore] = []
        self._journal = journal

        def roll_back() -> None:
            for restore in reversed(journal):
                restore()
            journal.clear()

        try:
            yield roll_back
        finally:
            self._journal = outer
            if outer is not None:
                outer.extend(journal)

    def _undo(self, restore: Restore) -> None:
        if self._journal is not None:
            self._journal.append(restore)

    def _check(self, table: Table, written: Iterable[str], record: Record) -> None:
        missing = [f.name for f in table.type.fields.values() if f.required and not record[f.name]
                   and record[f.name] != 0]  # fmt: skip
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise SalesforceError(400, "REQUIRED_FIELD_MISSING", message, tuple(missing))
        for name in written:
            field, value = table.type.fields[name], record[name]
            if value is None:
                continue
            if field.refers_to and value not in self.tables[field.refers_to].live:
                raise SalesforceError(
                    400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (name,)
                )
            if field.unique and any(r["Id"] != record["Id"] for r in table.where(name, value)):
                other = table.where(name, value)[0]["Id"]
                message = (
                    f"duplicate value found: {name} duplicates value on record with id: {other}"
                )
                raise SalesforceError(400, "DUPLICATE_VALUE", message, ())


def read_body(object_type: ObjectType, body: Any) -> Record:
    """The writable fields of a body as stored values; refuses unknown and read-only ones."""
    if not isinstance(body, dict):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "The body is not a JSON object")
    values: Record = {}
    for name, value in body.items():
        if name == "attributes":
            continue
        field: Field | None = object_type.find(name)
        if field is None:
            raise unknown_field(name, object_type.name)
        if not field.writable:
            message = f"Unable to create/update fields: {field.name}. Please check the security settings of this field and verify that it is read/write for your profile or permission set."  # noqa: E501
            raise SalesforceError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, (field.name,))
        values[field.name] = store_value(field, value)
    return values
