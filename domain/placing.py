"""Places an order: country, tax region, legal entity, currency, and the connections that serve it.

Each step that the CRM did not state is recorded with the catalogue rule that supplied it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from canonical.connections import Connection, Role
from canonical.errors import CurrencyMismatch, Misconfigured, UnplacedCountry, UnroutedLegalEntity
from canonical.orders import Account
from canonical.plan import Derivation, Route
from governance.regions import Regions


class Place(NamedTuple):
    """Where an order belongs; `country` is the ISO code."""

    country: str
    tax_region: str
    legal_entity: str
    derivations: list[Derivation]


def place(bill_to: Account, stated_entity: str, regions: Regions) -> Place:
    """Country -> ISO code -> tax region -> legal entity (R71); what deal or account states wins.

    Raises UnplacedCountry and UnroutedLegalEntity.
    """
    derived: list[Derivation] = []
    country = _country(bill_to, regions)
    if not regions.is_standard(bill_to.country):
        derived.append(_by("country", country, "regions.countries"))
    tax_region = regions.tax_region_of(country)
    if tax_region is None:
        raise UnplacedCountry(
            f"{bill_to.country} ({country}) is in no tax region; add it to one in regions.toml",
            about=country,
            details={"country": bill_to.country, "country_code": country},
        )
    derived.append(_by("tax_region", tax_region, "regions.tax_regions"))
    entity = stated_entity or bill_to.legal_entity
    if not entity:
        entity = regions.tax_regions[tax_region].entity_for(country)
        derived.append(_by("legal_entity", entity, "regions.tax_regions"))
    if entity not in regions.legal_entities:
        raise UnroutedLegalEntity(
            f"there is no legal entity {entity!r} in regions.toml",
            about=entity,
            details={"legal_entity": entity, "known": sorted(regions.legal_entities)},
        )
    return Place(country, tax_region, entity, derived)


def _country(bill_to: Account, regions: Regions) -> str:
    if not bill_to.country.strip():
        raise UnplacedCountry(
            f"{bill_to.name} has no billing country; state it in the CRM or amend the order",
            about=bill_to.id,
            details={"country": ""},
        )
    code = regions.country_code(bill_to.country)
    if code is None:
        raise UnplacedCountry(
            f"the country {bill_to.country!r} cannot be placed; correct it in the CRM, amend the "
            "order, or add the spelling to regions.toml",
            about=bill_to.country,
            details={"country": bill_to.country},
        )
    return code


def check_currency(legal_entity: str, currency: str, regions: Regions) -> None:
    """Raise CurrencyMismatch unless the legal entity invoices in this currency."""
    accepted = regions.legal_entities[legal_entity].currencies
    if currency not in accepted:
        raise CurrencyMismatch(
            f"{legal_entity} does not invoice in {currency}, only in {', '.join(accepted)}",
            about=f"{legal_entity}/{currency}",
            details={"legal_entity": legal_entity, "currency": currency, "accepted": accepted},
        )


def route(connections: Iterable[Connection], legal_entity: str, crm: str = "") -> Route:
    """The connection of each role that serves a legal entity; one that names it wins over one that
    serves all. `crm` names the CRM the deal is in (empty: the only one).

    Raises UnroutedLegalEntity when a role has none, Misconfigured when several serve it or live
    and test connections would be mixed.
    """
    available = list(connections)
    crms = [c for c in available if crm in ("", c.name)]
    chosen = {
        role: _serving(crms if role is Role.CRM else available, role, legal_entity) for role in Role
    }
    if len({connection.environment for connection in chosen.values()}) > 1:
        raise Misconfigured(
            f"live and test connections are mixed for {legal_entity}; give all of them one "
            "environment",
            about=legal_entity,
        )
    return Route.model_validate({role.value: c.name for role, c in chosen.items()})


def _serving(connections: Sequence[Connection], role: Role, legal_entity: str) -> Connection:
    of_role = [c for c in connections if c.role is role]
    named = [c for c in of_role if legal_entity in c.legal_entities]
    serving = named or [c for c in of_role if not c.legal_entities]
    if not serving:
        raise UnroutedLegalEntity(
            f"no {role} connection serves the legal entity {legal_entity}",
            about=legal_entity,
            details={"legal_entity": legal_entity, "role": role.value},
        )
    if len(serving) > 1:
        names = ", ".join(sorted(c.name for c in serving))
        raise Misconfigured(
            f"several {role} connections serve {legal_entity}: {names}; leave it to one of them",
            about=legal_entity,
        )
    return serving[0]


def _by(field: str, value: str, rule: str) -> Derivation:
    return Derivation(field=field, value=value, rule=rule)
