"""Which vendor's adapter plays which role, and how one is built from a connection."""

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
