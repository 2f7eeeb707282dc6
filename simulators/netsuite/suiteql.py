"""SuiteQL over an in-memory SQLite mirror that is brought up to date only where records changed."""

import re
import sqlite3
from decimal import Decimal
from typing import Any

from simulators.netsuite.dates import (
    KEPT,
    kept,
    shown,
    sys_extract_utc,
    to_char,
    to_date,
    to_timestamp,
    trunc,
)
from simulators.netsuite.errors import NetSuiteRefusal
from simulators.netsuite.records import Record, Records
from simulators.netsuite.schema import (
    CUSTOM_BODY,
    CUSTOM_ENTITY,
    CUSTOM_LINE,
    CUSTOM_TYPED,
    TRANSACTIONS,
)
from simulators.netsuite.transactions import is_transaction, status_letter

TABLES = {
    "customer": "id INTEGER PRIMARY KEY, externalid, entityid, companyname, email, subsidiary"
    " INTEGER, currency INTEGER, datecreated, lastmodifieddate, " + ", ".join(CUSTOM_ENTITY),
    "transaction": "id INTEGER PRIMARY KEY, externalid, tranid, type, entity INTEGER, status,"
    " trandate, duedate, foreigntotal NUMERIC, foreignamountunpaid NUMERIC,"
    " foreignamountpaid NUMERIC, currency INTEGER,"
    " subsidiary INTEGER, createdfrom INTEGER, createddate, lastmodifieddate, memo, otherrefnum, "
    + ", ".join([*CUSTOM_BODY, *CUSTOM_TYPED]),
    "transactionline": "'transaction' INTEGER, linesequencenumber INTEGER, item INTEGER,"
    " quantity NUMERIC, rate NUMERIC, foreignamount NUMERIC, isclosed, memo, mainline, taxline,"
    " createdfrom INTEGER, subsidiary INTEGER, " + ", ".join(CUSTOM_LINE),
    "nexttransactionlinelink": "previousdoc INTEGER, nextdoc INTEGER, linktype, foreignamount"
    " NUMERIC",
    "item": "id INTEGER PRIMARY KEY, externalid, itemid, displayname, isinactive",
    "revenuearrangement": "id INTEGER PRIMARY KEY, externalid, sourcetransaction INTEGER,"
    " entity INTEGER, totalrevenueamount NUMERIC",
    "revenueelement": "id INTEGER PRIMARY KEY, revenuearrangement INTEGER, sourcetransaction"
    " INTEGER, sourcetransactionline INTEGER, item INTEGER, revenueamount NUMERIC,"
    " revrecstartdate, revrecenddate, revenuerecognitionrule",
    "revenueplan": "id INTEGER PRIMARY KEY, revenueelement INTEGER, plannedperiod, amount NUMERIC,"
    " status",
    "subsidiary": "id INTEGER PRIMARY KEY, name, country, currency INTEGER",
    "currency": "id INTEGER PRIMARY KEY, name, symbol",
    "term": "id INTEGER PRIMARY KEY, name, daysuntilnetdue INTEGER",
    "accountingperiod": "id INTEGER PRIMARY KEY, periodname, startdate, enddate, closed",
}
INDEXES = (
    ("customer", "externalid"), ("customer", "entityid"), ("transaction", "externalid"),
    ("transaction", "entity"), ("transaction", "createdfrom"), ("transaction", "lastmodifieddate"),
    ("transactionline", "transaction"), ("item", "externalid"),
    ("nexttransactionlinelink", "previousdoc"), ("nexttransactionlinelink", "nextdoc"),
    ("revenuearrangement", "sourcetransaction"), ("revenueelement", "revenuearrangement"),
    ("revenueplan", "revenueelement"),
)  # fmt: skip
ALIASES = {
    "datecreated": "createdDate", "sourcetransaction": "createdFrom",
    "sourcetransactionline": "sourceLine",
}  # fmt: skip
MOMENTS = frozenset({"datecreated", "createddate", "lastmodifieddate"})
SQL_OF = {"serviceSaleItem": "item", **dict.fromkeys(TRANSACTIONS, "transaction")}
DIALECT = (
    (re.compile(r"\bBUILTIN\.DF\s*\(", re.I), "builtin_df("),
    (re.compile(r"\bFETCH\s+FIRST\s+(\d+)\s+ROWS?\s+ONLY\b", re.I), r"LIMIT \1"),
    (re.compile(r"\b(FROM|JOIN)\s+transaction\b", re.I), r'\1 "transaction"'),
    (re.compile(r"(?<![\w.\"])transaction\.", re.I), '"transaction".'),
    (re.compile(r"\.transaction\b", re.I), '."transaction"'),
    (re.compile(r"\bSYSDATE\b", re.I), "sysdate()"),
)


class SuiteQL:
    """The queryable mirror of the records."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.base = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.base.create_function("nvl", 2, lambda a, b: b if a is None else a, deterministic=True)
        self.base.create_function("to_date", -1, to_date, deterministic=True)
        self.base.create_function("to_timestamp", 2, to_timestamp, deterministic=True)
        self.base.create_function("sys_extract_utc", 1, sys_extract_utc, deterministic=True)
        self.base.create_function("to_char", -1, to_char, deterministic=True)
        self.base.create_function("trunc", 1, trunc, deterministic=True)
        self.base.create_function("sysdate", 0, lambda: kept(records.timestamp()))
        self.base.create_function("builtin_df", 1, lambda v: v)
        for table, columns in TABLES.items():
            self.base.execute(f'CREATE TABLE "{table}" ({columns})')
        for table, column in INDEXES:
            self.base.execute(f'CREATE INDEX "{table}_{column}" ON "{table}" ("{column}")')
        self.columns = {
            table: [row[1].lower() for row in self.base.execute(f'PRAGMA table_info("{table}")')]
            for table in TABLES
        }
        for record_type, held in self.records.tables.items():
            self.records.changed.update(dict.fromkeys((record_type, key) for key in held))

    def query(self, text: str, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
        """One page of a query's rows, and how many rows there are; raises NetSuiteRefusal."""
        self._catch_up()
        for pattern, replacement in DIALECT:
            text = pattern.sub(replacement, text)
        text = text.strip().rstrip(";")
        if not re.match(r"(SELECT|WITH)\b", text, re.I):
            raise _invalid(text, "only SELECT statements are allowed")
        try:
            # As a subquery the text can read and nothing else, whatever it says.
            page = f"SELECT * FROM ({text}\n) LIMIT {limit} OFFSET {offset}"  # noqa: S608
            cursor = self.base.execute(page)
            names = [column[0].lower() for column in cursor.description]
            rows = cursor.fetchall()
            total = offset + len(rows)
            if len(rows) == limit:
                count = f"SELECT count(*) FROM ({text}\n)"  # noqa: S608
                total = self.base.execute(count).fetchone()[0]
        except sqlite3.Error as error:
            raise _invalid(text, str(error)) from None
        return [_row(names, row) for row in rows], total

    def _catch_up(self) -> None:
        changed, self.records.changed = self.records.changed, {}
        if not changed:
            return
        rows: dict[str, list[tuple[Any, ...]]] = {}
        self.base.execute("BEGIN")
        for record_type, key in changed:
            table = SQL_OF.get(record_type, record_type.lower())
            record = self.records.tables[record_type].get(key)
            if is_transaction(record_type):
                self.base.execute('DELETE FROM transactionline WHERE "transaction" = ?', (key,))
                self.base.execute("DELETE FROM nexttransactionlinelink WHERE nextdoc = ?", (key,))
            if record is None:
                self.base.execute(f'DELETE FROM "{table}" WHERE id = ?', (key,))  # noqa: S608
                continue
            rows.setdefault(table, []).append(self._values(table, record_type, record))
            if is_transaction(record_type):
                lines = [_main_line(record), *record.get("item", ())]
                rows.setdefault("transactionline", []).extend(self._line(key, x) for x in lines)
                rows.setdefault("nexttransactionlinelink", []).extend(
                    (line["doc"]["id"], key, "Payment", float(line["amount"]))
                    for line in record.get("apply", ())
                )
        for table, values in rows.items():
            marks = ", ".join("?" * len(self.columns[table]))
            insert = f'INSERT OR REPLACE INTO "{table}" VALUES ({marks})'  # noqa: S608
            self.base.executemany(insert, values)
        self.base.execute("COMMIT")

    def _values(self, table: str, record_type: str, record: Record) -> tuple[Any, ...]:
        held = {name.lower(): value for name, value in record.items()}
        if is_transaction(record_type):
            held.update(
                type=TRANSACTIONS[record_type], status=status_letter(record_type, record),
                foreigntotal=record["total"], foreignamountunpaid=record.get("amountRemaining"),
                foreignamountpaid=record.get("amountPaid"),
            )  # fmt: skip
        values = {
            name: _plain(held.get(ALIASES.get(name, name).lower(), held.get(name)))
            for name in self.columns[table]
        }
        for name in MOMENTS & values.keys():
            values[name] = kept(values[name])
        return tuple(values.values())

    def _line(self, key: str, line: Record) -> tuple[Any, ...]:
        held = {
            "mainline": "F", "taxline": "F", **line, "transaction": key,
            "linesequencenumber": line["line"], "foreignamount": line["amount"],
            "isclosed": line["isClosed"], "memo": line.get("description"),
        }  # fmt: skip
        return tuple(_plain(held.get(name)) for name in self.columns["transactionline"])


def _main_line(record: Record) -> Record:
    # NetSuite's line 0 stands for the transaction itself: its source and subsidiary are only here.
    return {
        "line": 0, "mainline": "T", "amount": record["total"], "isClosed": False,
        "createdfrom": record.get("createdFrom"), "subsidiary": record.get("subsidiary"),
    }  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("id")
    if isinstance(value, bool):
        return "T" if value else "F"
    return float(value) if isinstance(value, Decimal) else value


def _row(names: list[str], values: tuple[Any, ...]) -> dict[str, Any]:
    # SuiteQL gives every value as a string and leaves nulls out altogether.
    row: dict[str, Any] = {"links": []}
    for name, value in zip(names, values, strict=True):
        if isinstance(value, float):
            row[name] = f"{Decimal(repr(round(value, 4))).normalize():f}"
        elif value is not None:
            row[name] = shown(str(value)) if KEPT.fullmatch(str(value)) else str(value)
    return row


def _invalid(text: str, reason: str) -> NetSuiteRefusal:
    return NetSuiteRefusal(
        400, "INVALID_PARAMETER",
        f"Invalid search query. Detailed unprocessed description follows. {reason}: {text[:200]}",
    )  # fmt: skip
