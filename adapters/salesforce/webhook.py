"""The org's signed callout (Standard Webhooks): proof of origin first, then its few facts."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any

import orjson
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from adapters.salesforce.ids import id18
from canonical.connections import Environment
from canonical.errors import Misconfigured
from canonical.inbound import InboundEvent, WebhookRefused

TOLERANCE_SECONDS = 300
SIGNATURES_MAX = 10
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
    given = {name.lower(): value for name, value in headers.items()}
    try:
        event_id, signed_at, signature = (
            given[f"webhook-{name}"] for name in ("id", "timestamp", "signature")
        )
    except KeyError as missing:
        raise WebhookRefused("missing_header", f"there is no header {missing.args[0]}") from None
    moment = _moment(signed_at)
    if not any(_signed(raw, event_id, moment, signature, secret) for secret in secrets):
        raise WebhookRefused("bad_signature", "no active secret has signed this message")
    if abs((now - moment).total_seconds()) > TOLERANCE_SECONDS:
        raise WebhookRefused("stale", f"signed more than {TOLERANCE_SECONDS} s from now")
    return _event(raw, event_id, now, environment, source)


def _moment(signed_at: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(signed_at), UTC)
    except (ValueError, OverflowError, OSError):
        raise WebhookRefused("missing_header", "webhook-timestamp is not a time") from None


def _signed(raw: bytes, event_id: str, moment: datetime, signature: str, secret: str) -> bool:
    # The library's own verification reads the clock; its signing does not.
    try:
        signer = Webhook(secret)
    except (Base64Error, EmptyWebhookSecretError):
        raise Misconfigured("a webhook secret is not whsec_ and base64") from None
    try:
        expected = b64decode(signer.sign(event_id, moment, raw.decode()).partition(",")[2])
    except UnicodeDecodeError:
        return False
    for candidate in signature.split(" ")[:SIGNATURES_MAX]:
        version, _, value = candidate.partition(",")
        try:
            if version == "v1" and compare_digest(expected, b64decode(value, validate=True)):
                return True
        except (Base64Error, ValueError):
            continue
    return False


def _event(
    raw: bytes, event_id: str, now: datetime, environment: Environment, source: str
) -> InboundEvent:
    try:
        body: Any = orjson.loads(raw)
        kind, data = str(body["type"]), body["data"]
        occurred_at = datetime.fromisoformat(body["timestamp"])
        stated = str(data["environment"])
        deal = id18(str(data["opportunity_id"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
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
        subject=deal,
        occurred_at=occurred_at.astimezone(UTC),
        environment=environment,
        body=raw,
        received_at=now,
    )
