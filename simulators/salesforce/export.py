"""Loads a Salesforce data export: one CSV file an object, ids and stamps kept as they are."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from simulators.salesforce.ids import canonical_id
from simulators.salesforce.schema import ObjectType, find_object
from simulators.salesforce.store import Record, Store
from simulators.salesforce.values import read_cell

# Parents before children, so that a reference can be followed as soon as it is held.
EXPORTED = ("Account", "Product2", "PricebookEntry", "Opportunity", "OpportunityLineItem")
OPTIONAL = ("User",)


class ExportError(ValueError):
    """An export that cannot be loaded; the message names the file and, where one is, the row."""


@dataclass(frozen=True)
class ExportReport:
    """What was loaded: records per object, and the columns the org has no field for."""

    counts: dict[str, int] = field(default_factory=dict)
    ignored_columns: dict[str, list[str]] = field(default_factory=dict)


def load_export(store: Store, folder: Path) -> ExportReport:
    """Load every file of the folder, or nothing: a bad row undoes the rows before it."""
    report = ExportReport()
    with store.transaction() as roll_back:
        try:
            for name in (*OPTIONAL, *EXPORTED):
                path = folder / f"{name}.csv"
                if path.is_file():
                    _load_file(store, name, path, report)
                elif name not in OPTIONAL:
                    raise ExportError(f"{path.name}: the file is missing from {folder}")
        except ExportError:
            roll_back()
            raise
    return report


def _load_file(store: Store, name: str, path: Path, report: ExportReport) -> None:
    object_type = find_object(name)
    if object_type is None:
        raise ExportError(f"{path.name}: no object {name}")
    table = store.tables[name]
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        columns = list(reader.fieldnames or ())
        if "Id" not in columns:
            raise ExportError(f"{path.name}: there is no Id column")
        ignored = [column for column in columns if column not in object_type.fields]
        if ignored:
            report.ignored_columns[name] = ignored
        count = 0
        for row_number, record in _rows(reader, object_type, path.name):
            if record["Id"] in table.live or record["Id"] in table.deleted:
                raise ExportError(f"{path.name} row {row_number}: duplicate Id {record['Id']}")
            store.insert(name, _with_stamps(record), trusted=True)
            count += 1
    report.counts[name] = count


def _rows(
    reader: "csv.DictReader[str]", object_type: ObjectType, file_name: str
) -> Iterator[tuple[int, Record]]:
    """Each row with its line number in the file, the header being line 1."""
    for row in reader:
        place = f"{file_name} row {reader.line_num}"
        record_id = canonical_id(row["Id"] or "")
        if record_id is None:
            raise ExportError(f"{place}: {row['Id']!r} is not a record id")
        record: Record = {}
        for column, cell in row.items():
            known = object_type.fields.get(column)
            if known is None:
                continue
            try:
                record[column] = read_cell(known, cell or "")
            except ValueError as error:
                raise ExportError(f"{place}: {column}: {error}") from None
        yield reader.line_num, {**record, "Id": record_id}


def _with_stamps(record: Record) -> Record:
    # An export may lack either stamp; a record that was never touched was last changed when made.
    changed = record.get("SystemModstamp") or record.get("LastModifiedDate")
    changed = changed or record.get("CreatedDate")
    stamps = {"SystemModstamp": changed, "LastModifiedDate": changed}
    return {**stamps, **{k: v for k, v in record.items() if v is not None}}
