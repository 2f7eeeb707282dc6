"""Who may post, and how each vendor's messages are verified."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.http.secrets import resolve
from adapters.registry import WEBHOOKS, Verify, verify_of, webhooks_of
from canonical.connections import Connection, Environment
from canonical.errors import Misconfigured
from canonical.inbound import InboundEvent
from tieline.settings import Settings, WebhookSource


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
    vendor, verify = webhooks_of(connection.vendor), verify_of(connection)
    if vendor is None or verify is None:
        raise Misconfigured(
            f"webhooks.sources.{name}: messages of vendor {connection.vendor!r} cannot be "
            f"verified; name a connection of {', '.join(WEBHOOKS)}",
            about=f"webhooks.sources.{name}",
        )
    secrets = [resolve(reference) for reference in configured.secrets]
    for reference, secret in zip(configured.secrets, secrets, strict=True):
        if problem := vendor.secret_problem(secret):
            raise Misconfigured(
                f"webhooks.sources.{name}: {reference} is not a signing secret; {problem}",
                about=f"webhooks.sources.{name}",
            )
    return Source(connection.name, connection.environment, verify, secrets)
