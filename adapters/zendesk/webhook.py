"""Zendesk's webhooks: its own signature over time and raw body, then one of two kinds of body.

A webhook either subscribes to events, whose bodies are Zendesk's, or is fired by a trigger, whose
body is our template (see the intake page on Zendesk).
"""

import hmac
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import orjson

from adapters.signed.standard import refuse_stale
from adapters.zendesk.tickets import moment_of, version_of
from canonical.connections import Connection, Environment
from canonical.facts import Kind
from canonical.inbound import InboundEvent, WebhookRefused

EVENT_TYPE_PREFIX = "zen:event-type:"
TICKET_EVENT_PREFIX = "zen:event-type:ticket."
TRIGGER_TYPE = "tieline.ticket_changed"
# There is nothing left to read of these.
DELETIONS = frozenset({"soft_deleted", "permanently_deleted", "marked_as_spam"})
INVOCATION = "x-zendesk-webhook-invocation-id"
SECRET_CHARACTERS_MIN = 24
# Published by Zendesk for trying out a webhook that is not created yet: anybody can sign with it.
PUBLISHED_SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="  # noqa: S105
SECONDS_TEXT_LENGTH = len("2026-11-22T11:59:30Z")


def verify(
    raw: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    now: datetime,
    environment: Environment,
    source: str = "zendesk",
    account_id: str = "",
) -> InboundEvent:
    """The event in a message signed with one of the active secrets within five minutes.

    Zendesk names no environment: `account_id`, where given, is the only account let in, and the
    trigger's template may state the environment. Raises WebhookRefused with code missing_header,
    bad_signature, stale, malformed, wrong_environment or unknown_type (of a template only).
    """
    given = {name.lower(): value for name, value in headers.items()}
    _prove(raw, given, secrets, now)
    try:
        body: Any = orjson.loads(raw)
        word = str(body["type"])
        _check_origin(body, given, environment, account_id)
        facts = _subscribed(body) if word.startswith(EVENT_TYPE_PREFIX) else _fired(body, given)
        return InboundEvent(
            source=source, type=word, environment=environment, body=raw, received_at=now, **facts
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise WebhookRefused("malformed", "the body is no event of ours or of Zendesk") from None


def for_connection(connection: Connection) -> partial[InboundEvent]:
    """`verify` by the connection's option `account_id`."""
    return partial(verify, account_id=connection.options.get("account_id", ""))


def secret_problem(secret: str) -> str | None:
    """Why this cannot be the signing secret of a webhook; None when it can."""
    if secret == PUBLISHED_SECRET:
        return "it is the one that Zendesk publishes for tries; show the webhook's own secret"
    if len(secret) < SECRET_CHARACTERS_MIN:
        return "put the signing secret there that Zendesk shows for the webhook"
    return None


def _prove(raw: bytes, given: Mapping[str, str], secrets: Sequence[str], now: datetime) -> None:
    try:
        signature = given["x-zendesk-webhook-signature"]
        signed_at = given["x-zendesk-webhook-signature-timestamp"]
    except KeyError as missing:
        raise WebhookRefused("missing_header", f"there is no header {missing.args[0]}") from None
    if not any(_signed(raw, signed_at, signature, secret) for secret in secrets):
        raise WebhookRefused("bad_signature", "no active secret has signed this message")
    try:
        moment = moment_of(signed_at)
    except ValueError:
        raise WebhookRefused("missing_header", "the signature's timestamp is no time") from None
    refuse_stale(moment, now)


def _signed(raw: bytes, signed_at: str, signature: str, secret: str) -> bool:
    # The secret is used as the text that it is, although it looks like base64.
    expected = hmac.digest(secret.encode(), signed_at.encode() + raw, "sha256")
    try:
        return hmac.compare_digest(expected, b64decode(signature, validate=True))
    except ValueError:  # that is no base64
        return False


def _subscribed(body: dict[str, Any]) -> dict[str, Any]:
    """An event of Zendesk's: of a ticket, with the ticket as it then was, or of something else."""
    occurred_at = moment_of(body["time"])
    event = {"event_id": str(body["id"]), "occurred_at": occurred_at, "kind": "", "subject": ""}
    if not event["event_id"]:
        raise ValueError("an event without id")
    word = str(body["type"])
    if not word.startswith(TICKET_EVENT_PREFIX):
        return event | {"subject": str(body.get("subject") or "")}
    detail = body["detail"]
    stated = detail.get("updated_at")
    deleted = word.removeprefix(TICKET_EVENT_PREFIX) in DELETIONS
    return event | {
        "kind": "" if deleted else Kind.CASE,
        "subject": _ticket_id(detail["id"]),
        # The event's own time is no stand-in: it may be later than what the ticket will ever show.
        "version": version_of(moment_of(stated)) if stated else "",
    }


def _fired(body: dict[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """A trigger's body. Zendesk's placeholder gives `updated_at` to the minute, which is no
    version: by it, a second change within the minute would look older than the first."""
    if body["type"] != TRIGGER_TYPE:
        raise WebhookRefused("unknown_type", "no template of ours has this type")
    if INVOCATION not in given:
        raise WebhookRefused("missing_header", f"there is no header {INVOCATION}")
    stated = str(body.get("updated_at") or "")
    exact = len(stated) >= SECONDS_TEXT_LENGTH
    changed_at = moment_of(stated) if stated else None
    return {
        "event_id": f"zd:invocation:{given[INVOCATION]}",
        "occurred_at": changed_at,
        "kind": Kind.CASE,
        "subject": _ticket_id(body["ticket_id"]),
        "version": version_of(changed_at) if changed_at and exact else "",
    }


def _ticket_id(stated: Any) -> str:
    number = str(stated)
    if not (number.isascii() and number.isdecimal()):
        raise ValueError("no ticket id")
    return number


def _check_origin(
    body: dict[str, Any], given: Mapping[str, str], environment: Environment, account_id: str
) -> None:
    # Of the two the body's is signed; the header is all that a trigger's message has.
    named = str(body.get("account_id") or given.get("x-zendesk-account-id", ""))
    if account_id and named != account_id:
        raise WebhookRefused("wrong_environment", "this connection is of another Zendesk account")
    stated = body.get("environment")
    if stated is not None and stated != environment:
        raise WebhookRefused("wrong_environment", f"this connection is {environment}")
