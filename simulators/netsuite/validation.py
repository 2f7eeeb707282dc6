"""What a request body becomes: typed values, resolved references, checked property names."""

from datetime import date
from typing import Any

from simulators.netsuite.errors import NetSuiteRefusal, invalid_value, user_error
from simulators.netsuite.money import to_decimal
from simulators.netsuite.records import Record, Records
from simulators.netsuite.schema import (
    LINE_COMPUTED,
    LINE_FIELDS,
    ORDER_STATUS,
    RECORD_TYPES,
    REVENUE_RULES,
    Kind,
    canonical_type,
)

IGNORED = frozenset({"id", "links", "refName", "createdDate", "lastModifiedDate"})
ENUMS = {
    "orderStatus": ORDER_STATUS,
    "revenueRecognitionRule": {rule: rule for rule in REVENUE_RULES},
}


def typed(field: str, kind: Kind, value: Any, path: str) -> Any:
    """A value in its field's own type; raises NetSuiteRefusal when it does not fit."""
    try:
        if kind in ("amount", "number"):
            return to_decimal(value)
        if kind == "date":
            return date.fromisoformat(value[:10]).isoformat()
        if kind == "enum":
            chosen = value["id"] if isinstance(value, dict) else value
            return {"id": chosen, "refName": ENUMS[field][chosen]}
        if kind == "integer":
            return int(value)
    except (TypeError, ValueError, KeyError, ArithmeticError):
        raise invalid_value(field, value, path) from None
    if (kind == "text" and not isinstance(value, str | int)) or (
        kind == "bool" and not isinstance(value, bool)
    ):
        raise invalid_value(field, value, path)
    return str(value) if kind == "text" else value


class BodyReader:
    """Reads request bodies against the schema and the records they refer to."""

    def __init__(self, records: Records) -> None:
        self.records = records

    def read(self, record_type: str, body: Any, strict: bool) -> dict[str, Any]:
        """The body's fields; unknown names are dropped, or refused when `strict`."""
        if not isinstance(body, dict):
            raise NetSuiteRefusal(400, "INVALID_CONTENT", "Invalid content in the request body.")
        spec = RECORD_TYPES[canonical_type(record_type)]
        values: dict[str, Any] = {}
        for name, value in body.items():
            if value is None and (name in spec.fields or name in spec.references):
                values[name] = None
            elif name in spec.fields:
                values[name] = typed(name, spec.fields[name], value, name)
            elif name in spec.references:
                values[name] = self.reference(name, spec.references[name], value, name)
            elif name in spec.sublists:
                values[name] = self._lines(name, value, strict)
            elif name not in IGNORED and name not in spec.computed:
                self._unknown(name, name, strict)
        return values

    def reference(self, field: str, record_type: str, value: Any, path: str) -> Record:
        """The record a reference names, as {id, refName}; raises NetSuiteRefusal for none."""
        given = value if isinstance(value, dict) else {"id": value}
        if given.get("id") not in (None, ""):
            found = self.records.find(record_type, str(given["id"]))
        else:
            found = self.records.find(record_type, f"eid:{given.get('externalId', '')}")
        if found is None:
            shown = given.get("id") or given.get("externalId") or value
            raise user_error(
                f"Error while accessing a resource. You have entered an Invalid Field Value "
                f"{shown} for the following field: {field}",
                path,
            )
        return {"id": found["id"], "refName": ref_name(found)}

    def _lines(self, sublist: str, value: Any, strict: bool) -> list[Record]:
        items = value.get("items") if isinstance(value, dict) else None
        if not isinstance(items, list) or not all(isinstance(line, dict) for line in items):
            raise NetSuiteRefusal(400, "INVALID_CONTENT", "Invalid sublist content.", sublist)
        read = self._apply_line if sublist == "apply" else self._item_line
        return [read(line, f"{sublist}.items[{index}]", strict) for index, line in enumerate(items)]

    def _item_line(self, body: Record, path: str, strict: bool) -> Record:
        line: Record = {}
        for name, value in body.items():
            if name == "item":
                line["item"] = self.reference("item", "serviceSaleItem", value, f"{path}.item")
            elif name in LINE_FIELDS:
                if value is not None:
                    line[name] = typed(name, LINE_FIELDS[name], value, f"{path}.{name}")
            elif name not in IGNORED and name not in LINE_COMPUTED:
                self._unknown(name, f"{path}.{name}", strict)
        return line

    def _apply_line(self, body: Record, path: str, strict: bool) -> Record:
        if body.get("apply") is False:
            raise user_error("Lines that are not applied cannot be sent.", f"{path}.apply")
        line: Record = {"apply": True}
        line["doc"] = self.reference("doc", "invoice", body.get("doc"), f"{path}.doc")
        if "amount" in body:
            line["amount"] = typed("amount", "amount", body["amount"], f"{path}.amount")
        for name in body:
            if name not in {"doc", "apply", "amount", "line"} | IGNORED:
                self._unknown(name, f"{path}.{name}", strict)
        return line

    @staticmethod
    def _unknown(name: str, path: str, strict: bool) -> None:
        # By default NetSuite only warns: a misspelt field is dropped and the answer is a success.
        if strict:
            raise NetSuiteRefusal(400, "INVALID_PROPERTY", f"Unknown property '{name}'.", path)


def ref_name(record: Record) -> str:
    """The name a reference to this record shows."""
    for field in ("companyName", "displayName", "tranId", "name", "periodName", "entityId"):
        if record.get(field):
            return str(record[field])
    return str(record["id"])
