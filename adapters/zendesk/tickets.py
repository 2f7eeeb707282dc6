"""Tickets in our words: the hint that one has changed, and the case it is now; pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import orjson

from canonical.connections import Connection
from canonical.facts import CaseFacts, Kind
from canonical.inbound import BACKFILL_PRIORITY, NORMAL_PRIORITY, Channel, InboundEvent

TICKET_CHANGED = "ticket.changed"
TICKET_DELETED = "ticket.deleted"
KEPT = ("id", "updated_at", "generated_timestamp", "status", "priority")
SOLVED = frozenset({"solved", "closed"})

Ticket = dict[str, Any]


@dataclass(frozen=True)
class Escalation:
    """When a ticket counts as escalated: it has this tag, or (where one is named) this type."""

    tag: str = "escalated"
    type: str = ""

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Options `escalated_tag` (escalated by default) and `escalated_type` (none)."""
        options = connection.options
        return cls(options.get("escalated_tag", cls.tag), options.get("escalated_type", cls.type))

    def holds(self, ticket: Ticket) -> bool:
        """Whether the ticket is escalated."""
        tagged = bool(self.tag) and self.tag in (ticket.get("tags") or [])
        return tagged or (bool(self.type) and ticket.get("type") == self.type)


def moment_of(text: Any) -> datetime:
    """A moment as Zendesk writes it; raises ValueError for anything else, also without a zone."""
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)


def version_of(moment: datetime) -> str:
    """A moment as the version of a ticket: whole seconds, which is all that the API states."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def is_deleted(ticket: Ticket) -> bool:
    """Whether an exported ticket is one that was deleted."""
    return ticket.get("status") == "deleted"


def from_zendesk_change(
    ticket: Ticket, connection: Connection, received_at: datetime, channel: Channel
) -> InboundEvent:
    """The hint in an exported ticket; raises KeyError or ValueError when it lacks what is needed.

    Of a ticket only what tells its version is kept: the rest is personal, and is read again.
    """
    changed_at = moment_of(ticket["updated_at"])
    number, version = int(ticket["id"]), version_of(changed_at)
    backfilled = channel is Channel.BACKFILL
    return InboundEvent(
        source=connection.name,
        event_id=f"zd:{number}:{version}",
        type=TICKET_DELETED if is_deleted(ticket) else TICKET_CHANGED,
        kind="" if is_deleted(ticket) else Kind.CASE,
        subject=str(number),
        version=version,
        channel=channel,
        priority=BACKFILL_PRIORITY if backfilled else NORMAL_PRIORITY,
        occurred_at=changed_at,
        environment=connection.environment,
        body=orjson.dumps({name: ticket[name] for name in KEPT if name in ticket}),
        received_at=received_at,
    )


def from_zendesk_ticket(
    ticket: Ticket, account_id: str, solved_at: datetime | None, escalation: Escalation
) -> CaseFacts:
    """A ticket as the case it is now; raises KeyError or ValueError when it lacks what is needed.

    A ticket without priority has no severity yet.
    """
    changed_at = moment_of(ticket["updated_at"])
    opened = ticket.get("created_at")
    return CaseFacts(
        id=str(int(ticket["id"])),
        version=version_of(changed_at),
        changed_at=changed_at,
        account_id=account_id,
        status=str(ticket["status"]),
        severity=str(ticket["priority"] or ""),
        escalated=escalation.holds(ticket),
        opened_at=moment_of(opened) if opened else None,
        solved_at=solved_at,
    )
