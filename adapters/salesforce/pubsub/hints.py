"""From an event of the bus to hints for the inbox; pure."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from adapters.salesforce.ids import id18
from canonical.connections import Connection
from canonical.facts import Kind
from canonical.inbound import Channel, InboundEvent

CLOSED_WON = "opportunity.closed_won"
UNREADABLE = "opportunity.unreadable"
EVENT_ID_CHARACTERS_MAX = 200
_GONE = frozenset({"DELETE", "GAP_DELETE"})

Fields = dict[str, Any]


class Overflow(Exception):
    """More records changed than the bus names: only reading the records themselves tells which."""


def hints(
    topic: str, uuid: str, schema_id: str, payload: bytes, fields: Fields | None,
    connection: Connection, now: datetime,
) -> list[InboundEvent]:  # fmt: skip
    """The hints in one event; `fields` is None for one that cannot be read.

    What cannot be read becomes a hint that names no record: the re-read sets it aside with its
    cause, and what follows in the stream is not held up. Raises Overflow.
    """
    body = orjson.dumps(
        {"topic": topic, "id": uuid, "schema_id": schema_id, "event": fields,
         "avro": b64encode(payload).decode()},
        default=str,
    )  # fmt: skip
    return [
        InboundEvent(
            source=connection.name,
            channel=Channel.STREAM,
            environment=connection.environment,
            body=body,
            received_at=now,
            **told,
        )
        for told in _told(uuid, fields)
    ]


def _told(uuid: str, fields: Fields | None) -> Iterator[Fields]:
    header = (fields or {}).get("ChangeEventHeader")
    if isinstance(header, dict):
        yield from _changes(uuid, header)
    elif fields is not None:
        yield _closed_won(uuid, fields)
    else:
        yield {"event_id": uuid, "type": UNREADABLE, "kind": Kind.OPPORTUNITY}


def _closed_won(uuid: str, fields: Fields) -> Fields:
    stated, deal = _text(fields, "Event_Id__c"), _text(fields, "Opportunity_Id__c")
    ours = stated.startswith("sf:") and len(stated) <= EVENT_ID_CHARACTERS_MAX
    return {
        "event_id": stated if ours else uuid,
        "type": CLOSED_WON,
        "kind": Kind.OPPORTUNITY,
        "subject": id18(deal) or deal,
        "version": _text(fields, "System_Modstamp__c"),
        "occurred_at": _moment(fields.get("CreatedDate")),
    }


def _changes(uuid: str, header: Fields) -> Iterator[Fields]:
    change = str(header.get("changeType", ""))
    records = [str(record) for record in header.get("recordIds") or ()]
    # A conversion that loses data names all records of an object at once: 006*.
    if change == "GAP_OVERFLOW" or any(record.endswith("*") for record in records):
        raise Overflow
    ours = header.get("entityName") == "Opportunity" and change not in _GONE
    for record in records:
        # The header states no SystemModstamp, so these hints have no version.
        yield {
            "event_id": f"{uuid}:{record}",
            "type": f"opportunity.{change.lower()}",
            "kind": Kind.OPPORTUNITY if ours else "",
            "subject": id18(record) or record,
            "occurred_at": _moment(header.get("commitTimestamp")),
        }


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return "" if value is None else str(value)


def _moment(milliseconds: Any) -> datetime | None:
    if isinstance(milliseconds, datetime):
        return milliseconds.astimezone(UTC)
    if not isinstance(milliseconds, int) or not 0 <= milliseconds < 2**48:
        return None
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
        microsecond=milliseconds % 1000 * 1000
    )
