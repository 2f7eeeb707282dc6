"""The account's own sender of changes: what a User Event script queues and a Map/Reduce posts."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from standardwebhooks import Webhook

from simulators.netsuite.records import Record, Records
from simulators.sending import Message, Mishaps, WebhookSender

QUEUED_MAX = 100_000
SETTLING = frozenset({"customerPayment", "creditMemo"})
ACCOUNT = "TSTDRV123_SB1"


@dataclass(frozen=True)
class Queued:
    """One save: the record, and the invoices it settled before or settles now."""

    record_type: str
    id: str
    invoices: tuple[str, ...] = ()


class Outbox:
    """Saves in their order, until they are sent."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.queued: deque[Queued] = deque(maxlen=QUEUED_MAX)

    def saved(self, record_type: str, before: Record | None, after: Record) -> None:
        """Queue a save, as `afterSubmit` does."""
        self.queued.append(Queued(record_type, after["id"], applied(before, after)))

    def deleted(self, record_type: str, record: Record) -> None:
        """Queue what a deletion changed: the invoices that are open again."""
        if record_type in SETTLING:
            self.queued.extend(Queued("invoice", invoice) for invoice in applied(record))

    def drain(self, secret: str, environment: str = "test") -> list[Message]:
        """The messages of everything queued, with the versions of now, and an empty queue."""
        taken, self.queued = list(self.queued), deque(maxlen=QUEUED_MAX)
        return [m for entry in taken for m in self.messages(entry, secret, environment)]

    def messages(self, entry: Queued, secret: str, environment: str) -> list[Message]:
        """One message a record, or one an invoice where the record settles some; none for a
        record that is gone."""
        record = self.records.tables[entry.record_type].get(entry.id)
        if record is None:
            return []
        body = {
            "type": "record.changed", "record": entry.record_type.lower(), "id": entry.id,
            "lastmodified": record["lastModifiedDate"], "environment": environment,
            "account": ACCOUNT,
        }  # fmt: skip
        if entry.record_type not in SETTLING:
            return [signed(body, secret)]
        return [signed({**body, "invoice": invoice}, secret) for invoice in entry.invoices]


def applied(*states: Record | None) -> tuple[str, ...]:
    """The invoices that a payment or credit settles, over all its states."""
    found = [line["doc"]["id"] for state in states if state for line in state.get("apply", ())]
    return tuple(dict.fromkeys(found))


def signed(body: Mapping[str, Any], secret: str) -> Message:
    """A message whose id is the same for the same version of the record."""
    parts = [body["record"], body["id"], body["lastmodified"], body.get("invoice", "")]
    event_id = ":".join(["ns", *(part for part in parts if part)])
    raw = orjson.dumps(body)

    def headers(now: datetime) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(event_id, now, raw.decode()),
        }

    return Message(event_id, raw, headers)


async def send(outbox: Outbox, order: Mapping[str, Any]) -> list[int]:
    """Send everything queued to `url`, signed with `secret`, in `environment`, with `mishaps`."""
    messages = outbox.drain(order["secret"], order.get("environment", "test"))
    mishaps = Mishaps(**order["mishaps"]) if order.get("mishaps") else None
    async with WebhookSender(order["url"]) as sender:
        return await sender.send(messages, mishaps)
