"""Stripe's webhooks, snapshot and thin: proof of origin first, then what the event is about."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from adapters.signed.standard import SIGNATURES_MAX, refuse_stale
from adapters.stripe.hints import SNAPSHOT, THIN, hint_from
from canonical.connections import Environment
from canonical.inbound import Channel, InboundEvent, WebhookRefused

HEADER = "stripe-signature"
SCHEME = "v1"
KEY_PREFIX = "whsec_"
SECRET_CHARACTERS_MIN = 24
STAMP_CHARACTERS_MAX = 12


def verify(
    raw: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    now: datetime,
    environment: Environment,
    source: str = "stripe",
) -> InboundEvent:
    """The event in a message signed with one of the active secrets (several while they roll).

    Raises WebhookRefused with code missing_header, bad_signature, stale, malformed or
    wrong_environment; nothing of the body is read before the signature holds.
    """
    _prove(raw, headers, secrets, now)
    try:
        event: Any = orjson.loads(raw)
        known = event["object"] in (SNAPSHOT, THIN)
        live = event["livemode"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise WebhookRefused("malformed", "the body is not an event of Stripe") from None
    if not known or not isinstance(live, bool):
        raise WebhookRefused("malformed", "the body is not an event of Stripe")
    if live != (environment is Environment.LIVE):
        raise WebhookRefused("wrong_environment", f"this connection is {environment}")
    try:
        return hint_from(event, raw, source, environment, Channel.WEBHOOK, now)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError):
        raise WebhookRefused("malformed", "the event lacks what identifies it") from None


def secret_problem(secret: str) -> str | None:
    """Why this cannot be an endpoint's signing secret; None when it can."""
    key = secret.removeprefix(KEY_PREFIX)
    if key != secret and len(key) >= SECRET_CHARACTERS_MIN and not any(map(str.isspace, key)):
        return None
    return "put the endpoint's signing secret there as Stripe shows it: whsec_ and what follows"


def _prove(raw: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> None:
    stamp, signatures = _header(headers)
    moment = _moment(stamp)
    signed = stamp.encode() + b"." + raw
    expected = [hmac.digest(secret.encode(), signed, "sha256").hex() for secret in secrets]
    # Bytes, since texts that are not ASCII cannot be compared in constant time.
    matches = [
        hmac.compare_digest(made.encode(), given.encode())
        for made in expected
        for given in signatures
    ]
    if not any(matches):
        raise WebhookRefused("bad_signature", "no active secret has signed this message")
    refuse_stale(moment, now)


def _header(headers: Mapping[str, str]) -> tuple[str, list[str]]:
    given = next((value for name, value in headers.items() if name.lower() == HEADER), "")
    parts = [part.strip().partition("=") for part in given.split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == SCHEME]
    if not stamps or not signatures:
        raise WebhookRefused("missing_header", f"{HEADER} has no t or no {SCHEME}")
    return stamps[0], signatures[:SIGNATURES_MAX]


def _moment(stamp: str) -> datetime:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= STAMP_CHARACTERS_MAX):
        raise WebhookRefused("missing_header", f"the t of {HEADER} is not a time")
    try:
        return datetime.fromtimestamp(int(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise WebhookRefused("missing_header", f"the t of {HEADER} is not a time") from None
