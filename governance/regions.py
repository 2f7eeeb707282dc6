"""`regions.toml`: from a country as stated to tax region and legal entity (R23, R71)."""

from functools import cached_property, lru_cache
from typing import Self

import pycountry
from pydantic import Field, model_validator

from canonical.money import CurrencyCode
from governance.section import CountryCode, Key, Section


@lru_cache
def iso_countries() -> dict[str, str]:
    """ISO 3166-1: every code and standard name, in lower case, to its two-letter code."""
    found: dict[str, str] = {}
    for country in pycountry.countries:
        names = (country.alpha_2, country.alpha_3, country.name)
        other = (getattr(country, "official_name", ""), getattr(country, "common_name", ""))
        found |= {name.casefold(): country.alpha_2 for name in (*names, *other) if name}
    return found


class TaxRegion(Section):
    """Countries under one tax treatment, and the legal entity that sells there."""

    name: str
    countries: list[CountryCode] = Field(min_length=1)
    legal_entity: str
    legal_entity_of: dict[CountryCode, str] = {}

    def entity_for(self, country: str) -> str:
        """The legal entity that sells in a country of this region."""
        return self.legal_entity_of.get(country, self.legal_entity)


class LegalEntity(Section):
    """A company of ours that contracts, invoices and books, and the currencies it accepts."""

    name: str
    country: CountryCode
    currencies: list[CurrencyCode] = Field(min_length=1)


class Regions(Section):
    """Country spellings, tax regions and legal entities; a country is in one region at most."""

    countries: dict[str, CountryCode] = {}
    tax_regions: dict[Key, TaxRegion]
    legal_entities: dict[str, LegalEntity]

    @model_validator(mode="after")
    def _spellings_are_unambiguous(self) -> Self:
        known, seen = iso_countries(), set[str]()
        for spelling, code in self.countries.items():
            name = spelling.strip().casefold()
            if name in seen:
                raise ValueError(f"countries spells {spelling!r} twice")
            if known.get(name, code) != code:
                raise ValueError(f"countries.{spelling} is the ISO name of {known[name]}")
            seen.add(name)
        return self

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        placed: dict[str, str] = {}
        for key, region in self.tax_regions.items():
            for entity in {region.legal_entity, *region.legal_entity_of.values()}:
                if entity not in self.legal_entities:
                    raise ValueError(f"tax_regions.{key} names the unknown legal entity {entity!r}")
            for country in region.legal_entity_of.keys() - set(region.countries):
                raise ValueError(f"tax_regions.{key}.legal_entity_of names {country}, not in it")
            for country in region.countries:
                if (other := placed.setdefault(country, key)) != key:
                    raise ValueError(f"{country} is in both {other} and {key}")
        self._codes_exist(placed.keys() | {e.country for e in self.legal_entities.values()})
        return self

    def _codes_exist(self, codes: set[str]) -> None:
        real = set(iso_countries().values())
        for code in sorted(codes | set(self.countries.values())):
            if code not in real:
                raise ValueError(f"{code!r} is not an ISO 3166 country code")

    @cached_property
    def _spellings(self) -> dict[str, str]:
        ours = {name.strip().casefold(): code for name, code in self.countries.items()}
        return iso_countries() | ours

    def country_code(self, stated: str) -> str | None:
        """The ISO code of a country as stated, in any letter case; None when it is not known."""
        return self._spellings.get(stated.strip().casefold())

    def is_standard(self, stated: str) -> bool:
        """Whether a country is stated by an ISO name or code, so that no rule of ours is needed."""
        return stated.strip().casefold() in iso_countries()

    def tax_region_of(self, country: str) -> str | None:
        """The tax region of an ISO country code; None when no region has it."""
        return next((k for k, r in self.tax_regions.items() if country in r.countries), None)
