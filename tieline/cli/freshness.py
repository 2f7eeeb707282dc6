"""What reports and listings begin with: as of when, how old each source is, what lacks (R21)."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.text import Text

from domain.reports.freshness import Age, Freshness
from governance.catalogue import Catalogue, load_catalogue
from governance.ownership import owning
from ledger.database import Database
from tieline.cli.asking import asked
from tieline.cli.moments import lasting, shown
from tieline.cli.output import Context, out, print_table
from tieline.settings import Settings

T = TypeVar("T")
# Domains of the catalogue, whose owners are what reports and listings rest on.
CONTRACTS, INVOICES, DEALS = "subscription_state", "invoices", "order_value"
FreshnessOption = Annotated[
    bool,
    typer.Option(
        "--freshness",
        help="With --json: an object of freshness and rows, instead of the rows alone.",
    ),
]


def made(
    shared: Context,
    domains: tuple[str, ...],
    ask: Callable[[Database, Catalogue, list[str]], Awaitable[T]],
) -> T:
    """A report over the ledger, with the connections whose systems own these domains."""
    settings = shared.settings()
    catalogue = load_catalogue(settings.catalogue)
    sources = owners(settings, catalogue, *domains)
    return asked(settings, lambda db: ask(db, catalogue, sources))


def owners(settings: Settings, catalogue: Catalogue, *domains: str) -> list[str]:
    """The connections that own these domains, in the order of the domains."""
    connections = settings.connections.values()
    found = [owning(connections, catalogue.systems, domain) for domain in domains]
    return list(dict.fromkeys(name for names in found for name in names))


def render_freshness(name: str, current: Freshness) -> None:
    """Current, or stale and incomplete and why, with the age of each source against its limit."""
    marks = [("stale", current.stale), ("incomplete", current.incomplete)]
    said = ", ".join(word for word, is_so in marks if is_so)
    style = "yellow" if said else "green"
    title = Text.assemble((name, "bold"), "  ", (said or "current", style))
    out.print(Text.assemble(title, f", as of {shown(current.as_of)}"))
    print_table(
        ["source", "as of", "age", "limit", ""],
        [
            (
                one.source,
                shown(one.as_of) or "never read",
                lasting(one.age_seconds),
                f"{one.limit_hours} h",
                one.state.value if one.state is not Age.FRESH else "",
            )
            for one in current.sources
        ],
        empty="It rests on no source that is known.",
    )
    for reason in current.because:
        out.print(f"because {reason}", soft_wrap=True)
