"""The org's signed callout (Standard Webhooks): proof of origin first, then its few facts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from adapters.salesforce.ids import id18
from adapters.signed.standard import proven_id, secret_problem
from canonical.connections import Environment
from canonical.facts import Kind
from canonical.inbound import InboundEvent, WebhookRefused

__all__ = ["secret_problem", "verify"]

TYPES = frozenset({"opportunity.closed_won"})


def verify(
    raw: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    now: datetime,
    environment: Environment,
    source: str = "salesforce",
) -> InboundEvent:
    """The event in a callout signed with one of the active secrets (several while they rotate).

    Raises WebhookRefused with code missing_header, bad_signature, stale, malformed,
    wrong_environment or unknown_type; nothing of the body is read before the signature holds.
    """
    event_id = proven_id(raw, headers, secrets, now)
    try:
        body: Any = orjson.loads(raw)
        kind, data = str(body["type"]), body["data"]
        occurred_at = datetime.fromisoformat(body["timestamp"])
        stated = str(data["environment"])
        deal = id18(str(data["opportunity_id"]))
        version = str(data.get("system_modstamp", ""))
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        raise WebhookRefused("malformed", "the body is not a closed-won message") from None
    if deal is None or occurred_at.tzinfo is None or not event_id:
        raise WebhookRefused("malformed", "the body is not a closed-won message")
    if kind not in TYPES:
        raise WebhookRefused("unknown_type", "nothing here waits for messages of this type")
    if stated != environment:
        raise WebhookRefused("wrong_environment", f"this connection is {environment}")
    return InboundEvent(
        source=source,
        event_id=event_id,
        type=kind,
        kind=Kind.OPPORTUNITY,
        subject=deal,
        version=version,
        occurred_at=occurred_at.astimezone(UTC),
        environment=environment,
        body=raw,
        received_at=now,
    )
