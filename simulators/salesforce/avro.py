"""The Avro schemas of the org's topics, and events in their binary form."""

import hashlib
import io
from functools import cache
from typing import Any

import orjson
from fastavro import parse_schema, schemaless_writer

from simulators.salesforce.eventbus import CHANGES_TOPIC, CLOSED_WON_TOPIC, Published

_TEXT = ["null", "string"]
_CHANGE_TYPES = [
    "CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE",
    "GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT",
]  # fmt: skip


def _texts(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "type": _TEXT, "default": None} for name in names]


def _lists(*names: str) -> list[dict[str, Any]]:
    items = {"type": "array", "items": "string"}
    return [{"name": name, "type": items} for name in names]


SCHEMAS: dict[str, dict[str, Any]] = {
    CLOSED_WON_TOPIC: {
        "name": "Order_Closed_Won__e", "namespace": "com.sforce.eventbus", "type": "record",
        "fields": [
            {"name": "CreatedDate", "type": "long"},
            {"name": "CreatedById", "type": "string"},
            *_texts("Opportunity_Id__c", "Event_Id__c", "System_Modstamp__c"),
        ],
    },
    CHANGES_TOPIC: {
        "name": "OpportunityChangeEvent", "namespace": "com.sforce.eventbus", "type": "record",
        "fields": [
            {"name": "ChangeEventHeader", "type": {
                "name": "ChangeEventHeader", "type": "record", "fields": [
                    {"name": "entityName", "type": "string"},
                    *_lists("recordIds"),
                    {"name": "changeType", "type": {
                        "name": "ChangeType", "type": "enum", "symbols": _CHANGE_TYPES,
                    }},
                    {"name": "changeOrigin", "type": "string"},
                    {"name": "transactionKey", "type": "string"},
                    {"name": "sequenceNumber", "type": "int"},
                    {"name": "commitTimestamp", "type": "long"},
                    {"name": "commitNumber", "type": "long"},
                    {"name": "commitUser", "type": "string"},
                    *_lists("nulledFields", "diffFields", "changedFields"),
                ],
            }},
            *_texts("StageName"),
            {"name": "LastModifiedDate", "type": ["null", "long"], "default": None},
        ],
    },
}  # fmt: skip


@cache
def schema_id(topic: str) -> str:
    """A digest of the topic's schema, as it stands."""
    return hashlib.sha256(schema_json(topic).encode()).hexdigest()[:22]


@cache
def schema_json(topic: str) -> str:
    """The schema as GetSchema answers it."""
    return orjson.dumps(SCHEMAS[topic]).decode()


def encoded(topic: str, event: Published) -> bytes:
    """The event's payload."""
    if event.garbled:
        return b"\xff"
    out = io.BytesIO()
    schemaless_writer(out, _parsed(topic), event.fields)
    return out.getvalue()


@cache
def _parsed(topic: str) -> Any:
    return parse_schema(SCHEMAS[topic])
