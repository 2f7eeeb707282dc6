"""Gainsight's outbound call: a hint whose only proof is a secret that an admin gave it to send.

Gainsight signs nothing. The call carries `Authorization: Bearer` with one of the configured
secrets; a relay that can sign uses Standard Webhooks instead, with a `whsec_` secret.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from adapters.gainsight.changes import KINDS, event_id_of, moment_of, version_of
from adapters.signed import standard
from canonical.connections import Environment
from canonical.inbound import InboundEvent, WebhookRefused

SIGNING_PREFIX = "whsec_"
SECRET_CHARACTERS_MIN = 32
GSID_CHARACTERS_MAX = 64
STATED_CHARACTERS_MAX = 40


def verify(
    raw: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    now: datetime,
    environment: Environment,
    source: str = "gainsight",
) -> InboundEvent:
    """The event in a call that proves to know one of the active secrets.

    Raises WebhookRefused with code missing_header, bad_signature, stale (of a signed one only: a
    bearer secret says nothing of time), malformed or wrong_environment.
    """
    _prove(raw, {name.lower(): value for name, value in headers.items()}, secrets, now)
    try:
        body: Any = orjson.loads(raw)
        if str(body["environment"]) != environment:
            raise WebhookRefused("wrong_environment", f"this connection is {environment}")
        return InboundEvent(
            source=source, environment=environment, body=raw, received_at=now, **_told(body)
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise WebhookRefused("malformed", "the body does not follow the template") from None


def secret_problem(secret: str) -> str | None:
    """Why this can prove nothing; None when it can."""
    if secret.startswith(SIGNING_PREFIX):
        return standard.secret_problem(secret)
    if len(secret) >= SECRET_CHARACTERS_MIN and secret.isascii():
        return None
    return f"put at least {SECRET_CHARACTERS_MIN} random characters there, or whsec_ and base64"


def _prove(raw: bytes, given: Mapping[str, str], secrets: Sequence[str], now: datetime) -> None:
    if "webhook-signature" in given:
        signing = [secret for secret in secrets if secret.startswith(SIGNING_PREFIX)]
        standard.proven_id(raw, given, signing, now)
        return
    if "authorization" not in given:
        raise WebhookRefused("missing_header", "there is no header authorization")
    scheme, _, token = given["authorization"].partition(" ")
    # A signing secret never travels, so it is no bearer's.
    bearers = [secret for secret in secrets if not secret.startswith(SIGNING_PREFIX)]
    known = [hmac.compare_digest(secret.encode(), token.strip().encode()) for secret in bearers]
    if scheme.lower() != "bearer" or not any(known):
        raise WebhookRefused("bad_signature", "the bearer is no active secret")


def _told(body: dict[str, Any]) -> dict[str, Any]:
    """The facts of the template. A time without milliseconds is no version, since by it a change
    could look older than one that was read before; it still tells one call from the next."""
    word, gsid = str(body["type"]), str(body["gsid"])
    stated = str(body["modified_date"])
    plain = gsid.isascii() and gsid.isalnum() and len(gsid) <= GSID_CHARACTERS_MAX
    if not plain or not stated.strip() or len(stated) > STATED_CHARACTERS_MAX:
        raise ValueError("no record or no time")
    noun, _, change = word.partition(".")
    kind = KINDS.get(noun) if change == "changed" else None
    changed_at = _exact(stated)
    version = version_of(changed_at) if changed_at else ""
    return {
        "event_id": event_id_of(noun if kind else word, gsid, version or stated),
        "type": word,
        "kind": kind or "",
        "subject": gsid,
        "version": version,
        "occurred_at": changed_at,
    }


def _exact(stated: str) -> datetime | None:
    if not (stated.isdecimal() or "." in stated):
        return None
    try:
        return moment_of(stated)
    except (ValueError, OverflowError, OSError):
        return None
