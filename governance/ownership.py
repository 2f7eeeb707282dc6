"""Which connections own a domain of data, by the preset in force (R110, R111)."""

from collections.abc import Iterable

from canonical.connections import Connection, Role
from canonical.errors import Misconfigured
from governance.systems import Systems

INVOICES = "invoices"
# The roles whose ports can be asked for invoices.
INVOICING = frozenset({Role.BILLING, Role.ERP})


def owning(connections: Iterable[Connection], systems: Systems, domain: str) -> list[str]:
    """The connections whose role owns a domain of `systems.toml`, in the order of their names.

    What any other system tells of it is a copy. Several may own it, each for its legal entities.
    """
    owner = systems.owner_of(domain)
    return sorted(one.name for one in connections if one.role is owner)


def invoice_sources(
    connections: Iterable[Connection], systems: Systems, legal_entity: str = ""
) -> list[str]:
    """The connections that own invoices, in the order of their names: of one legal entity exactly
    one, without a legal entity each of them, since an account may buy from several.

    Raises Misconfigured when there is none, or when the preset gives invoices to a system that
    issues none.
    """
    owner = systems.owner_of(INVOICES)
    if owner not in INVOICING:
        raise Misconfigured(f"preset {systems.preset}: {owner} issues no invoices", about=INVOICES)
    owners = sorted((c for c in connections if c.role is owner), key=lambda c: c.name)
    if legal_entity:
        named = [c for c in owners if legal_entity in c.legal_entities]
        owners = (named or [c for c in owners if not c.legal_entities])[:1]
    if not owners:
        served = f" for {legal_entity}" if legal_entity else ""
        raise Misconfigured(
            f"preset {systems.preset}: no {owner} connection owns the invoices{served}",
            about=legal_entity or INVOICES,
        )
    return [c.name for c in owners]
