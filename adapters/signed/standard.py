"""Standard Webhooks: the scheme of every sender that we ship ourselves, verified and signed."""

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hmac import compare_digest

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from canonical.errors import Misconfigured
from canonical.inbound import WebhookRefused

TOLERANCE_SECONDS = 300
SIGNATURES_MAX = 10
SECRETS_MAX = 200
SECRET_BYTES_MIN = 24  # Standard Webhooks, "signature scheme"


def proven_id(raw: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> str:
    """The id of a message that one of the active secrets has signed within five minutes.

    Raises WebhookRefused with code missing_header, bad_signature or stale.
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
    refuse_stale(moment, now)
    return event_id


def refuse_stale(moment: datetime, now: datetime) -> None:
    """Raise WebhookRefused for a signature of another time: it may be a recorded one."""
    if abs((now - moment).total_seconds()) > TOLERANCE_SECONDS:
        raise WebhookRefused("stale", f"signed more than {TOLERANCE_SECONDS} s from now")


def secret_problem(secret: str) -> str | None:
    """Why this cannot be a signing secret; None when it can."""
    try:
        key = b64decode(secret.removeprefix("whsec_") + "==")
    except binascii.Error:
        key = b""
    if len(key) >= SECRET_BYTES_MIN:
        return None
    return f"put whsec_ and at least {SECRET_BYTES_MIN} random bytes in base64 there"


def signed_headers(secret: str, event_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers that prove a message of ours; raises Misconfigured for an unusable secret."""
    signature = _signer(secret).sign(event_id, now, body.decode())
    stamped = str(int(now.timestamp()))
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return dict(zip(names, (event_id, stamped, signature), strict=True))


@lru_cache(maxsize=SECRETS_MAX)
def _signer(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except (binascii.Error, EmptyWebhookSecretError):
        raise Misconfigured("a webhook secret is not whsec_ and base64") from None


def _moment(signed_at: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(signed_at), UTC)
    except (ValueError, OverflowError, OSError):
        raise WebhookRefused("missing_header", "webhook-timestamp is not a time") from None


def _signed(raw: bytes, event_id: str, moment: datetime, signature: str, secret: str) -> bool:
    # The library's own verification reads the clock; its signing does not.
    signer = _signer(secret)
    try:
        expected = b64decode(signer.sign(event_id, moment, raw.decode()).partition(",")[2])
    except UnicodeDecodeError:
        return False
    for candidate in signature.split(" ")[:SIGNATURES_MAX]:
        version, _, value = candidate.partition(",")
        try:
            if version == "v1" and compare_digest(expected, b64decode(value, validate=True)):
                return True
        except (binascii.Error, ValueError):
            continue
    return False
