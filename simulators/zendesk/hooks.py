"""What Zendesk tells by itself: event bodies, trigger bodies, and the signature of both."""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from simulators.sending import Message

EVENT_VERSION = "2022-06-20"
SHOWN = (
    "assignee_id", "created_at", "description", "external_id", "group_id", "id",
    "organization_id", "priority", "requester_id", "status", "subject", "tags", "type",
    "updated_at",
)  # fmt: skip
# Zendesk writes ids in event bodies as text, and no value as an empty one.
TEXTS = ("assignee_id", "external_id", "group_id", "id", "organization_id", "requester_id")


def ticket_event(
    number: int, name: str, ticket: dict[str, Any], change: dict[str, Any]
) -> dict[str, Any]:
    """The body of the account's event of this number, but for the account's id."""
    detail = {field: ticket.get(field) for field in SHOWN}
    for field in TEXTS:
        detail[field] = str(detail[field] or "")
    key = f"{number}/{name}/{ticket['id']}/{ticket['updated_at']}"
    return {
        "type": f"zen:event-type:ticket.{name}",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, key)),
        "time": ticket["updated_at"],
        "zendesk_event_version": EVENT_VERSION,
        "subject": f"zen:ticket:{ticket['id']}",
        "detail": detail,
        "event": change,
    }


def trigger_body(ticket: dict[str, Any], environment: str) -> bytes:
    """A trigger's body as a template makes it; the update time's placeholder knows no seconds."""
    body = {
        "type": "tieline.ticket_changed",
        "ticket_id": str(ticket["id"]),
        "updated_at": ticket["updated_at"][:16] + "Z",
        "environment": environment,
    }
    return orjson.dumps(body)


def signed(
    secret: str, body: bytes, account_id: int, invocation: int
) -> Callable[[datetime], dict[str, str]]:
    """The headers of one webhook invocation, for whenever it is sent."""

    def headers(now: datetime) -> dict[str, str]:
        stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        digest = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
        return {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Zendesk Webhook",
            "x-zendesk-account-id": str(account_id),
            "x-zendesk-webhook-id": "01F1KRFQ6BG29CNWFR60NK5FNY",
            "x-zendesk-webhook-invocation-id": str(8_350_205_582 + invocation),
            "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
            "x-zendesk-webhook-signature-timestamp": stamp,
        }

    return headers


def message(secret: str, body: bytes, account_id: int, invocation: int) -> Message:
    """One webhook, ready to be sent."""
    return Message(str(invocation), body, signed(secret, body, account_id, invocation))
