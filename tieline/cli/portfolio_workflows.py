"""`tieline portfolio workflows`: completed, delayed, failed and at risk, each with its money."""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from governance.catalogue import Catalogue
from ledger.database import Database
from ledger.views.workflow_lists import WorkflowLists, workflow_lists
from tieline.cli.freshness import INVOICES, made
from tieline.cli.moments import moment, shown
from tieline.cli.output import context_of, out, print_table, show


def register(app: typer.Typer) -> None:
    """Add the command to the portfolio's."""
    app.command(
        "workflows",
        epilog="Examples:\n\ntieline portfolio workflows\n\n"
        "tieline --json portfolio workflows --since 7d --limit 100",
    )(show_workflows)


def show_workflows(
    context: typer.Context,
    since: Annotated[
        str, typer.Option(help="Completed since (default: reports.toml, indicators.since_days).")
    ] = "",
    limit: Annotated[int, typer.Option(help="List at most so many of each.", min=1, max=1000)] = 20,
) -> None:
    """List orders that are completed, delayed or failed, and what is at risk after them."""
    shared, now = context_of(context), datetime.now(UTC)

    def ask(db: Database, catalogue: Catalogue, owners: list[str]) -> Awaitable[WorkflowLists]:
        default = now - timedelta(catalogue.reports.indicators.since_days)
        begins = moment("--since", since, now) or default
        return workflow_lists(db, catalogue, owners, begins, now, limit)

    found = made(shared, (INVOICES,), ask)
    show(shared, found, lambda: _render(found))


def _render(found: WorkflowLists) -> None:
    out.print(f"as of {shown(found.as_of)}, completed since {shown(found.since)}")
    out.print(f"definitions: {' '.join(found.definitions)}")
    for one in found.lists:
        money = [*map(str, one.money.amounts)]
        money += [f"{one.money.unknown} not known"] if one.money.unknown else []
        title = (one.name.replace("_", " "), "bold")
        out.print(Text.assemble(title, f"  {one.number}, {' + '.join(money) or 'no money'}"))
        if one.data_quality:
            out.print(f"because of data: {one.data_quality}")
        print_table(
            ["workflow", "account", ">money", "since", "why"],
            [
                (row.workflow_id, row.account, ", ".join(map(str, row.money)), shown(row.since),
                 row.why)
                for row in one.rows
            ],
            empty="None is on record.",
        )  # fmt: skip
        if one.number > len(one.rows):
            out.print(f"and {one.number - len(one.rows)} more; --limit lists more of them")
