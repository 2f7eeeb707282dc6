"""Which vendor's adapter plays which role, and how one is built from a connection."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol, Self, cast

from canonical.connections import Connection, Environment, Role
from canonical.errors import Misconfigured
from canonical.inbound import InboundEvent
from canonical.ports import ChangePage, EventsPort, Port


class Adapter(Port, Protocol):
    """A port over a connection that can be closed."""

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Build it; raises Misconfigured when a setting or secret is missing."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


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


class Webhooks(Protocol):
    """What a vendor's webhook module offers."""

    verify: Verify

    def secret_problem(self, secret: str) -> str | None:
        """Why a secret cannot verify this vendor's messages, as an advice; None when it can."""
        ...


class Listener(Protocol):
    """An event bus that is heard; `topic` names the stream."""

    topic: str

    def listen(self, cursor: str | None) -> AsyncGenerator[ChangePage, None]:
        """Pages for as long as the bus lives; raises Unavailable and CursorExpired."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


VENDORS: dict[tuple[Role, str], str] = {
    (Role.CRM, "salesforce"): "adapters.salesforce:SalesforceCrm",
    (Role.BILLING, "stripe"): "adapters.stripe:StripeBilling",
    (Role.ERP, "netsuite"): "adapters.netsuite:NetSuiteErp",
    (Role.SUPPORT, "zendesk"): "adapters.zendesk:ZendeskSupport",
    (Role.SUCCESS, "gainsight"): "adapters.gainsight:GainsightSuccess",
}

# Who tells what changed, by vendor, whatever its role.
EVENT_SOURCES: dict[str, str] = {
    "zendesk": "adapters.zendesk.events:ZendeskEvents",
    "gainsight": "adapters.gainsight.events:GainsightEvents",
    "stripe": "adapters.stripe.events:StripeEvents",
    "salesforce": "adapters.salesforce.events:SalesforceEvents",
    "netsuite": "adapters.netsuite.events:NetSuiteEvents",
}

# Whose event bus can be heard, by vendor.
LISTENERS: dict[str, str] = {"salesforce": "adapters.salesforce.pubsub:SalesforcePubSub"}

# How a vendor's messages are verified: a module with `verify` and `secret_problem`.
WEBHOOKS: dict[str, str] = {
    "netsuite": "adapters.netsuite.webhook",
    "salesforce": "adapters.salesforce.webhook",
    "zendesk": "adapters.zendesk.webhook",
    "gainsight": "adapters.gainsight.webhook",
    "stripe": "adapters.stripe.webhook",
}

# What a vendor's adapter makes of a deal's id as a person writes it: one form, None for no id.
DEAL_IDS: dict[str, str] = {"salesforce": "adapters.salesforce.ids:id18"}


def deal_id(connection: Connection, written: str) -> str:
    """The one form of a deal's id, since a process is started once for its id as it is written.

    Raises Misconfigured when the connection's vendor has no ids like it.
    """
    if connection.vendor not in DEAL_IDS:
        return written
    module, _, name = DEAL_IDS[connection.vendor].partition(":")
    to_deal_id: Callable[[str], str | None] = getattr(import_module(module), name)
    known = to_deal_id(written)
    if known is None:
        raise Misconfigured(f"{written!r} is no record id of {connection.vendor}", about=written)
    return known


def connect(connection: Connection) -> Adapter:
    """The adapter of a connection; only the vendors in use are imported.

    Raises Misconfigured for a role and vendor that nobody plays.
    """
    place = VENDORS.get((connection.role, connection.vendor))
    if place is None:
        known = ", ".join(f"{role}/{vendor}" for role, vendor in VENDORS)
        raise Misconfigured(
            f"connection {connection.name}: no adapter for "
            f"{connection.role}/{connection.vendor}; there are {known}",
            about=connection.name,
        )
    module, _, name = place.partition(":")
    adapter: type[Adapter] = getattr(import_module(module), name)
    return adapter.from_connection(connection)


def connect_events(connection: Connection) -> EventsPort | None:
    """The connection as a source of events; None when its vendor tells nothing."""
    place = EVENT_SOURCES.get(connection.vendor)
    if place is None:
        return None
    module, _, name = place.partition(":")
    source: Any = getattr(import_module(module), name)
    return cast(EventsPort, source.from_connection(connection))


def connect_listener(connection: Connection) -> Listener:
    """The connection's event bus; raises Misconfigured when its vendor has none."""
    place = LISTENERS.get(connection.vendor)
    if place is None:
        raise Misconfigured(
            f"{connection.vendor} has no event bus that could be heard; poll it, or let it send "
            "webhooks",
            about=connection.name,
        )
    module, _, name = place.partition(":")
    source: Any = getattr(import_module(module), name)
    return cast(Listener, source.from_connection(connection))


def webhooks_of(vendor: str) -> Webhooks | None:
    """How this vendor's messages are verified; None when it sends none."""
    place = WEBHOOKS.get(vendor)
    module: ModuleType | None = import_module(place) if place else None
    return cast(Webhooks, module) if module else None


def verify_of(connection: Connection) -> Verify | None:
    """How this connection's messages are verified, by its options where its vendor has some."""
    vendor = webhooks_of(connection.vendor)
    if vendor is None:
        return None
    by_options: Callable[[Connection], Verify] | None = getattr(vendor, "for_connection", None)
    return by_options(connection) if by_options else vendor.verify
