"""From records to rows: CSV under its header, or one JSON object a line."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson

from adapters.files.problem import Problem
from adapters.files.records import Raw, raw_records

DELIMITERS = ",;\t|"
JSON_SUFFIXES = frozenset({".jsonl", ".ndjson", ".json"})
CSV_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})

Row = Mapping[str, Any]


class Table(Protocol):
    """How the records of one file are read."""

    quoted: bool

    def body(self, raw: Raw) -> bytes:
        """The row as JSON; raises Problem."""
        ...


class JsonLines:
    """One JSON object a line."""

    quoted = False

    def body(self, raw: Raw) -> bytes:
        """The line as it stands."""
        text = raw.body.strip()
        row_of(text)
        return text


class Csv:
    """Lines under a header; `columns` are the header's names."""

    quoted = True

    def __init__(self, columns: Sequence[str], delimiter: str) -> None:
        self.columns = columns
        self._delimiter = delimiter

    def body(self, raw: Raw) -> bytes:
        """The line's fields by column, as text."""
        fields = _fields(raw.body, self._delimiter)
        if len(fields) != len(self.columns):
            raise Problem("wrong_columns", f"{len(fields)} instead of {len(self.columns)}")
        return orjson.dumps(dict(zip(self.columns, fields, strict=True)))


def table_of(file: BinaryIO, name: str, wanted: str, needed: Sequence[Sequence[str]]) -> Table:
    """How a file is read: as `wanted`, or as its name or first byte says.

    `needed` are columns of which one each must be in a CSV header. Raises Problem where the file as
    a whole cannot be read.
    """
    if _is_json(file, name, wanted):
        return JsonLines()
    header = next(raw_records(file, quoted=True), None)
    if header is None:
        return Csv([], ",")
    if header.problem:
        raise Problem("bad_header")
    delimiter = max(DELIMITERS, key=lambda mark: header.body.count(mark.encode()))
    columns = [column.strip() for column in _fields(header.body, delimiter)]
    if len(set(columns)) != len(columns) or not all(columns):
        raise Problem("bad_header")
    for alternatives in needed:
        if not set(alternatives) & set(columns):
            raise Problem("column_missing", " or ".join(alternatives))
    return Csv(columns, delimiter)


def row_of(body: bytes) -> Row:
    """A row from its JSON, fractions exact; raises Problem."""
    try:
        row = json.loads(body.decode(), parse_float=Decimal, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise Problem("not_utf8") from None
    except (ValueError, RecursionError):
        raise Problem("not_json") from None
    if not isinstance(row, dict):
        raise Problem("not_json")
    return row


def _is_json(file: BinaryIO, name: str, wanted: str) -> bool:
    suffix = Path(name).suffix.lower()
    if wanted != "auto" or suffix in CSV_SUFFIXES:
        return wanted == "jsonl"
    if suffix in JSON_SUFFIXES:
        return True
    first = next(raw_records(file, quoted=False), None)
    return first is not None and first.body.lstrip().startswith(b"{")


def _fields(record: bytes, delimiter: str) -> list[str]:
    try:
        text = record.decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except UnicodeDecodeError:
        raise Problem("not_utf8") from None
    except csv.Error:
        raise Problem("not_csv") from None
    if len(rows) != 1:
        raise Problem("not_csv")
    return rows[0]


def _no_number(_: str) -> Any:
    raise ValueError("not a number")
