"""Who may post, and how each vendor's messages are verified."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from adapters.http.secrets import resolve
from adapters.salesforce import webhook as salesforce
from canonical.connections import Connection, Environment
from canonical.errors import Misconfigured
from canonical.inbound import InboundEvent
from tieline.settings import Settings, WebhookSource

SECRET_BYTES_MIN = 24  # Standard Webhooks, "signature scheme"


class Verify(Protocol):
    """Proves a message genuine and reads it; raises WebhookRefused."""

    def __call__(
        self,
        raw: bytes,
        headers: Mapping[str, str],
        secrets: Sequence[str],
        now: datetime,
        environment: Environment,
        source: str,
    ) -> InboundEvent:
        """The event in the message."""
        ...


VERIFIERS: Mapping[str, Verify] = {"salesforce": salesforce.verify}


@dataclass(frozen=True)
class Source:
    """One `/webhooks/NAME`: the connection its events count for, and its valid secrets."""

    connection: str
    environment: Environment
    verify: Verify
    secrets: Sequence[str] = field(repr=False)

    def event(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> InboundEvent:
        """The event that a genuine message carries; raises WebhookRefused."""
        return self.verify(
            raw, headers, self.secrets, now, self.environment, source=self.connection
        )


def webhook_sources(settings: Settings) -> dict[str, Source]:
    """The sources of the settings, secrets read; raises Misconfigured."""
    return {
        name: _source(name, configured, settings.connections[configured.connection])
        for name, configured in settings.webhooks.sources.items()
    }


def _source(name: str, configured: WebhookSource, connection: Connection) -> Source:
    verify = VERIFIERS.get(connection.vendor)
    if verify is None:
        raise Misconfigured(
            f"webhooks.sources.{name}: messages of vendor {connection.vendor!r} cannot be "
            f"verified; name a connection of {', '.join(VERIFIERS)}",
            about=f"webhooks.sources.{name}",
        )
    secrets = [_signing_secret(name, reference) for reference in configured.secrets]
    return Source(connection.name, connection.environment, verify, secrets)


def _signing_secret(name: str, reference: str) -> str:
    secret = resolve(reference)
    try:
        key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    except binascii.Error:
        key = b""
    if len(key) < SECRET_BYTES_MIN:
        raise Misconfigured(
            f"webhooks.sources.{name}: {reference} is not a signing secret; put whsec_ and at "
            f"least {SECRET_BYTES_MIN} random bytes in base64 there",
            about=f"webhooks.sources.{name}",
        )
    return secret
