"""What of a NetSuite transaction is told: its hint, the same over every channel."""

import re
from datetime import datetime
from typing import Any

from canonical.connections import Environment
from canonical.errors import Malformed
from canonical.facts import Kind
from canonical.inbound import Channel, InboundEvent

TYPE = "record.changed"
# A record's last change as NetSuite states it, in UTC: it has whole seconds only.
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
INTERNAL_ID = re.compile(r"[1-9]\d{0,17}")
KINDS = {
    "invoice": Kind.INVOICE,
    "customerpayment": Kind.INVOICE,
    "creditmemo": Kind.INVOICE,
    "salesorder": Kind.CONTRACT,
}
# These are no subjects of their own: they change the invoices that they are applied to.
SETTLING = frozenset({"customerpayment", "creditmemo"})
RECORD_OF = {
    "CustInvc": "invoice",
    "CustPymt": "customerpayment",
    "CustCred": "creditmemo",
    "SalesOrd": "salesorder",
}


def event_id(record: str, internal_id: str, changed: str, invoice: str = "") -> str:
    """The id of a change: the same for webhook, poll and backfill; one an invoice that a payment
    or credit is applied to."""
    return ":".join(part for part in ("ns", record, internal_id, changed, invoice) if part)


def moment(stamp: Any) -> datetime:
    """A stamp as a time; raises ValueError when it is none."""
    if not isinstance(stamp, str) or not STAMP.fullmatch(stamp):
        raise ValueError("not a UTC time in whole seconds")
    return datetime.fromisoformat(stamp)


def hint(
    row: dict[str, str],
    *,
    source: str,
    environment: Environment,
    channel: Channel,
    priority: int,
    body: bytes,
    now: datetime,
) -> InboundEvent:
    """A row of the change query as an event; raises Malformed for what the query cannot give."""
    try:
        record, changed = RECORD_OF[row["type"]], row["changed"]
        occurred_at = moment(changed)
        applied = row.get("invoice", "0")
        invoice = applied if record in SETTLING else ""
    except (KeyError, ValueError):
        raise Malformed("NetSuite tells a change without type or time") from None
    return InboundEvent(
        source=source,
        event_id=event_id(record, row["id"], changed, invoice),
        type=TYPE,
        kind=KINDS[record],
        subject=invoice or row["id"],
        version=changed,
        channel=channel,
        priority=priority,
        occurred_at=occurred_at,
        environment=environment,
        body=body,
        received_at=now,
    )
