"""Which record an event of Stripe is about, and which version of it the event stands for; pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from canonical.connections import Environment
from canonical.facts import Kind
from canonical.inbound import Channel, InboundEvent

Event = Mapping[str, Any]

SNAPSHOT, THIN = "event", "v2.core.event"
THIN_PREFIX = "v1."

# Asked for by name; these are also what an endpoint needs.
INVOICE_TYPES = (
    "invoice.finalized", "invoice.updated", "invoice.paid", "invoice.overdue",
    "invoice.payment_failed", "invoice.overpaid", "invoice.voided",
    "invoice.marked_uncollectible", "invoice_payment.paid", "credit_note.created",
)  # fmt: skip
CONTRACT_TYPES = (
    "customer.subscription.created", "customer.subscription.updated",
    "customer.subscription.deleted", "customer.subscription.paused",
    "customer.subscription.resumed", "customer.subscription.pending_update_applied",
    "subscription_schedule.created", "subscription_schedule.updated",
    "subscription_schedule.released", "subscription_schedule.canceled",
)  # fmt: skip
DISPUTE_TYPES = (
    "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed",
    "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated",
)  # fmt: skip
# The event list takes 20 names at most, so it is followed as several.
STREAMS = {"events": INVOICE_TYPES + CONTRACT_TYPES, "disputes": DISPUTE_TYPES}

# What a thin event says it is about.
RELATED = {"invoice": Kind.INVOICE, "subscription": Kind.CONTRACT, "dispute": Kind.DISPUTE}

# An upcoming invoice has no id yet, a deleted draft has no record any more.
NO_RECORD = frozenset({"invoice.upcoming", "invoice.deleted"})


class Subject(NamedTuple):
    """A record, by kind and id; empty for what is nothing of ours."""

    kind: str = ""
    id: str = ""


NOTHING = Subject()


def hint_from(
    event: Event, raw: bytes, source: str, environment: Environment, channel: Channel, now: datetime
) -> InboundEvent:
    """The inbound event of a snapshot or thin event.

    Raises KeyError, TypeError, AttributeError or ValueError when a needed field is gone.
    """
    occurred_at = _moment(event["created"])
    subject = subject_of(event)
    return InboundEvent(
        source=source,
        event_id=_text(event["id"]),
        type=_text(event["type"]),
        kind=subject.kind,
        subject=subject.id,
        version=version_of(occurred_at),
        channel=channel,
        occurred_at=occurred_at,
        environment=environment,
        body=raw,
        received_at=now,
    )


def subject_of(event: Event) -> Subject:
    """What an event is about; a connected account's events are nothing of ours."""
    if event.get("account") or event.get("context"):
        return NOTHING
    if event["object"] == THIN:
        return _thin_subject(event)
    return _snapshot_subject(event["type"], event["data"]["object"])


def version_of(moment: datetime) -> str:
    """A version: UTC to the second, since that is as fine as Stripe's snapshot events are."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _snapshot_subject(kind: str, record: Mapping[str, Any]) -> Subject:
    if kind in NO_RECORD:
        return NOTHING
    group = kind.rpartition(".")[0]
    if group == "invoice":
        return Subject(Kind.INVOICE, _text(record["id"]))
    if group in ("invoice_payment", "credit_note"):
        return _named(Kind.INVOICE, record["invoice"])
    if kind.startswith("customer.subscription."):
        return Subject(Kind.CONTRACT, _text(record["id"]))
    if group == "subscription_schedule":
        begun = record["subscription"] or record.get("released_subscription")
        return _named(Kind.CONTRACT, begun)
    if group == "charge.dispute":
        return Subject(Kind.DISPUTE, _text(record["id"]))
    return NOTHING


def _thin_subject(event: Event) -> Subject:
    related = event.get("related_object")
    if not related or event["type"].removeprefix(THIN_PREFIX) in NO_RECORD:
        return NOTHING
    kind = RELATED.get(related["type"])
    return Subject(kind, _text(related["id"])) if kind else NOTHING


def _named(kind: Kind, reference: Any) -> Subject:
    """A reference is an id, an expanded record, or nothing."""
    if not reference:
        return NOTHING
    return Subject(kind, _text(reference["id"] if isinstance(reference, Mapping) else reference))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a needed text is not there")
    return value


def _moment(created: Any) -> datetime:
    if isinstance(created, str):
        moment = datetime.fromisoformat(created)
        if moment.tzinfo is None:
            raise ValueError("a moment without a zone")
        return moment.astimezone(UTC)
    if isinstance(created, bool) or not isinstance(created, int):
        raise ValueError("a moment that is none")
    return datetime.fromtimestamp(created, UTC)
