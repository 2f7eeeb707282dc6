"""From an event of the bus to hints for the inbox; pure."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from adapters.salesforce.ids import id18
from adapters.salesforce.mapping import moment_of
from canonical.connections import Connection
from canonical.facts import Kind
from canonical.inbound import Channel, InboundEvent

CLOSED_WON = "opportunity.closed_won"
UNREADABLE = "opportunity.unreadable"
EVENT_ID_CHARACTERS_MAX = 200
_GONE = frozenset({"DELETE", "GAP_DELETE"})

Fields = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """One event of the bus as it came and as it reads; `fields` is None where it cannot be read."""

    topic: str
    uuid: str
    schema_id: str
    payload: bytes
    replay_id: bytes
    fields: Fields | None

    @property
    def header(self) -> Fields | None:
        """What a change event says of the change; None for other events."""
        found = (self.fields or {}).get("ChangeEventHeader")
        return found if isinstance(found, dict) else None

    @property
    def at(self) -> datetime | None:
        """When it was published."""
        header = self.header
        at = header.get("commitTimestamp") if header else (self.fields or {}).get("CreatedDate")
        return _moment(at)

    @property
    def overflows(self) -> bool:
        """Whether more records changed than it names: only reading them all tells which.

        Besides an overflow that is a conversion of a field, which names a whole object: `006*`.
        """
        header = self.header or {}
        records = header.get("recordIds") or ()
        gap = header.get("changeType") == "GAP_OVERFLOW"
        return gap or any(str(record).endswith("*") for record in records)

    @property
    def changed(self) -> list[str]:
        """The opportunities that a change event says were changed, and not deleted."""
        header = self.header or {}
        if header.get("entityName") != "Opportunity" or header.get("changeType") in _GONE:
            return []
        known = (id18(str(record)) for record in header.get("recordIds") or ())
        return [deal for deal in known if deal]


def hints(
    told: Told, won: Mapping[str, str], connection: Connection, now: datetime
) -> list[InboundEvent]:
    """The hints in one event; `won` has the stamp of each changed opportunity that is won.

    What cannot be read becomes a hint that names no record: it is set aside with its cause, and
    what follows in the stream is not held up.
    """
    body = orjson.dumps(
        {
            "topic": told.topic,
            "id": told.uuid,
            "schema_id": told.schema_id,
            "event": told.fields,
            "avro": b64encode(told.payload).decode(),
        },
        default=str,
    )
    return [
        InboundEvent(
            source=connection.name,
            kind=Kind.OPPORTUNITY,
            channel=Channel.STREAM,
            environment=connection.environment,
            body=body,
            received_at=now,
            **said,
        )
        for said in _said(told, won)
    ]


def _said(told: Told, won: Mapping[str, str]) -> Iterator[Fields]:
    if told.fields is None:
        yield {"event_id": told.uuid, "type": UNREADABLE}
    elif told.header is None:
        yield _closed_won(told, told.fields)
    else:
        for deal in told.changed:
            if deal in won:
                yield _as_polled(deal, won[deal])


def _closed_won(told: Told, fields: Fields) -> Fields:
    stated, deal = _text(fields, "Event_Id__c"), _text(fields, "Opportunity_Id__c")
    ours = stated.startswith("sf:") and len(stated) <= EVENT_ID_CHARACTERS_MAX
    return {
        "event_id": stated if ours else told.uuid,
        "type": CLOSED_WON,
        "subject": id18(deal) or deal,
        "version": _text(fields, "System_Modstamp__c"),
        "occurred_at": told.at,
    }


def _as_polled(deal: str, stamp: str) -> Fields:
    return {
        "event_id": f"sf:{deal}:{stamp}",
        "type": CLOSED_WON,
        "subject": deal,
        "version": stamp,
        "occurred_at": moment_of(stamp),
    }


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return "" if value is None else str(value)


def _moment(milliseconds: Any) -> datetime | None:
    if isinstance(milliseconds, datetime):
        return milliseconds.astimezone(UTC)
    if not isinstance(milliseconds, int) or not 0 <= milliseconds < 2**47:
        return None
    whole = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return whole.replace(microsecond=milliseconds % 1000 * 1000)
