"""Proposes what a person would correct in the catalogue, and writes it down as an override."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import pycountry
import tomlkit

from governance.catalogue import SHIPPED, Catalogue
from governance.regions import iso_countries

SIMILAR_ENOUGH = 0.8


@dataclass(frozen=True)
class Correction:
    """An edit of the catalogue that releases one cause: what is stated, and what it means."""

    cause_key: str
    file: str
    stated: str
    means: str

    def __str__(self) -> str:
        if self.file == "products":
            return f'products.toml: [products.{self.means}] aliases += "{self.stated}"'
        return f'regions.toml: [countries] "{self.stated}" = "{self.means}"'


def propose(catalogue: Catalogue, cause_keys: Sequence[str]) -> list[Correction]:
    """The corrections that are beyond doubt: one product or one placed country is meant."""
    found = []
    for key in cause_keys:
        cause, _, stated = key.partition(":")
        if cause == "UnmappedProduct" and (code := _product(catalogue, stated)):
            found.append(Correction(key, "products", stated, code))
        if cause == "UnplacedCountry" and (country := _country(catalogue, stated)):
            found.append(Correction(key, "regions", stated, country))
    return found


def write(folder: Path, corrections: Sequence[Correction]) -> None:
    """Write the corrections into the folder that overrides the shipped catalogue."""
    for name in ("products", "regions"):
        edits = [c for c in corrections if c.file == name]
        if not edits:
            continue
        own = folder / f"{name}.toml"
        document = tomlkit.parse((own if own.exists() else SHIPPED / own.name).read_text())
        for edit in edits:
            if name == "products":
                product = document["products"][edit.means]
                product["aliases"] = [*product.get("aliases", []), edit.stated]
            else:
                document["countries"][edit.stated] = edit.means
        own.write_text(tomlkit.dumps(document))


def draft_products(export: Path, catalogue: Catalogue, folder: Path) -> int:
    """Draft a product map from an export whose products the catalogue does not know.

    Every active product becomes a recurring one with ids made from its code, for a person to
    correct. Returns how many were drafted.
    """
    with (export / "Product2.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r.get("IsActive", "true").lower() == "true"]
    unknown = [
        row
        for row in rows
        if row.get("ProductCode") and catalogue.products.find(row["ProductCode"]) is None
    ]
    if not unknown:
        return 0
    document = tomlkit.parse((SHIPPED / "products.toml").read_text())
    for row in unknown:
        code = row["ProductCode"]
        document["products"][code] = {
            "name": row.get("Name") or code,
            "billing_product": re.sub(r"[^A-Za-z0-9_-]+", "-", code).lower()[:80],
            "erp_item": re.sub(r"[^A-Za-z0-9_-]+", "-", code)[:80],
            "charge": "recurring",
            "revenue": "straight-line",
        }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "products.toml").write_text(tomlkit.dumps(document))
    return len(unknown)


def _product(catalogue: Catalogue, stated: str) -> str:
    plain = _plain(stated)
    codes = [code for code in catalogue.products.products if _plain(code) == plain]
    return codes[0] if len(codes) == 1 else ""


def _plain(code: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", code.upper())


def _country(catalogue: Catalogue, stated: str) -> str:
    """The one country of that or a very similar name that the catalogue can place."""
    named = iso_countries()
    similar = get_close_matches(stated.casefold(), named, n=3, cutoff=SIMILAR_ENOUGH)
    codes = {named[name] for name in similar}
    if not codes:
        try:
            codes = {country.alpha_2 for country in pycountry.countries.search_fuzzy(stated)}
        except LookupError:
            return ""
    placed = [code for code in sorted(codes) if catalogue.regions.tax_region_of(code) is not None]
    return placed[0] if len(placed) == 1 else ""
