"""Which vendor's adapter plays which role, and how one is built from a connection."""

from collections.abc import Callable
from importlib import import_module
from typing import Protocol, Self

from canonical.connections import Connection, Role
from canonical.errors import Misconfigured
from canonical.ports import Port


class Adapter(Port, Protocol):
    """A port over a connection that can be closed."""

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Build it; raises Misconfigured when a setting or secret is missing."""
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
