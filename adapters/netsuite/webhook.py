"""The account's signed SuiteScript sender (Standard Webhooks): proof of origin, then its facts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from adapters.netsuite.changes import INTERNAL_ID, KINDS, SETTLING, TYPE, event_id, moment
from adapters.signed.standard import proven_id, secret_problem
from canonical.connections import Environment
from canonical.inbound import InboundEvent, WebhookRefused

__all__ = ["secret_problem", "verify"]


def verify(
    raw: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    now: datetime,
    environment: Environment,
    source: str = "netsuite",
) -> InboundEvent:
    """The event in a message signed with one of the active secrets (several while they rotate).

    A payment or credit is about the one invoice that its message names. Raises WebhookRefused with
    code missing_header, bad_signature, stale, malformed, wrong_environment or unknown_type; nothing
    of the body is read before the signature holds.
    """
    signed_id = proven_id(raw, headers, secrets, now)
    try:
        body: Any = orjson.loads(raw)
        kind, record = str(body["type"]), str(body["record"])
        stated = str(body["environment"])
        internal_id, changed = str(body["id"]), body["lastmodified"]
        occurred_at = moment(changed)
        subject = str(body["invoice"]) if record in SETTLING else internal_id
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        raise _malformed() from None
    if kind != TYPE or record not in KINDS:
        raise WebhookRefused("unknown_type", "nothing here waits for messages of this type")
    if not INTERNAL_ID.fullmatch(internal_id) or not INTERNAL_ID.fullmatch(subject):
        raise _malformed()
    invoice = subject if record in SETTLING else ""
    if signed_id != event_id(record, internal_id, changed, invoice):
        raise _malformed()
    if stated != environment:
        raise WebhookRefused("wrong_environment", f"this connection is {environment}")
    return InboundEvent(
        source=source,
        event_id=signed_id,
        type=kind,
        kind=KINDS[record],
        subject=subject,
        version=changed,
        occurred_at=occurred_at,
        environment=environment,
        body=raw,
        received_at=now,
    )


def _malformed() -> WebhookRefused:
    return WebhookRefused("malformed", "the body is not the message of a changed record")
