"""The catalogue: every file read, checked against the others, and identified by its content.

A folder of one's own overrides file by file: a `products.toml` there replaces the shipped
`products.toml` as a whole, and the files it does not have stay the shipped ones.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

from canonical.errors import Misconfigured
from canonical.ids import digest
from governance.consistency import check_across
from governance.definitions import Definitions
from governance.events import Events
from governance.expectations import Expectations
from governance.policies import Policies
from governance.privacy import Privacy
from governance.processes import Processes
from governance.products import Products
from governance.reading import read_section
from governance.regions import Regions
from governance.reports import Reports
from governance.section import Section
from governance.systems import Systems
from governance.terms import Terms

SHIPPED = Path(__file__).parent / "catalogue"
VERSION_CHARACTERS = 12

FILES: dict[str, type[Section]] = {
    "systems": Systems,
    "products": Products,
    "regions": Regions,
    "terms": Terms,
    "policies": Policies,
    "processes": Processes,
    "events": Events,
    "expectations": Expectations,
    "privacy": Privacy,
    "definitions": Definitions,
    "reports": Reports,
}


class Catalogue(Section):
    """All that the business has decided, as one consistent version."""

    systems: Systems
    products: Products
    regions: Regions
    terms: Terms
    policies: Policies
    processes: Processes
    events: Events
    expectations: Expectations
    privacy: Privacy
    definitions: Definitions
    reports: Reports

    @cached_property
    def version(self) -> str:
        """Identifies the content; comments and layout do not count."""
        return digest(self)[:VERSION_CHARACTERS]


def catalogue_files(folder: Path | None) -> dict[str, Path]:
    """Which file each part is read from; raises Misconfigured for a folder or file it cannot be."""
    if folder is None:
        return {name: SHIPPED / f"{name}.toml" for name in FILES}
    if not folder.is_dir():
        raise Misconfigured(
            f"catalogue: {folder} is not a folder; create it or correct the setting",
            about=str(folder),
        )
    own = {file.stem: file for file in sorted(folder.glob("*.toml"))}
    for name in own.keys() - FILES.keys():
        raise Misconfigured(
            f"{name}.toml is not a catalogue file; rename it to one of "
            f"{', '.join(f'{known}.toml' for known in FILES)}",
            about=f"{name}.toml",
        )
    return {name: own.get(name, SHIPPED / f"{name}.toml") for name in FILES}


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """The shipped catalogue, overridden by the files of `folder`; raises Misconfigured."""
    files = catalogue_files(folder)
    parts: dict[str, Any] = {name: read_section(files[name], FILES[name]) for name in FILES}
    catalogue = Catalogue.model_construct(**parts)
    check_across(catalogue)
    return catalogue
